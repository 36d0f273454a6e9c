"""What is said of a place that cannot serve: the file that is meant, what it is instead, once, and what helps."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from errno import EACCES
from pathlib import Path
from uuid import uuid4

import pytest

from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError
from reconciler.state import LocalStore
from reconciler.state.disk import Disk
from tests.state.samples import ACCOUNT, EVENING, NOON, a_new_memory


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """A store that calls its folder `state`, with a state and its backup in it."""
    store = LocalStore(tmp_path, shown=Path("state"))
    store.write(replace(store.write(a_new_memory()), seen_at=EVENING))
    return store


def told(act: Callable[[], object]) -> Diagnostic:
    with pytest.raises(ReconcilerError) as caught:
        act()
    (found,) = caught.value.diagnostics
    return found


def lock(store: LocalStore) -> None:
    with store.lock(ACCOUNT, operation="apply", clock=lambda: NOON):
        pass


@pytest.mark.parametrize(("make", "what"), [(Path.mkdir, "a folder"), (os.mkfifo, "a pipe")], ids=["folder", "pipe"])
def test_what_is_no_file_is_named_and_to_be_moved_away(
    make: Callable[[Path], None], what: str, store: LocalStore
) -> None:
    file = store.folder / f"{ACCOUNT}.json"
    file.unlink()
    make(file)
    found = told(lambda: store.read(ACCOUNT))
    assert found.code is Code.RS501
    assert found.message == f"state/{ACCOUNT}.json cannot be read: it is {what}, not a regular file"
    help_ = str(found.help)
    assert help_.startswith("Move it away. Put the backup back, which is one write older (serial 1), with ")
    assert "let this user read it" not in help_


def test_a_link_is_named_and_not_to_be_opened_to_this_user(store: LocalStore) -> None:
    file = store.folder / f"{ACCOUNT}.json"
    file.rename(store.folder / "elsewhere")
    file.symlink_to("elsewhere")
    found = told(lambda: store.read(ACCOUNT))
    assert found.message == f"state/{ACCOUNT}.json cannot be read: it is a symbolic link, not a regular file"
    assert (
        found.help == "No link is followed: put the file itself there, or name the folder that holds it with --state."
    )


@pytest.mark.parametrize(
    ("make", "what"),
    [(Path.mkdir, "a folder"), (os.mkfifo, "a pipe"), (lambda path: path.symlink_to("x"), "a symbolic link")],
    ids=["folder", "pipe", "link"],
)
def test_what_is_no_lock_is_named_and_not_the_state_beside_it(
    make: Callable[[Path], None], what: str, store: LocalStore
) -> None:
    make(store.folder / f"{ACCOUNT}.lock")
    found = told(lambda: lock(store))
    assert found.code is Code.RS506
    assert found.message == f"state/{ACCOUNT}.lock cannot be locked: it is {what}, not a regular file"
    assert found.place is not None
    assert found.place.file == f"state/{ACCOUNT}.lock"
    assert found.help == "Move it away: it is made anew."


class Closed(Disk):
    """A disk on which no file can be made, under a new name each time."""

    def create(self, folder: Path, prefix: str) -> tuple[int, Path]:
        raise PermissionError(EACCES, "Permission denied", str(folder / f"{prefix}{uuid4()}.tmp"))


def test_the_same_trouble_is_told_in_the_same_words(store: LocalStore) -> None:
    closed = LocalStore(store.folder, shown=Path("state"), disk=Closed())
    state = closed.read(ACCOUNT)
    first, second = (told(lambda: closed.write(replace(state, seen_at=NOON))) for _ in range(2))
    assert first == second
    assert first.message == f"state/{ACCOUNT}.json cannot be written: Permission denied (state)"


def test_a_folder_in_place_of_the_backup_is_named(store: LocalStore) -> None:
    backup = store.folder / f"{ACCOUNT}.json.backup"
    backup.unlink()
    backup.mkdir()
    found = told(lambda: store.write(replace(store.read(ACCOUNT), seen_at=NOON)))
    assert found.message == f"state/{ACCOUNT}.json cannot be written: Is a directory (state/{backup.name})"
