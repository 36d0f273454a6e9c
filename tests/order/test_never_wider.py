"""In no state on the way does a plan let anybody do what neither its start nor its goal lets him do."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeAlias

from hypothesis import event, given, settings
from hypothesis import strategies as st

from reconciler.model.change import Action, Approval, Change, Operation
from reconciler.model.form import paths_of
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.role import Role
from reconciler.plan import Plan, Policy, make_plan
from reconciler.snapshot import Quotas
from reconciler.waiting import Marked
from tests.model.documents import randoms
from tests.order.worlds import ROOMY, Access, Account, journeys, world

Things: TypeAlias = list[Role | ManagedPolicy]
Journey: TypeAlias = tuple[Things, Things]
DEAR = settings(max_examples=settings().max_examples // 10 or 1)


def planned(
    start: Things, goal: Things, *, held: frozenset[Approval] = frozenset(), quotas: Quotas = ROOMY
) -> tuple[Account, Plan]:
    known = world(start, goal, quotas)
    return Account.of(known), make_plan(known, policy=Policy(held=held))


def in_some_order(plan: Plan, random: Random) -> list[tuple[Change, Operation]]:
    """All calls, stage by stage, those of one stage in any order."""
    calls = [(change, operation) for change in plan.changes for operation in change.operations]
    random.shuffle(calls)
    return sorted(calls, key=lambda call: call[1].stage)


def states_on_the_way(account: Account, calls: list[tuple[Change, Operation]]) -> list[Account]:
    passed = [account.copy()]
    for change, operation in calls:
        account.do(change, operation)
        passed.append(account.copy())
    return passed


def stays_within(passed: list[Account], goal: Access) -> None:
    within = passed[0].access() | goal
    for state in passed[1:-1]:
        assert state.access() <= within, sorted(state.access() - within)


@DEAR
@given(journeys(), randoms)
def test_nothing_is_allowed_on_the_way_that_neither_start_nor_goal_allows(journey: Journey, random: Random) -> None:
    start, goal = journey
    account, plan = planned(start, goal)
    passed = states_on_the_way(account, in_some_order(plan, random))

    event(f"{len({operation.stage for change in plan.changes for operation in change.operations})} stages")
    event("somebody loses access for a moment" if any(change.notices for change in plan.changes) else "no notice")
    stays_within(passed, passed[-1].access())


@DEAR
@given(journeys(), randoms)
def test_the_way_ends_where_the_manifests_say(journey: Journey, random: Random) -> None:
    start, goal = journey
    account, plan = planned(start, goal)
    passed = states_on_the_way(account, in_some_order(plan, random))

    if not plan.blockers:
        declared = {value.address: value for value in goal}
        assert passed[-1].objects.keys() == declared.keys()
        for address, value in declared.items():
            wanted = paths_of(value)
            assert passed[-1].objects[address].keys() == wanted.keys()


@DEAR
@given(journeys(), randoms)
def test_a_plan_of_which_calls_fail_stays_within_start_and_goal(journey: Journey, random: Random) -> None:
    start, goal = journey
    account, plan = planned(start, goal)
    calls = in_some_order(plan, random)
    full = states_on_the_way(account.copy(), calls)[-1].access()
    failing = random.choice([0.1, 0.3])
    done = tried(calls, lambda _: random.random() >= failing)

    stays_within(states_on_the_way(account, done), full)


def tried(
    calls: list[tuple[Change, Operation]], succeeds: Callable[[Operation], bool]
) -> list[tuple[Change, Operation]]:
    """The calls that succeed: what comes later on the same object, or needs it, is not tried after a failure."""
    failed, stopped = Marked(), set()
    done = []
    for change, operation in calls:
        behind = change.address in stopped or failed.before(change, operation) is not None
        if behind or not succeeds(operation):
            failed.mark(change.address, operation)
            stopped.add(change.address)
        else:
            done.append((change, operation))
    return done


@DEAR
@given(journeys(), st.sets(st.sampled_from(Approval)), randoms)
def test_a_plan_of_which_parts_are_held_stays_within_start_and_goal(
    journey: Journey, held: set[Approval], random: Random
) -> None:
    start, goal = journey
    account, plan = planned(start, goal, held=frozenset(held))
    calls = in_some_order(plan, random)
    full = states_on_the_way(account.copy(), calls)[-1].access()

    stays_within(states_on_the_way(account, [call for call in calls if not call[1].held]), full)


@DEAR
@given(journeys(guards=False), randoms)
def test_nobody_loses_what_he_keeps_or_the_plan_says_so(journey: Journey, random: Random) -> None:
    start, goal = journey
    account, plan = planned(start, goal)
    passed = states_on_the_way(account, in_some_order(plan, random))
    told = any(change.notices or change.action in {Action.REPLACE, Action.DELETE} for change in plan.changes)
    keeps = passed[0].access() & passed[-1].access()

    event(f"told: {told}")
    for state in passed:
        assert told or keeps <= state.access(), sorted(keeps - state.access())


@DEAR
@given(journeys(), randoms)
def test_quotas_hold_on_the_way(journey: Journey, random: Random) -> None:
    start, goal = journey
    account, plan = planned(start, goal, quotas=no_more_than(*start, *goal))
    passed = states_on_the_way(account, in_some_order(plan, random))

    stays_within(passed, passed[-1].access())


def no_more_than(*things: Role | ManagedPolicy) -> Quotas:
    """Quotas that leave room for the ends of the way, and for nothing besides."""
    roles = [thing for thing in things if isinstance(thing, Role)]
    return Quotas(
        attached_policies_per_role=max(len(role.managed_policies) for role in roles),
        inline_policies_size=max(sum(held.size for held in role.inline_policies.values()) for role in roles),
    )
