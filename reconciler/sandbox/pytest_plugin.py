"""Fixtures for tests that want an IAM: `pytest_plugins = ["reconciler.sandbox.pytest_plugin"]`.

`sandbox` is fresh for each test and its clock stands still until it is moved.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from reconciler.sandbox import Account, Clock, Sandbox

if TYPE_CHECKING:
    import boto3

    from reconciler.sandbox.server import Server

START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
"""The time at which every sandbox of these fixtures begins."""


@pytest.fixture
def sandbox() -> Sandbox:
    """A sandbox of one's own; its clock is at `START` until `sandbox.clock.advance(seconds)`."""
    return Sandbox(seed=0, clock=Clock(START))


@pytest.fixture
def account(sandbox: Sandbox) -> Account:
    """The default account of the sandbox, 111122223333."""
    return sandbox.account()


@pytest.fixture
def iam_session(sandbox: Sandbox) -> boto3.Session:
    """A boto3 session of the default account's root, answered without sockets."""
    return sandbox.session()


@pytest.fixture
def iam_server(sandbox: Sandbox) -> Iterator[Server]:
    """The sandbox behind a loopback address, `iam_server.url`."""
    with sandbox.serve() as server:
        yield server
