"""Looking into what is remembered, and giving an object up."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.sandbox import Sandbox
from tests.commands import Finished, Run


@pytest.fixture
def applied(box: Sandbox, run: Run) -> Sandbox:
    assert run("apply", "--auto-approve").code == 0
    return box


def test_what_is_owned_is_listed_with_its_id(run: Run, applied: Sandbox) -> None:
    done = run("state", "list")

    assert done.code == 0
    assert "Account 111122223333\n" in done.out
    assert f"role/deployer  {applied.account().role_id('deployer')}  created" in done.out


@pytest.mark.usefixtures("applied")
def test_programs_get_the_whole_memory(run: Run) -> None:
    (memory,) = run("state", "list", "--format", "json").json

    assert list(memory["objects"]) == ["role/deployer"]
    assert run("state", "show").json == [memory]


def test_one_object_shows_whom_it_trusts_as_whom(run: Run, applied: Sandbox) -> None:
    done = run("state", "show", "role/deployer")

    alice = applied.account()
    assert f"trusts     {alice.user_arn('alice')} as {alice.user_id('alice')}" in done.out


def test_a_forgotten_object_stays_in_aws_and_is_no_longer_owned(run: Run, applied: Sandbox) -> None:
    done = run("state", "forget", "role/deployer")

    assert done.code == 0
    assert "role/deployer" not in run("state", "list").out
    assert applied.account().role_id("deployer")
    assert "will be imported" in run("plan").out


@pytest.mark.usefixtures("applied")
@pytest.mark.parametrize("command", ["show", "forget"])
def test_what_is_not_owned_is_an_error_with_the_nearest_name(command: str, run: Run) -> None:
    done = run("state", command, "role/deplyoer")

    assert done.code == 1
    assert "Did you mean 'role/deployer'?" in done.err


@pytest.mark.usefixtures("folder")
def test_without_a_state_there_is_nothing_to_list(run: Run) -> None:
    assert run("state", "list") == Finished(0, "", "Nothing is remembered yet: there is no state in state.\n")
    assert run("state", "list", "--format", "json").json == []


@pytest.mark.usefixtures("applied")
def test_a_damaged_state_is_said_to_be(run: Run, folder: Path) -> None:
    file = folder / "state" / "111122223333.json"
    file.write_text(file.read_text().replace("alice", "mallory"))

    done = run("state", "list")

    assert done.code == 1
    assert "RS502" in done.err
