"""Who may do what, by IAM's evaluation logic: documented examples, who needs which half, and properties.

Examples quote the IAM User Guide: reference_policies_evaluation-logic, access_policies_boundaries,
reference_policies_elements_principal, id_roles_create_for-user, id_session-tags.
"""

# ruff: noqa: FBT001  (a row of a table may hold a boolean)

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from random import Random
from types import MappingProxyType
from typing import Any, TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.sandbox.evaluator import (
    AssumableRole,
    Caller,
    CallerKind,
    Decision,
    MalformedPolicyError,
    Permissions,
    Request,
    Source,
    Verdict,
    compile_identity_policy,
    compile_trust_policy,
    evaluate_identity,
    evaluate_trust,
    may_assume,
)

Item = TypeVar("Item")

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


# --- who needs what to assume a role ------------------------------------------------------------------------

NAMED = [
    (ALICE, ALICE.arn),
    (ALICE, "AIDAALICEALICEALICE22"),
    (RUNNER, RUNNER_ARN),
    (RUNNER, RUNNER_ID),
    (RUNNER, RUNNER.arn),
    (RUNNER, f"{RUNNER_ID}:build-7"),
    (ALICE, "*"),
    (RUNNER, "*"),
]


@pytest.mark.parametrize(("caller", "name"), NAMED)
def test_a_principal_of_the_same_account_that_the_trust_names_needs_nothing_else(caller: Caller, name: str) -> None:
    decision = may_assume(role(trusting({"AWS": name})), caller)
    assert (decision.verdict, decision.source) == (Verdict.ALLOWED, Source.TRUST)


@pytest.mark.parametrize("account", [OWN, f"arn:aws:iam::{OWN}:root"])
@pytest.mark.parametrize("caller", [ALICE, RUNNER])
def test_a_principal_named_through_its_account_needs_the_second_half(caller: Caller, account: str) -> None:
    through_account = role(trusting({"AWS": account}))
    refused = may_assume(through_account, caller)
    assert (refused.verdict, refused.source) == (Verdict.IMPLICIT_DENY, Source.IDENTITY)
    assert may_assume(through_account, caller, permissions=SECOND_HALF).allowed
    elsewhere = Permissions([document(allow("sts:AssumeRole", f"arn:aws:iam::{OWN}:role/deployer"))])
    assert not may_assume(through_account, caller, permissions=elsewhere).allowed


@pytest.mark.parametrize("name", [STRANGER.arn, "AIDACAROLCAROLCAROL22", OTHER, f"arn:aws:iam::{OTHER}:root", "*"])
def test_a_principal_of_another_account_needs_both_halves_however_it_is_named(name: str) -> None:
    trusted = role(trusting({"AWS": name}))
    assert not may_assume(trusted, STRANGER).allowed
    assert may_assume(trusted, STRANGER, permissions=SECOND_HALF).allowed
    assert not may_assume(role(trusting({"AWS": OWN})), STRANGER, permissions=SECOND_HALF).allowed
    bounded = Permissions([ASSUME], boundary=NOTHING)
    assert may_assume(trusted, STRANGER, permissions=bounded).source is Source.BOUNDARY


NARROW = [Permissions([ASSUME], NOTHING), Permissions([ASSUME], None, [NOTHING])]


@pytest.mark.parametrize("permissions", NARROW)
def test_boundary_and_session_policies_limit_a_session_whose_role_is_named(permissions: Permissions) -> None:
    """Where a policy names a role, implicit denies of boundary and session policies limit what it grants."""
    assert not may_assume(role(trusting({"AWS": RUNNER_ARN})), RUNNER, permissions=permissions).allowed
    assert not may_assume(role(trusting({"AWS": RUNNER_ID})), RUNNER, permissions=permissions).allowed
    assert not may_assume(role(trusting({"AWS": OWN})), RUNNER, permissions=permissions).allowed


@pytest.mark.parametrize("permissions", NARROW)
@pytest.mark.parametrize("name", [RUNNER.arn, f"{RUNNER_ID}:build-7", "*"])
def test_they_do_not_limit_a_session_that_is_named_itself(permissions: Permissions, name: str) -> None:
    assert may_assume(role(trusting({"AWS": name})), RUNNER, permissions=permissions).allowed


def test_a_boundary_does_not_limit_a_user_that_is_named() -> None:
    """Resource-based policies that name a user are not limited by an implicit deny in its boundary."""
    assert may_assume(role(trusting({"AWS": ALICE.arn})), ALICE, permissions=Permissions([], NOTHING)).allowed


