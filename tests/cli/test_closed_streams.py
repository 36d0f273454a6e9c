"""Streams that are closed, full or gone: the work is done, and the exit code says how it went."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from reconciler.cli import main
from tests.cli.conftest import DEPLOYER
from tests.commands import Finished

needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")


@pytest.fixture(autouse=True)
def manifests(folder: Path) -> None:
    """A manifest that is right."""
    (folder / "manifests").mkdir()
    (folder / "manifests" / "deployer.yaml").write_text(DEPLOYER)


def redirected(command: str, redirection: str) -> Finished:
    """Run a command with a stream of its process redirected by a shell."""
    line = f'exec "$0" -m reconciler {command} {redirection}'
    done = subprocess.run(["/bin/sh", "-c", line, sys.executable], capture_output=True, check=False, text=True)
    return Finished(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_changes_no_exit_code(redirection: str, folder: Path) -> None:
    right = redirected("validate", redirection)
    (folder / "manifests" / "deployer.yaml").write_text("kind: Roel\n")
    wrong = redirected("validate", redirection)

    assert (right.code, wrong.code) == (0, 1)
    assert "Traceback" not in right.err + wrong.err
    assert "defect" not in right.err + wrong.err


def test_without_a_place_for_messages_the_result_is_still_shown() -> None:
    assert "1 file" in redirected("validate", "2>&-").out


def test_without_an_input_nobody_is_there_to_approve() -> None:
    assert "RA411" in redirected("apply", "<&-").err


@needs_dev_full
@pytest.mark.parametrize("command", ["--help", "--version", "plan --help", "version"])
def test_help_that_finds_no_room_is_an_error(command: str) -> None:
    done = redirected(command, ">/dev/full")

    assert done.code == 1
    assert "RA419" in done.err
    assert "Traceback" not in done.err


class Interrupted:
    """A finder of modules during which Ctrl-C is pressed."""

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if name == "reconciler.cli.process":
            raise KeyboardInterrupt
        return None


def test_ctrl_c_before_anything_has_begun_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "reconciler.cli.process", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])

    code = main(["version"])

    assert code == 1
    assert capsys.readouterr().err == "Interrupted.\n"


def test_what_takes_time_to_import_is_not_imported_before_ctrl_c_is_heard() -> None:
    told = "import sys, reconciler.cli; print('click' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", told], capture_output=True, check=True).stdout == b"False\n"
