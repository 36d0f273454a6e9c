"""Two documents, compared by what they let happen: whether one allows anything that the other does not.

`widens(before, after)` errs on one side only: where it cannot prove that `after` stays within `before`, it says that it
widens. The proof is by statement: each thing that `after` allows must be allowed by one statement of `before`, and
each thing that `before` denies must be denied by one statement of `after`. A thing is one principal, one action, one
resource out of a statement's lists, under the statement's conditions; splitting or joining statements is no widening.

A narrower condition is one with fewer values of a matching operator, or more values of a negated one, or one more
condition: all conditions of a block must hold, one value of each suffices (IAM User Guide,
reference_policies_multi-value-conditions). Text with wildcards is compared in `pattern`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from reconciler.model.arn import parse_arn, root_arn
from reconciler.model.pattern import arn_covers, disjoint, has_variable, pattern_covers, sealed
from reconciler.model.policy import (
    NEW_VERSION,
    OLD_VERSION,
    PolicyDocument,
    Resolve,
    canonical_statement,
    listed,
    unresolved,
)

_MOST_THINGS = 20_000
_LIKE = {"StringEquals": "StringLike", "ArnEquals": "ArnLike", "ArnNotEquals": "ArnNotLike"}


@dataclass(frozen=True, slots=True)
class Patterns:
    """The values of `Action` or `Resource`, or of their `Not` forms: all but these."""

    values: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """One key of one operator, taken apart: `ForAllValues:StringLikeIfExists` is quantifier, name, and `if_exists`."""

    quantifier: str
    name: str
    if_exists: bool
    key: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Reach:
    """One statement, or one thing out of it: who may (or may not) do what, on what, when.

    `principals` is None in an identity policy. A `NotPrincipal` makes a statement that only its equal covers: `whole`.
    """

    principals: frozenset[tuple[str, str]] | None
    actions: Patterns
    resources: Patterns
    conditions: frozenset[Condition]
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
    before: PolicyDocument,
    after: PolicyDocument,
    *,
    partition: str,
    resolve: Resolve = unresolved,
    limit: int = 0,
    by_account: bool = False,
) -> PolicyDocument | None:
    """Return a document that widens neither `before` nor `after`: what both allow, less what either denies.

    It may allow less than that, never more. None where nothing would stand in it, where it would have more characters
    than `limit` and than both documents (and so perhaps than IAM takes), and where they cannot be compared. Principals
    are spelled as in `after`; what only `before` denies, or allows more narrowly, comes from there, so the caller takes
    the dead ones out first.

    `by_account`: whom `before` names stays, too, where `after` trusts his account for him. That still widens nothing
    that `before` allows, but he may then do without policies of his own what `after` leaves to those.
    """
    if not _comparable(before) or not _comparable(after) or not _read_variables_alike(before, after):
        return None
    as_after = list(_allowed_by_both(after, before, partition, resolve))
    as_before = list(_allowed_by_both(before, after, partition, resolve, by_account=by_account))
    more = list(_not_in(as_before, as_after, partition, resolve, read_variables=_knows_variables(after)))
    denies = _all_denies(before, after, partition, resolve)
    for allows in ([*as_after, *more], as_after):
        statements = _distinct_sids([*allows, *denies])
        common = PolicyDocument({"Version": _version_of(after), "Statement": statements})
        if statements and common.size <= max(limit, before.size, after.size):
            return common
    return None


def _allowed_by_both(
    document: PolicyDocument, other: PolicyDocument, partition: str, resolve: Resolve, *, by_account: bool = False
) -> Iterator[Mapping[str, Any]]:
    """Yield what a document allows, as far as one statement of the other allows it too."""
    bounds, _ = _reaches(other, partition, resolve)
    read_variables = _knows_variables(document)

    def is_allowed(statement: Mapping[str, Any]) -> bool:
        thing = _reach(canonical_statement(statement, partition, resolve), read_variables)
        return not _exceeds([thing], bounds) or (by_account and not _exceeds([_through_account(thing)], bounds))

    for statement in document.raw_statements:
        if statement.get("Effect") == "Allow":
            yield from _within(statement, is_allowed)


def _through_account(thing: Reach) -> Reach:
    """Return what is allowed to users and roles by name as it would be allowed to them through their accounts.

    Trusting an account leaves it to that account whom it lets in (IAM User Guide,
    reference_policies_elements_principal); `aws:PrincipalArn` says for whom.
    """
    arns = {value: parse_arn(value) for kind, value in thing.principals or () if kind == "AWS"}
    entities = {value: arn for value, arn in arns.items() if arn and arn.kind in {"user", "role"}}
    if not entities or len(entities) < len(thing.principals or ()):
        return thing
    accounts = frozenset(("AWS", root_arn(arn.partition, arn.account)) for arn in entities.values())
    named = Condition("", "ArnEquals", if_exists=False, key="aws:principalarn", values=frozenset(entities))
    return replace(thing, principals=accounts, conditions=thing.conditions | {named})


def _not_in(
    statements: Iterable[Mapping[str, Any]],
    others: Iterable[Mapping[str, Any]],
    partition: str,
    resolve: Resolve,
    *,
    read_variables: bool,
) -> Iterator[Mapping[str, Any]]:
    """Yield what of the statements none of the others says."""

    def reach(statement: Mapping[str, Any]) -> Reach:
        return _reach(canonical_statement(statement, partition, resolve), read_variables)

    said = list(map(reach, others))

    def is_new(statement: Mapping[str, Any]) -> bool:
        atoms = itertools.islice(_atoms([reach(statement)]), _MOST_THINGS)
        return not any(_covers(one, atom) for atom in atoms for one in said)

    for statement in statements:
        yield from _within(statement, is_new)


def loses(before: PolicyDocument, after: PolicyDocument, between: PolicyDocument | None, *, partition: str) -> bool:
    """Tell whether something that `before` and `after` both allow may not be allowed by a `narrowed` one of them."""
    allowed_before, _ = _reaches(before, partition, unresolved)
    allowed_after, _ = _reaches(after, partition, unresolved)
    kept, _ = _reaches(between, partition, unresolved)
    bounds = [bound for bound in allowed_before if _exceeds([bound], kept)]
    return any(
        _may_meet(atom, bound)
        for atom in _atoms(allowed_after)
        if not any(_covers(one, atom) for one in kept)
        for bound in bounds
    )


def _may_meet(one: Reach, other: Reach) -> bool:
    return (
        _may_be_one(one.principals, other.principals)
        and _may_match(one.actions, other.actions)
        and _may_match(one.resources, other.resources)
    )


def _may_be_one(some: frozenset[tuple[str, str]] | None, others: frozenset[tuple[str, str]] | None) -> bool:
    """Tell whether one principal may be meant by both: an account means all in it, a role its sessions."""
    if some is None or others is None:
        return True  # everybody but some
    return any(
        one == other or "*" in (one[1], other[1]) or _may_include(one[1], other[1]) or _may_include(other[1], one[1])
        for one in some
        for other in others
    )


def _may_include(wide: str, narrow: str) -> bool:
    same_account = wide.split(":")[4:5] == narrow.split(":")[4:5] != []
    return same_account and (wide.endswith(":root") or ":assumed-role/" in narrow)


def _may_match(one: Patterns, other: Patterns) -> bool:
    if one.negated or other.negated:
        return True
    return any(not disjoint(this, that) for this in one.values for that in other.values)


def _comparable(document: PolicyDocument | None) -> bool:
    return document is None or document.understood


def _version_of(document: PolicyDocument) -> str:
    return str(document.source.get("Version", OLD_VERSION)) if isinstance(document.source, Mapping) else OLD_VERSION


def _knows_variables(document: PolicyDocument) -> bool:
    """Tell whether `${...}` is a variable: only the newer version has them (reference_policies_variables)."""
    return _version_of(document) == NEW_VERSION


def _read_variables_alike(one: PolicyDocument, other: PolicyDocument) -> bool:
    return _version_of(one) == _version_of(other) or "${" not in one.text + other.text


def _within(
    statement: Mapping[str, Any], is_allowed: Callable[[Mapping[str, Any]], bool]
) -> Iterator[Mapping[str, Any]]:
    """Yield what of a statement is allowed: the whole, else principal by principal, action by action, and so on."""
    if is_allowed(statement):
        yield statement
        return
    for element in ("Principal", "Action", "Resource"):
        parts = _parts(statement.get(element))
        if len(parts) > 1:
            kept = [part for part in parts if is_allowed({**statement, element: part})]
            if kept:
                yield {**statement, element: _joined(kept)}
            for part in parts:
                if part not in kept:
                    yield from _within({**statement, element: part}, is_allowed)
            return


def _parts(value: Any) -> list[Any]:
    """Return the single values of a list, or the single principals of a `Principal`."""
    if isinstance(value, Mapping):
        return [{key: [item]} for key, items in value.items() for item in listed(items)]
    return [] if value is None else listed(value)


def _joined(parts: list[Any]) -> Any:
    if not isinstance(parts[0], Mapping):
        return parts
    joined: dict[str, list[Any]] = {}
    for part in parts:
        for key, items in part.items():
            joined.setdefault(key, []).extend(items)
    return joined


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
    distinct: list[Mapping[str, Any]] = []
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
    for raw in [] if document is None else document.raw_statements:
        read_variables = document is not None and _knows_variables(document)
        reach = _reach(canonical_statement(raw, partition, resolve), read_variables)
        (denied if raw.get("Effect") == "Deny" else allowed).append(reach)
    return allowed, denied


def _reach(statement: Mapping[str, Any], read_variables: bool) -> Reach:  # noqa: FBT001  of two kinds of text
    principal = statement.get("Principal")
    read = sealed if read_variables else str
    meaning = {key: value for key, value in statement.items() if key != "Sid"}
    return Reach(
        principals=None if principal is None else frozenset((key, value) for key, value in principal),
        actions=_patterns(statement, "Action", str),
        resources=_patterns(statement, "Resource", read),
        conditions=frozenset(
            _condition(operator, key, frozenset(map(read, values)))
            for operator, key, values in statement.get("Condition", [])
        ),
        whole=f"{read_variables}{meaning}" if "NotPrincipal" in statement else "",
    )


def _patterns(statement: Mapping[str, Any], element: str, read: Callable[[str], str]) -> Patterns:
    negation = f"Not{element}"
    if negation in statement:
        return Patterns(tuple(map(read, statement[negation])), negated=True)
    return Patterns(tuple(map(read, statement.get(element, ("*",)))))


def _condition(operator: str, key: str, values: frozenset[str]) -> Condition:
    quantifier, _, rest = operator.rpartition(":")
    name = rest.removesuffix("IfExists")
    return Condition(quantifier, name, if_exists=name != rest, key=key, values=values)


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
    if bound.negated and any(map(has_variable, bound.values)):
        return bound == thing  # IAM lets such a statement fall where the request has no value for the variable
    match bound.negated, thing.negated:
        case False, False:
            return all(any(pattern_covers(wide, narrow) for wide in bound.values) for narrow in thing.values)
        case True, False:
            return all(disjoint(spared, narrow) for spared in bound.values for narrow in thing.values)
        case True, True:
            return all(any(pattern_covers(out, spared) for out in thing.values) for spared in bound.values)
        case _:
            return "*" in bound.values


def _implies(given: Condition, wanted: Condition) -> bool:
    """Tell whether a request that meets the `given` condition always meets the `wanted` one."""
    if (given.quantifier, given.key) != (wanted.quantifier, wanted.key):
        return False
    if given.if_exists and not wanted.if_exists:
        return False
    if given.name != wanted.name and _LIKE.get(given.name, given.name) != _LIKE.get(wanted.name, wanted.name):
        return False
    if (given.name, wanted.name) == ("StringLike", "StringEquals"):
        return False
    return _values_imply(wanted.name, given.values, wanted.values)


def _values_imply(name: str, given: frozenset[str], wanted: frozenset[str]) -> bool:
    if "Not" in name:
        return given >= wanted
    if given <= wanted:
        return True
    if name == "StringLike":
        return all(any(pattern_covers(wide, narrow) for wide in wanted) for narrow in given)
    if name in {"ArnLike", "ArnEquals"}:
        return all(any(arn_covers(wide, narrow) for wide in wanted) for narrow in given)
    return name.startswith("Numeric") and _bounds_imply(name, given, wanted)


def _bounds_imply(name: str, given: frozenset[str], wanted: frozenset[str]) -> bool:
    """Compare the bounds of `NumericLessThan` and its kin."""
    try:
        given_bounds, wanted_bounds = [Decimal(value) for value in given], [Decimal(value) for value in wanted]
        if name.startswith("NumericLess"):
            return max(given_bounds) <= max(wanted_bounds)
        return name.startswith("NumericGreater") and min(given_bounds) >= min(wanted_bounds)
    except (InvalidOperation, ValueError):
        return False  # not a number, or no value at all
