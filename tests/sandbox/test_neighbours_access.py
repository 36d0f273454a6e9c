"""Who may do what in S3 and CloudTrail, with enforcement on, and how these two refuse."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from reconciler.sandbox import Clock, Sandbox
from reconciler.sandbox.http import Reply, Request
from reconciler.sandbox.pytest_plugin import START
from tests.sandbox.facts import fact
from tests.sandbox.situation import Refusal, refused, text, trusting

if TYPE_CHECKING:
    from mypy_boto3_cloudtrail import CloudTrailClient
    from mypy_boto3_s3 import S3Client

AUTHORIZATION = "Service Authorization Reference, Amazon S3"
CONDITIONAL = "Amazon S3 User Guide, conditional-writes"
OTHER = "444455556666"
BUCKET = "state-bucket"
KEY = "state/a.json"
THERE = f"arn:aws:s3:::{BUCKET}"
OBJECT = f"{THERE}/{KEY}"


@pytest.fixture
def strict() -> Sandbox:
    """A sandbox that asks who may do what: a bucket with one object, and alice, who may do nothing."""
    sandbox = Sandbox(clock=Clock(START), enforce=True)
    sandbox.account().create_user("alice")
    root = s3_of(sandbox, None)
    root.create_bucket(Bucket=BUCKET)
    root.put_object(Bucket=BUCKET, Key=KEY, Body=b"one")
    return sandbox


def s3_of(sandbox: Sandbox, caller: str | None = "user/alice", account_id: str = "111122223333") -> S3Client:
    return sandbox.session(account_id, caller).client("s3")


def trail_of(sandbox: Sandbox, caller: str | None = "user/alice") -> CloudTrailClient:
    return sandbox.session(caller=caller).client("cloudtrail")


def allow(*actions: str, resource: str = "*", effect: str = "Allow", **condition: Any) -> dict[str, Any]:
    statement = {"Effect": effect, "Action": list(actions), "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [{**statement, **({"Condition": condition} if condition else {})}]}


def let(sandbox: Sandbox, *actions: str, **rest: Any) -> None:
    """Give alice a policy, in place of the one before."""
    sandbox.account().put_user_policy("alice", "p", allow(*actions, **rest))


# --- S3: what each call needs -------------------------------------------------------------------


@fact("Denied by default, told with the resource in quotes", source="recorded, S3 GetObject", level="recorded")
def test_nobody_may_do_anything_with_a_bucket_without_a_policy(strict: Sandbox) -> None:
    refusal = refused(s3_of(strict).get_object, Bucket=BUCKET, Key=KEY)
    assert (refusal.code, refusal.status) == ("AccessDenied", 403)
    assert refusal.message == (
        f'User: arn:aws:iam::111122223333:user/alice is not authorized to perform: s3:GetObject on resource: "{OBJECT}"'
        " because no identity-based policy allows the s3:GetObject action"
    )


CALLS = [
    ("s3:GetObject", OBJECT, lambda s3: s3.get_object(Bucket=BUCKET, Key=KEY)),
    ("s3:PutObject", OBJECT, lambda s3: s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"x")),
    ("s3:DeleteObject", OBJECT, lambda s3: s3.delete_object(Bucket=BUCKET, Key=KEY)),
    ("s3:ListBucket", THERE, lambda s3: s3.list_objects_v2(Bucket=BUCKET)),
    ("s3:GetBucketLocation", THERE, lambda s3: s3.get_bucket_location(Bucket=BUCKET)),
    ("s3:GetBucketVersioning", THERE, lambda s3: s3.get_bucket_versioning(Bucket=BUCKET)),
    ("s3:CreateBucket", "arn:aws:s3:::another", lambda s3: s3.create_bucket(Bucket="another")),
    ("s3:ListAllMyBuckets", "*", lambda s3: s3.list_buckets()),
]
CASES = pytest.mark.parametrize(("action", "resource", "call"), CALLS, ids=[action for action, *_ in CALLS])


@fact("Each operation has its action, on the object or on the bucket", source=AUTHORIZATION)
@CASES
def test_a_call_needs_its_action_and_no_more(strict: Sandbox, action: str, resource: str, call: Any) -> None:
    s3 = s3_of(strict)
    let(strict, *{name for name, *_ in CALLS} - {action})
    assert f"is not authorized to perform: {action}" in refused(lambda: call(s3)).message
    let(strict, action, resource=resource)
    call(s3)


@fact("ListAllMyBuckets is refused without naming a resource", source="recorded, S3 ListBuckets", level="recorded")
def test_what_has_no_resource_is_refused_without_one(strict: Sandbox) -> None:
    assert refused(s3_of(strict).list_buckets).message == (
        "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: s3:ListAllMyBuckets"
        " because no identity-based policy allows the s3:ListAllMyBuckets action"
    )


def test_the_object_is_not_the_bucket(strict: Sandbox) -> None:
    let(strict, "s3:*", resource=THERE)
    s3_of(strict).list_objects_v2(Bucket=BUCKET)
    assert refused(s3_of(strict).get_object, Bucket=BUCKET, Key=KEY).code == "AccessDenied"
    let(strict, "s3:*", resource=f"{THERE}/state/*")
    s3_of(strict).get_object(Bucket=BUCKET, Key=KEY)
    assert refused(s3_of(strict).put_object, Bucket=BUCKET, Key="elsewhere", Body=b"x").code == "AccessDenied"


def test_what_was_refused_was_not_done(strict: Sandbox) -> None:
    let(strict, "s3:GetObject", "s3:ListBucket")
    s3 = s3_of(strict)
    refused(s3.put_object, Bucket=BUCKET, Key=KEY, Body=b"two")
    refused(s3.delete_object, Bucket=BUCKET, Key=KEY)
    assert s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == b"one"


@fact("The answer to a HEAD that is refused has no body: 403 Forbidden", source="Amazon S3 API Reference, HeadObject")
def test_a_head_is_refused_without_a_word(strict: Sandbox) -> None:
    expected = Refusal("403", "Forbidden", 403)
    assert refused(s3_of(strict).head_object, Bucket=BUCKET, Key=KEY) == expected
    assert refused(s3_of(strict).head_bucket, Bucket=BUCKET) == expected
    let(strict, "s3:GetObject", "s3:ListBucket")
    s3_of(strict).head_object(Bucket=BUCKET, Key=KEY)
    s3_of(strict).head_bucket(Bucket=BUCKET)


@fact(
    "Of an object that does not exist: 404 for whoever may list the bucket, else 403",
    source="Amazon S3 API Reference, GetObject",
)
def test_that_an_object_is_missing_learns_only_who_may_list(strict: Sandbox) -> None:
    let(strict, "s3:GetObject")
    refusal = refused(s3_of(strict).get_object, Bucket=BUCKET, Key="missing")
    assert (refusal.code, refusal.status) == ("AccessDenied", 403)
    assert f'perform: s3:ListBucket on resource: "{THERE}" because' in refusal.message
    assert refused(s3_of(strict).head_object, Bucket=BUCKET, Key="missing").code == "403"
    let(strict, "s3:GetObject", "s3:ListBucket")
    assert refused(s3_of(strict).get_object, Bucket=BUCKET, Key="missing").code == "NoSuchKey"
    assert refused(s3_of(strict).head_object, Bucket=BUCKET, Key="missing").code == "404"


def test_a_bucket_that_does_not_exist_is_no_secret(strict: Sandbox) -> None:
    assert refused(s3_of(strict).get_object, Bucket="no-such-bucket", Key=KEY).code == "NoSuchBucket"


# --- S3: conditions ------------------------------------------------------------------------------


@fact("If-Match needs s3:GetObject besides s3:PutObject; If-None-Match does not", source=CONDITIONAL)
def test_a_write_over_what_was_read_needs_leave_to_read(strict: Sandbox) -> None:
    etag = s3_of(strict, None).head_object(Bucket=BUCKET, Key=KEY)["ETag"]
    let(strict, "s3:PutObject")
    s3 = s3_of(strict)
    assert "s3:GetObject" in refused(s3.put_object, Bucket=BUCKET, Key=KEY, Body=b"x", IfMatch=etag).message
    s3.put_object(Bucket=BUCKET, Key="new", Body=b"x", IfNoneMatch="*")
    assert refused(s3.put_object, Bucket=BUCKET, Key=KEY, Body=b"x", IfNoneMatch="*").code == "PreconditionFailed"
    let(strict, "s3:PutObject", "s3:GetObject")
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"x", IfMatch=etag)


@fact(
    "A conditional delete with an ETag needs s3:GetObject besides s3:DeleteObject; with * it does not",
    source="Amazon S3 User Guide, conditional-deletes",
)
def test_a_delete_of_what_was_read_needs_leave_to_read(strict: Sandbox) -> None:
    etag = s3_of(strict, None).head_object(Bucket=BUCKET, Key=KEY)["ETag"]
    let(strict, "s3:DeleteObject")
    s3 = s3_of(strict)
    assert "s3:GetObject" in refused(s3.delete_object, Bucket=BUCKET, Key=KEY, IfMatch=etag).message
    s3.delete_object(Bucket=BUCKET, Key=KEY, IfMatch="*")
    s3_of(strict, None).put_object(Bucket=BUCKET, Key=KEY, Body=b"one")
    let(strict, "s3:DeleteObject", "s3:GetObject")
    s3.delete_object(Bucket=BUCKET, Key=KEY, IfMatch=etag)


@fact("s3:if-match and s3:if-none-match are there where the header is", source="conditional-writes-enforce")
def test_conditional_writes_can_be_required(strict: Sandbox) -> None:
    let(strict, "s3:PutObject", Null={"s3:if-none-match": "false"})
    s3 = s3_of(strict)
    assert refused(s3.put_object, Bucket=BUCKET, Key="new", Body=b"x").code == "AccessDenied"
    s3.put_object(Bucket=BUCKET, Key="new", Body=b"x", IfNoneMatch="*")
    strict.account().put_user_policy("alice", "read", allow("s3:GetObject"))
    let(strict, "s3:PutObject", Null={"s3:if-match": "false"})
    assert refused(s3.put_object, Bucket=BUCKET, Key=KEY, Body=b"x", IfNoneMatch="*").code == "AccessDenied"
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"x", IfMatch=s3.get_object(Bucket=BUCKET, Key=KEY)["ETag"])


def test_conditional_deletes_can_be_required(strict: Sandbox) -> None:
    let(strict, "s3:DeleteObject", Null={"s3:if-match": "false"})
    assert refused(s3_of(strict).delete_object, Bucket=BUCKET, Key=KEY).code == "AccessDenied"
    s3_of(strict).delete_object(Bucket=BUCKET, Key=KEY, IfMatch="*")


@fact("s3:prefix is what a listing asks for", source=AUTHORIZATION)
def test_listing_can_be_limited_to_a_prefix(strict: Sandbox) -> None:
    let(strict, "s3:ListBucket", StringLike={"s3:prefix": "state/*"})
    s3 = s3_of(strict)
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="state/a")["KeyCount"] == 1
    assert refused(s3.list_objects_v2, Bucket=BUCKET, Prefix="other/").code == "AccessDenied"
    assert refused(s3.list_objects_v2, Bucket=BUCKET).code == "AccessDenied"


@fact("s3:ResourceAccount and aws:ResourceAccount are the bucket owner's", source=AUTHORIZATION)
@pytest.mark.parametrize("key", ["s3:ResourceAccount", "aws:ResourceAccount"])
def test_access_can_be_limited_to_buckets_of_an_account(strict: Sandbox, key: str) -> None:
    let(strict, "s3:GetObject", StringEquals={key: OTHER})
    assert refused(s3_of(strict).get_object, Bucket=BUCKET, Key=KEY).code == "AccessDenied"
    let(strict, "s3:GetObject", StringEquals={key: "111122223333"})
    s3_of(strict).get_object(Bucket=BUCKET, Key=KEY)


def test_headers_can_be_asked_for(strict: Sandbox) -> None:
    let(strict, "s3:PutObject", StringEquals={"s3:x-amz-server-side-encryption": "aws:kms"})
    put = s3_of(strict).put_object
    assert refused(put, Bucket=BUCKET, Key=KEY, Body=b"x").code == "AccessDenied"
    put(Bucket=BUCKET, Key=KEY, Body=b"x", ServerSideEncryption="aws:kms")


# --- S3: whose policies --------------------------------------------------------------------------


@fact("An explicit deny overrides", source="IAM User Guide, reference_policies_evaluation-logic")
def test_a_deny_is_told_as_such(strict: Sandbox) -> None:
    let(strict, "s3:*")
    strict.account().put_user_policy("alice", "deny", allow("s3:DeleteObject", effect="Deny"))
    refusal = refused(s3_of(strict).delete_object, Bucket=BUCKET, Key=KEY)
    assert refusal.message.endswith(f'on resource: "{OBJECT}" with an explicit deny in an identity-based policy')
    s3_of(strict).get_object(Bucket=BUCKET, Key=KEY)


@fact("A boundary limits what identity policies grant", source="IAM User Guide, access_policies_boundaries")
def test_a_boundary_limits_what_a_user_may_store(strict: Sandbox) -> None:
    account = strict.account()
    let(strict, "s3:*")
    boundary = account.create_policy("boundary", allow("s3:GetObject"))
    account.call("PutUserPermissionsBoundary", UserName="alice", PermissionsBoundary=boundary)
    s3_of(strict).get_object(Bucket=BUCKET, Key=KEY)
    refusal = refused(s3_of(strict).put_object, Bucket=BUCKET, Key=KEY, Body=b"x")
    assert refusal.message.endswith("because no permissions boundary allows the s3:PutObject action")


@fact("No session policy allows the action", source="recorded, S3 PutObject", level="recorded")
def test_a_session_policy_limits_a_session(strict: Sandbox) -> None:
    account = strict.account()
    arn = account.create_role("r", trust=trusting(account.user_arn("alice")))
    account.put_role_policy("r", "p", allow("s3:*"))
    sts = strict.session(caller="user/alice").client("sts")
    keys = sts.assume_role(RoleArn=arn, RoleSessionName="me", Policy=text(allow("s3:GetObject")))["Credentials"]
    s3: S3Client = strict.session().client(
        "s3",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    s3.get_object(Bucket=BUCKET, Key=KEY)
    refusal = refused(s3.put_object, Bucket=BUCKET, Key=KEY, Body=b"x")
    assert refusal.message == (
        "User: arn:aws:sts::111122223333:assumed-role/r/me is not authorized to perform: s3:PutObject"
        f' on resource: "{OBJECT}" because no session policy allows the s3:PutObject action'
    )


@fact("A federated user's session does what its maker's and its own policies allow", source="GetFederationToken")
def test_a_federated_user_can_read_what_both_allow(strict: Sandbox) -> None:
    let(strict, "s3:GetObject", "sts:GetFederationToken")
    sts = strict.session(caller="user/alice").client("sts")
    keys = sts.get_federation_token(Name="guest", Policy=text(allow("s3:*")))["Credentials"]
    s3: S3Client = strict.session().client(
        "s3",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    s3.get_object(Bucket=BUCKET, Key=KEY)
    assert "federated-user/guest is not authorized" in refused(s3.put_object, Bucket=BUCKET, Key=KEY, Body=b"x").message


def test_root_may_do_everything_with_its_own_buckets(strict: Sandbox) -> None:
    root = s3_of(strict, None)
    assert root.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == b"one"
    assert [bucket["Name"] for bucket in root.list_buckets()["Buckets"]] == [BUCKET]


@fact(
    "From another account a policy of the bucket is needed too", source="recorded, S3 ListObjectsV2", level="recorded"
)
def test_a_bucket_of_another_account_is_closed(strict: Sandbox) -> None:
    other = strict.account(OTHER)
    other.create_user("carol")
    carol = s3_of(strict, "user/carol", OTHER)
    assert "no identity-based policy" in refused(carol.get_object, Bucket=BUCKET, Key=KEY).message
    other.put_user_policy("carol", "p", allow("s3:*"))
    refusal = refused(carol.get_object, Bucket=BUCKET, Key=KEY)
    assert refusal.message.endswith("because no resource-based policy allows the s3:GetObject action")
    root = s3_of(strict, None, OTHER)
    assert refused(root.list_objects_v2, Bucket=BUCKET).code == "AccessDenied"
    assert root.list_buckets()["Buckets"] == []


@fact("BucketAlreadyExists where the name is another account's", source="Amazon S3 API Reference, CreateBucket")
def test_a_name_that_another_account_has_is_taken(strict: Sandbox) -> None:
    refusal = refused(s3_of(strict, None, OTHER).create_bucket, Bucket=BUCKET)
    assert (refusal.code, refusal.status) == ("BucketAlreadyExists", 409)
    assert refused(s3_of(strict, None).create_bucket, Bucket=BUCKET).code == "BucketAlreadyOwnedByYou"


def test_a_bucket_that_was_deleted_is_free_for_all(strict: Sandbox) -> None:
    root = s3_of(strict, None)
    root.delete_object(Bucket=BUCKET, Key=KEY)
    root.delete_bucket(Bucket=BUCKET)
    other = s3_of(strict, None, OTHER)
    other.create_bucket(Bucket=BUCKET)
    other.put_object(Bucket=BUCKET, Key=KEY, Body=b"theirs")
    assert refused(root.get_object, Bucket=BUCKET, Key=KEY).code == "AccessDenied"


def test_nobody_is_asked_when_enforcement_is_off(strict: Sandbox) -> None:
    strict.enforcing = False
    assert s3_of(strict).get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == b"one"
    assert trail_of(strict).lookup_events()["Events"]


def test_another_partition_has_arns_of_its_own(strict: Sandbox) -> None:
    china = strict.account(OTHER, partition="aws-cn")
    china.create_user("carol")
    s3_of(strict, None, OTHER).create_bucket(Bucket="zhongguo")
    china.put_user_policy("carol", "p", allow("s3:ListBucket", resource="arn:aws-cn:s3:::zhongguo"))
    s3_of(strict, "user/carol", OTHER).list_objects_v2(Bucket="zhongguo")


# --- S3: its own form ---------------------------------------------------------------------------


def sent(sandbox: Sandbox, method: str = "GET", path: str = f"/{BUCKET}/{KEY}", *, key: str = "test") -> Reply:
    """What S3 answers to a request as it is sent."""
    scope = f"AWS4-HMAC-SHA256 Credential={key}/20261124/us-east-1/s3/aws4_request"
    url = f"http://127.0.0.1{path}"
    headers = {"authorization": scope, "host": "127.0.0.1"}
    return sandbox.answer(Request(method=method, url=url, headers=headers, body=b""))


@fact(
    "An error of S3: Code, Message, RequestId, HostId, no namespace", source="Amazon S3 API Reference, ErrorResponses"
)
def test_an_error_has_the_form_of_s3(strict: Sandbox) -> None:
    reply = sent(strict, key=strict.credentials(caller="user/alice").access_key_id)
    error = ET.fromstring(reply.body)
    assert (error.tag, [part.tag for part in error]) == ("Error", ["Code", "Message", "RequestId", "HostId"])
    assert error.findtext("Code") == "AccessDenied"
    assert error.findtext("RequestId") == reply.headers["x-amz-request-id"]
    assert error.findtext("HostId") == reply.headers["x-amz-id-2"]


def test_a_head_that_is_refused_has_no_body(strict: Sandbox) -> None:
    reply = sent(strict, "HEAD", key=strict.credentials(caller="user/alice").access_key_id)
    assert (reply.status, reply.body) == (403, b"")


def test_every_request_has_an_id_of_its_own(strict: Sandbox) -> None:
    root = strict.credentials().access_key_id
    ids = [sent(strict, key=root).headers["x-amz-request-id"] for _ in range(3)]
    assert len(set(ids)) == 3


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("throttle", 503, "SlowDown"),
        ("server_error", 500, "InternalError"),
        ("expired_credentials", 400, "ExpiredToken"),
        ("concurrent_modification", 409, "ConditionalRequestConflict"),
        ("access_denied", 403, "AccessDenied"),
    ],
)
@fact("S3 has codes of its own: SlowDown, InternalError, ...", source="Amazon S3 API Reference, ErrorResponses")
def test_faults_are_told_in_the_words_of_s3(sandbox: Sandbox, kind: str, status: int, code: str) -> None:
    sandbox.faults.add(kind, "GetObject")
    reply = sent(sandbox)
    assert (reply.status, ET.fromstring(reply.body).findtext("Code")) == (status, code)


def test_keys_that_nobody_gave_out_are_refused(strict: Sandbox) -> None:
    reply = sent(strict, key="AKIAUNKNOWN")
    assert (reply.status, ET.fromstring(reply.body).findtext("Code")) == (403, "InvalidAccessKeyId")


# --- CloudTrail ----------------------------------------------------------------------------------


@fact(
    "LookupEvents is refused with AccessDeniedException, without naming a resource",
    source="recorded, LookupEvents",
    level="recorded",
)
def test_events_are_looked_up_by_leave_only(strict: Sandbox) -> None:
    refusal = refused(trail_of(strict).lookup_events)
    assert (refusal.code, refusal.status) == ("AccessDeniedException", 400)
    assert refusal.message == (
        "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: cloudtrail:LookupEvents"
        " because no identity-based policy allows the cloudtrail:LookupEvents action"
    )
    let(strict, "cloudtrail:LookupEvents")
    assert trail_of(strict).lookup_events()["Events"]
    assert trail_of(strict, None).lookup_events()["Events"]


@fact("LookupEvents has no resource: only * allows it", source="Service Authorization Reference, AWS CloudTrail")
def test_leave_to_look_up_events_is_for_all_or_nothing(strict: Sandbox) -> None:
    let(strict, "cloudtrail:LookupEvents", resource="arn:aws:cloudtrail:us-east-1:111122223333:trail/mine")
    assert refused(trail_of(strict).lookup_events).code == "AccessDeniedException"


def test_a_deny_closes_cloudtrail(strict: Sandbox) -> None:
    let(strict, "*")
    strict.account().put_user_policy("alice", "deny", allow("cloudtrail:*", effect="Deny"))
    refusal = refused(trail_of(strict).lookup_events)
    assert refusal.message.endswith("cloudtrail:LookupEvents with an explicit deny in an identity-based policy")


def test_a_boundary_closes_cloudtrail(strict: Sandbox) -> None:
    let(strict, "*")
    boundary = strict.account().create_policy("boundary", allow("s3:*"))
    strict.account().call("PutUserPermissionsBoundary", UserName="alice", PermissionsBoundary=boundary)
    assert "because no permissions boundary allows" in refused(trail_of(strict).lookup_events).message


@fact("aws:RequestedRegion is the region that is asked", source="IAM User Guide, reference_policies_condition-keys")
def test_leave_can_be_for_one_region(strict: Sandbox) -> None:
    let(strict, "cloudtrail:LookupEvents", StringEquals={"aws:RequestedRegion": "us-east-1"})
    trail_of(strict).lookup_events()
    elsewhere = strict.session(caller="user/alice").client("cloudtrail", region_name="eu-central-1")
    assert refused(elsewhere.lookup_events).code == "AccessDeniedException"


def test_what_cloudtrail_does_not_offer_it_says_before_it_asks(strict: Sandbox) -> None:
    key = strict.credentials(caller="user/alice").access_key_id
    headers = {
        "authorization": f"AWS4-HMAC-SHA256 Credential={key}/20261124/us-east-1/cloudtrail/aws4_request",
        "x-amz-target": "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.DescribeTrails",
    }
    reply = strict.answer(Request(method="POST", url="/", headers=headers, body=b"{}"))
    assert json.loads(reply.body)["__type"] == "UnknownOperationException"
