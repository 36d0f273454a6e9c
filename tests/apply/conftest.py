"""Houses, ready to be applied to; waiting costs no time, and the disk is not asked to be sure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from reconciler import log
from tests.apply import street
from tests.apply.house import House


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    monkeypatch.setattr("os.fsync", lambda _handle: None)
    log.configure(level="error")
    yield
    log.configure()


@pytest.fixture
def house(tmp_path: Path) -> House:
    """An empty account without manifests."""
    return House(tmp_path)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> House:
    """The street as it is before its apply; to be copied, never to be used."""
    house = House(tmp_path_factory.mktemp("street"))
    street.before(house)
    return house


@pytest.fixture
def begun(built: House, tmp_path: Path) -> House:
    """The street before its apply."""
    return built.copy(tmp_path)


@pytest.fixture(scope="session")
def writes(built: House, tmp_path_factory: pytest.TempPathFactory) -> Counter[str]:
    """The writes of the street's apply when nothing goes wrong, by call."""
    house = built.copy(tmp_path_factory.mktemp("undisturbed"))
    return house.applied()


@pytest.fixture
def copies(built: House, tmp_path: Path) -> Callable[[], House]:
    """Gives the street before its apply, anew each time."""
    numbers = count()
    return lambda: built.copy(tmp_path / str(next(numbers)))
