"""Reading a SAML response: the assertion in it, and what it says of its subject.

The response is XML in base64. Whose word it is stands in Issuer and has to be the entityID in the metadata of
the provider that the call names; whom it speaks of in Subject; all else in attributes (IAM User Guide,
id_roles_providers_create_saml_assertions, and reference_policies_iam-condition-keys on SAML-based federation):

    Issuer                                --> SAML:iss
    Subject/NameID, its Format            --> SAML:sub, SAML:sub_type
    SubjectConfirmationData's Recipient   --> SAML:aud
    attributes of eduPerson and the like  --> SAML:edupersonaffiliation, SAML:cn, SAML:mail, ...
    https://aws.amazon.com/SAML/Attributes/...  --> Role, RoleSessionName, PrincipalTag:KEY, SourceIdentity

Signatures and encryption are passed over: the sandbox keeps no keys.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from xml.etree import ElementTree as ET

from reconciler.sandbox.calls.proof import Proof, Values, expired, invalid, not_authorised, source_identity
from reconciler.sandbox.entities import SamlProvider
from reconciler.sandbox.errors import IamError
from reconciler.sandbox.world import AccountState, Call

_ASSERTION: Final = "{urn:oasis:names:tc:SAML:2.0:assertion}"
_FORMAT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:"
_AWS: Final = "https://aws.amazon.com/SAML/Attributes/"
_TAG: Final = f"{_AWS}PrincipalTag:"
_AUDIENCE: Final = re.compile(
    r"urn:amazon:webservices(?:[:.][\w:.-]+)?"
    r"|https://(?:[a-z0-9-]+\.)*signin\.(?:aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com)/saml"
)
_SESSION_NAME: Final = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_FRESH: Final = timedelta(minutes=5)
_EDU: Final = "urn:oid:1.3.6.1.4.1.5923.1."
_XMLSOAP: Final = "http://schemas.xmlsoap.org/"
_KEYS: Final[Mapping[str, str]] = {
    f"{_EDU}1.1.1": "edupersonaffiliation",
    f"{_EDU}1.1.2": "edupersonnickname",
    f"{_EDU}1.1.3": "edupersonorgdn",
    f"{_EDU}1.1.4": "edupersonorgunitdn",
    f"{_EDU}1.1.5": "edupersonprimaryaffiliation",
    f"{_EDU}1.1.6": "edupersonprincipalname",
    f"{_EDU}1.1.7": "edupersonentitlement",
    f"{_EDU}1.1.8": "edupersonprimaryorgunitdn",
    f"{_EDU}1.1.9": "edupersonscopedaffiliation",
    f"{_EDU}1.1.10": "edupersontargetedid",
    f"{_EDU}1.1.11": "edupersonassurance",
    f"{_EDU}2.1.2": "eduorghomepageuri",
    f"{_EDU}2.1.3": "eduorgidentityauthnpolicyuri",
    f"{_EDU}2.1.4": "eduorglegalname",
    f"{_EDU}2.1.5": "eduorgsuperioruri",
    f"{_EDU}2.1.6": "eduorgwhitepagesuri",
    "urn:oid:2.5.4.3": "cn",
    f"{_XMLSOAP}ws/2005/05/identity/claims/name": "name",
    f"{_XMLSOAP}claims/CommonName": "commonName",
    f"{_XMLSOAP}ws/2005/05/identity/claims/givenname": "givenName",
    f"{_XMLSOAP}ws/2005/05/identity/claims/surname": "surname",
    f"{_XMLSOAP}ws/2005/05/identity/claims/emailaddress": "mail",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid": "uid",
    "2.5.4.3": "commonName",
    "2.5.4.4": "surname",
    "2.4.5.42": "givenName",
    "2.5.4.45": "x500UniqueIdentifier",
    "0.9.2342.19200300100.1.1": "uid",
    "0.9.2342.19200300100.1.3": "mail",
    "0.9.2342.19200300.100.1.45": "organizationStatus",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """Whom an assertion speaks of; `until` is the moment from which it is too old."""

    name: str
    form: str
    recipient: str
    until: datetime


def read(call: Call, owner: AccountState) -> Proof:
    """The proof in the call's assertion, for a role of `owner`; IamError is STS's refusal."""
    assertion = _assertion(call.text("SAMLAssertion"))
    provider = _provider(call, owner)
    issuer = (assertion.findtext(f"{_ASSERTION}Issuer") or "").strip()
    if issuer not in _entities(provider.metadata):
        raise invalid("Issuer not present in specified provider")
    _check_audience(assertion)
    subject = _subject(call, assertion)
    _check_times(call.now, assertion, subject)
    attributes = _attributes(assertion)
    _check_role(call, attributes.get(f"{_AWS}Role", ()))
    doc = f"{owner.account_id}/{provider.name}"
    qualifier = _qualifier(f"{issuer}{doc}")
    kept = {"SAML:namequalifier": (qualifier,), "SAML:sub": (subject.name,), "SAML:sub_type": (subject.form,)}
    return Proof(
        provider=provider.arn,
        session_name=_session_name(attributes),
        keys={
            **kept,
            **{f"SAML:{_KEYS[name]}": values for name, values in attributes.items() if name in _KEYS},
            "SAML:aud": (subject.recipient,),
            "SAML:doc": (doc,),
            "SAML:iss": (issuer,),
        },
        kept={**kept, "aws:FederatedProvider": (provider.arn,)},
        answer={
            "Subject": subject.name,
            "SubjectType": subject.form,
            "Issuer": issuer,
            "Audience": subject.recipient,
            "NameQualifier": qualifier,
        },
        tags={name.removeprefix(_TAG): values[0] for name, values in attributes.items() if name.startswith(_TAG)},
        source_identity=source_identity(_first(attributes, f"{_AWS}SourceIdentity")),
        longest=_longest(call.now, assertion, attributes),
    )


def _first(attributes: Mapping[str, Values], name: str) -> str | None:
    return attributes.get(name, (None,))[0]


# --- the XML -------------------------------------------------------------------------------------


def _assertion(text: str) -> ET.Element:
    try:
        document = base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise invalid("Invalid base64 SAMLResponse") from None
    found = next(_elements(document, f"{_ASSERTION}Assertion"), None)
    if found is None:
        raise invalid("Your request included an invalid SAML response.")
    return found


def _elements(document: str, tag: str | None = None) -> Iterator[ET.Element]:
    """Its elements; none when it is no XML.

    SAML knows no document types (SAML core, section 1.3), so what could only be there to blow up a parser is none.
    """
    if "<!DOCTYPE" in document:
        return
    try:
        yield from ET.fromstring(document).iter(tag)  # noqa: S314 - without a document type there are no entities
    except (ET.ParseError, ValueError):
        return


def _entities(metadata: str) -> set[str | None]:
    """The entityIDs in a provider's metadata."""
    return {element.get("entityID") for element in _elements(metadata)}


