"""What waits for a person: calls whose approval this run holds, and in their wake what needs them done before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from reconciler.model.change import Change
from reconciler.plan.values import Policy


def held(changes: Iterable[Change], policy: Policy) -> Iterator[Change]:
    """Yield the changes with held marked: what waits for an approval, and in its wake what needs that done before."""
    waiting: dict[str, int] = {}
    ordered = sorted(changes, key=lambda change: change.stage)
    marked = {change.address: _held_itself(change, policy) for change in ordered}
    moving = True
    while moving:
        moving = False
        for address, change in marked.items():
            first = min((operation.stage for operation in change.operations if operation.held), default=None)
            if first is not None and waiting.get(address, 1 << 30) > first:
                waiting[address] = first
                moving = True
        for address, change in marked.items():
            again = _held_by_others(change, waiting)
            if again is not change:
                marked[address] = again
                moving = True
    for change in changes:
        yield marked[change.address]


def _held_itself(change: Change, policy: Policy) -> Change:
    operations = tuple(
        replace(operation, held=any(policy.holds(kind, change.address) for kind in operation.approvals))
        for operation in change.operations
    )
    waits = any(operation.held for operation in operations) or (
        not operations and any(policy.holds(kind, change.address) for kind in change.approvals)
    )
    return replace(change, operations=operations, held=waits)


def _held_by_others(change: Change, waiting: Mapping[str, int]) -> Change:
    """Return the change with the calls held that come after a held call of something it needs."""
    first = min((waiting[address] for address in change.needs if address in waiting), default=None)
    if first is None or all(operation.held or operation.stage <= first for operation in change.operations):
        return change
    operations = tuple(
        replace(operation, held=operation.held or operation.stage > first) for operation in change.operations
    )
    return replace(change, operations=operations, held=True)
