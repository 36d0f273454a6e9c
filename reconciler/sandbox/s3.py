"""As much of S3 as keeps a file and a lock: buckets, objects, conditional writes.

moto's S3 keeps its buckets in one place per process and its dates by the real clock; two sandboxes would
see each other's buckets, and a lease could not be made to run out. Here both belong to the sandbox.
Conditions hold as S3 documents them (Amazon S3 User Guide, conditional-writes and conditional-deletes).
Who may do what is looked at in `s3_access`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import format_datetime
from typing import Final
from urllib.parse import quote
from xml.sax.saxutils import escape

from reconciler.sandbox.errors import IamError
from reconciler.sandbox.http import Reply
from reconciler.sandbox.s3_call import S3Call, S3Error, payload
from reconciler.sandbox.wire import timestamp

_NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_KEPT_HEADERS: Final = ("content-type", "content-encoding", "cache-control")
_PAGE: Final = 1000
_LONGEST_KEY: Final = 1024
_NOT_OFFERED: Final = ("x-amz-copy-source", "range")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One object; `headers` are given back with it."""

    body: bytes
    etag: str
    modified: datetime
    headers: Mapping[str, str]


@dataclass
class Buckets:
    """All buckets of one sandbox. `clock` gives the dates.

    `owners` tells whose a bucket is; one that is in `objects` alone is everybody's.
    """

    clock: Callable[[], datetime]
    objects: dict[str, dict[str, StoredObject]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)

    def answer(self, call: S3Call) -> Reply:
        """Carry out a call; what S3 refuses is a reply too."""
        try:
            _check_offered(call)
            return _OPERATIONS[call.name](self, call)
        except S3Error as error:
            return _error(call, error)

    def forget(self) -> None:
        """No buckets any more."""
        self.objects.clear()
        self.owners.clear()

    def bucket(self, call: S3Call) -> dict[str, StoredObject]:
        """The bucket's objects, or NoSuchBucket."""
        if call.bucket not in self.objects:
            raise S3Error(404, "NoSuchBucket", "The specified bucket does not exist")
        return self.objects[call.bucket]

    def stored(self, call: S3Call) -> StoredObject:
        """The object, or NoSuchKey."""
        found = self.bucket(call).get(call.key)
        if found is None:
            raise S3Error(404, "NoSuchKey", "The specified key does not exist.")
        return found


_OWN_WORDS: Final[Mapping[str, tuple[int, str, str]]] = {
    "ConcurrentModification": (
        409,
        "ConditionalRequestConflict",
        "The conditional request cannot succeed due to a conflicting operation against this resource.",
    ),
    "ExpiredToken": (400, "ExpiredToken", "The provided token has expired."),
    "InvalidClientTokenId": (
        403,
        "InvalidAccessKeyId",
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
    "MissingAuthenticationToken": (403, "AccessDenied", "Access Denied"),
    "ServiceFailure": (500, "InternalError", "We encountered an internal error. Please try again."),
    "Throttling": (503, "SlowDown", "Please reduce your request rate."),
}
"""What S3 says where IAM has another code for it (Amazon S3 API Reference, ErrorResponses)."""


def refusal(call: S3Call, error: IamError) -> Reply:
    """The reply to a call that the gate, a fault or a policy refuses."""
    status, code, message = _OWN_WORDS.get(error.code, (error.status, error.code, error.message))
    return _error(call, S3Error(status, code, message))


def _error(call: S3Call, error: S3Error) -> Reply:
    parts = {
        "Code": error.code,
        "Message": error.message,
        **error.details,
        "RequestId": call.request_id,
        "HostId": call.host_id,
    }
    body = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in parts.items())
    return _xml(f"<Error>{body}</Error>", status=error.status)


def finished(reply: Reply, call: S3Call, *, date: str) -> Reply:
    """The reply with what goes with every one of S3's; that to a HEAD has no body, not even an error."""
    body = b"" if call.request.method == "HEAD" else reply.body
    headers = {"Date": date, "x-amz-request-id": call.request_id, "x-amz-id-2": call.host_id, **reply.headers}
    return replace(reply, body=body, headers=headers)


# --- operations ----------------------------------------------------------------------------------


def _check_offered(call: S3Call) -> None:
    """Whatever would be answered with another object, or another part of it, than was asked for is refused."""
    for header in _NOT_OFFERED:
        if header in call.request.headers:
            raise _unheard_of(header, "The sandbox's S3 neither copies objects nor gives parts of them")
    if len(call.key.encode()) > _LONGEST_KEY:
        raise S3Error(400, "KeyTooLongError", "Your key is too long")


