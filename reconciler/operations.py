"""From differences to calls, in an order that is never wider than before or after.

Think of what an object allows as a product: who may assume the role, times what the role may do; and where one role may
assume the next, times what that one may do. Each call narrows, widens, does both, or neither.

- First all that narrows, then at most one call that does both, then all that widens: before that one call nothing is
  allowed that the start does not allow, after it nothing that the goal does not.
- A trust that both loses and gains is split through what both documents allow.
- Within permissions, where no Deny and no boundary moves, what is allowed in between is the union of both ends
  whichever way round: so there it is give, then take, and nobody loses what he keeps. What lets a role assume the next
  one is a factor of its own: it narrows early and widens late where that one changes too.
- Two calls that each do both cannot be ordered safely: the trust is closed for the while, and the plan says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import Any

from reconciler.model.access import has_effect, loses, narrowed, widens
from reconciler.model.arn import root_arn
from reconciler.model.change import ALWAYS_HELD, Approval, Call, Change, Json, Operation
from reconciler.model.form import INLINE, Paths, digest_at
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.policy import NEW_VERSION, PolicyDocument, PrincipalInPlace
from reconciler.model.role import Role

JOINT = frozenset({"managed_policies", "tags"})
"""The paths that several calls write in turn, each a part."""


class Effect(StrEnum):
    """What a call does to what is allowed."""

    NEUTRAL = "neutral"
    NARROWS = "narrows"
    WIDENS = "widens"
    BOTH = "both"


class Phase(IntEnum):
    """When a call may come, among all calls of objects that bear on each other."""

    MAKE_POLICY = 10
    NARROW_TRUST = 20
    NARROW = 30
    GIVE = 35
    BOTH = 40
    ATTACH = 45
    TAKE = 50
    WIDEN = 55
    WIDEN_TRUST = 60
    REMOVE_POLICY = 70


class Manner(StrEnum):
    """In which order the permissions of a role move."""

    GIVE_FIRST = "give_first"
    TAKE_FIRST = "take_first"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A call with what it does to access, and when it may come.

    `guards`: it gives or takes a Deny or a boundary, or a tag that policies ask for, so that the union of before and
    after is no longer all that can be allowed in between. `assumes` is what it does to the assuming of further roles,
    `targets` the patterns of the roles that this is about.
    """

    operation: Operation
    effect: Effect
    phase: Phase = Phase.BOTH
    guards: bool = False
    assumes: Effect = Effect.NEUTRAL
    targets: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class TrustMove:
    """A live role's trust on its way: `living` is what the live document says without dead IDs.

    `changed`: the goal is to be written at all; a trust that stays may still have to be closed for the while. `late`:
    the goal names somebody whom the same plan makes. `approvals` are what the last write needs; while it is held,
    `meanwhile` (if any) is written, which takes away and guards what needs no approval; in its place, where nothing
    else moves, `meanwhile_alone` (if any), in which stays whom the goal trusts by way of his account. `principals` are
    the expected IDs of those that the goal names.
    """

    role: str
    living: PolicyDocument
    goal: PolicyDocument
    closed: PolicyDocument
    partition: str
    changed: bool = True
    approvals: tuple[Approval, ...] = ()
    meanwhile: PolicyDocument | None = None
    meanwhile_alone: PolicyDocument | None = None
    principals: Mapping[str, str | None] = field(default_factory=dict)
    late: bool = False

    @property
    def effect(self) -> Effect:
        """Return what the whole move does."""
        return effect_of(self.living, self.goal, partition=self.partition)


@dataclass(frozen=True, kw_only=True)
class Now:
    """Who can be named in a trust before the plan has made anybody: `ids` of those that a role names, `coming` ARNs."""

    ids: Mapping[str, str | None]
    coming: Callable[[PrincipalInPlace], bool]

    def writable(self, document: PolicyDocument) -> PolicyDocument | None:
        """Return the document less those who are yet to be made; None where it has to keep one of them out."""
        if any(place.effect != "Allow" and self.coming(place) for place in document.principals()):
            return None
        return document.without_principals(self.coming)


def effect_of(before: PolicyDocument | None, after: PolicyDocument | None, *, partition: str) -> Effect:
    """Return what replacing one document with another does; None is a document that is not there."""
    wider = widens(before, after, partition=partition)
    narrower = widens(after, before, partition=partition)
    match wider, narrower:
        case True, True:
            return Effect.BOTH
        case True, False:
            return Effect.WIDENS
        case False, True:
            return Effect.NARROWS
        case _:
            return Effect.NEUTRAL


