"""The joint between the rooms: which accounts, in which order, with what at hand.

Each function here is one command without its words: it loads the manifests, connects, reads each account, and hands
what it found to the rooms that decide. Accounts are worked one after another. Bad manifests end everything before
anything is read; an account that cannot be worked is reported beside the others, which go on.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from reconciler.cloudtrail import Resolved, learned
from reconciler.config import AccountConfig, Config
from reconciler.iam import Aws, Caller, Iam
from reconciler.look import or_none
from reconciler.manifest import Manifests, Names, account_diagnostics, declare, load_manifests, validate_offline
from reconciler.model.arn import iam_arn, parse_arn
from reconciler.model.change import ALWAYS_HELD, Approval, Call
from reconciler.model.declared import Desired
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError, Severity
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.policy import digest_of
from reconciler.model.principal import PrincipalIndex, Remembered
from reconciler.model.role import Role
from reconciler.plan import Limits, Plan, Policy, make_plan, needed_for
from reconciler.planfile import read_plans
from reconciler.resolve import resolve
from reconciler.snapshot import Snapshot, confirm_absent, index_of, read_policy, read_snapshot
from reconciler.state import LocalStore, State, StateStore, compact, observe
from reconciler.state.history import contradictions, ids_in, ledger_of, other_states
from reconciler.world import Ignore, World

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.apply import ApplyResult, Outcome
    from reconciler.drift import DriftReport

DRIFT_LOCK_SECONDS = 60.0


class Progress(Protocol):
    """Who is told of long work while it goes on; from any thread."""

    def page(self, account: str, call: str, items: int) -> None:
        """Take note that so many items of an account have been read."""

    def outcome(self, outcome: Outcome) -> None:
        """Take note of what became of an operation."""

    def waiting(self, address: str, call: Call, seconds: float, why: str) -> None:
        """Take note that a call is tried again after so many seconds."""


class Silent:
    """Tells nobody."""

    def page(self, account: str, call: str, items: int) -> None:
        """Ignore it."""

    def outcome(self, outcome: Outcome) -> None:
        """Ignore it."""

    def waiting(self, address: str, call: Call, seconds: float, why: str) -> None:
        """Ignore it."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where everything is, and as whom AWS is asked.

    `session` is a boto3 session to use instead of one of the environment's; `clock` gives the time in UTC, `sleep` and
    `monotonic` are in seconds, `randomness` is for what should not keep step: all of them so that a test may hold them.
    """

    manifests: Path
    state: str
    config: Config
    clock: Callable[[], datetime]
    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    account: str | None = None
    session: Any = None
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    randomness: random.Random = field(default_factory=random.Random)
    cwd: Path = field(default_factory=Path.cwd)

    def now(self) -> str:
        """Return the time as RFC 3339 in UTC, to the second."""
        return self.clock().strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What the user of plan and apply chose: which objects, and which guards are lifted.

    `approve` are approvals given by name, each with the address that it is for, None for all.
    """

    paths: tuple[Path, ...] = ()
    targets: tuple[str, ...] = ()
    destroy: bool = False
    approve: tuple[tuple[Approval, str | None], ...] = ()
    allow_self: tuple[str, ...] = ()
    allow_mass_delete: bool = False
    first_use: bool = False


@dataclass(frozen=True, kw_only=True)
class Validation:
    """What can be said of the manifests without AWS."""

    diagnostics: tuple[Diagnostic, ...]
    objects: int
    files: int


@dataclass(frozen=True, kw_only=True)
class AccountPlan:
    """One account's plan, or why there is none."""

    account: str
    name: str | None = None
    plan: Plan | None = None
    error: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PlanRun:
    """The plans of all accounts; `fleet` where the configuration names accounts."""

    accounts: tuple[AccountPlan, ...]
    fleet: bool
    fingerprint: str

    @property
    def plans(self) -> tuple[Plan, ...]:
        """Return the plans there are."""
        return tuple(one.plan for one in self.accounts if one.plan is not None)


@dataclass(frozen=True, kw_only=True)
class AccountApply:
    """What became of one account: the plan that was carried out and its result, or why it was not."""

    account: str
    name: str | None = None
    plan: Plan | None = None
    result: ApplyResult | None = None
    error: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ApplyRun:
    """What became of all accounts; `declined` where the user was asked and said no."""

    accounts: tuple[AccountApply, ...]
    fleet: bool
    fingerprint: str
    declined: bool = False


