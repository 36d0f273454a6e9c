"""Tokens and assertions as identity providers write them; nobody has signed them."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.sandbox import Sandbox
from reconciler.sandbox.pytest_plugin import START

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

ISSUER = "https://idp.example.com/tenant"
PROVIDER = "arn:aws:iam::111122223333:oidc-provider/idp.example.com/tenant"
SAML_PROVIDER = "arn:aws:iam::111122223333:saml-provider/Idp"
SIGN_IN = "https://signin.aws.amazon.com/saml"
ATTRIBUTES = "https://aws.amazon.com/SAML/Attributes/"


def sts_without_keys(sandbox: Sandbox) -> STSClient:
    """A client for the calls that need no keys: botocore does not sign them."""
    return sandbox.session().client("sts")


def jwt(claims: Any, *, header: Any = None) -> str:
    """Any claims as a token without a signature."""
    parts = [json.dumps(part).encode() for part in (header or {"alg": "none", "typ": "JWT"}, claims)]
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), ""])


def token(**claims: Any) -> str:
    """A token of the provider for sts.amazonaws.com that speaks of job 7; None leaves a claim out."""
    usual = {
        "iss": ISSUER,
        "aud": "sts.amazonaws.com",
        "sub": "job:7",
        "exp": int((START + timedelta(minutes=5)).timestamp()),
    }
    return jwt({name: value for name, value in {**usual, **claims}.items() if value is not None})


def attribute(name: str, *values: str) -> str:
    """An attribute of an assertion; AWS's own are named without their address."""
    full = name if ":" in name.partition("/")[0] and not name.startswith("PrincipalTag:") else ATTRIBUTES + name
    inner = "".join(f"<AttributeValue>{value}</AttributeValue>" for value in values)
    return f'<Attribute Name="{full}">{inner}</Attribute>'


def assertion(
    role: str,
    *,
    issuer: str = "urn:idp",
    subject: str = "<NameID Format='urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'>_alice</NameID>",
    audience: str = "urn:amazon:webservices",
    until: datetime = START + timedelta(minutes=4),
    session: str = "",
    attributes: str = "",
    name: str | None = "alice@example.com",
) -> str:
    """A response whose assertion offers the role with the provider `Idp`."""
    named = attribute("RoleSessionName", name) if name is not None else ""
    return encoded(
        '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol">'
        f'<Assertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion" IssueInstant="{stamp(START)}">'
        f"<Issuer>{issuer}</Issuer><Subject>{subject}<SubjectConfirmation>"
        f'<SubjectConfirmationData NotOnOrAfter="{stamp(until)}" Recipient="{SIGN_IN}"/>'
        "</SubjectConfirmation></Subject><Conditions><AudienceRestriction>"
        f"<Audience>{audience}</Audience></AudienceRestriction></Conditions>{session}"
        f"<AttributeStatement>{attribute('Role', f'{role},{SAML_PROVIDER}')}{named}{attributes}</AttributeStatement>"
        "</Assertion></samlp:Response>"
    )


def encoded(xml: str) -> str:
    """As it travels."""
    return base64.b64encode(xml.encode()).decode()


def stamp(moment: datetime) -> str:
    """A time as SAML writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def metadata(entity: str = "urn:idp") -> str:
    """What a SAML provider is made from."""
    return f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity}"/>'
