"""What each call of S3 demands of the caller's policies.

Most calls need the action of their name on the object or the bucket. A condition on an ETag lets its sender learn
what is there, so it needs leave to read as well; and whether an object is missing learns only who may list.

Sources: Service Authorization Reference, Amazon S3; Amazon S3 API Reference, GetObject; Amazon S3 User Guide,
conditional-writes and conditional-deletes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from reconciler.sandbox.access import Access, Demand
from reconciler.sandbox.asker import Context
from reconciler.sandbox.s3 import Buckets
from reconciler.sandbox.s3_call import S3Call

_ACTIONS: Final[Mapping[str, str]] = {
    "CreateBucket": "s3:CreateBucket",
    "DeleteBucket": "s3:DeleteBucket",
    "DeleteObject": "s3:DeleteObject",
    "GetBucketLocation": "s3:GetBucketLocation",
    "GetBucketVersioning": "s3:GetBucketVersioning",
    "GetObject": "s3:GetObject",
    "HeadBucket": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "ListBuckets": "s3:ListAllMyBuckets",
    "ListObjectsV2": "s3:ListBucket",
    "PutObject": "s3:PutObject",
}
_OF_NO_BUCKET: Final = frozenset({"CreateBucket", "ListBuckets"})
_CONDITIONS: Final = ("if-match", "if-none-match")
_HEADERS: Final = ("x-amz-acl", "x-amz-content-sha256", "x-amz-server-side-encryption", "x-amz-storage-class")
_LIST_PARAMETERS: Final = ("prefix", "delimiter", "max-keys")


def authorise(call: S3Call, access: Access, *, buckets: Buckets) -> None:
    """AccessDenied (IamError) unless the caller may make this call. A bucket that is not there is no secret."""
    exists = call.bucket in buckets.objects
    if call.name not in _ACTIONS or not (exists or call.name in _OF_NO_BUCKET):
        return
    owner = buckets.owners.get(call.bucket) if exists and call.name != "CreateBucket" else None
    about = _of_every_call(call, owner or access.account)
    for action, resource in _needs(call, f"arn:{access.partition}:s3:::", buckets=buckets):
        access.need(Demand(action=action, resource=resource, context=about | _of_action(action, call)), owner=owner)


def _needs(call: S3Call, prefix: str, *, buckets: Buckets) -> Iterator[tuple[str, str]]:
    """The actions, each with its resource, in the order in which they are asked for."""
    bucket, thing = prefix + call.bucket, f"{prefix}{call.bucket}/{call.key}" if call.key else prefix + call.bucket
    yield _ACTIONS[call.name], "*" if call.name == "ListBuckets" else thing
    if call.name in {"PutObject", "DeleteObject"} and call.request.headers.get("if-match", "*") != "*":
        yield "s3:GetObject", thing
    if call.name in {"GetObject", "HeadObject"} and call.key not in buckets.objects[call.bucket]:
        yield "s3:ListBucket", bucket


def _of_every_call(call: S3Call, owner: str) -> Context:
    headers = call.request.headers
    return {
        "aws:ResourceAccount": owner,
        "s3:ResourceAccount": owner,
        "s3:authType": "REST-HEADER",
        "s3:signatureversion": "AWS4-HMAC-SHA256",
        **{f"s3:{name}": headers[name] for name in _HEADERS if name in headers},
    }


def _of_action(action: str, call: S3Call) -> Context:
    """The condition keys that only this action has."""
    headers = call.request.headers
    match action:
        case "s3:ListBucket":
            return {f"s3:{name}": call.query[name][0] for name in _LIST_PARAMETERS if name in call.query}
        case "s3:PutObject":
            conditions: Context = {f"s3:{name}": headers[name] for name in _CONDITIONS if name in headers}
            return conditions | {"s3:ObjectCreationOperation": True}
        case "s3:DeleteObject":
            return {f"s3:{name}": headers[name] for name in _CONDITIONS if name in headers}
        case _:
            return {}
