"""The words in which access is denied.

What IAM says of a resource depends on the call (recorded from its answers): what is there it calls by kind and name,
`role deployer`, and a managed policy by its ARN with the word before it; what is only to be made, is listed or is
passed on, by its ARN alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.sandbox.calls.sts import caller_arn
from reconciler.sandbox.errors import IamError
from reconciler.sandbox.evaluator import Decision, Source, Verdict
from reconciler.sandbox.world import Call

_BY_NAME: Final = {"role": "role", "user": "user", "group": "group", "instance-profile": "instance profile"}
_BY_ARN: Final = frozenset(
    {
        "CreateGroup",
        "CreateInstanceProfile",
        "CreateRole",
        "CreateUser",
        "GetContextKeysForPrincipalPolicy",
        "ListGroups",
        "ListInstanceProfiles",
        "ListRoles",
        "ListUsers",
        "PassRole",
        "SimulatePrincipalPolicy",
        "TagInstanceProfile",
        "TagRole",
        "TagUser",
    }
)
_LIMITS: Final[Mapping[Source, str]] = {
    Source.BOUNDARY: "a permissions boundary",
    Source.SESSION: "a session policy",
}


def denied(call: Call, decision: Decision, resource: str) -> IamError:
    """The refusal of an action of IAM or STS on a resource, given by ARN or as `*`."""
    who, action = caller_arn(call.world, call.caller), decision.action
    what = _spoken(call, action, resource) if action.startswith("iam:") else resource
    return IamError(
        "AccessDenied", f"User: {who} is not authorized to perform: {action} on resource: {what} {reason(decision)}"
    )


def reason(decision: Decision) -> str:
    """Which policy denies, or which kind of policy does not allow."""
    kind = _LIMITS.get(decision.source, "an identity-based policy")
    if decision.verdict is Verdict.EXPLICIT_DENY:
        return f"with an explicit deny in {kind}"
    return f"because no {kind.partition(' ')[2]} allows the {decision.action} action"


def _spoken(call: Call, action: str, resource: str) -> str:
    verb = action.partition(":")[2]
    kind, _, path = resource.rpartition(":")[2].partition("/")
    name = path.rpartition("/")[2]
    if verb == "ListPolicies":
        return f"policy path {call.text('PathPrefix', '/')}"
    if kind == "policy":
        return f"policy {name if call.name == 'CreatePolicy' else resource}"
    return f"{_BY_NAME[kind]} {name}" if kind in _BY_NAME and verb not in _BY_ARN else resource
