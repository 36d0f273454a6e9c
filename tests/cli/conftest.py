"""A working folder, an account to work on, and a way to run a command as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import main
from reconciler.sandbox import Sandbox

DEPLOYER = """\
kind: Role
name: deployer
trust:
  - user: alice
"""


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as a program reads it."""
        return json.loads(self.out)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Finished]:
    """Run a command in this process."""

    def run(*arguments: str) -> Finished:
        capsys.readouterr()
        code = main(arguments)
        written = capsys.readouterr()
        return Finished(code, written.out, written.err)

    return run


@pytest.fixture
def run_process() -> Callable[..., Finished]:
    """Run a command in a process of its own."""

    def run(*arguments: str, **environment: str) -> Finished:
        done = subprocess.run(
            [sys.executable, "-m", "reconciler", *arguments],
            capture_output=True,
            check=False,
            env={**os.environ, **environment},
            encoding="utf-8",
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def box(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """An account with the user alice, a manifest of a role that trusts her, and the variables that lead there."""
    box = Sandbox()
    box.account().create_user("alice")
    (folder / "manifests").mkdir()
    (folder / "manifests" / "deployer.yaml").write_text(DEPLOYER)
    with box.serve() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "111122223333")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sandbox")
        yield box
