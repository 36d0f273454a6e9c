"""From role to role: which role the holder of another can come to assume next, before or after a plan.

A chain leads through roles that do not change at all. Where a plan opens its beginning and narrows its end, the two
bear on each other, however far apart they are: whoever may newly assume the first must not meet the last as it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from reconciler.diff import Draft
from reconciler.effects import EVERY_ROLE, documents_of
from reconciler.model.assuming import assumable, names_role
from reconciler.model.principal import Account, Everyone, parse_principal
from reconciler.model.role import Role
from reconciler.world import World


@dataclass(frozen=True, kw_only=True)
class Chains:
    """All roles of an account, as they are and as they come to be, and whom each of them lets in."""

    world: World
    drafts: Mapping[str, Draft]

    @cached_property
    def _roles(self) -> Mapping[str, list[Role]]:
        found: dict[str, list[Role]] = defaultdict(list)
        for role in self.world.snapshot.roles.values():
            found[role.address].append(role)
        for address, draft in self.drafts.items():
            if isinstance(draft.declared, Role):
                found[address].append(draft.declared)
        return found

    @cached_property
    def _letting_in(self) -> Mapping[str, set[str]]:
        """Return the roles that let in each user and role by ARN, all of the account (``account``), or all (``*``)."""
        found: dict[str, set[str]] = defaultdict(set)
        index = self.world.index
        for address, roles in self._roles.items():
            for place in (place for role in roles for place in role.trust.principals() if place.effect != "Deny"):
                principal = parse_principal(place.key, index.resolve(place.value))
                match principal:
                    case Everyone():
                        found["*"].add(address)
                    case Account(account) if account == self.world.snapshot.account:
                        found["account"].add(address)
                    case _:
                        found[str(index.entity_of(principal))].add(address)
        return found

    def _may_assume(self, address: str) -> frozenset[str]:
        """Return the patterns of the roles that a role's own policies may let it assume."""
        patterns: set[str] = set()
        for role in self._roles[address]:
            for document in role.inline_policies.values():
                patterns |= assumable(document)
            for arn in role.managed_policies:
                documents = documents_of(arn, self.world)
                patterns |= EVERY_ROLE if not documents else frozenset().union(*map(assumable, documents))
        return frozenset(patterns)

    def _next(self, address: str) -> set[str]:
        """Return the roles that a role can come to assume."""
        found = set(self._letting_in["*"])
        for role in self._roles[address]:
            found |= self._letting_in[role.arn]
        if self._letting_in["account"]:
            patterns = self._may_assume(address)
            found |= {
                other
                for other in self._letting_in["account"]
                if any(names_role(patterns, role.arn) for role in self._roles[other])
            }
        return found - {address}

    def links(self, moving: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
        """Yield which changes can be met one after the other along a chain of roles, as pairs of addresses.

        `moving` are, for each role whose access changes, the objects of the plan that change it.
        """
        for address in sorted(moving.keys() & self.drafts.keys()):
            seen, queue = {address}, [address]
            while queue:
                for other in self._next(queue.pop()) - seen:
                    seen.add(other)
                    if other in moving:
                        yield from ((address, change) for change in sorted(moving[other]))
                    else:
                        queue.append(other)
