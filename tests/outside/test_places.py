"""Places that are no plain files: links, pipes, devices, folders, and what cannot be written to."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from tests.commands import Run
from tests.outside.elsewhere import Elsewhere


@pytest.fixture(autouse=True)
def account(folder: Path, iam: Elsewhere) -> None:
    """Declare a role that trusts the user that there is."""
    (folder / "manifests" / "deployer.yaml").write_text("kind: Role\nname: deployer\ntrust: [{user: alice}]\n")
    iam.create_user("alice")


def test_a_plan_that_goes_into_a_pipe_leaves_the_pipe_where_it_is(folder: Path, run: Run) -> None:
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    planned = run("plan", "--out", "pipe")
    reader.join()
    assert planned.code == 0
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    (folder / "plan.json").write_text(read[0])
    assert run("show", "plan.json").sentence == "Plan: 1 to add, 0 to change, 0 to destroy."


def test_a_plan_that_goes_through_a_link_is_written_where_the_link_leads(folder: Path, run: Run) -> None:
    (folder / "plans").mkdir()
    link = folder / "latest.json"
    link.symlink_to("plans/today.json")
    assert run("plan", "--out", "latest.json").code == 0
    assert link.is_symlink()
    assert stat.S_IMODE((folder / "plans" / "today.json").stat().st_mode) == 0o600
    assert run("apply", "latest.json").code == 0


@pytest.mark.parametrize("place", ["manifests", "nowhere/plan.json", "manifests/deployer.yaml/plan.json"])
def test_a_plan_that_cannot_be_kept_is_an_error(place: str, run: Run) -> None:
    planned = run("plan", "--out", place)
    assert planned.code == 1
    assert f"{place} cannot be written" in planned.err


@pytest.mark.parametrize("command", [("plan",), ("apply", "--auto-approve"), ("drift",)])
def test_a_state_that_is_no_folder_is_an_error(command: tuple[str, ...], folder: Path, run: Run) -> None:
    (folder / "state").write_text("not a folder")
    done = run(*command)
    assert done.code == 1
    assert "RS50" in done.err
    assert "defect" not in done.err
