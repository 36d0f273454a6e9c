"""The main commands on an account: what they print where, and with which code they end."""

from __future__ import annotations

import json
import os
import shlex
import signal
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler.sandbox import Sandbox
from reconciler.sandbox.http import Reply, Request
from tests.cli.conftest import DEPLOYER
from tests.commands import Run

TRUSTS_ELSEWHERE = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "sts:AssumeRole"}],
}
HELPER = """\
kind: Role
name: helper
trust:
  - account: "444455556666"
"""
NO_CHANGES = "No changes. Your roles match the manifests."


@pytest.fixture
def applied(box: Sandbox, run: Run) -> Sandbox:
    """The account, once it is as declared."""
    assert run("apply", "--auto-approve").code == 0
    return box


@pytest.fixture
def broken(applied: Sandbox) -> Sandbox:
    """The account, once alice was deleted and created again."""
    applied.account().recreate_user("alice")
    return applied


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Somebody sits there, and answers."""

    def answer(text: str) -> None:
        monkeypatch.setattr("reconciler.cli.terminal.Terminal.is_interactive", True)
        monkeypatch.setattr("builtins.input", lambda: text)

    return answer


def written(box: Sandbox) -> int:
    """How many calls that change something the account has answered."""
    return sum(box.mutating_calls.values())


def test_validate_needs_no_account(run: Run, box: Sandbox) -> None:
    done = run("validate")

    assert (done.code, done.out) == (0, "Valid: 1 object in 1 file.\n")
    assert not box.requests


@pytest.mark.usefixtures("box")
def test_validate_shows_every_error_and_exits_with_1(run: Run, folder: Path) -> None:
    (folder / "manifests" / "a.yaml").write_text("kind: Role\nname: a b\ntrust: [{user: alice}]\n")
    (folder / "manifests" / "b.yaml").write_text("kind: Role\nname: b\npth: /\ntrust: [{user: alice}]\n")

    done = run("validate", "--format", "json")

    assert done.code == 1
    found = {(each["code"], each["file"], each["line"]) for each in done.json["diagnostics"]}
    assert found == {("RM111", "manifests/a.yaml", 2), ("RM107", "manifests/b.yaml", 3)}
    assert done.json["summary"]["errors"] == 2


def test_a_plan_ends_with_terraforms_sentence_and_changes_nothing(run: Run, box: Sandbox) -> None:
    done = run("plan")

    assert done.code == 0
    assert done.sentence == "Plan: 1 to add, 0 to change, 0 to destroy."
    assert "calls to AWS" in done.err
    assert not written(box)


@pytest.mark.usefixtures("applied")
def test_a_plan_of_nothing_is_one_sentence(run: Run) -> None:
    done = run("plan")

    assert done.out == f"{NO_CHANGES}\n"
    assert "reconciler apply" not in done.err


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("arguments", [[], ["--out", "a plan.json"]])
def test_a_plan_ends_with_the_command_that_does_exactly_this(arguments: list[str], run: Run) -> None:
    planned = run("plan", *arguments)
    typed = shlex.split(planned.err.rstrip("\n").rpartition(": ")[2])

    done = run(*typed[1:])

    assert typed[:2] == ["reconciler", "apply"]
    assert done.code == 0
    assert run("plan").out == f"{NO_CHANGES}\n"


@pytest.mark.usefixtures("box")
def test_the_detailed_exit_code_tells_changes_from_none(run: Run) -> None:
    assert run("plan", "--detailed-exitcode").code == 2
    assert run("apply", "--auto-approve").code == 0
    assert run("plan", "--detailed-exitcode").code == 0


@pytest.mark.usefixtures("box")
def test_a_blocked_plan_exits_with_1_and_is_still_written(run: Run, folder: Path) -> None:
    (folder / "manifests" / "deployer.yaml").write_text(DEPLOYER + "  - user: carol\n")

    done = run("plan", "--detailed-exitcode", "--out", "plan.json")

    assert done.code == 1
    assert "RP204" in done.out
    assert done.sentence.startswith("Plan: ")
    assert json.loads((folder / "plan.json").read_text())["blockers"][0]["code"] == "RP204"


@pytest.mark.usefixtures("box")
def test_a_strict_plan_is_refused_where_anything_is_blocked(run: Run, folder: Path) -> None:
    (folder / "manifests" / "deployer.yaml").write_text(DEPLOYER + "  - user: carol\n")

    done = run("plan", "--strict", "--out", "plan.json")

    assert done.code == 1
    assert done.sentence == "Plan: 0 to add, 0 to change, 0 to destroy."
    assert "RP204" in done.out
    assert "--strict refuses all" in done.err
    assert not (folder / "plan.json").exists()


@pytest.mark.usefixtures("box")
def test_a_plan_for_programs_is_the_plan_file(run: Run, folder: Path) -> None:
    done = run("plan", "--format", "json", "--out", "plan.json")

    assert done.json["summary"] == {"import": 0, "add": 1, "change": 0, "destroy": 0, "forget": 0}
    assert (folder / "plan.json").read_text() == done.out
    assert run("show", "plan.json", "--format", "json").out == done.out


@pytest.mark.usefixtures("box")
def test_a_plan_file_is_for_its_owner_alone(run: Run, folder: Path) -> None:
    run("plan", "--out", "plan.json")

    assert stat.S_IMODE((folder / "plan.json").stat().st_mode) == 0o600
    assert sorted(path.name for path in folder.iterdir()) == ["manifests", "plan.json"]


@pytest.mark.usefixtures("box")
def test_a_plan_file_that_cannot_be_written_is_an_error(run: Run) -> None:
    done = run("plan", "--out", "nowhere/plan.json")

    assert done.code == 1
    assert "RA419" in done.err


@pytest.mark.usefixtures("box")
def test_show_is_what_plan_said(run: Run) -> None:
    planned = run("plan", "--out", "plan.json")

    assert run("show", "plan.json").out == planned.out
    assert "CreateRole" in run("show", "plan.json", "--stages").out


@pytest.mark.usefixtures("box")
def test_a_plan_is_shown_from_a_file_that_can_be_read_only_once(run: Run, folder: Path) -> None:
    run("plan", "--out", "plan.json")
    os.mkfifo(folder / "pipe")
    written_once = (folder / "plan.json").read_bytes()
    with ThreadPoolExecutor(1) as pool:
        pool.submit((folder / "pipe").write_bytes, written_once)
        assert run("show", "pipe", "--format", "json").out.encode() == written_once


def test_an_edited_plan_file_is_refused(run: Run, box: Sandbox, folder: Path) -> None:
    run("plan", "--out", "plan.json")
    file = folder / "plan.json"
    file.write_text(file.read_text().replace("user/alice", "user/mallory"))

    for command in ("show", "apply"):
        done = run(command, "plan.json")
        assert done.code == 1
        assert "RA409" in done.err
    assert not written(box)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format_version": "1"}', "\x00"])
def test_a_file_that_is_no_plan_is_refused(content: str, run: Run, box: Sandbox, folder: Path) -> None:
    (folder / "plan.json").write_text(content)

    done = run("apply", "plan.json")

    assert done.code == 1
    assert "RA40" in done.err
    assert not written(box)


@pytest.mark.usefixtures("box")
def test_a_plan_file_that_is_not_there_is_refused(run: Run) -> None:
    assert "RA406" in run("apply", "plan.json").err


@pytest.mark.usefixtures("broken")
def test_a_plan_file_is_a_review_and_applies_what_it_says(run: Run, folder: Path) -> None:
    run("plan", "--out", "plan.json")
    (folder / "manifests" / "deployer.yaml").write_text(DEPLOYER.replace("deployer", "another"))

    done = run("apply", "plan.json")

    assert done.code == 0
    assert done.sentence == "Apply complete! Resources: 0 added, 1 changed, 0 destroyed."


def test_off_a_terminal_nothing_is_applied_without_a_word(run: Run, box: Sandbox) -> None:
    done = run("apply")

    assert (done.code, done.out) == (1, "")
    assert "RA411" in done.err
    assert not box.requests


def test_a_second_apply_makes_no_write(run: Run, applied: Sandbox) -> None:
    before = written(applied)

    done = run("apply", "--auto-approve")

    assert done.code == 0
    assert done.sentence == "Apply complete! Resources: 0 added, 0 changed, 0 destroyed."
    assert written(applied) == before


@pytest.mark.usefixtures("broken")
def test_what_is_held_is_listed_with_what_releases_it(run: Run) -> None:
    held = run("apply", "--auto-approve")

    assert held.code == 2
    assert "--approve re_trust:role/deployer" in held.out
    assert held.sentence.endswith("1 change is held until approved.")

    released = run("apply", "--auto-approve", "--approve", "re_trust:role/deployer")

    assert released.code == 0
    assert run("drift").code == 0


def test_what_waits_for_a_held_narrowing_says_so_and_is_released_by_its_approval(
    run: Run, box: Sandbox, folder: Path
) -> None:
    """Whoever is in that account loses one role before gaining another: nobody may have both meanwhile."""
    box.account().create_role("deployer", trust=TRUSTS_ELSEWHERE)
    box.account().attach_role_policy("deployer", "arn:aws:iam::aws:policy/ReadOnlyAccess")
    (folder / "manifests" / "helper.yaml").write_text(HELPER)

    planned = run("plan").out
    held = run("apply", "--auto-approve")

    assert "held until role/deployer is approved: --approve adopt:role/deployer" in planned
    assert held.code == 2
    options = held.out.partition("apply again with:")[2].split("role/helper  ")[1].splitlines()[0].split()
    assert options == ["--approve", "adopt:role/deployer"]
    assert run("apply", "--auto-approve", *options).code == 0
    assert run("plan").out == f"{NO_CHANGES}\n"


@pytest.mark.usefixtures("broken")
def test_a_fingerprint_that_was_reviewed_is_applied(run: Run) -> None:
    fingerprint = run("plan", "--format", "json").json["fingerprint"]

    assert run("apply", "--expect", fingerprint).code == 0


def test_another_plan_than_the_expected_one_is_refused(run: Run, broken: Sandbox) -> None:
    before = written(broken)
    done = run("apply", "--expect", "sha256:0")

    assert done.code == 1
    assert "RA412" in done.err
    assert written(broken) == before


def test_only_a_whole_yes_is_a_yes(run: Run, box: Sandbox, at_a_terminal: Callable[[str], None]) -> None:
    for answer in ("", "y", "Yes", "no"):
        at_a_terminal(answer)
        done = run("apply")
        assert done.code == 1
        assert "cancelled" in done.err
    assert not written(box)

    at_a_terminal("yes")
    assert run("apply").code == 0


def test_ctrl_d_at_the_question_is_a_no(run: Run, box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def end_of_input() -> str:
        raise EOFError

    monkeypatch.setattr("reconciler.cli.terminal.Terminal.is_interactive", True)
    monkeypatch.setattr("builtins.input", end_of_input)
    done = run("apply")

    assert done.code == 1
    assert done.err.endswith("Apply cancelled. Nothing was done.\n")
    assert not written(box)


@pytest.mark.usefixtures("broken")
def test_a_yes_at_the_terminal_approves_what_was_shown(run: Run, at_a_terminal: Callable[[str], None]) -> None:
    at_a_terminal("yes")

    done = run("apply")

    assert done.code == 0
    assert "re_trust" in done.out
    assert "Only 'yes' will be accepted" in done.err


@pytest.mark.usefixtures("box")
def test_programs_get_nothing_but_json_on_standard_output(run: Run) -> None:
    done = run("apply", "--auto-approve", "--format", "json")

    assert done.json["summary"]["added"] == 1
    assert done.json["outcomes"][0]["call"] == "CreateRole"
    assert done.json["outcomes"][0]["outcome"] == "done"
    assert "Plan: 1 to add" in done.err


@pytest.mark.usefixtures("broken")
def test_drift_exits_with_2_where_a_trust_is_broken(run: Run) -> None:
    done = run("drift")

    assert done.code == 2
    assert "RP201" in done.out
    assert done.sentence.startswith("Drift: 1 finding (1 error); 1 orphaned principal")


@pytest.mark.usefixtures("broken")
def test_drift_for_programs(run: Run) -> None:
    found = run("drift", "--format", "json").json

    assert found["summary"]["orphaned_principals"] == 1
    assert found["findings"][0]["standing"] == "recreated"


@pytest.mark.usefixtures("box")
def test_drift_without_record_writes_nothing(run: Run, folder: Path) -> None:
    assert run("drift", "--no-record").code == 0
    assert not (folder / "state").exists()


@pytest.mark.usefixtures("box")
def test_an_account_that_cannot_be_reached_is_an_error_for_all(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    for command in (["plan"], ["drift"], ["apply", "--auto-approve"]):
        done = run(*command)
        assert (done.code, done.out) == (1, "")
        assert "RA404" in done.err


@pytest.mark.usefixtures("applied", "folder")
def test_a_missing_folder_is_never_a_plan_to_delete_everything(run: Run) -> None:
    done = run("plan", "--manifests", "manifest")

    assert done.code == 1
    assert "RM101" in done.err


@pytest.mark.usefixtures("box")
def test_several_accounts_stand_below_one_top(run: Run, folder: Path) -> None:
    (folder / "reconciler.toml").write_text('[accounts.111122223333]\nname = "production"\n')

    text, top = run("plan"), run("plan", "--format", "json").json

    assert text.out.startswith("Account 111122223333 (production)\n")
    assert [account["account"] for account in top["accounts"]] == ["111122223333"]
    assert top["summary"]["add"] == 1
    applied = run("apply", "--auto-approve", "--format", "json").json
    assert applied["summary"]["added"] == 1
    assert run("drift", "--format", "json").json["summary"]["findings"] == 0


def test_an_interrupt_finishes_the_call_under_way_and_the_next_apply_does_the_rest(
    run: Run, box: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        (folder / "manifests" / f"{name}.yaml").write_text(DEPLOYER.replace("deployer", name))
    answer = box.answer

    def answer_and_interrupt(request: Request) -> Reply:
        reply = answer(request)
        if b"Action=CreateRole" in request.body and box.mutating_calls["CreateRole"] == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return reply

    monkeypatch.setattr(box, "answer", answer_and_interrupt)
    stopped = run("apply", "--auto-approve", "--parallelism", "1")

    assert stopped.code == 1
    assert "Apply incomplete! Resources: 1 added" in stopped.out
    assert stopped.sentence.endswith("Interrupted: run the same command again, it goes on from here.")
    assert box.mutating_calls["CreateRole"] == 1

    finished = run("apply", "--auto-approve")

    assert finished.code == 0
    assert finished.sentence == "Apply complete! Resources: 3 added, 0 changed, 0 destroyed."
    assert box.mutating_calls["CreateRole"] == 4
