"""Whose an ID was that nobody remembers: a guess, where the document leaves but one.

If a live document is otherwise the declared one, what is declared and missing must be what the dead IDs were. With one
ID and one missing principal of its kind in a statement the pairing is worth saying, as a guess; with more of each, any
ID may have been any of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from reconciler.model.policy import Json, PolicyDocument, PrincipalInPlace, canonical_statement
from reconciler.model.principal import (
    Principal,
    PrincipalIndex,
    Session,
    UniqueId,
    UniqueIdSession,
    User,
    parse_principal,
)
from reconciler.model.principal import Role as RolePrincipal


def infer(
    document: PolicyDocument,
    unknown: Sequence[PrincipalInPlace],
    declared: PolicyDocument,
    *,
    index: PrincipalIndex,
    partition: str,
) -> dict[PrincipalInPlace, tuple[str, ...]]:
    """Return for each place of an ID that nobody knows the declared ARNs that alone can have been meant.

    Empty where more than those IDs differs from the declared document.
    """
    by_statement: dict[int, set[str]] = {}
    for place in unknown:
        by_statement.setdefault(place.statement, set()).add(place.value)
    missing = _missing_by_statement(document, by_statement, declared, partition=partition, index=index)
    return {
        place: _candidates(place, missing[place.statement], index) for place in unknown if place.statement in missing
    }


def _candidates(place: PrincipalInPlace, missing: Iterable[Principal], index: PrincipalIndex) -> tuple[str, ...]:
    form = _form(parse_principal(place.key, place.value))
    return tuple(sorted({str(index.entity_of(principal)) for principal in missing if _form(principal) == form}))


_KINDS = {"AIDA": "user", "AROA": "role"}


def _form(principal: Principal) -> tuple[str, str] | None:
    """Return whether a user or a role is meant, and which session of it; None for all others.

    An ID tells its kind by its prefix (IAM User Guide, reference_identifiers).
    """
    match principal:
        case User():
            return "user", ""
        case RolePrincipal():
            return "role", ""
        case Session(arn):
            return "role", arn.resource.split("/")[2]
        case UniqueId(id_):
            return _KINDS[id_[:4]], ""
        case UniqueIdSession(id_, session):
            return _KINDS[id_[:4]], session
        case _:
            return None


def _missing_by_statement(
    document: PolicyDocument,
    unknown: Mapping[int, AbstractSet[str]],
    declared: PolicyDocument,
    *,
    partition: str,
    index: PrincipalIndex,
) -> dict[int, list[Principal]]:
    """Return the declared users and roles that each statement with unexplained IDs may lack; empty if more differs."""
    if not (document.understood and declared.understood):
        return {}
    live = [canonical_statement(raw, partition, index.recall) for raw in document.raw_statements]
    goal = [canonical_statement(raw, partition, index.recall) for raw in declared.raw_statements]
    for number, statement in enumerate(live):
        if number in unknown:
            continue
        if statement not in goal:
            return {}
        goal.remove(statement)
    lacks = {number: [_lacking(live[number], values, wanted) for wanted in goal] for number, values in unknown.items()}
    fits = [[twin for twin, found in enumerate(twins) if found] for twins in lacks.values()]
    if _envelope(document) != _envelope(declared) or len(goal) != len(unknown) or not _all_paired(fits):
        return {}
    return {number: [principal for found in twins for principal in found] for number, twins in lacks.items()}


def _lacking(statement: Json, unknown: AbstractSet[str], wanted: Json) -> list[Principal]:
    """Return whom a declared statement names instead of a live one's unexplained IDs; empty if they do not fit."""
    principals = wanted.get("Principal", [])
    kept = [pair for pair in statement["Principal"] if pair[1] not in unknown]
    dead = [parse_principal(key, value) for key, value in statement["Principal"] if value in unknown]
    lost = [parse_principal(key, value) for key, value in principals if [key, value] not in kept]
    fits = (
        {**statement, "Principal": None} == {**wanted, "Principal": None}
        and all(pair in principals for pair in kept)
        and Counter(map(_form, lost)) == Counter(map(_form, dead))
    )
    return lost if fits else []


def _all_paired(fits: Sequence[Sequence[int]]) -> bool:
    """Tell whether each statement can have a twin of its own among those that it fits."""
    taken: dict[int, int] = {}

    def pair(statement: int, tried: set[int]) -> bool:
        for twin in fits[statement]:
            if twin not in tried:
                tried.add(twin)
                if twin not in taken or pair(taken[twin], tried):
                    taken[twin] = statement
                    return True
        return False

    return all(pair(statement, set()) for statement in range(len(fits)))


def _envelope(document: PolicyDocument) -> Json:
    return {key: value for key, value in document.canonical().items() if key != "Statement"}
