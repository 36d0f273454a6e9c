"""Declared x live x remembered -> what happens to each object: the decision table, and nothing else.

"Remembered" means owned in the state, by ID; a pending intent whose object is new and as asked counts as remembered.

    declared  remembered  live                      then
    --------  ----------  ------------------------  -----------------------------------------------------------------
    yes       no          no                        create
    yes       no          yes, as declared          import: recorded, nothing written
    yes       no          yes, differs              import with an update, approval `adopt`; another path, another
                                                    owner, or a name that differs by case: blocked
    yes       yes         yes, same ID              nothing, or update
    yes       yes         yes, same ID, path or     replace; every managed role that trusts it is re-trusted in the
                          case of the name differs  same plan
    yes       yes         yes, other ID             recreated outside: the new ID is adopted; other path too: blocked
    yes       yes         no                        create again, reason `deleted_outside`
    yes       yes         another owner is visible  blocked
    no        yes         yes, same ID              delete, unless `prevent_destroy`; `retain`: forget
    no        yes         yes, other ID, or another forget: it is not what was made here
                          owner is visible
    no        yes         no                        forget
    no        no          yes                       unmanaged: never touched
    Removed   yes                                   forget, or delete where `destroy` says so

What comes out are drafts: everything but the order, which needs to see all of them at once (`plan`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, assert_never

from reconciler.compare import (
    Moved,
    compare,
    has_lost_its_boundary,
    is_approved_creation,
    never_seen,
    trusted_anew,
    with_its_boundary,
)
from reconciler.effects import permission_steps, trust_limit
from reconciler.model.access import has_effect, narrowed, widens
from reconciler.model.change import Action, Approval, Difference, Reason, Record
from reconciler.model.declared import Declaration
from reconciler.model.diagnostic import Code, Diagnostic, Severity
from reconciler.model.form import Paths, digests_of, paths_of, shown
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.policy import PolicyDocument
from reconciler.model.principal import parse_principal
from reconciler.model.role import Role
from reconciler.operations import Step, TrustMove, closed_trust
from reconciler.state import Owned
from reconciler.trust import Successors, TrustChange, principal_ids, read_trust, renamed_since
from reconciler.world import Case, World, cases, owner_of

_NOTHING: tuple[Any, ...] = (None, "", [], {})
_WITHOUT_BOUNDARY = "an earlier run left it removed, and its permissions boundary is not declared: it is made without"


class Decision(StrEnum):
    """The right-hand column of the table."""

    CREATE = "create"
    CREATE_AGAIN = "create_again"
    IMPORT = "import"
    COMPARE = "compare"
    RECREATED = "recreated"
    REPLACE = "replace"
    DELETE = "delete"
    FORGET = "forget"
    BLOCKED = "blocked"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A change without its order: `steps` are the permission calls, `move` the way of a live role's trust."""

    address: str
    action: Action
    reason: Reason
    message: str
    declaration: Declaration | None = None
    owned: Owned | None = None
    live: Role | ManagedPolicy | None = None
    differences: tuple[Difference, ...] = ()
    move: TrustMove | None = None
    steps: tuple[Step, ...] = ()
    approvals: frozenset[Approval] = frozenset()
    base_paths: Paths = field(default_factory=dict)
    record: Record | None = None

    @property
    def declared(self) -> Role | ManagedPolicy | None:
        """Return the object as declared."""
        return self.declaration.value if self.declaration else None

    @property
    def creates(self) -> bool:
        """Tell whether the object gets a new ID."""
        return self.action in {Action.CREATE, Action.REPLACE}

    @property
    def removes(self) -> bool:
        """Tell whether the live object goes away."""
        return self.action in {Action.DELETE, Action.REPLACE}


