"""In which words access to IAM is denied, and that the reconciler reads in them which statement is missing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from reconciler.iam.errors import Asked
from reconciler.iam.meaning import understand
from reconciler.sandbox import Clock, IamError, Sandbox
from reconciler.sandbox.pytest_plugin import START
from tests.sandbox.facts import fact
from tests.sandbox.situation import OWN, READ, refused, text, with_statement

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

ARN = f"arn:aws:iam::{OWN}"
POLICY = f"{ARN}:policy/team/reader"
RECORDED = "AccessDenied answers of IAM, quoted in public reports"
TRUST = text(with_statement())

CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("get_role", {"RoleName": "deployer"}, "role deployer"),
    ("get_role", {"RoleName": "nobody"}, "role nobody"),
    ("list_role_tags", {"RoleName": "deployer"}, "role deployer"),
    ("attach_role_policy", {"RoleName": "deployer", "PolicyArn": POLICY}, "role deployer"),
    ("get_user", {"UserName": "bob"}, "user bob"),
    ("get_user", {}, "user alice"),
    ("create_access_key", {"UserName": "bob"}, "user bob"),
    ("add_user_to_group", {"GroupName": "team", "UserName": "bob"}, "group team"),
    ("add_role_to_instance_profile", {"InstanceProfileName": "web", "RoleName": "deployer"}, "instance profile web"),
    ("create_role", {"RoleName": "new", "Path": "/ci/", "AssumeRolePolicyDocument": TRUST}, f"{ARN}:role/ci/new"),
    ("create_user", {"UserName": "new"}, f"{ARN}:user/new"),
    ("create_instance_profile", {"InstanceProfileName": "new"}, f"{ARN}:instance-profile/new"),
    (
        "create_open_id_connect_provider",
        {"Url": "https://idp.example.com/a", "ThumbprintList": ["a" * 40]},
        f"{ARN}:oidc-provider/idp.example.com/a",
    ),
    ("create_policy", {"PolicyName": "writer", "Path": "/team/", "PolicyDocument": text(READ)}, "policy writer"),
    ("get_policy", {"PolicyArn": POLICY}, f"policy {POLICY}"),
    ("create_policy_version", {"PolicyArn": POLICY, "PolicyDocument": text(READ)}, f"policy {POLICY}"),
    ("list_roles", {"PathPrefix": "/ci/"}, f"{ARN}:role/ci/"),
    ("list_users", {}, f"{ARN}:user/"),
    ("list_groups", {}, f"{ARN}:group/"),
    ("list_instance_profiles", {}, f"{ARN}:instance-profile/"),
    ("list_policies", {}, "policy path /"),
    ("get_account_authorization_details", {}, "*"),
    (
        "simulate_principal_policy",
        {"PolicySourceArn": f"{ARN}:user/bob", "ActionNames": ["s3:GetObject"]},
        f"{ARN}:user/bob",
    ),
]


@pytest.fixture
def box() -> Sandbox:
    """A sandbox that asks who may do what; alice may do nothing."""
    sandbox = Sandbox(clock=Clock(START), enforce=True)
    account = sandbox.account()
    for user in ("alice", "bob"):
        account.create_user(user)
    account.create_role("deployer", path="/ci/")
    account.create_policy("reader", READ, path="/team/")
    return sandbox


@pytest.fixture
def alice(box: Sandbox) -> IAMClient:
    """What alice calls IAM with."""
    return box.session(caller="user/alice").client("iam")


@fact("What is there is denied by kind and name, what is to be made by ARN", source=RECORDED, level="recorded")
@fact("A managed policy is denied by its ARN after the word policy", source=RECORDED, level="recorded")
@fact("Lists are denied on the path that they list", source=RECORDED, level="recorded")
@pytest.mark.parametrize(("call", "params", "told"), CALLS)
def test_a_resource_is_named_as_iam_names_it(alice: IAMClient, call: str, params: dict[str, Any], told: str) -> None:
    action = f"iam:{alice.meta.method_to_api_mapping[call]}"
    assert refused(getattr(alice, call), **params).message == (
        f"User: {ARN}:user/alice is not authorized to perform: {action} on resource: {told}"
        f" because no identity-based policy allows the {action} action"
    )


@fact("What is passed on, or tagged while it is made, is denied by ARN", source=RECORDED, level="recorded")
def test_what_a_call_needs_besides_is_named_by_arn(box: Sandbox, alice: IAMClient) -> None:
    actions = ["iam:CreateRole", "iam:CreatePolicy", "iam:AddRoleToInstanceProfile"]
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    box.account().put_user_policy("alice", "p", {"Version": "2012-10-17", "Statement": [statement]})
    tags: Any = [{"Key": "a", "Value": "b"}]
    told = refused(alice.create_role, RoleName="new", AssumeRolePolicyDocument=TRUST, Tags=tags).message
    assert f"iam:TagRole on resource: {ARN}:role/new because" in told
    told = refused(alice.create_policy, PolicyName="new", PolicyDocument=text(READ), Tags=tags).message
    assert "iam:TagPolicy on resource: policy new because" in told
    told = refused(alice.add_role_to_instance_profile, InstanceProfileName="web", RoleName="deployer").message
    assert f"iam:PassRole on resource: {ARN}:role/ci/deployer because" in told


@pytest.mark.parametrize(("call", "params"), [(call, params) for call, params, _ in CALLS])
def test_the_statement_that_the_reconciler_names_is_enough(
    box: Sandbox, alice: IAMClient, call: str, params: dict[str, Any]
) -> None:
    name = alice.meta.method_to_api_mapping[call]
    with pytest.raises(ClientError) as caught:
        getattr(alice, call)(**params)
    advice = str(understand(caught.value, Asked(call=name, account=OWN)).diagnostic.help)
    statement = json.loads(advice[advice.index("{") :])
    # IAM leaves out the path of what it calls by name, so the reconciler cannot know it.
    for short, whole in (("role/deployer", "role/ci/deployer"), ("policy/writer", "policy/team/writer")):
        statement["Resource"] = statement["Resource"].replace(short, whole)
    box.account().put_user_policy("alice", "p", {"Version": "2012-10-17", "Statement": [statement]})
    try:
        getattr(alice, call)(**params)
    except ClientError as error:
        told = error.response["Error"]
        assert told["Code"] in {"NoSuchEntity", "AccessDenied"}
        assert f"iam:{name} " not in told["Message"]


@fact("GetUser without a name is about the user who asks", source="IAM API Reference, GetUser")
def test_a_user_may_be_let_at_itself_alone(box: Sandbox, alice: IAMClient) -> None:
    statement = {"Effect": "Allow", "Action": "iam:*", "Resource": f"{ARN}:user/${{aws:username}}"}
    box.account().put_user_policy("alice", "p", {"Version": "2012-10-17", "Statement": [statement]})
    assert alice.get_user()["User"]["UserName"] == "alice"
    assert alice.list_access_keys()["AccessKeyMetadata"] == []
    assert refused(alice.get_user, UserName="bob").code == "AccessDenied"


def test_a_denied_change_is_recorded_in_the_same_words(box: Sandbox, alice: IAMClient) -> None:
    refused(alice.delete_role, RoleName="deployer")
    assert "iam:DeleteRole on resource: role deployer because" in str(box.trail.events[-1].error_message)


@fact("IDPRejectedClaim is 403", source="botocore's model of STS 2011-06-15")
def test_a_refusal_knows_its_status() -> None:
    assert IamError("IDPRejectedClaim", "no").status == 403
