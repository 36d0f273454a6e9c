"""What is held of a plan, and what releases it: an approval of its own, or that of something it waits for.

A plan marks calls as held and does not say which kinds of approval the run holds. A kind is one that is held if it
always is, or if a call that needs it is held and waits for nothing else that is.

Thousands of calls may wait for thousands of others. So calls are looked through once, in the order of their stages, and
of what each waits for only the first few are kept by name: nobody reads more, and whoever approves so many names the
kind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from reconciler.model.change import ALWAYS_HELD, Approval, Change, Operation
from reconciler.operations import Phase
from reconciler.waiting import Held

_MOST = 5
_OUT_OF_TURN = {Phase.GIVE, Phase.ATTACH}
"""Nobody's turn waits for those (`waiting.Held`)."""


@dataclass(frozen=True, slots=True)
class _Roots:
    """What needs an approval, by its place in the plan: the first ones, and the kinds of all of them."""

    first: tuple[int, ...] = ()
    kinds: frozenset[Approval] = frozenset()

    def __or__(self, other: _Roots) -> _Roots:
        return _Roots(tuple(sorted({*self.first, *other.first})[: _MOST + 1]), self.kinds | other.kinds)

    @property
    def are_many(self) -> bool:
        return len(self.first) > _MOST


class Holds:
    """Who waits for whose approval among the changes of one plan."""

    def __init__(self, changes: Iterable[Change]) -> None:
        """Look through all changes of a plan."""
        self._changes = tuple(changes)
        self._kinds = ALWAYS_HELD | set(_surely_held(self._changes))
        self._roots = self._traced()

    def release(self, address: str) -> str:
        """Return the options that release all that a change waits for; empty for one that is not in the plan."""
        roots = self._roots.get(address, _Roots())
        if roots.are_many:
            return " ".join(f"--approve {kind}" for kind in Approval if kind in roots.kinds)
        found = (self._changes[at] for at in roots.first)
        return " ".join(f"--approve {kind}:{root.address}" for root in found for kind in self._own(root))

    def others(self, address: str) -> tuple[str, ...]:
        """Return the addresses of whatever else has to be approved for a change to be done: of many the first few."""
        roots = self._roots.get(address, _Roots())
        found = [self._changes[at].address for at in roots.first[:_MOST]]
        return (*(other for other in found if other != address), *(["others"] if roots.are_many else []))

    def _traced(self) -> Mapping[str, _Roots]:
        """Return by address what a change waits for in the end, itself among it where it needs an approval."""
        found: dict[str, _Roots] = defaultdict(_Roots)
        earlier: dict[str, list[tuple[int, _Roots]]] = defaultdict(list)
        groups: dict[int, dict[int, _Roots]] = defaultdict(lambda: defaultdict(_Roots))
        for at, change in enumerate(self._changes):
            if change.held and not change.operations:
                found[change.address] = self._root(at, change.approvals)
        for at, operation in _held_in_turn(self._changes):
            change, roots = self._changes[at], self._root(at, operation.approvals)
            for needed in change.needs:
                for stage, before in earlier.get(needed, ()):
                    roots |= before if stage < operation.stage else _Roots()
            for phase, before in groups[operation.group].items() if operation.group else ():
                roots |= before if phase < operation.phase else _Roots()
            earlier[change.address].append((operation.stage, roots))
            if operation.phase not in _OUT_OF_TURN:
                groups[operation.group][operation.phase] |= roots
            found[change.address] |= roots
        return dict(found)

    def _root(self, at: int, approvals: Iterable[Approval]) -> _Roots:
        """Return what needs one of the approvals as the only root, none where no approval that is needed is held."""
        kinds = (
            frozenset(approvals) & self._kinds
            if self._changes[at].operations
            else frozenset(approvals)  # what is only recorded waits for whatever it needs
        )
        return _Roots((at,), kinds) if kinds else _Roots()

    def _own(self, change: Change) -> list[Approval]:
        """Return the approvals that a change itself waits for."""
        if not change.operations:
            return list(change.approvals) if change.held else []
        asked = {kind for operation in change.operations if operation.held for kind in operation.approvals}
        return [kind for kind in change.approvals if kind in asked & self._kinds]


def _held_in_turn(changes: Iterable[Change]) -> list[tuple[int, Operation]]:
    """Return the held calls in the order of their stages, each with the place of its change."""
    calls = ((at, operation) for at, change in enumerate(changes) for operation in change.operations if operation.held)
    return sorted(calls, key=lambda call: call[1].stage)


def _surely_held(changes: tuple[Change, ...]) -> Iterator[Approval]:
    """Yield the approvals of held calls that wait for nothing else that is held."""
    marked = Held()
    for at, operation in _held_in_turn(changes):
        if marked.before(changes[at], operation) is None:
            yield from operation.approvals
        marked.mark(changes[at].address, operation)
