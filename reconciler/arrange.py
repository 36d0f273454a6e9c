"""The calls of all objects in a safe order: nothing wider on the way than at its start or its end.

Each object's calls get their phases here, those of roles and of the managed policies that they share; `bearing` says
which objects have to be seen together, `operations` how a trust moves around its permissions, `stages` what waits for
what.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, product

from reconciler.bearing import Bearing, changes_in_place
from reconciler.diff import Draft
from reconciler.effects import WIDENING, documents_of, permission_steps
from reconciler.model.access import has_effect, narrowed
from reconciler.model.change import Action, Approval, Call, Operation, Reason
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.policy import PolicyDocument, PrincipalInPlace
from reconciler.model.principal import parse_principal
from reconciler.model.role import Role
from reconciler.operations import (
    Effect,
    Manner,
    Now,
    Phase,
    Step,
    TrustMove,
    arrange_role,
    closed_trust,
    create_policy,
    create_role,
    write_trust,
)
from reconciler.rings import rings
from reconciler.stages import Arranged, Called, staged
from reconciler.trust import principal_ids
from reconciler.world import World

__all__ = ["Arranged", "arrange"]

_WHOLE = {Action.CREATE, Action.REPLACE, Action.DELETE, Action.IMPORT}
_STRICT = {
    Effect.NARROWS: Phase.NARROW,
    Effect.NEUTRAL: Phase.NARROW,
    Effect.BOTH: Phase.BOTH,
    Effect.WIDENS: Phase.WIDEN,
}
_GIVE_FIRST = {
    Effect.WIDENS: Phase.GIVE,
    Effect.NEUTRAL: Phase.BOTH,
    Effect.BOTH: Phase.BOTH,
    Effect.NARROWS: Phase.TAKE,
}
_REPLACED = "a policy of {} is replaced, which takes the old one off before the new one is there"


def arrange(drafts: Mapping[str, Draft], world: World) -> dict[str, Arranged]:
    """Return the calls of every draft with their stages."""
    placing = _Placing(world=world, drafts=drafts, bearing=Bearing(drafts=drafts, world=world))
    called = {address: _called(draft, placing) for address, draft in drafts.items()}
    return staged(called, placing.bearing, account=world.snapshot.account, partition=world.partition)


@dataclass(frozen=True, kw_only=True)
class _Placing:
    """Everything that placing one plan's calls needs to know."""

    world: World
    drafts: Mapping[str, Draft]
    bearing: Bearing

    @cached_property
    def unresolved(self) -> Mapping[str, frozenset[str]]:
        """Return, for each role to be made, the ARNs that its trust cannot name yet."""
        return _cycles(self.drafts)

    @cached_property
    def coming(self) -> frozenset[str]:
        """Return the ARNs of roles that are not there yet: made in this plan, or in another account's before it.

        Those of other accounts may be held there: what need not wait for them goes its own way.
        """
        made = (draft.declared.arn for draft in self.drafts.values() if draft.creates and draft.declared)
        return (frozenset(made) - self.world.index.id_by_arn.keys()) | self.world.made_elsewhere.keys()

    def is_coming(self, place: PrincipalInPlace) -> bool:
        """Tell whether a principal is a role that is yet to be made, or one of its sessions."""
        return str(self.world.index.entity_of(parse_principal(place.key, place.value))) in self.coming

    def now(self, move: TrustMove) -> Now:
        """Return who can be named in a role's trust before the plan has made anybody."""
        ids = {arn: self.world.index.id_by_arn.get(arn) for arn in move.principals}
        return Now(ids=ids | principal_ids(move.living, self.world.index), coming=self.is_coming)

    def goes_ahead_of_others(self, move: TrustMove) -> bool:
        """Tell whether a trust names a role that another account makes, and has a part that can go before.

        It has none where that role is denied: the rest would have to be closed, and for as long as that one is held.
        """
        named = not self.world.made_elsewhere.keys().isdisjoint(move.principals)
        return named and self.now(move).writable(move.goal) is not None

    @cached_property
    def policies(self) -> list[Draft]:
        """Return the managed policies that say something else afterwards."""
        return [draft for draft in self.drafts.values() if changes_in_place(draft) and draft.steps]

    @cached_property
    def guarded(self) -> frozenset[str]:
        """Return who has a Deny, a boundary or a tag that counts on the move, by address: there no union is safe."""
        roles = (draft.address for draft in self.drafts.values() if _is_guarded(draft, self.bearing))
        holders = (holder for policy in self.policies if _guards(policy) for holder in _holders(policy))
        return frozenset(roles).union(holders)

    @cached_property
    def _torn(self) -> frozenset[str]:
        """Return who holds several policies that each lose and gain, and has no trust that could be closed."""
        moving = (holder for policy in self.policies if _does_both(policy.steps) for holder in _holders(policy))
        closable = {draft.address for draft in self.drafts.values() if draft.move is not None}
        return frozenset(holder for holder, count in Counter(moving).items() if count > 1) & self.guarded - closable

    @cached_property
    def _strict(self) -> frozenset[str]:
        roles = (role for role in self.drafts.values() if role.address in self.guarded)
        soon = {policy.address for role in roles for policy in self.bearing.policies_of(role)}
        now = {policy.address for policy in self.policies if not self.guarded.isdisjoint(_holders(policy))}
        return frozenset(soon | now)

    def is_strict(self, policy: Draft) -> bool:
        """Tell whether a policy has to narrow before it widens: one of its holders, now or soon, is guarded."""
        return policy.address in self._strict or _guards(policy)

    def in_two(self, policy: Draft) -> bool:
        """Tell whether a policy has to go through what both its documents allow."""
        leading = [step for step in policy.steps if self.bearing.leads_on(policy.address, step)]
        torn = _does_both(policy.steps) and not self._torn.isdisjoint(_holders(policy))
        return (
            torn
            or any(step.assumes is Effect.BOTH for step in leading)
            or (_does_both(leading) and self.is_strict(policy))
        )


