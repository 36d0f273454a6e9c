"""One role's trust, declared and live, side by side: who is let in, who no longer is, and what it takes to mend it.

IAM shows an ARN only for the entity whose ID is stored, so a declared ARN that is shown needs nothing. A dead ID in the
live document is explained by the index and the ledger (`model/principal.py` has the table), and by inference where the
document is otherwise the declared one. IAM refuses a document with any dead ID in it, so every write drops them all.

Trusting an ARN again under another ID is a decision, however the old ID went: `re_trust` is asked for whenever an
Allow names an entity other than the one this role trusted under that name when last applied, and whenever an Allow is
added to a document that holds a dead ID nobody can explain. Entities that this program made itself are free of it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from reconciler.inference import infer
from reconciler.model.arn import parse_arn, without_path
from reconciler.model.change import Reason
from reconciler.model.policy import Json, PolicyDocument, PrincipalInPlace, Resolve, listed
from reconciler.model.principal import (
    Identified,
    PrincipalIndex,
    Remembered,
    Standing,
    UniqueId,
    UniqueIdSession,
    parse_principal,
    read_id,
)
from reconciler.model.role import Role
from reconciler.state import Owned

Successors: TypeAlias = Mapping[str, str | None]
"""The ARNs of what gets a new ID in a plan, each with the ARN of what it takes the place of, None where nothing was."""


YET_TO_BE_GIVEN = "an ID yet to be given"
"""Stands in an index for the ID of a role that another account's plan makes first."""


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
    dead = {
        place: identified
        for place in document.principals()
        if place.element == "Principal" and (identified := _dead(place, index)) is not None
    }
    unknown = [place for place, identified in dead.items() if identified.standing is Standing.UNKNOWN]
    likely: Mapping[PrincipalInPlace, tuple[str, ...]] = {}
    if declared is not None and unknown:
        likely = infer(document, unknown, declared, index=index, partition=partition)
    return LiveTrust(
        document, tuple(DeadId(place, identified, likely.get(place, ())) for place, identified in dead.items())
    )


def _dead(place: PrincipalInPlace, index: PrincipalIndex) -> Identified | None:
    if place.key != "AWS" or not place.value.startswith(("AROA", "AIDA")):
        return None
    match parse_principal(place.key, place.value):
        case (UniqueId() | UniqueIdSession()) as unique:
            identified = index.identify(unique)
            return identified if identified.standing.is_dead else None
        case _:
            return None


@dataclass(frozen=True, kw_only=True)
class TrustChange:
    """What mending or changing a role's trust amounts to.

    `reason` is None where nothing but the manifest or somebody outside can be the cause. `by_nobody`: nothing would
    differ, were the dead IDs the entities that they once were. `strangers` are the ARNs that an Allow is to trust of
    whom this program did not make, `re_trusted` those of them that were trusted under another ID before; `renamed` maps
    the declared ARN of whom IAM followed through a rename to the ARN he has now. `notes` say whose the dead IDs were.
    """

    before: LiveTrust
    after: PolicyDocument
    reason: Reason | None
    by_nobody: bool = False
    notes: tuple[str, ...] = ()
    strangers: frozenset[str] = frozenset()
    re_trusted: frozenset[str] = frozenset()
    renamed: Mapping[str, str] = field(default_factory=dict)

    def without_re_trusted(self, index: PrincipalIndex) -> PolicyDocument:
        """Return the goal less what its Allows give to those that are trusted anew."""

        def is_new(place: PrincipalInPlace) -> bool:
            entity = index.entity_of(parse_principal(place.key, place.value))
            return place.effect == "Allow" and str(entity) in self.re_trusted

        return self.after.without_principals(is_new)


