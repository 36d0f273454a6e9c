"""The command line: a command is parse, call, render, exit code.

`main` is the only way in. Nothing is imported before it runs, so that Ctrl-C is heard from the first moment on;
`process` does the rest. Commands stand in one file each and are imported when they are asked for, so that `version` and
`--help` cost nothing that they do not need.

What ends a command early is told in words on standard error, and where JSON was asked for as an object with the
key `error` on standard output too, so that whoever reads the result always finds one.

Exit codes: 0 fine, 1 an error, something blocked, a usage error or an interrupt; 2 where a command says so
(changes with `plan --detailed-exitcode`, drift found, changes held by `apply`).
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

__all__ = ["main"]

# A run makes thousands of values that live to its end: looking through them for garbage costs a third of a plan's time.
COLLECT_RARELY = (1_000_000, 20, 100)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; `arguments` are those of the process where none are given."""
    gc.set_threshold(*COLLECT_RARELY)
    try:
        from reconciler.cli.process import run  # noqa: PLC0415  all the rest: it takes long enough to be interrupted

        return run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:  # before a command began or after it ended; between, it is said what that means
        if sys.stderr is not None:
            sys.stderr.write("Interrupted.\n")
        return 1
    finally:
        if arguments is None:
            gc.freeze()  # the process ends here: what it made is not worth a last look
