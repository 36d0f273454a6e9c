"""What is in the way: of others, protected, or a namesake of whom is meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from reconciler.model.change import Action
from reconciler.model.declared import Removal
from reconciler.model.diagnostic import Code, Diagnostic, Place
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.principal import Remembered
from reconciler.model.role import Role
from reconciler.snapshot import Entity
from tests.plan.drafts import (
    ALICE,
    ALICE_ID,
    AS_APPLIED,
    BOB,
    FULL,
    OTHER_ID,
    STACK,
    THERE,
    USERS,
    the_blocker,
    the_draft,
)
from tests.plan.worlds import DEAD, PLACE, a_policy, a_role, a_world, declaring, owning
from tests.scenarios.house import arn, trusting


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
