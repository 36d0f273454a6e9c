"""An IAM that tells the same document otherwise each time, and commands that leave no trace."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.commands import Run
from tests.outside.elsewhere import ACCOUNT, Elsewhere

MANIFEST = f"""\
kind: Role
name: deployer
trust_policy:
  Version: "2012-10-17"
  Statement:
    - Sid: Named
      Effect: Allow
      Principal:
        AWS: ["111122223333", "arn:aws:iam::{ACCOUNT}:user/alice", "arn:aws:iam::{ACCOUNT}:user/bob"]
        Service: [ec2.amazonaws.com]
      Action: ["sts:AssumeRole", "sts:TagSession"]
      Condition:
        StringEquals: {{"sts:ExternalId": [one, two]}}
        Bool: {{"aws:MultiFactorAuthPresent": true}}
    - Effect: Deny
      Principal: {{AWS: "*"}}
      Action: "sts:assumerole"
      Condition: {{NumericGreaterThan: {{"aws:MultiFactorAuthAge": 3600}}}}
    - Effect: Deny
      Principal: {{AWS: "*"}}
      Action: "sts:AssumeRole"
      Condition: {{StringNotEquals: {{"aws:PrincipalOrgID": o-1234567890}}}}
"""


class Teller:
    """Tells a document in another order, lists of one as what is in them and the other way round."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)

    def __call__(self, value: Any, key: str = "") -> Any:
        match value:
            case dict():
                pairs = [(name, self(each, name)) for name, each in value.items()]
                self._chance.shuffle(pairs)
                return dict(pairs)
            case list():
                told = [self._spelt(each) if isinstance(each, str) else self(each) for each in value]
                self._chance.shuffle(told)
                return told[0] if len(told) == 1 and self._chance.random() < 0.5 else told
            case str() if key in {"Action", "AWS", "Service", "sts:ExternalId"}:
                return [self._spelt(value)] if self._chance.random() < 0.5 else self._spelt(value)
            case _:
                return value

    def _spelt(self, value: str) -> str:
        return "arn:aws:iam::111122223333:root" if value == "111122223333" else value


@pytest.fixture(autouse=True)
def account(folder: Path, iam: Elsewhere) -> None:
    """Declare a role whose trust has about everything in it, and the users that it names."""
    (folder / "manifests" / "deployer.yaml").write_text(MANIFEST)
    iam.create_user("alice")
    iam.create_user("bob")


def test_a_document_that_is_told_otherwise_each_time_is_the_same(run: Run, iam: Elsewhere) -> None:
    iam.retell = Teller(seed=7)
    assert run("apply", "--auto-approve").code == 0
    for _ in range(5):
        assert run("plan", "--detailed-exitcode").sentence == "No changes. Your roles match the manifests."
    assert run("drift").code == 0
    assert iam.writes == ["CreateRole"]


def test_one_who_was_recreated_is_found_among_documents_told_otherwise(run: Run, iam: Elsewhere) -> None:
    iam.retell = Teller(seed=11)
    assert run("apply", "--auto-approve").code == 0
    dead = iam.users["bob"]["UserId"]
    iam.recreate_user("bob")
    first, second = (run("plan", "--format", "json").json for _ in range(2))
    assert first["fingerprint"] == second["fingerprint"], "what IAM shuffles is no part of what was reviewed"
    (change,) = first["changes"]
    assert (change["reason"], change["approvals"]) == ("principal_recreated", ["re_trust"])
    assert run("drift", "--format", "json").json["findings"][0]["principal_id"] == dead
    assert run("apply", "--expect", first["fingerprint"]).code == 0
    assert run("plan", "--detailed-exitcode").code == 0


def test_looking_leaves_no_trace(folder: Path, run: Run, iam: Elsewhere) -> None:
    before = sorted(folder.rglob("*"))
    for command in (("validate",), ("plan",), ("plan", "--destroy"), ("drift", "--no-record"), ("state", "list")):
        run(*command)
    assert sorted(folder.rglob("*")) == before
    assert iam.writes == []
