"""A working folder, an account to work on, and a way to run a command as a user would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.sandbox import Sandbox
from tests.commands import Run, runner

DEPLOYER = """\
kind: Role
name: deployer
trust:
  - user: alice
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process."""
    return runner(capsys)


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