@dataclass(frozen=True, kw_only=True)
class AccountDrift:
    """One account's report, or why there is none."""

    account: str
    name: str | None = None
    report: DriftReport | None = None
    error: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DriftRun:
    """The reports of all accounts."""

    accounts: tuple[AccountDrift, ...]
    fleet: bool


@dataclass(frozen=True, kw_only=True)
class AccountCompact:
    """What became of one account's ledger: how many dead IDs were dropped and kept, or why nothing was done."""

    account: str
    name: str | None = None
    dropped: int = 0
    kept: int = 0
    warnings: tuple[Diagnostic, ...] = ()
    error: tuple[Diagnostic, ...] = ()


def validate(settings: Settings, paths: Sequence[Path] = ()) -> Validation:
    """Return what can be known to be wrong with the manifests without AWS; `paths` limits what is told, not read."""
    manifests = load_manifests(settings.cwd / settings.manifests, base=settings.cwd)
    default = settings.account
    told = validate_offline(manifests, default_account=default)
    wanted = _within(paths, settings)
    kept = [found for found in told if not paths or found.place is None or wanted(found.place.file)]
    documents = [found for found in manifests.documents if not paths or wanted(found.source.file)]
    return Validation(
        diagnostics=tuple(dict.fromkeys(kept)),
        objects=len(documents),
        files=len({found.source.file for found in documents}),
    )


def plan(settings: Settings, choices: Choices, *, progress: Progress | None = None) -> PlanRun:
    """Return what would happen to each account. Changes nothing anywhere, the state included."""
    with _Work(settings, choices, progress or Silent(), read_only=True) as work:
        readings = work.read_all()
        plans = [work.plan(one, readings) for one in work.accounts]
        return _plan_run(plans, fleet=work.fleet)


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
    with _Work(settings, choices, watch, read_only=False, saved=saved) as work, ExitStack() as locks:
        _require_first_use(settings, choices, work)
        work.lock_all(locks, operation="apply", timeout=lock_timeout)
        readings = work.read_all()
        plans = [work.plan(one, readings) if saved is None else work.saved_plan(one, readings) for one in work.accounts]
        run = _plan_run(plans, fleet=work.fleet)
        if shown is not None:
            shown(run)
        _refuse_unless_expected(run, expect=expect, strict=strict)
        reviewed = saved is not None or expect is not None
        if confirm is not None and not reviewed:
            if not (_nothing_to_ask(run) or confirm(run)):
                return ApplyRun(accounts=(), fleet=run.fleet, fingerprint=run.fingerprint, declined=True)
            reviewed = True
        how = _How(watch=watch, interrupted=interrupted, parallelism=parallelism, reviewed=reviewed, settle=settle)
        done = [work.carry_out(planned, readings, how) for planned in plans]
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
    with _Work(settings, Choices(), progress or Silent(), read_only=True) as work, ExitStack() as locks:
        excuses: dict[str, Diagnostic] = {}
        for one in work.accounts if record else ():
            try:
                work.lock(one, locks, operation="drift", timeout=lock_timeout)
            except ReconcilerError as error:
                excuses[one.id] = _not_updated(error)
        readings = work.read_all()
        said = work.doubts(readings)
        resolved = work.ask_cloudtrail(readings, said) if ask_cloudtrail else None
        reports = []
        for one in work.accounts:
            if one.id not in readings:
                reports.append(AccountDrift(account=one.id, name=one.name, error=work.errors[one.id]))
                continue
            reading = readings[one.id]
            report = work.report(reading, readings, said[one.id], resolved=resolved, unmanaged=unmanaged)
            if record and one.id not in excuses:
                try:
                    work.store.write(reading.observed)
                except ReconcilerError as error:
                    excuses[one.id] = _not_updated(error)
            if one.id in excuses:
                report = replace(report, warnings=(*report.warnings, excuses[one.id]))
            reports.append(AccountDrift(account=one.id, name=one.name, report=report))
        return DriftRun(accounts=tuple(reports), fleet=work.fleet)


