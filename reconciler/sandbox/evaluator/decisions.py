"""What the caller's own policies say to a request: any Deny, else an Allow in every layer, else nothing.

Sources: IAM User Guide, reference_policies_evaluation-logic, access_policies_boundaries,
id_credentials_temp_request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from reconciler.sandbox.evaluator.grammar import Document, compile_identity_policy
from reconciler.sandbox.evaluator.requests import CallerKind, Request
from reconciler.sandbox.evaluator.statements import Statement


class Verdict(Enum):
    """How a decision came out. Both denials refuse; the explicit one overrides what is allowed elsewhere."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicit_deny"
    IMPLICIT_DENY = "implicit_deny"


class Source(Enum):
    """What decided."""

    IDENTITY = "identity policies"
    BOUNDARY = "permissions boundary"
    SESSION = "session policies"
    TRUST = "trust policy"
    CREDENTIALS = "kind of credentials"


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a request.

    ``source`` decided: by ``statement`` of its document number ``policy`` (as given, from 0), or, where the
    denial is implicit, by having none. ``action`` is the action that was judged.
    """

    verdict: Verdict
    action: str
    source: Source
    policy: int = 0
    statement: Statement | None = None

    @property
    def allowed(self) -> bool:
        """Whether the request goes through."""
        return self.verdict is Verdict.ALLOWED

    @property
    def reason(self) -> str:
        """One sentence for people."""
        if self.source is Source.CREDENTIALS:
            return f"{self.action} is {'open' if self.allowed else 'closed'} to this kind of credentials."
        if self.statement is None:
            return f"Nothing in the {self.source.value} allows {self.action}."
        name = f"statement {self.statement.index}" + (f" ({self.statement.sid})" if self.statement.sid else "")
        verb = "denies" if self.statement.denies else "allows"
        return f"In the {self.source.value}, document {self.policy}, {name} {verb} {self.action}."


@dataclass(frozen=True, slots=True)
class Permissions:
    """The policies on the caller's side.

    ``policies``: inline and managed, those of a user's groups among them. ``session_policies``: those passed
    when the session was made; none passed, none that limit.
    """

    policies: Sequence[Document] = ()
    boundary: Document | None = None
    session_policies: Sequence[Document] = ()


NO_PERMISSIONS = Permissions()


def evaluate_identity(permissions: Permissions, request: Request) -> Decision:
    """Whether the caller's own policies allow the request. Raises MalformedPolicyError.

    The root user may do everything; no policy or boundary can be attached to it. A federated user's session
    may do only what its session policies allow as well, and nothing without any.
    """
    if request.principal.kind is CallerKind.ROOT:
        return Decision(Verdict.ALLOWED, request.action, Source.CREDENTIALS)
    return strictest(layers(permissions, request))


def layers(permissions: Permissions, request: Request) -> list[Decision]:
    """What each kind of the caller's policies says by itself: identity, boundary and session, those that apply."""
    said = [_weigh(permissions.policies, request, source=Source.IDENTITY)]
    if permissions.boundary is not None:
        said.append(_weigh([permissions.boundary], request, source=Source.BOUNDARY))
    if permissions.session_policies or request.principal.kind is CallerKind.FEDERATED_USER:
        said.append(_weigh(permissions.session_policies, request, source=Source.SESSION))
    return said


def _weigh(documents: Sequence[Document], request: Request, *, source: Source) -> Decision:
    """What a set of policies says together: any Deny, else any Allow, else nothing."""
    policies = [compile_identity_policy(document) for document in documents]
    for place, policy in enumerate(policies):
        for statement in policy.denies:
            if statement.covers(request):
                return Decision(Verdict.EXPLICIT_DENY, request.action, source, place, statement)
    for place, policy in enumerate(policies):
        for statement in policy.allows:
            if statement.covers(request):
                return Decision(Verdict.ALLOWED, request.action, source, place, statement)
    return Decision(Verdict.IMPLICIT_DENY, request.action, source)


def strictest(decisions: Sequence[Decision]) -> Decision:
    """The first explicit denial, else the first implicit one, else the first."""
    for verdict in (Verdict.EXPLICIT_DENY, Verdict.IMPLICIT_DENY):
        for decision in decisions:
            if decision.verdict is verdict:
                return decision
    return decisions[0]
