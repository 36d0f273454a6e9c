"""IAM's own shapes, made into the model's values.

GetRole's `Role` and the `RoleDetail` of GetAccountAuthorizationDetails name the same things alike, and each
lacks some: the first has description and session duration, the second what is attached (IAM API Reference,
Role and RoleDetail). One function builds a role from either, or from both at once. ARNs are made of account,
path and name, since a fresh role's `Arn` may for a while be its unique ID.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reconciler.iam.wire import Detail, unpack
from reconciler.model.arn import iam_arn
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.policy import PolicyDocument
from reconciler.model.role import DEFAULT_SESSION_DURATION, LastUsed, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose credentials these are, after GetCallerIdentity."""

    account: str
    arn: str
    partition: str
    user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A user by name, ARN and unique ID."""

    name: str
    arn: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFacts:
    """What GetPolicy tells of a managed policy: all but its document."""

    arn: str
    policy_id: str
    name: str
    path: str
    default_version: str
    description: str
    tags: Mapping[str, str]
    attachments: int
    boundaries: int


class Documents:
    """The documents of one account, each text unpacked once: roles often share theirs."""

    def __init__(self) -> None:
        """Begin with none."""
        self._known: dict[str, PolicyDocument] = {}

    def __call__(self, value: str | Mapping[str, Any]) -> PolicyDocument:
        """Return a document as `unpack` does, the same one for the same text."""
        if not isinstance(value, str):
            return unpack(value)
        document = self._known.get(value)
        if document is None:
            document = self._known[value] = unpack(value)
        return document


def role_of(
    detail: Detail,
    *,
    partition: str,
    account: str,
    described: Detail | None = None,
    document: Callable[[str | Mapping[str, Any]], PolicyDocument] = unpack,
) -> Role:
    """Return a role from IAM's shape; `described` is where description and duration stand, if not in `detail`.

    A shape without a trust policy gives one that is not understood, never one that allows nothing.
    """
    told = detail if described is None else described
    return Role(
        partition=partition,
        account=account,
        name=detail["RoleName"],
        path=detail["Path"],
        trust=document(detail.get("AssumeRolePolicyDocument") or ""),
        description=told.get("Description") or "",
        max_session_duration=int(told.get("MaxSessionDuration") or DEFAULT_SESSION_DURATION),
        permissions_boundary=boundary_of(detail),
        tags=tags_of(detail.get("Tags")),
        managed_policies=attached_of(detail),
        inline_policies={
            each["PolicyName"]: document(each["PolicyDocument"]) for each in detail.get("RolePolicyList") or ()
        },
        role_id=detail["RoleId"],
        last_used=_last_used(detail.get("RoleLastUsed") or {}),
        created=instant(detail.get("CreateDate")),
        instance_profiles=tuple(
            sorted(each["InstanceProfileName"] for each in detail.get("InstanceProfileList") or ())
        ),
    )


def user_of(detail: Detail, *, partition: str, account: str) -> Identity:
    """Return who a user is."""
    name = detail["UserName"]
    arn = iam_arn(partition=partition, account=account, kind="user", path=detail["Path"], name=name)
    return Identity(name=name, arn=arn, id=detail["UserId"])


def policy_of(
    detail: Detail,
    *,
    partition: str,
    account: str,
    document: Callable[[str | Mapping[str, Any]], PolicyDocument] = unpack,
) -> ManagedPolicy:
    """Return a customer managed policy from a `ManagedPolicyDetail`; that shape has no tags."""
    default = detail["DefaultVersionId"]
    versions = detail.get("PolicyVersionList") or ()
    current: Detail = next((each for each in versions if each["VersionId"] == default), {})
    return ManagedPolicy(
        partition=partition,
        account=account,
        name=detail.get("PolicyName") or detail["Arn"].rpartition("/")[2],
        path=detail["Path"],
        policy=document(current.get("Document") or ""),
        description=detail.get("Description") or "",
        tags=None,
        policy_id=detail.get("PolicyId"),
        versions=oldest_first(each["VersionId"] for each in versions),
        default_version=default,
    )


def facts_of(policy: Detail) -> PolicyFacts:
    """Return what GetPolicy tells."""
    return PolicyFacts(
        arn=policy["Arn"],
        policy_id=policy["PolicyId"],
        name=policy["PolicyName"],
        path=policy["Path"],
        default_version=policy["DefaultVersionId"],
        description=policy.get("Description") or "",
        tags=tags_of(policy.get("Tags")),
        attachments=int(policy.get("AttachmentCount") or 0),
        boundaries=int(policy.get("PermissionsBoundaryUsageCount") or 0),
    )


def tags_of(tags: Iterable[Detail] | str | None) -> dict[str, str]:
    """Return tags as a mapping; an empty list may come as an empty text."""
    return {each["Key"]: each["Value"] for each in tags or () if isinstance(each, Mapping)}


def attached_of(detail: Detail) -> frozenset[str]:
    """Return the ARNs of the managed policies attached to a role, user or group."""
    return frozenset(each["PolicyArn"] for each in detail.get("AttachedManagedPolicies") or ())


def boundary_of(detail: Detail) -> str | None:
    """Return the ARN of a role's or user's boundary; its type is not what the API's own model says, so it is unread."""
    boundary = detail.get("PermissionsBoundary")
    return boundary["PermissionsBoundaryArn"] if boundary else None


def oldest_first(versions: Iterable[str]) -> tuple[str, ...]:
    """Return version IDs (`v1`, `v12`) by number: IAM never uses a number again."""
    return tuple(sorted(versions, key=lambda version: int(version.removeprefix("v"))))


def instant(value: str | datetime | None) -> str | None:
    """Return a time as RFC 3339 in UTC to the second; text is IAM's own and already so."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value or None


def _last_used(used: Detail) -> LastUsed | None:
    date = instant(used.get("LastUsedDate"))
    return LastUsed(date=date, region=used.get("Region") or None) if date else None
