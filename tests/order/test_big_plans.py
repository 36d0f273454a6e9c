"""A plan of twice as many objects takes twice as many steps, not four times: counted, in Python's own calls.

Thousands of roles are usual, and in every one of these situations it would be easy to look from each at each other.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import FrameType
from typing import Any, TypeAlias

import pytest

from reconciler.checks import trusted_by_declared
from reconciler.model.change import Change
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.role import Role
from reconciler.plan import Plan, Policy, make_plan
from reconciler.plan.targets import needed_for
from reconciler.planfile import plan_to_json
from reconciler.render.holds import Holds
from reconciler.world import World
from tests.order.worlds import ALICE_ARN, ROOMY, ROOT, allowing, policy, role, role_arn, trusting, world

Things: TypeAlias = Sequence[Role | ManagedPolicy]
Ends: TypeAlias = tuple[Things, Things]

AWS_READS = "arn:aws:iam::aws:policy/ReadOnlyAccess"
FEW, TWICE_AS_MANY = 60, 120
MOST_TIMES = 2.3
"""Sorting, and dictionaries that grow, cost a little more than twice."""


def made(count: int) -> Ends:
    return [], [role(f"r{one}", trusting(ALICE_ARN), attached_arns=frozenset({AWS_READS})) for one in range(count)]


def deleted(count: int) -> Ends:
    shared = policy("shared", allowing("x:Read"))
    return [shared, *(role(f"r{one}", trusting(ROOT), attached=["shared"]) for one in range(count))], []


def tagged_anew(count: int) -> Ends:
    def tagged(team: str) -> Things:
        return [
            role(f"r{one}", trusting(ROOT), attached_arns=frozenset({AWS_READS}), tags={"team": team})
            for one in range(count)
        ]

    return tagged("red"), tagged("blue")


def a_ring(count: int) -> Ends:
    return [], [role(f"r{one}", trusting(role_arn(f"r{(one + 1) % count}"))) for one in range(count)]


def a_chain(count: int) -> Ends:
    return [], [role(f"r{one}", trusting(role_arn(f"r{one - 1}") if one else ALICE_ARN)) for one in range(count)]


def one_trusted_by_all(count: int) -> Ends:
    return [], [role("hub", trusting(ALICE_ARN)), *(role(f"r{one}", trusting(role_arn("hub"))) for one in range(count))]


def a_policy_of_all_that_move_too(count: int) -> Ends:
    def things(read: str, write: str) -> Things:
        roles = (
            role(f"r{one}", trusting(ALICE_ARN), inline={"own": [allowing(write)]}, attached=["shared"])
            for one in range(count)
        )
        return [policy("shared", allowing(read)), *roles]

    return things("x:Read", "x:Write"), things("x:Erase", "x:Other")


def each_assumes_its_own(count: int) -> Ends:
    def things(action: str) -> Things:
        return [
            role(
                f"r{one}",
                trusting(ROOT),
                inline={"own": [allowing("sts:AssumeRole", resource=role_arn(f"r{one + 1}*")), allowing(action)]},
            )
            for one in range(count)
        ]

    return things("x:Read"), things("x:Write")


def some_narrowed_and_some_widened(count: int) -> Ends:
    """A policy that denies moves, and half of those who have it lose something: the gains of the rest wait for that."""

    def things(denied: str, lost: str, gained: str) -> Things:
        roles = [
            role(f"r{one}", trusting(ALICE_ARN), inline={"own": [allowing(action)]}, attached=["shared"])
            for one, action in enumerate([lost, gained] * (count // 2))
        ]
        return [policy("shared", allowing(denied, effect="Deny")), *roles]

    return things("y:Read", "x:*", "x:Read"), things("y:Write", "x:Read", "x:*")


SITUATIONS = [
    made,
    deleted,
    tagged_anew,
    a_ring,
    a_chain,
    one_trusted_by_all,
    a_policy_of_all_that_move_too,
    each_assumes_its_own,
    some_narrowed_and_some_widened,
]


def known(ends: Ends) -> World:
    found = world(*ends, ROOMY)
    return replace(found, snapshot=replace(found.snapshot, known_policies={AWS_READS: True}))


def planned(known: World) -> Plan:
    plan = make_plan(known, policy=Policy(held=frozenset(), allow_mass_delete=True))
    assert plan.changes
    assert plan.blockers == ()
    return plan


def steps_of(work: Callable[[], object]) -> int:
    """Return how many calls Python makes in a piece of work, its own functions' and those written in C."""
    count = 0

    def counting(_frame: FrameType, _event: str, _what: Any) -> None:
        nonlocal count
        count += 1

    before = sys.getprofile()
    sys.setprofile(counting)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.__name__)
def test_a_plan_of_twice_as_many_objects_takes_about_twice_as_many_steps(situation: Callable[[int], Ends]) -> None:
    planned(known(situation(FEW)))  # what is remembered for good is learned here
    few, many = (
        steps_of(lambda count=count: planned(known(situation(count))))  # type: ignore[misc]
        for count in (FEW, TWICE_AS_MANY)
    )
    assert many < MOST_TIMES * few


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.__name__)
def test_a_plan_file_of_twice_as_many_objects_is_about_twice_as_long(situation: Callable[[int], Ends]) -> None:
    few, many = (len(json.dumps(plan_to_json(planned(known(situation(count)))))) for count in (FEW, TWICE_AS_MANY))
    assert many < MOST_TIMES * few


def test_which_declared_roles_trust_those_that_go_is_found_in_one_walk() -> None:
    def asked(found: World) -> None:
        arns = [declaration.value.arn for declaration in found.desired.objects.values()]
        told = [told for arn in arns for told in trusted_by_declared("role/going", arn, found)]
        assert len(told) == len(arns) - 1  # each is trusted by the next

    worlds = [known(a_chain(count)) for count in (FEW, TWICE_AS_MANY)]
    few, many = (steps_of(lambda found=found: asked(found)) for found in worlds)  # type: ignore[misc]
    assert many < MOST_TIMES * few


def test_what_many_targets_need_is_found_in_one_walk() -> None:
    def asked(found: World) -> None:
        assert needed_for(found.desired.objects, found) == found.desired.objects.keys()

    worlds = [known(tagged_anew(count)) for count in (FEW, TWICE_AS_MANY)]
    few, many = (steps_of(lambda found=found: asked(found)) for found in worlds)  # type: ignore[misc]
    assert many < MOST_TIMES * few


def taken_over(count: int) -> World:
    """All that is there was made by others: what takes away and what gives waits for the same kind of approval."""
    found = known(some_narrowed_and_some_widened(count))
    return replace(found, state=replace(found.state, objects={}))


def test_what_releases_thousands_of_held_changes_is_found_in_one_walk() -> None:
    def asked(changes: Sequence[Change]) -> None:
        holds = Holds(changes)
        for change in changes:
            assert holds.release(change.address)

    plans = [make_plan(taken_over(count), policy=Policy()) for count in (FEW, TWICE_AS_MANY)]
    assert all(change.held for plan in plans for change in plan.changes)
    few, many = (steps_of(lambda plan=plan: asked(plan.changes)) for plan in plans)  # type: ignore[misc]
    assert many < MOST_TIMES * few


def test_who_waits_for_many_is_told_the_first_few_and_the_kind_that_releases_all() -> None:
    holds = Holds(make_plan(taken_over(TWICE_AS_MANY), policy=Policy()).changes)

    assert holds.release("role/r1") == "--approve adopt"
    assert holds.others("role/r1")[-1] == "others"
    assert len(holds.others("role/r1")) < FEW