def _create_bucket(buckets: Buckets, call: S3Call) -> Reply:
    if not _BUCKET.fullmatch(call.bucket):
        raise S3Error(400, "InvalidBucketName", "The specified bucket is not valid.")
    if call.bucket in buckets.objects:
        raise _taken(buckets.owners.get(call.bucket, call.account) == call.account)
    buckets.objects[call.bucket], buckets.owners[call.bucket] = {}, call.account
    return Reply(status=200, body=b"", headers={"Location": f"/{call.bucket}"})


def _taken(by_caller: bool) -> S3Error:  # noqa: FBT001 - by the caller or by another
    if by_caller:
        text = "Your previous request to create the named bucket succeeded and you already own it."
        return S3Error(409, "BucketAlreadyOwnedByYou", text)
    text = (
        "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
        "Please select a different name and try again."
    )
    return S3Error(409, "BucketAlreadyExists", text)


def _head_bucket(buckets: Buckets, call: S3Call) -> Reply:
    buckets.bucket(call)
    return Reply(status=200, body=b"", headers={"x-amz-bucket-region": "us-east-1"})


def _delete_bucket(buckets: Buckets, call: S3Call) -> Reply:
    if buckets.bucket(call):
        raise S3Error(409, "BucketNotEmpty", "The bucket you tried to delete is not empty")
    del buckets.objects[call.bucket]
    buckets.owners.pop(call.bucket, None)
    return Reply(status=204, body=b"")


def _list_buckets(buckets: Buckets, call: S3Call) -> Reply:
    own = [name for name in sorted(buckets.objects) if buckets.owners.get(name, call.account) == call.account]
    names = "".join(f"<Bucket><Name>{name}</Name></Bucket>" for name in own)
    return _xml(f'<ListAllMyBucketsResult xmlns="{_NAMESPACE}"><Buckets>{names}</Buckets></ListAllMyBucketsResult>')


def _get_bucket_location(buckets: Buckets, call: S3Call) -> Reply:
    buckets.bucket(call)
    return _xml(f'<LocationConstraint xmlns="{_NAMESPACE}"/>')


def _get_bucket_versioning(buckets: Buckets, call: S3Call) -> Reply:
    buckets.bucket(call)
    return _xml(f'<VersioningConfiguration xmlns="{_NAMESPACE}"/>')


def _list_objects(buckets: Buckets, call: S3Call) -> Reply:
    prefix = call.query.get("prefix", [""])[0]
    delimiter = call.query.get("delimiter", [""])[0]
    after = max(call.query.get(name, [""])[0] for name in ("continuation-token", "start-after", "marker"))
    limit = min(_number(call.query.get("max-keys", [str(_PAGE)])[0]), _PAGE)
    held = buckets.bucket(call)
    found = {_entry(key, prefix, delimiter) for key in held if key.startswith(prefix)}
    entries = sorted(entry for entry in found if entry[0] > after)
    shown = entries[:limit]
    more = f"<NextContinuationToken>{escape(shown[-1][0])}</NextContinuationToken>" if len(entries) > limit else ""
    body = "".join(_shared(text) if is_prefix else _listed(text, held[text]) for text, is_prefix in shown)
    return _xml(
        f'<ListBucketResult xmlns="{_NAMESPACE}"><Name>{call.bucket}</Name><Prefix>{quote(prefix)}</Prefix>'
        f"<EncodingType>url</EncodingType><KeyCount>{len(shown)}</KeyCount><MaxKeys>{limit}</MaxKeys>"
        f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{more}{body}</ListBucketResult>"
    )


def _entry(key: str, prefix: str, delimiter: str) -> tuple[str, bool]:
    """What a list shows for a key: the key, or what it has in common with others up to the delimiter, and which."""
    end = key.find(delimiter, len(prefix)) if delimiter else -1
    return (key, False) if end < 0 else (key[: end + len(delimiter)], True)


def _shared(prefix: str) -> str:
    return f"<CommonPrefixes><Prefix>{quote(prefix)}</Prefix></CommonPrefixes>"


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise S3Error(400, "InvalidArgument", "Provided max-keys not an integer or within integer range")
    return int(text)


