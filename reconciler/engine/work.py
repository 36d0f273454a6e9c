"""The accounts of one run, from the manifests to what is at hand of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from reconciler.engine.accounts import Account, chosen, planned, reachable
from reconciler.engine.live import lets_go_of_policies, names, policies_matter, with_what_is_missing
from reconciler.engine.refusals import another_state, raise_errors
from reconciler.engine.settings import Choices, Progress, Settings, real, store_of, within
from reconciler.iam import Aws, Iam
from reconciler.manifest import Manifests, account_diagnostics, declare, load_manifests, validate_offline
from reconciler.model.arn import iam_arn
from reconciler.model.change import ALWAYS_HELD, Approval
from reconciler.model.declared import Desired
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError
from reconciler.model.policy import digest_of
from reconciler.model.principal import PrincipalIndex, Remembered
from reconciler.plan import Plan
from reconciler.snapshot import Snapshot, ids_trusted_in, index_of, read_snapshot
from reconciler.state import State, observe
from reconciler.state.history import ledger_of, other_states
from reconciler.world import Ignore, World


@dataclass(kw_only=True)
class Reading:
    """One account as read: live and remembered. `observed` is the memory after this look at the account."""

    account: Account
    iam: Iam
    snapshot: Snapshot
    state: State
    observed: State


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
        self.settings = settings
        self.choices = choices
        self.progress = progress
        self._read_only = read_only
        self.saved = saved
        self.manifests = Manifests()
        self.errors: dict[str, tuple[Diagnostic, ...]] = {}
        self.store = store_of(settings)
        self.others: list[State] | None = None
        self.unread_states: list[Diagnostic] = []
        self.stateless: set[str] = set()
        self._index: PrincipalIndex | None = None
        self._own_ids: frozenset[str] | None = None

    def __enter__(self) -> Self:
        """Load the manifests and find out which accounts there are; raises ReconcilerError for what ends everything."""
        settings = self.settings
        if not self.choices.destroy and self.saved is None:
            self.manifests = load_manifests(settings.cwd / settings.manifests, base=settings.cwd)
            if self.manifests.has_errors or _some_twice(self.manifests):
                raise_errors(validate_offline(self.manifests))
        self.aws = Aws.connect(
            profile=settings.profile,
            region=settings.region,
            endpoint_url=settings.endpoint_url,
            session=settings.session,
        )
        with ExitStack() as unless_entered:
            unless_entered.callback(self.aws.close)
            self._find_accounts()
            unless_entered.pop_all()
        return self

    def _find_accounts(self) -> None:
        """Find out who asks, and which accounts there are to work in."""
        settings = self.settings
        self.home = self.aws.caller()
        raise_errors(
            account_diagnostics(self.manifests, default_account=self.home.account, configured=settings.config.accounts)
        )
        self.reachable = reachable(settings, self.manifests, self.home, owns_in=self._owns_in)
        if self.saved is None:
            self.accounts = chosen(self.reachable, settings, self.home)
        else:
            self.accounts = planned(self.reachable, list(self.saved), self.home, wanted=settings.account)
        self._unknown_paths()

    def __exit__(self, *_exception: object) -> None:
        """Let go of the connections."""
        self.aws.close()

    @property
    def fleet(self) -> bool:
        """Tell whether the configuration names accounts, so that output has the shape of a fleet."""
        return bool(self.settings.config.accounts)

    def _state_of(self, account: str) -> State | None:
        """Return the state of an account, None where it cannot be read: what is wrong with it is told elsewhere."""
        try:
            return self.store.read(account)
        except ReconcilerError:
            return None

    def _owns_in(self, account: str) -> bool:
        """Tell whether something is, or may be, this program's own in an account."""
        state = self._state_of(account)
        return state is None or bool(state.objects or state.intents)

    def knows_an_apply(self, account: Account) -> bool:
        """Tell whether an apply is, or may be, on record for an account: `drift` alone leaves a state without."""
        state = self._state_of(account.id)
        return state is None or state.knows_an_apply

    def _has_no_state(self, account: Account) -> bool:
        state = self._state_of(account.id)
        return state is not None and not state.exists

    def _unknown_paths(self) -> None:
        """Raise an error for each path that is not there or not below the manifests."""
        folder = real(self.settings.manifests, self.settings)
        wrong = []
        for path in self.choices.paths:
            whole = real(path, self.settings)
            if not whole.exists() and not self._speaks_of(path):
                wrong.append(
                    Diagnostic(Code.RM120, f"{path} does not exist.", help="Name a manifest or a folder of them.")
                )
            elif not whole.is_relative_to(folder):
                wrong.append(
                    Diagnostic(
                        Code.RM120,
                        f"{path} is not below {self.settings.manifests}.",
                        help="PATH narrows down what is below --manifests.",
                    )
                )
        if wrong:
            raise ReconcilerError(*wrong)

    def _speaks_of(self, path: Path) -> bool:
        """Tell whether something was declared there once: a folder taken away is a reason to plan."""
        wanted = within([path], self.settings)
        return any(
            wanted(owned.manifest)
            for account in self.accounts
            for owned in self.store.read(account.id).objects.values()
        )

    def lock(self, account: Account, locks: ExitStack, *, operation: str, timeout: float) -> None:
        """Hold the state of an account until the stack closes."""
        locks.enter_context(
            self.store.lock(
                account.id,
                operation=operation,
                clock=self.settings.now,
                timeout_seconds=timeout,
                sleep=self.settings.sleep,
            )
        )

    def lock_all(self, locks: ExitStack, *, operation: str, timeout: float) -> None:
        """Hold the states of all accounts, in the order of their IDs, so that two runs never wait for each other.

        A run that only reads the accounts has nothing to keep where there is no state: that is in `stateless` then,
        and no folder is made for it.
        """
        for one in self.accounts:
            if self._read_only and self._has_no_state(one):
                self.stateless.add(one.id)
                continue
            with self.beside_the_others(one):
                self.lock(one, locks, operation=operation, timeout=timeout)

    def read_all(self) -> dict[str, Reading]:
        """Return every account that can be read; what was wrong with the others is in `errors`.

        Raises ReconcilerError where there is just the one account, which leaves nothing to go on with.
        """
        readings = {}
        for one in self.accounts:
            if one.id not in self.errors:
                with self.beside_the_others(one):
                    readings[one.id] = self._read(one)
        if _unexplained(readings.values()) or any(_misses_some(one, readings) for one in readings.values()):
            self.consult_others(readings)
        return readings

    def consult_others(self, readings: Mapping[str, Reading]) -> None:
        """Read the states of all other accounts; there may be many, so not without need."""
        if self.others is None:
            self.others, self.unread_states = other_states(self.store, than=readings.keys())
            self._index = None

    @contextmanager
    def beside_the_others(self, account: Account, kind: type[ReconcilerError] = ReconcilerError) -> Iterator[None]:
        """Keep what is wrong with one account of a fleet from the others."""
        try:
            yield
        except kind as error:
            if not self.fleet:
                raise
            self.errors[account.id] = error.diagnostics

    def _read(self, account: Account) -> Reading:
        config = account.config
        iam = self.aws.account(
            account.id,
            role_arn=config.role_arn if config else None,
            external_id=config.external_id if config else None,
            read_only=self._read_only,
        )
        state = self.store.read(account.id)
        planned = (self.saved or {}).get(account.id)
        if planned is not None and planned.lineage not in {"", state.lineage}:
            raise ReconcilerError(another_state(account.id, self.settings.state))
        documents = self.manifests.of_account(account.id, default=self.home.account)
        declared = [document.manifest for document in documents]
        read = partial(
            read_snapshot,
            iam,
            clock=self.settings.clock,
            policy_tags_of=[
                iam_arn(partition=iam.partition, account=account.id, kind="policy", path=one.path, name=one.name)
                for one in declared
                if one.kind == "ManagedPolicy" and (one.tags or _had_tags(state, one.address))
            ],
            on_page=lambda call, items: self.progress.page(account.id, call, items),
        )
        snapshot = read(with_policies=policies_matter(declared, state, self.saved))
        if lets_go_of_policies(snapshot, declared, self._ignore):
            snapshot = read(with_policies=True)
        snapshot = with_what_is_missing(snapshot, state, iam)
        living = index_of([snapshot], {}).arn_by_id
        observed = observe(state, living, at=snapshot.taken_at, accounts=frozenset({account.id}))
        return Reading(account=account, iam=iam, snapshot=snapshot, state=state, observed=observed)

    def index(self, readings: Mapping[str, Reading]) -> PrincipalIndex:
        """Return who lives in any of the accounts, and who is remembered, of accounts that are not read too."""
        if self._index is None:
            ledger: dict[str, Remembered] = ledger_of(self.others or ())
            for account, reading in readings.items():
                known = reading.observed.ledger
                own = {id_: entry for id_, entry in known.items() if id_ not in ledger or f"::{account}:" in entry.arn}
                ledger.update(own)  # of an ID in several, that of its own account has the word
            self._index = index_of([reading.snapshot for reading in readings.values()], ledger)
        return self._index

    def forget_index(self) -> None:
        """Find out anew who is remembered when asked next: more is `observed` than before."""
        self._index = None

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
        desired = Desired(account=account, partition=partition, destroying=self.choices.destroy)
        if not desired.destroying:
            desired, told = declare(
                self.manifests,
                account=account,
                partition=partition,
                default_account=self.home.account,
                names=names(reading.snapshot),
            )
            raise_errors(told)
        return World(
            desired=desired,
            snapshot=reading.snapshot,
            state=reading.state,
            index=self.index(readings),
            ignore=self._ignore,
            own_elsewhere=self.own_ids(readings) if len(readings) > 1 else frozenset(),
            held=self.held,
        )

    @property
    def held(self) -> frozenset[Approval]:
        """Return the kinds of approval that wait for a person, as long as none is given on the command line."""
        approvals = self.settings.config.approvals
        return (ALWAYS_HELD | {*approvals.hold}) - {*approvals.pass_}

    @property
    def _ignore(self) -> Ignore:
        ignore = self.settings.config.ignore
        return Ignore(
            roles=tuple(ignore.roles),
            tags=tuple(ignore.tags),
            managed_policies=tuple(ignore.managed_policies),
            inline_policies=tuple(ignore.inline_policies),
        )

    def calls(self, reading: Reading) -> dict[str, int]:
        """Return the requests answered for an account; that of finding out who is asking counts once for all."""
        counted = dict(reading.iam.calls)
        if reading.account is self.accounts[0] and all(one.is_assumed for one in self.accounts):
            for call, count in self.aws.calls.items():
                counted[call] = counted.get(call, 0) + count
        return dict(sorted(counted.items()))


