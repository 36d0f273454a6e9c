"""Who may do what, by IAM's evaluation logic: what a caller's own policies say.

Examples quote the IAM User Guide: reference_policies_evaluation-logic, access_policies_boundaries.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.sandbox.evaluator import (
    Caller,
    Permissions,
    Request,
    Source,
    Verdict,
    evaluate_identity,
    may_assume,
)
from tests.sandbox.evaluating import (
    ALICE,
    EC2,
    FEDERATED,
    GITHUB,
    GITHUB_ARN,
    OWN,
    RUNNER,
    RUNNER_ARN,
    RUNNER_ID,
    SAML,
    allow,
    decide,
    deny,
    document,
    role,
    trusting,
)

# --- identity policies --------------------------------------------------------------------------------------

GET_AND_LIST = document(
    {"Sid": "AllowGetList", **allow(["iam:Get*", "iam:List*"])}, {"Sid": "DenyReports", **deny("iam:*Report")}
)


@pytest.mark.parametrize(
    ("action", "verdict"),
    [
        ("iam:GetUser", Verdict.ALLOWED),
        ("IAM:listroles", Verdict.ALLOWED),
        ("iam:CreatePolicy", Verdict.IMPLICIT_DENY),
        ("iam:GetOrganizationsAccessReport", Verdict.EXPLICIT_DENY),
        ("iam:GenerateCredentialReport", Verdict.EXPLICIT_DENY),
    ],
)
def test_the_documented_difference_of_explicit_and_implicit_denies(action: str, verdict: Verdict) -> None:
    assert decide([GET_AND_LIST], action).verdict is verdict


def test_a_policy_that_allows_does_not_lift_an_explicit_denial_elsewhere() -> None:
    reports = document(allow("iam:GenerateCredentialReport"))
    assert decide([reports, GET_AND_LIST], "iam:GenerateCredentialReport").verdict is Verdict.EXPLICIT_DENY


CARLOS = document(
    allow(["s3:GetBucketLocation", "s3:ListAllMyBuckets"], "arn:aws:s3:::*"),
    allow("s3:*", ["arn:aws:s3:::carlossalazar/*", "arn:aws:s3:::carlossalazar"]),
    deny("s3:*", "arn:aws:s3:::*log*"),
)


@pytest.mark.parametrize(
    ("action", "resource", "verdict"),
    [
        ("s3:ListAllMyBuckets", "arn:aws:s3:::any", Verdict.ALLOWED),
        ("s3:PutObject", "arn:aws:s3:::carlossalazar/file", Verdict.ALLOWED),
        ("s3:PutObject", "arn:aws:s3:::other/file", Verdict.IMPLICIT_DENY),
        ("s3:PutObject", "arn:aws:s3:::CarlosSalazar/file", Verdict.IMPLICIT_DENY),
        ("s3:PutObject", "arn:aws:s3:::carlossalazar-logs/file", Verdict.EXPLICIT_DENY),
    ],
)
def test_the_documented_story_of_carlos_and_the_logs(action: str, resource: str, verdict: Verdict) -> None:
    assert decide([CARLOS], action, resource).verdict is verdict


def test_a_decision_names_the_statement_that_decided() -> None:
    decision = decide([CARLOS, GET_AND_LIST], "iam:GenerateCredentialReport")
    assert (decision.source, decision.policy) == (Source.IDENTITY, 1)
    assert decision.statement is not None
    assert (decision.statement.index, decision.statement.sid) == (1, "DenyReports")
    assert "statement 1 (DenyReports) denies iam:GenerateCredentialReport" in decision.reason
    assert decide([], "iam:X").reason == "Nothing in the identity policies allows iam:X."
    bounded = decide([document(allow())], "iam:X", boundary=SHIRLEY_BOUNDARY)
    assert bounded.reason == "Nothing in the permissions boundary allows iam:X."
    trusted = may_assume(role(trusting({"AWS": ALICE.arn})), ALICE)
    assert trusted.reason == "In the trust policy, document 0, statement 0 allows sts:AssumeRole."


@pytest.mark.parametrize(
    ("statement", "action", "resource", "allowed"),
    [
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, "s3:GetObject", "x", True),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, "iam:GetUser", "x", False),
        (
            {"Effect": "Allow", "NotAction": ["s3:*", "iam:Get?ser"], "Resource": "*"},
            "iam:GetUser",
            "x",
            False,
        ),
        (
            {"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::a/*"},
            "s3:X",
            "arn:aws:s3:::a/1",
            False,
        ),
        (
            {"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::a/*"},
            "s3:X",
            "arn:aws:s3:::b/1",
            True,
        ),
        (allow("s3:*", "arn:aws:s3:::a/${aws:username}"), "s3:X", "arn:aws:s3:::a/alice", True),
        (allow("s3:*", "arn:aws:s3:::a/${aws:username}"), "s3:X", "arn:aws:s3:::a/bob", False),
        (allow("s3:*", "arn:aws:s3:::a/${aws:PrincipalTag/t, 'all'}"), "s3:X", "arn:aws:s3:::a/all", True),
        (allow("s3:*", "arn:aws:s3:::a/${*}"), "s3:X", "arn:aws:s3:::a/b", False),
        (allow("s3:${aws:username}"), "s3:alice", "x", False),
        ({"Effect": "Allow", "Action": "*", "NotResource": "${aws:PrincipalTag/t}"}, "s3:X", "r", False),
    ],
)
def test_elements_and_their_negations(
    statement: dict[str, Any],
    action: str,
    resource: str,
    *,
    allowed: bool,
) -> None:
    assert decide([document(statement)], action, resource).allowed is allowed


def test_variables_are_literal_text_before_2012() -> None:
    own = allow("s3:*", "arn:aws:s3:::a/${aws:username}")
    assert not decide([document(own, version="2008-10-17")], "s3:X", "arn:aws:s3:::a/alice").allowed
    assert not decide([{"Statement": own}], "s3:X", "arn:aws:s3:::a/alice").allowed
    assert decide([{"Statement": own}], "s3:X", "arn:aws:s3:::a/${aws:username}").allowed


SHIRLEY_BOUNDARY = document(allow(["s3:*", "cloudwatch:*", "ec2:*"]))


def test_the_documented_boundary_of_shirley_limits_and_does_not_grant() -> None:
    create_user = document(allow("iam:CreateUser"))
    refused = decide([create_user], "iam:CreateUser", boundary=SHIRLEY_BOUNDARY)
    assert (refused.verdict, refused.source) == (Verdict.IMPLICIT_DENY, Source.BOUNDARY)
    assert decide([], "s3:GetObject", boundary=SHIRLEY_BOUNDARY).source is Source.IDENTITY
    assert decide([document(allow())], "s3:GetObject", boundary=SHIRLEY_BOUNDARY).allowed


def test_a_denial_in_a_boundary_or_a_session_policy_is_explicit() -> None:
    everything, no_iam = document(allow()), document(allow(), deny("iam:*"))
    for limits in ({"boundary": no_iam}, {"session_policies": [no_iam]}):
        assert decide([everything], "iam:GetUser", **limits).verdict is Verdict.EXPLICIT_DENY
        assert decide([everything], "s3:GetObject", **limits).allowed


def test_a_session_can_do_what_role_boundary_and_session_policies_all_allow() -> None:
    role_policies, boundary, session = (
        document(allow(list(actions)))
        for actions in (("a:1", "a:2", "a:3"), ("a:1", "a:2", "a:4"), ("a:1", "a:3", "a:4"))
    )
    permissions = Permissions([role_policies], boundary, [session])
    can = [n for n in range(1, 5) if evaluate_identity(permissions, Request(f"a:{n}", "*", RUNNER)).allowed]
    assert can == [1]


def test_several_session_policies_add_up() -> None:
    permissions = Permissions([document(allow())], None, [document(allow("a:1")), document(allow("a:2"))])
    assert [evaluate_identity(permissions, Request(f"a:{n}", "*", RUNNER)).allowed for n in (1, 2, 3)] == [
        True,
        True,
        False,
    ]


def test_root_may_everything_and_a_federated_user_nothing_without_a_session_policy() -> None:
    everything = document(allow())
    request = Request("iam:GetUser", "*", Caller.root(OWN))
    assert evaluate_identity(Permissions([document(deny())]), request).source is Source.CREDENTIALS
    assert evaluate_identity(Permissions(), request).allowed
    assert not evaluate_identity(Permissions([everything]), replace(request, principal=FEDERATED)).allowed
    both = Permissions([everything], None, [everything])
    assert evaluate_identity(both, replace(request, principal=FEDERATED)).allowed


# --- what IAM says about the caller -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caller", "key", "value"),
    [
        (ALICE, "aws:PrincipalArn", ALICE.arn),
        (ALICE, "aws:username", "alice"),
        (ALICE, "aws:userid", "AIDAALICEALICEALICE22"),
        (ALICE, "aws:PrincipalType", "User"),
        (ALICE, "aws:PrincipalOrgID", "o-abc"),
        (RUNNER, "aws:PrincipalArn", RUNNER_ARN),
        (RUNNER, "aws:userid", f"{RUNNER_ID}:build-7"),
        (RUNNER, "aws:PrincipalAccount", OWN),
        (RUNNER, "aws:PrincipalType", "AssumedRole"),
        (FEDERATED, "aws:userid", f"{OWN}:bob"),
        (FEDERATED, "aws:PrincipalArn", FEDERATED.arn),
        (FEDERATED, "aws:PrincipalType", "FederatedUser"),
        (Caller.root(OWN), "aws:userid", OWN),
        (Caller.root(OWN), "aws:PrincipalType", "Account"),
        (Caller.root(OWN), "aws:PrincipalArn", f"arn:aws:iam::{OWN}:root"),
        (EC2, "aws:PrincipalIsAWSService", "true"),
        (EC2, "aws:PrincipalServiceName", "ec2.amazonaws.com"),
        (ALICE, "aws:PrincipalIsAWSService", "false"),
        (GITHUB, "aws:FederatedProvider", GITHUB_ARN),
    ],
)
def test_a_request_carries_what_iam_knows_of_its_caller(caller: Caller, key: str, value: str) -> None:
    assert Request("a:1", "*", caller).keys[key.lower()] == (value,)


@pytest.mark.parametrize(
    ("caller", "key"),
    [
        (RUNNER, "aws:username"),
        (RUNNER, "aws:PrincipalOrgID"),
        (EC2, "aws:PrincipalArn"),
        (EC2, "aws:PrincipalOrgID"),
        (GITHUB, "aws:PrincipalArn"),
        (SAML, "aws:userid"),
    ],
)
def test_a_request_lacks_what_its_caller_has_not(caller: Caller, key: str) -> None:
    assert key.lower() not in Request("a:1", "*", caller).keys


def test_the_session_arn_drops_the_path_of_the_role() -> None:
    assert RUNNER.arn == f"arn:aws:sts::{OWN}:assumed-role/runner/build-7"


def test_principal_tags_are_found_whatever_the_case_of_their_key() -> None:
    tagged = Caller.user(ALICE.arn, unique_id="AIDA", tags={"Team": "storage"})
    condition = {"StringEquals": {"aws:PrincipalTag/team": "storage"}}
    permissions = Permissions([document(allow(Condition=condition))])
    assert evaluate_identity(permissions, Request("a:1", "*", tagged)).allowed
    assert not evaluate_identity(permissions, Request("a:1", "*", ALICE)).allowed


def test_the_context_of_a_request_wins_over_what_its_caller_carries() -> None:
    request = Request("a:1", "*", ALICE, {"AWS:UserName": "bob", "aws:principalarn": (), "x": True})
    assert request.keys["aws:username"] == ("bob",)
    permissions = Permissions([document(allow(Condition={"Null": {"aws:PrincipalArn": "true"}}))])
    assert evaluate_identity(permissions, request).allowed
    assert request.keys["x"] == ("true",)
