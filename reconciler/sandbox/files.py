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
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.sandbox import keepsakes, principals, reading, views, wire
from reconciler.sandbox.callers import Credentials
from reconciler.sandbox.cloudtrail import Trail
from reconciler.sandbox.entities import (
    InstanceProfile,
    ManagedPolicy,
    OidcProvider,
    Role,
    SamlProvider,
)
from reconciler.sandbox.events import Event
from reconciler.sandbox.quotas import size
from reconciler.sandbox.s3 import Buckets
from reconciler.sandbox.tables import Tables
from reconciler.sandbox.world import AccountState, World

FORMAT: Final = "iam-sandbox/1"
_LISTS: Final = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
_ACCOUNT_OF_ARN: Final = re.compile(r"arn:(aws(?:-[a-z]+)*):iam::(\d{12}):")
_UNIQUE_ID: Final = re.compile(r"\bA[A-Z]{3}[A-Z0-9]{12,124}\b")

Raw = Mapping[str, Any]


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
    except reading.WRONG as error:
        raise AccountFileError(f"this is not an account: {reading.said(error)}") from error
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
    keys = keepsakes.read_keys(reading.items(raw, "AccessKeys"), account_id, users) if "AccessKeys" in raw else None
    events = keepsakes.read_events(reading.items(raw, "Events"), account_id) if "Events" in raw else None
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
    if raw.get("IsTruncated") or raw.get("NextToken"):
        raise AccountFileError("this is only the first part of an account: ask without --max-items and --no-paginate")
    found = _ACCOUNT_OF_ARN.search(json.dumps([raw.get(name) for name in _LISTS[:3]], default=str))
    if found is None:
        raise AccountFileError("the lists name no user, group or role, so the account is not known")
    return {found[2]: {"Partition": found[1], **raw}}


def _load_account(world: World, account_id: str, raw: Raw) -> AccountState:
    state = world.fresh_account(account_id, str(raw.get("Partition", "aws")))
    state.quotas.set(raw.get("Quotas", {}))
    reading.fill(state.tables, raw, account_id=account_id)
    state.quotas.fit(_held(state.tables))
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


def _bind_trust(world: World, state: AccountState) -> None:
    for role in list(state.tables.roles):
        state.tables.roles.put(principals.rebind(role, world=world))
