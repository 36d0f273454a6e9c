"""Who is meant by a principal, and does he still live.

IAM stores the unique ID of each user or role that a trust policy names, and shows its ARN for as long as the entity
lives (IAM User Guide, reference_policies_elements_principal). From this follow all standings:

    the live document shows     the account and the ledger say                           standing
    --------------------------  -------------------------------------------------------  ---------
    the ARN of a user or role   an ARN is shown only while its entity lives              trusted
    a unique ID                 it lives: a passing form, soon shown as its ARN again    alias
    a unique ID                 dead; its ARN lives again under another ID               recreated
    a unique ID                 dead; its ARN is known, and nothing is there now         deleted
    a unique ID                 dead; only one declared principal can have been meant    inferred
    a unique ID                 dead; nobody knows whose it was                          unknown

and of a principal that is declared but not in the live document:

    its account is not one that is read                                                  foreign
    the ID that was trusted under this name now has another ARN                          renamed

Only `Principal` is ever read this way: text in `Condition` and `Resource` is never transformed by IAM.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import TypeAlias

from reconciler.model.arn import Arn, is_account_id, parse_arn

# IAM's own have 17 capitals and digits after the prefix; its API reference promises no more than word characters.
UNIQUE_ID = re.compile(r"(?P<id>(?:AIDA|AROA)\w{1,124})(?::(?P<session>.+))?", re.DOTALL | re.ASCII)
_SESSION = re.compile("assumed-role/[^/]+/[^/]+")
SERVICE = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.ASCII)
WEB_IDENTITIES = frozenset(
    {"cognito-identity.amazonaws.com", "www.amazon.com", "graph.facebook.com", "accounts.google.com"}
)


@dataclass(frozen=True, slots=True)
class Account:
    """A whole account: twelve digits or its root ARN."""

    account: str


@dataclass(frozen=True, slots=True)
class User:
    """An IAM user, by ARN; IAM stores its unique ID."""

    arn: Arn


@dataclass(frozen=True, slots=True)
class Role:
    """An IAM role, by ARN; IAM stores its unique ID."""

    arn: Arn


@dataclass(frozen=True, slots=True)
class Session:
    """One session of a role: `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`, without the role's path."""

    arn: Arn


@dataclass(frozen=True, slots=True)
class FederatedUser:
    """A federated user session: `arn:aws:sts::ACCOUNT:federated-user/NAME`."""

    arn: Arn


@dataclass(frozen=True, slots=True)
class Service:
    """An AWS service, such as `ec2.amazonaws.com`."""

    name: str


@dataclass(frozen=True, slots=True)
class OidcProvider:
    """An OpenID Connect provider of an account, by ARN."""

    arn: Arn


@dataclass(frozen=True, slots=True)
class SamlProvider:
    """A SAML provider of an account, by ARN."""

    arn: Arn


@dataclass(frozen=True, slots=True)
class WebIdentity:
    """One of the web identity providers that need no provider object, such as Cognito."""

    name: str


@dataclass(frozen=True, slots=True)
class Everyone:
    """`*`: anybody; `bare` where it stands outside of the `AWS` key, which IAM refuses in a trust policy."""

    bare: bool


@dataclass(frozen=True, slots=True)
class UniqueId:
    """The unique ID of a user or role, as IAM shows it once the entity is gone."""

    id: str


@dataclass(frozen=True, slots=True)
class UniqueIdSession:
    """The unique ID of a role with the name of one of its sessions."""

    id: str
    session: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """Not a principal, with the reason in a few words."""

    value: str
    why: str


Principal: TypeAlias = (
    Account
    | User
    | Role
    | Session
    | FederatedUser
    | Service
    | OidcProvider
    | SamlProvider
    | WebIdentity
    | Everyone
    | UniqueId
    | UniqueIdSession
    | Malformed
)


