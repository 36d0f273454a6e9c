"""What is said of accounts that were read: doubts about memory, drift, what CloudTrail tells, what can be forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.cloudtrail import Resolved, learned
from reconciler.engine.runs import AccountCompact
from reconciler.engine.work import Reading, Work
from reconciler.model.diagnostic import Code, Diagnostic, Severity
from reconciler.resolve import resolve
from reconciler.snapshot import ids_trusted_in
from reconciler.state import compact
from reconciler.state.history import contradictions

if TYPE_CHECKING:
    from reconciler.drift import DriftReport
    from reconciler.model.principal import PrincipalIndex
    from reconciler.world import World


def doubts(work: Work, readings: Mapping[str, Reading]) -> dict[str, list[Diagnostic]]:
    """Return by account what makes memory doubtful: a state that cannot be read, a contradiction, the clock."""
    work.consult_others(readings)
    against = contradictions([*(reading.state for reading in readings.values()), *(work.others or ())])
    return {
        account: [*work.unread_states, *against.get(account, ()), *_clock_set_back(reading)]
        for account, reading in readings.items()
    }


def first_use(work: Work, world: World) -> list[Diagnostic]:
    """Return the warning where declared objects are live and no apply is on record: new here, or the wrong place.

    A `drift` founds a state, too; what makes the difference is what only an apply writes.
    """
    if world.state.knows_an_apply or not any(address in world.live for address in world.desired.objects):
        return []
    account, place = world.snapshot.account, work.settings.state
    remedy = "Right at first use: what is declared and there is imported. Otherwise look for the old state."
    message = f"No apply is on record for account {account} in {place} yet."
    return [Diagnostic(Code.RS507, message, severity=Severity.WARNING, help=remedy)]


def report_of(
    work: Work,
    reading: Reading,
    readings: Mapping[str, Reading],
    said: Sequence[Diagnostic],
    *,
    resolved: Resolved | None,
    unmanaged: bool,
) -> DriftReport:
    """Return what is wrong with an account, with what CloudTrail told if asked, and what else is to be said."""
    from reconciler.drift import find_drift, traced  # noqa: PLC0415  a plan needs none of it

    world = work.world(reading, readings)
    found = find_drift(world, unmanaged=unmanaged, calls=work.calls(reading))
    found = replace(found, warnings=(*first_use(work, world), *found.warnings, *said))
    return found if resolved is None else traced(found, resolved)


def resolved_by_cloudtrail(
    work: Work, readings: Mapping[str, Reading], said: Mapping[str, list[Diagnostic]]
) -> Resolved:
    """Return what CloudTrail tells of the dead IDs of all accounts; it is `observed` from then on, and plans tell it.

    What was wrong with reading it is added to what is `said` of each account.
    """
    from reconciler.drift import find_drift  # noqa: PLC0415  a plan needs none of it

    settings = work.settings
    index = work.index(readings)
    shown = {id_ for one in readings.values() for id_ in find_drift(work.world(one, readings)).dead_ids}
    resolved, wrong = resolve(
        [work.aws.trail(account, sleep=settings.sleep, monotonic=settings.monotonic) for account in readings],
        dead=shown | _replaced(readings, index),
        index=index,
        now=settings.clock(),
        on_page=work.progress.page,
    )
    for account, reading in readings.items():
        said[account].extend(wrong.get(account, ()))
        known = learned(reading.observed.ledger, resolved.traces, account=account, at=reading.snapshot.taken_at)
        reading.observed = replace(reading.observed, ledger=known)
    work.forget_index()
    return resolved


def _replaced(readings: Mapping[str, Reading], index: PrincipalIndex) -> set[str]:
    """Return the IDs that roles trusted when last applied and whose ARN another has by now, whatever documents show.

    A plan asks before it trusts that other one, and tells who made him where the ledger knows it.
    """
    owned = (owned for reading in readings.values() for owned in reading.state.objects.values())
    trusted = {(arn, id_) for each in owned for arn, id_ in each.principals.items()}
    return {id_ for arn, id_ in trusted if index.id_by_arn.get(arn, id_) != id_ and id_ not in index.arn_by_id}


def compacted(work: Work, reading: Reading, readings: Mapping[str, Reading], said: list[Diagnostic]) -> AccountCompact:
    """Write the memory of an account without the dead IDs that no account shows; tell how many went.

    Where nothing is remembered nothing is written.
    """
    account = reading.account
    if account.id in work.stateless:
        none = _no_state(account.id, work.settings.state)
        return AccountCompact(account=account.id, name=account.name, warnings=(none, *said))
    shown = {id_ for one in readings.values() for id_ in ids_trusted_in(one.snapshot)}
    states = [*(one.state for one in readings.values()), *(work.others or ())]
    trusted = {id_ for state in states for owned in state.objects.values() for id_ in owned.principals.values()}
    before = reading.observed
    after = work.store.write(compact(before, dead_in_use=shown | trusted))
    return AccountCompact(
        account=account.id,
        name=account.name,
        dropped=len(before.ledger) - len(after.ledger),
        kept=sum(1 for entry in after.ledger.values() if entry.last_alive is not None),
        warnings=tuple(said),
    )


def _no_state(account: str, place: str) -> Diagnostic:
    message = f"There is no state of account {account} in {place}."
    remedy = "Name the folder that holds the states with --state."
    return Diagnostic(Code.RS507, message, severity=Severity.WARNING, help=remedy)


def _clock_set_back(reading: Reading) -> list[Diagnostic]:
    """Return a warning where the state was written later than now."""
    before, now = reading.state.seen_at, reading.snapshot.taken_at
    if before is None or before <= now:
        return []
    message = f"The account {reading.account.id} was last looked at on {before}, by its state; now it is {now}."
    remedy = "One of the clocks is wrong, this machine's or that of the last run: times in the ledger are doubtful."
    return [Diagnostic(Code.RS510, message, severity=Severity.WARNING, help=remedy)]
