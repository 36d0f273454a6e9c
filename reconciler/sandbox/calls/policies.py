"""Calls about managed policies: the account's own, and reading AWS's."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from reconciler.sandbox import documents, moto_contact, tags, views
from reconciler.sandbox.calls.handler import Handler, Result
from reconciler.sandbox.calls.tagging import tag_calls
from reconciler.sandbox.entities import ManagedPolicy, PolicyVersion
from reconciler.sandbox.errors import IamError, invalid_arn
from reconciler.sandbox.paging import page
from reconciler.sandbox.tables import Tables
from reconciler.sandbox.world import Call

_POLICY_ARN: Final = re.compile(r"arn:aws(?:-[a-z]+)*:iam::(?:aws|\d{12}):policy/[\x21-\x7e]+")
_MANY_VERSIONS: Final = (
    "This policy has more than one version. Before you delete a policy, you must delete the policy's "
    "versions. The default version is deleted with the policy."
)


def lookup(tables: Tables, arn: str) -> ManagedPolicy | None:
    """The policy with this ARN, the account's or AWS's."""
    return tables.policies.by_key(arn) or moto_contact.aws_managed_policy(arn)


def policy_at(call: Call, arn: str) -> ManagedPolicy:
    """The policy with this ARN, or the error of the calls about policies."""
    if not _POLICY_ARN.fullmatch(arn):
        raise invalid_arn(arn)
    found = lookup(call.tables, arn)
    if found is None:
        raise IamError("NoSuchEntity", f"Policy {arn} was not found.")
    return found


def _policy(call: Call) -> ManagedPolicy:
    return policy_at(call, call.text("PolicyArn"))


def own_policy(call: Call) -> ManagedPolicy:
    """The customer managed policy that the call names; AWS's own cannot be changed."""
    policy = _policy(call)
    if call.tables.policies.by_key(policy.arn) is None:
        raise IamError("AccessDenied", f"Cannot modify the AWS managed policy {policy.arn}.")
    return policy


def attachable(call: Call, arn: str) -> ManagedPolicy:
    """The policy to attach. Policies of service-linked roles are PolicyNotAttachable."""
    if not _POLICY_ARN.fullmatch(arn):
        raise invalid_arn(arn)
    found = lookup(call.tables, arn)
    if found is None:
        raise IamError("NoSuchEntity", f"Policy {arn} does not exist or is not attachable.")
    if ":policy/aws-service-role/" in arn:
        raise IamError("PolicyNotAttachable", f"Cannot attach a Service Role Policy to a Customer Role: {arn}")
    return found


def check_boundary(call: Call, arn: str | None) -> None:
    """A boundary has to be a policy that exists."""
    if arn is None:
        return
    if not _POLICY_ARN.fullmatch(arn):
        raise IamError("InvalidInput", f"ARN {arn} is not valid.")
    if lookup(call.tables, arn) is None:
        raise IamError("NoSuchEntity", f"Scope ARN: {arn} does not exist or is not attachable.")


class Usage:
    """How often each policy is attached and serves as boundary, counted in one pass."""

    def __init__(self, tables: Tables) -> None:
        holders = [*tables.users, *tables.groups, *tables.roles]
        self.attached = Counter(arn for holder in holders for arn in holder.attached)
        bounded = [*tables.users, *tables.roles]
        self.boundaries = Counter(holder.boundary for holder in bounded if holder.boundary)

    def of(self, policy: ManagedPolicy) -> dict[str, int]:
        """The two counts, named as the views want them."""
        return {"attached": self.attached[policy.arn], "as_boundary": self.boundaries[policy.arn]}


def _create_policy(call: Call) -> Result:
    name, path, text = call.text("PolicyName"), call.text("Path", "/"), call.text("PolicyDocument")
    call.tables.policies.check_free(name)
    call.quotas.check_count("PoliciesQuota", held=len(call.tables.policies), label="PoliciesPerAccount")
    _check_document(call, text)
    policy = ManagedPolicy(
        policy_id=call.world.new_id("ANPA", call.account),
        arn=call.account.arn(f"policy{path}{name}"),
        name=name,
        path=path,
        created=call.now,
        updated=call.now,
        description=call.maybe("Description"),
        versions=(PolicyVersion(version_id="v1", document=text, created=call.now),),
        default_version="v1",
        next_version=2,
        tags=tags.added((), call.params.get("Tags", ()), call=call, ignore_case=False),
    )
    call.tables.policies.add(policy)
    view = views.policy_listed(policy, attached=0, as_boundary=0)
    return {"Policy": view | ({"Tags": views.tag_list(policy.tags)} if policy.tags else {})}


def _check_document(call: Call, text: str) -> None:
    call.quotas.check_size("PolicySizeQuota", text=text, label="PolicySize")
    documents.parse_permissions(text, beyond_latin_1=call.world.switches.beyond_latin_1)


def _get_policy(call: Call) -> Result:
    policy = _policy(call)
    return {"Policy": views.policy_got(policy, **Usage(call.tables).of(policy))}


def _list_policies(call: Call) -> Result:
    scope, prefix = call.text("Scope", "All"), call.text("PathPrefix", "/")
    usage = Usage(call.tables)
    found = [] if scope == "AWS" else list(call.tables.policies)
    if scope != "Local":
        found += moto_contact.aws_managed_policies(call.account.partition)
    kept = [policy for policy in found if policy.path.startswith(prefix) and _is_used(policy, usage, call)]
    shown, more = page(call, kept, key=lambda policy: policy.arn)
    return {"Policies": [views.policy_listed(policy, **usage.of(policy)) for policy in shown], **more}


