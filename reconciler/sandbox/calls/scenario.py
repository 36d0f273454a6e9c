"""What a simulation decides: one action, one resource, and all the policies that have a say.

Identity policies grant, a boundary and control policies of the organisation limit, a resource-based policy grants
as well: in the caller's own account either it or they suffice, from another account both are needed. Any Deny is
final (IAM User Guide, reference_policies_evaluation-logic, and -cross-account). Whether a statement covers a
request is asked of `evaluator`, as for real calls; here all statements that decide are kept, not just the first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from reconciler.sandbox.calls import policy_text
from reconciler.sandbox.evaluator import (
    Caller,
    CompiledPolicy,
    MalformedPolicyError,
    Request,
    Statement,
    Verdict,
    compile_identity_policy,
    compile_trust_policy,
)
from reconciler.sandbox.evaluator.statements import Named

Context = Mapping[str, tuple[str, ...]]
View = dict[str, Any]

SAID: Final = {
    Verdict.ALLOWED: "allowed",
    Verdict.EXPLICIT_DENY: "explicitDeny",
    Verdict.IMPLICIT_DENY: "implicitDeny",
}
"""A verdict as the simulator words it."""

_ACCOUNT_PART: Final = 4
_STRICTEST_FIRST: Final = (Verdict.EXPLICIT_DENY, Verdict.IMPLICIT_DENY, Verdict.ALLOWED)


@dataclass(frozen=True)
class Policy:
    """A policy with a say: `name` and `kind` are how results call it. MalformedPolicyError if it is none."""

    name: str
    kind: str
    text: str

    @cached_property
    def compiled(self) -> CompiledPolicy:
        """Ready to be asked."""
        return compile_identity_policy(self.text)

    @cached_property
    def asks(self) -> list[str]:
        """The context keys that it asks for."""
        return policy_text.context_keys(self.text)

    def matched(self, statement: Statement) -> View:
        """One of its statements as results show it."""
        start, end = policy_text.positions(self.text)[statement.index]
        return {
            "SourcePolicyId": self.name,
            "SourcePolicyType": self.kind,
            "StartPosition": start,
            "EndPosition": end,
        }


@dataclass(frozen=True)
class ResourcePolicy(Policy):
    """A policy of the resource, whose statements name principals too."""

    @cached_property
    def compiled(self) -> CompiledPolicy:
        """Put together from what a statement says of resources, and what it says of principals."""
        document = _parsed(self.text)
        found = document.get("Statement", [])
        statements = found if isinstance(found, list) else [found]
        if not all(isinstance(statement, dict) for statement in statements):
            raise MalformedPolicyError("a statement is a JSON object")
        of_resources = compile_identity_policy({**document, "Statement": [_of_resources(raw) for raw in statements]})
        of_principals = compile_trust_policy({**document, "Statement": [_of_principals(raw) for raw in statements]})
        named = {statement.index: statement for statement in (*of_principals.allows, *of_principals.denies)}
        return CompiledPolicy(
            trust=False,
            allows=tuple(_joined(statement, named[statement.index]) for statement in of_resources.allows),
            denies=tuple(_joined(statement, named[statement.index]) for statement in of_resources.denies),
        )


def _parsed(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise MalformedPolicyError("a policy document is a JSON object")
    return document


def _of_resources(raw: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in raw.items() if name not in {"Principal", "NotPrincipal"}}
    return kept if kept.keys() & {"Resource", "NotResource"} else {**kept, "Resource": "*"}


def _of_principals(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in raw.items() if name not in {"Resource", "NotResource"}}


def _joined(statement: Statement, named: Statement) -> Statement:
    return replace(statement, principals=named.principals, not_principal=named.not_principal)


Match = tuple[Policy, Statement]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one action on one resource. `details` is what each kind of policy says, across accounts."""

    resource: str
    verdict: Verdict
    matched: tuple[View, ...]
    missing: tuple[str, ...]
    within_boundary: bool | None
    within_organization: bool | None
    details: Mapping[str, Verdict] | None


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Everything but action and resource. `owner` is the account of resources whose ARN names none.

    `organization` holds the control policies of each level, from the root down; None asks none.
    """

    caller: Caller
    context: Context
    policies: Sequence[Policy]
    boundary: Policy | None = None
    organization: Sequence[Sequence[Policy]] | None = None
    resource_policy: ResourcePolicy | None = None
    owner: str = ""

    def check(self) -> None:
        """MalformedPolicyError, with the policy's name, when one of them is no policy."""
        levels = [policy for level in self.organization or () for policy in level]
        single = [policy for policy in (self.boundary, self.resource_policy) if policy is not None]
        for policy in (*self.policies, *single, *levels):
            try:
                _ = policy.compiled
            except MalformedPolicyError as error:
                raise MalformedPolicyError(f"{policy.name}: {error}") from None

    def play(self, action: str, resource: str) -> Outcome:
        """What comes of the action on the resource."""
        request = Request(action, resource, self.caller, self.context)
        granted, matched = _weigh(self.policies, request)
        theirs, named = self._of_resource(request)
        boundary, organization = self._boundary_says(request), self._organization_says(request)
        abroad = self.resource_policy is not None and self._owner(resource) != self.caller.account
        own = [verdict for verdict in (granted, boundary) if verdict is not None]
        verdict = _settled(own, theirs, named=named, abroad=abroad, organization=organization)
        deciding = [*matched, *self._matched_of_resource(request)]
        return Outcome(
            resource=resource,
            verdict=verdict,
            matched=tuple(policy.matched(statement) for policy, statement in deciding if _decides(statement, verdict)),
            missing=tuple(name for name in self._asked if name.lower() not in request.keys),
            within_boundary=_allows(boundary),
            within_organization=_allows(organization),
            details=_details(granted, boundary, theirs) if abroad else None,
        )

    @cached_property
    def _asked(self) -> list[str]:
        said = [*self.policies, *([self.resource_policy] if self.resource_policy else [])]
        return policy_text.once(name for policy in said for name in policy.asks)

    def _boundary_says(self, request: Request) -> Verdict | None:
        return None if self.boundary is None else _weigh([self.boundary], request)[0]

    def _organization_says(self, request: Request) -> Verdict | None:
        """Every level has to allow it."""
        if self.organization is None:
            return None
        return strictest(_weigh(level, request)[0] for level in self.organization)

    def _matched_of_resource(self, request: Request) -> list[Match]:
        if self.resource_policy is None:
            return []
        return _weigh([self.resource_policy], request, caller=self.caller)[1]

    def _of_resource(self, request: Request) -> tuple[Verdict, Named]:
        """What the resource's policy says, and how closely it names the caller in saying so."""
        if self.resource_policy is None:
            return Verdict.IMPLICIT_DENY, Named.NOT
        verdict, matched = _weigh([self.resource_policy], request, caller=self.caller)
        return verdict, max((statement.names(self.caller) for _, statement in matched), default=Named.NOT)

    def _owner(self, resource: str) -> str:
        parts = resource.split(":", 5)
        return (parts[4] if len(parts) > _ACCOUNT_PART else "") or self.owner or self.caller.account


