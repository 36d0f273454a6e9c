"""The calls of all objects in stages: what is needed first, what bears on each other in the order of its phases.

Every call is a node. It waits for the call before it on the same object, for what makes what it names, and, among
objects that bear on each other, for all calls of an earlier phase (`operations.Phase`). Calls of one stage may run side
by side.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
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

_MAKES = {Call.CREATE_ROLE, Call.CREATE_POLICY}
_WITHOUT_EFFECT = {Phase.MAKE_POLICY, Phase.REMOVE_POLICY}  # a policy that nobody has allows nothing
_NO_BOUNDARY_THEN = {Call.PUT_ROLE_PERMISSIONS_BOUNDARY, Call.DELETE_ROLE_PERMISSIONS_BOUNDARY, Call.DELETE_ROLE}


@dataclass(frozen=True, kw_only=True)
class Arranged:
    """The calls of one object with their stages, what must be done before, and what happens in between."""

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
    waits = _waits(called, bearing, account=account, partition=partition)
    stages: dict[Node, int] = {}
    for node in TopologicalSorter(waits).static_order():
        before = max((stages[other] for other in waits.get(node, ())), default=0)
        stages[node] = before + (node[1] >= 0)
    needs = _needs(waits)
    return {
        address: Arranged(
            operations=_finished(address, found.steps, bearing, stages, partition),
            needs=tuple(sorted(needs[address] - {address})),
            notices=tuple(dict.fromkeys(found.notices)),
        )
        for address, found in called.items()
    }


def _finished(
    address: str, steps: list[Step], bearing: Bearing, stages: Mapping[Node, int], partition: str
) -> tuple[Operation, ...]:
    live = bearing.drafts[address].live
    operations = [replace(step.operation, stage=stages[address, position]) for position, step in enumerate(steps)]
    return tuple(with_forms(operations, paths_of(live) if live is not None else {}, partition=partition))


def _needs(waits: Waits) -> dict[str, set[str]]:
    """Return by address the objects of which some call comes before one of its own, barriers looked through."""
    found: dict[str, set[str]] = defaultdict(set)
    for node, others in waits.items():
        if node[1] < 0:
            continue
        for other in others:
            real = waits.get(other, set()) if other[1] < 0 else {other}
            found[node[0]] |= {one[0] for one in real if one[1] >= 0}
    return found


def _waits(called: Mapping[str, Called], bearing: Bearing, *, account: str, partition: str) -> Waits:
    """Return for each call, as (address, position), the calls and barriers that come before it."""
    waits: Waits = defaultdict(set)
    phases: dict[int, dict[Phase, list[Node]]] = defaultdict(lambda: defaultdict(list))
    nodes = {
        (address, position): step for address, found in called.items() for position, step in enumerate(found.steps)
    }
    for (address, position), step in nodes.items():
        waits[address, position] |= {(address, position - 1)} if position else set()
        phases[bearing.component[address]][step.phase].append((address, position))
    _add_barriers(waits, phases)
    _wait_for_what_is_named(waits, nodes, account, partition)
    _wait_for_letting_go(waits, nodes, bearing)
    return waits


def _add_barriers(waits: Waits, phases: Mapping[int, Mapping[Phase, list[Node]]]) -> None:
    for number, by_phase in phases.items():
        if len({address for nodes in by_phase.values() for address, _ in nodes}) == 1:
            continue
        earlier: list[Node] = []
        for phase in sorted(by_phase.keys() - _WITHOUT_EFFECT):
            if earlier:
                barrier = (f"component {number}", -int(phase))
                waits[barrier] |= set(earlier)
                for node in by_phase[phase]:
                    waits[node].add(barrier)
            earlier.extend(by_phase[phase])


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
