"""One account of a file, read: each entity of its lists becomes what the sandbox holds.

Fields that are not known are passed over, as AWS adds to them; a list that is null is an empty one. What is no
account raises one of `WRONG`, with a sentence that says what is wrong and with which entity.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypedDict, TypeVar
from urllib.parse import unquote

from reconciler.sandbox.entities import (
    Document,
    Group,
    InstanceProfile,
    ManagedPolicy,
    OidcProvider,
    PolicyVersion,
    Role,
    SamlProvider,
    Tags,
    User,
)
from reconciler.sandbox.errors import IamError
from reconciler.sandbox.tables import Table, Tables

Raw = Mapping[str, Any]
E = TypeVar("E")

WRONG: Final = (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError, IamError)
"""What reading raises for what is no account."""

_HOME: Final = re.compile(r"arn:aws(?:-[a-z]+)*:iam::([0-9]{12}):")
_OF_AWS: Final = re.compile(r"arn:aws(?:-[a-z]+)*:iam::aws:")
_VERSION: Final = re.compile(r"v([1-9][0-9]{0,8})")
_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)


def fill(tables: Tables, raw: Raw, *, account_id: str) -> None:
    """Put all entities of an account's lists into its tables."""

    def add(table: Table[E], name: str, make: Callable[[Raw], E]) -> None:
        for place, item in _placed(raw, name, account_id):
            with _at(place):
                table.add(make(item))

    add(tables.groups, "GroupDetailList", _group)
    groups = {group.name: group.group_id for group in tables.groups}
    add(tables.users, "UserDetailList", lambda item: _user(item, groups))
    add(tables.roles, "RoleDetailList", _role)
    add(tables.policies, "Policies", _policy)
    add(tables.instance_profiles, "InstanceProfiles", lambda item: _profile(item, _maybe(item, "RoleId")))
    if "InstanceProfiles" not in raw:
        _add_profiles_of_roles(tables, raw)
    add(tables.oidc_providers, "OpenIDConnectProviders", _oidc)
    add(tables.saml_providers, "SAMLProviders", _saml)


def items(raw: Raw, name: str) -> list[Raw]:
    """The objects of a list; none where the list is null or not there."""
    found = raw.get(name) or []
    if not isinstance(found, list) or not all(isinstance(item, Mapping) for item in found):
        raise ValueError(f"{name} is not a list of objects")
    return found


def said(error: Exception) -> str:
    """What an error of `WRONG` says; that of a missing key is the bare key."""
    return f"no {error.args[0]}" if isinstance(error, KeyError) else str(error)


@contextmanager
def _at(place: str) -> Iterator[None]:
    try:
        yield
    except WRONG as error:
        raise ValueError(f"{place}: {said(error)}") from error


def _placed(raw: Raw, name: str, account_id: str) -> Iterator[tuple[str, Raw]]:
    """The entities of a list that are the account's own, each with its place in the file."""
    for number, item in enumerate(items(raw, name)):
        arn = str(item.get("Arn", ""))
        # The call lists AWS's own policies too; the sandbox has those by itself.
        if _OF_AWS.match(arn):
            continue
        place, home = f"{name}[{number}]", _HOME.match(arn)
        if home and home[1] != account_id:
            raise ValueError(f"{place}: {arn} is not of account {account_id}")
        yield place, item


class _Holder(TypedDict):
    """What users, groups and roles have in common."""

    name: str
    path: str
    created: datetime
    inline: dict[str, str]
    attached: tuple[str, ...]


def _holder(raw: Raw, noun: str) -> _Holder:
    return {
        "name": _named(raw, f"{noun}Name"),
        "path": _path(raw),
        "created": _moment(raw),
        "inline": _inline(items(raw, f"{noun}PolicyList")),
        "attached": _attached(raw),
    }


def _group(raw: Raw) -> Group:
    return Group(group_id=_unique_id(raw, "GroupId", "AGPA"), **_holder(raw, "Group"))


def _user(raw: Raw, groups: Mapping[str, str]) -> User:
    return User(
        user_id=_unique_id(raw, "UserId", "AIDA"),
        **_holder(raw, "User"),
        groups=tuple(_group_id(name, groups) for name in raw.get("GroupList") or ()),
        boundary=_boundary(raw),
        tags=_tags(raw),
    )


def _role(raw: Raw) -> Role:
    return Role(
        role_id=_unique_id(raw, "RoleId", "AROA"),
        **_holder(raw, "Role"),
        trust=_document(raw["AssumeRolePolicyDocument"]),
        description=_maybe(raw, "Description"),
        max_session_duration=int(raw.get("MaxSessionDuration", 3600)),
        max_signin_session_duration=raw.get("MaxSigninSessionDuration"),
        boundary=_boundary(raw),
        tags=_tags(raw),
        last_used=_last_used(raw),
    )


def _last_used(raw: Raw) -> tuple[datetime, str] | None:
    used = raw.get("RoleLastUsed") or {}
    return (_parsed(used["LastUsedDate"]), used.get("Region", "us-east-1")) if "LastUsedDate" in used else None


