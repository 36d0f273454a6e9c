"""Every fault of IAM at every write: what became of it is told as it is, and all ends as declared.

The street (`street.py`) makes, changes, replaces, takes over and deletes in one apply. In the quick suite faults
strike at random, from a seed; `make ci` strikes at every write in turn, with every fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from reconciler.apply import Result
from reconciler.model.change import Call
from reconciler.sandbox import Sandbox
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.http import Reply, Request
from tests.apply.house import House, told
from tests.apply.street import LIST, done_once

CALLS = (
    "AttachRolePolicy",
    "CreatePolicy",
    "CreatePolicyVersion",
    "CreateRole",
    "DeletePolicy",
    "DeleteRole",
    "DeleteRolePolicy",
    "DetachRolePolicy",
    "PutRolePolicy",
    "TagRole",
    "UpdateAssumeRolePolicy",
    "UpdateRole",
)
Strike = Callable[..., object]
PASSING: dict[str, Callable[[Faults], Strike]] = {
    "throttled": lambda faults: faults.throttle,
    "server error": lambda faults: faults.server_error,
    "request lost": lambda faults: faults.lose_request,
    "reply lost": lambda faults: faults.lose_reply,
    "concurrent modification": lambda faults: faults.concurrent_modification,
    "temporarily unmodifiable": lambda faults: faults.temporarily_unmodifiable,
}


def test_the_street_makes_every_kind_of_write(begun: House, writes: Counter[str]) -> None:
    assert set(writes) == set(CALLS)
    assert begun.apply().is_complete
    done_once(begun)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_passes_leaves_no_trace(fault: str, seed: int, begun: House, writes: Counter[str]) -> None:
    house = begun
    house.box.faults = Faults(seed=seed, clock=house.box.clock)
    house.box.world.delays = house.box.faults.delays
    for call in CALLS:
        PASSING[fault](house.box.faults)(call, rate=0.5)
    result = house.apply()
    assert house.box.faults.struck.total() > 5
    house.box.faults.clear()
    assert result.is_complete, told(result)
    assert house.successes == writes
    assert result.summary.failed == 0
    assert house.heard.waits
    done_once(house)


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_passes_leaves_no_trace_wherever_it_strikes(
    fault: str, call: str, copies: Callable[[], House], writes: Counter[str]
) -> None:
    for place in range(writes[call]):
        house = copies()
        PASSING[fault](house.box.faults)(call, skip=place, count=2)
        result = house.apply()
        assert result.is_complete, told(result)
        assert house.successes == writes
        done_once(house)


@contextmanager
def done_with_a_server_error(box: Sandbox, call: str, *, place: int) -> Iterator[None]:
    """Let one call be carried out and answered with HTTP 500 all the same."""
    answer, left = box.answer, [place]

    def answered(request: Request) -> Reply:
        reply = answer(request)
        if f"Action={call}&".encode() not in request.body:
            return reply
        left[0] -= 1
        return replace(reply, status=500, body=b"<html>oops</html>") if left[0] == -1 else reply

    box.answer = answered  # type: ignore[method-assign]
    yield
    box.answer = answer  # type: ignore[method-assign]
    assert left[0] < 0


@pytest.mark.parametrize("call", CALLS)
def test_a_write_that_was_done_is_not_repeated_after_a_server_error(
    call: str, begun: House, writes: Counter[str]
) -> None:
    with done_with_a_server_error(begun.box, call, place=0):
        result = begun.apply()
    assert result.is_complete, told(result)
    assert begun.successes == writes
    done_once(begun)


@pytest.mark.parametrize("call", CALLS)
def test_what_is_refused_is_told_and_the_next_apply_does_the_rest(
    call: str, begun: House, writes: Counter[str]
) -> None:
    refused_and_resumed(begun, call, 0, writes)


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_what_is_refused_is_told_and_the_next_apply_does_the_rest_wherever_it_is(
    call: str, copies: Callable[[], House], writes: Counter[str]
) -> None:
    for place in range(1, writes[call]):
        refused_and_resumed(copies(), call, place, writes)


def refused_and_resumed(house: House, call: str, place: int, writes: Counter[str]) -> None:
    house.box.faults.deny(call, skip=place, count=1)
    result = house.apply()
    assert not result.is_complete
    failed = [one for one in result.outcomes if one.outcome is Result.FAILED]
    assert [one.call for one in failed] == [call]
    assert failed[0].diagnostic is not None
    assert failed[0].diagnostic.code == "RA403"
    assert f"iam:{call}" in (failed[0].diagnostic.help or "")
    assert not [one for one in result.outcomes if one.outcome is Result.UNKNOWN]
    assert house.owned.items() <= house.live.items(), "owned is what lives, and by its ID"
    second = house.apply()
    assert second.is_complete, told(second)
    assert house.successes["CreateRole"] == writes["CreateRole"]
    assert house.successes["CreatePolicyVersion"] == writes["CreatePolicyVersion"]
    done_once(house)


@pytest.mark.parametrize(("call", "place"), [("CreatePolicy", 0), ("PutRolePolicy", 3), ("UpdateAssumeRolePolicy", 1)])
def test_when_credentials_expire_midway_the_run_ends_and_the_next_goes_on(call: str, place: int, begun: House) -> None:
    house = begun
    house.box.faults.add("expired_credentials", call, skip=place, count=1)
    result = house.apply()
    assert not result.is_complete
    failed = [one for one in result.outcomes if one.outcome is Result.FAILED]
    assert [one.diagnostic.code for one in failed if one.diagnostic] == ["RA402"]
    house.box.faults.clear()
    assert house.apply().is_complete
    done_once(house)


def test_retrying_ends_two_minutes_after_the_first_attempt(begun: House) -> None:
    begun.box.faults.throttle("CreatePolicy")
    started = begun.box.clock()
    result = begun.apply()
    failed = [one for one in result.outcomes if one.outcome is Result.FAILED]
    assert [(one.call, one.diagnostic and one.diagnostic.code) for one in failed] == [("CreatePolicy", "RA413")]
    waited = sum(seconds for _, _, seconds, _ in begun.heard.waits)
    assert 90 < waited <= 120
    assert (begun.box.clock() - started).total_seconds() < 120 + 61
    assert {one.outcome for one in result.outcomes if one.address == "role/fresh"} == {Result.NOT_TRIED}
    assert {one.outcome for one in result.outcomes if one.address == "role/leaving"} == {Result.DONE}


def test_a_write_whose_outcome_cannot_be_found_out_is_unknown(begun: House) -> None:
    begun.box.faults.lose_reply("CreatePolicy", count=1)
    begun.box.faults.deny("GetPolicy", count=1)
    result = begun.apply()
    unknown = [one for one in result.outcomes if one.outcome is Result.UNKNOWN]
    assert [(one.call, one.diagnostic and one.diagnostic.code) for one in unknown] == [("CreatePolicy", "RA415")]
    begun.box.faults.clear()
    assert begun.apply(review=False).summary.held == 0
    assert begun.successes["CreatePolicy"] == 1
    assert begun.state["objects"]["managed_policy/New"]["origin"] == "created"
    done_once(begun)


@pytest.mark.parametrize(
    "delays", [{"principals": 40.0}, {"reads": 40.0}, {"ids": 40.0}, {"principals": 30.0, "reads": 20.0, "ids": 50.0}]
)
def test_what_is_new_is_waited_for_until_it_is_known_everywhere(delays: dict[str, float], begun: House) -> None:
    begun.box.faults.propagation(**delays)
    result = begun.apply()
    assert result.is_complete, told(result)
    begun.box.faults.clear()
    done_once(begun)


def test_a_reply_lost_about_a_role_that_cannot_be_read_yet_makes_it_once(begun: House, writes: Counter[str]) -> None:
    begun.box.faults.propagation(reads=20)
    begun.box.faults.lose_reply("CreateRole")
    result = begun.apply()
    assert result.is_complete, told(result)
    begun.box.faults.clear()
    assert begun.successes["CreateRole"] == writes["CreateRole"]
    done_once(begun)


def test_a_policy_is_deleted_once_it_is_known_to_be_detached(begun: House) -> None:
    begun.box.faults.delete_conflict(seconds=15)
    result = begun.apply()
    assert result.is_complete, told(result)
    assert {call for _, call, _, _ in begun.heard.waits} >= {"DeleteRole", "DeletePolicy"}
    begun.box.faults.clear()
    done_once(begun)


def test_what_does_not_show_is_not_built_upon(begun: House) -> None:
    begun.box.advance(3_600)  # nothing that is there now is new
    begun.box.faults.propagation(reads=600)
    result = begun.apply()
    outcomes = {(one.address, one.call): one for one in result.outcomes}
    made = outcomes["role/moving", Call.CREATE_ROLE]
    assert made.outcome is Result.UNKNOWN
    assert made.diagnostic is not None
    assert made.diagnostic.code == "RA415"
    assert outcomes["role/trusting", Call.UPDATE_ASSUME_ROLE_POLICY].outcome is Result.NOT_TRIED
    assert begun.owned["role/moving"] == begun.live["role/moving"], "it was made, and is owned"
    begun.box.faults.clear()
    assert begun.apply().is_complete
    done_once(begun)


def test_what_nothing_else_builds_upon_is_looked_at_once(house: House) -> None:
    house.account.create_user("alice")
    house.write("a.yaml", f"kind: Role\nname: alone\ntrust: [{{user: alice}}]\ninline_policies: {{list: {LIST}}}\n")
    house.applied()
    house.write("a.yaml", house.read("a.yaml").replace("ListBucket", "GetObject") + "description: changed\n")
    house.box.reset_calls()
    assert house.apply().is_complete
    assert house.box.mutating_calls.total() == 2
    assert house.box.calls["GetRole"] == 1


@pytest.mark.parametrize("seed", range(2))
def test_mixed_faults_at_parallel_writes_leave_no_trace(seed: int, begun: House, writes: Counter[str]) -> None:
    house = begun
    house.box.faults = Faults(seed=seed, clock=house.box.clock)
    house.box.world.delays = house.box.faults.delays
    kinds = [PASSING[kind](house.box.faults) for kind in ("throttled", "reply lost", "server error", "request lost")]
    for number, call in enumerate(CALLS):
        kinds[(number + seed) % len(kinds)](call, rate=0.5)
    house.box.faults.propagation(principals=20)
    result = house.apply(parallelism=4)
    assert house.box.faults.struck.total() > 5
    house.box.faults.clear()
    assert result.is_complete, told(result)
    assert {call: house.successes[call] for call in writes} == writes
    done_once(house)
