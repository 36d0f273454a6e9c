"""The accounts of one run, from the manifests to what is at hand of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from reconciler.cloudtrail import Resolved, learned
from reconciler.config import AccountConfig
from reconciler.diff import coming
from reconciler.engine.fleet import (
    addresses_of,
    after_others,
    held_after,
    made_in,
    made_now,
    naming_the_bereft,
    planning_order,
    pointed_on,
    re_trusting_elsewhere,
    targets_in,
    with_ids,
    with_notices,
    with_the_new,
    with_what_can_be_named,
    working_order,
)
from reconciler.engine.live import by_address, names, policies_matter, with_aws_policies, with_what_is_missing
from reconciler.engine.patience import patiently
from reconciler.engine.refusals import another_state, no_such_target, raise_errors, warnings
from reconciler.engine.runs import AccountApply, AccountCompact, AccountPlan
from reconciler.engine.settings import Choices, Progress, Settings, remembered_settings, store_of, within
from reconciler.iam import Aws, Caller, Iam
from reconciler.manifest import Manifests, account_diagnostics, declare, load_manifests, validate_offline
from reconciler.model.arn import iam_arn
from reconciler.model.change import ALWAYS_HELD, Approval
from reconciler.model.declared import Desired
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError, Severity
from reconciler.model.policy import digest_of
from reconciler.model.principal import PrincipalIndex, Remembered
from reconciler.plan import Limits, Plan, Policy, make_plan, needed_for
from reconciler.resolve import resolve
from reconciler.snapshot import Snapshot, index_of, read_snapshot
from reconciler.state import State, compact, observe
from reconciler.state.history import contradictions, ids_in, ledger_of, other_states
from reconciler.world import Ignore, World

if TYPE_CHECKING:
    from reconciler.apply import ApplyResult
    from reconciler.drift import DriftReport


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
class Reading:
    """One account as read: live and remembered. `observed` is the memory after this look at the account."""

    account: _Account
    iam: Iam
    caller: Caller
    snapshot: Snapshot
    state: State
    observed: State


@dataclass(frozen=True, kw_only=True)
class How:
    """How a plan is to be carried out: what the user chose, and who is told."""

    watch: Progress
    interrupted: Callable[[], bool]
    parallelism: int
    reviewed: bool
    settle: float


class Work:
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
        self._others: list[State] | None = None
        self._unread: list[Diagnostic] = []
        self._index: PrincipalIndex | None = None
        self._own_ids: frozenset[str] | None = None

    def __enter__(self) -> Self:
        """Load the manifests and find out which accounts there are; raises ReconcilerError for what ends everything."""
        settings = self._settings
        if not self._choices.destroy and self._saved is None:
            self._manifests = load_manifests(settings.cwd / settings.manifests, base=settings.cwd)
            if self._manifests.has_errors or _some_twice(self._manifests):
                raise_errors(validate_offline(self._manifests))
        self._aws = Aws.connect(
            profile=settings.profile,
            region=settings.region,
            endpoint_url=settings.endpoint_url,
            session=settings.session,
        )
        self._home = self._aws.caller()
        raise_errors(
            account_diagnostics(
                self._manifests, default_account=self._home.account, configured=settings.config.accounts
            )
        )
        self._all_accounts = self._configured()
        self.accounts = self._chosen(self._all_accounts)
        self._unknown_paths()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Nothing is held."""

    @property
    def fleet(self) -> bool:
        """Tell whether the configuration names accounts, so that output has the shape of a fleet."""
        return bool(self._settings.config.accounts)

    def _configured(self) -> dict[str, _Account]:
        """Return the accounts there are: the configured ones, and the caller's own where manifests speak of it."""
        configured = self._settings.config.accounts
        found = {id_: _Account(id=id_, name=config.name, config=config) for id_, config in sorted(configured.items())}
        speaks_of_home = any(
            (document.manifest.account or self._home.account) == self._home.account
            for document in self._manifests.documents
        )
        if not configured or (speaks_of_home and self._home.account not in configured):
            found[self._home.account] = _Account(id=self._home.account, name=None, config=None)
        return found

    def _chosen(self, found: Mapping[str, _Account]) -> list[_Account]:
        """Return the accounts to work in: all there are, those of the saved plans, or the one that was asked for."""
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
        wanted = within([path], self._settings)
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

    def read_all(self) -> dict[str, Reading]:
        """Return every account that can be read; what was wrong with the others is in `errors`.

        Raises ReconcilerError where there is just the one account, which leaves nothing to go on with.
        """
        readings = {}
        for one in self.accounts:
            if one.id not in self.errors:
                with self._beside_the_others(one):
                    readings[one.id] = self._read(one)
        if _unexplained(readings.values()):
            self._consult_others(readings)
        return readings

    def _consult_others(self, readings: Mapping[str, Reading]) -> None:
        """Read the states of all other accounts; there may be many, so not without need."""
        if self._others is None:
            self._others, self._unread = other_states(self.store, than=readings.keys())
            self._index = None

    @contextmanager
    def _beside_the_others(self, account: _Account) -> Iterator[None]:
        """Keep what is wrong with one account of a fleet from the others."""
        try:
            yield
        except ReconcilerError as error:
            if not self.fleet:
                raise
            self.errors[account.id] = error.diagnostics

    def _read(self, account: _Account) -> Reading:
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
            raise ReconcilerError(another_state(account.id, self._settings.state))
        documents = [
            document.manifest
            for document in self._manifests.documents
            if (document.manifest.account or self._home.account) == account.id
        ]
        snapshot = read_snapshot(
            iam,
            caller=caller,
            with_policies=policies_matter(documents, state, self._saved),
            clock=self._settings.clock,
            policy_tags_of=[
                iam_arn(partition=caller.partition, account=account.id, kind="policy", path=one.path, name=one.name)
                for one in documents
                if one.kind == "ManagedPolicy" and (one.tags or _had_tags(state, one.address))
            ],
            on_page=lambda call, items: self._progress.page(account.id, call, items),
        )
        snapshot = with_what_is_missing(snapshot, state, iam)
        living = index_of([snapshot], {}).arn_by_id
        observed = observe(state, living, at=snapshot.taken_at, accounts=frozenset({account.id}))
        return Reading(account=account, iam=iam, caller=caller, snapshot=snapshot, state=state, observed=observed)

    def index(self, readings: Mapping[str, Reading]) -> PrincipalIndex:
        """Return who lives in any of the accounts, and who is remembered, of accounts that are not read too."""
        if self._index is None:
            ledger: dict[str, Remembered] = ledger_of(self._others or ())
            for account, reading in readings.items():
                known = reading.observed.ledger
                own = {id_: entry for id_, entry in known.items() if id_ not in ledger or f"::{account}:" in entry.arn}
                ledger.update(own)  # of an ID in several, that of its own account has the word
            self._index = index_of([reading.snapshot for reading in readings.values()], ledger)
        return self._index

    def own_ids(self, readings: Mapping[str, Reading]) -> frozenset[str]:
        """Return the IDs that this program created in any of the accounts, by their states."""
        if self._own_ids is None:
            index = self.index(readings)
            worlds = (
                World(
                    desired=Desired(account=account, partition=reading.snapshot.partition),
                    snapshot=reading.snapshot,
                    state=reading.state,
                    index=index,
                )
                for account, reading in readings.items()
            )
            self._own_ids = frozenset().union(*(world.own_ids for world in worlds))
        return self._own_ids

    def world(self, reading: Reading, readings: Mapping[str, Reading]) -> World:
        """Return everything that decisions about an account may depend on; raises for manifests that are wrong."""
        account, partition = reading.account.id, reading.snapshot.partition
        desired = Desired(account=account, partition=partition)
        if not self._choices.destroy:
            desired, told = declare(
                self._manifests,
                account=account,
                partition=partition,
                default_account=self._home.account,
                names=names(reading.snapshot),
            )
            raise_errors(told)
        ignore = self._settings.config.ignore
        return World(
            desired=desired,
            snapshot=with_aws_policies(reading.snapshot, desired, reading.iam),
            state=reading.state,
            index=self.index(readings),
            ignore=Ignore(
                roles=tuple(ignore.roles),
                tags=tuple(ignore.tags),
                managed_policies=tuple(ignore.managed_policies),
                inline_policies=tuple(ignore.inline_policies),
            ),
            own_elsewhere=self.own_ids(readings) if len(readings) > 1 else frozenset(),
        )

    def doubts(self, readings: Mapping[str, Reading]) -> dict[str, list[Diagnostic]]:
        """Return by account what makes memory doubtful: a state that cannot be read, a contradiction, the clock."""
        self._consult_others(readings)
        against = contradictions([*(reading.state for reading in readings.values()), *(self._others or ())])
        return {
            account: [*self._unread, *against.get(account, ()), *_clock_set_back(reading)]
            for account, reading in readings.items()
        }

    def report(
        self,
        reading: Reading,
        readings: Mapping[str, Reading],
        said: Sequence[Diagnostic],
        *,
        resolved: Resolved | None,
        unmanaged: bool,
    ) -> DriftReport:
        """Return what is wrong with an account, with what CloudTrail told if asked, and what else is to be said."""
        from reconciler.drift import find_drift, traced, with_hearsay  # noqa: PLC0415  a plan needs none of it

        found = find_drift(self.world(reading, readings), unmanaged=unmanaged, calls=self.calls(reading))
        found = with_hearsay(replace(found, warnings=(*found.warnings, *said)), self._others or ())
        return found if resolved is None else traced(found, resolved)

    def ask_cloudtrail(self, readings: Mapping[str, Reading], said: Mapping[str, list[Diagnostic]]) -> Resolved:
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
        self._index = None
        return resolved

    def compact(self, reading: Reading, readings: Mapping[str, Reading], said: list[Diagnostic]) -> AccountCompact:
        """Write the memory of an account without the dead IDs that no account shows; tell how many went."""
        shown = ids_in(role.trust for one in readings.values() for role in one.snapshot.roles.values())
        states = [*(one.state for one in readings.values()), *(self._others or ())]
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

    def plans(self, readings: Mapping[str, Reading]) -> list[AccountPlan]:
        """Return the plan of each account, or why there is none; each knows of what others make and take away."""
        worlds = {account: self.world(reading, readings) for account, reading in readings.items()}
        self._refuse_unknown_targets(worlds)
        comings = {account: coming(world) for account, world in worlds.items()} if len(worlds) > 1 else {}
        targets = targets_in(worlds, {*self._choices.targets}, comings) if self._choices.targets else {}
        plans: dict[str, Plan] = {}
        made: dict[str, str | None] = {}
        waiting: dict[str, str] = {}
        for account in planning_order(worlds, comings):
            later = {arn: other for other, arns in comings.items() if other not in {account, *plans} for arn in arns}
            world, notices = with_what_can_be_named(after_others(worlds[account], made), later)
            plan = with_notices(self._plan(readings[account], world, targets.get(account)), notices)
            plans[account] = pointed_on(held_after(plan, waiting) if waiting else plan, later)
            for arn, operation in made_in(plans[account]).items() if comings else ():
                made[arn] = comings[account].get(arn)
                waiting |= {arn: f"role/{operation.params['RoleName']} of account {account}"} if operation.held else {}
        unread = {id_: self._why_unread(id_) for id_ in sorted(self._all_accounts) if id_ not in readings}
        named = {account: naming_the_bereft(plan, worlds, plans, unread) for account, plan in plans.items()}
        return [self._planned_account(one, named.get(one.id)) for one in self.accounts]

    def _why_unread(self, account: str) -> str:
        return "it could not be read" if account in self.errors else "it is not one of this run"

    def _planned_account(self, account: _Account, plan: Plan | None) -> AccountPlan:
        error = () if plan is not None else self.errors[account.id]
        return AccountPlan(account=account.id, name=account.name, plan=plan, error=error)

    def _plan(self, reading: Reading, world: World, targets: frozenset[str] | None) -> Plan:
        only, kept = self._only(world, targets), self._choices.kept
        made = make_plan(world, policy=self._policy(), only=only, calls=self.calls(reading), recording=kept)
        told = [*self._said_beforehand(world), *warnings(self._manifests.diagnostics), *self._unread]
        told += reading.snapshot.remarks
        return replace(made, warnings=(*told, *made.warnings))

    def saved_plans(self, readings: Mapping[str, Reading]) -> list[AccountPlan]:
        """Return the plan of each account as it was saved, or why it cannot be carried out."""
        saved = self._saved or {}
        return [self._planned_account(one, saved[one.id] if one.id in readings else None) for one in self.accounts]

    def carry_out_all(
        self, planned: Sequence[AccountPlan], readings: Mapping[str, Reading], how: How
    ) -> list[AccountApply]:
        """Return what became of the plan of each account, worked one after another."""
        plans = {one.account: one.plan for one in planned if one.plan is not None}
        made: dict[str, str] = {}
        done = {}
        for account in working_order(plans.values()):
            result = self._carry_out(plans[account], readings, how, made)
            calls = self.calls(readings[account])
            name = readings[account].account.name
            done[account] = AccountApply(account=account, name=name, plan=plans[account], result=result, calls=calls)
            with suppress(ReconcilerError):  # what cannot be read back is expected of nobody
                made |= made_now(plans[account], result, self.store.read(account))
        failed = {
            one.account: AccountApply(account=one.account, name=one.name, error=one.error)
            for one in planned
            if one.plan is None
        }
        return [(done | failed)[one.account] for one in planned]

    def _carry_out(self, plan: Plan, readings: Mapping[str, Reading], how: How, made: Mapping[str, str]) -> ApplyResult:
        """Return what became of the plan of one account; `made` are the roles that others have got meanwhile."""
        from reconciler import apply  # noqa: PLC0415  a plan needs none of it

        reading, settings = readings[plan.account], self._settings
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
            settings=remembered_settings(settings),
        )
        index = with_the_new(self.index(readings), made)
        live = None if self._saved is None else by_address(reading.snapshot)
        begun: list[Plan] = []

        def carry_out(part: Plan) -> ApplyResult:
            state = self.store.read(plan.account) if begun else reading.observed
            begun.append(part)
            return apply.apply(part, state=state, index=index, means=means, live=live)

        return patiently(carry_out, with_ids(plan, made), made=made, means=means)

    def calls(self, reading: Reading) -> dict[str, int]:
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

    def _only(self, world: World, targets: frozenset[str] | None) -> frozenset[str] | None:
        """Return the addresses that paths and targets narrow the plan down to, None for everything."""
        if not self._choices.paths and targets is None:
            return None
        addresses: set[str] = set()
        if self._choices.paths:
            wanted = within(self._choices.paths, self._settings)
            addresses |= {found.address for found in world.desired.objects.values() if wanted(found.manifest)}
            addresses |= {found.address for found in world.desired.removals.values() if wanted(found.place.file)}
            addresses |= {address for address, owned in world.state.objects.items() if wanted(owned.manifest)}
        if targets is not None:
            targeted = needed_for(targets, world) | re_trusting_elsewhere(world)
            return targeted & addresses if self._choices.paths else targeted
        return frozenset(addresses)

    def _refuse_unknown_targets(self, worlds: Mapping[str, World]) -> None:
        """Raise RM120 for targets that are an object of no account; of those not read the manifests tell."""
        known = {address for world in worlds.values() for address in addresses_of(world)}
        if self.errors:
            known |= {document.manifest.address for document in self._manifests.documents}
        raise_errors([no_such_target(target) for target in self._choices.targets if target not in known])

    def _said_beforehand(self, world: World) -> Iterator[Diagnostic]:
        """Yield what is said at every plan: that there is no state yet, that other settings hold than before."""
        if not world.state.exists and any(address in world.live for address in world.desired.objects):
            yield Diagnostic(
                Code.RS507,
                f"There is no state of account {world.snapshot.account} in {self._settings.state} yet.",
                severity=Severity.WARNING,
                help="Right at first use: what is declared and there is imported. Otherwise look for the old state.",
            )
        before, now = world.state.settings, remembered_settings(self._settings)
        for name in sorted(now) if before else ():
            if before.get(name) != now[name]:
                yield Diagnostic(
                    Code.RM121,
                    f"The last apply had {name} {before.get(name)}, this one has {now[name]}.",
                    severity=Severity.WARNING,
                    help="Make sure that the configuration is the one that you mean.",
                )