def _policy(raw: Raw) -> ManagedPolicy:
    versions = tuple(map(_version, items(raw, "PolicyVersionList")))
    default = _named(raw, "DefaultVersionId")
    if default not in {version.version_id for version in versions}:
        raise ValueError(f"there is no version {default}, which is to be the default")
    newest = max(_number(version.version_id) for version in versions)
    return ManagedPolicy(
        policy_id=_unique_id(raw, "PolicyId", "ANPA"),
        arn=_named(raw, "Arn"),
        name=_named(raw, "PolicyName"),
        path=_path(raw),
        created=_moment(raw),
        updated=_parsed(raw.get("UpdateDate", raw.get("CreateDate"))),
        description=_maybe(raw, "Description"),
        versions=versions,
        default_version=default,
        next_version=int(raw.get("NextVersion", newest + 1)),
        tags=_tags(raw),
    )


def _version(raw: Raw) -> PolicyVersion:
    return PolicyVersion(version_id=_named(raw, "VersionId"), document=_text(raw["Document"]), created=_moment(raw))


def _number(version_id: str) -> int:
    found = _VERSION.fullmatch(version_id)
    if found is None:
        raise ValueError(f"{version_id} is no version of a policy")
    return int(found[1])


def _add_profiles_of_roles(tables: Tables, raw: Raw) -> None:
    """The call has no list of instance profiles: each role has those that it is in."""
    for number, role in enumerate(items(raw, "RoleDetailList")):
        for item in items(role, "InstanceProfileList"):
            with _at(f"RoleDetailList[{number}].InstanceProfileList"):
                tables.instance_profiles.add(_profile(item, _named(role, "RoleId")))


def _profile(raw: Raw, role_id: str | None) -> InstanceProfile:
    return InstanceProfile(
        profile_id=_unique_id(raw, "InstanceProfileId", "AIPA"),
        name=_named(raw, "InstanceProfileName"),
        path=_path(raw),
        created=_moment(raw),
        role_id=role_id,
        tags=_tags(raw),
    )


def _oidc(raw: Raw) -> OidcProvider:
    return OidcProvider(
        arn=_named(raw, "Arn"),
        url=_named(raw, "Url"),
        created=_moment(raw),
        client_ids=tuple(raw.get("ClientIDList", ())),
        thumbprints=tuple(raw.get("ThumbprintList", ())),
        tags=_tags(raw),
    )


def _saml(raw: Raw) -> SamlProvider:
    return SamlProvider(
        arn=_named(raw, "Arn"),
        name=_named(raw, "Name"),
        metadata=_named(raw, "SAMLMetadataDocument"),
        created=_moment(raw),
        valid_until=_parsed(_named(raw, "ValidUntil")),
        tags=_tags(raw),
    )


# --- pieces ------------------------------------------------------------------------------------


def _named(raw: Raw, key: str) -> str:
    value = raw[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} is no text: {value!r}")
    return value


def _maybe(raw: Raw, key: str) -> str | None:
    return None if raw.get(key) is None else _named(raw, key)


def _path(raw: Raw) -> str:
    return _maybe(raw, "Path") or "/"


def _unique_id(raw: Raw, key: str, prefix: str) -> str:
    value = _named(raw, key)
    if not re.fullmatch(rf"{prefix}[A-Z0-9]{{12,124}}", value):
        raise ValueError(f"{key} begins with {prefix}, unlike {value!r}")
    return value


def _group_id(name: str, groups: Mapping[str, str]) -> str:
    if name not in groups:
        raise ValueError(f"it is in the group {name}, which is not in the file")
    return groups[name]


def _moment(raw: Raw) -> datetime:
    return _parsed(raw.get("CreateDate"))


def _parsed(text: object) -> datetime:
    if text is None:
        return _EPOCH
    moment = text if isinstance(text, datetime) else datetime.fromisoformat(str(text))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _document(raw: object) -> Document:
    document = json.loads(_text(raw))
    found = document.get("Statement") if isinstance(document, dict) else None
    statements: list[Any] = found if isinstance(found, list) else [found]
    if not all(isinstance(statement, dict) for statement in statements):
        raise ValueError("a trust policy is an object with a Statement")
    for statement in statements:
        _check_principal(statement.get("Principal", "*"))
    return dict(document)


def _check_principal(principal: object) -> None:
    entries = principal.values() if isinstance(principal, dict) else [principal]
    values = [value for entry in entries for value in (entry if isinstance(entry, list) else [entry])]
    if not all(isinstance(value, str) for value in values):
        raise ValueError("principals are text")


def _text(raw: object) -> str:
    """A document as text: it comes as an object, as text, or URL-encoded."""
    if isinstance(raw, Mapping):
        return json.dumps(raw, separators=(",", ":"), ensure_ascii=False)
    text = raw if isinstance(raw, str) and raw.lstrip().startswith("{") else unquote(str(raw))
    if not text.lstrip().startswith("{"):
        raise ValueError(f"a policy document is an object: {text[:40]!r}")
    return text


def _inline(raw: Iterable[Raw]) -> dict[str, str]:
    return {_named(item, "PolicyName"): _text(item["PolicyDocument"]) for item in raw}


def _attached(raw: Raw) -> tuple[str, ...]:
    return tuple(_named(item, "PolicyArn") for item in items(raw, "AttachedManagedPolicies"))


def _boundary(raw: Raw) -> str | None:
    boundary = raw.get("PermissionsBoundary") or {}
    arn = boundary.get("PermissionsBoundaryArn")
    return None if arn is None else str(arn)


def _tags(raw: Raw) -> Tags:
    return tuple((_named(item, "Key"), _named(item, "Value")) for item in items(raw, "Tags"))
