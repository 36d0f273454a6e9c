"""Policy documents by meaning: canonical form, equality, quota size.

Two documents mean the same when IAM decides every request alike and an author would call them the same text spelled
differently. The canonical form unifies only spellings of which that is certain (IAM User Guide,
reference_policies_elements and reference_policies_grammar):

- a `Version` left out is `2008-10-17`; a single statement is a list of one; a single value is a list of one;
- values in a list are a set: order and repetition do not count; statements are a multiset: one more or less does;
- in `Principal`, twelve digits under `AWS` are that account's root ARN; a unique ID that lives is its ARN (IAM stores
  the one and shows the other);
- booleans and numbers are their text, and the values of `Bool` and `Null` operators have no case;
- actions and condition keys have no case; an empty `Sid` and an empty `Condition` are none.

It never unifies service principals, `"*"` with `{"AWS": "*"}`, versions, operators (`StringLike` without a wildcard is
not `StringEquals`), or what a wildcard covers. It is for comparing only: what is sent to IAM is what the author wrote.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from reconciler.model.arn import is_account_id, root_arn

Json: TypeAlias = Mapping[str, Any]
Resolve: TypeAlias = Callable[[str], str]

OLD_VERSION = "2008-10-17"
NEW_VERSION = "2012-10-17"

_LISTS = ("Action", "NotAction", "Resource", "NotResource")
_CASELESS = ("Action", "NotAction")
_PRINCIPALS = ("Principal", "NotPrincipal")


def unresolved(value: str) -> str:
    """Return a principal as it stands: the way of resolving when no living IDs are known."""
    return value


# Made once: it is called a lot.
_sorted_text = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str).encode


def compact(document: object) -> str:
    """Return JSON text without white space, the form in which documents are sent and measured."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def digest_of(value: object) -> str:
    """Return `sha256:...` over a JSON value, blind to the order of its keys."""
    return _digest(_sorted_text(value))


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class PrincipalInPlace:
    """One value of one `Principal`: the statement's effect, the key (`AWS`, `Service`, ...), and where it stands."""

    effect: str
    element: str
    key: str
    value: str
    location: str
    statement: int


@dataclass(frozen=True, eq=False)
class PolicyDocument:
    """A policy document as its author wrote it or as IAM showed it.

    `source` is a mapping, or the bare text where that is not a JSON object. Documents have no `==` of their own,
    because equality needs the partition and the living IDs: use `same_meaning`.
    """

    source: Json | str

    @cached_property
    def understood(self) -> bool:
        """Tell whether this has the shape of a policy: an object whose statements are objects."""
        return isinstance(self.source, dict | Mapping) and all(
            isinstance(statement, dict | Mapping) and _well_shaped(statement) for statement in self.raw_statements
        )

    @cached_property
    def raw_statements(self) -> list[Any]:
        """Return the statements as they stand, a single one as a list of one."""
        if not isinstance(self.source, Mapping):
            return []
        statements = self.source.get("Statement", [])
        return list(statements) if isinstance(statements, list | tuple) else [statements]

    @cached_property
    def text(self) -> str:
        """Return the document as it is sent: the author's own, without white space."""
        return self.source if isinstance(self.source, str) else compact(self.source)

    @cached_property
    def size(self) -> int:
        """Return the number of characters that count against IAM's quotas: all but white space.

        White space is not counted (IAM User Guide, reference_iam-quotas); white space inside of values neither.
        """
        return sum(not character.isspace() for character in self.text)

    @cached_property
    def settled(self) -> PolicyDocument:
        """Return the document with the lists that IAM shuffles in one order: principals, condition keys and values.

        IAM keeps neither order, not even between two reads; what is shown or addressed by position needs one.
        """
        if not self.understood or not isinstance(self.source, Mapping):
            return self
        return PolicyDocument({**self.source, "Statement": [_settled(raw) for raw in self.raw_statements]})

    def canonical(self, partition: str = "aws", resolve: Resolve = unresolved) -> Json:
        """Return the canonical form; `resolve` turns a living unique ID into its ARN and leaves the rest alone."""
        return self._canonical(partition, resolve)[0]

    def canonical_text(self, partition: str = "aws", resolve: Resolve = unresolved) -> str:
        """Return the canonical form as JSON text: the same exactly for documents that say the same."""
        return self._canonical(partition, resolve)[1]

    def _canonical(self, partition: str, resolve: Resolve) -> tuple[Json, str]:
        plain = self._plain_by_partition.get(partition)
        if plain is None:
            plain = self._plain_by_partition[partition] = self._made_canonical(partition, unresolved)
        if resolve is unresolved or not _shows_ids(plain[0]):
            return plain
        return self._made_canonical(partition, resolve)

    @cached_property
    def _plain_by_partition(self) -> dict[str, tuple[Json, str]]:
        return {}

    def _made_canonical(self, partition: str, resolve: Resolve) -> tuple[Json, str]:
        """Return the canonical form and its text; each statement is spelled out once, for its place and the text."""
        if not self.understood:
            form: Json = {"NotUnderstood": _sorted_text(self.source)}
            return form, _sorted_text(form)
        assert isinstance(self.source, Mapping)  # noqa: S101  understood says so; the type checker cannot see it
        statements = [canonical_statement(raw, partition, resolve) for raw in self.raw_statements]
        texts = list(map(_sorted_text, statements))
        if len(statements) > 1:
            order = sorted(range(len(texts)), key=texts.__getitem__)
            statements, texts = [statements[number] for number in order], [texts[number] for number in order]
        version = str(self.source.get("Version", OLD_VERSION))
        extra = {key: value for key, value in self.source.items() if key not in {"Version", "Statement"}}
        form = {"Version": version, "Statement": statements, **extra}
        if extra:
            return form, _sorted_text(form)
        return form, f'{{"Statement":[{",".join(texts)}],"Version":{_sorted_text(version)}}}'

    def same_meaning(self, other: PolicyDocument, partition: str = "aws", resolve: Resolve = unresolved) -> bool:
        """Tell whether both say the same, once living IDs are read as their ARNs."""
        if _plainly_same(self.source, other.source):
            return True  # the way that nearly all documents of a plan take
        return self.canonical_text(partition, resolve) == other.canonical_text(partition, resolve)

    def digest(self, partition: str = "aws", resolve: Resolve = unresolved) -> str:
        """Return `sha256:...` over the canonical form: equal exactly for documents that say the same."""
        return _digest(self.canonical_text(partition, resolve))

    def principals(self) -> Iterator[PrincipalInPlace]:
        """Yield every value of every `Principal` and `NotPrincipal`, in the order of the document."""
        for number, statement in enumerate(self.raw_statements):
            if isinstance(statement, dict | Mapping):
                yield from _principals_of(statement, number)

    def without_principals(self, gone: Callable[[PrincipalInPlace], bool]) -> PolicyDocument:
        """Return the document less the principals for which `gone` holds, and less statements that name nobody then."""
        kept = []
        for number, statement in enumerate(self.raw_statements):
            remaining = _statement_without(statement, number, gone)
            if remaining is not None:
                kept.append(remaining)
        source = dict(self.source) if isinstance(self.source, Mapping) else {}
        return PolicyDocument({**source, "Statement": kept})