def _attributes(assertion: ET.Element) -> dict[str, Values]:
    found: dict[str, list[str]] = defaultdict(list)
    for attribute in assertion.iter(f"{_ASSERTION}Attribute"):
        for value in attribute.iter(f"{_ASSERTION}AttributeValue"):
            found[attribute.get("Name", "")].append("".join(value.itertext()).strip())
    return {name: tuple(values) for name, values in found.items()}


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"{text} is no time") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# --- what it says --------------------------------------------------------------------------------


def _provider(call: Call, owner: AccountState) -> SamlProvider:
    known = owner.tables.saml_providers.by_key(call.text("PrincipalArn"))
    if known is None:
        raise invalid("Specified provider doesn't exist")
    return known


def _subject(call: Call, assertion: ET.Element) -> _Subject:
    """Without a NameID nobody is authorised."""
    name = assertion.find(f"{_ASSERTION}Subject/{_ASSERTION}NameID")
    if name is None or not (name.text or "").strip():
        raise not_authorised(call.name)
    data = list(assertion.iter(f"{_ASSERTION}SubjectConfirmationData"))
    until = _moment(data[0].get("NotOnOrAfter")) if len(data) == 1 else None
    recipient = data[0].get("Recipient") if data else None
    if until is None or recipient is None:
        raise invalid("The assertion needs one SubjectConfirmationData with NotOnOrAfter and Recipient.")
    return _Subject(
        name=(name.text or "").strip(),
        form=name.get("Format", "").removeprefix(_FORMAT),
        recipient=recipient,
        until=until,
    )


def _check_audience(assertion: ET.Element) -> None:
    audiences = [(audience.text or "").strip() for audience in assertion.iter(f"{_ASSERTION}Audience")]
    if not any(map(_AUDIENCE.fullmatch, audiences)):
        raise invalid("Response does not contain the required audience.")


def _check_times(now: datetime, assertion: ET.Element, subject: _Subject) -> None:
    issued = _moment(assertion.get("IssueInstant"))
    if issued is not None and issued + _FRESH <= now:
        raise IamError("ExpiredTokenException", "Token must be redeemed within 5 minutes of issuance")
    if subject.until <= now:
        raise expired(now, subject.until)


def _check_role(call: Call, pairs: Values) -> None:
    """The assertion has to offer the role with the provider, in either order."""
    wanted = {call.text("RoleArn"), call.text("PrincipalArn")}
    if not any({arn.strip() for arn in pair.split(",")} == wanted for pair in pairs):
        raise not_authorised(call.name)


def _session_name(attributes: Mapping[str, Values]) -> str:
    name = _first(attributes, f"{_AWS}RoleSessionName")
    if name is None:
        raise invalid("RoleSessionName is required in AuthnResponse")
    if not _SESSION_NAME.fullmatch(name):
        raise invalid("RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}")
    return name


def _qualifier(text: str) -> str:
    """Who vouches, in short (STS API Reference, AssumeRoleWithSAML: issuer, account ID, "/", provider's name)."""
    return base64.b64encode(hashlib.sha1(text.encode(), usedforsecurity=False).digest()).decode()


def _longest(now: datetime, assertion: ET.Element, attributes: Mapping[str, Values]) -> int | None:
    """The seconds until SessionNotOnOrAfter, or those of SessionDuration, whichever are fewer."""
    return min([*_limits(now, assertion, attributes)], default=None)


def _limits(now: datetime, assertion: ET.Element, attributes: Mapping[str, Values]) -> Iterator[int]:
    for statement in assertion.iter(f"{_ASSERTION}AuthnStatement"):
        if (until := _moment(statement.get("SessionNotOnOrAfter"))) is not None:
            yield int((until - now).total_seconds())
    if (seconds := _first(attributes, f"{_AWS}SessionDuration")) is not None:
        if not re.fullmatch(r"[0-9]{1,6}", seconds):
            raise invalid("SessionDuration in AuthnResponse is no number of seconds")
        yield int(seconds)
