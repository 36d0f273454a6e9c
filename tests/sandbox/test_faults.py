"""What can go wrong on demand: repeatable, counted, and never waited for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from reconciler.sandbox import Account, Sandbox
from reconciler.sandbox.pytest_plugin import START
from tests.sandbox.facts import fact
from tests.sandbox.situation import READ, Refusal, loopback_session, principals, refused, text, trusting, with_statement

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

TRUST = text(with_statement())
ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1})


@pytest.fixture
def plain(sandbox: Sandbox) -> IAMClient:
    """A client that does not retry."""
    return sandbox.session().client("iam", config=ONCE)


@fact("Throttling, Rate exceeded, HTTP 400", source="cloudquery#15, prowler#211", level="observed")
def test_every_call_of_a_name_can_be_throttled(sandbox: Sandbox, plain: IAMClient) -> None:
    sandbox.faults.throttle("Get*")
    assert refused(plain.get_role, RoleName="r") == Refusal("Throttling", "Rate exceeded", 400)
    assert plain.list_roles()["Roles"] == []
    assert sandbox.calls == {"ListRoles": 1}
    assert sandbox.requests == {"GetRole": 1, "ListRoles": 1}
    assert sandbox.faults.struck == {"throttle": 1}


@fact("botocore retries throttling by itself", source="botocore, retries")
def test_botocore_gets_over_one_throttled_call(
    sandbox: Sandbox, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    account.create_role("r")
    sandbox.faults.throttle("GetRole", count=2)
    sandbox.session().client("iam").get_role(RoleName="r")
    assert (sandbox.requests["GetRole"], sandbox.calls["GetRole"]) == (3, 1)


def test_a_rate_strikes_the_same_calls_from_the_same_seed() -> None:
    def struck(seed: int) -> list[bool]:
        sandbox = Sandbox(seed=seed)
        sandbox.faults.throttle(rate=0.5)
        iam: Any = sandbox.session().client("iam", config=ONCE)
        found = []
        for _ in range(40):
            before = sum(sandbox.faults.struck.values())
            with suppress(ClientError):
                iam.list_roles()
            found.append(sum(sandbox.faults.struck.values()) > before)
        return found

    assert struck(1) == struck(1)
    assert struck(1) != struck(2)
    assert 8 < sum(struck(1)) < 32


@fact("Token bucket per API per account", source="terraform-provider-aws#44853", level="observed")
def test_a_bucket_throttles_what_comes_too_fast(sandbox: Sandbox, plain: IAMClient) -> None:
    sandbox.faults.throttle("ListRoles", per_second=2, burst=3)
    for _ in range(3):
        plain.list_roles()
    assert refused(plain.list_roles).code == "Throttling"
    sandbox.advance(0.5)
    plain.list_roles()
    assert refused(plain.list_roles).code == "Throttling"


def test_every_call_and_every_account_has_a_bucket_of_its_own(sandbox: Sandbox, plain: IAMClient) -> None:
    sandbox.faults.throttle(per_second=1, burst=1)
    plain.list_roles()
    plain.list_users()
    sandbox.session("444455556666").client("iam", config=ONCE).list_roles()
    assert refused(plain.list_roles).code == "Throttling"


def test_a_latency_does_not_keep_other_faults_from_striking(
    sandbox: Sandbox, account: Account, plain: IAMClient
) -> None:
    sandbox.faults.latency(seconds=1)
    sandbox.faults.latency(seconds=2)
    sandbox.faults.at("ListRoles", do=lambda: account.create_role("r"))
    sandbox.faults.throttle("ListRoles", skip=1)
    assert [role["RoleName"] for role in plain.list_roles()["Roles"]] == ["r"]
    assert refused(plain.list_roles).code == "Throttling"
    assert (sandbox.clock() - START).total_seconds() == 6
    assert sandbox.faults.struck == {"latency": 4, "moment": 1, "throttle": 1}


def test_a_latency_moves_the_clock_and_nobody_waits(sandbox: Sandbox, plain: IAMClient) -> None:
    sandbox.faults.latency("ListRoles", seconds=30)
    plain.list_roles()
    assert (sandbox.clock() - START).total_seconds() == 30


def test_a_latency_can_be_waited_for_in_another_way() -> None:
    waited: list[float] = []
    sandbox = Sandbox(sleep=waited.append)
    sandbox.faults.latency(seconds=2)
    sandbox.session().client("iam").list_roles()
    assert waited == [2]


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        ("server_error", "ServiceFailure", 500),
        ("concurrent_modification", "ConcurrentModification", 409),
        ("temporarily_unmodifiable", "EntityTemporarilyUnmodifiable", 409),
        ("deny", "AccessDenied", 403),
    ],
)
def test_a_call_that_is_struck_is_not_carried_out(
    sandbox: Sandbox, plain: IAMClient, fault: str, code: str, status: int
) -> None:
    make = {
        "server_error": sandbox.faults.server_error,
        "concurrent_modification": sandbox.faults.concurrent_modification,
        "temporarily_unmodifiable": sandbox.faults.temporarily_unmodifiable,
        "deny": sandbox.faults.deny,
    }[fault]
    make("CreateRole", skip=1, count=1)
    plain.create_role(RoleName="first", AssumeRolePolicyDocument=TRUST)
    refusal = refused(plain.create_role, RoleName="second", AssumeRolePolicyDocument=TRUST)
    assert (refusal.code, refusal.status) == (code, status)
    assert [role["RoleName"] for role in plain.list_roles()["Roles"]] == ["first"]
    plain.create_role(RoleName="third", AssumeRolePolicyDocument=TRUST)
    assert sandbox.mutating_calls == {"CreateRole": 2}


def test_a_lost_reply_means_that_the_call_was_done(sandbox: Sandbox, plain: IAMClient) -> None:
    sandbox.faults.lose_reply("CreateRole", count=1)
    with pytest.raises(ConnectionClosedError):
        plain.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    assert (sandbox.calls, sandbox.mutating_calls) == ({}, {"CreateRole": 1})
    assert refused(plain.create_role, RoleName="r", AssumeRolePolicyDocument=TRUST).code == "EntityAlreadyExists"


@fact("A retried create meets its own success", source="inferred from botocore's retries", level="uncertain")
def test_botocore_hides_a_first_success_behind_its_retry(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    sandbox.faults.lose_reply("CreateRole", count=1)
    iam = sandbox.session().client("iam")
    assert refused(iam.create_role, RoleName="r", AssumeRolePolicyDocument=TRUST).code == "EntityAlreadyExists"


def test_a_lost_request_means_that_nothing_was_done(sandbox: Sandbox, plain: IAMClient) -> None:
    sandbox.faults.lose_request("CreateRole", count=1)
    with pytest.raises(ConnectionClosedError):
        plain.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    assert plain.list_roles()["Roles"] == []


def test_over_http_a_lost_reply_is_a_connection_that_closes(sandbox: Sandbox) -> None:
    sandbox.faults.lose_reply("CreateRole", count=1)
    with sandbox.serve() as server:
        client = loopback_session().client("iam", endpoint_url=server.url, config=ONCE)
        with pytest.raises(ConnectionClosedError):
            client.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
        assert [role["RoleName"] for role in client.list_roles()["Roles"]] == ["r"]
        client.close()


# --- propagation ---------------------------------------------------------------------------------


@fact(
    "Up to 30 s until a new user can be named as principal", source="terraform-provider-aws PR #12436", level="observed"
)
def test_a_new_principal_is_not_known_for_a_while(sandbox: Sandbox, plain: IAMClient) -> None:
    sandbox.faults.propagation(principals=10)
    arn = plain.create_user(UserName="alice")["User"]["Arn"]
    document = text(trusting(arn))
    refusal = refused(plain.create_role, RoleName="r", AssumeRolePolicyDocument=document)
    assert refusal.message == f'Invalid principal in policy: "AWS":"{arn}"'
    sandbox.advance(10)
    plain.create_role(RoleName="r", AssumeRolePolicyDocument=document)


def test_what_verbs_make_is_known_to_verbs_at_once(sandbox: Sandbox, account: Account) -> None:
    sandbox.faults.propagation(principals=10, reads=10)
    account.create_role("r", trust=trusting(account.create_user("alice")))
    assert principals(account.trust("r")) == {account.user_arn("alice")}


@fact("NoSuchEntity just after create", source="terraform-provider-aws, retries of new resources", level="observed")
def test_a_new_role_cannot_be_read_for_a_while(sandbox: Sandbox, plain: IAMClient) -> None:
    sandbox.faults.propagation(reads=5)
    plain.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    assert refused(plain.get_role, RoleName="r").code == "NoSuchEntity"
    assert (
        refused(plain.put_role_policy, RoleName="r", PolicyName="p", PolicyDocument=text(READ)).code == "NoSuchEntity"
    )
    assert plain.list_roles()["Roles"] == []
    assert plain.get_account_authorization_details()["RoleDetailList"] == []
    assert refused(plain.create_role, RoleName="r", AssumeRolePolicyDocument=TRUST).code == "EntityAlreadyExists"
    sandbox.advance(5)
    assert plain.get_role(RoleName="r")["Role"]["RoleName"] == "r"


@fact(
    "Even Role.Arn of GetRole was a unique ID just after creation",
    source="terraform-provider-aws#22018",
    level="observed",
)
def test_a_living_principal_shows_as_its_id_for_a_while(sandbox: Sandbox, plain: IAMClient) -> None:
    sandbox.faults.propagation(ids=20)
    user = plain.create_user(UserName="alice")["User"]
    role = plain.create_role(RoleName="r", AssumeRolePolicyDocument=text(trusting(user["Arn"])))["Role"]
    shown: Any = plain.get_role(RoleName="r")["Role"]
    assert (principals(shown["AssumeRolePolicyDocument"]), shown["Arn"]) == ({user["UserId"]}, role["RoleId"])
    sandbox.advance(20)
    shown = plain.get_role(RoleName="r")["Role"]
    assert principals(shown["AssumeRolePolicyDocument"]) == {user["Arn"]}
    assert shown["Arn"] == "arn:aws:iam::111122223333:role/r"


@fact("Changes take time to be visible", source="IAM User Guide, troubleshoot_general_eventual-consistency")
def test_a_changed_role_shows_its_former_self_for_a_while(sandbox: Sandbox, plain: IAMClient) -> None:
    plain.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    sandbox.faults.propagation(updates=5)
    plain.update_assume_role_policy(RoleName="r", PolicyDocument=text(trusting("123456789012")))
    assert plain.get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"] == with_statement()
    sandbox.advance(5)
    document: Any = plain.get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"]
    assert principals(document) == {"123456789012"}


@pytest.mark.parametrize(
    "change",
    [
        lambda iam: iam.tag_role(RoleName="r", Tags=[{"Key": "team", "Value": "blue"}]),
        lambda iam: iam.untag_role(RoleName="r", TagKeys=["team"]),
        lambda iam: iam.update_role_description(RoleName="r", Description="new"),
        lambda iam: iam.update_role(RoleName="r", Description="new"),
        lambda iam: iam.update_role(RoleName="r", MaxSessionDuration=7200),
    ],
    ids=["tagged", "untagged", "described", "described by UpdateRole", "duration"],
)
def test_whatever_of_a_role_was_changed_shows_only_after_a_while(
    change: Callable[[IAMClient], object], sandbox: Sandbox, plain: IAMClient
) -> None:
    plain.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "team", "Value": "red"}])
    before = plain.get_role(RoleName="r")["Role"]
    sandbox.faults.propagation(updates=5)
    change(plain)
    assert plain.get_role(RoleName="r")["Role"] == before
    sandbox.advance(5)
    assert plain.get_role(RoleName="r")["Role"] != before


@fact(
    "DeleteConflict may come just after detaching",
    source="terraform-provider-aws, retry on DeleteRole",
    level="observed",
)
def test_a_delete_just_after_a_detach_meets_a_conflict(sandbox: Sandbox, account: Account, plain: IAMClient) -> None:
    account.create_role("r")
    account.attach_role_policy("r", account.create_policy("p", READ))
    sandbox.faults.delete_conflict(seconds=3)
    plain.detach_role_policy(RoleName="r", PolicyArn="arn:aws:iam::111122223333:policy/p")
    assert refused(plain.delete_role, RoleName="r").code == "DeleteConflict"
    sandbox.advance(3)
    plain.delete_role(RoleName="r")


# --- moments -------------------------------------------------------------------------------------


def test_credentials_expire_midway_and_fresh_ones_go_on(sandbox: Sandbox, plain: IAMClient) -> None:
    sandbox.faults.expire_credentials(after_calls=2)
    plain.list_roles()
    plain.list_roles()
    assert refused(plain.list_roles).code == "ExpiredToken"
    assert refused(plain.list_users).code == "ExpiredToken"
    sandbox.session().client("iam", config=ONCE).list_roles()


def test_temporary_credentials_expire_by_the_clock(sandbox: Sandbox, account: Account) -> None:
    account.create_role("r")
    sts = sandbox.session().client("sts")
    keys = sts.assume_role(RoleArn=account.role_arn("r"), RoleSessionName="me", DurationSeconds=900)["Credentials"]
    client: IAMClient = sandbox.session().client(
        "iam",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    client.list_roles()
    sandbox.advance(900)
    assert refused(client.list_roles).code == "ExpiredToken"


def test_a_principal_is_deleted_at_a_chosen_moment(sandbox: Sandbox, account: Account, plain: IAMClient) -> None:
    document = text(trusting(account.create_user("alice")))
    sandbox.faults.at("CreateRole", skip=1, do=lambda: account.delete_user("alice"))
    plain.create_role(RoleName="first", AssumeRolePolicyDocument=document)
    assert (
        refused(plain.create_role, RoleName="second", AssumeRolePolicyDocument=document).code
        == "MalformedPolicyDocument"
    )


def test_a_list_changes_between_two_pages(sandbox: Sandbox, account: Account, plain: IAMClient) -> None:
    names = account.seed_roles(4)
    sandbox.faults.at("ListRoles", skip=1, do=lambda: account.delete_role(names[3]))
    pages = plain.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 2})
    assert [role["RoleName"] for page in pages for role in page["Roles"]] == names[:3]


def test_a_fault_can_be_about_one_account(sandbox: Sandbox, plain: IAMClient) -> None:
    sandbox.faults.throttle(account="444455556666")
    plain.list_roles()
    other = sandbox.session("444455556666").client("iam", config=ONCE)
    assert refused(other.list_roles).code == "Throttling"


def test_no_fault_is_left_after_clearing(sandbox: Sandbox, plain: IAMClient) -> None:
    sandbox.faults.throttle()
    sandbox.faults.propagation(principals=10, reads=10)
    sandbox.faults.clear()
    plain.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    plain.get_role(RoleName="r")


@pytest.mark.parametrize("settings", [{"often": 1}, {"kind": "nothing"}])
def test_a_rule_that_cannot_be_understood_is_refused_by_name(sandbox: Sandbox, settings: dict[str, Any]) -> None:
    kind = settings.pop("kind", "throttle")
    with pytest.raises(ValueError, match=r"often|nothing"):
        sandbox.faults.add(kind, **settings)


def test_the_clock_of_a_sandbox_can_be_the_callers_own() -> None:
    sandbox = Sandbox(clock=lambda: START)
    with pytest.raises(ValueError, match="belongs to whoever made it"):
        sandbox.advance(1)
