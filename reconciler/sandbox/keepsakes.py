"""What an account file keeps beside IAM's own lists: access keys, S3's objects, CloudTrail's events.

    Access keys   of users, as CreateAccessKey gave them out; sessions do not outlive their sandbox. A key's secret
                  is not in the file: no signature is checked, and the secret can be made from the ID again
    Buckets       with their owners and objects; a body that is text stands there as text, any other in base64
    Events        as they happened, number and all, so that LookupEvents answers as before. Passwords and secret
                  keys are left out, as CloudTrail leaves them out

Reading raises ValueError, KeyError, TypeError or AttributeError for what is none of these; `files` turns them into
its own error, and nothing has been put anywhere by then.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from reconciler.sandbox.callers import Credentials, UserCaller
from reconciler.sandbox.calls.sts import secret_of
from reconciler.sandbox.cloudtrail import Trail
from reconciler.sandbox.events import SECRETS, Event
from reconciler.sandbox.s3 import Buckets, StoredObject
from reconciler.sandbox.world import World

Raw = Mapping[str, Any]
View = dict[str, Any]
Shelf = tuple[str | None, dict[str, StoredObject]]
"""A bucket: its owner, None when it is everybody's, and its objects by key."""

_ACCESS_KEY: Final = re.compile(r"AKIA[A-Z0-9]{12,124}")
_STATUS: Final = {"Active": True, "Inactive": False}


# --- access keys ---------------------------------------------------------------------------------


def save_keys(world: World, account_id: str) -> list[View]:
    """The access keys of an account's users."""
    return [
        {
            "AccessKeyId": key.access_key_id,
            "UserId": user.user_id,
            "Status": "Active" if key.active else "Inactive",
            "CreateDate": _written(key.made),
        }
        for user in world.account(account_id).tables.users
        for key in world.keys_of(user)
    ]


def read_keys(raw: Iterable[Raw], account_id: str, user_ids: Iterable[str]) -> list[Credentials]:
    """The access keys of an account's users, each of one of them."""
    users, keys = set(user_ids), [_key(item, account_id) for item in raw]
    for key in keys:
        if not isinstance(key.caller, UserCaller) or key.caller.user_id not in users:
            raise ValueError(f"the access key {key.access_key_id} is nobody's")
    if len({key.access_key_id for key in keys}) != len(keys):
        raise ValueError("an access key is there twice")
    return keys


def _key(raw: Raw, account_id: str) -> Credentials:
    key = _text(raw["AccessKeyId"])
    if not _ACCESS_KEY.fullmatch(key):
        raise ValueError(f"{key} is no access key")
    made = _moment(raw["CreateDate"])
    return Credentials(
        access_key_id=key,
        secret_access_key=secret_of(key),
        session_token=None,
        caller=UserCaller(account_id=account_id, user_id=_text(raw["UserId"])),
        issued=made,
        made=made,
        active=_STATUS[raw["Status"]],
    )


def put_keys(world: World, account_id: str, keys: Iterable[Credentials]) -> None:
    """Give an account these keys, in place of those that its users had."""
    for key in _given_out(world, account_id):
        del world.credentials[key]
    world.credentials |= {key.access_key_id: key for key in keys}


def check_free(world: World, keys: Mapping[str, Iterable[Credentials]]) -> None:
    """ValueError when a key, of one of these accounts, is one of another account, too."""
    going = {name for account_id in keys for name in _given_out(world, account_id)}
    taken = set(world.credentials) - going
    for key in (key for held in keys.values() for key in held):
        if key.access_key_id in taken:
            raise ValueError(f"the access key {key.access_key_id} is another account's already")
        taken.add(key.access_key_id)


def _given_out(world: World, account_id: str) -> list[str]:
    return [name for name, key in world.credentials.items() if key.made and key.caller.account_id == account_id]


# --- S3 ------------------------------------------------------------------------------------------


def save_buckets(buckets: Buckets) -> View:
    """All buckets, by name."""
    return {
        name: {
            "Owner": buckets.owners.get(name),
            "Objects": {key: _saved_object(stored) for key, stored in objects.items()},
        }
        for name, objects in buckets.objects.items()
    }


def _saved_object(stored: StoredObject) -> View:
    view = {"ETag": stored.etag, "LastModified": _written(stored.modified), "Headers": dict(stored.headers)}
    try:
        return view | {"Text": stored.body.decode()}
    except UnicodeDecodeError:
        return view | {"Base64": base64.b64encode(stored.body).decode()}


