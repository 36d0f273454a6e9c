"""What a change at one path of an object does to what is allowed, and the permission calls that make it.

A managed policy that changes in the same plan is two documents to whoever attaches or detaches it: what it does then is
what both do, and both at once where they differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.model.access import has_effect, narrowed, widens
from reconciler.model.arn import parse_arn
from reconciler.model.assuming import assumable, assuming_part
from reconciler.model.change import Approval, Call, Json, Operation
from reconciler.model.form import INLINE
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.policy import NEW_VERSION, PolicyDocument
from reconciler.model.role import Role
from reconciler.operations import Effect, Step, effect_of, iam_tags
from reconciler.snapshot import UNKNOWN_QUOTAS, Quotas
from reconciler.world import World

WIDENING = frozenset({Effect.WIDENS, Effect.BOTH})
EVERY_ROLE = frozenset({"*"})
_NAMES_OF_DENIALS = ("Deny", "Quarantine")

# GetCallerIdentity works for everybody, even where a policy denies it (STS API Reference, GetCallerIdentity).
_DENIES_NOTHING = {"Effect": "Deny", "Action": "sts:GetCallerIdentity", "Resource": "*"}
_DENIES_ALL = {"Effect": "Deny", "Action": "*", "Resource": "*"}


def trust_limit(world: World) -> int:
    """Return how many characters of a trust IAM takes: the account's quota, else what every account has at least."""
    quotas = world.snapshot.quotas
    return (Quotas() if quotas == UNKNOWN_QUOTAS else quotas).trust_policy_size


def path_effect(path: str, before: Any, after: Any, world: World) -> Effect:
    """Return what a change at one path does to what is allowed."""
    match path:
        case "trust" | "policy":
            return effect_of(before, after, partition=world.partition)
        case _ if path.startswith(INLINE):
            return effect_of(before, after, partition=world.partition)
        case "max_session_duration":
            return Effect.WIDENS if after > before else Effect.NARROWS
        case "permissions_boundary":
            return _boundary_effect(before, after, world)
        case "managed_policies":
            return _joint(
                [attach_effect(arn, world) for arn in after if arn not in before]
                + [_opposite(attach_effect(arn, world)) for arn in before if arn not in after]
            )
        case "tags":
            return Effect.BOTH if tags_matter({*_changed_keys(before, after)}, world) else Effect.NEUTRAL
        case _:
            return Effect.NEUTRAL


def _joint(effects: Iterable[Effect]) -> Effect:
    kinds = set(effects) - {Effect.NEUTRAL}
    if not kinds:
        return Effect.NEUTRAL
    return kinds.pop() if len(kinds) == 1 else Effect.BOTH


def _opposite(effect: Effect) -> Effect:
    return {Effect.NARROWS: Effect.WIDENS, Effect.WIDENS: Effect.NARROWS}.get(effect, effect)


