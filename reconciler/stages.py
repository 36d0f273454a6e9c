"""The calls of all objects in stages: what is needed first, what bears on each other in the order of its phases.

Every call is a node. It waits for the call before it on the same object, for what makes what it names, and, among
objects that bear on each other, for all calls of an earlier phase (`operations.Phase`). Calls of one stage may run side
by side. What waits for an earlier phase is not listed pair by pair: each call has its group and phase, which `waiting`
knows how to read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from typing import TypeAlias

from reconciler.bearing import Bearing
from reconciler.model.arn import iam_arn
from reconciler.model.change import Call, Operation
from reconciler.model.form import paths_of
from reconciler.model.role import Role
from reconciler.operations import Phase, Step, with_forms

Node: TypeAlias = tuple[str, int]
Waits: TypeAlias = dict[Node, set[Node]]
Phases: TypeAlias = Mapping[int, Mapping[Phase, list[Node]]]

_MAKES = {Call.CREATE_ROLE, Call.CREATE_POLICY}
_WITHOUT_EFFECT = {Phase.MAKE_POLICY, Phase.REMOVE_POLICY}  # a policy that nobody has allows nothing
_NO_BOUNDARY_THEN = {Call.PUT_ROLE_PERMISSIONS_BOUNDARY, Call.DELETE_ROLE_PERMISSIONS_BOUNDARY, Call.DELETE_ROLE}


@dataclass(frozen=True, kw_only=True)
class Arranged:
    """The calls of one object with their stages, the objects that it needs, and what happens in between."""

    operations: tuple[Operation, ...] = ()
    needs: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def stage(self) -> int:
        """Return the stage of the first call, 0 for an object on which nothing is called."""
        return self.operations[0].stage if self.operations else 0


@dataclass(frozen=True, kw_only=True)
class Called:
    """The calls of one object in their own order, and what a reviewer must know of the moments between."""

    steps: list[Step]
    notices: list[str]


def staged(called: Mapping[str, Called], bearing: Bearing, *, account: str, partition: str) -> dict[str, Arranged]:
    """Return every object's calls with stages: the longest way to each through what it waits for."""
    nodes = {
        (address, position): step for address, found in called.items() for position, step in enumerate(found.steps)
    }
    named = _waits_for_others(nodes, bearing, account=account, partition=partition)
    placed = _placed(nodes, named, _phases(nodes, bearing))
    needs: dict[str, set[str]] = defaultdict(set)
    for (address, _), others in named.items():
        needs[address] |= {other for other, _ in others} - {address}
    return {
        address: Arranged(
            operations=_finished(address, [placed[address, at] for at in range(len(found.steps))], bearing, partition),
            needs=tuple(sorted(needs[address])),
            notices=tuple(dict.fromkeys(found.notices)),
        )
        for address, found in called.items()
    }


def _finished(address: str, operations: list[Operation], bearing: Bearing, partition: str) -> tuple[Operation, ...]:
    live = bearing.drafts[address].live
    return tuple(with_forms(operations, paths_of(live) if live is not None else {}, partition=partition))


def _phases(nodes: Mapping[Node, Step], bearing: Bearing) -> Phases:
    """Return by group and phase the calls on objects that bear on each other, where those are several."""
    components: dict[int, dict[Phase, list[Node]]] = defaultdict(lambda: defaultdict(list))
    for node, step in nodes.items():
        if step.phase not in _WITHOUT_EFFECT:
            components[bearing.component[node[0]]][step.phase].append(node)
    several = (phases for _, phases in sorted(components.items()) if _are_several(phases.values()))
    return dict(enumerate(several, start=1))


def _are_several(calls: Iterable[Iterable[Node]]) -> bool:
    """Tell whether calls are on more than one object."""
    return len({address for some in calls for address, _ in some}) > 1


