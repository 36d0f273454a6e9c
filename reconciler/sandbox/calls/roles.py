"""Calls about roles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from reconciler.sandbox import documents, principals, tags, views
from reconciler.sandbox.callers import AwsItself
from reconciler.sandbox.calls.handler import Handler, Result
from reconciler.sandbox.calls.holders import boundary_calls, check_bare
from reconciler.sandbox.calls.policies import check_boundary
from reconciler.sandbox.calls.tagging import tag_calls
from reconciler.sandbox.entities import Document, Role
from reconciler.sandbox.errors import IamError, not_found, unmodifiable
from reconciler.sandbox.paging import page
from reconciler.sandbox.world import Call

_PROTECTED: Final = ("/aws-service-role/", "/aws-reserved/")


def is_protected(role: Role) -> bool:
    """Service-linked roles and those of Identity Center belong to AWS."""
    return role.path.startswith(_PROTECTED)


def named(call: Call) -> Role:
    """The role that the call names; one that is too new is not found yet (`faults.Delays.reads`)."""
    role = call.tables.roles.get(call.text("RoleName"))
    if call.world.is_too_new(role, call.world.delays.reads):
        raise not_found("role", role.name)
    return role


def visible(call: Call) -> list[Role]:
    """All roles that lists show."""
    world = call.world
    return [world.as_seen(role) for role in call.tables.roles if not world.is_too_new(role, world.delays.reads)]


def changing(call: Call) -> Role:
    """The role that the call names and changes in a way that is open to everybody; what it was may show for a while."""
    role = named(call)
    call.world.changes(role)
    return role


def editable(call: Call) -> Role:
    """The role that the call names and changes, or UnmodifiableEntity when only AWS may."""
    role = named(call)
    if is_protected(role) and not isinstance(call.caller, AwsItself):
        raise unmodifiable(role.name)
    return changing(call)


def _trust(call: Call, text: str) -> Document:
    call.quotas.check_size("AssumeRolePolicySizeQuota", text=text, label="ACLSizePerRole")
    switches = call.world.switches
    parsed = documents.parse_trust(text, sts_wildcards=switches.sts_wildcards, beyond_latin_1=switches.beyond_latin_1)
    return principals.save(parsed, world=call.world, account=call.account)


def _create_role(call: Call) -> Result:
    name, path = call.text("RoleName"), call.text("Path", "/")
    call.tables.roles.check_free(name)
    call.quotas.check_count("RolesQuota", held=len(call.tables.roles), label="RolesPerAccount")
    if path.startswith(_PROTECTED) and not isinstance(call.caller, AwsItself):
        raise IamError("InvalidInput", f"Path {path} is reserved for AWS.")
    boundary = call.maybe("PermissionsBoundary")
    check_boundary(call, boundary)
    role = Role(
        role_id=call.world.new_id("AROA", call.account),
        name=name,
        path=path,
        created=call.now,
        trust=_trust(call, call.text("AssumeRolePolicyDocument")),
        description=call.maybe("Description"),
        max_session_duration=call.params.get("MaxSessionDuration", 3600),
        max_signin_session_duration=call.params.get("MaxSigninSessionDuration"),
        boundary=boundary,
        tags=tags.added((), call.params.get("Tags", ()), call=call, ignore_case=True),
    )
    call.tables.roles.add(role)
    return {"Role": views.role_created(role, call.account, call.world)}


def _get_role(call: Call) -> Result:
    role = call.world.as_seen(named(call))
    return {"Role": views.role_got(role, call.account, call.world)}


def _list_roles(call: Call) -> Result:
    prefix = call.text("PathPrefix", "/")
    roles = [role for role in visible(call) if role.path.startswith(prefix)]
    shown, more = page(call, roles, key=lambda role: role.name)
    return {"Roles": [views.role_listed(role, call.account, call.world) for role in shown], **more}


def _update_role(call: Call) -> Result:
    # Only the description of a protected role is open to its account.
    before = editable(call) if call.params.keys() - {"RoleName", "Description"} else changing(call)
    if call.world.switches.omitted_resets:
        before = replace(before, description=None, max_session_duration=3600)
    signin = call.params.get("MaxSigninSessionDuration", before.max_signin_session_duration)
    after = replace(
        before,
        description=call.params.get("Description", before.description),
        max_session_duration=call.params.get("MaxSessionDuration", before.max_session_duration),
        max_signin_session_duration=None if call.params.get("ResetMaxSigninSessionDuration") else signin,
    )
    call.tables.roles.put(after)
    return {}


def _update_role_description(call: Call) -> Result:
    role = replace(changing(call), description=call.text("Description"))
    call.tables.roles.put(role)
    return {"Role": views.role_got(role, call.account, call.world)}


def _update_assume_role_policy(call: Call) -> Result:
    role = editable(call)
    call.tables.roles.put(replace(role, trust=_trust(call, call.text("PolicyDocument"))))
    return {}


def _delete_role(call: Call) -> Result:
    role = editable(call)
    if any(profile.role_id == role.role_id for profile in call.tables.instance_profiles):
        raise IamError("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
    check_bare(role)
    call.tables.roles.remove(role)
    return {}


def _create_service_linked_role(call: Call) -> Result:
    service, suffix = call.text("AWSServiceName"), call.maybe("CustomSuffix")
    word = "".join(part.capitalize() for part in service.split(".")[0].split("-"))
    name = f"AWSServiceRoleFor{word}" + (f"_{suffix}" if suffix else "")
    if call.tables.roles.find(name) is not None:
        taken = f"Service role name {name} has been taken in this account, please try a different suffix."
        raise IamError("InvalidInput", taken)
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    role = Role(
        role_id=call.world.new_id("AROA", call.account),
        name=name,
        path=f"/aws-service-role/{service}/",
        created=call.now,
        trust={"Version": "2012-10-17", "Statement": [statement]},
        description=call.maybe("Description"),
    )
    call.tables.roles.add(role)
    return {"Role": views.role_created(role, call.account, call.world)}


def _delete_service_linked_role(call: Call) -> Result:
    role = named(call)
    if not role.path.startswith("/aws-service-role/"):
        raise IamError("InvalidInput", f"Role {role.name} is not a service-linked role.")
    call.tables.roles.remove(role)
    return {"DeletionTaskId": f"task{role.path}{role.name}/{role.role_id.lower()}"}


def _service_linked_role_deletion_status(call: Call) -> Result:
    if not call.text("DeletionTaskId").startswith("task/aws-service-role/"):
        raise IamError("NoSuchEntity", "The deletion task cannot be found.")
    return {"Status": "SUCCEEDED"}


HANDLERS: Final[Mapping[str, Handler]] = {
    "CreateRole": _create_role,
    "GetRole": _get_role,
    "ListRoles": _list_roles,
    "UpdateRole": _update_role,
    "UpdateRoleDescription": _update_role_description,
    "UpdateAssumeRolePolicy": _update_assume_role_policy,
    "DeleteRole": _delete_role,
    **boundary_calls("Role", named=editable, within=lambda tables: tables.roles),
    **tag_calls("Role", named=changing, shown=named, within=lambda tables: tables.roles),
    "CreateServiceLinkedRole": _create_service_linked_role,
    "DeleteServiceLinkedRole": _delete_service_linked_role,
    "GetServiceLinkedRoleDeletionStatus": _service_linked_role_deletion_status,
}
"""By the name of the call."""