def weigh(
    declared: Role,
    before: LiveTrust,
    *,
    owned: Owned | None,
    index: PrincipalIndex,
    made: Successors,
    own_ids: frozenset[str],
) -> TrustChange | None:
    """Return what has to happen to a live trust for it to be the declared one, None for nothing.

    `made` are the ARNs of what gets a new ID in the same plan, `own_ids` the IDs that this program created itself.
    """
    renewed = _entities(declared.trust, index) & made.keys()
    if not renewed and declared.trust.same_meaning(before.document, declared.partition, index.resolve):
        return None
    successors = {was: arn for arn in renewed if (was := made[arn]) is not None}
    shown = _entities(before.document, index)
    renamed = {
        arn: now
        for (_, arn), now in renamed_since(declared.trust, before.document, owned, index).items()
        if now in shown
    }
    strangers = frozenset(
        arn
        for arn in _entities(declared.trust, index, "Allow") - made.keys()
        if index.id_by_arn.get(arn) not in own_ids
    )
    re_trusted = _re_trusted(strangers, before, owned=owned, index=index)
    reasons = [_reason_of(found, declared.trust, index, successors, made) for found in before.dead]
    reasons += _further_reasons(before, index, renewed=renewed, successors=successors)
    if not reasons and (others := re_trusted | renamed.keys()):
        lives = bool(others & index.id_by_arn.keys())
        reasons.append(Reason.PRINCIPAL_RECREATED if lives else Reason.PRINCIPAL_DELETED)
    return TrustChange(
        before=before,
        after=declared.trust,
        reason=max(reasons, key=lambda reason: reason.weight, default=None),
        by_nobody=bool(reasons) and _is_by_nobody(declared, before, owned, index, successors),
        notes=tuple(
            dict.fromkeys(
                [
                    *(explain(found, index) for found in before.dead),
                    *_strangers(owned, index, re_trusted, told={found.identified.id for found in before.dead}),
                ]
            )
        ),
        strangers=strangers,
        re_trusted=re_trusted,
        renamed=renamed,
    )


def as_once_trusted(document: PolicyDocument, owned: Owned | None, index: PrincipalIndex) -> PolicyDocument:
    """Return a document with each principal under the ARN by which the role trusted it when last applied.

    A dead ID is the ARN that it had; whoever was renamed or moved since, which IAM follows, has his former ARN.
    """
    return _reworded(document, _once(owned, index))


def _reworded(document: PolicyDocument, read: Resolve) -> PolicyDocument:
    if not document.understood or not isinstance(document.source, Mapping):
        return document
    statements = [{**raw, **_reworded_principals(raw, read)} for raw in document.raw_statements]
    return PolicyDocument({**document.source, "Statement": statements})


def _reworded_principals(raw: Json, read: Resolve) -> Json:
    principals = raw.get("Principal")
    if not isinstance(principals, Mapping) or "AWS" not in principals:
        return {}
    return {"Principal": {**principals, "AWS": [read(str(value)) for value in listed(principals["AWS"])]}}


def _once(owned: Owned | None, index: PrincipalIndex) -> Resolve:
    trusted = owned.principals if owned else {}
    arn_by_id = {unique: arn for arn, unique in trusted.items()}
    renamed = {
        now: arn for arn, unique in trusted.items() if (now := index.arn_by_id.get(unique)) is not None and now != arn
    }

    def arn_then(unique: str) -> str | None:
        known = index.arn_ever(unique)
        return known if trusted.get(known or "") == unique else arn_by_id.get(unique, known)

    def read(value: str) -> str:
        then = read_id(value, arn_then)
        return renamed.get(value, value) if then == value else then

    return read


def _is_by_nobody(
    declared: Role, before: LiveTrust, owned: Owned | None, index: PrincipalIndex, successors: Mapping[str, str]
) -> bool:
    if any(found.candidates for found in before.dead):
        return True  # the document is otherwise the declared one
    once = _once(owned, index)

    def read(value: str) -> str:
        trusted = once(value)
        return successors.get(trusted, trusted)

    return declared.trust.same_meaning(_reworded(before.document, read), declared.partition)


