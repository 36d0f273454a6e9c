"""What all states of a store know together: who an ID was, which IDs an ARN had, where ledgers contradict each other.

An ID belongs to one account, so its ledger has it. But roles of other accounts trust it too, and a dead ID does not
tell which account it was of; so every state in reach is asked. Those of accounts that a run does not work in are only
read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from reconciler.model.arn import parse_arn
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError, Severity
from reconciler.model.principal import UNIQUE_ID, Recorded, Remembered
from reconciler.state.local import LocalStore
from reconciler.state.memory import remembered
from reconciler.state.store import StateStore
from reconciler.state.values import State


def accounts_in(store: StateStore) -> list[str]:
    """Return the accounts that a store has a state of, sorted; none of a store that cannot list them.

    Raises ReconcilerError RS501 where it can, and its folder cannot be read.
    """
    return store.accounts() if isinstance(store, LocalStore) else []


def other_states(store: StateStore, *, than: AbstractSet[str] = frozenset()) -> tuple[list[State], list[Diagnostic]]:
    """Return the states of all accounts but those, and a warning for each that cannot be read, or for all at once."""
    try:
        accounts = accounts_in(store)
    except ReconcilerError as error:
        return [], _as_warnings(error)
    states, wrong = [], []
    for account in accounts:
        if account in than:
            continue
        try:
            states.append(store.read(account))
        except ReconcilerError as error:
            wrong += _as_warnings(error)
    return states, wrong


def _as_warnings(error: ReconcilerError) -> list[Diagnostic]:
    return [replace(found, severity=Severity.WARNING) for found in error.diagnostics]


def ledger_of(states: Iterable[State]) -> dict[str, Remembered]:
    """Return what states remember of every ID, each as last seen; of an ID in several the first has the word."""
    found: dict[str, Remembered] = {}
    for state in states:
        for id_ in state.ledger:
            entry = remembered(state, id_)
            if entry is not None:
                found.setdefault(id_, entry)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """An owned object: the account whose state has it, and its address."""

    account: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """All that is remembered of one unique ID; times are RFC 3339 in UTC, None where not known.

    `alive` tells whether it lived when its account was last looked at, None where no ledger has it. `named_by` is the
    call that gave it its ARN and `deleted_by` the one that ended it, None where CloudTrail was not asked. `owned` is
    the object that it is, `trusted_by` are the objects that trusted it when last applied.
    """

    id: str
    arn: str
    kind: str
    account: str
    alive: bool | None = None
    first_seen: str | None = None
    last_alive: str | None = None
    first_dead: str | None = None
    deleted: str | None = None
    named_by: Recorded | None = None
    deleted_by: Recorded | None = None
    owned: Holder | None = None
    trusted_by: tuple[Holder, ...] = ()


def known_of(principal: str, states: Sequence[State]) -> list[Known]:
    """Return what states know of a unique ID, with a session or without, or of all that an ARN had, oldest first."""
    by_id = UNIQUE_ID.fullmatch(principal)
    ids = {by_id["id"]} if by_id else _ids_of(principal, states)
    found = [known for id_ in sorted(ids) for known in _known(id_, states)]
    return sorted(found, key=lambda known: (known.first_seen or "", known.id))


def _ids_of(arn: str, states: Sequence[State]) -> set[str]:
    ids: set[str] = set()
    for state in states:
        ids |= {id_ for id_, entry in state.ledger.items() if entry.arn == arn}
        for owned in state.objects.values():
            ids |= {owned.id} if owned.arn == arn else set()
            ids |= {owned.principals[arn]} if arn in owned.principals else set()
    return ids


def _known(id_: str, states: Sequence[State]) -> Iterator[Known]:
    """Yield what is known of an ID: once for each ledger that has it, or else as those have it that trust it."""
    trusted_by = tuple(_trusting(id_, states))
    owned = next(_owning(id_, states), None)
    entries = [(state, entry) for state in states if (entry := remembered(state, id_)) is not None]
    for state, entry in entries:
        yield replace(
            _named(id_, entry.arn),
            alive=state.ledger[id_].last_alive is None,
            first_seen=entry.first_seen,
            last_alive=entry.last_alive,
            first_dead=entry.first_dead,
            deleted=entry.deleted,
            named_by=entry.named_by,
            deleted_by=entry.deleted_by,
            owned=owned,
            trusted_by=trusted_by,
        )
    if not entries and (arn := _arn_elsewhere(id_, states)) is not None:
        yield replace(_named(id_, arn), owned=owned, trusted_by=trusted_by)


def _named(id_: str, text: str) -> Known:
    arn = parse_arn(text)
    return Known(id=id_, arn=text, kind=arn.kind if arn else "", account=arn.account if arn else "")


def _trusting(id_: str, states: Iterable[State]) -> Iterator[Holder]:
    for state in states:
        for address, owned in sorted(state.objects.items()):
            if id_ in owned.principals.values():
                yield Holder(account=state.account, address=address)


def _owning(id_: str, states: Iterable[State]) -> Iterator[Holder]:
    for state in states:
        for address, owned in state.objects.items():
            if owned.id == id_:
                yield Holder(account=state.account, address=address)


def _arn_elsewhere(id_: str, states: Iterable[State]) -> str | None:
    """Return the ARN under which an object trusted an ID that no ledger has, or that of the object that has it."""
    for state in states:
        for owned in state.objects.values():
            if owned.id == id_:
                return owned.arn
            if named := [arn for arn, known in owned.principals.items() if known == id_]:
                return named[0]
    return None


def contradictions(states: Sequence[State]) -> dict[str, list[Diagnostic]]:
    """Return by account where its ledger cannot be true, or not beside another's; nothing is done about it."""
    found: defaultdict[str, list[Diagnostic]] = defaultdict(list)
    arns: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for state in states:
        found[state.account] += _within(state)
        for id_, entry in state.ledger.items():
            arns[id_][state.account] = entry.arn
    for id_, by_account in sorted(arns.items()):
        if len(set(by_account.values())) > 1:
            told = "; ".join(f"{arn} in that of {account}" for account, arn in sorted(by_account.items()))
            for account in by_account:
                found[account].append(_said(Code.RS503, f"{id_} is somebody else in each state: {told}."))
    return {account: said for account, said in found.items() if said}


def _within(state: State) -> Iterator[Diagnostic]:
    """Yield what contradicts itself in one ledger: an ARN has one holder at a time, and an ID one account."""
    holders: defaultdict[str, list[str]] = defaultdict(list)
    for id_, entry in sorted(state.ledger.items()):
        arn = parse_arn(entry.arn)
        if arn is None or arn.account != state.account:
            yield _said(Code.RS503, f"The state of account {state.account} has {id_} as {entry.arn}.")
        if entry.last_alive is None:
            holders[entry.arn].append(id_)
    for arn_text, ids in holders.items():
        if len(ids) > 1:
            message = f"In the state of account {state.account} {arn_text} has several IDs at once: {', '.join(ids)}."
            yield _said(Code.RS502, message)


def _said(code: Code, message: str) -> Diagnostic:
    remedy = "The account itself has the word about who lives. Somebody may have edited, copied or merged a state."
    return Diagnostic(code, message, severity=Severity.WARNING, help=remedy)