def closed_trust(partition: str, account: str) -> PolicyDocument:
    """Return a trust that lets nobody in: IAM refuses one without statements, so it denies the own account."""
    deny = {"Effect": "Deny", "Principal": {"AWS": root_arn(partition, account)}, "Action": "sts:AssumeRole"}
    return PolicyDocument({"Version": NEW_VERSION, "Statement": [deny]})


def iam_tags(tags: Mapping[str, str]) -> list[Json]:
    """Return tags in the list form that the API takes, sorted by key."""
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]


def write_trust(
    role: str,
    document: PolicyDocument,
    *,
    principals: Mapping[str, str | None],
    approvals: tuple[Approval, ...] = (),
) -> Operation:
    """Return the call that replaces a role's trust."""
    named = {place.value for place in document.principals()}
    return Operation(
        call=Call.UPDATE_ASSUME_ROLE_POLICY,
        params={"RoleName": role, "PolicyDocument": document.source},
        principals={arn: known for arn, known in principals.items() if arn in named or _names_session(arn, named)},
        approvals=approvals,
    )


def _names_session(role_arn: str, named: Iterable[str]) -> bool:
    name = role_arn.rpartition("/")[2]
    return any(f":assumed-role/{name}/" in value for value in named)


def arrange_role(
    move: TrustMove, permissions: Sequence[Step], manner: Manner, *, alone: bool, now: Now
) -> tuple[list[Step], list[str]]:
    """Return the calls of an existing role in a safe order, and what a reviewer must know of the moments between.

    The permission calls come with their phases. `alone`: no other changing object bears on this one.
    """
    middle = sorted(permissions, key=lambda step: step.phase)
    if manner is Manner.CLOSED or (middle and not move.living.understood):
        return _closed_meanwhile(move, middle)
    if not move.changed:
        return _waiting_in_turn(middle, manner), []
    first, last, lost = _trust_around(move, permissions, alone=alone, now=now)
    return _waiting_in_turn([*first, *middle, *last], manner), lost


def _closed_meanwhile(move: TrustMove, permissions: Sequence[Step]) -> tuple[list[Step], list[str]]:
    """Return the calls with the trust closed around them; what one of them waits for, all wait for."""
    steps = [_narrow_trust(move, move.closed), *permissions, _final_trust(move)]
    kinds = {kind for step in steps for kind in step.operation.approvals}
    waiting = [_waiting_for(step, kinds) for step in steps]
    return waiting, [f"nobody can assume role/{move.role} while its permissions change: no order of the calls is safe"]


def _waiting_in_turn(steps: Iterable[Step], manner: Manner) -> list[Step]:
    """Return the steps, with those that widen waiting for what a call before them that does both waits for.

    Until that call is done, what it is to take away is still there. Where permissions move without guards, only the
    trust has to wait: there the order among them is of no matter.
    """
    kinds: set[Approval] = set()
    waiting = []
    for step in steps:
        is_trust = step.operation.call is Call.UPDATE_ASSUME_ROLE_POLICY
        if step.effect in {Effect.WIDENS, Effect.BOTH} and (is_trust or manner is Manner.TAKE_FIRST):
            step = _waiting_for(step, kinds)  # noqa: PLW2901  the same step, more patient
        if step.effect is Effect.BOTH:
            kinds.update(step.operation.approvals)
        waiting.append(step)
    return waiting


def _waiting_for(step: Step, kinds: Iterable[Approval]) -> Step:
    wanted = {*kinds, *step.operation.approvals}
    approvals = tuple(kind for kind in Approval if kind in wanted)
    return replace(step, operation=replace(step.operation, approvals=approvals))


def _trust_around(
    move: TrustMove, permissions: Sequence[Step], *, alone: bool, now: Now
) -> tuple[list[Step], list[Step], list[str]]:
    """Return the trust calls before and after the permission calls, and who loses access in between."""
    effects = {step.effect for step in permissions}
    gives, takes = bool(effects & {Effect.WIDENS, Effect.BOTH}), bool(effects & {Effect.NARROWS, Effect.BOTH})
    if move.meanwhile is not None:
        return _held_trust(move, alone=alone and not permissions, now=now)
    if ALWAYS_HELD.intersection(move.approvals):
        return [], [_final_trust(move)], []  # with nothing that could be taken away meanwhile
    match move.effect:
        case Effect.NARROWS | Effect.NEUTRAL if not move.late:
            return [_final_trust(move, Phase.NARROW_TRUST)], [], []
        case Effect.WIDENS | Effect.NEUTRAL:
            return [], [_final_trust(move)], []
        case Effect.BOTH if alone and gives and not takes and not move.late:
            return [_final_trust(move, Phase.NARROW_TRUST)], [], []
        case _ if alone and not gives:
            return [], [_final_trust(move)], []
        case _:
            return _split_trust(move, move.goal, now)


