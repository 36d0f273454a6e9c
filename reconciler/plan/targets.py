"""A plan of less than everything: the targets, what they need, and who is to trust them anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from reconciler.diff import Draft, diff
from reconciler.model.change import Reason
from reconciler.model.role import Role
from reconciler.world import World


def needed_for(targets: Iterable[str], world: World) -> frozenset[str]:
    """Return the targets with what they need that is missing, and the managed roles that are re-trusted with them."""
    drafts = diff(world, recording=False).drafts
    made = {draft.declared.arn: draft.address for draft in drafts.values() if draft.declared and draft.creates}
    bound_anew = _bound_anew(drafts.values())
    wanted: set[str] = set()
    queue = list(targets)
    while queue:
        address = queue.pop()
        if address in wanted:
            continue
        wanted.add(address)
        draft = drafts.get(address)
        queue.extend(made[arn] for arn in _needed_arns(draft) if arn in made)
        value = draft.declared if draft is not None and draft.declared else world.live.get(address)
        queue.extend(bound_anew.get(value.arn, ()) if value is not None else ())
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


def _bound_anew(drafts: Iterable[Draft]) -> Mapping[str, list[str]]:
    """Return by ARN of who is trusted the live roles whose trust is to be bound to it anew."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for draft in drafts:
        trust = next((each for each in draft.differences if each.path == "trust"), None)
        if draft.live is not None and draft.move is not None and trust is not None and trust.reason in _RE_TRUSTS:
            for arn in draft.move.principals:
                found[arn].append(draft.address)
    return found
