"""Files that somebody names, read within bounds: no folder, no device that never ends, never more than is sensible."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

MEBIBYTE = 1024 * 1024


def read_bounded(path: Path, *, most: int, pipes: bool = False) -> bytes:
    """Return what stands in a file of at most so many bytes; `pipes`: also in a pipe, whose writer is waited for.

    Raises:
        OSError: for everything else; its `strerror` says in words what is wrong.
    """
    try:
        _require_readable(path.stat(), pipes=pipes)  # before it is opened: some devices mind even that
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (0 if pipes else os.O_NONBLOCK))
    except FileNotFoundError as error:
        if path.is_symlink():
            raise OSError(error.errno, "it is a link that leads nowhere") from error
        raise
    with os.fdopen(descriptor, "rb") as file:
        _require_readable(os.fstat(descriptor), pipes=pipes)
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most // MEBIBYTE} MiB")
    return content


def _require_readable(found: os.stat_result, *, pipes: bool) -> None:
    if stat.S_ISREG(found.st_mode) or (pipes and stat.S_ISFIFO(found.st_mode)):
        return
    what = "a folder" if stat.S_ISDIR(found.st_mode) else "a device" if stat.S_ISCHR(found.st_mode) else None
    raise OSError(errno.EINVAL, f"it is {what or 'no regular file'}")
