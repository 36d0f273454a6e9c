"""Pages and markers: facts of sections 5.1 and 5.3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.sandbox import Account, Sandbox, Switches
from tests.sandbox.facts import fact
from tests.sandbox.situation import READ, refused, text, with_statement

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

MODEL = "botocore, model of IAM 2010-05-08"
LISTS = {
    "list_roles": "Roles",
    "list_users": "Users",
    "list_groups": "Groups",
    "list_policies": "Policies",
    "list_instance_profiles": "InstanceProfiles",
}


def populate(account: Account, count: int) -> None:
    account.seed_roles(count)
    for number in range(count):
        account.create_user(f"user{number}")
        account.create_group(f"group{number}")
        account.create_policy(f"policy{number}", READ)
        account.create_instance_profile(f"profile{number}")


def walk(call: Any, member: str, **params: Any) -> tuple[list[Any], int]:
    """All items of a list call, and the number of pages."""
    found: list[Any] = []
    pages = 0
    while True:
        answer = call(**params)
        found += answer[member]
        pages += 1
        if not answer["IsTruncated"]:
            assert "Marker" not in answer
            return found, pages
        params["Marker"] = answer["Marker"]


@pytest.mark.parametrize("call", LISTS)
@fact("All list calls page; MaxItems 1 to 1,000, 100 by default", source=MODEL)
def test_every_list_comes_in_pages(iam: IAMClient, account: Account, call: str) -> None:
    populate(account, 7)
    scope = {"Scope": "Local"} if call == "list_policies" else {}
    found, pages = walk(getattr(iam, call), LISTS[call], MaxItems=3, **scope)
    assert (len(found), pages) == (7, 3)
    assert len({item["Arn"] for item in found}) == 7


def test_what_belongs_to_one_thing_comes_in_pages_too(iam: IAMClient, account: Account) -> None:
    arn = account.create_policy("p", READ)
    account.create_user("u")
    account.create_group("g")
    account.create_role("r")
    for number in range(3):
        name, policy = f"x{number}", account.create_policy(f"x{number}", READ)
        account.create_user(name)
        account.create_group(name)
        account.create_role(name)
        account.add_user_to_group(name, "g")
        account.add_user_to_group("u", name)
        account.create_policy_version(arn, READ)
        account.create_instance_profile(name, role="r")
        account.attach_user_policy("u", policy)
        account.attach_group_policy("g", policy)
        account.put_user_policy("u", name, READ)
        account.put_group_policy("g", name, READ)
        account.attach_role_policy(name, arn)
        account.call("TagUser", UserName="u", Tags=[{"Key": name, "Value": ""}])
        account.call("TagPolicy", PolicyArn=arn, Tags=[{"Key": name, "Value": ""}])
        account.call("TagInstanceProfile", InstanceProfileName="x0", Tags=[{"Key": name, "Value": ""}])
    wanted: list[tuple[Any, str, dict[str, str], int]] = [
        (iam.get_group, "Users", {"GroupName": "g"}, 3),
        (iam.list_groups_for_user, "Groups", {"UserName": "u"}, 3),
        (iam.list_policy_versions, "Versions", {"PolicyArn": arn}, 4),
        (iam.list_entities_for_policy, "PolicyRoles", {"PolicyArn": arn}, 3),
        (iam.list_instance_profiles_for_role, "InstanceProfiles", {"RoleName": "r"}, 3),
        (iam.list_attached_user_policies, "AttachedPolicies", {"UserName": "u"}, 3),
        (iam.list_attached_group_policies, "AttachedPolicies", {"GroupName": "g"}, 3),
        (iam.list_user_policies, "PolicyNames", {"UserName": "u"}, 3),
        (iam.list_group_policies, "PolicyNames", {"GroupName": "g"}, 3),
        (iam.list_user_tags, "Tags", {"UserName": "u"}, 3),
        (iam.list_policy_tags, "Tags", {"PolicyArn": arn}, 3),
        (iam.list_instance_profile_tags, "Tags", {"InstanceProfileName": "x0"}, 3),
    ]
    for call, member, params, count in wanted:
        found, pages = walk(call, member, **params, MaxItems=2)
        assert (len(found), pages) == (count, 2), member


@fact("100 items when MaxItems is absent", source=MODEL)
def test_a_page_has_a_hundred_items_by_default(iam: IAMClient, account: Account) -> None:
    account.seed_roles(101)
    assert len(iam.list_roles()["Roles"]) == 100
    assert len(iam.get_account_authorization_details()["RoleDetailList"]) == 100


@pytest.mark.parametrize("items", [1001, 5000])
@fact("MaxItems is capped at 1,000", source=MODEL)
def test_more_than_a_thousand_items_cannot_be_asked_for(iam: IAMClient, items: int) -> None:
    refusal = refused(iam.list_roles, MaxItems=items)
    assert refusal.code == "ValidationError"
    assert "'maxItems'" in refusal.message


@fact("IAM might return fewer than MaxItems with IsTruncated true", source=MODEL)
def test_pages_can_end_early_everywhere() -> None:
    sandbox = Sandbox(page_size=2)
    populate(sandbox.account(), 5)
    iam: Any = sandbox.session().client("iam")
    for call, member in LISTS.items():
        scope = {"Scope": "Local"} if call == "list_policies" else {}
        found, pages = walk(getattr(iam, call), member, MaxItems=1000, **scope)
        assert (len(found), pages) == (5, 3)
    answer = iam.get_account_authorization_details(MaxItems=1000)
    assert (len(answer["UserDetailList"]), answer["IsTruncated"]) == (2, True)


@fact(
    "One marker walks the combined sequence of the four lists", source="paginators-1.json; observed", level="observed"
)
def test_details_walk_four_lists_with_one_marker(iam: IAMClient, account: Account) -> None:
    populate(account, 3)
    params: dict[str, Any] = {"MaxItems": 4}
    shapes = []
    while True:
        answer: Any = iam.get_account_authorization_details(**params)
        shapes.append(
            [len(answer[name]) for name in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")]
        )
        if not answer["IsTruncated"]:
            break
        params["Marker"] = answer["Marker"]
    assert shapes == [[3, 1, 0, 0], [0, 2, 2, 0], [0, 0, 1, 3]]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (["User"], (2, 0, 0, 0)),
        (["Group"], (0, 2, 0, 0)),
        (["Role"], (0, 0, 2, 0)),
        (["LocalManagedPolicy"], (0, 0, 0, 2)),
        (["AWSManagedPolicy"], (0, 0, 0, 0)),
        (["User", "Role"], (2, 0, 2, 0)),
    ],
)
@fact(
    "Filter works for all five kinds, also combined",
    source="localstack, test_iam_account_authorization_details",
    level="recorded",
)
def test_details_are_filtered_by_kind(
    iam: IAMClient, account: Account, wanted: list[Any], expected: tuple[int, ...]
) -> None:
    populate(account, 2)
    answer: Any = iam.get_account_authorization_details(Filter=wanted)
    lists = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
    assert tuple(len(answer[name]) for name in lists) == expected


@fact(
    "Without a filter details hold AWS's own policies: all, or those in use",
    source="sources are silent",
    level="uncertain",
)
@pytest.mark.parametrize("every", [True, False])
def test_details_hold_the_policies_of_aws_that_the_switch_says(every: bool) -> None:  # noqa: FBT001 - a parameter
    box = Sandbox(switches=Switches(all_aws_policies=every))
    role, arn = box.account().create_role("r"), "arn:aws:iam::aws:policy/ReadOnlyAccess"
    box.account().attach_role_policy("r", arn)
    pages = box.session().client("iam").get_paginator("get_account_authorization_details")
    found = {each["Arn"]: each for each in pages.paginate().search("Policies[]")}
    assert found[arn]["AttachmentCount"] == 1
    assert (len(found) > 500) is every
    filtered = box.session().client("iam").get_account_authorization_details(Filter=["Role", "AWSManagedPolicy"])
    assert [each["Arn"] for each in filtered["Policies"]] == [arn]
    assert [each["Arn"] for each in filtered["RoleDetailList"]] == [role]


@fact(
    "A bad filter is a ValidationError", source="localstack, test_iam_account_authorization_details", level="recorded"
)
def test_an_unknown_filter_is_a_validation_error(iam: IAMClient) -> None:
    wrong: Any = ["Robot"]
    refusal = refused(iam.get_account_authorization_details, Filter=wrong)
    assert (refusal.code, refusal.status) == ("ValidationError", 400)
    assert "enum value set" in refusal.message


@fact("Markers are opaque", source=MODEL)
def test_a_marker_is_good_for_its_own_call_only(iam: IAMClient, account: Account) -> None:
    account.seed_roles(3)
    marker = iam.list_roles(MaxItems=1)["Marker"]
    assert not marker.isdecimal()
    assert refused(iam.list_users, Marker=marker).code == "ValidationError"
    assert refused(iam.list_roles, Marker="1").code == "ValidationError"


def test_what_changes_between_two_pages_neither_repeats_nor_hides_the_rest(iam: IAMClient, account: Account) -> None:
    names = account.seed_roles(6)
    first = iam.list_roles(MaxItems=3)
    account.delete_role(names[2])
    account.delete_role(names[3])
    account.create_role("aaa")
    rest = iam.list_roles(MaxItems=3, Marker=first["Marker"])
    assert [role["RoleName"] for role in rest["Roles"]] == names[4:]


def test_the_paths_of_a_list_can_be_chosen(iam: IAMClient, account: Account) -> None:
    account.create_role("a", path="/team/")
    account.create_role("b", path="/team/sub/")
    account.create_role("c")
    assert [role["RoleName"] for role in iam.list_roles(PathPrefix="/team/")["Roles"]] == ["a", "b"]


def test_versions_policies_and_tags_of_one_role_come_in_pages(iam: IAMClient, account: Account) -> None:
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=text(with_statement()))
    for number in range(3):
        account.put_role_policy("r", f"p{number}", READ)
        account.attach_role_policy("r", account.create_policy(f"p{number}", READ))
        account.tag_role("r", {f"k{number}": ""})
    assert walk(iam.list_role_policies, "PolicyNames", RoleName="r", MaxItems=2) == (["p0", "p1", "p2"], 2)
    assert walk(iam.list_attached_role_policies, "AttachedPolicies", RoleName="r", MaxItems=2)[1] == 2
    assert walk(iam.list_role_tags, "Tags", RoleName="r", MaxItems=2)[1] == 2
