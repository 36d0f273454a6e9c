"""One object, declared and live, path by path: what differs, who moved it, and what a person has to decide about it.

The digests of the form last applied tell who moved a path. If the live form is still the one last applied, the manifest
changed; if it is another, somebody changed it outside; if an earlier run was on its way through it, that run is
unfinished. A document that would be the declared one, were its dead IDs the entities that they once were, was moved by
nobody: a principal was deleted, and IAM did the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from reconciler.effects import WIDENING, path_effect
from reconciler.model.access import widens
from reconciler.model.arn import parse_arn
from reconciler.model.change import Approval, Difference, Reason
from reconciler.model.declared import Declaration
from reconciler.model.form import digest_at, paths_of, same_at, shown
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.policy import PolicyDocument
from reconciler.model.role import Role
from reconciler.state import Intent
from reconciler.taken import gives_what_was_taken
from reconciler.trust import Successors, TrustChange, as_once_trusted, read_trust, weigh
from reconciler.world import MAKING, Case, Ignore, World


@dataclass(frozen=True, kw_only=True)
class Moved:
    """One path at which declared and live differ, less what is none of this program's business.

    `reason` is the weightiest, `who` the one besides dead principals: the manifest, somebody outside, an unfinished
    run, an adoption; None where nothing would differ, were the dead IDs what they once were. `approvals` are the
    decisions that a person has to make about this path.
    """

    path: str
    live: Any
    declared: Any
    reason: Reason
    who: Reason | None
    trust: TrustChange | None = None
    approvals: frozenset[Approval] = frozenset()

    @property
    def living(self) -> Any:
        """Return the live content less its dead IDs."""
        return self.live if self.trust is None else self.trust.before.living

    def difference(self, world: World) -> Difference:
        """Return what a reviewer is shown of it."""
        return Difference(
            path=self.path,
            reason=self.reason,
            before=shown(self.live),
            after=shown(self.declared),
            broadens=path_effect(self.path, self.living, self.declared, world) in WIDENING,
            note=". ".join(self.trust.notes) or None if self.trust else None,
        )


def compare(case: Case, world: World, made: Successors, *, whole: bool = False) -> Iterator[Moved]:
    """Yield each path at which the live form is not as declared; `made` is what gets a new ID in the same plan.

    `whole`: the live object is to go away with all that it holds, also what is left alone otherwise.
    """
    assert case.declaration is not None and case.live is not None  # noqa: S101, PT018  there are two to compare
    value = case.declaration.value
    live = _view_of_all(case.live, case.declaration, world) if whole else world.view(case.live, case.declaration)
    wanted, there = paths_of(value), paths_of(live)
    for path in sorted({*wanted, *there}, key=_reading_order):
        if path == "trust":
            trust = _trust_change(case, value, live, world, made)
            if trust is not None:
                yield _moved(path, there[path], wanted[path], case, world, trust)
        elif path == "description" and isinstance(value, ManagedPolicy) and case.same_place:
            continue  # nobody can change it
        elif not same_at(wanted.get(path), there.get(path), value.partition):
            yield _moved(path, there.get(path), wanted.get(path), case, world, None)


def _view_of_all(live: Role | ManagedPolicy, declaration: Declaration, world: World) -> Role | ManagedPolicy:
    """Return a live object with what is ignored of it and what an additive declaration leaves alone."""
    exact = replace(declaration, additive_managed_policies=False, additive_inline_policies=False)
    return replace(world, ignore=Ignore()).view(live, exact)


def with_its_boundary(case: Case) -> Case:
    """Return the case of what is replaced with the live boundary as declared, where the declaration leaves that alone.

    What is made in its place must not be without.
    """
    declaration, live = case.declaration, case.live
    if declaration is None or not declaration.keeps_boundary or not isinstance(live, Role):
        return case
    assert isinstance(declaration.value, Role)  # noqa: S101  an address names one kind
    value = replace(declaration.value, permissions_boundary=live.permissions_boundary)
    return replace(case, declaration=replace(declaration, value=value))


def has_lost_its_boundary(case: Case) -> bool:
    """Tell whether a run has removed a role to make it again with a boundary that nobody declares."""
    declaration, intent = case.declaration, case.intent
    if declaration is None or intent is None or intent.action != "replace" or case.live is not None:
        return False
    return declaration.keeps_boundary and any(intent.forms.get("permissions_boundary", ()))


def _reading_order(path: str) -> tuple[int, str]:
    order = ("trust", "policy", "permissions_boundary", "managed_policies")
    return (order.index(path) if path in order else len(order), path)


def _trust_change(
    case: Case, value: Role | ManagedPolicy, live: Role | ManagedPolicy, world: World, made: Successors
) -> TrustChange | None:
    assert isinstance(value, Role) and isinstance(live, Role)  # noqa: S101, PT018  only roles have a trust
    if not made and value.trust.same_meaning(live.trust, value.partition, world.index.resolve):
        return None
    before = read_trust(live.trust, world.index, partition=value.partition, declared=value.trust)
    return weigh(value, before, owned=case.owned, index=world.index, made=made, own_ids=world.own_ids)


def _moved(path: str, live: Any, declared: Any, case: Case, world: World, trust: TrustChange | None) -> Moved:
    who: Reason | None = _who_moved(path, live, declared, case, world)
    if trust is not None and trust.by_nobody and who is not Reason.UNFINISHED:
        who = None
    reasons = [reason for reason in (who, trust.reason if trust else None) if reason is not None]
    kinds = _approvals(path, live, declared, case, world, who=who, trust=trust)
    return Moved(
        path=path,
        live=live,
        declared=declared,
        reason=max(reasons, key=lambda reason: reason.weight),
        who=who,
        trust=trust,
        approvals=frozenset(kinds),
    )


def _who_moved(path: str, live: Any, declared: Any, case: Case, world: World) -> Reason:
    if case.adopting:
        return Reason.ADOPTED
    if _is_unfinished(path, live, declared, case, world):
        return Reason.UNFINISHED
    return Reason.CHANGED_OUTSIDE if _moved_outside(path, live, case, world) else Reason.MANIFEST_CHANGED


def _moved_outside(path: str, live: Any, case: Case, world: World) -> bool:
    assert case.owned is not None  # noqa: S101  what is adopted was never applied
    once = as_once_trusted(live, case.owned, world.index) if path == "trust" else live
    return digest_at(once, world.partition) != case.owned.digests.get(path)


def _is_unfinished(path: str, live: Any, declared: Any, case: Case, world: World) -> bool:
    """Tell whether an earlier run was about to do just this to a path of what is this program's own."""
    intent = case.intent
    return not case.adopting and intent is not None and _is_on_its_way(path, live, declared, case, intent, world)


