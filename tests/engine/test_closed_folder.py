"""An apply whose state cannot be written any more says so once, however often it tries."""

from __future__ import annotations

from errno import EACCES
from pathlib import Path
from uuid import uuid4

import pytest

from reconciler.state.disk import Disk
from tests.apply.house import House
from tests.engine.manifests import ROLE
from tests.house import OWN


def closed(_disk: Disk, folder: Path, prefix: str) -> tuple[int, Path]:
    raise PermissionError(EACCES, "Permission denied", str(folder / f"{prefix}{uuid4()}.tmp"))


def test_a_folder_that_cannot_be_written_to_is_said_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.account.create_user("alice")
    house.write("a.yaml", ROLE)
    monkeypatch.setattr(Disk, "create", closed)
    result = house.apply()
    assert not house.box.mutating_calls
    assert [problem.message for problem in result.problems] == [
        f"state/{OWN}.json cannot be written: Permission denied (state)"
    ]