def _does_both(steps: Iterable[Step]) -> bool:
    return any(step.effect is Effect.BOTH for step in steps)


def _holders(policy: Draft) -> frozenset[str]:
    live = policy.live
    return live.attached_to | live.boundary_of if isinstance(live, ManagedPolicy) else frozenset()


def _guards(policy: Draft) -> bool:
    bounds = isinstance(policy.live, ManagedPolicy) and bool(policy.live.boundary_of)
    return bounds or any(step.guards for step in policy.steps)


def _is_guarded(draft: Draft, bearing: Bearing) -> bool:
    boundaries = {role.permissions_boundary for role in (draft.live, draft.declared) if isinstance(role, Role)}
    policies = bearing.policies_of(draft)
    return any(step.guards for step in _near(draft, policies)) or any(
        policy.declared is not None and policy.declared.arn in boundaries for policy in policies
    )


def _near(draft: Draft, policies: Iterable[Draft]) -> list[Step]:
    return [*draft.steps, *(step for policy in policies for step in policy.steps)]


def _called(draft: Draft, placing: _Placing) -> Called:
    """Return the calls of one object in their own order."""
    steps, notices = _steps_of(draft, placing)
    phases = accumulate((step.phase for step in steps), max)  # a call comes no earlier than the one before it
    placed = [replace(step, phase=phase) for step, phase in zip(steps, phases, strict=True)]
    return Called(steps=[_waiting_as_a_whole(step, draft) for step in placed], notices=notices)


def _steps_of(draft: Draft, placing: _Placing) -> tuple[list[Step], list[str]]:
    match draft.declared, draft.live:
        case _ if draft.action is Action.FORGET:
            return [], []
        case (Role(), _) | (None, Role()):
            return _steps_of_role(draft, placing)
        case _:
            return _steps_of_policy(draft, placing)


def _steps_of_role(draft: Draft, placing: _Placing) -> tuple[list[Step], list[str]]:
    removed = _deletion(draft.live, placing.world) if draft.removes and isinstance(draft.live, Role) else []
    if draft.creates and isinstance(draft.declared, Role):
        made, notices = _creation(draft, draft.declared, placing)
        return [*removed, *made], notices
    return (removed, []) if draft.removes else _role_update(draft, placing)


def _steps_of_policy(draft: Draft, placing: _Placing) -> tuple[list[Step], list[str]]:
    removed = _policy_deletion(draft.live) if draft.removes and isinstance(draft.live, ManagedPolicy) else []
    if draft.creates and isinstance(draft.declared, ManagedPolicy):
        making = _making(draft.declared)
        return [*removed, replace(making, phase=Phase.REMOVE_POLICY) if removed else making], []
    return (removed, []) if draft.removes else _policy_update(draft, placing)


