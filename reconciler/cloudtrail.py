"""What CloudTrail remembers of users and roles: whose a dead ID was, who deleted him, who took his name since.

The answer to CreateUser or CreateRole is recorded with the unique ID in it; DeleteUser, DeleteRole and UpdateUser
are recorded by name alone (IAM User Guide, cloudtrail-integration). So events are replayed, oldest first, into lives:
a name is taken by a creation, handed on by a rename, and given up by a deletion. A life that began before the events do
has no ID; it is recognised by its name, where the ledger knows whose name that was at the time.

Times are to the second, and one second is enough to delete and to create: within a second what is possible comes first.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, TypeAlias

from reconciler.model.arn import iam_arn, parse_arn
from reconciler.model.principal import UNIQUE_ID, Recorded, Remembered

KEPT: Final = timedelta(days=90)
"""How long CloudTrail's event history lasts (AWS CloudTrail User Guide, view-cloudtrail-events)."""

CALLS: Final[Mapping[str, tuple[str, ...]]] = {
    "AROA": ("CreateRole", "DeleteRole"),
    "AIDA": ("CreateUser", "UpdateUser", "DeleteUser"),
}
"""The calls that matter to an ID, by its prefix."""

IAM: Final = "iam.amazonaws.com"
"""What records the events of users and roles: other services have a CreateUser and a DeleteUser of their own."""

SKEW: Final = timedelta(minutes=5)
"""How far this machine's clock may be from AWS's, which accepts no signature beyond it."""

_HALF: Final = re.compile("[\ud800-\udfff]")
_ALL: Final = frozenset(call for calls in CALLS.values() for call in calls)
_CREATIONS: Final = frozenset({"CreateRole", "CreateUser"})


Key: TypeAlias = tuple[str, str, str]
"""Who holds a name: account, `user` or `role`, and the name without regard to case, in which it is unique."""


def key_of(account: str, kind: str, name: str) -> Key:
    """Return what tells one holder of a name from another."""
    return account, kind, name.casefold()


class NotAnEventError(Exception):
    """A record that has not the form of an event; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed(Recorded):
    """What somebody did to a user or role: one event, and to whom.

    `id` and `arn` are those of what was created; `new_name` and `new_path` are those that a rename gave.
    """

    account: str
    name: str
    id: str | None = None
    arn: str | None = None
    new_name: str | None = None
    new_path: str | None = None

    @property
    def kind(self) -> str:
        """Return `user` or `role`."""
        return "role" if self.call.endswith("Role") else "user"

    @property
    def key(self) -> Key:
        """Return the holder of the name that it was done to."""
        return key_of(self.account, self.kind, self.name)

    @property
    def new_key(self) -> Key:
        """Return the holder of the name that it gave, the same where it gave none."""
        return key_of(self.account, self.kind, self.new_name or self.name)

    @property
    def record(self) -> Recorded:
        """Return what the ledger keeps of it: who did it, when, and where to find it."""
        return Recorded(call=self.call, at=self.at, by=self.by, event_id=self.event_id, request_id=self.request_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What CloudTrail tells of a dead ID: its last ARN, how it came to be and to end, and who has its name since.

    Each deed is None where CloudTrail has it no more, or not at all. `named` gave the ID its last ARN, which is its
    creation unless it was renamed; `recreated` gave that ARN to `successor`, the ID that has it now.
    """

    arn: str
    created: Deed | None = None
    named: Deed | None = None
    deleted: Deed | None = None
    recreated: Deed | None = None
    successor: str | None = None

    @property
    def says_something(self) -> bool:
        """Tell whether there is any deed to tell of."""
        return any((self.created, self.deleted, self.recreated))


def read_events(records: Iterable[object], *, account: str) -> tuple[list[Deed], list[str]]:
    """Return the deeds in records of LookupEvents, in their order, and what is wrong with those that are none.

    What an event does not say of itself is taken from the entry that it stands in; `account` is whose event history was
    asked, and so whose it is where it names none.
    Calls that failed are recorded too, with an `errorCode` and mostly an `errorMessage`, and perhaps without what they
    asked for (AWS CloudTrail User Guide, cloudtrail-event-reference-record-contents). They did nothing.
    """
    deeds, wrong = [], []
    for record in records:
        try:
            deed = _deed(record, account)
        except NotAnEventError as error:
            wrong.append(str(error))
        else:
            deeds += [deed] if deed else []
    return deeds, wrong


