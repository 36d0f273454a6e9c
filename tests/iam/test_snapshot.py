"""A live account as one value: whole, or not at all."""

from __future__ import annotations

import gc
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.iam import Aws, AwsError, Iam, Kind, or_none
from reconciler.model.diagnostic import Code, Severity
from reconciler.model.policy import PolicyDocument
from reconciler.model.principal import Remembered, Standing, UniqueId
from reconciler.sandbox import Account, Sandbox
from reconciler.snapshot import (
    UNKNOWN_QUOTAS,
    Snapshot,
    index_of,
    read_policy,
    read_role,
    read_snapshot,
)
from tests.iam.hostile import ACCOUNT, Answer, Hostile, identity, role_page
from tests.iam.hostile import role as listed_role

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
READ_ANY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
}


def snapshot(iam: Iam, *, with_policies: bool = True, **more: Any) -> Snapshot:
    return read_snapshot(iam, with_policies=with_policies, clock=lambda: NOW, **more)


def trusting(*arns: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": list(arns)}, "Action": "sts:AssumeRole"}],
    }


def furnish(account: Account) -> None:
    """Make one of everything that a snapshot shows."""
    account.create_user("alice", path="/people/")
    account.create_group("Developers")
    account.add_user_to_group("alice", "Developers")
    reads = account.create_policy("Reads", READ_ANY, path="/team/", description="Reads all")
    account.create_role(
        "deployer",
        trust=trusting(account.user_arn("alice")),
        path="/ci/",
        description="Deploys",
        max_session_duration=7200,
        tags={"team": "storage"},
        permissions_boundary=reads,
    )
    account.attach_role_policy("deployer", reads)
    account.attach_user_policy("alice", reads)
    account.attach_group_policy("Developers", reads)
    account.put_role_policy("deployer", "own", READ_ANY)
    account.create_instance_profile("profile", role="deployer")


def test_a_role_is_whole_though_no_call_shows_all_of_it(account: Account, iam: Iam) -> None:
    furnish(account)
    taken = snapshot(iam)
    role = taken.roles["deployer"]
    assert role == replace(read_role(iam, "deployer"), trust=role.trust, inline_policies=role.inline_policies)
    assert role.trust.source == account.trust("deployer")
    assert role.inline_policies["own"].source == READ_ANY
    assert (role.description, role.max_session_duration) == ("Deploys", 7200)
    assert role.instance_profiles == ("profile",)


def test_a_snapshot_says_whose_and_when_and_at_what_price(account: Account, iam: Iam) -> None:
    furnish(account)
    taken = snapshot(iam, with_policies=False)
    assert (taken.account, taken.partition, taken.taken_at) == (ACCOUNT, "aws", "2026-11-24T10:00:00Z")
    assert taken.calls == {
        "GetAccountAuthorizationDetails": 1,
        "GetAccountSummary": 1,
        "GetCallerIdentity": 1,
        "ListRoles": 1,
    }
    assert taken.policies is None
    assert not taken.groups


def test_users_and_groups_are_who_they_are(account: Account, iam: Iam) -> None:
    furnish(account)
    taken = snapshot(iam)
    alice = taken.users["alice"]
    assert (alice.arn, alice.id, alice.groups) == (
        account.user_arn("alice"),
        account.user_id("alice"),
        ("Developers",),
    )
    assert set(taken.groups) == {"Developers"}


def test_a_managed_policy_knows_where_it_is_used(account: Account, iam: Iam) -> None:
    furnish(account)
    arn = f"arn:aws:iam::{ACCOUNT}:policy/team/Reads"
    account.create_policy_version(
        arn, {**READ_ANY, "Statement": [{**READ_ANY["Statement"][0], "Sid": "Second"}]}, default=False
    )
    policy = (snapshot(iam).policies or {})[arn]
    assert policy.attached_to == {"role/deployer", "user/alice", "group/Developers"}
    assert policy.boundary_of == {"role/deployer"}
    assert (policy.versions, policy.default_version) == (("v1", "v2"), "v1")
    assert policy.policy.source == READ_ANY
    assert policy.tags is None
    assert policy.description == "Reads all"


