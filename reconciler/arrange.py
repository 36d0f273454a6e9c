"""The calls of all objects in stages: what is needed first, nothing wider than it has to be on the way.

Every call is a node. It waits for the call before it on the same object, for what makes what it names, and, among objects
that bear on each other, for all calls of an earlier phase (`operations.Phase`): narrowings of trust, then permissions, then
widenings of trust. Two objects bear on each other when both change and one is the other's policy or boundary, or trusts
it. Calls of one stage may run side by side.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter

from reconciler.diff import Draft
from reconciler.effects import permission_steps
from reconciler.model.access import has_effect
from reconciler.model.arn import iam_arn
from reconciler.model.change import Action, Approval, Call, Operation
from reconciler.model.form import paths_of
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.policy import PolicyDocument, PrincipalInPlace
from reconciler.model.principal import parse_principal
from reconciler.model.role import Role
from reconciler.operations import (
    Effect,
    Phase,
    Step,
    TrustMove,
    arrange_role,
    closed_trust,
    create_policy,
    create_role,
    with_forms,
    write_trust,
)
from reconciler.world import World

_MAKES = {Call.CREATE_ROLE, Call.CREATE_POLICY}
_WITHOUT_EFFECT = {Phase.MAKE_POLICY, Phase.REMOVE_POLICY}  # a policy that nobody has allows nothing
_WHOLE = {Action.CREATE, Action.REPLACE, Action.DELETE, Action.IMPORT}


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
class _Placing:
    """Everything that placing one plan's calls needs to know."""

    world: World
    drafts: Mapping[str, Draft]
    component: Mapping[str, int]
    size: Mapping[int, int]
    unresolved: Mapping[str, frozenset[str]]
    careful: bool = False
    steps: dict[str, list[Step]] = field(default_factory=dict)
    notices: dict[str, list[str]] = field(default_factory=dict)

    def alone(self, address: str) -> bool:
        """Tell whether no other live object that changes bears on this one."""
        return self.size[self.component[address]] == 1


def arrange(drafts: Mapping[str, Draft], world: World) -> dict[str, Arranged]:
    """Return the calls of every draft with their stages."""
    component = _components(drafts, world)
    size: dict[int, int] = defaultdict(int)
    for address, draft in drafts.items():
        moves = draft.removes or bool(draft.steps) or (draft.move is not None and draft.move.changed)
        size[component[address]] += draft.live is not None and moves
    unresolved = _cycles(drafts)
    for careful in (False, True):
        placing = _Placing(
            world=world, drafts=drafts, component=component, size=size, unresolved=unresolved, careful=careful
        )
        for address, draft in drafts.items():
            placing.steps[address], placing.notices[address] = _steps_of(draft, placing)
        try:
            return _staged(placing)
        except CycleError:
            if careful:
                raise
    raise AssertionError  # pragma: no cover  the loop returns or raises


def _steps_of(draft: Draft, placing: _Placing) -> tuple[list[Step], list[str]]:
    """Return the calls of one object in their own order."""
    notices: list[str] = []
    match draft.action, draft.declared, draft.live:
        case Action.FORGET, _, _:
            return [], []
        case Action.CREATE, Role() as role, _:
            steps, notices = _creation(draft, role, placing)
        case Action.CREATE, ManagedPolicy() as policy, _:
            steps = [_making(policy)]
        case Action.REPLACE, Role() as role, Role() as live:
            made, notices = _creation(draft, role, placing)
            steps = [*_deletion(live, placing.world), *made]
        case Action.REPLACE, ManagedPolicy() as policy, ManagedPolicy() as live:
            steps = [*_policy_deletion(live), replace(_making(policy), phase=Phase.REMOVE_POLICY)]
        case Action.DELETE, _, Role() as live:
            steps = _deletion(live, placing.world)
        case Action.DELETE, _, ManagedPolicy() as live:
            steps = _policy_deletion(live)
        case _, ManagedPolicy(), _:
            steps = _policy_update(draft.steps)
        case _:
            steps, notices = _role_update(draft, placing)
    return [_waiting_as_a_whole(step, draft) for step in steps], notices


def _waiting_as_a_whole(step: Step, draft: Draft) -> Step:
    """Return the step with the approvals that concern the whole object: its making, taking over and unmaking."""
    if draft.action not in _WHOLE:
        return step
    kinds = {*step.operation.approvals, *draft.approvals}
    return replace(step, operation=replace(step.operation, approvals=tuple(kind for kind in Approval if kind in kinds)))