def _deed(record: object, account: str) -> Deed | None:
    event = _event(record)
    call = _text(event, "eventName")
    if call not in _ALL or _failed(event) or _text(event, "eventSource") != IAM:
        return None
    kind = "role" if call.endswith("Role") else "user"
    asked = _object(event, "requestParameters")
    deed = Deed(
        call=call,
        at=_instant(_text(event, "eventTime")),
        by=_who(event.get("userIdentity"), _text_or_none(event, "Username")),
        event_id=_text(event, "eventID"),
        request_id=_text_or_none(event, "requestID"),
        account=_text_or_none(event, "recipientAccountId") or account,
        name=_text(asked, f"{kind}Name"),
        new_name=_text_or_none(asked, "newUserName"),
        new_path=_text_or_none(asked, "newPath"),
    )
    if call not in _CREATIONS:
        return deed
    made = _object(_object(event, "responseElements"), kind)
    id_, arn = _text(made, f"{kind}Id"), _text(made, "arn")
    parsed = parse_arn(arn)
    if not UNIQUE_ID.fullmatch(id_) or parsed is None or not arn.isascii():
        raise NotAnEventError(f"{id_!r} is no unique ID, or {arn!r} no ARN")
    if (parsed.account, parsed.kind) != (deed.account, kind):
        raise NotAnEventError(f"{arn} is no {kind} of account {deed.account}")
    return replace(deed, id=id_, arn=arn)


def _failed(event: Mapping[str, Any]) -> bool:
    return event.get("errorCode") is not None or event.get("errorMessage") is not None


def _event(record: object) -> Mapping[str, Any]:
    if not isinstance(record, Mapping):
        raise NotAnEventError("an entry is no object")
    try:
        event = json.loads(_text(record, "CloudTrailEvent"))
    except (ValueError, RecursionError) as error:
        raise NotAnEventError("its text is not JSON") from error
    if not isinstance(event, dict):
        raise NotAnEventError("its text is no JSON object")
    said = {name: value for name, value in event.items() if value is not None}
    return {"Username": record.get("Username"), **_headed(record), **said}


