"""From a world to a plan: what is possible, in order, with what it waits for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.arrange import Arranged, arrange
from reconciler.diff import Draft
from reconciler.model.change import Action, Approval, Change
from reconciler.model.form import as_json, digest_at
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.role import Role
from reconciler.plan.holding import held
from reconciler.plan.objections import without_blocked
from reconciler.plan.values import Plan, Policy, fingerprint_of
from reconciler.world import World, id_of


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
    found, blockers, warnings = without_blocked(world, policy, only, recording=recording)
    arranged = arrange(found.drafts, world)
    changes = tuple(
        _change(draft, arranged[draft.address], found.drafts, world) for draft in _in_order(found.drafts, arranged)
    )
    changes = held(changes, policy)
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
