"""What is made: anew, again after it was deleted outside, and in the place of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import pytest

from reconciler.diff import Draft, coming, diff
from reconciler.effects import permission_steps
from reconciler.model.change import Action, Approval, Difference, Reason, Record
from reconciler.model.declared import Lifecycle
from reconciler.model.form import digests_of, paths_of
from reconciler.model.policy import PolicyDocument
from reconciler.model.principal import Remembered
from tests.plan.drafts import (
    ALICE,
    ALICE_ID,
    BEGUN,
    BOB,
    FULL,
    LISTS,
    NOBODY,
    OTHER_ID,
    RUNNER,
    USERS,
    begun,
    record_of_creation,
    the_draft,
    trust_move,
)
from tests.plan.worlds import DEAD, ID, a_policy, a_role, a_world, declaring, owning
from tests.scenarios.house import allow, arn, trusting

# --- what is made -------------------------------------------------------------------------------------------

KEPT = Lifecycle(prevent_destroy=True, retain=True)


def differences_of_creation(reason: Reason) -> tuple[Difference, ...]:
    return (
        Difference(path="trust", reason=reason, after=trusting(ALICE), broadens=True),
        Difference(path="description", reason=reason, after="Deploys"),
        Difference(path="max_session_duration", reason=reason, after=3600),
        Difference(path="managed_policies", reason=reason, after=[LISTS], broadens=True),
        Difference(path="tags", reason=reason, after={"team": "blue"}),
        Difference(path="inline_policies/list", reason=reason, after=allow("s3:ListBucket"), broadens=True),
        Difference(path="inline_policies/no", reason=reason, after={"Statement": []}),
    )


def test_a_role_is_created_with_all_that_is_declared() -> None:
    declaration = declaring(FULL, lifecycle=KEPT)
    world = a_world(declaration, users=USERS)

    assert asdict(the_draft(world)) == asdict(
        Draft(
            address="role/deployer",
            action=Action.CREATE,
            reason=Reason.NOT_THERE,
            message="is declared and does not exist yet",
            declaration=declaration,
            differences=differences_of_creation(Reason.NOT_THERE),
            move=trust_move(FULL, NOBODY),
            steps=tuple(permission_steps(None, FULL, world)),
            approvals=frozenset({Approval.BROADEN}),
            record=record_of_creation(FULL, prevent_destroy=True, retain=True),
        )
    )


def test_what_a_new_role_does_not_have_is_no_difference() -> None:
    draft = the_draft(a_world(a_role(trusting(ALICE, effect="Deny"))))

    assert [(one.path, one.broadens) for one in draft.differences] == [
        ("trust", False),
        ("max_session_duration", False),
    ]


def test_a_new_policy_gives_nothing_to_anybody_yet() -> None:
    policy = a_policy()
    world = a_world(policy)

    assert asdict(the_draft(world)) == asdict(
        Draft(
            address="managed_policy/Lists",
            action=Action.CREATE,
            reason=Reason.NOT_THERE,
            message="is declared and does not exist yet",
            declaration=declaring(policy),
            differences=(Difference(path="policy", reason=Reason.NOT_THERE, after=allow("s3:ListBucket")),),
            steps=tuple(permission_steps(None, policy, world)),
            record=Record(
                id=None, arn=LISTS, manifest="manifests/a.yaml", origin="created", digests=digests_of(policy)
            ),
        )
    )


def test_what_was_deleted_outside_is_created_again_after_a_review() -> None:
    owned = owning(FULL, retain=True)
    world = a_world(FULL, owned=owned, users=USERS)

    assert asdict(the_draft(world)) == asdict(
        Draft(
            address="role/deployer",
            action=Action.CREATE,
            reason=Reason.DELETED_OUTSIDE,
            message="was deleted outside, and is created again",
            declaration=declaring(FULL),
            owned=owned["role/deployer"],
            differences=differences_of_creation(Reason.DELETED_OUTSIDE),
            move=trust_move(FULL, NOBODY),
            steps=tuple(permission_steps(None, FULL, world)),
            approvals=frozenset({Approval.UNDO_NARROWING}),
            record=record_of_creation(FULL),
        )
    )


def test_a_policy_that_was_deleted_outside_waits_for_a_review_too() -> None:
    draft = the_draft(a_world(a_policy(), owned=owning(a_policy())))

    assert draft.reason is Reason.DELETED_OUTSIDE
    assert draft.approvals == {Approval.UNDO_NARROWING}


def test_an_approved_creation_that_did_not_come_about_is_made_without_question() -> None:
    world = a_world(FULL, intents=begun(FULL), users=USERS, ledger={ALICE_ID: Remembered(ALICE, first_seen=BEGUN)})
    draft = the_draft(world)

    assert (draft.reason, draft.message) == (Reason.UNFINISHED, "an earlier run left it unfinished")
    assert draft.approvals == frozenset()


def test_an_approved_recreation_that_did_not_come_about_is_made_without_question() -> None:
    owned = owning(FULL, principals={ALICE: DEAD})
    known = {DEAD: Remembered(ALICE), ALICE_ID: Remembered(ALICE, first_seen=BEGUN)}
    world = a_world(FULL, owned=owned, intents=begun(FULL), users=USERS, ledger=known)

    assert the_draft(world).approvals == frozenset()


def test_a_stranger_in_the_place_of_whom_a_deleted_role_trusted_is_asked_about_too() -> None:
    owned = owning(FULL, principals={ALICE: DEAD})
    draft = the_draft(a_world(FULL, owned=owned, users=USERS, ledger={DEAD: Remembered(ALICE)}))

    assert draft.approvals == {Approval.RE_TRUST, Approval.UNDO_NARROWING}


def test_what_is_made_is_known_with_whose_place_it_takes() -> None:
    new, gone, moved, kept = (a_role(trusting(ALICE), name=name) for name in ("new", "gone", "moved", "kept"))
    live = [replace(one, role_id=f"AROA{one.name}") for one in (replace(moved, path="/old/"), kept)]
    owned = owning(gone, arn=arn("role", "old/gone")) | owning(live[0]) | owning(live[1])

    assert coming(a_world(new, gone, moved, kept, live=live, owned=owned)) == {
        new.arn: None,
        gone.arn: arn("role", "old/gone"),
        moved.arn: arn("role", "old/moved"),
    }


def test_who_is_made_in_the_same_plan_is_named_late_and_without_an_id() -> None:
    runner = a_role(trusting(ALICE), name="runner")
    deployer = a_role(trusting(RUNNER, ALICE))
    move = diff(a_world(deployer, runner, users=USERS)).drafts["role/deployer"].move
    assert move is not None

    assert (move.principals, move.late) == ({ALICE: ALICE_ID, RUNNER: None}, True)


def test_who_is_made_by_the_plan_of_another_account_is_there_in_time() -> None:
    theirs = arn("role", "runner", "444455556666")
    world = a_world(a_role(trusting(theirs)), made_elsewhere={theirs: None})
    move = the_draft(replace(world, index=replace(world.index, id_by_arn={theirs: OTHER_ID}))).move
    assert move is not None

    assert (move.principals, move.late) == ({theirs: None}, False)


# --- what takes the place of another ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("elsewhere", "what", "before", "after"),
    [({"path": "/old/"}, "path", "/old/", "/"), ({"name": "Deployer"}, "name", "Deployer", "deployer")],
)
def test_another_path_or_name_is_a_replacement(
    elsewhere: Mapping[str, Any], what: str, before: str, after: str
) -> None:
    live = replace(FULL, role_id=ID, description="Deployed", **elsewhere)
    owned = owning(live)
    world = a_world(FULL, live=[live], owned=owned, users=USERS)

    assert asdict(the_draft(world)) == asdict(
        Draft(
            address="role/deployer",
            action=Action.REPLACE,
            reason=Reason.PATH_CHANGED,
            message=f"its {what} cannot change in place: {before} becomes {after}",
            declaration=declaring(FULL),
            owned=owned[live.address],
            live=live,
            differences=(
                Difference(path=what, reason=Reason.PATH_CHANGED, before=before, after=after),
                Difference(path="description", reason=Reason.MANIFEST_CHANGED, before="Deployed", after="Deploys"),
            ),
            move=trust_move(FULL, NOBODY),
            steps=tuple(permission_steps(None, FULL, world)),
            approvals=frozenset({Approval.DELETE}),
            base_paths=paths_of(live),
            record=record_of_creation(FULL),
        )
    )


def test_a_replacement_asks_for_what_its_differences_ask() -> None:
    live = a_role(trusting(ALICE), live=True, path="/old/")
    owned = owning(a_role(trusting(ALICE, BOB), path="/old/"))
    draft = the_draft(a_world(a_role(trusting(ALICE, BOB)), live=[live], owned=owned, users=USERS))

    assert draft.approvals == {Approval.DELETE, Approval.UNDO_NARROWING}


def test_a_replacement_asks_about_a_namesake_whom_its_trust_shows_already() -> None:
    live = replace(FULL, role_id=ID, path="/old/", description="Deployed")
    owned = owning(live, principals={ALICE: DEAD})
    draft = the_draft(a_world(FULL, live=[live], owned=owned, users=USERS))

    assert draft.approvals == {Approval.DELETE, Approval.RE_TRUST}
    assert asdict(draft)["differences"][-1] == asdict(
        Difference(
            path="trust",
            reason=Reason.PRINCIPAL_RECREATED,
            before=trusting(ALICE),
            after=trusting(ALICE),
            note=f"{ALICE} was {DEAD} when this role was last applied, and is {ALICE_ID} now",
        )
    )


def test_a_replacement_that_was_approved_and_cut_short_asks_nothing_again() -> None:
    live = replace(FULL, role_id=ID, path="/old/")
    owned = owning(live, principals={ALICE: DEAD})
    world = a_world(FULL, live=[live], owned=owned, users=USERS, intents=begun(FULL, "replace", id=ID))
    known = {ALICE_ID: Remembered(ALICE, first_seen="2026-11-24T08:00:00Z")}
    approved = replace(world, state=replace(world.state, ledger=known), index=replace(world.index, ledger=known))

    assert the_draft(approved).approvals == {Approval.DELETE}
    assert the_draft(world).approvals == {Approval.DELETE, Approval.RE_TRUST}


def test_a_policy_at_another_path_is_a_replacement_that_trusts_nobody() -> None:
    live = a_policy(live=True, path="/old/")
    draft = the_draft(a_world(a_policy(), live=[live], owned=owning(live), users=USERS))

    assert draft.action is Action.REPLACE
    assert draft.approvals == {Approval.DELETE}


def test_a_replacement_that_asks_about_a_namesake_says_so_once() -> None:
    live = replace(FULL, role_id=ID, path="/old/")
    owned = owning(live, principals={ALICE: DEAD})
    wanted = replace(FULL, trust=PolicyDocument(trusting(ALICE, BOB)))
    draft = the_draft(a_world(wanted, live=[live], owned=owned, users=USERS))

    assert [difference.path for difference in draft.differences].count("trust") == 1


@pytest.mark.parametrize("action", [Action.CREATE, Action.REPLACE, Action.DELETE, Action.UPDATE])
def test_a_draft_tells_what_comes_and_what_goes(action: Action) -> None:
    draft = Draft(address="role/x", action=action, reason=Reason.NOT_THERE, message="")

    assert draft.creates == (action in {Action.CREATE, Action.REPLACE})
    assert draft.removes == (action in {Action.DELETE, Action.REPLACE})
    assert draft.declared is None
    assert replace(draft, declaration=declaring(FULL)).declared is FULL
