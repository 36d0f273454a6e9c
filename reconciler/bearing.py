"""Which changes of one plan bear on each other, so that their order matters.

Two objects bear on each other when both change and one is the other's policy or boundary, or trusts it, or when one
moves the right to assume roles and the other is a role that can be assumed: what the first may do then grows with what
the second may do. Objects that bear on each other, directly or through others, are one component.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from reconciler.chains import Chains
from reconciler.diff import Draft
from reconciler.model.change import Call
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.role import Role
from reconciler.named import Named
from reconciler.operations import Effect, Step
from reconciler.world import World


@dataclass(frozen=True, kw_only=True)
class Bearing:
    """The drafts of one plan, and who bears on whom among them."""

    drafts: Mapping[str, Draft]
    world: World

    @cached_property
    def component(self) -> Mapping[str, int]:
        """Return a number per address, the same for objects that bear on each other."""
        groups = _Groups(self.drafts)
        for draft in self.drafts.values():
            for arn in _bearing(draft):
                if (other := self._by_arn.get(arn)) is not None:
                    groups.join(draft.address, other)
        for address, target in itertools.chain(self._links(), self._chained()):
            groups.join(address, target)
        return groups.numbers()

    @cached_property
    def _by_arn(self) -> Mapping[str, str]:
        return {
            value.arn: draft.address
            for draft in self.drafts.values()
            for value in (draft.live, draft.declared)
            if value is not None
        }

    @cached_property
    def _size(self) -> Mapping[int, int]:
        """Return how many objects move in each component; a policy just made allows nothing by itself."""
        return Counter(
            self.component[address]
            for address, draft in self.drafts.items()
            if _moves(draft) and (draft.live is not None or isinstance(draft.declared, Role))
        )

    def alone(self, address: str) -> bool:
        """Tell whether no other object that moves bears on this one."""
        return self._size[self.component[address]] <= 1

    @cached_property
    def _named(self) -> Named:
        """Return the roles that change and let in anybody who has policies of his own, by ARN."""
        roles = (draft for draft in self.drafts.values() if _moves(draft) and _can_be_assumed(draft))
        return Named((arn, role.address) for role in roles for arn in _arns(role))

    def _links(self) -> Iterator[tuple[str, str]]:
        """Yield who moves the right to assume whom, as pairs of addresses and of patterns that stand for several."""
        used: set[str] = set()
        for draft in self.drafts.values():
            targets = {step.targets for step in draft.steps if step.assumes is not Effect.NEUTRAL}
            patterns = frozenset().union(*targets)
            yield from ((draft.address, pattern) for pattern in patterns if self._named.by(pattern))
            used |= patterns
        for pattern in used:
            yield from ((pattern, address) for address in self._named.by(pattern))

    def _chained(self) -> Iterator[tuple[str, str]]:
        """Yield which changes are met one after the other along a chain of roles."""
        moving = {draft.address: {draft.address} for draft in self.drafts.values() if _moves(draft) and _is_role(draft)}
        for draft in self.drafts.values():
            if draft.steps and isinstance(draft.live, ManagedPolicy):
                for holder in draft.live.attached_to | draft.live.boundary_of:
                    moving.setdefault(holder, set()).add(draft.address)
        return Chains(world=self.world, drafts=self.drafts).links(moving) if len(moving) > 1 else iter(())

    def leads_on(self, address: str, step: Step) -> bool:
        """Tell whether a step moves the right to assume another role that changes too."""
        patterns = step.targets if step.assumes is not Effect.NEUTRAL else ()
        return any(other != address for pattern in patterns for other in self._named.by(pattern)[:2])

    def policies_of(self, draft: Draft) -> list[Draft]:
        """Return the managed policies that change in place and are, or come to be, a role's own or its boundary."""
        arns = {arn for role in (draft.live, draft.declared) if isinstance(role, Role) for arn in _policies(role)}
        found = (self.drafts[self._by_arn[arn]] for arn in sorted(arns) if arn in self._by_arn)
        return [policy for policy in found if policy.steps]

    def policy(self, arn: str) -> Draft | None:
        """Return the managed policy of this plan that has the ARN, or had it, or will have it."""
        draft = self.drafts.get(self._by_arn.get(arn, ""))
        return draft if draft and isinstance(draft.declared or draft.live, ManagedPolicy) else None

    def moving_policy(self, arn: str) -> tuple[Step, ...]:
        """Return the steps of a managed policy that changes in place, none for all others."""
        address = self._by_arn.get(arn)
        return () if address is None else self.drafts[address].steps

    @cached_property
    def attached(self) -> frozenset[str]:
        """Return the ARNs of the policies that the plan attaches somewhere."""
        return self._policies_in(Call.ATTACH_ROLE_POLICY)

    def _policies_in(self, call: Call) -> frozenset[str]:
        return frozenset(
            step.operation.params["PolicyArn"]
            for draft in self.drafts.values()
            for step in draft.steps
            if step.operation.call is call
        )


class _Groups:
    """Addresses in groups that grow together; whatever else is joined to them holds them together."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._addresses = sorted(addresses)
        self._parent: dict[str, str] = {}

    def _root(self, one: str) -> str:
        parent = self._parent
        while (above := parent.setdefault(one, one)) != one:
            parent[one] = one = parent[above]
        return one

    def join(self, one: str, other: str) -> None:
        self._parent[self._root(one)] = self._root(other)

    def numbers(self) -> dict[str, int]:
        found: dict[str, int] = {}
        return {address: found.setdefault(self._root(address), len(found)) for address in self._addresses}


def _bearing(draft: Draft) -> Iterator[str]:
    """Yield the ARNs of what bears on an object, before or after: its policies, its boundary, whom it trusts."""
    for role in (draft.live, draft.declared):
        if isinstance(role, Role):
            yield from _policies(role)
            yield from (place.value for place in role.trust.principals())
    if draft.move is not None:
        yield from draft.move.principals


def _policies(role: Role) -> Iterator[str]:
    yield from role.managed_policies
    if role.permissions_boundary:
        yield role.permissions_boundary


def _moves(draft: Draft) -> bool:
    """Tell whether anything is going to be called on an object that bears on what is allowed."""
    return draft.creates or draft.removes or bool(draft.steps) or (draft.move is not None and draft.move.changed)


def _is_role(draft: Draft) -> bool:
    return isinstance(draft.declared or draft.live, Role)


def _can_be_assumed(draft: Draft) -> bool:
    """Tell whether it is a role that lets in anybody who has policies of his own."""
    return any(
        place.effect == "Allow" and place.key in {"AWS", ""}
        for role in (draft.live, draft.declared)
        if isinstance(role, Role)
        for place in role.trust.principals()
    )


def _arns(draft: Draft) -> Iterator[str]:
    for value in (draft.live, draft.declared):
        if value is not None:
            yield value.arn


def changes_in_place(draft: Draft) -> bool:
    """Tell whether it is a managed policy that stays and says something else afterwards."""
    return isinstance(draft.live, ManagedPolicy) and isinstance(draft.declared, ManagedPolicy) and not draft.removes