@lru_cache(maxsize=16_384)  # a few principals are trusted by many roles
def parse_principal(key: str, value: str) -> Principal:
    """Return who is meant by a value under a key (`AWS`, `Service`, `Federated`, `CanonicalUser`, or none)."""
    match key:
        case "AWS":
            return _parse_aws(value)
        case "Service":
            return Service(value) if SERVICE.fullmatch(value) else Malformed(value, "not a service's domain")
        case "Federated":
            return _parse_federated(value)
        case "" if value == "*":
            return Everyone(bare=True)
        case "":
            return Malformed(value, "a principal stands under AWS, Service or Federated")
        case _:
            return Malformed(value, f"{key} is not allowed in a trust policy")


def _parse_aws(value: str) -> Principal:
    if value == "*":
        return Everyone(bare=False)
    if is_account_id(value):
        return Account(value)
    if found := UNIQUE_ID.fullmatch(value):
        session = found["session"]
        return UniqueIdSession(found["id"], session) if session else UniqueId(found["id"])
    arn = parse_arn(value)
    if arn is None:
        return Malformed(value, "neither an account ID nor an ARN")
    if "*" in value or "?" in value:
        return Malformed(value, "a wildcard inside of an ARN names nobody")
    if not is_account_id(arn.account) or arn.region:
        return Malformed(value, "an ARN of IAM or STS has an account and no region")
    return _parse_aws_arn(arn, value)


def _parse_aws_arn(arn: Arn, value: str) -> Principal:
    match arn.service, arn.kind:
        case "iam", "" if arn.resource == "root":
            return Account(arn.account)
        case "iam", "user":
            return User(arn)
        case "iam", "role":
            return Role(arn)
        case "sts", "assumed-role" if _SESSION.fullmatch(arn.resource):
            return Session(arn)
        case "sts", "federated-user" if arn.name:
            return FederatedUser(arn)
        case "iam", "group":
            return Malformed(value, "a group is not a principal")
        case "iam", ("saml-provider" | "oidc-provider"):
            return Malformed(value, "a provider stands under Federated")
        case _:
            return Malformed(value, "not the ARN of a principal")


def _parse_federated(value: str) -> Principal:
    if value in WEB_IDENTITIES:
        return WebIdentity(value)
    arn = parse_arn(value)
    if arn is None or arn.service != "iam" or not is_account_id(arn.account):
        return Malformed(value, "not the ARN of an identity provider")
    match arn.kind:
        case "oidc-provider":
            return OidcProvider(arn)
        case "saml-provider":
            return SamlProvider(arn)
        case _:
            return Malformed(value, "not the ARN of an identity provider")


def read_id(value: str, arn_of: Callable[[str], str | None]) -> str:
    """Return a principal with a unique ID, or that of a session, read as the ARN that is known for the ID, if any."""
    found = UNIQUE_ID.fullmatch(value) if value.startswith(("AROA", "AIDA")) else None
    arn = arn_of(found["id"]) if found else None
    if found is None or arn is None:
        return value
    parsed = parse_arn(arn)
    if found["session"] is None or parsed is None:
        return arn
    return f"arn:{parsed.partition}:sts::{parsed.account}:assumed-role/{parsed.name}/{found['session']}"


def role_arn_of_session(arn: Arn) -> str:
    """Return the role ARN of a session's ARN; a session does not tell the path, so `/` is assumed."""
    return f"arn:{arn.partition}:iam::{arn.account}:role/{arn.resource.split('/')[1]}"