def _settled(raw: Json) -> Json:
    """Return a statement with its keys as they stand and what hangs on `Principal` and `Condition` sorted."""
    return {key: _sorted_deeply(value) if key in {*_PRINCIPALS, "Condition"} else value for key, value in raw.items()}


def _sorted_deeply(value: Any) -> Any:
    if isinstance(value, dict | Mapping):
        return {key: _sorted_deeply(value[key]) for key in sorted(value)}
    return sorted(value, key=text_of) if isinstance(value, list | tuple) else value


def _shows_ids(canonical: Json) -> bool:
    """Tell whether any principal is a unique ID: only then does it matter who lives."""
    return any(
        pair[1].startswith(("AROA", "AIDA"))
        for statement in canonical.get("Statement", ())
        for element in _PRINCIPALS
        for pair in statement.get(element, ())
    )


def canonical_statement(raw: Json, partition: str = "aws", resolve: Resolve = unresolved) -> dict[str, Any]:
    """Return one statement in canonical form; elements that are not known are kept as they stand."""
    canonical: dict[str, Any] = {}
    for key, value in raw.items():
        if key in _LISTS:
            canonical[key] = _values(value, lower=key in _CASELESS)
        elif key in _PRINCIPALS:
            canonical[key] = _canonical_principal(value, partition, resolve)
        elif key == "Condition":
            if conditions := canonical_conditions(value):
                canonical[key] = conditions
        elif key != "Sid" or value:
            canonical[key] = value
    return canonical


def canonical_conditions(block: Json) -> list[list[Any]]:
    """Return a condition block as sorted `[operator, key, values]`: all of them must hold."""
    return sorted(
        [operator, key.lower(), _values(value, lower=has_caseless_values(operator))]
        for operator, keys in block.items()
        for key, value in keys.items()
    )


def has_caseless_values(operator: str) -> bool:
    """Tell whether an operator compares truth values, of which `True` is `true`."""
    name = operator.rpartition(":")[2].removesuffix("IfExists")
    return name in {"Bool", "Null"}


def listed(value: object) -> list[Any]:
    """Return a value as IAM reads it: a single one is a list of one."""
    return list(value) if isinstance(value, list | tuple) else [value]


