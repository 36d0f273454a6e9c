"""Runs that end anywhere, one after another: what is read is the old state or the new, and never a backup alone."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from errno import ENOSPC
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.diagnostic import ReconcilerError
from reconciler.state import LocalStore, State
from tests.state.disks import DyingDisk, Killed, Platter
from tests.state.samples import ACCOUNT, LINEAGE

NEVER = 1_000
# More than any write takes: a run that is to end after its last step goes through.
STEPS = 30


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One run that writes once: how it ends, before which step, and what a power cut keeps of each name."""

    ends: str
    at: int = NEVER
    kept: tuple[int, int] = (0, 0)


class Life:
    """One folder through many runs; `possible` are the states that a power cut may leave, oldest first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.platter = Platter()
        self.possible = [self.read()]
        self.turns = 0

    def read(self) -> State:
        """Read as the next run does."""
        return LocalStore(self.folder, new_id=lambda: LINEAGE).read(ACCOUNT)

    def live(self, turn: Turn) -> int:
        """Let a run write, and return how many steps it took; asserts what holds after it, however it ended."""
        self.turns += 1
        old = self.read()
        disk = self._disk(turn)
        new = replace(old, seen_at=f"2026-11-24T{self.turns:02}:00:00Z")
        written = replace(new, serial=old.serial + 1, exists=True)
        if self._write(new, disk, again=turn.ends == "failed and tried again"):
            self.possible = [written]
            assert self.read() == written
        else:
            self.possible.append(written)
            assert self.read() in (old, written)
        if turn.ends == "power cut":
            self.platter.lose_power(dict(zip((".json", ".backup"), turn.kept, strict=True)))
            assert self.read() in self.possible
            self.possible = [self.read()]
        names = {path.name for path in self.folder.glob("[!.]*")}
        assert names in (set(), {f"{ACCOUNT}.json"}, {f"{ACCOUNT}.json", f"{ACCOUNT}.json.backup"})
        return disk.steps

    def _disk(self, turn: Turn) -> DyingDisk:
        failed = turn.ends.startswith("failed")
        return DyingDisk(self.platter, at=turn.at, error=OSError(ENOSPC, os.strerror(ENOSPC)) if failed else Killed())

    def _write(self, new: State, disk: DyingDisk, *, again: bool) -> bool:
        """Return whether the write was told to be done."""
        store = LocalStore(self.folder, disk=disk)
        try:
            store.write(new)
        except Killed:
            return False
        except ReconcilerError:
            if again:
                store.write(new)
            return again
        return True


turns = st.builds(
    Turn,
    ends=st.sampled_from(["killed", "power cut", "failed", "failed and tried again"]),
    at=st.integers(1, STEPS),
    kept=st.tuples(st.integers(0, 2), st.integers(0, 2)),
)


@given(st.lists(turns, max_size=8))
def test_whatever_befalls_runs_the_state_read_is_the_old_one_or_the_new_and_no_backup_is_alone(
    story: list[Turn],
) -> None:
    with TemporaryDirectory() as folder:
        life = Life(Path(folder) / "state")
        for turn in story:
            life.live(turn)


@pytest.mark.parametrize("kept", [(0, 0), (0, 1)], ids=["no name lasts", "the backup's name lasts"])
def test_a_first_run_killed_anywhere_and_a_second_without_power_leave_no_backup_alone(
    kept: tuple[int, int], tmp_path: Path
) -> None:
    counted = Life(tmp_path / "counted")
    first_steps, second_steps = (counted.live(Turn(ends="killed")) for _ in range(2))
    for first, second in product(range(1, first_steps + 1), range(1, second_steps + 1)):
        life = Life(tmp_path / f"{first}-{second}")
        life.live(Turn(ends="killed", at=first))
        life.live(Turn(ends="power cut", at=second, kept=kept))


@pytest.mark.parametrize("kept", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_what_was_told_to_be_written_outlasts_a_power_cut_before_any_step_of_the_next_write(
    kept: tuple[int, int], tmp_path: Path
) -> None:
    for at in range(1, STEPS + 1):
        life = Life(tmp_path / str(at))
        life.live(Turn(ends="killed"))
        life.live(Turn(ends="killed"))
        life.live(Turn(ends="power cut", at=at, kept=kept))
