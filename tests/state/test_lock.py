"""The lock: one run at a time, whoever dies, and a second run that is told whom it waits for."""

import fcntl
import getpass
import os
import re
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError
from reconciler.state import LocalStore
from reconciler.state.lock import whoever_runs_this
from tests.state.samples import ACCOUNT, NOON, OTHER_ACCOUNT, a_new_memory

OTHER_RUN = """
import sys
from pathlib import Path
from reconciler.state import LocalStore
store = LocalStore(Path(sys.argv[1]))
with store.lock(sys.argv[2], operation="apply", clock=lambda: "2026-11-24T08:00:00Z"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "state", new_id=lambda: "id-1")


@contextmanager
def another_run(store: LocalStore) -> Iterator[subprocess.Popen[str]]:
    """Run a process that holds the lock until it is ended."""
    command = [sys.executable, "-c", OTHER_RUN, str(store.folder), ACCOUNT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def lock_file(store: LocalStore) -> Path:
    return store.folder / f"{ACCOUNT}.lock"


def refused(store: LocalStore, *, timeout_seconds: float = 0, slept: list[float] | None = None) -> Diagnostic:
    pauses = [] if slept is None else slept
    with (
        pytest.raises(ReconcilerError) as caught,
        store.lock(
            ACCOUNT,
            operation="drift",
            clock=lambda: NOON,
            timeout_seconds=timeout_seconds,
            sleep=pauses.append,
        ),
    ):
        pass
    (diagnostic,) = caught.value.diagnostics
    return diagnostic


def take_and_release(store: LocalStore) -> None:
    with store.lock(ACCOUNT, operation="drift", clock=lambda: NOON):
        pass


def test_who_holds_the_lock_stands_in_it_while_it_is_held(store: LocalStore) -> None:
    with store.lock(ACCOUNT, operation="apply", clock=lambda: NOON) as holder:
        said = lock_file(store).read_text()
    assert (holder.id, holder.pid, holder.operation, holder.since) == ("id-1", os.getpid(), "apply", NOON)
    assert all(part in said for part in (holder.id, holder.who, str(holder.pid), "apply", NOON))
    assert lock_file(store).read_text() == ""


def test_a_second_run_is_told_who_is_there_since_when_and_what_to_do(store: LocalStore) -> None:
    with another_run(store) as process:
        found = refused(store)
    assert found.code is Code.RS505
    assert socket.gethostname() in found.message
    assert "for apply since 2026-11-24T08:00:00Z" in found.message
    assert "--lock-timeout" in str(found.help)
    assert str(process.pid) in str(found.help)


def test_a_lock_dies_with_its_process(store: LocalStore) -> None:
    with another_run(store) as process:
        process.kill()
        process.wait()
        assert lock_file(store).read_text() != ""
        take_and_release(store)


def test_a_run_waits_as_long_as_it_was_told_and_no_longer(store: LocalStore) -> None:
    slept: list[float] = []
    with another_run(store):
        found = refused(store, timeout_seconds=1.75, slept=slept)
    assert found.code is Code.RS505
    assert slept == [0.5, 0.5, 0.5, 0.25]


def test_a_run_that_waits_gets_the_lock_when_the_other_ends(store: LocalStore) -> None:
    with another_run(store) as process:

        def end_the_other(_seconds: float) -> None:
            process.kill()
            process.wait()

        with store.lock(
            ACCOUNT, operation="drift", clock=lambda: NOON, timeout_seconds=60, sleep=end_the_other
        ) as held:
            assert held.operation == "drift"


def test_a_run_that_waits_in_vain_leaves_no_file_open(store: LocalStore) -> None:
    with another_run(store):
        before = set(Path("/dev/fd").iterdir())
        refused(store, timeout_seconds=5)
        assert set(Path("/dev/fd").iterdir()) == before


def test_the_lock_is_not_re_entrant(store: LocalStore) -> None:
    with store.lock(ACCOUNT, operation="apply", clock=lambda: NOON):
        found = refused(store)
    assert str(os.getpid()) in str(found.help)
    take_and_release(store)


def test_a_failure_inside_releases_the_lock_and_is_not_hidden(store: LocalStore) -> None:
    with (
        pytest.raises(OSError, match="of its own"),
        store.lock(ACCOUNT, operation="apply", clock=lambda: NOON),
    ):
        raise OSError("of its own")
    take_and_release(store)


def test_accounts_are_locked_one_by_one(store: LocalStore) -> None:
    with (
        store.lock(ACCOUNT, operation="apply", clock=lambda: NOON),
        store.lock(OTHER_ACCOUNT, operation="apply", clock=lambda: NOON) as other,
    ):
        assert other.operation == "apply"


@pytest.mark.parametrize(
    "left",
    [
        b"",
        b"garbage\x00\xff",
        b"[" * 4096,
        b'{"id": 1}',
        b'{"id": "a", "who": "b", "pid": "c", "operation": "d", "since": "e"}',
        b'{"id": "a", "who": "b", "pid": 1, "operation": "d", "since": "e", "more": 1}',
        b'"x"' * 10_000,
    ],
)
def test_whatever_was_left_in_the_lock_file_means_nothing(store: LocalStore, left: bytes) -> None:
    store.folder.mkdir()
    lock_file(store).write_bytes(left)
    take_and_release(store)
    with store.lock(ACCOUNT, operation="apply", clock=lambda: NOON):
        lock_file(store).write_bytes(left)
        assert "has not said who it is" in refused(store).message


def test_a_reader_neither_waits_nor_leaves_a_lock(store: LocalStore) -> None:
    written = store.write(a_new_memory())
    assert not lock_file(store).exists()
    with another_run(store):
        assert store.read(ACCOUNT) == written


def test_the_lock_file_is_for_the_owner_alone(store: LocalStore) -> None:
    take_and_release(store)
    assert stat.S_IMODE(lock_file(store).stat().st_mode) == 0o600


def test_a_lock_file_removed_just_as_it_was_locked_keeps_nobody_out_and_is_made_again(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock
    removed: list[bool] = []

    def flock_and_lose(handle: int, operation: int) -> None:
        flock(handle, operation)
        if not removed:
            removed.append(True)
            lock_file(store).unlink()

    monkeypatch.setattr(fcntl, "flock", flock_and_lose)
    with store.lock(ACCOUNT, operation="apply", clock=lambda: NOON):
        assert lock_file(store).exists()
        assert refused(store).code is Code.RS505


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_no_lock(store: LocalStore, make: Callable[[Path], None]) -> None:
    store.folder.mkdir()
    make(lock_file(store))
    found = refused(store)
    assert found.code is Code.RS506
    assert re.search("Is a directory|not a regular file", found.message)


def test_a_link_where_the_lock_belongs_is_not_followed(store: LocalStore, tmp_path: Path) -> None:
    store.folder.mkdir()
    lock_file(store).symlink_to(tmp_path / "elsewhere")
    assert refused(store).code is Code.RS506
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_system_without_locks_is_said(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(_handle: int, _operation: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    found = refused(store)
    assert found.code is Code.RS506
    assert "No locks available" in found.message


def test_a_full_disk_is_noticed_before_anything_is_done_under_the_lock(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int, _data: bytes, _offset: int) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        assert refused(store).code is Code.RS506
    take_and_release(store)


def test_a_user_without_a_name_can_lock_too(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert whoever_runs_this() == f"uid-{os.getuid()}@{socket.gethostname()}"
    take_and_release(store)
