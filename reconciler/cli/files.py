"""Files that a command was asked to write: whole or not at all, and for nobody else to read.

What is there and no file, a pipe or a device such as /dev/stdout, is written to and never moved away.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from reconciler.model.diagnostic import Code, Diagnostic, Place, ReconcilerError


def write_file(path: Path, text: str) -> None:
    """Write a file beside its place and move it there: readable by its owner alone (0600); a link stays one.

    Raises:
        ReconcilerError: RA419 where that cannot be; then an older file of that name is as it was.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
        else:
            _write(Path(os.path.realpath(path)), text)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror or error}."
        raise ReconcilerError(
            Diagnostic(Code.RA419, message, place=Place(str(path)), help="Give another place, or make it writable.")
        ) from error


def _write(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
