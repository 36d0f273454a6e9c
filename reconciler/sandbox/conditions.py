"""How IAM compares: the strings of a policy against one request.

Everything that a statement compares is a list of strings on the policy's side and a value, or several, on the
request's. This module compiles the policy's side once and answers for any number of requests:

    Patterns      strings with wildcards (``*``, ``?``) and policy variables (``${aws:username}``)
    Converted     strings that mean numbers, dates, bytes or networks
    Condition     one operator, a key and its values: ``StringLike``, ``ForAnyValue:ArnEquals``, ``Null``

The request's side is ``Keys``: the request context with every key in lower case (key names have no case) and
every value a tuple of strings, because a key may have several. A key without values is one that is not there.

Sources: IAM User Guide, reference_policies_elements_condition_operators, reference_policies_variables,
reference_policies_condition-single-vs-multi-valued-context-keys, reference_policies_elements_resource.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache, partial
from reprlib import repr as shown
from typing import Any, Protocol, TypeAlias, assert_never

Keys: TypeAlias = Mapping[str, tuple[str, ...]]


class MalformedPolicyError(ValueError):
    """A policy document, or a part of one, that IAM's grammar has no meaning for."""


# --- strings ------------------------------------------------------------------------------------------------


class Wildcard(Enum):
    """What ``*`` and ``?`` stand for where wildcards count."""

    MANY = "*"
    ONE = "?"


@dataclass(frozen=True, slots=True)
class Variable:
    """``${key}`` or ``${key, 'default'}``."""

    key: str
    default: str | None = None

    def value(self, keys: Keys) -> str | None:
        """What the request puts in its place; None if nothing. A key with several values is no variable."""
        values = keys.get(self.key, ())
        return values[0] if len(values) == 1 else self.default


Token: TypeAlias = str | Wildcard | Variable

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_WITH_DEFAULT = re.compile(r"\s*([^,']+?)\s*,\s*'([^']*)'\s*")
_WILDCARD = re.compile(r"([*?])")
_ARN_COLONS = 5


def _tokens(text: str, *, wildcards: bool, variables: bool) -> tuple[Token, ...]:
    if not variables:
        return tuple(_literal(text, wildcards=wildcards))
    found: list[Token] = []
    # re.split with one group alternates: text, inside of ${}, text, ...
    for place, part in enumerate(_VARIABLE.split(text)):
        found.extend([_variable(part)] if place % 2 else _literal(part, wildcards=wildcards))
    return tuple(found)


def _literal(text: str, *, wildcards: bool) -> list[Token]:
    if not wildcards:
        return [text]
    return [Wildcard(part) if part in ("*", "?") else part for part in _WILDCARD.split(text) if part]


def _variable(inside: str) -> str | Variable:
    if inside in ("*", "?", "$"):
        return inside
    if with_default := _WITH_DEFAULT.fullmatch(inside):
        return Variable(with_default[1].lower(), with_default[2])
    return Variable(inside.strip().lower())


def _filled(tokens: Iterable[Token], keys: Keys, *, fold: bool) -> tuple[str | Wildcard, ...] | None:
    """Variables replaced by what the request holds, which is text: a ``*`` in a tag is no wildcard."""
    filled: list[str | Wildcard] = []
    for token in tokens:
        value = token.value(keys) if isinstance(token, Variable) else token
        if value is None:
            return None
        filled.append(value.lower() if fold and isinstance(value, str) else value)
    return tuple(filled)


@lru_cache(maxsize=16_384)
def _glob(tokens: tuple[str | Wildcard, ...], *, by_component: bool) -> Callable[[str], object]:
    """A regular expression without backtracking: where a piece first fits, there it stays.

    ``by_component``: ARN operators check each of the six parts of an ARN separately, so that a wildcard in
    one of the first five never reaches over a colon.
    """
    stars, pieces, colons = [""], [""], 0
    for token in tokens:
        inside = by_component and colons < _ARN_COLONS
        match token:
            case Wildcard.MANY:
                stars.append("[^:]*" if inside else ".*")
                pieces.append("")
            case Wildcard.ONE:
                pieces[-1] += "[^:]" if inside else "."
            case str():
                pieces[-1] += re.escape(token)
                colons += token.count(":")
            case _:
                assert_never(token)
    last = stars.pop() + pieces.pop() if len(pieces) > 1 else ""
    middle = "".join(f"(?>{star}?{piece})" for star, piece in zip(stars[1:], pieces[1:], strict=True))
    return re.compile(pieces[0] + middle + last, re.DOTALL).fullmatch


