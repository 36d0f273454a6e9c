"""What is held of a plan, and what releases it: an approval of its own, or that of something it waits for.

A plan marks calls as held and does not say which kinds of approval the run holds. A kind is one that is held if it
always is, or if a call that needs it is held and waits for nothing else that is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.model.change import ALWAYS_HELD, Approval, Change, Operation


class Holds:
    """Who waits for whose approval among the changes of one plan."""

    def __init__(self, changes: Iterable[Change]) -> None:
        """Look through all changes of a plan."""
        self._changes = {change.address: change for change in changes}
        self._kinds = ALWAYS_HELD | {
            kind
            for change in self._changes.values()
            for operation in change.operations
            if operation.held and not any(self._before(operation, change))
            for kind in operation.approvals
        }

    def release(self, address: str) -> str:
        """Return the options that release all that a change waits for; empty for one that is not in the plan."""
        return " ".join(f"--approve {kind}:{root.address}" for root in self._roots(address) for kind in self._own(root))

    def others(self, address: str) -> tuple[str, ...]:
        """Return the addresses of whatever else has to be approved for a change to be done."""
        return tuple(root.address for root in self._roots(address) if root.address != address)

    def _roots(self, address: str) -> list[Change]:
        """Return the held changes that a change waits for in the end, itself among them where it needs an approval."""
        found: dict[str, Change] = {}
        waiting = [self._changes[address]] if address in self._changes else []
        while waiting:
            change = waiting.pop()
            if change.address not in found:
                found[change.address] = change
                held = (operation for operation in change.operations if operation.held)
                waiting += [before for operation in held for before in self._before(operation, change)]
        return [change for change in self._changes.values() if change.address in found and self._own(change)]

    def _before(self, operation: Operation, change: Change) -> Iterator[Change]:
        """Yield what a change needs and of which a call is held that comes before one of its own."""
        for address in change.needs:
            needed = self._changes.get(address)
            if needed is not None and any(one.held and one.stage < operation.stage for one in needed.operations):
                yield needed

    def _own(self, change: Change) -> list[Approval]:
        """Return the approvals that a change itself waits for."""
        if not change.operations:
            return list(change.approvals) if change.held else []
        asked = {kind for operation in change.operations if operation.held for kind in operation.approvals}
        return [kind for kind in change.approvals if kind in asked & self._kinds]
