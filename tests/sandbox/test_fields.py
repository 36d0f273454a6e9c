"""Which call shows which fields, names and paths, and in what shape: facts of sections 5.1 to 5.4."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.sandbox import Account, Sandbox
from tests.sandbox.facts import fact
from tests.sandbox.situation import READ, refused, text, with_statement

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

MODEL = "botocore, model of IAM 2010-05-08"
RECORDED = "localstack, test_iam_roles.snapshot.json, recorded against AWS"
TRUST = text(with_statement())
ALWAYS = {"Path", "RoleName", "RoleId", "Arn", "CreateDate", "AssumeRolePolicyDocument"}


def make_full_role(iam: IAMClient) -> Any:
    """A role with everything that CreateRole takes; what CreateRole answers."""
    boundary = iam.create_policy(PolicyName="boundary", PolicyDocument=text(READ))["Policy"]["Arn"]
    return iam.create_role(
        RoleName="full",
        Path="/team/",
        AssumeRolePolicyDocument=TRUST,
        Description="All of it",
        MaxSessionDuration=7200,
        PermissionsBoundary=boundary,
        Tags=[{"Key": "team", "Value": "storage"}],
    )["Role"]


@fact("CreateRole leaves out description and session duration, even when given", source=RECORDED, level="recorded")
def test_create_role_answers_without_description_and_duration(iam: IAMClient) -> None:
    assert set(make_full_role(iam)) == ALWAYS | {"PermissionsBoundary", "Tags"}


@fact("GetRole gives everything but the policies", source=MODEL)
def test_get_role_shows_everything_but_policies(iam: IAMClient) -> None:
    make_full_role(iam)
    role = iam.get_role(RoleName="full")["Role"]
    assert set(role) == ALWAYS | {"Description", "MaxSessionDuration", "PermissionsBoundary", "Tags", "RoleLastUsed"}
    assert (role["Description"], role["MaxSessionDuration"]) == ("All of it", 7200)


@fact("ListRoles leaves out boundary, last use and tags", source="ListRoles, note in the API reference")
def test_list_roles_leaves_out_boundary_last_use_and_tags(iam: IAMClient) -> None:
    make_full_role(iam)
    [role] = iam.list_roles()["Roles"]
    assert set(role) == ALWAYS | {"Description", "MaxSessionDuration"}


@fact("RoleDetail has tags, boundary and policies, but neither description nor duration", source=MODEL)
def test_details_of_a_role_lack_description_and_duration(iam: IAMClient, account: Account) -> None:
    arn = make_full_role(iam)["PermissionsBoundary"]["PermissionsBoundaryArn"]
    account.put_role_policy("full", "inline", READ)
    account.attach_role_policy("full", arn)
    account.create_instance_profile("profile", role="full")
    [role] = iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"]
    assert set(role) == ALWAYS | {
        "PermissionsBoundary",
        "Tags",
        "RoleLastUsed",
        "RolePolicyList",
        "AttachedManagedPolicies",
        "InstanceProfileList",
    }
    assert role["RolePolicyList"] == [{"PolicyName": "inline", "PolicyDocument": READ}]
    assert role["AttachedManagedPolicies"] == [{"PolicyName": "boundary", "PolicyArn": arn}]
    assert role["InstanceProfileList"][0]["InstanceProfileName"] == "profile"


@fact("Tags and description are absent when there are none", source=RECORDED, level="recorded")
@fact("RoleLastUsed is an empty map when never used", source=MODEL)
def test_a_bare_role_has_neither_tags_nor_description(iam: IAMClient) -> None:
    created = iam.create_role(RoleName="bare", AssumeRolePolicyDocument=TRUST)["Role"]
    assert set(created) == ALWAYS
    role = iam.get_role(RoleName="bare")["Role"]
    assert set(role) == ALWAYS | {"MaxSessionDuration", "RoleLastUsed"}
    assert (role["MaxSessionDuration"], role["RoleLastUsed"], role["Path"]) == (3600, {}, "/")


@fact("PermissionsBoundaryType really is Policy", source="boto3#1623; recorded", level="recorded")
def test_the_type_of_a_boundary_is_policy(iam: IAMClient) -> None:
    assert make_full_role(iam)["PermissionsBoundary"]["PermissionsBoundaryType"] == "Policy"


@fact("Details of a user: groups by name; of a group: no members", source=MODEL)
def test_details_of_users_and_groups(iam: IAMClient, account: Account) -> None:
    account.create_group("admins")
    account.create_user("alice", tags={"team": "ops"})
    account.add_user_to_group("alice", "admins")
    details = iam.get_account_authorization_details(Filter=["User", "Group"])
    [user], [group] = details["UserDetailList"], details["GroupDetailList"]
    assert (user["GroupList"], user["Tags"]) == (["admins"], [{"Key": "team", "Value": "ops"}])
    assert set(group) == {
        "Path", "GroupName", "GroupId", "Arn", "CreateDate", "GroupPolicyList", "AttachedManagedPolicies",
    }  # fmt: skip
    assert [member["UserName"] for member in iam.get_group(GroupName="admins")["Users"]] == ["alice"]


@fact("Details of a policy: all versions with documents, no tags", source=MODEL)
def test_details_of_a_policy_hold_all_versions_and_no_tags(iam: IAMClient) -> None:
    tags: list[Any] = [{"Key": "a", "Value": "b"}]
    arn = iam.create_policy(PolicyName="p", PolicyDocument=text(READ), Description="d", Tags=tags)["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=text(READ), SetAsDefault=True)
    [policy] = iam.get_account_authorization_details(Filter=["LocalManagedPolicy"])["Policies"]
    assert "Tags" not in policy
    assert policy["Description"] == "d"
    assert [version["VersionId"] for version in policy["PolicyVersionList"]] == ["v1", "v2"]
    assert [version["IsDefaultVersion"] for version in policy["PolicyVersionList"]] == [False, True]
    assert policy["PolicyVersionList"][0]["Document"] == READ


@fact(
    "GetPolicy gives Tags: []; ListPolicies lacks description and tags; CreatePolicy lacks description",
    source="recorded",
    level="recorded",
)
def test_policies_show_description_and_tags_in_get_policy_only(iam: IAMClient) -> None:
    made = iam.create_policy(PolicyName="p", PolicyDocument=text(READ), Description="d")["Policy"]
    got = iam.get_policy(PolicyArn=made["Arn"])["Policy"]
    [listed] = iam.list_policies(Scope="Local")["Policies"]
    assert "Description" not in made
    assert (got["Description"], got["Tags"]) == ("d", [])
    assert not {"Description", "Tags"} & set(listed)


@fact("GetInstanceProfile has Tags, ListInstanceProfiles does not", source="recorded", level="recorded")
def test_instance_profiles_show_tags_only_one_by_one(iam: IAMClient) -> None:
    iam.create_instance_profile(InstanceProfileName="i", Tags=[{"Key": "a", "Value": "b"}])
    assert iam.get_instance_profile(InstanceProfileName="i")["InstanceProfile"]["Tags"] == [{"Key": "a", "Value": "b"}]
    assert "Tags" not in iam.list_instance_profiles()["InstanceProfiles"][0]


def test_counts_of_attachments_and_boundaries_are_true(iam: IAMClient, account: Account) -> None:
    arn = account.create_policy("p", READ)
    account.create_role("a", permissions_boundary=arn)
    account.create_role("b")
    account.create_user("u")
    iam.attach_role_policy(RoleName="b", PolicyArn=arn)
    iam.attach_role_policy(RoleName="b", PolicyArn=arn)
    iam.attach_user_policy(UserName="u", PolicyArn=arn)
    policy = iam.get_policy(PolicyArn=arn)["Policy"]
    assert (policy["AttachmentCount"], policy["PermissionsBoundaryUsageCount"]) == (2, 1)
    entities = iam.list_entities_for_policy(PolicyArn=arn)
    assert [role["RoleName"] for role in entities["PolicyRoles"]] == ["b"]
    boundaries = iam.list_entities_for_policy(PolicyArn=arn, PolicyUsageFilter="PermissionsBoundary")
    assert [role["RoleName"] for role in boundaries["PolicyRoles"]] == ["a"]


@fact("AWS managed policies exist everywhere", source="IAM User Guide, access_policies_managed-vs-inline")
def test_an_aws_managed_policy_can_be_attached_and_read(iam: IAMClient, account: Account) -> None:
    account.create_role("r")
    arn = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
    iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    [attached] = iam.list_attached_role_policies(RoleName="r")["AttachedPolicies"]
    assert attached == {"PolicyName": "ViewOnlyAccess", "PolicyArn": arn}
    details = iam.get_account_authorization_details(Filter=["AWSManagedPolicy"])
    assert [policy["Arn"] for policy in details["Policies"]] == [arn]


# --- names and paths -----------------------------------------------------------------------------


@fact("Names are unique without regard to case, whatever their paths", source="CreateRole, RoleName")
def test_names_differ_not_by_case_nor_by_path(iam: IAMClient) -> None:
    iam.create_role(RoleName="Deployer", AssumeRolePolicyDocument=TRUST)
    refusal = refused(iam.create_role, RoleName="deployer", Path="/x/", AssumeRolePolicyDocument=TRUST)
    assert (refusal.code, refusal.message, refusal.status) == (
        "EntityAlreadyExists", "Role with name deployer already exists.", 409,
    )  # fmt: skip
    iam.create_user(UserName="deployer")
    assert refused(iam.create_user, UserName="DEPLOYER").code == "EntityAlreadyExists"
    iam.create_group(GroupName="deployer")
    assert refused(iam.create_group, GroupName="Deployer").code == "EntityAlreadyExists"
    iam.create_policy(PolicyName="deployer", PolicyDocument=text(READ))
    assert refused(iam.create_policy, PolicyName="Deployer", PolicyDocument=text(READ)).code == "EntityAlreadyExists"
    iam.create_instance_profile(InstanceProfileName="deployer")
    assert refused(iam.create_instance_profile, InstanceProfileName="Deployer").code == "EntityAlreadyExists"


@pytest.mark.parametrize(
    ("params", "member", "constraint"),
    [
        ({"RoleName": "a b"}, "roleName", "regular expression pattern"),
        ({"RoleName": "a/b"}, "roleName", "regular expression pattern"),
        ({"RoleName": "é"}, "roleName", "regular expression pattern"),
        ({"RoleName": "x" * 65}, "roleName", "length less than or equal to 64"),
        ({"Path": "team"}, "path", "regular expression pattern"),
        ({"Path": "/team"}, "path", "regular expression pattern"),
        ({"Path": "/" + "x" * 511 + "/"}, "path", "length less than or equal to 512"),
        ({"Description": "x" * 1001}, "description", "length less than or equal to 1000"),
        ({"Description": "a \u2013 b"}, "description", "regular expression pattern"),
        ({"MaxSessionDuration": 43_201}, "maxSessionDuration", "value less than or equal to 43200"),
        ({"Tags": [{"Key": "x" * 129, "Value": ""}]}, "tags.1.member.key", "length less than or equal to 128"),
        ({"Tags": [{"Key": "k", "Value": "x" * 257}]}, "tags.1.member.value", "length less than or equal to 256"),
        ({"Tags": [{"Key": "k", "Value": "a,b"}]}, "tags.1.member.value", "regular expression pattern"),
        ({"Tags": [{"Key": str(n), "Value": ""} for n in range(51)]}, "tags", "length less than or equal to 50"),
    ],
)
@fact(
    "Names [\\w+=,.@-]+ up to 64; path 512; description 1,000; session 43,200; tags 128 and 256",
    source="IAM User Guide, reference_iam-quotas; " + MODEL,
)
@fact(
    "ValidationError 400, 1 validation error detected: Value at 'x' failed to satisfy constraint",
    source="recorded",
    level="recorded",
)
def test_what_breaks_a_constraint_is_a_validation_error(
    iam: IAMClient, params: dict[str, Any], member: str, constraint: str
) -> None:
    whole = {"RoleName": "r", "AssumeRolePolicyDocument": TRUST, **params}
    refusal = refused(iam.create_role, **whole)
    assert (refusal.code, refusal.status) == ("ValidationError", 400)
    assert refusal.message.startswith(
        f"1 validation error detected: Value at '{member}' failed to satisfy constraint: "
    )
    assert constraint in refusal.message


def test_all_that_is_wrong_is_said_at_once(iam: IAMClient) -> None:
    refusal = refused(iam.create_role, RoleName="a b", Path="x", AssumeRolePolicyDocument=TRUST)
    assert refusal.message.startswith("2 validation errors detected: ")


def test_the_longest_names_and_letters_of_any_script_in_tags_are_taken(iam: IAMClient) -> None:
    tags: list[Any] = [{"Key": "команда", "Value": "日本 _.:/=+-@"}]
    iam.create_role(RoleName="x" * 64, Path="/" + "p" * 510 + "/", AssumeRolePolicyDocument=TRUST, Tags=tags)
    role = iam.get_role(RoleName="x" * 64)["Role"]
    assert role["Tags"] == tags


@fact("Real message: The role with name X cannot be found.", source=RECORDED, level="recorded")
def test_what_is_missing_is_named(iam: IAMClient) -> None:
    refusal = refused(iam.get_role, RoleName="nobody")
    assert (refusal.code, refusal.message, refusal.status) == (
        "NoSuchEntity", "The role with name nobody cannot be found.", 404,
    )  # fmt: skip


def test_a_moment_is_whole_seconds_in_utc(iam: IAMClient) -> None:
    created = iam.create_user(UserName="u")["User"]["CreateDate"]
    assert created == datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def test_a_description_with_awkward_characters_comes_back(iam: IAMClient) -> None:
    said = "a & b <c> \"d\" 'e'\tf\r\ng ÿ"
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST, Description=said)
    assert iam.get_role(RoleName="r")["Role"]["Description"] == said


@fact("RoleLastUsed: date and region of the last use", source=MODEL)
def test_assuming_a_role_shows_as_its_last_use(iam: IAMClient, account: Account, sandbox: Sandbox) -> None:
    account.create_role("r")
    sandbox.session().client("sts").assume_role(RoleArn=account.role_arn("r"), RoleSessionName="me")
    used: Any = {"LastUsedDate": datetime(2026, 11, 24, 10, 0, tzinfo=UTC), "Region": "us-east-1"}
    assert iam.get_role(RoleName="r")["Role"]["RoleLastUsed"] == used
    account.create_role("other")
    account.mark_used("other", region="eu-central-1")
    assert iam.get_role(RoleName="other")["Role"]["RoleLastUsed"]["Region"] == "eu-central-1"


@fact("MaxSigninSessionDuration of GetRole, 3,600 to 7,776,000; ResetMaxSigninSessionDuration", source=MODEL)
def test_the_length_of_a_sign_in_is_set_shown_and_reset(iam: IAMClient) -> None:
    client: Any = iam  # the stubs are older than the member
    client.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST, MaxSigninSessionDuration=7200)
    assert client.get_role(RoleName="r")["Role"]["MaxSigninSessionDuration"] == 7200
    assert "MaxSigninSessionDuration" not in client.list_roles()["Roles"][0]
    client.update_role(RoleName="r", Description="d")
    assert client.get_role(RoleName="r")["Role"]["MaxSigninSessionDuration"] == 7200
    client.update_role(RoleName="r", ResetMaxSigninSessionDuration=True)
    assert "MaxSigninSessionDuration" not in client.get_role(RoleName="r")["Role"]


@fact("Without a name GetUser is about the caller", source="GetUser")
def test_a_user_can_ask_for_itself(sandbox: Sandbox, account: Account) -> None:
    account.create_user("alice")
    assert sandbox.session(caller="user/alice").client("iam").get_user()["User"]["UserName"] == "alice"
    root = sandbox.session().client("iam")
    assert refused(root.get_user).message == "Must specify userName when calling with non-User credentials"


@fact("Partitions have ARNs and endpoints of their own", source="botocore, endpoint-rule-set-1.json")
def test_an_account_of_another_partition_speaks_of_it_in_every_arn(sandbox: Sandbox) -> None:
    china = sandbox.account("777788889999", partition="aws-cn")
    arn = china.create_user("alice")
    assert arn == "arn:aws-cn:iam::777788889999:user/alice"
    session = sandbox.session("777788889999")
    iam, trust = session.client("iam"), with_statement(Principal={"AWS": arn})
    assert iam.meta.endpoint_url == "https://iam.cn-north-1.amazonaws.com.cn"
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=text(trust))
    assert iam.get_role(RoleName="r")["Role"]["Arn"] == "arn:aws-cn:iam::777788889999:role/r"
    iam.attach_role_policy(RoleName="r", PolicyArn="arn:aws-cn:iam::aws:policy/ReadOnlyAccess")
    assert session.client("sts").get_caller_identity()["Arn"] == "arn:aws-cn:iam::777788889999:root"


@fact("Role waiters prove one read of the control plane", source="botocore, waiters-2.json")
def test_a_waiter_is_content_with_a_role_that_is_there(iam: IAMClient, account: Account) -> None:
    account.create_role("r")
    iam.get_waiter("role_exists").wait(RoleName="r")
