"""Names change hands, by a swap or by a write of somebody else. Who was trusted when last applied is remembered."""

from __future__ import annotations

import pytest

from reconciler.model.change import Action, Approval
from reconciler.model.diagnostic import Code, Severity
from tests.scenarios.house import ACCOUNT, House, arn, change, held, told, trusting

ALICE, BOB = arn("user", "alice"), arn("user", "bob")
RE_TRUST = {Approval.RE_TRUST}


@pytest.fixture
def two(house: House) -> House:
    """A house that trusts alice, and bob with a second factor."""
    house.account.create_user("alice")
    house.account.create_user("bob")
    house.write(
        "deployer.yaml",
        f"kind: Role\nname: deployer\ntrust:\n  - user: '{ALICE}'\n  - {{user: '{BOB}', require_mfa: true}}\n",
    )
    house.settle()
    house.pass_time()
    return house


def swap(house: House) -> None:
    house.account.rename_user("alice", new_name="carol")
    house.account.rename_user("bob", new_name="alice")
    house.account.rename_user("carol", new_name="bob")


def test_two_who_swap_their_names_do_not_swap_what_they_may_do(two: House) -> None:
    alice, bob = two.account.user_id("alice"), two.account.user_id("bob")
    swap(two)

    plan = two.plan()

    assert told(plan) == {"role/deployer": (Action.UPDATE, "principal_recreated", RE_TRUST, True)}
    note = str(change(plan, "role/deployer").differences[0].note)
    assert f"{ALICE} was {alice} when this role was last applied, and is {bob} now" in note
    (found,) = two.drift().counted
    assert (found.code, found.severity, found.path) == (Code.RP220, Severity.ERROR, "trust")
    assert f"{BOB} was {bob}" in found.message
    assert "--approve re_trust:role/deployer" in str(found.help)
    for _ in range(2):
        assert held(two.apply()) == ["role/deployer"]
        assert not two.box.mutating_calls
    assert two.owned("role/deployer").principals == {ALICE: alice, BOB: bob}
    two.settle()
    two.assert_at_rest()


def test_who_was_put_there_by_hand_is_not_yet_who_was_trusted(two: House) -> None:
    old = two.account.user_id("alice")
    new = two.account.recreate_user("alice")
    document = trusting(ALICE, arn("user", "mallory"))
    two.account.create_user("mallory")
    bob = {**trusting(BOB)["Statement"][0], "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}
    two.account.put_trust("deployer", {**document, "Statement": [*document["Statement"], bob]})

    assert told(two.plan())["role/deployer"][2] >= RE_TRUST
    for _ in range(2):
        two.apply()

    assert "mallory" not in str(two.account.trust("deployer"))
    assert two.owned("role/deployer").principals[ALICE] == old
    two.write("deployer.yaml", f"kind: Role\nname: deployer\ntrust: [{{user: ['{ALICE}', '{BOB}']}}]\n")
    plan = two.plan()
    assert told(plan)["role/deployer"][2] >= RE_TRUST
    assert f"{ALICE} was {old} when this role was last applied, and is {new} now" in str(
        change(plan, "role/deployer").differences[0].note
    )
    two.settle()
    assert two.owned("role/deployer").principals[ALICE] == new


def test_whoever_was_narrowed_by_hand_in_favour_of_a_namesake_is_asked_about(two: House) -> None:
    two.account.recreate_user("alice")
    limited = {**trusting(ALICE)["Statement"][0], "Condition": {"StringEquals": {"sts:ExternalId": "abcd"}}}
    bob = {**trusting(BOB)["Statement"][0], "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}
    two.account.put_trust("deployer", {"Version": "2012-10-17", "Statement": [limited, bob]})

    result = two.apply(approve=((Approval.UNDO_NARROWING, None),))

    assert held(result) == ["role/deployer"]
    assert "ExternalId" in str(two.account.trust("deployer"))


def test_what_a_bare_apply_left_for_a_decision_is_told_every_morning(two: House) -> None:
    two.account.recreate_user("alice")
    assert [found.code for found in two.drift().counted] == [Code.RP201]
    two.account.put_trust("deployer", trusting(f"arn:aws:iam::{ACCOUNT}:user/bob"))
    assert held(two.apply()) == ["role/deployer"]

    (found,) = two.drift().counted

    assert (found.code, found.path, found.address) == (Code.RP220, "trust", "role/deployer")
    assert "--approve re_trust:role/deployer" in str(found.help)
    two.settle()
    assert not two.drift().counted


def test_a_guard_that_only_a_responder_wrote_is_not_said_to_be_bound_again(house: House) -> None:
    house.account.create_user("alice")
    house.write("deployer.yaml", f"kind: Role\nname: deployer\ntrust: [{{user: '{ALICE}'}}]\n")
    house.settle()
    allow, deny = trusting(ALICE)["Statement"], trusting(ALICE, effect="Deny")["Statement"]
    house.account.put_trust("deployer", {"Version": "2012-10-17", "Statement": [*allow, *deny]})
    house.drift()
    house.account.recreate_user("alice")

    remedies = {str(found.effect): str(found.help) for found in house.drift().counted}

    assert "without question" not in remedies["Deny"]
    assert "--approve re_trust:role/deployer" in remedies["Deny"]


def test_a_namesake_who_was_put_there_by_hand_is_not_trusted_by_way_of_a_replacement(two: House) -> None:
    old = two.account.user_id("alice")
    document = two.account.trust("deployer")
    new = two.account.recreate_user("alice")
    two.account.put_trust("deployer", document)
    two.write("deployer.yaml", two.read("deployer.yaml").replace("name: deployer", "name: deployer\npath: /ci/"))

    plan = two.plan()

    assert told(plan)["role/deployer"][2:] == ({Approval.RE_TRUST, Approval.DELETE}, True)
    notes = [str(each.note) for each in change(plan, "role/deployer").differences if each.path == "trust"]
    assert [f"{ALICE} was {old} when this role was last applied, and is {new} now" in note for note in notes] == [True]
    assert held(two.apply()) == ["role/deployer"]
    two.settle()
