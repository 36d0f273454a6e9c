"""The lock of a local state: one run at a time on this machine, whoever dies.

The lock is the operating system's (flock) on a file of its own: it ends with its process, however that ends,
and the state beside it can be replaced while it is held. What stands in the file only tells a second run who
is there. The file stays when the lock goes; what is left in it, or anything else that got there, means
nothing to the next run.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from reconciler.model.diagnostic import Code, Diagnostic, Place, ReconcilerError
from reconciler.state.disk import open_regular
from reconciler.state.store import Holder

PAUSE_SECONDS = 0.5
# A holder is a few hundred bytes; whatever is longer is not one.
LONGEST_HOLDER = 4096
FIELDS = len(fields(Holder))


@dataclass(slots=True)
class LockFile:
    """The open lock file of one account; raises OSError where the file cannot serve as one."""

    path: Path
    handle: int

    @classmethod
    def open(cls, path: Path) -> LockFile:
        """Open the file, made for its owner alone where there is none."""
        return cls(path, open_regular(path, os.O_RDWR | os.O_CREAT))

    def close(self) -> None:
        """Let go of the file, and with it of the lock."""
        os.close(self.handle)

    def release(self) -> None:
        """Let go of the lock, and leave no name behind."""
        with suppress(OSError):
            self.write("")
        self.close()

    def acquire(self) -> bool:
        """Take the lock, unless another run has it."""
        try:
            fcntl.flock(self.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            self.close()
            raise
        return True

    def is_current(self) -> bool:
        """Tell whether the path still means this file: a lock on one that was removed keeps nobody out."""
        try:
            return os.path.samestat(os.fstat(self.handle), self.path.lstat())
        except FileNotFoundError:
            return False

    def write(self, text: str) -> None:
        """Replace what stands in the file."""
        os.ftruncate(self.handle, 0)
        os.pwrite(self.handle, text.encode(), 0)

    def holder(self) -> Holder | None:
        """Return who says in the file to hold the lock, or None where nothing sensible stands there."""
        try:
            said = json.loads(os.pread(self.handle, LONGEST_HOLDER, 0))
        except (ValueError, RecursionError):
            return None
        match said:
            case {"id": str(), "who": str(), "pid": int(), "operation": str(), "since": str()} if len(said) == FIELDS:
                return Holder(**said)
            case _:
                return None


def take(
    path: Path,
    *,
    shown: Path,
    holder: Callable[[], Holder],
    timeout_seconds: float,
    sleep: Callable[[float], None],
) -> tuple[LockFile, Holder]:
    """Return the lock at a path, taken, and who holds it now: `holder` is asked once the lock is there.

    `shown` is what a diagnostic calls the path. Waiting is counted in the pauses it sleeps, not by a clock that
    somebody may set. Raises ReconcilerError RS505 where another run keeps the lock, OSError where the file cannot be
    one at all.
    """
    left = timeout_seconds
    while (lock := _try_to_take(path, shown, patient=left > 0)) is None:
        pause = min(PAUSE_SECONDS, left)
        sleep(pause)
        left -= pause
    mine = holder()
    try:
        lock.write(json.dumps(asdict(mine), sort_keys=True) + "\n")
    except OSError:
        lock.close()
        raise
    return lock, mine


def _try_to_take(path: Path, shown: Path, *, patient: bool) -> LockFile | None:
    lock = LockFile.open(path)
    if lock.acquire():
        if lock.is_current():
            return lock
        lock.close()
        return _try_to_take(path, shown, patient=patient)
    there = lock.holder()
    lock.close()
    if patient:
        return None
    raise ReconcilerError(_locked(shown, there))


def _locked(path: Path, holder: Holder | None) -> Diagnostic:
    wait = "Wait with --lock-timeout SECONDS."
    ends = "the lock ends with its process, nothing has to be removed"
    if holder is None:
        message = "another run holds the state, and has not said who it is"
        remedy = f"{wait} Should that run hang, end its process: {ends}."
    else:
        message = f"{holder.who} holds the state for {holder.operation} since {holder.since} (lock {holder.id})"
        remedy = f"{wait} Should that run hang, end process {holder.pid} on its machine: {ends}."
    return Diagnostic(Code.RS505, message, place=Place(str(path)), help=remedy)


def whoever_runs_this() -> str:
    """Return user@host, as far as the machine knows them."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"
