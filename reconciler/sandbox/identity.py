"""Who made a call, as CloudTrail writes it: `userIdentity`.

It is taken down before the call is carried out: whoever deletes himself was somebody when he did. Keys that run out
say so with a `sessionContext`: since when, whether a second factor was given and, of a role's session, whose session
it is (AWS CloudTrail User Guide, cloudtrail-event-reference-user-identity).
"""

from __future__ import annotations

from typing import Any

from reconciler.sandbox.callers import AwsItself, Caller, Credentials, Root, SessionCaller, UserCaller
from reconciler.sandbox.calls.federated import FederatedRoot, FederatedUser
from reconciler.sandbox.wire import timestamp
from reconciler.sandbox.world import AccountState, World

Identity = dict[str, Any]


def identity(caller: Caller, *, world: World, credentials: Credentials | None = None) -> Identity:
    """The userIdentity of a caller, with the key that was used; without credentials it is somebody outside."""
    account = world.account(caller.account_id)
    key = {"accessKeyId": credentials.access_key_id} if credentials else {}
    match caller:
        case FederatedUser(name=name) | FederatedRoot(name=name):
            arn = account.arn(f"federated-user/{name}", service="sts")
            made = _of("FederatedUser", f"{caller.account_id}:{name}", arn, account)
            return made | key | _session(credentials, issuer=_maker(caller, account))
        case Root() | AwsItself():
            return _of("Root", caller.account_id, account.arn("root"), account) | key | _session(credentials)
        case UserCaller():
            return _user(caller, account) | key | _session(credentials)
        case SessionCaller():
            arn = account.arn(f"assumed-role/{caller.role_name}/{caller.session_name}", service="sts")
            made = _of("AssumedRole", f"{caller.role_id}:{caller.session_name}", arn, account)
            return made | key | _session(credentials, issuer=_role(caller, account))


def _of(kind: str, principal_id: str, arn: str, account: AccountState) -> Identity:
    return {"type": kind, "principalId": principal_id, "arn": arn, "accountId": account.account_id}


def _user(caller: UserCaller, account: AccountState) -> Identity:
    user = account.tables.users.by_key(caller.user_id)
    arn = account.user_arn(user) if user else account.arn("user/deleted")
    return _of("IAMUser", caller.user_id, arn, account) | {"userName": user.name if user else "deleted"}


def _role(caller: SessionCaller, account: AccountState) -> Identity:
    role = account.tables.roles.by_key(caller.role_id)
    arn = account.role_arn(role) if role else account.arn(f"role/{caller.role_name}")
    return _of("Role", caller.role_id, arn, account) | {"userName": caller.role_name}


def _maker(caller: FederatedUser | FederatedRoot, account: AccountState) -> Identity:
    if isinstance(caller, FederatedUser):
        return _user(caller, account)
    return _of("Root", caller.account_id, account.arn("root"), account)


def _session(credentials: Credentials | None, *, issuer: Identity | None = None) -> Identity:
    """The sessionContext of temporary credentials; long-term keys have none."""
    if credentials is None or credentials.expires is None:
        return {}
    attributes = {"mfaAuthenticated": "true" if credentials.mfa_at else "false"}
    if credentials.issued is not None:
        attributes["creationDate"] = timestamp(credentials.issued)
    return {"sessionContext": {"sessionIssuer": issuer or {}, "webIdFederationData": {}, "attributes": attributes}}
