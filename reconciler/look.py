"""The look before a write: what an object holds at the paths that are about to be written, read from IAM itself.

IAM has no compare-and-swap: the last write wins. So what is about to be overwritten is read once more and compared with
what the plan was made against; the moment between look and write is all that remains open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from reconciler.iam import AwsError, Iam, Kind
from reconciler.model.arn import parse_arn
from reconciler.model.change import Action, Change
from reconciler.model.form import INLINE, Paths, paths_of
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.role import Role
from reconciler.snapshot import read_policy, read_role

T = TypeVar("T")


def look(iam: Iam, change: Change) -> tuple[str | None, Paths] | None:
    """Return the ID of the live object and what it holds at the change's paths; None where it is not there.

    Raises AwsError where IAM does not say.
    """
    live = change.before or {}
    if change.address.startswith("managed_policy/"):
        return _policy(iam, str(live["arn"]))
    if change.action in {Action.DELETE, Action.REPLACE}:
        role = or_none(lambda: read_role(iam, str(live["name"])))
        return None if role is None else (role.role_id, paths_of(role))
    return _role_paths(iam, str(live["name"]), written_paths(change))


def look_again(iam: Iam, change: Change, params: Mapping[str, Any]) -> tuple[str | None, Paths] | None:
    """Return what there is now of the object of a call, all of it; None where it is not there."""
    if change.address.startswith("managed_policy/"):
        value = change.after or change.before or {}
        return _policy(iam, str(params.get("PolicyArn") or value["arn"]))
    role = or_none(lambda: read_role(iam, str(params["RoleName"])))
    return None if role is None else (role.role_id, paths_of(role))


def written_paths(change: Change) -> frozenset[str]:
    """Return every path that the change's calls write."""
    return frozenset(path for operation in change.operations for path in operation.forms)


def _policy(iam: Iam, arn: str) -> tuple[str | None, Paths] | None:
    policy: ManagedPolicy | None = or_none(lambda: read_policy(iam, arn))
    return None if policy is None else (policy.policy_id, paths_of(policy))


def _role_paths(iam: Iam, name: str, paths: Iterable[str]) -> tuple[str | None, Paths] | None:
    role: Role | None = or_none(lambda: iam.get_role(name))
    if role is None:
        return None
    held = {path: content for path, content in paths_of(role).items() if path != "managed_policies"}
    if "managed_policies" in paths:
        held["managed_policies"] = sorted(iam.list_attached_role_policies(name))
    for path in paths:
        if path.startswith(INLINE):
            policy = path.removeprefix(INLINE)
            document = or_none(lambda policy=policy: iam.get_role_policy(name, policy))  # type: ignore[misc]  # bound now
            if document is not None:
                held[path] = document
    return role.role_id, held


def id_now(iam: Iam, arn: str) -> str | None:
    """Return the unique ID of the user or role that has an ARN now, None where nobody has; raises AwsError."""
    parsed = parse_arn(arn)
    if parsed is None:
        return None
    if parsed.kind == "user":
        user = or_none(lambda: iam.get_user(parsed.name))
        return user.id if user is not None and user.arn == arn else None
    role = or_none(lambda: iam.get_role(parsed.name))
    return role.role_id if role is not None and role.arn == arn else None


def or_none(read: Callable[[], T]) -> T | None:
    """Return what is read, None where IAM says that there is no such entity."""
    try:
        return read()
    except AwsError as error:
        if error.kind is Kind.NOT_FOUND:
            return None
        raise
