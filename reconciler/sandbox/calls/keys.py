"""Calls about the access keys of users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from reconciler.sandbox.callers import Credentials, UserCaller
from reconciler.sandbox.calls.handler import Handler, Result
from reconciler.sandbox.calls.sts import issue
from reconciler.sandbox.calls.users import user_meant
from reconciler.sandbox.entities import User
from reconciler.sandbox.errors import IamError
from reconciler.sandbox.paging import page
from reconciler.sandbox.world import Call


def _key(call: Call) -> Credentials:
    wanted = call.text("AccessKeyId")
    for known in call.world.keys_of(user_meant(call)):
        if known.access_key_id == wanted:
            return known
    raise IamError("NoSuchEntity", f"The Access Key with id {wanted} cannot be found.")


def _create_access_key(call: Call) -> Result:
    user = user_meant(call)
    call.quotas.check_count("AccessKeysPerUserQuota", held=len(call.world.keys_of(user)))
    caller = UserCaller(account_id=call.account.account_id, user_id=user.user_id)
    made = replace(issue(call.world, caller), made=call.now)
    call.world.credentials[made.access_key_id] = made
    return {"AccessKey": _view(made, user) | {"SecretAccessKey": made.secret_access_key}}


def _view(key: Credentials, user: User) -> dict[str, Any]:
    return {
        "UserName": user.name,
        "AccessKeyId": key.access_key_id,
        "Status": "Active" if key.active else "Inactive",
        "CreateDate": key.made,
    }


def _list_access_keys(call: Call) -> Result:
    user = user_meant(call)
    shown, more = page(call, call.world.keys_of(user), key=lambda key: key.access_key_id)
    return {"AccessKeyMetadata": [_view(key, user) for key in shown], **more}


def _update_access_key(call: Call) -> Result:
    key = _key(call)
    call.world.credentials[key.access_key_id] = replace(key, active=call.text("Status") == "Active")
    return {}


def _delete_access_key(call: Call) -> Result:
    del call.world.credentials[_key(call).access_key_id]
    return {}


HANDLERS: Final[Mapping[str, Handler]] = {
    "CreateAccessKey": _create_access_key,
    "ListAccessKeys": _list_access_keys,
    "UpdateAccessKey": _update_access_key,
    "DeleteAccessKey": _delete_access_key,
}
"""By the name of the call."""
