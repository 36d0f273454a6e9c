"""How manifests are spoken of: values in words, paths as their author would say them, and what may have been meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from reconciler.manifest.reading import Path, Value

SHORT = 40


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return the question that a slip of the pen deserves, or None where nothing is near."""
    found = near(word, known)
    return f"Did you mean {found}?" if found else None


def near(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is nearest to one that is not known, its case apart, or None where none is near."""
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1)
    return by_lower[found[0]] if found else None


def named(path: Path) -> str:
    """Return a path as it is spoken of: `trust[0].user`."""
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return f"`{name.removeprefix('.')}`"


def describe(value: Value) -> str:
    """Return what a value is, in words; a short text as itself."""
    match value:
        case bool():
            return str(value).lower()
        case int():
            return f"the number {value}"
        case str() if len(value) <= SHORT:
            return f'the text "{value}"'
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "a mapping"
