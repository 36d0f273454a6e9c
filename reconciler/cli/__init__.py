"""The command line: a command is parse, call, render, exit code.

`main` is the only way in, and the only place where an error becomes words and an exit code. Commands stand in
one file each and are imported when they are asked for, so that `version` and `--help` cost nothing that they
do not need.

What ends a command early is told in words on standard error, and where JSON was asked for as an object with the
key `error` on standard output too, so that whoever reads the result always finds one.

Exit codes: 0 fine, 1 an error, something blocked, a usage error or an interrupt; 2 where a command says so
(changes with `plan --detailed-exitcode`, drift found, changes held by `apply`).
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import click

from reconciler.cli.errors import Defect, defect_text, diagnostics_of
from reconciler.cli.group import root
from reconciler.cli.interrupts import heard
from reconciler.cli.options import asks_for_json
from reconciler.cli.terminal import Terminal, give_up_results
from reconciler.model.diagnostic import Diagnostic, ReconcilerError

__all__ = ["main"]

# A run makes thousands of values that live to its end: looking through them for garbage costs a third of a plan's time.
COLLECT_RARELY = (1_000_000, 20, 100)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; `arguments` are those of the process where none are given."""
    gc.set_threshold(*COLLECT_RARELY)
    given = list(sys.argv[1:] if arguments is None else arguments)
    terminal = Terminal.of_process(given)
    try:
        return _run(given, terminal)
    except BrokenPipeError:
        give_up_results()
        return 1
    finally:
        if arguments is None:
            gc.freeze()  # the process ends here: what it made is not worth a last look


def _run(arguments: list[str], terminal: Terminal) -> int:
    """Run one command; whatever ends it is said on standard error."""
    try:
        with heard():
            code = root.main(arguments, prog_name="reconciler", standalone_mode=False, obj=terminal)
        terminal.flush()
        return int(code or 0)
    except (click.UsageError, click.Abort, KeyboardInterrupt, ReconcilerError) as ending:
        found = diagnostics_of(ending)
        terminal.complain(*found)
        if asks_for_json(arguments, os.environ):
            _show_as_json(found, terminal)
    except Defect as defect:
        terminal.say(defect_text(defect))
    return 1


def _show_as_json(found: Sequence[Diagnostic], terminal: Terminal) -> None:
    """Show a program why there is no result, in the place where it looks for one."""
    from reconciler.render.json import dumps, ending_to_json  # noqa: PLC0415  most runs end well

    with suppress(ReconcilerError):  # it is said already that nothing can be shown
        terminal.show(dumps(ending_to_json(found)))
        terminal.flush()
