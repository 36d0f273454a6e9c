"""Calls beside the subject, which moto answers: passwords, MFA devices, keys and certificates, aliases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.sandbox import moto_contact, wire
from reconciler.sandbox.calls.handler import Handler, Result
from reconciler.sandbox.world import Call


def _by_moto(call: Call) -> Result:
    name = call.maybe("UserName")
    user = None if name is None else call.tables.users.get(name)
    output = wire.operation_model("iam", call.name).output_shape
    answer: Result = call.account.leftovers.call(call.name, call.params, user=user, output=output)
    return answer


HANDLERS: Final[Mapping[str, Handler]] = dict.fromkeys(moto_contact.METHODS, _by_moto)
"""By the name of the call."""
