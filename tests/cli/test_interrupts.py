"""Ctrl-C, SIGTERM and SIGHUP while writes are under way."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.apply import Outcome
from reconciler.cli.interrupts import Interrupts, heard
from reconciler.cli.progress import Watch
from tests.cli.conftest import DEPLOYER
from tests.commands import Run

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


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


def test_a_lost_terminal_that_hangs_up_twice_ends_nothing_halfway() -> None:
    interrupts = Interrupts()
    with heard():
        interrupts.begin()
        send(signal.SIGHUP)
        send(signal.SIGHUP)
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGTERM)

    assert interrupts()


def test_a_hangup_that_was_ignored_from_the_start_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with heard():
            interrupts = Interrupts()
            interrupts.begin()
            send(signal.SIGHUP)

            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert not interrupts()
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("box")
def test_an_apply_whose_terminal_is_lost_finishes_what_is_under_way_and_remembers_it(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        (folder / "manifests" / f"{number}.yaml").write_text(DEPLOYER.replace("deployer", f"deployer-{number}"))
    told = Watch.outcome

    def losing(watch: Watch, outcome: Outcome) -> None:
        told(watch, outcome)
        send(signal.SIGHUP)

    with monkeypatch.context() as patched:
        patched.setattr(Watch, "outcome", losing)
        ended = run("apply", "--auto-approve", "--parallelism", "1")
    resumed = run("apply", "--auto-approve")

    assert ended.code == 1
    assert "1 added" in ended.out
    assert "RA417" in ended.out
    assert resumed.code == 0
    assert "3 added" in resumed.out
    assert "unfinished" not in resumed.out