def test_the_tags_of_a_policy_are_read_where_they_matter(account: Account, iam: Iam) -> None:
    arn = account.create_policy("Reads", READ_ANY)
    account.call("TagPolicy", PolicyArn=arn, Tags=[{"Key": "team", "Value": "storage"}])
    taken = snapshot(iam, policy_tags_of=[arn, f"arn:aws:iam::{ACCOUNT}:policy/NotThere"])
    assert (taken.policies or {})[arn].tags == {"team": "storage"}
    assert taken.calls["ListPolicyTags"] == 1


def test_quotas_are_the_accounts_own(account: Account, iam: Iam) -> None:
    account.set_quotas(RolesQuota=5000, AssumeRolePolicySizeQuota=4096)
    account.create_role("deployer")
    quotas = snapshot(iam).quotas
    assert (quotas.roles, quotas.trust_policy_size, quotas.roles_in_use) == (5000, 4096, 1)


def test_one_policy_read_alone_is_the_one_of_the_snapshot(account: Account, iam: Iam) -> None:
    furnish(account)
    arn = f"arn:aws:iam::{ACCOUNT}:policy/team/Reads"
    alone = read_policy(iam, arn)
    seen = (snapshot(iam, policy_tags_of=[arn]).policies or {})[arn]
    assert alone == replace(seen, policy=alone.policy, attached_to=frozenset(), boundary_of=frozenset())


def test_progress_is_told_page_by_page(account: Account, box: Sandbox, iam: Iam) -> None:
    account.seed_roles(5)
    box.world.page_size = 2
    told: list[tuple[str, int]] = []
    snapshot(iam, with_policies=False, on_page=lambda call, items: told.append((call, items)))
    assert [items for call, items in told if call == "ListRoles"] == [2, 4, 5]


def test_an_empty_account_is_an_empty_account(iam: Iam) -> None:
    taken = snapshot(iam)
    assert not taken.roles
    assert not taken.users
    assert taken.policies == {}


# --- what happens meanwhile ------------------------------------------------------------------------------------------


