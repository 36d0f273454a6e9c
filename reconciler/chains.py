"""From role to role: which role the holder of another can come to assume next, before or after a plan.

A chain leads through roles that do not change at all. Where a plan opens its beginning and narrows its end, the two
bear on each other, however far apart they are: whoever may newly assume the first must not meet the last as it was.

Chains are many where roles are: a thousand roles that let in the whole account make a million pairs. So nobody walks
from each role to each other. One walk from all changing roles together finds what they can reach, another one back from
the changing roles among that finds the links that lie on some chain; those who let in everybody, or whom one pattern
names, share one place on the way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from reconciler.diff import Draft
from reconciler.effects import EVERY_ROLE, documents_of
from reconciler.model.assuming import assumable
from reconciler.model.principal import Account, Everyone, parse_principal
from reconciler.model.role import Role
from reconciler.named import Named
from reconciler.world import World

_ANYBODY, _ACCOUNT, _ROLE, _PATTERN = "anybody: ", "account: ", "role: ", "pattern: "


@dataclass(frozen=True, kw_only=True)
class Chains:
    """All roles of an account, as they are and as they come to be, and whom each of them lets in.

    Places on a chain are roles that can be come to (`role: ADDRESS`), and what many roles share: to be let in because
    everybody is, or to be allowed to assume whatever a pattern names.
    """

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
        """Return the roles that let in each user and role by ARN, all of the account, or all."""
        found: dict[str, set[str]] = defaultdict(set)
        index = self.world.index
        for address, roles in self._roles.items():
            for place in (place for role in roles for place in role.trust.principals() if place.effect != "Deny"):
                principal = parse_principal(place.key, index.resolve(place.value))
                match principal:
                    case Everyone():
                        found[_ANYBODY].add(address)
                    case Account(account) if account == self.world.snapshot.account:
                        found[_ACCOUNT].add(address)
                    case _:
                        found[str(index.entity_of(principal))].add(address)
        return found

    @cached_property
    def _of_the_account(self) -> Named:
        """Return the roles that let in all of the account, by ARN: whom of it, its own policies say."""
        inside = self._letting_in[_ACCOUNT]
        return Named((role.arn, address) for address in inside for role in self._roles[address])

    @cached_property
    def _named_by_policies(self) -> dict[str, frozenset[str]]:
        return {}

    def _named_by(self, arn: str) -> frozenset[str]:
        """Return the patterns of the roles that a managed policy lets its holder assume."""
        if arn not in self._named_by_policies:
            documents = documents_of(arn, self.world)
            patterns = EVERY_ROLE if not documents else frozenset().union(*map(assumable, documents))
            self._named_by_policies[arn] = patterns
        return self._named_by_policies[arn]

    def _may_assume(self, address: str) -> frozenset[str]:
        """Return the patterns of the roles that a role's own policies may let it assume."""
        patterns: set[str] = set()
        for role in self._roles[address]:
            patterns.update(*map(assumable, role.inline_policies.values()), *map(self._named_by, role.managed_policies))
        return frozenset(patterns)

    def _next(self, place: str) -> Iterator[str]:
        """Yield the places that come after one: the roles that it leads to, and what they are reached by."""
        if place == _ANYBODY:
            yield from (_ROLE + other for other in self._letting_in[_ANYBODY])
        elif place.startswith(_PATTERN):
            yield from (_ROLE + other for other in self._of_the_account.by(place.removeprefix(_PATTERN)))
        else:
            yield from self._from_role(place.removeprefix(_ROLE))

    def _from_role(self, address: str) -> Iterator[str]:
        yield _ANYBODY
        for role in self._roles[address]:
            yield from (_ROLE + other for other in self._letting_in.get(role.arn, ()))
        if self._letting_in[_ACCOUNT]:
            yield from (_PATTERN + pattern for pattern in self._may_assume(address))

    def links(self, moving: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
        """Yield which changes and places belong together, as those met one after the other along a chain of roles.

        `moving` are, for each role whose access changes, the objects of the plan that change it.
        """
        before: dict[str, set[str]] = defaultdict(set)
        starts = sorted(moving.keys() & self.drafts.keys())
        for place, following in self._reached(starts, moving):
            before[following].add(place)
        met = [place for place in before if place.removeprefix(_ROLE) in moving]
        for place in met:
            yield from ((place, change) for change in sorted(moving[place.removeprefix(_ROLE)]))
        yield from _leading_to(met, before)

    def _reached(self, starts: Iterable[str], moving: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
        """Yield every step from one place to the next, from the starts up to the first roles that change."""
        queue = list(starts)
        seen = set(queue)
        while queue:
            place = queue.pop()
            for following in self._next(place):
                yield place, following
                if following not in seen and following.removeprefix(_ROLE) not in moving:
                    queue.append(following)
                seen.add(following)


def _leading_to(ends: Iterable[str], before: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    """Yield the steps that lead to one of the ends, however many come after them."""
    queue = list(ends)
    seen = set(queue)
    while queue:
        place = queue.pop()
        for earlier in before.get(place, ()):
            yield earlier, place
            if earlier not in seen:
                seen.add(earlier)
                queue.append(earlier)
