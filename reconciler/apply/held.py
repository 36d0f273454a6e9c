"""What a run that nobody reviewed leaves for later, told to its memory beforehand: cut short, it must not be forgotten.

What such a run writes without asking is the form last applied from then on. It no longer tells that more was taken
away, or who was trusted before.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.apply.memory import giving_back_later
from reconciler.model.change import Change, Operation
from reconciler.model.policy import PolicyDocument
from reconciler.model.principal import PrincipalIndex, parse_principal
from reconciler.plan import Plan
from reconciler.state import Owned, State


def minding_what_waits(plan: Plan, state: State, index: PrincipalIndex) -> tuple[Plan, State]:
    """Return the plan and the memory to begin with, for a run that leaves held what waits for an approval."""
    objects, changes = dict(state.objects), []
    for change in plan.changes:
        owned = state.objects.get(change.address)
        waiting = giving_back_later(change)
        if owned is not None and owned.id == change.id and waiting:
            objects[change.address] = replace(owned, held=tuple(sorted({*owned.held, *waiting})))
        changes.append(_trusting_nobody_yet(change, owned, index) if owned and "trust" in waiting else change)
    return replace(plan, changes=tuple(changes)), replace(state, objects=objects)


def _trusting_nobody_yet(change: Change, owned: Owned, index: PrincipalIndex) -> Change:
    """Return the change so that guarding against somebody new is not remembered as trusting him.

    A Deny is bound again at once while the Allow beside it waits; whom that trusted before stays remembered.
    """

    def of(operation: Operation) -> Operation:
        if operation.held or "trust" not in operation.forms or not operation.principals:
            return operation
        allowed = {
            str(index.entity_of(parse_principal(place.key, place.value)))
            for place in PolicyDocument(operation.params["PolicyDocument"]).principals()
            if place.effect == "Allow"
        }
        known = {
            arn: unique
            for arn, unique in operation.principals.items()
            if arn in allowed or owned.principals.get(arn, unique) == unique
        }
        return replace(operation, principals=known)

    return replace(change, operations=tuple(map(of, change.operations)))
