"""Changes in order: what `apply` will do, stage by stage, and what it waits for.

From drafts to a plan in four steps:

1. what IAM would refuse, or must not be touched, is taken out with what depends on it, until nothing more falls
   (`checks` finds it; the rest is planned all the same);
2. the calls of each object get a safe order (`operations`), roles that trust each other or themselves are made with
what
   can be resolved and completed afterwards;
3. all calls get a stage: what is needed is made first and removed last, and among objects that bear on each other no
call
   widens before all that narrow are done;
4. what a person has to decide is marked as held, with all that depends on it.

The fingerprint says what will happen, and nothing of why, when, or how it is told: equal fingerprints, equal deeds.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from reconciler import checks
from reconciler.arrange import Arranged, arrange
from reconciler.diff import Diff, Draft, diff
from reconciler.model.change import ALWAYS_HELD, Action, Approval, Call, Change, Reason, Record
from reconciler.model.diagnostic import Code, Diagnostic, Place
from reconciler.model.form import as_json, digest_at
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.policy import digest_of
from reconciler.model.role import Role
from reconciler.world import World, id_of

FORMAT_VERSION = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How many objects are imported, added, changed, destroyed and forgotten; a replace is one add and one destroy."""

    import_: int = 0
    add: int = 0
    change: int = 0
    destroy: int = 0
    forget: int = 0

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing at all happens."""
        return self == Summary()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will happen to one account, in order, and what stands in the way.

    A plan with blockers may be shown and applied: it holds only what does not depend on them. `records` are what the
    state will remember of objects that do not change in IAM, where it differs from what it remembers now. `unchanged`
    counts the declared objects that are as declared.
    """

    account: str
    fingerprint: str
    changes: tuple[Change, ...] = ()
    blockers: tuple[Diagnostic, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    records: Mapping[str, Record] = field(default_factory=dict)
    calls: Mapping[str, int] = field(default_factory=dict)
    unchanged: int = 0
    partition: str = "aws"
    lineage: str = ""

    @property
    def summary(self) -> Summary:
        """Return the counts that Terraform's own sentence shows; an import with an update counts as both."""
        actions = [change.action for change in self.changes]
        importing = [change for change in self.changes if change.action is Action.IMPORT]
        replaced = actions.count(Action.REPLACE)
        return Summary(
            import_=len(importing),
            add=actions.count(Action.CREATE) + replaced,
            change=actions.count(Action.UPDATE) + sum(1 for change in importing if change.operations),
            destroy=actions.count(Action.DELETE) + replaced,
            forget=actions.count(Action.FORGET),
        )

    @property
    def held(self) -> tuple[Change, ...]:
        """Return the changes that wait, in whole or in part, for an approval."""
        return tuple(change for change in self.changes if change.held)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When a plan deletes too much at once: more than `fraction` of what is owned, once `minimum` objects are."""

    fraction: float = 0.3
    minimum: int = 10


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What this run may do: which approvals it holds, and which guards were lifted by name.

    `released` are approvals given on the command line, for all addresses (None) or one.
    """

    held: frozenset[Approval] = ALWAYS_HELD
    released: frozenset[tuple[Approval, str | None]] = frozenset()
    allow_self: frozenset[str] = frozenset()
    allow_mass_delete: bool = False
    limits: Limits = Limits()
    assumed_roles: frozenset[str] = frozenset()

    def holds(self, kind: Approval, address: str) -> bool:
        """Tell whether a change of this kind to this object waits for a person."""
        return kind in self.held and not {(kind, None), (kind, address)} & self.released


def make_plan(
    world: World,
    *,
    policy: Policy,
    only: frozenset[str] | None = None,
    calls: Mapping[str, int] | None = None,
    recording: bool = True,
) -> Plan:
    """Return the plan for one account; `only` limits it to those addresses.

    A plan that is only looked at needs no `recording`: it has no `records` then, and the same fingerprint.
    """
    found, blockers, warnings = _without_blocked(world, policy, only, recording=recording)
    arranged = arrange(found.drafts, world)
    changes = tuple(
        _change(draft, arranged[draft.address], found.drafts, world) for draft in _in_order(found.drafts, arranged)
    )
    changes = tuple(_held(changes, policy))
    return Plan(
        account=world.snapshot.account,
        partition=world.partition,
        fingerprint=fingerprint_of(world.snapshot.account, changes),
        changes=changes,
        blockers=tuple(blockers),
        warnings=tuple(dict.fromkeys([*found.warnings, *warnings])),
        records=found.records,
        calls=dict(calls if calls is not None else world.snapshot.calls),
        unchanged=found.unchanged,
        lineage=world.state.lineage if world.state.exists else "",
    )


def fingerprint_of(account: str, changes: Iterable[Change]) -> str:
    """Return the SHA-256 over what will happen: account, and per change what is done to what, from which live form."""
    deeds = [
        {
            "address": change.address,
            "action": change.action,
            "approvals": sorted(change.approvals),
            "base": dict(change.base),
            "calls": [[operation.call, operation.params] for operation in change.operations],
        }
        for change in sorted(changes, key=lambda change: change.address)
    ]
    return digest_of({"account": account, "changes": deeds})


def needed_for(targets: Iterable[str], world: World) -> frozenset[str]:
    """Return the targets with what they need that is missing, and the managed roles that are re-trusted with them."""
    drafts = diff(world, recording=False).drafts
    made = {draft.declared.arn: draft.address for draft in drafts.values() if draft.declared and draft.creates}
    wanted: set[str] = set()
    queue = list(targets)
    while queue:
        address = queue.pop()
        if address in wanted:
            continue
        wanted.add(address)
        draft = drafts.get(address)
        queue.extend(made[arn] for arn in _needed_arns(draft) if arn in made)
        queue.extend(_re_trusting(address, draft, drafts, world))
    return frozenset(wanted)


def _needed_arns(draft: Draft | None) -> Iterator[str]:
    if draft is None:
        return
    if draft.move is not None:
        yield from draft.move.principals
    if isinstance(draft.declared, Role):
        yield from draft.declared.managed_policies
        if draft.declared.permissions_boundary:
            yield draft.declared.permissions_boundary


_RE_TRUSTS = {Reason.PRINCIPAL_RECREATED, Reason.PRINCIPAL_INFERRED, Reason.RE_TRUSTED_AFTER_REPLACE}


def _re_trusting(address: str, target: Draft | None, drafts: Mapping[str, Draft], world: World) -> Iterator[str]:
    """Yield the live roles whose trust is to be bound anew to a role: the one there is, or the one that is made."""
    value = target.declared if target is not None and target.declared else world.live.get(address)
    for draft in drafts.values():
        trust = next((found for found in draft.differences if found.path == "trust"), None)
        if (
            value is not None
            and draft.live is not None
            and draft.move is not None
            and value.arn in draft.move.principals
            and trust is not None
            and trust.reason in _RE_TRUSTS
        ):
            yield draft.address


def _without_blocked(
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


def _in_order(drafts: Mapping[str, Draft], arranged: Mapping[str, Arranged]) -> list[Draft]:
    return sorted(drafts.values(), key=lambda draft: (arranged[draft.address].stage, draft.address))


def _change(draft: Draft, arranged: Arranged, drafts: Mapping[str, Draft], world: World) -> Change:
    written = {path for operation in arranged.operations for path in operation.forms}
    whole = draft.removes or (draft.action is Action.IMPORT and not arranged.operations)
    unread = {"tags"} if isinstance(draft.live, ManagedPolicy) and draft.live.tags is None else set()
    base = {
        path: digest_at(draft.base_paths.get(path), world.partition, world.index.resolve)
        for path in sorted(({*draft.base_paths, *written} if whole else written) - unread)
        if draft.live is not None
    }
    return Change(
        address=draft.address,
        account=world.snapshot.account,
        action=draft.action,
        reason=draft.reason,
        message=draft.message,
        approvals=tuple(kind for kind in Approval if kind in draft.approvals),
        broadens=any(difference.broadens for difference in draft.differences),
        base=base,
        before=as_json(draft.live) if draft.live else None,
        after=as_json(draft.declared) if draft.declared else None,
        differences=draft.differences,
        operations=arranged.operations,
        needs=arranged.needs,
        notices=(*arranged.notices, *_left_behind(draft, drafts, world)),
        id=None if draft.action is Action.CREATE else id_of(draft.live),
        record=draft.record,
    )


def _left_behind(draft: Draft, drafts: Mapping[str, Draft], world: World) -> Iterator[str]:
    """Yield who is left trusting a dead ID: roles that this plan neither mends nor removes."""
    if not draft.removes or not isinstance(draft.live, Role):
        return
    for role in world.trusting.get(draft.live.arn, ()):
        other = drafts.get(role.address)
        mends = other is not None and (other.removes or (other.move is not None and other.move.changed))
        if role.arn != draft.live.arn and not mends:
            how = (
                "which is not managed" if role.address not in world.desired.objects else "which this plan leaves alone"
            )
            yield f"{role.address}, {how}, trusts it and will hold a dead ID"


def _held(changes: Iterable[Change], policy: Policy) -> Iterator[Change]:
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


def forms_after(change: Change) -> dict[str, tuple[str | None, ...]]:
    """Return, by path, the digests of all forms that an object passes through on its way to the goal."""
    forms: dict[str, list[str | None]] = {}
    for operation in change.operations:
        for path, digest in operation.forms.items():
            forms.setdefault(path, []).append(digest)
    return {path: tuple(dict.fromkeys(digests)) for path, digests in forms.items()}
