"""The command that a plan ends with works as it stands, in the same folder and shell."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import DEPLOYER
from tests.commands import Finished, Run


def next_step(planned: Finished) -> list[str]:
    """Return the command that a plan ends with, as a shell splits it."""
    return shlex.split(planned.err.rstrip("\n").rpartition(": ")[2])


@pytest.fixture
def places(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The options that lead to manifests and configuration in places of their own, and to an endpoint."""
    home = folder / "it's here"
    home.mkdir()
    (folder / "manifests").rename(home / "roles")
    (home / "roles" / "more").mkdir()
    (home / "roles" / "more" / "another.yaml").write_text(DEPLOYER.replace("deployer", "another"))
    (home / "fleet.toml").write_text("[accounts.111122223333]\n")
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    where = ["--manifests", "it's here/roles", "--state", "it's here/memory", "--config", "it's here/fleet.toml"]
    return [*where, "--endpoint-url", endpoint, "--account", "111122223333"]


@pytest.mark.usefixtures("box")
@pytest.mark.parametrize("out", [[], ["--out", "a plan.json"], ["--out=-plan.json"]])
@pytest.mark.parametrize("narrowed", [[], ["it's here/roles/more"], ["--target", "role/another"]])
def test_what_was_given_to_the_plan_is_given_to_the_apply(
    out: list[str], narrowed: list[str], places: list[str], folder: Path, run: Run
) -> None:
    planned = run("plan", *places, *out, *narrowed)

    done = run(*next_step(planned)[1:])

    assert done.code == 0
    assert ("1 added" if narrowed else "2 added") in done.out
    assert (folder / "it's here" / "memory" / "111122223333.json").exists()


@pytest.mark.usefixtures("box")
def test_the_guards_that_were_lifted_for_the_plan_are_lifted_for_the_apply(run: Run, folder: Path) -> None:
    for number in range(12):
        (folder / "manifests" / f"{number}.yaml").write_text(DEPLOYER.replace("deployer", f"deployer-{number}"))
    assert run("apply", "--auto-approve").code == 0

    planned = run("plan", "--destroy", "--allow-mass-delete", "--approve", "delete", "--approve", "re_trust:role/x")
    done = run(*next_step(planned)[1:])

    assert next_step(planned)[-6:] == [
        "--destroy", "--approve", "delete", "--approve", "re_trust:role/x", "--allow-mass-delete",
    ]  # fmt: skip
    assert done.code == 0
    assert "13 destroyed" in done.out


@pytest.mark.usefixtures("box")
def test_how_a_plan_is_shown_is_nothing_that_an_apply_needs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_STATE", "memory")

    typed = next_step(run("plan", "--stages", "--detailed-exitcode", "--no-color", "--log-level", "error"))

    assert typed[:3] == ["reconciler", "apply", "--expect"]
    assert len(typed) == 4
