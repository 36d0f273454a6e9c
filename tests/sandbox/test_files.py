"""Accounts as JSON: saved, loaded, and copied from the output of get-account-authorization-details."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import pytest

from reconciler.sandbox import Account, Sandbox
from reconciler.sandbox.files import AccountFileError
from tests.sandbox.situation import READ, principals, refused, text, trusting, with_statement

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

OTHER = "444455556666"
HOME = "arn:aws:iam::123456789012"
ROLE = {
    "Path": "/",
    "RoleName": "deployer",
    "RoleId": "AROA1234567890EXAMPLE",
    "Arn": f"{HOME}:role/deployer",
    "CreateDate": "2014-07-30T17:09:20+00:00",
    "AssumeRolePolicyDocument": trusting(
        f"{HOME}:user/people/Alice", "AIDADEADDEADDEADDEAD1", "arn:aws:iam::999988887777:user/stranger"
    ),
    "InstanceProfileList": [
        {
            "Path": "/",
            "InstanceProfileName": "web",
            "InstanceProfileId": "AIPA1234567890EXAMPLE",
            "Arn": f"{HOME}:instance-profile/web",
            "CreateDate": "2014-07-30T17:09:20Z",
            "Roles": [{"RoleName": "deployer", "RoleId": "AROA1234567890EXAMPLE"}],
        }
    ],
    "RolePolicyList": [{"PolicyName": "own", "PolicyDocument": READ}],
    "AttachedManagedPolicies": [
        {"PolicyName": "ReadOnlyAccess", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
    ],
    "Tags": [],
    "RoleLastUsed": {"LastUsedDate": "2025-01-02T03:04:05+00:00", "Region": "eu-central-1"},
}
PRINTED: dict[str, Any] = {
    "UserDetailList": [
        {
            "Path": "/people/",
            "UserName": "Alice",
            "UserId": "AIDACKCEVSQ6C2EXAMPLE",
            "Arn": f"{HOME}:user/people/Alice",
            "CreateDate": "2013-10-14T18:32:00+00:00",
            "GroupList": ["Admins"],
            "AttachedManagedPolicies": [],
            "PermissionsBoundary": {
                "PermissionsBoundaryType": "Policy",
                "PermissionsBoundaryArn": f"{HOME}:policy/limits/boundary",
            },
            "Tags": [{"Key": "Dept", "Value": "R&D"}],
            "NotKnownYet": {"a": [1, 2]},
        }
    ],
    "GroupDetailList": [
        {
            "Path": "/",
            "GroupName": "Admins",
            "GroupId": "AGPA1234567890EXAMPLE",
            "Arn": f"{HOME}:group/Admins",
            "CreateDate": "2013-10-14T18:32:24Z",
            "GroupPolicyList": [],
            "AttachedManagedPolicies": [],
        }
    ],
    "RoleDetailList": [ROLE],
    "Policies": [
        {
            "PolicyName": "boundary",
            "PolicyId": "ANPAJ2UCCR6DPCEXAMPLE",
            "Arn": f"{HOME}:policy/limits/boundary",
            "Path": "/limits/",
            "DefaultVersionId": "v2",
            "AttachmentCount": 0,
            "PermissionsBoundaryUsageCount": 1,
            "IsAttachable": True,
            "CreateDate": "2015-02-06T19:58:34+00:00",
            "UpdateDate": "2015-02-07T19:58:34+00:00",
            "PolicyVersionList": [
                {"Document": READ, "VersionId": "v4", "IsDefaultVersion": False, "CreateDate": "2015-02-07T19:58:34Z"},
                {"Document": READ, "VersionId": "v2", "IsDefaultVersion": True, "CreateDate": "2015-02-06T19:58:34Z"},
            ],
        },
        {
            "PolicyName": "ReadOnlyAccess",
            "PolicyId": "ANPAILL3HVNFSB6DCOWYQ",
            "Arn": "arn:aws:iam::aws:policy/ReadOnlyAccess",
            "Path": "/",
            "DefaultVersionId": "v90",
            "PolicyVersionList": [{"Document": READ, "VersionId": "v90", "CreateDate": "2020-02-06T18:39:48+00:00"}],
        },
    ],
    "IsTruncated": False,
}
"""What `aws iam get-account-authorization-details` prints, a field that is not known among it."""


@pytest.fixture
def lively(sandbox: Sandbox, account: Account) -> Account:
    """An account with one of everything, a dead principal, and a neighbour."""
    boundary = account.create_policy("boundary", READ, path="/limits/", description="limit")
    account.create_policy_version(boundary, READ)
    account.create_group("admins")
    account.create_user("alice", path="/team/", tags={"a": "b"})
    account.create_user("bob")
    account.add_user_to_group("alice", "admins")
    account.put_user_policy("alice", "p", READ)
    other = sandbox.account(OTHER)
    trust = trusting(account.user_arn("alice"), account.user_arn("bob"), other.create_role("ci"), "123456789012")
    account.create_role("deployer", trust=trust, description="d", max_session_duration=7200, tags={"team": "x"})
    account.put_boundary("deployer", boundary)
    account.attach_role_policy("deployer", boundary)
    account.put_role_policy("deployer", "inline", READ)
    account.create_instance_profile("profile", role="deployer")
    account.create_oidc_provider("https://idp.example.com")
    account.create_saml_provider("Idp")
    account.delete_user("bob")
    account.set_quotas(RolesQuota=7)
    return account


def test_what_is_saved_and_loaded_is_the_same_to_the_last_id(sandbox: Sandbox, lively: Account) -> None:
    saved = sandbox.to_json()
    assert saved == json.loads(json.dumps(saved))
    copied = Sandbox()
    assert copied.load_json(saved) == [lively.account_id, OTHER]
    assert copied.to_json() == saved
    answer, again = (box.session().client("iam").get_account_authorization_details() for box in (sandbox, copied))
    for name in ("UserDetailList", "GroupDetailList", "Policies"):
        assert answer[name] == again[name]
    assert copied.account().trust("deployer").keys() == lively.trust("deployer").keys()


@pytest.mark.usefixtures("lively")
def test_a_loaded_trust_still_follows_the_living_and_keeps_the_dead(sandbox: Sandbox) -> None:
    copied = Sandbox()
    copied.load_json(sandbox.to_json())
    account = copied.account()
    before = principals(account.trust("deployer"))
    account.rename_user("alice", new_name="alicia")
    after = principals(account.trust("deployer"))
    assert before - after == {"arn:aws:iam::111122223333:user/team/alice"}
    assert after - before == {"arn:aws:iam::111122223333:user/team/alicia"}
    assert len([value for value in after if value.startswith("AIDA")]) == 1


@pytest.mark.usefixtures("lively")
def test_no_id_of_a_loaded_account_is_given_out_again(sandbox: Sandbox) -> None:
    copied = Sandbox(seed=0)
    copied.load_json(sandbox.to_json())
    taken = set(json.dumps(sandbox.to_json()).split('"'))
    account = copied.account()
    fresh = {account.recreate_user("alice") for _ in range(50)}
    assert not fresh & taken


def test_the_output_of_get_account_authorization_details_is_an_account(sandbox: Sandbox, lively: Account) -> None:
    printed = printed_by_the_cli(sandbox.session().client("iam"))
    copied = Sandbox()
    assert copied.load_json(printed) == ["111122223333"]
    account = copied.account()
    assert account.role_id("deployer") == lively.role_id("deployer")
    names = principals(account.trust("deployer"))
    assert names == principals(lively.trust("deployer"))
    account.recreate_user("alice")
    assert "arn:aws:iam::111122223333:user/team/alice" not in principals(account.trust("deployer"))
    client = copied.session().client("iam")
    [role] = client.get_account_authorization_details(Filter=["Role"])["RoleDetailList"]
    assert role["InstanceProfileList"][0]["InstanceProfileName"] == "profile"
    assert (
        client.get_policy(PolicyArn=role["AttachedManagedPolicies"][0]["PolicyArn"])["Policy"]["DefaultVersionId"]
        == "v2"
    )


def test_an_account_beyond_the_defaults_had_its_quotas_raised(sandbox: Sandbox, account: Account) -> None:
    account.set_quotas(AssumeRolePolicySizeQuota=4096)
    account.create_role("long", trust=trusting(*(f"{number:012}" for number in range(1, 180))))
    account.seed_roles(1_200)
    printed = printed_by_the_cli(sandbox.session().client("iam"), page=1_000)
    copied = Sandbox()
    copied.load_json(printed)
    iam = copied.session().client("iam")
    summary: Any = iam.get_account_summary()["SummaryMap"]
    assert (summary["RolesQuota"], summary["AssumeRolePolicySizeQuota"], summary["GroupsQuota"]) == (10_000, 8_192, 300)
    iam.create_role(RoleName="another", AssumeRolePolicyDocument=text(with_statement()))


def test_encoded_documents_are_understood_too(sandbox: Sandbox, lively: Account) -> None:
    from urllib.parse import quote  # noqa: PLC0415 - only here

    printed = printed_by_the_cli(sandbox.session().client("iam"))
    role = printed["RoleDetailList"][0]
    role["AssumeRolePolicyDocument"] = quote(json.dumps(role["AssumeRolePolicyDocument"]))
    copied = Sandbox()
    copied.load_json(printed)
    assert principals(copied.account().trust("deployer")) == principals(lively.trust("deployer"))


def test_loading_replaces_the_account_and_leaves_the_others(sandbox: Sandbox, lively: Account) -> None:
    saved = sandbox.to_json()
    sandbox.account(OTHER).create_role("kept")
    lively.create_user("gone")
    sandbox.load_json({"format": saved["format"], "accounts": {"111122223333": saved["accounts"]["111122223333"]}})
    assert lively.state.tables.users.find("gone") is None
    assert sandbox.account(OTHER).role_id("kept")


def printed_by_the_cli(iam: IAMClient, page: int = 100) -> dict[str, Any]:
    """What `aws iam get-account-authorization-details` prints: all pages in one."""
    pages = iam.get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": page})
    answer: dict[str, Any] = dict(pages.build_full_result())
    printed: dict[str, Any] = json.loads(json.dumps(answer, default=lambda moment: moment.isoformat()))
    return printed


def copy_of(**changes: Any) -> Any:
    """The output of the AWS CLI for a small account, with these lists replaced."""
    return {**copy.deepcopy(PRINTED), **changes}


def changed(name: str, **changes: Any) -> Any:
    """The same with something about the first entity of a list changed."""
    raw = copy_of()
    raw[name][0] |= changes
    return raw


def test_what_the_aws_cli_prints_is_taken_to_the_letter() -> None:
    box = Sandbox()
    assert box.load_json(copy_of()) == ["123456789012"]
    iam = box.session("123456789012").client("iam")
    user = iam.get_user(UserName="alice")["User"]
    assert (user["UserId"], user["CreateDate"]) == ("AIDACKCEVSQ6C2EXAMPLE", datetime(2013, 10, 14, 18, 32, tzinfo=UTC))
    assert user["PermissionsBoundary"]["PermissionsBoundaryArn"] == f"{HOME}:policy/limits/boundary"
    trust: Any = iam.get_role(RoleName="deployer")["Role"]["AssumeRolePolicyDocument"]
    assert principals(trust) == {
        f"{HOME}:user/people/Alice",
        "AIDADEADDEADDEADDEAD1",
        "arn:aws:iam::999988887777:user/stranger",
    }
    profile = iam.list_instance_profiles_for_role(RoleName="deployer")["InstanceProfiles"][0]
    assert profile["InstanceProfileId"] == "AIPA1234567890EXAMPLE"
    assert iam.list_groups_for_user(UserName="Alice")["Groups"][0]["GroupName"] == "Admins"
    versions = iam.list_policy_versions(PolicyArn=f"{HOME}:policy/limits/boundary")["Versions"]
    assert {(each["VersionId"], each["IsDefaultVersion"]) for each in versions} == {("v2", True), ("v4", False)}
    box.account("123456789012").recreate_user("Alice")
    fresh: Any = iam.get_role(RoleName="deployer")["Role"]["AssumeRolePolicyDocument"]
    assert "AIDACKCEVSQ6C2EXAMPLE" in principals(fresh)


@pytest.mark.parametrize("name", ["GroupDetailList", "Policies", "OpenIDConnectProviders"])
def test_a_list_that_is_null_is_empty(name: str) -> None:
    raw = copy_of(UserDetailList=[], **{name: None})
    assert Sandbox().load_json(raw) == ["123456789012"]


@pytest.mark.parametrize("start", ["%7B", "%7b", "%0A%20%7B", "\n  {"])
def test_a_document_is_taken_however_it_is_written(start: str) -> None:
    document = start + quote('"Version": "2012-10-17", "Statement": []}')
    if start.endswith("{"):
        document = unquote(document)
    box = Sandbox()
    box.load_json(changed("RoleDetailList", AssumeRolePolicyDocument=document))
    assert box.account("123456789012").trust("deployer") == {"Version": "2012-10-17", "Statement": []}


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (copy_of(IsTruncated=True), "this is only the first part of an account"),
        (copy_of(NextToken="x"), "this is only the first part of an account"),
        (copy_of(GroupDetailList=[]), "UserDetailList[0]: it is in the group Admins, which is not in the file"),
        (changed("RoleDetailList", RoleId=5), "RoleDetailList[0]: RoleId is no text: 5"),
        (changed("RoleDetailList", RoleId="x"), "RoleDetailList[0]: RoleId begins with AROA, unlike 'x'"),
        (changed("RoleDetailList", RoleName=None), "RoleDetailList[0]: RoleName is no text: None"),
        (changed("RoleDetailList", CreateDate="then"), "RoleDetailList[0]: Invalid isoformat string: 'then'"),
        (changed("RoleDetailList", Arn="arn:aws:iam::444455556666:role/r"), "is not of account 123456789012"),
        (changed("UserDetailList", Path=7), "UserDetailList[0]: Path is no text: 7"),
        (changed("UserDetailList", Tags=[{"Key": "a", "Value": 1}]), "UserDetailList[0]: Value is no text: 1"),
        (changed("GroupDetailList", GroupPolicyList=[{"PolicyName": "p"}]), "GroupDetailList[0]: no PolicyDocument"),
        (changed("Policies", DefaultVersionId="v7"), "Policies[0]: there is no version v7"),
        (changed("Policies", PolicyVersionList=None), "Policies[0]: there is no version v2"),
        (
            changed("Policies", PolicyVersionList=[{"VersionId": "v2", "Document": 5}]),
            "Policies[0]: a policy document is an object: '5'",
        ),
        (
            copy_of(RoleDetailList=[{**ROLE, "InstanceProfileList": []}, {**ROLE, "RoleName": "twin"}]),
            "RoleDetailList[1]: Role with name AROA1234567890EXAMPLE already exists.",
        ),
    ],
)  # fmt: skip
def test_a_file_that_is_refused_says_what_is_wrong_and_where(raw: Any, told: str) -> None:
    with pytest.raises(AccountFileError) as caught:
        Sandbox().load_json(raw)
    assert told in str(caught.value)


NUMBER = {"Statement": {"Effect": "Allow", "Principal": {"AWS": 123456789012}}}


def broken(change: Any) -> Any:
    """A good account with something about it changed."""
    account = Sandbox().account()
    account.create_user("alice")
    account.create_role("r")
    account.create_policy("p", READ)
    saved: Any = copy.deepcopy(account._box.to_json())
    change(saved["accounts"]["111122223333"])
    return saved


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        "text",
        {},
        {"format": "iam-sandbox/9", "accounts": {}},
        {"RoleDetailList": []},
        {"RoleDetailList": "x", "UserDetailList": 5},
        {"format": "iam-sandbox/1", "accounts": {"x": {}}},
        {"format": "iam-sandbox/1", "accounts": {"111122223333": []}},
        broken(lambda account: account["RoleDetailList"][0].pop("RoleId")),
        broken(lambda account: account["RoleDetailList"][0].update(AssumeRolePolicyDocument="{")),
        broken(lambda account: account["RoleDetailList"][0].update(AssumeRolePolicyDocument=[])),
        broken(lambda account: account["RoleDetailList"][0].update(AssumeRolePolicyDocument={"Statement": ["x"]})),
        broken(lambda account: account["RoleDetailList"][0].update(AssumeRolePolicyDocument=NUMBER)),
        broken(lambda account: account["RoleDetailList"][0].update(CreateDate="yesterday")),
        broken(lambda account: account["RoleDetailList"].append(account["RoleDetailList"][0])),
        broken(lambda account: account["UserDetailList"][0].update(GroupList=["nowhere"])),
        broken(lambda account: account["Policies"][0].update(PolicyVersionList=[])),
        broken(lambda account: account.update(Quotas={"Tea": 1})),
        broken(lambda account: account.update(UserDetailList={"a": 1})),
    ],
)  # fmt: skip
def test_a_file_that_is_no_account_is_refused_and_nothing_is_lost(raw: Any) -> None:
    sandbox = Sandbox()
    sandbox.account().create_user("precious")
    before = sandbox.to_json()
    with pytest.raises(AccountFileError):
        sandbox.load_json(raw)
    assert sandbox.to_json() == before


@pytest.mark.usefixtures("lively")
def test_a_loaded_account_is_held_to_the_same_manners(sandbox: Sandbox) -> None:
    copied = Sandbox()
    copied.load_json(sandbox.to_json())
    iam = copied.session().client("iam")
    taken = refused(iam.create_role, RoleName="DEPLOYER", AssumeRolePolicyDocument=text(with_statement()))
    assert taken.code == "EntityAlreadyExists"
    orphaned = text(iam.get_role(RoleName="deployer")["Role"]["AssumeRolePolicyDocument"])
    assert (
        refused(iam.update_assume_role_policy, RoleName="deployer", PolicyDocument=orphaned).code
        == "MalformedPolicyDocument"
    )
