"""What waits for a person: calls whose approval this run holds, and in their wake what needs them done before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.model.change import Change
from reconciler.plan.values import Policy
from reconciler.waiting import held_in_wake


def held(changes: Iterable[Change], policy: Policy) -> tuple[Change, ...]:
    """Return the changes with held marked: what waits for an approval, and in its wake what needs that done before."""
    return held_in_wake(_held_itself(change, policy) for change in changes)


def _held_itself(change: Change, policy: Policy) -> Change:
    operations = tuple(
        replace(operation, held=any(policy.holds(kind, change.address) for kind in operation.approvals))
        for operation in change.operations
    )
    waits = any(operation.held for operation in operations) or (
        not operations and any(policy.holds(kind, change.address) for kind in change.approvals)
    )
    return replace(change, operations=operations, held=waits)
