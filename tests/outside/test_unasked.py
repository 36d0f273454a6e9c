"""More than was asked for: what a server lists that takes no heed of a filter is nobody's to manage."""

from __future__ import annotations

from pathlib import Path

from tests.commands import Run
from tests.outside.elsewhere import Elsewhere

DOCUMENT = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]}
MANIFEST = """\
kind: ManagedPolicy
name: SecurityAudit
policy: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:Get*", Resource: "*"}]}
---
kind: Role
name: auditor
trust: [{service: ec2.amazonaws.com}]
managed_policies: [SecurityAudit, "arn:aws:iam::aws:policy/SecurityAudit"]
"""


def test_a_policy_of_aws_is_not_taken_for_one_of_the_account(folder: Path, run: Run, iam: Elsewhere) -> None:
    (folder / "manifests" / "auditor.yaml").write_text(MANIFEST)
    own = iam.policy("SecurityAudit", DOCUMENT, tags={})
    awss = "arn:aws:iam::aws:policy/SecurityAudit"
    iam.policies[awss] = {**iam.policies.pop(own), "Arn": awss}

    assert run("plan").sentence == "Plan: 2 to add, 0 to change, 0 to destroy."
    assert run("apply", "--auto-approve").code == 0
    assert run("plan", "--detailed-exitcode").code == 0
    assert run("apply", "--auto-approve", "--destroy").code == 0
    assert list(iam.policies) == [awss]
