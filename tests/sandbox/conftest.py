"""The sandbox's own fixtures, and one client for each way in which a request can reach it.

Making a client takes botocore longer than most tests take. So there is one per transport for the whole run,
and a relay hands what it asks to the sandbox of the test that is running.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from reconciler.sandbox import Sandbox
from reconciler.sandbox.http import Reply, Request
from reconciler.sandbox.inprocess import hook
from reconciler.sandbox.pytest_plugin import account, iam_server, iam_session, sandbox
from reconciler.sandbox.server import Server
from tests.sandbox.situation import loopback_session

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

__all__ = ["account", "iam_server", "iam_session", "sandbox"]

TRANSPORTS = ("in process", "loopback", "fixtures")


class Relay:
    """Stands where a sandbox stands, and passes on to the one of the moment."""

    box: Sandbox

    def answer(self, request: Request) -> Reply:
        return self.box.answer(request)


@pytest.fixture(scope="session")
def relay() -> Relay:
    return Relay()


@pytest.fixture(scope="session")
def in_process(relay: Any) -> IAMClient:
    """A client without sockets."""
    session = boto3.Session("test", "not a secret", region_name="us-east-1")
    hook(relay, session)
    return session.client("iam")


@pytest.fixture(scope="session")
def loopback(relay: Any) -> Iterator[IAMClient]:
    """A client of a server on the loopback."""
    with Server(relay, host="127.0.0.1", port=0) as server:
        client = loopback_session().client("iam", endpoint_url=server.url)
        yield client
        client.close()


@pytest.fixture(params=TRANSPORTS)
def iam(request: pytest.FixtureRequest, sandbox: Sandbox, relay: Relay) -> IAMClient:
    """An IAM client of the default account, in each of the three transports."""
    relay.box = sandbox
    if request.param == "fixtures":
        session: boto3.Session = request.getfixturevalue("iam_session")
        return session.client("iam")
    client: IAMClient = request.getfixturevalue(request.param.replace(" ", "_"))
    return client
