"""What an account holds. Every entity is frozen: a change is a new value in the account's table.

So a log of what was put and taken away gives the state of an account at any moment, for next to
nothing. A trust policy is kept as IAM keeps it: users and roles in `Principal` are unique IDs
(`AIDA...`, `AROA...`), and only reading turns them back into ARNs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Document = Mapping[str, Any]
"""A policy document, parsed."""

Tags = tuple[tuple[str, str], ...]
"""Key and value, in the order in which they were first set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """`groups` holds group IDs; `inline` policy texts by name; `attached` policy ARNs."""

    user_id: str
    name: str
    path: str
    created: datetime
    groups: tuple[str, ...] = ()
    inline: Mapping[str, str] = field(default_factory=dict)
    attached: tuple[str, ...] = ()
    boundary: str | None = None
    tags: Tags = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Members are kept with the users, as in GetAccountAuthorizationDetails."""

    group_id: str
    name: str
    path: str
    created: datetime
    inline: Mapping[str, str] = field(default_factory=dict)
    attached: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """`trust` is in stored form (IDs for users and roles); `description` is None when never set."""

    role_id: str
    name: str
    path: str
    created: datetime
    trust: Document
    description: str | None = None
    max_session_duration: int = 3600
    max_signin_session_duration: int | None = None
    boundary: str | None = None
    tags: Tags = ()
    inline: Mapping[str, str] = field(default_factory=dict)
    attached: tuple[str, ...] = ()
    last_used: tuple[datetime, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """`document` is the text as it was sent."""

    version_id: str
    document: str
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedPolicy:
    """`next_version` only ever grows: IAM does not use a version number twice."""

    policy_id: str
    arn: str
    name: str
    path: str
    created: datetime
    updated: datetime
    description: str | None
    versions: tuple[PolicyVersion, ...]
    default_version: str
    next_version: int
    tags: Tags = ()

    @property
    def document(self) -> str:
        """The text of the default version."""
        return next(v.document for v in self.versions if v.version_id == self.default_version)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceProfile:
    """`role_id` is the one role that it can hold."""

    profile_id: str
    name: str
    path: str
    created: datetime
    role_id: str | None = None
    tags: Tags = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcProvider:
    """`url` without the scheme, as GetOpenIDConnectProvider shows it."""

    arn: str
    url: str
    created: datetime
    client_ids: tuple[str, ...] = ()
    thumbprints: tuple[str, ...] = ()
    tags: Tags = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SamlProvider:
    """`metadata` is the document as it was sent."""

    arn: str
    name: str
    metadata: str
    created: datetime
    valid_until: datetime
    tags: Tags = ()


Principal = User | Role
"""What a unique ID in a trust policy may stand for."""