@pytest.mark.parametrize(
    "permissions",
    [
        Permissions([document(deny("sts:*"))]),
        Permissions([], document(allow(), deny("sts:AssumeRole", ROLE_ARN))),
        Permissions([], None, [document(allow(), deny())]),
    ],
)
@pytest.mark.parametrize(("caller", "name"), NAMED)
def test_an_explicit_denial_on_the_callers_side_is_final(caller: Caller, name: str, permissions: Permissions) -> None:
    decision = may_assume(role(trusting({"AWS": name})), caller, permissions=permissions)
    assert decision.verdict is Verdict.EXPLICIT_DENY


def test_the_closest_of_several_names_counts() -> None:
    both = role(trusting({"AWS": OWN}), trusting({"AWS": ALICE.arn}))
    decision = may_assume(both, ALICE)
    assert decision.allowed
    assert decision.statement is not None
    assert decision.statement.index == 1


@pytest.mark.parametrize(
    "name",
    [
        ALICE.arn,
        RUNNER_ARN.replace("/ci/", "/"),
        f"arn:aws:iam::{OWN}:role/ci/Runner",
        f"arn:aws:iam::{OWN}:role/ci/*",
        f"arn:aws:sts::{OWN}:assumed-role/runner/*",
        f"arn:aws:sts::{OWN}:assumed-role/runner/build-8",
        f"{RUNNER_ID}:build-8",
        DEAD,
        f"{DEAD}:build-7",
        OTHER,
        f"arn:aws-cn:iam::{OWN}:root",
        "",
    ],
)
def test_a_session_is_not_meant_by_another_name(name: str) -> None:
    assert not may_assume(role(trusting({"AWS": name})), RUNNER, permissions=SECOND_HALF).allowed


def test_a_recreated_role_is_not_trusted_through_the_id_of_the_old_one() -> None:
    stored = role(trusting({"AWS": [RUNNER_ID]}))
    recreated = Caller.role_session(RUNNER_ARN, "build-7", unique_id="AROARECREATEDRECREAT2")
    assert may_assume(stored, RUNNER).allowed
    assert not may_assume(stored, recreated, permissions=SECOND_HALF).allowed


def test_a_denial_that_names_a_dead_id_guards_against_nobody() -> None:
    guarded = [trusting({"AWS": OWN}), distrusting({"AWS": RUNNER_ID})]
    recreated = Caller.role_session(RUNNER_ARN, "build-7", unique_id="AROARECREATEDRECREAT2")
    assert may_assume(role(*guarded), RUNNER, permissions=SECOND_HALF).verdict is Verdict.EXPLICIT_DENY
    assert may_assume(role(*guarded), recreated, permissions=SECOND_HALF).allowed


def test_a_denial_of_the_account_closes_the_trust_to_all_of_it() -> None:
    closed = role(trusting({"AWS": [ALICE.arn, STRANGER.arn]}), distrusting({"AWS": f"arn:aws:iam::{OWN}:root"}))
    assert may_assume(closed, ALICE).verdict is Verdict.EXPLICIT_DENY
    assert may_assume(closed, STRANGER, permissions=SECOND_HALF).allowed


def test_trust_in_the_root_with_a_principal_arn_survives_recreation() -> None:
    condition = {"ArnEquals": {"aws:PrincipalArn": RUNNER_ARN}}
    by_name = role(trusting({"AWS": f"arn:aws:iam::{OWN}:root"}, Condition=condition))
    for unique_id in (RUNNER_ID, "AROARECREATEDRECREAT2"):
        session = Caller.role_session(RUNNER_ARN, "s", unique_id=unique_id)
        assert may_assume(by_name, session, permissions=SECOND_HALF).allowed
        assert not may_assume(by_name, session).allowed
    assert not may_assume(by_name, ALICE, permissions=SECOND_HALF).allowed


def test_a_permission_set_is_trusted_by_the_pattern_of_its_role() -> None:
    path = f"arn:aws:iam::{OWN}:role/aws-reserved/sso.amazonaws.com/"
    patterns = [f"{path}AWSReservedSSO_Admin_*", f"{path}*/AWSReservedSSO_Admin_*"]
    trusted = role(trusting({"AWS": OWN}, Condition={"ArnLike": {"aws:PrincipalArn": patterns}}))
    for name, expected in (
        ("AWSReservedSSO_Admin_0123456789abcdef", True),
        ("eu-west-1/AWSReservedSSO_Admin_0123456789abcdef", True),
        ("eu-west-1/AWSReservedSSO_Read_0123456789abcdef", False),
    ):
        session = Caller.role_session(path + name, "jane", unique_id="AROASSOSSOSSOSSOSSO22")
        assert may_assume(trusted, session, permissions=SECOND_HALF).allowed is expected


