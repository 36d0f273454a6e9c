"""How entities look in answers: which call shows which members.

IAM shows a role in four ways. GetRole gives everything but its policies; ListRoles leaves out tags,
boundary and last use; GetAccountAuthorizationDetails has those and the policies but neither description
nor session duration; CreateRole leaves out what it was given of those two (recorded answers; botocore's
model). Members without a value are absent, not empty, except where IAM shows an empty list.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.sandbox import principals
from reconciler.sandbox.entities import Group, InstanceProfile, ManagedPolicy, PolicyVersion, Role, Tags, User
from reconciler.sandbox.world import AccountState, World

View = dict[str, Any]


def tag_list(tags: Tags) -> list[View]:
    """Tags as calls give them."""
    return [{"Key": key, "Value": value} for key, value in tags]


def trust_text(role: Role, world: World) -> str:
    """The trust policy as it reads now, as JSON."""
    return json.dumps(principals.show(role.trust, world=world), separators=(",", ":"), ensure_ascii=False)


def tags_member(tags: Tags) -> View:
    """`Tags`, absent when there are none."""
    return {"Tags": tag_list(tags)} if tags else {}


def boundary_member(arn: str | None) -> View:
    """`PermissionsBoundary`, absent when there is none."""
    # The model's enumeration says PermissionsBoundaryPolicy; the service says Policy.
    return {"PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}} if arn else {}


def role_arn(role: Role, account: AccountState, world: World) -> str:
    """The ARN; the unique ID while the role is too new (`faults.Delays.ids`)."""
    return role.role_id if world.is_too_new(role, world.delays.ids) else account.role_arn(role)


def role_minimal(role: Role, account: AccountState, world: World) -> View:
    """The members that every call gives."""
    return {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.role_id,
        "Arn": role_arn(role, account, world),
        "CreateDate": role.created,
        "AssumeRolePolicyDocument": trust_text(role, world),
    }


def role_created(role: Role, account: AccountState, world: World) -> View:
    """The answer of CreateRole: no description and no duration, even when given."""
    return role_minimal(role, account, world) | boundary_member(role.boundary) | tags_member(role.tags)


def role_listed(role: Role, account: AccountState, world: World) -> View:
    """An entry of ListRoles."""
    view = role_minimal(role, account, world) | {"MaxSessionDuration": role.max_session_duration}
    return view if role.description is None else view | {"Description": role.description}


def role_got(role: Role, account: AccountState, world: World) -> View:
    """The answer of GetRole."""
    view = role_listed(role, account, world) | boundary_member(role.boundary) | tags_member(role.tags)
    return view | signin_member(role) | {"RoleLastUsed": _last_used(role)}


def role_detailed(role: Role, account: AccountState, world: World, profiles: Iterable[InstanceProfile]) -> View:
    """An entry of RoleDetailList."""
    view = role_minimal(role, account, world) | boundary_member(role.boundary) | tags_member(role.tags)
    return view | {
        "RoleLastUsed": _last_used(role),
        "InstanceProfileList": [profile_view(profile, account, world) for profile in profiles],
        "RolePolicyList": inline_list(role.inline),
        "AttachedManagedPolicies": attached_list(role.attached),
    }


def signin_member(role: Role) -> View:
    """`MaxSigninSessionDuration`, absent when never set."""
    signin = role.max_signin_session_duration
    return {} if signin is None else {"MaxSigninSessionDuration": signin}


def _last_used(role: Role) -> View:
    return {} if role.last_used is None else {"LastUsedDate": role.last_used[0], "Region": role.last_used[1]}


def inline_list(inline: Mapping[str, str]) -> list[View]:
    """Inline policies with their documents."""
    return [{"PolicyName": name, "PolicyDocument": text} for name, text in inline.items()]


def attached_list(arns: Iterable[str]) -> list[View]:
    """Attached policies; the name is the last part of the ARN."""
    return [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in arns]


def user_listed(user: User, account: AccountState) -> View:
    """An entry of ListUsers."""
    arn = account.user_arn(user)
    return {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.user_id,
        "Arn": arn,
        "CreateDate": user.created,
    }


def user_got(user: User, account: AccountState) -> View:
    """The answer of GetUser and CreateUser."""
    return user_listed(user, account) | boundary_member(user.boundary) | tags_member(user.tags)


def user_detailed(user: User, account: AccountState) -> View:
    """An entry of UserDetailList; groups are given by name."""
    groups = filter(None, map(account.tables.groups.by_key, user.groups))
    return user_got(user, account) | {
        "UserPolicyList": inline_list(user.inline),
        "GroupList": [group.name for group in groups],
        "AttachedManagedPolicies": attached_list(user.attached),
    }


def group_listed(group: Group, account: AccountState) -> View:
    """An entry of ListGroups, and the Group of GetGroup."""
    arn = account.group_arn(group)
    return {
        "Path": group.path,
        "GroupName": group.name,
        "GroupId": group.group_id,
        "Arn": arn,
        "CreateDate": group.created,
    }


def group_detailed(group: Group, account: AccountState) -> View:
    """An entry of GroupDetailList: no members."""
    return group_listed(group, account) | {
        "GroupPolicyList": inline_list(group.inline),
        "AttachedManagedPolicies": attached_list(group.attached),
    }


def profile_view(profile: InstanceProfile, account: AccountState, world: World) -> View:
    """An instance profile as lists show it: its role, no tags."""
    role = account.tables.roles.by_key(profile.role_id) if profile.role_id else None
    return {
        "Path": profile.path,
        "InstanceProfileName": profile.name,
        "InstanceProfileId": profile.profile_id,
        "Arn": account.profile_arn(profile),
        "CreateDate": profile.created,
        "Roles": [role_minimal(role, account, world)] if role else [],
    }


def profile_got(profile: InstanceProfile, account: AccountState, world: World) -> View:
    """The answer of GetInstanceProfile and CreateInstanceProfile."""
    return profile_view(profile, account, world) | {"Tags": tag_list(profile.tags)}


def version_listed(version: PolicyVersion, policy: ManagedPolicy) -> View:
    """A version without its document."""
    default = version.version_id == policy.default_version
    return {"VersionId": version.version_id, "IsDefaultVersion": default, "CreateDate": version.created}


def version_got(version: PolicyVersion, policy: ManagedPolicy) -> View:
    """A version with its document."""
    return version_listed(version, policy) | {"Document": version.document}


def policy_listed(policy: ManagedPolicy, *, attached: int, as_boundary: int) -> View:
    """An entry of ListPolicies and the answer of CreatePolicy: neither description nor tags."""
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.policy_id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": policy.default_version,
        "AttachmentCount": attached,
        "PermissionsBoundaryUsageCount": as_boundary,
        "IsAttachable": True,
        "CreateDate": policy.created,
        "UpdateDate": policy.updated,
    }


def policy_got(policy: ManagedPolicy, *, attached: int, as_boundary: int) -> View:
    """The answer of GetPolicy: with an empty list where there are no tags."""
    view = policy_listed(policy, attached=attached, as_boundary=as_boundary) | {"Tags": tag_list(policy.tags)}
    return view | _description(policy)


def policy_detailed(policy: ManagedPolicy, *, attached: int, as_boundary: int) -> View:
    """An entry of Policies in GetAccountAuthorizationDetails: all versions, no tags."""
    view = policy_listed(policy, attached=attached, as_boundary=as_boundary) | _description(policy)
    return view | {"PolicyVersionList": [version_got(version, policy) for version in policy.versions]}


def _description(policy: ManagedPolicy) -> View:
    return {} if policy.description is None else {"Description": policy.description}
