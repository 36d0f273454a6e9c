"""What surrounds an apply: locks, first use, states that cannot be written, interrupts, and the price of a plan."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from errno import ENOSPC
from pathlib import Path

import pytest

from reconciler import engine
from reconciler.apply import Result
from reconciler.engine import Choices, drift
from reconciler.iam import Aws
from reconciler.model.change import Call
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError
from reconciler.state import LocalStore, State
from tests.apply.house import OTHER, House, Killed, told
from tests.engine.dying import dying_after
from tests.engine.manifests import LIST, READ, ROLE
from tests.house import OWN


@pytest.fixture
def declared(house: House) -> House:
    house.account.create_user("alice")
    house.write("a.yaml", ROLE)
    return house


@pytest.fixture
def locked(declared: House) -> Iterator[House]:
    """Another run holds the state."""
    store = LocalStore(declared.folder / "state")
    with store.lock(OWN, operation="apply", clock=declared.settings().now):
        yield declared


def test_a_second_apply_is_told_who_holds_the_lock(locked: House) -> None:
    with pytest.raises(ReconcilerError) as caught:
        locked.apply_run()
    assert caught.value.diagnostics[0].code == "RS505"
    assert str(os.getpid()) in (caught.value.diagnostics[0].help or "")
    assert "for apply since 2126-11-24T10:00:00Z" in caught.value.diagnostics[0].message
    assert not locked.box.calls["CreateRole"]


def test_a_run_that_cannot_begin_leaves_no_connection_open(declared: House, monkeypatch: pytest.MonkeyPatch) -> None:
    close, closed = Aws.close, []

    def close_and_tell(aws: Aws) -> None:
        closed.append(aws)
        close(aws)

    monkeypatch.setattr(Aws, "close", close_and_tell)
    with pytest.raises(ReconcilerError):
        engine.plan(declared.settings(account=OTHER), Choices())
    assert len(closed) == 1


def test_a_second_apply_waits_as_long_as_it_is_told(locked: House) -> None:
    started = locked.box.clock()
    with pytest.raises(ReconcilerError):
        locked.apply_run(lock_timeout=30)
    assert (locked.box.clock() - started).total_seconds() == 60 + 30


def test_a_plan_takes_no_lock(locked: House) -> None:
    assert locked.plan().changes


def test_drift_reports_without_the_lock_and_says_that_nothing_was_recorded(locked: House) -> None:
    (found,) = drift(locked.settings()).accounts
    assert found.report is not None
    assert [warning.code for warning in found.report.warnings if warning.code == "RS509"] == ["RS509"]


def test_drift_reports_where_the_ledger_cannot_be_written(declared: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalStore, "write", unwritable)
    (found,) = drift(declared.settings()).accounts
    assert found.report is not None
    assert [warning.code for warning in found.report.warnings if warning.code == "RS509"] == ["RS509"]


def test_drift_that_is_not_to_record_makes_no_file(declared: House) -> None:
    drift(declared.settings(), record=False)
    assert not (declared.folder / "state").exists()


def test_a_policy_that_a_killed_run_has_made_is_not_left_behind_when_no_manifest_speaks_of_policies_any_more(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.write("role.yaml", "kind: Role\nname: machine\ntrust: [{service: ec2.amazonaws.com}]\n")
    house.write("policy.yaml", f"kind: ManagedPolicy\nname: Lists\npolicy: {LIST}\n")
    with monkeypatch.context() as patch:
        patch.setattr(house.box, "answer", dying_after("CreatePolicy", house.box.answer))
        with pytest.raises(Killed):
            house.apply()
    assert "managed_policy/Lists" in house.live
    assert "managed_policy/Lists" not in house.owned

    house.remove("policy.yaml")

    assert house.applied()["DeletePolicy"] == 1
    assert [*house.live] == [*house.owned] == ["role/machine"]
    assert not house.state.get("intents")


def unwritable(_store: LocalStore, _state: State) -> State:
    raise ReconcilerError(Diagnostic(Code.RS506, "the state cannot be written: No space left on device"))


def test_where_the_state_cannot_be_written_nothing_is_written_to_iam(
    declared: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalStore, "write", unwritable)
    result = declared.apply()
    assert not declared.box.mutating_calls
    assert {one.outcome for one in result.outcomes} == {Result.NOT_TRIED}
    assert [problem.code for problem in result.problems] == ["RS506"]
    assert not result.is_complete


def test_a_disk_that_fills_up_midway_ends_the_run_and_the_next_goes_on(
    declared: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, writes = LocalStore.write, []

    def fills_up(store: LocalStore, state: State) -> State:
        writes.append(state)
        if len(writes) == 2:
            raise ReconcilerError(Diagnostic(Code.RS506, os.strerror(ENOSPC)))
        return write(store, state)

    monkeypatch.setattr(LocalStore, "write", fills_up)
    result = declared.apply()
    assert not result.is_complete
    assert [problem.code for problem in result.problems] == ["RS506"]
    assert Result.NOT_TRIED in {one.outcome for one in result.outcomes}
    monkeypatch.undo()
    assert declared.owned == declared.live, "what was done is stored by the last try"
    assert declared.apply(review=False).summary.held == 0
    assert declared.successes["CreateRole"] == 1
    assert not declared.plan().changes


def test_in_a_pipeline_the_first_use_has_to_be_said(declared: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(ReconcilerError) as caught:
        declared.apply_run()
    assert caught.value.diagnostics[0].code == "RS508"
    assert not declared.box.mutating_calls
    assert declared.apply(Choices(first_use=True)).is_complete
    assert declared.apply().is_complete


def test_an_altered_state_ends_the_apply_before_anything(declared: House) -> None:
    declared.applied()
    declared.state_file.write_text(declared.state_file.read_text()[:-100])
    declared.box.reset_calls()
    with pytest.raises(ReconcilerError) as caught:
        declared.apply_run()
    assert caught.value.diagnostics[0].code in {"RS501", "RS502"}
    assert not declared.box.mutating_calls


def test_no_is_an_answer(declared: House) -> None:
    run = declared.apply_run(confirm=lambda _run: False)
    assert run.declined
    assert not declared.box.mutating_calls


def test_an_interrupt_lets_the_call_in_flight_finish_and_the_rest_wait(declared: House) -> None:
    asked: list[str] = []
    declared.box.faults.at("CreateRole", do=lambda: asked.append("stop"))
    result = declared.apply(interrupted=lambda: bool(asked))
    assert result.interrupted
    assert not result.is_complete
    outcomes = {(one.address, one.call): one for one in result.outcomes}
    assert outcomes["role/deployer", Call.CREATE_ROLE].outcome is Result.DONE
    rest = [one for (_, call), one in outcomes.items() if call in {"PutRolePolicy", "AttachRolePolicy"}]
    assert {one.outcome for one in rest} == {Result.NOT_TRIED}
    assert {one.diagnostic.code for one in rest if one.diagnostic} == {"RA417"}
    assert declared.owned == declared.live
    assert declared.apply(review=False).summary.held == 0
    assert declared.box.mutating_calls["CreateRole"] == 1
    assert not declared.plan().changes


def test_an_interrupt_ends_the_waiting_for_what_would_pass(declared: House) -> None:
    asked: list[float] = []
    declared.box.faults.throttle("CreatePolicy")
    settings = declared.settings()
    slept = settings.sleep

    def sleep(seconds: float) -> None:
        asked.append(seconds)
        slept(seconds)

    run = engine.apply(
        declared.settings(sleep=sleep), Choices(), confirm=lambda _run: True, interrupted=lambda: len(asked) >= 5
    )
    (done,) = run.accounts
    assert done.result is not None
    assert done.result.interrupted
    assert max(asked) <= 1.0, "in naps"
    assert len(asked) <= 6


def test_between_stages_a_run_settles_and_not_after_the_last(declared: House) -> None:
    stages = {operation.stage for change in declared.plan().changes for operation in change.operations}
    started = declared.box.clock()
    declared.apply(settle=20)
    assert (declared.box.clock() - started).total_seconds() == 60 + 20 * (len(stages) - 1)


def test_a_plan_makes_no_mutating_call_and_writes_no_file(declared: House) -> None:
    before = sorted(declared.folder.rglob("*"))
    (declared.folder / "manifests").chmod(0o555)
    declared.folder.chmod(0o555)
    try:
        assert declared.plan().changes
    finally:
        declared.folder.chmod(0o755)
        (declared.folder / "manifests").chmod(0o755)
    assert not declared.box.mutating_calls
    assert sorted(declared.folder.rglob("*")) == before


def test_a_role_with_an_inline_and_an_attached_policy_is_three_writes(declared: House) -> None:
    declared.account.create_policy("Lists", json.dumps(json_of_list()))
    declared.write("a.yaml", ROLE.partition("---")[0].replace("[Lists]", f'["arn:aws:iam::{OWN}:policy/Lists"]'))
    assert declared.applied() == {"CreateRole": 1, "AttachRolePolicy": 1, "PutRolePolicy": 1}


def json_of_list() -> dict[str, object]:
    statement = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_the_outcomes_are_told_while_it_goes_on_in_parallel(declared: House) -> None:
    for number in range(8):
        declared.write(f"r{number}.yaml", ROLE.partition("---")[0].replace("deployer", f"r{number}"))
    result = declared.apply(parallelism=4)
    assert result.is_complete, told(result)
    key = [(one.address, one.call) for one in declared.heard.outcomes]
    assert sorted(key, key=str) == sorted([(one.address, one.call) for one in result.outcomes], key=str)
    assert declared.owned == declared.live
    assert not declared.plan().changes


def test_a_name_spelled_in_another_case_is_owned_once(declared: House) -> None:
    declared.applied()
    declared.write("a.yaml", ROLE.replace("name: deployer", "name: Deployer"))
    result = declared.apply()
    assert result.is_complete, told(result)
    assert declared.owned.keys() == {"role/Deployer", "managed_policy/Lists"}
    assert declared.owned == declared.live
    assert not declared.plan().changes


def test_a_state_that_somebody_else_has_written_meanwhile_is_not_written_over(declared: House) -> None:
    declared.applied()
    declared.write("a.yaml", ROLE.replace(READ, LIST))

    def intrude() -> None:
        store = LocalStore(declared.folder / "state")
        state = store.read(OWN)
        store.write(State(account=OWN, lineage=state.lineage, serial=state.serial, version=state.version))

    declared.box.faults.at("PutRolePolicy", do=intrude)
    result = declared.apply()
    assert [problem.code for problem in result.problems] == ["RS510"]
    assert not result.is_complete
    assert not declared.state.get("objects"), "theirs"


def test_a_path_that_is_declared_nowhere_is_refused(declared: House) -> None:
    with pytest.raises(ReconcilerError) as caught:
        declared.plan_run(paths=(Path("manifests/nowhere.yaml"),))
    assert caught.value.diagnostics[0].code == "RM120"