def test_an_organisation_is_trusted_by_everyone_with_its_id() -> None:
    trusted = role(trusting({"AWS": "*"}, Condition={"StringEquals": {"aws:PrincipalOrgID": "o-abc"}}))
    assert may_assume(trusted, STRANGER, permissions=SECOND_HALF).allowed
    assert may_assume(trusted, ALICE).allowed
    assert not may_assume(trusted, VISITOR, permissions=SECOND_HALF).allowed


def test_the_external_id_must_be_passed_and_right() -> None:
    """IAM User Guide, id_roles_create_for-user_externalid."""
    trusted = role(trusting({"AWS": OTHER}, Condition={"StringEquals": {"sts:ExternalId": "0123"}}))
    assert not may_assume(trusted, STRANGER, permissions=SECOND_HALF).allowed
    for key, passed, expected in (("sts:ExternalId", "123", False), ("STS:externalid", "0123", True)):
        decision = may_assume(trusted, STRANGER, permissions=SECOND_HALF, context={key: passed})
        assert decision.allowed is expected


def test_a_role_that_asks_for_mfa_is_closed_to_long_term_keys_and_stale_codes() -> None:
    condition = {
        "Bool": {"aws:MultiFactorAuthPresent": True},
        "NumericLessThan": {"aws:MultiFactorAuthAge": 3600},
    }
    trusted = role(trusting({"AWS": ALICE.arn}, Condition=condition))
    assert not may_assume(trusted, ALICE).allowed
    for age, expected in (("30", True), ("3600", False)):
        decision = may_assume(
            trusted, ALICE, context={"aws:MultiFactorAuthPresent": True, "aws:MultiFactorAuthAge": age}
        )
        assert decision.allowed is expected


def test_a_service_is_trusted_by_name_and_for_its_source() -> None:
    condition = {
        "StringEquals": {"aws:SourceAccount": OWN},
        "ArnLike": {"aws:SourceArn": f"arn:aws:sns:*:{OWN}:*"},
    }
    trusted = role(trusting({"Service": ["ec2.amazonaws.com", "ecs.amazonaws.com"]}, Condition=condition))
    source = {"aws:SourceAccount": OWN, "aws:SourceArn": f"arn:aws:sns:eu-west-1:{OWN}:t"}
    assert may_assume(trusted, EC2, context=source).allowed
    assert not may_assume(trusted, EC2).allowed
    assert not may_assume(trusted, Caller.service("lambda.amazonaws.com"), context=source).allowed
    assert not may_assume(role(trusting({"AWS": "ec2.amazonaws.com"})), EC2).allowed


def test_a_web_identity_is_trusted_by_provider_audience_and_subject() -> None:
    issuer = "token.actions.githubusercontent.com"
    condition = {
        "StringEquals": {f"{issuer}:aud": "sts.amazonaws.com"},
        "StringLike": {f"{issuer}:sub": "repo:ORG/REPO:ref:refs/heads/*"},
    }
    trusted = role(trusting({"Federated": GITHUB_ARN}, "sts:AssumeRoleWithWebIdentity", Condition=condition))
    token = {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": "repo:ORG/REPO:ref:refs/heads/main"}
    assert may_assume(trusted, GITHUB, context=token).allowed
    assert not may_assume(trusted, GITHUB, context={**token, f"{issuer}:sub": "repo:ORG/OTHER:pull_request"}).allowed
    assert not may_assume(trusted, Caller.web_identity("accounts.google.com"), context=token).allowed
    assert not may_assume(role(trusting({"Federated": GITHUB_ARN})), GITHUB, context=token).allowed


def test_a_saml_identity_is_trusted_for_its_sign_in_page() -> None:
    condition = {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}
    trusted = role(trusting({"Federated": SAML.arn}, "sts:AssumeRoleWithSAML", Condition=condition))
    assert may_assume(trusted, SAML, context={"SAML:aud": "https://signin.aws.amazon.com/saml"}).allowed
    assert not may_assume(trusted, SAML, context={"SAML:aud": "https://signin.amazonaws.cn/saml"}).allowed


def test_passing_session_tags_needs_tag_session_on_both_sides() -> None:
    """IAM User Guide, id_session-tags: without sts:TagSession the whole call fails."""
    tags = {"team": "storage"}
    silent, speaking = (
        trusting({"AWS": OTHER}),
        trusting({"AWS": OTHER}, ["sts:AssumeRole", "sts:TagSession"]),
    )
    both = Permissions([document(allow(["sts:AssumeRole", "sts:TagSession"], ROLE_ARN))])
    refused = may_assume(role(silent), STRANGER, permissions=both, session_tags=tags)
    assert (refused.action, refused.source) == ("sts:TagSession", Source.TRUST)
    refused = may_assume(role(speaking), STRANGER, permissions=SECOND_HALF, session_tags=tags)
    assert (refused.action, refused.source) == ("sts:TagSession", Source.IDENTITY)
    assert may_assume(role(speaking), STRANGER, permissions=both, session_tags=tags).allowed
    assert may_assume(role(silent), STRANGER, permissions=SECOND_HALF).allowed


def test_session_tags_can_be_conditions() -> None:
    condition = {
        "StringEquals": {"aws:RequestTag/team": "storage"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]},
    }
    trusted = role(trusting({"AWS": ALICE.arn}, ["sts:AssumeRole", "sts:TagSession"], Condition=condition))
    assert may_assume(trusted, ALICE, session_tags={"team": "storage"}).allowed
    assert not may_assume(trusted, ALICE, session_tags={"team": "storage", "cost": "1"}).allowed
    assert not may_assume(trusted, ALICE).allowed