def compact_ledgers(
    settings: Settings, *, lock_timeout: float = DRIFT_LOCK_SECONDS, progress: Progress | None = None
) -> tuple[AccountCompact, ...]:
    """Drop from each account's ledger the dead IDs that no live document shows and nothing owned refers to.

    Documents of any account may show them: where one cannot be read, nothing is dropped anywhere. Raises
    ReconcilerError where a state cannot be written.
    """
    with _Work(settings, Choices(), progress or Silent(), read_only=True) as work, ExitStack() as locks:
        work.lock_all(locks, operation="state compact", timeout=lock_timeout)
        readings = work.read_all()
        if work.errors:
            return tuple(AccountCompact(account=id_, error=error) for id_, error in sorted(work.errors.items()))
        said = work.doubts(readings)
        return tuple(work.compact(reading, readings, said[account]) for account, reading in readings.items())


def store_of(settings: Settings) -> StateStore:
    """Return where states are kept; raises ReconcilerError for a place that this version does not know."""
    if settings.state.startswith("s3://"):
        raise ReconcilerError(
            Diagnostic(
                Code.RM119,
                f"State in S3 ({settings.state}) is not supported by this version.",
                help="Name a folder with --state.",
            )
        )
    return LocalStore(settings.cwd / settings.state)


@dataclass(frozen=True, kw_only=True)
class _Account:
    """An account to work in, and how to get there."""

    id: str
    name: str | None
    config: AccountConfig | None

    @property
    def is_assumed(self) -> bool:
        """Tell whether a role leads there."""
        return self.config is not None and self.config.role_arn is not None


@dataclass(kw_only=True)
class _Reading:
    """One account as read: live and remembered. `observed` is the memory after this look at the account."""

    account: _Account
    iam: Iam
    caller: Caller
    snapshot: Snapshot
    state: State
    observed: State


@dataclass(frozen=True, kw_only=True)
class _How:
    """How a plan is to be carried out: what the user chose, and who is told."""

    watch: Progress
    interrupted: Callable[[], bool]
    parallelism: int
    reviewed: bool
    settle: float


