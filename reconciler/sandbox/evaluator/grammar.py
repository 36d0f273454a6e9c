"""From a document's JSON to statements: IAM's grammar of policies, as far as its meaning depends on it.

A document is compiled once, however often it is asked. What the grammar has no meaning for is refused
(IAM User Guide, reference_policies_grammar).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from reprlib import repr as shown
from typing import NoReturn, TypeAlias

from reconciler.sandbox.conditions import MalformedPolicyError, Patterns, compile_conditions
from reconciler.sandbox.evaluator.statements import EVERYONE, CompiledPolicy, Principals, Statement

Document: TypeAlias = CompiledPolicy | Mapping[str, object] | str

_VERSIONS = ("2008-10-17", "2012-10-17")
_ELEMENTS = frozenset({"Version", "Id", "Statement"})
_OF_EVERY_STATEMENT = frozenset({"Sid", "Effect", "Action", "NotAction", "Condition"})
_OF_IDENTITY_POLICIES = frozenset({"Resource", "NotResource"})
_OF_TRUST_POLICIES = frozenset({"Principal", "NotPrincipal"})
_PRINCIPAL_TYPES = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})


def compile_identity_policy(document: Document) -> CompiledPolicy:
    """Compile an identity policy, a boundary or a session policy. Raises MalformedPolicyError."""
    return _compile(document, trust=False)


def compile_trust_policy(document: Document) -> CompiledPolicy:
    """Compile a role trust policy. Raises MalformedPolicyError."""
    return _compile(document, trust=True)


def _compile(document: Document, *, trust: bool) -> CompiledPolicy:
    match document:
        case CompiledPolicy():
            if document.trust is not trust:
                raise MalformedPolicyError(
                    f"{'an identity' if trust else 'a trust'} policy stands in the other's place"
                )
            return document
        case str():
            return _compiled(document, trust=trust)
        case _:
            return _compiled(_written(document), trust=trust)


def _written(document: object) -> str:
    try:
        return json.dumps(document, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise MalformedPolicyError(f"a policy document is a JSON object: {error}") from None


def _plain(value: object) -> dict[object, object]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


@lru_cache(maxsize=8_192)
def _compiled(text: str, *, trust: bool) -> CompiledPolicy:
    document = _object(_parsed(text), "a policy document", known=_ELEMENTS)
    version = document.get("Version", "2008-10-17")
    if version not in _VERSIONS:
        raise MalformedPolicyError(f"Version is one of {', '.join(_VERSIONS)}, not {shown(version)}")
    if "Statement" not in document:
        raise MalformedPolicyError("a policy document has a Statement")
    found = document["Statement"]
    statements = [
        _statement(raw, index=index, trust=trust, variables=version == "2012-10-17")
        for index, raw in enumerate(found if isinstance(found, list) else [found])
    ]
    return CompiledPolicy(
        trust,
        allows=tuple(statement for statement in statements if not statement.denies),
        denies=tuple(statement for statement in statements if statement.denies),
    )


class _Number(str):
    """A JSON number as it was written, so that no digit is lost and nobody takes it for a string."""

    __slots__ = ()


def _parsed(text: str) -> object:
    try:
        return json.loads(
            text,
            object_pairs_hook=_without_repetition,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_refuse_constant,
        )
    except MalformedPolicyError:
        raise
    except (ValueError, RecursionError) as error:
        raise MalformedPolicyError(f"a policy document is JSON: {error}") from None


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedPolicyError("an element stands twice in one object")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedPolicyError(f"{name} is no JSON")


def _statement(raw: object, *, index: int, trust: bool, variables: bool) -> Statement:
    own = _OF_TRUST_POLICIES if trust else _OF_IDENTITY_POLICIES
    statement = _object(raw, "a statement", known=_OF_EVERY_STATEMENT | own)
    effect = statement.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise MalformedPolicyError(f"Effect is Allow or Deny, not {shown(effect)}")
    sid = statement.get("Sid")
    if sid is not None and not isinstance(sid, str):
        raise MalformedPolicyError(f"Sid is a string, not {shown(sid)}")
    action = _one_of(statement, "Action", "NotAction")
    resource = None if trust else _one_of(statement, "Resource", "NotResource")
    principal = _one_of(statement, "Principal", "NotPrincipal") if trust else None
    return Statement(
        index=index,
        sid=sid or None,
        denies=effect == "Deny",
        actions=Patterns.of(_actions(statement[action]), fold=True),
        not_action=action == "NotAction",
        resources=Patterns.of(_texts(statement[resource], resource), variables=variables) if resource else None,
        not_resource=resource == "NotResource",
        principals=_principals(statement[principal]) if principal else EVERYONE,
        not_principal=principal == "NotPrincipal",
        conditions=compile_conditions(statement.get("Condition", {}), variables=variables),
    )


def _one_of(statement: Mapping[str, object], *names: str) -> str:
    present = [name for name in names if name in statement]
    if len(present) != 1:
        raise MalformedPolicyError(f"a statement has exactly one of {' and '.join(names)}")
    return present[0]


def _actions(value: object) -> tuple[str, ...]:
    texts = _texts(value, "Action")
    for text in texts:
        if ":" not in text and text.strip("*"):
            raise MalformedPolicyError(f"action {shown(text)} names no service")
    return texts


def _principals(value: object) -> Principals:
    if value == "*":
        return EVERYONE
    by_type = {
        kind: frozenset(_texts(names, kind))
        for kind, names in _object(value, "Principal", known=_PRINCIPAL_TYPES).items()
    }
    if not by_type:
        raise MalformedPolicyError("Principal names nobody")
    return Principals(everyone="*" in by_type.get("AWS", ()), by_type=by_type)


def _object(value: object, what: str, *, known: frozenset[str]) -> dict[str, object]:
    if not isinstance(value, dict):
        raise MalformedPolicyError(f"{what} is a JSON object, not {shown(value)}")
    if unknown := sorted(value.keys() - known):
        raise MalformedPolicyError(f"{what} has no element {unknown[0]!r}")
    return value


def _texts(value: object, what: str) -> tuple[str, ...]:
    texts = tuple(value) if isinstance(value, list) else (value,)
    if not texts or not all(isinstance(text, str) and not isinstance(text, _Number) for text in texts):
        raise MalformedPolicyError(f"{what} is a string or a list of strings, not {shown(value)}")
    return texts
