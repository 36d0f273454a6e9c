"""Whole accounts as JSON: saved by the sandbox, or printed by `aws iam get-account-authorization-details`.

Both are one shape, so that anybody can rehearse a change on a copy of a real account: the four lists that the
call gives. The sandbox adds what the call leaves out (a role's description and session duration, tags of
policies, providers, quotas), and what surrounds it: access keys, buckets, events (`keepsakes`). A trust policy in
a printed account names living principals by ARN; loading looks them up among what is loaded, keeps a bare ID as
dead as it is, and keeps the ARN of a principal in an account that the sandbox does not have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from urllib.parse import unquote

from reconciler.sandbox import keepsakes, principals, views, wire
from reconciler.sandbox.callers import Credentials
from reconciler.sandbox.cloudtrail import Trail
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
from reconciler.sandbox.events import Event
from reconciler.sandbox.quotas import size
from reconciler.sandbox.s3 import Buckets
from reconciler.sandbox.tables import Table, Tables
from reconciler.sandbox.world import AccountState, World

FORMAT: Final = "iam-sandbox/1"
_LISTS: Final = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
_ACCOUNT_OF_ARN: Final = re.compile(r"arn:(aws(?:-[a-z]+)*):iam::(\d{12}):")
_UNIQUE_ID: Final = re.compile(r"\bA[A-Z]{3}[A-Z0-9]{12,124}\b")
_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)

Raw = Mapping[str, Any]
E = TypeVar("E")


class AccountFileError(Exception):
    """A file that holds no account; the message says what and where."""


# --- saving ------------------------------------------------------------------------------------


def save(world: World, *, buckets: Buckets | None = None, trail: Trail | None = None) -> dict[str, Any]:
    """Every account of the world, with its users' access keys; buckets and events where they are given."""
    accounts = {name: _saved_whole(world, state, trail) for name, state in world.accounts.items()}
    shelves = {} if buckets is None else {"buckets": keepsakes.save_buckets(buckets)}
    return {"format": FORMAT, "accounts": accounts, **shelves}


def _saved_whole(world: World, state: AccountState, trail: Trail | None) -> dict[str, Any]:
    keys = {"AccessKeys": keepsakes.save_keys(world, state.account_id)}
    events = {} if trail is None else {"Events": keepsakes.save_events(trail, state.account_id)}
    return save_account(state) | keys | events


def save_account(account: AccountState) -> dict[str, Any]:
    """One account, from which it can be made again to the last ID."""
    tables = account.tables
    saved = {
        "Partition": account.partition,
        "UserDetailList": [views.user_detailed(user, account) for user in tables.users],
        "GroupDetailList": [views.group_detailed(group, account) for group in tables.groups],
        "RoleDetailList": [_saved_role(role, account) for role in tables.roles],
        "Policies": [_saved_policy(policy) for policy in tables.policies],
        "InstanceProfiles": [_saved_profile(profile, account) for profile in tables.instance_profiles],
        "OpenIDConnectProviders": [_saved_oidc(provider) for provider in tables.oidc_providers],
        "SAMLProviders": [_saved_saml(provider) for provider in tables.saml_providers],
        "Quotas": account.quotas.changed(),
    }
    plain: dict[str, Any] = json.loads(json.dumps(saved, default=wire.timestamp))
    return plain


def _saved_role(role: Role, account: AccountState) -> views.View:
    view = {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.role_id,
        "Arn": account.role_arn(role),
        "CreateDate": role.created,
        "AssumeRolePolicyDocument": role.trust,
        "MaxSessionDuration": role.max_session_duration,
        "RolePolicyList": views.inline_list(role.inline),
        "AttachedManagedPolicies": views.attached_list(role.attached),
    }
    view |= {} if role.description is None else {"Description": role.description}
    view |= {"RoleLastUsed": {"LastUsedDate": role.last_used[0], "Region": role.last_used[1]}} if role.last_used else {}
    return view | views.signin_member(role) | views.boundary_member(role.boundary) | views.tags_member(role.tags)


def _saved_policy(policy: ManagedPolicy) -> views.View:
    view = views.policy_detailed(policy, attached=0, as_boundary=0)
    return view | {"Tags": views.tag_list(policy.tags), "NextVersion": policy.next_version}


def _saved_profile(profile: InstanceProfile, account: AccountState) -> views.View:
    return {
        "Path": profile.path,
        "InstanceProfileName": profile.name,
        "InstanceProfileId": profile.profile_id,
        "Arn": account.profile_arn(profile),
        "CreateDate": profile.created,
        "RoleId": profile.role_id,
        "Tags": views.tag_list(profile.tags),
    }


def _saved_oidc(provider: OidcProvider) -> views.View:
    return {
        "Arn": provider.arn,
        "Url": provider.url,
        "CreateDate": provider.created,
        "ClientIDList": list(provider.client_ids),
        "ThumbprintList": list(provider.thumbprints),
        "Tags": views.tag_list(provider.tags),
    }


