"""What conditions can ask about, what requests say to it, and what policies compare it with.

Few words, so that they meet: a key's ``compared`` is what a policy may say, ``said`` what a request may.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

POLICY = "arn:aws:iam::111122223333:policy/team/reader"


class Kind(Enum):
    """What a key's values mean, and so which operators are made for it."""

    STRING = "String"
    ARN = "ARN"
    NUMBER = "Numeric"
    DATE = "Date"
    BOOLEAN = "Bool"
    ADDRESS = "IPAddress"


_STRING = (
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
)
_RELATIONS = ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")

OPERATORS: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.STRING: _STRING,
    Kind.ARN: ("ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike", "StringEquals", "StringLike", "StringNotLike"),
    Kind.NUMBER: tuple(f"Numeric{relation}" for relation in _RELATIONS),
    Kind.DATE: tuple(f"Date{relation}" for relation in _RELATIONS),
    Kind.BOOLEAN: ("Bool", "Bool", "StringEquals"),
    Kind.ADDRESS: ("IpAddress", "NotIpAddress"),
}


@dataclass(frozen=True)
class Key:
    """A condition key. ``several``: it may have more than one value. ``only``: the one action that knows it.

    Keys that the caller brings along, such as ``aws:username``, say nothing of their own.
    """

    name: str
    kind: Kind
    compared: tuple[str, ...]
    said: tuple[str, ...] = ()
    several: bool = False
    only: str | None = None


KEYS: Final = (
    Key("aws:PrincipalTag/team", Kind.STRING, ("red", "Red", "blue", "re*", "r?d", "${aws:username}")),
    Key("aws:PrincipalOrgID", Kind.STRING, ("o-abcdefghij", "o-zzzzzzzzzz", "o-*")),
    Key("aws:username", Kind.STRING, ("alice", "ALICE", "al*", "?lice", "${aws:PrincipalTag/team, 'alice'}")),
    Key(
        "aws:userid",
        Kind.STRING,
        ("AIDAALICEALICEALICE22", "AROARUNNERRUNNERRUN22:*", "*:build-?", "${aws:userid}", "${*}:build-7"),
    ),
    Key("aws:PrincipalAccount", Kind.STRING, ("111122223333", "444455556666", "1111*")),
    Key("aws:PrincipalType", Kind.STRING, ("User", "AssumedRole", "user", "*")),
    Key("aws:RequestedRegion", Kind.STRING, ("eu-*", "eu-central-1", "EU-CENTRAL-1"), ("eu-central-1", "us-east-1")),
    Key(
        "aws:UserAgent", Kind.STRING, ("aws-cli/*", "a+b (1)", "*[*"), ("aws-cli/2.30", "a+b (1)", "a.b[x]", "aXb (1)")
    ),
    Key("aws:PrincipalIsAWSService", Kind.BOOLEAN, ("true", "false")),
    Key(
        "aws:PrincipalArn",
        Kind.ARN,
        (
            "arn:aws:iam::111122223333:user/staff/alice",
            "arn:aws:iam::111122223333:role/ci/*",
            "arn:aws:iam::111122223333:role/runner",
            "arn:aws:iam::*:user/*",
            "arn:aws:iam::1111????3333:*/${aws:username}",
            "arn:aws:iam::444455556666:role/visitor",
        ),
    ),
    Key(
        "aws:SourceArn",
        Kind.ARN,
        (
            "arn:aws:s3:::logs",
            "arn:aws:s3:::*",
            "arn:aws:*:eu-*:1111*:topic",
            "arn:aws:s*:111122223333:*:*",
            "arn:aws:sns:*:*:*",
            "arn:aws:sns:eu-central-1:111122223333:TOPIC",
        ),
        (
            "arn:aws:s3:::logs",
            "arn:aws:sns:eu-central-1:111122223333:topic",
            "arn:aws:sns:eu-central-1:111122223333:a:b",
        ),
    ),
    Key(
        "iam:PolicyARN",
        Kind.ARN,
        (POLICY, "arn:aws:iam::*:policy/team/*", "arn:aws:iam::aws:policy/*"),
        (POLICY, "arn:aws:iam::aws:policy/AdministratorAccess"),
        only="iam:AttachRolePolicy",
    ),
    Key(
        "iam:PermissionsBoundary",
        Kind.ARN,
        (POLICY, "arn:aws:iam::*:policy/team/*"),
        (POLICY, "arn:aws:iam::111122223333:policy/other"),
        only="iam:CreateRole",
    ),
    Key(
        "aws:RequestTag/stage",
        Kind.STRING,
        ("prod", "p*", "${aws:PrincipalTag/team}"),
        ("prod", "test", "red"),
        only="iam:CreateRole",
    ),
    Key(
        "s3:prefix",
        Kind.STRING,
        ("home/${aws:username}/*", "home/*", "", "home/?lice/"),
        ("home/alice/", "home/alice/a", "", "home/${aws:username}/"),
        only="s3:ListBucket",
    ),
    Key("s3:max-keys", Kind.NUMBER, ("10", "10.0", "1e1", "100"), ("10", "100", "-1"), only="s3:ListBucket"),
    Key("aws:MultiFactorAuthAge", Kind.NUMBER, ("3600", "300", "3600.0"), ("3600", "299", "86400")),
    Key("aws:MultiFactorAuthPresent", Kind.BOOLEAN, ("true", "false", "True"), ("true", "false")),
    Key("aws:SecureTransport", Kind.BOOLEAN, ("true", "false"), ("true", "false")),
    Key(
        "aws:CurrentTime",
        Kind.DATE,
        ("2026-11-24T12:00:00Z", "2026-11-24T13:00:00+01:00", "2026-11-24", "2027-01-01T00:00:00Z"),
        ("2026-11-24T12:00:00Z", "2026-11-24T00:00:00Z", "2027-06-01T00:00:00Z"),
    ),
    Key("aws:EpochTime", Kind.DATE, ("1795521600", "2026-11-24T12:00:00Z"), ("1795521600", "1795521601")),
    Key(
        "aws:SourceIp",
        Kind.ADDRESS,
        ("203.0.113.0/24", "203.0.113.7", "0.0.0.0/0", "2001:db8::/32", "203.0.113.128/25"),
        ("203.0.113.7", "203.0.113.200", "198.51.100.1", "2001:db8::1"),
    ),
    Key("aws:TagKeys", Kind.STRING, ("team", "stage", "Team", "t*"), ("team", "stage", "Team", "cost"), several=True),
    Key(
        "aws:CalledVia",
        Kind.STRING,
        ("athena.amazonaws.com", "*.amazonaws.com"),
        ("athena.amazonaws.com", "kms.amazonaws.com", "example.com"),
        several=True,
    ),
    Key(
        "sts:ExternalId",
        Kind.STRING,
        ("open-sesame", "Open-Sesame", "open-*"),
        ("open-sesame", "guess"),
        only="sts:AssumeRole",
    ),
    Key(
        "token.actions.githubusercontent.com:repository",
        Kind.STRING,
        ("example/app", "example/*", "Example/App"),
        ("example/app", "example/other", "other/app"),
        only="sts:AssumeRoleWithWebIdentity",
    ),
    Key(
        "SAML:aud",
        Kind.STRING,
        ("https://signin.aws.amazon.com/saml",),
        ("https://signin.aws.amazon.com/saml", "https://example.com/saml"),
        only="sts:AssumeRoleWithSAML",
    ),
)


