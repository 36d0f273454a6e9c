"""What the plans of several accounts have to do with each other.

A role that is made in one account may be trusted in another, and one that is taken away in the one may be trusted in
the other. So accounts are planned, and worked, in an order: who makes a role before who names it, who lets go of a role
before who takes it away. Waves, where the configuration has some, come before that. Where an account has to begin that
waits for a later one, it leaves out what it cannot name yet: a role is made with a narrower trust, one that is there is
blocked, and the plan says that the next apply mends it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from reconciler.diff import diff
from reconciler.model.access import has_effect
from reconciler.model.arn import without_path
from reconciler.model.change import Action, Call, Change, Operation, Reason
from reconciler.model.diagnostic import Code, Diagnostic
from reconciler.model.policy import PolicyDocument, PrincipalInPlace
from reconciler.model.principal import PrincipalIndex, parse_principal
from reconciler.model.role import Role
from reconciler.operations import Now, closed_trust
from reconciler.plan import Plan, needed_for
from reconciler.state import State
from reconciler.trust import YET_TO_BE_GIVEN, principal_ids
from reconciler.waiting import held_in_wake
from reconciler.world import World

if TYPE_CHECKING:
    from reconciler.apply import ApplyResult

Worlds: TypeAlias = Mapping[str, World]
"""What is at hand of each account, by its ID."""


# The order of accounts


def in_turn(needs: Mapping[str, AbstractSet[str]], waves: Mapping[str, int]) -> list[str]:
    """Return accounts by wave and number, each after those of its wave that it needs; of a circle one has to begin."""
    done: dict[str, None] = {}

    def take(account: str, waiting: frozenset[str]) -> None:
        for other in sorted(needs[account] - waiting - done.keys()):
            if waves[other] == waves[account]:
                take(other, waiting | {other})
        done.setdefault(account)

    for account in sorted(needs, key=lambda one: (waves[one], one)):
        take(account, frozenset({account}))
    return list(done)


def planning_order(
    worlds: Worlds, comings: Mapping[str, Mapping[str, str | None]], waves: Mapping[str, int]
) -> list[str]:
    """Return the accounts in the order in which to plan; `comings` are the ARNs that each is about to make."""
    whose = _makers(comings)
    named = {account: map(without_path, _named(world) if whose else ()) for account, world in worlds.items()}
    needs = {account: {whose[arn] for arn in arns if arn in whose} - {account} for account, arns in named.items()}
    return in_turn(needs, waves)


def _makers(comings: Mapping[str, Mapping[str, str | None]]) -> dict[str, str]:
    """Return by ARN without path which account is about to make a role."""
    return {without_path(arn): account for account, made in comings.items() for arn in made}


def _named(world: World, addresses: AbstractSet[str] | None = None) -> set[str]:
    """Return the ARNs of the users and roles that declared trusts of an account name: all, or those of some roles."""
    objects = world.desired.objects.items()
    roles = (found.value for address, found in objects if addresses is None or address in addresses)
    return {arn for role in roles if isinstance(role, Role) for arn in principal_ids(role.trust, world.index)}


def working_order(plans: Iterable[Plan], waves: Mapping[str, int]) -> list[str]:
    """Return the accounts in the order in which to carry out their plans."""
    by_account = {plan.account: plan for plan in plans}
    makes = {arn: plan.account for plan in by_account.values() for arn in made_in(plan)}
    takes = {arn: plan.account for plan in by_account.values() for arn in _deleted_in(plan)}
    needs: dict[str, set[str]] = {account: set() for account in by_account}
    for account, plan in by_account.items():
        needs[account] |= {makes[arn] for arn in _named_in(plan) & makes.keys()} - {account}
        let_go = {*_let_go_in(plan)} if takes else set()
        for arn in let_go & takes.keys():
            needs[takes[arn]] |= {account} - {takes[arn]}
    return in_turn(needs, waves)


def made_in(plan: Plan) -> dict[str, Operation]:
    """Return the ARNs of the roles that a plan makes, each with the call that does."""
    return {
        change.record.arn: operation
        for change in plan.changes
        for operation in change.operations
        if operation.call is Call.CREATE_ROLE and change.record is not None
    }


def _deleted_in(plan: Plan) -> Iterator[str]:
    return (str(change.before["arn"]) for change in plan.changes if change.action is Action.DELETE and change.before)


def _named_in(plan: Plan) -> set[str]:
    """Return the ARNs that a plan's trusts name without knowing their IDs."""
    operations = (operation for change in plan.changes for operation in change.operations)
    return {arn for operation in operations for arn, known in operation.principals.items() if known is None}


def _let_go_in(plan: Plan) -> Iterator[str]:
    """Yield the values that a plan takes out of trusts."""
    for difference in (found for change in plan.changes for found in change.differences):
        if difference.path == "trust" and difference.before is not None:
            yield from _values(difference.before) - _values(difference.after or {})


def _values(document: Mapping[str, object]) -> set[str]:
    return {place.value for place in PolicyDocument(document).principals()}


# What one plan knows of those before it


