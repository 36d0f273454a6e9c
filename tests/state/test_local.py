"""States on a disk: read without a trace, written whole or not at all, whatever happens in between."""

import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError
from reconciler.state import LocalStore, State, StateStore, begin
from reconciler.state.disk import Disk
from tests.state.disks import CountingDisk, FailingDisk, Killed, KillingDisk, PowerlessDisk
from tests.state.samples import (
    ACCOUNT,
    EVENING,
    LINEAGE,
    NOON,
    OTHER_ACCOUNT,
    a_memory,
    a_new_memory,
    an_intent,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def store(folder: Path) -> LocalStore:
    return LocalStore(folder)


@pytest.fixture
def stored(store: LocalStore) -> State:
    """Return a state that is on the disk, with a backup of the one before."""
    first = store.write(replace(a_memory(), exists=False))
    return store.write(replace(first, settings={"second": True}))


def file_of(folder: Path) -> Path:
    return folder / f"{ACCOUNT}.json"


def backup_of(folder: Path) -> Path:
    return folder / f"{ACCOUNT}.json.backup"


def told(act: object, *arguments: object) -> Diagnostic:
    assert callable(act)
    with pytest.raises(ReconcilerError) as caught:
        act(*arguments)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.help
    return diagnostic


def test_a_local_store_is_a_state_store(store: LocalStore) -> None:
    place: StateStore = store
    assert place.read(ACCOUNT).account == ACCOUNT


def test_where_there_is_no_file_there_is_a_new_lineage(folder: Path) -> None:
    store = LocalStore(folder, new_id=lambda: LINEAGE)
    assert store.read(ACCOUNT) == State(account=ACCOUNT, lineage=LINEAGE, exists=False)


def test_two_new_lineages_differ(store: LocalStore) -> None:
    assert store.read(ACCOUNT).lineage != store.read(ACCOUNT).lineage


def test_reading_makes_nothing(store: LocalStore, folder: Path) -> None:
    store.read(ACCOUNT)
    assert not folder.exists()


def test_reading_what_is_there_touches_nothing(store: LocalStore, stored: State, folder: Path) -> None:
    def picture() -> dict[str, tuple[int, bytes]]:
        return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}

    before = picture()
    assert store.read(ACCOUNT) == stored
    assert picture() == before


def test_what_was_written_is_read_again(store: LocalStore) -> None:
    written = store.write(replace(a_memory(), exists=False))
    assert written == store.read(ACCOUNT) == replace(a_memory(), serial=8)
    assert written.exists


