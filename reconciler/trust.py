"""One role's trust, declared and live, side by side: who is to be let in, who no longer is, and what it takes to mend it.

IAM shows an ARN only for the entity whose ID is stored, so a declared ARN that is shown needs nothing. A dead ID in the
live document is explained by the index and the ledger (`model/principal.py` has the table), and by inference where the
document is otherwise the declared one. IAM refuses a document with any dead ID in it, so every write drops them all.

Trusting an ARN again under another ID is a decision, however the old ID went: `re_trust` is asked for whenever an Allow
names an entity other than the one this role trusted under that name when last applied, and whenever an Allow is added to
a document that holds a dead ID nobody can explain. Entities that this program made itself are free of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from reconciler.model.arn import parse_arn
from reconciler.model.change import Reason
from reconciler.model.policy import Json, PolicyDocument, PrincipalInPlace, Resolve, canonical_statement
from reconciler.model.principal import (
    Identified,
    PrincipalIndex,
    Standing,
    UniqueId,
    UniqueIdSession,
    parse_principal,
)
from reconciler.model.role import Role
from reconciler.state import Owned


@dataclass(frozen=True)
class DeadId:
    """A unique ID in a live document that lets nobody in: where it stands, what became of it, whose it may have been.

    `candidates` are the declared ARNs that alone can have been meant, where nobody remembers the ID.
    """

    place: PrincipalInPlace
    identified: Identified
    candidates: tuple[str, ...] = ()

    @property
    def standing(self) -> Standing:
        """Return the standing, `inferred` where there is just one candidate."""
        return Standing.INFERRED if len(self.candidates) == 1 else self.identified.standing

    @property
    def arn(self) -> str | None:
        """Return the ARN that the ID had, remembered or inferred."""
        return self.candidates[0] if len(self.candidates) == 1 else self.identified.arn


@dataclass(frozen=True)
class LiveTrust:
    """A live trust document, read with the index: its dead IDs, and what it says without them."""

    document: PolicyDocument
    dead: tuple[DeadId, ...] = ()

    @cached_property
    def living(self) -> PolicyDocument:
        """Return the document less its dead IDs: what it really allows and denies."""
        if not self.dead:
            return self.document
        values = {found.place.value for found in self.dead}
        return self.document.without_principals(lambda place: place.key == "AWS" and place.value in values)

    @property
    def understood(self) -> bool:
        """Tell whether every statement can be read; `NotPrincipal`, which IAM no longer takes, is not."""
        return self.document.understood and not any(
            "NotPrincipal" in statement for statement in self.document.raw_statements
        )


def read_trust(
    document: PolicyDocument, index: PrincipalIndex, *, partition: str, declared: PolicyDocument | None = None
) -> LiveTrust:
    """Return the live document with its dead IDs explained, with the help of the declared one where there is one."""
    document = document.settled
    dead = tuple(
        DeadId(place, identified)
        for place in document.principals()
        if place.element == "Principal" and (identified := _dead(place, index)) is not None
    )
    if declared is not None and any(found.identified.standing is Standing.UNKNOWN for found in dead):
        dead = _with_candidates(document, dead, declared, index=index, partition=partition)
    return LiveTrust(document, dead)


def _dead(place: PrincipalInPlace, index: PrincipalIndex) -> Identified | None:
    if place.key != "AWS" or not place.value.startswith(("AROA", "AIDA")):
        return None
    match parse_principal(place.key, place.value):
        case (UniqueId() | UniqueIdSession()) as unique:
            identified = index.identify(unique)
            return identified if identified.standing.is_dead else None
        case _:
            return None


def _with_candidates(
    document: PolicyDocument,
    dead: tuple[DeadId, ...],
    declared: PolicyDocument,
    *,
    index: PrincipalIndex,
    partition: str,
) -> tuple[DeadId, ...]:
    """Pair unexplained IDs with the declared principals that are missing, if the document is otherwise the declared one.

    With one ID and one missing principal in a statement the pairing is worth saying, as a guess; with more of each, any
    ID may have been any of them.
    """
    unknown: dict[int, set[str]] = {}
    for found in dead:
        if found.identified.standing is Standing.UNKNOWN:
            unknown.setdefault(found.place.statement, set()).add(found.place.value)
    missing = _missing_by_statement(document, unknown, declared, partition=partition, resolve=index.recall)
    return tuple(
        DeadId(found.place, found.identified, missing[found.place.statement])
        if found.identified.standing is Standing.UNKNOWN and found.place.statement in missing
        else found
        for found in dead
    )


def _missing_by_statement(
    document: PolicyDocument,
    unknown: Mapping[int, set[str]],
    declared: PolicyDocument,
    *,
    partition: str,
    resolve: Resolve,
) -> dict[int, tuple[str, ...]]:
    """Return the declared principals that each statement with unexplained IDs lacks; empty if anything else differs."""
    goal = [canonical_statement(raw, partition, resolve) for raw in declared.raw_statements]
    mended, missing = [], {}
    for number, raw in enumerate(document.raw_statements):
        statement = canonical_statement(raw, partition, resolve)
        if number in unknown:
            kept = [pair for pair in statement["Principal"] if pair[1] not in unknown[number]]
            twin = next((wanted for wanted in goal if _fits(statement, kept, wanted)), None)
            if twin is None:
                return {}
            missing[number] = tuple(value for key, value in twin["Principal"] if [key, value] not in kept)
            statement = twin
        mended.append(statement)
    alike = _envelope(document) == _envelope(declared) and _multiset(mended) == _multiset(goal)
    return missing if alike else {}


def _fits(statement: Json, kept: list[list[str]], wanted: Json) -> bool:
    """Tell whether a declared statement is the live one with as many principals more as it has unexplained IDs."""
    lost = len(statement["Principal"]) - len(kept)
    principals = wanted.get("Principal", [])
    return (
        {**statement, "Principal": None} == {**wanted, "Principal": None}
        and all(pair in principals for pair in kept)
        and len(principals) - len(kept) == lost
    )


def _envelope(document: PolicyDocument) -> Json:
    return {key: value for key, value in document.canonical().items() if key != "Statement"}


def _multiset(statements: Iterable[Json]) -> list[str]:
    return sorted(json.dumps(statement, sort_keys=True) for statement in statements)


@dataclass(frozen=True, kw_only=True)
class TrustChange:
    """What mending or changing a role's trust amounts to.

    `reason` is None where nothing but the manifest or somebody outside can be the cause. `re_trusted` are the ARNs that
    an Allow is to trust under another ID than before; `notes` say whose the dead IDs were.
    """

    before: LiveTrust
    after: PolicyDocument
    reason: Reason | None
    notes: tuple[str, ...] = ()
    re_trusted: frozenset[str] = frozenset()


def weigh(  # noqa: PLR0913  every one of these may decide
    declared: Role,
    before: LiveTrust,
    *,
    owned: Owned | None,
    index: PrincipalIndex,
    made: frozenset[str],
    own_ids: frozenset[str],
) -> TrustChange | None:
    """Return what has to happen to a live trust for it to be the declared one, None for nothing.

    `made` are the ARNs of the users and roles that get a new ID in the same plan, `own_ids` the IDs that this program
    created itself.
    """
    renewed = _entities(declared.trust, index) & made
    if not renewed and declared.trust.same_meaning(before.document, declared.partition, index.resolve):
        return None
    reasons = [_reason_of(found, declared.trust, index, made) for found in before.dead]
    if renewed and not any(found.arn in renewed for found in before.dead):
        reasons.append(Reason.RE_TRUSTED_AFTER_REPLACE)
    return TrustChange(
        before=before,
        after=declared.trust,
        reason=max(reasons, key=lambda reason: reason.weight, default=None),
        notes=tuple(dict.fromkeys(explain(found, index) for found in before.dead)),
        re_trusted=_re_trusted(declared, before, owned=owned, index=index, free=made, own_ids=own_ids),
    )


def mended(change: TrustChange, partition: str, index: PrincipalIndex) -> bool:
    """Tell whether nothing would differ any more, were the dead IDs the entities that they once were."""
    return change.after.same_meaning(change.before.document, partition, index.recall)


def _reason_of(found: DeadId, declared: PolicyDocument, index: PrincipalIndex, made: frozenset[str]) -> Reason:
    if found.arn is None or found.arn not in _entities(declared, index):
        return Reason.ORPHAN_REMOVED
    if found.standing is Standing.INFERRED:
        return Reason.PRINCIPAL_INFERRED
    alive = found.identified.current_id is not None or found.arn in made
    return Reason.PRINCIPAL_RECREATED if alive else Reason.PRINCIPAL_DELETED


def _entities(document: PolicyDocument, index: PrincipalIndex, effect: str | None = None) -> frozenset[str]:
    return frozenset(
        str(entity)
        for place in document.principals()
        if effect in (None, place.effect)
        and (entity := index.entity_of(parse_principal(place.key, index.resolve(place.value)))) is not None
    )


def principal_ids(
    document: PolicyDocument, index: PrincipalIndex, made: frozenset[str] = frozenset()
) -> dict[str, str | None]:
    """Return the ARN of each user and role that a document names, with its ID; None for one yet to be made."""
    return {arn: None if arn in made else index.id_by_arn.get(arn) for arn in sorted(_entities(document, index))}


def _re_trusted(  # noqa: PLR0913  every one of these may decide
    declared: Role,
    before: LiveTrust,
    *,
    owned: Owned | None,
    index: PrincipalIndex,
    free: frozenset[str],
    own_ids: frozenset[str],
) -> frozenset[str]:
    trusted_already = _entities(before.living, index, "Allow")
    unexplained = any(found.identified.standing is Standing.UNKNOWN for found in before.dead)
    dead_arns = {found.arn for found in before.dead}
    remembered = owned.principals if owned else {}
    found = set()
    for arn in _entities(declared.trust, index, "Allow") - trusted_already - free:
        current = index.id_by_arn.get(arn)
        last = remembered.get(arn)
        if current in own_ids:
            continue
        if unexplained or arn in dead_arns or (last is not None and last != current):
            found.add(arn)
    return frozenset(found)


def explain(found: DeadId, index: PrincipalIndex) -> str:
    """Return in a sentence whose ID it was, and what became of it."""
    identified = found.identified
    who = f"{identified.id} (session {identified.session})" if identified.session else identified.id
    known = identified.remembered
    seen = f", last seen alive {known.last_alive}" if known and known.last_alive else ""
    match found.standing:
        case Standing.RECREATED:
            return f"{who} was {found.arn}{seen}; that ARN now belongs to another entity, {identified.current_id}"
        case Standing.DELETED:
            gone = "" if known is None or known.deleted is None else f", deleted {known.deleted}"
            return f"{who} was {found.arn}{seen}{gone}; {_whereabouts(found.arn, index)}"
        case Standing.INFERRED:
            return f"{who} was most likely {found.arn}: the document is otherwise the declared one, and only that is missing"
        case _ if found.candidates:
            return f"{who} was most likely one of {', '.join(found.candidates)}: those are declared and missing"
        case _:
            return f"{who} is a dead ID of unknown origin"


def _whereabouts(arn: str | None, index: PrincipalIndex) -> str:
    parsed = parse_arn(arn or "")
    if parsed is not None and not index.reaches(parsed):
        return f"account {parsed.account} is not one that is read, so whether it was made again is not known"
    return "nothing has that ARN now"
