"""The command line: a command is parse, call, render, exit code.

`main` is the only way in, and the only place where an error becomes words and an exit code. Commands stand in
one file each and are imported when they are asked for, so that `version` and `--help` cost nothing that they
do not need.

Exit codes: 0 fine, 1 an error, something blocked, a usage error or an interrupt; 2 where a command says so
(changes with `plan --detailed-exitcode`, drift found, changes held by `apply`).
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

import click

from reconciler.cli.errors import Defect, defect_text, usage_diagnostic
from reconciler.cli.group import root
from reconciler.cli.interrupts import heard
from reconciler.cli.terminal import Terminal, give_up_results
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError

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
    except click.UsageError as error:
        terminal.complain(usage_diagnostic(error))
    except (click.Abort, KeyboardInterrupt):
        terminal.complain(Diagnostic(Code.RA417, "Interrupted.", help="The next plan shows where things stand."))
    except ReconcilerError as error:
        terminal.complain(*error.diagnostics)
    except Defect as defect:
        terminal.say(defect_text(defect))
    return 1
