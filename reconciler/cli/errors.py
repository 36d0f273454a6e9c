"""What ends a command early: wrong usage, an interrupt, what the rooms refuse; and defects of this program."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable
from typing import TypeAlias, assert_never

import click

from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError


class Defect(Exception):  # noqa: N818  it is no error of the user's
    """An exception that nothing in this program expects; `debug` asks for its traceback."""

    def __init__(self, *, debug: bool) -> None:
        """Carry whether the traceback is wanted; the exception itself is the cause."""
        super().__init__()
        self.debug = debug


def defect_text(defect: Defect) -> str:
    """Return what is said about a defect: that it is one, what it was, and how to report it."""
    cause = defect.__cause__ or defect
    if defect.debug:
        return "".join(traceback.format_exception(cause))
    return (
        f"This is a defect of iam-reconciler: {type(cause).__name__}: {cause}\n"
        "Nothing can be said about what was done; the next plan shows it. Run the command again with "
        "--log-level debug to see where it happened, and report that.\n"
    )


Ending: TypeAlias = click.UsageError | click.Abort | KeyboardInterrupt | ReconcilerError


def diagnostics_of(ending: Ending) -> tuple[Diagnostic, ...]:
    """Return what is said about whatever has ended a command."""
    match ending:
        case ReconcilerError():
            return ending.diagnostics
        case click.UsageError():
            return (usage_diagnostic(ending),)
        case click.Abort() | KeyboardInterrupt():
            message = "The command was ended before it was through, by Ctrl-C or a signal."
            return (Diagnostic(Code.RA417, message, help="The next plan shows where things stand."),)
        case never:
            assert_never(never)


def usage_diagnostic(error: click.UsageError) -> Diagnostic:
    """Return wrong usage as a diagnostic that leads to the help of the command."""
    command = error.ctx.command_path if error.ctx else "reconciler"
    message = error.format_message().strip()
    ended = message if message.endswith((".", "?", "!", ")")) else f"{message}."
    return Diagnostic(Code.RM122, ended, help=f"See `{command} --help`.")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a question with the nearest known words, opened by a space; empty where none is near."""
    near = difflib.get_close_matches(word, list(known), n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(repr(found) for found in near)}?" if near else ""