def _reason_of(
    found: DeadId, declared: PolicyDocument, index: PrincipalIndex, successors: Mapping[str, str], made: Successors
) -> Reason:
    arn = successors.get(found.arn or "", found.arn)
    if arn is None or arn not in _entities(declared, index):
        return Reason.ORPHAN_REMOVED
    if found.standing is Standing.INFERRED:
        return Reason.PRINCIPAL_INFERRED
    alive = arn in index.id_by_arn or arn in made
    return Reason.PRINCIPAL_RECREATED if alive else Reason.PRINCIPAL_DELETED


def _further_reasons(
    before: LiveTrust, index: PrincipalIndex, *, renewed: AbstractSet[str], successors: Mapping[str, str]
) -> Iterator[Reason]:
    """Yield the reason of a document that trusts, alive, somebody who is replaced in the same plan."""
    trusted = {successors.get(arn, arn) for arn in _entities(before.living, index)}
    if renewed & trusted:
        yield Reason.RE_TRUSTED_AFTER_REPLACE


def renamed_since(
    declared: PolicyDocument, shown: PolicyDocument, owned: Owned | None, index: PrincipalIndex
) -> dict[tuple[str, str], str]:
    """Return by effect and declared ARN the ARN that whoever was meant by it when last applied has by now.

    Only what a document does not show counts, effect by effect: an Allow of a namesake says nothing of a Deny. A Deny
    that shows both goes on guarding against both. Whose new ARN is declared beside the old one is meant by that, and
    has left the old one to whoever has it now.
    """
    found = {}
    for effect in ("Allow", "Deny") if owned is not None and owned.principals else ():
        wanted, there = _entities(declared, index, effect), _entities(shown, index, effect)
        for arn in sorted(wanted):
            now = _arn_now(arn, owned, there, index)
            is_missed = arn not in there or (effect == "Deny" and now in there)
            if now is not None and now not in wanted and is_missed:
                found[effect, arn] = now
    return found


def _arn_now(arn: str, owned: Owned | None, shown: Container[str], index: PrincipalIndex) -> str | None:
    """Return the other ARN that whoever had an ARN when last applied has now, None where he has none.

    Of an account that is not read the ledger is believed where IAM bears it out: the document shows that very ARN.
    """
    unique = owned.principals.get(arn) if owned else None
    if unique is None:
        return None
    now = index.arn_by_id.get(unique)
    parsed = parse_arn(arn)
    if now is None and parsed is not None and not index.reaches(parsed):
        remembered = index.arn_ever(unique)
        now = remembered if remembered in shown else None
    return None if now == arn else now


def _last_trusted(arn: str, owned: Owned | None, index: PrincipalIndex) -> tuple[str, str] | None:
    """Return the ARN and ID of whoever had the name of a user or role when last applied, None where nobody had.

    A name is unique whatever its path and case (IAM User Guide, reference_identifiers), and manifests and sessions tell
    no path: so whoever is there at another path now has the name of who was trusted, too.
    """
    trusted = owned.principals if owned else {}
    if arn in trusted:
        return arn, trusted[arn]
    if arn not in index.id_by_arn:
        return None
    name = without_path(arn).casefold()
    return next(((known, trusted[known]) for known in sorted(trusted) if without_path(known).casefold() == name), None)


def _strangers(
    owned: Owned | None, index: PrincipalIndex, re_trusted: AbstractSet[str], *, told: AbstractSet[str]
) -> Iterator[str]:
    """Yield a sentence for each of those trusted anew of whom the last applied trust tells that he was another.

    `told` are the dead IDs in the document, of which it is told already who has their ARN now.
    """
    for arn in sorted(re_trusted):
        last, current = _last_trusted(arn, owned, index), index.id_by_arn.get(arn)
        if last is None or last[1] == current or (last[0] == arn and last[1] in told):
            continue
        now = "and is" if last[0] == arn else f"and {arn} is"
        whose = f"{last[0]} was {last[1]} when this role was last applied"
        yield f"{whose}, {now} {current or 'out of sight'} now{_namer(index.ledger.get(current or ''))}"


