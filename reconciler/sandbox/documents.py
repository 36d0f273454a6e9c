"""Policy documents: what IAM checks before it takes one, and the words it refuses with.

Two kinds: trust policies (who may assume a role) and permission policies (inline and managed).
The checks are neither stricter nor laxer than what is known: old versions, lower-case actions
and numbers as condition values are fine in a trust policy; a `Resource`, a `NotPrincipal`, a
repeated key or an action of another service is not. Whether a principal exists is another
question, asked in `principals`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Any, Final, NoReturn

from reconciler.sandbox.entities import Document
from reconciler.sandbox.errors import malformed

TRUST_ACTIONS: Final = frozenset(
    f"sts:{name}"
    for name in (
        "assumerole",
        "assumerolewithsaml",
        "assumerolewithwebidentity",
        "tagsession",
        "setsourceidentity",
        "setcontext",
    )
)
_VERSIONS: Final = ("2008-10-17", "2012-10-17")
_TOP: Final = {"Version", "Id", "Statement"}
_ELEMENTS: Final = {
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
}  # fmt: skip
_SID: Final = re.compile(r"[0-9A-Za-z]*")
_ACTION: Final = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9*?_-]+|\*")
_OPERATOR: Final = re.compile(
    r"(?:(?:ForAnyValue|ForAllValues):)?"
    r"(?:String(?:Not)?(?:Equals(?:IgnoreCase)?|Like)"
    r"|(?:Numeric|Date)(?:(?:Not)?Equals|(?:LessThan|GreaterThan)(?:Equals)?)"
    r"|Bool|BinaryEquals|(?:Not)?IpAddress|Arn(?:Not)?(?:Equals|Like))"
    r"(?:IfExists)?|Null",
    re.IGNORECASE,
)
_LAST_OF_LATIN_1: Final = "\u00ff"
_SYNTAX: Final = "Syntax errors in policy."
_BAD_SID: Final = (
    "Statement IDs (SID) must be alpha-numeric. "  # codespell:ignore
    "Check that your input satisfies the regular expression [0-9A-Za-z]*"
)
_DUPLICATE_SIDS: Final = "Statement IDs (SID) in a single policy must be unique."

SHARED_ISSUERS: Final[dict[str, str]] = {
    "token.actions.githubusercontent.com": "sub",
    "gitlab.com": "sub",
    "oidc.vercel.com": "aud",
    "api.pulumi.com/oidc": "aud",
    "sandboxes.cloud": "aud",
    "cognito-identity.amazonaws.com": "aud",
}
"""Issuers that many customers share, and the claim that a trust policy must evaluate (secure by default)."""

Statement = dict[str, Any]


def parse_trust(text: str, *, sts_wildcards: bool = True, beyond_latin_1: bool = False) -> Document:
    """A trust policy, or MalformedPolicyDocument."""
    document = _parse(text, beyond_latin_1=beyond_latin_1)
    for statement in _checked_statements(document):
        _check_trust_statement(statement, sts_wildcards=sts_wildcards)
    return document


def parse_permissions(text: str, *, beyond_latin_1: bool = False) -> Document:
    """An inline or managed policy, or MalformedPolicyDocument."""
    document = _parse(text, beyond_latin_1=beyond_latin_1)
    statements = _checked_statements(document)
    if document.get("Version") != _VERSIONS[-1]:
        raise malformed("Policy document must be version 2012-10-17 or greater.")
    if "Id" in document:
        raise malformed("Has prohibited field Id")
    for statement in statements:
        _check_permission_statement(statement)
    return document


# --- the text ----------------------------------------------------------------------------------


def _parse(text: str, *, beyond_latin_1: bool) -> dict[str, Any]:
    try:
        document = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise malformed("This policy contains invalid Json") from None
    if not isinstance(document, dict):
        raise malformed(_SYNTAX)
    if "\\u" in text and not beyond_latin_1 and max(json.dumps(document, ensure_ascii=False)) > _LAST_OF_LATIN_1:
        raise malformed(_SYNTAX)
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise malformed(f"Statement/policy already has instance of {key}")
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


# --- what both kinds have in common --------------------------------------------------------------


def _checked_statements(document: dict[str, Any]) -> list[Statement]:
    if set(document) - _TOP or document.get("Version", _VERSIONS[0]) not in _VERSIONS:
        raise malformed(_SYNTAX)
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise malformed(_SYNTAX)
    for statement in statements:
        _check_statement(statement)
    sids = [statement["Sid"] for statement in statements if statement.get("Sid")]
    if len(sids) != len(set(sids)):
        raise malformed(_DUPLICATE_SIDS)
    return statements


def _check_statement(statement: object) -> None:
    if not isinstance(statement, dict) or set(statement) - _ELEMENTS:
        raise malformed(_SYNTAX)
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise malformed(_SYNTAX)
    sid = statement.get("Sid", "")
    if not isinstance(sid, str):
        raise malformed(_SYNTAX)
    if not _SID.fullmatch(sid):
        raise malformed(_BAD_SID)
    _check_conditions(statement.get("Condition", {}))


def _check_conditions(conditions: object) -> None:
    if not isinstance(conditions, dict):
        raise malformed(_SYNTAX)
    for operator, block in conditions.items():
        if not _OPERATOR.fullmatch(operator) or not isinstance(block, dict):
            raise malformed(_SYNTAX)
        for values in block.values():
            if not all(isinstance(value, str | int | float | bool) for value in _as_list(values)):
                raise malformed(_SYNTAX)


def _strings(value: object) -> list[str]:
    values = _as_list(value)
    if not values or not all(isinstance(item, str) for item in values):
        raise malformed(_SYNTAX)
    return values


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _prohibit(statement: Statement, names: Iterable[str]) -> None:
    for name in names:
        if name in statement:
            raise malformed(f"Has prohibited field {name}")


# --- trust policies -------------------------------------------------------------------------------


def _check_trust_statement(statement: Statement, *, sts_wildcards: bool) -> None:
    _prohibit(statement, ("Resource", "NotResource", "NotPrincipal"))
    if "Principal" not in statement:
        raise malformed("Missing required field Principal")
    if ("Action" in statement) == ("NotAction" in statement):
        raise malformed(_SYNTAX if "Action" in statement else "Missing required field Action")
    for action in _strings(statement.get("Action", statement.get("NotAction"))):
        if not _is_trust_action(action.lower(), wildcards=sts_wildcards):
            raise malformed("AssumeRole policy may only specify STS AssumeRole actions.")
    _check_trust_principal(statement["Principal"])
    _check_shared_issuer(statement)


def _is_trust_action(action: str, *, wildcards: bool) -> bool:
    if "*" not in action and "?" not in action:
        return action in TRUST_ACTIONS
    return wildcards and any(fnmatchcase(known, action) for known in TRUST_ACTIONS)


def _check_trust_principal(principal: object) -> None:
    if principal == "*":
        raise malformed('AssumeRolepolicy contained an invalid principal: "STAR":"*".')
    if not isinstance(principal, dict) or not principal:
        raise malformed(_SYNTAX)
    for values in principal.values():
        _strings(values)


def _check_shared_issuer(statement: Statement) -> None:
    principal = statement["Principal"]
    if statement["Effect"] != "Allow":
        return
    for provider in _as_list(principal.get("Federated", [])):
        issuer = str(provider).partition(":oidc-provider/")[2] or str(provider)
        claim = SHARED_ISSUERS.get(issuer)
        if claim is not None and not _evaluates(statement.get("Condition", {}), f"{issuer}:{claim}"):
            raise malformed(f"Trust policies for {issuer} must evaluate the claim {claim}")


def _evaluates(conditions: dict[str, dict[str, Any]], key: str) -> bool:
    return any(
        name.lower() == key.lower() and "*" not in _as_list(values)
        for block in conditions.values()
        for name, values in block.items()
    )


# --- permission policies --------------------------------------------------------------------------


def _check_permission_statement(statement: Statement) -> None:
    _prohibit(statement, ("Principal", "NotPrincipal"))
    _check_one_of(statement, ("Action", "NotAction"), "Policy statement must contain actions.", _check_action)
    _check_one_of(statement, ("Resource", "NotResource"), "Policy statement must contain resources.", _check_resource)


def _check_one_of(statement: Statement, names: tuple[str, str], missing: str, check: Callable[[str], None]) -> None:
    present = [name for name in names if name in statement]
    if not present or statement[present[0]] == []:
        raise malformed(missing)
    if len(present) > 1:
        raise malformed(_SYNTAX)
    for value in _strings(statement[present[0]]):
        check(value)


def _check_action(action: str) -> None:
    if ":" not in action and action != "*":
        raise malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
    if not _ACTION.fullmatch(action):
        raise malformed("Actions/Condition can contain only one colon.")


def _check_resource(resource: str) -> None:
    if resource == "*":
        return
    # A wildcard may stand for several fields, so an ARN pattern needs fewer colons than an ARN.
    if not resource.startswith(("arn:", "*")) or (resource.count(":") < 5 and "*" not in resource):  # noqa: PLR2004
        raise malformed(f'Resource {resource} must be in ARN format or "*".')
