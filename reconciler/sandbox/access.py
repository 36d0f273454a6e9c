"""Who may do what beside IAM, when enforcement is on: the same caller, the same policies, another service's words.

IAM and STS are asked in `authority`; S3 and CloudTrail say here what a call demands of the caller's policies, and
are refused in the words that they use themselves: a resource stands in quotes, and `*` is left out (recorded from
both services).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.sandbox import asker
from reconciler.sandbox.asker import Context
from reconciler.sandbox.callers import Credentials
from reconciler.sandbox.calls.sts import caller_arn
from reconciler.sandbox.denial import reason
from reconciler.sandbox.errors import IamError
from reconciler.sandbox.evaluator import Request, evaluate_identity
from reconciler.sandbox.world import Call, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """An action that a call needs, on a resource, with the condition keys of its service."""

    action: str
    resource: str = "*"
    context: Context = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Whoever holds the credentials asks something of a service in a region."""

    world: World
    credentials: Credentials
    region: str

    @property
    def account(self) -> str:
        """The caller's account."""
        return self.credentials.caller.account_id

    @property
    def partition(self) -> str:
        """`aws`, or another that the caller's account is in."""
        return self.world.account(self.account).partition

    def need(self, demand: Demand, *, owner: str | None = None) -> None:
        """AccessDenied unless the caller's policies allow it.

        `owner` is the account of the resource, the caller's own if None. What belongs to another account is
        closed: only a policy of the resource could open it, and the sandbox has none.
        """
        call = self._call()
        context = {**asker.circumstances(call, self.credentials), "aws:RequestedRegion": self.region, **demand.context}
        request = Request(demand.action, demand.resource, asker.caller(call), context)
        decision = evaluate_identity(asker.permissions(call), request)
        if not decision.allowed:
            raise self._denied(demand, reason(decision))
        if owner not in (None, self.account):
            raise self._denied(demand, f"because no resource-based policy allows the {demand.action} action")

    def _call(self) -> Call:
        """Where `asker` looks up who is calling."""
        caller = self.credentials.caller
        account = self.world.account(caller.account_id)
        return Call(world=self.world, account=account, caller=caller, name="", params={})

    def _denied(self, demand: Demand, reason: str) -> IamError:
        arn = caller_arn(self.world, self.credentials.caller)
        on = "" if demand.resource == "*" else f' on resource: "{demand.resource}"'
        return IamError("AccessDenied", f"User: {arn} is not authorized to perform: {demand.action}{on} {reason}")
