"""What a document lets happen, compared: does one allow anything that another does not?

`widens(before, after)` errs on one side only: where it cannot prove that `after` stays within `before`, it says that it
widens. The proof is by statement: each thing that `after` allows must be allowed by one statement of `before`, and
each thing that `before` denies must be denied by one statement of `after`. A thing is one principal, one action, one
resource out of a statement's lists, under the statement's conditions; splitting or joining statements is no widening.

A narrower condition is one with fewer values of a matching operator, or more values of a negated one, or one more
condition: all conditions of a block must hold, one value of each suffices (IAM User Guide,
reference_policies_multi-value-conditions).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from reconciler.model.policy import PolicyDocument, Resolve, canonical_statement, listed, unresolved

_MOST_THINGS = 20_000


@dataclass(frozen=True, slots=True)
class Patterns:
    """The values of `Action` or `Resource`, or of their `Not` forms: all but these."""

    values: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Reach:
    """One statement, or one thing out of it: who may (or may not) do what, on what, when.

    `principals` is None in an identity policy. A `NotPrincipal` makes a statement that only its equal covers.
    """

    principals: frozenset[tuple[str, str]] | None
    actions: Patterns
    resources: Patterns
    conditions: frozenset[tuple[str, str, frozenset[str]]]
    whole: str = ""


def widens(
    before: PolicyDocument | None,
    after: PolicyDocument | None,
    *,
    partition: str = "aws",
    resolve: Resolve = unresolved,
) -> bool:
    """Tell whether `after` may allow something that `before` does not; None is a document that is not there."""
    if before is not None and after is not None and before.same_meaning(after, partition, resolve):
        return False
    if not _comparable(before) or not _comparable(after):
        return True
    allowed_before, denied_before = _reaches(before, partition, resolve)
    allowed_after, denied_after = _reaches(after, partition, resolve)
    return _exceeds(allowed_after, allowed_before) or _exceeds(denied_before, denied_after)


def has_effect(document: PolicyDocument | None, effect: str) -> bool:
    """Tell whether any statement has the effect, `Allow` or `Deny`; a document that is not understood may."""
    if document is None:
        return False
    if not document.understood:
        return True
    return any(statement.get("Effect") == effect for statement in document.raw_statements)


def narrowed(
    before: PolicyDocument, after: PolicyDocument, *, partition: str, resolve: Resolve = unresolved
) -> PolicyDocument | None:
    """Return a document that neither widens `before` nor `after`: what both allow, less what either denies.

    None where nothing is allowed by both. Principals of the result are spelled as in `after`; those that only `before`
    denies come from there, so the caller takes the dead ones out first.
    """
    if not _comparable(before) or not _comparable(after):
        return None
    allowed_before, _ = _reaches(before, partition, resolve)
    allows = [
        kept
        for statement in after.raw_statements
        if statement.get("Effect") == "Allow"
        for kept in _within(statement, allowed_before, partition, resolve)
    ]
    if not allows:
        return None
    denies = _all_denies(before, after, partition, resolve)
    return PolicyDocument({"Version": _newer_version(before, after), "Statement": _distinct_sids([*allows, *denies])})


def _comparable(document: PolicyDocument | None) -> bool:
    return document is None or document.understood


def _newer_version(before: PolicyDocument, after: PolicyDocument) -> str:
    versions = [str(document.source["Version"]) for document in (after, before) if "Version" in document.source]
    return versions[0] if versions else "2008-10-17"


def _within(
    statement: Mapping[str, Any], allowed: list[Reach], partition: str, resolve: Resolve
) -> Iterator[Mapping[str, Any]]:
    """Yield the statement restricted to those of its principals that `allowed` covers already."""
    principal = statement.get("Principal")
    if not isinstance(principal, Mapping):
        if not _exceeds([_reach(canonical_statement(statement, partition, resolve))], allowed):
            yield statement
        return
    kept: dict[str, list[Any]] = {}
    for key, values in principal.items():
        for value in listed(values):
            alone = {**statement, "Principal": {key: [value]}}
            if not _exceeds([_reach(canonical_statement(alone, partition, resolve))], allowed):
                kept.setdefault(key, []).append(value)
    if kept:
        yield {**statement, "Principal": kept}


def _all_denies(
    before: PolicyDocument, after: PolicyDocument, partition: str, resolve: Resolve
) -> list[Mapping[str, Any]]:
    denies: dict[str, Mapping[str, Any]] = {}
    for document in (after, before):
        for statement in document.raw_statements:
            if statement.get("Effect") == "Deny":
                denies.setdefault(str(canonical_statement(statement, partition, resolve)), statement)
    return list(denies.values())


def _distinct_sids(statements: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the statements with a `Sid` that stood before left out: IAM wants each only once."""
    seen: set[str] = set()
    distinct = []
    for statement in statements:
        sid = statement.get("Sid")
        kept = {key: value for key, value in statement.items() if key != "Sid" or (sid and sid not in seen)}
        seen.add(str(sid))
        distinct.append(kept)
    return distinct


def _reaches(document: PolicyDocument | None, partition: str, resolve: Resolve) -> tuple[list[Reach], list[Reach]]:
    """Return what a document allows and what it denies."""
    allowed: list[Reach] = []
    denied: list[Reach] = []
    version = None if document is None or isinstance(document.source, str) else document.source.get("Version")
    for raw in [] if document is None else document.raw_statements:
        reach = _reach(canonical_statement(raw, partition, resolve), version=version)
        (denied if raw.get("Effect") == "Deny" else allowed).append(reach)
    return allowed, denied