class _Work:
    """The accounts of one run, from the manifests to what is at hand of each."""

    def __init__(
        self,
        settings: Settings,
        choices: Choices,
        progress: Progress,
        *,
        read_only: bool,
        saved: Mapping[str, Plan] | None = None,
    ) -> None:
        self._settings = settings
        self._choices = choices
        self._progress = progress
        self._read_only = read_only
        self._saved = saved
        self._manifests = Manifests()
        self.errors: dict[str, tuple[Diagnostic, ...]] = {}
        self.store = store_of(settings)
        self._others: list[State] = []
        self._unread: list[Diagnostic] = []

    def __enter__(self) -> Self:
        """Load the manifests and find out which accounts there are; raises ReconcilerError for what ends everything."""
        settings = self._settings
        if not self._choices.destroy and self._saved is None:
            self._manifests = load_manifests(settings.cwd / settings.manifests, base=settings.cwd)
            _raise_errors(self._manifests.diagnostics)
        self._aws = Aws.connect(
            profile=settings.profile,
            region=settings.region,
            endpoint_url=settings.endpoint_url,
            session=settings.session,
        )
        self._home = self._aws.caller()
        _raise_errors(
            account_diagnostics(
                self._manifests, default_account=self._home.account, configured=settings.config.accounts
            )
        )
        self.accounts = self._chosen()
        self._unknown_paths()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Nothing is held."""

    @property
    def fleet(self) -> bool:
        """Tell whether the configuration names accounts, so that output has the shape of a fleet."""
        return bool(self._settings.config.accounts)

    def _chosen(self) -> list[_Account]:
        """Return the accounts to work in: the configured ones, and the caller's own where manifests speak of it."""
        configured = self._settings.config.accounts
        found = {id_: _Account(id=id_, name=config.name, config=config) for id_, config in sorted(configured.items())}
        speaks_of_home = any(
            (document.manifest.account or self._home.account) == self._home.account
            for document in self._manifests.documents
        )
        if not configured or (speaks_of_home and self._home.account not in configured):
            found[self._home.account] = _Account(id=self._home.account, name=None, config=None)
        if self._saved is not None:
            return self._planned(found)
        wanted = self._settings.account
        if wanted is None:
            return [found[account] for account in sorted(found)]
        if wanted not in found:
            raise ReconcilerError(
                Diagnostic(
                    Code.RM113,
                    f"--account {wanted} is neither that of the credentials ({self._home.account}) nor configured.",
                    help=f"Add [accounts.{wanted}] to reconciler.toml, or use credentials of that account.",
                )
            )
        return [found[wanted]]

    def _planned(self, found: Mapping[str, _Account]) -> list[_Account]:
        """Return the accounts of the saved plans; RA408 for one that cannot be reached from here."""
        found = {self._home.account: _Account(id=self._home.account, name=None, config=None), **found}
        for account in self._saved or {}:
            if account not in found:
                raise ReconcilerError(
                    Diagnostic(
                        Code.RA408,
                        f"The plan is for account {account}, the credentials belong to {self._home.account}.",
                        help="Use credentials of that account, or configure it in reconciler.toml.",
                    )
                )
        return [found[account] for account in sorted(self._saved or {})]

    def _unknown_paths(self) -> None:
        """Raise an error for each path that is not there or not below the manifests."""
        folder = (self._settings.cwd / self._settings.manifests).resolve()
        wrong = []
        for path in self._choices.paths:
            whole = (self._settings.cwd / path).resolve()
            if not whole.exists() and not self._speaks_of(path):
                wrong.append(
                    Diagnostic(Code.RM120, f"{path} does not exist.", help="Name a manifest or a folder of them.")
                )
            elif not whole.is_relative_to(folder):
                wrong.append(
                    Diagnostic(
                        Code.RM120,
                        f"{path} is not below {self._settings.manifests}.",
                        help="PATH narrows down what is below --manifests.",
                    )
                )
        if wrong:
            raise ReconcilerError(*wrong)

    def _speaks_of(self, path: Path) -> bool:
        """Tell whether something was declared there once: a folder taken away is a reason to plan."""
        wanted = _within([path], self._settings)
        return any(
            wanted(owned.manifest)
            for account in self.accounts
            for owned in self.store.read(account.id).objects.values()
        )

    def lock(self, account: _Account, locks: ExitStack, *, operation: str, timeout: float) -> None:
        """Hold the state of an account until the stack closes."""
        locks.enter_context(
            self.store.lock(
                account.id,
                operation=operation,
                clock=self._settings.now,
                timeout_seconds=timeout,
                sleep=self._settings.sleep,
            )
        )

    def has_state(self, account: _Account) -> bool:
        """Tell whether an account has a state, be it one that cannot be read."""
        try:
            return self.store.read(account.id).exists
        except ReconcilerError:
            return True  # what is wrong with it is told where it is read

    def lock_all(self, locks: ExitStack, *, operation: str, timeout: float) -> None:
        """Hold the states of all accounts, in the order of their IDs, so that two runs never wait for each other."""
        for one in self.accounts:
            with self._beside_the_others(one):
                self.lock(one, locks, operation=operation, timeout=timeout)

    def read_all(self) -> dict[str, _Reading]:
        """Return every account that can be read; what was wrong with the others is in `errors`.

        Raises ReconcilerError where there is just the one account, which leaves nothing to go on with.
        """
        readings = {}
        for one in self.accounts:
            if one.id not in self.errors:
                with self._beside_the_others(one):
                    readings[one.id] = self._read(one)
        self._others, self._unread = other_states(self.store, than=readings.keys())
        return readings

    @contextmanager
    def _beside_the_others(self, account: _Account) -> Iterator[None]:
        """Keep what is wrong with one account of a fleet from the others."""
        try:
            yield
        except ReconcilerError as error:
            if not self.fleet:
                raise
            self.errors[account.id] = error.diagnostics

    def _read(self, account: _Account) -> _Reading:
        config = account.config
        iam = self._aws.account(
            account.id,
            role_arn=config.role_arn if config else None,
            external_id=config.external_id if config else None,
            read_only=self._read_only,
        )
        caller = iam.caller
        state = self.store.read(account.id)
        planned = (self._saved or {}).get(account.id)
        if planned is not None and planned.lineage not in {"", state.lineage}:
            raise ReconcilerError(_another_state(account.id, self._settings.state))
        documents = [
            document.manifest
            for document in self._manifests.documents
            if (document.manifest.account or self._home.account) == account.id
        ]
        snapshot = read_snapshot(
            iam,
            caller=caller,
            with_policies=_policies_matter(documents, state, self._saved),
            clock=self._settings.clock,
            policy_tags_of=[
                iam_arn(partition=caller.partition, account=account.id, kind="policy", path=one.path, name=one.name)
                for one in documents
                if one.kind == "ManagedPolicy" and one.tags
            ],
            on_page=lambda call, items: self._progress.page(account.id, call, items),
        )
        snapshot = _with_what_is_missing(snapshot, state, iam)
        living = index_of([snapshot], {}).arn_by_id
        observed = observe(state, living, at=snapshot.taken_at, accounts=frozenset({account.id}))
        return _Reading(account=account, iam=iam, caller=caller, snapshot=snapshot, state=state, observed=observed)

    def index(self, readings: Mapping[str, _Reading]) -> PrincipalIndex:
        """Return who lives in any of the accounts, and who is remembered, of accounts that are not read too."""
        ledger: dict[str, Remembered] = ledger_of(self._others)
        for reading in readings.values():
            ledger.update(reading.observed.ledger)
        return index_of([reading.snapshot for reading in readings.values()], ledger)

    def world(self, reading: _Reading, readings: Mapping[str, _Reading]) -> World:
        """Return everything that decisions about an account may depend on; raises for manifests that are wrong."""
        account, partition = reading.account.id, reading.snapshot.partition
        desired = Desired(account=account, partition=partition)
        if not self._choices.destroy:
            desired, told = declare(
                self._manifests,
                account=account,
                partition=partition,
                default_account=self._home.account,
                names=_names(reading.snapshot),
            )
            _raise_errors(told)
        ignore = self._settings.config.ignore
        return World(
            desired=desired,
            snapshot=_with_aws_policies(reading, desired),
            state=reading.state,
            index=self.index(readings),
            ignore=Ignore(
                roles=tuple(ignore.roles),
                tags=tuple(ignore.tags),
                managed_policies=tuple(ignore.managed_policies),
                inline_policies=tuple(ignore.inline_policies),
            ),
        )

    def doubts(self, readings: Mapping[str, _Reading]) -> dict[str, list[Diagnostic]]:
        """Return by account what makes memory doubtful: a state that cannot be read, a contradiction, the clock."""
        against = contradictions([*(reading.state for reading in readings.values()), *self._others])
        return {
            account: [*self._unread, *against.get(account, ()), *_clock_set_back(reading)]
            for account, reading in readings.items()
        }

    def report(
        self,
        reading: _Reading,
        readings: Mapping[str, _Reading],
        said: Sequence[Diagnostic],
        *,
        resolved: Resolved | None,
        unmanaged: bool,
    ) -> DriftReport:
        """Return what is wrong with an account, with what CloudTrail told if asked, and what else is to be said."""
        from reconciler.drift import find_drift, traced, with_hearsay  # noqa: PLC0415  a plan needs none of it

        found = find_drift(self.world(reading, readings), unmanaged=unmanaged, calls=self.calls(reading))
        found = with_hearsay(replace(found, warnings=(*found.warnings, *said)), self._others)
        return found if resolved is None else traced(found, resolved)

    def ask_cloudtrail(self, readings: Mapping[str, _Reading], said: Mapping[str, list[Diagnostic]]) -> Resolved:
        """Return what CloudTrail tells of the dead IDs of all accounts; it is `observed` from then on.

        What was wrong with reading it is added to what is `said` of each account.
        """
        from reconciler.drift import find_drift  # noqa: PLC0415  a plan needs none of it

        settings = self._settings
        resolved, wrong = resolve(
            [self._aws.trail(account, sleep=settings.sleep, monotonic=settings.monotonic) for account in readings],
            dead={id_ for one in readings.values() for id_ in find_drift(self.world(one, readings)).dead_ids},
            index=self.index(readings),
            now=settings.clock(),
            on_page=self._progress.page,
        )
        for account, reading in readings.items():
            said[account].extend(wrong.get(account, ()))
            known = learned(reading.observed.ledger, resolved.traces, account=account, at=reading.snapshot.taken_at)
            reading.observed = replace(reading.observed, ledger=known)
        return resolved

    def compact(self, reading: _Reading, readings: Mapping[str, _Reading], said: list[Diagnostic]) -> AccountCompact:
        """Write the memory of an account without the dead IDs that no account shows; tell how many went."""
        shown = ids_in(role.trust for one in readings.values() for role in one.snapshot.roles.values())
        states = [*(one.state for one in readings.values()), *self._others]
        trusted = {id_ for state in states for owned in state.objects.values() for id_ in owned.principals.values()}
        before = reading.observed
        after = self.store.write(compact(before, dead_in_use=shown | trusted))
        return AccountCompact(
            account=reading.account.id,
            name=reading.account.name,
            dropped=len(before.ledger) - len(after.ledger),
            kept=sum(1 for entry in after.ledger.values() if entry.last_alive is not None),
            warnings=tuple(said),
        )

    def plan(self, account: _Account, readings: Mapping[str, _Reading]) -> AccountPlan:
        """Return the plan of an account, or why there is none."""
        reading = readings.get(account.id)
        if reading is None:
            return AccountPlan(account=account.id, name=account.name, error=self.errors[account.id])
        world = self.world(reading, readings)
        only = self._only(world)
        made = make_plan(world, policy=self._policy(), only=only, calls=self.calls(reading))
        told = [*self._said_beforehand(world), *_warnings(self._manifests.diagnostics), *self._unread]
        told += reading.snapshot.remarks
        return AccountPlan(account=account.id, name=account.name, plan=replace(made, warnings=(*told, *made.warnings)))

    def saved_plan(self, account: _Account, readings: Mapping[str, _Reading]) -> AccountPlan:
        """Return the plan of an account as it was saved, or why it cannot be carried out."""
        assert self._saved is not None  # noqa: S101  only asked for where there are some
        if account.id not in readings:
            return AccountPlan(account=account.id, name=account.name, error=self.errors[account.id])
        return AccountPlan(account=account.id, name=account.name, plan=self._saved[account.id])

    def carry_out(self, planned: AccountPlan, readings: Mapping[str, _Reading], how: _How) -> AccountApply:
        """Return what became of the plan of one account."""
        from reconciler import apply  # noqa: PLC0415  a plan needs none of it

        if planned.plan is None:
            return AccountApply(account=planned.account, name=planned.name, error=planned.error)
        reading, settings = readings[planned.account], self._settings
        means = apply.Means(
            iam=reading.iam,
            store=self.store,
            clock=settings.now,
            monotonic=settings.monotonic,
            sleep=settings.sleep,
            watch=how.watch,
            interrupted=how.interrupted,
            random=settings.randomness,
            parallelism=how.parallelism,
            reviewed=how.reviewed,
            settle=how.settle,
            settings=_remembered_settings(settings),
        )
        result = apply.apply(
            planned.plan,
            state=reading.observed,
            index=self.index(readings),
            means=means,
            live=None if self._saved is None else _by_address(reading.snapshot),
        )
        return AccountApply(account=planned.account, name=planned.name, plan=planned.plan, result=result)

    def calls(self, reading: _Reading) -> dict[str, int]:
        """Return the requests answered for an account; that of finding out who is asking counts once for all."""
        counted = dict(reading.iam.calls)
        if reading.account is self.accounts[0] and all(one.is_assumed for one in self.accounts):
            for call, count in self._aws.calls.items():
                counted[call] = counted.get(call, 0) + count
        return dict(sorted(counted.items()))

    def _policy(self) -> Policy:
        config = self._settings.config
        held = (ALWAYS_HELD | {Approval(kind) for kind in config.approvals.hold}) - {
            Approval(kind) for kind in config.approvals.pass_
        }
        return Policy(
            held=frozenset(held),
            released=frozenset(self._choices.approve),
            allow_self=frozenset(self._choices.allow_self),
            allow_mass_delete=self._choices.allow_mass_delete or self._choices.destroy,
            limits=Limits(fraction=config.limits.delete_fraction, minimum=config.limits.delete_minimum),
            assumed_roles=frozenset(one.role_arn for one in config.accounts.values() if one.role_arn),
        )

    def _only(self, world: World) -> frozenset[str] | None:
        """Return the addresses that paths and targets narrow the plan down to, None for everything."""
        if not self._choices.paths and not self._choices.targets:
            return None
        addresses: set[str] = set()
        if self._choices.paths:
            wanted = _within(self._choices.paths, self._settings)
            addresses |= {found.address for found in world.desired.objects.values() if wanted(found.manifest)}
            addresses |= {found.address for found in world.desired.removals.values() if wanted(found.place.file)}
            addresses |= {address for address, owned in world.state.objects.items() if wanted(owned.manifest)}
        if self._choices.targets:
            known = {*world.desired.objects, *world.desired.removals, *world.state.objects}
            _raise_errors([_no_such_target(target) for target in self._choices.targets if target not in known])
            targets = needed_for(self._choices.targets, world)
            return targets & addresses if self._choices.paths else targets
        return frozenset(addresses)

    def _said_beforehand(self, world: World) -> Iterator[Diagnostic]:
        """Yield what is said at every plan: that there is no state yet, that other settings hold than before."""
        if not world.state.exists and any(address in world.live for address in world.desired.objects):
            yield Diagnostic(
                Code.RS507,
                f"There is no state of account {world.snapshot.account} in {self._settings.state} yet.",
                severity=Severity.WARNING,
                help="Right at first use: what is declared and there is imported. Otherwise look for the old state.",
            )
        before, now = world.state.settings, _remembered_settings(self._settings)
        for name in sorted(now) if before else ():
            if before.get(name) != now[name]:
                yield Diagnostic(
                    Code.RM121,
                    f"The last apply had {name} {before.get(name)}, this one has {now[name]}.",
                    severity=Severity.WARNING,
                    help="Make sure that the configuration is the one that you mean.",
                )


