"""An apply of many objects: what it does for each is not more because there are many, and it can be broken off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply import Result
from reconciler.apply import memory as subject
from reconciler.model.change import Call
from reconciler.render.outcomes import result_lines
from reconciler.state import LocalStore, State
from tests.apply.house import House

FEW, TWICE_AS_MANY = 12, 24

ROLE = """\
kind: Role
name: r{number}
trust: [{{service: ec2.amazonaws.com}}]
managed_policies: [shared]
inline_policies:
  own: {{Version: "2012-10-17", Statement: [{{Effect: Allow, Action: "{action}", Resource: "*"}}]}}
"""
POLICY = """\
kind: ManagedPolicy
name: shared
policy: {{Version: "2012-10-17", Statement: [{{Effect: Deny, Action: "{action}", Resource: "*"}}]}}
"""


NOTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}


def furnish(house: House, count: int, *, denied: str, even: str, odd: str) -> None:
    """Declare so many roles that all have a policy which denies, and each one that allows."""
    house.write("shared.yaml", POLICY.format(action=denied))
    for number in range(count):
        house.write(f"r{number}.yaml", ROLE.format(number=number, action=odd if number % 2 else even))


def before(house: House, count: int) -> None:
    furnish(house, count, denied="s3:DeleteBucket", even="s3:*", odd="s3:GetObject")


def after(house: House, count: int) -> None:
    """Declare that half of the roles lose and half gain, so that each gain waits for all losses."""
    furnish(house, count, denied="s3:DeleteObject", even="s3:GetObject", odd="s3:*")


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many objects are owned at each write of a state."""
    counted: list[int] = []
    write = LocalStore.write

    def counting(store: LocalStore, state: State) -> State:
        counted.append(len(state.objects))
        return write(store, state)

    monkeypatch.setattr(LocalStore, "write", counting)
    return counted


def test_the_state_is_written_once_before_and_once_after_each_stage_however_many_objects(
    tmp_path: Path, writes: list[int]
) -> None:
    counts = []
    for count in (FEW, TWICE_AS_MANY):
        house = House(tmp_path / str(count))
        before(house, count)
        house.applied()
        after(house, count)
        stages = {operation.stage for change in house.plan().changes for operation in change.operations}
        writes.clear()
        house.applied()
        counts.append(len(writes))
        assert len(stages) > 1
        assert len(writes) <= len(stages) + 2  # one before the first, one after each, and one at the end

    assert counts[0] == counts[1]


def test_who_waits_for_all_losses_is_told_by_its_group_and_not_by_a_list(house: House) -> None:
    before(house, TWICE_AS_MANY)
    house.applied()
    after(house, TWICE_AS_MANY)

    plan = house.plan()

    assert not any(change.needs for change in plan.changes)
    assert {operation.group for change in plan.changes for operation in change.operations} == {1}


def test_where_one_loss_fails_no_gain_is_tried_but_every_other_loss_is(house: House) -> None:
    before(house, FEW)
    house.applied()
    after(house, FEW)
    file = house.save(house.plan())
    house.account.put_role_policy("r0", "own", NOTHING)  # somebody else is quicker

    result = house.apply(plan_file=file)

    became = {one.address: one.outcome for one in result.outcomes}
    losing, gaining = ({f"role/r{number}" for number in range(start, FEW, 2)} for start in (0, 1))
    assert became.pop("role/r0") is Result.FAILED
    assert {became[address] for address in losing - {"role/r0"}} == {Result.DONE}
    assert {became[address] for address in gaining} == {Result.NOT_TRIED}
    told = next(one.diagnostic for one in result.outcomes if one.address == "role/r1")
    assert told is not None
    assert told.message == "It needs role/r0, which did not succeed."


def test_every_step_in_the_memory_is_about_one_object(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def watched(step: Callable[..., State]) -> Callable[..., State]:
        def stepping(state: State, *args: Any, **named: Any) -> State:
            sizes.append(len(state.objects) + len(state.ledger) + len(state.intents))
            return step(state, *args, **named)

        return stepping

    for name in ("own", "finish", "begin", "forget", "record_deleted"):
        monkeypatch.setattr(subject, name, watched(getattr(subject, name)))
    before(house, TWICE_AS_MANY)
    house.applied()
    after(house, TWICE_AS_MANY)
    house.applied()

    assert len(sizes) > TWICE_AS_MANY
    assert max(sizes) <= 3
    assert len(house.owned) == TWICE_AS_MANY + 1


def test_an_apply_broken_off_half_way_goes_on_where_it_was(house: House) -> None:
    before(house, FEW)

    broken_off = house.apply(interrupted=lambda: len(house.heard.outcomes) >= FEW)

    assert broken_off.interrupted
    tried = [one for one in broken_off.outcomes if one.outcome is Result.DONE]
    assert len(tried) == FEW
    there = dict(house.owned)
    assert there.items() <= house.live.items()
    house.box.reset_calls()
    assert house.apply().is_complete
    assert len(house.owned) == FEW + 1
    assert there.items() <= house.owned.items()
    made_before = sum(one.call is Call.CREATE_ROLE for one in tried)
    assert house.box.mutating_calls["CreateRole"] == FEW - made_before
    assert house.plan().summary.is_empty
    assert not house.state.get("intents")


def test_why_all_the_rest_was_not_tried_is_said_once(house: House) -> None:
    before(house, FEW)
    plan = house.plan()

    broken_off = house.apply(interrupted=lambda: len(house.heard.outcomes) >= FEW)

    lines = [line.plain for line in result_lines(broken_off, plan.changes, width=100)]
    assert sum("RA417" in line for line in lines) == 1
    untried = sum(one.outcome is Result.NOT_TRIED for one in broken_off.outcomes)
    said = f"{untried} calls on {FEW} objects were not tried: The run was interrupted before it was its turn."
    assert any(said in line for line in lines)
