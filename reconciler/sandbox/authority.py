"""Who may do what, when enforcement is on: the caller's policies and boundary, and trust policies.

The decisions are `evaluator`'s; here a call becomes the action, resource and condition keys that policies
speak of (Service Authorization Reference, Identity and Access Management; AWS Security Token Service). Root may
do everything. Some credentials are closed to whole services, whatever policies say. With enforcement off nobody
is asked, and any role that exists can be assumed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reconciler.sandbox import asker, evaluator
from reconciler.sandbox.asker import Context
from reconciler.sandbox.callers import AwsItself, Credentials, Root, UserCaller
from reconciler.sandbox.calls import federation, sts
from reconciler.sandbox.calls.federated import FederatedRoot, FederatedUser
from reconciler.sandbox.calls.proof import not_authorised
from reconciler.sandbox.calls.sts import caller_arn, refused
from reconciler.sandbox.denial import denied
from reconciler.sandbox.entities import Group, InstanceProfile, Role, Tags, User
from reconciler.sandbox.errors import invalid_token
from reconciler.sandbox.evaluator import Request
from reconciler.sandbox.wire import operation_model
from reconciler.sandbox.world import Call

_OPEN: Final = frozenset({"GetCallerIdentity", "GetSessionToken", "GetAccessKeyInfo"})
_KINDS: Final = (
    ("InstanceProfileName", "instance-profile"),
    ("RoleName", "role"),
    ("GroupName", "group"),
    ("UserName", "user"),
)
_LISTED: Final = {
    "ListRoles": "role",
    "ListUsers": "user",
    "ListGroups": "group",
    "ListInstanceProfiles": "instance-profile",
}


def authorise(call: Call, credentials: Credentials) -> None:
    """AccessDenied unless the caller may make this call; who becomes a role also has to ask the role."""
    if call.name in federation.HANDLERS:
        _authorise_federated(call, credentials)
        return
    _check_credentials(call, credentials)
    if call.name in _OPEN:
        return
    if isinstance(call.caller, Root | AwsItself) and not isinstance(call.caller, FederatedRoot):
        if call.name == "AssumeRole" and isinstance(call.caller, Root):
            raise refused(call)
        return
    if call.name == "AssumeRole":
        _authorise_assuming(call, credentials)
        return
    for action, resource in _demands(call):
        demand(call, credentials, action=action, resource=resource)


def demand(call: Call, credentials: Credentials, *, action: str, resource: str) -> None:
    """AccessDenied unless the caller's own policies allow this action on this resource."""
    request = Request(action, resource, asker.caller(call), _context(call, credentials))
    decision = evaluator.evaluate_identity(asker.permissions(call), request)
    if not decision.allowed:
        raise denied(call, decision, resource)


def _check_credentials(call: Call, credentials: Credentials) -> None:
    """IAM knows no federated users, and no session of a user without a second factor (id_credentials_temp_request)."""
    if call.name in sts.HANDLERS:
        return
    federated = isinstance(call.caller, FederatedUser | FederatedRoot)
    unproven = isinstance(call.caller, UserCaller) and credentials.expires is not None and credentials.mfa_at is None
    if federated or unproven:
        raise invalid_token()


def _authorise_federated(call: Call, credentials: Credentials) -> None:
    """Ask the role whether it trusts whom a provider vouches for."""
    _, role, proof = federation.asked(call)
    of_saml = call.name == "AssumeRoleWithSAML"
    provider = evaluator.Caller.saml_identity if of_saml else evaluator.Caller.web_identity
    context = asker.circumstances(call, credentials) | dict(proof.keys) | {"sts:RoleSessionName": proof.session_name}
    if proof.source_identity is not None:
        context["sts:SourceIdentity"] = proof.source_identity
    decision = evaluator.may_assume(
        evaluator.AssumableRole(call.text("RoleArn"), role.trust, dict(role.tags)),
        provider(proof.provider),
        session_tags=proof.tags,
        context=context,
    )
    if not decision.allowed:
        raise not_authorised(call.name)


def _authorise_assuming(call: Call, credentials: Credentials) -> None:
    _, role = sts.role_named(call) or (None, None)
    if role is None:
        raise refused(call)
    passed = {tag["Key"]: tag["Value"] for tag in call.params.get("Tags", ())}
    decision = evaluator.may_assume(
        evaluator.AssumableRole(call.text("RoleArn"), role.trust, dict(role.tags)),
        asker.caller(call),
        permissions=asker.permissions(call),
        session_tags=passed,
        context=_assuming_context(call, credentials),
    )
    if not decision.allowed:
        raise refused(call)


