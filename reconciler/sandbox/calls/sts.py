"""Calls of STS with keys: who am I, becoming a role, and credentials for a while."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, NoReturn

from reconciler.sandbox import documents, principals
from reconciler.sandbox.callers import Caller, Credentials, Root, SessionCaller, UserCaller
from reconciler.sandbox.calls.federated import FederatedRoot, FederatedUser, RootSession, Temporary, UserSession
from reconciler.sandbox.calls.handler import Handler, Result
from reconciler.sandbox.calls.policies import lookup
from reconciler.sandbox.entities import Role
from reconciler.sandbox.errors import IamError, invalid_arn
from reconciler.sandbox.events import HOME
from reconciler.sandbox.world import AccountState, Call, World

_ROLE_ARN: Final = re.compile(r"arn:(aws(?:-[a-z]+)*):iam::(\d{12}):role/(.+)")
_HALF_A_DAY: Final = 43_200
_MANAGED_AT_MOST: Final = 10
_PLAINTEXT_AT_MOST: Final = 2_048

HOUR: Final = 3600
"""How long a session lasts if nothing is said, in seconds."""


def caller_arn(world: World, caller: Caller) -> str:
    """The ARN that GetCallerIdentity gives: of a session, without the path of its role."""
    account = world.account(caller.account_id)
    match caller:
        case FederatedUser(name=name) | FederatedRoot(name=name):
            return account.arn(f"federated-user/{name}", service="sts")
        case UserCaller(user_id=user_id):
            user = account.tables.users.by_key(user_id)
            return account.user_arn(user) if user else account.arn("user/deleted")
        case SessionCaller(role_name=role, session_name=session):
            return account.arn(f"assumed-role/{role}/{session}", service="sts")
        case _:
            return account.arn("root")


def caller_user_id(caller: Caller) -> str:
    """`aws:userid`: the user's ID, `AROA...:session`, `ACCOUNT:name` of a federated user, root's account ID."""
    match caller:
        case FederatedUser(name=name) | FederatedRoot(name=name):
            return f"{caller.account_id}:{name}"
        case UserCaller(user_id=user_id):
            return user_id
        case SessionCaller(role_id=role_id, session_name=session):
            return f"{role_id}:{session}"
        case _:
            return caller.account_id


def _get_caller_identity(call: Call) -> Result:
    return {
        "UserId": caller_user_id(call.caller),
        "Account": call.caller.account_id,
        "Arn": caller_arn(call.world, call.caller),
    }


def _assume_role(call: Call) -> Result:
    owner, role = role_named(call) or _nobody(call)
    duration = call.params.get("DurationSeconds", HOUR)
    check_duration(role, duration)
    if isinstance(call.caller, SessionCaller) and duration > HOUR:
        text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        raise IamError("ValidationError", text)
    caller = SessionCaller(
        account_id=owner.account_id,
        role_id=role.role_id,
        role_name=role.name,
        session_name=call.text("RoleSessionName"),
        policies=session_policies(call, owner),
        tags=tuple((tag["Key"], tag["Value"]) for tag in call.params.get("Tags", ())),
    )
    return open_session(call, role, caller, seconds=duration) | {"SourceIdentity": call.maybe("SourceIdentity")}


def role_named(call: Call) -> tuple[AccountState, Role] | None:
    """The role that the call is to open, and its account; None when there is none of that ARN, case and path."""
    found = _ROLE_ARN.fullmatch(call.text("RoleArn"))
    if found is None:
        raise IamError("ValidationError", f"{call.text('RoleArn')} is invalid")
    owner = call.world.accounts.get(found[2])
    role_id = principals.find_role(call.world, found[2], found[3])
    role = owner.tables.roles.by_key(role_id) if owner and role_id else None
    return None if owner is None or role is None else (owner, role)


def _nobody(call: Call) -> NoReturn:
    raise refused(call)


def refused(call: Call) -> IamError:
    """The same words whether the role is missing or does not trust the caller."""
    caller = caller_arn(call.world, call.caller)
    text = f"User: {caller} is not authorized to perform: sts:{call.name} on resource: {call.text('RoleArn')}"
    return IamError("AccessDenied", text)


def check_duration(role: Role, seconds: int) -> None:
    """A session lasts no longer than its role lets it."""
    if seconds > role.max_session_duration:
        text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        raise IamError("ValidationError", text)


def open_session(call: Call, role: Role, caller: SessionCaller, *, seconds: int) -> dict[str, Any]:
    """Give out the credentials of a session, and note that its role was used."""
    owner = call.world.account(caller.account_id)
    issued = issue(call.world, caller, seconds=seconds)
    owner.tables.roles.put(replace(role, last_used=(call.now, HOME.get(owner.partition, "us-east-1"))))
    return {
        "Credentials": credentials_view(issued),
        "AssumedRoleUser": {
            "AssumedRoleId": caller_user_id(caller),
            "Arn": caller_arn(call.world, caller),
        },
    }


def session_policies(call: Call, owner: AccountState) -> tuple[str, ...]:
    """The policies passed to limit a session: checked, and not too many or too long together.

    At most ten managed ones, and 2,048 characters of the inline one's text and the others' ARNs (STS API
    Reference, AssumeRole; IAM User Guide, reference_iam-quotas).
    """
    inline = [call.text("Policy")] if "Policy" in call.params else []
    for text in inline:
        documents.parse_permissions(text, beyond_latin_1=call.world.switches.beyond_latin_1)
    arns = [entry["arn"] for entry in call.params.get("PolicyArns", ())]
    if len(arns) > _MANAGED_AT_MOST:
        text = f"Value at 'policyArns' failed to satisfy constraint: Member must have length at most {_MANAGED_AT_MOST}"
        raise IamError("ValidationError", f"1 validation error detected: {text}")
    if (length := sum(map(len, [*inline, *arns]))) > _PLAINTEXT_AT_MOST:
        text = f"Session policies of {length} characters exceed the limit of {_PLAINTEXT_AT_MOST}."
        raise IamError("PackedPolicyTooLarge", text)
    return (*inline, *(_managed(owner, arn) for arn in arns))


def _managed(owner: AccountState, arn: str) -> str:
    policy = lookup(owner.tables, arn)
    if policy is None:
        raise invalid_arn(arn)
    return policy.document


def credentials_view(issued: Credentials) -> dict[str, Any]:
    """Keys as every call of STS gives them."""
    return {
        "AccessKeyId": issued.access_key_id,
        "SecretAccessKey": issued.secret_access_key,
        "SessionToken": issued.session_token,
        "Expiration": issued.expires,
    }


def issue(world: World, caller: Caller, *, seconds: int | None = None, mfa: bool = False) -> Credentials:
    """Make credentials for a caller: long-term without `seconds`, else temporary; `mfa`: with a second factor."""
    now, temporary = world.clock(), seconds is not None
    key = world.ids.new("ASIA" if temporary else "AKIA", caller.account_id)
    issued = Credentials(
        access_key_id=key,
        secret_access_key=secret_of(key),
        session_token=f"token-of-{key}" if temporary else None,
        caller=caller,
        issued=now,
        expires=now + timedelta(seconds=seconds) if seconds is not None else None,
        mfa_at=now if mfa else None,
    )
    world.credentials[key] = issued
    return issued


def secret_of(access_key_id: str) -> str:
    """The secret of a key. No signature is checked, so it can be made from the key's ID and kept by nobody."""
    return f"secret-of-{access_key_id}"


