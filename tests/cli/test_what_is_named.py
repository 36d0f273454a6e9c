"""How files and settings are named: as seen from the working folder, and in words."""

from __future__ import annotations

from os import chdir
from pathlib import Path

import pytest

from reconciler.config import Config
from reconciler.engine.settings import Settings, within
from reconciler.sandbox import Clock, Sandbox
from tests.commands import Finished, Run

STATE = "state/111122223333.json"


def told(done: Finished) -> str:
    """Return all that was said, without the frames around it."""
    return " ".join((done.out + done.err).replace("│", " ").split())


@pytest.mark.usefixtures("box")
@pytest.mark.parametrize("command", ["plan", "drift", "apply --auto-approve"])
def test_a_state_that_cannot_be_read_is_named_from_the_working_folder(run: Run, folder: Path, command: str) -> None:
    assert run("apply", "--auto-approve").code == 0
    (folder / "manifests" / "deployer.yaml").write_text("kind: Role\nname: other\ntrust: [{user: alice}]\n")
    assert run("apply", "--auto-approve").code == 0
    (folder / STATE).write_text("{")

    done = run(*command.split())

    assert done.code == 1
    assert f"{STATE} breaks off" in told(done)
    assert f"cp {STATE}.backup {STATE}" in told(done)
    assert str(folder) not in told(done)


@pytest.mark.usefixtures("box")
def test_a_state_that_cannot_be_written_is_named_from_the_working_folder(run: Run, folder: Path) -> None:
    (folder / "state").write_text("")

    done = run("apply", "--auto-approve")

    assert done.code == 1
    assert "state/111122223333.lock cannot be locked" in told(done)
    assert str(folder) not in told(done)


def test_a_state_above_the_working_folder_is_named_as_it_was_given(run: Run, folder: Path) -> None:
    (folder / "state").mkdir()
    (folder / STATE).write_text("{")
    (folder / "work").mkdir()
    chdir(folder / "work")

    assert f" ../{STATE} breaks off" in told(run("state", "list", "--state", "../state"))
    assert f"{folder}/{STATE} breaks off" in told(run("state", "list", "--state", str(folder / "state")))


@pytest.mark.usefixtures("box")
def test_a_folder_without_manifests_is_named_from_the_working_folder(run: Run, folder: Path) -> None:
    (folder / "manifests" / "deployer.yaml").unlink()

    done = run("plan")

    assert done.code == 1
    assert "There are no manifests in manifests." in told(done)


@pytest.mark.usefixtures("box")
@pytest.mark.parametrize(("command", "code"), [("plan", "RM120"), ("validate", "RM120"), ("apply", "RA406")])
def test_a_link_that_goes_in_a_circle_is_refused_as_a_path(run: Run, folder: Path, command: str, code: str) -> None:
    (folder / "circle").symlink_to("circle")

    done = run(command, "circle")

    assert done.code == 1
    assert code in told(done)


def test_a_link_that_goes_in_a_circle_has_nothing_below_it(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    settings = Settings(manifests=Path(), state="state", config=Config(), clock=Clock(), cwd=tmp_path)
    assert not within([Path("circle")], settings)("manifests/a.yaml")
    assert not within([Path("manifests")], settings)("circle")
    assert within([Path("manifests")], settings)("manifests/a.yaml")


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ("", '[approvals]\nhold = ["delete", "broaden"]', "A bare --auto-approve now holds broaden and delete, unlike"),
        ('[approvals]\nhold = ["delete"]', "", "A bare --auto-approve no longer holds delete, as it did"),
        ("", '[approvals]\npass = ["adopt"]', "A bare --auto-approve no longer holds adopt, as it did"),
        (
            "",
            "[limits]\ndelete_fraction = 0.5",
            (
                "What is blocked is now to delete more than 50 % of what is owned, from 10 objects on; at "
                "the last apply it was more than 30 % of what is owned, from 10 objects on."
            ),
        ),
        ("", '[approvals]\nhold = ["adopt"]', None),
        ("", "", None),
    ],
)
@pytest.mark.usefixtures("box")
def test_settings_that_make_a_difference_since_the_last_apply_are_told_in_words(
    run: Run, folder: Path, before: str, now: str, words: str | None
) -> None:
    (folder / "reconciler.toml").write_text(before)
    assert run("apply", "--auto-approve").code == 0
    (folder / "reconciler.toml").write_text(now)

    plan = run("plan")

    assert plan.code == 0
    assert ("RM123" in told(plan)) is (words is not None)
    assert (words or "") in told(plan)
    assert "{" not in told(plan)


@pytest.mark.usefixtures("box")
def test_a_state_that_was_moved_is_told_from_where(run: Run, folder: Path) -> None:
    assert run("apply", "--auto-approve").code == 0
    (folder / "state").rename(folder / "moved")

    plan = run("plan", "--state", "moved")

    assert "The state is now kept in moved; the last apply kept it in state." in told(plan)


@pytest.mark.usefixtures("box")
@pytest.mark.parametrize("command", ["plan", "plan --format json", "apply --auto-approve"])
def test_an_approval_that_fits_no_change_is_told_with_what_may_have_been_meant(run: Run, command: str) -> None:
    done = run(*command.split(), "--approve", "broaden:role/deplyoer")

    assert done.code == 0
    assert "--approve broaden:role/deplyoer fits no change of this plan. Did you mean 'role/deployer'?" in told(done)
    assert "fits no change" not in done.out


@pytest.mark.usefixtures("box")
def test_an_approval_of_another_kind_than_the_change_asks_for_fits_nothing(run: Run) -> None:
    assert "--approve adopt:role/deployer fits no change of this plan." in told(
        run("plan", "--approve", "adopt:role/deployer")
    )


@pytest.mark.usefixtures("box")
@pytest.mark.parametrize("approval", ["broaden:role/deployer", "adopt"])
def test_an_approval_that_fits_or_is_for_all_is_not_remarked_upon(run: Run, approval: str) -> None:
    assert "fits no change" not in told(run("plan", "--approve", approval))


@pytest.mark.usefixtures("box")
@pytest.mark.parametrize("command", ["plan", "apply --auto-approve"])
def test_a_guard_lifted_for_what_does_not_change_is_told_with_what_may_have_been_meant(run: Run, command: str) -> None:
    done = run(*command.split(), "--allow-self", "role/deplyoer")

    assert done.code == 0
    assert "--allow-self role/deplyoer fits no change of this plan. Did you mean 'role/deployer'?" in told(done)


@pytest.mark.parametrize("address", ["role/deployer", "role/Deployer"])
def test_a_guard_lifted_for_a_change_is_not_remarked_upon_be_that_blocked(run: Run, box: Sandbox, address: str) -> None:
    assert "fits no change" not in told(run("plan", "--allow-self", address))
    box.account().delete_user("alice")
    assert "fits no change" not in told(run("plan", "--allow-self", address))
