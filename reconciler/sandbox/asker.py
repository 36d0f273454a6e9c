"""Who asks, as policies see it: the caller with its tags and ID, what it is permitted, and how matters stand.

What is looked up is as it is now: a user that was renamed, or put into another group, asks as what it has become.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from reconciler.sandbox import evaluator
from reconciler.sandbox.callers import AwsItself, Credentials, Root, SessionCaller, UserCaller
from reconciler.sandbox.calls.federated import FederatedRoot, FederatedUser, ProviderSession
from reconciler.sandbox.calls.policies import lookup
from reconciler.sandbox.calls.sts import caller_arn
from reconciler.sandbox.entities import Group, Role, Tags, User
from reconciler.sandbox.errors import invalid_token
from reconciler.sandbox.evaluator import Permissions
from reconciler.sandbox.world import AccountState, Call

Context = dict[str, str | tuple[str, ...] | bool]
"""Condition keys with their values."""

_EVERYTHING: Final = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'


def caller(call: Call) -> evaluator.Caller:
    """The caller; InvalidClientTokenId when it lives no longer."""
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
        raise invalid_token()
    return user


def _living_role(call: Call, session: SessionCaller) -> Role:
    role = _home(call).tables.roles.by_key(session.role_id)
    if role is None:
        raise invalid_token()
    return role


def permissions(call: Call) -> Permissions:
    """The caller's policies, boundary and session policies."""
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


def circumstances(call: Call, credentials: Credentials) -> Context:
    """The global condition keys, but for those that the caller itself brings."""
    context: Context = {
        "aws:CurrentTime": call.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:EpochTime": str(int(call.now.timestamp())),
        "aws:RequestedRegion": "us-east-1",
        "aws:SecureTransport": True,
        "aws:SourceIp": "127.0.0.1",
    }
    if credentials.expires is not None:
        context |= second_factor(credentials.mfa_at, call.now)
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


def second_factor(since: datetime | None, now: datetime) -> Context:
    """Temporary credentials say whether there was a second factor; long-term keys say nothing."""
    if since is None:
        return {"aws:MultiFactorAuthPresent": False}
    age = str(int((now - since).total_seconds()))
    return {"aws:MultiFactorAuthPresent": True, "aws:MultiFactorAuthAge": age}
