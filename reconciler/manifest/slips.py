"""The likeliest slips of the pen in manifests: words of other tools for the same thing, values of another shape.

Terraform, CloudFormation and the API of IAM have words of their own for most keys; whoever comes from there writes
them at first. `WORDS` and `ENTRY_WORDS` say which key is meant, as plainly as if a letter were missing.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.manifest.names import NAME
from reconciler.manifest.reading import Path, Value
from reconciler.model.arn import is_account_id, parse_arn

ACCOUNT_DIGITS = 12
SHORTEST_ACCOUNT = 9  # of an account ID whose zeros were lost; with fewer digits it is something else

KIND_WORDS: Mapping[str, str] = {
    "aws_iam_role": "Role",
    "aws::iam::role": "Role",
    "iamrole": "Role",
    "aws_iam_policy": "ManagedPolicy",
    "aws::iam::managedpolicy": "ManagedPolicy",
    "policy": "ManagedPolicy",
    "delete": "Removed",
    "deleted": "Removed",
}
KINDS_BY_KEY: Mapping[str, str] = {
    "trust": "Role",
    "trust_policy": "Role",
    "managed_policies": "Role",
    "inline_policies": "Role",
    "policy": "ManagedPolicy",
    "address": "Removed",
}
_COMMON = {"account_id": "account", "aws_account": "account", "tag": "tags"}
WORDS: Mapping[str, Mapping[str, str]] = {
    "Role": _COMMON
    | {
        "role_name": "name",
        "rolename": "name",
        "assume_role_policy": "trust_policy",
        "assume_role_policy_document": "trust_policy",
        "assumerolepolicydocument": "trust_policy",
        "trust_relationship": "trust_policy",
        "trusted": "trust",
        "trusts": "trust",
        "principal": "trust",
        "principals": "trust",
        "managed_policy": "managed_policies",
        "managed_policy_arns": "managed_policies",
        "managedpolicyarns": "managed_policies",
        "policy_arns": "managed_policies",
        "attached_policies": "managed_policies",
        "policies": "managed_policies",
        "inline_policy": "inline_policies",
        "policy": "inline_policies",
        "boundary": "permissions_boundary",
        "permission_boundary": "permissions_boundary",
        "session_duration": "max_session_duration",
    },
    "ManagedPolicy": _COMMON
    | {
        "policy_name": "name",
        "policyname": "name",
        "managedpolicyname": "name",
        "document": "policy",
        "policy_document": "policy",
        "policydocument": "policy",
    },
    "Removed": {"name": "address", "addresses": "address", "from": "address"},
}
ENTRY_WORDS: Mapping[str, str] = {
    "users": "user",
    "roles": "role",
    "accounts": "account",
    "account_id": "account",
    "services": "service",
    "aud": "audiences",
    "audience": "audiences",
    "sub": "subjects",
    "subject": "subjects",
    "action": "actions",
    "mfa": "require_mfa",
    "mfa_required": "require_mfa",
    "organization_id": "organization",
    "organisation": "organization",
    "org": "organization",
    "org_id": "organization",
}
_STATEMENT = "Write the whole `statement`, with Effect, Principal, Action and Condition."
_HEAD = "Say who it is: `account`, `user`, `role`, `service`, `oidc` or `saml`."
ENTRY_REMEDIES: Mapping[str, str] = {
    "condition": _STATEMENT,
    "conditions": _STATEMENT,
    "effect": _STATEMENT,
    "notprincipal": _STATEMENT,
    "resource": "Leave it out: what is assumed is the role itself.",
    "principal": _HEAD,
    "principals": _HEAD,
    "aws": _HEAD,
    "arn": _HEAD,
    "federated": "Name the provider with `oidc` or `saml`.",
    "group": "A group is no principal: trust the `account`, and let the group's policy allow sts:AssumeRole.",
}


def type_remedy(path: Path, expected: str, found: Value) -> str | None:
    """Return what to write instead of a value of the wrong type, where that can be told."""
    match expected, found:
        case "text", bool():
            return f'Put it in quotes if the word is meant: "{str(found).lower()}".'
        case "true or false", str():
            return "Only true and false are read as such, in small letters and without quotes."
        case "a whole number", str():
            return "Write plain decimal digits, without quotes and without a unit: 3600."
        case "a mapping", str() if found.lstrip().startswith("{"):
            return "Leave out the quotes or the | around it: JSON is YAML too."
        case "text", list() if len(found) == 1 and isinstance(found[0], str):
            return f"Write it without the brackets or the dash: {found[0]}."
        case _:
            return _shape_remedy(path, found)


def _shape_remedy(path: Path, found: Value) -> str | None:
    match path:
        case ("trust",) if isinstance(found, dict):
            return "Put a dash before the entry: a role may trust several."
        case ("trust",) | ("trust", int()) if isinstance(found, str | int):
            dash = "" if len(path) > 1 else "- "
            return " or ".join(f"{dash}{entry}" for entry in entries_for(str(found))).join(("Write ", "."))
        case ("managed_policies",) if isinstance(found, str):
            return f"Write [{found}]."
        case ("managed_policies", int()) | ("permissions_boundary",):
            return "Write the ARN or the name of the policy by itself."
        case ("tags",):
            return "Write each tag as KEY: VALUE, without dashes."
        case ("inline_policies",):
            return "Write each policy as NAME: DOCUMENT, without dashes."
        case ("inline_policies", str()) | ("policy",) | ("trust_policy",):
            return 'Write the document: {Version: "2012-10-17", Statement: [...]}.'
        case _:
            return None


def entries_for(text: str) -> tuple[str, ...]:
    """Return the trust entries that a text alone may have meant."""
    if is_account_id(text):
        return (f'{{account: "{text}"}}',)
    if text.endswith(".amazonaws.com") and ":" not in text:
        return (f"{{service: {text}}}",)
    arn = parse_arn(text)
    if arn is not None and arn.resource == "root":
        return (f'{{account: "{arn.account}"}}',)
    if arn is not None and arn.kind in {"user", "role"}:
        return (f'{{{arn.kind}: "{text}"}}',)
    return f"{{user: {text}}}", f"{{role: {text}}}"


def account_remedy(text: str) -> str | None:
    """Return the account ID that something else may have meant."""
    arn = parse_arn(text)
    digits = arn.account if arn is not None else text.replace("-", "").replace(" ", "")
    if is_account_id(digits):
        return f'Write "{digits}".'
    if digits.isdecimal() and SHORTEST_ACCOUNT <= len(digits) < ACCOUNT_DIGITS:
        return f'Write "{digits.zfill(ACCOUNT_DIGITS)}", if zeros before it were lost.'
    return None


def name_remedy(text: str) -> str | None:
    """Return the name that something else may have meant: that of its ARN, or without its spaces."""
    arn = parse_arn(text)
    if arn is not None and NAME.fullmatch(arn.name):
        return f"Write the name alone: {arn.name}."
    dashed = "-".join(text.split())
    return f"Write {dashed}, for instance." if NAME.fullmatch(dashed) else None


def principal_remedy(text: str) -> str | None:
    """Return the trust entry for an ARN of another kind than the one that is asked for."""
    arn = parse_arn(text)
    if arn is None:
        return None
    if arn.service == "sts" and arn.kind == "assumed-role":
        role = arn.resource.split("/")[1]
        return f'A session has no entry of its own; its role is "arn:{arn.partition}:iam::{arn.account}:role/{role}".'
    if arn.resource != "root" and arn.kind not in {"user", "role"}:
        return None
    return f"Write {entries_for(text)[0]}."