def _waiting_as_a_whole(step: Step, draft: Draft) -> Step:
    """Return the step with the approvals that concern the whole object: its making, taking over and unmaking."""
    if draft.action not in _WHOLE:
        return step
    return _waiting_for(step, draft.approvals)


# --- roles that stay ----------------------------------------------------------------------------------------


def _role_update(draft: Draft, placing: _Placing) -> tuple[list[Step], list[str]]:
    assert draft.move is not None  # noqa: S101  a role that stays has a trust, and be it the one that it has
    elsewhere = placing.goes_ahead_of_others(draft.move)
    move = replace(draft.move, late=draft.move.late or elsewhere)
    manner, why = _manner(draft, placing)
    steps = [_placed(step, draft, manner, placing) for step in draft.steps]
    kept: frozenset[Approval] = frozenset()
    if manner is Manner.GIVE_FIRST and _as_last_applied(draft):
        steps, kept = _kept_for_others(steps, draft, placing)
    alone = placing.bearing.alone(draft.address) and not elsewhere
    ordered, notices = arrange_role(move, steps, manner, alone=alone, now=placing.now(move))
    return [_after_what_is_kept(step, kept) for step in ordered], [*why, *notices]


def _as_last_applied(draft: Draft) -> bool:
    """Tell whether a role has attached what it was given when last applied, and the manifest wants it otherwise."""
    return any(one.path == "managed_policies" and one.reason is Reason.MANIFEST_CHANGED for one in draft.differences)


def _kept_for_others(steps: Iterable[Step], draft: Draft, placing: _Placing) -> tuple[list[Step], frozenset[Approval]]:
    """Return the steps with every detaching waiting for what the attaching waits for that gives some of the same.

    With them comes what any of them waits for. Where the detaching has to come early, lest others gain by it, it waits
    for nothing.
    """
    known = list(steps)
    attaching = [step for step in known if step.operation.call is Call.ATTACH_ROLE_POLICY and step.operation.approvals]
    kept: set[Approval] = set()
    for at, step in enumerate(known):
        late = step.phase is Phase.TAKE or _is_replaced(step, placing)
        if (
            step.operation.call is Call.DETACH_ROLE_POLICY
            and late
            and not placing.bearing.leads_on(draft.address, step)
        ):
            others = (other for other in attaching if _share(step.operation, other.operation, placing.world))
            kinds = {kind for other in others for kind in other.operation.approvals}
            known[at] = _waiting_for(step, kinds)
            kept |= kinds
    return known, frozenset(kept)


def _share(one: Operation, other: Operation, world: World) -> bool:
    """Tell whether two policies whose texts are at hand allow something in common."""
    pairs = product(*(documents_of(operation.params["PolicyArn"], world) for operation in (one, other)))
    common = (narrowed(*pair, partition=world.partition, limit=sum(found.size for found in pair)) for pair in pairs)
    return any(has_effect(document, "Allow") for document in common)


def _after_what_is_kept(step: Step, kept: frozenset[Approval]) -> Step:
    """Return a trust that lets more in with what it waits for: until that is approved, what is to go is still there."""
    lets_in = step.operation.call is Call.UPDATE_ASSUME_ROLE_POLICY and step.effect in WIDENING
    return _waiting_for(step, kept) if lets_in else step


def _waiting_for(step: Step, kinds: Iterable[Approval]) -> Step:
    wanted = {*kinds, *step.operation.approvals}
    return replace(
        step, operation=replace(step.operation, approvals=tuple(kind for kind in Approval if kind in wanted))
    )


def _manner(draft: Draft, placing: _Placing) -> tuple[Manner, list[str]]:
    """Return in which order the permissions of a role move, and why something is taken before the rest is given."""
    bearing = placing.bearing
    guarded = draft.address in placing.guarded
    both = sum(step.effect is Effect.BOTH for step in _near(draft, bearing.policies_of(draft)))
    leading = [step for step in draft.steps if bearing.leads_on(draft.address, step)]
    if (guarded and both > 1) or any(step.assumes is Effect.BOTH for step in leading):
        return Manner.CLOSED, []
    no_room = _no_room(draft, placing.world)
    replaced = any(_is_replaced(step, placing) for step in draft.steps)
    if (guarded and (replaced or _does_both(leading))) or (no_room and (guarded or leading)):
        return Manner.CLOSED, []
    effects = {step.effect for step in draft.steps}
    gives_and_takes = {Effect.WIDENS, Effect.NARROWS} <= effects or Effect.BOTH in effects
    why = [no_room] if no_room and gives_and_takes else []
    if replaced:
        why.append(_REPLACED.format(draft.address))
    return (Manner.TAKE_FIRST if guarded or no_room else Manner.GIVE_FIRST), why