def _is_used(policy: ManagedPolicy, usage: Usage, call: Call) -> bool:
    attached, boundary = usage.attached[policy.arn], usage.boundaries[policy.arn]
    match call.params.get("PolicyUsageFilter"):
        case "PermissionsPolicy" if not attached:
            return False
        case "PermissionsBoundary" if not boundary:
            return False
        case _:
            return not call.params.get("OnlyAttached") or attached + boundary > 0


def _delete_policy(call: Call) -> Result:
    policy = own_policy(call)
    usage = Usage(call.tables)
    if usage.attached[policy.arn] or usage.boundaries[policy.arn]:
        raise IamError("DeleteConflict", "Cannot delete a policy attached to entities.")
    if len(policy.versions) > 1:
        raise IamError("DeleteConflict", _MANY_VERSIONS)
    call.tables.policies.remove(policy)
    return {}


def _create_policy_version(call: Call) -> Result:
    policy, text = own_policy(call), call.text("PolicyDocument")
    _check_document(call, text)
    limit = call.quotas["VersionsPerPolicyQuota"]
    if len(policy.versions) >= limit:
        advice = "Before you create a new version, you must delete an existing version."
        raise IamError("LimitExceeded", f"A managed policy can have up to {limit} versions. {advice}")
    in_use = sum(len(other.versions) for other in call.tables.policies)
    call.quotas.check_count("PolicyVersionsInUseQuota", held=in_use)
    version = PolicyVersion(version_id=f"v{policy.next_version}", document=text, created=call.now)
    policy = replace(policy, versions=(*policy.versions, version), next_version=policy.next_version + 1)
    if call.params.get("SetAsDefault"):
        policy = replace(policy, default_version=version.version_id, updated=call.now)
    call.tables.policies.put(policy)
    return {"PolicyVersion": views.version_listed(version, policy)}


def _version(policy: ManagedPolicy, version_id: str) -> PolicyVersion:
    for version in policy.versions:
        if version.version_id == version_id:
            return version
    raise IamError("NoSuchEntity", f"Policy {policy.arn} version {version_id} does not exist or is not attachable.")


def _set_default_policy_version(call: Call) -> Result:
    policy = own_policy(call)
    version = _version(policy, call.text("VersionId"))
    call.tables.policies.put(replace(policy, default_version=version.version_id, updated=call.now))
    return {}


def _delete_policy_version(call: Call) -> Result:
    policy = own_policy(call)
    gone = _version(policy, call.text("VersionId"))
    if gone.version_id == policy.default_version:
        raise IamError("DeleteConflict", "Cannot delete the default version of a policy.")
    kept = tuple(version for version in policy.versions if version != gone)
    call.tables.policies.put(replace(policy, versions=kept))
    return {}


def _get_policy_version(call: Call) -> Result:
    policy = _policy(call)
    return {"PolicyVersion": views.version_got(_version(policy, call.text("VersionId")), policy)}


def _list_policy_versions(call: Call) -> Result:
    policy = _policy(call)
    shown, more = page(call, policy.versions, key=lambda version: f"{int(version.version_id[1:]):08}")
    return {"Versions": [views.version_listed(version, policy) for version in shown], **more}


def _list_entities_for_policy(call: Call) -> Result:
    arn = policy_at(call, call.text("PolicyArn")).arn
    wanted, prefix = call.maybe("EntityFilter"), call.text("PathPrefix", "/")
    as_boundary = call.params.get("PolicyUsageFilter") == "PermissionsBoundary"

    def holds(entity: Any) -> bool:
        held = getattr(entity, "boundary", None) == arn if as_boundary else arn in entity.attached
        return held and entity.path.startswith(prefix)

    found: list[tuple[str, dict[str, str]]] = []
    if wanted in (None, "Group"):
        found += [
            ("PolicyGroups", {"GroupName": g.name, "GroupId": g.group_id}) for g in filter(holds, call.tables.groups)
        ]
    if wanted in (None, "User"):
        found += [("PolicyUsers", {"UserName": u.name, "UserId": u.user_id}) for u in filter(holds, call.tables.users)]
    if wanted in (None, "Role"):
        found += [("PolicyRoles", {"RoleName": r.name, "RoleId": r.role_id}) for r in filter(holds, call.tables.roles)]
    shown, more = page(call, found, key=lambda pair: f"{pair[0]} {sorted(pair[1].items())}")
    members = ("PolicyGroups", "PolicyUsers", "PolicyRoles")
    return {name: [view for kind, view in shown if kind == name] for name in members} | more


HANDLERS: Final[Mapping[str, Handler]] = {
    "CreatePolicy": _create_policy,
    "GetPolicy": _get_policy,
    "ListPolicies": _list_policies,
    "DeletePolicy": _delete_policy,
    "CreatePolicyVersion": _create_policy_version,
    "SetDefaultPolicyVersion": _set_default_policy_version,
    "DeletePolicyVersion": _delete_policy_version,
    "GetPolicyVersion": _get_policy_version,
    "ListPolicyVersions": _list_policy_versions,
    "ListEntitiesForPolicy": _list_entities_for_policy,
    **tag_calls("Policy", named=own_policy, shown=_policy, within=lambda tables: tables.policies, ignore_case=False),
}
"""By the name of the call."""
