"""Each row of the decision table, whole: what a draft says, what it writes, what it asks for and what is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import pytest

from reconciler.diff import Decision, Diff, Draft, coming, decide, diff
from reconciler.effects import permission_steps
from reconciler.model.change import Action, Approval, Difference, Reason, Record
from reconciler.model.declared import Declaration, Lifecycle, Removal
from reconciler.model.diagnostic import Code, Diagnostic, Place, Severity
from reconciler.model.form import digests_of, paths_of
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.policy import PolicyDocument
from reconciler.model.principal import Remembered
from reconciler.model.role import LastUsed, Role
from reconciler.operations import TrustMove, closed_trust
from reconciler.snapshot import Entity
from reconciler.state import Intent, Owned
from reconciler.world import Case, World
from tests.plan.worlds import DEAD, ID, PLACE, POLICY_ID, a_policy, a_role, a_world, declaring, owning
from tests.scenarios.house import ACCOUNT, allow, arn, trusting

ALICE, BOB, RUNNER = arn("user", "alice"), arn("user", "bob"), arn("role", "runner")
ALICE_ID, BOB_ID, OTHER_ID = "AIDAALICE00000000001", "AIDABOB0000000000001", "AROAOTHER00000000001"
USERS = {
    "alice": Entity(name="alice", arn=ALICE, id=ALICE_ID),
    "bob": Entity(name="bob", arn=BOB, id=BOB_ID),
}
AS_APPLIED: dict[str, Any] = {"principals": {ALICE: ALICE_ID}}
NOBODY = PolicyDocument({})
CLOSED = closed_trust("aws", ACCOUNT)
LISTS = arn("policy", "Lists")
STACK = {"aws:cloudformation:stack-name": "web"}
BEGUN = "2026-11-24T09:30:00Z"


def the_draft(world: World) -> Draft:
    """Return the only draft, where nothing is in the way."""
    found = diff(world)
    (draft,) = found.drafts.values()
    assert not found.blockers
    assert list(found.drafts) == [draft.address]
    return draft


def the_blocker(world: World) -> Diagnostic:
    found = diff(world)
    (blocker,) = found.blockers
    assert not found.drafts
    return blocker


def trust_move(role: Role, living: PolicyDocument, **fields: Any) -> TrustMove:
    said: dict[str, Any] = {"principals": {ALICE: ALICE_ID}, **fields}
    return TrustMove(role=role.name, living=living, goal=role.trust, closed=CLOSED, partition="aws", **said)


def begun(role: Role, action: str = "create", **fields: Any) -> dict[str, Intent]:
    """Return the intent of a run that was to make a role as it is declared."""
    forms = {path: (digest,) for path, digest in digests_of(role).items()}
    return {role.address: Intent(address=role.address, action=action, begun=BEGUN, forms=forms, **fields)}


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


WANTED = a_role(trusting(ALICE))
THERE = a_role(trusting(ALICE), live=True)
MOVED = replace(THERE, path="/old/")
TAKEN = replace(THERE, tags=STACK)


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


# --- what is made -------------------------------------------------------------------------------------------

FULL = a_role(
    trusting(ALICE),
    tags={"team": "blue"},
    description="Deploys",
    managed_policies=frozenset({LISTS}),
    inline_policies={"list": PolicyDocument(allow("s3:ListBucket")), "no": PolicyDocument({"Statement": []})},
)
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


def record_of_creation(role: Role, **fields: Any) -> Record:
    said: dict[str, Any] = {"id": None, "origin": "created", "principals": {ALICE: ALICE_ID}, **fields}
    return Record(arn=role.arn, manifest="manifests/a.yaml", digests=digests_of(role), **said)


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


@pytest.mark.parametrize("action", [Action.CREATE, Action.REPLACE, Action.DELETE, Action.UPDATE])
def test_a_draft_tells_what_comes_and_what_goes(action: Action) -> None:
    draft = Draft(address="role/x", action=action, reason=Reason.NOT_THERE, message="")

    assert draft.creates == (action in {Action.CREATE, Action.REPLACE})
    assert draft.removes == (action in {Action.DELETE, Action.REPLACE})
    assert draft.declared is None
    assert replace(draft, declaration=declaring(FULL)).declared is FULL


# --- what is in the way -------------------------------------------------------------------------------------


def test_a_role_of_awss_own_is_in_the_way() -> None:
    live = a_role(trusting(ALICE), live=True, path="/aws-reserved/", tags=STACK)

    assert the_blocker(a_world(FULL, live=[live])) == Diagnostic(
        Code.RC312,
        f"{live.arn} is a service-linked or reserved role, which only AWS can change",
        address="role/deployer",
        place=PLACE,
        help="Take it out of the manifests.",
    )


@pytest.mark.parametrize("value", [FULL, a_policy()])
def test_what_belongs_to_another_is_in_the_way(value: Role | ManagedPolicy) -> None:
    live = replace(value, tags=STACK)

    assert the_blocker(a_world(value, live=[live])) == Diagnostic(
        Code.RC311,
        f"{live.arn} belongs to the CloudFormation stack web",
        address=value.address,
        place=PLACE,
        help="Let its owner manage it, or have it given up there first.",
    )


@pytest.mark.parametrize(
    ("elsewhere", "owned", "how", "advice"),
    [
        ({"path": "/old/"}, False, "at path /old/", "Declare it as it is (name deployer, path /old/), or choose"),
        (
            {"name": "Deployer"},
            False,
            "as Deployer: names are unique without regard to case",
            "Declare it as it is (name Deployer, path /), or choose",
        ),
        ({"path": "/old/"}, True, "at path /old/", "Declare it as it is (name deployer, path /old/), or choose"),
    ],
)
def test_what_was_not_made_here_and_is_elsewhere_is_in_the_way(
    elsewhere: Mapping[str, Any], how: str, advice: str, *, owned: bool
) -> None:
    live = replace(FULL, role_id=OTHER_ID, **elsewhere)
    again = " It was recreated outside, there." if owned else ""

    assert the_blocker(a_world(FULL, live=[live], owned=owning(FULL) if owned else None)) == Diagnostic(
        Code.RC310,
        f"deployer exists already {how}",
        address="role/deployer",
        place=PLACE,
        help=f"{advice} another name.{again}",
    )


@pytest.mark.parametrize("place", [None, Place("manifests/removed.yaml", 7)])
def test_what_was_protected_when_last_applied_is_in_the_way_of_its_removal(place: Place | None) -> None:
    removals = [Removal(address="role/deployer", destroy=True, place=place)] if place else []
    world = a_world(*removals, live=[THERE], owned=owning(THERE, prevent_destroy=True))

    assert the_blocker(world) == Diagnostic(
        Code.RC315,
        "role/deployer was applied with prevent_destroy, and is no longer declared",
        address="role/deployer",
        place=place,
        help="Declare it again, or apply it once with `prevent_destroy: false` before taking it out.",
    )


ALICIA = arn("user", "alicia")
RENAMED = {"alicia": Entity(name="alicia", arn=ALICIA, id=ALICE_ID), "bob": USERS["bob"]}
NAMESAKE = {**RENAMED, "alice": Entity(name="alice", arn=ALICE, id=OTHER_ID)}
BOB_TOO = {"Effect": "Allow", "Principal": {"AWS": BOB, "Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}


def naming(who: str, effect: str = "Allow") -> dict[str, Any]:
    """Return a trust that names somebody in its second statement."""
    return {"Version": "2012-10-17", "Statement": [BOB_TOO, *trusting(who, effect=effect)["Statement"]]}


def of_a_renamed(was: str, now: str, taken: str = "", does: str = "trusts") -> Diagnostic:
    return Diagnostic(
        Code.RP208,
        f"{was} was renamed: the entity that this role {does} under that name is now {now}{taken}",
        address="role/deployer",
        place=Place("manifests/a.yaml", 8),
        help=f"Write {now} in the manifest, which changes nothing: IAM followed the rename. If the new bearer of"
        " the old name is meant as well, write both.",
    )


@pytest.mark.parametrize(("effect", "does"), [("Allow", "trusts"), ("Deny", "guards against")])
@pytest.mark.parametrize("is_there", [True, False])
def test_a_namesake_of_whom_is_meant_is_in_the_way(effect: str, does: str, *, is_there: bool) -> None:
    declaration = declaring(
        a_role(naming(ALICE, effect)), places={"trust/1": Place("manifests/a.yaml", 8), "trust/0": PLACE}
    )
    live = [a_role(naming(ALICIA, effect), live=True, description="old")] if is_there else []
    world = a_world(declaration, live=live, owned=owning(declaration.value, **AS_APPLIED), users=NAMESAKE)

    assert the_blocker(world) == of_a_renamed(ALICE, ALICIA, f", and another, {OTHER_ID}, has the old name", does)


def test_who_was_renamed_in_an_account_that_is_not_read_has_to_be_asked_for() -> None:
    was, now = (arn("user", name, "444455556666") for name in ("zoe", "zora"))
    declaration = declaring(a_role(naming(was)), places={"trust/1": Place("manifests/a.yaml", 8)})
    owned = owning(declaration.value, principals={was: DEAD})
    live = a_role(naming(now), live=True)
    world = a_world(declaration, live=[live], owned=owned, users=USERS, ledger={DEAD: Remembered(now)})

    assert the_blocker(world) == of_a_renamed(was, now)


def test_who_was_renamed_without_a_namesake_is_no_matter_of_this_table() -> None:
    role = a_role(naming(ALICE))
    world = a_world(role, live=[a_role(naming(ALICIA), live=True)], owned=owning(role, **AS_APPLIED), users=RENAMED)

    assert the_draft(world).action is Action.UPDATE


def test_a_namesake_that_somebody_trusts_by_hand_is_not_in_the_way_of_others() -> None:
    role = a_role(naming(ALICE))
    live = a_role(trusting(ALICE), live=True)

    assert the_draft(a_world(role, live=[live], owned=owning(role, **AS_APPLIED), users=NAMESAKE)).move is not None


# --- what goes, and what is given up ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last_used", "used"),
    [
        (LastUsed(date="2026-11-01T00:00:00Z"), "last used 2026-11-01T00:00:00Z"),
        (None, "not used in the last 400 days"),
    ],
)
def test_what_is_no_longer_declared_is_deleted(last_used: LastUsed | None, used: str) -> None:
    live = replace(FULL, role_id=ID, tags={}, last_used=last_used, description="")
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


# --- what is compared ---------------------------------------------------------------------------------------


def record_of_live(role: Role, **fields: Any) -> Record:
    return record_of_creation(role, id=ID, **{"origin": "imported", **fields})


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


def a_changed_trust(live: Mapping[str, Any], declared: Mapping[str, Any], **known: Any) -> Draft:
    """Return the draft of a role that was `applied` as it is live, if nothing else is said, and is to trust others."""
    applied = known.pop("applied", live)
    owned = owning(a_role(applied, live=True), **known.pop("owned", {}))
    return the_draft(
        a_world(a_role(declared), live=[a_role(live, live=True)], owned=owned, **{"users": USERS, **known})
    )


ONCE_ALICE = {DEAD: Remembered(ALICE, last_alive="2026-11-24T08:00:00Z")}


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


# --- what is written of a trust before the approval ---------------------------------------------------------


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


def test_what_is_remembered_is_not_looked_for_unless_asked() -> None:
    live = replace(FULL, role_id=ID)

    assert diff(a_world(FULL, live=[live], owned=owning(FULL, held=("trust",))), recording=False).records == {}


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