def _placed(step: Step, draft: Draft, manner: Manner, placing: _Placing) -> Step:
    """Return a permission call of a role with its phase."""
    if _no_room(draft, placing.world):
        return replace(step, phase=_by_size(step, draft))
    if _is_replaced(step, placing):
        return replace(step, phase=Phase.ATTACH if step.operation.call is Call.ATTACH_ROLE_POLICY else Phase.NARROW)
    if manner is Manner.TAKE_FIRST or (manner is Manner.CLOSED and draft.address in placing.guarded):
        return replace(step, phase=_STRICT[step.effect])
    if placing.bearing.leads_on(draft.address, step):
        return replace(step, phase=_STRICT[step.assumes])
    if step.effect is Effect.NARROWS and _is_followed(step, draft):
        return replace(step, phase=Phase.NARROW)
    arn = step.operation.params.get("PolicyArn", "")
    moving = {one.effect for one in placing.bearing.moving_policy(arn)} - {Effect.NEUTRAL}
    match step.operation.call:
        case Call.ATTACH_ROLE_POLICY if moving - {Effect.WIDENS}:
            return replace(step, phase=Phase.ATTACH)
        case Call.DETACH_ROLE_POLICY if moving - {Effect.NARROWS}:
            return replace(step, phase=Phase.NARROW)
        case _:
            return replace(step, phase=_GIVE_FIRST[step.effect])


def _is_followed(step: Step, draft: Draft) -> bool:
    """Tell whether a call on an inline policy is only its first: another one gives what is waited for."""
    name = step.operation.params.get("PolicyName")
    return name is not None and sum(other.operation.params.get("PolicyName") == name for other in draft.steps) > 1


def _by_size(step: Step, draft: Draft) -> Phase:
    """Return the phase of a call where a quota leaves no room: what takes up less comes first."""
    match step.operation.call:
        case Call.DETACH_ROLE_POLICY | Call.DELETE_ROLE_POLICY:
            return Phase.NARROW
        case Call.ATTACH_ROLE_POLICY:
            return Phase.WIDEN
        case Call.PUT_ROLE_POLICY:
            there = draft.live.inline_policies if isinstance(draft.live, Role) else {}
            before = there.get(step.operation.params["PolicyName"])
            size = PolicyDocument(step.operation.params["PolicyDocument"]).size
            return Phase.NARROW if before is not None and size <= before.size else Phase.WIDEN
        case _:
            return _STRICT[step.effect]


def _is_replaced(step: Step, placing: _Placing) -> bool:
    """Tell whether a call attaches or detaches a policy that is deleted and made again in this plan."""
    policy = placing.bearing.policy(step.operation.params.get("PolicyArn", ""))
    return policy is not None and policy.action is Action.REPLACE


def _no_room(draft: Draft, world: World) -> str | None:
    """Return why something must be taken before the rest can be given, None where there is room."""
    role, live = draft.declared, draft.live
    assert isinstance(role, Role) and isinstance(live, Role)  # noqa: S101, PT018  one that stays
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


# --- managed policies ---------------------------------------------------------------------------------------


def _making(policy: ManagedPolicy) -> Step:
    return Step(operation=create_policy(policy), effect=Effect.NEUTRAL, phase=Phase.MAKE_POLICY)


