"""A role: one type for the declared and the live, so that comparing the two stays short.

A declared role has no `role_id`; of a live one every field is as IAM shows it. Attachments and the boundary are ARNs on
both sides, documents are kept as written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.model.arn import iam_arn
from reconciler.model.policy import PolicyDocument

DEFAULT_SESSION_DURATION = 3600
SERVICE_LINKED_PATH = "/aws-service-role/"
RESERVED_PATH = "/aws-reserved/"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastUsed:
    """When and where a role was last used, as far as IAM tracks it (400 days); RFC 3339 in UTC."""

    date: str
    region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role; `max_session_duration` is in seconds, `permissions_boundary` and `managed_policies` are ARNs."""

    partition: str
    account: str
    name: str
    path: str = "/"
    trust: PolicyDocument
    description: str = ""
    max_session_duration: int = DEFAULT_SESSION_DURATION
    permissions_boundary: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    managed_policies: frozenset[str] = frozenset()
    inline_policies: Mapping[str, PolicyDocument] = field(default_factory=dict)
    role_id: str | None = None
    last_used: LastUsed | None = None
    created: str | None = None
    instance_profiles: tuple[str, ...] = ()

    @property
    def arn(self) -> str:
        """Return the role's ARN, path included."""
        return iam_arn(partition=self.partition, account=self.account, kind="role", path=self.path, name=self.name)

    @property
    def address(self) -> str:
        """Return the address that plans, state and reports use."""
        return f"role/{self.name}"

    @property
    def is_service_linked(self) -> bool:
        """Tell whether an AWS service owns the role (IAM User Guide, using-service-linked-roles)."""
        return self.path.startswith(SERVICE_LINKED_PATH)

    @property
    def is_reserved(self) -> bool:
        """Tell whether only AWS can modify the role: service-linked ones and those below `/aws-reserved/`."""
        return self.path.startswith((SERVICE_LINKED_PATH, RESERVED_PATH))
