"""The policy simulator, as botocore reads its answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.sandbox import Account, Sandbox
from reconciler.sandbox.calls.policy_text import positions
from tests.sandbox.facts import fact
from tests.sandbox.situation import refused, text, trusting

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

API = "IAM API Reference, SimulateCustomPolicy"
PRINCIPAL = "IAM API Reference, SimulatePrincipalPolicy"
RESULT = "IAM API Reference, EvaluationResult"
CLI = "AWS CLI Command Reference, simulate-custom-policy"
TERRAFORM = "hashicorp/terraform-provider-aws, tests of aws_iam_principal_policy_simulation"
OTHER = "444455556666"
BUCKET, OBJECT = "arn:aws:s3:::bucket", "arn:aws:s3:::bucket/key"
TABLE = f"arn:aws:dynamodb:us-east-1:{OTHER}:table/t"
AFTER_2018 = (
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*",'
    '"Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}'
)


def allow(action: str, resource: Any = "*", *, effect: str = "Allow", **elements: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **elements}


def policy(*statements: dict[str, Any]) -> str:
    return text({"Version": "2012-10-17", "Statement": list(statements)})


def simulated(iam: IAMClient, *policies: str, action: str = "s3:GetObject", **given: Any) -> Any:
    """The one result of simulating one action under policies that are given."""
    [result] = iam.simulate_custom_policy(PolicyInputList=policies, ActionNames=[action], **given)["EvaluationResults"]
    return result


def of_alice(iam: IAMClient, action: str = "s3:GetObject", **given: Any) -> Any:
    arn = "arn:aws:iam::111122223333:user/ops/alice"
    params = {"PolicySourceArn": arn, "ActionNames": [action], **given}
    [result] = iam.simulate_principal_policy(**params)["EvaluationResults"]
    return result


def entry(name: str, *values: str, kind: Any = "string") -> Any:
    return {"ContextKeyName": name, "ContextKeyValues": list(values), "ContextKeyType": kind}


@pytest.fixture
def alice(account: Account) -> Account:
    """alice has an inline policy, a managed one, AWS's own for reading, and those of a group."""
    account.create_user("alice", path="/ops/", tags={"team": "storage"})
    account.put_user_policy("alice", "own", json.loads(policy(allow("s3:GetObject", OBJECT))))
    account.attach_user_policy("alice", account.create_policy("managed", json.loads(policy(allow("s3:PutObject")))))
    account.attach_user_policy("alice", "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess")
    account.create_group("readers")
    account.put_group_policy("readers", "shared", json.loads(policy(allow("s3:ListBucket"))))
    account.add_user_to_group("alice", "readers")
    return account


# --- policies that are given ---------------------------------------------------------------------


@fact("An allowed action, with the statement that allows it and its place in the text", source=CLI)
@fact("A date that is too early: implicitDeny, no statement matched, no value missing", source=CLI)
def test_the_examples_of_aws_come_out_as_aws_shows_them(iam: IAMClient) -> None:
    later = [entry("aws:CurrentTime", "2019-04-25T11:00:00Z", kind="date")]
    result = simulated(iam, AFTER_2018, action="dynamodb:CreateBackup", ContextEntries=later)
    [statement] = result.pop("MatchedStatements")
    assert result == {
        "EvalActionName": "dynamodb:CreateBackup",
        "EvalResourceName": "*",
        "EvalDecision": "allowed",
        "MissingContextValues": [],
    }
    assert statement["SourcePolicyId"] == "PolicyInputList.1"
    assert statement["StartPosition"] == {"Line": 1, "Column": 38}
    assert statement["EndPosition"] == {"Line": 1, "Column": 167}
    earlier = [entry("aws:CurrentTime", "2014-04-25T11:00:00Z", kind="date")]
    result = simulated(iam, AFTER_2018, action="dynamodb:CreateBackup", ContextEntries=earlier)
    assert (result["EvalDecision"], result["MatchedStatements"], result["MissingContextValues"]) == (
        "implicitDeny",
        [],
        [],
    )


