"""A working folder, an IAM from elsewhere, and a way to run a command as a user would."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import main
from tests.outside.elsewhere import ACCOUNT, Elsewhere


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

    @property
    def sentence(self) -> str:
        """The last line of the result."""
        return self.out.rstrip("\n").rpartition("\n")[2]


Run = Callable[..., Finished]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "manifests").mkdir()
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process."""

    def run(*arguments: str) -> Finished:
        capsys.readouterr()
        code = main(arguments)
        written = capsys.readouterr()
        return Finished(code, written.out, written.err)

    return run


@pytest.fixture
def reach(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Elsewhere], None]:
    """Lead the commands to a server."""

    def reach(iam: Elsewhere) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", iam.url)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")

    assert folder.exists()
    monkeypatch.setenv("RECONCILER_ACCOUNT", ACCOUNT)
    return reach


@pytest.fixture
def iam(reach: Callable[[Elsewhere], None]) -> Iterator[Elsewhere]:
    """An IAM that writes as AWS does."""
    with Elsewhere() as iam:
        reach(iam)
        yield iam