def _changed_keys(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    return {key for key in {*before, *after} if before.get(key) != after.get(key)}


def tags_matter(keys: set[str], world: World) -> bool:
    """Tell whether a policy at hand asks for one of the tags, so that changing it changes who may do what.

    Tag keys have no case in `aws:PrincipalTag/KEY`, `aws:ResourceTag/KEY` and `iam:ResourceTag/KEY` (IAM User Guide,
    reference_policies_condition-keys); a variable such as `${aws:PrincipalTag/KEY}` counts too.
    """
    wanted = {f"tag/{key}".casefold() for key in keys}
    return any(key in text for text in world.texts_about_tags for key in wanted)


def _boundary_effect(before: str | None, after: str | None, world: World) -> Effect:
    """Return what one boundary in place of another does; of one that changes itself meanwhile, both."""
    if before is None or after is None:
        return Effect.NARROWS if before is None else Effect.WIDENS
    match documents_of(before, world), documents_of(after, world):
        case [one], [other]:
            return effect_of(one, other, partition=world.partition)
        case _:
            return Effect.BOTH


def documents_of(arn: str, world: World) -> list[PolicyDocument]:
    """Return what a customer managed policy says now and what it is declared to say, once where that is the same.

    Empty for a policy whose text is not at hand: AWS's own are not read.
    """
    live = (world.snapshot.policies or {}).get(arn)
    found = [] if live is None else [live.policy]
    parsed = parse_arn(arn)
    declaration = world.desired.objects.get(f"managed_policy/{parsed.name}") if parsed else None
    if declaration is not None and isinstance(declaration.value, ManagedPolicy) and declaration.value.arn == arn:
        declared = declaration.value.policy
        if not found or not declared.same_meaning(found[0], world.partition):
            found.append(declared)
    return found


def attach_effect(arn: str, world: World) -> Effect:
    """Return what attaching a policy does; of AWS's own, whose text is not read, by their names."""
    return _attached(arn, world).effect


_NO_CALL = Operation(call=Call.ATTACH_ROLE_POLICY, params={})


def _attached(arn: str, world: World) -> Step:
    """Return what attaching a policy does, as a step that is still to get its call."""
    documents = documents_of(arn, world)
    if not documents:
        parsed = parse_arn(arn)
        denies = parsed is not None and any(word in parsed.name for word in _NAMES_OF_DENIALS)
        effect = Effect.BOTH if denies else Effect.WIDENS
        return Step(operation=_NO_CALL, effect=effect, guards=denies, assumes=effect, targets=EVERY_ROLE)
    steps = [_document_step(_NO_CALL, None, document, world) for document in documents]
    return Step(
        operation=_NO_CALL,
        effect=_joint(step.effect for step in steps),
        guards=any(step.guards for step in steps),
        assumes=_joint(step.assumes for step in steps),
        targets=frozenset().union(*(step.targets for step in steps)),
    )


def _document_step(
    operation: Operation, before: PolicyDocument | None, after: PolicyDocument | None, world: World
) -> Step:
    """Return the step that puts one document in the place of another."""
    return Step(
        operation=operation,
        effect=effect_of(before, after, partition=world.partition),
        guards=has_effect(before, "Deny") or has_effect(after, "Deny"),
        assumes=effect_of(assuming_part(before), assuming_part(after), partition=world.partition),
        targets=assumable(before) | assumable(after),
    )


def permission_steps(
    live: Role | ManagedPolicy | None,
    declared: Role | ManagedPolicy | None,
    world: World,
    *,
    approvals: Mapping[str, frozenset[Approval]] | None = None,
    in_two: bool = False,
) -> list[Step]:
    """Return the calls that change what an object permits, trust and creation apart, in no order yet.

    With no `live` object they are what follows its creation, with no `declared` one what precedes its deletion.
    `in_two`: a managed policy that both loses and gains goes through what both its documents allow.
    """
    given = approvals or {}
    match live, declared:
        case ((Role() | None), (Role() | None)):
            steps = _role_steps(live, declared, world, given)
        case ((ManagedPolicy() | None), (ManagedPolicy() | None)):
            steps = _policy_steps(live, declared, world, given, in_two=in_two)
        case _:  # pragma: no cover  an address names one kind
            raise TypeError(live, declared)
    return [_with_approvals(step, path, given) for path, step in steps]


def _with_approvals(step: Step, path: str, given: Mapping[str, frozenset[Approval]]) -> Step:
    """Return the step with what it waits for: what only narrows waits for `adopt` alone."""
    kinds = given.get(path, frozenset())
    if step.effect not in WIDENING and not (step.effect is Effect.NEUTRAL and Approval.ADOPT in kinds):
        kinds &= {Approval.ADOPT}
    ordered = tuple(kind for kind in Approval if kind in kinds)
    return replace(step, operation=replace(step.operation, approvals=ordered))


def _role_steps(
    live: Role | None, declared: Role | None, world: World, given: Mapping[str, frozenset[Approval]]
) -> Iterator[tuple[str, Step]]:
    role = declared or live
    assert role is not None  # noqa: S101  one of both is there
    for step in _attachment_steps(role.name, live, declared, world):
        yield "managed_policies", step
    yield from _inline_steps(role.name, live, declared, world, given)
    if live is None or declared is None:
        return
    if live.permissions_boundary != declared.permissions_boundary:
        yield "permissions_boundary", _boundary_step(live, declared, world)
    for step in _tag_steps(live, declared, world):
        yield "tags", step
    about = (declared.description, declared.max_session_duration)
    if about != (live.description, live.max_session_duration):
        path = "description" if about[1] == live.max_session_duration else "max_session_duration"
        yield path, _about_step(live, declared)


def _attachment_steps(name: str, live: Role | None, declared: Role | None, world: World) -> Iterator[Step]:
    there = live.managed_policies if live else frozenset()
    wanted = declared.managed_policies if declared else frozenset()
    for arn in sorted(wanted - there):
        operation = Operation(call=Call.ATTACH_ROLE_POLICY, params={"RoleName": name, "PolicyArn": arn})
        yield replace(_attached(arn, world), operation=operation)
    for arn in sorted(there - wanted):
        operation = Operation(call=Call.DETACH_ROLE_POLICY, params={"RoleName": name, "PolicyArn": arn})
        step = _attached(arn, world)
        yield replace(step, operation=operation, effect=_opposite(step.effect), assumes=_opposite(step.assumes))


def _inline_steps(
    name: str,
    live: Role | None,
    declared: Role | None,
    world: World,
    given: Mapping[str, frozenset[Approval]],
) -> Iterator[tuple[str, Step]]:
    there: Mapping[str, PolicyDocument] = live.inline_policies if live else {}
    wanted: Mapping[str, PolicyDocument] = declared.inline_policies if declared else {}
    room = _room_for_each(name, wanted, world)
    for policy in sorted({*there, *wanted}):
        before, after = there.get(policy), wanted.get(policy)
        if before and after and before.same_meaning(after, world.partition):
            continue
        path = f"{INLINE}{policy}"
        limit = max(document.size for document in (before, after) if document) + room
        for document in _in_steps(before, after, given.get(path, frozenset()), world, limit=limit):
            yield path, _inline_step(name, policy, before, document, world)
            before = document


def _room_for_each(role: str, wanted: Mapping[str, PolicyDocument], world: World) -> int:
    """Return by how many characters each inline policy may be longer on its way than at its start and its end."""
    live = world.snapshot.roles.get(role)
    there = live.inline_policies if live else {}
    names = {*there, *wanted}
    longest = [max(some[name].size for some in (there, wanted) if name in some) for name in names]
    return max(world.snapshot.quotas.inline_policies_size - sum(longest), 0) // max(len(names), 1)


def _in_steps(
    before: PolicyDocument | None,
    after: PolicyDocument | None,
    kinds: frozenset[Approval],
    world: World,
    *,
    limit: int,
) -> Iterator[PolicyDocument | None]:
    """Yield the documents to write: what needs an approval last, so that what only takes away need not wait for it."""
    waits = Approval.UNDO_NARROWING in kinds or Approval.BROADEN in kinds & world.held
    if waits and before and after and effect_of(before, after, partition=world.partition) is Effect.BOTH:
        partial = narrowed(before, after, partition=world.partition, limit=limit)
        guarded = has_effect(before, "Deny") or has_effect(after, "Deny")
        if not (guarded if partial is None else not widens(partial, before, partition=world.partition)):
            yield partial
    yield after


def _in_two(before: PolicyDocument, after: PolicyDocument, world: World) -> Iterator[PolicyDocument]:
    """Yield what both documents allow, or one that allows nothing and lifts no Deny; then the second."""
    if effect_of(before, after, partition=world.partition) is Effect.BOTH:
        guarded = has_effect(before, "Deny") or has_effect(after, "Deny")
        nothing = {"Version": NEW_VERSION, "Statement": [_DENIES_ALL if guarded else _DENIES_NOTHING]}
        limit = world.snapshot.quotas.managed_policy_size
        common = narrowed(before, after, partition=world.partition, limit=limit)
        yield common or PolicyDocument(nothing)
    yield after


def _inline_step(
    role: str, policy: str, before: PolicyDocument | None, after: PolicyDocument | None, world: World
) -> Step:
    params: dict[str, Any] = {"RoleName": role, "PolicyName": policy}
    if after is None:
        operation = Operation(call=Call.DELETE_ROLE_POLICY, params=params)
    else:
        operation = Operation(call=Call.PUT_ROLE_POLICY, params={**params, "PolicyDocument": after.source})
    return _document_step(operation, before, after, world)


def _boundary_step(live: Role, declared: Role, world: World) -> Step:
    params: Json = {"RoleName": declared.name}
    call = Call.DELETE_ROLE_PERMISSIONS_BOUNDARY
    if declared.permissions_boundary is not None:
        call, params = (
            Call.PUT_ROLE_PERMISSIONS_BOUNDARY,
            {**params, "PermissionsBoundary": declared.permissions_boundary},
        )
    effect = _boundary_effect(live.permissions_boundary, declared.permissions_boundary, world)
    operation = Operation(call=call, params=params)
    return Step(operation=operation, effect=effect, guards=True, assumes=effect, targets=EVERY_ROLE)


def _tag_steps(live: Role, declared: Role, world: World) -> Iterator[Step]:
    """Yield the tag calls of a role; a key whose case changes is taken off first, since keys have no case there."""
    goal = {key.casefold(): key for key in declared.tags}
    gone = sorted(key for key in live.tags if goal.get(key.casefold()) != key)
    fresh = {key: value for key, value in declared.tags.items() if live.tags.get(key) != value}
    if gone:
        yield _tag_step(Call.UNTAG_ROLE, {"RoleName": declared.name, "TagKeys": gone}, set(gone), world)
    if fresh:
        params = {"RoleName": declared.name, "Tags": iam_tags(fresh)}
        yield _tag_step(Call.TAG_ROLE, params, set(fresh), world)


def _tag_step(call: Call, params: Json, keys: set[str], world: World) -> Step:
    matters = tags_matter(keys, world)
    effect = Effect.BOTH if matters else Effect.NEUTRAL
    operation = Operation(call=call, params=params)
    return Step(operation=operation, effect=effect, guards=matters, assumes=effect, targets=EVERY_ROLE)


def _about_step(live: Role, declared: Role) -> Step:
    """Return the call for description and session duration: both are sent, since what is left out may be reset.

    The API's documentation and recorded behaviour disagree on what happens to a parameter of UpdateRole left out.
    """
    params = {
        "RoleName": declared.name,
        "Description": declared.description,
        "MaxSessionDuration": declared.max_session_duration,
    }
    longer = declared.max_session_duration - live.max_session_duration
    effect = Effect.NEUTRAL if longer == 0 else Effect.WIDENS if longer > 0 else Effect.NARROWS
    return Step(operation=Operation(call=Call.UPDATE_ROLE, params=params), effect=effect)


def _policy_steps(
    live: ManagedPolicy | None,
    declared: ManagedPolicy | None,
    world: World,
    given: Mapping[str, frozenset[Approval]],
    *,
    in_two: bool,
) -> Iterator[tuple[str, Step]]:
    if live is None or declared is None:
        return
    if not live.policy.same_meaning(declared.policy, world.partition):
        kinds = given.get("policy", frozenset())
        limit = world.snapshot.quotas.managed_policy_size
        documents: Iterator[PolicyDocument | None] = (
            _in_two(live.policy, declared.policy, world)
            if in_two
            else _in_steps(live.policy, declared.policy, kinds, world, limit=limit)
        )
        for step in _version_steps(live, documents, world):
            yield "policy", step
    for operation in _policy_tag_calls(live.arn, live.tags or {}, declared.tags or {}):
        yield "tags", Step(operation=operation, effect=Effect.NEUTRAL)


def _policy_tag_calls(arn: str, there: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[Operation]:
    gone = sorted(set(there) - set(wanted))
    fresh = {key: value for key, value in wanted.items() if there.get(key) != value}
    if gone:
        yield Operation(call=Call.UNTAG_POLICY, params={"PolicyArn": arn, "TagKeys": gone})
    if fresh:
        yield Operation(call=Call.TAG_POLICY, params={"PolicyArn": arn, "Tags": iam_tags(fresh)})


def _version_steps(live: ManagedPolicy, documents: Iterable[PolicyDocument | None], world: World) -> Iterator[Step]:
    """Yield new default versions, each preceded by the removal of the oldest other one where there is no room."""
    before = live.policy
    versions = [version for version in live.versions if version != live.default_version]
    room = world.snapshot.quotas.versions_per_policy - len(live.versions)
    for document in documents:
        if document is None:
            continue
        if room <= 0 and versions:
            params = {"PolicyArn": live.arn, "VersionId": versions.pop(0)}
            yield Step(operation=Operation(call=Call.DELETE_POLICY_VERSION, params=params), effect=Effect.NEUTRAL)
        room -= 1
        operation = Operation(
            call=Call.CREATE_POLICY_VERSION,
            params={"PolicyArn": live.arn, "PolicyDocument": document.source, "SetAsDefault": True},
        )
        yield _document_step(operation, before, document, world)
        before = document
