"""What is new and what is lost: a state that no apply has written, one that only drift founded, a backup left alone."""

from __future__ import annotations

import json

import pytest

from reconciler.drift import DriftReport
from reconciler.engine import Choices, drift
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError
from tests.apply.house import House
from tests.engine.manifests import ROLE
from tests.house import OWN


@pytest.fixture
def applied(house: House) -> House:
    """What is declared is live, and owned; the state has a backup."""
    house.account.create_user("alice")
    house.write("a.yaml", ROLE)
    house.applied()
    return house


@pytest.fixture
def lost(applied: House) -> House:
    """What is declared is live, but all that was remembered is gone."""
    for file in (applied.folder / "state").iterdir():
        file.unlink()
    return applied


def drifted(house: House) -> DriftReport:
    (found,) = drift(house.settings()).accounts
    assert found.report is not None, found.error
    return found.report


def refused(house: House, choices: Choices | None = None) -> Diagnostic:
    house.box.reset_calls()
    with pytest.raises(ReconcilerError) as caught:
        house.apply_run(choices)
    assert not house.box.mutating_calls
    (found,) = caught.value.diagnostics
    return found


def test_a_plan_says_that_no_apply_is_on_record_though_drift_has_written_a_state(lost: House) -> None:
    assert Code.RS507 in [found.code for found in lost.plan().warnings]
    drifted(lost)
    assert lost.state["ledger"], "drift has founded a state"
    (found,) = [found for found in lost.plan().warnings if found.code is Code.RS507]
    assert found.message == f"No apply is on record for account {OWN} in state yet."


def test_drift_says_so_too_each_time_and_finds_what_it_finds(lost: House) -> None:
    for _ in range(2):
        report = drifted(lost)
        assert [found.code for found in report.warnings] == [Code.RS507]
        assert report.counted == ()


def test_in_a_pipeline_a_state_that_drift_has_founded_is_no_first_use_that_was_said(
    lost: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    drifted(lost)
    assert refused(lost).code is Code.RS508
    assert lost.apply(Choices(first_use=True)).is_complete
    assert lost.apply().is_complete, "an apply is on record"


def test_after_an_apply_nobody_speaks_of_a_first_use(lost: House) -> None:
    drifted(lost)
    lost.apply()
    assert drifted(lost).warnings == ()
    assert lost.plan().warnings == ()


def test_an_apply_that_had_nothing_to_do_is_on_record_as_well(lost: House, monkeypatch: pytest.MonkeyPatch) -> None:
    lost.account.delete_role("deployer")
    lost.write("a.yaml", "kind: Removed\naddress: role/deployer\n")
    lost.apply()
    assert not lost.owned
    monkeypatch.setenv("CI", "true")
    assert lost.apply().is_complete


def test_an_account_in_which_nothing_declared_is_live_stays_quiet(house: House) -> None:
    house.account.create_user("alice")
    house.write("a.yaml", ROLE)
    for _ in range(2):
        assert drifted(house).warnings == ()
        assert house.plan().warnings == ()


@pytest.mark.parametrize("ci", ["", "true"])
def test_a_state_that_is_gone_while_its_backup_is_there_is_no_first_use(
    ci: str, applied: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ci:
        monkeypatch.setenv("CI", ci)
    applied.state_file.unlink()
    before = {file.name: file.read_bytes() for file in (applied.folder / "state").iterdir()}
    for first_use in (False, True):
        assert refused(applied, Choices(first_use=first_use)).code is Code.RS501
    for act in (applied.plan_run, lambda: drift(applied.settings())):
        with pytest.raises(ReconcilerError, match="is gone, and its backup is still there"):
            act()
    assert {file.name: file.read_bytes() for file in (applied.folder / "state").iterdir()} == before


def test_the_backup_put_back_as_told_is_gone_on_with(applied: House) -> None:
    backup = applied.state_file.with_suffix(".json.backup")
    applied.state_file.unlink()
    said = str(refused(applied).help)
    assert f"`cp state/{backup.name} state/{applied.state_file.name}`" in said
    assert f"(serial {json.loads(backup.read_text())['serial']})" in said
    applied.state_file.write_bytes(backup.read_bytes())
    assert applied.apply(review=False).summary.held == 0
    assert applied.owned == applied.live


def test_the_backup_moved_away_as_told_is_a_new_beginning(applied: House) -> None:
    backup = applied.state_file.with_suffix(".json.backup")
    lineage = applied.state["lineage"]
    applied.state_file.unlink()
    assert f"Or move state/{backup.name} away to begin anew" in str(refused(applied).help)
    backup.rename(applied.folder / "kept")
    assert applied.apply().is_complete
    assert applied.owned == applied.live
    assert applied.state["lineage"] != lineage
