"""Which roles a pattern may mean, without holding every pattern against every role.

Policies name the roles that their holders may assume by ARN, most often whole or up to a wildcard near the end. So the
ARNs are kept in order, and a pattern is held only against those that begin as it does.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable

from reconciler.model.assuming import names_role
from reconciler.model.pattern import sealed, unsealed

_WILD = re.compile("[*?]")
_LAST = "\U0010ffff"


class Named:
    """Roles by ARN, to be found by the patterns of policies; each pattern is looked for once."""

    def __init__(self, roles: Iterable[tuple[str, str]]) -> None:
        """Take the roles as pairs of ARN and address; one address may have several ARNs, before and after."""
        addresses: dict[str, set[str]] = defaultdict(set)
        for arn, address in roles:
            addresses[arn].add(address)
        self._addresses = addresses
        self._arns = sorted(addresses)
        self._found: dict[str, tuple[str, ...]] = {}

    def by(self, pattern: str) -> tuple[str, ...]:
        """Return the addresses of the roles that a pattern may mean; a variable in it may stand for anything."""
        if pattern not in self._found:
            self._found[pattern] = tuple(self._search(pattern))
        return self._found[pattern]

    def _search(self, pattern: str) -> list[str]:
        start = _WILD.split(unsealed(sealed(pattern)), maxsplit=1)[0]
        begin, end = bisect_left(self._arns, start), bisect_left(self._arns, start + _LAST)
        meant = (arn for arn in self._arns[begin:end] if names_role(frozenset({pattern}), arn))
        return sorted({address for arn in meant for address in self._addresses[arn]})
