"""The few things that a state asks of a file system, so that a test can fail or die at any of them.

A file is replaced whole or not at all: the new text goes to a file of its own beside the old one, is flushed
to the disk, read back and compared, and only then takes the old one's name; the folder is flushed last, since
until then the name may still mean the old file after a power cut. Every error on the way counts, a failed
flush above all: what the operating system then shows as written may never reach the disk.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from errno import EINVAL, EIO, ENOTDIR
from pathlib import Path

ONLY_OWNER = 0o700
BESIDE = ".tmp"
# A pipe somebody put there must not hold the program up, nor a link lead it elsewhere.
CAREFULLY = os.O_NOFOLLOW | os.O_NONBLOCK


KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)


class NotAFile(OSError):  # noqa: N818  what it says is the plainest name
    """What has the name of a file is something else; `is_link` where it is a symbolic link."""

    def __init__(self, path: Path, mode: int) -> None:
        """Say what it is, by its `st_mode`."""
        kind = next((kind for is_one, kind in KINDS if is_one(mode)), "a device")
        super().__init__(EINVAL, f"it is {kind}, not a regular file", str(path))
        self.is_link = stat.S_ISLNK(mode)


class Disk:
    """The file system, step by step; every method raises OSError where a step fails."""

    def read(self, path: Path) -> bytes | None:
        """Return what a regular file holds, None where there is no file; follows no link, creates nothing."""
        try:
            handle = open_regular(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        with os.fdopen(handle, "rb") as file:
            return file.read()

    def is_there(self, path: Path) -> bool:
        """Tell whether a name means anything at all, be it a folder or a link that leads nowhere."""
        try:
            path.lstat()
        except FileNotFoundError:
            return False
        return True

    def names(self, folder: Path) -> list[str]:
        """Return the names in a folder, none where there is no folder."""
        try:
            return [path.name for path in folder.iterdir()]
        except FileNotFoundError:
            return []

    def make_folder(self, path: Path) -> None:
        """Make a folder for the owner alone, with those above it, unless it is there."""
        try:
            path.mkdir(mode=ONLY_OWNER, parents=True, exist_ok=True)
        except FileExistsError:
            raise NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR), str(path)) from None

    def create(self, folder: Path, prefix: str) -> tuple[int, Path]:
        """Return the open handle and the path of a new file that is readable by its owner alone."""
        handle, name = tempfile.mkstemp(dir=folder, prefix=prefix, suffix=BESIDE)
        return handle, Path(name)

    def write(self, handle: int, data: bytes) -> None:
        """Write all of the data."""
        left = memoryview(data)
        while left:
            left = left[os.write(handle, left) :]

    def flush(self, handle: int) -> None:
        """Wait until what was written is on the disk."""
        os.fsync(handle)

    def close(self, handle: int) -> None:
        """Close the file: some file systems only now say that they are full."""
        os.close(handle)

    def rename(self, source: Path, target: Path) -> None:
        """Give a file the name of another, which it replaces in one step."""
        source.replace(target)

    def flush_folder(self, folder: Path) -> None:
        """Wait until the names in a folder are on the disk."""
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        except OSError as error:
            if error.errno != EINVAL:  # a file system on which folders need no flushing
                raise
        finally:
            os.close(handle)

    def remove(self, path: Path) -> None:
        """Remove a file, unless it is gone."""
        path.unlink(missing_ok=True)


def replace_file(disk: Disk, path: Path, data: bytes) -> None:
    """Make a file hold the data or leave it as it was; raises OSError, also where it may not last."""
    handle, beside = disk.create(path.parent, f".{path.name}.")
    try:
        try:
            disk.write(handle, data)
            disk.flush(handle)
        finally:
            disk.close(handle)
        _require_same(disk.read(beside), data)
        disk.rename(beside, path)
    except OSError:
        with suppress(OSError):
            disk.remove(beside)
        raise
    disk.flush_folder(path.parent)


def _require_same(found: bytes | None, written: bytes) -> None:
    if found != written:
        raise OSError(EIO, "what was written does not read back")


def remove_leftovers(disk: Disk, path: Path) -> None:
    """Remove what killed runs left beside a file; only for who holds its lock."""
    for leftover in path.parent.glob(f".{path.name}.*{BESIDE}"):
        with suppress(OSError):
            disk.remove(leftover)


def is_leftover(path: Path) -> bool:
    """Tell whether a file is one that `replace_file` makes beside another."""
    return path.name.startswith(".") and path.suffix == BESIDE


def open_regular(path: Path, flags: int) -> int:
    """Return the handle of a regular file, made for its owner alone if the flags say so; raises NotAFile for others."""
    try:
        handle = os.open(path, flags | CAREFULLY, 0o600)
    except FileNotFoundError:
        raise
    except OSError:
        _require_regular(path, path.lstat().st_mode)
        raise
    try:
        _require_regular(path, os.fstat(handle).st_mode)
    except OSError:
        os.close(handle)
        raise
    return handle


def _require_regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise NotAFile(path, mode)