@fact("A context key that is not given is missing, and does not match", source=RESULT)
def test_what_is_not_known_of_the_request_is_named(iam: IAMClient) -> None:
    result = simulated(iam, AFTER_2018, action="dynamodb:CreateBackup")
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("implicitDeny", ["aws:CurrentTime"])


@fact("One Deny overrides every Allow, and is the only statement shown", source=RESULT)
def test_a_deny_is_all_that_is_shown(iam: IAMClient) -> None:
    deny = allow("s3:*", effect="Deny")
    result = simulated(iam, policy(allow("s3:GetObject"), deny), policy(allow("*")))
    assert result["EvalDecision"] == "explicitDeny"
    [statement] = result["MatchedStatements"]
    assert statement["SourcePolicyId"] == "PolicyInputList.1"
    result = simulated(iam, policy(allow("s3:GetObject")), policy(allow("*")))
    assert [one["SourcePolicyId"] for one in result["MatchedStatements"]] == ["PolicyInputList.1", "PolicyInputList.2"]


@fact("Each action is evaluated for each resource; the details are in ResourceSpecificResults", source=RESULT)
@fact("At the top: the union of the statements that decide, and each missing key once", source=RESULT)
@fact("EvalResourceName is the resource where one is given", source=TERRAFORM, level="observed")
def test_every_resource_has_a_result_of_its_own(iam: IAMClient) -> None:
    text_ = policy(allow("s3:GetObject", OBJECT), allow("s3:GetObject", BUCKET, Condition={"Bool": {"aws:X": "true"}}))
    result = simulated(iam, text_, ResourceArns=[OBJECT, BUCKET])
    assert (result["EvalDecision"], result["EvalResourceName"]) == ("implicitDeny", "*")
    assert (result["MatchedStatements"], result["MissingContextValues"]) == ([], ["aws:X"])
    assert result["EvalDecisionDetails"] == {}
    one, two = result["ResourceSpecificResults"]
    assert (one["EvalResourceName"], one["EvalResourceDecision"]) == (OBJECT, "allowed")
    assert (two["EvalResourceName"], two["EvalResourceDecision"]) == (BUCKET, "implicitDeny")
    assert (len(one["MatchedStatements"]), two["MatchedStatements"]) == (1, [])
    single = simulated(iam, text_, ResourceArns=[OBJECT])
    assert (single["EvalDecision"], single["EvalResourceName"]) == ("allowed", OBJECT)


