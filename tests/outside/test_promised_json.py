"""The JSON that programs were promised, key by key, out of one account in which about everything has happened.

Keys may be added and are never renamed; words come from closed lists; counts agree with what is listed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Run
from tests.outside.elsewhere import ACCOUNT, Elsewhere, Refused

PLAN = {
    "format_version",
    "tool_version",
    "account",
    "fingerprint",
    "summary",
    "changes",
    "blockers",
    "warnings",
    "calls",
}
CHANGE = {
    "address", "account", "action", "reason", "message", "approvals", "held", "broadens", "stage", "base", "before",
    "after", "differences", "operations",
}  # fmt: skip
FINDING = {
    "kind", "code", "severity", "address", "managed", "principal_id", "session", "last_known_arn", "inferred_arn",
    "standing", "current_id", "effect", "location", "first_seen", "last_alive", "message", "help",
}  # fmt: skip
APPLIED = {"imported", "added", "changed", "destroyed", "forgotten", "failed", "held"}
REASONS = {
    "not_there", "manifest_changed", "changed_outside", "deleted_outside", "recreated_outside", "principal_recreated",
    "principal_deleted", "principal_inferred", "orphan_removed", "re_trusted_after_replace", "not_declared",
    "path_changed", "adopted", "unfinished", "expired",
}  # fmt: skip
APPROVALS = {"re_trust", "adopt", "undo_narrowing", "broaden", "delete"}
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
CODE = re.compile(r"R[MPCAS][1-5]\d\d")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
ADDRESS = re.compile(r"(role|managed_policy|instance_profile|oidc_provider|saml_provider|grant/(user|group|role))/.+")

POLICY = '{Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:ListBucket", Resource: "*"}]}'
BEFORE = f"""\
kind: Role
name: kept
trust: [{{user: alice}}, {{user: bob}}]
---
kind: Role
name: moved
trust: [{{service: ec2.amazonaws.com}}]
---
kind: Role
name: follower
trust: [{{role: moved}}]
managed_policies: [Shared]
---
kind: Role
name: dropped
trust: [{{service: ec2.amazonaws.com}}]
---
kind: Role
name: retained
trust: [{{service: ec2.amazonaws.com}}]
deletion_policy: retain
---
kind: Role
name: vanished
trust: [{{service: ec2.amazonaws.com}}]
---
kind: Role
name: guarded
trust_policy:
  Version: "2012-10-17"
  Statement:
    - {{Effect: Allow, Principal: {{AWS: "arn:aws:iam::{ACCOUNT}:user/alice"}}, Action: "sts:AssumeRole"}}
    - {{Effect: Deny, Principal: {{AWS: ["arn:aws:iam::{ACCOUNT}:user/bob"]}}, Action: "sts:AssumeRole"}}