def _assuming_context(call: Call, credentials: Credentials) -> Context:
    context = asker.circumstances(call, credentials)
    if "ExternalId" in call.params:
        context["sts:ExternalId"] = call.text("ExternalId")
    if "SourceIdentity" in call.params:
        context["sts:SourceIdentity"] = call.text("SourceIdentity")
    context["sts:RoleSessionName"] = call.text("RoleSessionName")
    if "SerialNumber" in call.params and "TokenCode" in call.params:
        context |= asker.second_factor(call.now, call.now)
    return context


# --- the call ------------------------------------------------------------------------------------


def _demands(call: Call) -> Iterator[tuple[str, str]]:
    """Every action that the call needs, with its resource."""
    resource = _resource(call)
    yield f"{_service(call)}:{call.name}", resource
    if call.name == "GetFederationToken" and call.params.get("Tags"):
        yield "sts:TagSession", resource
    if call.name.startswith("Create") and call.params.get("Tags"):
        yield f"iam:Tag{call.name.removeprefix('Create')}", resource
    if call.name == "AddRoleToInstanceProfile":
        yield "iam:PassRole", _named(call, "RoleName", "role")


def _resource(call: Call) -> str:
    for member in ("PolicyArn", "PolicySourceArn", "OpenIDConnectProviderArn", "SAMLProviderArn"):
        if member in call.params and not call.name.startswith(("Attach", "Detach")):
            return call.text(member)
    for member, kind in _KINDS:
        if member in call.params:
            return _named(call, member, kind)
    if part := _of_no_entity(call):
        return call.account.arn(part, service=_service(call))
    return caller_arn(call.world, call.caller) if _means_the_caller(call) else "*"


def _of_no_entity(call: Call) -> str | None:
    """The last part of the ARN of what is only to be made, or of the path that is listed."""
    match call.name:
        case "CreateOpenIDConnectProvider":
            return f"oidc-provider/{call.text('Url').removeprefix('https://')}"
        case "CreatePolicy":
            return f"policy{call.text('Path', '/')}{call.text('PolicyName')}"
        case "CreateSAMLProvider":
            return f"saml-provider/{call.text('Name')}"
        case "GetFederationToken":
            return f"federated-user/{call.text('Name')}"
        case name if name in _LISTED:
            return f"{_LISTED[name]}{call.text('PathPrefix', '/')}"
        case _:
            return None


def _means_the_caller(call: Call) -> bool:
    """Whether the call is about a user, and names none: then it is about the user that makes it."""
    shape = operation_model(_service(call), call.name).input_shape
    return isinstance(call.caller, UserCaller) and shape is not None and "UserName" in shape.members


def _service(call: Call) -> str:
    return "sts" if call.name in sts.HANDLERS else "iam"


def _named(call: Call, member: str, kind: str) -> str:
    """The ARN of what the call names: with its path if it exists, else with the path that it shall have."""
    name = call.text(member)
    path = _path_of(call, kind, name)
    return call.account.arn(f"{kind}{call.text('Path', '/') if path is None else path}{name}")


def _path_of(call: Call, kind: str, name: str) -> str | None:
    tables = call.tables
    match kind:
        case "role":
            found: Role | User | Group | InstanceProfile | None = tables.roles.find(name)
        case "user":
            found = tables.users.find(name)
        case "group":
            found = tables.groups.find(name)
        case _:
            found = tables.instance_profiles.find(name)
    return None if found is None else found.path


def _context(call: Call, credentials: Credentials) -> Context:
    context = asker.circumstances(call, credentials)
    if call.name.startswith(("Attach", "Detach")) and "PolicyArn" in call.params:
        context["iam:PolicyARN"] = call.text("PolicyArn")
    if boundary := _boundary(call):
        context["iam:PermissionsBoundary"] = boundary
    tags = call.params.get("Tags", ())
    for tag in tags:
        context[f"aws:RequestTag/{tag['Key']}"] = tag["Value"]
    if keys := tuple(tag["Key"] for tag in tags) or tuple(call.params.get("TagKeys", ())):
        context["aws:TagKeys"] = keys
    for key, value in _resource_tags(call):
        context[f"aws:ResourceTag/{key}"] = context[f"iam:ResourceTag/{key}"] = value
    return context


def _boundary(call: Call) -> str | None:
    """The boundary that the call sets, or that the role or user has on which it works."""
    if "PermissionsBoundary" in call.params:
        return call.text("PermissionsBoundary")
    role = call.tables.roles.find(call.text("RoleName"))
    user = call.tables.users.find(call.text("UserName"))
    return (role and role.boundary) or (user and user.boundary) or None


def _resource_tags(call: Call) -> Tags:
    role = call.tables.roles.find(call.text("RoleName"))
    user = call.tables.users.find(call.text("UserName"))
    policy = call.tables.policies.by_key(call.text("PolicyArn"))
    found = role or user or policy
    return found.tags if found else ()