def keys_for(action: str) -> tuple[Key, ...]:
    """The keys that a request of this action may say, and conditions on it ask about."""
    return tuple(key for key in KEYS if key.only in (None, action))


# What a request over the wire says by itself, from this machine, with long-term keys or those of AssumeRole.
WIRE_KEYS: Final = (
    Key("aws:username", Kind.STRING, ("alice-*", "al?ce-*", "bob", "ALICE-*")),
    Key("aws:PrincipalTag/team", Kind.STRING, ("red", "Red", "blue", "r?d")),
    Key("aws:PrincipalAccount", Kind.STRING, ("111122223333", "444455556666", "1111*")),
    Key("aws:PrincipalType", Kind.STRING, ("User", "AssumedRole", "user")),
    Key("aws:PrincipalArn", Kind.ARN, ("arn:aws:iam::111122223333:user/*", "arn:aws:iam::*:user/bob")),
    Key("aws:ResourceTag/team", Kind.STRING, ("blue", "red", "bl*")),
    Key("aws:RequestTag/stage", Kind.STRING, ("prod", "test", "p*")),
    Key("aws:TagKeys", Kind.STRING, ("stage", "team", "t*"), several=True),
    Key("aws:RequestedRegion", Kind.STRING, ("us-east-1", "eu-*", "us-*")),
    Key("aws:MultiFactorAuthPresent", Kind.BOOLEAN, ("true", "false")),
    Key("aws:MultiFactorAuthAge", Kind.NUMBER, ("3600",)),
    Key("aws:CurrentTime", Kind.DATE, ("2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z")),
    Key("aws:SourceIp", Kind.ADDRESS, ("127.0.0.0/8", "10.0.0.0/8", "127.0.0.1")),
)
TRUST_KEYS: Final = (*WIRE_KEYS, *(Key("sts:ExternalId", Kind.STRING, ("open-sesame", "Open-Sesame", "open-*")),) * 3)
