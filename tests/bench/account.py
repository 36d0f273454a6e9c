"""The account of the bench: so many roles, as manifests, as IAM's own pages, and as nothing else.

Each role trusts a user of the account with MFA and a service, has one inline policy of two statements, two
attached policies, three tags and a description: what a role of a busy account looks like. Live and declared
agree, but lists come in another order and single values as lists of one, as IAM likes to show them.

Troubled, the same account has an orphan in every tenth role, of all standings: the first of its users were recreated
or deleted, and where a further few are trusted there is an ID that nobody knows, in the place of one that is missing
or beside it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, assert_never
from urllib.parse import quote
from xml.sax.saxutils import escape

ACCOUNT = "111122223333"
USERS = 200
TEAMS = 50
PAGE = 1000
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
TEAM_POLICIES = [f"arn:aws:iam::{ACCOUNT}:policy/team-{number:02d}" for number in range(TEAMS)]
_XMLNS = 'xmlns="https://iam.amazonaws.com/doc/2010-05-08/"'


class Fate(Enum):
    """What has become of those who trust a user: the first users have one each, in turn, one in forty."""

    RECREATED = 0
    DELETED = 1
    INFERRED = 2
    UNKNOWN = 3


def fate_of(user: int) -> Fate | None:
    """Return the fate of the user of that number, in the troubled account."""
    return Fate(user % len(Fate)) if user < USERS // 10 else None


@dataclass(frozen=True)
class BenchRole:
    """One role, by number, in the account as it was or in trouble."""

    number: int
    troubled: bool = False

    @property
    def name(self) -> str:
        return f"service-{self.number:05d}"

    @property
    def role_id(self) -> str:
        return f"AROABENCH{self.number:012d}"

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{ACCOUNT}:role/bench/{self.name}"

    @property
    def user(self) -> str:
        return f"user-{self.number % USERS:03d}"

    @property
    def bucket(self) -> str:
        return f"arn:aws:s3:::bucket-{self.number:05d}"

    @property
    def attached(self) -> list[str]:
        return [READ_ONLY, TEAM_POLICIES[self.number % TEAMS]]

    def manifest(self) -> str:
        """Return the role as its author wrote it."""
        return f"""\
kind: Role
name: {self.name}
path: /bench/
description: Serves customer {self.number} from its own bucket
tags:
  team: storage-{self.number % 40}
  customer: "{self.number}"
  stage: prod
trust:
  - user: arn:aws:iam::{ACCOUNT}:user/{self.user}
    require_mfa: true
  - service: ec2.amazonaws.com
managed_policies:
  - {self.attached[0]}
  - {self.attached[1]}