@fact("AllowedByPermissionsBoundary: whether the boundary allows it, whatever else does", source=RESULT)
def test_a_boundary_that_is_given_limits(iam: IAMClient) -> None:
    boundary: Any = {"PermissionsBoundaryPolicyInputList": [policy(allow("s3:Get*"))]}
    inside = simulated(iam, policy(allow("s3:*")), **boundary)
    assert inside["EvalDecision"] == "allowed"
    assert inside["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": True}
    outside = simulated(iam, policy(allow("s3:*")), action="s3:PutObject", ResourceArns=[OBJECT], **boundary)
    assert (outside["EvalDecision"], outside["MatchedStatements"]) == ("implicitDeny", [])
    assert outside["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    [specific] = outside["ResourceSpecificResults"]
    assert specific["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    assert "PermissionsBoundaryDecisionDetail" not in simulated(iam, policy(allow("s3:*")))


@fact("Control policies of every level, root first, have to allow it", source=API)
def test_control_policies_that_are_given_limit(iam: IAMClient) -> None:
    def under(*levels: list[str]) -> Any:
        given = [{"ServiceControlPolicyInputList": level} for level in levels]
        return simulated(iam, policy(allow("s3:*")), OrderedOrganizationPolicyInputList=given)

    everything, deny = policy(allow("*")), policy(allow("*"), allow("s3:GetObject", effect="Deny"))
    assert under([everything], [everything])["EvalDecision"] == "allowed"
    shut = under([everything], [policy(allow("ec2:*"))])
    assert (shut["EvalDecision"], shut["OrganizationsDecisionDetail"]) == (
        "implicitDeny",
        {"AllowedByOrganizations": False},
    )
    assert under([deny], [everything])["EvalDecision"] == "explicitDeny"
    assert under([everything])["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": True}


# --- the resource's policy -----------------------------------------------------------------------


def shared(principal: Any, *, effect: str = "Allow", resource: str = "*") -> str:
    return policy(allow("dynamodb:*", resource, effect=effect, Principal={"AWS": principal}))


@fact("In one account the resource's policy suffices where it names the user", source=API)
def test_a_resource_can_let_a_user_of_its_account(iam: IAMClient, alice: Account) -> None:
    arn, table = alice.user_arn("alice"), "arn:aws:dynamodb:us-east-1:111122223333:table/t"
    mine: Any = {"action": "dynamodb:GetItem", "ResourceArns": [table]}
    result = of_alice(iam, **mine, ResourcePolicy=shared(arn))
    assert (result["EvalDecision"], result["EvalDecisionDetails"]) == ("allowed", {})
    [statement] = result["MatchedStatements"]
    assert (statement["SourcePolicyId"], statement["SourcePolicyType"]) == ("ResourcePolicy", "resource")
    root = shared("arn:aws:iam::111122223333:root")
    assert of_alice(iam, **mine, ResourcePolicy=root)["EvalDecision"] == "implicitDeny"
    assert of_alice(iam, **mine, ResourcePolicy=shared(arn, effect="Deny"))["EvalDecision"] == "explicitDeny"
    elsewhere = shared(arn, resource=TABLE)
    assert of_alice(iam, **mine, ResourcePolicy=elsewhere)["EvalDecision"] == "implicitDeny"
    assert of_alice(iam, **mine, ResourcePolicy=shared("arn:aws:iam::111122223333:user/bob"))["EvalDecision"] == (
        "implicitDeny"
    )


@fact("Across accounts both are needed, and EvalDecisionDetails say what each says", source=RESULT)
@fact("How each kind of policy is called there", source="nothing found", level="uncertain")
def test_from_another_account_both_policies_are_needed(iam: IAMClient, alice: Account) -> None:
    theirs: Any = {"action": "dynamodb:GetItem", "ResourceArns": [TABLE]}
    result = of_alice(iam, **theirs, ResourcePolicy=shared(alice.user_arn("alice")))
    assert result["EvalDecision"] == "implicitDeny"
    assert result["EvalDecisionDetails"] == {"IAM Policy": "implicitDeny", "Resource Policy": "allowed"}
    alice.put_user_policy("alice", "tables", json.loads(policy(allow("dynamodb:*"))))
    result = of_alice(iam, **theirs, ResourcePolicy=shared(alice.user_arn("alice")))
    assert result["EvalDecision"] == "allowed"
    assert result["ResourceSpecificResults"][0]["EvalDecisionDetails"] == {
        "IAM Policy": "allowed",
        "Resource Policy": "allowed",
    }
    assert {one["SourcePolicyId"] for one in result["MatchedStatements"]} == {"user_alice_tables", "ResourcePolicy"}


@fact("ResourceOwner is the account of resources whose ARN names none", source=API)
def test_the_owner_of_a_bucket_can_be_given(iam: IAMClient, alice: Account) -> None:
    grant = policy(allow("s3:*", Principal={"AWS": alice.user_arn("alice")}))
    mine: Any = {"action": "s3:DeleteObject", "ResourceArns": [OBJECT], "ResourcePolicy": grant}
    assert of_alice(iam, **mine)["EvalDecision"] == "allowed"
    for owner in (OTHER, f"arn:aws:iam::{OTHER}:root"):
        assert of_alice(iam, **mine, ResourceOwner=owner)["EvalDecision"] == "implicitDeny"


@fact("Resource-based policies are simulated for users only, and CallerArn says who", source=PRINCIPAL)
def test_a_resource_policy_needs_a_user_as_caller(iam: IAMClient, alice: Account) -> None:
    role = alice.create_role("r", trust=trusting(alice.user_arn("alice")))
    grant = shared("*")
    for arn in (None, role):
        given = {"CallerArn": arn} if arn else {}
        refusal = refused(
            iam.simulate_custom_policy,
            PolicyInputList=[grant_nothing()],
            ActionNames=["dynamodb:GetItem"],
            ResourcePolicy=grant,
            **given,
        )
        assert refusal.code == "InvalidInput"
    stranger = "arn:aws:iam::111122223333:user/nobody"
    mine: Any = {"action": "dynamodb:GetItem", "ResourcePolicy": shared(stranger), "CallerArn": stranger}
    assert simulated(iam, grant_nothing(), **mine)["EvalDecision"] == "allowed"


def grant_nothing() -> str:
    return policy(allow("ec2:DescribeVpcs"))


# --- policies that somebody has ------------------------------------------------------------------


@fact(
    "Inline policies are called user_NAME_POLICY, and every policy is an IAM Policy", source=TERRAFORM, level="observed"
)
@fact("A user's policies, and those of its groups; a managed one by its name", source=PRINCIPAL)
@pytest.mark.usefixtures("alice")
def test_every_policy_of_a_user_has_its_say_under_its_name(iam: IAMClient) -> None:
    found = {
        action: [(one["SourcePolicyId"], one["SourcePolicyType"]) for one in of_alice(iam, action)["MatchedStatements"]]
        for action in ("s3:PutObject", "s3:ListBucket", "sqs:ListQueues", "s3:DeleteObject")
    }
    assert found == {
        "s3:PutObject": [("managed", "IAM Policy")],
        "s3:ListBucket": [("group_readers_shared", "IAM Policy")],
        "sqs:ListQueues": [("AmazonSQSReadOnlyAccess", "IAM Policy")],
        "s3:DeleteObject": [],
    }
    own = of_alice(iam, ResourceArns=[OBJECT])
    assert (own["EvalDecision"], own["MatchedStatements"][0]["SourcePolicyId"]) == ("allowed", "user_alice_own")


def test_a_role_and_a_group_can_be_simulated_too(iam: IAMClient, alice: Account) -> None:
    role = alice.create_role("r", path="/team/")
    alice.put_role_policy("r", "p", json.loads(policy(allow("s3:GetObject"))))
    group = "arn:aws:iam::111122223333:group/readers"
    for arn, action, name in ((role, "s3:GetObject", "role_r_p"), (group, "s3:ListBucket", "group_readers_shared")):
        [result] = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=[action])["EvaluationResults"]
        assert (result["EvalDecision"], result["MatchedStatements"][0]["SourcePolicyId"]) == ("allowed", name)


@fact("A boundary that is given takes the place of the one that is attached", source=PRINCIPAL)
def test_the_boundary_of_a_user_counts_unless_another_is_given(iam: IAMClient, alice: Account) -> None:
    boundary = alice.create_policy("boundary", json.loads(policy(allow("s3:List*"))))
    alice.call("PutUserPermissionsBoundary", UserName="alice", PermissionsBoundary=boundary)
    assert of_alice(iam, "s3:PutObject")["EvalDecision"] == "implicitDeny"
    given = [policy(allow("s3:Put*"))]
    assert of_alice(iam, "s3:PutObject", PermissionsBoundaryPolicyInputList=given)["EvalDecision"] == "allowed"
    left_out: Any = [{"PolicyType": "permission-boundary"}]
    result = of_alice(iam, "s3:PutObject", PolicyExclusionList=left_out)
    assert (result["EvalDecision"], "PermissionsBoundaryDecisionDetail" in result) == ("allowed", False)


@pytest.mark.usefixtures("alice")
def test_policies_can_be_added_and_know_the_user(iam: IAMClient) -> None:
    condition = {"StringEquals": {"aws:PrincipalTag/team": "storage", "aws:username": "alice"}}
    more = policy(allow("ec2:*", Condition=condition), allow("sns:*", "arn:aws:sns:*:*:${aws:username}"))
    result = of_alice(iam, "ec2:RunInstances", PolicyInputList=[more])
    assert (result["EvalDecision"], result["MatchedStatements"][0]["SourcePolicyId"]) == (
        "allowed",
        "PolicyInputList.1",
    )
    topic = ["arn:aws:sns:us-east-1:111122223333:alice", "arn:aws:sns:us-east-1:111122223333:bob"]
    specific = of_alice(iam, "sns:Publish", PolicyInputList=[more], ResourceArns=topic)["ResourceSpecificResults"]
    assert [one["EvalResourceDecision"] for one in specific] == ["allowed", "implicitDeny"]
    other = [entry("aws:username", "bob")]
    assert of_alice(iam, "ec2:RunInstances", PolicyInputList=[more], ContextEntries=other)["EvalDecision"] == (
        "implicitDeny"
    )


@fact("CallerArn: as if Bob had David's policies", source=PRINCIPAL)
def test_another_can_be_simulated_with_the_same_policies(iam: IAMClient, alice: Account) -> None:
    alice.create_user("bob")
    more = policy(allow("ec2:*", Condition={"StringEquals": {"aws:username": "bob"}}))
    assert of_alice(iam, "ec2:RunInstances", PolicyInputList=[more])["EvalDecision"] == "implicitDeny"
    as_bob = {"PolicyInputList": [more], "CallerArn": alice.user_arn("bob")}
    assert of_alice(iam, "ec2:RunInstances", **as_bob)["EvalDecision"] == "allowed"
    session = "arn:aws:sts::111122223333:assumed-role/r/me"
    refusal = refused(of_alice, iam=iam, CallerArn=session)
    assert refusal.code == "InvalidInput"


@fact("PolicyExclusionList: what would be if a policy were not there", source=PRINCIPAL)
@pytest.mark.usefixtures("alice")
@pytest.mark.parametrize(
    ("identifier", "action"),
    [
        ({"PolicyType": "inline"}, "s3:ListBucket"),
        ({"PolicyType": "user-managed"}, "s3:PutObject"),
        ({"PolicyType": "aws-managed"}, "sqs:ListQueues"),
        ({"PolicyArn": "arn:aws:iam::111122223333:policy/man*ed"}, "s3:PutObject"),
        ({"PolicyArn": "arn:aws:iam::aws:policy/AmazonSQS?eadOnlyAccess"}, "sqs:ListQueues"),
        (
            {
                "InlinePolicyIdentifier": {
                    "PolicyName": "shared",
                    "AttachmentType": "group",
                    "AttachmentName": "readers",
                }
            },
            "s3:ListBucket",
        ),
    ],
)
def test_a_policy_can_be_left_out(iam: IAMClient, identifier: Any, action: str) -> None:
    assert of_alice(iam, action)["EvalDecision"] == "allowed"
    assert of_alice(iam, action, PolicyExclusionList=[identifier])["EvalDecision"] == "implicitDeny"


@fact("Identifiers that match nothing are ignored", source=PRINCIPAL)
@pytest.mark.usefixtures("alice")
def test_leaving_out_what_is_not_there_changes_nothing(iam: IAMClient) -> None:
    inline = {"PolicyName": "own", "AttachmentType": "role", "AttachmentName": "alice"}
    nothing: Any = [
        {"PolicyArn": "arn:aws:iam::111122223333:policy/other"},
        {"PolicyType": "scp"},
        {"InlinePolicyIdentifier": inline},
    ]
    assert of_alice(iam, ResourceArns=[OBJECT], PolicyExclusionList=nothing)["EvalDecision"] == "allowed"


# --- pages, refusals, permissions ----------------------------------------------------------------


def test_many_actions_come_in_pages_and_in_their_order(iam: IAMClient) -> None:
    actions = [f"s3:Get{letter}" for letter in "ZYXWVUTSRQ"]
    pages = iam.get_paginator("simulate_custom_policy").paginate(
        PolicyInputList=[policy(allow("s3:*"))], ActionNames=actions, PaginationConfig={"PageSize": 3}
    )
    answers = list(pages)
    assert [len(answer["EvaluationResults"]) for answer in answers] == [3, 3, 3, 1]
    assert [one["EvalActionName"] for answer in answers for one in answer["EvaluationResults"]] == actions


@fact("InvalidInput, 400", source="botocore, model of IAM")
@pytest.mark.parametrize(
    "given",
    [
        {"PolicyInputList": ["{"]},
        {"PolicyInputList": ["[1]"]},
        {"PolicyInputList": [policy({"Effect": "Maybe", "Action": "*", "Resource": "*"})]},
        {"PolicyInputList": [policy(allow("s3:*", Principal="*"))]},
        {"ActionNames": ["GetObject"]},
        {"ResourceArns": ["bucket"]},
        {"PermissionsBoundaryPolicyInputList": [policy(allow("*"))] * 2},
        {"ContextEntries": [entry("aws:SourceIp", "10.0.0.1", "10.0.0.2", kind="ip")]},
        {"CallerArn": "arn:aws:iam::111122223333:root"},
        {"CallerArn": "arn:aws:iam::111122223333:user/u", "ResourcePolicy": "{"},
        {"CallerArn": "arn:aws:iam::111122223333:user/u", "ResourcePolicy": "[]"},
        {"CallerArn": "arn:aws:iam::111122223333:user/u", "ResourcePolicy": '{"Statement": [1]}'},
        {"CallerArn": "arn:aws:iam::111122223333:user/u", "ResourcePolicy": policy(allow("s3:*"))},
        {"ResourceOwner": "me"},
    ],
)
def test_what_cannot_be_simulated_is_invalid_input(iam: IAMClient, given: Any) -> None:
    usual = {"PolicyInputList": [policy(allow("s3:*"))], "ActionNames": ["s3:GetObject"]}
    refusal = refused(iam.simulate_custom_policy, **{**usual, **given})
    assert (refusal.code, refusal.status) == ("InvalidInput", 400)


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        ("arn:aws:iam::111122223333:user/nobody", "NoSuchEntity"),
        ("arn:aws:iam::111122223333:user/alice", "NoSuchEntity"),
        ("arn:aws:iam::444455556666:user/ops/alice", "NoSuchEntity"),
        ("arn:aws:iam::111122223333:root", "InvalidInput"),
        ("arn:aws:iam::111122223333:policy/managed", "InvalidInput"),
    ],
)
@pytest.mark.usefixtures("alice")
def test_whose_policies_must_be_somebody(iam: IAMClient, arn: str, code: str) -> None:
    refusal = refused(iam.simulate_principal_policy, PolicySourceArn=arn, ActionNames=["s3:GetObject"])
    assert refusal.code == code
    assert refused(iam.get_context_keys_for_principal_policy, PolicySourceArn=arn).code == code