def test_a_source_identity_needs_its_own_permission() -> None:
    context = {"sts:SourceIdentity": "alice"}
    refused = may_assume(role(trusting({"AWS": ALICE.arn})), ALICE, context=context)
    assert refused.action == "sts:SetSourceIdentity"
    full = trusting({"AWS": ALICE.arn}, ["sts:AssumeRole", "sts:SetSourceIdentity"])
    assert may_assume(role(full), ALICE, context=context).allowed


def test_the_tags_of_the_role_can_be_conditions_on_the_callers_side() -> None:
    condition = {"StringEquals": {"iam:ResourceTag/team": "storage", "aws:ResourceTag/team": "storage"}}
    permissions = Permissions([document(allow("sts:AssumeRole", Condition=condition))])
    trust = trusting({"AWS": OWN})
    assert may_assume(role(trust, team="storage"), ALICE, permissions=permissions).allowed
    assert not may_assume(role(trust, team="network"), ALICE, permissions=permissions).allowed
    assert not may_assume(role(trust), ALICE, permissions=permissions).allowed


def test_a_role_may_assume_itself_only_through_its_own_trust() -> None:
    itself = Caller.role_session(ROLE_ARN, "s", unique_id="AROADEPLOYERDEPLOYER2")
    assert not may_assume(role(trusting({"AWS": ALICE.arn})), itself, permissions=SECOND_HALF).allowed
    assert may_assume(role(trusting({"AWS": ROLE_ARN})), itself).allowed


@pytest.mark.parametrize("caller", [Caller.root(OWN), FEDERATED])
def test_root_and_federated_users_cannot_call_assume_role(caller: Caller) -> None:
    everything = Permissions([document(allow())], None, [document(allow())])
    decision = may_assume(role(trusting({"AWS": "*"})), caller, permissions=everything)
    assert (decision.verdict, decision.source) == (Verdict.IMPLICIT_DENY, Source.CREDENTIALS)
    assert "closed" in decision.reason