@pytest.mark.usefixtures("stored")
def test_the_folder_and_its_files_are_for_the_owner_alone(folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in (file_of(folder), backup_of(folder)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_writing_what_is_there_already_is_no_new_serial(store: LocalStore, stored: State, folder: Path) -> None:
    before = file_of(folder).stat().st_mtime_ns
    assert store.write(stored) == stored
    assert store.write(replace(stored, ledger=dict(reversed(tuple(stored.ledger.items()))))) == stored
    assert file_of(folder).stat().st_mtime_ns == before


def test_each_change_is_one_serial_more_and_the_one_before_is_kept(
    store: LocalStore, stored: State, folder: Path
) -> None:
    before = file_of(folder).read_bytes()
    assert store.write(replace(stored, seen_at=EVENING)).serial == stored.serial + 1
    assert backup_of(folder).read_bytes() == before


def test_each_account_has_its_own_file(store: LocalStore, stored: State) -> None:
    store.write(State(account=OTHER_ACCOUNT, lineage=LINEAGE, exists=False))
    assert store.read(ACCOUNT) == stored


def test_a_run_that_read_an_older_state_cannot_write_over_a_newer(store: LocalStore, stored: State) -> None:
    newer = store.write(replace(stored, seen_at=EVENING))
    found = told(store.write, replace(stored, seen_at=NOON, settings={}))
    assert found.code is Code.RS510
    assert f"serial {newer.serial}" in found.message
    assert f"serial {stored.serial}" in found.message
    assert store.read(ACCOUNT) == newer


def test_two_runs_that_found_no_state_do_not_both_make_one(store: LocalStore) -> None:
    mine, theirs = store.read(ACCOUNT), store.read(ACCOUNT)
    store.write(theirs)
    found = told(store.write, mine)
    assert found.code is Code.RS510
    assert "made by another run" in found.message


def test_a_state_deleted_under_a_run_is_not_brought_back_by_it(store: LocalStore, stored: State, folder: Path) -> None:
    file_of(folder).unlink()
    found = told(store.write, replace(stored, seen_at=EVENING))
    assert found.code is Code.RS510
    assert "is gone" in found.message
    assert not file_of(folder).exists()


def test_a_state_replaced_by_that_of_another_lineage_is_left_alone(
    store: LocalStore, stored: State, folder: Path
) -> None:
    file_of(folder).unlink()
    backup_of(folder).unlink()
    store.write(State(account=ACCOUNT, lineage="another", exists=False))
    assert "another lineage" in told(store.write, replace(stored, seen_at=EVENING)).message


def test_a_state_altered_under_a_run_is_not_written_over(store: LocalStore, stored: State, folder: Path) -> None:
    altered = file_of(folder).read_bytes().replace(b'"second": true', b'"second": null')
    file_of(folder).write_bytes(altered)
    assert told(store.write, replace(stored, seen_at=EVENING)).code is Code.RS502
    assert file_of(folder).read_bytes() == altered


def test_a_memory_that_nobody_could_read_again_is_not_written(store: LocalStore, stored: State) -> None:
    found = told(store.write, replace(stored, settings={"manifests": "\ud800"}))
    assert found.code is Code.RS506
    assert "half a character" in found.message
    assert store.read(ACCOUNT) == stored


def test_a_broken_file_is_named_with_the_line_and_the_way_back(store: LocalStore, stored: State, folder: Path) -> None:
    data = file_of(folder).read_bytes()
    file_of(folder).write_bytes(data[: len(data) // 2])
    found = told(store.read, ACCOUNT)
    assert found.code is Code.RS501
    assert found.place is not None
    assert found.place.file == str(file_of(folder))
    assert found.place.line == data[: len(data) // 2].count(b"\n") + 1
    assert found.help is not None
    assert f"serial {stored.serial - 1}" in found.help
    assert f"cp {backup_of(folder)} {file_of(folder)}" in found.help
    assert "Or move it and its backup away to begin anew: " in found.help


def test_what_the_help_says_brings_the_state_back(store: LocalStore, stored: State, folder: Path) -> None:
    file_of(folder).write_bytes(b"")
    assert told(store.read, ACCOUNT).code is Code.RS501
    backup_of(folder).replace(file_of(folder))
    recovered = store.read(ACCOUNT)
    assert recovered.serial == stored.serial - 1
    assert store.write(replace(recovered, seen_at=EVENING)).serial == stored.serial


@pytest.mark.parametrize("backup", [None, b"", b"{}"], ids=["none", "empty", "no state"])
def test_a_backup_that_is_no_use_is_not_recommended(folder: Path, backup: bytes | None) -> None:
    folder.mkdir()
    file_of(folder).write_bytes(b"{")
    if backup is not None:
        backup_of(folder).write_bytes(backup)
    assert "There is no backup that can be used" in str(told(LocalStore(folder).read, ACCOUNT).help)


def test_a_file_copied_to_another_account_is_refused(store: LocalStore, stored: State, folder: Path) -> None:
    (folder / f"{OTHER_ACCOUNT}.json").write_bytes(file_of(folder).read_bytes())
    found = told(store.read, OTHER_ACCOUNT)
    assert found.code is Code.RS503
    assert stored.account in found.message


def test_a_state_from_the_future_asks_for_a_newer_program(folder: Path) -> None:
    folder.mkdir()
    file_of(folder).write_bytes(b'{"format_version": 99}')
    found = told(LocalStore(folder).read, ACCOUNT)
    assert found.code is Code.RS504
    assert "or a newer one" in str(found.help)


@pytest.mark.parametrize("account", ["", "1234", "../../etc/x", "11112222333\u0663", "111122223333\n"])
def test_what_is_no_account_id_names_no_file(store: LocalStore, account: str, folder: Path) -> None:
    assert told(store.read, account).code is Code.RS503
    assert told(store.write, State(account=account, lineage=LINEAGE, exists=False)).code is Code.RS503
    assert not folder.exists()


def test_a_folder_where_the_file_belongs_is_said(folder: Path) -> None:
    file_of(folder).mkdir(parents=True)
    found = told(LocalStore(folder).read, ACCOUNT)
    assert found.code is Code.RS501
    assert "it is a folder" in found.message


def test_a_file_where_the_folder_belongs_is_said(folder: Path) -> None:
    folder.write_text("")
    store = LocalStore(folder)
    assert told(store.read, ACCOUNT).code is Code.RS501
    with pytest.raises(ReconcilerError) as caught, store.lock(ACCOUNT, operation="apply", clock=lambda: NOON):
        pass
    (found,) = caught.value.diagnostics
    assert found.code is Code.RS506
    assert "Not a directory" in found.message


def test_a_pipe_where_the_file_belongs_holds_nothing_up(folder: Path) -> None:
    folder.mkdir()
    os.mkfifo(file_of(folder))
    assert "not a regular file" in told(LocalStore(folder).read, ACCOUNT).message


def test_a_link_where_the_file_belongs_is_not_followed(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("secret")
    file_of(folder).symlink_to(elsewhere)
    found = told(LocalStore(folder).read, ACCOUNT)
    assert found.code is Code.RS501
    assert "symbolic link" in found.message
    assert "secret" not in str(found)


def test_a_file_that_may_not_be_read_is_not_taken_for_none(folder: Path) -> None:
    class Locked(Disk):
        def read(self, path: Path) -> bytes | None:
            raise PermissionError(13, "Permission denied", str(path))

    found = told(LocalStore(folder, disk=Locked()).read, ACCOUNT)
    assert found.code is Code.RS501
    assert "Permission denied" in found.message


def test_a_disk_that_loses_what_it_was_given_is_noticed_before_it_counts(
    store: LocalStore, stored: State, folder: Path
) -> None:
    class Forgetful(Disk):
        def write(self, handle: int, data: bytes) -> None:
            super().write(handle, data[:-1])

    found = told(LocalStore(folder, disk=Forgetful()).write, replace(stored, seen_at=EVENING))
    assert found.code is Code.RS506
    assert "does not read back" in found.message
    assert store.read(ACCOUNT) == stored


def test_a_disk_that_takes_little_at_a_time_gets_all_of_it(
    store: LocalStore, stored: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: whole_write(handle, bytes(data)[:7]))
    written = store.write(replace(stored, seen_at=EVENING))
    assert store.read(ACCOUNT) == written


def test_a_file_system_that_flushes_no_folders_will_do(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    flush = os.fsync

    def flush_files_only(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(22, "Invalid argument")
        flush(handle)

    monkeypatch.setattr(os, "fsync", flush_files_only)
    assert store.write(a_new_memory()).exists


def test_a_folder_that_cannot_be_flushed_is_an_error(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_handle: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    found = told(store.write, a_new_memory())
    assert found.code is Code.RS506
    assert "Input/output error" in found.message


def next_of(state: State) -> State:
    return replace(begin(state, [an_intent()]), seen_at=EVENING)


def as_stored(state: State) -> State:
    return replace(state, serial=state.serial + 1, exists=True)


def with_a_state(folder: Path) -> State:
    return LocalStore(folder).write(replace(a_memory(), exists=False))


def steps_of_a_write(folder: Path, state: State) -> range:
    """Return the numbers of the steps that it takes to write a state to a folder."""
    disk = CountingDisk()
    LocalStore(folder, disk=disk).write(state)
    return range(1, disk.steps + 1)


def each_step_of_a_second_write(tmp_path: Path) -> Iterator[tuple[int, Path, State]]:
    """Yield the number of each step, with a folder of its own and the same old state in each."""
    counted = tmp_path / "counted"
    for number in steps_of_a_write(counted, next_of(with_a_state(counted))):
        folder = tmp_path / f"state-{number}"
        yield number, folder, with_a_state(folder)


def test_a_run_killed_before_any_step_leaves_the_old_state_or_the_new(tmp_path: Path) -> None:
    found = []
    for number, folder, old in each_step_of_a_second_write(tmp_path):
        with pytest.raises(Killed):
            LocalStore(folder, disk=KillingDisk(number)).write(next_of(old))
        found.append(LocalStore(folder).read(ACCOUNT))
    assert len(found) > 15
    assert found == sorted(found, key=lambda state: state.serial)
    assert {state.serial for state in found} == {old.serial, old.serial + 1}
    assert all(state in (old, as_stored(next_of(old))) for state in found)


def test_the_next_run_tidies_up_after_a_killed_one_and_goes_on(tmp_path: Path) -> None:
    for number, folder, old in each_step_of_a_second_write(tmp_path):
        with pytest.raises(Killed):
            LocalStore(folder, disk=KillingDisk(number)).write(next_of(old))
        store = LocalStore(folder)
        with store.lock(ACCOUNT, operation="apply", clock=lambda: NOON):
            assert list(folder.glob(".*")) == []
            state = store.read(ACCOUNT)
            assert store.write(replace(state, seen_at=NOON, settings={})).settings == {}
        assert {path.suffix for path in folder.iterdir()} == {".json", ".backup", ".lock"}


def test_a_first_write_killed_before_any_step_leaves_no_state_or_the_first(tmp_path: Path) -> None:
    found = []
    for number in steps_of_a_write(tmp_path / "counted", a_new_memory()):
        folder = tmp_path / f"state-{number}"
        with pytest.raises(Killed):
            LocalStore(folder, disk=KillingDisk(number)).write(a_new_memory())
        found.append(LocalStore(folder, new_id=lambda: LINEAGE).read(ACCOUNT))
    assert [state.exists for state in found] == sorted(state.exists for state in found)
    assert all(state in (a_new_memory(), as_stored(a_new_memory())) for state in found)


@pytest.mark.parametrize("keeps_names", [True, False], ids=["renames last", "renames are lost"])
def test_a_power_cut_before_any_step_leaves_the_old_state_or_the_new(tmp_path: Path, *, keeps_names: bool) -> None:
    for number, folder, old in each_step_of_a_second_write(tmp_path):
        disk = PowerlessDisk(number, keeps_names=keeps_names)
        with pytest.raises(Killed):
            LocalStore(folder, disk=disk).write(next_of(old))
        disk.lose_power()
        assert LocalStore(folder).read(ACCOUNT) in (old, as_stored(next_of(old)))


def test_what_was_written_outlasts_a_power_cut(tmp_path: Path) -> None:
    old, disk = with_a_state(tmp_path), PowerlessDisk(sys.maxsize, keeps_names=False)
    LocalStore(tmp_path, disk=disk).write(next_of(old))
    disk.lose_power()
    assert LocalStore(tmp_path).read(ACCOUNT) == as_stored(next_of(old))


def test_a_disk_that_fails_at_any_step_is_said_and_the_same_write_succeeds_later(tmp_path: Path) -> None:
    for number, folder, old in each_step_of_a_second_write(tmp_path):
        store = LocalStore(folder, disk=FailingDisk(number))
        found = told(store.write, next_of(old))
        assert found.code in {Code.RS501, Code.RS506}
        assert "No space left" in found.message
        assert LocalStore(folder).read(ACCOUNT) in (old, as_stored(next_of(old)))
        assert list(folder.glob(".*")) == []
        assert store.write(next_of(old)) == as_stored(next_of(old))