def read_buckets(raw: Mapping[str, Raw]) -> dict[str, Shelf]:
    """Buckets by name."""
    return {name: (_maybe(bucket["Owner"]), _objects(bucket["Objects"])) for name, bucket in raw.items()}


def _objects(raw: Mapping[str, Raw]) -> dict[str, StoredObject]:
    return {key: _object(item) for key, item in raw.items()}


def _object(raw: Raw) -> StoredObject:
    text = raw.get("Text")
    body = base64.b64decode(raw["Base64"], validate=True) if text is None else _text(text).encode()
    headers = {_text(name): _text(value) for name, value in raw["Headers"].items()}
    return StoredObject(body=body, etag=_text(raw["ETag"]), modified=_moment(raw["LastModified"]), headers=headers)


def put_buckets(buckets: Buckets, shelves: Mapping[str, Shelf]) -> None:
    """Put buckets in, in place of those with their names; the others stay."""
    for name, (owner, objects) in shelves.items():
        buckets.objects[name] = objects
        buckets.owners.pop(name, None)
        if owner is not None:
            buckets.owners[name] = owner


# --- CloudTrail ----------------------------------------------------------------------------------


def save_events(trail: Trail, account_id: str) -> list[View]:
    """The events of an account, oldest first."""
    return [_saved_event(event) for event in trail.events if event.account == account_id]


def _saved_event(event: Event) -> View:
    error = {"ErrorCode": event.error_code, "ErrorMessage": event.error_message} if event.error_code else {}
    return {
        "Number": event.number,
        "Name": event.name,
        "At": _written(event.at),
        "Identity": _plain(event.identity),
        "Params": _plain(event.params),
        "Result": _plain(event.result),
        **error,
    }


def read_events(raw: Iterable[Raw], account_id: str) -> list[Event]:
    """The events of an account, oldest first; what cannot be shown is none."""
    events = sorted((_event(item, account_id) for item in raw), key=lambda event: event.number)
    if len({event.number for event in events}) != len(events):
        raise ValueError("an event's number is there twice")
    for event in events:
        event.entry()
    return events


def _event(raw: Raw, account_id: str) -> Event:
    number = raw["Number"]
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise ValueError("an event's number is a whole one")
    params = _rich(raw["Params"])
    return Event(
        name=_text(raw["Name"]),
        account=account_id,
        at=_moment(raw["At"]),
        identity=_mapping(_rich(raw["Identity"])),
        params=None if params is None else _mapping(params),
        result=_mapping(_rich(raw["Result"])),
        number=number,
        error_code=_maybe(raw.get("ErrorCode")),
        error_message=_maybe(raw.get("ErrorMessage")),
    )


def put_events(trail: Trail, account_id: str, events: Iterable[Event]) -> None:
    """Let CloudTrail remember these of an account, in place of those that it knew."""
    others = [event for event in trail.events if event.account != account_id]
    merged = sorted([*others, *events], key=lambda event: event.number)
    trail.events.clear()
    trail.events.extend(merged)
    trail.count = max([trail.count, *(event.number + 1 for event in merged)])


def _plain(value: Any) -> Any:
    """As JSON has it: times and bytes under names that begin with `$`, which other names then may not."""
    match value:
        case Mapping():
            return {_escaped(name): _plain(item) for name, item in value.items() if name not in SECRETS}
        case list() | tuple():
            return [_plain(item) for item in value]
        case datetime():
            return {"$time": _written(value)}
        case bytes():
            return {"$bytes": base64.b64encode(value).decode()}
        case _:
            return value


def _escaped(name: str) -> str:
    return f"${name}" if name.startswith("$") else name


def _rich(value: Any) -> Any:
    match value:
        case {"$time": text, **rest} if not rest:
            return _moment(text)
        case {"$bytes": text, **rest} if not rest:
            return base64.b64decode(text, validate=True)
        case dict():
            return {name.removeprefix("$"): _rich(item) for name, item in value.items()}
        case list():
            return [_rich(item) for item in value]
        case _:
            return value


# --- pieces --------------------------------------------------------------------------------------


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(raw: object) -> datetime:
    moment = datetime.fromisoformat(_text(raw))
    if moment.tzinfo is None:
        raise ValueError(f"{raw} is in no time zone")
    return moment


def _text(raw: object) -> str:
    if not isinstance(raw, str):
        raise TypeError(f"{raw!r} is no text")
    return raw


def _maybe(raw: object) -> str | None:
    return None if raw is None else _text(raw)


def _mapping(raw: object) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        raise TypeError(f"{raw!r} is no object")
    return raw
