"""Several accounts, one after another: each with its own plan, state and fate, and knowing who lives in the others."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler import engine
from reconciler.config import Config
from reconciler.engine import drift
from reconciler.model.diagnostic import ReconcilerError
from reconciler.model.principal import Standing
from reconciler.sandbox import Clock, Sandbox
from reconciler.state import LocalStore
from tests.apply.house import OTHER, House, Killed
from tests.engine.dying import dying_after
from tests.engine.manifests import ROLE
from tests.house import OWN

CROSSING = f"""
kind: Role
name: crossing
account: "{OTHER}"
trust: [{{user: "arn:aws:iam::{OWN}:user/alice"}}]
"""


@pytest.fixture
def fleet(house: House) -> House:
    """Two configured accounts with a role each."""
    house.both_accounts()
    house.account.create_user("alice")
    house.other.create_user("alice")
    house.write("own.yaml", ROLE)
    house.write("other.yaml", ROLE.replace("\nname", f'\naccount: "{OTHER}"\nname'))
    return house


def test_each_account_has_its_plan_its_name_and_its_state(fleet: House) -> None:
    run = fleet.plan_run()
    assert run.fleet
    assert [(one.account, one.name) for one in run.accounts] == [(OWN, "own"), (OTHER, "other")]
    assert [plan.summary.add for plan in run.plans] == [2, 2]
    assert run.fingerprint not in {plan.fingerprint for plan in run.plans}
    done = fleet.apply_run()
    assert done.fingerprint == run.fingerprint
    assert all(one.result is not None and one.result.is_complete for one in done.accounts)
    assert {file.name for file in (fleet.folder / "state").glob("*.json")} == {f"{OWN}.json", f"{OTHER}.json"}
    assert all(not plan.changes for plan in fleet.plan_run().plans)


def test_an_account_that_cannot_be_reached_is_reported_beside_the_others(fleet: House) -> None:
    fleet.other.delete_role("reconciler")
    own, other = fleet.plan_run().accounts
    assert own.plan is not None
    assert other.plan is None
    assert [found.code for found in other.error] == ["RA403"]
    done_own, done_other = fleet.apply_run().accounts
    assert done_own.result is not None
    assert done_own.result.is_complete
    assert done_other.result is None
    assert done_other.error
    reports = drift(fleet.settings()).accounts
    assert [one.report is not None for one in reports] == [True, False]


def test_an_account_whose_state_is_altered_or_locked_is_reported_beside_the_others(fleet: House) -> None:
    fleet.apply_run()
    fleet.write("own.yaml", ROLE.replace("ListBucket", "GetBucketLocation"))
    store = LocalStore(fleet.folder / "state")
    with store.lock(OTHER, operation="apply", clock=fleet.settings().now):
        own, other = fleet.apply_run().accounts
    assert own.result is not None
    assert own.result.summary.changed == 1
    assert [found.code for found in other.error] == ["RS505"]
    (fleet.folder / "state" / f"{OTHER}.json").write_text("{")
    own, other = fleet.apply_run().accounts
    assert own.result is not None
    assert own.result.is_complete
    assert {found.code for found in other.error} <= {"RS501", "RS502"}


def test_one_account_can_be_chosen(fleet: House) -> None:
    settings = fleet.settings(account=OTHER)
    (only,) = engine.plan(settings, engine.Choices()).accounts
    assert only.account == OTHER
    with pytest.raises(ReconcilerError) as caught:
        engine.plan(fleet.settings(account="999999999999"), engine.Choices())
    assert caught.value.diagnostics[0].code == "RM113"


def test_a_principal_of_another_account_is_known_by_that_accounts_ledger(fleet: House) -> None:
    fleet.write("crossing.yaml", CROSSING)
    fleet.apply_run()
    old = fleet.account.user_id("alice")
    fleet.account.recreate_user("alice")
    fleet.box.advance(60)
    _, other = drift(fleet.settings()).accounts
    assert other.report is not None
    (finding,) = [found for found in other.report.findings if found.address == "role/crossing"]
    assert (finding.principal_id, finding.standing) == (old, Standing.RECREATED)
    assert finding.last_known_arn == f"arn:aws:iam::{OWN}:user/alice"
    (change,) = [change for plan in fleet.plan_run().plans for change in plan.changes if "crossing" in change.address]
    assert change.held
    bare = fleet.apply_run(review=False).accounts[1].result
    assert bare is not None
    assert bare.summary.held == 1
    fleet.apply_run()
    assert all(not plan.changes for plan in fleet.plan_run().plans)


def test_the_calls_of_all_accounts_are_the_requests_that_were_answered(fleet: House) -> None:
    fleet.apply_run()
    fleet.box.reset_calls()
    run = fleet.plan_run()
    assert sum((Counter(plan.calls) for plan in run.plans), Counter()) == fleet.box.calls
    assert fleet.box.calls["GetCallerIdentity"] == 1


def test_where_all_accounts_are_reached_through_roles_asking_who_asks_counts_once(fleet: House) -> None:
    accounts = fleet.config.accounts
    fleet.config = type(fleet.config)(accounts={OTHER: accounts[OTHER]})
    fleet.remove("own.yaml")
    fleet.box.reset_calls()
    (plan,) = fleet.plan_run().plans
    assert plan.calls == fleet.box.calls
    assert plan.calls["AssumeRole"] == 1


def test_credentials_that_come_run_out_are_those_of_a_wrong_clock(tmp_path: Path) -> None:
    behind = House(tmp_path, box=Sandbox(clock=Clock(datetime(2020, 1, 1, tzinfo=UTC))))
    behind.both_accounts()
    behind.account.create_user("alice")
    behind.write("own.yaml", ROLE)
    _, other = behind.plan_run().accounts
    (found,) = other.error
    assert found.code == "RA402"
    assert "run out already" in found.message
    assert "clock of this machine" in str(found.help)


def test_what_is_owned_in_the_callers_own_account_goes_with_its_last_manifest(fleet: House) -> None:
    """The configuration names the other account alone, and the manifests no longer speak of the caller's own."""
    fleet.config = Config(accounts={OTHER: fleet.config.accounts[OTHER]})
    fleet.apply_run()
    assert {plan.account for plan in fleet.plan_run().plans} == {OWN, OTHER}
    fleet.remove("own.yaml")
    plans = {plan.account: plan.summary.destroy for plan in fleet.plan_run().plans}
    assert plans == {OWN: 2, OTHER: 0}
    fleet.apply_run()
    assert {plan.account for plan in fleet.plan_run().plans} == {OTHER}


def test_what_a_killed_run_has_made_in_the_callers_own_account_goes_with_its_last_manifest(
    fleet: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.config = Config(accounts={OTHER: fleet.config.accounts[OTHER]})
    fleet.write("own.yaml", "kind: Role\nname: machine\ntrust: [{service: ec2.amazonaws.com}]\n")
    with monkeypatch.context() as patch:
        patch.setattr(fleet.box, "answer", dying_after("CreateRole", fleet.box.answer))
        with pytest.raises(Killed):
            fleet.apply_run()
    assert "role/machine" in fleet.live
    assert not fleet.owned

    fleet.remove("own.yaml")
    fleet.apply_run()

    assert "role/machine" not in fleet.live
