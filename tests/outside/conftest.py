"""A working folder, an IAM from elsewhere, and a way to run a command as a user would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.commands import Run, runner
from tests.outside.elsewhere import ACCOUNT, Elsewhere


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "manifests").mkdir()
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process."""
    return runner(capsys)


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
