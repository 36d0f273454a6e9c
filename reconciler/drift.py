"""Declared, live and remembered, side by side: what is wrong with the live account.

All roles are looked at, declared or not: a dead ID in anybody's trust is found, with whose it was. Of what is
managed, drift is what somebody changed, deleted or recreated outside; what the manifests have moved and nobody has
applied yet is counted, and is no drift.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from reconciler.cloudtrail import Resolved, Trace
from reconciler.compare import Moved, compare
from reconciler.diff import Decision, blocker_of, decide
from reconciler.effects import WIDENING, path_effect
from reconciler.model.change import ALWAYS_HELD, Approval, Reason
from reconciler.model.declared import Declaration
from reconciler.model.diagnostic import Code, Diagnostic, Place, Severity
from reconciler.model.form import digest_at, paths_of
from reconciler.model.policy import PolicyDocument, PrincipalInPlace
from reconciler.model.principal import Principal, Standing, parse_principal
from reconciler.model.principal import Role as RolePrincipal
from reconciler.model.principal import User as UserPrincipal
from reconciler.model.role import Role
from reconciler.operations import closed_trust
from reconciler.remedies import Ahead, command_to_apply, remedy_of_orphan
from reconciler.trust import DeadId, as_once_trusted, explain, read_trust
from reconciler.world import Case, World, cases, matches

FURTHER = " `reconciler drift --resolve cloudtrail` looks further."


class Kind(StrEnum):
    """What kind of thing a finding is."""

    ORPHANED_PRINCIPAL = "orphaned_principal"
    CHANGED_OUTSIDE = "changed_outside"
    RECREATED_OUTSIDE = "recreated_outside"
    DELETED_OUTSIDE = "deleted_outside"
    DIFFERS = "differs"
    FOREIGN_PRINCIPAL = "foreign_principal"
    HALF_GRANTED = "half_granted"
    EXPIRING = "expiring"
    UNMANAGED = "unmanaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing wrong with the live account; times are RFC 3339 in UTC.

    `principal_id` is without its session, which has its own field. A guess stands in `inferred_arn`, never in
    `last_known_arn`. `arn` is that of the object found; `place` that of its manifest, None for what nobody declared.
    `first_seen` is when the ID was first seen dead, `last_alive` when it was last seen alive. `cloudtrail` is what that
    told of it, None where it was not asked or has nothing.
    """

    kind: Kind
    code: Code
    severity: Severity
    address: str
    managed: bool
    message: str
    help: str | None = None
    arn: str | None = None
    place: Place | None = None
    path: str | None = None
    principal_id: str | None = None
    session: str | None = None
    standing: Standing | None = None
    last_known_arn: str | None = None
    inferred_arn: str | None = None
    current_id: str | None = None
    effect: str | None = None
    location: str | None = None
    first_seen: str | None = None
    last_alive: str | None = None
    deleted: str | None = None
    cloudtrail: Trace | None = None


@dataclass(frozen=True, kw_only=True)
class DriftReport:
    """The findings of one account, worst first.

    `not_applied` counts declared or owned objects whose difference is merely not applied yet, which is no drift.
    """

    account: str
    findings: tuple[Finding, ...] = ()
    not_applied: int = 0
    roles_scanned: int = 0
    warnings: tuple[Diagnostic, ...] = ()
    calls: Mapping[str, int] = field(default_factory=dict)

    @property
    def counted(self) -> tuple[Finding, ...]:
        """Return the errors and warnings: what the exit code and the summary count, notes not among them."""
        return tuple(found for found in self.findings if found.severity is not Severity.NOTE)

    @property
    def dead_ids(self) -> frozenset[str]:
        """Return the dead IDs that were found, without sessions."""
        orphans = (found for found in self.findings if found.kind is Kind.ORPHANED_PRINCIPAL)
        return frozenset(found.principal_id for found in orphans if found.principal_id)

    @property
    def orphaned_principals(self) -> int:
        """Return how many dead IDs were found, those in reserved roles included."""
        return sum(1 for found in self.findings if found.kind is Kind.ORPHANED_PRINCIPAL)


