"""What somebody took away from a role outside, and whether a policy of another name would give it back.

A role may do what all its policies allow together. So a statement that a responder removed from one of them must not
come again by way of another: an inline policy with a new name, an attached one in its place, or the other way round.
What was last applied is known by its digest alone; while the manifest still declares just that, it is known what was
taken, and what has nothing to do with it passes. Where the manifest has moved on too, or a text is not at hand, all
that is given may be it, unless what is left there is as much.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reconciler.effects import WIDENING, documents_of
from reconciler.model.access import loses
from reconciler.model.form import INLINE, digest_at, paths_of
from reconciler.model.policy import PolicyDocument
from reconciler.operations import effect_of
from reconciler.world import Case, World

ATTACHED = "managed_policies"


@dataclass(frozen=True, slots=True)
class _Taken:
    """A policy that gives less than when last applied: `was` is what it said then, None where nobody knows it."""

    was: PolicyDocument | None
    left: PolicyDocument | None


def gives_what_was_taken(path: str, live: Any, declared: Any, case: Case, world: World) -> bool:
    """Tell whether a policy, or the list of those attached, may give what somebody took out of another outside."""
    if not _is_permission(path):
        return False
    before = [live] if isinstance(live, PolicyDocument) else []
    given = list(_given(path, live, declared, world))
    return any(_may_be(taken, document, before, world) for taken in _taken(path, case, world) for document in given)


def _is_permission(path: str) -> bool:
    return path == ATTACHED or path.startswith(INLINE)


def _given(path: str, live: Any, declared: Any, world: World) -> Iterator[PolicyDocument | None]:
    """Yield the documents that are given, None for one whose text is not at hand."""
    if path != ATTACHED:
        yield declared
        return
    for arn in sorted(set(declared) - set(live)):
        yield from documents_of(arn, world) or (None,)


def _taken(path: str, case: Case, world: World) -> Iterator[_Taken]:
    """Yield the other policies of a role that somebody changed or took away outside."""
    assert case.declaration is not None and case.live is not None and case.owned is not None  # noqa: S101, PT018
    wanted, there = paths_of(case.declaration.value), paths_of(world.view(case.live, case.declaration))
    for other, last in case.owned.digests.items():
        if other == path or not _is_permission(other) or digest_at(there.get(other), world.partition) == last:
            continue
        is_known = digest_at(wanted.get(other), world.partition) == last
        if other != ATTACHED:
            yield _Taken(wanted.get(other) if is_known else None, there.get(other))
        elif is_known:
            for arn in sorted(set(wanted[other]) - set(there[other])):
                yield from (_Taken(document, None) for document in documents_of(arn, world) or (None,))
        else:
            yield _Taken(None, None)
    for arn in there[ATTACHED]:
        yield from _taken_from_policy(arn, world)


def _taken_from_policy(arn: str, world: World) -> Iterator[_Taken]:
    """Yield an attached policy of this program's own that says something else than when last applied."""
    live = (world.snapshot.policies or {}).get(arn)
    owned = world.owned_at(live.address) if live else None
    if live is None or owned is None or digest_at(live.policy, world.partition) == owned.digests.get("policy"):
        return
    declaration = world.desired.objects.get(live.address)
    declared = paths_of(declaration.value).get("policy") if declaration else None
    is_known = declared is not None and digest_at(declared, world.partition) == owned.digests.get("policy")
    yield _Taken(declared if is_known else None, live.policy)


def _may_be(taken: _Taken, given: PolicyDocument | None, before: list[PolicyDocument], world: World) -> bool:
    """Tell whether what is given may be what was taken, and is neither left there nor was here before."""
    left = taken.left if taken.left is not None and taken.left.understood else None
    if given is None:
        return True
    if taken.was is None:
        return effect_of(left, given, partition=world.partition) in WIDENING
    return all(loses(taken.was, given, kept, partition=world.partition) for kept in (left, *before))
