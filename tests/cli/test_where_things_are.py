"""Folders that are named by a home, and the working folder that is not there any more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import DEPLOYER
from tests.commands import Run


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of whoever runs this, with manifests in it."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    (home / "roles").mkdir()
    (home / "roles" / "deployer.yaml").write_text(DEPLOYER)
    return home


@pytest.mark.usefixtures("box")
def test_a_tilde_that_no_shell_has_seen_is_the_home(home: Path, folder: Path, run: Run) -> None:
    done = run("apply", "--auto-approve", "--manifests", "~/roles", "--state=~/memory")

    assert done.code == 0
    assert (home / "memory" / "111122223333.json").exists()
    assert not (folder / "~").exists()


@pytest.mark.usefixtures("box")
@pytest.mark.parametrize("place", [".", ".."])
def test_a_tilde_in_the_configuration_is_the_home(
    place: str, home: Path, folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "below").mkdir()
    monkeypatch.chdir("below")
    Path(place, "reconciler.toml").write_text('manifests = "~/roles"\nstate = "~/memory"\n')

    done = run("apply", "--auto-approve")

    assert done.code == 0
    assert (home / "memory" / "111122223333.json").exists()


def test_a_tilde_before_the_configuration_is_the_home(home: Path, folder: Path, run: Run) -> None:
    (home / "of-roles.toml").write_text('manifests = "roles"\n')

    done = run("validate", "--config", "~/of-roles.toml")

    assert done.code == 0
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    "command", [("plan",), ("validate",), ("apply", "--auto-approve"), ("drift",), ("state", "list")]
)
def test_a_working_folder_that_was_deleted_is_no_defect(
    command: tuple[str, ...], folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "gone").mkdir()
    monkeypatch.chdir("gone")
    (folder / "gone").rmdir()

    done = run(*command)
    monkeypatch.chdir(folder)

    assert done.code == 1
    assert "RM101" in done.err
    assert "working folder" in done.err
    assert "defect" not in done.err
