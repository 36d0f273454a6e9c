"""Who may do what: IAM's evaluation logic, small enough to read.

A request is allowed when some policy says so and none says otherwise:

    1. an explicit Deny in any policy that applies is final;
    2. identity policies grant; a permissions boundary and session policies only limit what those grant;
    3. a role is assumed through its trust policy, and how that names the caller decides what else must agree
       (``may_assume``): named directly in the role's own account, the trust alone suffices; named through the
       account, or from another account, the caller's own policies must allow it too.

    document --compile--> CompiledPolicy (cached) --Request--> Decision, with the statement that decided

    requests      who asks (``Caller``), and for what (``Request``)
    statements    policies ready to be evaluated
    grammar       JSON into those
    decisions     what a caller's own policies say to a request
    assuming      what a trust policy says as well, and how the halves make a whole

Nothing here knows of moto, of stored accounts or of time: callers say who they are (``Caller``), and the
request's context the rest (MFA, source address, external ID).
Control policies of an organisation are left out.

Sources: IAM User Guide, reference_policies_evaluation-logic (and -cross-account), access_policies_boundaries,
reference_policies_elements_principal, reference_policies_elements_notprincipal, id_session-tags,
id_credentials_temp_request; STS API Reference, AssumeRole.
"""

from __future__ import annotations

from reconciler.sandbox.conditions import MalformedPolicyError
from reconciler.sandbox.evaluator.assuming import AssumableRole, evaluate_trust, may_assume
from reconciler.sandbox.evaluator.decisions import Decision, Permissions, Source, Verdict, evaluate_identity
from reconciler.sandbox.evaluator.grammar import Document, compile_identity_policy, compile_trust_policy
from reconciler.sandbox.evaluator.requests import Caller, CallerKind, Request
from reconciler.sandbox.evaluator.statements import CompiledPolicy, Statement

__all__ = [
    "AssumableRole",
    "Caller",
    "CallerKind",
    "CompiledPolicy",
    "Decision",
    "Document",
    "MalformedPolicyError",
    "Permissions",
    "Request",
    "Source",
    "Statement",
    "Verdict",
    "compile_identity_policy",
    "compile_trust_policy",
    "evaluate_identity",
    "evaluate_trust",
    "may_assume",
]
