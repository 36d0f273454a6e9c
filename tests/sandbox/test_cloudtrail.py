"""CloudTrail: who did what, what came of it, and how LookupEvents is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError

from reconciler.sandbox import Account, Clock, IamError, Sandbox
from reconciler.sandbox.cloudtrail import PACE
from reconciler.sandbox.http import Request
from reconciler.sandbox.pytest_plugin import START
from tests.sandbox.facts import fact
from tests.sandbox.situation import loopback_session, refused, text, with_statement

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_cloudtrail import CloudTrailClient
    from mypy_boto3_iam import IAMClient

IDENTITY = "AWS CloudTrail User Guide, cloudtrail-event-reference-user-identity"
CONTENTS = "AWS CloudTrail User Guide, cloudtrail-event-reference-record-contents"
LOOKUP = "AWS CloudTrail API Reference, LookupEvents"
ONCE = Config(retries={"total_max_attempts": 1})
ROOT = {
    "type": "Root",
    "principalId": "111122223333",
    "arn": "arn:aws:iam::111122223333:root",
    "accountId": "111122223333",
}


@pytest.fixture(params=["in process", "loopback"])
def trail(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[CloudTrailClient]:
    """A CloudTrail client in each transport."""
    if request.param == "in process":
        yield sandbox.session().client("cloudtrail")
        return
    with sandbox.serve() as server:
        client = loopback_session().client("cloudtrail", endpoint_url=server.url)
        yield client
        client.close()


@pytest.fixture
def iam(sandbox: Sandbox) -> IAMClient:
    return sandbox.session().client("iam")


def found(trail: CloudTrailClient, **params: Any) -> list[tuple[str, str | None]]:
    """The names of the events, newest first, with the code of what failed."""
    events = trail.lookup_events(**params)["Events"]
    return [(event["EventName"], json.loads(event["CloudTrailEvent"]).get("errorCode")) for event in events]


def last(sandbox: Sandbox, account_id: str = "111122223333") -> Any:
    """The record of the last event of an account."""
    events = sandbox.session(account_id).client("cloudtrail").lookup_events(MaxResults=1)["Events"]
    return json.loads(events[0]["CloudTrailEvent"])


def by(key: Any, value: str) -> list[Any]:
    return [{"AttributeKey": key, "AttributeValue": value}]


# --- what failed ---------------------------------------------------------------------------------


@fact("A request that returned an error is recorded, with errorCode and errorMessage", source=CONTENTS)
@fact("errorCode is the exception's name: NoSuchEntityException", source="recorded, GetRole", level="recorded")
def test_a_call_that_failed_is_recorded_with_what_was_wrong(sandbox: Sandbox, iam: IAMClient) -> None:
    iam.create_role(RoleName="ci", AssumeRolePolicyDocument=text(with_statement()))
    refused(iam.create_role, RoleName="ci", AssumeRolePolicyDocument=text(with_statement()))
    record = last(sandbox)
    assert (record["eventName"], record["errorCode"]) == ("CreateRole", "EntityAlreadyExistsException")
    assert record["errorMessage"] == "Role with name ci already exists."
    assert record["requestParameters"]["roleName"] == "ci"
    assert record["responseElements"] is None
    refused(iam.delete_role, RoleName="nobody")
    assert (last(sandbox)["errorCode"], last(sandbox)["requestParameters"]) == (
        "NoSuchEntityException",
        {"roleName": "nobody"},
    )


def test_a_call_that_was_done_has_no_error(sandbox: Sandbox, account: Account) -> None:
    account.create_role("ci")
    assert {"errorCode", "errorMessage"}.isdisjoint(last(sandbox))


@fact("Of a call that was denied, requestParameters are null", source="recorded, GetRole", level="recorded")
def test_of_a_call_that_was_denied_it_is_not_told_what_was_asked() -> None:
    sandbox = Sandbox(clock=Clock(START), enforce=True)
    sandbox.account().create_user("alice")
    refusal = refused(sandbox.session(caller="user/alice").client("iam").delete_role, RoleName="ci")
    record = last(sandbox)
    assert (record["errorCode"], record["errorMessage"]) == ("AccessDenied", refusal.message)
    assert (record["requestParameters"], record["responseElements"]) == (None, None)
    assert record["userIdentity"]["userName"] == "alice"


def test_what_was_not_understood_is_recorded_without_parameters(sandbox: Sandbox, iam: IAMClient) -> None:
    refused(iam.create_user, UserName="a b")
    assert (last(sandbox)["errorCode"], last(sandbox)["requestParameters"]) == ("ValidationError", None)


def test_a_call_that_a_fault_struck_is_recorded_and_one_that_never_came_is_not(
    sandbox: Sandbox, iam: IAMClient
) -> None:
    sandbox.faults.deny("DeleteUser", count=1)
    refused(iam.delete_user, UserName="alice")
    assert (last(sandbox)["eventName"], last(sandbox)["errorCode"]) == ("DeleteUser", "AccessDenied")
    sandbox.faults.expire_credentials(after_calls=0)
    refused(iam.delete_group, GroupName="team")
    assert last(sandbox)["eventName"] == "DeleteUser"


def test_a_change_whose_reply_was_lost_is_recorded_as_done(sandbox: Sandbox) -> None:
    iam = sandbox.session().client("iam", config=ONCE)
    sandbox.faults.lose_reply("CreateUser", count=1)
    with pytest.raises(ConnectionClosedError):
        iam.create_user(UserName="alice")
    assert last(sandbox)["responseElements"]["user"]["userName"] == "alice"


def test_somebody_outside_can_fail_too(sandbox: Sandbox, account: Account) -> None:
    with pytest.raises(IamError):
        account.call("DeleteUser", UserName="nobody")
    assert last(sandbox)["errorCode"] == "NoSuchEntityException"


def test_failed_calls_are_found_like_others(trail: CloudTrailClient, sandbox: Sandbox, iam: IAMClient) -> None:
    refused(iam.delete_role, RoleName="ci")
    sandbox.account().create_role("ci")
    assert found(trail) == [("CreateRole", None), ("DeleteRole", "NoSuchEntityException")]
    assert found(trail, LookupAttributes=by("EventName", "DeleteRole")) == [("DeleteRole", "NoSuchEntityException")]
    assert len(found(trail, LookupAttributes=by("ResourceName", "ci"))) == 2


# --- who ----------------------------------------------------------------------------------------


@fact("Root: the account's ID and its root's ARN, no name", source=IDENTITY)
def test_root_is_recorded_as_such(sandbox: Sandbox, account: Account) -> None:
    key = sandbox.credentials()
    signed(sandbox, key).create_user(UserName="alice")
    assert last(sandbox)["userIdentity"] == {**ROOT, "accessKeyId": key.access_key_id}
    account.create_user("bob")
    assert last(sandbox)["userIdentity"] == ROOT


def signed(sandbox: Sandbox, credentials: Any) -> IAMClient:
    return client(
        sandbox.session(),
        {
            "AccessKeyId": credentials.access_key_id,
            "SecretAccessKey": credentials.secret_access_key,
            "SessionToken": credentials.session_token,
        },
    )


def client(session: boto3.Session, keys: Any) -> IAMClient:
    return session.client(
        "iam",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


@fact("IAMUser: the user's ID, ARN and name, and the key", source=IDENTITY)
def test_a_user_is_recorded_by_id_and_name(sandbox: Sandbox, account: Account) -> None:
    account.create_user("alice", path="/ops/")
    key = sandbox.credentials(caller="user/alice")
    signed(sandbox, key).create_group(GroupName="team")
    assert last(sandbox)["userIdentity"] == {
        "type": "IAMUser",
        "principalId": account.user_id("alice"),
        "arn": "arn:aws:iam::111122223333:user/ops/alice",
        "accountId": "111122223333",
        "accessKeyId": key.access_key_id,
        "userName": "alice",
    }


@fact("Temporary credentials have a sessionContext that says whether MFA was used", source=IDENTITY)
def test_a_user_with_a_second_factor_has_a_session(sandbox: Sandbox, account: Account) -> None:
    account.create_user("alice")
    sandbox.session(caller="user/alice", mfa=True).client("iam").create_group(GroupName="team")
    identity = last(sandbox)["userIdentity"]
    assert (identity["type"], identity["sessionContext"]["attributes"]["mfaAuthenticated"]) == ("IAMUser", "true")
    assert identity["accessKeyId"].startswith("ASIA")


@fact("sessionContext.attributes.creationDate: when the temporary credentials were issued", source=IDENTITY)
def test_a_session_is_as_old_as_its_credentials(sandbox: Sandbox, account: Account) -> None:
    account.create_role("ci")
    client = sandbox.session(caller="role/ci").client("iam")
    sandbox.advance(90)
    client.create_group(GroupName="team")
    event = last(sandbox)
    assert event["userIdentity"]["sessionContext"]["attributes"]["creationDate"] == "2026-11-24T10:00:00Z"
    assert event["eventTime"] == "2026-11-24T10:01:30Z"


@fact("CloudTrail principalId: AROA...:session", source="IAM User Guide, reference_identifiers")
@fact("AssumedRole: the session's ARN, and the role with its path as sessionIssuer", source=IDENTITY)
def test_a_session_is_recorded_with_the_role_that_issued_it(sandbox: Sandbox, account: Account) -> None:
    account.create_role("ci", path="/tools/")
    sandbox.session(caller="role/ci/build").client("iam").create_group(GroupName="team")
    identity = last(sandbox)["userIdentity"]
    assert (identity["type"], identity["principalId"]) == ("AssumedRole", f"{account.role_id('ci')}:build")
    assert identity["arn"] == "arn:aws:sts::111122223333:assumed-role/ci/build"
    assert identity["sessionContext"]["sessionIssuer"] == {
        "type": "Role",
        "principalId": account.role_id("ci"),
        "arn": "arn:aws:iam::111122223333:role/tools/ci",
        "accountId": "111122223333",
        "userName": "ci",
    }
    assert identity["sessionContext"]["attributes"]["mfaAuthenticated"] == "false"


@fact(
    "FederatedUser: ACCOUNT:name, the federated ARN, and the user who vouched for it as sessionIssuer", source=IDENTITY
)
def test_a_federated_user_is_recorded_with_the_user_who_vouched(sandbox: Sandbox, account: Account) -> None:
    account.create_user("alice")
    token = sandbox.session(caller="user/alice").client("sts").get_federation_token(Name="guest")
    refused(client(sandbox.session(), token["Credentials"]).delete_role, RoleName="nobody")
    identity = last(sandbox)["userIdentity"]
    assert (identity["type"], identity["principalId"]) == ("FederatedUser", "111122223333:guest")
    assert identity["arn"] == "arn:aws:sts::111122223333:federated-user/guest"
    assert identity["accessKeyId"] == token["Credentials"]["AccessKeyId"]
    issuer = identity["sessionContext"]["sessionIssuer"]
    assert (issuer["type"], issuer["userName"], issuer["principalId"]) == ("IAMUser", "alice", account.user_id("alice"))


def test_root_can_vouch_too(sandbox: Sandbox) -> None:
    token = sandbox.session().client("sts").get_federation_token(Name="guest")
    client(sandbox.session(), token["Credentials"]).create_group(GroupName="team")
    identity = last(sandbox)["userIdentity"]
    assert (identity["type"], identity["sessionContext"]["sessionIssuer"]) == ("FederatedUser", ROOT)


def test_whoever_deletes_himself_is_still_named(sandbox: Sandbox, account: Account) -> None:
    account.create_user("alice")
    user_id = account.user_id("alice")
    sandbox.session(caller="user/alice").client("iam").delete_user(UserName="alice")
    identity = last(sandbox)["userIdentity"]
    assert (identity["userName"], identity["principalId"]) == ("alice", user_id)
    assert sandbox.journal[-1].caller == "arn:aws:iam::111122223333:user/alice"


@fact("Username is the user's or the session's name, or root", source=LOOKUP)
def test_events_are_found_by_who_made_them(trail: CloudTrailClient, sandbox: Sandbox, account: Account) -> None:
    account.create_user("alice")
    account.create_role("ci")
    key = sandbox.credentials(caller="user/alice")
    signed(sandbox, key).create_group(GroupName="hers")
    sandbox.session(caller="role/ci/build").client("iam").create_user(UserName="its")
    assert found(trail, LookupAttributes=by("Username", "alice")) == [("CreateGroup", None)]
    assert found(trail, LookupAttributes=by("Username", "build")) == [("CreateUser", None)]
    assert len(found(trail, LookupAttributes=by("Username", "root"))) == 2
    assert found(trail, LookupAttributes=by("AccessKeyId", key.access_key_id)) == [("CreateGroup", None)]


def test_no_secret_is_recorded(sandbox: Sandbox, iam: IAMClient) -> None:
    iam.create_user(UserName="alice")
    made = iam.create_access_key(UserName="alice")["AccessKey"]
    record = last(sandbox)
    assert record["responseElements"]["accessKey"]["accessKeyId"] == made["AccessKeyId"]
    assert made["SecretAccessKey"] not in json.dumps(record)


@fact(
    "Dates in responseElements: Mar 24, 2014 9:11:59 PM",
    source="AWS CloudTrail User Guide, cloudtrail-log-file-examples",
)
def test_dates_are_written_as_americans_do(sandbox: Sandbox, account: Account) -> None:
    account.create_user("morning")
    assert last(sandbox)["responseElements"]["user"]["createDate"] == "Nov 24, 2026 10:00:00 AM"
    sandbox.advance(3 * 3600 + 5)
    account.create_user("afternoon")
    assert last(sandbox)["responseElements"]["user"]["createDate"] == "Nov 24, 2026 1:00:05 PM"


# --- when ---------------------------------------------------------------------------------------


@fact(
    "Events are delivered within some minutes of the call",
    source="AWS CloudTrail User Guide, how-cloudtrail-works",
)
def test_events_can_be_made_to_arrive_late(trail: CloudTrailClient, sandbox: Sandbox, account: Account) -> None:
    account.create_user("at-once")
    assert found(trail) == [("CreateUser", None)]
    sandbox.trail.delay = 300
    account.create_user("late")
    assert found(trail) == []
    sandbox.advance(299)
    assert found(trail) == []
    sandbox.advance(1)
    assert len(found(trail)) == 2


def test_a_sandbox_that_begins_anew_has_neither_events_nor_delay(sandbox: Sandbox, account: Account) -> None:
    account.create_user("alice")
    sandbox.trail.delay = 60
    sandbox.reset()
    sandbox.account().create_user("bob")
    assert found(sandbox.session().client("cloudtrail")) == [("CreateUser", None)]


@fact("Events of the last 90 days, whatever start is asked for", source=LOOKUP)
def test_an_earlier_start_reaches_no_further_back(trail: CloudTrailClient, sandbox: Sandbox, account: Account) -> None:
    account.create_user("old")
    sandbox.advance(90 * 86_400)
    account.create_user("new")
    assert len(found(trail, StartTime=START - timedelta(days=400))) == 2
    sandbox.advance(1)
    assert len(found(trail, StartTime=START - timedelta(days=400))) == 1


@fact("Two lookups per second, per account and Region; then a throttling error", source=LOOKUP)
def test_a_third_lookup_within_a_second_is_throttled_where_that_is_on(sandbox: Sandbox) -> None:
    trail = sandbox.session().client("cloudtrail", config=ONCE)
    other = sandbox.session("444455556666").client("cloudtrail", config=ONCE)
    for _ in range(3):
        trail.lookup_events()
    sandbox.faults.throttle("LookupEvents", **PACE)
    trail.lookup_events()
    trail.lookup_events()
    refusal = refused(trail.lookup_events)
    assert (refusal.code, refusal.message, refusal.status) == ("ThrottlingException", "Rate exceeded", 400)
    other.lookup_events()
    sandbox.advance(0.5)
    trail.lookup_events()
    assert refused(trail.lookup_events).code == "ThrottlingException"


# --- what cannot be asked -----------------------------------------------------------------------


@fact("InvalidTimeRangeException: the start comes after the end", source=LOOKUP)
def test_time_does_not_run_backwards(trail: CloudTrailClient) -> None:
    refusal = refused(trail.lookup_events, StartTime=START, EndTime=START - timedelta(seconds=1))
    assert (refusal.code, refusal.status) == ("InvalidTimeRangeException", 400)
    assert found(trail, StartTime=START, EndTime=START) == []


@fact("MaxResults: 1 to 50, 50 when absent", source=LOOKUP)
def test_a_page_has_one_to_fifty_events(trail: CloudTrailClient, account: Account) -> None:
    for number in range(3):
        account.create_user(f"user{number}")
    assert len(found(trail, MaxResults=1)) == 1
    assert len(found(trail, MaxResults=50)) == 3
    refusal = refused(trail.lookup_events, MaxResults=51)
    assert (refusal.code, refusal.status) == ("InvalidMaxResultsException", 400)


@fact("InvalidNextTokenException: no token, or one of a request with other parameters", source=LOOKUP)
def test_a_token_is_good_for_its_own_request_only(trail: CloudTrailClient, account: Account) -> None:
    for number in range(3):
        account.create_user(f"user{number}")
    attribute = by("EventName", "CreateUser")
    token = trail.lookup_events(MaxResults=1, LookupAttributes=attribute)["NextToken"]
    assert len(found(trail, NextToken=token, LookupAttributes=attribute)) == 2
    for params in ({"NextToken": token}, {"NextToken": "soon"}, {"NextToken": "1"}, {"NextToken": ""}):
        refusal = refused(trail.lookup_events, **params)
        assert (refusal.code, refusal.status) == ("InvalidNextTokenException", 400)


def test_a_token_of_another_account_is_none(sandbox: Sandbox, account: Account) -> None:
    account.create_user("one")
    account.create_user("two")
    token = sandbox.session().client("cloudtrail").lookup_events(MaxResults=1)["NextToken"]
    other = sandbox.session("444455556666").client("cloudtrail")
    assert refused(other.lookup_events, NextToken=token).code == "InvalidNextTokenException"


def test_what_happens_between_two_pages_repeats_and_hides_nothing(trail: CloudTrailClient, account: Account) -> None:
    for name in "abcd":
        account.create_user(name)
    first = trail.lookup_events(MaxResults=2)
    account.create_user("meanwhile")
    second = trail.lookup_events(MaxResults=2, NextToken=first["NextToken"])
    named = [event["Resources"][0]["ResourceName"] for event in [*first["Events"], *second["Events"]]]
    assert named == ["d", "c", "b", "a"]


@fact("EventCategory: insight, or nothing for management events", source=LOOKUP)
def test_there_are_no_insights(trail: CloudTrailClient, account: Account) -> None:
    account.create_user("alice")
    assert found(trail, EventCategory="insight") == []
    assert refused(trail.lookup_events, EventCategory="data").code == "InvalidEventCategoryException"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("not json", "SerializationException"),
        ("[" * 100_000, "SerializationException"),
        ("[]", "SerializationException"),
        ('{"StartTime": "yesterday"}', "SerializationException"),
        ('{"StartTime": true}', "SerializationException"),
        ('{"StartTime": NaN}', "InvalidTimeRangeException"),
        ('{"EndTime": 1e30}', "InvalidTimeRangeException"),
        ('{"MaxResults": 0}', "InvalidMaxResultsException"),
        ('{"MaxResults": "many"}', "InvalidMaxResultsException"),
        ('{"MaxResults": true}', "InvalidMaxResultsException"),
        ('{"NextToken": 7}', "InvalidNextTokenException"),
        ('{"NextToken": {"a": 1}}', "InvalidNextTokenException"),
        ('{"LookupAttributes": "EventName"}', "InvalidLookupAttributesException"),
        ('{"LookupAttributes": [7]}', "InvalidLookupAttributesException"),
        ('{"LookupAttributes": [{"AttributeKey": "EventName"}]}', "InvalidLookupAttributesException"),
        (
            '{"LookupAttributes": [{"AttributeKey": ["EventName"], "AttributeValue": "x"}]}',
            "InvalidLookupAttributesException",
        ),
        (
            '{"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": ""}]}',
            "InvalidLookupAttributesException",
        ),
        (
            '{"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "' + "x" * 2001 + '"}]}',
            "InvalidLookupAttributesException",
        ),
        ('{"EventCategory": ["insight"]}', "InvalidEventCategoryException"),
    ],
)
def test_what_no_client_would_send_is_refused_by_name(sandbox: Sandbox, body: str, code: str) -> None:
    sandbox.account().create_user("alice")
    answer = ask(sandbox, body=body.encode())
    assert (answer["__type"], answer["status"]) == (code, 400)


def ask(sandbox: Sandbox, *, body: bytes = b"{}", action: str = "LookupEvents", key: str = "test") -> Any:
    """What CloudTrail answers to a request as it is sent."""
    scope = f"AWS4-HMAC-SHA256 Credential={key}/20261124/us-east-1/cloudtrail/aws4_request"
    headers = {
        "authorization": scope,
        "x-amz-target": f"com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.{action}",
    }
    reply = sandbox.answer(Request(method="POST", url="/", headers=headers, body=body))
    return {**json.loads(reply.body), "status": reply.status}


def test_other_calls_are_refused(sandbox: Sandbox) -> None:
    assert ask(sandbox, action="DescribeTrails")["__type"] == "UnknownOperationException"


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        ("server_error", "InternalFailure", 500),
        ("throttle", "ThrottlingException", 400),
        ("expired_credentials", "ExpiredTokenException", 400),
        ("access_denied", "AccessDeniedException", 400),
    ],
)
@fact("Codes of errors that any action can give", source="AWS CloudTrail API Reference, CommonErrors")
def test_faults_are_told_in_cloudtrails_own_codes(sandbox: Sandbox, kind: str, code: str, status: int) -> None:
    sandbox.faults.add(kind, "LookupEvents")
    answer = ask(sandbox)
    assert (answer["__type"], answer["status"]) == (code, status)


def test_keys_of_the_dead_are_no_clients(sandbox: Sandbox, account: Account) -> None:
    account.create_user("alice")
    key = sandbox.credentials(caller="user/alice").access_key_id
    account.delete_user("alice")
    assert ask(sandbox, key=key)["__type"] == "UnrecognizedClientException"
