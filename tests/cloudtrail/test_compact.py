"""Ledgers made shorter on command: what nobody shows any more goes, what explains something stays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler import engine
from reconciler.engine import AccountCompact
from reconciler.model.diagnostic import Code, ReconcilerError, Severity
from reconciler.model.principal import Remembered, Standing
from reconciler.sandbox import Account
from tests.cloudtrail.watched import DAY, OTHER, Watched, at, orphan
from tests.scenarios.house import ACCOUNT, arn, trusting

ALICE = arn("user", "alice")


def compact(house: Watched) -> AccountCompact:
    """Compact; of a fleet return what became of the first account."""
    house.box.reset_calls()
    first = engine.compact_ledgers(house.settings())[0]
    assert not house.box.mutating_calls
    return first


def test_only_dead_ids_that_nobody_shows_go(house: Watched) -> None:
    house.account.create_user("alice")
    house.account.create_user("bob")
    house.account.create_role("deployer", trust=trusting(ALICE))
    house.drift()
    shown, unseen = house.account.user_id("alice"), house.account.user_id("bob")
    house.pass_time(DAY)
    house.account.delete_user("alice")
    house.account.delete_user("bob")
    house.drift()
    assert {shown, unseen} <= house.memory.ledger.keys()

    done = compact(house)

    assert (done.dropped, done.kept, done.error) == (1, 1, ())
    assert house.memory.ledger.keys() == {shown, house.account.role_id("deployer")}
    assert orphan(house.drift()).standing is Standing.DELETED


def test_what_an_owned_role_trusted_when_last_applied_stays(house: Watched) -> None:
    house.account.create_user("alice")
    house.write("deployer.yaml", "kind: Role\nname: deployer\ntrust: [{user: alice}]\n")
    house.apply(reviewed=True)
    trusted = house.account.user_id("alice")
    house.account.recreate_user("alice")
    house.account.put_trust("deployer", trusting(f"arn:aws:iam::{ACCOUNT}:root"))

    assert compact(house).dropped == 0
    assert trusted in house.memory.ledger  # or giving alice back what she had would need no approval


def test_an_account_is_looked_at_first_so_what_just_died_counts(house: Watched) -> None:
    house.account.create_user("alice")
    house.drift()
    house.account.delete_user("alice")
    assert compact(house).dropped == 1
    assert compact(house).dropped == 0


def test_ids_that_only_an_ignored_role_shows_stay(house: Watched) -> None:
    house.account.create_user("alice")
    house.account.create_role("deployer", trust=trusting(ALICE))
    house.drift()
    house.account.delete_user("alice")
    house.configure(ignore={"roles": ["deployer"]})
    assert compact(house).dropped == 0


def test_ids_that_another_account_shows_stay(house: Watched, other: Account) -> None:
    house.account.create_user("alice")
    other.create_role("deployer", trust=trusting(ALICE))
    house.reports()
    dead = house.account.user_id("alice")
    house.account.delete_user("alice")
    assert compact(house).dropped == 0
    assert dead in house.memory.ledger


def test_ids_that_the_state_of_an_account_out_of_reach_refers_to_stay(house: Watched) -> None:
    house.account.create_user("alice")
    house.write("deployer.yaml", "kind: Role\nname: deployer\ntrust: [{user: alice}]\n")
    house.apply(reviewed=True)
    dead = house.account.user_id("alice")
    owned = house.memory.objects
    house.change_memory(objects={})
    house.store.write(replace(house.store.read(OTHER), objects={"role/there": owned["role/deployer"]}))
    house.account.put_trust("deployer", trusting(f"arn:aws:iam::{ACCOUNT}:root"))
    house.account.delete_user("alice")
    assert compact(house).dropped == 0
    assert dead in house.memory.ledger


def test_where_an_account_cannot_be_read_nothing_goes_anywhere(house: Watched, other: Account) -> None:
    house.account.create_user("alice")
    house.reports()
    house.account.delete_user("alice")
    other.delete_role("reconciler")

    (failed,) = engine.compact_ledgers(house.settings())

    assert failed.account == OTHER
    assert failed.error
    assert len(house.memory.ledger) > 0
    assert all(entry.last_alive is None for entry in house.memory.ledger.values())


def test_a_ledger_that_contradicts_itself_is_said_and_compacted(house: Watched) -> None:
    house.account.create_user("alice")
    house.account.create_user("bob")
    house.drift()
    house.account.delete_user("bob")
    one = house.memory.ledger[house.account.user_id("alice")]
    house.change_memory(ledger={**house.memory.ledger, "AIDATWIN0000000000001": one})

    done = compact(house)

    assert [(warning.code, warning.severity) for warning in done.warnings] == [(Code.RS502, Severity.WARNING)]
    assert done.dropped == 2


def test_another_run_at_work_is_waited_for_or_told(house: Watched) -> None:
    house.drift()
    with (
        house.store.lock(ACCOUNT, operation="apply", clock=lambda: house.now),
        pytest.raises(ReconcilerError) as raised,
    ):
        engine.compact_ledgers(house.settings(), lock_timeout=0)
    assert raised.value.diagnostics[0].code is Code.RS505


def test_a_clock_that_was_set_back_drops_nothing_that_lives(house: Watched) -> None:
    house.account.create_user("alice")
    house.drift()
    living = house.memory.ledger
    house.change_memory(seen_at=at(days=30))
    done = compact(house)
    assert [warning.code for warning in done.warnings] == [Code.RS510]
    assert house.memory.ledger == living


def test_what_it_knew_before_is_in_the_backup(house: Watched) -> None:
    dead = Remembered(ALICE, first_seen="2026-01-01T00:00:00Z", last_alive="2026-02-01T00:00:00Z")
    house.drift()
    house.change_memory(ledger={"AIDAALICE00000000001": dead})
    compact(house)
    assert "AIDAALICE00000000001" not in house.memory.ledger
    assert "AIDAALICE00000000001" in (house.folder / "state" / f"{ACCOUNT}.json.backup").read_text()