def after_others(world: World, made: Mapping[str, str | None]) -> World:
    """Return an account as it will be found once the accounts planned before are done: with the roles made there."""
    made = {arn: was for arn, was in made.items() if arn not in world.index.id_by_arn}
    if not made:
        return world
    ids = {**world.index.id_by_arn, **dict.fromkeys(made, YET_TO_BE_GIVEN)}
    return replace(world, index=replace(world.index, id_by_arn=ids), made_elsewhere=made)


def re_trusting_elsewhere(world: World) -> frozenset[str]:
    """Return the addresses of the roles whose trust is to be bound anew to a role that another account makes."""
    drafts = diff(world, recording=False).drafts if world.made_elsewhere else {}
    return frozenset(
        address
        for address, draft in drafts.items()
        if draft.move is not None
        and draft.move.principals.keys() & world.made_elsewhere.keys()
        and any(found.path == "trust" and found.reason in _RE_TRUSTS for found in draft.differences)
    )


_RE_TRUSTS = frozenset({Reason.PRINCIPAL_RECREATED, Reason.PRINCIPAL_INFERRED, Reason.RE_TRUSTED_AFTER_REPLACE})


def held_after(plan: Plan, waiting: Mapping[str, str]) -> Plan:
    """Return a plan with the calls held that name a role whose making is held elsewhere, and what needs those calls.

    `waiting` are the ARNs of such roles, each with a few words on where it is.
    """
    changes = (_held_with(change, waiting) for change in plan.changes)
    return replace(plan, changes=held_in_wake(changes))


def _held_with(change: Change, waiting: Mapping[str, str]) -> Change:
    named = {arn for each in change.operations for arn in each.principals if arn in waiting}
    stage = next((each.stage for each in change.operations if named & each.principals.keys()), None)
    notices = tuple(f"it waits for {waiting[arn]}, which is held" for arn in sorted(named))
    held = _held_from(change, stage)
    return replace(held, notices=(*held.notices, *notices)) if notices else held


def _held_from(change: Change, stage: int | None) -> Change:
    """Return a change with its calls of a stage and later ones held."""
    if stage is None or all(operation.held for operation in change.operations if operation.stage >= stage):
        return change
    operations = (replace(each, held=each.held or each.stage >= stage) for each in change.operations)
    return replace(change, operations=tuple(operations), held=True)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Whom a role is made without: a notice of it, and the IDs under which it trusted them when last applied."""

    notice: str
    once: Mapping[str, str]


def with_what_can_be_named(world: World, later: Mapping[str, str]) -> tuple[World, dict[str, LeftOut]]:
    """Return an account whose roles yet to be made trust nobody who is yet to be made in an account planned later.

    With it comes, by address, what was left out. `later` are the ARNs of those, each with its account.
    """
    objects, left_out = dict(world.desired.objects), {}
    for address, declaration in world.desired.objects.items() if later else ():
        role, live = declaration.value, world.live.get(address)
        if not isinstance(role, Role) or (live is not None and live.arn == role.arn):
            continue
        missing = {arn for arn in principal_ids(role.trust, world.index) if arn in later} - world.index.id_by_arn.keys()
        if missing:
            objects[address] = replace(declaration, value=replace(role, trust=_without(role, missing, world.index)))
            whom = ", ".join(f"{arn} of account {later[arn]}" for arn in sorted(missing))
            owned = world.owned_at(address)
            left_out[address] = LeftOut(
                f"it is made with a narrower trust: {whom} comes later, and the next apply adds it",
                {arn: id_ for arn, id_ in (owned.principals if owned else {}).items() if arn in missing},
            )
    if not left_out:
        return world, {}
    return replace(world, desired=replace(world.desired, objects=objects)), left_out


def _without(role: Role, missing: AbstractSet[str], index: PrincipalIndex) -> PolicyDocument:
    """Return what of a role's trust can be written without some roles, never more than the whole allows."""

    def waits(place: PrincipalInPlace) -> bool:
        return str(index.entity_of(parse_principal(place.key, place.value))) in missing

    partial = Now(ids={}, coming=waits).writable(role.trust)
    if partial is None or not has_effect(partial, "Allow"):
        return closed_trust(role.partition, role.account)
    return partial


def told_of(plan: Plan, left_out: Mapping[str, LeftOut]) -> Plan:
    """Return a plan that says whom roles are made without, and remembers who those were, lest others be trusted."""

    def told(change: Change) -> Change:
        left = left_out.get(change.address)
        if left is None:
            return change
        record = change.record and replace(change.record, principals={**change.record.principals, **left.once})
        return replace(change, record=record, notices=(*change.notices, left.notice))

    return replace(plan, changes=tuple(map(told, plan.changes))) if left_out else plan


def targets_in(
    worlds: Worlds, targets: AbstractSet[str], comings: Mapping[str, Mapping[str, str | None]]
) -> dict[str, frozenset[str]]:
    """Return the targets of each account: those it has, and the roles it makes that targets of other accounts need."""
    whose = _makers(comings)
    wanted = {account: {*targets} & addresses_of(world) for account, world in worlds.items()}
    queue = list(wanted.items())
    while queue:
        account, found = queue.pop()
        named = map(without_path, _named(worlds[account], needed_for(found, worlds[account])))
        for arn in {*named} & whose.keys():
            other, address = whose[arn], f"role/{arn.rpartition('/')[2]}"
            if address not in wanted[other]:
                wanted[other].add(address)
                queue.append((other, {address}))
    return {account: frozenset(found) for account, found in wanted.items()}