def find_drift(world: World, *, unmanaged: bool = False, calls: Mapping[str, int] | None = None) -> DriftReport:
    """Return what is wrong with the live account; `unmanaged` lists the roles that nobody declared, too."""
    findings: list[Finding] = []
    warnings: list[Diagnostic] = list(world.snapshot.remarks)
    not_applied = 0
    ahead = Ahead()
    for case in cases(world):
        decision = decide(case)
        moved = tuple(compare(case, world, {})) if decision in _COMPARED else ()
        ahead.note(case, decision, moved)
        findings.extend(_of_case(case, decision, moved, world))
        not_applied += _is_not_applied(case, decision, moved)
        if decision is Decision.BLOCKED:
            warnings.append(blocker_of(case))
    scanned = [role for role in world.snapshot.roles.values() if _is_scanned(role, world)]
    for role in scanned:
        findings.extend(_of_trust(role, world, ahead))
        if unmanaged and not role.is_reserved and not world.manages(role.address):
            findings.append(_unmanaged(role))
    return DriftReport(
        account=world.snapshot.account,
        findings=tuple(sorted(findings, key=_worst_first)),
        not_applied=not_applied,
        roles_scanned=len(scanned),
        warnings=tuple(warnings),
        calls=dict(calls or {}),
    )


def traced(report: DriftReport, resolved: Resolved) -> DriftReport:
    """Return the report with what CloudTrail told of each dead ID, and that it told nothing where it did not."""
    return replace(report, findings=tuple(_traced(found, resolved) for found in report.findings))


def _traced(found: Finding, resolved: Resolved) -> Finding:
    if found.kind is not Kind.ORPHANED_PRINCIPAL or found.principal_id is None:
        return found
    return replace(
        found,
        message=f"{found.message} {resolved.told(found.principal_id)}".rstrip(),
        help=found.help and found.help.removesuffix(FURTHER),
        cloudtrail=resolved.traces.get(found.principal_id),
    )


def _worst_first(found: Finding) -> tuple[int, str, str, str]:
    return (list(Severity).index(found.severity), found.address, found.location or "", found.path or "")


def _is_scanned(role: Role, world: World) -> bool:
    return role.address in world.desired.objects or not matches(role.name, world.ignore.roles)


# Orphans


def _of_trust(role: Role, world: World, ahead: Ahead) -> Iterator[Finding]:
    """Yield a finding for each dead ID in a role's trust, and notes for those of whom nothing can be known."""
    declaration = world.desired.objects.get(role.address)
    declared = declaration.value.trust if declaration and isinstance(declaration.value, Role) else None
    live = read_trust(role.trust, world.index, partition=world.partition, declared=declared)
    for dead in live.dead:
        yield _orphan(dead, role, declaration, world, ahead)
    if world.manages(role.address) and not role.is_reserved:
        yield from _unknowable(role, declaration, world)


def _orphan(dead: DeadId, role: Role, declaration: Declaration | None, world: World, ahead: Ahead) -> Finding:
    identified, known = dead.identified, dead.identified.remembered
    managed = world.manages(role.address)
    if role.is_reserved:
        severity = Severity.NOTE
    elif managed or dead.place.effect == "Deny":
        severity = Severity.ERROR
    else:
        severity = Severity.WARNING
    return Finding(
        kind=Kind.ORPHANED_PRINCIPAL,
        code=_ORPHAN_CODES[dead.standing],
        severity=severity,
        address=role.address,
        managed=managed,
        message=f"{_consequence(dead, role)} {explain(dead, world.index)}.",
        help=remedy_of_orphan(dead, role, world, ahead) + (FURTHER if dead.standing is Standing.UNKNOWN else ""),
        arn=role.arn,
        place=declaration.place_of("trust") if declaration else None,
        path="trust",
        principal_id=identified.id,
        session=identified.session,
        standing=dead.standing,
        last_known_arn=identified.arn,
        inferred_arn=dead.arn if dead.standing is Standing.INFERRED else None,
        current_id=identified.current_id,
        effect=dead.place.effect,
        location=dead.place.location,
        first_seen=known.first_dead if known else None,
        last_alive=known.last_alive if known else None,
        deleted=known.deleted if known else None,
    )