def _plan_run(plans: Sequence[AccountPlan], *, fleet: bool) -> PlanRun:
    made = [one.plan for one in plans if one.plan is not None]
    whole = digest_of({plan.account: plan.fingerprint for plan in made})
    return PlanRun(accounts=tuple(plans), fleet=fleet, fingerprint=made[0].fingerprint if made and not fleet else whole)


def _saved_plans(file: Path | None) -> dict[str, Plan] | None:
    """Return the plans of a file by account; raises ReconcilerError for a file that is none."""
    if file is None:
        return None
    return {found.account: found for found in read_plan_file(file)}


def read_plan_file(file: Path) -> tuple[Plan, ...]:
    """Return the plans in a file; raises ReconcilerError (RA406, RA407, RA409) for what is none."""
    try:
        text = file.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ReconcilerError(
            Diagnostic(
                Code.RA406,
                f"{file} cannot be read as a plan: {why}.",
                help="Give a file that `reconciler plan --out` wrote.",
            )
        ) from error
    return read_plans(text, name=str(file))


def _require_first_use(settings: Settings, choices: Choices, work: _Work) -> None:
    """Raise RS508 where a scheduled run finds no state: lost, more likely than new."""
    if not os.environ.get("CI") or choices.first_use:
        return
    missing = [one.id for one in work.accounts if not work.has_state(one)]
    _raise_errors(
        [
            Diagnostic(
                Code.RS508,
                f"There is no state of account {account} in {settings.state}.",
                help="If this is the first apply, add --first-use. Otherwise bring back the state that was kept.",
            )
            for account in missing
        ]
    )