def test_a_role_in_one_list_only_is_there_if_get_role_says_so(
    account: Account, iam: Iam, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.create_role("only-listed", description="Shown by ListRoles")
    account.put_role_policy("only-listed", "own", READ_ANY)
    account.create_role("gone")
    pages = list(iam.authorization_pages(["User", "Role"]))
    for page in pages:
        page.lists["RoleDetailList"].clear()
    account.delete_role("gone", force=True)
    monkeypatch.setattr(iam, "authorization_pages", lambda _kinds: iter(pages))
    taken = snapshot(iam, with_policies=False)
    assert set(taken.roles) == {"only-listed"}
    assert set(taken.roles["only-listed"].inline_policies) == {"own"}
    assert taken.roles["only-listed"].description == "Shown by ListRoles"


def test_a_role_deleted_after_its_details_were_read_is_not_there(
    account: Account, iam: Iam, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.create_role("gone")
    account.create_role("stays")
    pages = list(iam.authorization_pages(["User", "Role"]))
    account.delete_role("gone")
    monkeypatch.setattr(iam, "authorization_pages", lambda _kinds: iter(pages))
    assert set(snapshot(iam, with_policies=False).roles) == {"stays"}


def test_a_role_recreated_while_reading_is_the_new_one(
    account: Account, iam: Iam, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.create_role("deployer")
    old = list(iam.authorization_pages(["User", "Role"]))
    account.recreate_role("deployer")
    both = [*old, *iam.authorization_pages(["User", "Role"])]
    monkeypatch.setattr(iam, "authorization_pages", lambda _kinds: iter(both))
    taken = snapshot(iam, with_policies=False)
    assert taken.roles["deployer"].role_id == account.role_id("deployer")


def test_a_user_recreated_while_reading_is_the_new_one(
    account: Account, iam: Iam, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.create_user("alice")
    old = list(iam.authorization_pages(["User", "Role"]))
    account.recreate_user("alice")
    new = list(iam.authorization_pages(["User", "Role"]))
    for order in ([*old, *new], [*new, *old]):
        monkeypatch.setattr(iam, "authorization_pages", lambda _kinds, pages=order: iter(pages))
        assert snapshot(iam, with_policies=False).users["alice"].id == account.user_id("alice")


def test_a_role_shown_on_two_pages_is_one_role(account: Account, iam: Iam, monkeypatch: pytest.MonkeyPatch) -> None:
    account.seed_roles(3)
    pages = list(iam.authorization_pages(["User", "Role"]))
    monkeypatch.setattr(iam, "authorization_pages", lambda _kinds: iter([*pages, *pages]))
    assert len(snapshot(iam, with_policies=False).roles) == 3


def test_absence_from_a_list_is_confirmed_by_asking_for_the_role(account: Account, iam: Iam) -> None:
    account.create_role("deployer")
    account.put_role_policy("deployer", "own", READ_ANY)
    there = or_none(lambda: read_role(iam, "deployer"))
    assert there is not None
    assert set(there.inline_policies) == {"own"}
    assert or_none(lambda: read_role(iam, "nobody")) is None


def test_a_refusal_is_no_absence(account: Account, box: Sandbox, iam: Iam) -> None:
    account.create_role("deployer")
    box.faults.deny("GetRole")
    with pytest.raises(AwsError) as raised:
        or_none(lambda: read_role(iam, "deployer"))
    assert raised.value.kind is Kind.ACCESS_DENIED


def test_quotas_that_may_not_be_read_are_left_to_iam_and_that_is_said(account: Account, box: Sandbox, iam: Iam) -> None:
    account.seed_roles(3)
    box.faults.deny("GetAccountSummary")
    found = snapshot(iam)
    assert len(found.roles) == 3
    assert found.quotas == UNKNOWN_QUOTAS
    assert [(told.code, told.severity) for told in found.remarks] == [(Code.RA403, Severity.WARNING)]


def test_a_policy_listed_without_its_name_and_id_is_asked_for(
    account: Account, iam: Iam, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = account.create_policy("P", READ_ANY)
    pages = list(iam.authorization_pages(["LocalManagedPolicy"]))
    for page in pages:
        for entry in page.lists.get("Policies", ()):
            del entry["PolicyName"], entry["PolicyId"]  # as some emulators answer
    monkeypatch.setattr(iam, "authorization_pages", lambda _kinds: iter(pages))
    policy = (snapshot(iam).policies or {})[arn]
    assert policy.name == "P"
    assert policy.policy_id == iam.get_policy(arn).policy_id


@pytest.mark.parametrize("call", ["ListRoles", "GetAccountAuthorizationDetails"])
def test_what_cannot_be_read_whole_is_no_snapshot(call: str, account: Account, box: Sandbox, iam: Iam) -> None:
    account.seed_roles(3)
    box.faults.deny(call)
    with pytest.raises(AwsError) as raised:
        snapshot(iam)
    assert raised.value.kind is Kind.ACCESS_DENIED
    assert f"iam:{call}" in raised.value.diagnostic.message


# --- trusts that show a passing form ---------------------------------------------------------------------------------


def test_a_living_id_in_a_trust_is_read_once_more(account: Account, box: Sandbox, iam: Iam) -> None:
    account.create_user("alice")
    account.create_role("deployer", trust=trusting(account.user_arn("alice")))
    shown = trusting(account.user_arn("alice"))
    pages = list(iam.authorization_pages(["User", "Role"]))
    detail: dict[str, Any] = pages[0].lists["RoleDetailList"][0]  # type: ignore[assignment]
    detail["AssumeRolePolicyDocument"] = detail["AssumeRolePolicyDocument"].replace(
        f"arn%3Aaws%3Aiam%3A%3A{ACCOUNT}%3Auser%2Falice", account.user_id("alice")
    )
    assert account.user_id("alice") in detail["AssumeRolePolicyDocument"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(iam, "authorization_pages", lambda _kinds: iter(pages))
        taken = snapshot(iam, with_policies=False)
    assert taken.roles["deployer"].trust.source == shown
    assert box.calls["GetRole"] == 1


def test_the_arn_of_nobody_is_read_once_more_and_then_left(account: Account, box: Sandbox, iam: Iam) -> None:
    account.create_user("alice")
    account.create_role("deployer", trust=trusting(account.user_arn("alice")))
    pages = list(iam.authorization_pages(["User", "Role"]))
    account.delete_user("alice")
    pages[0].lists["UserDetailList"].clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(iam, "authorization_pages", lambda _kinds: iter(pages))
        taken = snapshot(iam, with_policies=False)
    assert taken.roles["deployer"].trust.source == account.trust("deployer")
    assert box.calls["GetRole"] == 1


def test_a_dead_id_and_a_foreign_arn_are_not_asked_for_again(account: Account, box: Sandbox, iam: Iam) -> None:
    box.account("444455556666").create_user("carol")
    account.create_user("alice")
    account.create_role("deployer", trust=trusting(account.user_arn("alice"), "arn:aws:iam::444455556666:user/carol"))
    account.delete_user("alice")
    taken = snapshot(iam, with_policies=False)
    assert box.calls["GetRole"] == 0
    assert taken.roles["deployer"].trust.same_meaning(PolicyDocument(account.trust("deployer")))


def test_a_session_and_a_whole_account_are_not_asked_for_again(account: Account, box: Sandbox, iam: Iam) -> None:
    account.create_role("ci-runner")
    account.create_role(
        "deployer",
        trust=trusting(f"arn:aws:sts::{ACCOUNT}:assumed-role/ci-runner/build", f"arn:aws:iam::{ACCOUNT}:root"),
    )
    assert set(snapshot(iam, with_policies=False).roles) == {"ci-runner", "deployer"}
    assert box.calls["GetRole"] == 0


def test_a_role_gone_by_the_second_look_is_not_there(
    account: Account, iam: Iam, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.create_user("alice")
    account.create_role("deployer", trust=trusting(account.user_arn("alice")))
    pages = list(iam.authorization_pages(["User", "Role"]))
    listed = list(iam.role_pages())
    pages[0].lists["UserDetailList"].clear()
    account.delete_role("deployer")
    monkeypatch.setattr(iam, "authorization_pages", lambda _kinds: iter(pages))
    monkeypatch.setattr(iam, "role_pages", lambda: iter(listed))
    assert not snapshot(iam, with_policies=False).roles


def test_a_role_that_is_another_by_the_second_look_is_read_whole(
    account: Account, iam: Iam, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.create_user("alice")
    account.create_role("deployer", trust=trusting(account.user_arn("alice")))
    pages = list(iam.authorization_pages(["User", "Role"]))
    listed = list(iam.role_pages())
    pages[0].lists["UserDetailList"].clear()
    account.recreate_role("deployer")
    account.put_role_policy("deployer", "own", READ_ANY)
    monkeypatch.setattr(iam, "authorization_pages", lambda _kinds: iter(pages))
    monkeypatch.setattr(iam, "role_pages", lambda: iter(listed))
    role = snapshot(iam, with_policies=False).roles["deployer"]
    assert role.role_id == account.role_id("deployer")
    assert set(role.inline_policies) == {"own"}


# --- who lives -------------------------------------------------------------------------------------------------------


def test_the_index_tells_the_recreated_from_the_deleted(account: Account, iam: Iam) -> None:
    account.create_user("alice")
    account.create_user("bob")
    dead_alice, dead_bob = account.user_id("alice"), account.user_id("bob")
    alice, bob = account.user_arn("alice"), account.user_arn("bob")
    account.recreate_user("alice")
    account.delete_user("bob")
    index = index_of([snapshot(iam)], {dead_alice: Remembered(alice), dead_bob: Remembered(bob)})
    assert index.accounts == {ACCOUNT}
    assert index.resolve(account.user_id("alice")) == alice
    assert index.identify(UniqueId(dead_alice)).standing is Standing.RECREATED
    assert index.identify(UniqueId(dead_bob)).standing is Standing.DELETED


def test_the_index_spans_all_accounts_that_were_read(account: Account, box: Sandbox, iam: Iam) -> None:
    account.create_role("here")
    there = box.account("444455556666")
    there.create_role("there")
    other = Aws.connect(session=box.session("444455556666")).account("444455556666", read_only=True)
    index = index_of([snapshot(iam), snapshot(other)], {})
    assert index.accounts == {ACCOUNT, "444455556666"}
    assert {account.role_id("here"), there.role_id("there")} <= set(index.arn_by_id)


# --- hostile accounts ------------------------------------------------------------------------------------------------


def details_page(*roles: str) -> str:
    return (
        '<GetAccountAuthorizationDetailsResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
        "<GetAccountAuthorizationDetailsResult><IsTruncated>false</IsTruncated><UserDetailList/>"
        f"<RoleDetailList>{''.join(roles)}</RoleDetailList></GetAccountAuthorizationDetailsResult>"
        "</GetAccountAuthorizationDetailsResponse>"
    )


SUMMARY = (
    "<GetAccountSummaryResponse><GetAccountSummaryResult><SummaryMap><entry><key>Roles</key><value>1</value></entry>"
    "</SummaryMap></GetAccountSummaryResult></GetAccountSummaryResponse>"
)


def hostile_snapshot(hostile: Hostile, *roles: str) -> Snapshot:
    hostile.answer("GetCallerIdentity", Answer(identity()))
    hostile.answer("ListRoles", role_page(listed_role()))
    hostile.answer("GetAccountSummary", SUMMARY)
    hostile.answer("GetAccountAuthorizationDetails", details_page(*roles))
    return snapshot(Aws.connect(endpoint_url=hostile.url).account(ACCOUNT, read_only=True), with_policies=False)


@pytest.mark.parametrize(
    "document", ["no%20JSON", "%5B%5D", "%7B%22Statement%22%3A%22x%22%7D", "%257B%257D", ""],
    ids=["no JSON", "a list", "a statement that is none", "encoded twice", "nothing"],
)  # fmt: skip
def test_a_document_that_is_not_understood_is_kept_and_remarked_upon(hostile: Hostile, document: str) -> None:
    entry = listed_role().replace("%7B%7D", document)
    taken = hostile_snapshot(hostile, entry)
    assert not taken.roles["deployer"].trust.understood
    (remark,) = taken.remarks
    assert (remark.code, remark.address) == (Code.RP225, "role/deployer")


def test_a_managed_policy_that_is_not_understood_is_named(hostile: Hostile) -> None:
    hostile.answer("ListRoles", role_page())
    hostile.answer("GetAccountSummary", SUMMARY)
    policy = (
        f"<member><PolicyName>odd</PolicyName><PolicyId>ANPAODD</PolicyId><Arn>arn:aws:iam::{ACCOUNT}:policy/odd</Arn>"
        "<Path>/</Path><DefaultVersionId>v1</DefaultVersionId><PolicyVersionList/></member>"
    )
    page = details_page().replace("<RoleDetailList>", f"<Policies>{policy}</Policies><RoleDetailList>")
    hostile.answer("GetAccountAuthorizationDetails", page)
    taken = snapshot(Aws.connect(endpoint_url=hostile.url).account(ACCOUNT, read_only=True))
    assert [remark.address for remark in taken.remarks] == ["managed_policy/odd"]


@pytest.mark.parametrize("was_on", [True, False])
def test_the_collector_is_left_as_it_was_found(*, was_on: bool, iam: Iam) -> None:
    on_before = gc.isenabled()
    try:
        (gc.enable if was_on else gc.disable)()
        seen: list[bool] = []
        snapshot(iam, on_page=lambda _call, _items: seen.append(gc.isenabled()))
        assert gc.isenabled() is was_on
        assert set(seen) == {False}
    finally:
        (gc.enable if on_before else gc.disable)()


def test_an_inline_policy_that_is_not_understood_is_named(hostile: Hostile) -> None:
    inline = (
        "<RolePolicyList><member><PolicyName>odd</PolicyName><PolicyDocument>odd</PolicyDocument></member>"
        "</RolePolicyList></member>"
    )
    taken = hostile_snapshot(hostile, listed_role().replace("</member>", inline))
    assert "odd" in taken.remarks[0].message


@pytest.mark.parametrize(
    "broken",
    [
        "<Tags><member><Value>x</Value></member></Tags>",
        "<AttachedManagedPolicies><member/></AttachedManagedPolicies>",
        "<PermissionsBoundary>text</PermissionsBoundary>",
        "<RolePolicyList><member><PolicyName>x</PolicyName></member></RolePolicyList>",
        "<InstanceProfileList><member>x</member></InstanceProfileList>",
        "<RoleLastUsed>never</RoleLastUsed>",
    ],
)
def test_a_role_of_another_shape_is_not_understood(hostile: Hostile, broken: str) -> None:
    with pytest.raises(AwsError) as raised:
        hostile_snapshot(hostile, listed_role().replace("</member>", f"{broken}</member>"))
    assert raised.value.kind is Kind.NOT_UNDERSTOOD
