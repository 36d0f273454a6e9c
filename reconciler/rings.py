"""Who can be come back to: the rings of a graph, found in one walk (R. Tarjan, 1972).

Roles that trust each other, directly or in a circle, cannot all be made with their whole trust.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet


def rings(edges: Mapping[str, AbstractSet[str]]) -> dict[str, int]:
    """Return a number per node, the same for nodes that lead to each other; every target is a node of its own.

    The time is that of looking at every edge once, and no chain is too long: nothing here calls itself.
    """
    found: dict[str, int] = {}
    for node in edges:
        if node not in found:
            _walk(node, edges, found)
    return found


def _walk(start: str, edges: Mapping[str, AbstractSet[str]], found: dict[str, int]) -> None:
    """Number all that can be come to from a node: a ring is whole once nothing leads from it to an earlier node."""
    earliest: dict[str, int] = {start: 0}
    order = {start: 0}
    open_: list[str] = [start]
    path: list[tuple[str, Iterator[str]]] = [(start, iter(edges[start]))]
    while path:
        node, following = path[-1]
        for other in following:
            if other not in order and other not in found:
                order[other] = earliest[other] = len(order)
                open_.append(other)
                path.append((other, iter(edges[other])))
                break
            if other not in found:
                earliest[node] = min(earliest[node], order[other])
        else:
            path.pop()
            if path:
                above = path[-1][0]
                earliest[above] = min(earliest[above], earliest[node])
            if earliest[node] == order[node]:
                _close(node, open_, found)


def _close(first: str, open_: list[str], found: dict[str, int]) -> None:
    """Number a ring: all that is open from its first node on."""
    number = len(found)
    while first not in found:
        found[open_.pop()] = number
