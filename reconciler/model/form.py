"""An object taken apart by path: the form that is compared, digested and remembered.

Paths are `trust`, `description`, `max_session_duration`, `permissions_boundary`, `tags`, `managed_policies` and
`inline_policies/NAME` of a role, `policy`, `description` and `tags` of a managed policy. A form is a JSON value;
documents are in canonical form. A path that an object has not (an inline policy, a boundary) is absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, assert_never

from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.policy import PolicyDocument, Resolve, digest_of, unresolved
from reconciler.model.role import Role

Paths: TypeAlias = dict[str, Any]

INLINE = "inline_policies/"


def paths_of(value: Role | ManagedPolicy) -> Paths:
    """Return what an object has at each path: documents as `PolicyDocument`, all else as JSON values."""
    match value:
        case Role():
            paths: Paths = {
                "trust": value.trust,
                "description": value.description,
                "max_session_duration": value.max_session_duration,
                "managed_policies": sorted(value.managed_policies),
                "tags": dict(value.tags),
            }
            if value.permissions_boundary is not None:
                paths["permissions_boundary"] = value.permissions_boundary
            return paths | {f"{INLINE}{name}": document for name, document in value.inline_policies.items()}
        case ManagedPolicy():
            tags = {} if value.tags is None else {"tags": dict(value.tags)}
            return {"policy": value.policy, "description": value.description, **tags}
        case _:
            assert_never(value)


def shown(content: Any) -> Any:
    """Return what a person is shown of a path: a document in a settled order, all else as it is."""
    return content.settled.source if isinstance(content, PolicyDocument) else content


def digest_at(content: Any, partition: str = "aws", resolve: Resolve = unresolved) -> str | None:
    """Return the digest of what stands at a path, None where nothing does."""
    return None if content is None else _digest_of(content, partition, resolve)


def digests_of(value: Role | ManagedPolicy, resolve: Resolve = unresolved) -> dict[str, str]:
    """Return one digest per path of an object."""
    return {path: _digest_of(content, value.partition, resolve) for path, content in paths_of(value).items()}


def _digest_of(content: Any, partition: str, resolve: Resolve) -> str:
    return content.digest(partition, resolve) if isinstance(content, PolicyDocument) else digest_of(content)


def same_at(one: Any, other: Any, partition: str, resolve: Resolve = unresolved) -> bool:
    """Tell whether two contents of a path say the same."""
    if isinstance(one, PolicyDocument) and isinstance(other, PolicyDocument):
        return one.same_meaning(other, partition, resolve)
    return bool(one == other)


def as_json(value: Role | ManagedPolicy) -> Mapping[str, Any]:
    """Return an object as the JSON of plans and reports shows it, documents as written."""
    shared = {"name": value.name, "path": value.path, "arn": value.arn}
    match value:
        case Role():
            return {
                **shared,
                "description": value.description,
                "max_session_duration": value.max_session_duration,
                "permissions_boundary": value.permissions_boundary,
                "tags": dict(sorted(value.tags.items())),
                "trust": shown(value.trust),
                "managed_policies": sorted(value.managed_policies),
                "inline_policies": {name: shown(value.inline_policies[name]) for name in sorted(value.inline_policies)},
            }
        case ManagedPolicy():
            tags = None if value.tags is None else dict(sorted(value.tags.items()))
            return {**shared, "description": value.description, "tags": tags, "policy": shown(value.policy)}
        case _:
            assert_never(value)
