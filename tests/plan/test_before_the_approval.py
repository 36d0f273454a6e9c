"""What is written of a trust while its last word waits for an approval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pytest

from reconciler.model.change import Approval
from reconciler.model.policy import PolicyDocument
from reconciler.model.principal import Remembered
from reconciler.snapshot import Entity
from tests.plan.drafts import (
    ALICE,
    ALICE_ID,
    BOB,
    BOB_ID,
    CLOSED,
    ONCE_ALICE,
    RUNNER,
    USERS,
    a_changed_trust,
    the_draft,
    trust_move,
)
from tests.plan.worlds import DEAD, a_role, a_world, owning
from tests.scenarios.house import ACCOUNT, arn, trusting


def test_a_trust_on_its_way_begins_without_the_dead_and_waits_in_order() -> None:
    held = {"held": ("trust",)}
    draft = a_changed_trust(trusting(DEAD), trusting(ALICE, BOB), owned=held, ledger=ONCE_ALICE)
    assert draft.move is not None

    assert draft.approvals == {Approval.RE_TRUST, Approval.UNDO_NARROWING}
    assert asdict(draft.move) == asdict(
        trust_move(
            a_role(trusting(ALICE, BOB)),
            PolicyDocument({"Version": "2012-10-17", "Statement": []}),
            approvals=(Approval.RE_TRUST, Approval.UNDO_NARROWING),
            principals={ALICE: ALICE_ID, BOB: BOB_ID},
        )
    )


def meanwhile_of(live: Mapping[str, Any], declared: Mapping[str, Any], **known: Any) -> Any:
    """Return what stands in the trust while its last word is held, None where nothing is written before that."""
    move = a_changed_trust(live, declared, **known).move
    assert move is not None
    return move.meanwhile.source if move.meanwhile else None


def test_who_is_swapped_for_a_stranger_is_taken_out_at_once() -> None:
    live, declared = trusting(DEAD, BOB), trusting(ALICE)

    assert meanwhile_of(live, declared, ledger=ONCE_ALICE) == CLOSED.source


def test_who_stays_is_trusted_while_the_rest_is_held() -> None:
    live, declared = trusting(DEAD, BOB, RUNNER), trusting(ALICE, BOB)

    assert meanwhile_of(live, declared, ledger=ONCE_ALICE) == trusting(BOB)


def test_nothing_is_written_before_the_approval_where_nothing_is_taken_away() -> None:
    assert meanwhile_of(trusting(DEAD, BOB), trusting(ALICE, BOB), ledger=ONCE_ALICE) is None


def test_a_guard_is_bound_before_the_approval_beside_all_that_stands_there() -> None:
    guards = [trusting(who, effect="Deny")["Statement"][0] for who in (RUNNER, arn("user", "carol"))]
    (bob,) = trusting(BOB)["Statement"]
    live = {**trusting(DEAD, BOB), "Statement": [*trusting(DEAD, BOB)["Statement"], guards[0]]}
    declared = {**trusting(ALICE, BOB), "Statement": [*trusting(ALICE, BOB)["Statement"], guards[1]]}

    assert meanwhile_of(live, declared, ledger=ONCE_ALICE)["Statement"] == [bob, guards[1], guards[0]]


@pytest.mark.parametrize(("living", "alone"), [((BOB,), None), ((BOB, RUNNER), trusting(BOB))])
def test_whom_the_goal_trusts_by_way_of_his_account_stays_only_where_nothing_else_moves(
    living: tuple[str, ...], alone: Mapping[str, Any] | None
) -> None:
    by_account = {**trusting(ACCOUNT)["Statement"][0], "Condition": {"ArnEquals": {"aws:PrincipalArn": BOB}}}
    declared = {**trusting(ALICE), "Statement": [*trusting(ALICE)["Statement"], by_account]}
    move = a_changed_trust(trusting(DEAD, *living), declared, ledger=ONCE_ALICE).move
    assert move is not None
    assert move.meanwhile is not None

    assert move.meanwhile.source == CLOSED.source
    assert (move.meanwhile_alone and move.meanwhile_alone.source) == alone


def test_a_trust_is_not_closed_before_the_approval_where_nobody_has_to_go_and_no_common_part_can_be_told() -> None:
    """Of two versions, where one has a variable, nobody can say what they have in common."""
    named = {"StringEquals": {"sts:RoleSessionName": "${aws:username}"}}
    live = {**trusting(DEAD, BOB), "Version": "2008-10-17"}
    alice = {**trusting(ALICE)["Statement"][0], "Condition": named}
    declared = {**trusting(BOB), "Statement": [*trusting(BOB)["Statement"], alice]}

    assert meanwhile_of(live, declared, ledger=ONCE_ALICE) is None


def test_nothing_is_written_before_the_approval_where_nobody_is_let_in() -> None:
    assert meanwhile_of(trusting(DEAD), trusting(ALICE), ledger=ONCE_ALICE) is None


def saying(*statements: tuple[str, Any] | tuple[str, Any, str]) -> dict[str, Any]:
    """Return a trust of one Allow for each principal with what he may, and a Sid, where one is said."""
    said = [
        {**({"Sid": sid[0]} if sid else {}), "Effect": "Allow", "Principal": {"AWS": who}, "Action": action}
        for who, action, *sid in statements
    ]
    return {"Version": "2012-10-17", "Statement": said}


ASSUME = "sts:AssumeRole"
ONCE_BOB = {DEAD: Remembered(BOB, last_alive="2026-11-24T08:00:00Z")}


@pytest.mark.parametrize(
    ("alice", "declared", "meanwhile"),
    [
        (ALICE, (ALICE, ASSUME, "Alice"), (ALICE, ASSUME, "Alice")),
        (ALICE, (ALICE, "sts:*"), (ALICE, ASSUME)),
        (ALICE_ID, (ALICE, ASSUME), (ALICE, ASSUME)),
    ],
)
def test_who_stays_is_spelled_as_declared_as_far_as_he_is_trusted_already(
    alice: str, declared: tuple[str, str], meanwhile: tuple[str, str]
) -> None:
    live = saying((alice, ASSUME), (RUNNER, ASSUME), (DEAD, ASSUME))

    assert meanwhile_of(live, saying(declared, (BOB, ASSUME)), ledger=ONCE_BOB) == saying(meanwhile)


def test_nothing_is_written_before_the_approval_to_spell_a_living_id_otherwise() -> None:
    live, declared = saying((ALICE_ID, ASSUME), (DEAD, ASSUME)), saying((ALICE, ASSUME, "Alice"), (BOB, ASSUME))

    assert meanwhile_of(live, declared, ledger=ONCE_BOB) is None


def test_nothing_is_written_before_the_approval_to_spell_an_account_otherwise() -> None:
    theirs, bob = "444455556666", BOB.replace("arn:aws:", "arn:aws-cn:")
    declared = a_role(saying((f"arn:aws-cn:iam::{theirs}:root", ASSUME, "Theirs"), (bob, ASSUME)), partition="aws-cn")
    live = a_role(saying((theirs, ASSUME), (DEAD, ASSUME)), live=True, partition="aws-cn")
    move = the_draft(
        a_world(
            declared,
            live=[live],
            owned=owning(live),
            partition="aws-cn",
            users={"bob": Entity(name="bob", arn=bob, id=BOB_ID)},
            ledger={DEAD: Remembered(bob)},
        )
    ).move
    assert move is not None

    assert (move.approvals, move.meanwhile) == ((Approval.RE_TRUST,), None)


def test_a_trust_that_lets_nobody_in_is_not_closed_before_the_approval() -> None:
    guard = {"Effect": "Deny", "Principal": {"AWS": [BOB, RUNNER, arn("user", "carol")]}, "Action": ASSUME}
    other = {"Effect": "Deny", "Principal": {"AWS": RUNNER}, "Action": "sts:TagSession"}
    live = {"Version": "2012-10-17", "Statement": [guard]}
    declared = {"Version": "2012-10-17", "Statement": [*trusting(ALICE)["Statement"], other]}
    draft = a_changed_trust(live, declared, applied=declared)
    assert draft.move is not None

    assert (draft.move.approvals, draft.move.meanwhile) == ((Approval.UNDO_NARROWING,), None)


def test_a_broadening_is_one_write() -> None:
    assert meanwhile_of(trusting(ALICE), trusting(BOB)) is None


def test_nothing_is_written_to_what_is_not_taken_over_yet() -> None:
    live = a_role(trusting(ALICE), live=True)
    move = the_draft(a_world(a_role(trusting(BOB)), live=[live], users=USERS)).move
    assert move is not None

    assert (move.approvals, move.meanwhile) == ((Approval.ADOPT,), None)


def test_what_somebody_let_in_by_hand_goes_at_once_though_no_id_is_dead() -> None:
    carol = arn("user", "carol")
    users = {**USERS, "carol": Entity(name="carol", arn=carol, id="AIDACAROL00000000001")}
    role = a_role(trusting(ALICE, BOB))
    live = a_role(trusting(ALICE, carol), live=True)
    move = the_draft(a_world(role, live=[live], owned=owning(role), users=users)).move

    assert move is not None
    assert (move.meanwhile and move.meanwhile.source) == trusting(ALICE)


def test_a_guard_is_bound_again_at_once_though_nothing_else_has_changed() -> None:
    guard = {**trusting(DEAD, effect="Deny")["Statement"][0], "Action": "sts:TagSession"}
    bound = {**guard, "Principal": {"AWS": [ALICE]}}
    live = {"Version": "2012-10-17", "Statement": [*trusting(DEAD, BOB)["Statement"], guard]}
    declared = {"Version": "2012-10-17", "Statement": [*trusting(ALICE, BOB)["Statement"], bound]}

    meanwhile = meanwhile_of(live, declared, ledger=ONCE_ALICE)

    assert [(one["Effect"], one["Principal"]["AWS"]) for one in meanwhile["Statement"]] == [
        ("Allow", [BOB]),
        ("Deny", [ALICE]),
    ]