def addresses_of(world: World) -> set[str]:
    """Return the addresses of all that is declared, removed or owned in an account."""
    return {*world.desired.objects, *world.desired.removals, *world.state.objects}


def pointed_on(plan: Plan, later: Mapping[str, str]) -> Plan:
    """Return a plan whose blockers say of a missing principal that an account planned later makes it."""
    return replace(plan, blockers=tuple(_pointed_on(blocker, later) for blocker in plan.blockers))


def _pointed_on(blocker: Diagnostic, later: Mapping[str, str]) -> Diagnostic:
    whose = next((later[arn] for arn in later if blocker.message.startswith(f"{arn} does not exist")), None)
    if blocker.code is not Code.RP204 or whose is None:
        return blocker
    return replace(
        blocker, help=f"It is about to be made in account {whose}: once that is done, the next apply names it."
    )


# Who is left with a dead ID


def naming_the_bereft(
    plan: Plan, worlds: Worlds, plans: Mapping[str, tuple[Plan, PrincipalIndex]], unread: Mapping[str, str]
) -> Plan:
    """Return a plan that names, at each role it takes away, the trusts of other accounts that will hold a dead ID.

    `plans` are those of all accounts, each with who will live when it is carried out; `unread` the accounts whose
    trusts could not be searched, each with why.
    """
    others = {account: world for account, world in worlds.items() if account != plan.account}

    def told(change: Change) -> Change:
        arn = str((change.before or {}).get("arn"))
        if not any(operation.call is Call.DELETE_ROLE for operation in change.operations):
            return change
        bereft = (notice for account, world in others.items() for notice in _bereft(arn, world, *plans[account]))
        unsearched = (
            f"no trust policy of account {account} was searched for it: {why}" for account, why in unread.items()
        )
        return replace(change, notices=(*change.notices, *bereft, *unsearched))

    return replace(plan, changes=tuple(map(told, plan.changes)))


def _bereft(arn: str, world: World, plan: Plan, then: PrincipalIndex) -> Iterator[str]:
    changes = {change.address: change for change in plan.changes}
    for role in world.trusting.get(arn, ()):
        change = changes.get(role.address)
        if change is not None and _lets_go(change, arn, then):
            continue
        declaration = world.desired.objects.get(role.address)
        declared = declaration.value if declaration else None
        if isinstance(declared, Role) and arn in principal_ids(declared.trust, world.index):
            how = "which is declared to trust it"
        elif declared is None and world.owned_address(role.address) is None:
            how = "which is not managed"
        else:
            how = "which this plan leaves alone"
        yield f"{role.address} of account {role.account}, {how}, trusts it and will hold a dead ID"


def _lets_go(change: Change, arn: str, index: PrincipalIndex) -> bool:
    """Tell whether a change takes a role away, or an ARN out of its trust."""
    calls = {operation.call for operation in change.operations}
    if change.action in {Action.DELETE, Action.REPLACE}:
        return True
    after = PolicyDocument((change.after or {}).get("trust", {}))
    return Call.UPDATE_ASSUME_ROLE_POLICY in calls and arn not in principal_ids(after, index)


# From one account's apply to the next


def made_now(plan: Plan, result: ApplyResult, state: State) -> dict[str, str]:
    """Return the ARNs of the roles that an apply has made, each with the ID that it has by the state afterwards."""
    done = {one.address for one in result.outcomes if one.call is Call.CREATE_ROLE and one.outcome.is_well}
    records = (change.record for change in plan.changes if change.address in done)
    ids = {owned.arn: owned.id for owned in state.objects.values()}
    return {record.arn: ids[record.arn] for record in records if record is not None and record.arn in ids}


def unmade_now(plan: Plan, result: ApplyResult) -> frozenset[str]:
    """Return the IDs of the roles that an apply has deleted."""
    gone = {one.address for one in result.outcomes if one.call is Call.DELETE_ROLE and one.outcome.is_well}
    return frozenset(change.id for change in plan.changes if change.address in gone and change.id is not None)


def waiting_in_vain(plan: Plan, unmade: AbstractSet[str], *, reviewed: bool) -> dict[str, str]:
    """Return by address what cannot be done since a role that another account was to make is not there, and which.

    By its ARN alone nobody is trusted: whoever has it now is a stranger. What needs such a change waits with it. What
    is held, and not `reviewed`, is not going to be done anyway.
    """
    found = {
        change.address: arn
        for change in plan.changes
        for operation in change.operations
        for arn, known in operation.principals.items()
        if known is None and arn in unmade and (reviewed or not operation.held)
    }
    while True:
        behind = {
            change.address: found[needed]
            for change in plan.changes
            for needed in change.needs
            if needed in found and change.address not in found
        }
        if not behind:
            return found
        found |= behind
