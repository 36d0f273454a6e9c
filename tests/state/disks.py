"""Disks that fail, lose power, or belong to a run that is killed, at whatever step they are told."""

import os
from collections.abc import Callable
from errno import ENOSPC
from pathlib import Path
from typing import TypeVar

from reconciler.state.disk import Disk

Result = TypeVar("Result")


class Killed(BaseException):
    """The run is dead: it does nothing any more, not even tidy up."""


class CountingDisk(Disk):
    """A disk whose steps are numbered from 1; `before` is called ahead of each."""

    def __init__(self) -> None:
        self.steps = 0

    def before(self) -> None:
        self.steps += 1

    def _step(self, act: Callable[[], Result]) -> Result:
        self.before()
        return act()

    def read(self, path: Path) -> bytes | None:
        return self._step(lambda: super(CountingDisk, self).read(path))

    def is_there(self, path: Path) -> bool:
        return self._step(lambda: super(CountingDisk, self).is_there(path))

    def names(self, folder: Path) -> list[str]:
        return self._step(lambda: super(CountingDisk, self).names(folder))

    def make_folder(self, path: Path) -> None:
        self._step(lambda: super(CountingDisk, self).make_folder(path))

    def create(self, folder: Path, prefix: str) -> tuple[int, Path]:
        return self._step(lambda: super(CountingDisk, self).create(folder, prefix))

    def write(self, handle: int, data: bytes) -> None:
        half = len(data) // 2
        self._step(lambda: super(CountingDisk, self).write(handle, data[:half]))
        self._step(lambda: super(CountingDisk, self).write(handle, data[half:]))

    def flush(self, handle: int) -> None:
        self._step(lambda: super(CountingDisk, self).flush(handle))

    def close(self, handle: int) -> None:
        super().close(handle)  # a dead or failing process's files are closed all the same
        self.before()

    def rename(self, source: Path, target: Path) -> None:
        self._step(lambda: super(CountingDisk, self).rename(source, target))

    def flush_folder(self, folder: Path) -> None:
        self._step(lambda: super(CountingDisk, self).flush_folder(folder))

    def remove(self, path: Path) -> None:
        self._step(lambda: super(CountingDisk, self).remove(path))


class KillingDisk(CountingDisk):
    """The disk of a run that is killed before one of its steps, and does nothing after it."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def before(self) -> None:
        super().before()
        if self.steps >= self.at:
            raise Killed


class FailingDisk(CountingDisk):
    """A disk that is full at one of its steps, and has room again at the next."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def before(self) -> None:
        super().before()
        if self.steps == self.at:
            raise OSError(ENOSPC, os.strerror(ENOSPC))


class PowerlessDisk(KillingDisk):
    """A disk that loses power before one of its steps: what was not flushed by then is gone.

    With `keeps_names` a rename lasts though its folder was not flushed, as file systems may or may not have it.
    """

    def __init__(self, at: int, *, keeps_names: bool) -> None:
        super().__init__(at)
        self.keeps_names = keeps_names
        self.unflushed: dict[int, Path] = {}
        self.renamed: list[tuple[Path, bytes | None]] = []

    def create(self, folder: Path, prefix: str) -> tuple[int, Path]:
        handle, path = super().create(folder, prefix)
        self.unflushed[path.stat().st_ino] = path
        return handle, path

    def flush(self, handle: int) -> None:
        super().flush(handle)
        self.unflushed.pop(os.fstat(handle).st_ino)

    def rename(self, source: Path, target: Path) -> None:
        inode = source.stat().st_ino
        held = target.read_bytes() if target.exists() else None
        super().rename(source, target)
        self.renamed.append((target, held))
        if inode in self.unflushed:
            self.unflushed[inode] = target

    def flush_folder(self, folder: Path) -> None:
        super().flush_folder(folder)
        self.renamed.clear()

    def lose_power(self) -> None:
        """Leave on the disk what a power cut leaves."""
        for path in self.unflushed.values():
            if path.exists():
                path.write_bytes(b"")
        for target, held in reversed(self.renamed if not self.keeps_names else []):
            target.unlink()
            if held is not None:
                target.write_bytes(held)


class Platter:
    """What lies under the disks of one run after another: the renames that a power cut may still undo, by name."""

    def __init__(self) -> None:
        self.held_before: dict[Path, list[bytes | None]] = {}

    def lose_power(self, kept: dict[str, int]) -> None:
        """Keep so many of the renames to each name, by its suffix, and undo the rest: names last each for itself."""
        for target, held in self.held_before.items():
            undone = held[kept[target.suffix] :]
            if undone:
                target.unlink()
                if undone[0] is not None:
                    target.write_bytes(undone[0])
        self.held_before.clear()


class DyingDisk(CountingDisk):
    """The disk of a run that ends, or fails once, before one of its steps; flushing it takes no time."""

    def __init__(self, platter: Platter, *, at: int, error: BaseException) -> None:
        super().__init__()
        self.platter = platter
        self.at = at
        self.error = error

    def before(self) -> None:
        super().before()
        if self.steps == self.at or (self.steps > self.at and isinstance(self.error, Killed)):
            raise self.error

    def flush(self, _handle: int) -> None:
        self.before()

    def rename(self, source: Path, target: Path) -> None:
        held = target.read_bytes() if target.exists() else None
        super().rename(source, target)
        self.platter.held_before.setdefault(target, []).append(held)

    def flush_folder(self, _folder: Path) -> None:
        self.before()
        self.platter.held_before.clear()
