"""Who may do what, when enforcement is on: the caller's policies and boundary, and trust policies.

The decisions are `evaluator`'s; here a call becomes the action, resource and condition keys that policies
speak of (Service Authorization Reference, Identity and Access Management; AWS Security Token Service). Root may
do everything. Some credentials are closed to whole services, whatever policies say. With enforcement off nobody
is asked, and any role that exists can be assumed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from reconciler.sandbox import evaluator
from reconciler.sandbox.callers import AwsItself, Credentials, Root, SessionCaller, UserCaller
from reconciler.sandbox.calls import federation, sts
from reconciler.sandbox.calls.federated import FederatedRoot, FederatedUser, ProviderSession
from reconciler.sandbox.calls.policies import lookup
from reconciler.sandbox.calls.proof import not_authorised
from reconciler.sandbox.calls.sts import caller_arn, refused
from reconciler.sandbox.entities import Group, InstanceProfile, Role, Tags, User
from reconciler.sandbox.errors import IamError
from reconciler.sandbox.evaluator import Decision, Permissions, Request, Source, Verdict
from reconciler.sandbox.world import AccountState, Call

Context = dict[str, str | tuple[str, ...] | bool]

_OPEN: Final = frozenset({"GetCallerIdentity", "GetSessionToken", "GetAccessKeyInfo"})
_EVERYTHING: Final = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
_KINDS: Final = (
    ("InstanceProfileName", "instance-profile"),
    ("RoleName", "role"),
    ("UserName", "user"),
    ("GroupName", "group"),
)


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
    request = Request(action, resource, _caller(call), _context(call, credentials))
    decision = evaluator.evaluate_identity(_permissions(call), request)
    if not decision.allowed:
        raise _denied(call, decision, resource)


def _check_credentials(call: Call, credentials: Credentials) -> None:
    """IAM knows no federated users, and no session of a user without a second factor (id_credentials_temp_request)."""
    if call.name in sts.HANDLERS:
        return
    federated = isinstance(call.caller, FederatedUser | FederatedRoot)
    unproven = isinstance(call.caller, UserCaller) and credentials.expires is not None and credentials.mfa_at is None
    if federated or unproven:
        raise _unknown()


def _authorise_federated(call: Call, credentials: Credentials) -> None:
    """Ask the role whether it trusts whom a provider vouches for."""
    _, role, proof = federation.asked(call)
    of_saml = call.name == "AssumeRoleWithSAML"
    provider = evaluator.Caller.saml_identity if of_saml else evaluator.Caller.web_identity
    context = _circumstances(call, credentials) | dict(proof.keys) | {"sts:RoleSessionName": proof.session_name}
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
        _caller(call),
        permissions=_permissions(call),
        session_tags=passed,
        context=_assuming_context(call, credentials),
    )
    if not decision.allowed:
        raise refused(call)


def _assuming_context(call: Call, credentials: Credentials) -> Context:
    context = _circumstances(call, credentials)
    if "ExternalId" in call.params:
        context["sts:ExternalId"] = call.text("ExternalId")
    if "SourceIdentity" in call.params:
        context["sts:SourceIdentity"] = call.text("SourceIdentity")
    context["sts:RoleSessionName"] = call.text("RoleSessionName")
    if "SerialNumber" in call.params and "TokenCode" in call.params:
        context |= _mfa(call.now, call.now)
    return context


# --- the caller ----------------------------------------------------------------------------------


def _caller(call: Call) -> evaluator.Caller:
    organization = call.world.organization
    match call.caller:
        case FederatedUser(user_id=user_id):
            maker = _home(call).user_arn(_living_user(call, user_id))
            return evaluator.Caller.federated_user(caller_arn(call.world, call.caller), user_arn=maker, user_id=user_id)
        case FederatedRoot():
            return evaluator.Caller.federated_user(caller_arn(call.world, call.caller))
        case UserCaller(user_id=user_id):
            user = _living_user(call, user_id)
            arn = _home(call).user_arn(user)
            return evaluator.Caller.user(arn, unique_id=user_id, tags=dict(user.tags), organization=organization)
        case SessionCaller() as session:
            role = _living_role(call, session)
            arn = _home(call).role_arn(role)
            tags = {**dict(role.tags), **dict(session.tags)}
            return evaluator.Caller.role_session(
                arn, session.session_name, unique_id=role.role_id, tags=tags, organization=organization
            )
        case Root() | AwsItself():
            return evaluator.Caller.root(call.caller.account_id, organization=organization)


def _home(call: Call) -> AccountState:
    return call.world.account(call.caller.account_id)


def _living_user(call: Call, user_id: str) -> User:
    user = _home(call).tables.users.by_key(user_id)
    if user is None:
        raise _unknown()
    return user


def _living_role(call: Call, session: SessionCaller) -> Role:
    role = _home(call).tables.roles.by_key(session.role_id)
    if role is None:
        raise _unknown()
    return role


def _unknown() -> IamError:
    return IamError("InvalidClientTokenId", "The security token included in the request is invalid.")


def _permissions(call: Call) -> Permissions:
    match call.caller:
        case FederatedUser(user_id=user_id, policies=passed):
            held = _of_user(call, _living_user(call, user_id))
            return Permissions(held.policies, held.boundary, passed)
        case FederatedRoot(policies=passed):
            return Permissions([_EVERYTHING], None, passed)
        case UserCaller(user_id=user_id):
            return _of_user(call, _living_user(call, user_id))
        case SessionCaller() as session:
            role = _living_role(call, session)
            held = _held(call, [role], role.boundary)
            return Permissions(held.policies, held.boundary, session.policies)
        case Root() | AwsItself():
            return Permissions()


def _of_user(call: Call, user: User) -> Permissions:
    groups = [group for group in _home(call).tables.groups if group.group_id in user.groups]
    return _held(call, [user, *groups], user.boundary)


def _held(call: Call, holders: list[User | Role | Group], boundary: str | None) -> Permissions:
    documents = [text for holder in holders for text in holder.inline.values()]
    documents += [_document(call, arn) for holder in holders for arn in holder.attached]
    return Permissions(documents, None if boundary is None else _document(call, boundary))


def _document(call: Call, arn: str) -> str:
    policy = lookup(_home(call).tables, arn)
    return policy.document if policy else '{"Version":"2012-10-17","Statement":[]}'


# --- the call ------------------------------------------------------------------------------------


def _demands(call: Call) -> Iterator[tuple[str, str]]:
    """Every action that the call needs, with its resource."""
    service = "sts" if call.name in sts.HANDLERS else "iam"
    resource = _resource(call)
    yield f"{service}:{call.name}", resource
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
    if call.name == "GetFederationToken":
        return call.account.arn(f"federated-user/{call.text('Name')}", service="sts")
    if call.name == "CreatePolicy":
        return call.account.arn(f"policy{call.text('Path', '/')}{call.text('PolicyName')}")
    for member, kind in _KINDS:
        if member in call.params:
            return _named(call, member, kind)
    return "*"


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
    context = _circumstances(call, credentials)
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


def _circumstances(call: Call, credentials: Credentials) -> Context:
    context: Context = {
        "aws:CurrentTime": call.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:EpochTime": str(int(call.now.timestamp())),
        "aws:RequestedRegion": "us-east-1",
        "aws:SecureTransport": True,
        "aws:SourceIp": "127.0.0.1",
    }
    if credentials.expires is not None:
        context |= _mfa(credentials.mfa_at, call.now)
    match call.caller:
        case ProviderSession(keys=keys):
            context |= dict(keys)
        case FederatedUser(user_id=user_id, tags=tags):
            context |= _principal_tags((*_living_user(call, user_id).tags, *tags))
        case FederatedRoot(tags=tags):
            context |= _principal_tags(tags)
        case _:
            pass
    return context


def _principal_tags(tags: Tags) -> Context:
    """The later of two tags whose keys differ only by case wins."""
    return {f"aws:PrincipalTag/{key.lower()}": value for key, value in tags}


def _mfa(since: datetime | None, now: datetime) -> Context:
    """Temporary credentials say whether there was a second factor; long-term keys say nothing."""
    if since is None:
        return {"aws:MultiFactorAuthPresent": False}
    age = str(int((now - since).total_seconds()))
    return {"aws:MultiFactorAuthPresent": True, "aws:MultiFactorAuthAge": age}


def _denied(call: Call, decision: Decision, resource: str) -> IamError:
    arn = caller_arn(call.world, call.caller)
    start = f"User: {arn} is not authorized to perform: {decision.action} on resource: {resource}"
    kind = _SOURCES.get(decision.source, "identity-based policy")
    if decision.verdict is Verdict.EXPLICIT_DENY:
        return IamError("AccessDenied", f"{start} with an explicit deny in {_article(kind)} {kind}")
    return IamError("AccessDenied", f"{start} because no {kind} allows the {decision.action} action")


_SOURCES: Final = {
    Source.IDENTITY: "identity-based policy",
    Source.BOUNDARY: "permissions boundary",
    Source.SESSION: "session policy",
}


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"
