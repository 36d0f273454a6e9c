"""Condition blocks: operators, keys and values (IAM User Guide, reference_policies_elements_condition_operators)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping

from reconciler.manifest.reading import Problem, Value, refused
from reconciler.manifest.wording import describe, did_you_mean
from reconciler.model.policy import listed, text_of

_PLAIN = (
    "StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase",
    "StringLike", "StringNotLike",
    "NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals",
    "Bool", "BinaryEquals", "IpAddress", "NotIpAddress", "ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike",
)  # fmt: skip
OPERATORS = frozenset({"Null", *_PLAIN, *(f"{name}IfExists" for name in _PLAIN)})
SETS = ("ForAllValues", "ForAnyValue")
NUMERIC = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?", re.ASCII)
TRUTH = ("true", "false")
MEANT = {"yes": 'Write "true".', "on": 'Write "true".', "no": 'Write "false".', "off": 'Write "false".'}


def condition_problems(block: Value) -> Iterator[Problem]:
    """Yield where IAM would refuse a condition block, by path from its statement."""
    if not isinstance(block, Mapping):
        yield refused(("Condition",), f"`Condition` is a mapping, not {describe(block)}.")
        return
    for operator, keys in block.items():
        if plain_operator(operator) is None:
            yield _unknown_operator(operator)
        elif not isinstance(keys, Mapping):
            yield refused(
                ("Condition", operator), f"{operator} has condition keys, not {describe(keys)}.", "Write {KEY: VALUE}."
            )
        else:
            yield from _keys_problems(operator, keys)


def plain_operator(operator: str) -> str | None:
    """Return an operator without its `ForAnyValue:` and `IfExists`, or None where it is none."""
    quantifier, colon, name = operator.rpartition(":")
    if (colon and quantifier not in SETS) or name not in OPERATORS:
        return None
    return name.removesuffix("IfExists")


def _unknown_operator(operator: str) -> Problem:
    remedy = did_you_mean(operator.rpartition(":")[2], sorted(OPERATORS))
    return refused(("Condition", operator), f"{operator} is not a condition operator.", remedy, at_key=True)


def _keys_problems(operator: str, keys: Mapping[str, Value]) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for key, value in keys.items():
        path = ("Condition", operator, key)
        if seen.setdefault(key.lower(), key) != key:
            message = f"{seen[key.lower()]} and {key} are the same condition key: its case does not count."
            yield refused(path, message, at_key=True)
        for index, item in enumerate(listed(value)):
            at = (*path, index) if isinstance(value, list) else path
            if not isinstance(item, str | int):
                yield refused(at, f"A condition compares with text, not with {describe(item)}.")
            elif wrong := _wrong_value(operator, text_of(item)):
                yield refused(at, wrong, MEANT.get(text_of(item).lower()))


def _wrong_value(operator: str, value: str) -> str | None:
    """Return what is wrong with a value that its operator cannot compare with, if anything."""
    if "${" in value:
        return None
    name = plain_operator(operator) or ""
    if name in {"Bool", "Null"}:
        return None if value.lower() in TRUTH else f'{operator} compares with true or false, not with "{value}".'
    if name.startswith("Numeric"):
        return None if NUMERIC.fullmatch(value) else f'{operator} compares with a number, not with "{value}".'
    if name.endswith("IpAddress"):
        return None if _is_network(value) else f'{operator} compares with an IP address or range, not with "{value}".'
    return None


def _is_network(value: str) -> bool:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return True