def _saved_saml(provider: SamlProvider) -> views.View:
    return {
        "Arn": provider.arn,
        "Name": provider.name,
        "CreateDate": provider.created,
        "ValidUntil": provider.valid_until,
        "SAMLMetadataDocument": provider.metadata,
        "Tags": views.tag_list(provider.tags),
    }


# --- loading -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Loaded:
    """An account of a file, before it is put anywhere; None for what the file does not speak of."""

    state: AccountState
    keys: list[Credentials] | None
    events: list[Event] | None


def load(world: World, raw: object, *, buckets: Buckets | None = None, trail: Trail | None = None) -> list[str]:
    """Put the accounts of a file into the world, in place of those that it had; gives their IDs.

    Its buckets go into `buckets` and its events into `trail`, where they are given, likewise.
    AccountFileError when it is neither kind of file; everything is then as it was.
    """
    if not isinstance(raw, Mapping):
        raise AccountFileError("an account file is a JSON object")
    accounts = _accounts_of(raw)
    try:
        loaded = [_read(world, account_id, content) for account_id, content in accounts.items()]
        keepsakes.check_free(world, {one.state.account_id: one.keys for one in loaded if one.keys is not None})
        shelves = keepsakes.read_buckets(raw.get("buckets", {}))
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError, IamError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise AccountFileError(f"this is not an account: {what}") from error
    # The dead are named in trust policies only, and their IDs are not for others either.
    world.ids.taken.update(_UNIQUE_ID.findall(json.dumps(raw, default=str)))
    for account in loaded:
        _put(world, account, trail)
    for account in loaded:
        _bind_trust(world, account.state)
    if buckets is not None:
        keepsakes.put_buckets(buckets, shelves)
    return list(accounts)


def _read(world: World, account_id: str, raw: Raw) -> _Loaded:
    state = _load_account(world, account_id, raw)
    users = [user.user_id for user in state.tables.users]
    keys = keepsakes.read_keys(_items(raw, "AccessKeys"), account_id, users) if "AccessKeys" in raw else None
    events = keepsakes.read_events(_items(raw, "Events"), account_id) if "Events" in raw else None
    return _Loaded(state=state, keys=keys, events=events)


def _put(world: World, account: _Loaded, trail: Trail | None) -> None:
    world.install(account.state)
    if account.keys is not None:
        keepsakes.put_keys(world, account.state.account_id, account.keys)
    if account.events is not None and trail is not None:
        keepsakes.put_events(trail, account.state.account_id, account.events)


def _accounts_of(raw: Raw) -> dict[str, Raw]:
    accounts = raw.get("accounts")
    if raw.get("format") == FORMAT and isinstance(accounts, Mapping):
        return dict(accounts)
    if not any(name in raw for name in _LISTS):
        raise AccountFileError(
            f'neither a saved sandbox ("format": "{FORMAT}") nor an output of get-account-authorization-details '
            f"({', '.join(_LISTS)})"
        )
    found = _ACCOUNT_OF_ARN.search(json.dumps([raw.get(name) for name in _LISTS[:3]], default=str))
    if found is None:
        raise AccountFileError("the lists name no user, group or role, so the account is not known")
    return {found[2]: {"Partition": found[1], **raw}}


def _load_account(world: World, account_id: str, raw: Raw) -> AccountState:
    state = world.fresh_account(account_id, str(raw.get("Partition", "aws")))
    state.quotas.set(raw.get("Quotas", {}))
    tables = state.tables
    _add(tables.groups, map(_group, _items(raw, "GroupDetailList")))
    groups = {group.name: group.group_id for group in tables.groups}
    _add(tables.users, (_user(item, groups) for item in _items(raw, "UserDetailList")))
    _add(tables.roles, map(_role, _items(raw, "RoleDetailList")))
    # The call lists AWS's own policies too; the sandbox has those by itself.
    own = [item for item in _items(raw, "Policies") if f"::{account_id}:" in item["Arn"]]
    _add(tables.policies, map(_policy, own))
    _add(tables.instance_profiles, _profiles(raw))
    _add(tables.oidc_providers, map(_oidc, _items(raw, "OpenIDConnectProviders")))
    _add(tables.saml_providers, map(_saml, _items(raw, "SAMLProviders")))
    state.quotas.fit(_held(tables))
    return state


def _held(tables: Tables) -> dict[str, int]:
    """How much there is of what has a quota."""
    return {
        "AssumeRolePolicySizeQuota": max((size(json.dumps(role.trust)) for role in tables.roles), default=0),
        "AttachedPoliciesPerGroupQuota": max((len(group.attached) for group in tables.groups), default=0),
        "AttachedPoliciesPerRoleQuota": max((len(role.attached) for role in tables.roles), default=0),
        "AttachedPoliciesPerUserQuota": max((len(user.attached) for user in tables.users), default=0),
        "GroupsQuota": len(tables.groups),
        "InstanceProfilesQuota": len(tables.instance_profiles),
        "PoliciesQuota": len(tables.policies),
        "RolesQuota": len(tables.roles),
        "UsersQuota": len(tables.users),
    }


def _add(table: Table[E], entities: Iterable[E]) -> None:
    for entity in entities:
        table.add(entity)


