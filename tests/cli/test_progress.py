"""What a person at a terminal sees while the program works, and nobody else."""

from __future__ import annotations

import errno
import os

import pytest

from reconciler.apply import Outcome, Result
from reconciler.cli.progress import Watch
from reconciler.model.change import Call
from tests.cli.stream import Stream

DONE = Outcome(address="role/a\x1b[2J", call=Call.CREATE_ROLE, outcome=Result.DONE)


def shown(monkeypatch: pytest.MonkeyPatch, *, terminal: bool, term: str = "xterm") -> str:
    """All that is written while pages are read and operations done."""
    stream = Stream(terminal=terminal)
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", term)
    watch = Watch(colour=False)
    watch.page("111122223333", "ListRoles", 1000)
    watch.stop()
    watch.expect(2)
    watch.outcome(DONE)
    watch.waiting("role/a", Call.CREATE_ROLE, 3.0, "Rate exceeded")
    watch.stop()
    watch.stop()
    return stream.getvalue()


def test_at_a_terminal_the_last_thing_done_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, terminal=True)

    reading, _, writing = text.partition("Reading 111122223333: 1000 from ListRoles")
    assert "/" not in reading
    assert "role/a\\u{1b}[2J CreateRole: done" in writing
    assert "1/2" in writing
    assert "0/2" not in writing
    assert "role/a CreateRole: again in 3 s, Rate exceeded" in writing


def test_on_a_narrow_terminal_the_words_give_way_and_not_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")

    text = shown(monkeypatch, terminal=True)

    assert "1/2" in text
    assert "CreateRole: done" not in text
    assert "…" in text


@pytest.mark.parametrize(("terminal", "term"), [(False, "xterm"), (True, "dumb")])
def test_off_a_terminal_there_is_nothing_to_see(monkeypatch: pytest.MonkeyPatch, *, terminal: bool, term: str) -> None:
    assert shown(monkeypatch, terminal=terminal, term=term) == ""


def test_a_terminal_that_is_lost_keeps_nothing_from_going_on(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(terminal=True)
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")

    def lost(_text: str) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(stream, "write", lost)
    watch = Watch(colour=False)
    watch.outcome(DONE)
    watch.stop()
    watch.outcome(DONE)
    watch.stop()

    assert stream.getvalue() == ""
