"""One run of the command line in its process: the only place where an error becomes words and an exit code."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

import click

from reconciler.cli.errors import Defect, defect_text, diagnostics_of
from reconciler.cli.group import root
from reconciler.cli.interrupts import heard
from reconciler.cli.options import asks_for_json
from reconciler.cli.terminal import Terminal, give_up_results, no_room
from reconciler.model.diagnostic import Diagnostic, ReconcilerError


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    terminal = Terminal.of_process(arguments)
    try:
        return _run(list(arguments), terminal)
    except BrokenPipeError:
        give_up_results()
        return 1


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
    except BrokenPipeError:
        raise
    except OSError as error:  # of click, which writes help and version itself; a command's own would be a defect
        give_up_results()
        terminal.complain(no_room(error))
    return 1


def _show_as_json(found: Sequence[Diagnostic], terminal: Terminal) -> None:
    """Show a program why there is no result, in the place where it looks for one."""
    from reconciler.render.json import dumps, ending_to_json  # noqa: PLC0415  most runs end well

    with suppress(ReconcilerError):  # it is said already that nothing can be shown
        terminal.show(dumps(ending_to_json(found)))
        terminal.flush()
