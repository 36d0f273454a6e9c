"""The grammar of policy documents, as IAM checks it when one is saved, for trust policies and identity policies.

Neither stricter nor laxer than IAM where that is known (IAM User Guide, reference_policies_grammar and the pages on
each element; access-analyzer-reference-policy-checks), and the safe reading where it is not: a trust policy that
allows `sts:*` or an action that its principal can never call is refused here. Who is meant by a principal is in
`principals`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from functools import lru_cache
from itertools import chain
from typing import TypeAlias

from reconciler.manifest.conditions import condition_problems
from reconciler.manifest.reading import Path, Problem, Value, refused
from reconciler.manifest.wording import describe, did_you_mean
from reconciler.model.diagnostic import Code
from reconciler.model.policy import NEW_VERSION, OLD_VERSION, PolicyDocument

Wrong: TypeAlias = tuple[str, str | None]  # a message and a remedy
Judge: TypeAlias = Callable[[str], Wrong | None]


class Use(Enum):
    """What a document is for: who may assume a role, or what its holder may do."""

    TRUST = "a trust policy"
    IDENTITY = "an identity policy"


ELEMENTS = (
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
)  # fmt: skip
TOP_ELEMENTS = {Use.TRUST: ("Version", "Id", "Statement"), Use.IDENTITY: ("Version", "Statement")}
FORBIDDEN = {Use.TRUST: ("Resource", "NotResource"), Use.IDENTITY: ("Principal", "NotPrincipal")}
INSTEAD = {
    Use.TRUST: "Leave it out: what is assumed is the role itself.",
    Use.IDENTITY: "Leave it out: the policy is for whoever it is attached to; `trust` says who may assume a role.",
}
EFFECTS = ("Allow", "Deny")
ALLOWED = {use: frozenset(ELEMENTS) - set(FORBIDDEN[use]) for use in Use}
WHOLE = f'Write {{Version: "{NEW_VERSION}", Statement: [...]}}, with this inside of the brackets.'
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
    """Yield where IAM would refuse a document, by path from its top; size and characters are judged apart."""
    source = document.source
    if not isinstance(source, Mapping):
        return
    if "Effect" in source and "Statement" not in source:
        yield refused((), "This is a statement, not yet a document.", WHOLE)
        yield from statement_problems(source, use)
        return
    yield from _top_problems(source, use)
    yield from _statements_problems(source.get("Statement"), use)


def character_problems(document: PolicyDocument) -> Iterator[Problem]:
    """Yield each text with a character beyond Latin-1, which IAM's API does not take (policyDocumentType)."""
    yield from _character_problems(document.source, ())


def _top_problems(source: Mapping[str, Value], use: Use) -> Iterator[Problem]:
    for key in source:
        if key not in TOP_ELEMENTS[use]:
            yield unknown_element(key, TOP_ELEMENTS[use], use.value)
    version = source.get("Version", OLD_VERSION)
    if version == NEW_VERSION or (version == OLD_VERSION and use is Use.TRUST):
        return
    at = ("Version",) if "Version" in source else ()
    message = f'`Version` is "{NEW_VERSION}", the version of the policy language, never a date of one\'s own.'
    if version == OLD_VERSION:
        message = f'{use.value.capitalize()} has `Version: "{NEW_VERSION}"`.'
    yield refused(at, message, f'Write Version: "{NEW_VERSION}".')


def unknown_element(key: str, known: tuple[str, ...], where: str) -> Problem:
    """Return what to say of an element that is not one of those known."""
    remedy = did_you_mean(key, known) or f"The elements are {', '.join(known)}."
    return Problem((key,), Code.RM114, f"`{key}` is not an element of {where}.", remedy, at_key=True)


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
            message = f"The Sid {sid} is also that of Statement[{sids[sid]}]; Sids are unique in a policy."
            yield refused(("Statement", index, "Sid"), message)


def statement_problems(statement: Mapping[str, Value], use: Use) -> Iterator[Problem]:
    """Yield where IAM would refuse one statement, by path from it."""
    if not statement.keys() <= ALLOWED[use]:
        yield from _element_problems(statement, use)
    if statement.get("Effect") not in EFFECTS:
        yield _effect_problem(statement)
    sid = statement.get("Sid", "")
    if not isinstance(sid, str) or not SID.fullmatch(sid):
        yield sid_problem(("Sid",), sid)
    if use is Use.IDENTITY:
        yield from _one_of(statement, ("Action", "NotAction"), _not_an_action)
        yield from _one_of(statement, ("Resource", "NotResource"), _not_a_resource)
    else:
        yield from _one_of(statement, ("Action", "NotAction"), _not_a_trust_action)
        if "NotAction" in statement:
            yield refused(("NotAction",), "A trust policy names the actions that it allows.", at_key=True)
    if "Condition" in statement:
        yield from condition_problems(statement["Condition"])