_ORPHAN_CODES = {
    Standing.RECREATED: Code.RP201,
    Standing.DELETED: Code.RP202,
    Standing.UNKNOWN: Code.RP203,
    Standing.INFERRED: Code.RP206,
}


def _consequence(dead: DeadId, role: Role) -> str:
    """Return what no longer works."""
    if dead.place.effect == "Deny":
        return f"A Deny of {role.address} no longer guards against {dead.arn or 'whoever it was'}."
    who = dead.arn or "Whoever it was"
    if dead.standing is Standing.RECREATED:
        return f"{who} can no longer assume {role.address}, although its ARN is there again."
    return f"{who} can no longer assume {role.address}."


def _unknowable(role: Role, declaration: Declaration | None, world: World) -> Iterator[Finding]:
    for place in role.trust.settled.principals():
        principal: Principal = parse_principal(place.key, place.value)
        match principal:
            case UserPrincipal(arn) | RolePrincipal(arn) if not world.index.reaches(arn):
                code, standing = Code.RP207, Standing.FOREIGN
                message = f"{place.value} is in account {arn.account}, which is not read."
                remedy = "Add the account to reconciler.toml to have its principals checked."
            case UserPrincipal(arn) | RolePrincipal(arn) if str(arn) not in world.index.id_by_arn:
                code, standing = Code.RP210, Standing.TRUSTED
                message = f"{place.value} is trusted, yet was not in the account's lists: it may have gone this moment."
                remedy = "Look again in a minute."
            case _:
                continue
        yield Finding(
            kind=Kind.FOREIGN_PRINCIPAL,
            code=code,
            severity=Severity.NOTE,
            address=role.address,
            managed=True,
            message=message,
            help=remedy,
            arn=role.arn,
            place=declaration.place_of("trust") if declaration else None,
            path="trust",
            standing=standing,
            last_known_arn=place.value,
            effect=place.effect,
            location=place.location,
        )


def _unmanaged(role: Role) -> Finding:
    used = f"last used {role.last_used.date}" if role.last_used else "not used in the last 400 days"
    return Finding(
        kind=Kind.UNMANAGED,
        code=Code.RP224,
        severity=Severity.NOTE,
        address=role.address,
        managed=False,
        message=f"{role.arn} is neither declared nor owned; {used}.",
        help="Declare it to have it managed, or add it to [ignore] roles.",
        arn=role.arn,
    )


# What is managed


_COMPARED = frozenset({Decision.COMPARE, Decision.REPLACE, Decision.IMPORT, Decision.RECREATED})


def _of_case(case: Case, decision: Decision, moved: Iterable[Moved], world: World) -> Iterator[Finding]:
    """Yield what somebody outside did to a managed object; `moved` is where it differs from its declaration."""
    match decision:
        case Decision.CREATE_AGAIN if case.intent is None:
            yield _gone(case)
        case Decision.FORGET if case.live is None:
            yield _gone(case)
        case Decision.RECREATED:
            yield _recreated(case)
        case Decision.FORGET | Decision.BLOCKED if case.owned is not None and case.owned.id != case.live_id:
            yield _recreated(case)
        case Decision.COMPARE | Decision.REPLACE:
            yield from _left_shut(case, moved, world)
            yield from _changed(case, moved, world)
        case Decision.IMPORT:
            yield from _differing(case, moved)
        case Decision.DELETE | Decision.FORGET:
            yield from _changed_since(case, world)
        case _:
            return


def _gone(case: Case) -> Finding:
    again = "creates it again, once `undo_narrowing` is approved; or take it out of the manifests"
    return _finding(
        case,
        Kind.DELETED_OUTSIDE,
        Code.RP222,
        message=f"{case.address} was deleted outside; it was {case.owned.arn if case.owned else 'managed'}.",
        remedy=f"`reconciler apply` {again}." if case.declaration else "`reconciler apply` forgets it.",
    )


