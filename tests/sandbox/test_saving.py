"""What surrounds an account is saved with it, and comes back: access keys, buckets, CloudTrail's events."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.sandbox import Account, Clock, IamError, Sandbox
from reconciler.sandbox.files import AccountFileError
from reconciler.sandbox.pytest_plugin import START
from reconciler.sandbox.s3 import StoredObject
from tests.sandbox.situation import READ, refused, text, trusting, with_statement

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

OWN, OTHER = "111122223333", "444455556666"


def saved(box: Sandbox) -> Any:
    """A sandbox as a file, and read from it again."""
    return json.loads(json.dumps(box.to_json()))


def load(box: Sandbox, raw: Any) -> list[str]:
    return box.load_json(raw)


def copied(raw: Any) -> Sandbox:
    """Another sandbox with what is in a file."""
    box = Sandbox(seed=9, clock=Clock(START + timedelta(hours=1)))
    load(box, raw)
    return box


def lookups(box: Sandbox, account_id: str = OWN) -> list[Any]:
    """All that CloudTrail tells of an account."""
    pages = box.session(account_id).client("cloudtrail").get_paginator("lookup_events").paginate()
    return [event for answer in pages for event in answer["Events"]]


def with_keys(box: Sandbox, made: Any) -> IAMClient:
    return box.session().client(
        "iam", aws_access_key_id=made["AccessKeyId"], aws_secret_access_key=made["SecretAccessKey"]
    )


@pytest.fixture
def lively() -> Sandbox:
    """Two accounts with keys, a bucket with text and bytes in it, and a past with failures."""
    return with_a_past()


@cache
def saved_past() -> str:
    """The file of such a sandbox; made once, as clients are slow to make."""
    return json.dumps(saved(with_a_past()))


def with_a_past() -> Sandbox:
    sandbox = Sandbox(clock=Clock(START))
    account = sandbox.account()
    iam, s3 = sandbox.session().client("iam"), sandbox.session().client("s3")
    account.create_user("alice")
    iam.create_access_key(UserName="alice")
    second = iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"]
    iam.update_access_key(UserName="alice", AccessKeyId=second, Status="Inactive")
    sandbox.account(OTHER).create_user("bob")
    sandbox.session(OTHER).client("iam").create_access_key(UserName="bob")
    sandbox.advance(0.5)
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=text(trusting(account.user_arn("alice"))))
    refused(iam.create_role, RoleName="r", AssumeRolePolicyDocument=text(with_statement()))
    iam.create_login_profile(UserName="alice", Password="not a Secret 1")
    s3.create_bucket(Bucket="state-bucket")
    s3.put_object(Bucket="state-bucket", Key="state/é.json", Body='{"é": 1}\n\x00'.encode(), Metadata={"serial": "7"})
    s3.put_object(Bucket="state-bucket", Key="bytes", Body=bytes(range(256)), ContentType="application/x-thing")
    s3.create_bucket(Bucket="empty-bucket")
    return sandbox


def test_everything_comes_back_as_it_was(lively: Sandbox) -> None:
    raw = saved(lively)
    again = copied(raw)
    assert saved(again) == raw
    assert lookups(again) == lookups(lively)
    assert lookups(again, OTHER) == lookups(lively, OTHER)
    assert again.buckets.objects == lively.buckets.objects
    assert again.buckets.owners == lively.buckets.owners


def test_an_object_can_be_written_over_as_it_was_read_before(lively: Sandbox) -> None:
    etag = lively.session().client("s3").head_object(Bucket="state-bucket", Key="bytes")["ETag"]
    s3 = copied(saved(lively)).session().client("s3")
    answer = s3.get_object(Bucket="state-bucket", Key="bytes")
    assert (answer["Body"].read(), answer["ContentType"]) == (bytes(range(256)), "application/x-thing")
    assert refused(s3.put_object, Bucket="state-bucket", Key="bytes", Body=b"x", IfMatch='"other"').status == 412
    s3.put_object(Bucket="state-bucket", Key="bytes", Body=b"x", IfMatch=etag)
    text_ = s3.get_object(Bucket="state-bucket", Key="state/é.json")
    assert (text_["Body"].read(), text_["Metadata"]) == ('{"é": 1}\n\x00'.encode(), {"serial": "7"})


def test_a_key_opens_what_it_opened(lively: Sandbox) -> None:
    iam = lively.session().client("iam")
    iam.delete_access_key(UserName="alice", AccessKeyId=keys_of(iam)["Active"])
    made = iam.create_access_key(UserName="alice")["AccessKey"]
    inactive = keys_of(iam)["Inactive"]
    again = copied(saved(lively))
    assert with_keys(again, made).get_user()["User"]["UserName"] == "alice"
    shut = {**made, "AccessKeyId": inactive}
    assert refused(with_keys(again, shut).get_user).code == "InvalidClientTokenId"
    listed = again.session().client("iam").list_access_keys(UserName="alice")["AccessKeyMetadata"]
    assert listed == iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]
    again.account().recreate_user("alice")
    assert refused(with_keys(again, made).get_user).code == "InvalidClientTokenId"


def keys_of(iam: IAMClient) -> dict[str, str]:
    """The ID of a key, by its status."""
    return {key["Status"]: key["AccessKeyId"] for key in iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]}


def test_no_secret_stands_in_the_file(lively: Sandbox) -> None:
    written = json.dumps(saved(lively))
    assert "secret-of" not in written
    assert "not a Secret 1" not in written
    assert "ASIA" not in written


def test_sessions_do_not_outlive_their_sandbox(lively: Sandbox) -> None:
    lively.enforcing = True
    role = lively.account().role_arn("r")
    sts = lively.session(caller="user/alice").client("sts")
    keys = sts.assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
    again = copied(saved(lively))
    again.enforcing = True
    session = again.session().client(
        "sts",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    assert refused(session.get_caller_identity).code == "InvalidClientTokenId"


def test_the_past_goes_on_where_it_ended(lively: Sandbox) -> None:
    again = copied(saved(lively))
    before = lookups(again)
    again.account().create_role("later")
    after = lookups(again)
    assert [event["EventName"] for event in after] == ["CreateRole", *(event["EventName"] for event in before)]
    assert len({event["EventId"] for event in after}) == len(after)
    failed = [event for event in before if "errorCode" in json.loads(event["CloudTrailEvent"])]
    assert [event["EventName"] for event in failed] == ["CreateRole"]


def test_an_account_takes_the_place_of_its_namesake_and_others_stay(lively: Sandbox) -> None:
    raw = saved(lively)
    only = {**raw, "accounts": {OWN: raw["accounts"][OWN]}, "buckets": {"state-bucket": raw["buckets"]["state-bucket"]}}
    lively.account().create_role("gone")
    made = lively.session().client("iam")
    lively.session(OTHER).client("iam").create_user(UserName="kept")
    lively.account().create_user("carol")
    key = made.create_access_key(UserName="carol")["AccessKey"]
    s3 = lively.session().client("s3")
    s3.put_object(Bucket="state-bucket", Key="gone", Body=b"x")
    s3.put_object(Bucket="empty-bucket", Key="kept", Body=b"x")
    assert load(lively, only) == [OWN]
    assert lookups(lively, OTHER)[0]["EventName"] == "CreateUser"
    assert "gone" not in json.dumps(lookups(lively), default=str)
    assert refused(with_keys(lively, key).get_user).code == "InvalidClientTokenId"
    assert sorted(lively.buckets.objects["state-bucket"]) == ["bytes", "state/é.json"]
    assert sorted(lively.buckets.objects["empty-bucket"]) == ["kept"]
    numbers = [event.number for event in lively.books.trail.events]
    assert numbers == sorted(numbers)


def test_what_a_file_does_not_speak_of_stays(lively: Sandbox) -> None:
    iam = lively.session().client("iam")
    printed: Any = iam.get_paginator("get_account_authorization_details").paginate().build_full_result()
    before, key = lookups(lively), keys_of(iam)["Active"]
    load(lively, json.loads(json.dumps(printed, default=str)))
    assert (lookups(lively), keys_of(lively.session().client("iam"))["Active"]) == (before, key)
    assert sorted(lively.buckets.objects) == ["empty-bucket", "state-bucket"]


def test_a_file_from_before_there_were_keys_in_it_is_still_an_account(lively: Sandbox) -> None:
    old = saved(lively)
    del old["buckets"]
    for account in old["accounts"].values():
        del account["AccessKeys"], account["Events"]
    again = copied(old)
    assert again.account().user_id("alice") == lively.account().user_id("alice")
    assert lookups(again) == []


# --- files that are cut or wrong -----------------------------------------------------------------


def first(raw: Any, name: str) -> Any:
    return raw["accounts"][OWN][name][0]


WRONG: dict[str, Callable[[Any], object]] = {
    "a key without an ID": lambda raw: first(raw, "AccessKeys").pop("AccessKeyId"),
    "a key that is none": lambda raw: first(raw, "AccessKeys").update(AccessKeyId="AKIA"),
    "a key that is a number": lambda raw: first(raw, "AccessKeys").update(AccessKeyId=7),
    "a key of nobody": lambda raw: first(raw, "AccessKeys").update(UserId="AIDANOBODYATALL12345"),
    "a key neither on nor off": lambda raw: first(raw, "AccessKeys").update(Status="Perhaps"),
    "a key without a date": lambda raw: first(raw, "AccessKeys").update(CreateDate=None),
    "a date without a zone": lambda raw: first(raw, "AccessKeys").update(CreateDate="2026-11-24T10:00:00"),
    "a key twice": lambda raw: raw["accounts"][OWN]["AccessKeys"].append(first(raw, "AccessKeys")),
    "a key in two accounts": lambda raw: raw["accounts"][OTHER]["AccessKeys"][0].update(
        AccessKeyId=first(raw, "AccessKeys")["AccessKeyId"]
    ),
    "keys that are no list": lambda raw: raw["accounts"][OWN].update(AccessKeys={"a": 1}),
    "buckets that are a list": lambda raw: raw.update(buckets=[]),
    "a bucket that is text": lambda raw: raw["buckets"].update({"state-bucket": "x"}),
    "a bucket without objects": lambda raw: raw["buckets"]["state-bucket"].pop("Objects"),
    "a bucket whose owner is a number": lambda raw: raw["buckets"]["state-bucket"].update(Owner=7),
    "an object without a body": lambda raw: raw["buckets"]["state-bucket"]["Objects"]["bytes"].pop("Base64"),
    "a body that is cut": lambda raw: raw["buckets"]["state-bucket"]["Objects"]["bytes"].update(Base64="AAA"),
    "a body that is a number": lambda raw: raw["buckets"]["state-bucket"]["Objects"]["bytes"].update(Text=7),
    "an object without a tag": lambda raw: raw["buckets"]["state-bucket"]["Objects"]["bytes"].pop("ETag"),
    "headers that are none": lambda raw: raw["buckets"]["state-bucket"]["Objects"]["bytes"].update(Headers=["a"]),
    "events that are text": lambda raw: raw["accounts"][OWN].update(Events="x"),
    "an event without a number": lambda raw: first(raw, "Events").pop("Number"),
    "an event with half a number": lambda raw: first(raw, "Events").update(Number=0.5),
    "an event before all": lambda raw: first(raw, "Events").update(Number=-1),
    "an event twice": lambda raw: raw["accounts"][OWN]["Events"].append(first(raw, "Events")),
    "an event at no time": lambda raw: first(raw, "Events").update(At="soon"),
    "an event without a name": lambda raw: first(raw, "Events").update(Name=None),
    "an event by nobody": lambda raw: first(raw, "Events").update(Identity={}),
    "an event by a number": lambda raw: first(raw, "Events").update(Identity={"arn": 7}),
    "an event that asks a list": lambda raw: first(raw, "Events").update(Params=[1]),
    "an event that gave text": lambda raw: first(raw, "Events").update(Result={"User": "x"}),
    "an event with a broken time in it": lambda raw: first(raw, "Events").update(Params={"At": {"$time": "x"}}),
    "an event with broken bytes in it": lambda raw: first(raw, "Events").update(Params={"At": {"$bytes": "*"}}),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_file_with_something_wrong_changes_nothing(wrong: str) -> None:
    raw, before = json.loads(saved_past()), json.loads(saved_past())
    WRONG[wrong](raw)
    box = copied(before)
    with pytest.raises(AccountFileError, match=r"this is not an account: ."):
        load(box, raw)
    assert saved(box) == before


def test_a_key_of_an_account_that_stays_is_not_given_to_another(lively: Sandbox) -> None:
    raw = saved(lively)
    stolen = copy.deepcopy({**raw, "accounts": {OTHER: raw["accounts"][OTHER]}})
    stolen["accounts"][OTHER]["AccessKeys"][0]["AccessKeyId"] = first(raw, "AccessKeys")["AccessKeyId"]
    with pytest.raises(AccountFileError, match="is another account's already"):
        load(lively, stolen)
    load(lively, raw)


# --- whatever happens ----------------------------------------------------------------------------

MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 11, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5) | MOMENTS | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.just("$time"), inner, max_size=3)
    ),
    max_leaves=8,
)
BODIES = st.dictionaries(
    st.text(min_size=1, max_size=6), st.binary(max_size=20) | st.text(max_size=9).map(str.encode), max_size=3
)
DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("key"), st.sampled_from(["alice", "bob"])),
        st.tuples(st.just("delete"), st.sampled_from(["alice", "bob"])),
        st.tuples(st.just("role"), st.sampled_from(["a", "b"])),
        st.tuples(st.just("wait"), st.floats(0, 1e6)),
    ),
    max_size=8,
)


def do(account: Account, deed: str, what: Any) -> None:
    """One thing that happens; what IAM refuses happens too, as an event."""
    with suppress(IamError):
        match deed:
            case "key":
                if account.state.tables.users.find(what) is None:
                    account.create_user(what)
                account.call("CreateAccessKey", UserName=what)
            case "delete":
                account.delete_user(what)
            case "role":
                account.create_role(what)
            case _:
                account._box.advance(what)


@given(deeds=DEEDS, bodies=BODIES, params=st.dictionaries(st.text(max_size=4), VALUES, max_size=3))
def test_whatever_happened_survives_saving_and_loading(deeds: Any, bodies: Any, params: Any) -> None:
    box = Sandbox(clock=Clock(START))
    for deed, what in deeds:
        do(box.account(), deed, what)
    box.buckets.objects["state-bucket"] = {
        key: StoredObject(body=body, etag='"x"', modified=box.clock(), headers={"content-type": "text/plain"})
        for key, body in bodies.items()
    }
    box.account().create_policy("p", READ)
    trail = box.books.trail.events
    trail[-1] = replace(trail[-1], params=params)
    raw = saved(box)
    again = copied(raw)
    assert saved(again) == raw
    assert [one.params for one in again.books.trail.events][-1] == params
    assert [one.record() for one in again.books.trail.events] == [one.record() for one in trail]
    assert again.buckets.objects == box.buckets.objects
    assert keys_given_out(again) == keys_given_out(box)


def keys_given_out(box: Sandbox) -> dict[str, Any]:
    return {name: key for name, key in box.world.credentials.items() if key.made}
