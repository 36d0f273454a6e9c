"""Where `plan --out` may write: never over, or in between, what somebody would miss."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from reconciler.sandbox import Sandbox
from tests.cli.conftest import DEPLOYER
from tests.commands import Run


def said(text: str) -> str:
    """Return what was said, without its frame."""
    return " ".join(text.replace("│", " ").split())


@pytest.fixture
def kept(box: Sandbox, folder: Path, run: Run) -> Sandbox:
    """An account that has been applied, with a configuration, a script and a state beside the manifests."""
    assert run("apply", "--auto-approve").code == 0
    (folder / "reconciler.toml").write_text('[approvals]\nhold = ["delete"]\n')
    (folder / "deploy.sh").write_text("reconciler plan\n")
    (folder / "drift.json").write_text(run("drift", "--format", "json").out)
    (folder / "link.json").symlink_to("manifests/deployer.yaml")
    return box


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("manifests/deployer.yaml", "the folder of the manifests"),
        ("manifests/plan.json", "the folder of the manifests"),
        ("manifests", "the folder of the manifests"),
        ("./nowhere/../manifests/plan.json", "the folder of the manifests"),
        ("link.json", "the folder of the manifests"),
        ("state/111122223333.json", "the folder of the state"),
        ("state/plan.json", "the folder of the state"),
        ("reconciler.toml", "it is the configuration"),
        ("deploy.sh", "it is there, and is not a plan file"),
        ("drift.json", "it is there, and is not a plan file"),
        ("-", "--out takes a file"),
    ],
)
def test_a_plan_goes_nowhere_where_it_would_do_harm(
    place: str, why: str, folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")  # it is refused before anybody is asked
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}

    done = run("plan", "--out", place)

    assert done.code == 1
    assert "RM122" in done.err
    assert why in said(done.err)
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before


@pytest.mark.usefixtures("kept")
def test_the_folders_and_the_file_that_were_named_are_those_that_are_guarded(folder: Path, run: Run) -> None:
    (folder / "manifests").rename(folder / "roles")
    (folder / "other.toml").write_text('manifests = "roles"\nstate = "memory"\n')

    assert "folder of the manifests" in said(run("plan", "--config", "other.toml", "--out", "roles/x.json").err)
    assert "folder of the state" in said(run("plan", "--config", "other.toml", "--out", "memory/x.json").err)
    assert "it is the configuration" in said(run("plan", "--config", "other.toml", "--out", "./other.toml").err)


@pytest.mark.usefixtures("kept")
def test_a_plan_goes_over_an_older_or_an_edited_one_and_over_an_empty_file(folder: Path, run: Run) -> None:
    (folder / "manifests" / "another.yaml").write_text(DEPLOYER.replace("deployer", "another"))
    (folder / "plan.json").touch()
    assert run("plan", "--out", "plan.json").code == 0
    written = (folder / "plan.json").read_text()

    (folder / "plan.json").write_text(written.replace("another", "others"))
    assert run("plan", "--out", "plan.json").code == 0

    assert (folder / "plan.json").read_text() == written


@pytest.mark.usefixtures("box")
def test_a_plan_of_many_accounts_goes_over_an_older_one(folder: Path, run: Run) -> None:
    (folder / "reconciler.toml").write_text("[accounts.111122223333]\n")

    assert run("plan", "--out", "plan.json").code == 0
    assert "accounts" in json.loads((folder / "plan.json").read_text())
    assert run("plan", "--out", "plan.json").code == 0


@pytest.mark.usefixtures("box")
def test_a_plan_still_goes_to_a_device(run: Run) -> None:
    assert run("plan", "--out", os.devnull).code == 0
