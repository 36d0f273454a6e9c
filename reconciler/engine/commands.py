"""The commands without their words: load, connect, read each account, hand over to the rooms that decide."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from reconciler.bounded import read_bounded
from reconciler.engine.carrying import How, carry_out
from reconciler.engine.looking import compacted, doubts, report_of, resolved_by_cloudtrail
from reconciler.engine.planning import make_plans, saved_plans
from reconciler.engine.refusals import (
    not_updated,
    nothing_to_ask,
    raise_errors,
    refuse_unless_expected,
)
from reconciler.engine.runs import AccountCompact, AccountDrift, ApplyRun, DriftRun, PlanRun, Validation, plan_run
from reconciler.engine.settings import Choices, Progress, Settings, Silent, within
from reconciler.engine.work import Reading, Work
from reconciler.manifest import load_manifests, validate_offline
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError
from reconciler.plan import Plan
from reconciler.planfile import LARGEST_FILE, read_plans

DRIFT_LOCK_SECONDS = 60.0


def validate(settings: Settings, paths: Sequence[Path] = ()) -> Validation:
    """Return what can be known to be wrong with the manifests without AWS; `paths` limits what is told, not read."""
    manifests = load_manifests(settings.cwd / settings.manifests, base=settings.cwd)
    default = settings.account
    told = validate_offline(manifests, default_account=default)
    wanted = within(paths, settings)
    kept = [found for found in told if not paths or found.place is None or wanted(found.place.file)]
    everything = (*manifests.documents, *manifests.flawed)
    documents = [found for found in everything if not paths or wanted(found.source.file)]
    return Validation(
        diagnostics=tuple(dict.fromkeys(kept)),
        objects=len(documents),
        files=len({found.source.file for found in documents}),
    )


def plan(settings: Settings, choices: Choices, *, progress: Progress | None = None) -> PlanRun:
    """Return what would happen to each account. Changes nothing anywhere, the state included."""
    with Work(settings, choices, progress or Silent(), read_only=True) as work:
        readings = work.read_all()
        return plan_run(make_plans(work, readings), fleet=work.fleet)


def apply(  # noqa: PLR0913  each is a choice of the user's
    settings: Settings,
    choices: Choices,
    *,
    plan_file: Path | None = None,
    expect: str | None = None,
    confirm: Callable[[PlanRun], bool] | None = None,
    strict: bool = False,
    parallelism: int = 4,
    lock_timeout: float = 0.0,
    settle: float = 0.0,
    interrupted: Callable[[], bool] = lambda: False,
    progress: Progress | None = None,
    shown: Callable[[PlanRun], None] | None = None,
) -> ApplyRun:
    """Carry out a plan: that of a file, or one made on the spot, under the lock of every account.

    A plan file, a fingerprint that fits and a `confirm` that says yes are reviews: nothing is held then. Without any of
    them what needs an approval is held. `shown` is given the plan before anything is written.
    """
    saved = _saved_plans(plan_file)
    watch = progress or Silent()
    with Work(settings, choices, watch, read_only=False, saved=saved) as work, ExitStack() as locks:
        _require_first_use(settings, choices, work)
        work.lock_all(locks, operation="apply", timeout=lock_timeout)
        readings = work.read_all()
        plans = make_plans(work, readings) if saved is None else saved_plans(work, readings)
        run = plan_run(plans, fleet=work.fleet)
        if shown is not None:
            shown(run)
        refuse_unless_expected(run, expect=expect, strict=strict)
        reviewed = saved is not None or expect is not None
        if confirm is not None and not reviewed:
            if not (nothing_to_ask(run) or confirm(run)):
                return ApplyRun(accounts=(), fleet=run.fleet, fingerprint=run.fingerprint, declined=True)
            reviewed = True
        how = How(watch=watch, interrupted=interrupted, parallelism=parallelism, reviewed=reviewed, settle=settle)
        done = carry_out(work, plans, readings, how)
        return ApplyRun(accounts=tuple(done), fleet=run.fleet, fingerprint=run.fingerprint)


def drift(
    settings: Settings,
    *,
    unmanaged: bool = False,
    record: bool = True,
    lock_timeout: float = DRIFT_LOCK_SECONDS,
    progress: Progress | None = None,
    ask_cloudtrail: bool = False,
) -> DriftRun:
    """Return what is wrong with each live account, and note in the state who lives there.

    With `ask_cloudtrail` that is asked whose the dead IDs were, who deleted them, and who has their names since.
    Without the lock, or leave to write, the report is made all the same, and says that the ledger was not updated.
    """
    with Work(settings, Choices(), progress or Silent(), read_only=True) as work, ExitStack() as locks:
        excuses = _lock_for_drift(work, locks, lock_timeout) if record else {}
        readings = work.read_all()
        said = doubts(work, readings)
        resolved = resolved_by_cloudtrail(work, readings, said) if ask_cloudtrail else None
        reports = {
            account: report_of(work, reading, readings, said[account], resolved=resolved, unmanaged=unmanaged)
            for account, reading in readings.items()
        }
        if record:
            excuses |= _record(work, [one for account, one in readings.items() if account not in excuses])
        for account in reports.keys() & excuses.keys():
            found = reports[account]
            reports[account] = replace(found, warnings=(*found.warnings, excuses[account]))
        told = (
            AccountDrift(account=one.id, name=one.name, report=reports.get(one.id), error=work.errors.get(one.id, ()))
            for one in work.accounts
        )
        return DriftRun(accounts=tuple(told), fleet=work.fleet)


def _lock_for_drift(work: Work, locks: ExitStack, timeout: float) -> dict[str, Diagnostic]:
    """Hold the states of all accounts that can be held; return by account the warning for each of the others."""
    excuses = {}
    for one in work.accounts:
        try:
            work.lock(one, locks, operation="drift", timeout=timeout)
        except ReconcilerError as error:
            excuses[one.id] = not_updated(error)
    return excuses


def _record(work: Work, readings: Iterable[Reading]) -> dict[str, Diagnostic]:
    """Note in each state who lives there; return by account the warning for each that cannot be written."""
    excuses = {}
    for reading in readings:
        try:
            work.store.write(reading.observed)
        except ReconcilerError as error:
            excuses[reading.account.id] = not_updated(error)
    return excuses


def compact_ledgers(
    settings: Settings, *, lock_timeout: float = DRIFT_LOCK_SECONDS, progress: Progress | None = None
) -> tuple[AccountCompact, ...]:
    """Drop from each account's ledger the dead IDs that no live document shows and nothing owned refers to.

    Documents of any account may show them: where one cannot be read, nothing is dropped anywhere. Raises
    ReconcilerError where a state cannot be written.
    """
    with Work(settings, Choices(), progress or Silent(), read_only=True) as work, ExitStack() as locks:
        work.lock_all(locks, operation="state compact", timeout=lock_timeout)
        readings = work.read_all()
        if work.errors:
            return tuple(AccountCompact(account=id_, error=error) for id_, error in sorted(work.errors.items()))
        said = doubts(work, readings)
        return tuple(compacted(work, reading, readings, said[account]) for account, reading in readings.items())


def _saved_plans(file: Path | None) -> dict[str, Plan] | None:
    """Return the plans of a file by account; raises ReconcilerError for a file that is none."""
    if file is None:
        return None
    return {found.account: found for found in read_plan_file(file)}


def read_plan_file(file: Path) -> tuple[Plan, ...]:
    """Return the plans in a file; raises ReconcilerError (RA406, RA407, RA409) for what is none."""
    return read_plans(text_of_plan_file(file), name=str(file))


def text_of_plan_file(file: Path) -> str:
    """Return what stands in a plan file, not yet understood; raises ReconcilerError (RA406) where that is no text."""
    try:
        return read_bounded(file, most=LARGEST_FILE, pipes=True).decode()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ReconcilerError(
            Diagnostic(
                Code.RA406,
                f"{file} cannot be read as a plan: {why}.",
                help="Give a file that `reconciler plan --out` wrote.",
            )
        ) from error


def _require_first_use(settings: Settings, choices: Choices, work: Work) -> None:
    """Raise RS508 where a scheduled run finds no apply on record: lost, more likely than new."""
    if not os.environ.get("CI") or choices.first_use:
        return
    missing = [one.id for one in work.accounts if not work.knows_an_apply(one)]
    raise_errors(
        [
            Diagnostic(
                Code.RS508,
                f"No apply is on record for account {account} in {settings.state}.",
                help="If this is the first apply, add --first-use. Otherwise bring back the state that was kept.",
            )
            for account in missing
        ]
    )
