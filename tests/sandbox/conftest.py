"""The sandbox's own fixtures, and one client for each way in which a request can reach it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest

from reconciler.sandbox import Sandbox
from reconciler.sandbox.pytest_plugin import account, iam_server, iam_session, sandbox
from tests.sandbox.situation import loopback_session

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

__all__ = ["account", "iam_server", "iam_session", "sandbox"]

TRANSPORTS = ("in process", "loopback", "fixtures")


@pytest.fixture(params=TRANSPORTS)
def iam(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[IAMClient]:
    """An IAM client of the default account, in each of the three transports."""
    match request.param:
        case "in process":
            yield sandbox.session().client("iam")
        case "fixtures":
            session: boto3.Session = request.getfixturevalue("iam_session")
            yield session.client("iam")
        case _:
            with sandbox.serve() as server:
                client = loopback_session().client("iam", endpoint_url=server.url)
                yield client
                client.close()