def _role_update(draft: Draft, placing: _Placing) -> tuple[list[Step], list[str]]:
    if draft.move is None:
        return list(draft.steps), []
    attached = draft.live.managed_policies if isinstance(draft.live, Role) else frozenset()
    elsewhere = sum(
        step.effect is Effect.BOTH and step.guards
        for other in placing.drafts.values()
        if isinstance(other.live, ManagedPolicy) and other.live.arn in attached and other.address != draft.address
        for step in other.steps
    )
    take_first = _no_room(draft, placing.world)
    if placing.careful and take_first is None:
        take_first = "something is taken before the rest is given: policies that change hands change at the same time"
    return arrange_role(
        draft.move, draft.steps, alone=placing.alone(draft.address), elsewhere=elsewhere, take_first=take_first
    )


def _no_room(draft: Draft, world: World) -> str | None:
    """Return why something must be taken before the rest can be given, None where there is room."""
    role, live = draft.declared, draft.live
    if not isinstance(role, Role) or not isinstance(live, Role):
        return None
    attached = live.managed_policies | role.managed_policies
    quotas = world.snapshot.quotas
    gives = [step for step in draft.steps if step.operation.call is Call.ATTACH_ROLE_POLICY]
    if gives and len(attached) > quotas.attached_policies_per_role:
        return "policies are detached before others are attached: the quota leaves no room for both"
    sizes = {name: document.size for name, document in live.inline_policies.items()}
    for name, document in role.inline_policies.items():
        sizes[name] = max(document.size, sizes.get(name, 0))
    puts = [step for step in draft.steps if step.operation.call is Call.PUT_ROLE_POLICY]
    if puts and sum(sizes.values()) > quotas.inline_policies_size:
        return "inline policies are taken before others are given: the quota leaves no room for both"
    return None


def _making(policy: ManagedPolicy) -> Step:
    return Step(operation=create_policy(policy), effect=Effect.NEUTRAL, phase=Phase.MAKE_POLICY)


def _policy_update(steps: Iterable[Step]) -> list[Step]:
    phases = {Effect.NARROWS: Phase.NARROW, Effect.BOTH: Phase.BOTH, Effect.WIDENS: Phase.WIDEN}
    placed: list[Step] = []
    ordered = list(steps)
    for position, step in enumerate(ordered):
        # A version is deleted to make room for the one that follows: both belong together.
        decisive = next((later for later in ordered[position:] if later.effect is not Effect.NEUTRAL), step)
        placed.append(replace(step, phase=phases.get(decisive.effect, Phase.NARROW)))
    return placed


def _policy_deletion(live: ManagedPolicy) -> list[Step]:
    versions = [version for version in live.versions if version != live.default_version]
    operations = [
        *(
            Operation(call=Call.DELETE_POLICY_VERSION, params={"PolicyArn": live.arn, "VersionId": version})
            for version in versions
        ),
        Operation(call=Call.DELETE_POLICY, params={"PolicyArn": live.arn}),
    ]
    return [Step(operation=operation, effect=Effect.NEUTRAL, phase=Phase.REMOVE_POLICY) for operation in operations]


def _deletion(live: Role, world: World) -> list[Step]:
    """Return the calls that delete a role: out of its profiles, what it allows, what it denies, then the role.

    IAM wants profiles, inline and attached policies gone first (IAM User Guide, id_roles_manage_delete). What denies
    goes last, and where more than one policy both allows and denies the trust is closed before.
    """
    permissions = permission_steps(live, None, world)
    both = sum(step.effect is Effect.BOTH for step in permissions)
    order = {Effect.NARROWS: 0, Effect.NEUTRAL: 1, Effect.BOTH: 1, Effect.WIDENS: 2}
    profiles = [
        Operation(
            call=Call.REMOVE_ROLE_FROM_INSTANCE_PROFILE,
            params={"InstanceProfileName": profile, "RoleName": live.name},
        )
        for profile in sorted(live.instance_profiles)
    ]
    closing = []
    if both > 1:
        closing = [write_trust(live.name, closed_trust(live.partition, live.account), principals={})]
    taken = [step.operation for step in sorted(permissions, key=lambda step: order[step.effect])]
    last = Operation(call=Call.DELETE_ROLE, params={"RoleName": live.name})
    return [
        Step(operation=operation, effect=Effect.NARROWS, phase=Phase.NARROW)
        for operation in [*closing, *profiles, *taken, last]
    ]


