"""A plan of less than everything: the targets, what they need, and who is to trust them anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from reconciler.diff import Draft, diff
from reconciler.model.change import Reason
from reconciler.model.role import Role
from reconciler.world import World


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
