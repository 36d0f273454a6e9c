"""The two neighbours that a program about roles leans on: S3 for its state, CloudTrail for the past."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from botocore.config import Config

from reconciler.sandbox import Account, Sandbox
from reconciler.sandbox.pytest_plugin import START
from tests.sandbox.facts import fact
from tests.sandbox.situation import loopback_session, refused, text, with_statement

if TYPE_CHECKING:
    from mypy_boto3_cloudtrail import CloudTrailClient
    from mypy_boto3_s3 import S3Client

CONDITIONAL = "Amazon S3 User Guide, conditional-writes"
KEY = "state/a b+c é.json"


@pytest.fixture(params=["in process", "loopback", "localhost"])
def s3(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[S3Client]:
    """An S3 client in each transport, with a bucket."""
    sandbox.session().client("s3").create_bucket(Bucket="state-bucket")
    if request.param == "in process":
        yield sandbox.session().client("s3")
        return
    with sandbox.serve() as server:
        url = server.url.replace("127.0.0.1", "localhost") if request.param == "localhost" else server.url
        client = loopback_session().client("s3", endpoint_url=url)
        yield client
        client.close()


@fact("If-None-Match: * writes only what is not there: 412 PreconditionFailed", source=CONDITIONAL)
def test_an_object_is_created_once(s3: S3Client) -> None:
    s3.put_object(Bucket="state-bucket", Key=KEY, Body=b"one", IfNoneMatch="*")
    refusal = refused(s3.put_object, Bucket="state-bucket", Key=KEY, Body=b"two", IfNoneMatch="*")
    assert (refusal.code, refusal.status) == ("PreconditionFailed", 412)
    assert s3.get_object(Bucket="state-bucket", Key=KEY)["Body"].read() == b"one"


@fact("If-Match writes only over the version that was read", source=CONDITIONAL)
def test_an_object_is_replaced_only_as_it_was_read(s3: S3Client) -> None:
    first = s3.put_object(Bucket="state-bucket", Key=KEY, Body=b"one")["ETag"]
    second = s3.put_object(Bucket="state-bucket", Key=KEY, Body=b"two", IfMatch=first)["ETag"]
    assert first != second
    assert refused(s3.put_object, Bucket="state-bucket", Key=KEY, Body=b"three", IfMatch=first).status == 412
    assert refused(s3.delete_object, Bucket="state-bucket", Key=KEY, IfMatch=first).status == 412
    s3.delete_object(Bucket="state-bucket", Key=KEY, IfMatch=second)
    assert refused(s3.put_object, Bucket="state-bucket", Key=KEY, Body=b"x", IfMatch=second).code == "NoSuchKey"


@fact(
    "A conditional delete of what does not exist is rejected: Not Found; without a condition it is fine",
    source="Amazon S3 User Guide, conditional-deletes",
)
def test_a_delete_that_wants_something_to_be_there_needs_it_there(s3: S3Client) -> None:
    for wanted in ("*", '"0123456789abcdef0123456789abcdef"'):
        refusal = refused(s3.delete_object, Bucket="state-bucket", Key=KEY, IfMatch=wanted)
        assert (refusal.code, refusal.status) == ("NoSuchKey", 404)
    s3.delete_object(Bucket="state-bucket", Key=KEY)
    s3.put_object(Bucket="state-bucket", Key=KEY, Body=b"one")
    s3.delete_object(Bucket="state-bucket", Key=KEY, IfMatch="*")
    assert refused(s3.get_object, Bucket="state-bucket", Key=KEY).code == "NoSuchKey"


@fact(
    "A write takes one condition: If-Match with an ETag, or If-None-Match: *",
    source="LocalStack, tests of S3 that were run against AWS",
    level="observed",
)
@pytest.mark.parametrize("conditions", [{"IfMatch": "x", "IfNoneMatch": "*"}, {"IfMatch": "*"}, {"IfNoneMatch": "x"}])
def test_a_write_under_a_condition_that_s3_does_not_know_is_refused(s3: S3Client, conditions: Any) -> None:
    refusal = refused(s3.put_object, Bucket="state-bucket", Key=KEY, Body=b"x", **conditions)
    assert (refusal.code, refusal.status) == ("NotImplemented", 501)
    assert refusal.message == "A header you provided implies functionality that is not implemented"
    assert refused(s3.get_object, Bucket="state-bucket", Key=KEY).code == "NoSuchKey"


def test_a_large_body_and_its_headers_come_back(s3: S3Client) -> None:
    body = bytes(range(256)) * 5_000
    s3.put_object(Bucket="state-bucket", Key=KEY, Body=body, ContentType="application/json", Metadata={"serial": "7"})
    answer = s3.get_object(Bucket="state-bucket", Key=KEY)
    assert answer["Body"].read() == body
    assert (answer["ContentType"], answer["Metadata"], answer["ContentLength"]) == (
        "application/json",
        {"serial": "7"},
        len(body),
    )
    assert s3.head_object(Bucket="state-bucket", Key=KEY)["ContentLength"] == len(body)


def test_what_is_missing_is_told_apart(s3: S3Client) -> None:
    assert refused(s3.get_object, Bucket="state-bucket", Key="nothing").code == "NoSuchKey"
    assert refused(s3.get_object, Bucket="no-such-bucket", Key="x").code == "NoSuchBucket"
    assert refused(s3.head_object, Bucket="state-bucket", Key="nothing").code == "404"
    assert refused(s3.head_bucket, Bucket="no-such-bucket").status == 404
    s3.head_bucket(Bucket="state-bucket")
    s3.delete_object(Bucket="state-bucket", Key="nothing")


def test_keys_are_listed_in_pages_by_prefix(s3: S3Client) -> None:
    for number in range(5):
        s3.put_object(Bucket="state-bucket", Key=f"a/{number} +é.json", Body=b"x")
    s3.put_object(Bucket="state-bucket", Key="b/0.json", Body=b"x")
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket="state-bucket", Prefix="a/", PaginationConfig={"PageSize": 2}
    )
    keys = [entry["Key"] for page in pages for entry in page["Contents"]]
    assert keys == [f"a/{number} +é.json" for number in range(5)]


def test_dates_are_those_of_the_sandbox(s3: S3Client, sandbox: Sandbox) -> None:
    sandbox.advance(3600)
    s3.put_object(Bucket="state-bucket", Key=KEY, Body=b"x")
    answer = s3.get_object(Bucket="state-bucket", Key=KEY)
    assert answer["LastModified"] == START + timedelta(hours=1)
    assert answer["ResponseMetadata"]["HTTPHeaders"]["date"] == "Tue, 24 Nov 2026 11:00:00 GMT"


def test_faults_strike_s3_too(sandbox: Sandbox) -> None:
    s3 = sandbox.session().client("s3")
    s3.create_bucket(Bucket="state-bucket")
    sandbox.faults.deny("PutObject", count=1)
    assert refused(s3.put_object, Bucket="state-bucket", Key=KEY, Body=b"x").code == "AccessDenied"
    s3.put_object(Bucket="state-bucket", Key=KEY, Body=b"x")
    assert sandbox.calls["PutObject"] == 1


def test_what_this_s3_does_not_offer_it_says(s3: S3Client) -> None:
    copy: Any = {"Bucket": "state-bucket", "Key": KEY}
    assert refused(s3.put_object_tagging, **copy, Tagging={"TagSet": []}).code == "NotImplemented"
    assert refused(s3.create_bucket, Bucket="state-bucket").code == "BucketAlreadyOwnedByYou"
    assert refused(s3.create_bucket, Bucket="-bucket").code == "InvalidBucketName"
    s3.put_object(**copy, Body=b"0123456789")
    assert refused(s3.get_object, **copy, Range="bytes=0-3").code == "NotImplemented"
    other: Any = {"Bucket": "state-bucket", "Key": "other"}
    assert refused(s3.copy_object, **other, CopySource=copy).code == "NotImplemented"
    assert refused(s3.get_object, **other).code == "NoSuchKey"


@fact("A key has at most 1,024 bytes", source="Amazon S3 User Guide, object-keys")
def test_a_key_beyond_its_length_is_refused(s3: S3Client) -> None:
    s3.put_object(Bucket="state-bucket", Key="é" * 512, Body=b"x")
    refusal = refused(s3.put_object, Bucket="state-bucket", Key="é" * 512 + "x", Body=b"x")
    assert (refusal.code, refusal.status) == ("KeyTooLongError", 400)


@fact("Keys with the same start up to the delimiter are rolled up", source="Amazon S3 API Reference, ListObjectsV2")
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_a_list_shows_folders_where_a_delimiter_is_given(s3: S3Client, size: int) -> None:
    for key in ("a", "b/1", "b/2", "b/c/3", "d/", "e"):
        s3.put_object(Bucket="state-bucket", Key=key, Body=b"x")

    def shown(**params: Any) -> tuple[list[str], list[str]]:
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket="state-bucket", Delimiter="/", PaginationConfig={"PageSize": size}, **params
        )
        found = [page for page in pages if page["KeyCount"]]
        keys = [each["Key"] for page in found for each in page.get("Contents", [])]
        return keys, [each["Prefix"] for page in found for each in page.get("CommonPrefixes", [])]

    assert shown() == (["a", "e"], ["b/", "d/"])
    assert shown(Prefix="b/") == (["b/1", "b/2"], ["b/c/"])
    assert shown(Prefix="d/") == (["d/"], [])


def test_the_older_list_goes_on_behind_its_marker(s3: S3Client) -> None:
    for number in range(5):
        s3.put_object(Bucket="state-bucket", Key=str(number), Body=b"x")
    pages = s3.get_paginator("list_objects").paginate(Bucket="state-bucket", PaginationConfig={"PageSize": 2})
    assert [each["Key"] for page in pages for each in page["Contents"]] == list("01234")


def test_a_url_of_s3_may_be_signed_itself_and_an_unsigned_one_is_refused(sandbox: Sandbox) -> None:
    with sandbox.serve() as server:
        config = Config(signature_version="s3v4", s3={"addressing_style": "path"})
        s3 = loopback_session().client("s3", endpoint_url=server.url, config=config)
        s3.create_bucket(Bucket="state-bucket")
        s3.put_object(Bucket="state-bucket", Key="a b/é", Body=b"text")
        url = s3.generate_presigned_url("get_object", Params={"Bucket": "state-bucket", "Key": "a b/é"})
        with urlopen(url) as answer:
            assert answer.read() == b"text"
        with pytest.raises(HTTPError) as caught:
            urlopen(url.partition("?")[0])
        assert (caught.value.code, b"<Code>AccessDenied</Code>" in caught.value.read()) == (403, True)
        caught.value.close()
        s3.close()


# --- CloudTrail ----------------------------------------------------------------------------------


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


def find(trail: CloudTrailClient, key: Any, value: str, **params: Any) -> list[Any]:
    answer = trail.lookup_events(LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}], **params)
    return answer["Events"]


@fact(
    "IAM calls are logged; the response elements of CreateRole hold the role's ID",
    source="IAM User Guide, cloudtrail-integration",
)
def test_whose_a_dead_id_was_can_be_looked_up(trail: CloudTrailClient, account: Account) -> None:
    account.create_role("ci")
    dead = account.role_id("ci")
    account.delete_role("ci")
    account.create_role("ci")
    [event] = find(trail, "ResourceName", dead)
    record = json.loads(event["CloudTrailEvent"])
    assert (event["EventName"], event["EventTime"]) == ("CreateRole", START)
    assert record["responseElements"]["role"]["arn"] == "arn:aws:iam::111122223333:role/ci"
    assert record["requestParameters"]["roleName"] == "ci"
    assert record["userIdentity"]["accountId"] == "111122223333"


def test_events_come_newest_first_and_fifty_at_a_time(
    trail: CloudTrailClient, account: Account, sandbox: Sandbox
) -> None:
    for number in range(60):
        account.create_user(f"user{number}")
        sandbox.advance(1)
    first = trail.lookup_events()
    second = trail.lookup_events(NextToken=first["NextToken"])
    assert (len(first["Events"]), len(second["Events"]), "NextToken" in second) == (50, 10, False)
    assert first["Events"][0]["EventTime"] > second["Events"][-1]["EventTime"]


@fact("Ninety days of events", source="AWS CloudTrail User Guide, view-cloudtrail-events")
def test_after_ninety_days_nobody_remembers(trail: CloudTrailClient, account: Account, sandbox: Sandbox) -> None:
    account.create_role("ci")
    sandbox.advance(89 * 86_400)
    assert len(find(trail, "EventName", "CreateRole")) == 1
    sandbox.advance(2 * 86_400)
    assert find(trail, "EventName", "CreateRole") == []


@fact("Events of IAM are in us-east-1", source="IAM User Guide, cloudtrail-integration")
def test_other_regions_know_nothing_of_iam(sandbox: Sandbox, account: Account) -> None:
    account.create_role("ci")
    elsewhere = sandbox.session().client("cloudtrail", region_name="eu-central-1")
    assert elsewhere.lookup_events()["Events"] == []


def test_calls_that_only_read_are_not_events(sandbox: Sandbox) -> None:
    iam = sandbox.session().client("iam")
    iam.list_roles()
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=text(with_statement()))
    refused(iam.get_role, RoleName="nobody")
    events = sandbox.session().client("cloudtrail").lookup_events()["Events"]
    assert [event["EventName"] for event in events] == ["CreateRole"]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"LookupAttributes": [{"AttributeKey": "Shoe", "AttributeValue": "x"}]}, "InvalidLookupAttributesException"),
        (
            {"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "x"}] * 2},
            "InvalidLookupAttributesException",
        ),
        ({"NextToken": "soon"}, "InvalidNextTokenException"),
    ],
)
def test_a_lookup_that_makes_no_sense_is_refused(
    trail: CloudTrailClient, account: Account, params: Any, code: str
) -> None:
    account.create_user("u")
    refusal = refused(trail.lookup_events, **params)
    assert (refusal.code, refusal.status) == (code, 400)


def test_a_window_of_time_can_be_asked_for(trail: CloudTrailClient, account: Account, sandbox: Sandbox) -> None:
    account.create_user("early")
    sandbox.advance(3600)
    account.create_user("late")
    half_past = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)
    assert [event["Resources"][0]["ResourceName"] for event in trail.lookup_events(StartTime=half_past)["Events"]] == [
        "late"
    ]
    assert [event["Resources"][0]["ResourceName"] for event in trail.lookup_events(EndTime=half_past)["Events"]] == [
        "early"
    ]
