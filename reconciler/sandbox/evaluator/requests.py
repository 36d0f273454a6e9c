"""Who asks, and for what: callers of every kind, and what conditions can ask about them.

Sources: IAM User Guide, reference_policies_condition-keys, reference_policies_elements_principal, id_session-tags.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Self, TypeAlias, assert_never

from reconciler.sandbox.conditions import Keys

Context: TypeAlias = Mapping[str, str | tuple[str, ...] | bool]
Tags: TypeAlias = Mapping[str, str]


class CallerKind(Enum):
    """What kind of credentials a request comes with."""

    USER = "User"
    ROLE_SESSION = "AssumedRole"
    FEDERATED_USER = "FederatedUser"
    ROOT = "Account"
    SERVICE = "Service"
    WEB_IDENTITY = "WebIdentity"
    SAML_IDENTITY = "SamlIdentity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who makes requests; made by one of the class methods.

    ``arn`` is what GetCallerIdentity says; for a service its name, for an identity of a provider the
    provider as trust policies name it. ``itself``, ``parent`` and ``owner`` are the strings by which a
    Principal element can mean the caller, the role or user behind its session, and its account.
    ``principal_type`` is the key they stand under, ``call`` the action by which this kind of caller assumes a
    role, ``keys`` what conditions can ask about it.
    """

    kind: CallerKind
    arn: str
    account: str = ""
    principal_type: str = "AWS"
    call: str = "sts:AssumeRole"
    itself: frozenset[str] = frozenset()
    parent: frozenset[str] = frozenset()
    owner: frozenset[str] = frozenset()
    keys: Keys = field(repr=False, hash=False)

    @classmethod
    def user(cls, arn: str, *, unique_id: str, tags: Tags | None = None, organization: str | None = None) -> Self:
        """An IAM user with long-term or GetSessionToken credentials. ``organization``: the ID, ``o-...``."""
        return cls._of_account(
            CallerKind.USER,
            arn,
            itself={arn, unique_id},
            tags=tags,
            keys={"aws:username": _name(arn), "aws:userid": unique_id, "aws:principalorgid": organization},
        )

    @classmethod
    def role_session(
        cls,
        role_arn: str,
        session_name: str,
        *,
        unique_id: str,
        tags: Tags | None = None,
        organization: str | None = None,
    ) -> Self:
        """A session of the role with that ARN (path and all) and ID; ``tags``: the role's and its own."""
        _, partition, _, _, account, _ = arn_parts(role_arn)
        userid = f"{unique_id}:{session_name}"
        arn = f"arn:{partition}:sts::{account}:assumed-role/{_name(role_arn)}/{session_name}"
        return cls._of_account(
            CallerKind.ROLE_SESSION,
            arn,
            itself={arn, userid},
            parent={role_arn, unique_id},
            tags=tags,
            keys={"aws:principalarn": role_arn, "aws:userid": userid, "aws:principalorgid": organization},
        )

    @classmethod
    def federated_user(cls, arn: str, *, user_arn: str | None = None, user_id: str | None = None) -> Self:
        """A GetFederationToken session, with ARN and ID of the user who made it; None of both for root."""
        return cls._of_account(
            CallerKind.FEDERATED_USER,
            arn,
            itself={arn},
            parent={name for name in (user_arn, user_id) if name},
            keys={"aws:userid": f"{arn_parts(arn)[4]}:{_name(arn)}"},
        )

    @classmethod
    def root(cls, account: str, *, partition: str = "aws", organization: str | None = None) -> Self:
        """The root user of an account; its ARN in a Principal means the whole account."""
        keys = {"aws:userid": account, "aws:principalorgid": organization}
        return cls._of_account(CallerKind.ROOT, f"arn:{partition}:iam::{account}:root", keys=keys)

    @classmethod
    def service(cls, name: str) -> Self:
        """An AWS service acting for itself, such as ``ec2.amazonaws.com``."""
        keys = {"aws:principalisawsservice": ("true",), "aws:principalservicename": (name,)}
        return cls(kind=CallerKind.SERVICE, arn=name, principal_type="Service", itself=frozenset({name}), keys=keys)

    @classmethod
    def web_identity(cls, provider: str) -> Self:
        """Somebody with a token of an OIDC provider (its ARN) or a built-in one (``accounts.google.com``)."""
        return cls._of_provider(CallerKind.WEB_IDENTITY, provider, call="sts:AssumeRoleWithWebIdentity")

    @classmethod
    def saml_identity(cls, provider_arn: str) -> Self:
        """Somebody with an assertion of a SAML provider."""
        return cls._of_provider(CallerKind.SAML_IDENTITY, provider_arn, call="sts:AssumeRoleWithSAML")

    @classmethod
    def _of_account(
        cls,
        kind: CallerKind,
        arn: str,
        *,
        keys: Mapping[str, str | None],
        itself: Iterable[str] = (),
        parent: Iterable[str] = (),
        tags: Tags | None = None,
    ) -> Self:
        """What IAM says of every caller that belongs to an account (reference_policies_condition-keys)."""
        _, partition, _, _, account, _ = arn_parts(arn)
        said = {
            "aws:principalisawsservice": "false",
            "aws:principalarn": arn,
            "aws:principalaccount": account,
            "aws:principaltype": kind.value,
            **{f"aws:principaltag/{key.lower()}": value for key, value in (tags or {}).items()},
            **keys,
        }
        return cls(
            kind=kind,
            arn=arn,
            account=account,
            itself=frozenset(itself),
            parent=frozenset(parent),
            owner=frozenset({account, f"arn:{partition}:iam::{account}:root"}),
            keys={key: (value,) for key, value in said.items() if value is not None},
        )

    @classmethod
    def _of_provider(cls, kind: CallerKind, provider: str, *, call: str) -> Self:
        keys = {"aws:principalisawsservice": ("false",), "aws:federatedprovider": (provider,)}
        itself = frozenset({provider})
        return cls(kind=kind, arn=provider, principal_type="Federated", call=call, itself=itself, keys=keys)


def arn_parts(arn: str) -> list[str]:
    """The six parts of an ARN; ValueError when it is none."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":  # noqa: PLR2004  arn:partition:service:region:account:resource
        raise ValueError(f"{arn!r} is not an ARN")
    return parts


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Request:
    """One action on one resource.

    ``context`` adds condition keys to those that the principal carries, and wins over them; a tuple is a key
    with several values, an empty tuple a key that is not there. Key names have no case.
    """

    action: str
    resource: str
    principal: Caller
    context: Context = field(default_factory=dict, hash=False)
    keys: Keys = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Put together what the caller carries and what the context adds, in the form that conditions read."""
        given = {key.lower(): _values(value) for key, value in self.context.items()}
        object.__setattr__(self, "keys", {**self.principal.keys, **given})


def _values(value: str | tuple[str, ...] | bool) -> tuple[str, ...]:  # noqa: FBT001  a key may be one
    match value:
        case bool():
            return ("true",) if value else ("false",)
        case str():
            return (value,)
        case tuple():
            return value
        case _:
            assert_never(value)