def sid_problem(path: Path, sid: Value) -> Problem:
    """Return what to say of something that is not a Sid."""
    letters = re.sub(r"[^A-Za-z0-9]", "", sid.title() if " " in sid else sid) if isinstance(sid, str) else ""
    return refused(path, "A Sid has letters and digits only.", f"Write {letters}." if letters else None)


def _element_problems(statement: Mapping[str, Value], use: Use) -> Iterator[Problem]:
    for key in statement:
        if key not in ELEMENTS:
            yield unknown_element(key, ELEMENTS, "a statement")
        elif key in FORBIDDEN[use]:
            yield refused((key,), f"{use.value.capitalize()} has no `{key}`.", INSTEAD[use], at_key=True)


def _effect_problem(statement: Mapping[str, Value]) -> Problem:
    if "Effect" not in statement:
        return refused((), "`Effect` is missing: Allow or Deny.")
    effect = statement["Effect"]
    return refused(
        ("Effect",), f"`Effect` is Allow or Deny, not {describe(effect)}.", did_you_mean(str(effect), EFFECTS)
    )


def _one_of(statement: Mapping[str, Value], pair: tuple[str, str], judge: Judge) -> Iterator[Problem]:
    """Yield a problem unless exactly one of two elements is there, and names something; `judge` judges each text."""
    only = statement.get(pair[0])
    if isinstance(only, str) and pair[1] not in statement and judge(only) is None:
        return
    found = [element for element in pair if element in statement]
    if len(found) > 1:
        yield refused((pair[1],), f"A statement has `{pair[0]}` or `{pair[1]}`, never both.", at_key=True)
    elif not found:
        yield refused((), f"`{pair[0]}` is missing in this statement.")
    for element in found:
        yield from _text_problems(statement[element], (element,), judge)


def _text_problems(value: Value, path: Path, judge: Judge) -> Iterator[Problem]:
    if isinstance(value, str):
        if wrong := judge(value):
            yield refused(path, *wrong)
    elif not isinstance(value, list) or not value:
        found = "an empty list" if value == [] else describe(value)
        yield refused(path, f"`{path[-1]}` is text or a list of texts, not {found}.")
    else:
        for index, item in enumerate(value):
            if not isinstance(item, str):
                yield refused((*path, index), f"`{path[-1]}` lists texts, not {describe(item)}.")
            elif wrong := judge(item):
                yield refused((*path, index), *wrong)


@lru_cache(maxsize=4096)  # a few actions are in many policies
def _not_an_action(action: str) -> Wrong | None:
    return (
        None
        if ACTION.fullmatch(action)
        else (f'"{action}" is not an action: that is SERVICE:Action, or *.', "Write it like s3:ListBucket or s3:Get*.")
    )


_COLONS = 5
"""How many stand between the six parts of an ARN, at the least."""


def _not_a_resource(resource: str) -> Wrong | None:
    is_whole = not resource.startswith("arn:") or "*" in resource or resource.count(":") >= _COLONS
    if is_whole and resource.startswith(("arn:", "*", "?", "${")):
        return None
    return f'"{resource}" is not a resource: that is an ARN, or *.', "Write it like arn:aws:s3:::example_bucket."


@lru_cache(maxsize=256)
def _not_a_trust_action(action: str) -> Wrong | None:
    if action.lower() in TRUST_ACTIONS:
        return None
    remedy = did_you_mean(action, TRUST_ACTIONS.values()) or f"The actions are {', '.join(TRUST_ACTIONS.values())}."
    return f"A trust policy allows the AssumeRole actions of STS only, not {action}.", remedy


def trust_action_problems(path: Path, action: str) -> Iterator[Problem]:
    """Yield a problem where a trust policy cannot have an action."""
    if wrong := _not_a_trust_action(action):
        yield refused(path, *wrong)


def texts(value: Value, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the texts of a value, a single one or a list, each with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, str):
                yield (*path, index), item


def _character_problems(value: Value, path: Path) -> Iterator[Problem]:
    match value:
        case str():
            if found := NOT_TAKEN.search(value):
                yield refused(path, f"IAM does not take U+{ord(found[0]):04X} in a policy: Latin-1 only.")
        case dict():
            for key, item in value.items():
                yield from chain(_character_problems(key, (*path, key)), _character_problems(item, (*path, key)))
        case list():
            for index, item in enumerate(value):
                yield from _character_problems(item, (*path, index))
        case _:
            return
