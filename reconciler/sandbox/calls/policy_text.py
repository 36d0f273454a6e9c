"""The text of a policy, for those who ask where something stands in it, or what it asks about a request.

Lines and columns count from 1. A position is just behind a brace, at the start of a statement as at its end: so
the examples of AWS have it (AWS CLI Command Reference, simulate-custom-policy).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

Position = dict[str, int]

_read: Final = json.JSONDecoder().raw_decode
_BETWEEN: Final = re.compile(r"[\s:,]*")
_VARIABLE: Final = re.compile(r"\$\{([^*?$},]+)(?:,[^}]*)?\}")


def positions(text: str) -> list[tuple[Position, Position]]:
    """Where each statement of a good document begins and ends."""
    return [(_behind(text, start), _behind(text, end - 1)) for start, end in _statements(text)]


def _behind(text: str, brace: int) -> Position:
    line_start = text.rfind("\n", 0, brace) + 1
    return {"Line": text.count("\n", 0, brace) + 1, "Column": brace - line_start + 2}


def _statements(text: str) -> Iterator[tuple[int, int]]:
    at = _past(text, text.index("{") + 1)
    while text[at] != "}":
        name, end = _read(text, at)
        at = _past(text, end)
        if name == "Statement":
            yield from _spans(text, at)
        _, end = _read(text, at)
        at = _past(text, end)


def _spans(text: str, at: int) -> Iterator[tuple[int, int]]:
    """One statement, or those of a list."""
    if text[at] != "[":
        yield at, _read(text, at)[1]
        return
    at = _past(text, at + 1)
    while text[at] != "]":
        _, end = _read(text, at)
        yield at, end
        at = _past(text, end)


def _past(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def context_keys(text: str) -> list[str]:
    """The context keys that a good document asks for, in conditions and as policy variables; each one once."""
    document = json.loads(text)
    found = document.get("Statement", [])
    variables = document.get("Version") == "2012-10-17"
    names = (
        name
        for statement in (found if isinstance(found, list) else [found])
        for name in _keys_of(statement, variables=variables)
    )
    return once(names)


def once(names: Iterable[str]) -> list[str]:
    """Names of keys in the spelling that comes first: they have no case."""
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(name.lower(), name)
    return list(found.values())


def _keys_of(statement: Mapping[str, Any], *, variables: bool) -> Iterator[str]:
    for element, value in statement.items():
        match element:
            case "Condition":
                for tests in value.values():
                    for key, wanted in tests.items():
                        yield key
                        yield from _variables(wanted) if variables else ()
            case "Resource" | "NotResource" if variables:
                yield from _variables(value)
            case _:
                pass


def _variables(value: Any) -> Iterator[str]:
    for text in value if isinstance(value, list) else [value]:
        yield from (name.strip() for name in _VARIABLE.findall(text if isinstance(text, str) else ""))