def text_of(value: object) -> str:
    """Return a scalar as IAM reads it: `true` and `"true"`, `1` and `"1"` are the same."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _values(value: object, *, lower: bool = False) -> list[str]:
    if isinstance(value, str):
        return [value.lower() if lower else value]
    texts = {text_of(item) for item in listed(value)}
    return sorted({text.lower() for text in texts} if lower else texts)


def _canonical_principal(value: object, partition: str, resolve: Resolve) -> list[list[str]]:
    if not isinstance(value, dict | Mapping):
        return [["", text_of(value)]]
    found = {
        (key, _canonical_value(key, text_of(item), partition, resolve))
        for key, items in value.items()
        for item in listed(items)
    }
    return [list(pair) for pair in sorted(found)]


def _canonical_value(key: str, value: str, partition: str, resolve: Resolve) -> str:
    if key != "AWS":
        return value
    return root_arn(partition, value) if is_account_id(value) else resolve(value)


def _plainly_same(one: object, other: object) -> bool:
    """Tell whether two documents are the same but for the order of values and single values; False may be wrong.

    It looks at both side by side and takes nothing but well-shaped text for sure, so it never calls two documents the
    same whose canonical forms differ.
    """
    if type(one) is not dict or type(other) is not dict or one.keys() != other.keys():
        return False
    for key, value in one.items():
        if not (_same_statements if key == "Statement" else _same_text)(value, other[key]):
            return False
    return True


def _same_statements(one: object, other: object) -> bool:
    mine, others = (found if type(found) is list else [found] for found in (one, other))
    return len(mine) == len(others) and all(map(_same_statement, mine, others))


def _same_statement(one: object, other: object) -> bool:
    if type(one) is not dict or type(other) is not dict or one.keys() != other.keys():
        return False
    for key, value in one.items():
        if key in _LISTS:
            same = _same_values(value, other[key])
        elif key in _PRINCIPALS:
            same = _same_block(value, other[key])
        elif key == "Condition":
            same = _same_conditions(value, other[key])
        else:
            same = _same_text(value, other[key])
        if not same:
            return False
    return True


def _same_text(one: object, other: object) -> bool:
    return type(one) is str and one == other


def _same_block(one: object, other: object) -> bool:
    if type(one) is not dict or type(other) is not dict:
        return _same_text(one, other)
    return one.keys() == other.keys() and all(_same_values(values, other[key]) for key, values in one.items())


def _same_conditions(one: object, other: object) -> bool:
    if type(one) is not dict or type(other) is not dict or one.keys() != other.keys():
        return False
    return all(type(keys) is dict and _same_block(keys, other[operator]) for operator, keys in one.items())


def _same_values(one: object, other: object) -> bool:
    if type(one) is str and one == other:
        return True
    mine, others = [one] if type(one) is str else one, [other] if type(other) is str else other
    if type(mine) is not list or type(others) is not list or {*map(type, mine), *map(type, others)} - {str}:
        return False
    return set(mine) == set(others)


def _principals_of(statement: Json, number: int) -> Iterator[PrincipalInPlace]:
    effect = str(statement.get("Effect", ""))
    for element in _PRINCIPALS:
        value, location = statement.get(element), f"Statement[{number}].{element}"
        if isinstance(value, str):
            yield PrincipalInPlace(effect, element, "", value, location, number)
        elif isinstance(value, dict | Mapping):
            for key, items in value.items():
                for where, item in _indexed(items, f"{location}.{key}"):
                    yield PrincipalInPlace(effect, element, key, text_of(item), where, number)


def _indexed(items: object, prefix: str) -> Iterator[tuple[str, object]]:
    if isinstance(items, list | tuple):
        yield from ((f"{prefix}[{position}]", item) for position, item in enumerate(items))
    else:
        yield prefix, items


def _statement_without(statement: Any, number: int, gone: Callable[[PrincipalInPlace], bool]) -> Any:
    """Return the statement less the principals that are gone, or None where nobody is left of somebody."""
    if not isinstance(statement, Mapping) or not isinstance(statement.get("Principal"), Mapping):
        return statement
    dropped = {(found.key, found.value) for found in _principals_of(statement, number) if gone(found)}
    if not dropped:
        return statement
    kept = {
        key: remaining
        for key, items in statement["Principal"].items()
        if (remaining := [item for item in listed(items) if (key, text_of(item)) not in dropped])
    }
    return {**statement, "Principal": kept} if kept else None


def _well_shaped(statement: Json) -> bool:
    for key, value in statement.items():
        if key in _LISTS:
            sound = _is_values(value)
        elif key in _PRINCIPALS:
            sound = isinstance(value, str) or _is_block(value)
        else:
            sound = key != "Condition" or (isinstance(value, dict | Mapping) and all(map(_is_block, value.values())))
        if not sound:
            return False
    return True


def _is_block(value: object) -> bool:
    return isinstance(value, dict | Mapping) and all(map(_is_values, value.values()))


def _is_values(value: object) -> bool:
    return isinstance(value, str) or all(isinstance(item, str | int | float) for item in listed(value))
