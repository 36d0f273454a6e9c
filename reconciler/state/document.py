"""A memory as the text of a state file, and back.

The text is JSON, readable, sorted, plain ASCII, and the same for the same memory. Fields that say nothing are
left out. `digest` is the SHA-256 over all the rest, as compact JSON with sorted keys in UTF-8: what somebody
typed, a disk lost or a merge tool mixed is noticed, what somebody merely indented in another way is not.

Reading is strict. JSON allows more than means one thing (a key twice, NaN, half a character), and a state
that is misread is worse than one that is refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Generic, NoReturn, TypeAlias, TypeVar

from reconciler.model.diagnostic import Code
from reconciler.model.principal import Recorded, Remembered
from reconciler.state.values import FORMAT_VERSION, Intent, Owned, State

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Entry = TypeVar("Entry")


class NotAState(Exception):  # noqa: N818  what it says is the plainest name
    """The text is no state of the account: the code, and the rest of a sentence that begins with the file."""

    def __init__(self, code: Code, why: str, *, line: int | None = None) -> None:
        super().__init__(why)
        self.code = code
        self.why = why
        self.line = line


def encode(state: State) -> bytes:
    """Return the text of the file for a state.

    Raises NotAState where the state holds what no reader would take back, such as half a surrogate pair.
    """
    content = _content(state)
    text = json.dumps({**content, "digest": _digest(content)}, indent=2, sort_keys=True, allow_nan=False)
    return text.encode("ascii") + b"\n"


def digest_of(state: State) -> str:
    """Return the digest that the file of a state carries, which is also its `version`; raises as `encode`."""
    return _digest(_content(state))


def decode(data: bytes, *, account: str) -> State:
    """Return the state that a text means; raises NotAState where it is none, or not of this account."""
    try:
        return _state(_parse(data), account=account)
    except RecursionError:
        raise NotAState(Code.RS502, "is nested deeper than any state is") from None


def header_of(state: State) -> dict[str, object]:
    """Return what a state says besides its entries, by the names in the file."""
    return {
        "format_version": FORMAT_VERSION,
        "account": state.account,
        "lineage": state.lineage,
        "serial": state.serial,
        "seen_at": state.seen_at,
        "settings": dict(state.settings),
    }


def read_entry(section: Section[Entry], text: str) -> None:
    """Read an entry, as `"KEY":{...}`, as it will be read from the file; raises NotAState if it would be refused."""
    try:
        Fields(_parse(f'{{"{section.name}":{{{text}}}}}'.encode())).entries(section.name, section.read)
    except RecursionError:
        raise NotAState(Code.RS502, "is nested deeper than any state is") from None


def _content(state: State) -> dict[str, object]:
    return header_of(state) | {
        section.name: {key: section.fields(entry) for key, entry in section.of(state).items()} for section in SECTIONS
    }


def _owned_fields(owned: Owned) -> dict[str, object]:
    return _said(
        {
            "id": owned.id,
            "arn": owned.arn,
            "manifest": owned.manifest,
            "since": owned.since,
            "origin": owned.origin,
            "prevent_destroy": owned.prevent_destroy,
            "retain": owned.retain,
            "digests": dict(owned.digests),
            "principals": dict(owned.principals),
            "held": list(owned.held),
        }
    )


def _remembered_fields(entry: Remembered) -> dict[str, object]:
    return _said(
        {
            "arn": entry.arn,
            "first_seen": entry.first_seen,
            "last_alive": entry.last_alive,
            "first_dead": entry.first_dead,
            "deleted": entry.deleted,
            "named_by": entry.named_by and _recorded_fields(entry.named_by),
            "deleted_by": entry.deleted_by and _recorded_fields(entry.deleted_by),
        }
    )


def _recorded_fields(record: Recorded) -> dict[str, object]:
    return _said(
        {
            "call": record.call,
            "at": record.at,
            "by": record.by,
            "event_id": record.event_id,
            "request_id": record.request_id,
        }
    )


def _intent_fields(intent: Intent) -> dict[str, object]:
    return _said(
        {
            "action": intent.action,
            "begun": intent.begun,
            "id": intent.id,
            "forms": {path: list(forms) for path, forms in intent.forms.items()},
        }
    )


def _said(fields: dict[str, object]) -> dict[str, object]:
    """Return the fields that say something: not None, not False, not empty; an empty text is a text."""
    return {name: value for name, value in fields.items() if value or isinstance(value, str)}


def _digest(content: Mapping[str, object]) -> str:
    return digest_of_text(compact(content))


def compact(content: object) -> str:
    """Return content as the JSON that is digested."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of_text(text: str) -> str:
    """Return the digest of a state as compact JSON; raises NotAState for half a surrogate pair in it."""
    try:
        return "sha256:" + sha256(text.encode()).hexdigest()
    except UnicodeEncodeError as error:
        half = ascii(error.object[error.start])
        raise NotAState(Code.RS502, f"holds {half}, which is half a character") from None