def _get_session_token(call: Call) -> Result:
    """The caller for a while; with a device and its code, with a second factor (which device, nobody checks)."""
    refuse_temporary(call)
    mfa = "SerialNumber" in call.params and "TokenCode" in call.params
    seconds, caller = lifetime(call), call.caller
    match caller:
        case UserCaller(account_id=account_id, user_id=user_id):
            caller = UserSession(account_id=account_id, user_id=user_id)
        case Root(account_id=account_id):
            caller = RootSession(account_id=account_id)
        case _:
            pass
    return {"Credentials": credentials_view(issue(call.world, caller, seconds=seconds, mfa=mfa))}


def _get_federation_token(call: Call) -> Result:
    """Credentials for somebody whom the calling user, or root, vouches for."""
    refuse_temporary(call)
    caller = _vouched_for(call)
    issued = issue(call.world, caller, seconds=lifetime(call))
    view = {"FederatedUserId": caller_user_id(caller), "Arn": caller_arn(call.world, caller)}
    return {"Credentials": credentials_view(issued), "FederatedUser": view}


def _vouched_for(call: Call) -> FederatedUser | FederatedRoot:
    account_id, name = call.caller.account_id, call.text("Name")
    policies = session_policies(call, call.account)
    tags = tuple((tag["Key"], tag["Value"]) for tag in call.params.get("Tags", ()))
    if isinstance(call.caller, UserCaller):
        user_id = call.caller.user_id
        return FederatedUser(account_id=account_id, user_id=user_id, name=name, policies=policies, tags=tags)
    return FederatedRoot(account_id=account_id, name=name, policies=policies, tags=tags)


def refuse_temporary(call: Call) -> None:
    """Credentials for a while are made with long-term ones only (observed wording)."""
    if isinstance(call.caller, Temporary):
        raise IamError("AccessDenied", f"Cannot call {call.name} with session credentials")


def lifetime(call: Call) -> int:
    """The seconds asked for: half a day if none; root's last an hour at most, whatever is asked for."""
    seconds: int = call.params.get("DurationSeconds", _HALF_A_DAY)
    return min(seconds, HOUR) if isinstance(call.caller, Root) else seconds


def _get_access_key_info(call: Call) -> Result:
    known = call.world.credentials.get(call.text("AccessKeyId"))
    if known is None:
        raise IamError("ValidationError", "Invalid AccessKeyId.")
    return {"Account": known.caller.account_id}


HANDLERS: Final[Mapping[str, Handler]] = {
    "GetCallerIdentity": _get_caller_identity,
    "AssumeRole": _assume_role,
    "GetFederationToken": _get_federation_token,
    "GetSessionToken": _get_session_token,
    "GetAccessKeyInfo": _get_access_key_info,
}
"""By the name of the call."""
