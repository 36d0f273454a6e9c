"""A sandbox, a connection to it, and no waiting between botocore's attempts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler import log
from reconciler.iam import Aws, Iam
from reconciler.sandbox import Account, Sandbox
from tests.iam.hostile import Hostile

ACCOUNT = "111122223333"


@pytest.fixture(autouse=True)
def _botocore_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)


@pytest.fixture(autouse=True)
def _default_log() -> Iterator[None]:
    yield
    log.configure()


@pytest.fixture
def box() -> Sandbox:
    return Sandbox(seed=7)


@pytest.fixture
def account(box: Sandbox) -> Account:
    return box.account(ACCOUNT)


@pytest.fixture
def iam(box: Sandbox) -> Iam:
    """Return a connection that may only read."""
    return Aws.connect(session=box.session(ACCOUNT)).account(ACCOUNT, read_only=True)


@pytest.fixture
def writing(box: Sandbox) -> Iam:
    """Return a connection that may write."""
    return Aws.connect(session=box.session(ACCOUNT)).account(ACCOUNT, read_only=False)


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    """Return a server that answers whatever it is told to."""
    with Hostile() as server:
        yield server