def _refuse_unless_expected(run: PlanRun, *, expect: str | None, strict: bool) -> None:
    if expect is not None and expect != run.fingerprint:
        raise ReconcilerError(
            Diagnostic(
                Code.RA412,
                f"The plan is {run.fingerprint}, not the expected {expect}.",
                help="Something changed since that plan was reviewed: review the new one.",
            )
        )
    if strict and any(plan.blockers for plan in run.plans):
        raise ReconcilerError(
            Diagnostic(Code.RA411, "There are blockers, and --strict refuses all then.", help="Nothing was written.")
        )


def _nothing_to_ask(run: PlanRun) -> bool:
    return all(not plan.changes for plan in run.plans)


def _remembered_settings(settings: Settings) -> dict[str, object]:
    """Return the settings of which a difference from the last apply is told."""
    config = settings.config
    return {
        "approvals": {"hold": sorted(config.approvals.hold), "pass": sorted(config.approvals.pass_)},
        "limits": {"delete_fraction": config.limits.delete_fraction, "delete_minimum": config.limits.delete_minimum},
        "state": settings.state,
    }


def _not_updated(error: ReconcilerError) -> Diagnostic:
    cause = error.diagnostics[0]
    return Diagnostic(
        Code.RS509,
        f"The ledger was not updated: {cause.message}",
        severity=Severity.WARNING,
        place=cause.place,
        help=cause.help,
    )