def _creation(draft: Draft, role: Role, placing: _Placing) -> tuple[list[Step], list[str]]:
    """Return the calls that make a role: open from the start where that is safe and possible, else closed until done."""
    move = draft.move
    assert move is not None  # noqa: S101  a role that is made has a trust to come to
    order = {Effect.NARROWS: 0, Effect.NEUTRAL: 1, Effect.BOTH: 1, Effect.WIDENS: 2}
    permissions = sorted(permission_steps(None, role, placing.world), key=lambda step: order[step.effect])
    missing = placing.unresolved.get(draft.address, frozenset())
    unsafe = sum(step.effect is Effect.BOTH for step in permissions) > 1
    first = move.closed if unsafe else _resolvable(move, missing, placing.world)
    notices = []
    steps = [
        Step(operation=create_role(role, first, principals=move.principals), effect=Effect.WIDENS, phase=Phase.WIDEN)
    ]
    steps += [replace(step, phase=Phase.WIDEN) for step in permissions]
    if first is not move.goal:
        whole = write_trust(role.name, move.goal, principals=move.principals)
        steps.append(Step(operation=whole, effect=Effect.WIDENS, phase=Phase.WIDEN_TRUST))
        why = "it trusts roles that trust it, or itself" if missing else "no order of its permissions is safe"
        notices.append(f"it is made with a narrower trust and gets the whole one afterwards: {why}")
    return steps, notices


def _resolvable(move: TrustMove, missing: frozenset[str], world: World) -> PolicyDocument:
    """Return what of a trust can be written while some roles are not there; never more than the whole allows."""
    if not missing:
        return move.goal

    def waits(place: PrincipalInPlace) -> bool:
        return str(world.index.entity_of(parse_principal(place.key, place.value))) in missing

    if any(waits(place) for place in move.goal.principals() if place.effect != "Allow"):
        return move.closed
    partial = move.goal.without_principals(waits)
    return partial if has_effect(partial, "Allow") else move.closed


def _cycles(drafts: Mapping[str, Draft]) -> dict[str, frozenset[str]]:
    """Return, for each role to be made that trusts itself or one that trusts it, the ARNs that are not there yet."""
    made = {
        draft.declared.arn: draft for draft in drafts.values() if draft.creates and isinstance(draft.declared, Role)
    }
    trusts = {
        arn: {principal for principal in (draft.move.principals if draft.move else ()) if principal in made}
        for arn, draft in made.items()
    }
    reachable = {arn: _reach(arn, trusts) for arn in trusts}
    found = {}
    for arn, draft in made.items():
        together = frozenset(other for other in trusts[arn] if arn in reachable[other] or other == arn)
        if together:
            found[draft.address] = together
    return found


