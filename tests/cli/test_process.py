"""What a process leaves behind: streams, colours, exit codes, whatever happens to it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler import __version__
from reconciler.cli import explain
from reconciler.cli.terminal import canvas_of
from tests.cli.stream import Stream
from tests.commands import Run, imported_by, run_process


@pytest.mark.parametrize(
    ("terminal", "environ", "refused", "coloured"),
    [
        (True, {}, False, True),
        (False, {}, False, False),
        (True, {"NO_COLOR": "1"}, False, False),
        (True, {"NO_COLOR": ""}, False, True),
        (False, {"FORCE_COLOR": "1"}, False, True),
        (False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        (False, {"FORCE_COLOR": "1"}, True, False),
        (True, {}, True, False),
        (True, {"TERM": "dumb"}, False, False),
        (True, {"TERM": "xterm-256color"}, False, True),
    ],
)
def test_colour_is_for_terminals_and_for_those_who_ask(
    *, terminal: bool, environ: dict[str, str], refused: bool, coloured: bool
) -> None:
    assert canvas_of(Stream(terminal=terminal), environ, refused=refused).colour is coloured


def test_off_a_terminal_prose_is_a_hundred_columns_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "7")

    assert canvas_of(Stream(terminal=False), {}, refused=False).width == 100
    assert canvas_of(Stream(terminal=True), {}, refused=False).width == 40


def test_on_a_very_wide_terminal_prose_stays_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")

    assert canvas_of(Stream(terminal=True), {}, refused=False).width == 120


@pytest.mark.parametrize("arguments", [["version"], ["--version"]])
def test_the_version_is_told(arguments: list[str], run: Run) -> None:
    assert run(*arguments).out == f"iam-reconciler {__version__}\n"


def test_the_version_is_told_to_programs(run: Run) -> None:
    assert run("version", "--format", "json").json == {"version": __version__}


@pytest.mark.usefixtures("box")
def test_a_plan_without_changes_loads_nothing_that_draws_or_logs(run: Run) -> None:
    assert run("apply", "--auto-approve").code == 0

    imported = imported_by("plan")

    assert "boto3" in imported
    assert not imported & {"moto", "deepdiff", "rich", "structlog"}


def test_the_bytes_are_the_same_in_every_locale() -> None:
    usual = run_process("plna", LC_ALL="C.UTF-8")

    assert run_process("plna", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0") == usual
    assert run_process("plna", PYTHONIOENCODING="ascii") == usual
    assert "╷" in usual.err


def test_no_color_wins_over_force_color() -> None:
    assert "\x1b[" in run_process("explain", FORCE_COLOR="1").out
    assert "\x1b[" not in run_process("explain", "--no-color", FORCE_COLOR="1").out
    assert "\x1b[" not in run_process("explain", FORCE_COLOR="1", NO_COLOR="1").out


def test_a_reader_that_goes_away_is_no_defect() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", "explain"], stdout=writing, stderr=subprocess.PIPE, check=False, text=True
    )
    os.close(writing)

    assert done.returncode == 1
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_result_that_finds_no_room_is_an_error() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "reconciler", "explain"], stdout=full, stderr=subprocess.PIPE, check=False, text=True
        )

    assert done.returncode == 1
    assert "RA419" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def broken_explain(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_code: object, _canvas: object) -> str:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(explain, "_as_text", fail)


@pytest.mark.usefixtures("broken_explain")
def test_a_defect_asks_to_be_reported(run: Run) -> None:
    done = run("explain")

    assert done.code == 1
    assert done.out == ""
    assert "ZeroDivisionError: by nought" in done.err
    assert "--log-level debug" in done.err
    assert "Traceback" not in done.err


@pytest.mark.usefixtures("broken_explain")
def test_a_defect_shows_where_it_happened_when_asked(run: Run) -> None:
    assert "Traceback" in run("explain", "--log-level", "debug").err


def test_an_interrupt_is_said_and_exits_with_1(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_code: object, _canvas: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(explain, "_as_text", interrupt)
    done = run("explain")

    assert done.code == 1
    assert "RA417" in done.err


def test_python_dash_m_is_the_command() -> None:
    assert run_process("version", "--format", "json").json == {"version": __version__}
