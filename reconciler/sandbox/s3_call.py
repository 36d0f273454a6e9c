"""A request to S3, read: which operation it is, on which bucket and key, and what it brings along."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from reconciler.sandbox.http import Request

_VIRTUAL_HOST: Final = re.compile(r"(?P<bucket>[a-z0-9][a-z0-9.-]+)\.s3[.-].*amazonaws\.com(?:\.cn)?", re.IGNORECASE)


class S3Error(Exception):
    """A refusal of S3; `details` are further elements of it."""

    def __init__(self, status: int, code: str, message: str, **details: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, details


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Call:
    """A request, read: `name` is the operation; a bucket without a key is about the bucket.

    `account` is the caller's, empty until it is known; `request_id` goes back with the answer.
    """

    name: str
    bucket: str
    key: str
    query: Mapping[str, list[str]]
    request: Request
    request_id: str
    account: str = ""

    @property
    def host_id(self) -> str:
        """`x-amz-id-2`, what Amazon asks for besides the ID of a request."""
        return b64encode(hashlib.sha512(self.request_id.encode()).digest()).decode()


def read_call(request: Request, *, request_id: str) -> S3Call:
    """What a request asks of S3."""
    address = urlsplit(request.url)
    bucket, key = _place(request.headers.get("host") or address.netloc, unquote(address.path))
    asked = parse_qs(address.query, keep_blank_values=True)
    # What begins so signs the URL, and asks for nothing.
    query = {name: values for name, values in asked.items() if not name.lower().startswith("x-amz-")}
    return S3Call(
        name=_name(request.method, bucket, key, query),
        bucket=bucket,
        key=key,
        query=query,
        request=request,
        request_id=request_id,
    )


def _place(host: str, path: str) -> tuple[str, str]:
    virtual = _VIRTUAL_HOST.fullmatch(host.partition(":")[0])
    if virtual is not None:
        return virtual["bucket"], path[1:]
    bucket, _, key = path[1:].partition("/")
    return bucket, key


def _name(method: str, bucket: str, key: str, query: Mapping[str, list[str]]) -> str:
    match method, bool(bucket), bool(key):
        case "GET", False, _:
            return "ListBuckets"
        case "GET", True, False if "location" in query:
            return "GetBucketLocation"
        case "GET", True, False if "versioning" in query:
            return "GetBucketVersioning"
        case "GET", True, False:
            return "ListObjectsV2"
        case "PUT", True, False if not query:
            return "CreateBucket"
        case "HEAD" | "DELETE", True, False:
            return f"{method.title()}Bucket"
        case "GET" | "HEAD" | "PUT" | "DELETE", True, True if not query.keys() - {"x-id"}:
            return f"{method.title()}Object"
        case _:
            return "NotImplemented"


def payload(request: Request) -> bytes:
    """The object itself: botocore may wrap it in chunks with a checksum behind them."""
    if "aws-chunked" not in request.headers.get("content-encoding", ""):
        return request.body
    parts, rest = [], request.body
    while rest:
        line, _, rest = rest.partition(b"\r\n")
        try:
            size = int(line.split(b";")[0], 16)
        except ValueError:
            raise S3Error(400, "IncompleteBody", "The request body is not in chunks.") from None
        if size == 0:
            break
        parts.append(rest[:size])
        rest = rest[size + 2 :]
    return b"".join(parts)