@dataclass(frozen=True, kw_only=True)
class Diff:
    """All drafts of an account by address, what is in the way, and what is to be remembered of what stays as it is."""

    drafts: Mapping[str, Draft]
    blockers: tuple[Diagnostic, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    records: Mapping[str, Record] = field(default_factory=dict)
    unchanged: int = 0


def decide(case: Case) -> Decision:
    """Return what happens to an object, by the table of this module."""
    if case.declaration is None:
        return _decide_undeclared(case)
    if case.live is None:
        return Decision.CREATE_AGAIN if case.owned else Decision.CREATE
    if owner_of(case.live) is not None:
        return Decision.BLOCKED
    if case.adopting:
        on_the_spot = Decision.RECREATED if case.owned else Decision.IMPORT
        return on_the_spot if case.same_place else Decision.BLOCKED
    return Decision.COMPARE if case.same_place else Decision.REPLACE


def _decide_undeclared(case: Case) -> Decision:
    if case.live is None or case.owned is None or case.adopting or owner_of(case.live) is not None:
        return Decision.FORGET
    given_up = case.owned.retain if case.removal is None else not case.removal.destroy
    return Decision.FORGET if given_up else Decision.DELETE


def blocker_of(case: Case) -> Diagnostic:
    """Return why a declared object cannot be touched."""
    assert case.declaration is not None and case.live is not None  # noqa: S101, PT018  decide says so
    declared, live, place = case.declaration.value, case.live, case.declaration.place
    if isinstance(live, Role) and live.is_reserved:
        return Diagnostic(
            Code.RC312,
            f"{live.arn} is a service-linked or reserved role, which only AWS can change",
            address=case.address,
            place=place,
            help="Take it out of the manifests.",
        )
    if owner := owner_of(live):
        return Diagnostic(
            Code.RC311,
            f"{live.arn} belongs to {owner}",
            address=case.address,
            place=place,
            help="Let its owner manage it, or have it given up there first.",
        )
    how = (
        f"at path {live.path}"
        if live.name == declared.name
        else f"as {live.name}: names are unique without regard to case"
    )
    again = " It was recreated outside, there." if case.owned else ""
    return Diagnostic(
        Code.RC310,
        f"{declared.name} exists already {how}",
        address=case.address,
        place=place,
        help=f"Declare it as it is (name {live.name}, path {live.path}), or choose another name.{again}",
    )


def diff(
    world: World,
    *,
    only: frozenset[str] | None = None,
    without: frozenset[str] = frozenset(),
    recording: bool = True,
) -> Diff:
    """Return what happens to each object of the account.

    `only` limits it to those addresses, `without` leaves out what was found to be blocked: it is neither made nor gone.
    Without `recording` it stays open what is to be remembered of objects that stay as they are: finding out is dear.
    """
    found = [case for case in cases(world) if (only is None or case.address in only) and case.address not in without]
    decisions = {case.address: decide(case) for case in found}
    made = {**world.made_elsewhere, **_made(found, decisions)}
    drafts: dict[str, Draft] = {}
    blockers: list[Diagnostic] = []
    warnings: list[Diagnostic] = []
    records: dict[str, Record] = {}
    for case in found:
        outcome = _draft(case, decisions[case.address], world, made)
        match outcome:
            case Draft() as draft if told := list(_name_taken(draft, world)):
                blockers.extend(told)
            case Draft() as draft:
                drafts[case.address] = draft
            case Diagnostic() as blocker:
                blockers.append(blocker)
            case None:
                if recording and (record := _news(case, world, made)) is not None:
                    records[case.address] = record
            case _:
                assert_never(outcome)
        if decisions[case.address] in _COMPARING:
            warnings.extend(_remarks(case))
    stopped = {blocker.address for blocker in blockers}
    return Diff(
        drafts=drafts,
        blockers=tuple(blockers),
        warnings=tuple(warnings),
        records=records,
        unchanged=sum(1 for case in found if case.declaration and case.address not in drafts.keys() | stopped),
    )


_COMPARING = {Decision.COMPARE, Decision.IMPORT, Decision.RECREATED}


def coming(world: World) -> dict[str, str | None]:
    """Return the ARNs that are to get a new ID in an account, each with the ARN whose place it takes.

    That is by the decision table alone: what stands in the way of one of them is not looked for.
    """
    found = list(cases(world))
    return _made(found, {case.address: decide(case) for case in found})


def _made(found: Iterable[Case], decisions: Mapping[str, Decision]) -> dict[str, str | None]:
    """Return the ARNs that get a new ID in this plan, each with the ARN whose place it takes."""
    made: dict[str, str | None] = {}
    for case in found:
        match decisions[case.address], case.declaration:
            case Decision.CREATE | Decision.CREATE_AGAIN, Declaration(value=value):
                made[value.arn] = case.owned.arn if case.owned else None
            case Decision.REPLACE, Declaration(value=value):
                made[value.arn] = case.live.arn if case.live else None
            case _:
                continue
    return made


def _draft(case: Case, decision: Decision, world: World, made: Successors) -> Draft | Diagnostic | None:
    """Return what happens to one object: a draft, the reason why it cannot, or nothing."""
    match decision:
        case Decision.BLOCKED:
            return blocker_of(case)
        case Decision.CREATE | Decision.CREATE_AGAIN:
            return _create(case, world, made)
        case Decision.REPLACE:
            return _replace(case, world, made)
        case Decision.DELETE:
            protected = case.owned is not None and case.owned.prevent_destroy
            return _protected(case, world) if protected else _delete(case, world)
        case Decision.FORGET:
            return _forget(case, world)
        case Decision.COMPARE | Decision.IMPORT | Decision.RECREATED:
            return _compare(case, decision, world, made)
        case _:
            assert_never(decision)


def _name_taken(draft: Draft, world: World) -> Iterator[Diagnostic]:
    """Yield an error, where that is written, for each declared principal that was renamed and has a namesake now.

    Whom nobody has succeeded in his name is found with those who do not exist (`checks`); of an account that is not
    read nobody knows, so that there the new name is asked for as well.
    """
    role, live, index = draft.declared, draft.live, world.index
    writes = draft.creates or any(difference.path == "trust" for difference in draft.differences)
    if draft.declaration is None or not isinstance(role, Role) or not writes:
        return
    shown = live.trust if isinstance(live, Role) else PolicyDocument({})
    renamed = renamed_since(role.trust, shown, draft.owned, index)
    for place in role.trust.principals() if renamed else ():
        entity = index.entity_of(parse_principal(place.key, place.value))
        now = renamed.get((place.effect, str(entity)))
        if entity is None or now is None or (index.reaches(entity) and str(entity) not in index.id_by_arn):
            continue
        does = "guards against" if place.effect == "Deny" else "trusts"
        other = index.id_by_arn.get(str(entity))
        taken = f", and another, {other}, has the old name" if other else ""
        yield Diagnostic(
            Code.RP208,
            f"{entity} was renamed: the entity that this role {does} under that name is now {now}{taken}",
            address=draft.address,
            place=draft.declaration.place_of(f"trust/{place.statement}"),
            help=f"Write {now} in the manifest, which changes nothing: IAM followed the rename. If the new bearer of"
            " the old name is meant as well, write both.",
        )


def _not_wanted(world: World) -> str:
    """Return why an owned object is to go, as it follows on `is`."""
    return "to be destroyed, since --destroy was asked for" if world.desired.destroying else "no longer declared"


def _protected(case: Case, world: World) -> Diagnostic:
    return Diagnostic(
        Code.RC315,
        f"{case.address} was applied with prevent_destroy, and is {_not_wanted(world)}",
        address=case.address,
        place=case.removal.place if case.removal else None,
        help="Declare it again, or apply it once with `prevent_destroy: false` before taking it out.",
    )


def record_of(case: Case, world: World, made: Successors) -> Record:
    """Return what is remembered of a declared object once it is as declared."""
    assert case.declaration is not None  # noqa: S101  nothing else is remembered
    value, lifecycle = case.declaration.value, case.declaration.lifecycle
    is_new = value.arn in made
    return Record(
        id=None if is_new else case.live_id,
        arn=value.arn,
        manifest=case.declaration.manifest,
        origin="created" if is_new else "imported" if case.adopting or case.owned is None else case.owned.origin,
        prevent_destroy=lifecycle.prevent_destroy,
        retain=lifecycle.retain,
        digests=digests_of(value),
        principals=_trusted(value, case.owned, world, made) if isinstance(value, Role) else {},
    )


def _trusted(role: Role, owned: Owned | None, world: World, made: Successors) -> dict[str, str | None]:
    """Return the ARN of each user and role that a role trusts with its ID; of an account out of sight as remembered."""
    found = principal_ids(role.trust, world.index, made)
    known = owned.principals if owned else {}
    return {arn: known.get(arn) if unique is None and arn not in made else unique for arn, unique in found.items()}


def _news(case: Case, world: World, made: Successors) -> Record | None:
    """Return what is to be remembered of an object that stays as it is, None if that is what is remembered now."""
    record, owned = _unless_replaced(record_of(case, world, made), case, world), world.owned_at(case.address)
    known = {arn: unique for arn, unique in record.principals.items() if unique}
    if owned is None or owned.held or case.intent is not None or case.adopting:
        return record
    is_known = (record.arn, record.manifest, record.prevent_destroy, record.retain, record.digests, known) == (
        owned.arn,
        owned.manifest,
        owned.prevent_destroy,
        owned.retain,
        owned.digests,
        owned.principals,
    )
    return None if is_known else record


def _unless_replaced(record: Record, case: Case, world: World) -> Record:
    """Return the record with whom the role trusted when last applied, where somebody wrote the trust of another.

    Nobody was asked about that other one; so he is not yet who was trusted.
    """
    before = case.owned.principals if case.owned else {}
    known = {
        arn: before.get(arn, unique) if unique not in world.own_ids else unique
        for arn, unique in record.principals.items()
    }
    return replace(record, principals=known)


def _create(case: Case, world: World, made: Successors) -> Draft:
    assert case.declaration is not None  # noqa: S101  decide says so
    value = case.declaration.value
    unfinished = is_approved_creation(case, digests_of(value))
    if unfinished:
        reason, message = Reason.UNFINISHED, "an earlier run left it unfinished"
    elif has_lost_its_boundary(case):
        reason, message = Reason.UNFINISHED, _WITHOUT_BOUNDARY
    elif case.owned is not None:
        reason, message = Reason.DELETED_OUTSIDE, "was deleted outside, and is created again"
    else:
        reason, message = Reason.NOT_THERE, "is declared and does not exist yet"
    trust = never_seen(value, case, world, made) if isinstance(value, Role) else None
    anew = trusted_anew(trust, case, world, unfinished=unfinished)
    note = _who_is_trusted(trust, anew, world) if trust else None
    return Draft(
        address=case.address,
        action=Action.CREATE,
        reason=reason,
        message=message,
        declaration=case.declaration,
        owned=case.owned,
        differences=tuple(
            Difference(
                path=path,
                reason=reason,
                after=shown(content),
                broadens=_gives(path, content),
                note=note if path == "trust" else None,
            )
            for path, content in paths_of(value).items()
            if content not in _NOTHING
        ),
        move=_from_nothing(value, world, made),
        steps=tuple(permission_steps(None, value, world)),
        approvals=frozenset(_approvals_of_creation(case, anew, unfinished=unfinished)),
        record=record_of(case, world, made),
    )


def _gives(path: str, content: Any) -> bool:
    if isinstance(content, PolicyDocument):
        return path != "policy" and has_effect(content, "Allow")
    return path == "managed_policies" and bool(content)


def _from_nothing(value: Role | ManagedPolicy, world: World, made: Successors) -> TrustMove | None:
    if not isinstance(value, Role):
        return None
    return _move(value, value.trust, world, made, living=PolicyDocument({}))


def _who_is_trusted(trust: TrustChange, anew: frozenset[str], world: World) -> str | None:
    """Return what a reviewer is told of those that a new object is to trust, None for nothing."""
    came_after = (
        f"{arn} is {world.index.id_by_arn[arn]} only since after the run began that left this unfinished"
        for arn in sorted(anew - trust.re_trusted)
    )
    return ". ".join([*trust.notes, *came_after]) or None


def _approvals_of_creation(case: Case, anew: frozenset[str], *, unfinished: bool) -> Iterator[Approval]:
    """Yield what a person has to decide before an object is made: who is trusted anew, and whether at all."""
    if anew:
        yield Approval.RE_TRUST
    if unfinished:
        return
    if case.owned is not None or has_lost_its_boundary(case):
        yield Approval.UNDO_NARROWING
    elif case.declaration is not None and isinstance(case.declaration.value, Role):
        yield Approval.BROADEN


def _replace(case: Case, world: World, made: Successors) -> Draft:
    record, case = record_of(case, world, made), with_its_boundary(case)
    assert case.declaration is not None and case.live is not None  # noqa: S101, PT018  decide says so
    value, live = case.declaration.value, case.live
    what = "path" if live.path != value.path else "name"
    before, after = (live.path, value.path) if what == "path" else (live.name, value.name)
    moved = list(compare(case, world, made, whole=True))
    trust = None
    if isinstance(value, Role) and all(found.trust is None for found in moved):
        trust = never_seen(value, case, world, made)
    anew = trusted_anew(trust, case, world, unfinished=is_approved_creation(case, digests_of(value)))
    return Draft(
        address=case.address,
        action=Action.REPLACE,
        reason=Reason.PATH_CHANGED,
        message=f"its {what} cannot change in place: {before} becomes {after}",
        declaration=case.declaration,
        owned=case.owned,
        live=live,
        differences=(
            Difference(path=what, reason=Reason.PATH_CHANGED, before=before, after=after),
            *(found.difference(world) for found in moved),
            *([_trusts_another(trust, anew, world)] if trust and anew else []),
        ),
        move=_from_nothing(value, world, made),
        steps=tuple(permission_steps(None, value, world)),
        approvals=frozenset(
            {Approval.DELETE}.union(*(found.approvals for found in moved), {Approval.RE_TRUST} if anew else ())
        ),
        base_paths=paths_of(live),
        record=record,
    )


def _trusts_another(trust: TrustChange, anew: frozenset[str], world: World) -> Difference:
    """Return what a reviewer is shown of a trust that reads as before, and means another by a name."""
    note = _who_is_trusted(trust, anew, world)
    document = shown(trust.after)
    return Difference(path="trust", reason=Reason.PRINCIPAL_RECREATED, before=document, after=document, note=note)


def _delete(case: Case, world: World) -> Draft:
    assert case.live is not None  # noqa: S101  decide says so
    live = case.live
    used = f"; {_last_use(live)}" if isinstance(live, Role) else ""
    return Draft(
        address=case.address,
        action=Action.DELETE,
        reason=Reason.NOT_DECLARED,
        message=f"is owned and {_not_wanted(world)}{used}",
        owned=case.owned,
        live=live,
        differences=tuple(
            Difference(path=path, reason=Reason.NOT_DECLARED, before=shown(content))
            for path, content in paths_of(live).items()
            if content not in _NOTHING
        ),
        approvals=frozenset({Approval.DELETE}),
        base_paths=paths_of(live),
    )


def _last_use(role: Role) -> str:
    """Return in a few words when a role was last used, as far as IAM tracks it."""
    if role.last_used is not None:
        return f"last used {role.last_used.date}"
    return "not used in the last 400 days" + (f", created {role.created}" if role.created else "")


def _forget(case: Case, world: World) -> Draft:
    why = _not_wanted(world)
    if case.live is None:
        message = f"is {why}, and gone already"
    elif case.adopting:
        message = f"is {why}, and what is there now is not what was made here"
    elif owner := owner_of(case.live):
        message = f"is {why}, and belongs to {owner}"
    else:
        message = "is given up, and stays as it is"
    return Draft(
        address=case.address,
        action=Action.FORGET,
        reason=Reason.NOT_DECLARED,
        message=message,
        owned=case.owned,
        live=case.live,
    )


def _remarks(case: Case) -> Iterator[Diagnostic]:
    """Yield what is worth saying of an object that is compared, and left as it is."""
    declaration, live = case.declaration, case.live
    assert declaration is not None and live is not None  # noqa: S101, PT018  what is compared is both
    if isinstance(live, Role) and declaration.keeps_boundary and live.permissions_boundary:
        yield Diagnostic(
            Code.RC318,
            f"The permissions boundary {live.permissions_boundary} is not declared, and left in place",
            severity=Severity.NOTE,
            address=case.address,
            place=declaration.place,
            help="Declare it, or write `permissions_boundary: none` to take it off.",
        )
    if isinstance(live, ManagedPolicy) and live.description != declaration.value.description:
        yield Diagnostic(
            Code.RC317,
            "The description of a managed policy cannot change after its creation",
            severity=Severity.WARNING,
            address=case.address,
            place=declaration.place_of("description"),
            help=f"Write {live.description!r}, or leave it out.",
        )


def _compare(case: Case, decision: Decision, world: World, made: Successors) -> Draft | None:
    assert case.declaration is not None and case.live is not None  # noqa: S101, PT018  decide says so
    value, live = case.declaration.value, case.live
    moved = list(compare(case, world, made))
    if not moved and not case.adopting:
        return None
    approvals = {found.path: found.approvals for found in moved}
    reason = max((found.reason for found in moved), key=lambda one: one.weight, default=Reason.ADOPTED)
    if decision is Decision.RECREATED:
        reason = Reason.RECREATED_OUTSIDE
    return Draft(
        address=case.address,
        action=Action.IMPORT if case.adopting else Action.UPDATE,
        reason=reason,
        message=_sentence(reason, differs=bool(moved)),
        declaration=case.declaration,
        owned=case.owned,
        live=live,
        differences=tuple(found.difference(world) for found in moved),
        move=_trust_move(case, world, moved, made),
        steps=tuple(permission_steps(world.view(live, case.declaration), value, world, approvals=approvals)),
        approvals=frozenset().union(*approvals.values()),
        base_paths=paths_of(live),
        record=record_of(case, world, made),
    )


def _sentence(reason: Reason, *, differs: bool) -> str:
    if reason is Reason.ADOPTED and not differs:
        return "exists as declared, and is recorded; nothing is written"
    return {
        Reason.ADOPTED: "exists, differs from its manifest, and is taken over",
        Reason.MANIFEST_CHANGED: "its manifest changed",
        Reason.CHANGED_OUTSIDE: "was changed outside",
        Reason.UNFINISHED: "an earlier run left it unfinished",
        Reason.RECREATED_OUTSIDE: "was deleted and recreated outside",
        Reason.PRINCIPAL_RECREATED: "a principal that it trusts was deleted and recreated",
        Reason.PRINCIPAL_DELETED: "a principal that it trusts was deleted",
        Reason.PRINCIPAL_INFERRED: "a dead ID stands where a declared principal is missing",
        Reason.ORPHAN_REMOVED: "a dead ID is taken out of its trust",
        Reason.RE_TRUSTED_AFTER_REPLACE: "a principal that it trusts gets a new ID in this plan",
    }[reason]


def _trust_move(case: Case, world: World, moved: Iterable[Moved], made: Successors) -> TrustMove | None:
    """Return the way of a live role's trust, also of one that stays: it may have to be closed for the while."""
    value, live = case.declaration.value if case.declaration else None, case.live
    if not isinstance(value, Role) or not isinstance(live, Role):
        return None
    found = next((found for found in moved if found.trust is not None), None)
    if found is None or found.trust is None:
        before = read_trust(live.trust, world.index, partition=value.partition)
        return replace(_move(value, value.trust, world, made, living=before.living), changed=False)
    return replace(
        _move(value, value.trust, world, made, living=found.trust.before.living),
        approvals=tuple(kind for kind in Approval if kind in found.approvals),
        meanwhile=_meanwhile(found, world),
        meanwhile_alone=_meanwhile(found, world, alone=True),
    )


def _move(role: Role, goal: PolicyDocument, world: World, made: Successors, *, living: PolicyDocument) -> TrustMove:
    principals = principal_ids(goal, world.index, made)
    return TrustMove(
        role=role.name,
        living=living,
        goal=goal,
        closed=closed_trust(role.partition, role.account),
        partition=role.partition,
        principals=principals,
        late=any(arn in made and arn not in world.made_elsewhere for arn in principals),
    )


def _meanwhile(found: Moved, world: World, *, alone: bool = False) -> PolicyDocument | None:
    """Return what can be written without the approvals: no more access, and every guard; None if that is nothing new.

    Nothing is written to what is not taken over yet, or not understood, nor to what lets nobody in, nor where only
    names have changed hands. It is closed only where it lets somebody in who has to go, and nobody is left. `alone`: no
    other change bears on it, so that whoever stays in it gains nothing by that.
    """
    if not found.approvals - {Approval.BROADEN} or Approval.ADOPT in found.approvals:
        return None
    if found.who is None and found.trust is not None and not found.trust.before.dead:
        return None
    living, goal = found.living, found.declared
    if not has_effect(living, "Allow") or not _is_wider(living, goal, world):
        return None
    limit, resolve = trust_limit(world), world.index.resolve
    partial = narrowed(living, goal, partition=world.partition, resolve=resolve, limit=limit, by_account=alone)
    if partial is None:
        return closed_trust(world.partition, world.snapshot.account)
    return partial if _is_wider(living, partial, world) else None


def _is_wider(living: PolicyDocument, other: PolicyDocument, world: World) -> bool:
    return widens(other, living, partition=world.partition, resolve=world.index.resolve)