def _entities(document: PolicyDocument, index: PrincipalIndex, effect: str | None = None) -> frozenset[str]:
    return frozenset(
        str(entity)
        for place in document.principals()
        if effect in (None, place.effect)
        and (entity := index.entity_of(parse_principal(place.key, index.resolve(place.value)))) is not None
    )


def principal_ids(
    document: PolicyDocument, index: PrincipalIndex, made: Container[str] = frozenset()
) -> dict[str, str | None]:
    """Return the ARN of each user and role that a document names, with its ID; None for one yet to be made."""
    return {arn: None if arn in made else index.id_by_arn.get(arn) for arn in sorted(_entities(document, index))}


def _re_trusted(
    strangers: AbstractSet[str], before: LiveTrust, *, owned: Owned | None, index: PrincipalIndex
) -> frozenset[str]:
    """Return those of the strangers that are to be trusted under another ID than before, or for all that is known.

    That a document shows the ARN of another already frees nobody of the question: two may have swapped their names, and
    IAM followed; or somebody has put him there by hand.
    """
    trusted_already = _entities(before.living, index, "Allow")
    unexplained = any(found.identified.standing is Standing.UNKNOWN for found in before.dead)
    dead_arns = {found.arn for found in before.dead if found.place.effect == "Allow"}
    found = set()
    for arn in strangers:
        last = _last_trusted(arn, owned, index)
        is_another = last is not None and last[1] != index.id_by_arn.get(arn)
        if arn in dead_arns or is_another or (unexplained and arn not in trusted_already):
            found.add(arn)
    return frozenset(found)


def explain(found: DeadId, index: PrincipalIndex) -> str:
    """Return in a sentence whose ID it was, and what became of it."""
    identified = found.identified
    who = f"{identified.id} (session {identified.session})" if identified.session else identified.id
    known = identified.remembered
    end = "" if known is None else _end(known)
    match found.standing:
        case Standing.RECREATED if identified.current_id == YET_TO_BE_GIVEN:
            return f"{who} was {found.arn}{end}; that role is made anew first, in its own account"
        case Standing.RECREATED:
            namer = _namer(index.ledger.get(identified.current_id or ""))
            now = f"that ARN now belongs to another entity, {identified.current_id}{namer}"
            return f"{who} was {found.arn}{end}; {now}"
        case Standing.DELETED:
            return f"{who} was {found.arn}{end}; {_whereabouts(found, index)}"
        case Standing.INFERRED:
            grounds = "the document is otherwise the declared one, and only that is missing"
            return f"{who} was most likely {found.arn}: {grounds}"
        case _ if found.candidates:
            return f"{who} was most likely one of {', '.join(found.candidates)}: those are declared and missing"
        case _:
            return f"{who} is a dead ID of unknown origin"


def _end(known: Remembered) -> str:
    """Return when an entity was last seen alive, when it was deleted and by whom, as far as it is known."""
    if known.deleted_by is not None:
        return f", deleted by {known.deleted_by}"
    seen = f", last seen alive {known.last_alive}" if known.last_alive else ""
    return f"{seen}, deleted {known.deleted}" if known.deleted else seen


def _namer(known: Remembered | None) -> str:
    """Return who gave an entity its ARN, as far as it is known."""
    if known is None or known.named_by is None:
        return ""
    how = "given that name" if known.named_by.call == "UpdateUser" else "created"
    return f", {how} by {known.named_by}"


def _whereabouts(found: DeadId, index: PrincipalIndex) -> str:
    """Return who has the ARN of a dead ID now; of an account that is not read who had it last, by that one's state."""
    arn, heir = parse_arn(found.arn or ""), index.heir_of(found.identified.id)
    if arn is None or index.reaches(arn):
        return "nothing has that ARN now"
    unread = f"account {arn.account} is not one that is read"
    if heir is None:
        return f"{unread}, so whether it was made again is not known"
    known = index.ledger[heir]
    when = f", {known.last_alive}," if known.last_alive else ""
    return f"{unread}, but when it was last looked at{when} {heir} had that ARN{_namer(known)}"