class Matcher(Protocol):
    """The policy's side of a comparison."""

    def matches(self, value: str, keys: Keys) -> bool:
        """Whether the request's value matches at least one of the policy's."""

    def resolves(self, keys: Keys) -> bool:
        """Whether the request has a value for every variable."""


@dataclass(frozen=True, slots=True)
class Patterns:
    """Strings of a policy, compiled: the plain ones, those with wildcards, those with variables."""

    exact: frozenset[str]
    globs: tuple[Callable[[str], object], ...]
    templates: tuple[tuple[Token, ...], ...]
    fold: bool
    by_component: bool

    @classmethod
    def of(
        cls,
        texts: Iterable[str],
        *,
        wildcards: bool = True,
        variables: bool = False,
        fold: bool = False,
        by_component: bool = False,
    ) -> Patterns:
        """Compile ``texts``; ``fold`` ignores case, ``by_component`` compares as the ARN operators do."""
        exact: set[str] = set()
        globs: list[tuple[str | Wildcard, ...]] = []
        templates: list[tuple[Token, ...]] = []
        for text in texts:
            tokens = _tokens(text, wildcards=wildcards, variables=variables)
            settled = None if _has_variable(tokens) else _filled(tokens, {}, fold=fold)
            if settled is None:
                templates.append(tokens)
            elif _has_wildcard(settled):
                globs.append(settled)
            else:
                exact.add(_joined(settled))
        compiled = tuple(_glob(glob, by_component=by_component) for glob in globs)
        return cls(frozenset(exact), compiled, tuple(templates), fold, by_component)

    def matches(self, value: str, keys: Keys) -> bool:
        """Whether one of the strings matches. One whose variable the request lacks matches nothing."""
        if self.fold:
            value = value.lower()
        if value in self.exact:
            return True
        for glob in self.globs:
            if glob(value):
                return True
        return any(self._template_matches(template, value, keys) for template in self.templates)

    def resolves(self, keys: Keys) -> bool:
        """Whether the request has a value for every variable."""
        return all(_filled(template, keys, fold=self.fold) is not None for template in self.templates)

    def _template_matches(self, template: tuple[Token, ...], value: str, keys: Keys) -> bool:
        filled = _filled(template, keys, fold=self.fold)
        if filled is None:
            return False
        if _has_wildcard(filled):
            return bool(_glob(filled, by_component=self.by_component)(value))
        return value == _joined(filled)


def _has_variable(tokens: tuple[Token, ...]) -> bool:
    return any(isinstance(token, Variable) for token in tokens)


def _has_wildcard(tokens: tuple[str | Wildcard, ...]) -> bool:
    return Wildcard.MANY in tokens or Wildcard.ONE in tokens


def _joined(tokens: tuple[str | Wildcard, ...]) -> str:
    return "".join(token if isinstance(token, str) else token.value for token in tokens)


# --- numbers, dates, bytes, networks ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Converted:
    """Values that are compared as what they mean, not as they are written."""

    bounds: tuple[Any, ...]
    read: Callable[[str], Any]
    relation: Callable[[Any, Any], bool]

    def matches(self, value: str, keys: Keys) -> bool:  # noqa: ARG002  no variables here
        """Whether ``value`` stands in the relation to a bound. What cannot be read stands in none."""
        seen = self.read(value)
        return seen is not None and any(self.relation(seen, bound) for bound in self.bounds)

    def resolves(self, keys: Keys) -> bool:  # noqa: ARG002
        """Always: there are no variables here."""
        return True