@pytest.mark.usefixtures("alice")
@pytest.mark.parametrize(
    "identifier",
    [
        {"PolicyArn": "arn:aws:iam::*:policy/managed"},
        {"PolicyArn": "arn:aws:iam::111122223333:policy/*man*"},
        {"PolicyArn": "policy/managed-by-nobody"},
    ],
)
def test_an_exclusion_that_is_none_is_invalid_input(iam: IAMClient, identifier: Any) -> None:
    assert refused(of_alice, iam=iam, PolicyExclusionList=[identifier]).code == "InvalidInput"


@fact("iam:SimulatePrincipalPolicy on the user, group or role", source="Service Authorization Reference, IAM")
def test_simulating_needs_leave(sandbox: Sandbox, alice: Account) -> None:
    sandbox.enforcing = True
    iam = sandbox.session(caller="user/alice").client("iam")
    assert refused(of_alice, iam=iam).code == "AccessDenied"
    action, arn = "iam:SimulatePrincipalPolicy", alice.user_arn("alice")
    alice.put_user_policy("alice", "simulating", json.loads(policy(allow(action, arn))))
    assert of_alice(iam, ResourceArns=[OBJECT])["EvalDecision"] == "allowed"
    assert refused(simulated, iam=iam).code == "AccessDenied"


