"""Calls of STS: who am I, and becoming a role."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from reconciler.sandbox import documents, principals
from reconciler.sandbox.callers import Caller, Credentials, SessionCaller, UserCaller
from reconciler.sandbox.calls.handler import Handler, Result
from reconciler.sandbox.calls.policies import lookup
from reconciler.sandbox.cloudtrail import HOME
from reconciler.sandbox.entities import Role
from reconciler.sandbox.errors import IamError
from reconciler.sandbox.world import AccountState, Call, World

_ROLE_ARN: Final = re.compile(r"arn:(aws(?:-[a-z]+)*):iam::(\d{12}):role/(.+)")
_HOUR: Final = 3600
_HALF_A_DAY: Final = 43_200


def caller_arn(world: World, caller: Caller) -> str:
    """The ARN that GetCallerIdentity gives: of a session, without the path of its role."""
    account = world.account(caller.account_id)
    match caller:
        case UserCaller(user_id=user_id):
            user = account.tables.users.by_key(user_id)
            return account.user_arn(user) if user else account.arn("user/deleted")
        case SessionCaller(role_name=role, session_name=session):
            return account.arn(f"assumed-role/{role}/{session}", service="sts")
        case _:
            return account.arn("root")


def caller_user_id(caller: Caller) -> str:
    """`aws:userid`: the user's ID, `AROA...:session`, or the account ID for root."""
    match caller:
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
    owner, role = _role_to_assume(call)
    duration = call.params.get("DurationSeconds", _HOUR)
    _check_duration(call, role, duration)
    return _session(call, owner, role, duration)


def _role_to_assume(call: Call) -> tuple[AccountState, Role]:
    found = _ROLE_ARN.fullmatch(call.text("RoleArn"))
    if found is None:
        raise IamError("ValidationError", f"{call.text('RoleArn')} is invalid")
    owner = call.world.accounts.get(found[2])
    role_id = principals.find_role(call.world, found[2], found[3])
    role = owner.tables.roles.by_key(role_id) if owner and role_id else None
    if owner is None or role is None:
        raise refused(call)
    return owner, role


def refused(call: Call) -> IamError:
    """The same words whether the role is missing or does not trust the caller."""
    caller = caller_arn(call.world, call.caller)
    text = f"User: {caller} is not authorized to perform: sts:{call.name} on resource: {call.text('RoleArn')}"
    return IamError("AccessDenied", text)


def _check_duration(call: Call, role: Role, duration: int) -> None:
    if duration > role.max_session_duration:
        text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        raise IamError("ValidationError", text)
    if isinstance(call.caller, SessionCaller) and duration > _HOUR:
        text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        raise IamError("ValidationError", text)


def _session(call: Call, owner: AccountState, role: Role, duration: int) -> Result:
    caller = SessionCaller(
        account_id=owner.account_id,
        role_id=role.role_id,
        role_name=role.name,
        session_name=call.text("RoleSessionName"),
        policies=_session_policies(call, owner),
        tags=tuple((tag["Key"], tag["Value"]) for tag in call.params.get("Tags", ())),
    )
    issued = issue(call.world, caller, seconds=duration)
    owner.tables.roles.put(replace(role, last_used=(call.now, HOME.get(owner.partition, "us-east-1"))))
    return {
        "Credentials": _credentials_view(issued),
        "AssumedRoleUser": {
            "AssumedRoleId": caller_user_id(caller),
            "Arn": caller_arn(call.world, caller),
        },
    }


def _session_policies(call: Call, owner: AccountState) -> tuple[str, ...]:
    inline = [call.text("Policy")] if "Policy" in call.params else []
    for text in inline:
        documents.parse_permissions(text, beyond_latin_1=call.world.switches.beyond_latin_1)
    found = [lookup(owner.tables, entry["arn"]) for entry in call.params.get("PolicyArns", ())]
    return (*inline, *(policy.document for policy in found if policy))


def _credentials_view(issued: Credentials) -> dict[str, Any]:
    return {
        "AccessKeyId": issued.access_key_id,
        "SecretAccessKey": issued.secret_access_key,
        "SessionToken": issued.session_token,
        "Expiration": issued.expires,
    }


def issue(world: World, caller: Caller, *, seconds: int | None = None, mfa: bool = False) -> Credentials:
    """Make credentials for a caller: long-term without `seconds`, else temporary; `mfa`: with a second factor."""
    temporary = seconds is not None
    key = world.ids.new("ASIA" if temporary else "AKIA", caller.account_id)
    issued = Credentials(
        access_key_id=key,
        secret_access_key=f"secret-of-{key}",
        session_token=f"token-of-{key}" if temporary else None,
        caller=caller,
        expires=world.clock() + timedelta(seconds=seconds) if seconds is not None else None,
        mfa_at=world.clock() if mfa else None,
    )
    world.credentials[key] = issued
    return issued


def _get_session_token(call: Call) -> Result:
    return {
        "Credentials": _credentials_view(
            issue(call.world, call.caller, seconds=call.params.get("DurationSeconds", 43200))
        )
    }


def _get_access_key_info(call: Call) -> Result:
    known = call.world.credentials.get(call.text("AccessKeyId"))
    if known is None:
        raise IamError("ValidationError", "Invalid AccessKeyId.")
    return {"Account": known.caller.account_id}


HANDLERS: Final[Mapping[str, Handler]] = {
    "GetCallerIdentity": _get_caller_identity,
    "AssumeRole": _assume_role,
    "GetSessionToken": _get_session_token,
    "GetAccessKeyInfo": _get_access_key_info,
}
"""By the name of the call."""