_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,64}(?:\.[0-9]{0,64})?|\.[0-9]{1,64})(?:[eE][+-]?[0-9]{1,3})?")
_YEAR, _MONTH = re.compile(r"[0-9]{4}"), re.compile(r"[0-9]{4}-[0-9]{2}")
_EPOCH_SECONDS = re.compile(r"[0-9]{1,15}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _number(text: str) -> Decimal | None:
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _instant(text: str) -> int | None:
    """Microseconds since 1970, from a W3C date (year, month, day or a time with zone) or epoch seconds."""
    if _YEAR.fullmatch(text):
        text += "-01-01"
    elif _MONTH.fullmatch(text):
        text += "-01"
    elif _EPOCH_SECONDS.fullmatch(text):
        return int(text) * 1_000_000
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return ((when if when.tzinfo else when.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _within(address: Address, network: Network) -> bool:
    return address in network


# --- operators ----------------------------------------------------------------------------------------------


class Build(Protocol):
    """How an operator compiles its values; ``variables``: whether the Version knows policy variables."""

    def __call__(self, texts: Sequence[str], *, variables: bool) -> Matcher:
        """The policy's side of the comparison. Raises MalformedPolicyError."""


def _strings(*, wildcards: bool, fold: bool = False) -> Build:
    return partial(Patterns.of, wildcards=wildcards, fold=fold)


def _booleans(texts: Sequence[str], *, variables: bool) -> Matcher:
    """``Bool`` may hold a variable: its own section says so, though the page on variables does not."""
    for text in texts:
        if text.lower() not in ("true", "false") and not (variables and "${" in text):
            raise MalformedPolicyError(f"a boolean is true or false, not {shown(text)}")
    return Patterns.of(texts, wildcards=False, variables=variables, fold=True)


def _converting(
    bound: Callable[[str], object], read: Callable[[str], object], relation: Callable[[Any, Any], bool]
) -> Build:
    """``bound`` reads the policy's values, ``read`` the request's; None where that fails."""

    def build(texts: Sequence[str], *, variables: bool) -> Matcher:  # noqa: ARG001  these operators take none
        bounds: list[object] = []
        for text in texts:
            if (value := bound(text)) is None:
                raise MalformedPolicyError(f"{shown(text)} is not what this condition operator compares")
            bounds.append(value)
        return Converted(tuple(bounds), read, relation)

    return build


def _ordered(prefix: str, read: Callable[[str], object]) -> dict[str, tuple[Build, bool]]:
    return {
        f"{prefix}Equals": (_converting(read, read, operator.eq), False),
        f"{prefix}NotEquals": (_converting(read, read, operator.eq), True),
        f"{prefix}LessThan": (_converting(read, read, operator.lt), False),
        f"{prefix}LessThanEquals": (_converting(read, read, operator.le), False),
        f"{prefix}GreaterThan": (_converting(read, read, operator.gt), False),
        f"{prefix}GreaterThanEquals": (_converting(read, read, operator.ge), False),
    }


_EQUALS = _strings(wildcards=False)
_EQUALS_IGNORE_CASE = _strings(wildcards=False, fold=True)
_LIKE = _strings(wildcards=True)
_ARN: Build = partial(Patterns.of, by_component=True)
_IP = _converting(_network, _address, _within)

# Operator -> how its values are compiled, and whether it is true when they do not match. Names have case.
_OPERATORS: Mapping[str, tuple[Build, bool]] = {
    "StringEquals": (_EQUALS, False),
    "StringNotEquals": (_EQUALS, True),
    "StringEqualsIgnoreCase": (_EQUALS_IGNORE_CASE, False),
    "StringNotEqualsIgnoreCase": (_EQUALS_IGNORE_CASE, True),
    "StringLike": (_LIKE, False),
    "StringNotLike": (_LIKE, True),
    **_ordered("Numeric", _number),
    **_ordered("Date", _instant),
    "Bool": (_booleans, False),
    "BinaryEquals": (_converting(_bytes, _bytes, operator.eq), False),
    "IpAddress": (_IP, False),
    "NotIpAddress": (_IP, True),
    "ArnEquals": (_ARN, False),
    "ArnLike": (_ARN, False),
    "ArnNotEquals": (_ARN, True),
    "ArnNotLike": (_ARN, True),
}


class Quantifier(Enum):
    """How a key with several values is compared."""

    FOR_ALL = "ForAllValues"
    FOR_ANY = "ForAnyValue"


@dataclass(frozen=True, slots=True)
class Comparison:
    """An operator other than ``Null`` with its key and values."""

    key: str
    values: Matcher
    negated: bool
    quantifier: Quantifier | None
    when_absent: bool

    def holds(self, keys: Keys) -> bool:
        """Whether the request meets the condition."""
        seen = keys.get(self.key, ())
        if not seen or (self.quantifier and seen == ("",)):
            return self.when_absent
        if self.negated and not self.values.resolves(keys):
            return False  # "the entire statement is invalid": what cannot be known is not different either
        match self.quantifier:
            case None:
                # Undocumented for several values, which "require" a set operator: they do not match.
                return (len(seen) == 1 and self.values.matches(seen[0], keys)) is not self.negated
            case Quantifier.FOR_ALL:
                return all(self.values.matches(value, keys) is not self.negated for value in seen)
            case Quantifier.FOR_ANY:
                return any(self.values.matches(value, keys) is not self.negated for value in seen)
            case _:
                assert_never(self.quantifier)


@dataclass(frozen=True, slots=True)
class Presence:
    """The ``Null`` operator: ``true`` asks that the key be absent, ``false`` that it be there."""

    key: str
    absent: frozenset[bool]

    def holds(self, keys: Keys) -> bool:
        """Whether the request meets the condition."""
        return (not keys.get(self.key)) in self.absent


Condition: TypeAlias = Comparison | Presence


def compile_conditions(block: object, *, variables: bool) -> tuple[Condition, ...]:
    """Compile a ``Condition`` element; all of the result must hold.

    ``block`` is ``{operator: {key: value or values}}`` as JSON gives it, values being strings, booleans, or
    numbers left in the text they were written in. ``variables``: whether policy variables are known to the
    document's Version. Raises MalformedPolicyError.
    """
    return tuple(
        _condition(name, key, texts_of(value), variables=variables)
        for name, keys in _object(block, "Condition").items()
        for key, value in _object(keys, name).items()
    )


def texts_of(value: object) -> tuple[str, ...]:
    """The strings of a condition value, single or in a list; booleans in JSON's spelling."""
    items = value if isinstance(value, list) else [value]
    texts: list[str] = []
    for item in items:
        if isinstance(item, bool):
            texts.append("true" if item else "false")
        elif isinstance(item, str):
            texts.append(item)
        else:
            raise MalformedPolicyError(f"a condition value is a string, a number or a boolean, not {shown(item)}")
    return tuple(texts)


def _object(value: object, name: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise MalformedPolicyError(f"{name} holds an object, not {shown(value)}")
    return value


def _condition(name: str, key: str, texts: tuple[str, ...], *, variables: bool) -> Condition:
    if not key:
        raise MalformedPolicyError(f"{name} has a condition key without a name")
    if name == "Null":
        _booleans(texts, variables=False)
        return Presence(key.lower(), frozenset(text.lower() == "true" for text in texts))
    prefix, _, rest = name.rpartition(":")
    base = rest.removesuffix("IfExists")
    if base not in _OPERATORS or prefix not in ("", *(one.value for one in Quantifier)):
        raise MalformedPolicyError(f"{name} is no condition operator")
    build, negated = _OPERATORS[base]
    quantifier = Quantifier(prefix) if prefix else None
    if_exists = base != rest
    absent = if_exists or quantifier is Quantifier.FOR_ALL or (negated and quantifier is None)
    return Comparison(key.lower(), build(texts, variables=variables), negated, quantifier, absent)
