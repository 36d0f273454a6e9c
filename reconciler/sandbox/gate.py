"""At the gate: whose request it is.

Keys that nobody gave out are taken all the same, while policies are not enforced: twelve digits are that
account's root, anything else is the root of the default account. Keys of the dead open nothing. Whoever comes by
the word of an identity provider needs no keys.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from reconciler.sandbox.callers import AwsItself, Caller, Credentials, Root, SessionCaller, UserCaller
from reconciler.sandbox.calls import federation
from reconciler.sandbox.errors import IamError, invalid_token
from reconciler.sandbox.http import Request
from reconciler.sandbox.world import DEFAULT_ACCOUNT, World

_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_FOR_STS: Final = re.compile(rb"(?:^|[?&])Version=2011-06-15(?:&|$)")


def service_of(request: Request) -> str:
    """The service that a request is for: its signature says it, and where there is none its path and version."""
    if scope := request.scope:
        return scope[2]
    if urlsplit(request.url).path not in ("", "/"):
        return "s3"
    return "sts" if _FOR_STS.search(request.body or request.url.encode()) else "iam"


def admit(action: str, request: Request, *, world: World, strict: bool) -> Credentials:
    """The credentials of a request; the calls that bring their proof along are let in without, whoever signed them."""
    if action in federation.HANDLERS:
        outside = AwsItself(account_id=DEFAULT_ACCOUNT)
        return Credentials(access_key_id="", secret_access_key="", session_token=None, caller=outside)
    return authenticate(request, world=world, strict=strict)


def authenticate(request: Request, *, world: World, strict: bool) -> Credentials:
    """The credentials that a request is signed with; IamError when they are none, expired or a dead one's.

    The signature itself is not checked: the sandbox keeps no secrets.
    """
    scope = request.scope
    if scope is None and request.has_signature:
        raise IamError("IncompleteSignature", "Authorization header requires 'Credential' parameter.")
    if scope is None:
        raise IamError("MissingAuthenticationToken", "Request is missing Authentication Token")
    key = scope[0]
    known = world.credentials.get(key)
    if known is None:
        # A key that was given out once and is gone is no stranger's.
        return _stranger(key, strict=strict or key in world.ids.taken)
    if not known.active or not _lives(known.caller, world):
        raise invalid_token()
    if known.expires is not None and known.expires <= world.clock():
        raise IamError("ExpiredToken", "The security token included in the request is expired")
    return known


def _stranger(key: str, *, strict: bool) -> Credentials:
    if strict:
        raise invalid_token()
    root = Root(account_id=key if _ACCOUNT.fullmatch(key) else DEFAULT_ACCOUNT)
    return Credentials(access_key_id=key, secret_access_key="", session_token=None, caller=root)


def _lives(caller: Caller, world: World) -> bool:
    match caller:
        case UserCaller(user_id=unique_id) | SessionCaller(role_id=unique_id):
            return world.principal_by_id(unique_id) is not None
        case _:
            return True


def named(text: str | None, *, account_id: str, world: World) -> Caller:
    """The caller that a text means: `user/NAME`, `role/NAME[/SESSION]`, an ARN; None is root.

    ValueError when the text has no such form, IamError when there is nobody of that name.
    """
    tables = world.account(account_id).tables
    if text is None:
        return Root(account_id=account_id)
    kind, _, rest = text.rpartition(":")[2].partition("/")
    name, _, session = rest.partition("/")
    if kind == "user":
        user = tables.users.get(rest.rpartition("/")[2])
        return UserCaller(account_id=account_id, user_id=user.user_id)
    if kind not in {"role", "assumed-role"}:
        raise ValueError(f"a caller is user/NAME or role/NAME/SESSION, not {text!r}")
    if text.startswith("arn:") and kind == "role":
        name, session = rest.rpartition("/")[2], ""
    role = tables.roles.get(name)
    return SessionCaller(
        account_id=account_id, role_id=role.role_id, role_name=role.name, session_name=session or "sandbox"
    )
