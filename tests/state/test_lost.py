"""A state that is gone beside its backup: never taken for one that has not been yet, nor left so by a write."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.model.diagnostic import Code, ReconcilerError
from reconciler.state import LocalStore, State
from reconciler.state.disk import Disk
from tests.state.samples import ACCOUNT, EVENING, a_memory, a_new_memory


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that holds a state of serial 9 and its backup."""
    store = LocalStore(tmp_path)
    store.write(replace(store.write(replace(a_memory(), exists=False)), seen_at=EVENING))
    return tmp_path


def file_of(folder: Path) -> Path:
    return folder / f"{ACCOUNT}.json"


def backup_of(folder: Path) -> Path:
    return folder / f"{ACCOUNT}.json.backup"


def test_a_state_that_is_gone_beside_its_backup_is_refused_with_the_way_back(folder: Path) -> None:
    file_of(folder).unlink()
    with pytest.raises(ReconcilerError) as caught:
        LocalStore(folder, shown=Path("state")).read(ACCOUNT)
    (found,) = caught.value.diagnostics
    assert found.code is Code.RS501
    assert found.message == f"state/{ACCOUNT}.json is gone, and its backup is still there"
    help_ = str(found.help)
    assert f"(serial 8), with `cp state/{ACCOUNT}.json.backup state/{ACCOUNT}.json`" in help_
    assert f"Or move state/{ACCOUNT}.json.backup away to begin anew" in help_


@pytest.mark.parametrize("what", ["text", "folder", "link"])
def test_a_backup_that_is_no_use_is_no_first_use_either(folder: Path, what: str) -> None:
    file_of(folder).unlink()
    backup_of(folder).unlink()
    match what:
        case "text":
            backup_of(folder).write_text("{")
        case "folder":
            backup_of(folder).mkdir()
        case _:
            backup_of(folder).symlink_to("nowhere")
    with pytest.raises(ReconcilerError, match="is gone") as caught:
        LocalStore(folder).read(ACCOUNT)
    assert "There is no backup that can be used" in str(caught.value.diagnostics[0].help)


def test_a_new_state_is_not_written_where_the_backup_of_another_lies(folder: Path) -> None:
    file_of(folder).unlink()
    before = backup_of(folder).read_bytes()
    with pytest.raises(ReconcilerError, match="is gone"):
        LocalStore(folder).write(a_new_memory())
    assert [path.name for path in folder.iterdir()] == [backup_of(folder).name]
    assert backup_of(folder).read_bytes() == before


def test_a_reader_whom_others_overtake_with_two_writes_reads_what_they_wrote(tmp_path: Path) -> None:
    written: list[State] = []

    class Overtaken(Disk):
        def read(self, path: Path) -> bytes | None:
            data = super().read(path)
            if not written:
                store = LocalStore(tmp_path)
                written.append(store.write(a_new_memory()))
                written.append(store.write(replace(written[0], seen_at=EVENING)))
            return data

    assert LocalStore(tmp_path, disk=Overtaken()).read(ACCOUNT) == written[-1]
