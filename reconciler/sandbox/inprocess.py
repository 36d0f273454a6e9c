"""The transport without sockets: botocore's `before-send` event, answered on the spot.

botocore does everything up to sending (validation, signing, its retries and hooks) and everything
after receiving, exactly as over HTTP; only the sending is replaced, and only for this session.
"""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError
from botocore.loaders import Loader, create_loader

from reconciler.sandbox.http import LostReplyError, Request

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest

    from reconciler.sandbox.box import Sandbox
    from reconciler.sandbox.callers import Credentials


def make_session(box: Sandbox, credentials: Credentials, *, region: str) -> boto3.Session:
    """A session with these keys whose clients never leave the process."""
    core = botocore.session.get_session()
    core.register_component("data_loader", _models())
    session = boto3.Session(
        botocore_session=core,
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        aws_session_token=credentials.session_token,
        region_name=region,
    )
    hook(box, session)
    return session


@cache
def _models() -> Loader:
    """One loader for all sessions: reading the model of IAM takes longer than most tests."""
    return create_loader()


def hook(box: Sandbox, session: boto3.Session) -> None:
    """Let `box` answer all that clients made from this session from now on will ask."""

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        try:
            reply = box.answer(_request(request))
        except LostReplyError as lost:
            raise ConnectionClosedError(endpoint_url=request.url, error=lost) from None
        headers = HTTPHeaders()
        for name, value in reply.headers.items():
            headers[name] = value
        return AWSResponse(request.url, reply.status, headers, _Raw(reply.body))

    # The stubs say that handlers answer nothing; for this event the answer is the point.
    session.events.register_last("before-send", send)  # type: ignore[arg-type]


def _request(prepared: AWSPreparedRequest) -> Request:
    headers = {name.lower(): _text(value) for name, value in prepared.headers.items()}
    body = prepared.body
    if body is not None and not isinstance(body, str | bytes | bytearray):
        body = body.read()
    data = body.encode() if isinstance(body, str) else bytes(body or b"")
    return Request(method=prepared.method, url=prepared.url, headers=headers, body=data)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


class _Raw(io.BytesIO):
    """What botocore reads a body from: urllib3's response, as far as it is used."""

    def stream(self, **_: Any) -> Any:
        while chunk := self.read(65536):
            yield chunk
