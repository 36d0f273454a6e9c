"""What the tests of the decision table have in common: who is meant, what is there, and what a draft of it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.diff import Draft, diff
from reconciler.model.change import Record
from reconciler.model.diagnostic import Diagnostic
from reconciler.model.form import digests_of
from reconciler.model.policy import PolicyDocument
from reconciler.model.principal import Remembered
from reconciler.model.role import Role
from reconciler.operations import TrustMove, closed_trust
from reconciler.snapshot import Entity
from reconciler.state import Intent
from reconciler.world import World
from tests.plan.worlds import DEAD, ID, a_role, a_world, owning
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
WANTED = a_role(trusting(ALICE))
THERE = a_role(trusting(ALICE), live=True)
MOVED = replace(THERE, path="/old/")
TAKEN = replace(THERE, tags=STACK)
FULL = a_role(
    trusting(ALICE),
    tags={"team": "blue"},
    description="Deploys",
    managed_policies=frozenset({LISTS}),
    inline_policies={"list": PolicyDocument(allow("s3:ListBucket")), "no": PolicyDocument({"Statement": []})},
)
ONCE_ALICE = {DEAD: Remembered(ALICE, last_alive="2026-11-24T08:00:00Z")}


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


def record_of_creation(role: Role, **fields: Any) -> Record:
    said: dict[str, Any] = {"id": None, "origin": "created", "principals": {ALICE: ALICE_ID}, **fields}
    return Record(arn=role.arn, manifest="manifests/a.yaml", digests=digests_of(role), **said)


def record_of_live(role: Role, **fields: Any) -> Record:
    return record_of_creation(role, id=ID, **{"origin": "imported", **fields})


def a_changed_trust(live: Mapping[str, Any], declared: Mapping[str, Any], **known: Any) -> Draft:
    """Return the draft of a role that was `applied` as it is live, if nothing else is said, and is to trust others."""
    applied = known.pop("applied", live)
    owned = owning(a_role(applied, live=True), **known.pop("owned", {}))
    return the_draft(
        a_world(a_role(declared), live=[a_role(live, live=True)], owned=owned, **{"users": USERS, **known})
    )
