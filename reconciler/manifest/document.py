"""The grammar of policy documents, as IAM checks it when one is saved, for trust policies and identity policies.

Neither stricter nor laxer than IAM where that is known (IAM User Guide, reference_policies_grammar and the pages on each
element; access-analyzer-reference-policy-checks), and the safe reading where it is not: a trust policy that allows `sts:*`
or an action that its principal can never call is refused here. Who is meant by a principal is in `principals`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from itertools import chain

from reconciler.manifest.conditions import condition_problems
from reconciler.manifest.reading import Path, Problem, Value
from reconciler.manifest.schema import describe, did_you_mean
from reconciler.model.diagnostic import Code
from reconciler.model.policy import NEW_VERSION, OLD_VERSION, PolicyDocument


class Use(Enum):
    """What a document is for: who may assume a role, or what its holder may do."""

    TRUST = "a trust policy"
    IDENTITY = "an identity policy"


ELEMENTS = (
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
)  # fmt: skip
TOP_ELEMENTS = {Use.TRUST: ("Version", "Id", "Statement"), Use.IDENTITY: ("Version", "Statement")}
FORBIDDEN = {Use.TRUST: ("Resource", "NotResource"), Use.IDENTITY: ("Principal", "NotPrincipal")}
SID = re.compile(r"[A-Za-z0-9]*")
ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+")
NOT_TAKEN = re.compile(r"[^\t\n\r\x20-\xff]")

# IAM User Guide: id_session-tags, id_credentials_temp_control-access_monitor.
TRUST_ACTIONS = {
    name.lower(): name
    for name in (
        "sts:AssumeRole",
        "sts:AssumeRoleWithSAML",
        "sts:AssumeRoleWithWebIdentity",
        "sts:TagSession",
        "sts:SetSourceIdentity",
        "sts:SetContext",
    )
}


def document_problems(document: PolicyDocument, use: Use) -> Iterator[Problem]:
    """Yield where IAM would refuse a document, by path from its top; its size is judged elsewhere."""
    source = document.source
    if not isinstance(source, Mapping):
        return
    yield from _top_problems(source, use)
    yield from _statements_problems(source.get("Statement"), use)
    if not document.text.isascii():
        yield from _character_problems(source, ())


def _top_problems(source: Mapping[str, Value], use: Use) -> Iterator[Problem]:
    for key in source:
        if key not in TOP_ELEMENTS[use]:
            yield unknown_element(key, TOP_ELEMENTS[use], use.value)
    version = source.get("Version", OLD_VERSION)
    if version == NEW_VERSION or (version == OLD_VERSION and use is Use.TRUST):
        return
    at = ("Version",) if "Version" in source else ()
    if version == OLD_VERSION:
        yield refused(at, f'{use.value.capitalize()} has `Version: "{NEW_VERSION}"`.')
    else:
        yield refused(
            at,
            f'`Version` is "{NEW_VERSION}", the version of the policy language, never a date of one\'s own.',
        )


def unknown_element(key: str, known: tuple[str, ...], where: str) -> Problem:
    """Return what to say of an element that is not one of those known."""
    remedy = did_you_mean(key, known) or f"The elements are {', '.join(known)}."
    return Problem((key,), Code.RM114, f"`{key}` is not an element of {where}.", remedy, at_key=True)


def refused(path: Path, message: str, remedy: str | None = None, *, at_key: bool = False) -> Problem:
    """Return a problem that makes IAM refuse the document."""
    return Problem(path, Code.RM114, message, remedy, at_key)


def _statements_problems(statements: Value, use: Use) -> Iterator[Problem]:
    if isinstance(statements, dict):
        for problem in statement_problems(statements, use):
            yield problem.below("Statement")
    elif not isinstance(statements, list):
        yield refused((), "`Statement` is missing or no list of statements.")
    elif not statements:
        yield refused(("Statement",), "A policy has at least one statement.")
    else:
        yield from _list_problems(statements, use)


def _list_problems(statements: list[Value], use: Use) -> Iterator[Problem]:
    sids: dict[str, int] = {}
    for index, statement in enumerate(statements):
        if not isinstance(statement, dict):
            yield refused(("Statement", index), f"A statement is a mapping, not {describe(statement)}.")
            continue
        for problem in statement_problems(statement, use):
            yield problem.below("Statement", index)
        sid = statement.get("Sid")
        if isinstance(sid, str) and sid and sids.setdefault(sid, index) != index:
            message = f"The Sid {sid} is also that of statement {sids[sid]}; Sids are unique in a policy."
            yield refused(("Statement", index, "Sid"), message)


def statement_problems(statement: Mapping[str, Value], use: Use) -> Iterator[Problem]:
    """Yield where IAM would refuse one statement, by path from it."""
    yield from _element_problems(statement, use)
    if statement.get("Effect") not in {"Allow", "Deny"}:
        yield _effect_problem(statement)
    sid = statement.get("Sid", "")
    if not isinstance(sid, str) or not SID.fullmatch(sid):
        yield refused(("Sid",), "A Sid has letters and digits only.")
    yield from _one_of(statement, "Action", "NotAction")
    if use is Use.IDENTITY:
        yield from _one_of(statement, "Resource", "NotResource")
        yield from _resource_problems(statement)
        yield from _action_problems(statement)
    else:
        yield from _trust_statement_problems(statement)
    if "Condition" in statement:
        yield from condition_problems(statement["Condition"])


def _element_problems(statement: Mapping[str, Value], use: Use) -> Iterator[Problem]:
    for key in statement:
        if key not in ELEMENTS:
            yield unknown_element(key, ELEMENTS, "a statement")
        elif key in FORBIDDEN[use]:
            if key == "NotPrincipal" and use is Use.TRUST:
                continue
            yield refused((key,), f"{use.value.capitalize()} has no `{key}`.", at_key=True)


def _effect_problem(statement: Mapping[str, Value]) -> Problem:
    if "Effect" not in statement:
        return refused((), "`Effect` is missing: Allow or Deny.")
    effect = statement["Effect"]
    return refused(
        ("Effect",), f"`Effect` is Allow or Deny, not {describe(effect)}.", did_you_mean(str(effect), EFFECTS)
    )


EFFECTS = ("Allow", "Deny")


def _one_of(statement: Mapping[str, Value], one: str, other: str) -> Iterator[Problem]:
    """Yield a problem unless exactly one of two elements is there, with text or a list of texts that names something."""
    if one in statement and other in statement:
        yield refused((other,), f"A statement has `{one}` or `{other}`, never both.", at_key=True)
    elif one not in statement and other not in statement:
        yield refused((), f"`{one}` is missing in this statement.")
    for element in (one, other):
        if element in statement:
            yield from text_problems(statement[element], (element,))


def text_problems(value: Value, path: Path) -> Iterator[Problem]:
    """Yield a problem unless a value is text or a list of texts, at least one."""
    if isinstance(value, str):
        return
    if not isinstance(value, list) or not value:
        yield refused(
            path,
            f"`{path[-1]}` is text or a list of texts, not {describe(value) if value != [] else 'empty'}.",
        )
        return
    for index, item in enumerate(value):
        if not isinstance(item, str):
            yield refused((*path, index), f"`{path[-1]}` lists texts, not {describe(item)}.")


def texts(value: Value, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the texts of a value, a single one or a list, each with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, str):
                yield (*path, index), item


def _action_problems(statement: Mapping[str, Value]) -> Iterator[Problem]:
    for element in ("Action", "NotAction"):
        for path, action in texts(statement.get(element), (element,)):
            if not ACTION.fullmatch(action):
                yield refused(path, f'"{action}" is not an action: that is SERVICE:Action, or *.')


def _resource_problems(statement: Mapping[str, Value]) -> Iterator[Problem]:
    for element in ("Resource", "NotResource"):
        for path, resource in texts(statement.get(element), (element,)):
            if not resource.startswith(("arn:", "*", "?", "${")):
                yield refused(path, f'"{resource}" is not a resource: that is an ARN, or *.')


def _trust_statement_problems(statement: Mapping[str, Value]) -> Iterator[Problem]:
    if "NotAction" in statement:
        yield refused(("NotAction",), "A trust policy names the actions that it allows.", at_key=True)
    for path, action in texts(statement.get("Action"), ("Action",)):
        if action.lower() not in TRUST_ACTIONS:
            yield trust_action_problem(path, action)


def trust_action_problem(path: Path, action: str) -> Problem:
    """Return what to say of an action that a trust policy cannot have."""
    remedy = (
        did_you_mean(action, TRUST_ACTIONS.values())
        or f"The actions are {', '.join(TRUST_ACTIONS.values())}."
    )
    return refused(path, f"A trust policy allows the AssumeRole actions of STS only, not {action}.", remedy)


def _character_problems(value: Value, path: Path) -> Iterator[Problem]:
    """Yield each text with a character beyond Latin-1, which IAM's API does not take (policyDocumentType)."""
    match value:
        case str():
            if found := NOT_TAKEN.search(value):
                yield refused(path, f"IAM does not take U+{ord(found[0]):04X} in a policy: Latin-1 only.")
        case dict():
            for key, item in value.items():
                yield from chain(
                    _character_problems(key, (*path, key)), _character_problems(item, (*path, key))
                )
        case list():
            for index, item in enumerate(value):
                yield from _character_problems(item, (*path, index))
