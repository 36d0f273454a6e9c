"""Every standing of a principal of another account, as programs read it: each field of each finding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.engine import drift
from reconciler.model.change import Approval
from reconciler.model.principal import Remembered
from reconciler.render.json import drift_to_json
from reconciler.state import LocalStore
from tests.apply.house import OTHER
from tests.engine.accounts import THIRD, Fleet, arn, the_change, the_plan
from tests.house import OWN

ALICE = arn("alice", OTHER, "user")
SAYS = ("kind", "code", "severity", "address", "managed", "principal_id", "session", "standing", "effect", "location")
KNOWS = ("last_known_arn", "inferred_arn", "current_id", "first_seen", "last_alive", "deleted")


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """A role of the own account trusts a user of the second account, and its sessions a role of the third."""
    fleet = Fleet(tmp_path)
    fleet.accounts[OTHER].create_user("alice")
    fleet.accounts[THIRD].create_role("runner")
    fleet.declare("deployer", OWN, ALICE)
    fleet.settle()
    fleet.box.advance(60)
    return fleet


def now(fleet: Fleet) -> str:
    return fleet.box.clock().strftime("%Y-%m-%dT%H:%M:%SZ")


def found_in(fleet: Fleet, account: str = OWN) -> list[dict[str, Any]]:
    """Look, and return the findings of an account as programs read them."""
    (report,) = [one.report for one in drift(fleet.settings()).accounts if one.account == account]
    assert report is not None
    return list(drift_to_json(report)["findings"])


def the_finding(fleet: Fleet) -> dict[str, Any]:
    (found,) = found_in(fleet)
    return found


def lose_ledger(fleet: Fleet, *accounts: str) -> None:
    store = LocalStore(fleet.folder / "state")
    for account in accounts:
        store.write(replace(store.read(account), ledger={}))


def test_trusted_is_nothing_to_speak_of(fleet: Fleet) -> None:
    assert found_in(fleet) == []


def test_an_alias_is_read_as_its_arn(fleet: Fleet) -> None:
    document = fleet.accounts[OWN].trust("deployer")
    document["Statement"][0]["Principal"] = {"AWS": fleet.accounts[OTHER].user_id("alice")}
    fleet.box.faults.propagation(ids=3600)
    fleet.accounts[OWN].put_trust("deployer", document)
    assert found_in(fleet) == []
    assert not the_plan(fleet.plan_run(), OWN).changes


def test_recreated(fleet: Fleet) -> None:
    seen, old = now(fleet), fleet.accounts[OTHER].user_id("alice")
    drift(fleet.settings())
    fleet.box.advance(60)
    new = fleet.accounts[OTHER].recreate_user("alice")
    found = the_finding(fleet)
    assert [found[key] for key in SAYS] == [
        *("orphaned_principal", "RP201", "error", "role/deployer", True, old, None, "recreated"),
        *("Allow", "Statement[0].Principal.AWS"),
    ]
    assert [found[key] for key in KNOWS] == [ALICE, None, new, now(fleet), seen, None]
    assert (found["path"], found["arn"], found["file"]) == ("trust", arn("deployer", OWN), "manifests/" + DEPLOYER)


DEPLOYER = f"{OWN}-deployer.yaml"


def test_deleted(fleet: Fleet) -> None:
    old = fleet.accounts[OTHER].user_id("alice")
    fleet.accounts[OTHER].delete_user("alice")
    found = the_finding(fleet)
    assert [found[key] for key in SAYS] == [
        *("orphaned_principal", "RP202", "error", "role/deployer", True, old, None, "deleted"),
        *("Allow", "Statement[0].Principal.AWS"),
    ]
    assert (found["last_known_arn"], found["current_id"]) == (ALICE, None)
    assert [(one.code, one.address) for one in the_plan(fleet.plan_run(), OWN).blockers] == [("RP204", "role/deployer")]


def test_deleted_by_this_program_itself_in_its_own_account(fleet: Fleet) -> None:
    fleet.declare("worker", OTHER)
    fleet.declare("keeper", OTHER)
    fleet.declare("vault", OWN, arn("worker", OTHER), effect="Deny")
    fleet.settle()
    old = fleet.accounts[OTHER].role_id("worker")
    fleet.undeclare("worker", OTHER)
    assert the_change(fleet.plan_run(), OTHER, "role/worker").notices == (
        f"role/vault of account {OWN}, which is declared to trust it, trusts it and will hold a dead ID",
    )
    fleet.apply_run()
    deleted = now(fleet)
    fleet.box.advance(60)
    found = the_finding(fleet)
    assert [found[key] for key in SAYS] == [
        *("orphaned_principal", "RP202", "error", "role/vault", True, old, None, "deleted"),
        *("Deny", "Statement[1].Principal.AWS[0]"),
    ]
    assert (found["last_known_arn"], found["deleted"]) == (arn("worker", OTHER), deleted)


def test_inferred(fleet: Fleet) -> None:
    old = fleet.accounts[OTHER].user_id("alice")
    lose_ledger(fleet, OTHER)
    fleet.accounts[OTHER].recreate_user("alice")
    found = the_finding(fleet)
    assert [found[key] for key in SAYS] == [
        *("orphaned_principal", "RP206", "error", "role/deployer", True, old, None, "inferred"),
        *("Allow", "Statement[0].Principal.AWS"),
    ]
    assert [found[key] for key in KNOWS] == [None, ALICE, None, None, None, None]


def test_unknown_in_roles_of_every_kind(fleet: Fleet) -> None:
    session = f"arn:aws:sts::{THIRD}:assumed-role/runner/nightly"
    statement = {"Effect": "Allow", "Principal": {"AWS": session}, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    old = fleet.accounts[THIRD].role_id("runner")
    fleet.accounts[OWN].create_role("theirs", trust=document)
    fleet.accounts[OWN].create_role("AWSReservedSSO_x", path="/aws-reserved/sso.amazonaws.com/", trust=document)
    guard = {**document, "Statement": [{**statement, "Effect": "Deny"}]}
    fleet.accounts[OWN].create_role("guarded", trust=guard)
    lose_ledger(fleet, THIRD)
    fleet.accounts[THIRD].delete_role("runner")
    assert [[found[key] for key in SAYS] for found in found_in(fleet)] == [
        [*("orphaned_principal", "RP203", severity, address, False, old, "nightly", "unknown"), effect, where]
        for severity, address, effect, where in (
            ("error", "role/guarded", "Deny", "Statement[0].Principal.AWS"),
            ("warning", "role/theirs", "Allow", "Statement[0].Principal.AWS"),
            ("note", "role/AWSReservedSSO_x", "Allow", "Statement[0].Principal.AWS"),
        )
    ]


def test_foreign(fleet: Fleet) -> None:
    fleet.config = fleet.config.model_copy(
        update={"accounts": {id_: one for id_, one in fleet.config.accounts.items() if id_ != OTHER}}
    )
    found = the_finding(fleet)
    assert [found[key] for key in SAYS] == [
        *("foreign_principal", "RP207", "note", "role/deployer", True, None, None, "foreign"),
        *("Allow", "Statement[0].Principal.AWS"),
    ]
    assert found["last_known_arn"] == ALICE


@pytest.mark.parametrize("namesake", [False, True])
def test_renamed(fleet: Fleet, namesake: bool) -> None:  # noqa: FBT001
    same = fleet.accounts[OTHER].user_id("alice")
    fleet.accounts[OTHER].rename_user("alice", new_name="alicia")
    if namesake:
        fleet.accounts[OTHER].create_user("alice")
    found = the_finding(fleet)
    assert [found[key] for key in SAYS] == [
        *("foreign_principal", "RP208", "note", "role/deployer", True, same, None, "renamed"),
        *("Allow", "Statement[0].Principal.AWS"),
    ]
    assert [found[key] for key in KNOWS] == [arn("alicia", OTHER, "user"), None, same, None, None, None]
    (blocker,) = the_plan(fleet.plan_run(), OWN).blockers
    assert (blocker.code, blocker.address) == ("RP208", "role/deployer")
    assert arn("alicia", OTHER, "user") in str(blocker.help)


def test_what_the_state_of_an_account_out_of_reach_says_of_an_id_is_not_said_against_itself(fleet: Fleet) -> None:
    old = fleet.accounts[OTHER].user_id("alice")
    fleet.accounts[OTHER].recreate_user("alice")
    fleet.accounts[OTHER].delete_role("reconciler")
    found = the_finding(fleet)
    assert (found["standing"], found["principal_id"], found["last_known_arn"]) == ("deleted", old, ALICE)
    assert "had that ARN" not in found["message"]
    assert f"in account {OTHER}" in found["help"]
    assert "--approve re_trust:role/deployer" in found["help"]


def test_of_an_id_in_two_ledgers_that_of_its_own_account_has_the_word(fleet: Fleet) -> None:
    old = fleet.accounts[OTHER].user_id("alice")
    store = LocalStore(fleet.folder / "state")
    third = store.read(THIRD)
    store.write(replace(third, ledger={**third.ledger, old: Remembered(arn("mallory", OWN, "user"))}))
    fleet.accounts[OTHER].delete_user("alice")
    found = the_finding(fleet)
    assert (found["last_known_arn"], found["standing"]) == (ALICE, "deleted")


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_renamed_in_an_account_out_of_reach_whose_state_knows_it(fleet: Fleet, effect: str) -> None:
    fleet.declare("vault", OWN, ALICE, arn("runner", THIRD), effect=effect)
    fleet.settle()
    fleet.accounts[OTHER].rename_user("alice", new_name="alicia")
    fleet.accounts[OTHER].create_user("alice")
    drift(fleet.settings())
    fleet.accounts[OTHER].delete_role("reconciler")
    before = fleet.stored("vault", OWN)
    blockers = {one.address: one for one in the_plan(fleet.plan_run(), OWN).blockers}
    assert {address: one.code for address, one in blockers.items()} == {"role/deployer": "RP208", "role/vault": "RP208"}
    assert arn("alicia", OTHER, "user") in str(blockers["role/vault"].help)
    fleet.apply_run()
    assert fleet.stored("vault", OWN) == before
    found = [one for one in found_in(fleet) if one["code"] == "RP208"]
    assert [(one["address"], one["standing"]) for one in found] == [
        ("role/deployer", "renamed"),
        ("role/vault", "renamed"),
    ]


def test_a_guard_that_was_set_against_both_keeps_the_one_it_was_for(fleet: Fleet) -> None:
    fleet.declare("vault", OWN, ALICE, effect="Deny")
    fleet.settle()
    fleet.accounts[OTHER].rename_user("alice", new_name="alicia")
    fleet.accounts[OTHER].create_user("alice")
    document = fleet.accounts[OWN].trust("vault")
    for statement in document["Statement"]:
        if statement["Effect"] == "Deny":
            statement["Principal"] = {"AWS": [ALICE, arn("alicia", OTHER, "user")]}
    fleet.accounts[OWN].put_trust("vault", document)
    blockers = {one.address: one.code for one in the_plan(fleet.plan_run(), OWN).blockers}
    assert blockers["role/vault"] == "RP208"


def test_whom_a_role_trusts_elsewhere_is_not_forgotten_in_a_night_in_which_that_account_is_out_of_reach(
    fleet: Fleet,
) -> None:
    old = fleet.accounts[OTHER].user_id("alice")
    fleet.box.faults.deny("GetAccountAuthorizationDetails", account=OTHER)
    fleet.apply_run(review=False)
    fleet.box.faults.clear()
    assert LocalStore(fleet.folder / "state").read(OWN).objects["role/deployer"].principals == {ALICE: old}

    fleet.accounts[OTHER].recreate_user("alice")
    closed = {"Effect": "Deny", "Principal": {"AWS": f"arn:aws:iam::{OWN}:root"}, "Action": "sts:AssumeRole"}
    fleet.accounts[OWN].put_trust("deployer", {"Version": "2012-10-17", "Statement": [closed]})

    assert Approval.RE_TRUST in the_change(fleet.plan_run(), OWN, "role/deployer").approvals