def _headed(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what an entry says of its event, by the names in the event (CloudTrail API Reference, Event)."""
    time = record.get("EventTime")
    return {
        "eventName": record.get("EventName"),
        "eventSource": record.get("EventSource"),
        "eventID": record.get("EventId"),
        "eventTime": time.isoformat() if isinstance(time, datetime) else time,
    }


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = _text_or_none(fields, name)
    if value is None:
        raise NotAnEventError(f"it has no {name}")
    return value


def _text_or_none(fields: Mapping[str, Any], name: str) -> str | None:
    """Return a text, None for anything else: half a character, which JSON allows and no file takes, is no text."""
    value = fields.get(name)
    return value if isinstance(value, str) and value and not _HALF.search(value) else None


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = fields.get(name)
    if not isinstance(value, dict):
        raise NotAnEventError(f"it has no {name}")
    return value


def _instant(text: str) -> str:
    try:
        return _time(text).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError) as error:
        raise NotAnEventError(f"{text!r} is no time") from error


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


def moment_of(text: str | None) -> datetime | None:
    """Return the time that a ledger has, None where it has none; what somebody else wrote there may be no time."""
    try:
        return _time(text) if text else None
    except (ValueError, OverflowError):
        return None


def _who(identity: object, name: str | None) -> str:
    """Return who made a call: an ARN, else the service or the ID that stands for one (CloudTrail, userIdentity)."""
    known = identity if isinstance(identity, Mapping) else {}
    names = (_text_or_none(known, name) for name in ("arn", "invokedBy", "principalId", "userName", "accountId"))
    return next(filter(None, [*names, name]), "somebody whom the event does not name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """A user or role, from the first event that tells of it to the last.

    `id` and `arn` are None where it is older than the events. `named` is the deed that gave it its last ARN, None
    where that is older too; `renames` are all that moved it.
    """

    key: Key
    id: str | None = None
    arn: str | None = None
    created: Deed | None = None
    named: Deed | None = None
    renames: tuple[Deed, ...] = ()
    deleted: Deed | None = None

    def arn_from(self, arn: str) -> str:
        """Return the last ARN of a life that had `arn` at some time."""
        for rename in self.renames:
            if rename.key == _key_of_arn(arn):
                arn = _moved(arn, rename)
        return arn


def lives_of(deeds: Iterable[Deed]) -> list[Life]:
    """Return all lives that deeds, in the order in which they were recorded or nearly so, tell of."""
    holders: dict[Key, Life] = {}
    ended: list[Life] = []
    for _, simultaneous in groupby(sorted(deeds, key=attrgetter("at")), key=attrgetter("at")):
        for deed in _in_possible_order(list(simultaneous), holders):
            ended += _happen(deed, holders)
    return [*ended, *holders.values()]


def _in_possible_order(deeds: list[Deed], holders: Mapping[Key, Life]) -> Iterator[Deed]:
    """Yield the deeds of one second, those first that are possible at that point."""
    while deeds:
        deed = next((each for each in deeds if _is_possible(each, deeds, holders)), deeds[0])
        deeds.remove(deed)
        yield deed


def _is_possible(deed: Deed, rest: Sequence[Deed], holders: Mapping[Key, Life]) -> bool:
    """Tell whether a name is free that is taken, and held that is given up.

    Of a name that no event has told of yet it is not known which: there a deletion of the one before comes first,
    unless more is created in that second than deleted.
    """
    if deed.key in holders:
        is_free = deed.new_key == deed.key or deed.new_key not in holders
        return deed.call not in _CREATIONS and is_free
    same = [each for each in rest if each.key == deed.key]
    creations = sum(1 for each in same if each.call in _CREATIONS)
    return (deed.call in _CREATIONS) == (2 * creations > len(same))


def _happen(deed: Deed, holders: dict[Key, Life]) -> list[Life]:
    """Let a deed change who holds which name; return the lives that end with it."""
    before = holders.pop(deed.key, None)
    if deed.call in _CREATIONS:
        holders[deed.key] = Life(key=deed.key, id=deed.id, arn=deed.arn, created=deed, named=deed)
        return [before] if before else []  # its end was not recorded
    life = before or Life(key=deed.key)
    if deed.call == "UpdateUser":
        displaced = holders.pop(deed.new_key, None)
        arn = life.arn and _moved(life.arn, deed)
        named = life.named if arn and arn == life.arn else deed
        holders[deed.new_key] = replace(life, key=deed.new_key, arn=arn, named=named, renames=(*life.renames, deed))
        return [displaced] if displaced else []
    return [replace(life, deleted=deed)]


def _moved(arn: str, deed: Deed) -> str:
    parsed = parse_arn(arn)
    if parsed is None:
        return arn
    return iam_arn(
        partition=parsed.partition,
        account=parsed.account,
        kind=parsed.kind,
        path=deed.new_path or parsed.path,
        name=deed.new_name or parsed.name,
    )


class History:
    """All lives that the events of some accounts tell of, to be asked about IDs."""

    def __init__(self, deeds: Iterable[Deed] = ()) -> None:
        """Take the deeds as `lives_of` does."""
        self._by_id: dict[str, Life] = {}
        self._nameless: defaultdict[Key, list[Life]] = defaultdict(list)
        for life in lives_of(deeds):
            if life.id is not None:
                self._by_id[life.id] = life
                continue
            for key in {life.key, *(rename.key for rename in life.renames)}:
                self._nameless[key].append(life)

    def trace(self, unique_id: str, *, known: Remembered | None, alive: Mapping[str, str]) -> Trace | None:
        """Return what is known of a dead ID, None for nothing.

        `known` is what the ledger has of it; `alive` maps the ARN of each user and role alive to its ID.
        """
        life = self._by_id.get(unique_id) or (self._remembered(known) if known else None)
        if life is not None and life.arn is not None:
            arn = life.arn
        elif known is not None:
            arn = life.arn_from(known.arn) if life else known.arn
        else:
            return None
        deleted = life.deleted if life else None
        successor = alive.get(arn)
        return Trace(
            arn=arn,
            created=life.created if life else None,
            named=life.named if life else None,
            deleted=deleted,
            recreated=self._recreation(arn, successor, after=deleted),
            successor=successor,
        )

    def _remembered(self, known: Remembered) -> Life | None:
        """Return the life, older than the events, that had a name and ended when the ledger says that it did."""
        found = self._nameless.get(_key_of_arn(known.arn), ())
        return next((life for life in found if life.deleted and _fits(life.deleted, known)), None)

    def _recreation(self, arn: str, current_id: str | None, *, after: Deed | None) -> Deed | None:
        """Return the deed that gave an ARN to whoever has it now, if it came after the end of the one before."""
        if current_id is None:
            return None
        key = _key_of_arn(arn)
        heirs = [life for life in self._nameless.get(key, ()) if life.key == key and not life.deleted]
        life = self._by_id.get(current_id) or next(iter(heirs), None)
        named = life.named if life else None
        return None if named is None or (after is not None and named.at < after.at) else named


def _key_of_arn(text: str) -> Key:
    arn = parse_arn(text)
    return key_of(arn.account, arn.kind, arn.name) if arn else ("", "", text)


def _fits(deletion: Deed, known: Remembered) -> bool:
    """Tell whether a deletion lies between the last sight of somebody alive and the first of him dead."""
    at = _time(deletion.at)
    not_before = moment_of(known.last_alive or known.first_seen)
    not_after = moment_of(known.first_dead)
    return (not_before is None or at >= not_before - SKEW) and (not_after is None or at <= not_after + SKEW)


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """What CloudTrail told of the dead IDs of a run, and whose CloudTrail was read; `complete` if all was.

    Who deleted and who recreated is in the ledger from then on, and is said from there.
    """

    traces: Mapping[str, Trace] = field(default_factory=dict)
    accounts: tuple[str, ...] = ()
    complete: bool = True

    def told(self, unique_id: str) -> str:
        """Return what else became known of an ID, in a sentence, or that nothing did; empty for nothing to add."""
        trace = self.traces.get(unique_id)
        if trace is not None and trace.says_something:
            return _told(trace)
        if not self.complete:
            return "CloudTrail could not be read to the end, so it may know more."
        return f"CloudTrail of {' and '.join(self.accounts)} has nothing of it in the last {KEPT.days} days."


def _told(trace: Trace) -> str:
    parts = [f"it was created by {trace.created}"] if trace.created else []
    parts += [] if trace.deleted else ["its deletion is not recorded"]
    return f"CloudTrail: {'; '.join(parts)}." if parts else ""


def learned(
    ledger: Mapping[str, Remembered], traces: Mapping[str, Trace], *, account: str, at: str
) -> dict[str, Remembered]:
    """Return the ledger of an account with what was found out by a time `at` of its dead IDs and their successors."""
    known = dict(ledger)
    for id_, trace in traces.items():
        parsed = parse_arn(trace.arn)
        if trace.says_something and parsed is not None and parsed.account == account:
            known[id_] = _learned(known.get(id_), trace, at)
            if trace.recreated is not None and trace.successor in known:
                known[trace.successor] = replace(known[trace.successor], named_by=trace.recreated.record)
    return known


def _learned(entry: Remembered | None, trace: Trace, at: str) -> Remembered:
    created = trace.created.at if trace.created else None
    deleted = trace.deleted.at if trace.deleted else None
    before = entry or Remembered(trace.arn)
    first_seen = before.first_seen or created
    last_alive = max(filter(None, (first_seen, before.last_alive, deleted)), default=None)
    return Remembered(
        arn=trace.arn,
        first_seen=first_seen,
        last_alive=last_alive,
        first_dead=max(filter(None, (last_alive, before.first_dead or at)), default=None),
        deleted=before.deleted or deleted,
        named_by=trace.named.record if trace.named else before.named_by,
        deleted_by=trace.deleted.record if trace.deleted else before.deleted_by,
    )
