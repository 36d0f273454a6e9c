"""A house for each scene, and no waiting between botocore's attempts."""

from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.scenarios.house", "tests.cloudtrail.watched")

from reconciler.sandbox import Account  # noqa: E402
from tests.cloudtrail.watched import OTHER, Watched  # noqa: E402  rewritten first, so that assertions explain themselves
from tests.scenarios.house import ACCOUNT, arn, trusting  # noqa: E402


@pytest.fixture(autouse=True)
def _botocore_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)


@pytest.fixture
def house(tmp_path: Path) -> Watched:
    """A house whose only manifest is of no interest."""
    return Watched(tmp_path)


@pytest.fixture
def other(house: Watched) -> Account:
    """A second account that the house works in too, through a role."""
    account = house.box.account(OTHER)
    account.create_role("reconciler", trust=trusting(f"arn:aws:iam::{ACCOUNT}:root"))
    house.configure(accounts={ACCOUNT: {}, OTHER: {"role_arn": arn("role", "reconciler", OTHER)}})
    return account
