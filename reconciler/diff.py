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

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from reconciler.model.access import has_effect, narrowed
from reconciler.model.change import Action, Approval, Difference, Reason, Record
from reconciler.model.declared import Declaration, Removal
from reconciler.model.diagnostic import Code, Diagnostic, Severity
from reconciler.model.form import Paths, digest_at, digests_of, paths_of, same_at, shown
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.policy import PolicyDocument, PrincipalInPlace
from reconciler.model.principal import parse_principal
from reconciler.model.role import Role
from reconciler.effects import WIDENING, path_effect, permission_steps
from reconciler.operations import Step, TrustMove, closed_trust
from reconciler.state import Intent, Owned
from reconciler.trust import LiveTrust, TrustChange, mended, principal_ids, read_trust, weigh
from reconciler.world import World, owner_of


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
class Case:
    """One address with everything that is known of it; `twin` is a live object whose name differs only by case."""

    address: str
    declaration: Declaration | None = None
    removal: Removal | None = None
    owned: Owned | None = None
    intent: Intent | None = None
    live: Role | ManagedPolicy | None = None

    @property
    def live_id(self) -> str | None:
        """Return the unique ID of the live object."""
        return id_of(self.live)


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A change without its order: `steps` are the permission calls, `move` the way of a live role's trust."""

    address: str
    action: Action
    reason: Reason
    message: str
    declaration: Declaration | None = None
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
    """All drafts of an account by address, what is in the way, and what is remembered of objects that stay as they are."""

    drafts: Mapping[str, Draft]
    blockers: tuple[Diagnostic, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    records: Mapping[str, Record] = field(default_factory=dict)
    unchanged: int = 0


def id_of(value: Role | ManagedPolicy | None) -> str | None:
    """Return the unique ID of a live object."""
    match value:
        case Role():
            return value.role_id
        case ManagedPolicy():
            return value.policy_id
        case _:
            return None


def cases(world: World) -> Iterator[Case]:
    """Yield every address that is declared or remembered, in order."""
    addresses = {*world.desired.objects, *world.desired.removals, *world.state.objects}
    taken = {address.casefold() for address in world.desired.objects}
    for address in sorted(addresses):
        if address not in world.desired.objects and address.casefold() in taken:
            continue  # the same object under another case: the declared spelling speaks for it
        owned = world.state.objects.get(address) or _owned_by_case(address, world)
        live = world.live.get(address) or world.live_by_caseless_address.get(address.casefold())
        intent = world.state.intents.get(address)
        yield Case(
            address=address,
            declaration=world.desired.objects.get(address),
            removal=world.desired.removals.get(address),
            owned=owned or unfinished_creation(intent, live, world),
            intent=intent,
            live=live,
        )


def _owned_by_case(address: str, world: World) -> Owned | None:
    alike = (owned for known, owned in world.state.objects.items() if known.casefold() == address.casefold())
    return next(alike, None)


def unfinished_creation(intent: Intent | None, live: Role | ManagedPolicy | None, world: World) -> Owned | None:
    """Return the ownership of what a killed run had created without getting to record it, None where it is not that.

    It is ours if it is new, that is first seen after that run had said what it was about to do, and at every path as that
    run was to leave it.
    """
    live_id = id_of(live)
    if intent is None or intent.id is not None or live is None or live_id is None:
        return None
    seen = world.state.ledger.get(live_id)
    if seen is not None and (seen.first_seen or "") < intent.begun:
        return None
    resolve = world.index.resolve
    digests = digests_of(live, resolve)
    if any(digest not in intent.forms.get(path, ()) for path, digest in digests.items()):
        return None
    return Owned(id=live_id, arn=live.arn, manifest="", since=intent.begun, origin="created", digests=digests)


def decide(case: Case) -> Decision:
    """Return what happens to an object, by the table of this module."""
    if case.declaration is None:
        return _decide_undeclared(case)
    if case.live is None:
        return Decision.CREATE_AGAIN if case.owned else Decision.CREATE
    if owner_of(case.live) is not None:
        return Decision.BLOCKED
    same_place = (case.live.path, case.live.name) == (case.declaration.value.path, case.declaration.value.name)
    if case.owned is None:
        return Decision.IMPORT if same_place else Decision.BLOCKED
    if case.owned.id == case.live_id:
        return Decision.COMPARE if same_place else Decision.REPLACE
    return Decision.RECREATED if same_place else Decision.BLOCKED


def _decide_undeclared(case: Case) -> Decision:
    ours = case.live is not None and case.owned is not None and case.owned.id == case.live_id
    if not ours or owner_of(case.live) is not None:  # type: ignore[arg-type]  # ours says that it is there
        return Decision.FORGET
    if case.removal is not None:
        return Decision.DELETE if case.removal.destroy else Decision.FORGET
    return Decision.FORGET if case.owned.retain else Decision.DELETE  # type: ignore[union-attr]  # likewise


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


def diff(world: World, *, only: frozenset[str] | None = None, without: frozenset[str] = frozenset()) -> Diff:
    """Return what happens to each object of the account.

    `only` limits it to those addresses, `without` leaves out what was found to be blocked: it is neither made nor gone.
    """
    found = [case for case in cases(world) if (only is None or case.address in only) and case.address not in without]
    decisions = {case.address: decide(case) for case in found}
    made, gone = _coming(found, decisions)
    drafts: dict[str, Draft] = {}
    blockers: list[Diagnostic] = []
    warnings: list[Diagnostic] = []
    records: dict[str, Record] = {}
    for case in found:
        match decisions[case.address]:
            case Decision.BLOCKED:
                blockers.append(blocker_of(case))
            case Decision.CREATE | Decision.CREATE_AGAIN:
                drafts[case.address] = _create(case, world, made)
            case Decision.REPLACE:
                drafts[case.address] = _replace(case, world, made)
            case Decision.DELETE if case.owned and case.owned.prevent_destroy:
                blockers.append(_protected(case))
            case Decision.DELETE:
                drafts[case.address] = _delete(case, world)
            case Decision.FORGET:
                drafts[case.address] = _forget(case)
            case _:
                draft = _compare(case, world, decisions[case.address], made)
                warnings.extend(_remarks(case, world))
                if draft is not None:
                    drafts[case.address] = draft
                elif (record := record_of(case, world, made)) is not None and _is_news(record, case.owned):
                    records[case.address] = record
    unchanged = sum(1 for case in found if case.declaration and case.address not in drafts) - len(blockers)
    return Diff(
        drafts=drafts,
        blockers=tuple(blockers),
        warnings=tuple(warnings),
        records=records,
        unchanged=max(unchanged, 0),
    )


def _coming(found: list[Case], decisions: Mapping[str, Decision]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the ARNs that get a new ID in this plan, and those that go away."""
    made, gone = set(), set()
    for case in found:
        decision = decisions[case.address]
        if decision in {Decision.CREATE, Decision.CREATE_AGAIN, Decision.REPLACE} and case.declaration:
            made.add(case.declaration.value.arn)
        if decision in {Decision.DELETE, Decision.REPLACE} and case.live:
            gone.add(case.live.arn)
    return frozenset(made), frozenset(gone - made)


def _protected(case: Case) -> Diagnostic:
    return Diagnostic(
        Code.RC315,
        f"{case.address} was applied with prevent_destroy, and is no longer declared",
        address=case.address,
        place=case.removal.place if case.removal else None,
        help="Declare it again, or apply it once with `prevent_destroy: false` before taking it out.",
    )


def record_of(case: Case, world: World, made: frozenset[str]) -> Record | None:
    """Return what is remembered of a declared object once it is as declared."""
    declaration = case.declaration
    if declaration is None:
        return None
    value = declaration.value
    principals = principal_ids(value.trust, world.index, made) if isinstance(value, Role) else {}
    return Record(
        id=None if value.arn in made else case.live_id,
        arn=value.arn,
        manifest=declaration.manifest,
        origin="created" if value.arn in made else _origin(case),
        prevent_destroy=declaration.lifecycle.prevent_destroy,
        retain=declaration.lifecycle.retain,
        digests=digests_of(value),
        principals=principals,
    )


def _origin(case: Case) -> str:
    return case.owned.origin if case.owned and case.owned.id == case.live_id else "imported"


def _is_news(record: Record, owned: Owned | None) -> bool:
    return owned is None or (
        (record.id, record.arn, record.manifest, record.prevent_destroy, record.retain)
        != (owned.id, owned.arn, owned.manifest, owned.prevent_destroy, owned.retain)
        or dict(record.digests) != dict(owned.digests)
        or {arn: known for arn, known in record.principals.items() if known} != dict(owned.principals)
        or bool(owned.held)
    )


def _create(case: Case, world: World, made: frozenset[str]) -> Draft:
    assert case.declaration is not None  # noqa: S101  decide says so
    value = case.declaration.value
    again = case.owned is not None
    reason = Reason.DELETED_OUTSIDE if again else Reason.NOT_THERE
    message = "was deleted outside, and is created again" if again else "is declared and does not exist yet"
    approvals: set[Approval] = set()
    move: TrustMove | None = None
    if case.intent is not None and all(
        _passes_through(case.intent, path, digest) for path, digest in digests_of(value).items()
    ):
        reason, message = Reason.UNFINISHED, "an earlier run left it unfinished"
        move = _move(value, value.trust, world, made, living=PolicyDocument({})) if isinstance(value, Role) else None
    elif isinstance(value, Role):
        approvals |= {Approval.UNDO_NARROWING} if again else {Approval.BROADEN}
        change = weigh(
            value,
            LiveTrust(PolicyDocument({})),
            owned=case.owned,
            index=world.index,
            made=made,
            own_ids=world.own_ids,
        )
        if change is not None and change.re_trusted:
            approvals.add(Approval.RE_TRUST)
        move = _move(value, value.trust, world, made, living=PolicyDocument({}))
    elif again:
        approvals.add(Approval.UNDO_NARROWING)
    differences = tuple(
        Difference(path=path, reason=reason, after=shown(content), broadens=_gives(path, content))
        for path, content in paths_of(value).items()
        if content not in (None, "", [], {})
    )
    return Draft(
        address=case.address,
        action=Action.CREATE,
        reason=reason,
        message=message,
        declaration=case.declaration,
        differences=differences,
        move=move,
        steps=tuple(permission_steps(None, value, world)),
        approvals=frozenset(approvals),
        record=record_of(case, world, made),
    )


def _gives(path: str, content: Any) -> bool:
    if isinstance(content, PolicyDocument):
        return path != "policy" and has_effect(content, "Allow")
    return path == "managed_policies" and bool(content)


def _replace(case: Case, world: World, made: frozenset[str]) -> Draft:
    assert case.declaration is not None and case.live is not None  # noqa: S101, PT018  decide says so
    created = _create(replace(case, owned=None), world, made)
    value = case.declaration.value
    what = "path" if case.live.path != value.path else "name"
    before, after = (case.live.path, value.path) if what == "path" else (case.live.name, value.name)
    return replace(
        created,
        action=Action.REPLACE,
        reason=Reason.PATH_CHANGED,
        message=f"its {what} cannot change in place: {before} becomes {after}",
        live=case.live,
        differences=(
            Difference(path=what, reason=Reason.PATH_CHANGED, before=before, after=after),
            *_differences(case, world, None),
        ),
        approvals=created.approvals | {Approval.DELETE},
        base_paths=paths_of(case.live),
    )


def _delete(case: Case, world: World) -> Draft:
    assert case.live is not None  # noqa: S101  decide says so
    live = case.live
    used = ""
    if isinstance(live, Role):
        used = f"; last used {live.last_used.date}" if live.last_used else "; not used in the last 400 days"
    return Draft(
        address=case.address,
        action=Action.DELETE,
        reason=Reason.NOT_DECLARED,
        message=f"is owned and no longer declared{used}",
        live=live,
        differences=tuple(
            Difference(path=path, reason=Reason.NOT_DECLARED, before=shown(content))
            for path, content in paths_of(live).items()
            if content not in (None, "", [], {})
        ),
        approvals=frozenset({Approval.DELETE}),
        base_paths=paths_of(live),
    )


def _forget(case: Case) -> Draft:
    if case.live is None:
        why = "is no longer declared, and gone already"
    elif case.owned is not None and case.owned.id != case.live_id:
        why = "is no longer declared, and what is there now is not what was made here"
    elif owner := owner_of(case.live):
        why = f"is no longer declared, and belongs to {owner}"
    else:
        why = "is given up, and stays as it is"
    return Draft(address=case.address, action=Action.FORGET, reason=Reason.NOT_DECLARED, message=why, live=case.live)


def _remarks(case: Case, world: World) -> Iterator[Diagnostic]:
    """Yield what is worth saying of an object that is compared, and left as it is."""
    declaration, live = case.declaration, case.live
    if declaration is None or live is None:
        return
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


@dataclass(frozen=True, kw_only=True)
class Moved:
    """One path at which declared and live differ.

    `reason` is the weightiest, `who` the one besides dead principals: the manifest, somebody outside, an unfinished run,
    an adoption; None where nothing would differ, were the dead IDs what they once were.
    """

    path: str
    live: Any
    declared: Any
    reason: Reason
    who: Reason | None
    trust: TrustChange | None = None

    @property
    def living(self) -> Any:
        """Return the live content less its dead IDs."""
        return self.live if self.trust is None else self.trust.before.living


def _compare(case: Case, world: World, decision: Decision, made: frozenset[str]) -> Draft | None:
    assert case.declaration is not None and case.live is not None  # noqa: S101, PT018  decide says so
    value, live = case.declaration.value, case.live
    owned = case.owned if decision is Decision.COMPARE else None
    moved = list(_moved(replace(case, owned=owned), world, made))
    adopting = decision is not Decision.COMPARE
    if not moved and not adopting:
        return None
    differences = tuple(_shown_difference(found, world) for found in moved)
    per_path = {found.path: _approvals_at(found, owned, adopting, world) for found in moved}
    trust = next((found.trust for found in moved if found.trust is not None), None)
    steps = tuple(permission_steps(world.view(live, case.declaration), value, world, approvals=per_path))
    move = _trust_move(case, world, trust, per_path.get("trust", frozenset()), made)
    approvals = {kind for kinds in per_path.values() for kind in kinds}
    reasons = [found.reason for found in moved] or [Reason.ADOPTED]
    reason = max(reasons, key=lambda one: one.weight)
    if decision is Decision.RECREATED:
        reason = Reason.RECREATED_OUTSIDE
    return Draft(
        address=case.address,
        action=Action.IMPORT if adopting else Action.UPDATE,
        reason=reason,
        message=_sentence(reason, adopting=bool(adopting and not moved)),
        declaration=case.declaration,
        live=live,
        differences=differences,
        move=move,
        steps=steps,
        approvals=frozenset(approvals),
        base_paths={path: content for path, content in paths_of(live).items()},
        record=record_of(case, world, made),
    )


def _sentence(reason: Reason, *, adopting: bool) -> str:
    if adopting and reason is Reason.ADOPTED:
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


def _differences(case: Case, world: World, owned: Owned | None) -> Iterator[Difference]:
    for found in _moved(replace(case, owned=owned), world, frozenset()):
        yield _shown_difference(found, world)


def _moved(case: Case, world: World, made: frozenset[str]) -> Iterator[Moved]:
    """Yield each path at which the live object is not as declared."""
    assert case.declaration is not None and case.live is not None  # noqa: S101, PT018  decide says so
    value = case.declaration.value
    live = world.view(case.live, case.declaration)
    wanted, there = paths_of(value), paths_of(live)
    for path in sorted({*wanted, *there}, key=_reading_order):
        if path == "description" and isinstance(value, ManagedPolicy):
            continue
        trust = None
        if path == "trust":
            assert isinstance(value, Role) and isinstance(live, Role)  # noqa: S101, PT018  only roles have a trust
            if not made and value.trust.same_meaning(live.trust, value.partition, world.index.resolve):
                continue
            before = read_trust(live.trust, world.index, partition=value.partition, declared=value.trust)
            trust = weigh(value, before, owned=case.owned, index=world.index, made=made, own_ids=world.own_ids)
            if trust is None:
                continue
        elif same_at(wanted.get(path), there.get(path), value.partition):
            continue
        who = None
        if trust is None or trust.reason is None or not mended(trust, world.partition, world.index):
            who = _who_moved(path, there.get(path), wanted.get(path), case, world)
        yield Moved(
            path=path,
            live=there.get(path),
            declared=wanted.get(path),
            reason=_reason(who, trust),
            who=who,
            trust=trust,
        )


def differing_paths(case: Case, world: World) -> Iterator[Moved]:
    """Yield each path at which a live object is not as declared."""
    return _moved(case, world, frozenset())


def _reading_order(path: str) -> tuple[int, str]:
    order = ("trust", "policy", "permissions_boundary", "managed_policies")
    return (order.index(path) if path in order else len(order), path)


def _reason(who: Reason | None, trust: TrustChange | None) -> Reason:
    """Return the weightiest reason why a path differs."""
    reasons = [reason for reason in (who, trust.reason if trust else None) if reason is not None]
    return max(reasons, key=lambda reason: reason.weight)


def _who_moved(path: str, live: Any, declared: Any, case: Case, world: World) -> Reason:
    assert case.live is not None  # noqa: S101  decide says so
    if case.owned is None:
        return Reason.ADOPTED
    full = paths_of(case.live).get(path)
    ends = (digest_at(full, world.partition, world.index.resolve), digest_at(declared, world.partition))
    if case.intent is not None and all(_passes_through(case.intent, path, digest) for digest in ends):
        return Reason.UNFINISHED
    remembered = digest_at(live, world.partition, world.index.recall)
    return Reason.MANIFEST_CHANGED if remembered == case.owned.digests.get(path) else Reason.CHANGED_OUTSIDE


def _passes_through(intent: Intent, path: str, digest: str | None) -> bool:
    return path in intent.forms and digest in intent.forms[path]


def _approvals_at(found: Moved, owned: Owned | None, adopting: bool, world: World) -> frozenset[Approval]:
    """Return the decisions that a person has to make about one path."""
    if adopting:
        return frozenset({Approval.ADOPT})
    if found.reason is Reason.UNFINISHED:
        return frozenset()
    kinds: set[Approval] = set()
    if found.trust is not None:
        if found.trust.re_trusted:
            kinds.add(Approval.RE_TRUST)
        if not found.trust.before.understood:
            kinds.add(Approval.ADOPT)
        if found.who is None:
            return frozenset(kinds)
    if path_effect(found.path, found.living, found.declared, world) in WIDENING:
        held = owned is not None and found.path in owned.held
        outside = held or _moved_outside(found, owned, world)
        kinds.add(Approval.UNDO_NARROWING if outside else Approval.BROADEN)
    return frozenset(kinds)


def _moved_outside(found: Moved, owned: Owned | None, world: World) -> bool:
    remembered = digest_at(found.live, world.partition, world.index.recall)
    return owned is not None and remembered != owned.digests.get(found.path)


def _shown_difference(found: Moved, world: World) -> Difference:
    return Difference(
        path=found.path,
        reason=found.reason,
        before=shown(found.live),
        after=shown(found.declared),
        broadens=path_effect(found.path, found.living, found.declared, world) in WIDENING,
        note=". ".join(found.trust.notes) or None if found.trust else None,
    )


def _trust_move(
    case: Case,
    world: World,
    trust: TrustChange | None,
    approvals: frozenset[Approval],
    made: frozenset[str],
) -> TrustMove | None:
    """Return the way of a live role's trust, also of one that stays: it may have to be closed for the while."""
    assert case.declaration is not None  # noqa: S101  only what is declared is compared
    value, live = case.declaration.value, case.live
    if not isinstance(value, Role) or not isinstance(live, Role):
        return None
    before = trust.before if trust else read_trust(live.trust, world.index, partition=value.partition)
    move = _move(value, value.trust, world, made, living=before.living)
    if trust is None:
        return replace(move, changed=False)
    held = tuple(kind for kind in Approval if kind in approvals)
    return replace(move, approvals=held, meanwhile=_meanwhile(trust, approvals, world))


def _move(role: Role, goal: PolicyDocument, world: World, made: frozenset[str], *, living: PolicyDocument) -> TrustMove:
    principals = principal_ids(goal, world.index, made)
    return TrustMove(
        role=role.name,
        living=living,
        goal=goal,
        closed=closed_trust(role.partition, role.account),
        partition=role.partition,
        principals=principals,
        late=any(arn in made for arn in principals),
    )


def _meanwhile(trust: TrustChange, approvals: frozenset[Approval], world: World) -> PolicyDocument | None:
    """Return what can be written without the approvals: less access, and every guard; None where that changes nothing."""
    if not approvals - {Approval.BROADEN} or not trust.before.understood:
        return None
    living = trust.before.living
    if Approval.UNDO_NARROWING in approvals:
        partial = narrowed(living, trust.after, partition=world.partition)
    else:
        partial = _without_re_trusted(trust, world)
    if partial is None:
        return None if not has_effect(living, "Allow") else closed_trust(world.partition, world.snapshot.account)
    return None if partial.same_meaning(living, world.partition, world.index.resolve) else partial


def _without_re_trusted(trust: TrustChange, world: World) -> PolicyDocument | None:
    """Return the goal less the principals that are to be trusted again; None where it names nobody then."""

    def waits(place: PrincipalInPlace) -> bool:
        entity = world.index.entity_of(parse_principal(place.key, place.value))
        return place.effect == "Allow" and str(entity) in trust.re_trusted

    partial = trust.after.without_principals(waits)
    return partial if partial.raw_statements else None