---
kind: ManagedPolicy
name: Shared
policy: {POLICY}
"""
AFTER = (
    BEFORE.replace("name: moved\n", "name: moved\npath: /new/\n")
    .replace("name: dropped\n", "name: added\n")
    .replace("name: retained\n", "name: found\n")
    .replace("name: follower\n", "name: follower\ndescription: new\n")
    + f"---\nkind: Role\nname: stuck\ntrust: [{{user: nobody}}]\ninline_policies: {{a: {POLICY}}}\n"
)


@pytest.fixture
def eventful(folder: Path, iam: Elsewhere, run: Run) -> Elsewhere:
    """An account that was applied once; then users, roles and manifests were changed in every way there is."""
    for name in ("alice", "bob"):
        iam.create_user(name)
    manifest = folder / "manifests" / "all.yaml"
    manifest.write_text(BEFORE)
    assert run("apply", "--auto-approve").code == 0
    manifest.write_text(AFTER)
    iam.recreate_user("bob")
    iam.roles.pop("vanished")
    iam.roles["kept"]["Description"] = "changed by hand"
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam.role("found", {"Version": "2012-10-17", "Statement": [trust]}, Description="of somebody")
    return iam


def test_a_plan_has_every_key_that_was_promised(eventful: Elsewhere, run: Run, folder: Path) -> None:
    asked_before = eventful.requests.copy()
    planned = run("plan", "--format", "json", "--out", "plan.json")
    plan = planned.json
    assert planned.code == 1, "something is blocked"
    assert plan.keys() >= PLAN
    assert (plan["format_version"], plan["account"]) == ("1", ACCOUNT)
    assert DIGEST.fullmatch(plan["fingerprint"])
    for change in plan["changes"]:
        check_change(change)
    assert {change["action"] for change in plan["changes"]} == {
        "create", "import", "update", "replace", "delete", "forget"
    }  # fmt: skip
    assert {"re_trust", "adopt", "undo_narrowing", "delete", "broaden"} == {
        kind for change in plan["changes"] for kind in change["approvals"]
    }
    check_summary(plan)
    for blocker in plan["blockers"]:
        assert CODE.fullmatch(blocker["code"])
        assert blocker["severity"] == "error"
        assert blocker.keys() >= {"message", "address", "file", "line", "column", "help"}
    assert plan["calls"] == dict(eventful.requests - asked_before)
    assert json.loads((folder / "plan.json").read_text()) == plan
    assert run("show", "plan.json", "--format", "json").json == plan


def check_change(change: dict[str, Any]) -> None:
    assert change.keys() >= CHANGE
    assert ADDRESS.fullmatch(change["address"])
    assert change["account"] == ACCOUNT
    assert change["reason"] in REASONS
    assert set(change["approvals"]) <= APPROVALS
    assert all(DIGEST.fullmatch(digest) for digest in change["base"].values())
    for difference in change["differences"]:
        assert difference.keys() >= {"path", "reason", "before", "after"}
        assert difference["reason"] in REASONS
    stages = [operation["stage"] for operation in change["operations"]]
    assert all(operation.keys() >= {"call", "stage", "params"} for operation in change["operations"])
    assert change["stage"] == min(stages, default=change["stage"])
    assert change["before"] is None or change["action"] != "create"
    assert change["after"] is None or change["action"] not in {"delete", "forget"}


def check_summary(plan: dict[str, Any]) -> None:
    """A replace counts as one add and one destroy, an import with an update as import and change."""
    actions = [change["action"] for change in plan["changes"]]
    imported = [change for change in plan["changes"] if change["action"] == "import"]
    assert plan["summary"] == {
        "import": len(imported),
        "add": actions.count("create") + actions.count("replace"),
        "change": actions.count("update") + sum(bool(change["operations"]) for change in imported),
        "destroy": actions.count("delete") + actions.count("replace"),
        "forget": actions.count("forget"),
    }


def test_the_sentence_of_a_plan_is_that_of_its_summary(eventful: Elsewhere, run: Run) -> None:
    summary = run("plan", "--format", "json").json["summary"]
    assert eventful.writes
    assert run("plan").sentence == (
        "Plan: {import} to import, {add} to add, {change} to change, {destroy} to destroy, {forget} to forget.".format(
            **summary
        )
    )


def test_the_same_account_is_planned_with_the_same_bytes(eventful: Elsewhere, run: Run) -> None:
    first = run("plan", "--format", "json")
    eventful.spelling = type(eventful.spelling)(backwards=True, pretty=True)
    assert run("plan", "--format", "json").out == first.out


def test_drift_has_every_key_that_was_promised(eventful: Elsewhere, run: Run) -> None:
    trust = eventful.roles["kept"]["AssumeRolePolicyDocument"].text
    dead = "AROAQQQQQQQQQQQQQQQQQ:session@example"
    eventful.roles["kept"]["AssumeRolePolicyDocument"] = type(eventful.roles["kept"]["AssumeRolePolicyDocument"])(
        trust.replace(str(eventful.users["alice"]["UserId"]), dead)
    )
    found = run("drift", "--format", "json", "--unmanaged")
    report = found.json
    assert found.code == 2
    assert report.keys() >= {"format_version", "account", "summary", "findings", "calls"}
    findings = report["findings"]
    assert all(finding.keys() >= FINDING for finding in findings)
    assert {finding["severity"] for finding in findings} <= {"error", "warning", "note"}
    assert all(CODE.fullmatch(finding["code"]) and ADDRESS.fullmatch(finding["address"]) for finding in findings)
    counted = [finding for finding in findings if finding["severity"] != "note"]
    orphans = [finding for finding in findings if finding["kind"] == "orphaned_principal"]
    assert report["summary"].items() >= {
        "findings": len(counted), "orphaned_principals": len(orphans), "roles_scanned": len(eventful.roles)
    }.items()  # fmt: skip
    by_id = {finding["principal_id"]: finding for finding in orphans}
    assert by_id["AROAQQQQQQQQQQQQQQQQQ"]["session"] == "session@example"
    recreated = next(finding for finding in orphans if finding["standing"] == "recreated")
    assert recreated["last_known_arn"] == f"arn:aws:iam::{ACCOUNT}:user/bob"
    assert recreated["current_id"] == eventful.users["bob"]["UserId"]
    assert TIME.fullmatch(recreated["first_seen"])
    assert TIME.fullmatch(recreated["last_alive"])
    assert {finding["location"] for finding in orphans} == {
        "Statement[0].Principal.AWS", "Statement[1].Principal.AWS", "Statement[1].Principal.AWS[0]"
    }  # fmt: skip


def test_an_apply_has_every_key_that_was_promised(eventful: Elsewhere, run: Run) -> None:
    eventful.fail["CreateRole"].append(Refused("LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1", 409))
    applied = run("apply", "--auto-approve", "--parallelism", "1", "--format", "json")
    result = applied.json
    assert applied.code == 1, "a failure outranks what is held"
    assert result.keys() >= {"format_version", "account", "fingerprint", "summary", "outcomes"}
    assert result["summary"].keys() >= APPLIED
    for outcome in result["outcomes"]:
        assert outcome.keys() >= {"address", "call", "outcome", "request_id", "diagnostic"}
        assert outcome["outcome"] in {"done", "already", "failed", "not_tried", "unknown", "held"}
    (failed,) = [outcome for outcome in result["outcomes"] if outcome["outcome"] == "failed"]
    assert failed["diagnostic"]["code"] == "RA414"
    assert result["summary"]["failed"] == 1
    held = {outcome["address"] for outcome in result["outcomes"] if outcome["outcome"] == "held"}
    assert result["summary"]["held"] == len(held)
    assert "Plan: " in applied.err, "everything but the result is told on standard error"
