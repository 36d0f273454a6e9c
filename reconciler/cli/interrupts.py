"""Ctrl-C, SIGTERM and SIGHUP: the first lets what is under way be finished, a second ends the program at once.

A hangup comes twice when a terminal is lost, from the system and from the shell, so a second one ends nothing; and
where it was ignored from the start, as nohup does, it stays so.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def heeded() -> list[signal.Signals]:
    """Return the signals that end a command."""
    hangs_on = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [wanted for wanted in _SIGNALS if not (hangs_on and wanted is signal.SIGHUP)]


class Interrupts:
    """Whether somebody has asked to stop; nobody is heard before `begin`, so that a question can be broken off."""

    def __init__(self) -> None:
        """Begin deaf."""
        self._asked = threading.Event()

    def begin(self) -> None:
        """From now on the first signal is only noted."""
        if threading.current_thread() is threading.main_thread():
            for wanted in heeded():
                signal.signal(wanted, self._note)

    def __call__(self) -> bool:
        """Tell whether somebody has asked to stop."""
        return self._asked.is_set()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self._asked.is_set() and number != signal.SIGHUP:
            raise KeyboardInterrupt
        self._asked.set()


@contextmanager
def heard() -> Iterator[None]:
    """Within, SIGTERM and SIGHUP are the same as Ctrl-C; afterwards signals are what they were."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may be told of signals
        return
    before = {wanted: signal.getsignal(wanted) for wanted in heeded()}
    for wanted in before.keys() - {signal.SIGINT}:
        signal.signal(wanted, _interrupt)
    try:
        yield
    finally:
        for wanted, handler in before.items():
            signal.signal(wanted, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
