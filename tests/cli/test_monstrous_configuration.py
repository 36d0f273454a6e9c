"""A configuration that is made to break whoever reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import Run

DIGITS = "9" * 5_000
MONSTERS = {
    "a number of thousands of digits": f"[limits]\ndelete_minimum = {DIGITS}",
    "a number that can be read, but not written": f"[limits]\ndelete_fraction = 0x{'f' * 5_000}",
    "a limit that no account reaches": f"[limits]\ndelete_minimum = {'9' * 4_000}",
    "brackets without end": f"a={'[' * 50_000}",
    "brackets that end": f"state = {'[' * 2_000}{']' * 2_000}",
    "tables in tables": f"a = {'{a=' * 2_000}1{'}' * 2_000}",
}


@pytest.mark.parametrize("kind", MONSTERS)
def test_a_monstrous_configuration_is_refused(kind: str, folder: Path, run: Run) -> None:
    (folder / "reconciler.toml").write_text(MONSTERS[kind])

    done = run("plan")

    assert done.code == 1
    assert "RM121" in done.err
    assert "defect" not in done.err
