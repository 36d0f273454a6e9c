"""The same account, written in every legal way: nothing that is decided may depend on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import boto3
import pytest

from reconciler.iam import Aws
from reconciler.snapshot import Snapshot, read_policy, read_role, read_snapshot
from tests.commands import Run
from tests.outside.elsewhere import ACCOUNT, Elsewhere
from tests.outside.spelling import NAMESPACE, Spelling, form, lower_percent, raw

MANIFESTS = """\
kind: Role
name: deployer
path: /teams/a+b/
description: Größe, 100 % & <more> "quoted"
max_session_duration: 7200
permissions_boundary: Most
tags: {team: storage, Größe: "a+b c"}
trust:
  - user: alice
  - role: ci-runner
managed_policies: [Few]
inline_policies:
  list+more:
    Version: "2012-10-17"
    Statement:
      - Effect: Allow
        Action: "s3:ListBucket"
        Resource: "arn:aws:s3:::a+b c%20d"
        Condition: {StringEquals: {"aws:ResourceTag/Größe": "ü + ö & <x> 50%"}}
---
kind: Role
name: ci-runner
trust: [{service: ec2.amazonaws.com}]
---
kind: ManagedPolicy
name: Few
tags: {a: "b + c"}
description: Few of them + more
policy: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:ListBucket", Resource: "arn:aws:s3:::b"}]}
---
kind: ManagedPolicy
name: Most
path: /b/
policy: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "*", Resource: "*"}]}
"""

ODD_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::a+b c%20d",
            "Condition": {"StringEquals": {"aws:ResourceTag/Größe": ["ü + ö", "& <x>", "50 %", "%22", "}{ ]]"]}},
        }
    ],
}

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

NEW_FIELDS = {"SomethingNew": {"Deep": ["a", {"b": "c"}]}, "SomethingElse": "", "Empty": []}

SPELLINGS = {
    "as AWS writes": Spelling(),
    "single quotes": Spelling(root=f"xmlns='{NAMESPACE}'"),
    "namespace last": Spelling(root=f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="{NAMESPACE}"'),
    "no namespace": Spelling(root=""),
    "prefixed": Spelling(root=f'xmlns:iam="{NAMESPACE}"', prefix="iam:"),
    "another version": Spelling(root='xmlns="https://iam.amazonaws.com/doc/2099-01-01/"'),
    "declared": Spelling(head='<?xml version="1.0" encoding="UTF-8"?>\n<!-- served elsewhere -->\n'),
    "pretty": Spelling(pretty=True),
    "pretty and without": Spelling(pretty=True, empty_lists=False),
    "empty lists omitted": Spelling(empty_lists=False),
    "blanks as plus": Spelling(encode=form),
    "small digits": Spelling(encode=lower_percent),
    "documents as they are": Spelling(encode=raw),
    "documents indented": Spelling(indent_documents=True),
    "indented with plus": Spelling(indent_documents=True, encode=form),
    "unknown fields": Spelling(extra=NEW_FIELDS),
    "no request IDs": Spelling(request_ids=False),
    "backwards": Spelling(backwards=True),
    "sections": Spelling(cdata=True),
}


WHOLE = (1000,)
RAGGED = (0, 1, 0, 3)  # some pages are empty, with more to come


@cache
def session() -> boto3.Session:
    """One session for all: making it is most of what a connection costs."""
    return boto3.Session()


def populated(spelling: Spelling, pages: tuple[int, ...]) -> Elsewhere:
    """An account with one of everything, as full of odd characters as IAM lets it be."""
    iam = Elsewhere(spelling, pages=pages)
    iam.create_user("alice", "/people/")
    policy = iam.policy("Few", ODD_POLICY, tags={"a": "b + c"})
    trust = {"Effect": "Allow", "Principal": {"AWS": iam.users["alice"]["Arn"]}, "Action": "sts:AssumeRole"}
    for name in ("deployer", "ci-runner", "reader"):
        role = iam.role(name, {"Version": "2012-10-17", "Statement": [trust]}, Description=" Größe + 100 % & <more> ")
        role["Tags"]["Größe"] = "a+b c"
    iam.roles["deployer"]["inline"]["list"] = json.dumps(ODD_POLICY, ensure_ascii=False)
    iam.roles["deployer"]["attached"].add(policy)
    iam.roles["deployer"]["PermissionsBoundary"] = policy
    iam.roles["reader"]["Tags"] = {"blank": " "}
    return iam


def read(iam: Elsewhere) -> Snapshot:
    """The account as this program reads it: the whole, and one role and policy by themselves."""
    with iam:
        aws = Aws.connect(endpoint_url=iam.url, session=session()).account(ACCOUNT, read_only=True)
        arns = list(iam.policies)
        read = read_snapshot(aws, with_policies=True, policy_tags_of=arns, clock=lambda: NOON)
        for name, role in read.roles.items():
            assert repr(read_role(aws, name)) == repr(role)
        for policy in read.policies.values() if read.policies else ():
            assert repr(read_policy(aws, policy.arn).policy) == repr(policy.policy)
    return replace(read, calls={})


@pytest.fixture(scope="module")
def usual() -> Snapshot:
    """The account as AWS writes it."""
    return read(populated(Spelling(), WHOLE))


def test_an_account_is_read_as_it_is(usual: Snapshot) -> None:
    assert usual.roles["deployer"].inline_policies["list"].source == ODD_POLICY
    assert usual.roles["reader"].tags == {"blank": " "}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_an_account_reads_the_same_however_it_is_written(spelling: Spelling, usual: Snapshot) -> None:
    there = read(populated(spelling, RAGGED))
    assert repr(there) == repr(usual)  # for documents are equal where they mean the same, not where they are the same


@pytest.mark.slow
@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_an_account_is_managed_the_same_however_it_is_written(
    spelling: Spelling, folder: Path, run: Run, reach: Callable[[Elsewhere], None]
) -> None:
    (folder / "manifests" / "all.yaml").write_text(MANIFESTS, encoding="utf-8")
    with Elsewhere(spelling, pages=RAGGED) as iam:
        reach(iam)
        iam.create_user("alice")
        done = run("apply", "--auto-approve")
        assert (done.code, done.sentence) == (0, "Apply complete! Resources: 4 added, 0 changed, 0 destroyed."), (
            done.err
        )
        assert run("plan", "--detailed-exitcode").sentence == "No changes. Your roles match the manifests."
        assert run("drift").code == 0
        writes = list(iam.writes)
        assert run("apply", "--auto-approve").code == 0
        assert iam.writes == writes

        dead = iam.users["alice"]["UserId"]
        alive = iam.recreate_user("alice")
        report = run("drift", "--format", "json")
        assert report.code == 2
        (finding,) = report.json["findings"]
        assert (finding["principal_id"], finding["standing"], finding["current_id"]) == (dead, "recreated", alive)
        assert run("apply", "--auto-approve").code == 2
        assert run("apply", "--auto-approve", "--approve", "re_trust").code == 0
        assert alive in str(iam.trust_of("deployer"))
        assert run("plan", "--detailed-exitcode").code == 0

        done = run("apply", "--destroy", "--auto-approve")
        assert (done.code, done.sentence) == (0, "Apply complete! Resources: 0 added, 0 changed, 4 destroyed.")
        assert not iam.roles
        assert not iam.policies
