"""Callers of whom more is known than their account, user or role: sessions that somebody vouched for.

A session of a role that an identity provider's word opened carries some of what the provider said, for the
role's own policies to ask about. A session that a user, or root, made with GetFederationToken acts for somebody
else under a name of its own and may do less than its maker. One from GetSessionToken is its maker, for a while.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.sandbox.callers import Root, SessionCaller, UserCaller


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSession(SessionCaller):
    """A session from AssumeRoleWithWebIdentity or AssumeRoleWithSAML.

    `keys` are the condition keys, with their values, that go with each of its requests.
    """

    keys: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSession(UserCaller):
    """A user with credentials from GetSessionToken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RootSession(Root):
    """An account's root with credentials from GetSessionToken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FederatedUser(UserCaller):
    """Whom a user vouched for with GetFederationToken: the user's permissions, as far as `policies` allow them."""

    name: str
    policies: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FederatedRoot(Root):
    """Whom an account's root vouched for: what `policies` allow."""

    name: str
    policies: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()


Temporary = SessionCaller | UserSession | RootSession | FederatedUser | FederatedRoot
"""Callers with temporary credentials: they make no new ones, except by assuming a role."""
