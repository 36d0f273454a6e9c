"""What a run that nobody reviewed leaves for later, told to its memory beforehand: cut short, it must not be forgotten.

What such a run writes without asking is the form last applied from then on. It no longer tells that more was taken
away, or who was trusted before.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.apply.memory import giving_back_later
from reconciler.model.change import Change, Operation
from reconciler.plan import Plan
from reconciler.state import Owned, State


def minding_what_waits(plan: Plan, state: State) -> tuple[Plan, State]:
    """Return the plan and the memory to begin with, for a run that leaves held what waits for an approval."""
    objects, changes = dict(state.objects), []
    for change in plan.changes:
        owned = state.objects.get(change.address)
        waiting = giving_back_later(change)
        if owned is not None and owned.id == change.id and waiting:
            objects[change.address] = replace(owned, held=tuple(sorted({*owned.held, *waiting})))
        changes.append(_trusting_nobody_yet(change, owned) if owned and "trust" in waiting else change)
    return replace(plan, changes=tuple(changes)), replace(state, objects=objects)


def _trusting_nobody_yet(change: Change, owned: Owned) -> Change:
    """Return the change so that nobody is remembered as trusted under a name that another was trusted by.

    A Deny is bound again at once while the Allow beside it waits; and an Allow that somebody else wrote stays while
    something else is taken away. Whom this role trusted before stays remembered.
    """

    def of(operation: Operation) -> Operation:
        if operation.held:
            return operation
        known = operation.principals.items()
        return replace(operation, principals={arn: one for arn, one in known if owned.principals.get(arn, one) == one})

    return replace(change, operations=tuple(map(of, change.operations)))
