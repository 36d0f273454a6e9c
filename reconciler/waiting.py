"""Who waits for whom in a plan, without a list of every pair.

A call waits for the one before it on the same object; for the earlier calls on the objects that its change `needs`, for
they make what it names or let go of what it takes away; and, in its group, for all calls of an earlier phase on other
objects. The last are many: where a thousand roles lose something and a thousand gain, a million pairs. So the plan
says group and phase of each call, and what is asked here is asked of those.

A call that fails is waited for by all of them. A held one may stay so for months, and nothing that only takes away may
wait that long.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

from reconciler.model.change import Action, Call, Change, Operation
from reconciler.operations import Phase

Turn: TypeAlias = tuple[int, str]

_GIVINGS = {Phase.GIVE, Phase.ATTACH}
_NAMING = {Call.ATTACH_ROLE_POLICY, Call.PUT_ROLE_PERMISSIONS_BOUNDARY}


class Marked:
    """Calls marked one by one, as held or failed, and whether another call waits for one of them."""

    def __init__(self) -> None:
        """Begin with none."""
        self._stages: dict[str, int] = {}
        self._first: dict[int, list[Turn]] = {}

    def mark(self, address: str, operation: Operation) -> None:
        """Take note of a call on an object."""
        self._stages[address] = min(operation.stage, self._stages.get(address, operation.stage))
        if operation.group:
            self._first[operation.group] = _first_two(
                [*self._first.get(operation.group, ()), (operation.phase, address)]
            )

    def before(self, change: Change, operation: Operation) -> str | None:
        """Return the address of another object of which a marked call comes before this one, None if there is none."""
        for address in () if _takes_in_place(change, operation) else change.needs:
            if self._stages.get(address, operation.stage) < operation.stage:
                return address
        turns = self._first.get(operation.group, ())
        return next((other for phase, other in turns if other != change.address and phase < operation.phase), None)


def _takes_in_place(change: Change, operation: Operation) -> bool:
    """Tell whether a call takes from an object that stays, and names nothing that others make."""
    if operation.phase == Phase.NARROW:
        return change.action is not Action.REPLACE and operation.call not in _NAMING
    return operation.phase == Phase.TAKE


class Held(Marked):
    """Calls marked one by one as held, and whether another has to wait for one of them: fewer do than for failures.

    A giving that is held is as good as none: where those stand no Deny moves, and whatever follows is no wider without
    it. And what only takes waits for nobody: without all that is held it is no wider than the start.
    """

    def mark(self, address: str, operation: Operation) -> None:
        """Take note of a held call; who needs what a giving gives waits for it, and no turn does."""
        super().mark(address, replace(operation, group=0) if operation.phase in _GIVINGS else operation)

    def before(self, change: Change, operation: Operation) -> str | None:
        """Return the address of another object for whose held call this one has to wait, None if there is none."""
        return None if operation.phase == Phase.TAKE else super().before(change, operation)


def _first_two(turns: Iterable[Turn]) -> list[Turn]:
    """Return the earliest turn, and the earliest one of another object: one of both is somebody else's."""
    earliest: dict[str, int] = {}
    for phase, address in sorted(turns):
        earliest.setdefault(address, phase)
    return [(phase, address) for address, phase in earliest.items()][:2]


def held_in_wake(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return the changes with held what waits for a held call; every call waits for earlier stages only."""
    known = tuple(changes)
    marked = Held()
    held: dict[str, set[int]] = {}
    calls = [(change, at) for change in known for at in range(len(change.operations))]
    for change, at in sorted(calls, key=lambda call: call[0].operations[call[1]].stage):
        operation = change.operations[at]
        if operation.held or marked.before(change, operation) is not None:
            marked.mark(change.address, operation)
            held.setdefault(change.address, set()).add(at)
    return tuple(_with_held(change, held[change.address]) if change.address in held else change for change in known)


def _with_held(change: Change, held: set[int]) -> Change:
    if all(change.operations[at].held for at in held):
        return change if change.held else replace(change, held=True)
    operations = tuple(
        replace(operation, held=operation.held or at in held) for at, operation in enumerate(change.operations)
    )
    return replace(change, operations=operations, held=True)


class Awaited:
    """Which calls of a plan others wait for: what they write has to show before those are sent."""

    def __init__(self, changes: Iterable[Change]) -> None:
        """Look through all changes of a plan."""
        known = tuple(changes)
        self._until = _last_stage_of_need(known)
        last: dict[int, list[Turn]] = {}
        for change in known:
            for operation in change.operations:
                turn = (-operation.phase, change.address)
                last[operation.group] = _first_two([*last.get(operation.group, ()), turn])
        self._last: Mapping[int, list[Turn]] = last

    def is_awaited(self, address: str, operation: Operation) -> bool:
        """Tell whether a call on another object waits for this one."""
        if self._until.get(address, 0) > operation.stage:
            return True
        turns = self._last[operation.group] if operation.group else ()
        return any(other != address and -phase > operation.phase for phase, other in turns)


def _last_stage_of_need(changes: Iterable[Change]) -> dict[str, int]:
    """Return by address the last stage at which something else needs that object."""
    stages: dict[str, int] = {}
    for change in changes:
        last = max((operation.stage for operation in change.operations), default=0)
        for needed in change.needs:
            stages[needed] = max(stages.get(needed, 0), last)
    return stages
