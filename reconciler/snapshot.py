"""A live account as one value.

Two paged calls, read side by side, make the whole picture: GetAccountAuthorizationDetails has tags, boundaries, last use,
inline and attached policies but neither description nor session duration, ListRoles has those two; they are merged by
role ID (IAM API reference, RoleDetail and ListRoles). Costs pages, not roles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.model.diagnostic import Diagnostic
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.role import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A user or group as far as it matters here: who it is."""

    name: str
    arn: str
    id: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """The account's own quotas and counts, from GetAccountSummary; the defaults are AWS's.

    Sizes are in characters, white space not counted (IAM User Guide, reference_iam-quotas).
    """

    trust_policy_size: int = 2048
    attached_policies_per_role: int = 10
    roles: int = 1000
    policies: int = 1500
    inline_policies_size: int = 10240
    managed_policy_size: int = 6144
    versions_per_policy: int = 5
    roles_in_use: int = 0
    policies_in_use: int = 0


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One account as read, with the time (RFC 3339, UTC) and the calls it took.

    `roles`, `users`, `groups` are by name, `policies` the customer managed ones by ARN, or None where no managed policy
    mattered and none was read. `known_policies` are the AWS managed policy ARNs that were looked up, with whether each
    exists. `remarks` are what reading came across: documents not understood, entries that contradict each other.
    """

    account: str
    partition: str
    caller_arn: str
    taken_at: str
    roles: Mapping[str, Role] = field(default_factory=dict)
    users: Mapping[str, Entity] = field(default_factory=dict)
    groups: Mapping[str, Entity] = field(default_factory=dict)
    policies: Mapping[str, ManagedPolicy] | None = None
    known_policies: Mapping[str, bool] = field(default_factory=dict)
    quotas: Quotas = Quotas()
    calls: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[Diagnostic, ...] = ()
