"""Who can assume a role: which half needs which, by how the trust names the caller.

Examples quote the IAM User Guide: reference_policies_elements_principal, id_roles_create_for-user, id_session-tags.
"""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.sandbox.evaluator import (
    AssumableRole,
    Caller,
    Permissions,
    Request,
    Source,
    Verdict,
    evaluate_trust,
    may_assume,
)
from tests.sandbox.evaluating import (
    ALICE,
    ASSUME,
    DEAD,
    EC2,
    FEDERATED,
    GITHUB,
    GITHUB_ARN,
    NOTHING,
    OTHER,
    OWN,
    ROLE_ARN,
    RUNNER,
    RUNNER_ARN,
    RUNNER_ID,
    SAML,
    SECOND_HALF,
    STRANGER,
    VISITOR,
    allow,
    deny,
    distrusting,
    document,
    role,
    trusting,
)

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
def test_a_trust_policy_alone_says_whom_it_names(caller: Caller, principal: Any, *, named: bool) -> None:
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
