"""Who asks in the tests of the evaluator, and documents in few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.sandbox.evaluator import (
    AssumableRole,
    Caller,
    Decision,
    Permissions,
    Request,
    evaluate_identity,
)

OWN, OTHER = "111122223333", "123456789012"
ROLE_ARN = f"arn:aws:iam::{OWN}:role/ops/deployer"

ALICE = Caller.user(f"arn:aws:iam::{OWN}:user/staff/alice", unique_id="AIDAALICEALICEALICE22", organization="o-abc")
STRANGER = Caller.user(f"arn:aws:iam::{OTHER}:user/carol", unique_id="AIDACAROLCAROLCAROL22", organization="o-abc")
RUNNER_ARN, RUNNER_ID = f"arn:aws:iam::{OWN}:role/ci/runner", "AROARUNNERRUNNERRUN22"
RUNNER = Caller.role_session(RUNNER_ARN, "build-7", unique_id=RUNNER_ID)
VISITOR = Caller.role_session(f"arn:aws:iam::{OTHER}:role/visitor", "s", unique_id="AROAVISITORVISITORVI2")
FEDERATED = Caller.federated_user(f"arn:aws:sts::{OWN}:federated-user/bob", user_arn=ALICE.arn)
EC2 = Caller.service("ec2.amazonaws.com")
GITHUB_ARN = f"arn:aws:iam::{OWN}:oidc-provider/token.actions.githubusercontent.com"
GITHUB = Caller.web_identity(GITHUB_ARN)
SAML = Caller.saml_identity(f"arn:aws:iam::{OWN}:saml-provider/corp")
DEAD = "AROADEADDEADDEADDEAD2"


def document(*statements: Mapping[str, Any], version: str = "2012-10-17") -> dict[str, Any]:
    return {"Version": version, "Statement": [dict(one) for one in statements]}


def allow(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


def trusting(principal: Any, action: Any = "sts:AssumeRole", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": action, **more}


def distrusting(principal: Any, action: Any = "sts:AssumeRole", **more: Any) -> dict[str, Any]:
    return {**trusting(principal, action, **more), "Effect": "Deny"}


def role(*statements: Mapping[str, Any], **tags: str) -> AssumableRole:
    return AssumableRole(ROLE_ARN, document(*statements), tags)


ASSUME = document(allow("sts:AssumeRole", ROLE_ARN))
SECOND_HALF = Permissions(policies=[ASSUME])
NOTHING = document(allow("s3:*"))


def decide(policies: Sequence[Any], action: str, resource: str = "*", **more: Any) -> Decision:
    """Alice, with these policies."""
    boundary, context = more.pop("boundary", None), more.pop("context", {})
    return evaluate_identity(Permissions(policies, boundary, **more), Request(action, resource, ALICE, context))