class Standing(StrEnum):
    """What has become of a principal; the table is the docstring of this module."""

    TRUSTED = "trusted"
    ALIAS = "alias"
    RECREATED = "recreated"
    DELETED = "deleted"
    INFERRED = "inferred"
    UNKNOWN = "unknown"
    FOREIGN = "foreign"
    RENAMED = "renamed"

    @property
    def is_dead(self) -> bool:
        """Tell whether the ID in the document lets nobody in any more."""
        return self in {Standing.RECREATED, Standing.DELETED, Standing.INFERRED, Standing.UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A call that changed a user or role, as CloudTrail recorded it.

    `by` is the ARN of whoever made it, or what stands for him; `at` is RFC 3339 in UTC. `request_id` is None where it
    is not recorded.
    """

    call: str
    at: str
    by: str
    event_id: str
    request_id: str | None

    def __str__(self) -> str:
        """Return who did it, when, and where to find it."""
        request = f", request {self.request_id}" if self.request_id else ""
        return f"{self.by} at {self.at} ({self.call}, event {self.event_id}{request})"


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the ledger knows of a unique ID; times are RFC 3339 in UTC, None where not known.

    `first_seen` and `last_alive` are the first and last sight of it alive, `first_dead` the first look at which it was
    gone, `deleted` when it was deleted, by this program or as CloudTrail tells. `named_by` is the call that gave it its
    ARN and `deleted_by` the one that ended it, None where CloudTrail was not asked or has nothing.
    """

    arn: str
    first_seen: str | None = None
    last_alive: str | None = None
    first_dead: str | None = None
    deleted: str | None = None
    named_by: Recorded | None = None
    deleted_by: Recorded | None = None


@dataclass(frozen=True, slots=True)
class Identified:
    """A unique ID in a live document, explained: whose it was, and who has that ARN today."""

    id: str
    standing: Standing
    session: str | None = None
    arn: str | None = None
    current_id: str | None = None
    remembered: Remembered | None = None


@dataclass(frozen=True)
class PrincipalIndex:
    """ARN and unique ID of everything alive in the accounts at hand, and the ledger of what was seen before.

    `accounts` are those that were read whole: only there does absence mean anything.
    """

    arn_by_id: Mapping[str, str] = field(default_factory=dict)
    id_by_arn: Mapping[str, str] = field(default_factory=dict)
    ledger: Mapping[str, Remembered] = field(default_factory=dict)
    accounts: frozenset[str] = frozenset()

    def resolve(self, value: str) -> str:
        """Return a principal with a living unique ID read as its ARN; all else as it stands."""
        return read_id(value, self.arn_by_id.get)

    def recall(self, value: str) -> str:
        """Return a principal with any unique ID, living or remembered, read as the ARN that it had."""
        return read_id(value, self.arn_ever)

    def arn_ever(self, unique_id: str) -> str | None:
        """Return the ARN of a living ID, or the last known one of a dead ID."""
        if living := self.arn_by_id.get(unique_id):
            return living
        known = self.ledger.get(unique_id)
        return known.arn if known else None

    @cached_property
    def _alive_at_last(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for unique_id, entry in self.ledger.items():
            if entry.first_dead is None and entry.deleted is None:
                found[entry.arn] = (*found.get(entry.arn, ()), unique_id)
        return found

    def heir_of(self, unique_id: str) -> str | None:
        """Return the other ID that had the ARN of an ID when its account was last looked at, by the ledger."""
        arn = self.arn_ever(unique_id)
        holders = () if arn is None else self._alive_at_last.get(arn, ())
        return next((other for other in holders if other != unique_id), None)

    @cached_property
    def _role_arns(self) -> Mapping[tuple[str, str], str]:
        roles = (arn for text in self.id_by_arn if (arn := parse_arn(text)) and arn.kind == "role")
        return {(arn.account, arn.name): str(arn) for arn in roles}

    def entity_of(self, principal: Principal) -> Arn | None:
        """Return the ARN of the user or role behind a principal, None for principals that are neither.

        The ARN of a session does not tell the path of its role: it is looked up, and `/` where that finds nothing.
        """
        match principal:
            case User() | Role():
                return principal.arn
            case Session():
                name = principal.arn.resource.split("/")[1]
                return parse_arn(self._role_arns.get((principal.arn.account, name), role_arn_of_session(principal.arn)))
            case _:
                return None

    def identify(self, principal: UniqueId | UniqueIdSession) -> Identified:
        """Return what has become of the entity that a unique ID stood for."""
        session = principal.session if isinstance(principal, UniqueIdSession) else None
        if living := self.arn_by_id.get(principal.id):
            return Identified(principal.id, Standing.ALIAS, session, living, principal.id)
        known = self.ledger.get(principal.id)
        if known is None:
            return Identified(principal.id, Standing.UNKNOWN, session)
        current = self.id_by_arn.get(known.arn)
        standing = Standing.RECREATED if current else Standing.DELETED
        return Identified(principal.id, standing, session, known.arn, current, known)

    def reaches(self, arn: Arn) -> bool:
        """Tell whether the account of an ARN was read, so that absence there is knowledge."""
        return arn.account in self.accounts