def _clock_set_back(reading: _Reading) -> list[Diagnostic]:
    """Return a warning where the state was written later than now."""
    before, now = reading.state.seen_at, reading.snapshot.taken_at
    if before is None or before <= now:
        return []
    message = f"The account {reading.account.id} was last looked at on {before}, by its state; now it is {now}."
    remedy = "One of the clocks is wrong, this machine's or that of the last run: times in the ledger are doubtful."
    return [Diagnostic(Code.RS510, message, severity=Severity.WARNING, help=remedy)]


def _raise_errors(told: Sequence[Diagnostic]) -> None:
    errors = [found for found in told if found.is_error]
    if errors:
        raise ReconcilerError(*[*errors, *_warnings(told)])


def _warnings(told: Sequence[Diagnostic]) -> list[Diagnostic]:
    return [found for found in told if not found.is_error]


def _within(paths: Sequence[Path], settings: Settings) -> Callable[[str], bool]:
    """Return the test of whether a file, named relative to the working folder, lies at or below one of the paths."""
    wholes = [(settings.cwd / path).resolve() for path in paths]
    return lambda file: bool(file) and any((settings.cwd / file).resolve().is_relative_to(whole) for whole in wholes)


def _no_such_target(target: str) -> Diagnostic:
    return Diagnostic(
        Code.RM120,
        f"--target {target} is neither declared nor owned.",
        help="Addresses are role/NAME and managed_policy/NAME, as plans show them.",
    )


