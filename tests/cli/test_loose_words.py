"""What is typed a little beside the point: understood where it can only mean one thing, refused where it means none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import DEPLOYER
from tests.commands import Run


@pytest.mark.usefixtures("box")
@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nonsense", "Did you mean 'role/nonsense'?"),
        ("role/", "is not an address"),
        ("Role/deployer", "is not an address"),
        ("user/alice", "role/NAME or managed_policy/NAME"),
        ("arn:aws:iam::111122223333:role/deployer", "is not an address"),
    ],
)
@pytest.mark.parametrize("command", ["plan", "apply"])
def test_what_is_no_address_lifts_no_guard(command: str, address: str, said: str, run: Run) -> None:
    done = run(command, "--allow-self", address)

    assert done.code == 1
    assert done.out == ""
    assert "RM122" in done.err
    assert said in " ".join(done.err.replace("│", " ").split())


@pytest.mark.usefixtures("box")
@pytest.mark.parametrize("path", [".", "..", "manifests/..", "manifests"])
def test_a_folder_that_holds_the_manifests_means_all_of_them(path: str, run: Run, folder: Path) -> None:
    (folder / "manifests" / "another.yaml").write_text(DEPLOYER.replace("deployer", "another"))
    assert run("validate", path).code == 0
    assert run("plan", path).sentence == "Plan: 2 to add, 0 to change, 0 to destroy."
    assert run("apply", "--auto-approve", path).code == 0

    (folder / "manifests" / "another.yaml").unlink()

    assert run("plan", path).sentence == "Plan: 0 to add, 0 to change, 1 to destroy."


@pytest.mark.usefixtures("box")
def test_a_folder_beside_the_manifests_is_still_refused(run: Run, folder: Path) -> None:
    (folder / "manifests-of-old").mkdir()

    assert "RM120" in run("plan", "manifests-of-old").err


@pytest.mark.usefixtures("box")
@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
def test_a_profile_that_is_set_to_nothing_is_none(name: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "")

    assert run("plan").code == 0