def _reach(statement: Mapping[str, Any], *, version: object = None) -> Reach:
    principal = statement.get("Principal")
    opaque = "NotPrincipal" in statement
    return Reach(
        principals=None if principal is None else frozenset((key, value) for key, value in principal),
        actions=_patterns(statement, "Action"),
        resources=_patterns(statement, "Resource"),
        conditions=frozenset(
            (operator, key, frozenset(values)) for operator, key, values in statement.get("Condition", [])
        ),
        whole=f"{version}{statement}" if opaque else "",
    )


def _patterns(statement: Mapping[str, Any], element: str) -> Patterns:
    negation = f"Not{element}"
    if negation in statement:
        return Patterns(tuple(statement[negation]), negated=True)
    return Patterns(tuple(statement.get(element, ("*",))))


def _exceeds(things: list[Reach], bounds: list[Reach]) -> bool:
    """Tell whether one of the things is not covered by a single one of the bounds."""
    remaining = [thing for thing in things if not any(_covers(bound, thing) for bound in bounds)]
    atoms = list(itertools.islice(_atoms(remaining), _MOST_THINGS + 1))
    return len(atoms) > _MOST_THINGS or any(not any(_covers(bound, atom) for bound in bounds) for atom in atoms)


def _atoms(things: Iterable[Reach]) -> Iterator[Reach]:
    """Yield each single principal, action, resource out of the lists."""
    for thing in things:
        principals = [None] if thing.principals is None else [frozenset({pair}) for pair in sorted(thing.principals)]
        for principal, action, resource in itertools.product(
            principals, _singles(thing.actions), _singles(thing.resources)
        ):
            yield Reach(principal, action, resource, thing.conditions, thing.whole)


def _singles(patterns: Patterns) -> list[Patterns]:
    return [patterns] if patterns.negated else [Patterns((value,)) for value in patterns.values]


def _covers(bound: Reach, thing: Reach) -> bool:
    if bound.whole or thing.whole:
        return bound == thing
    return (
        _covers_principals(bound.principals, thing.principals)
        and _covers_patterns(bound.actions, thing.actions)
        and _covers_patterns(bound.resources, thing.resources)
        and all(any(_implies(given, wanted) for given in thing.conditions) for wanted in bound.conditions)
    )


def _covers_principals(bound: frozenset[tuple[str, str]] | None, thing: frozenset[tuple[str, str]] | None) -> bool:
    if bound is None or thing is None:
        return bound == thing
    everyone = ("", "*") in bound
    all_of_aws = ("AWS", "*") in bound
    return all(everyone or pair in bound or (all_of_aws and pair[0] == "AWS") for pair in thing)


def _covers_patterns(bound: Patterns, thing: Patterns) -> bool:
    match bound.negated, thing.negated:
        case False, False:
            return all(any(pattern_covers(wide, narrow) for wide in bound.values) for narrow in thing.values)
        case True, False:
            return all(disjoint(spared, narrow) for spared in bound.values for narrow in thing.values)
        case True, True:
            return all(any(pattern_covers(out, spared) for out in thing.values) for spared in bound.values)
        case _:
            return "*" in bound.values


def _implies(given: tuple[str, str, frozenset[str]], wanted: tuple[str, str, frozenset[str]]) -> bool:
    """Tell whether a request that meets the `given` condition always meets the `wanted` one."""
    operator, key, values = given
    if (operator, key) != wanted[:2]:
        return False
    if values == wanted[2]:
        return True
    name = operator.rpartition(":")[2].removesuffix("IfExists")
    if "Not" in name:
        return values >= wanted[2]
    if name in {"StringLike", "ArnLike", "ArnEquals"}:
        return all(any(pattern_covers(wide, narrow) for wide in wanted[2]) for narrow in values)
    if name.startswith("Numeric") and (compared := _numeric_implies(name, values, wanted[2])) is not None:
        return compared
    return values <= wanted[2]


def _numeric_implies(name: str, given: frozenset[str], wanted: frozenset[str]) -> bool | None:
    """Compare the bounds of `NumericLessThan` and its kin; None for other operators and for what is no number."""
    try:
        given_bounds, wanted_bounds = [float(value) for value in given], [float(value) for value in wanted]
    except ValueError:
        return None
    if name.startswith("NumericLess"):
        return max(given_bounds, default=0) <= max(wanted_bounds, default=0)
    if name.startswith("NumericGreater"):
        return min(given_bounds, default=0) >= min(wanted_bounds, default=0)
    return None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = (
        ".*" if character == "*" else "[^*]" if character == "?" else re.escape(character) for character in pattern
    )
    return re.compile("".join(parts), re.DOTALL)


def pattern_covers(wide: str, narrow: str) -> bool:
    """Tell whether everything that one pattern of `*` and `?` matches is matched by a wider one."""
    return wide in ("*", narrow) or _compiled(wide).fullmatch(narrow) is not None


def disjoint(one: str, other: str) -> bool:
    """Tell whether no text matches both patterns, as far as their fixed beginnings and ends show."""
    if not _has_wildcard(one):
        return not pattern_covers(other, one) and one != other
    if not _has_wildcard(other):
        return not pattern_covers(one, other)
    return _clash(_fixed_start(one), _fixed_start(other)) or _clash(_fixed_start(one[::-1]), _fixed_start(other[::-1]))


def _has_wildcard(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern


def _fixed_start(pattern: str) -> str:
    return re.split(r"[*?]", pattern, maxsplit=1)[0]


def _clash(one: str, other: str) -> bool:
    shared = min(len(one), len(other))
    return one[:shared] != other[:shared]