def _names(snapshot: Snapshot) -> Names:
    return Names(
        users={user.name: user.arn for user in snapshot.users.values()},
        roles={role.name: role.arn for role in snapshot.roles.values()},
        policies={policy.name: policy.arn for policy in (snapshot.policies or {}).values()},
    )


def _another_state(account: str, place: str) -> Diagnostic:
    return Diagnostic(
        Code.RA410,
        f"The state of account {account} in {place} is not the one that the plan was made with.",
        help="Nothing was written. Bring that state back, or plan again.",
    )


def _by_address(snapshot: Snapshot) -> dict[str, Role | ManagedPolicy]:
    values: list[Role | ManagedPolicy] = [*snapshot.roles.values(), *(snapshot.policies or {}).values()]
    return {value.address: value for value in values}


def _policies_matter(documents: Sequence[Any], state: State, saved: Mapping[str, Plan] | None) -> bool:
    """Tell whether customer managed policies have to be read: where one is declared, owned or referred to."""
    if saved is not None or any(address.startswith("managed_policy/") for address in state.objects):
        return True
    return any(_refers_to_policy(document) for document in documents)


def _refers_to_policy(document: Any) -> bool:
    if document.kind == "Role":
        named = [*document.managed_policies, document.permissions_boundary or "none"]
        return any(name != "none" and ":iam::aws:policy/" not in name for name in named)
    return bool(document.kind == "ManagedPolicy" or document.address.startswith("managed_policy/"))


def _with_what_is_missing(snapshot: Snapshot, state: State, iam: Iam) -> Snapshot:
    """Return the snapshot with what is owned and was not in the lists, if IAM has it after all.

    Absence from a list is no proof: pages may shift while they are read.
    """
    roles, policies = dict(snapshot.roles), dict(snapshot.policies or {})
    for address in {*state.objects, *state.intents}:
        kind, _, name = address.partition("/")
        if kind == "role" and name not in roles:
            role = confirm_absent(iam, name)
            roles |= {} if role is None else {role.name: role}
    for address, owned in state.objects.items():
        if address.startswith("managed_policy/") and owned.arn not in policies:
            policy = or_none(partial(read_policy, iam, owned.arn))
            policies |= {} if policy is None else {policy.arn: _with_uses(policy, roles.values())}
    if len(roles) == len(snapshot.roles) and len(policies) == len(snapshot.policies or {}):
        return snapshot
    return replace(snapshot, roles=roles, policies=policies or snapshot.policies)


def _with_uses(policy: ManagedPolicy, roles: Iterable[Role]) -> ManagedPolicy:
    """Return the policy with the roles that it is attached to, or bounds."""
    held = list(roles)
    return replace(
        policy,
        attached_to=frozenset(role.address for role in held if policy.arn in role.managed_policies),
        boundary_of=frozenset(role.address for role in held if policy.arn == role.permissions_boundary),
    )


def _with_aws_policies(reading: _Reading, desired: Desired) -> Snapshot:
    """Return the snapshot with the existence of AWS's own policies that are about to be attached for the first time."""
    snapshot = reading.snapshot
    attached = {arn for role in snapshot.roles.values() for arn in role.managed_policies}
    wanted = set()
    for declaration in desired.objects.values():
        role = declaration.value
        if isinstance(role, Role):
            wanted |= {
                arn
                for arn in {*role.managed_policies, role.permissions_boundary or ""} - attached
                if (parsed := parse_arn(arn)) is not None and parsed.account == "aws"
            }
    wanted -= snapshot.known_policies.keys()
    bounded = {role.permissions_boundary for role in snapshot.roles.values()}
    found = {arn: or_none(partial(reading.iam.get_policy, arn)) is not None for arn in sorted(wanted - bounded)}
    if not found:
        return snapshot
    return replace(snapshot, known_policies={**snapshot.known_policies, **found})