def _unexplained(readings: Iterable[Reading]) -> bool:
    """Tell whether a trust policy shows an ID that no account at hand knows, living or dead."""
    known: set[str] = set()
    shown: set[str] = set()
    for reading in readings:
        known |= reading.observed.ledger.keys()  # the living are in it too
        shown |= ids_trusted_in(reading.snapshot)
    return not shown <= known


def _misses_some(reading: Reading, readings: Mapping[str, Reading]) -> bool:
    """Tell whether a trust no longer shows somebody of an account that is not read: he may have been renamed."""
    read = tuple(f"arn:{reading.snapshot.partition}:iam::{account}:" for account in readings)
    for address, owned in reading.state.objects.items():
        strange = [arn for arn in owned.principals if not arn.startswith(read)]
        role = reading.snapshot.roles.get(address.partition("/")[2]) if strange else None
        if role is not None and any(arn not in role.trust.text for arn in strange):
            return True
    return False


_NO_TAGS = digest_of({})


def _had_tags(state: State, address: str) -> bool:
    """Tell whether an owned policy had tags when last applied: those that its manifest dropped are to go."""
    owned = state.objects.get(address)
    return owned is not None and owned.digests.get("tags", _NO_TAGS) != _NO_TAGS


def _some_twice(manifests: Manifests) -> bool:
    """Tell whether some object may be declared twice: a quick look, before anything is read."""
    names = {(found.manifest.account, found.manifest.address.casefold()) for found in manifests.documents}
    return len(names) < len(manifests.documents)