def _parse(data: bytes) -> dict[str, Json]:
    if not data.strip():
        raise NotAState(Code.RS501, "is empty, as after a full disk or a crash of another program")
    try:
        document = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_no_number, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise NotAState(Code.RS501, f"is not UTF-8, from byte {error.start} on") from None
    except json.JSONDecodeError as error:
        why = "breaks off" if error.pos >= len(data.decode().rstrip()) else "is not JSON"
        raise NotAState(Code.RS501, f"{why} in line {error.lineno}, column {error.colno}", line=error.lineno) from None
    except ValueError:
        raise NotAState(Code.RS502, "holds a number with more digits than any number in a state has") from None
    if not isinstance(document, dict):
        raise NotAState(Code.RS502, f"holds {_kind(document)} where a state is an object")
    return document


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise NotAState(Code.RS502, f"says {repeated!r} twice in one place")
    return found


def _no_number(text: str) -> NoReturn:
    raise NotAState(Code.RS502, f"holds {text}, which is not a number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotAState(Code.RS502, f"holds {text}, which is too large a number")
    return number


def _state(document: dict[str, Json], *, account: str) -> State:
    fields = Fields(document)
    _check_version(fields.number("format_version"))
    digest = fields.text("digest")
    if digest != _digest({name: value for name, value in document.items() if name != "digest"}):
        raise NotAState(Code.RS502, "was altered: its content does not match its digest")
    if (found := fields.text("account")) != account:
        raise NotAState(Code.RS503, f"is the state of account {found}, not of {account}")
    state = State(
        account=account,
        lineage=fields.text("lineage"),
        serial=fields.number("serial"),
        seen_at=fields.text_or_none("seen_at"),
        objects=fields.entries(OBJECTS.name, OBJECTS.read),
        ledger=fields.entries(LEDGER.name, LEDGER.read),
        intents=fields.entries(INTENTS.name, INTENTS.read),
        settings=fields.mapping("settings"),
        version=digest,
    )
    fields.nothing_else()
    return state


def _check_version(version: int) -> None:
    if version > FORMAT_VERSION:
        raise NotAState(Code.RS504, f"has format {version}; this version of the program reads {FORMAT_VERSION} at most")
    if version < FORMAT_VERSION:
        raise NotAState(Code.RS502, f"has format {version}, which never was")


def _owned(_address: str, fields: Fields) -> Owned:
    return Owned(
        id=fields.text("id"),
        arn=fields.text("arn"),
        manifest=fields.text("manifest"),
        since=fields.text("since"),
        origin=fields.text("origin"),
        prevent_destroy=fields.flag("prevent_destroy"),
        retain=fields.flag("retain"),
        digests=fields.texts("digests"),
        principals=fields.texts("principals"),
        held=fields.list_of_text("held"),
    )


def _remembered(_id: str, fields: Fields) -> Remembered:
    return Remembered(
        arn=fields.text("arn"),
        first_seen=fields.text_or_none("first_seen"),
        last_alive=fields.text_or_none("last_alive"),
        first_dead=fields.text_or_none("first_dead"),
        deleted=fields.text_or_none("deleted"),
        named_by=fields.entry_or_none("named_by", _recorded),
        deleted_by=fields.entry_or_none("deleted_by", _recorded),
    )


def _recorded(_name: str, fields: Fields) -> Recorded:
    return Recorded(
        call=fields.text("call"),
        at=fields.text("at"),
        by=fields.text("by"),
        event_id=fields.text("event_id"),
        request_id=fields.text_or_none("request_id"),
    )


def _intent(address: str, fields: Fields) -> Intent:
    return Intent(
        address=address,
        action=fields.text("action"),
        begun=fields.text("begun"),
        id=fields.text_or_none("id"),
        forms=fields.forms("forms"),
    )


@dataclass(frozen=True, slots=True)
class Section(Generic[Entry]):
    """One kind of entries: where a state has them, by key, and how each becomes fields of the file, and back."""

    name: str
    of: Callable[[State], Mapping[str, Entry]]
    fields: Callable[[Entry], dict[str, object]]
    read: Callable[[str, Fields], Entry]


OBJECTS = Section("objects", lambda state: state.objects, _owned_fields, _owned)
LEDGER = Section("ledger", lambda state: state.ledger, _remembered_fields, _remembered)
INTENTS = Section("intents", lambda state: state.intents, _intent_fields, _intent)
SECTIONS: tuple[Section[Any], ...] = (OBJECTS, LEDGER, INTENTS)


@dataclass(slots=True)
class Fields:
    """The fields of one JSON object, each taken once and by type; `where` is the pointer to the object."""

    left: dict[str, Json]
    where: str = ""

    def __post_init__(self) -> None:
        """Take from a copy: the document is still to be digested."""
        self.left = dict(self.left)

    def text(self, name: str) -> str:
        """Take a text."""
        return self._text_at(name, self.left.pop(name, None))

    def text_or_none(self, name: str) -> str | None:
        """Take a text that may be missing."""
        value = self.left.pop(name, None)
        return None if value is None else self._text_at(name, value)

    def number(self, name: str) -> int:
        """Take a whole number, 0 or more."""
        value = self.left.pop(name, None)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        return self._wrong(name, value, "a whole number")

    def flag(self, name: str) -> bool:
        """Take a truth value; missing is false."""
        value = self.left.pop(name, False)
        return value if isinstance(value, bool) else self._wrong(name, value, "true or false")

    def mapping(self, name: str) -> dict[str, Json]:
        """Take an object with whatever is in it; missing is empty."""
        value = self.left.pop(name, None)
        if value is None:
            return {}
        return value if isinstance(value, dict) else self._wrong(name, value, "an object")

    def texts(self, name: str) -> dict[str, str]:
        """Take an object whose values are texts."""
        return {key: self._text_at(f"{name}/{key}", value) for key, value in self.mapping(name).items()}

    def list_of_text(self, name: str) -> tuple[str, ...]:
        """Take a list of texts; missing is empty."""
        return tuple(self._text_at(name, item) for item in self._list_at(name, self.left.pop(name, [])))

    def forms(self, name: str) -> dict[str, tuple[str | None, ...]]:
        """Take an object whose values are lists of texts or null."""
        return {
            path: tuple(
                None if item is None else self._text_at(f"{name}/{path}", item)
                for item in self._list_at(f"{name}/{path}", value)
            )
            for path, value in self.mapping(name).items()
        }

    def entries(self, name: str, read: Callable[[str, Fields], Entry]) -> dict[str, Entry]:
        """Take an object of objects, each read by `read`, which is given its key."""
        return {key: self._entry(f"{name}/{key}", key, value, read) for key, value in self.mapping(name).items()}

    def entry_or_none(self, name: str, read: Callable[[str, Fields], Entry]) -> Entry | None:
        """Take an object that may be missing, read by `read`, which is given its name."""
        value = self.left.pop(name, None)
        return None if value is None else self._entry(name, name, value, read)

    def nothing_else(self) -> None:
        """Refuse what nobody took."""
        if self.left:
            raise NotAState(Code.RS502, f"has an unknown field {self.where}/{next(iter(self.left))}")

    def _entry(self, path: str, key: str, value: Json, read: Callable[[str, Fields], Entry]) -> Entry:
        if not isinstance(value, dict):
            return self._wrong(path, value, "an object")
        fields = Fields(value, f"{self.where}/{path}")
        entry = read(key, fields)
        fields.nothing_else()
        return entry

    def _text_at(self, path: str, value: Json) -> str:
        return value if isinstance(value, str) else self._wrong(path, value, "a text")

    def _list_at(self, path: str, value: Json) -> list[Json]:
        return value if isinstance(value, list) else self._wrong(path, value, "a list")

    def _wrong(self, path: str, value: Json, wanted: str) -> NoReturn:
        raise NotAState(Code.RS502, f"has {_kind(value)} at {self.where}/{path} where {wanted} belongs")


def _kind(value: Json) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "a truth value"
        case int():
            return "a number" if value >= 0 else "a number below 0"
        case float():
            return "a fraction"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "an object"
