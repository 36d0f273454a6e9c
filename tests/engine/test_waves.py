"""Accounts worked in the waves of the configuration, and left alone once too many before them have failed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reconciler.config import Config
from reconciler.engine import ApplyRun
from reconciler.model.diagnostic import Code
from tests.apply.house import OTHER
from tests.engine.accounts import ACCOUNTS, THIRD, Fleet, arn, complete, the_change, the_plan
from tests.house import OWN

WAVES = [["stage=dev"], ["stage=prod", "stage=shared"]]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """The third account is the first wave, the second one the second; the own one is in none, and the last."""
    fleet = Fleet(tmp_path)
    in_waves(fleet)
    return fleet


def in_waves(fleet: Fleet, **rollout: int) -> None:
    accounts = {id_: config.model_dump() for id_, config in fleet.config.accounts.items()}
    accounts[THIRD]["tags"], accounts[OTHER]["tags"] = {"stage": "dev"}, {"stage": "prod", "team": "web"}
    fleet.config = Config.model_validate({"accounts": accounts, "rollout": {"waves": WAVES, **rollout}})


def declare_everywhere(fleet: Fleet) -> None:
    for account in ACCOUNTS:
        fleet.declare("one", account)


def created_in_turn(fleet: Fleet) -> list[str]:
    """Return the accounts in which roles were made, in the order in which they were."""
    return [entry.account for entry in fleet.box.journal if entry.call == "CreateRole"]


def untried(run: ApplyRun) -> dict[str, list[str | None]]:
    """Return the messages of what was not tried, by account."""
    return {
        one.account: [each.diagnostic.message for each in one.result.outcomes if each.diagnostic]
        for one in run.accounts
        if one.result and any(each.outcome == "not_tried" for each in one.result.outcomes)
    }


def test_accounts_are_worked_wave_by_wave_and_those_of_no_wave_last(fleet: Fleet) -> None:
    declare_everywhere(fleet)
    fleet.box.reset_calls()
    run = fleet.apply_run(review=False)
    assert complete(run)
    assert [one.account for one in run.accounts] == sorted(ACCOUNTS)
    assert created_in_turn(fleet) == [THIRD, OTHER, OWN]
    fleet.at_rest()


def test_a_wave_comes_before_the_trust_between_accounts_as_the_plan_says(fleet: Fleet) -> None:
    fleet.declare("late", OWN)
    fleet.declare("early", THIRD, arn("late", OWN))
    (notice,) = the_change(fleet.plan_run(), THIRD, "role/early").notices
    assert "the next apply adds it" in notice
    assert complete(fleet.apply_run(review=False))
    fleet.settle()
    assert fleet.accounts[OWN].role_id("late") in fleet.stored("early", THIRD)


def test_after_enough_failed_accounts_no_other_is_begun(fleet: Fleet) -> None:
    in_waves(fleet, stop_after_failures=1)
    declare_everywhere(fleet)
    fleet.box.faults.deny("CreateRole", account=THIRD)
    fleet.box.reset_calls()
    run = fleet.apply_run(review=False)
    assert set(created_in_turn(fleet)) <= {THIRD}
    assert untried(run) == {
        account: ["The run stopped before this account: stop_after_failures is 1, and so many failed before it."]
        for account in (OTHER, OWN)
    }
    fleet.box.faults.clear()
    fleet.settle()


def test_fewer_failures_than_that_stop_nothing(fleet: Fleet) -> None:
    in_waves(fleet, stop_after_failures=2)
    declare_everywhere(fleet)
    fleet.box.faults.deny("CreateRole", account=THIRD)
    assert untried(fleet.apply_run(review=False)) == {}


def test_what_only_has_to_be_recorded_is_left_for_later_too(fleet: Fleet) -> None:
    in_waves(fleet, stop_after_failures=1)
    fleet.declare("one", THIRD)
    fleet.declare("one", OWN)
    fleet.settle()
    shutil.rmtree(fleet.folder / "state")
    fleet.declare("two", THIRD)
    fleet.box.faults.deny("CreateRole", account=THIRD)
    run = fleet.apply_run()
    assert [len(messages) for messages in untried(run).values()] == [1]
    fleet.box.faults.clear()
    fleet.settle()


def test_an_account_out_of_reach_is_a_failure_of_its_wave(fleet: Fleet) -> None:
    in_waves(fleet, stop_after_failures=1)
    declare_everywhere(fleet)
    fleet.accounts[OTHER].delete_role("reconciler")
    fleet.box.reset_calls()
    run = fleet.apply_run(review=False)
    assert created_in_turn(fleet) == [THIRD]
    assert [*untried(run)] == [OWN]
    (failed,) = [one for one in run.accounts if one.account == OTHER]
    assert failed.error[0].code is not Code.RA416


def test_a_plan_is_made_of_all_waves(fleet: Fleet) -> None:
    in_waves(fleet, stop_after_failures=1)
    declare_everywhere(fleet)
    run = fleet.plan_run()
    assert all(the_plan(run, account).changes for account in ACCOUNTS)
