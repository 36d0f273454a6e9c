"""Who can assume a role: the trust policy's half, and what the caller's own policies must add to it.

Sources: IAM User Guide, reference_policies_evaluation-logic-cross-account, id_session-tags; STS API Reference,
AssumeRole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import assert_never

from reconciler.sandbox.evaluator.decisions import (
    NO_PERMISSIONS,
    Decision,
    Permissions,
    Source,
    Verdict,
    layers,
    strictest,
)
from reconciler.sandbox.evaluator.grammar import Document, compile_trust_policy
from reconciler.sandbox.evaluator.requests import Caller, CallerKind, Context, Request, Tags, arn_parts
from reconciler.sandbox.evaluator.statements import CompiledPolicy, Named


@dataclass(frozen=True, slots=True)
class AssumableRole:
    """The role to be assumed: its ARN (with path), trust policy and tags."""

    arn: str
    trust: Document
    tags: Tags = field(default_factory=dict, hash=False)


def evaluate_trust(trust: Document, request: Request) -> Decision:
    """What the trust policy alone says to a request by its principal. Raises MalformedPolicyError."""
    return _weigh_trust(compile_trust_policy(trust), request)[0]


def _weigh_trust(trust: CompiledPolicy, request: Request) -> tuple[Decision, Named]:
    """The decision, and how closely the closest of the allowing statements names the caller."""
    for statement in trust.denies:
        if statement.names(request.principal) and statement.covers(request):
            return Decision(Verdict.EXPLICIT_DENY, request.action, Source.TRUST, 0, statement), Named.NOT
    closest, granting = Named.NOT, None
    for statement in trust.allows:
        named = statement.names(request.principal)
        if named > closest and statement.covers(request):
            closest, granting = named, statement
    verdict = Verdict.IMPLICIT_DENY if granting is None else Verdict.ALLOWED
    return Decision(verdict, request.action, Source.TRUST, 0, granting), closest


def may_assume(
    role: AssumableRole,
    caller: Caller,
    *,
    permissions: Permissions = NO_PERMISSIONS,
    session_tags: Tags | None = None,
    context: Context | None = None,
) -> Decision:
    """Whether the caller can assume the role: the decision that refuses, else the Allow of the trust policy.

    The call follows from the caller: AssumeRoleWithWebIdentity, AssumeRoleWithSAML, for all others
    AssumeRole. Passing ``session_tags`` needs ``sts:TagSession`` as well, a source identity
    (``sts:SourceIdentity`` in ``context``) ``sts:SetSourceIdentity``. ``context`` holds what else the request
    says: ``sts:ExternalId``, ``aws:MultiFactorAuthPresent``, ``aws:SourceIp``, an OIDC token's claims.

    Raises MalformedPolicyError for a document without meaning, ValueError for a role ARN that is none.
    """
    account = arn_parts(role.arn)[4]
    if caller.kind in (CallerKind.ROOT, CallerKind.FEDERATED_USER):
        # AssumeRole refuses root; GetFederationToken's credentials may only call GetCallerIdentity of STS.
        return Decision(Verdict.IMPLICIT_DENY, "sts:AssumeRole", Source.CREDENTIALS)
    facts = {**_facts(role, account, session_tags or {}), **(context or {})}
    trust = compile_trust_policy(role.trust)
    decisions = [
        _assume(trust, permissions, Request(action, role.arn, caller, facts), home=caller.account == account)
        for action in _actions_needed(caller, facts)
    ]
    return strictest(decisions)


def _facts(role: AssumableRole, account: str, session_tags: Tags) -> dict[str, str | tuple[str, ...] | bool]:
    """The keys about the role and the tags passed (reference_policies_iam-condition-keys)."""
    facts: dict[str, str | tuple[str, ...] | bool] = {"aws:ResourceAccount": account}
    for key, value in role.tags.items():
        facts[f"aws:ResourceTag/{key}"] = facts[f"iam:ResourceTag/{key}"] = value
    for key, value in session_tags.items():
        facts[f"aws:RequestTag/{key}"] = value
    if session_tags:
        facts["aws:TagKeys"] = tuple(session_tags)
    return facts


def _actions_needed(caller: Caller, facts: Context) -> list[str]:
    given = {key.lower() for key, value in facts.items() if value != ()}
    extras = {"aws:tagkeys": "sts:TagSession", "sts:sourceidentity": "sts:SetSourceIdentity"}
    return [caller.call, *(action for key, action in extras.items() if key in given)]


def _assume(trust: CompiledPolicy, permissions: Permissions, request: Request, *, home: bool) -> Decision:
    decision, named = _weigh_trust(trust, request)
    if not request.principal.account:
        return decision  # services and identities of a provider have no policies of their own
    needed = _second_half(named, home=home)
    said = layers(permissions, request)
    counting = [one for one in said if one.source in needed or one.verdict is Verdict.EXPLICIT_DENY]
    return strictest([decision, *counting])


_ALL_LAYERS = frozenset({Source.IDENTITY, Source.BOUNDARY, Source.SESSION})
_LIMITS = frozenset({Source.BOUNDARY, Source.SESSION})


def _second_half(named: Named, *, home: bool) -> frozenset[Source]:
    """Which of the caller's own policies must allow it too, besides denying nothing.

    In the role's own account: none where the trust names the user, the session or everyone; boundary and
    session policies where it names the session's role; all where it names the account. From another account:
    all.
    """
    if not home:
        return _ALL_LAYERS
    match named:
        case Named.DIRECTLY:
            return frozenset()
        case Named.BY_PARENT:
            return _LIMITS
        case Named.BY_ACCOUNT | Named.NOT:
            return _ALL_LAYERS
        case _:
            assert_never(named)