def _is_on_its_way(path: str, live: Any, declared: Any, case: Case, intent: Intent, world: World) -> bool:
    """Tell whether a path stands where an earlier run began or was to pass through, on the way to what is declared."""
    assert case.live is not None  # noqa: S101  a path of nothing does not differ
    whole = paths_of(case.live).get(path)
    goal = _with_what_stays(whole, live, declared)
    forms = intent.forms.get(path, ())
    here = digest_at(whole, world.partition, world.index.resolve)
    return digest_at(goal, world.partition) in forms and (here in forms or not _moved_outside(path, live, case, world))


def _with_what_stays(whole: Any, live: Any, declared: Any) -> Any:
    """Return what is declared with what the live object holds besides and keeps: ignored tags, additional policies."""
    match whole, live, declared:
        case dict(), dict(), dict():
            return {**{key: value for key, value in whole.items() if key not in live}, **declared}
        case list(), list(), list():
            return sorted({*declared, *(set(whole) - set(live))})
        case _:
            return declared


def _approvals(
    path: str, live: Any, declared: Any, case: Case, world: World, *, who: Reason | None, trust: TrustChange | None
) -> Iterator[Approval]:
    """Yield the decisions that a person has to make before a path becomes as declared."""
    if trusted_anew(trust, case, world, unfinished=_is_unfinished(path, live, declared, case, world)):
        yield Approval.RE_TRUST
    if case.adopting or not (trust.before.understood if trust else _is_understood(live)):
        yield Approval.ADOPT
    if case.adopting or who in {None, Reason.UNFINISHED}:
        return
    assert case.owned is not None  # noqa: S101  what is not adopted is owned
    anew, beyond = _gives(path, live, declared, case, world, trust)
    if (anew and _moved_outside(path, live, case, world)) or (beyond and path in case.owned.held):
        yield Approval.UNDO_NARROWING
    elif beyond:
        again = gives_what_was_taken(path, live, declared, case, world)
        yield Approval.UNDO_NARROWING if again else Approval.BROADEN


