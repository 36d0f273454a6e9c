"""In no state on the way does a plan let anybody do what neither its start nor its goal lets him do."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from hypothesis import event, given, settings
from hypothesis import strategies as st

from reconciler.model.change import Approval, Change, Operation
from reconciler.model.form import paths_of
from reconciler.plan import Plan, Policy, make_plan
from reconciler.snapshot import Quotas
from tests.order.worlds import Access, Account, Role, ManagedPolicy, situations, world

Things = list[Role | ManagedPolicy]
randoms = st.randoms(use_true_random=False)
DEAR = settings(max_examples=settings().max_examples // 10 or 1)
TIGHT = Quotas(attached_policies_per_role=1, inline_policies_size=150)


def planned(
    start: Things, goal: Things, *, held: frozenset[Approval] = frozenset(), quotas: Quotas = Quotas()
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
    for before, state in zip(passed, passed[1:], strict=False):
        assert state.access() <= within, sorted(state.access() - within)


@DEAR
@given(situations(), situations(), randoms)
def test_nothing_is_allowed_on_the_way_that_neither_start_nor_goal_allows(
    start: Things, goal: Things, random: Random
) -> None:
    account, plan = planned(start, goal)
    passed = states_on_the_way(account, in_some_order(plan, random))

    event(f"{len({operation.stage for change in plan.changes for operation in change.operations})} stages")
    event("somebody loses access for a moment" if any(change.notices for change in plan.changes) else "no notice")
    stays_within(passed, passed[-1].access())


@DEAR
@given(situations(), situations(), randoms)
def test_the_way_ends_where_the_manifests_say(start: Things, goal: Things, random: Random) -> None:
    account, plan = planned(start, goal)
    passed = states_on_the_way(account, in_some_order(plan, random))

    if not plan.blockers:
        declared = {value.address: value for value in goal}
        assert passed[-1].objects.keys() == declared.keys()
        for address, value in declared.items():
            wanted = paths_of(value)
            assert passed[-1].objects[address].keys() == wanted.keys()
