"""What people type when they are in a hurry: nothing of it may pass for something that was looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import Run

VALID = "kind: Role\nname: deployer\ntrust: [{service: ec2.amazonaws.com}]\n"


@pytest.fixture(autouse=True)
def manifests(folder: Path) -> None:
    """Declare one role, in a folder of its own."""
    (folder / "manifests" / "team").mkdir()
    (folder / "manifests" / "team" / "deployer.yaml").write_text(VALID)


@pytest.mark.parametrize("path", ["manifests/team/deployer.yml", "nowhere", "manifests/team/deployer.yaml/x"])
def test_a_path_that_is_not_there_is_not_valid(path: str, run: Run) -> None:
    done = run("validate", path)
    assert done.code == 1
    assert f"{path} does not exist" in done.err
    assert run("validate", path, "--format", "json").json["diagnostics"][0]["code"] == "RM120"


def test_a_path_apart_from_the_manifests_is_not_valid(folder: Path, run: Run) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "deployer.yaml").write_text(VALID)
    done = run("validate", "manifests/team", "elsewhere")
    assert done.code == 1
    assert "elsewhere is not below manifests" in done.err


@pytest.mark.parametrize(
    "arguments", [("validate", "loop"), ("apply", "loop"), ("show", "loop"), ("validate", "--manifests", "loop")]
)
def test_a_link_that_leads_to_itself_is_an_error(arguments: tuple[str, ...], folder: Path, run: Run) -> None:
    (folder / "loop").symlink_to("loop")
    done = run(*arguments)
    assert done.code == 1
    assert "Error R" in done.out + done.err
    assert "defect" not in done.err


@pytest.mark.parametrize("path", ["manifests", "manifests/team", "manifests/team/deployer.yaml", "."])
def test_a_path_around_manifests_or_among_them_is_read(path: str, run: Run) -> None:
    done = run("validate", path)
    assert (done.code, done.sentence) == (0, "Valid: 1 object in 1 file.")


@pytest.mark.parametrize("arguments", [(), ("state",), ("state", "lst"), ("plna",), ("plan", "--fromat", "json")])
def test_a_command_that_is_none_is_told_in_one_sentence(arguments: tuple[str, ...], run: Run) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (1, "")
    assert "RM122" in done.err
    assert "--help" in done.err
    assert "\\n" not in done.err
    assert len(done.err.splitlines()) < 10