@pytest.mark.parametrize(
    ("caller", "principal", "named"),
    [
        (FEDERATED, {"AWS": FEDERATED.arn}, True),
        (FEDERATED, {"AWS": ALICE.arn}, True),
        (FEDERATED, {"AWS": OWN}, True),
        (FEDERATED, {"AWS": f"arn:aws:sts::{OWN}:federated-user/eve"}, False),
        (Caller.root(OWN), {"AWS": f"arn:aws:iam::{OWN}:root"}, True),
        (Caller.root(OTHER), {"AWS": f"arn:aws:iam::{OWN}:root"}, False),
        (EC2, "*", True),
        (GITHUB, {"AWS": "*"}, True),
        (ALICE, {"CanonicalUser": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"}, False),
        (ALICE, {"Federated": ALICE.arn, "Service": ALICE.arn}, False),
    ],
)
def test_a_trust_policy_alone_says_whom_it_names(caller: Caller, principal: Any, named: bool) -> None:
    request = Request("sts:AssumeRole", ROLE_ARN, caller)
    assert evaluate_trust(document(trusting(principal)), request).allowed is named


def test_not_principal_denies_all_who_are_not_listed_with_account_and_role() -> None:
    """reference_policies_elements_notprincipal: without the account's ARN the whole account may be denied."""

    def spared(caller: Caller, *names: str) -> bool:
        trust = document(
            trusting({"AWS": "*"}),
            {"Effect": "Deny", "NotPrincipal": {"AWS": list(names)}, "Action": "sts:AssumeRole"},
        )
        return may_assume(AssumableRole(ROLE_ARN, trust), caller).allowed

    assert spared(ALICE, ALICE.arn, OWN)
    assert not spared(ALICE, ALICE.arn)
    assert not spared(ALICE, OWN)
    assert not spared(RUNNER, RUNNER.arn, OWN)
    assert spared(RUNNER, RUNNER.arn, RUNNER_ARN, f"arn:aws:iam::{OWN}:root")
    assert spared(ALICE, "*")


def test_not_principal_allows_all_who_are_not_listed_at_all() -> None:
    trust = document({"Effect": "Allow", "NotPrincipal": {"AWS": ALICE.arn}, "Action": "sts:AssumeRole"})
    assert not may_assume(AssumableRole(ROLE_ARN, trust), ALICE).allowed
    assert may_assume(AssumableRole(ROLE_ARN, trust), RUNNER).allowed


# --- documents without meaning ------------------------------------------------------------------------------

GOOD = allow("s3:*")
GOOD_TRUST = trusting({"AWS": OWN})
NO_IDENTITY_POLICIES: list[Any] = [
    None,
    [],
    "",
    "hello",
    "[" * 100_000,
    '{"Version": NaN}',
    '{"Statement": [], "Statement": []}',
    {},
    {"Version": "2012-10-17"},
    {"Version": "2012-10-18", "Statement": []},
    {"Version": ["2012-10-17"], "Statement": []},
    {"Version": 20121017, "Statement": []},
    {"Statement": None},
    {"Statement": ["x"]},
    {"Statement": [[GOOD]]},
    {"Statement": GOOD, "Extra": 1},
    {"Statement": {**GOOD, "Extra": 1}},
    {"Statement": {**GOOD, "Effect": "allow"}},
    {"Statement": {**GOOD, "Effect": None}},
    {"Statement": {**GOOD, "Sid": {}}},
    {"Statement": {**GOOD, "NotAction": "iam:*"}},
    {"Statement": {**GOOD, "NotResource": "*"}},
    {"Statement": {**GOOD, "Principal": "*"}},
    {"Statement": {**GOOD, "Action": []}},
    {"Statement": {**GOOD, "Action": 5}},
    {"Statement": {**GOOD, "Action": "GetObject"}},
    {"Statement": {**GOOD, "Action": ["s3:*", None]}},
    {"Statement": {**GOOD, "Resource": []}},
    {"Statement": {**GOOD, "Resource": {"x": "y"}}},
    {"Statement": {**GOOD, "Condition": []}},
    {"Statement": {"Effect": "Allow", "Action": "s3:*"}},
    {"Statement": {"Effect": "Allow", "Resource": "*"}},
    {"Statement": {**GOOD, "Sid": object()}},
    {"Statement": {**GOOD, "Action": {"a", "b"}}},
    document(GOOD_TRUST),
    compile_trust_policy(document(GOOD_TRUST)),
]
NO_TRUST_POLICIES: list[Any] = [
    document(GOOD),
    compile_identity_policy(document(GOOD)),
    document({**GOOD_TRUST, "Resource": "*"}),
    document({**GOOD_TRUST, "NotPrincipal": "*"}),
    document(trusting({})),
    document(trusting([])),
    document(trusting({"AWS": []})),
    document(trusting({"AWS": [None]})),
    document(trusting({"AWS": 123456789012})),
    document(trusting({"aws": OWN})),
    document(trusting("arn:aws:iam::111122223333:root")),
]


@pytest.mark.parametrize("bad", NO_IDENTITY_POLICIES)
def test_an_identity_policy_without_meaning_is_refused_by_name(bad: Any) -> None:
    for permissions in (Permissions([bad]), Permissions([], bad or ""), Permissions([], None, [bad])):
        with pytest.raises(MalformedPolicyError):
            evaluate_identity(permissions, Request("a:1", "*", ALICE))


@pytest.mark.parametrize("bad", NO_TRUST_POLICIES)
def test_a_trust_policy_without_meaning_is_refused_by_name(bad: Any) -> None:
    with pytest.raises(MalformedPolicyError):
        may_assume(AssumableRole(ROLE_ARN, bad), ALICE)


def test_a_cycle_or_an_abyss_in_a_document_is_refused_by_name() -> None:
    cycle: dict[str, Any] = {}
    cycle["Statement"] = cycle
    abyss: list[Any] = []
    for _ in range(100_000):
        abyss = [abyss]
    for bad in (
        cycle,
        {"Statement": abyss},
        {"Statement": {**GOOD, "Condition": {"Bool": {"k": 10**5_000}}}},
    ):
        with pytest.raises(MalformedPolicyError):
            compile_identity_policy(bad)


def test_a_document_is_read_from_text_from_objects_and_from_read_only_objects() -> None:
    written = document(allow(Condition={"NumericEquals": {"k": 1}, "Bool": {"b": True}}))
    frozen = MappingProxyType({**written, "Statement": [MappingProxyType(written["Statement"][0])]})
    request = Request("a:1", "*", ALICE, {"k": "1", "b": True})
    for one in (
        written,
        json.dumps(written),
        json.dumps(written, indent=4),
        frozen,
        compile_identity_policy(written),
    ):
        assert evaluate_identity(Permissions([one]), request).allowed


def test_a_name_that_is_no_arn_is_a_value_error() -> None:
    for wrong in ("alice", "arn:aws:iam", "urn:aws:iam::111122223333:user/alice"):
        with pytest.raises(ValueError, match="is not an ARN"):
            Caller.user(wrong, unique_id="AIDA")
        with pytest.raises(ValueError, match="is not an ARN"):
            may_assume(AssumableRole(wrong, document(GOOD_TRUST)), ALICE)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
ELEMENTS = [
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Principal",
    "NotPrincipal",
    "Condition",
]
LIKELY = st.sampled_from(["Allow", "Deny", "*", "s3:*", OWN, {"AWS": "*"}, {"StringLike": {"k": "${v}*"}}])
DISORDER = st.fixed_dictionaries(
    {"Statement": st.dictionaries(st.sampled_from(ELEMENTS), LIKELY | ANY_JSON) | ANY_JSON},
    optional={"Version": st.sampled_from(["2012-10-17", "2008-10-17"]) | ANY_JSON},
)


def decided_or_refused(judge: Callable[[], Decision]) -> bool:
    """Whether there is a decision, or a refusal by name; whatever else is raised, is."""
    try:
        return bool(judge().reason)
    except MalformedPolicyError as refused:
        return bool(str(refused))


@given(DISORDER | ANY_JSON, st.booleans())
@example(disorder={"Statement": {"Effect": "Allow", "Action": "\ud800:*", "Resource": "\ud800"}}, as_text=True)
def test_no_document_raises_anything_else(disorder: Any, as_text: bool) -> None:
    bad = json.dumps(disorder) if as_text and not isinstance(disorder, str) else disorder
    request = Request("s3:Get", "r", ALICE, {"k": "v"})
    assert decided_or_refused(lambda: evaluate_identity(Permissions([bad]), request))
    assert decided_or_refused(lambda: may_assume(AssumableRole(ROLE_ARN, bad), RUNNER, context={"k": "v"}))


# --- properties ---------------------------------------------------------------------------------------------

ACTIONS = ["*", "sts:*", "sts:AssumeRole", "sts:assume*", "sts:TagSession", "s3:Get?bject", "s3:*"]
RESOURCES = [
    "*",
    ROLE_ARN,
    f"arn:aws:iam::{OWN}:role/*",
    "arn:aws:s3:::b/${aws:username}",
    "arn:aws:s3:::b/?lice",
]
PRINCIPALS = [
    "*",
    {"AWS": "*"},
    {"AWS": OWN},
    {"AWS": [f"arn:aws:iam::{OTHER}:root", DEAD]},
    {"AWS": [ALICE.arn, RUNNER_ID]},
    {"AWS": RUNNER_ARN},
    {"AWS": RUNNER.arn, "Service": "ec2.amazonaws.com"},
    {"Federated": [GITHUB_ARN, SAML.arn]},
    {"AWS": DEAD},
]
CONDITIONS: list[dict[str, Any]] = [
    {},
    {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
    {"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}},
    {"StringEquals": {"sts:ExternalId": ["1", "2"]}},
    {"StringNotEquals": {"sts:ExternalId": "1"}, "Null": {"aws:PrincipalArn": "false"}},
    {"ArnLike": {"aws:PrincipalArn": [f"arn:aws:iam::{OWN}:role/*", ALICE.arn]}},
    {"ForAnyValue:StringLike": {"aws:TagKeys": ["t*", "x"]}},
    {"ForAllValues:StringEquals": {"aws:TagKeys": "team"}},
    {"StringEqualsIgnoreCase": {"aws:username": "${aws:PrincipalTag/Owner, 'ALICE'}"}},
    {"NumericLessThan": {"aws:MultiFactorAuthAge": 3600}},
]


def some_of(values: Sequence[Any]) -> st.SearchStrategy[Any]:
    """One of them bare, or a list."""
    return st.sampled_from(values) | st.lists(st.sampled_from(values), min_size=1, max_size=3)


STATEMENTS = st.builds(
    lambda effect, actions, action, resources, resource, condition: {
        "Effect": effect,
        actions: action,
        resources: resource,
        "Condition": condition,
    },
    st.sampled_from(["Allow", "Allow", "Deny"]),
    st.sampled_from(["Action", "Action", "Action", "NotAction"]),
    some_of(ACTIONS),
    st.sampled_from(["Resource", "Resource", "Resource", "NotResource"]),
    some_of(RESOURCES),
    st.sampled_from(CONDITIONS),
)
TRUST_STATEMENTS = st.builds(
    lambda effect, who, principal, action, condition: {
        "Effect": effect,
        who: principal,
        "Action": action,
        "Condition": condition,
    },
    st.sampled_from(["Allow", "Allow", "Deny"]),
    st.sampled_from(["Principal", "Principal", "Principal", "NotPrincipal"]),
    st.sampled_from(PRINCIPALS),
    some_of([*ACTIONS, "sts:AssumeRoleWith*"]),
    st.sampled_from(CONDITIONS),
)
POLICIES = st.lists(STATEMENTS, max_size=3).map(lambda statements: document(*statements))
TRUSTS = st.lists(TRUST_STATEMENTS, min_size=1, max_size=3).map(lambda statements: document(*statements))
PERMISSIONS = st.builds(
    Permissions, st.lists(POLICIES, max_size=2), st.none() | POLICIES, st.lists(POLICIES, max_size=1)
)
CALLERS = st.sampled_from([ALICE, STRANGER, RUNNER, VISITOR, EC2, GITHUB, SAML, FEDERATED, Caller.root(OWN)])
CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "aws:MultiFactorAuthPresent": st.booleans(),
        "aws:MultiFactorAuthAge": st.sampled_from(["5", "5000"]),
        "sts:ExternalId": st.sampled_from(["1", "2", "3"]),
    },
)
TAGS = st.dictionaries(st.sampled_from(["team", "x"]), st.just("v"), max_size=2)
REQUESTS = st.builds(
    Request,
    st.sampled_from(["sts:AssumeRole", "s3:GetObject", "iam:GetRole"]),
    st.sampled_from([ROLE_ARN, "arn:aws:s3:::b/alice", "arn:aws:s3:::b/bob"]),
    CALLERS,
    CONTEXTS,
)


def with_statement(policy: dict[str, Any], statement: dict[str, Any]) -> dict[str, Any]:
    return {**policy, "Statement": [*policy["Statement"], statement]}


@given(PERMISSIONS, REQUESTS, STATEMENTS)
def test_a_further_allow_never_takes_away_and_a_further_deny_never_gives(
    permissions: Permissions, request: Request, statement: dict[str, Any]
) -> None:
    before = evaluate_identity(permissions, request)
    more = replace(permissions, policies=[*permissions.policies, document({**statement, "Effect": "Allow"})])
    less = replace(permissions, policies=[*permissions.policies, document({**statement, "Effect": "Deny"})])
    assert evaluate_identity(more, request).allowed >= before.allowed
    assert evaluate_identity(less, request).allowed <= before.allowed


@given(PERMISSIONS, REQUESTS, POLICIES)
def test_a_boundary_or_a_session_policy_never_gives(
    permissions: Permissions, request: Request, limit: dict[str, Any]
) -> None:
    if request.principal.kind is CallerKind.FEDERATED_USER:
        return  # it can do nothing before it has a session policy
    free = replace(permissions, boundary=None, session_policies=())
    before = evaluate_identity(free, request).allowed
    assert evaluate_identity(replace(free, boundary=limit), request).allowed <= before
    assert evaluate_identity(replace(free, session_policies=[limit]), request).allowed <= before


@given(TRUSTS, TRUST_STATEMENTS, CALLERS, PERMISSIONS, TAGS, CONTEXTS)
def test_a_further_allow_in_a_trust_never_locks_out_and_a_further_deny_never_lets_in(
    trust: dict[str, Any],
    statement: dict[str, Any],
    caller: Caller,
    permissions: Permissions,
    tags: dict[str, str],
    context: dict[str, Any],
) -> None:
    def allowed(policy: dict[str, Any]) -> bool:
        target = AssumableRole(ROLE_ARN, policy)
        return may_assume(target, caller, permissions=permissions, session_tags=tags, context=context).allowed

    before = allowed(trust)
    assert allowed(with_statement(trust, {**statement, "Effect": "Allow"})) >= before
    assert allowed(with_statement(trust, {**statement, "Effect": "Deny"})) <= before


@given(TRUSTS, CALLERS, PERMISSIONS, CONTEXTS)
def test_who_may_assume_is_also_named_by_the_trust_and_denied_by_nobody(
    trust: dict[str, Any], caller: Caller, permissions: Permissions, context: dict[str, Any]
) -> None:
    if not may_assume(AssumableRole(ROLE_ARN, trust), caller, permissions=permissions, context=context).allowed:
        return
    request = Request(caller.call, ROLE_ARN, caller, {"aws:ResourceAccount": OWN, **context})
    assert evaluate_trust(trust, request).allowed
    if caller.account:
        own = evaluate_identity(permissions, request)
        assert own.verdict is not Verdict.EXPLICIT_DENY
        assert own.allowed or caller.account == OWN


@given(TRUSTS, CALLERS, PERMISSIONS, CONTEXTS)
def test_a_dead_id_beside_the_living_changes_nothing(
    trust: dict[str, Any], caller: Caller, permissions: Permissions, context: dict[str, Any]
) -> None:
    def with_dead(principal: Any) -> Any:
        if not isinstance(principal, dict):
            return principal
        names = principal.get("AWS", [])
        return {
            **principal,
            "AWS": [*(names if isinstance(names, list) else [names]), "AIDADEADDEADDEADDEAD2"],
        }

    haunted = document(
        *(
            {key: with_dead(value) if key.endswith("Principal") else value for key, value in one.items()}
            for one in trust["Statement"]
        )
    )
    plain, after = (
        may_assume(AssumableRole(ROLE_ARN, one), caller, permissions=permissions, context=context)
        for one in (trust, haunted)
    )
    assert after.verdict is plain.verdict


# --- respelling ---------------------------------------------------------------------------------------------


def respelled(dice: Random, policy: Any) -> dict[str, Any]:
    """The same document in other words: order, case, lists, repetition, numbers and booleans as text."""
    statements = [respelled_statement(dice, one) for one in shuffled(dice, policy["Statement"])]
    alone = len(statements) == 1 and dice.random() < 0.5
    return {"Statement": statements[0] if alone else statements, "Version": policy["Version"]}


def respelled_statement(dice: Random, statement: dict[str, Any]) -> dict[str, Any]:
    written: dict[str, Any] = {}
    for element in shuffled(dice, statement):
        value = statement[element]
        match element:
            case "Effect":
                written[element] = value
            case "Principal" | "NotPrincipal":
                written[element] = respelled_principal(dice, value)
            case "Condition":
                if value or dice.random() < 0.5:
                    written[element] = respelled_condition(dice, value)
            case "Action" | "NotAction":
                written[element] = retold(dice, value, lambda text: [text, text.upper(), text.lower()])
            case _:
                written[element] = retold(dice, value)
    return written


def respelled_principal(dice: Random, principal: Any) -> Any:
    if principal == "*":
        return principal
    root = f"arn:aws:iam::{OWN}:root"
    return {
        kind: retold(dice, principal[kind], lambda name: [OWN, root] if name in (OWN, root) else [name])
        for kind in shuffled(dice, principal)
    }


def respelled_condition(dice: Random, condition: dict[str, Any]) -> dict[str, Any]:
    return {
        operator: {
            dice.choice([key, key.upper(), key.lower()]): retold(dice, values)
            for key, values in condition[operator].items()
        }
        for operator in shuffled(dice, condition)
    }


def retold(dice: Random, value: Any, spellings: Callable[[str], list[str]] = lambda text: [text]) -> Any:
    """A value or list of values: in another order, one perhaps twice, bare where it is alone."""
    texts = [json.dumps(one).strip('"') for one in (value if isinstance(value, list) else [value])]
    again = [*texts, dice.choice(texts)] if dice.random() < 0.5 else texts
    written = [dice.choice(spellings(one)) for one in shuffled(dice, again)]
    return written[0] if len(written) == 1 and dice.random() < 0.5 else written


def shuffled(dice: Random, items: Iterable[Item]) -> list[Item]:
    found = list(items)
    return dice.sample(found, len(found))


SEEDS = st.integers(0, 2**32).map(Random)


@given(PERMISSIONS, REQUESTS, SEEDS)
def test_respelling_identity_policies_changes_no_verdict(
    permissions: Permissions, request: Request, dice: Random
) -> None:
    again = replace(permissions, policies=[respelled(dice, one) for one in permissions.policies])
    assert evaluate_identity(again, request).verdict is evaluate_identity(permissions, request).verdict


@given(TRUSTS, CALLERS, CONTEXTS, TAGS, SEEDS)
def test_respelling_a_trust_policy_changes_no_verdict(
    trust: dict[str, Any], caller: Caller, context: dict[str, Any], tags: dict[str, str], dice: Random
) -> None:
    verdicts = {
        may_assume(
            AssumableRole(ROLE_ARN, one), caller, permissions=SECOND_HALF, session_tags=tags, context=context
        ).verdict
        for one in (trust, respelled(dice, trust), json.dumps(trust, indent=1))
    }
    assert len(verdicts) == 1
