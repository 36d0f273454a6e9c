"""Calls about the account as a whole: everything at once, and the counts and quotas."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from reconciler.sandbox import moto_contact, views
from reconciler.sandbox.calls.handler import Handler, Result
from reconciler.sandbox.calls.policies import Usage
from reconciler.sandbox.calls.roles import visible
from reconciler.sandbox.entities import Group, InstanceProfile, ManagedPolicy, Role, User
from reconciler.sandbox.paging import page
from reconciler.sandbox.world import Call

_LISTS: Final = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
_ALL: Final = ("User", "Group", "Role", "LocalManagedPolicy", "AWSManagedPolicy")

_Entity = User | Group | Role | ManagedPolicy


def _get_account_authorization_details(call: Call) -> Result:
    """One marker walks the four lists as one sequence: users, groups, roles, policies."""
    usage = Usage(call.tables)
    shown, more = page(call, list(_sequence(call, usage)), key=lambda entry: entry[0])
    profiles: dict[str, list[InstanceProfile]] = defaultdict(list)
    for profile in call.tables.instance_profiles:
        if profile.role_id:
            profiles[profile.role_id].append(profile)
    answer: dict[str, Any] = {name: [] for name in _LISTS}
    for _, entity in shown:
        name, view = _detail(call, entity, usage, profiles)
        answer[name].append(view)
    return answer | more


def _sequence(call: Call, usage: Usage) -> Iterator[tuple[str, _Entity]]:
    wanted = set(call.params.get("Filter") or _ALL)
    tables = call.tables
    if "User" in wanted:
        yield from ((f"0{user.user_id}", user) for user in tables.users)
    if "Group" in wanted:
        yield from ((f"1{group.group_id}", group) for group in tables.groups)
    if "Role" in wanted:
        yield from ((f"2{role.role_id}", role) for role in visible(call))
    if "LocalManagedPolicy" in wanted:
        yield from ((f"3{policy.policy_id}", policy) for policy in tables.policies)
    if "AWSManagedPolicy" in wanted:
        yield from ((f"4{policy.arn}", policy) for policy in _of_aws(call, usage))


def _of_aws(call: Call, usage: Usage) -> list[ManagedPolicy]:
    """AWS's own policies: those in use, or all where nothing is filtered and the switch says so."""
    if call.world.switches.all_aws_policies and not call.params.get("Filter"):
        return moto_contact.aws_managed_policies(call.account.partition)
    used = [moto_contact.aws_managed_policy(arn) for arn in usage.attached | usage.boundaries if ":iam::aws:" in arn]
    return [policy for policy in used if policy]


def _detail(
    call: Call, entity: _Entity, usage: Usage, profiles: Mapping[str, list[InstanceProfile]]
) -> tuple[str, views.View]:
    match entity:
        case User():
            return "UserDetailList", views.user_detailed(entity, call.account)
        case Group():
            return "GroupDetailList", views.group_detailed(entity, call.account)
        case Role():
            own = profiles.get(entity.role_id, [])
            return "RoleDetailList", views.role_detailed(entity, call.account, call.world, own)
        case ManagedPolicy():
            return "Policies", views.policy_detailed(entity, **usage.of(entity))


def _get_account_summary(call: Call) -> Result:
    tables = call.tables
    counts = {
        "AccountAccessKeysPresent": 0,
        "AccountMFAEnabled": 0,
        "AccountPasswordPresent": 1,
        "Groups": len(tables.groups),
        "InstanceProfiles": len(tables.instance_profiles),
        "Policies": len(tables.policies),
        "PolicyVersionsInUse": sum(len(policy.versions) for policy in tables.policies),
        "Providers": len(tables.oidc_providers) + len(tables.saml_providers),
        "Roles": len(tables.roles),
        "Users": len(tables.users),
    }
    return {"SummaryMap": counts | call.quotas.listed()}


HANDLERS: Final[Mapping[str, Handler]] = {
    "GetAccountAuthorizationDetails": _get_account_authorization_details,
    "GetAccountSummary": _get_account_summary,
}
"""By the name of the call."""