def strictest(verdicts: Iterable[Verdict]) -> Verdict:
    """The one that counts among several that all have to allow; of none, Allowed."""
    found = set(verdicts)
    return next((verdict for verdict in _STRICTEST_FIRST if verdict in found), Verdict.ALLOWED)


def _allows(verdict: Verdict | None) -> bool | None:
    return None if verdict is None else verdict is Verdict.ALLOWED


def _settled(
    own: Sequence[Verdict], theirs: Verdict, *, named: Named, abroad: bool, organization: Verdict | None
) -> Verdict:
    """A resource that names the user itself, in the user's account, needs neither identity policy nor boundary."""
    outer = [] if organization is None else [organization]
    if Verdict.EXPLICIT_DENY in (*own, *outer, theirs):
        return Verdict.EXPLICIT_DENY
    if abroad:
        return strictest([*own, *outer, theirs])
    direct = theirs is Verdict.ALLOWED and named is Named.DIRECTLY
    return strictest(outer if direct else [*own, *outer])


def _decides(statement: Statement, verdict: Verdict) -> bool:
    """Denials decide a denial, allowances what is allowed; where nothing allows, nothing decided."""
    return verdict is (Verdict.EXPLICIT_DENY if statement.denies else Verdict.ALLOWED)


def _details(granted: Verdict, boundary: Verdict | None, theirs: Verdict) -> dict[str, Verdict]:
    bounded = {} if boundary is None else {"Permissions Boundary Policy": boundary}
    return {"IAM Policy": granted, "Resource Policy": theirs, **bounded}


def _weigh(
    policies: Sequence[Policy], request: Request, *, caller: Caller | None = None
) -> tuple[Verdict, list[Match]]:
    """What policies say together, and the statements that say it; with a `caller`, only those that name him."""
    covering = [
        (policy, statement)
        for policy in policies
        for statement in (*policy.compiled.denies, *policy.compiled.allows)
        if (caller is None or statement.names(caller)) and statement.covers(request)
    ]
    denying = [(policy, statement) for policy, statement in covering if statement.denies]
    if denying:
        return Verdict.EXPLICIT_DENY, denying
    return (Verdict.ALLOWED if covering else Verdict.IMPLICIT_DENY), covering
