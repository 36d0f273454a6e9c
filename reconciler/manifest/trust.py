"""Trust entries: what each means, exactly. An entry is one statement, `Effect: Allow`.

    entry                         Principal                       Action                 Condition
    ----------------------------  ------------------------------  ---------------------  -----------------------------
    account: ID                   AWS: the account's root         sts:AssumeRole
    user: / role: ARN or name     AWS: the ARN                    sts:AssumeRole
      survives_recreation: true   AWS: the account's root         sts:AssumeRole         ArnEquals aws:PrincipalArn
    permission_set: NAME          AWS: the account's root         sts:AssumeRole         ArnLike aws:PrincipalArn (x2)
    organization: o-ID            AWS: "*"                        sts:AssumeRole         StringEquals aws:PrincipalOrgID
    service: NAME                 Service: NAME                   sts:AssumeRole         StringEquals aws:SourceAccount,
                                  (EKS pods: and sts:TagSession)                         ArnLike aws:SourceArn
    oidc: ISSUER                  Federated: the provider's ARN   ...WithWebIdentity     ISSUER:aud, ISSUER:sub
    saml: NAME                    Federated: the provider's ARN   ...WithSAML            StringEquals SAML:aud
    statement: {...}              as written                      as written             as written

`external_id` adds `StringEquals sts:ExternalId`; `require_mfa` and `mfa_max_age` add `Bool
aws:MultiFactorAuthPresent` and `NumericLessThan aws:MultiFactorAuthAge`, as text, which is how IAM compares them.
`sid` and `actions` may stand on any entry that is not a whole statement. The four web identity providers that need no
provider object stand for themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from reconciler.manifest.document import (
    SID,
    TRUST_ACTIONS,
    Use,
    sid_problem,
    statement_problems,
    trust_action_problems,
)
from reconciler.manifest.names import Kind, Resolver
from reconciler.manifest.principals import (
    ASSUMING,
    SERVICE_DOMAINS,
    SHARED_ISSUERS,
    named_principal_problems,
    principal_problems,
)
from reconciler.manifest.reading import MERGED, Path, Problem, refused
from reconciler.manifest.rules import account_problem, name_problems
from reconciler.manifest.schema import HEADS, TrustEntry
from reconciler.model.arn import is_account_id, parse_arn, root_arn
from reconciler.model.diagnostic import Code
from reconciler.model.policy import NEW_VERSION
from reconciler.model.principal import SERVICE, WEB_IDENTITIES

Statement: TypeAlias = dict[str, Any]
Condition: TypeAlias = dict[str, dict[str, Any]]
Allowed: TypeAlias = tuple[dict[str, Any], list[str], Condition]
"""What a kind of entry allows: the `Principal`, its actions, and under which condition."""

ANYWHERE = frozenset({"sid", "actions"})
MFA = frozenset({"require_mfa", "mfa_max_age"})
MAY_STAND_WITH: Mapping[str, frozenset[str]] = {
    "account": ANYWHERE | MFA | {"external_id"},
    "user": ANYWHERE | MFA | {"external_id", "survives_recreation"},
    "role": ANYWHERE | {"external_id", "survives_recreation"},
    "permission_set": ANYWHERE | {"account"},
    "organization": ANYWHERE,
    "service": ANYWHERE | {"source_account", "source_arn"},
    "oidc": ANYWHERE | {"audiences", "subjects"},
    "saml": ANYWHERE,
    "statement": frozenset(),
}

WITH = {head: company | {head} for head, company in MAY_STAND_WITH.items()}
CHECKED_ELSEWHERE = HEADS | {"require_mfa", "survives_recreation", "audiences", "subjects"}  # or nothing to check

EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
ORGANIZATION = re.compile(r"o-[a-z0-9]{10,32}")
PERMISSION_SET = re.compile(r"[\w+=,.@-]{1,32}", re.ASCII)
LIKE_AN_ID = re.compile(r"(?:AIDA|AROA)[A-Z0-9]{12,}")  # a name may begin like one: AIDAN is somebody's
ISSUER = re.compile(r"[a-z0-9.-]+(?::[0-9]+)?(?:/[A-Za-z0-9._~%-]+)*")
USER_NAME_LENGTH = 64
PROVIDER_NAME_LENGTH = 128
LONGEST_MFA_AGE = 129_600  # seconds: how long credentials with MFA can live (STS, GetSessionToken)

POD_IDENTITY = "pods.eks.amazonaws.com"
SIGN_IN_PAGES: Mapping[str, str] = {
    "aws": "https://signin.aws.amazon.com/saml",
    "aws-cn": "https://signin.amazonaws.cn/saml",
    "aws-us-gov": "https://signin.amazonaws-us-gov.com/saml",
}
ASSUME_ROLE = "sts:AssumeRole"
ASSUME_WITH: Mapping[str, str] = {"oidc": "sts:AssumeRoleWithWebIdentity", "saml": "sts:AssumeRoleWithSAML"}


def trust_problems(entries: Iterable[TrustEntry]) -> Iterator[Problem]:
    """Yield what is wrong with trust entries in themselves, by path from their list."""
    sids: dict[str, int] = {}
    for index, entry in enumerate(entries):
        for problem in entry_problems(entry):
            yield problem.below(index)
        sid = entry.sid if entry.statement is None else entry.statement.get("Sid")
        if isinstance(sid, str) and sid and sids.setdefault(sid, index) != index:
            path = (index, "sid") if entry.statement is None else (index, "statement", "Sid")
            yield refused(path, f"The Sid {sid} is also that of trust[{sids[sid]}]; Sids are unique in a policy.")


def head_of(entry: TrustEntry) -> str | None:
    """Return the key that says what kind of entry this is; None where there is none or more than one."""
    heads = _heads(entry)
    return heads[0] if len(heads) == 1 else None


def _heads(entry: TrustEntry) -> list[str]:
    found = HEADS & entry.model_fields_set
    if len(found) > 1:
        found -= {"account"} if "permission_set" in found else frozenset()
        return sorted(found)
    return list(found)


def entry_problems(entry: TrustEntry) -> Iterator[Problem]:
    """Yield what is wrong with one entry, by path from it."""
    heads = _heads(entry)
    if not heads:
        message = "A trust entry says who is trusted."
        absent = tuple((key,) for key in (*HEADS, MERGED))
        yield Problem((), Code.RM116, message, f"Give one of {', '.join(MAY_STAND_WITH)}.", absent=absent)
    elif len(heads) > 1:
        message = f"A trust entry names one kind of principal, not {' and '.join(heads)}."
        yield Problem((heads[1],), Code.RM116, message, "Make an entry of each.", at_key=True)
    else:
        head, given = heads[0], entry.model_fields_set
        if not given <= WITH[head]:
            yield from _company_problems(entry, head)
        yield from _head_problems(entry, head)
        if not given <= CHECKED_ELSEWHERE:
            yield from _modifier_problems(entry, head)


def _company_problems(entry: TrustEntry, head: str) -> Iterator[Problem]:
    for key in sorted(entry.model_fields_set - WITH[head]):
        fitting = [name for name, allowed in MAY_STAND_WITH.items() if key in allowed]
        remedy = "Write it in the statement itself." if head == "statement" else f"It goes with {', '.join(fitting)}."
        yield Problem((key,), Code.RM116, f"`{key}` does not go with `{head}`.", remedy, at_key=True)


def _head_problems(entry: TrustEntry, head: str) -> Iterator[Problem]:  # noqa: C901  one arm a kind of entry
    if entry.account is not None and not is_account_id(entry.account):
        yield account_problem(("account",), entry.account)
    match head:
        case "user":
            yield from _named_problems(entry.user or [], Kind.USER)
        case "role":
            yield from _named_problems(entry.role or [], Kind.ROLE)
        case "permission_set" if not PERMISSION_SET.fullmatch(entry.permission_set or ""):
            message = "The name of a permission set has 1 to 32 letters, digits and +=,.@_-."
            yield Problem(("permission_set",), Code.RM111, message)
        case "organization" if not ORGANIZATION.fullmatch(entry.organization or ""):
            message = f'"{entry.organization}" is not the ID of an organization, such as o-a1b2c3d4e5.'
            yield Problem(("organization",), Code.RM111, message)
        case "service" if not _is_service(entry.service or ""):
            yield _service_problem(entry.service or "")
        case "oidc":
            yield from _oidc_problems(entry)
        case "saml":
            yield from name_problems(("saml",), entry.saml or "", PROVIDER_NAME_LENGTH)
        case "statement":
            yield from _statement_problems(entry.statement or {})
        case _:
            return


def _statement_problems(statement: Statement) -> Iterator[Problem]:
    for problem in (*statement_problems(statement, Use.TRUST), *principal_problems(statement)):
        yield problem.below("statement")


def _is_service(name: str) -> bool:
    return SERVICE.fullmatch(name) is not None and name.endswith(SERVICE_DOMAINS)


def _service_problem(service: str) -> Problem:
    remedy = None if "." in service else f"Did you mean {service}.amazonaws.com?"
    message = f'"{service}" is not a service: its name ends in amazonaws.com.'
    return Problem(("service",), Code.RP209, message, remedy)


def _named_problems(values: Iterable[str], kind: Kind) -> Iterator[Problem]:
    seen = set()
    for index, value in enumerate(values):
        path: Path = (kind.value, index)
        if value in seen:
            yield Problem(path, Code.RM112, f"{value} is named twice in this entry.")
        seen.add(value)
        for problem in _name_problems(kind, value):
            yield problem.below(*path)


@lru_cache(maxsize=4096)  # a few principals are trusted by many roles
def _name_problems(kind: Kind, value: str) -> tuple[Problem, ...]:
    if ":" in value or LIKE_AN_ID.fullmatch(value):
        return tuple(named_principal_problems((), kind, value))
    return tuple(name_problems((), value, USER_NAME_LENGTH))


def _oidc_problems(entry: TrustEntry) -> Iterator[Problem]:
    issuer = entry.oidc or ""
    if not ISSUER.fullmatch(issuer):
        message = f'"{issuer}" is not an issuer: that is its URL without https:// and without a slash at the end.'
        remedy = f"Write {issuer.removeprefix('https://').rstrip('/')}." if issuer.startswith("https://") else None
        yield Problem(("oidc",), Code.RM111, message, remedy)
        return
    claim = SHARED_ISSUERS.get(issuer)
    key, values = ("subjects", entry.subjects) if claim == "sub" else ("audiences", entry.audiences)
    if claim and not (values and all(value.strip("*?") for value in values)):
        message = f"{issuer} serves everybody: `{key}` says whose {claim} is trusted, and is more than *."
        yield Problem((key if values else "oidc",), Code.RP212, message, absent=((key,), (MERGED,)))


def _modifier_problems(entry: TrustEntry, head: str) -> Iterator[Problem]:
    if entry.external_id is not None and not EXTERNAL_ID.fullmatch(entry.external_id):
        message = "An external ID has 2 to 1,224 letters, digits and +=,.@:/_-."
        yield Problem(("external_id",), Code.RM111, message)
    if entry.mfa_max_age is not None and not 1 <= entry.mfa_max_age <= LONGEST_MFA_AGE:
        yield Problem(("mfa_max_age",), Code.RM111, f"`mfa_max_age` is between 1 and {LONGEST_MFA_AGE} seconds.")
    if entry.sid is not None and not SID.fullmatch(entry.sid):
        yield sid_problem(("sid",), entry.sid)
    if entry.source_account or entry.source_arn:
        yield from _source_problems(entry)
    if entry.actions is not None:
        yield from _actions_problems(entry.actions, ASSUME_WITH.get(head, ASSUME_ROLE))


def _source_problems(entry: TrustEntry) -> Iterator[Problem]:
    for index, account in enumerate(entry.source_account or []):
        if not is_account_id(account):
            yield account_problem(("source_account", index), account)
    for index, arn in enumerate(entry.source_arn or []):
        if not arn.startswith("arn:"):
            yield Problem(("source_arn", index), Code.RM115, f'"{arn}" is not an ARN.')


def _actions_problems(actions: Iterable[str], own: str) -> Iterator[Problem]:
    for index, action in enumerate(actions):
        yield from trust_action_problems(("actions", index), action)
        if action.lower() in ASSUMING - {own.lower()}:
            message = f"Whoever is trusted here assumes a role with {own}, never with {TRUST_ACTIONS[action.lower()]}."
            yield Problem(("actions", index), Code.RP214, message)


@dataclass(frozen=True, slots=True)
class Translator:
    """Trust entries to the statements of one role's account."""

    names: Resolver

    def document(self, entries: Iterable[TrustEntry]) -> dict[str, Any]:
        """Return the trust policy that the entries stand for."""
        return {"Version": NEW_VERSION, "Statement": [self.statement(entry) for entry in entries]}

    def statement(self, entry: TrustEntry) -> Statement:
        """Return the statement that a sound entry stands for."""
        if entry.statement is not None:
            return entry.statement
        principal, actions, condition = self._who(entry)
        statement: Statement = {} if entry.sid is None else {"Sid": entry.sid}
        statement |= {
            "Effect": "Allow",
            "Principal": principal,
            "Action": _one_or_all(entry.actions or actions),
        }
        condition |= _session_condition(entry)
        return statement | {"Condition": condition} if condition else statement

    def _who(self, entry: TrustEntry) -> Allowed:
        """Return what an entry allows, by its head."""
        match head_of(entry):
            case "user":
                return self._entities(entry, Kind.USER, entry.user or [])
            case "role":
                return self._entities(entry, Kind.ROLE, entry.role or [])
            case "permission_set":
                return self._permission_set(entry.permission_set or "", entry.account or self.names.account)
            case "organization":
                return {"AWS": "*"}, [ASSUME_ROLE], {"StringEquals": {"aws:PrincipalOrgID": entry.organization}}
            case "service":
                return _service(entry)
            case "oidc":
                return self._oidc(entry)
            case "saml":
                return self._saml(entry.saml or "")
            case _:
                return {"AWS": self._root(entry.account or "")}, [ASSUME_ROLE], {}

    def _root(self, account: str) -> str:
        return root_arn(self.names.partition, account)

    def _entities(self, entry: TrustEntry, kind: Kind, values: list[str]) -> Allowed:
        arns = [self.names.arn(kind, value) for value in values]
        if not entry.survives_recreation:
            return {"AWS": _one_or_all(arns)}, [ASSUME_ROLE], {}
        accounts = dict.fromkeys(arn.account for arn in map(parse_arn, arns) if arn)
        roots = [self._root(account) for account in accounts]
        return {"AWS": _one_or_all(roots)}, [ASSUME_ROLE], {"ArnEquals": {"aws:PrincipalArn": _one_or_all(arns)}}

    def _permission_set(self, name: str, account: str) -> Allowed:
        folder = f"arn:{self.names.partition}:iam::{account}:role/aws-reserved/sso.amazonaws.com"
        role = f"AWSReservedSSO_{name}_*"
        either = [f"{folder}/{role}", f"{folder}/*/{role}"]  # the second with the region of Identity Center
        return {"AWS": self._root(account)}, [ASSUME_ROLE], {"ArnLike": {"aws:PrincipalArn": either}}

    def _oidc(self, entry: TrustEntry) -> Allowed:
        issuer = entry.oidc or ""
        condition: Condition = {}
        if entry.audiences:
            condition["StringEquals"] = {f"{issuer}:aud": _one_or_all(entry.audiences)}
        if entry.subjects:
            wild = any(character in subject for subject in entry.subjects for character in "*?")
            block = condition.setdefault("StringLike" if wild else "StringEquals", {})
            block[f"{issuer}:sub"] = _one_or_all(entry.subjects)
        provider = issuer if issuer in WEB_IDENTITIES else self._provider("oidc-provider", issuer)
        return {"Federated": provider}, [ASSUME_WITH["oidc"]], condition

    def _saml(self, name: str) -> Allowed:
        page = SIGN_IN_PAGES.get(self.names.partition, SIGN_IN_PAGES["aws"])
        condition: Condition = {"StringEquals": {"SAML:aud": page}}
        return {"Federated": self._provider("saml-provider", name)}, [ASSUME_WITH["saml"]], condition

    def _provider(self, kind: str, name: str) -> str:
        return f"arn:{self.names.partition}:iam::{self.names.account}:{kind}/{name}"


def _service(entry: TrustEntry) -> Allowed:
    actions = [ASSUME_ROLE, "sts:TagSession"] if entry.service == POD_IDENTITY else [ASSUME_ROLE]
    condition: Condition = {}
    if entry.source_account:
        condition["StringEquals"] = {"aws:SourceAccount": _one_or_all(entry.source_account)}
    if entry.source_arn:
        condition["ArnLike"] = {"aws:SourceArn": _one_or_all(entry.source_arn)}
    return {"Service": entry.service}, actions, condition


def _session_condition(entry: TrustEntry) -> Condition:
    condition: Condition = {}
    if entry.external_id is not None:
        condition["StringEquals"] = {"sts:ExternalId": entry.external_id}
    if entry.require_mfa:
        condition["Bool"] = {"aws:MultiFactorAuthPresent": "true"}
    if entry.mfa_max_age is not None:
        condition["NumericLessThan"] = {"aws:MultiFactorAuthAge": str(entry.mfa_max_age)}
    return condition


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values
