"""Reading an OpenID Connect token: whose word it is, for whom it is meant, and whom it speaks of.

A token is three parts of base64, and the middle one, a JSON object of claims, is what is read here. The account
believes an issuer that it has a provider for, in tokens meant for one of the provider's client IDs, and a few
issuers without being told (IAM User Guide, reference_policies_iam-condition-keys, on web identity federation):

    iss, aud, sub, amr           -->  ISSUER:aud, ISSUER:sub, ISSUER:amr
    azp beside aud               -->  ISSUER:aud is azp; Google's aud is then accounts.google.com:oaud
    https://aws.amazon.com/tags  -->  session tags, aws:RequestTag/KEY (id_session-tags)

Access tokens that are no JSON (Login with Amazon, Facebook) only their makers can read.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from reconciler.sandbox.calls.proof import Proof, Values, expired, invalid, rejected, source_identity
from reconciler.sandbox.entities import OidcProvider
from reconciler.sandbox.world import AccountState, Call

_GOOGLE: Final = "accounts.google.com"
_BUILT_IN: Final = frozenset({_GOOGLE, "cognito-identity.amazonaws.com"})
_OAUTH: Final = frozenset({"www.amazon.com", "graph.facebook.com"})
_PARTS: Final = 3
_LATEST: Final = 2**37  # beyond the year 6000: no clock comes near
_CLAIM_TAGS: Final = "https://aws.amazon.com/tags"
_CLAIM_SOURCE_IDENTITY: Final = "https://aws.amazon.com/source_identity"
_MORE_CLAIMS: Final[Mapping[str, Values]] = {
    "token.actions.githubusercontent.com": (
        "actor",
        "actor_id",
        "enterprise_id",
        "environment",
        "job_workflow_ref",
        "ref",
        "repository",
        "repository_id",
        "repository_owner_id",
        "workflow",
    ),
}
"""What STS reads besides, by issuer (announced in February 2026)."""

Claims = Mapping[str, Any]


def read(call: Call, owner: AccountState) -> Proof:
    """The proof in the call's token, for a role of `owner`; IamError is STS's refusal."""
    if "ProviderId" in call.params:
        raise _opaque(call.text("ProviderId"))
    claims = _claims(call.text("WebIdentityToken"))
    url, subject, audiences = _required(claims, "iss"), _required(claims, "sub"), _audiences(claims)
    provider, issuer, audience = _provider(url, audiences, owner)
    _check_times(claims, call.now)
    keys = {f"{issuer}:sub": (subject,), f"{issuer}:aud": (audience,), **_more_keys(issuer, claims)}
    return Proof(
        provider=provider,
        session_name=call.text("RoleSessionName"),
        keys=keys,
        kept={**keys, "aws:FederatedProvider": (provider,)},
        answer={
            "SubjectFromWebIdentityToken": subject,
            "Provider": provider if provider in _BUILT_IN else url,
            "Audience": audience,
        },
        tags=_tags(claims),
        source_identity=source_identity(_maybe(claims, _CLAIM_SOURCE_IDENTITY)),
    )


def _opaque(provider: str) -> Exception:
    if provider in _OAUTH:
        return rejected(f"The sandbox cannot ask {provider} whose access token this is.")
    return invalid("Unsupported provider: only www.amazon.com and graph.facebook.com give OAuth 2.0 access tokens")


# --- the claims ----------------------------------------------------------------------------------


def _claims(token: str) -> Claims:
    parts = token.split(".")
    if len(parts) != _PARTS:
        raise _no_token()
    try:
        header, claims = (json.loads(_decoded(part)) for part in parts[:2])
    except (ValueError, RecursionError):
        raise _no_token() from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise _no_token()
    return claims


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _no_token() -> Exception:
    return invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")


def _required(claims: Claims, name: str) -> str:
    found = claims.get(name)
    if not isinstance(found, str) or not found:
        raise invalid(f"Missing a required claim: {name}")
    return found


def _maybe(claims: Claims, name: str) -> str | None:
    found = claims.get(name)
    if found is not None and not isinstance(found, str):
        raise invalid(f"The claim {name} is no text")
    return found


def _texts(claims: Claims, name: str) -> Values:
    found = claims.get(name, ())
    listed = tuple(found) if isinstance(found, list | tuple) else (found,)
    if not all(isinstance(item, str) for item in listed):
        raise invalid(f"The claim {name} is no text")
    return listed


def _audiences(claims: Claims) -> Values:
    """Whom the token is meant for: the client that got it (`azp`) where it says so, however many `aud` names."""
    meant = _texts(claims, "aud")
    if not meant:
        raise invalid("Missing a required claim: aud")
    client = _maybe(claims, "azp")
    return meant if client is None else (client,)


def _check_times(claims: Claims, now: datetime) -> None:
    until = _moment(claims, "exp")
    if until is None:
        raise invalid("Missing a required claim: exp")
    if until <= now:
        raise expired(now, until)
    if (since := _moment(claims, "nbf")) is not None and since > now:
        raise invalid("Token is not valid yet")


def _moment(claims: Claims, name: str) -> datetime | None:
    """Seconds since 1970, an integer as the model of AssumeRoleWithWebIdentity requires."""
    found = claims.get(name)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= _LATEST:
        raise invalid(f"The claim {name} is no time")
    return datetime.fromtimestamp(found, tz=UTC)


# --- the provider --------------------------------------------------------------------------------


def _provider(url: str, audiences: Values, owner: AccountState) -> tuple[str, str, str]:
    """How trust policies name the issuer, how condition keys do, and the audience that it is asked for."""
    issuer = _issuer(url)
    known = owner.tables.oidc_providers.find(issuer)
    if known is not None and known.url == issuer:
        return known.arn, issuer, _client(known, audiences)
    if issuer in _BUILT_IN:
        return issuer, issuer, audiences[0]
    raise invalid(f"No OpenIDConnect provider found in your account for {url}")


def _issuer(url: str) -> str:
    """Without scheme and closing slash, the host in lower case: as the provider is kept."""
    host, slash, path = url.removeprefix("https://").partition("/")
    return f"{host.lower()}{slash}{path}".rstrip("/")


def _client(known: OidcProvider, audiences: Values) -> str:
    for audience in audiences:
        if audience in known.client_ids:
            return audience
    raise invalid("Incorrect token audience")


def _more_keys(issuer: str, claims: Claims) -> dict[str, Values]:
    keys = {f"{issuer}:{name}": _texts(claims, name) for name in ("amr", *_MORE_CLAIMS.get(issuer, ()))}
    if issuer == _GOOGLE:
        keys[f"{issuer}:oaud"] = _texts(claims, "aud")
    return {key: values for key, values in keys.items() if values}


# --- what the token passes on --------------------------------------------------------------------


def _tags(claims: Claims) -> dict[str, str]:
    """`{"principal_tags": {KEY: [VALUE]}}`; some issuers write the value without a list."""
    passed = claims.get(_CLAIM_TAGS, {})
    principal = passed.get("principal_tags", {}) if isinstance(passed, dict) else None
    if not isinstance(principal, dict):
        raise invalid(f"The claim {_CLAIM_TAGS} holds no principal_tags")
    tags = {
        key: values[0] if isinstance(values, list) and len(values) == 1 else values for key, values in principal.items()
    }
    if not all(isinstance(value, str) for value in tags.values()):
        raise invalid(f"The claim {_CLAIM_TAGS} has a tag that is not one value")
    return tags