def _held_trust(move: TrustMove, *, alone: bool, now: Now) -> tuple[list[Step], list[Step], list[str]]:
    """Return the write that need not wait, and the one that does.

    Where anything else moves, the first takes away only: whom it adds might meet what others are still to lose.
    """
    meanwhile = move.meanwhile_alone if alone else move.meanwhile
    if meanwhile is None:
        return [], [_final_trust(move)], []
    ready = now.writable(meanwhile)
    if ready and (alone or effect_of(move.living, ready, partition=move.partition) is Effect.NARROWS):
        return [_narrow_trust(move, ready, now)], [_final_trust(move)], _locked_out(move, ready)
    first, last, _ = _split_trust(move, meanwhile, now)
    written = [PolicyDocument(step.operation.params["PolicyDocument"]) for step in first]
    return first, last, [notice for document in written for notice in _locked_out(move, document)]


def _locked_out(move: TrustMove, meanwhile: PolicyDocument) -> list[str]:
    """Return who, of those that a role trusts before and after, cannot assume it until the last write is approved."""
    if has_effect(move.living, "Allow") and not has_effect(meanwhile, "Allow"):
        return [f"nobody can assume role/{move.role} until this is approved: what needs no approval lets nobody in"]
    if loses(move.living, move.goal, meanwhile, partition=move.partition):
        return [f"not everybody who keeps the right to assume role/{move.role} can do so until this is approved"]
    return []


def _split_trust(move: TrustMove, goal: PolicyDocument, now: Now) -> tuple[list[Step], list[Step], list[str]]:
    """Return the write of what the living trust and the goal both allow, and the last one."""
    common = narrowed(move.living, goal, partition=move.partition)
    common = None if common is None else now.writable(common)
    if common is not None and common.same_meaning(move.living, move.partition):
        return [], [_final_trust(move)], []
    if not has_effect(move.living, "Allow"):
        return [], [_final_trust(move)], []
    lost = []
    if not has_effect(common, "Allow"):
        lost = [f"nobody can assume role/{move.role} for a moment: its old and new trust have nobody in common"]
    elif loses(move.living, goal, common, partition=move.partition):
        lost = [f"not everybody who keeps the right to assume role/{move.role} can do so at every moment"]
    return [_narrow_trust(move, common or move.closed, now)], [_final_trust(move)], lost


def _narrow_trust(move: TrustMove, document: PolicyDocument, now: Now | None = None) -> Step:
    principals = move.principals if now is None else now.ids
    operation = write_trust(move.role, document, principals=principals)
    return Step(operation=operation, effect=Effect.NARROWS, phase=Phase.NARROW_TRUST)


def _final_trust(move: TrustMove, phase: Phase = Phase.WIDEN_TRUST) -> Step:
    operation = write_trust(move.role, move.goal, principals=move.principals, approvals=move.approvals)
    return Step(operation=operation, effect=move.effect, phase=phase)


def advance(paths: Paths, operation: Operation) -> Paths:
    """Return what an object has at each path once a call is done: the call's meaning, without IAM."""
    params = operation.params
    match operation.call:
        case Call.CREATE_ROLE:
            return _created_role(params)
        case Call.CREATE_POLICY:
            return _created_policy(params)
        case Call.DELETE_ROLE | Call.DELETE_POLICY:
            return {}
        case _:
            after = {**paths, **_put(paths, operation)}
            return {path: content for path, content in after.items() if content is not None}


