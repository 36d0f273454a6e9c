"""Calls about OIDC and SAML identity providers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from reconciler.sandbox import tags, views
from reconciler.sandbox.calls.handler import Handler, Result
from reconciler.sandbox.calls.tagging import tag_calls
from reconciler.sandbox.entities import OidcProvider, SamlProvider
from reconciler.sandbox.errors import IamError
from reconciler.sandbox.world import Call

_THUMBPRINT: Final = re.compile(r"[0-9A-Fa-f]{40}")
_ENTITY_DESCRIPTOR: Final = re.compile(r"<(?:\w+:)?EntityDescriptor[\s>]")
_VALIDITY: Final = timedelta(days=36500)


# --- OIDC ----------------------------------------------------------------------------------------


def _oidc(call: Call) -> OidcProvider:
    arn = call.text("OpenIDConnectProviderArn")
    if ":oidc-provider/" not in arn:
        raise IamError("InvalidInput", f"Invalid ARN: {arn}")
    return call.tables.oidc_providers.at(arn)


def _create_oidc(call: Call) -> Result:
    url = _issuer(call.text("Url"))
    call.tables.oidc_providers.check_free(url)
    call.quotas.check_count("OpenIdConnectProvidersQuota", held=len(call.tables.oidc_providers))
    clients = tuple(dict.fromkeys(call.params.get("ClientIDList", ())))
    _check_clients(call, clients)
    provider = OidcProvider(
        arn=call.account.arn(f"oidc-provider/{url}"),
        url=url,
        created=call.now,
        client_ids=clients,
        thumbprints=_thumbprints(call),
        tags=tags.added((), call.params.get("Tags", ()), call=call, ignore_case=True),
    )
    call.tables.oidc_providers.add(provider)
    return {"OpenIDConnectProviderArn": provider.arn, "Tags": views.tag_list(provider.tags)}


def _issuer(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.netloc or parts.query or parts.fragment:
        raise IamError("ValidationError", "Invalid Open ID Connect Provider URL")
    return f"{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _thumbprints(call: Call) -> tuple[str, ...]:
    given = tuple(call.params.get("ThumbprintList", ()))
    if len(given) > call.quotas["ThumbprintsPerOpenIdConnectProviderQuota"]:
        raise IamError("InvalidInput", "Thumbprint list must contain fewer than 5 entries.")
    if not all(_THUMBPRINT.fullmatch(item) for item in given):
        raise IamError("InvalidInput", "Thumbprints are 40 hexadecimal digits.")
    return given


def _check_clients(call: Call, clients: tuple[str, ...]) -> None:
    limit = "ClientIdsPerOpenIdConnectProviderQuota"
    call.quotas.check_count(limit, held=len(clients) - 1)


def _get_oidc(call: Call) -> Result:
    provider = _oidc(call)
    return {
        "Url": provider.url,
        "ClientIDList": list(provider.client_ids),
        "ThumbprintList": list(provider.thumbprints),
        "CreateDate": provider.created,
        "Tags": views.tag_list(provider.tags),
    }


def _list_oidc(call: Call) -> Result:
    return {"OpenIDConnectProviderList": [{"Arn": provider.arn} for provider in call.tables.oidc_providers]}


def _delete_oidc(call: Call) -> Result:
    call.tables.oidc_providers.remove(_oidc(call))
    return {}


def _add_client_id(call: Call) -> Result:
    provider = _oidc(call)
    clients = tuple(dict.fromkeys((*provider.client_ids, call.text("ClientID"))))
    _check_clients(call, clients)
    call.tables.oidc_providers.put(replace(provider, client_ids=clients))
    return {}


def _remove_client_id(call: Call) -> Result:
    provider, gone = _oidc(call), call.text("ClientID")
    kept = tuple(client for client in provider.client_ids if client != gone)
    call.tables.oidc_providers.put(replace(provider, client_ids=kept))
    return {}


def _update_thumbprints(call: Call) -> Result:
    call.tables.oidc_providers.put(replace(_oidc(call), thumbprints=_thumbprints(call)))
    return {}


# --- SAML ----------------------------------------------------------------------------------------


def _saml(call: Call) -> SamlProvider:
    arn = call.text("SAMLProviderArn")
    if ":saml-provider/" not in arn:
        raise IamError("InvalidInput", f"Invalid ARN: {arn}")
    return call.tables.saml_providers.at(arn)


def _metadata(call: Call) -> str:
    text = call.text("SAMLMetadataDocument")
    if not _ENTITY_DESCRIPTOR.search(text):
        raise IamError("InvalidInput", "Could not parse metadata")
    return text


def _create_saml(call: Call) -> Result:
    name = call.text("Name")
    call.tables.saml_providers.check_free(name)
    call.quotas.check_count("SamlProvidersQuota", held=len(call.tables.saml_providers))
    provider = SamlProvider(
        arn=call.account.arn(f"saml-provider/{name}"),
        name=name,
        metadata=_metadata(call),
        created=call.now,
        valid_until=call.now + _VALIDITY,
        tags=tags.added((), call.params.get("Tags", ()), call=call, ignore_case=True),
    )
    call.tables.saml_providers.add(provider)
    return {"SAMLProviderArn": provider.arn, "Tags": views.tag_list(provider.tags)}


def _get_saml(call: Call) -> Result:
    provider = _saml(call)
    return {
        "SAMLMetadataDocument": provider.metadata,
        "CreateDate": provider.created,
        "ValidUntil": provider.valid_until,
        "Tags": views.tag_list(provider.tags),
    }


def _list_saml(call: Call) -> Result:
    return {
        "SAMLProviderList": [
            {"Arn": provider.arn, "ValidUntil": provider.valid_until, "CreateDate": provider.created}
            for provider in call.tables.saml_providers
        ]
    }


def _update_saml(call: Call) -> Result:
    provider = _saml(call)
    if "SAMLMetadataDocument" in call.params:
        provider = replace(provider, metadata=_metadata(call))
    call.tables.saml_providers.put(provider)
    return {"SAMLProviderArn": provider.arn}


def _delete_saml(call: Call) -> Result:
    call.tables.saml_providers.remove(_saml(call))
    return {}


HANDLERS: Final[Mapping[str, Handler]] = {
    "CreateOpenIDConnectProvider": _create_oidc,
    "GetOpenIDConnectProvider": _get_oidc,
    "ListOpenIDConnectProviders": _list_oidc,
    "DeleteOpenIDConnectProvider": _delete_oidc,
    "AddClientIDToOpenIDConnectProvider": _add_client_id,
    "RemoveClientIDFromOpenIDConnectProvider": _remove_client_id,
    "UpdateOpenIDConnectProviderThumbprint": _update_thumbprints,
    **tag_calls("OpenIDConnectProvider", named=_oidc, within=lambda tables: tables.oidc_providers),
    "CreateSAMLProvider": _create_saml,
    "GetSAMLProvider": _get_saml,
    "ListSAMLProviders": _list_saml,
    "UpdateSAMLProvider": _update_saml,
    "DeleteSAMLProvider": _delete_saml,
    **tag_calls("SAMLProvider", named=_saml, within=lambda tables: tables.saml_providers),
}
"""By the name of the call."""
