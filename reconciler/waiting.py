"""Who waits for whom in a plan, without a list of every pair.

A call waits for the one before it on the same object; for the earlier calls on the objects that its change `needs`, for
they make what it names or let go of what it takes away; and, in its group, for all calls of an earlier phase on other
objects. The last are many: where a thousand roles lose something and a thousand gain, a million pairs. So the plan
says group and phase of each call, and what is asked here is asked of those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

from reconciler.model.change import Change, Operation

Turn: TypeAlias = tuple[int, str]


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
        for address in change.needs:
            if self._stages.get(address, operation.stage) < operation.stage:
                return address
        turns = self._first.get(operation.group, ())
        return next((other for phase, other in turns if other != change.address and phase < operation.phase), None)


def _first_two(turns: Iterable[Turn]) -> list[Turn]:
    """Return the earliest turn, and the earliest one of another object: one of both is somebody else's."""
    earliest: dict[str, int] = {}
    for phase, address in sorted(turns):
        earliest.setdefault(address, phase)
    return [(phase, address) for address, phase in earliest.items()][:2]


def held_in_wake(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return the changes with held what waits for a held call; every call waits for earlier stages only."""
    known = tuple(changes)
    marked = Marked()
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
