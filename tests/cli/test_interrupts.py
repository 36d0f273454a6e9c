"""Ctrl-C and SIGTERM while writes are under way."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from reconciler.cli.interrupts import Interrupts, heard

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture(autouse=True)
def in_the_foreground() -> Iterator[None]:
    """Hear Ctrl-C as at a terminal: whoever runs the tests in the background has it ignored from the start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def send(number: signal.Signals) -> None:
    """Signal this very process; Python heeds it before the next line."""
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_noted_and_stops_nothing_by_itself(number: signal.Signals) -> None:
    interrupts = Interrupts()
    with heard():
        interrupts.begin()
        before = interrupts()
        send(number)

    assert not before
    assert interrupts()


def test_the_second_signal_ends_the_program() -> None:
    with heard():
        Interrupts().begin()
        send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGTERM)


@pytest.mark.parametrize("number", SIGNALS)
def test_before_the_first_write_a_signal_ends_the_program(number: signal.Signals) -> None:
    with heard(), pytest.raises(KeyboardInterrupt):
        send(number)


def test_afterwards_signals_are_what_they_were() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with heard():
        Interrupts().begin()

    assert [signal.getsignal(number) for number in SIGNALS] == before
