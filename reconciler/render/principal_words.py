"""Who a principal is, in words that keep its exact name."""

from __future__ import annotations

from typing import assert_never

from reconciler.model.principal import (
    Account,
    Everyone,
    FederatedUser,
    Malformed,
    OidcProvider,
    Role,
    SamlProvider,
    Service,
    Session,
    UniqueId,
    UniqueIdSession,
    User,
    WebIdentity,
    parse_principal,
)


def principal_in_words(key: str, value: str) -> str:  # noqa: C901  one arm for each kind of principal
    """Return who is meant by a value under a key of `Principal` (`AWS`, `Service`, `Federated`, or none)."""
    match parse_principal(key, value):
        case Account(account):
            return f"account {account}"
        case User() | Role() | Session() | FederatedUser():
            return value
        case Service(name):
            return f"service {name}"
        case OidcProvider() | SamlProvider():
            return f"identity provider {value}"
        case WebIdentity(name):
            return f"identity provider {name}"
        case Everyone(bare):
            return "everyone (a bare *)" if bare else "everyone (*)"
        case UniqueId(found):
            return f"{found} (a bare unique ID)"
        case UniqueIdSession(found, session):
            return f"{found}:{session} (a bare unique ID, one session)"
        case Malformed(text, why):
            return f"{key or 'Principal'} {text} ({why})"
        case never:
            assert_never(never)
