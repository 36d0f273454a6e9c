"""The look before a write: what an object holds at the paths that are about to be written, read from IAM itself.

IAM has no compare-and-swap: the last write wins. So what is about to be overwritten is read once more and compared with
what the plan was made against; the moment between look and write is all that remains open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from reconciler.iam import Iam, or_none
from reconciler.model.arn import parse_arn
from reconciler.model.change import Action, Call, Change, Operation
from reconciler.model.form import INLINE, Paths, paths_of
from reconciler.snapshot import read_policy, read_role


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a look found: the unique ID, and what the object holds at the paths that were asked for."""

    id: str | None
    paths: Paths
    instance_profiles: tuple[str, ...] = ()


def look(iam: Iam, change: Change) -> Seen | None:
    """Return the live object as it is before the change's first write; None where it is not there.

    What is to be deleted is read whole. Raises AwsError where IAM does not say.
    """
    live = change.before or {}
    if change.address.startswith("managed_policy/"):
        return _policy(iam, str(live["arn"]))
    if change.action in {Action.DELETE, Action.REPLACE}:
        role = or_none(lambda: read_role(iam, str(live["name"])))
        if role is None:
            return None
        return Seen(id=role.role_id, paths=paths_of(role), instance_profiles=role.instance_profiles)
    return _role(iam, str(live["name"]), written_paths(change))


def look_again(iam: Iam, change: Change, operation: Operation) -> Seen | None:
    """Return what there is now of the object of a call at the paths that it writes; None where it is not there.

    Of what is being made, all paths that its change writes are read. Raises AwsError where IAM does not say.
    """
    if change.address.startswith("managed_policy/"):
        value = change.after or change.before or {}
        return _policy(iam, str(operation.params.get("PolicyArn") or value["arn"]))
    paths = written_paths(change) if operation.call is Call.CREATE_ROLE else frozenset(operation.forms)
    return _role(iam, str(operation.params["RoleName"]), paths)


def written_paths(change: Change) -> frozenset[str]:
    """Return every path that the change's calls write."""
    return frozenset(path for operation in change.operations for path in operation.forms)


def _policy(iam: Iam, arn: str) -> Seen | None:
    policy = or_none(lambda: read_policy(iam, arn))
    return None if policy is None else Seen(id=policy.policy_id, paths=paths_of(policy))


def _role(iam: Iam, name: str, paths: Iterable[str]) -> Seen | None:
    role = or_none(lambda: iam.get_role(name))
    if role is None:
        return None
    held = {path: content for path, content in paths_of(role).items() if path != "managed_policies"}
    for path in paths:
        if path == "managed_policies":
            attached = or_none(lambda: iam.list_attached_role_policies(name))
            held[path] = sorted(attached or ())
        elif path.startswith(INLINE):
            document = or_none(partial(iam.get_role_policy, name, path.removeprefix(INLINE)))
            if document is not None:
                held[path] = document
    return Seen(id=role.role_id, paths=held)


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
