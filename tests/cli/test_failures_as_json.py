"""Whoever asks for JSON finds one object on standard output, also where there is no result: then it says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.cli.options import asks_for_json
from reconciler.sandbox import Sandbox
from tests.cli.conftest import DEPLOYER
from tests.commands import Finished, Run

BLOCKED = DEPLOYER + "  - user: carol\n"


def codes(done: Finished) -> list[str]:
    """The codes below `error`, for a run that failed as a whole."""
    assert done.code == 1
    assert list(done.json) == ["format_version", "error"]
    return [found["code"] for found in done.json["error"]]


@pytest.mark.usefixtures("box")
@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("plan --manifests nowhere", "RM101"),
        ("plan --target role/nobody", "RM120"),
        ("plan --endpoint-url http://127.0.0.1:1", "RA404"),
        ("plan --out nowhere/plan.json", "RA419"),
        ("plan --destroy manifests", "RM122"),
        ("plan --no-such-option", "RM122"),
        ("apply", "RA411"),
        ("apply nowhere.json", "RA406"),
        ("apply --expect sha256:0", "RA412"),
        ("drift --manifests nowhere", "RM101"),
        ("show nowhere.json", "RA406"),
        ("state show role/nobody", "RM120"),
        ("explain RP999", "RM122"),
        ("plna", "RM122"),
    ],
)
def test_a_command_that_fails_says_why_in_json_and_in_words(command: str, code: str, run: Run) -> None:
    done = run(*command.split(), "--format", "json")

    assert codes(done) == [code]
    assert code in done.err


@pytest.mark.usefixtures("box")
def test_all_errors_of_the_manifests_are_in_the_object_with_their_places(run: Run, folder: Path) -> None:
    (folder / "manifests" / "a.yaml").write_text("kind: Role\nname: a b\ntrust: [{user: alice}]\n")
    (folder / "manifests" / "b.yaml").write_text("kind: Role\nname: b\npth: /\ntrust: [{user: alice}]\n")

    for command in (["plan"], ["apply", "--auto-approve"], ["drift"]):
        done = run(*command, "--format=json")
        found = {(each["code"], each["file"], each["line"]) for each in done.json["error"]}
        assert found == {("RM111", "manifests/a.yaml", 2), ("RM107", "manifests/b.yaml", 3)}


@pytest.mark.usefixtures("box")
def test_validate_keeps_its_form_where_the_configuration_is_wrong(run: Run, folder: Path) -> None:
    (folder / "reconciler.toml").write_text("x = 1\n")

    done = run("validate", "--format", "json")

    assert done.code == 1
    assert done.json["summary"]["errors"] == 1
    assert done.json["diagnostics"][0]["code"] == "RM121"
    assert done.json["diagnostics"][0]["file"] == "reconciler.toml"


@pytest.mark.usefixtures("box")
def test_a_strict_plan_that_is_refused_names_the_blockers(run: Run, folder: Path) -> None:
    (folder / "manifests" / "deployer.yaml").write_text(BLOCKED)

    assert codes(run("plan", "--strict", "--format", "json")) == ["RP204"]


@pytest.mark.usefixtures("box")
def test_an_apply_tells_what_was_blocked_and_every_call_it_made(run: Run, folder: Path) -> None:
    (folder / "manifests" / "deployer.yaml").write_text(BLOCKED)
    (folder / "manifests" / "on-call.yaml").write_text(DEPLOYER.replace("deployer", "on-call"))

    done = run("apply", "--auto-approve", "--format", "json")

    assert done.code == 1
    assert done.json["summary"]["added"] == 1
    assert [(found["code"], found["address"]) for found in done.json["blockers"]] == [("RP204", "role/deployer")]
    assert done.json["calls"]["CreateRole"] == 1
    assert done.json["calls"]["ListRoles"] == 1


def test_the_summary_of_an_apply_counts_what_was_read_and_what_was_written(run: Run, box: Sandbox) -> None:
    done = run("apply", "--auto-approve")

    summary = done.err.rstrip("\n").rpartition("\n")[2]
    assert summary.startswith(f"{box.requests.total()} calls to AWS: ")
    assert "CreateRole 1" in summary


@pytest.mark.usefixtures("box")
def test_a_plan_file_is_applied_with_the_calls_of_this_run_alone(run: Run, box: Sandbox) -> None:
    assert run("plan", "--out", "plan.json").code == 0
    before = box.requests.total()

    done = run("apply", "plan.json", "--format", "json")

    assert sum(done.json["calls"].values()) == box.requests.total() - before


@pytest.mark.usefixtures("box")
def test_an_apply_that_was_answered_with_no_is_no_result(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.cli.terminal.Terminal.is_interactive", True)
    monkeypatch.setattr("builtins.input", lambda: "no")

    assert codes(run("apply", "--format", "json")) == ["RA411"]


@pytest.mark.parametrize(
    ("words", "environ", "asked"),
    [
        ("plan --format json", {}, True),
        ("plan --format=json", {}, True),
        ("plan --format json --format text", {}, False),
        ("plan", {"RECONCILER_FORMAT": "json"}, True),
        ("plan --format text", {"RECONCILER_FORMAT": "json"}, False),
        ("plan --format", {}, False),
        ("plan json", {}, False),
        ("plan", {}, False),
    ],
)
def test_json_is_asked_for_by_the_option_or_its_variable(words: str, environ: dict[str, str], *, asked: bool) -> None:
    assert asks_for_json(words.split(), environ) is asked