def _listed(key: str, stored: StoredObject) -> str:
    return (
        f"<Contents><Key>{quote(key)}</Key><LastModified>{timestamp(stored.modified)}</LastModified>"
        f"<ETag>{escape(stored.etag)}</ETag><Size>{len(stored.body)}</Size>"
        f"<StorageClass>STANDARD</StorageClass></Contents>"
    )


def _put_object(buckets: Buckets, call: S3Call) -> Reply:
    bucket, headers = buckets.bucket(call), call.request.headers
    _check_conditions(headers)
    before = bucket.get(call.key)
    if "if-none-match" in headers and before is not None:
        raise _precondition_failed("If-None-Match")
    _check_match(before, headers)
    body = payload(call.request)
    etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
    kept = {name: value for name, value in headers.items() if name in _KEPT_HEADERS or name.startswith("x-amz-meta-")}
    if kept.get("content-encoding") == "aws-chunked":
        del kept["content-encoding"]
    bucket[call.key] = StoredObject(body=body, etag=etag, modified=buckets.clock(), headers=kept)
    return Reply(status=200, body=b"", headers={"ETag": etag})


def _check_conditions(headers: Mapping[str, str]) -> None:
    """A write may depend on an ETag or on there being nothing: not on both, nor on something of whatever ETag."""
    match headers.get("if-match"), headers.get("if-none-match"):
        case str(), str():
            raise _unheard_of("If-Match,If-None-Match", "Multiple conditional request headers present in the request")
        case "*", None:
            raise _unheard_of("If-Match", "We don't accept the provided value of If-Match header for this API")
        case None, str(value) if value != "*":
            raise _unheard_of(
                "If-None-Match", "We don't accept the provided value of If-None-Match header for this API"
            )
        case _:
            pass


def _unheard_of(header: str, why: str) -> S3Error:
    text = "A header you provided implies functionality that is not implemented"
    return S3Error(501, "NotImplemented", text, Header=header, additionalMessage=why)


def _check_match(before: StoredObject | None, headers: Mapping[str, str]) -> None:
    wanted = headers.get("if-match")
    if wanted is None:
        return
    if before is None:
        raise S3Error(404, "NoSuchKey", "The specified key does not exist.")
    if wanted.strip('"') not in ("*", before.etag.strip('"')):
        raise _precondition_failed("If-Match")


def _precondition_failed(condition: str) -> S3Error:
    text = "At least one of the pre-conditions you specified did not hold"
    return S3Error(412, "PreconditionFailed", text, Condition=condition)


def _get_object(buckets: Buckets, call: S3Call) -> Reply:
    stored = buckets.stored(call)
    _check_match(stored, call.request.headers)
    headers = _object_headers(stored)
    if call.request.headers.get("if-none-match", "").strip('"') == stored.etag.strip('"'):
        return Reply(status=304, body=b"", headers={"ETag": stored.etag})
    if call.request.method == "HEAD":
        return Reply(status=200, body=b"", headers=headers)
    return Reply(status=200, body=stored.body, headers=headers)


def _object_headers(stored: StoredObject) -> dict[str, str]:
    return {
        "content-type": "binary/octet-stream",
        **stored.headers,
        "ETag": stored.etag,
        "Last-Modified": format_datetime(stored.modified, usegmt=True),
        "Content-Length": str(len(stored.body)),
    }


def _delete_object(buckets: Buckets, call: S3Call) -> Reply:
    bucket = buckets.bucket(call)
    _check_match(bucket.get(call.key), call.request.headers)
    bucket.pop(call.key, None)
    return Reply(status=204, body=b"")


def _not_implemented(_: Buckets, call: S3Call) -> Reply:
    raise S3Error(501, "NotImplemented", f"The sandbox's S3 does not offer {call.request.method} with this query.")


_OPERATIONS: Final[Mapping[str, Callable[[Buckets, S3Call], Reply]]] = {
    "CreateBucket": _create_bucket,
    "HeadBucket": _head_bucket,
    "DeleteBucket": _delete_bucket,
    "ListBuckets": _list_buckets,
    "GetBucketLocation": _get_bucket_location,
    "GetBucketVersioning": _get_bucket_versioning,
    "ListObjectsV2": _list_objects,
    "PutObject": _put_object,
    "GetObject": _get_object,
    "HeadObject": _get_object,
    "DeleteObject": _delete_object,
    "NotImplemented": _not_implemented,
}


def _xml(body: str, *, status: int = 200) -> Reply:
    declared = '<?xml version="1.0" encoding="UTF-8"?>' + body
    return Reply(status=status, body=declared.encode(), headers={"Content-Type": "application/xml"})