inline_policies:
  own-bucket:
    Version: "2012-10-17"
    Statement:
      - Sid: List
        Effect: Allow
        Action: s3:ListBucket
        Resource: {self.bucket}
      - Sid: Objects
        Effect: Allow
        Action: [s3:GetObject, s3:PutObject]
        Resource: {self.bucket}/*
"""

    def trust(self) -> dict[str, Any]:
        """Return the trust policy as IAM shows it."""
        return {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": self.trusted()},
                    "Action": "sts:AssumeRole",
                    "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
                },
                {
                    "Effect": "Allow",
                    "Principal": {"Service": ["ec2.amazonaws.com"]},
                    "Action": ["sts:AssumeRole"],
                },
            ],
        }

    def trusted(self) -> str | list[str]:
        """Return what IAM shows of the user: its ARN, or what is left of it."""
        user = self.number % USERS
        arn = f"arn:aws:iam::{ACCOUNT}:user/{self.user}"
        match fate_of(user) if self.troubled else None:
            case None:
                return arn
            case Fate.RECREATED | Fate.DELETED:
                return _user_id(user)
            case Fate.INFERRED:
                return f"AIDANOBODY{user:011d}"
            case Fate.UNKNOWN:
                return [arn, f"AIDANOBODY{user:011d}"]
            case fate:
                assert_never(fate)

    def inline(self) -> dict[str, Any]:
        """Return the inline policy as IAM shows it."""
        return {
            "Version": "2012-10-17",
            "Statement": [
                {"Sid": "List", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": [self.bucket]},
                {
                    "Sid": "Objects",
                    "Effect": "Allow",
                    "Action": ["s3:PutObject", "s3:GetObject"],
                    "Resource": f"{self.bucket}/*",
                },
            ],
        }

    def detail(self) -> str:
        """Return the role's entry in GetAccountAuthorizationDetails."""
        tags = {"team": f"storage-{self.number % 40}", "customer": str(self.number), "stage": "prod"}
        return (
            f"<member>{self._identity()}"
            f"<AttachedManagedPolicies>{''.join(map(_attached, self.attached))}</AttachedManagedPolicies>"
            f"<RolePolicyList><member><PolicyName>own-bucket</PolicyName>"
            f"<PolicyDocument>{_encoded(self.inline())}</PolicyDocument></member></RolePolicyList>"
            f"<InstanceProfileList/><RoleLastUsed><LastUsedDate>2026-11-23T10:00:00Z</LastUsedDate>"
            f"<Region>eu-central-1</Region></RoleLastUsed>"
            f"<Tags>{''.join(_tag(key, value) for key, value in tags.items())}</Tags></member>"
        )

    def listed(self) -> str:
        """Return the role's entry in ListRoles."""
        description = f"Serves customer {self.number} from its own bucket"
        return (
            f"<member>{self._identity()}<Description>{description}</Description>"
            f"<MaxSessionDuration>3600</MaxSessionDuration></member>"
        )

    def _identity(self) -> str:
        return (
            f"<Path>/bench/</Path><RoleName>{self.name}</RoleName><RoleId>{self.role_id}</RoleId>"
            f"<Arn>{self.arn}</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate>"
            f"<AssumeRolePolicyDocument>{_encoded(self.trust())}</AssumeRolePolicyDocument>"
        )


def write_manifests(folder: Path, count: int) -> None:
    """Write one file a role."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        role = BenchRole(number)
        (folder / f"{role.name}.yaml").write_text(role.manifest(), encoding="utf-8")


def pages(count: int, *, troubled: bool = False) -> dict[tuple[str, str], bytes]:
    """Return every reply that a plan of this account asks for, by call and what tells its pages apart.

    That is the marker, or the policy's ARN; `+policies` behind the marker is the page with managed policies.
    """
    rendered = {
        ("GetCallerIdentity", ""): _caller(),
        ("GetAccountSummary", ""): _summary(count),
        ("GetPolicy", READ_ONLY): _reply("GetPolicy", f"<Policy>{_policy(READ_ONLY)}</Policy>", _XMLNS),
    }
    for start in range(0, max(count, 1), PAGE):
        rendered |= _pages_from(start, count, troubled=troubled)
    return rendered


def _pages_from(start: int, count: int, *, troubled: bool) -> dict[tuple[str, str], bytes]:
    """Return one page of each list; the first has users and policies too."""
    roles = [BenchRole(number, troubled) for number in range(start, min(start + PAGE, count))]
    following = f"page-{start + PAGE}" if start + PAGE < count else None
    marker = f"page-{start}" if start else ""
    users = "" if start else _users(troubled=troubled)
    policies = "" if start else "".join(f"<member>{_policy(arn)}</member>" for arn in TEAM_POLICIES)
    details = "".join(role.detail() for role in roles)
    call = "GetAccountAuthorizationDetails"
    return {
        ("ListRoles", marker): _page(
            "ListRoles", f"<Roles>{''.join(role.listed() for role in roles)}</Roles>", following
        ),
        (call, marker): _page(call, _details(users, details, ""), following),
        (call, f"{marker}+policies"): _page(call, _details(users, details, policies), following),
    }


def _details(users: str, roles: str, policies: str) -> str:
    return (
        f"<UserDetailList>{users}</UserDetailList><GroupDetailList/><RoleDetailList>{roles}</RoleDetailList>"
        f"<Policies>{policies}</Policies>"
    )


def _policy(arn: str) -> str:
    name = arn.rpartition("/")[2]
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:List*", "Resource": "*"}]}
    version = (
        f"<member><Document>{_encoded(document)}</Document><VersionId>v1</VersionId>"
        f"<IsDefaultVersion>true</IsDefaultVersion><CreateDate>2026-01-01T00:00:00Z</CreateDate></member>"
    )
    return (
        f"<PolicyName>{name}</PolicyName><PolicyId>ANPABENCH{name.upper().replace('-', ''):X<12}</PolicyId>"
        f"<Arn>{arn}</Arn><Path>/</Path><DefaultVersionId>v1</DefaultVersionId>"
        f"<AttachmentCount>1</AttachmentCount><PermissionsBoundaryUsageCount>0</PermissionsBoundaryUsageCount>"
        f"<IsAttachable>true</IsAttachable><PolicyVersionList>{version}</PolicyVersionList>"
    )


def _encoded(document: dict[str, Any]) -> str:
    return quote(json.dumps(document, separators=(",", ":")), safe="")


def _attached(arn: str) -> str:
    name = arn.rpartition("/")[2]
    return f"<member><PolicyName>{name}</PolicyName><PolicyArn>{arn}</PolicyArn></member>"


def _tag(key: str, value: str) -> str:
    return f"<member><Key>{key}</Key><Value>{escape(value)}</Value></member>"


def _users(*, troubled: bool) -> str:
    fates = {number: fate_of(number) if troubled else None for number in range(USERS)}
    return "".join(
        _user(f"user-{number:03d}", _user_id(number + USERS if fate is Fate.RECREATED else number))
        for number, fate in fates.items()
        if fate is not Fate.DELETED
    )


def _user_id(number: int) -> str:
    return f"AIDABENCH{number:012d}"


def _user(name: str, user_id: str) -> str:
    return (
        f"<member><Path>/</Path><UserName>{name}</UserName><UserId>{user_id}</UserId>"
        f"<Arn>arn:aws:iam::{ACCOUNT}:user/{name}</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate>"
        f"<GroupList/><AttachedManagedPolicies/></member>"
    )


def _page(call: str, lists: str, following: str | None) -> bytes:
    more = f"<IsTruncated>true</IsTruncated><Marker>{following}</Marker>" if following else _WHOLE
    return _reply(call, f"{more}{lists}", _XMLNS)


def _caller() -> bytes:
    result = (
        f"<Arn>arn:aws:iam::{ACCOUNT}:user/bench</Arn><UserId>AIDABENCHBENCHBENCHXX</UserId>"
        f"<Account>{ACCOUNT}</Account>"
    )
    return _reply("GetCallerIdentity", result, 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"')


def _summary(count: int) -> bytes:
    facts = {"Roles": count, "RolesQuota": 10_000, "AssumeRolePolicySizeQuota": 2048, "PoliciesQuota": 1500}
    entries = "".join(f"<entry><key>{key}</key><value>{value}</value></entry>" for key, value in facts.items())
    return _reply("GetAccountSummary", f"<SummaryMap>{entries}</SummaryMap>", _XMLNS)


def _reply(call: str, result: str, xmlns: str) -> bytes:
    return (
        f"<{call}Response {xmlns}><{call}Result>{result}</{call}Result>"
        f"<ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ResponseMetadata>"
        f"</{call}Response>"
    ).encode()


_WHOLE = "<IsTruncated>false</IsTruncated>"