def _recreated(case: Case) -> Finding:
    before = case.owned.id if case.owned else "another"
    return _finding(
        case,
        Kind.RECREATED_OUTSIDE,
        Code.RP221,
        message=(
            f"{case.address} was deleted and recreated outside: its ID was {before}, and is {case.live_id}. "
            "Whoever trusted it before trusts a dead ID."
        ),
        remedy="`reconciler plan` shows whether it is as declared; apply adopts the new ID.",
        current_id=case.live_id,
    )


def _changed(case: Case, moved: Iterable[Moved], world: World) -> Iterator[Finding]:
    """Yield each path of an owned object that somebody outside has changed."""
    assert case.declaration is not None  # noqa: S101  only what is declared is compared
    for found in moved:
        yield from _renamed(case, found, world)
        if found.who is not Reason.CHANGED_OUTSIDE:
            yield from _waiting(case, found)
            continue
        wider = path_effect(found.path, found.declared, found.living, world) in WIDENING
        more = ", and allows more now" if wider else ""
        yield _finding(
            case,
            Kind.CHANGED_OUTSIDE,
            Code.RP220,
            severity=Severity.ERROR if wider else Severity.WARNING,
            message=f"{found.path} of {case.address} was changed outside{more}.",
            remedy=f"`reconciler plan` shows the difference; apply puts it back{_once(found)}, or declare what is"
            " there.",
            path=found.path,
            place=case.declaration.place_of(found.path),
        )


def _waiting(case: Case, found: Moved) -> Iterator[Finding]:
    """Yield what nobody changed outside and yet no apply mends by itself, if no dead ID tells of it any more.

    That is whom a trust means by a name since others have taken it, and whatever waits for a decision since it was
    taken away.
    """
    assert case.declaration is not None and case.owned is not None  # noqa: S101, PT018  as for all that is compared
    kinds = found.approvals & ALWAYS_HELD
    if not kinds or (found.trust is not None and (found.trust.before.dead or found.trust.renamed)):
        return
    if found.path not in case.owned.held and found.who is not None:
        return
    why = [f"{found.path} of {case.address} is not as declared, and waits for a decision", *_told(found)]
    yield _finding(
        case,
        Kind.CHANGED_OUTSIDE,
        Code.RP220,
        severity=Severity.ERROR if Approval.RE_TRUST in kinds else Severity.WARNING,
        message=f"{'. '.join(why)}.",
        remedy=f"Look at `reconciler plan`, then `{command_to_apply(case.address, kinds)}`; or declare what is there.",
        path=found.path,
        place=case.declaration.place_of(found.path),
    )


def _told(found: Moved) -> tuple[str, ...]:
    return found.trust.notes if found.trust else ()


def _left_shut(case: Case, moved: Iterable[Moved], world: World) -> Iterator[Finding]:
    """Yield that a role can be assumed by nobody, as a run closed its trust for the while and did not come to the end.

    It is our own unfinished work, and more than merely not applied yet: whoever used the role is locked out.
    """
    shut = closed_trust(world.partition, world.snapshot.account)
    for found in moved:
        unfinished = found.path == "trust" and found.who is Reason.UNFINISHED
        if unfinished and shut.same_meaning(found.live, world.partition, world.index.resolve):
            yield _finding(
                case,
                Kind.DIFFERS,
                Code.RP223,
                severity=Severity.WARNING,
                message=f"Nobody can assume {case.address}: an apply that did not come to its end has closed its trust"
                " for the while, and not opened it again.",
                remedy="`reconciler apply` opens it as declared, once what stopped the last one is mended.",
                path="trust",
                place=case.declaration.place_of("trust") if case.declaration else None,
            )


def _once(found: Moved) -> str:
    """Return what a person has to agree to before a path is put back; empty for nothing."""
    kinds = [f"`{kind}`" for kind in Approval if kind in found.approvals & ALWAYS_HELD]
    return f", once {' and '.join(kinds)} {'are' if len(kinds) > 1 else 'is'} approved" if kinds else ""


