"""AcquireRole, as far as it is known: a template that is not there is NoSuchEntity.

The call makes a role from a template that AWS or a service publishes. What such a template holds, what it does to
the role's trust and policies, and how a role of one differs afterwards, nobody has written down yet; the sandbox
has no templates, and makes none up. So every one is missing, and no role has a SourceRoleTemplate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.sandbox.calls.handler import Handler, Result
from reconciler.sandbox.errors import IamError
from reconciler.sandbox.world import Call


def _acquire_role(call: Call) -> Result:
    arn = call.text("TemplateArn")
    if not arn.startswith("arn:"):
        raise IamError("InvalidInput", f"ARN {arn} is not valid.")
    raise IamError("NoSuchEntity", f"Role template {arn} was not found.")


HANDLERS: Final[Mapping[str, Handler]] = {"AcquireRole": _acquire_role}
"""By the name of the call."""