def _policy_update(draft: Draft, placing: _Placing) -> tuple[list[Step], list[str]]:
    steps, notices = list(draft.steps), []
    in_two = placing.in_two(draft)
    if in_two:
        given = {
            "policy": frozenset(kind for step in steps for kind in step.operation.approvals),
            "tags": frozenset(kind for step in steps for kind in step.operation.approvals) & {Approval.ADOPT},
        }
        declaration = draft.declaration
        live = placing.world.view(draft.live, declaration) if draft.live else None
        steps = permission_steps(live, draft.declared, placing.world, approvals=given, in_two=True)
        notices = [f"{draft.address} allows only what its old and new document have in common for a moment"]
    versions = sum(step.operation.call is Call.CREATE_POLICY_VERSION for step in steps)
    strict = versions > 1 or placing.is_strict(draft)
    placed: list[Step] = []
    for position, step in enumerate(steps):
        # A version is deleted to make room for the one that follows: both belong together.
        decisive = next((later for later in steps[position:] if later.effect is not Effect.NEUTRAL), step)
        placed.append(replace(step, phase=_policy_phase(decisive, draft, placing, strict=strict)))
    return sorted(placed, key=lambda step: step.phase), notices


def _policy_phase(step: Step, draft: Draft, placing: _Placing, *, strict: bool) -> Phase:
    if strict:
        return _STRICT[step.effect]
    if placing.bearing.leads_on(draft.address, step):
        return _STRICT[step.assumes]
    attached = draft.declared is not None and draft.declared.arn in placing.bearing.attached
    if step.effect is Effect.NARROWS and attached:
        return Phase.BOTH  # whoever gets the policy gets it narrowed
    return _GIVE_FIRST[step.effect]


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


# --- roles that come and go ---------------------------------------------------------------------------------


def _deletion(live: Role, world: World) -> list[Step]:
    """Return the calls that delete a role: out of its profiles, what it allows, what it denies, then the role.

    IAM wants profiles, inline and attached policies gone first (IAM User Guide, id_roles_manage_delete). What denies
    goes last. Where more than one policy both allows and denies, and where a Deny keeps the role from assuming others,
    the trust is closed before.
    """
    permissions = permission_steps(live, None, world)
    both = sum(step.effect is Effect.BOTH for step in permissions)
    profiles = [
        Operation(
            call=Call.REMOVE_ROLE_FROM_INSTANCE_PROFILE,
            params={"InstanceProfileName": profile, "RoleName": live.name},
        )
        for profile in sorted(live.instance_profiles)
    ]
    closing = []
    if both > 1 or any(step.assumes in WIDENING for step in permissions):
        closing = [write_trust(live.name, closed_trust(live.partition, live.account), principals={})]
    taken = [step.operation for step in sorted(permissions, key=lambda step: _STRICT[step.effect])]
    last = Operation(call=Call.DELETE_ROLE, params={"RoleName": live.name})
    return [
        Step(operation=operation, effect=Effect.NARROWS, phase=Phase.NARROW)
        for operation in [*closing, *profiles, *taken, last]
    ]


def _creation(draft: Draft, role: Role, placing: _Placing) -> tuple[list[Step], list[str]]:
    """Return the calls that make a role: open from the start where that is safe and possible, else closed until done.

    It is not safe where more than one policy both allows and denies, or one denies the assuming of further roles: those
    that let everybody in would let in this one before it is denied.
    """
    move = draft.move
    assert move is not None  # noqa: S101  a role that is made has a trust to come to
    permissions = sorted(permission_steps(None, role, placing.world), key=lambda step: _STRICT[step.effect])
    missing = placing.unresolved.get(draft.address, frozenset())
    both = sum(step.effect is Effect.BOTH for step in permissions)
    unsafe = both > 1 or any(step.assumes in {Effect.NARROWS, Effect.BOTH} for step in permissions)
    first = move.closed if unsafe else _resolvable(move, missing, placing.world)
    steps = [
        Step(operation=create_role(role, first, principals=move.principals), effect=Effect.WIDENS, phase=Phase.WIDEN)
    ]
    steps += [replace(step, phase=Phase.WIDEN) for step in permissions]
    if first is move.goal:
        return steps, []
    whole = write_trust(role.name, move.goal, principals=move.principals)
    steps.append(Step(operation=whole, effect=Effect.WIDENS, phase=Phase.WIDEN_TRUST))
    why = "what it denies has to be there first" if unsafe else "it trusts roles that trust it, or itself"
    return steps, [f"it is made with a narrower trust and gets the whole one afterwards: {why}"]


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
    ring = rings(trusts)
    together = {arn: frozenset(other for other in trusts[arn] if ring[other] == ring[arn]) for arn in made}
    return {made[arn].address: others for arn, others in together.items() if others}