def _put(paths: Paths, operation: Operation) -> Paths:  # noqa: C901  one arm a call, nothing nested
    """Return what a call that changes an object in place puts at its paths, None for what it takes away."""
    params = operation.params
    match operation.call:
        case Call.UPDATE_ASSUME_ROLE_POLICY:
            return {"trust": PolicyDocument(params["PolicyDocument"])}
        case Call.CREATE_POLICY_VERSION:
            return {"policy": PolicyDocument(params["PolicyDocument"])}
        case Call.PUT_ROLE_POLICY:
            return {f"{INLINE}{params['PolicyName']}": PolicyDocument(params["PolicyDocument"])}
        case Call.DELETE_ROLE_POLICY:
            return {f"{INLINE}{params['PolicyName']}": None}
        case Call.ATTACH_ROLE_POLICY:
            return {"managed_policies": sorted({*paths["managed_policies"], params["PolicyArn"]})}
        case Call.DETACH_ROLE_POLICY:
            return {"managed_policies": sorted({*paths["managed_policies"]} - {params["PolicyArn"]})}
        case Call.PUT_ROLE_PERMISSIONS_BOUNDARY:
            return {"permissions_boundary": params["PermissionsBoundary"]}
        case Call.DELETE_ROLE_PERMISSIONS_BOUNDARY:
            return {"permissions_boundary": None}
        case Call.UPDATE_ROLE:
            return {"description": params["Description"], "max_session_duration": params["MaxSessionDuration"]}
        case Call.TAG_ROLE | Call.TAG_POLICY:
            return {"tags": {**paths.get("tags", {}), **_tags(params)}}
        case Call.UNTAG_ROLE | Call.UNTAG_POLICY:
            return {
                "tags": {key: value for key, value in paths.get("tags", {}).items() if key not in params["TagKeys"]}
            }
        case _:
            return {}  # a version or a profile less: at no path of the object


def _tags(params: Json) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in params.get("Tags", ())}


def _created_policy(params: Json) -> Paths:
    return {
        "policy": PolicyDocument(params["PolicyDocument"]),
        "description": params.get("Description", ""),
        "tags": _tags(params),
    }


def _created_role(params: Json) -> Paths:
    paths: Paths = {
        "trust": PolicyDocument(params["AssumeRolePolicyDocument"]),
        "description": params.get("Description", ""),
        "max_session_duration": params["MaxSessionDuration"],
        "managed_policies": [],
        "tags": _tags(params),
    }
    if "PermissionsBoundary" in params:
        paths["permissions_boundary"] = params["PermissionsBoundary"]
    return paths


def with_forms(operations: Iterable[Operation], start: Paths, *, partition: str) -> list[Operation]:
    """Return the calls with the digests, by path, that each leaves behind: walked through from the start."""
    done, paths = [], dict(start)
    for operation in operations:
        after = advance(paths, operation)
        moved = {
            path for path in {*paths, *after} if paths.get(path) is not after.get(path) and _moved(paths, after, path)
        }
        forms = {path: digest_at(after.get(path), partition) for path in sorted(moved)}
        done.append(replace(operation, forms=forms))
        paths = after
    return done


def as_carried_out(change: Change, *, reviewed: bool, partition: str) -> Change:
    """Return a change with the forms that its calls lead through in a run that makes those held only if `reviewed`.

    What several calls write in turn, attachments and tags, depends on which of them are made.
    """
    if reviewed or not any(operation.held for operation in change.operations):
        return change
    paths = {path: content for path, content in (change.before or {}).items() if path in JOINT and content is not None}
    walked = []
    for operation in change.operations:
        if not operation.held:
            paths = advance(paths, operation)
            joint = {path: digest_at(paths.get(path), partition) for path in JOINT & operation.forms.keys()}
            operation = replace(operation, forms={**operation.forms, **joint})  # noqa: PLW2901  the same call
        walked.append(operation)
    return replace(change, operations=tuple(walked))


def _moved(before: Paths, after: Paths, path: str) -> bool:
    one, other = before.get(path), after.get(path)
    return isinstance(one, PolicyDocument) or isinstance(other, PolicyDocument) or one != other


def create_role(role: Role, trust: PolicyDocument, *, principals: Mapping[str, str | None]) -> Operation:
    """Return the call that makes a role: trust, tags, boundary, description and duration all at once.

    The boundary goes on here and not after, so that there is no moment without it.
    """
    params: dict[str, Any] = {
        "RoleName": role.name,
        "Path": role.path,
        "AssumeRolePolicyDocument": trust.source,
        "MaxSessionDuration": role.max_session_duration,
    }
    if role.description:
        params["Description"] = role.description
    if role.permissions_boundary:
        params["PermissionsBoundary"] = role.permissions_boundary
    if role.tags:
        params["Tags"] = iam_tags(role.tags)
    named = write_trust(role.name, trust, principals=principals)
    return Operation(call=Call.CREATE_ROLE, params=params, principals=named.principals)


def create_policy(policy: ManagedPolicy) -> Operation:
    """Return the call that makes a managed policy."""
    params: dict[str, Any] = {"PolicyName": policy.name, "Path": policy.path, "PolicyDocument": policy.policy.source}
    if policy.description:
        params["Description"] = policy.description
    if policy.tags:
        params["Tags"] = iam_tags(policy.tags)
    return Operation(call=Call.CREATE_POLICY, params=params)
