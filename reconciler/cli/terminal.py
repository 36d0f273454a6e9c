"""Where output goes: results to standard output, everything else to standard error.

Colour only where a terminal is at the other end. `--no-color` wins over the variables, `NO_COLOR` over
`FORCE_COLOR` (https://no-color.org, https://force-color.org), and a terminal that calls itself dumb gets
none. Apart from colour the bytes are the same everywhere, whatever the locale; prose is as wide as the
terminal, but never wider than the eye likes to read, and 100 columns off one.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError
from reconciler.render.diagnostics import all_diagnostics
from reconciler.render.lines import NARROWEST, WIDEST, WIDTH, Canvas, paint

NO_COLOR_FLAG = "--no-color"
NO_COLOR_VARIABLE = "RECONCILER_NO_COLOR"


@dataclass(frozen=True, kw_only=True)
class Terminal:
    """The two streams of the process, each with what may be painted on it."""

    out: Canvas
    err: Canvas

    @classmethod
    def of_process(cls, arguments: Sequence[str]) -> Terminal:
        """Return the streams of this process; both write UTF-8 and never fail on a character."""
        _open_what_is_closed()
        for stream in (sys.stdout, sys.stderr):
            if reconfigure := getattr(stream, "reconfigure", None):
                reconfigure(encoding="utf-8", errors="backslashreplace")
        refused = NO_COLOR_FLAG in arguments or bool(os.environ.get(NO_COLOR_VARIABLE))
        return cls(
            out=canvas_of(sys.stdout, os.environ, refused=refused),
            err=canvas_of(sys.stderr, os.environ, refused=refused),
        )

    def show(self, text: str) -> None:
        """Write a result to standard output; ReconcilerError (RA419) where there is no room for it."""
        with _room_for_results():
            sys.stdout.write(text)

    def say(self, text: str) -> None:
        """Write anything else to standard error; what cannot be written there is lost, and stops nothing."""
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, ValueError):
            return

    def complain(self, *found: Diagnostic) -> None:
        """Write diagnostics to standard error."""
        self.say(paint(all_diagnostics(found, width=self.err.width), self.err))

    def flush(self) -> None:
        """Write out what is still held back, so that a closed pipe shows now and not when Python ends."""
        with _room_for_results():
            sys.stdout.flush()

    @property
    def is_interactive(self) -> bool:
        """Tell whether a person reads what is shown and can answer."""
        return sys.stdin.isatty() and sys.stdout.isatty()


def canvas_of(stream: TextIO, environ: Mapping[str, str], *, refused: bool) -> Canvas:
    """Return what may be painted on a stream."""
    at_terminal = stream.isatty()
    columns = shutil.get_terminal_size((WIDTH, 24)).columns if at_terminal else WIDTH
    width = min(max(columns, NARROWEST), WIDEST)
    return Canvas(colour=_has_colour(environ, refused=refused, at_terminal=at_terminal), width=width)


def _has_colour(environ: Mapping[str, str], *, refused: bool, at_terminal: bool) -> bool:
    if refused or environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return at_terminal and environ.get("TERM") != "dumb"


@contextmanager
def _room_for_results() -> Iterator[None]:
    """Turn what keeps standard output from being written into a diagnostic, but for a reader who has gone away."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        give_up_results()
        raise ReconcilerError(no_room(error)) from error


def no_room(error: OSError) -> Diagnostic:
    """Return what is said where standard output cannot be written."""
    message = f"Standard output cannot be written: {error.strerror}."
    return Diagnostic(Code.RA419, message, help="The result is not complete.")


def give_up_results() -> None:
    """Let Python end in peace after standard output can no longer be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_what_is_closed() -> None:
    """Put the device that swallows everything in place of streams that were closed (`>&-`): they are None to Python.

    In the order of their numbers, so that each gets its own, and no file that is opened later is taken for one.
    """
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY))
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
