"""From one memory of an account to the next: what was seen, made, begun and finished.

The ledger grows by what changes, not by runs. An entry without `last_alive` lived at the state's `seen_at`,
so that a snapshot in which nothing happened moves a single time. What becomes of an entry when an account has
been read:

    the ID in the snapshot        the entry then
    ----------------------------  --------------------------------------------------------------
    lives, not in the ledger      is new: first seen now
    lives, under the same ARN     stays
    lives, under another ARN      has that ARN: renamed or moved, the ID is still the same entity; who named it is open
    lives, but had been gone      lives again
    is missing                    is gone: last alive at the snapshot before
    is missing, was gone already  stays

Absence means something only where the whole account was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import TypeVar

from reconciler.model.principal import UNIQUE_ID, Remembered
from reconciler.state.values import Intent, Owned, State

Value = TypeVar("Value")


def observe(state: State, living: Mapping[str, str], *, at: str, accounts: AbstractSet[str]) -> State:
    """Return the memory after a look at the account.

    `living` maps the unique ID of each user and role alive to its ARN; those of other accounts are theirs to
    remember. `accounts` are the accounts that were read whole at the time `at`, RFC 3339 in UTC.
    """
    ledger = dict(state.ledger)
    for id_, arn in living.items():
        if _is_of(state.account, arn):
            ledger[id_] = _alive(ledger.get(id_), arn=arn, at=at)
    if state.account not in accounts:
        return replace(state, ledger=ledger)
    for id_, entry in state.ledger.items():
        if id_ not in living and _is_of(state.account, entry.arn):
            ledger[id_] = _gone(entry, seen_at=state.seen_at, at=at)
    return replace(state, ledger=ledger, seen_at=at)


def _is_of(account: str, arn: str) -> bool:
    return arn.split(":", 5)[4:5] == [account]


def _alive(entry: Remembered | None, *, arn: str, at: str) -> Remembered:
    if entry is None:
        return Remembered(arn, first_seen=at)
    if entry.arn == arn and entry.last_alive is None and entry.deleted is None:
        return entry
    named_by = entry.named_by if entry.arn == arn else None
    return Remembered(arn, first_seen=entry.first_seen, named_by=named_by)


def _gone(entry: Remembered, *, seen_at: str | None, at: str | None) -> Remembered:
    if entry.last_alive is not None:
        return entry
    last_alive = _latest(entry.first_seen, seen_at)
    return replace(entry, last_alive=last_alive, first_dead=at and _latest(last_alive, at))


def _latest(*times: str | None) -> str | None:
    """Return the latest time known: a clock that was set back lets nobody die before he was first seen."""
    return max((time for time in times if time is not None), default=None)


def own(state: State, address: str, owned: Owned) -> State:
    """Return the memory with an object owned; a role enters the ledger, should it die before it is seen."""
    ledger = state.ledger
    if UNIQUE_ID.fullmatch(owned.id) and owned.id not in ledger:
        ledger = {**ledger, owned.id: Remembered(owned.arn, first_seen=owned.since)}
    return replace(state, objects={**state.objects, address: owned}, ledger=ledger)


def forget(state: State, address: str) -> State:
    """Return the memory without the ownership of an object; the ledger still knows whose ID it had."""
    return replace(state, objects=_without(state.objects, address))


def begin(state: State, intents: Iterable[Intent]) -> State:
    """Return the memory with what is about to be done.

    What a killed run left pending on the same object is not lost by beginning anew: until something is
    written, the live object may still be in one of the earlier forms.
    """
    pending = dict(state.intents)
    for intent in intents:
        earlier = pending.get(intent.address)
        pending[intent.address] = intent if earlier is None else _continued(earlier, intent)
    return replace(state, intents=pending)


def _continued(earlier: Intent, later: Intent) -> Intent:
    paths = dict.fromkeys((*earlier.forms, *later.forms))
    forms = {path: tuple(dict.fromkeys((*earlier.forms.get(path, ()), *later.forms.get(path, ())))) for path in paths}
    return replace(later, begun=earlier.begun, id=later.id or earlier.id, forms=forms)


def finish(state: State, address: str) -> State:
    """Return the memory without the intent for an object: it is done, or given up."""
    return replace(state, intents=_without(state.intents, address))


def record_deleted(state: State, id_: str, *, at: str) -> State:
    """Return the memory after this program deleted a user or role; an ID never known stays unknown."""
    entry = state.ledger.get(id_)
    if entry is None:
        return state
    dead = replace(entry, last_alive=_latest(entry.first_seen, at), first_dead=at, deleted=at)
    return replace(state, ledger={**state.ledger, id_: dead})


def remembered(state: State, id_: str) -> Remembered | None:
    """Return what the ledger knows of an ID, with the time it was last seen alive, should it still live."""
    entry = state.ledger.get(id_)
    return entry and _gone(entry, seen_at=state.seen_at, at=None)


def compact(state: State, *, dead_in_use: AbstractSet[str]) -> State:
    """Return the memory without the dead IDs that nobody asks for any more.

    `dead_in_use` are the dead IDs that live documents still show. Kept besides are the living, and every ID
    that an owned object, one of the principals it was given, or an intent refers to.
    """
    kept = dead_in_use | _referred_to(state)
    ledger = {id_: entry for id_, entry in state.ledger.items() if entry.last_alive is None or id_ in kept}
    return replace(state, ledger=ledger)


def _referred_to(state: State) -> set[str]:
    ids = {owned.id for owned in state.objects.values()}
    for owned in state.objects.values():
        ids.update(owned.principals.values())
    return ids | {intent.id for intent in state.intents.values() if intent.id is not None}


def _without(mapping: Mapping[str, Value], key: str) -> dict[str, Value]:
    return {name: value for name, value in mapping.items() if name != key}
