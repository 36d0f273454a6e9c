"""A customer managed policy: one type for the declared and the live.

Name, path and description cannot change after creation; a changed document becomes a new version, of which IAM keeps
five (IAM User Guide, access_policies_managed-versioning).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.model.arn import iam_arn
from reconciler.model.policy import PolicyDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedPolicy:
    """A managed policy; `policy` is the default version's document.

    `tags` is None where a live policy's tags were not read: GetAccountAuthorizationDetails does not carry them.
    `versions` are the live version IDs, oldest first, `default_version` one of them; `attached_to` the addresses
    (`role/NAME`, `user/NAME`, `group/NAME`) that it is attached to, `boundary_of` those that it bounds.
    """

    partition: str
    account: str
    name: str
    path: str = "/"
    policy: PolicyDocument
    description: str = ""
    tags: Mapping[str, str] | None = field(default_factory=dict)
    policy_id: str | None = None
    versions: tuple[str, ...] = ()
    default_version: str | None = None
    attached_to: frozenset[str] = frozenset()
    boundary_of: frozenset[str] = frozenset()

    @property
    def arn(self) -> str:
        """Return the policy's ARN, path included."""
        return iam_arn(partition=self.partition, account=self.account, kind="policy", path=self.path, name=self.name)

    @property
    def address(self) -> str:
        """Return the address that plans, state and reports use."""
        return f"managed_policy/{self.name}"