def _is_understood(content: Any) -> bool:
    return not isinstance(content, PolicyDocument) or content.understood


def trusted_anew(trust: TrustChange | None, case: Case, world: World, *, unfinished: bool) -> frozenset[str]:
    """Return who is trusted anew, by ARN; an approved run left unfinished was approved for those that it knew.

    Of a role that such a run had removed to replace it nothing is remembered, so all that it is to trust are looked at.
    """
    if trust is None:
        return frozenset()
    intent = case.intent
    if not unfinished or intent is None:
        return trust.re_trusted
    replaced = intent.action == "replace" and case.live is None
    doubtful = trust.strangers & world.index.id_by_arn.keys() if replaced else trust.re_trusted
    return frozenset(arn for arn in doubtful if _came_after(arn, case, intent, world))


def _came_after(arn: str, case: Case, intent: Intent, world: World) -> bool:
    """Tell whether whoever has an ARN came to have it after a run had begun, and so was not approved by that.

    Whom an update was approved for is on record, by ID, before its first write. Of what is made the ledger tells: who
    was not in it as that run left it came later, whatever the clocks say.
    """
    current = world.index.id_by_arn.get(arn)
    if intent.action not in MAKING:
        return current is None or case.owned is None or case.owned.principals.get(arn) != current
    known = world.index.ledger.get(current or "")
    if known is None or known.first_seen is None or known.first_seen > intent.begun:
        return True
    parsed = parse_arn(arn)
    here = parsed is not None and parsed.account == world.snapshot.account
    return here and current not in world.state.ledger


def _gives(
    path: str, live: Any, declared: Any, case: Case, world: World, trust: TrustChange | None
) -> tuple[bool, bool]:
    """Return whether access is given that the live form would not give, and whether beyond those trusted anew.

    What dead IDs once allowed counts as still given: nobody took it away by hand.
    """
    if trust is None:
        gives = path_effect(path, live, declared, world) in WIDENING
        return gives, gives
    assert case.owned is not None  # noqa: S101  what is adopted asks for more than this
    once = as_once_trusted(trust.before.document, case.owned, world.index)
    return (
        widens(once, trust.after, partition=world.partition),
        widens(once, trust.without_re_trusted(world.index), partition=world.partition),
    )


def never_seen(role: Role, case: Case, world: World, made: Mapping[str, str | None]) -> TrustChange | None:
    """Return what trusting from nothing amounts to: the trust of a role that is to be created."""
    before = read_trust(PolicyDocument({}), world.index, partition=role.partition)
    return weigh(role, before, owned=case.owned, index=world.index, made=made, own_ids=world.own_ids)


def is_approved_creation(case: Case, digests: Mapping[str, str]) -> bool:
    """Tell whether an earlier run was about to make just this object, and has not made it.

    What it made and recorded, and is gone again, was deleted outside since.
    """
    intent, owned = case.intent, case.owned
    if intent is None or intent.action not in MAKING or has_lost_its_boundary(case):
        return False
    if owned is not None and owned.since >= intent.begun:
        return False
    return all(digest in intent.forms.get(path, ()) for path, digest in digests.items())
