"""Who deleted and who recreated a principal, once CloudTrail was asked: plans say it to whoever decides."""

from __future__ import annotations

import json

import pytest

from reconciler import engine
from reconciler.engine import Choices
from reconciler.model.change import Approval
from reconciler.model.principal import Recorded
from reconciler.sandbox import Account
from tests.cloudtrail.test_tracing import EVE, eve
from tests.cloudtrail.watched import DAY, OTHER, Watched, at
from tests.scenarios.house import ACCOUNT, arn, change, trusting

ALICE = arn("user", "alice")


@pytest.fixture
def mended(house: Watched) -> Watched:
    """A house that trusts alice by a manifest; eve has deleted her, and made another of that name an hour later."""
    house.account.create_user("alice")
    house.write("deployer.yaml", f"kind: Role\nname: deployer\ntrust: [{{user: '{ALICE}'}}]\n")
    house.settle()
    house.pass_time(DAY)
    eve(house).delete_user(UserName="alice")
    house.pass_time(3600)
    eve(house).create_user(UserName="alice")
    house.pass_time()
    return house


def note(house: Watched) -> str:
    """Return what the plan says of the trust of `deployer`, which it would give to another than before."""
    update = change(house.plan(), "role/deployer")
    assert Approval.RE_TRUST in update.approvals
    (difference,) = (each for each in update.differences if each.path == "trust")
    return difference.note or ""


def test_a_plan_says_who_deleted_and_who_recreated_whom_it_is_to_trust(mended: Watched) -> None:
    before = mended.plan()
    assert EVE not in note(mended)

    mended.ask()

    told = note(mended)
    assert f", deleted by {EVE} at {at(days=1)} (DeleteUser, event " in told
    assert f"another entity, {mended.account.user_id('alice')}, created by {EVE} at {at(days=1, hours=1)}" in told
    assert told.count(", request ") == 2
    assert mended.plan().fingerprint == before.fingerprint, "what was reviewed is still what will be done"


def test_what_is_known_of_the_doers_outlives_the_events(mended: Watched) -> None:
    mended.ask()
    mended.pass_time(100 * DAY)

    mended.drift()
    mended.ask()

    assert f"created by {EVE}" in note(mended)
    assert f"deleted by {EVE}" in note(mended)


def test_a_dead_id_that_somebody_took_out_by_hand_is_asked_about_all_the_same(mended: Watched) -> None:
    document = json.dumps(trusting(EVE))
    mended.account.call("UpdateAssumeRolePolicy", RoleName="deployer", PolicyDocument=document)
    assert "created by" not in note(mended)

    mended.ask()

    new = mended.account.user_id("alice")
    assert f"and is {new} now, created by {EVE} at {at(days=1, hours=1)} (CreateUser, event " in note(mended)


def test_whoever_got_the_name_by_a_rename_was_given_it(house: Watched) -> None:
    house.account.create_user("alice")
    house.account.create_user("mallory")
    house.write("deployer.yaml", f"kind: Role\nname: deployer\ntrust: [{{user: '{ALICE}'}}]\n")
    house.settle()
    house.pass_time()
    house.account.delete_user("alice")
    house.pass_time()
    eve(house).update_user(UserName="mallory", NewUserName="alice")
    house.pass_time()

    house.ask()

    new = house.account.user_id("alice")
    assert f"another entity, {new}, given that name by {EVE} at " in note(house)


def test_who_made_the_one_before_is_not_taken_for_who_made_the_one_now(mended: Watched) -> None:
    mended.ask()
    mended.account.recreate_user("alice")

    assert "created by" not in note(mended)
    mended.ask()
    assert f"{mended.account.user_id('alice')}, created by arn:aws:iam::111122223333:root" in note(mended)


def test_without_a_record_nothing_is_learned(mended: Watched) -> None:
    mended.ask(record=False)
    assert "created by" not in note(mended)


def test_once_it_was_trusted_again_the_ledger_still_says_who_it_was(mended: Watched) -> None:
    mended.ask()
    mended.settle()
    mended.assert_at_rest()

    named_by = mended.memory.ledger[mended.account.user_id("alice")].named_by
    assert isinstance(named_by, Recorded)
    assert (named_by.by, named_by.call, named_by.at) == (EVE, "CreateUser", at(days=1, hours=1))


def test_who_recreated_somebody_of_another_account_is_told_where_he_is_trusted(house: Watched, other: Account) -> None:
    partner = arn("user", "partner", OTHER)
    other.create_user("partner")
    house.write("deployer.yaml", f"kind: Role\nname: deployer\naccount: '{ACCOUNT}'\ntrust: [{{user: '{partner}'}}]\n")
    house.write("keeper.yaml", f"kind: Role\nname: keeper\naccount: '{ACCOUNT}'\ntrust: [{{user: '{partner}'}}]\n")
    engine.apply(house.settings(), Choices(), confirm=lambda _run: True)
    house.pass_time(DAY)
    other.recreate_user("partner")

    house.reports()

    plan = engine.plan(house.settings(), Choices()).accounts[0].plan
    assert plan is not None
    told = f"another entity, {other.user_id('partner')}, created by arn:aws:iam::{OTHER}:root at {at(days=1)}"
    assert [told in str(one.differences[0].note) for one in plan.changes] == [True, True]
    assert other.user_id("partner") in house.store.read(OTHER).ledger