def _unexplained(readings: Iterable[Reading]) -> bool:
    """Tell whether a trust policy shows an ID that no account at hand knows, living or dead."""
    known: set[str] = set()
    shown: set[str] = set()
    for reading in readings:
        known |= reading.observed.ledger.keys()  # the living are in it too
        shown |= ids_in(role.trust for role in reading.snapshot.roles.values())
    return not shown <= known


def _clock_set_back(reading: Reading) -> list[Diagnostic]:
    """Return a warning where the state was written later than now."""
    before, now = reading.state.seen_at, reading.snapshot.taken_at
    if before is None or before <= now:
        return []
    message = f"The account {reading.account.id} was last looked at on {before}, by its state; now it is {now}."
    remedy = "One of the clocks is wrong, this machine's or that of the last run: times in the ledger are doubtful."
    return [Diagnostic(Code.RS510, message, severity=Severity.WARNING, help=remedy)]


_NO_TAGS = digest_of({})


def _had_tags(state: State, address: str) -> bool:
    """Tell whether an owned policy had tags when last applied: those that its manifest dropped are to go."""
    owned = state.objects.get(address)
    return owned is not None and owned.digests.get("tags", _NO_TAGS) != _NO_TAGS


def _some_twice(manifests: Manifests) -> bool:
    """Tell whether some object may be declared twice: a quick look, before anything is read."""
    names = {(found.manifest.account, found.manifest.address.casefold()) for found in manifests.documents}
    return len(names) < len(manifests.documents)
