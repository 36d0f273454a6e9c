"""What a person at a terminal sees while the program works: one line on standard error, gone when it is done.

Off a terminal nothing of this is shown: there the log has a line for each write.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from reconciler.render.escape import inert

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from reconciler.apply import Outcome
    from reconciler.model.change import Call


# Columns that a bar and a count like 1234/5678 may take.
_FRONT = 20


class Watch:
    """A progress display that begins with the first thing to show; it is told from any thread."""

    def __init__(self, *, colour: bool) -> None:
        """Show something only where standard error is a terminal that can move its cursor."""
        self._colour = colour
        self._visible = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._display: Progress | None = None
        self._task: TaskID | None = None
        self._total: int | None = None
        self._guard = threading.Lock()

    def expect(self, operations: int) -> None:
        """Take note of how many operations there will be."""
        self._total = operations

    def page(self, account: str, call: str, items: int) -> None:
        """Show how much of an account has been read."""
        self._show(f"Reading {account}: {items} from {call}")

    def outcome(self, outcome: Outcome) -> None:
        """Show the operation that has just ended."""
        self._show(f"{outcome.address} {outcome.call or ''}: {outcome.outcome}", advance=1)

    def waiting(self, address: str, call: Call, seconds: float, why: str) -> None:
        """Show that an operation is tried again, and why."""
        self._show(f"{address} {call}: again in {seconds:.0f} s, {why}")

    def __enter__(self) -> Self:
        """Watch over what is done within."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take the display away, however it ended."""
        self.stop()

    def stop(self) -> None:
        """Take the display away; what comes next may begin another."""
        with self._guard:
            display, self._display, self._task = self._display, None, None
            if display is not None:
                with suppress(OSError):  # the terminal is gone
                    display.stop()

    def _show(self, text: str, *, advance: int = 0) -> None:
        if not self._visible:
            return
        with self._guard:
            try:
                self._update(text, advance)
            except OSError:  # the terminal is gone, and what is under way goes on
                self._visible = False

    def _update(self, text: str, advance: int) -> None:
        if self._display is None or self._task is None:
            self._display = _display(colour=self._colour, is_counted=self._total is not None)
            self._task = self._display.add_task(inert(text), total=self._total, completed=advance)
            self._display.start()
        else:
            self._display.update(self._task, description=inert(text), advance=advance)


def _display(*, colour: bool, is_counted: bool) -> Progress:
    """Return a bar where it is known how much there is to do, else a wheel; the text gives way where it is narrow."""
    from rich.console import Console  # noqa: PLC0415  dear to import, and only a terminal needs it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn  # noqa: PLC0415
    from rich.table import Column  # noqa: PLC0415

    console = Console(stderr=True, no_color=not colour, highlight=False)
    room = Column(no_wrap=True, overflow="ellipsis", max_width=max(console.width - _FRONT, _FRONT))
    text = TextColumn("{task.description}", markup=False, table_column=room)
    front = (BarColumn(bar_width=10), MofNCompleteColumn()) if is_counted else (SpinnerColumn(),)
    return Progress(*front, text, console=console, transient=True)
