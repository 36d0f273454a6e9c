"""What the states of accounts that a run does not work in have to say about dead IDs; they are only read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.model.change import Action, Approval, Reason
from reconciler.model.diagnostic import Code, Diagnostic, Severity
from reconciler.model.policy import PolicyDocument
from reconciler.model.principal import Recorded, Remembered, Standing
from reconciler.model.role import Role
from reconciler.snapshot import Snapshot, ids_trusted_in
from reconciler.state import LocalStore, State
from reconciler.state.history import accounts_in, contradictions, other_states
from tests.cloudtrail.watched import OTHER, Watched, at, orphan
from tests.scenarios.house import ACCOUNT, arn, change, trusting

PARTNER = arn("role", "partner", OTHER)
SEEN = at(hours=-1)


def keep_state_of_other(house: Watched, **ledger: Remembered) -> None:
    """Leave a state of the other account in the store, as a run there left it."""
    house.store.write(replace(house.store.read(OTHER), ledger=ledger, seen_at=SEEN))


def trust_a_partner_who_goes(house: Watched) -> str:
    """Let `deployer` trust a role of the other account that is deleted then; its ID."""
    other = house.box.account(OTHER)
    other.create_role("partner")
    dead = other.role_id("partner")
    house.account.create_role("deployer", trust=trusting(PARTNER))
    other.delete_role("partner")
    return dead


def test_a_dead_id_of_an_account_that_is_not_read_is_known_by_its_state(house: Watched) -> None:
    dead = trust_a_partner_who_goes(house)
    keep_state_of_other(house, **{dead: Remembered(PARTNER, first_seen=at(days=-300))})

    found = orphan(house.drift())

    assert (found.standing, found.last_known_arn, found.last_alive) == (Standing.DELETED, PARTNER, SEEN)
    assert f"account {OTHER} is not one that is read, so whether it was made again is not known" in found.message
    assert house.store.read(OTHER).serial == 1
    assert dead not in house.memory.ledger


def test_who_had_the_name_when_that_account_was_last_looked_at_is_told(house: Watched) -> None:
    dead = trust_a_partner_who_goes(house)
    gone = Remembered(PARTNER, first_seen=at(days=-300), last_alive=at(days=-50), first_dead=at(days=-49))
    eve = Recorded(call="CreateRole", at=SEEN, by=arn("user", "eve", OTHER), event_id="event-1", request_id=None)
    new = Remembered(PARTNER, first_seen=SEEN, named_by=eve)
    keep_state_of_other(house, **{dead: gone, "AROANEWPARTNER2345678": new})
    told = f"account {OTHER} is not one that is read, but when it was last looked at, {SEEN}, AROANEWPARTNER2345678"

    assert f"{told} had that ARN, created by {eve}" in orphan(house.drift()).message

    house.write("deployer.yaml", f"kind: Role\nname: deployer\ntrust: [{{role: '{PARTNER}'}}]\n")
    (trust,) = (each for each in change(house.plan(), "role/deployer").differences if each.path == "trust")
    assert f"{told} had that ARN, created by {eve}" in str(trust.note)


def test_a_plan_consults_them_too(house: Watched) -> None:
    dead = trust_a_partner_who_goes(house)
    house.write(
        "deployer.yaml",
        f"""
        kind: Role
        name: deployer
        trust: [{{role: "{PARTNER}"}}]
        """,
    )
    assert change(house.plan(), "role/deployer").reason is Reason.PRINCIPAL_INFERRED

    keep_state_of_other(house, **{dead: Remembered(PARTNER)})

    planned = change(house.plan(), "role/deployer")
    assert planned.action is Action.IMPORT
    assert planned.reason is Reason.PRINCIPAL_DELETED
    assert Approval.RE_TRUST in planned.approvals


def test_a_state_that_cannot_be_read_is_said_and_the_rest_goes_on(house: Watched) -> None:
    dead = trust_a_partner_who_goes(house)
    keep_state_of_other(house, **{dead: Remembered(PARTNER)})
    (house.folder / "state" / f"{OTHER}.json").write_text("{")

    report, plan = house.drift(), house.plan()

    assert orphan(report).standing is Standing.UNKNOWN
    for told in (report.warnings, plan.warnings):
        assert (Code.RS501, Severity.WARNING) in [(one.code, one.severity) for one in told]


def test_an_id_that_is_somebody_else_in_another_state_is_said(house: Watched) -> None:
    house.account.create_user("alice")
    house.drift()
    keep_state_of_other(house, **{house.account.user_id("alice"): Remembered(arn("user", "mallory", OTHER))})

    (warning,) = house.drift().warnings

    assert (warning.code, warning.severity) == (Code.RS503, Severity.WARNING)
    assert arn("user", "mallory", OTHER) in warning.message
    assert arn("user", "alice") in warning.message


# Contradictions, one by one


def state(account: str = ACCOUNT, **ledger: Remembered) -> State:
    return State(account=account, lineage="1", ledger=ledger)


def said(*states: State) -> dict[str, list[Code]]:
    found: dict[str, list[Diagnostic]] = contradictions(states)
    return {account: [one.code for one in told] for account, told in found.items()}


def test_ledgers_that_agree_are_nothing_to_speak_of() -> None:
    alice = Remembered(arn("user", "alice"))
    gone = replace(alice, last_alive=SEEN)
    assert said(state(AIDAONE2345678901234=alice, AIDATWO2345678901234=gone), state(OTHER)) == {}


def test_a_name_with_two_holders_at_once_cannot_be() -> None:
    alice = Remembered(arn("user", "alice"))
    assert said(state(AIDAONE2345678901234=alice, AIDATWO2345678901234=alice)) == {ACCOUNT: [Code.RS502]}


def test_an_id_of_another_account_is_in_the_wrong_state() -> None:
    assert said(state(AIDAONE2345678901234=Remembered(arn("user", "alice", OTHER)))) == {ACCOUNT: [Code.RS503]}
    assert said(state(AIDAONE2345678901234=Remembered("alice"))) == {ACCOUNT: [Code.RS503]}


def test_an_id_with_two_arns_is_said_of_both_states() -> None:
    one = state(AIDAONE2345678901234=Remembered(arn("user", "alice")))
    other = state(OTHER, AIDAONE2345678901234=Remembered(arn("user", "alice", OTHER)))
    assert said(one, other) == {ACCOUNT: [Code.RS503], OTHER: [Code.RS503]}


# The store


def test_only_files_that_are_named_after_an_account_are_states(tmp_path: Path) -> None:
    for name in ("111122223333.json", "111122223333.json.backup", "notes.json", "777788889999.lock"):
        (tmp_path / name).write_text("{}")
    assert accounts_in(LocalStore(tmp_path)) == ["111122223333"]
    assert accounts_in(LocalStore(tmp_path / "nowhere")) == []


def test_the_accounts_at_hand_are_not_read_again(house: Watched) -> None:
    house.drift()
    keep_state_of_other(house)
    states, wrong = other_states(house.store, than={ACCOUNT})
    assert ([one.account for one in states], wrong) == ([OTHER], [])


@pytest.mark.parametrize("session", ["", ":build"])
def test_ids_are_sought_in_principals_and_nowhere_else(house: Watched, session: str) -> None:
    dead = trust_a_partner_who_goes(house)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"{dead}{session}"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringLike": {"aws:userid": "AROANOTAPRINCIPAL1234:*"}},
    }
    house.account.force_trust("deployer", {"Version": "2012-10-17", "Statement": [statement]})
    live = Role(
        partition="aws", account=ACCOUNT, name="deployer", trust=PolicyDocument(house.account.trust("deployer"))
    )
    taken = Snapshot(account=ACCOUNT, partition="aws", caller_arn="", taken_at="", roles={live.name: live})
    assert ids_trusted_in(taken) == {dead}


def test_other_states_are_not_read_for_a_plan_that_has_no_question(house: Watched) -> None:
    house.account.create_user("alice")
    house.account.create_role("deployer", trust=trusting(arn("user", "alice")))
    house.drift()
    (house.folder / "state" / f"{OTHER}.json").write_text("{")
    assert Code.RS501 not in [one.code for one in house.plan().warnings]

    house.account.delete_user("alice")
    assert Code.RS501 not in [one.code for one in house.plan().warnings]  # its own ledger knows her

    house.change_memory(ledger={})
    assert Code.RS501 in [one.code for one in house.plan().warnings]
