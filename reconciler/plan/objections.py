"""What stands in the way of changes, and whatever falls with them: the rest is planned all the same."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace

from reconciler import checks
from reconciler.diff import Diff, Draft, diff
from reconciler.model.change import Action, Call
from reconciler.model.diagnostic import Code, Diagnostic, Place
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.role import Role
from reconciler.plan.values import Policy
from reconciler.world import World


def without_blocked(
    world: World, policy: Policy, only: frozenset[str] | None, *, recording: bool
) -> tuple[Diff, list[Diagnostic], list[Diagnostic]]:
    """Return the drafts that nothing stands in the way of, and what stands in the way of the others.

    What a blocked object would have made is missing for others, which falls in turn: so this goes round until no
    further object falls.
    """
    blocked: dict[str, list[Diagnostic]] = {}
    own = checks.callers_own(world, policy.assumed_roles)
    while True:
        found = diff(world, only=only, without=frozenset(blocked), recording=recording)
        for blocker in found.blockers:
            blocked.setdefault(blocker.address or "", []).append(blocker)
        errors, warnings = _objections(found, world, policy, own=own, blocked=frozenset(blocked))
        if not errors:
            everything = [blocker for blockers in blocked.values() for blocker in blockers]
            return found, sorted(dict.fromkeys(everything), key=_place_order), warnings
        for error in errors:
            blocked.setdefault(error.address or "", []).append(error)


def _place_order(found: Diagnostic) -> tuple[str, str, str]:
    return (found.address or "", found.code, found.message)


def _objections(
    found: Diff, world: World, policy: Policy, *, own: frozenset[str], blocked: frozenset[str]
) -> tuple[list[Diagnostic], list[Diagnostic]]:
    """Return the errors that stop drafts, each with the address it stops, and the warnings."""
    drafts = found.drafts
    coming = _coming(drafts, world, blocked)
    said = [told for draft in drafts.values() for told in _of_draft(draft, world, coming)]
    said.extend(_on_self(drafts.values(), own, policy))
    said.extend(_policies_in_use(drafts))
    creates = [draft.declaration for draft in drafts.values() if draft.action is Action.CREATE and draft.declaration]
    deleted = [draft.address for draft in drafts.values() if draft.action is Action.DELETE]
    said.extend(checks.no_room(creates, deleted, world))
    said.extend(_too_many_deletions(found, world, policy))
    return [told for told in said if told.is_error], [told for told in said if not told.is_error]


def _coming(drafts: Mapping[str, Draft], world: World, blocked: frozenset[str]) -> checks.Coming:
    made = {draft.declared.arn for draft in drafts.values() if draft.creates and draft.declared}
    gone = {draft.live.arn for draft in drafts.values() if draft.removes and draft.live} - made
    declared = world.desired.objects
    return checks.Coming(
        made=frozenset(made),
        gone=frozenset(gone),
        blocked={declared[address].value.arn: address for address in sorted(blocked) if address in declared},
    )


def _of_draft(draft: Draft, world: World, coming: checks.Coming) -> Iterator[Diagnostic]:
    """Yield what IAM would refuse of one object, and what binds it."""
    if draft.declaration is not None:
        paths = {difference.path.partition("/")[0] for difference in draft.differences}
        if draft.creates or "trust" in paths:
            yield from checks.missing_principals(draft.declaration, world, coming)
        if draft.creates or paths & {"managed_policies", "permissions_boundary"}:
            yield from checks.missing_policies(draft.declaration, world, coming)
        if draft.creates or paths & {"trust", "managed_policies", "inline_policies", "policy"}:
            yield from checks.too_large(draft.declaration, None if draft.creates else draft.live, world)
    if draft.live is not None and draft.live.arn in coming.gone and isinstance(draft.live, Role):
        yield from checks.trusted_by_declared(draft.address, draft.live.arn, world)
    if draft.action is Action.REPLACE and draft.owned is not None and draft.owned.prevent_destroy:
        yield Diagnostic(
            Code.RC315,
            f"{draft.address} would be replaced, and was applied with prevent_destroy",
            address=draft.address,
            place=_place_of(draft),
            help="Put the path and name back, or apply it once with `prevent_destroy: false`.",
        )


def _place_of(draft: Draft) -> Place | None:
    return draft.declaration.place if draft.declaration else None


def _on_self(drafts: Iterable[Draft], own: frozenset[str], policy: Policy) -> Iterator[Diagnostic]:
    """Yield the drafts that would write to what this program runs as."""
    for draft in drafts:
        writes = draft.action is not Action.FORGET and (draft.action is not Action.IMPORT or draft.differences)
        addresses = {draft.address, draft.live.address} if draft.live is not None else {draft.address}
        if writes and addresses & own and not addresses & policy.allow_self:
            yield checks.touches_self(draft.address, _place_of(draft))


def _policies_in_use(drafts: Mapping[str, Draft]) -> Iterator[Diagnostic]:
    """Yield why a managed policy cannot go away: it bounds, guards or serves somebody who stays with it."""
    for draft in drafts.values():
        if draft.removes and isinstance(draft.live, ManagedPolicy):
            why = _use_of(draft.live, drafts, replacing=draft.action is Action.REPLACE)
            if why is not None:
                replacing = draft.action is Action.REPLACE
                yield Diagnostic(
                    Code.RC316 if replacing else Code.RC319,
                    f"{draft.live.arn} cannot be {'replaced' if replacing else 'deleted'}: {why}",
                    address=draft.address,
                    place=_place_of(draft),
                    help="Detach it there first, or keep it declared as it is.",
                )


def _use_of(policy: ManagedPolicy, drafts: Mapping[str, Draft], *, replacing: bool) -> str | None:
    bounded = {
        address
        for address in policy.boundary_of
        if replacing or not _lets_go(drafts.get(address), policy.arn, _BOUNDARY_CALLS)
    }
    if bounded:
        return f"it is the permissions boundary of {', '.join(sorted(bounded))}"
    staying = {
        address
        for address in policy.attached_to
        if not _lets_go(drafts.get(address), policy.arn, {Call.DETACH_ROLE_POLICY})
    }
    if staying:
        return f"it is attached to {', '.join(sorted(staying))}"
    guards = any(statement.get("Effect") == "Deny" for statement in policy.policy.raw_statements)
    if replacing and guards and policy.attached_to:
        return f"its Deny would stop guarding {', '.join(sorted(policy.attached_to))} in between"
    return None


_BOUNDARY_CALLS = {Call.PUT_ROLE_PERMISSIONS_BOUNDARY, Call.DELETE_ROLE_PERMISSIONS_BOUNDARY}


def _lets_go(draft: Draft | None, arn: str, calls: Container[Call]) -> bool:
    """Tell whether a plan takes an object off a policy: by removing it, or by one of the calls."""
    if draft is None:
        return False
    operations = (step.operation for step in draft.steps)
    return draft.removes or any(
        operation.call in calls and operation.params.get("PolicyArn", arn) == arn for operation in operations
    )


def _too_many_deletions(found: Diff, world: World, policy: Policy) -> Iterator[Diagnostic]:
    deletions = [draft.address for draft in found.drafts.values() if draft.removes]
    if policy.allow_mass_delete:
        return
    told = checks.too_many_deletions(
        deletions, world.state.objects, fraction=policy.limits.fraction, minimum=policy.limits.minimum
    )
    if told is not None:
        for address in deletions:
            yield replace(told, address=address)