def _placed(nodes: Mapping[Node, Step], named: Waits, phases: Phases) -> dict[Node, Operation]:
    """Return each call with its stage, one more than that of the latest that it waits for, its group and its phase."""
    waits: Waits = defaultdict(set)
    for address, position in nodes:
        waits[address, position] |= {(address, position - 1)} if position else set()
        waits[address, position] |= named.get((address, position), set())
    _add_barriers(waits, phases)
    stages: dict[Node, int] = {}
    for node in TopologicalSorter(waits).static_order():
        before = max((stages[other] for other in waits.get(node, ())), default=0)
        stages[node] = before + (node[1] >= 0)
    groups = {node: group for group, by_phase in phases.items() for calls in by_phase.values() for node in calls}
    return {
        node: replace(
            step.operation,
            stage=stages[node],
            group=groups.get(node, 0),
            phase=int(step.phase),
        )
        for node, step in nodes.items()
    }


def _add_barriers(waits: Waits, phases: Phases) -> None:
    """Put a barrier before each phase of a group but the first: it waits for the phase before, and for its barrier."""
    for group, by_phase in phases.items():
        earlier: set[Node] = set()
        for phase in sorted(by_phase):
            if earlier:
                barrier = (f"group {group}", -int(phase))
                waits[barrier] = earlier
                for node in by_phase[phase]:
                    waits[node].add(barrier)
                earlier = {barrier}
            earlier = earlier.union(by_phase[phase])


def _waits_for_others(nodes: Mapping[Node, Step], bearing: Bearing, *, account: str, partition: str) -> Waits:
    """Return for each call those that make what it names, or let go of what it takes away."""
    waits: Waits = defaultdict(set)
    _wait_for_what_is_named(waits, nodes, account, partition)
    _wait_for_letting_go(waits, nodes, bearing)
    return waits


def _wait_for_what_is_named(waits: Waits, nodes: Mapping[Node, Step], account: str, partition: str) -> None:
    makes = {
        _made_arn(step.operation, account, partition): node
        for node, step in nodes.items()
        if step.operation.call in _MAKES
    }
    for node, step in nodes.items():
        if step.phase is not Phase.NARROW_TRUST:  # what narrows names only who is there already
            waits[node] |= {makes[arn] for arn in _named(step.operation) if makes.get(arn, node) != node}


def _wait_for_letting_go(waits: Waits, nodes: Mapping[Node, Step], bearing: Bearing) -> None:
    """Let the removal of a policy wait until nobody has it any more, as policy or as boundary."""
    lets_go: dict[str, set[Node]] = defaultdict(set)
    for node, step in nodes.items():
        operation, live = step.operation, bearing.drafts[node[0]].live
        if operation.call is Call.DETACH_ROLE_POLICY:
            lets_go[operation.params["PolicyArn"]].add(node)
        if operation.call in _NO_BOUNDARY_THEN and isinstance(live, Role) and live.permissions_boundary:
            lets_go[live.permissions_boundary].add(node)
    for node, step in nodes.items():
        if step.phase is Phase.REMOVE_POLICY and step.operation.call is not Call.CREATE_POLICY:
            waits[node] |= lets_go[step.operation.params["PolicyArn"]]


def _named(operation: Operation) -> Iterator[str]:
    """Yield the ARNs that must exist for a call to be accepted."""
    params = operation.params
    match operation.call:
        case Call.CREATE_ROLE | Call.UPDATE_ASSUME_ROLE_POLICY:
            yield from operation.principals
            yield params.get("PermissionsBoundary", "")
        case Call.ATTACH_ROLE_POLICY:
            yield params["PolicyArn"]
        case Call.PUT_ROLE_PERMISSIONS_BOUNDARY:
            yield params["PermissionsBoundary"]
        case _:
            return


def _made_arn(operation: Operation, account: str, partition: str) -> str:
    params = operation.params
    kind, name = ("role", "RoleName") if operation.call is Call.CREATE_ROLE else ("policy", "PolicyName")
    return iam_arn(partition=partition, account=account, kind=kind, path=params["Path"], name=params[name])