def _reach(start: str, edges: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    queue = list(edges[start])
    while queue:
        arn = queue.pop()
        if arn not in seen:
            seen.add(arn)
            queue.extend(edges.get(arn, ()))
    return seen


def _components(drafts: Mapping[str, Draft], world: World) -> dict[str, int]:
    """Return a number per address, the same for objects that bear on each other."""
    parent = {address: address for address in drafts}

    def root(address: str) -> str:
        while parent[address] != address:
            address = parent[address]
        return address

    by_arn = {
        value.arn: draft.address
        for draft in drafts.values()
        for value in (draft.live, draft.declared)
        if value is not None
    }
    for draft in drafts.values():
        for arn in _bearing(draft):
            other = by_arn.get(arn)
            if other is not None and other != draft.address and drafts[other].action is not Action.CREATE:
                parent[root(draft.address)] = root(other)
    numbers: dict[str, int] = {}
    return {address: numbers.setdefault(root(address), len(numbers)) for address in sorted(drafts)}


def _bearing(draft: Draft) -> Iterator[str]:
    """Yield the ARNs of what bears on an object, before or after: its policies, its boundary, whom it trusts."""
    for role in (draft.live, draft.declared):
        if isinstance(role, Role):
            yield from role.managed_policies
            if role.permissions_boundary:
                yield role.permissions_boundary
    if draft.move is not None:
        yield from draft.move.principals
        yield from (place.value for place in draft.move.living.principals())
    elif isinstance(draft.live, Role):
        yield from (place.value for place in draft.live.trust.principals())


def _staged(placing: _Placing) -> dict[str, Arranged]:
    """Return every object's calls with stages: the longest way to each through what it waits for."""
    waits = _waits(placing)
    stages: dict[tuple[str, int], int] = {}
    for node in TopologicalSorter(waits).static_order():
        before = max((stages[other] for other in waits.get(node, ())), default=0)
        stages[node] = before + (node[1] >= 0)
    return {
        address: Arranged(
            operations=_finished(placing, address, stages),
            needs=_needs(address, waits),
            notices=tuple(dict.fromkeys(placing.notices[address])),
        )
        for address in placing.drafts
    }


def _finished(placing: _Placing, address: str, stages: Mapping[tuple[str, int], int]) -> tuple[Operation, ...]:
    draft = placing.drafts[address]
    start = paths_of(draft.live) if draft.live is not None else {}
    operations = [
        replace(step.operation, stage=stages[address, position]) for position, step in enumerate(placing.steps[address])
    ]
    return tuple(with_forms(operations, start, partition=placing.world.partition))


def _needs(address: str, waits: Mapping[tuple[str, int], set[tuple[str, int]]]) -> tuple[str, ...]:
    """Return the other objects of which some call comes before one of this object's, barriers looked through."""
    found: set[str] = set()
    for node, others in waits.items():
        if node[0] != address:
            continue
        for other in others:
            real = waits.get(other, set()) if other[1] < 0 else {other}
            found |= {one[0] for one in real if one[1] >= 0}
    return tuple(sorted(found - {address}))


def _waits(placing: _Placing) -> dict[tuple[str, int], set[tuple[str, int]]]:
    """Return for each call, as (address, position), the calls and barriers that come before it."""
    waits: dict[tuple[str, int], set[tuple[str, int]]] = defaultdict(set)
    phases: dict[int, dict[Phase, list[tuple[str, int]]]] = defaultdict(lambda: defaultdict(list))
    nodes: list[tuple[str, int, Step]] = [
        (address, position, step) for address, steps in placing.steps.items() for position, step in enumerate(steps)
    ]
    for address, position, step in nodes:
        waits[address, position] |= {(address, position - 1)} if position else set()
        phases[placing.component[address]][step.phase].append((address, position))
    _add_barriers(waits, phases)
    _add_requirements(waits, nodes, placing.world)
    return waits


def _add_barriers(
    waits: dict[tuple[str, int], set[tuple[str, int]]],
    phases: Mapping[int, Mapping[Phase, list[tuple[str, int]]]],
) -> None:
    for number, by_phase in phases.items():
        if len({address for nodes in by_phase.values() for address, _ in nodes}) == 1:
            continue
        earlier: list[tuple[str, int]] = []
        for phase in sorted(by_phase.keys() - _WITHOUT_EFFECT):
            if earlier:
                barrier = (f"component {number}", -int(phase))
                waits[barrier] |= set(earlier)
                for node in by_phase[phase]:
                    waits[node].add(barrier)
            earlier.extend(by_phase[phase])


def _add_requirements(
    waits: dict[tuple[str, int], set[tuple[str, int]]], nodes: list[tuple[str, int, Step]], world: World
) -> None:
    """Add what a call needs: who it names must be there, what it removes must be let go of first."""
    makes = {
        _made_arn(step.operation, world): (address, position)
        for address, position, step in nodes
        if step.operation.call in _MAKES
    }
    moves_policy: dict[str, list[tuple[str, int]]] = defaultdict(list)
    lets_go: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for address, position, step in nodes:
        operation = step.operation
        if operation.call is Call.CREATE_POLICY_VERSION:
            moves_policy[operation.params["PolicyArn"]].append((address, position))
        if operation.call is Call.DETACH_ROLE_POLICY:
            lets_go[operation.params["PolicyArn"]].append((address, position))
    removing = {Call.DELETE_POLICY, Call.DELETE_POLICY_VERSION}
    for address, position, step in nodes:
        node, operation = (address, position), step.operation
        for needed in _named(operation):
            if needed in makes and makes[needed] != node:
                waits[node].add(makes[needed])
        arn = operation.params.get("PolicyArn", "")
        if operation.call is Call.ATTACH_ROLE_POLICY:
            waits[node] |= {other for other in moves_policy[arn] if other[0] != address and step.phase is Phase.BOTH}
        if operation.call is Call.CREATE_POLICY_VERSION and step.phase is Phase.BOTH:
            waits[node] |= {other for other in lets_go[arn] if other[0] != address}
        if operation.call in removing and step.phase is Phase.REMOVE_POLICY:
            waits[node] |= {other for other in lets_go[arn] if other[0] != address}


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


def _made_arn(operation: Operation, world: World) -> str:
    params = operation.params
    kind, name = ("role", "RoleName") if operation.call is Call.CREATE_ROLE else ("policy", "PolicyName")
    account = world.snapshot.account
    return iam_arn(partition=world.partition, account=account, kind=kind, path=params["Path"], name=params[name])
