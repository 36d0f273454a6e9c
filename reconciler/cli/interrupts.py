"""Ctrl-C and SIGTERM: the first one lets what is under way be finished, a second one ends the program at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Whether somebody has asked to stop; nobody is heard before `begin`, so that a question can be broken off."""

    def __init__(self) -> None:
        """Begin deaf."""
        self._asked = threading.Event()

    def begin(self) -> None:
        """From now on the first signal is only noted."""
        if threading.current_thread() is threading.main_thread():
            for wanted in _SIGNALS:
                signal.signal(wanted, self._note)

    def __call__(self) -> bool:
        """Tell whether somebody has asked to stop."""
        return self._asked.is_set()

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked.is_set():
            raise KeyboardInterrupt
        self._asked.set()


@contextmanager
def heard() -> Iterator[None]:
    """Within, SIGTERM is the same as Ctrl-C; afterwards signals are what they were."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may be told of signals
        return
    before = [signal.getsignal(wanted) for wanted in _SIGNALS]
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        for wanted, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(wanted, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