def test_the_simulator_and_the_enforcement_agree(sandbox: Sandbox, alice: Account) -> None:
    sandbox.enforcing = True
    role = alice.create_role("r")
    alice.put_user_policy("alice", "roles", json.loads(policy(allow("iam:GetRole", role), allow("iam:List*"))))
    mine, root = sandbox.session(caller="user/alice").client("iam"), sandbox.session().client("iam")
    for action, call, params in (
        ("iam:GetRole", mine.get_role, {"RoleName": "r"}),
        ("iam:ListRoleTags", mine.list_role_tags, {"RoleName": "r"}),
        ("iam:UntagRole", mine.untag_role, {"RoleName": "r", "TagKeys": ["a"]}),
    ):
        said = of_alice(root, action, ResourceArns=[role])["EvalDecision"]
        if said == "allowed":
            call(**params)
        else:
            assert refused(call, **params).code == "AccessDenied"


# --- context keys --------------------------------------------------------------------------------


@fact(
    "The keys of conditions and of variables in resources, in the order of the text",
    source="AWS CLI Command Reference, get-context-keys-for-custom-policy",
)
def test_the_keys_that_policies_ask_for_are_listed(iam: IAMClient) -> None:
    example = json.loads(AFTER_2018)
    example["Statement"]["Resource"] = "arn:aws:dynamodb:us-west-2:123456789012:table/${aws:username}"
    answer = iam.get_context_keys_for_custom_policy(PolicyInputList=[text(example)])
    assert answer["ContextKeyNames"] == ["aws:username", "aws:CurrentTime"]
    several = policy(
        allow("s3:*", ["arn:aws:s3:::${aws:PrincipalTag/team, 'none'}-${*}-${$}", "*"]),
        allow(
            "s3:*", Condition={"StringLike": {"AWS:USERNAME": ["${aws:userid}"]}, "Bool": {"aws:SecureTransport": True}}
        ),
    )
    answer = iam.get_context_keys_for_custom_policy(PolicyInputList=[text(example), several])
    assert answer["ContextKeyNames"] == [
        "aws:username",
        "aws:CurrentTime",
        "aws:PrincipalTag/team",
        "aws:userid",
        "aws:SecureTransport",
    ]
    old = text({"Statement": [allow("s3:*", "arn:aws:s3:::${aws:username}")]})
    assert iam.get_context_keys_for_custom_policy(PolicyInputList=[old])["ContextKeyNames"] == []


