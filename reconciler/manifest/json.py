"""JSON to values, strictly and with places: the same values as YAML gives, from the same text.

`read_fast` is the standard library's, for text that has none of what it would change; `read_exactly` notes the mark of
every key and value, and every error.
"""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # public, and missing in its types
from typing import Any, NoReturn

from reconciler.manifest.reading import (
    CONTROL,
    DEEPEST_NESTING,
    HIDDEN,
    MOST_FAULTS,
    UNKNOWN,
    UNSEEN,
    Cursor,
    Fault,
    Located,
    Mark,
    NotReadable,
    Path,
    Reading,
    Value,
    hidden_fault,
    hidden_faults,
    made_visible,
    number,
)
from reconciler.model.diagnostic import Code

SUSPICIOUS = re.compile(
    rf"""[{CONTROL}{UNSEEN}]|\\[^\\"/n]|null|NaN|Infinity|(?<!["\w])-?(?:\d+[.eE]|0\d|\d{{19}})|(?<!["\w])-0"""
)
BLANK = re.compile(r"[ \t\r\n]*")
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", re.ASCII)


def read_fast(text: str) -> list[tuple[Value, Mark]] | None:
    """Return the one document of a text with its mark, or None where only the exact reader can tell."""
    if SUSPICIOUS.search(text):
        return None
    try:
        value = json.loads(text, object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError):
        return None
    start = BLANK.match(text)
    return [(value, Cursor(text).mark(start.end() if start else 0))]


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        raise ValueError("a key is repeated")
    return entries


def read_exactly(text: str) -> Reading:
    """Return the one document of a text with the mark of every key and value, and what is wrong with it."""
    faults = hidden_faults(text)
    if len(faults) == MOST_FAULTS:
        return Reading([], faults)
    reader = _Reader(made_visible(text) if faults else text, faults)
    documents: list[Located] = []
    try:
        documents.append(reader.document())
    except NotReadable as stopped:
        reader.faults.append(stopped.fault)
    return Reading(documents, reader.faults)


class _Reader:
    """Goes through the text once, by the grammar of RFC 8259."""

    def __init__(self, text: str, faults: list[Fault]) -> None:
        self.faults = faults
        self._text = text
        self._at = 0
        self._cursor = Cursor(text)
        self._keys: dict[Path, Mark] = {}
        self._values: dict[Path, Mark] = {}
        self._gaps: set[Path] = set()

    def document(self) -> Located:
        self._skip_blank()
        value = self._value(())
        self._skip_blank()
        if self._at < len(self._text):
            self._stop("something follows the end of the document")
        return Located(value, self._keys, self._values, self._gaps)

    def _mark(self) -> Mark:
        return self._cursor.mark(self._at)

    def _stop(self, why: str) -> NoReturn:
        raise NotReadable(Fault(Code.RM103, f"This is not JSON: {why}.", self._mark()))

    def _skip_blank(self) -> None:
        found = BLANK.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, wanted: str, why: str) -> None:
        if self._next() != wanted:
            self._stop(why)
        self._at += 1
        self._skip_blank()

    def _value(self, path: Path) -> Value:
        if len(path) > DEEPEST_NESTING:
            self._stop("it is nested too deeply to be a manifest")
        self._values[path] = self._mark()
        match self._next():
            case "{":
                return self._mapping(path)
            case "[":
                return self._list(path)
            case '"':
                return self._string(path)
            case _:
                return self._word(path)

    def _mapping(self, path: Path) -> dict[str, Value]:
        entries: dict[str, Value] = {}
        self._take("{", "a mapping begins with {")
        while self._next() != "}":
            if entries:
                self._take(",", "a comma or } is missing here")
            self._entry(path, entries)
        self._at += 1
        return entries

    def _entry(self, path: Path, entries: dict[str, Value]) -> None:
        mark = self._mark()
        if self._next() != '"':
            self._stop("a key in double quotes is missing here")
        key = self._string(path, as_key=True)
        if key in entries:
            message = f"{key} is given twice: here and in line {self._keys[(*path, key)].line}."
            self.faults.append(Fault(Code.RM104, message, mark, "Keep one of the two."))
        else:
            self._keys[(*path, key)] = mark
        self._skip_blank()
        self._take(":", "a colon is missing here")
        entries[key] = self._value((*path, key))
        self._skip_blank()

    def _list(self, path: Path) -> list[Value]:
        items: list[Value] = []
        self._take("[", "a list begins with [")
        while self._next() != "]":
            if items:
                self._take(",", "a comma or ] is missing here")
            items.append(self._value((*path, len(items))))
            self._skip_blank()
        self._at += 1
        return items

    def _string(self, path: Path, *, as_key: bool = False) -> str:
        mark = self._mark()
        text: str
        try:
            text, self._at = scanstring(self._text, self._at + 1, True)  # noqa: FBT003  its C form takes no keywords
        except json.JSONDecodeError as error:
            self._at = error.pos
            self._stop(error.msg[:1].lower() + error.msg[1:])
        if found := HIDDEN.search(text):
            self.faults.append(hidden_fault(found, mark))
        if found or (self.faults and UNKNOWN in text):
            self._gaps.add((*path, text) if as_key else path)
        return text

    def _word(self, path: Path) -> Value:
        mark = self._mark()
        if found := NUMBER.match(self._text, self._at):
            self._at = found.end()
            return number(found[0], mark)
        for word, value in (("true", True), ("false", False), ("null", None)):
            if self._text.startswith(word, self._at):
                self._at += len(word)
                if value is None:
                    self.faults.append(Fault(Code.RM109, "null is never a value here.", mark, NO_VALUE))
                    self._gaps.add(path)
                return value
        return self._stop("a value is missing here")


NO_VALUE = 'Give a value, or leave the key out ("" is an empty text).'
