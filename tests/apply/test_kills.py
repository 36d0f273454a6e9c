"""Killed anywhere, it converges: at every call, before and after it is carried out, and at every write of the state.

A kill is an exception that nobody catches, from a chosen point. Then everything starts anew, with the same state
folder and the same account: what had been begun is not asked about again, nothing made is unowned or made twice, and
all ends as declared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from reconciler.apply import Outcome
from reconciler.model.change import Call
from reconciler.sandbox.books import is_mutating
from reconciler.sandbox.http import Reply, Request
from reconciler.state import LocalStore, State
from tests.apply.house import House, Killed, told
from tests.apply.street import done_once


class Countdown:
    """Kills at the n-th step, before or after it is carried out; everything that comes later is killed, too."""

    def __init__(self, steps: int, *, after: bool) -> None:
        self.left = steps
        self.after = after

    def step(self, *, after: bool) -> None:
        if not after:
            self.left -= 1
        if self.left < 0 or (self.left == 0 and self.after == after):
            raise Killed


@contextmanager
def killed_at_call(house: House, number: int, *, after: bool) -> Iterator[None]:
    """Kill what runs at the n-th mutating call, from 1."""
    countdown, answer = Countdown(number, after=after), house.box.answer

    def counted(request: Request) -> Reply:
        if not is_mutating(request.body.decode().partition("Action=")[2].partition("&")[0]):
            return answer(request)
        countdown.step(after=False)
        reply = answer(request)
        countdown.step(after=True)
        return reply

    house.box.answer = counted  # type: ignore[method-assign]
    try:
        with pytest.raises(Killed):
            yield
    finally:
        house.box.answer = answer  # type: ignore[method-assign]


@contextmanager
def killed_at_state_write(_house: House, number: int, *, after: bool) -> Iterator[None]:
    """Kill what runs at the n-th write of the state, from 1."""
    countdown, write = Countdown(number, after=after), LocalStore.write

    def counted(store: LocalStore, state: State) -> State:
        countdown.step(after=False)
        stored = write(store, state)
        countdown.step(after=True)
        return stored

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalStore, "write", counted)
        with pytest.raises(Killed):
            yield


def converges(house: House) -> None:
    """Go on where a kill has left off, without anybody saying yes."""
    plan = house.plan()
    asked = {kind for change in plan.changes if change.held for kind in change.approvals}
    # What was not begun has its approval still to come.
    begun = house.state.get("intents", {}).keys()
    assert not [change.address for change in plan.changes if change.held and change.address in begun], asked
    result = house.apply()
    assert result.is_complete, told(result)
    made = {call: house.successes[call] for call in ("CreateRole", "CreatePolicy", "CreatePolicyVersion")}
    assert made == {"CreateRole": 2, "CreatePolicy": 1, "CreatePolicyVersion": 1}
    origins = {address: owned["origin"] for address, owned in house.state["objects"].items()}
    assert {address for address, origin in origins.items() if origin == "imported"} == {"role/adopted"}
    done_once(house)


Kill = Callable[..., AbstractContextManager[None]]
BOTH = pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
KILLS = pytest.mark.parametrize("kill", [killed_at_call, killed_at_state_write])
PARTS = 4


@pytest.fixture(scope="session")
def steps(built: House, writes: Counter[str], tmp_path_factory: pytest.TempPathFactory) -> dict[Kill, int]:
    """How many calls and how many writes of the state there are to be killed at."""
    house, stored, write = built.copy(tmp_path_factory.mktemp("counted")), list[State](), LocalStore.write

    def counted(store: LocalStore, state: State) -> State:
        stored.append(state)
        return write(store, state)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalStore, "write", counted)
        house.apply()
    return {killed_at_call: writes.total(), killed_at_state_write: len(stored)}


@BOTH
@KILLS
@pytest.mark.parametrize("part", range(3))
def test_killed_it_converges(
    part: int,
    kill: Kill,
    after: bool,  # noqa: FBT001
    begun: House,
    steps: dict[Kill, int],
) -> None:
    with kill(begun, 1 + part * steps[kill] // 3, after=after):
        begun.apply()
    converges(begun)


@pytest.mark.slow
@BOTH
@KILLS
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_anywhere_it_converges(
    part: int,
    kill: Kill,
    after: bool,  # noqa: FBT001
    copies: Callable[[], House],
    steps: dict[Kill, int],
) -> None:
    for number in range(1 + part, steps[kill] + 1, PARTS):
        house = copies()
        with kill(house, number, after=after):
            house.apply()
        converges(house)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_again_and_again_it_converges(part: int, copies: Callable[[], House], steps: dict[Kill, int]) -> None:
    for number in range(1 + part, steps[killed_at_call] - 1, PARTS):
        house = copies()
        for place in (number, 1, 1):
            with killed_at_call(house, place, after=True):
                house.apply()
        converges(house)


@pytest.mark.parametrize("number", [4, 9, 17])
def test_killed_and_the_state_lost_all_is_taken_over_as_it_is(number: int, begun: House) -> None:
    house = begun
    with killed_at_call(house, number, after=True):
        house.apply()
    left = set(house.live) & {"role/leaving", "managed_policy/Leaving"}
    for file in Path(house.folder / "state").iterdir():
        file.unlink()
    result = house.apply()
    assert result.is_complete, told(result)
    if house.account.role_arn("moving").endswith(":role/moving"):
        blocked = {blocker.address for blocker in house.plan().blockers}
        assert "role/moving" in blocked, "what is not known to be this program's own is not moved"
        assert house.successes["CreateRole"] <= 1
    else:
        assert house.successes["CreateRole"] == 2
        done_once(house, but=left)


@BOTH
def test_killed_at_an_approved_re_trust_nobody_is_asked_again(house: House, after: bool) -> None:  # noqa: FBT001
    house.account.create_user("alice")
    house.write("a.yaml", TRUSTING_ALICE)
    house.applied()
    house.account.recreate_user("alice")
    with killed_at_call(house, 1, after=after):
        house.apply()
    assert not house.plan().held
    result = house.apply(review=False)
    assert result.is_complete, told(result)
    assert result.summary.held == 0
    assert not house.plan().changes
    assert not house.state.get("intents")


@BOTH
def test_whoever_is_recreated_after_the_kill_was_approved_by_nobody(house: House, after: bool) -> None:  # noqa: FBT001
    house.account.create_user("alice")
    house.write("a.yaml", TRUSTING_ALICE)
    house.applied()
    house.account.recreate_user("alice")
    with killed_at_call(house, 1, after=after):
        house.apply()
    house.account.recreate_user("alice")
    assert house.plan().held
    assert house.apply(review=False).summary.held == 1


TRUSTING_ALICE = """
kind: Role
name: deployer
trust: [{user: alice}]
"""


def test_what_waits_for_an_approval_is_not_laundered_by_a_kill(house: House) -> None:
    house.account.create_user("alice")
    house.write("a.yaml", TRUSTING_ALICE)
    house.applied()
    house.account.recreate_user("alice")
    house.write("a.yaml", TRUSTING_ALICE + "description: changed\ntags: {team: storage}\n")
    with killed_at_call(house, 2, after=False):
        house.apply(review=False)
    assert house.state["intents"]
    (change,) = house.plan().changes
    assert change.held
    result = house.apply(review=False)
    assert result.summary.held == 1
    assert house.account.trust("deployer")["Statement"][0]["Principal"]["AWS"] != house.account.user_arn("alice")


@pytest.mark.parametrize("ending", [KeyboardInterrupt, RuntimeError])
def test_whatever_ends_a_run_what_was_done_is_stored(ending: type[BaseException], begun: House) -> None:
    house = begun

    class Ends:
        """Breaks off, once a role has been made."""

        def page(self, account: str, call: str, items: int) -> None:
            pass

        def outcome(self, outcome: Outcome) -> None:
            if outcome.call == "CreateRole":
                raise ending

        def waiting(self, address: str, call: Call, seconds: float, why: str) -> None:
            pass

    with pytest.raises(ending):
        house.apply(progress=Ends())
    assert "role/leaving" not in house.owned
    converges(house)


def test_an_approval_survives_a_run_that_could_not_begin(house: House) -> None:
    house.account.create_user("alice")
    house.write("a.yaml", TRUSTING_ALICE)
    house.applied()
    house.account.recreate_user("alice")
    with killed_at_call(house, 1, after=False):
        house.apply()
    house.box.faults.deny("UpdateAssumeRolePolicy", count=1)
    assert not house.apply(review=False).is_complete
    assert house.state["intents"]
    result = house.apply(review=False)
    assert result.is_complete, told(result)
    assert result.summary.held == 0
    assert not house.plan().changes
