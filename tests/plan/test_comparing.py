"""What is declared and there: what a change says, and what is remembered of what stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import pytest

from reconciler.diff import Diff, Draft, diff
from reconciler.effects import permission_steps
from reconciler.model.change import Action, Approval, Difference, Reason
from reconciler.model.declared import Declaration, Lifecycle
from reconciler.model.form import digests_of, paths_of
from reconciler.model.policy import PolicyDocument
from reconciler.model.principal import Remembered
from reconciler.model.role import Role
from reconciler.state import Intent, Owned
from tests.plan.drafts import (
    ALICE,
    ALICE_ID,
    AS_APPLIED,
    BEGUN,
    BOB,
    BOB_ID,
    FULL,
    LISTS,
    ONCE_ALICE,
    OTHER_ID,
    RUNNER,
    USERS,
    a_changed_trust,
    begun,
    record_of_live,
    the_draft,
    trust_move,
)
from tests.plan.worlds import DEAD, ID, POLICY_ID, a_policy, a_role, a_world, declaring, owning
from tests.scenarios.house import allow, arn, trusting

# --- what is compared ---------------------------------------------------------------------------------------


def test_what_is_there_as_declared_is_recorded_and_nothing_is_written() -> None:
    live = replace(FULL, role_id=ID)
    world = a_world(FULL, live=[live], users=USERS)

    assert asdict(the_draft(world)) == asdict(
        Draft(
            address="role/deployer",
            action=Action.IMPORT,
            reason=Reason.ADOPTED,
            message="exists as declared, and is recorded; nothing is written",
            declaration=declaring(FULL),
            live=live,
            move=trust_move(FULL, live.trust, changed=False),
            base_paths=paths_of(live),
            record=record_of_live(FULL),
        )
    )


def test_taking_over_what_differs_waits_for_a_review() -> None:
    live = replace(FULL, role_id=ID, description="Deployed", managed_policies=frozenset())
    world = a_world(FULL, live=[live], users=USERS)
    approvals = {path: frozenset({Approval.ADOPT}) for path in ("description", "managed_policies")}

    assert asdict(the_draft(world)) == asdict(
        Draft(
            address="role/deployer",
            action=Action.IMPORT,
            reason=Reason.ADOPTED,
            message="exists, differs from its manifest, and is taken over",
            declaration=declaring(FULL),
            live=live,
            differences=(
                Difference(path="managed_policies", reason=Reason.ADOPTED, before=[], after=[LISTS], broadens=True),
                Difference(path="description", reason=Reason.ADOPTED, before="Deployed", after="Deploys"),
            ),
            move=trust_move(FULL, live.trust, changed=False),
            steps=tuple(permission_steps(live, FULL, world, approvals=approvals)),
            approvals=frozenset({Approval.ADOPT}),
            base_paths=paths_of(live),
            record=record_of_live(FULL),
        )
    )


def test_what_the_manifest_changed_is_updated() -> None:
    live = replace(FULL, role_id=ID, managed_policies=frozenset())
    owned = owning(live, origin="created")
    world = a_world(FULL, live=[live], owned=owned, users=USERS)
    approvals = {"managed_policies": frozenset({Approval.BROADEN})}

    assert asdict(the_draft(world)) == asdict(
        Draft(
            address="role/deployer",
            action=Action.UPDATE,
            reason=Reason.MANIFEST_CHANGED,
            message="its manifest changed",
            declaration=declaring(FULL),
            owned=owned["role/deployer"],
            live=live,
            differences=(
                Difference(
                    path="managed_policies", reason=Reason.MANIFEST_CHANGED, before=[], after=[LISTS], broadens=True
                ),
            ),
            move=trust_move(FULL, live.trust, changed=False),
            steps=tuple(permission_steps(live, FULL, world, approvals=approvals)),
            approvals=frozenset({Approval.BROADEN}),
            base_paths=paths_of(live),
            record=record_of_live(FULL, origin="created"),
        )
    )


def test_what_an_additive_role_holds_besides_is_not_taken_away() -> None:
    live = replace(FULL, role_id=ID, managed_policies=FULL.managed_policies | {arn("policy", "More")}, description="x")
    world = a_world(declaring(FULL, additive_managed_policies=True), live=[live], owned=owning(live), users=USERS)

    assert [step.operation.call.value for step in the_draft(world).steps] == ["UpdateRole"]


def test_a_changed_policy_has_no_trust_on_its_way() -> None:
    live = a_policy(live=True)
    draft = the_draft(a_world(a_policy(policy=PolicyDocument(allow("s3:Get*"))), live=[live], owned=owning(live)))

    assert (draft.action, draft.move) == (Action.UPDATE, None)
    assert draft.record is not None
    assert (draft.record.id, draft.record.principals) == (POLICY_ID, {})


def test_what_was_recreated_outside_as_declared_is_taken_over_under_its_new_id() -> None:
    live = replace(FULL, role_id=OTHER_ID)
    draft = the_draft(a_world(FULL, live=[live], owned=owning(FULL, origin="created"), users=USERS))

    assert (draft.action, draft.reason, draft.message) == (
        Action.IMPORT,
        Reason.RECREATED_OUTSIDE,
        "was deleted and recreated outside",
    )
    assert draft.record is not None
    assert (draft.record.id, draft.record.origin) == (OTHER_ID, "imported")


@pytest.mark.parametrize(
    ("live", "declared", "known", "reason", "message"),
    [
        ([ALICE], [ALICE, BOB], {}, Reason.MANIFEST_CHANGED, "its manifest changed"),
        ([ALICE], [BOB], {"applied": trusting(BOB)}, Reason.CHANGED_OUTSIDE, "was changed outside"),
        (
            [DEAD],
            [ALICE],
            {"ledger": ONCE_ALICE},
            Reason.PRINCIPAL_RECREATED,
            "a principal that it trusts was deleted and recreated",
        ),
        (
            [DEAD],
            [ALICE],
            {"ledger": ONCE_ALICE, "users": {}},
            Reason.PRINCIPAL_DELETED,
            "a principal that it trusts was deleted",
        ),
        (
            [DEAD],
            [ALICE],
            {},
            Reason.PRINCIPAL_INFERRED,
            "a dead ID stands where a declared principal is missing",
        ),
        (
            [DEAD, BOB],
            [BOB],
            {"ledger": ONCE_ALICE},
            Reason.ORPHAN_REMOVED,
            "a dead ID is taken out of its trust",
        ),
        (
            [ALICE],
            [BOB],
            {
                "intents": {
                    "role/deployer": Intent(
                        address="role/deployer",
                        action="update",
                        begun=BEGUN,
                        id=ID,
                        forms={"trust": tuple(digests_of(a_role(trusting(who)))["trust"] for who in (ALICE, BOB))},
                    )
                },
                "ledger": {BOB_ID: Remembered(BOB, first_seen=BEGUN)},
            },
            Reason.UNFINISHED,
            "an earlier run left it unfinished",
        ),
    ],
)
def test_a_change_says_what_happened(
    live: list[str], declared: list[str], known: Mapping[str, Any], reason: Reason, message: str
) -> None:
    draft = a_changed_trust(trusting(*live), trusting(*declared), **known)

    assert (draft.reason, draft.message) == (reason, message)


def test_who_gets_a_new_id_in_the_same_plan_is_trusted_anew() -> None:
    deployer, runner = a_role(trusting(RUNNER)), a_role(trusting(ALICE), name="runner")
    live = [replace(deployer, role_id=ID), replace(runner, role_id=OTHER_ID, path="/old/")]
    live[0] = replace(live[0], trust=PolicyDocument(trusting(live[1].arn)))
    world = a_world(deployer, runner, live=live, owned=owning(live[0]) | owning(live[1]), users=USERS)
    draft = diff(world).drafts["role/deployer"]

    assert (draft.reason, draft.message) == (
        Reason.RE_TRUSTED_AFTER_REPLACE,
        "a principal that it trusts gets a new ID in this plan",
    )
    assert draft.move is not None
    assert (draft.move.principals, draft.move.late, draft.move.changed) == ({RUNNER: None}, True, True)


def test_the_weightiest_reason_speaks_for_a_change() -> None:
    live = replace(FULL, role_id=ID, description="Deployed", trust=PolicyDocument(trusting(DEAD)))
    draft = the_draft(a_world(FULL, live=[live], owned=owning(live), users=USERS, ledger=ONCE_ALICE))

    assert [found.reason for found in draft.differences] == [Reason.PRINCIPAL_RECREATED, Reason.MANIFEST_CHANGED]
    assert draft.reason is Reason.PRINCIPAL_RECREATED


def test_somebody_outside_weighs_more_than_the_manifest() -> None:
    applied = replace(FULL, role_id=ID, description="Deployed")
    live = replace(applied, tags={"team": "red"})
    draft = the_draft(a_world(FULL, live=[live], owned=owning(applied), users=USERS))

    assert {found.reason for found in draft.differences} == {Reason.MANIFEST_CHANGED, Reason.CHANGED_OUTSIDE}
    assert draft.reason is Reason.CHANGED_OUTSIDE


# --- what is remembered of what stays -----------------------------------------------------------------------


def settled(declaration: Declaration, owned: Mapping[str, Owned], **known: Any) -> Diff:
    assert isinstance(declaration.value, Role)
    live = replace(declaration.value, role_id=ID)
    found = diff(a_world(declaration, live=[live], owned=owned, users=USERS, **known))
    assert not found.drafts
    return found


def test_what_is_known_already_is_not_written_down_again() -> None:
    found = settled(declaring(FULL), owning(FULL, **AS_APPLIED))

    assert found == Diff(drafts={}, unchanged=1)


@pytest.mark.parametrize(
    ("declaration", "owned"),
    [
        (declaring(FULL), {"principals": {}}),
        (declaring(FULL), {"manifest": "manifests/b.yaml"}),
        (declaring(FULL), {"arn": arn("role", "old/deployer")}),
        (declaring(FULL), {"digests": {}}),
        (declaring(FULL), {"held": ("trust",)}),
        (declaring(FULL, lifecycle=Lifecycle(prevent_destroy=True)), {}),
        (declaring(FULL, lifecycle=Lifecycle(retain=True)), {}),
    ],
)
def test_what_is_new_about_an_object_that_stays_is_written_down(
    declaration: Declaration, owned: Mapping[str, Any]
) -> None:
    found = settled(declaration, owning(FULL, **{**AS_APPLIED, **owned}))

    lifecycle = declaration.lifecycle
    assert found.records == {
        "role/deployer": record_of_live(FULL, prevent_destroy=lifecycle.prevent_destroy, retain=lifecycle.retain)
    }
    assert found.unchanged == 1


def test_what_an_earlier_run_made_without_recording_it_is_written_down() -> None:
    found = settled(declaring(FULL), {}, intents=begun(FULL), ledger={ID: Remembered(FULL.arn, first_seen=BEGUN)})

    assert found.records == {"role/deployer": record_of_live(FULL, origin="created")}


def test_the_end_of_an_intent_is_written_down() -> None:
    found = settled(declaring(FULL), owning(FULL, **AS_APPLIED), intents=begun(FULL, "update", id=ID))

    assert list(found.records) == ["role/deployer"]


def test_an_id_that_nobody_can_know_is_no_news() -> None:
    role = a_role(trusting(ALICE, arn("user", "zoe", "444455556666")))

    assert settled(declaring(role), owning(role, **AS_APPLIED)).records == {}


def test_whom_a_role_trusted_in_an_account_out_of_sight_stays_remembered() -> None:
    zoe = arn("user", "zoe", "444455556666")
    role = a_role(trusting(ALICE, zoe))
    owned = owning(role, principals={ALICE: ALICE_ID, zoe: OTHER_ID})

    assert settled(declaring(role), owned).records == {}
    found = settled(declaring(role), {**owned, "role/deployer": replace(owned["role/deployer"], held=("trust",))})
    assert dict(found.records["role/deployer"].principals) == {ALICE: ALICE_ID, zoe: OTHER_ID}
    live = replace(role, role_id=ID, description="Deployed")
    record = the_draft(a_world(role, live=[live], owned=owned, users=USERS)).record
    assert record is not None
    assert dict(record.principals) == {ALICE: ALICE_ID, zoe: OTHER_ID}


def test_whoever_was_put_there_by_hand_is_not_yet_remembered_as_trusted() -> None:
    assert settled(declaring(FULL), owning(FULL, principals={ALICE: OTHER_ID})).records == {}


def test_who_was_made_anew_here_is_remembered_at_once() -> None:
    role = a_role(trusting(RUNNER))
    runner = a_role(trusting(ALICE), name="runner", live=True)
    runner = replace(runner, role_id=OTHER_ID)
    made = owning(runner, origin="created", principals={ALICE: ALICE_ID})
    found = diff(
        a_world(
            role,
            replace(runner, role_id=None),
            live=[replace(role, role_id=ID), runner],
            owned={**owning(role, principals={RUNNER: DEAD}), **made},
            users=USERS,
        )
    )
    assert not found.drafts
    assert dict(found.records["role/deployer"].principals) == {RUNNER: OTHER_ID}


def test_of_whoever_gets_a_new_id_in_the_same_plan_the_old_one_is_not_remembered() -> None:
    role = a_role(trusting(RUNNER))
    runner = a_role(trusting(ALICE), name="runner")
    there = [replace(role, role_id=ID), replace(runner, role_id=OTHER_ID, path="/old/")]
    known = {**owning(role, principals={RUNNER: DEAD}), **owning(replace(there[1]), principals={ALICE: ALICE_ID})}

    found = diff(a_world(role, runner, live=there, owned=known, users=USERS))

    record = found.drafts["role/deployer"].record
    assert record is not None
    assert dict(record.principals) == {RUNNER: None}


def test_two_who_swapped_their_names_are_not_swapped_meanwhile() -> None:
    limited = {**trusting(BOB)["Statement"][0], "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}
    role = a_role({"Version": "2012-10-17", "Statement": [*trusting(ALICE)["Statement"], limited]})
    swapped = {**limited, "Principal": {"AWS": ALICE}}
    live = a_role({"Version": "2012-10-17", "Statement": [*trusting(BOB)["Statement"], swapped]}, live=True)
    owned = owning(role, principals={ALICE: BOB_ID, BOB: ALICE_ID})

    draft = the_draft(a_world(role, live=[live], owned=owned, users=USERS))

    assert draft.approvals == {Approval.RE_TRUST}
    assert draft.move is not None
    assert draft.move.meanwhile is None


def test_what_is_remembered_is_not_looked_for_unless_asked() -> None:
    live = replace(FULL, role_id=ID)

    assert diff(a_world(FULL, live=[live], owned=owning(FULL, held=("trust",))), recording=False).records == {}
