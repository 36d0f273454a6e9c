"""A fresh house for each scene."""

from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.scenarios.house", "tests.plan.drafts")

from tests.scenarios.house import House  # noqa: E402  rewritten first, so that its assertions explain themselves


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A house with an empty account and no manifests."""
    return House(tmp_path)