def _items(raw: Raw, name: str) -> list[Raw]:
    items = raw.get(name, [])
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        raise ValueError(f"{name} is not a list of objects")
    return items


def _group(raw: Raw) -> Group:
    return Group(
        group_id=raw["GroupId"],
        name=raw["GroupName"],
        path=raw.get("Path", "/"),
        created=_moment(raw),
        inline=_inline(raw.get("GroupPolicyList", ())),
        attached=_attached(raw),
    )


def _user(raw: Raw, groups: Mapping[str, str]) -> User:
    return User(
        user_id=raw["UserId"],
        name=raw["UserName"],
        path=raw.get("Path", "/"),
        created=_moment(raw),
        groups=tuple(groups[name] for name in raw.get("GroupList", ())),
        inline=_inline(raw.get("UserPolicyList", ())),
        attached=_attached(raw),
        boundary=_boundary(raw),
        tags=_tags(raw),
    )


def _role(raw: Raw) -> Role:
    return Role(
        role_id=raw["RoleId"],
        name=raw["RoleName"],
        path=raw.get("Path", "/"),
        created=_moment(raw),
        trust=_document(raw["AssumeRolePolicyDocument"]),
        description=raw.get("Description"),
        max_session_duration=int(raw.get("MaxSessionDuration", 3600)),
        max_signin_session_duration=raw.get("MaxSigninSessionDuration"),
        boundary=_boundary(raw),
        tags=_tags(raw),
        inline=_inline(raw.get("RolePolicyList", ())),
        attached=_attached(raw),
        last_used=_last_used(raw),
    )


def _last_used(raw: Raw) -> tuple[datetime, str] | None:
    used = raw.get("RoleLastUsed") or {}
    return (_parsed(used["LastUsedDate"]), used.get("Region", "us-east-1")) if "LastUsedDate" in used else None


def _policy(raw: Raw) -> ManagedPolicy:
    versions = tuple(
        PolicyVersion(version_id=item["VersionId"], document=_text(item["Document"]), created=_moment(item))
        for item in raw["PolicyVersionList"]
    )
    newest = max(int(version.version_id[1:]) for version in versions)
    return ManagedPolicy(
        policy_id=raw["PolicyId"],
        arn=raw["Arn"],
        name=raw["PolicyName"],
        path=raw.get("Path", "/"),
        created=_moment(raw),
        updated=_parsed(raw.get("UpdateDate", raw.get("CreateDate"))),
        description=raw.get("Description"),
        versions=versions,
        default_version=raw["DefaultVersionId"],
        next_version=int(raw.get("NextVersion", newest + 1)),
        tags=_tags(raw),
    )


def _profiles(raw: Raw) -> list[InstanceProfile]:
    if "InstanceProfiles" in raw:
        return [_profile(item, item.get("RoleId")) for item in _items(raw, "InstanceProfiles")]
    return [
        _profile(item, role["RoleId"])
        for role in _items(raw, "RoleDetailList")
        for item in role.get("InstanceProfileList", ())
    ]


def _profile(raw: Raw, role_id: str | None) -> InstanceProfile:
    return InstanceProfile(
        profile_id=raw["InstanceProfileId"],
        name=raw["InstanceProfileName"],
        path=raw.get("Path", "/"),
        created=_moment(raw),
        role_id=role_id,
        tags=_tags(raw),
    )


def _oidc(raw: Raw) -> OidcProvider:
    return OidcProvider(
        arn=raw["Arn"],
        url=raw["Url"],
        created=_moment(raw),
        client_ids=tuple(raw.get("ClientIDList", ())),
        thumbprints=tuple(raw.get("ThumbprintList", ())),
        tags=_tags(raw),
    )


def _saml(raw: Raw) -> SamlProvider:
    return SamlProvider(
        arn=raw["Arn"],
        name=raw["Name"],
        metadata=raw["SAMLMetadataDocument"],
        created=_moment(raw),
        valid_until=_parsed(raw["ValidUntil"]),
        tags=_tags(raw),
    )


def _bind_trust(world: World, state: AccountState) -> None:
    for role in list(state.tables.roles):
        state.tables.roles.put(principals.rebind(role, world=world))


# --- pieces ------------------------------------------------------------------------------------


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
    if isinstance(raw, str):
        return unquote(raw) if raw.lstrip().startswith("%7B") else raw
    return json.dumps(raw, separators=(",", ":"), ensure_ascii=False)


def _inline(raw: Iterable[Raw]) -> dict[str, str]:
    return {item["PolicyName"]: _text(item["PolicyDocument"]) for item in raw}


def _attached(raw: Raw) -> tuple[str, ...]:
    return tuple(item["PolicyArn"] for item in raw.get("AttachedManagedPolicies", ()))


def _boundary(raw: Raw) -> str | None:
    boundary = raw.get("PermissionsBoundary") or {}
    arn = boundary.get("PermissionsBoundaryArn")
    return None if arn is None else str(arn)


def _tags(raw: Raw) -> Tags:
    return tuple((item["Key"], item["Value"]) for item in raw.get("Tags") or ())
