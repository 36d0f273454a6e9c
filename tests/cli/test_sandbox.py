"""The sandbox as a command, and the demo that is played on it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from reconciler.cli import sandbox
from tests.commands import Run
from tests.render.golden import TextFile


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """A sandbox in a process of its own, and the variables that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "reconciler", "sandbox", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        yield process, dict(line.removeprefix("export ").rstrip("\n").split("=", 1) for line in lines)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_three_lines_and_stops_cleanly(number: signal.Signals) -> None:
    with running() as (process, variables):
        assert list(variables) == ["AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
        process.send_signal(number)
        _, said = process.communicate()

    assert process.returncode == 0
    assert said.endswith("Stopped.\n")


def test_what_was_saved_can_be_loaded(tmp_path: Path) -> None:
    file = tmp_path / "account.json"
    with running("--demo", "--save", str(file)) as (process, _):
        process.send_signal(signal.SIGTERM)
        process.communicate()
    saved = json.loads(file.read_text())

    with running("--load", str(file)) as (_, variables):
        url = f"{variables['AWS_ENDPOINT_URL']}/_sandbox/accounts"
        with urllib.request.urlopen(url) as reply:
            assert json.loads(reply.read()) == saved
    users = saved["accounts"]["111122223333"]["UserDetailList"]
    assert {user["UserName"] for user in users} == {"alice", "bob"}


def test_a_port_in_use_is_said_to_be(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("sandbox", "--port", str(taken.getsockname()[1]))

    assert done.code == 1
    assert "Nothing can listen at 127.0.0.1:" in done.err


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"format": "iam-sandbox/9"}', "\x80", None])
def test_a_file_that_holds_no_account_is_refused(content: str | None, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "account.json"
    if content is not None:
        file.write_text(content, encoding="latin-1")

    done = run("sandbox", "--load", str(file))

    assert done.code == 1
    assert "RM102" in done.err


def test_the_demo_tells_the_same_story_each_time(run: Run, snapshot: SnapshotAssertion, folder: Path) -> None:
    done = run("demo")

    assert (done.code, done.err) == (0, "")
    assert done.out == snapshot.use_extension(TextFile)
    assert not list(folder.iterdir())


def test_without_moto_the_sandbox_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "find_spec", lambda _name: None)
    for command in ("sandbox", "demo"):
        finished = run(command)
        assert finished.code == 1
        assert "iam-reconciler[sandbox]" in finished.err
