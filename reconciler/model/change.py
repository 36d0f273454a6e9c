"""What a plan is made of: operations, differences, changes.

A `Change` says what happens to one object and why, for people; its `Operation`s say which calls with which parameters,
for `apply`, which can do nothing else. Both are frozen values that a plan file holds exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

Json: TypeAlias = Mapping[str, Any]


class Action(StrEnum):
    """What happens to an object."""

    CREATE = "create"
    IMPORT = "import"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    FORGET = "forget"


class Reason(StrEnum):
    """Why something happens, weightiest last: a change carries its weightiest, each difference its own."""

    NOT_THERE = "not_there"
    NOT_DECLARED = "not_declared"
    EXPIRED = "expired"
    MANIFEST_CHANGED = "manifest_changed"
    UNFINISHED = "unfinished"
    ADOPTED = "adopted"
    CHANGED_OUTSIDE = "changed_outside"
    RE_TRUSTED_AFTER_REPLACE = "re_trusted_after_replace"
    ORPHAN_REMOVED = "orphan_removed"
    PRINCIPAL_INFERRED = "principal_inferred"
    PRINCIPAL_DELETED = "principal_deleted"
    PRINCIPAL_RECREATED = "principal_recreated"
    PATH_CHANGED = "path_changed"
    DELETED_OUTSIDE = "deleted_outside"
    RECREATED_OUTSIDE = "recreated_outside"

    @property
    def weight(self) -> int:
        """Return the rank by which a change picks its own reason from those of its differences."""
        return list(Reason).index(self)


class Approval(StrEnum):
    """The security decisions that a change may need; the first three are held by a bare `--auto-approve`."""

    RE_TRUST = "re_trust"
    ADOPT = "adopt"
    UNDO_NARROWING = "undo_narrowing"
    BROADEN = "broaden"
    DELETE = "delete"


ALWAYS_HELD = frozenset({Approval.RE_TRUST, Approval.ADOPT, Approval.UNDO_NARROWING})


class Call(StrEnum):
    """Every IAM call that may change something, by the API's own name; `apply` can make no other."""

    CREATE_POLICY = "CreatePolicy"
    CREATE_POLICY_VERSION = "CreatePolicyVersion"
    DELETE_POLICY_VERSION = "DeletePolicyVersion"
    DELETE_POLICY = "DeletePolicy"
    TAG_POLICY = "TagPolicy"
    UNTAG_POLICY = "UntagPolicy"
    CREATE_ROLE = "CreateRole"
    UPDATE_ASSUME_ROLE_POLICY = "UpdateAssumeRolePolicy"
    UPDATE_ROLE = "UpdateRole"
    PUT_ROLE_POLICY = "PutRolePolicy"
    DELETE_ROLE_POLICY = "DeleteRolePolicy"
    ATTACH_ROLE_POLICY = "AttachRolePolicy"
    DETACH_ROLE_POLICY = "DetachRolePolicy"
    PUT_ROLE_PERMISSIONS_BOUNDARY = "PutRolePermissionsBoundary"
    DELETE_ROLE_PERMISSIONS_BOUNDARY = "DeleteRolePermissionsBoundary"
    TAG_ROLE = "TagRole"
    UNTAG_ROLE = "UntagRole"
    REMOVE_ROLE_FROM_INSTANCE_PROFILE = "RemoveRoleFromInstanceProfile"
    DELETE_ROLE = "DeleteRole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One API call with its exact parameters; documents stand in `params` as JSON objects, not as text.

    `forms` are the digests, by path, that the object has once the call is done; `None` for a path that is then gone.
    `principals` are the user and role ARNs that a trust document names, with the unique IDs that they are expected to
    have at the moment of the write: None for those that this very plan makes, or whose account is out of reach.
    `approvals` are what this very call needs; while one of them is `held` it waits, and others of the change do not.
    In a `group`, the objects that bear on each other, calls of a lower `phase` come before all others; 0 is no group.
    """

    call: Call
    params: Json
    stage: int = 0
    group: int = 0
    phase: int = 0
    forms: Mapping[str, str | None] = field(default_factory=dict)
    principals: Mapping[str, str | None] = field(default_factory=dict)
    approvals: tuple[Approval, ...] = ()
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One path of an object that changes, with its own reason; `before` and `after` are JSON values, None for none.

    `note` says in a sentence what a reviewer cannot see in the two values, such as whose dead ID stood there.
    """

    path: str
    reason: Reason
    before: Any = None
    after: Any = None
    broadens: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the state remembers of an object once a change is done.

    `digests` by path of the form then applied, IDs read as ARNs; `principals` the ARN and ID of the users and roles
    that the role trusts, None where the ID is known only after the write. `id` is None for what is yet to be created.
    """

    id: str | None
    arn: str
    manifest: str
    origin: str
    prevent_destroy: bool = False
    retain: bool = False
    digests: Mapping[str, str] = field(default_factory=dict)
    principals: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happens to one object.

    `base` is one digest per path that the operations write, of the live form the plan was made against: before the
    first write `apply` reads again, and refuses as stale what has moved. `needs` are the addresses of what makes what
    is named here, or lets go of what is taken away here: it comes first, and `Operation.group` tells what else does.
    `record` is what is remembered afterwards, None when the object is given up. `message` is a sentence for people,
    `notices` are further ones (who loses access for a moment, who is left with a dead ID).
    """

    address: str
    account: str
    action: Action
    reason: Reason
    message: str
    approvals: tuple[Approval, ...] = ()
    held: bool = False
    broadens: bool = False
    base: Mapping[str, str | None] = field(default_factory=dict)
    before: Json | None = None
    after: Json | None = None
    differences: tuple[Difference, ...] = ()
    operations: tuple[Operation, ...] = ()
    needs: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    id: str | None = None
    record: Record | None = None

    @property
    def stage(self) -> int:
        """Return the stage of the first operation."""
        return self.operations[0].stage if self.operations else 0
