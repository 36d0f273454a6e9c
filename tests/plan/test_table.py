"""The decision table itself: which row an object falls into, what is left alone, and what is worth saying."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace

import pytest

from reconciler.diff import Decision, Diff, Draft, decide, diff
from reconciler.model.change import Action, Approval, Difference, Reason
from reconciler.model.declared import Declaration, Removal
from reconciler.model.diagnostic import Code, Diagnostic, Place, Severity
from reconciler.model.form import paths_of
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.role import LastUsed, Role
from reconciler.state import Owned
from reconciler.world import Case
from tests.plan.drafts import (
    ALICE,
    FULL,
    LISTS,
    MOVED,
    OTHER_ID,
    RUNNER,
    STACK,
    TAKEN,
    THERE,
    USERS,
    WANTED,
    the_draft,
)
from tests.plan.worlds import ID, PLACE, a_policy, a_role, a_world, declaring, owning
from tests.scenarios.house import allow, trusting

# --- the table itself ---------------------------------------------------------------------------------------


def a_case(
    declared: Role | None = None, live: Role | None = None, owned: str | None = None, *, removal: bool | None = None
) -> Case:
    role = declared or a_role(trusting(ALICE))
    return Case(
        address="role/deployer",
        declaration=declaring(declared) if declared else None,
        live=live,
        owned=owning(role, id=owned)[role.address] if owned else None,
        removal=None if removal is None else Removal(address="role/deployer", destroy=removal, place=PLACE),
    )


@pytest.mark.parametrize(
    ("case", "decision"),
    [
        (a_case(WANTED), Decision.CREATE),
        (a_case(WANTED, owned=ID), Decision.CREATE_AGAIN),
        (a_case(WANTED, THERE), Decision.IMPORT),
        (a_case(WANTED, MOVED), Decision.BLOCKED),
        (a_case(WANTED, TAKEN), Decision.BLOCKED),
        (a_case(WANTED, THERE, ID), Decision.COMPARE),
        (a_case(WANTED, MOVED, ID), Decision.REPLACE),
        (a_case(WANTED, replace(THERE, name="Deployer"), ID), Decision.REPLACE),
        (a_case(WANTED, THERE, OTHER_ID), Decision.RECREATED),
        (a_case(WANTED, MOVED, OTHER_ID), Decision.BLOCKED),
        (a_case(WANTED, TAKEN, ID), Decision.BLOCKED),
        (a_case(None, THERE, ID), Decision.DELETE),
        (a_case(None, THERE, OTHER_ID), Decision.FORGET),
        (a_case(None, TAKEN, ID), Decision.FORGET),
        (a_case(None, None, ID), Decision.FORGET),
        (a_case(None, THERE, None), Decision.FORGET),
        (a_case(None, THERE, ID, removal=True), Decision.DELETE),
        (a_case(None, THERE, ID, removal=False), Decision.FORGET),
    ],
)
def test_every_row_of_the_table(case: Case, decision: Decision) -> None:
    assert decide(case) is decision


@pytest.mark.parametrize(
    ("removal", "decision"), [(None, Decision.FORGET), (True, Decision.DELETE), (False, Decision.FORGET)]
)
def test_what_was_to_be_retained_is_destroyed_only_by_name(*, removal: bool | None, decision: Decision) -> None:
    case = a_case(None, THERE, ID, removal=removal)
    assert case.owned is not None

    assert decide(replace(case, owned=replace(case.owned, retain=True))) is decision


# --- what goes, and what is given up ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last_used", "created", "used"),
    [
        (LastUsed(date="2026-11-01T00:00:00Z"), "2026-10-01T00:00:00Z", "last used 2026-11-01T00:00:00Z"),
        (None, "2026-10-01T00:00:00Z", "not used in the last 400 days, created 2026-10-01T00:00:00Z"),
        (None, None, "not used in the last 400 days"),
    ],
)
def test_what_is_no_longer_declared_is_deleted(last_used: LastUsed | None, created: str | None, used: str) -> None:
    live = replace(FULL, role_id=ID, tags={}, last_used=last_used, created=created, description="")
    owned = owning(live)

    assert asdict(the_draft(a_world(live=[live], owned=owned))) == asdict(
        Draft(
            address="role/deployer",
            action=Action.DELETE,
            reason=Reason.NOT_DECLARED,
            message=f"is owned and no longer declared; {used}",
            owned=owned["role/deployer"],
            live=live,
            differences=tuple(
                Difference(path=path, reason=Reason.NOT_DECLARED, before=before)
                for path, before in [
                    ("trust", trusting(ALICE)),
                    ("max_session_duration", 3600),
                    ("managed_policies", [LISTS]),
                    ("inline_policies/list", allow("s3:ListBucket")),
                    ("inline_policies/no", {"Statement": []}),
                ]
            ),
            approvals=frozenset({Approval.DELETE}),
            base_paths=paths_of(live),
        )
    )


def test_nobody_knows_when_a_policy_was_last_used() -> None:
    live = a_policy(live=True)

    assert the_draft(a_world(live=[live], owned=owning(live))).message == "is owned and no longer declared"


def test_what_is_to_be_destroyed_may_be_declared() -> None:
    live = a_policy(live=True)
    world = a_world(live=[live], owned=owning(live))
    destroying = replace(world, desired=replace(world.desired, destroying=True))

    assert the_draft(destroying).message == "is owned and to be destroyed, since --destroy was asked for"


@pytest.mark.parametrize(
    ("live", "why"),
    [
        (None, "is no longer declared, and gone already"),
        (replace(THERE, role_id=OTHER_ID), "is no longer declared, and what is there now is not what was made here"),
        (TAKEN, "is no longer declared, and belongs to the CloudFormation stack web"),
        (THERE, "is given up, and stays as it is"),
    ],
)
def test_what_is_given_up_is_forgotten_and_stays(live: Role | None, why: str) -> None:
    owned = owning(THERE, retain=True)

    assert asdict(the_draft(a_world(live=[live] if live else [], owned=owned))) == asdict(
        Draft(
            address="role/deployer",
            action=Action.FORGET,
            reason=Reason.NOT_DECLARED,
            message=why,
            owned=owned["role/deployer"],
            live=live,
        )
    )


# --- many objects, and what is worth saying -----------------------------------------------------------------


def test_a_diff_is_limited_to_what_is_asked_for() -> None:
    one, two, three = (a_role(trusting(ALICE), name=name) for name in ("one", "two", "three"))
    world = a_world(one, two, three)

    assert set(diff(world).drafts) == {"role/one", "role/two", "role/three"}
    assert set(diff(world, only=frozenset({"role/one", "role/two"})).drafts) == {"role/one", "role/two"}
    assert set(diff(world, without=frozenset({"role/two"})).drafts) == {"role/one", "role/three"}
    assert diff(world, only=frozenset()).drafts == {}


def test_where_nothing_is_declared_or_owned_there_is_nothing_to_do() -> None:
    found = diff(a_world(live=[THERE]))

    assert found == Diff(drafts={})
    assert found.unchanged == 0


def test_what_is_left_out_is_not_made_either() -> None:
    runner = a_role(trusting(ALICE), name="runner")
    world = a_world(a_role(trusting(RUNNER)), runner, users=USERS)
    move = diff(world, without=frozenset({"role/runner"})).drafts["role/deployer"].move
    assert move is not None

    assert not move.late


def test_only_what_is_declared_and_neither_changes_nor_is_blocked_is_unchanged() -> None:
    kept, blocked, new = (a_role(trusting(ALICE), name=name) for name in ("kept", "blocked", "new"))
    gone, guarded = (a_role(trusting(ALICE), name=name, role_id=f"AROA{name}") for name in ("gone", "guarded"))
    live = [replace(kept, role_id=ID), replace(blocked, role_id=OTHER_ID, tags=STACK), gone, guarded]
    owned = owning(kept) | owning(gone) | owning(guarded, prevent_destroy=True)
    found = diff(a_world(kept, blocked, new, live=live, owned=owned))

    assert sorted(found.drafts) == ["role/gone", "role/new"]
    assert [blocker.address for blocker in found.blockers] == ["role/blocked", "role/guarded"]
    assert found.unchanged == 1


BOUNDED = a_role(trusting(ALICE), live=True, permissions_boundary=LISTS)


@pytest.mark.parametrize("owned", [{}, owning(BOUNDED), owning(BOUNDED, id=OTHER_ID)])
def test_a_boundary_that_is_not_declared_stays_and_is_told(owned: Mapping[str, Owned]) -> None:
    found = diff(a_world(declaring(WANTED, keeps_boundary=True), live=[BOUNDED], owned=owned, users=USERS))

    assert found.warnings == (
        Diagnostic(
            Code.RC318,
            f"The permissions boundary {LISTS} is not declared, and left in place",
            severity=Severity.NOTE,
            address="role/deployer",
            place=PLACE,
            help="Declare it, or write `permissions_boundary: none` to take it off.",
        ),
    )


@pytest.mark.parametrize(
    ("declaration", "live"),
    [
        (declaring(WANTED, keeps_boundary=True), THERE),
        (declaring(WANTED), BOUNDED),
        (declaring(WANTED, keeps_boundary=True), replace(BOUNDED, path="/old/")),
        (declaring(a_policy(), keeps_boundary=True), a_policy(live=True)),
        (declaring(WANTED), replace(THERE, description="old")),
    ],
)
def test_what_can_be_changed_and_is_not_left_in_place_is_nothing_to_tell(
    declaration: Declaration, live: Role | ManagedPolicy
) -> None:
    assert diff(a_world(declaration, live=[live], owned=owning(live), users=USERS)).warnings == ()


def test_a_description_that_cannot_change_is_told_where_it_is_written() -> None:
    written = Place("manifests/a.yaml", 4)
    declaration = declaring(a_policy(description="new"), places={"description": written})
    live = a_policy(live=True, description="old")
    found = diff(a_world(declaration, live=[live], owned=owning(live)))

    assert not found.drafts
    assert found.warnings == (
        Diagnostic(
            Code.RC317,
            "The description of a managed policy cannot change after its creation",
            severity=Severity.WARNING,
            address="managed_policy/Lists",
            place=written,
            help="Write 'old', or leave it out.",
        ),
    )