def _renamed(case: Case, found: Moved, world: World) -> Iterator[Finding]:
    """Yield a note for each principal that is trusted still, under another name than the declared one."""
    assert case.declaration is not None  # noqa: S101  only what is declared is compared
    for arn, now in (found.trust.renamed if found.trust else {}).items():
        unique = world.index.id_by_arn.get(now)
        place = _first_place(now, found.live, world)
        yield replace(
            _finding(
                case,
                Kind.FOREIGN_PRINCIPAL,
                Code.RP208,
                severity=Severity.NOTE,
                message=f"{arn} was renamed; {case.address} names it as {now} in its trust, as IAM followed.",
                remedy=f"Write {now} in the manifest.",
                path="trust",
                place=case.declaration.place_of("trust"),
                current_id=unique,
            ),
            standing=Standing.RENAMED,
            principal_id=unique,
            last_known_arn=now,
            effect=place.effect if place else None,
            location=place.location if place else None,
        )


def _first_place(arn: str, trust: PolicyDocument, world: World) -> PrincipalInPlace | None:
    """Return where a trust names a user or role first."""
    for place in trust.settled.principals():
        if str(world.index.entity_of(parse_principal(place.key, world.index.resolve(place.value)))) == arn:
            return place
    return None


def _differing(case: Case, moved: Iterable[Moved]) -> Iterator[Finding]:
    """Yield each path at which an object that is declared and not owned is not as declared."""
    assert case.declaration is not None  # noqa: S101  decide says so
    for found in moved:
        if found.who is not None:
            yield _finding(
                case,
                Kind.DIFFERS,
                Code.RP223,
                severity=Severity.WARNING,
                message=f"{found.path} of {case.address} is not as its manifest says; it is not owned yet.",
                remedy="`reconciler plan` shows the difference; apply takes it over, once `adopt` is approved.",
                path=found.path,
                place=case.declaration.place_of(found.path),
            )


def _changed_since(case: Case, world: World) -> Iterator[Finding]:
    """Yield each path of an owned object, no longer declared, that is not as it was last applied."""
    assert case.live is not None and case.owned is not None  # noqa: S101, PT018  what is gone was told already
    there = paths_of(world.view(case.live, None))
    if "trust" in there:
        there["trust"] = as_once_trusted(there["trust"], case.owned, world.index)
    for path in sorted({*there, *case.owned.digests} - {"description"}):
        if path == "permissions_boundary" and path not in case.owned.digests:
            continue  # none was declared, so any may be there
        if digest_at(there.get(path), world.partition) != case.owned.digests.get(path):
            yield _finding(
                case,
                Kind.CHANGED_OUTSIDE,
                Code.RP220,
                severity=Severity.WARNING,
                message=f"{path} of {case.address}, which is no longer declared, was changed outside.",
                remedy="`reconciler plan` shows what becomes of it.",
                path=path,
            )


def _finding(  # noqa: PLR0913  a finding has as many parts
    case: Case,
    kind: Kind,
    code: Code,
    *,
    message: str,
    remedy: str,
    severity: Severity = Severity.ERROR,
    path: str | None = None,
    place: Place | None = None,
    current_id: str | None = None,
) -> Finding:
    at = place or (case.declaration.place if case.declaration else None)
    value = case.live or (case.declaration.value if case.declaration else None)
    return Finding(
        kind=kind,
        code=code,
        severity=severity,
        address=case.address,
        managed=True,
        message=message,
        help=remedy,
        arn=value.arn if value else case.owned.arn if case.owned else None,
        place=at,
        path=path,
        current_id=current_id,
    )


def _is_not_applied(case: Case, decision: Decision, moved: Iterable[Moved]) -> bool:
    """Tell whether an object waits for nothing but an apply."""
    match decision:
        case Decision.COMPARE:
            return any(found.who in {Reason.MANIFEST_CHANGED, Reason.UNFINISHED} for found in moved)
        case Decision.IMPORT:
            return not any(found.who for found in moved)
        case Decision.CREATE | Decision.REPLACE | Decision.DELETE:
            return True
        case Decision.FORGET:
            return case.live is not None and not case.adopting
        case Decision.CREATE_AGAIN:
            return case.intent is not None
        case _:
            return False
