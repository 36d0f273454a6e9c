"""The typed calls, against the sandbox: what they return, count, refuse and log."""

from __future__ import annotations

import json
import threading
from typing import get_args

import pytest

from reconciler import log
from reconciler.iam import READS, AwsError, Iam, Kind, Tally
from reconciler.model.change import Call, Json
from reconciler.model.diagnostic import Code, ReconcilerError
from reconciler.model.role import Role
from reconciler.sandbox import Account, Sandbox

ACCOUNT = "111122223333"
READ_ANY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
}
READ_ONE = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::one/*"}],
}


def trusting(*arns: str) -> dict[str, object]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": list(arns)}, "Action": "sts:AssumeRole"}],
    }


def test_a_role_is_read_with_all_that_get_role_shows(account: Account, iam: Iam) -> None:
    alice = account.create_user("alice")
    account.create_role(
        "deployer",
        path="/ci/",
        trust=trusting(account.user_arn("alice")),
        description="Deploys",
        max_session_duration=7200,
        tags={"team": "storage", "empty": ""},
    )
    boundary = account.create_policy("Boundary", READ_ANY)
    account.put_boundary("deployer", boundary)
    role = iam.get_role("deployer")
    assert isinstance(role, Role)
    assert (role.name, role.path, role.role_id) == ("deployer", "/ci/", account.role_id("deployer"))
    assert role.trust.source == account.trust("deployer")
    assert (role.description, role.max_session_duration) == ("Deploys", 7200)
    assert role.tags == {"team": "storage", "empty": ""}
    assert role.permissions_boundary == boundary
    assert str(role.created).endswith("Z")
    assert alice


def test_what_is_attached_to_a_role_is_read_call_by_call(account: Account, iam: Iam) -> None:
    account.create_role("deployer")
    arn = account.create_policy("Reads", READ_ANY)
    account.attach_role_policy("deployer", arn)
    account.put_role_policy("deployer", "zone", READ_ONE)
    account.put_role_policy("deployer", "area", READ_ANY)
    account.create_instance_profile("profile", role="deployer")
    assert iam.list_role_policies("deployer") == ("area", "zone")
    assert iam.get_role_policy("deployer", "zone").source == READ_ONE
    assert iam.list_attached_role_policies("deployer") == {arn}
    assert iam.list_instance_profiles_for_role("deployer") == ("profile",)


def test_lists_are_read_to_their_last_page(account: Account, box: Sandbox, iam: Iam) -> None:
    account.create_role("deployer")
    for number in range(7):
        account.put_role_policy("deployer", f"p{number}", READ_ANY)
    box.world.page_size = 2
    assert len(iam.list_role_policies("deployer")) == 7
    assert iam.calls["ListRolePolicies"] == 4


def test_a_managed_policy_is_read_call_by_call(account: Account, iam: Iam) -> None:
    arn = account.create_policy("Reads", READ_ANY, path="/team/", description="Reads all")
    account.create_policy_version(arn, READ_ONE)
    facts = iam.get_policy(arn)
    assert (facts.name, facts.path, facts.default_version, facts.description) == ("Reads", "/team/", "v2", "Reads all")
    assert iam.list_policy_versions(arn) == ("v1", "v2")
    assert iam.get_policy_version(arn, "v1").source == READ_ANY
    assert iam.list_policy_tags(arn) == {}


def test_versions_are_in_order_of_their_numbers_not_of_their_text(account: Account, iam: Iam) -> None:
    arn = account.create_policy("Reads", READ_ANY)
    for version in range(2, 12):
        account.create_policy_version(arn, READ_ONE)
        account.call("DeletePolicyVersion", PolicyArn=arn, VersionId=f"v{version - 1}")
    account.create_policy_version(arn, READ_ANY, default=False)
    account.create_policy_version(arn, READ_ANY, default=False)
    assert iam.list_policy_versions(arn) == ("v11", "v12", "v13")


def test_a_user_is_read_as_who_it_is(account: Account, iam: Iam) -> None:
    account.create_user("alice", path="/people/")
    assert (iam.get_user("alice").arn, iam.get_user("alice").id) == (
        account.user_arn("alice"),
        account.user_id("alice"),
    )


def test_what_is_not_there_is_not_found(iam: Iam) -> None:
    with pytest.raises(AwsError) as raised:
        iam.get_role("nobody")
    assert raised.value.kind is Kind.NOT_FOUND
    assert raised.value.status == 404
    assert raised.value.request_id


def test_a_write_sends_documents_as_compact_text(account: Account, writing: Iam) -> None:
    account.create_user("alice")
    document = trusting(account.user_arn("alice"))
    reply = writing.write(
        Call.CREATE_ROLE,
        {
            "RoleName": "deployer",
            "AssumeRolePolicyDocument": document,
            "Tags": [{"Key": "team", "Value": "storage"}],
            "MaxSessionDuration": 7200,
        },
    )
    assert reply.result["Role"]["RoleId"] == account.role_id("deployer")
    assert reply.request_id
    role = writing.get_role("deployer")
    assert (role.tags, role.max_session_duration) == ({"team": "storage"}, 7200)
    assert account.trust("deployer")["Statement"][0]["Action"] == "sts:AssumeRole"


def test_every_write_that_a_plan_can_hold_reaches_iam(account: Account, box: Sandbox, writing: Iam) -> None:
    account.create_user("alice")
    trust = trusting(account.user_arn("alice"))
    arn = f"arn:aws:iam::{ACCOUNT}:policy/Reads"
    account.create_role("in-profile")
    account.create_instance_profile("profile", role="in-profile")
    tags = [{"Key": "a", "Value": "b"}]
    story: list[tuple[Call, Json]] = [
        (Call.CREATE_POLICY, {"PolicyName": "Reads", "PolicyDocument": READ_ANY}),
        (Call.CREATE_POLICY_VERSION, {"PolicyArn": arn, "PolicyDocument": READ_ONE, "SetAsDefault": True}),
        (Call.DELETE_POLICY_VERSION, {"PolicyArn": arn, "VersionId": "v1"}),
        (Call.TAG_POLICY, {"PolicyArn": arn, "Tags": tags}),
        (Call.UNTAG_POLICY, {"PolicyArn": arn, "TagKeys": ["a"]}),
        (Call.CREATE_ROLE, {"RoleName": "r", "AssumeRolePolicyDocument": trust}),
        (Call.UPDATE_ASSUME_ROLE_POLICY, {"RoleName": "r", "PolicyDocument": trust}),
        (Call.UPDATE_ROLE, {"RoleName": "r", "Description": "", "MaxSessionDuration": 3600}),
        (Call.PUT_ROLE_POLICY, {"RoleName": "r", "PolicyName": "p", "PolicyDocument": READ_ANY}),
        (Call.DELETE_ROLE_POLICY, {"RoleName": "r", "PolicyName": "p"}),
        (Call.ATTACH_ROLE_POLICY, {"RoleName": "r", "PolicyArn": arn}),
        (Call.DETACH_ROLE_POLICY, {"RoleName": "r", "PolicyArn": arn}),
        (Call.PUT_ROLE_PERMISSIONS_BOUNDARY, {"RoleName": "r", "PermissionsBoundary": arn}),
        (Call.DELETE_ROLE_PERMISSIONS_BOUNDARY, {"RoleName": "r"}),
        (Call.TAG_ROLE, {"RoleName": "r", "Tags": tags}),
        (Call.UNTAG_ROLE, {"RoleName": "r", "TagKeys": ["a"]}),
        (Call.REMOVE_ROLE_FROM_INSTANCE_PROFILE, {"InstanceProfileName": "profile", "RoleName": "in-profile"}),
        (Call.DELETE_ROLE, {"RoleName": "r"}),
        (Call.DELETE_POLICY, {"PolicyArn": arn}),
    ]
    assert {call for call, _ in story} == set(Call)
    for call, params in story:
        writing.write(call, params)
        assert box.mutating_calls[call.value] == 1


def test_a_principal_that_does_not_exist_is_named(account: Account, writing: Iam) -> None:
    account.create_role("deployer")
    nobody = f"arn:aws:iam::{ACCOUNT}:user/nobody"
    with pytest.raises(AwsError) as raised:
        writing.write(
            Call.UPDATE_ASSUME_ROLE_POLICY,
            {"RoleName": "deployer", "PolicyDocument": trusting(nobody)},
            address="role/deployer",
        )
    assert (raised.value.kind, raised.value.principal) == (Kind.INVALID_PRINCIPAL, nobody)
    assert raised.value.diagnostic.address == "role/deployer"


@pytest.mark.parametrize("call", list(Call))
def test_no_write_leaves_a_reading_connection(call: Call, iam: Iam, box: Sandbox) -> None:
    with pytest.raises(ReconcilerError) as raised:
        iam.write(call, {})
    assert raised.value.diagnostics[0].code is Code.RA418
    assert not box.mutating_calls


def test_even_the_reading_client_itself_refuses_what_is_not_a_read(writing: Iam, box: Sandbox) -> None:
    with pytest.raises(ReconcilerError) as raised:
        writing._reader.create_user(UserName="mallory")
    assert raised.value.diagnostics[0].code is Code.RA418
    assert not box.calls["CreateUser"]


def test_no_write_is_on_the_list_of_reads() -> None:
    assert not READS & {call.value for call in Call}
    assert all(name.startswith(("Get", "List")) for name in READS)


def test_a_lost_reply_to_a_write_is_an_unknown_outcome_and_sent_once(
    account: Account, box: Sandbox, writing: Iam
) -> None:
    account.create_role("deployer")
    box.faults.lose_reply("DeleteRole")
    with pytest.raises(AwsError) as raised:
        writing.write(Call.DELETE_ROLE, {"RoleName": "deployer"})
    assert raised.value.kind is Kind.UNKNOWN_OUTCOME
    assert box.mutating_calls["DeleteRole"] == 1


def test_a_read_survives_nine_throttles(account: Account, box: Sandbox, iam: Iam) -> None:
    account.create_role("deployer")
    box.faults.throttle("GetRole", count=9)
    assert iam.get_role("deployer").name == "deployer"
    assert iam.calls["GetRole"] == 1


def test_calls_count_what_was_answered_refusals_included(account: Account, iam: Iam) -> None:
    account.create_role("deployer")
    iam.get_role("deployer")
    with pytest.raises(AwsError):
        iam.get_role("nobody")
    assert iam.calls == {"GetCallerIdentity": 1, "GetRole": 2}


def test_counting_from_many_threads_loses_nothing() -> None:
    tally = Tally()

    def count() -> None:
        for _ in range(2_000):
            tally.add("GetRole")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tally.counted() == {"GetRole": 8_000}


def test_a_write_is_logged_with_who_and_what_and_how_long(
    account: Account, writing: Iam, capsys: pytest.CaptureFixture[str]
) -> None:
    account.create_role("deployer")
    log.configure(format="json")
    reply = writing.write(Call.DELETE_ROLE, {"RoleName": "deployer"}, address="role/deployer")
    shown = capsys.readouterr()
    assert not shown.out
    line = json.loads(shown.err)
    assert line.pop("duration") >= 0
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "call",
        "level": "info",
        "call": "DeleteRole",
        "account": ACCOUNT,
        "address": "role/deployer",
        "request_id": reply.request_id,
        "outcome": "done",
    }


def test_a_refused_write_is_logged_with_its_code(writing: Iam, capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(format="json")
    with pytest.raises(AwsError):
        writing.write(Call.DELETE_ROLE, {"RoleName": "nobody"})
    assert json.loads(capsys.readouterr().err)["outcome"] == "NoSuchEntity"


def test_reads_are_logged_only_when_asked_for(account: Account, iam: Iam, capsys: pytest.CaptureFixture[str]) -> None:
    account.create_role("deployer")
    iam.get_role("deployer")
    assert not capsys.readouterr().err
    log.configure(level="debug")
    iam.get_role("deployer")
    assert "call=GetRole" in capsys.readouterr().err


def test_no_line_of_the_log_holds_a_credential_or_a_document(
    account: Account, box: Sandbox, writing: Iam, capsys: pytest.CaptureFixture[str]
) -> None:
    account.create_role("deployer")
    log.configure(format="json", level="debug")
    writing.write(Call.PUT_ROLE_POLICY, {"RoleName": "deployer", "PolicyName": "p", "PolicyDocument": READ_ONE})
    writing.get_role("deployer")
    text = capsys.readouterr().err
    keys = box.credentials(ACCOUNT)
    assert keys.secret_access_key not in text
    assert "s3:GetObject" not in text
    fields = {field for line in text.splitlines() for field in json.loads(line)}
    assert fields <= {
        "event", "level", "timestamp", "call", "account", "address", "request_id", "duration", "outcome"
    }  # fmt: skip


def test_every_level_of_the_log_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    for level in get_args(log.Level):
        log.configure(level=level)
        log.log(level, "said")
        assert f"level={level}" in capsys.readouterr().err


def test_what_a_terminal_would_obey_is_escaped_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    log.log("error", "said", what="\x1b[2Jgone\u202e\n::error::")
    shown = capsys.readouterr().err
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert shown.count("\n") == 1


def test_a_log_that_cannot_be_written_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed:
        def write(self, _text: str) -> int:
            raise BrokenPipeError

        def flush(self) -> None:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Closed())
    log.log("error", "said")