@fact(
    "Those of all policies of a user and its groups, and of those given",
    source="IAM API Reference, GetContextKeysForPrincipalPolicy",
)
def test_the_keys_that_somebodys_policies_ask_for_are_listed(iam: IAMClient, alice: Account) -> None:
    asking = policy(allow("s3:*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))
    alice.put_group_policy("readers", "near", json.loads(asking))
    given = [policy(allow("s3:*", Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}))]
    arn = alice.user_arn("alice")
    answer = iam.get_context_keys_for_principal_policy(PolicySourceArn=arn, PolicyInputList=given)
    assert answer["ContextKeyNames"] == ["aws:SourceIp", "aws:MultiFactorAuthPresent"]
    assert refused(iam.get_context_keys_for_custom_policy, PolicyInputList=["{"]).code == "InvalidInput"


# --- where a statement stands --------------------------------------------------------------------


@given(
    st.lists(
        st.dictionaries(st.text(max_size=3), st.text(max_size=8) | st.lists(st.integers(), max_size=2)), max_size=4
    ),
    st.sampled_from([None, 2, 4]),
    st.booleans(),
)
def test_between_the_positions_stands_the_statement(statements: list[Any], indent: int | None, first: bool) -> None:  # noqa: FBT001 - drawn
    document = {"Statement": statements, "Version": "2012-10-17"} if first else {"Id": '{["', "Statement": statements}
    written = json.dumps(document, indent=indent)
    lines = written.split("\n")

    def offset(position: Any) -> int:
        before = sum(len(line) + 1 for line in lines[: position["Line"] - 1])
        return before + int(position["Column"]) - 2

    spans = [written[offset(start) : offset(end) + 1] for start, end in positions(written)]
    assert [json.loads(span) for span in spans] == statements
