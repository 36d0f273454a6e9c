"""What the readers of YAML and JSON have in common: values, where they stand, and what is wrong with a text.

A value is text, a whole number, true or false, a list, or a mapping whose keys are text. There is no null, and nothing
that a number could lose: whatever looks like a number but would not come back as it was typed (`1.10`, `007`, `0x1F`)
stays the text that the author typed.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from reconciler.model.diagnostic import Code, Severity

Value: TypeAlias = Any
Path: TypeAlias = tuple[str | int, ...]

LONGEST_NUMBER = 128
DEEPEST_NESTING = 128
MOST_FAULTS = 20  # of a text that is no text there would be no end

MERGED = "<<"
UNKNOWN = "\ufffd"

CANONICAL_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}", re.ASCII)

# What YAML and JSON forbid, and what a reader of the text cannot see: line separators that are no line feed, marks
# that turn the direction of writing, spaces without width.
CONTROL = "\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f"
UNSEEN = "\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u206f\\ufeff\\ufff9-\\ufffb\\ufffe\\uffff"
HIDDEN = re.compile(f"[{CONTROL}{UNSEEN}\\ud800-\\udfff]")


class Mark(NamedTuple):
    """A place in a text: line and column, both from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with a text, at a place."""

    code: Code
    message: str
    mark: Mark
    help: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a value, at a path of its document; `at_key` where the key is to blame, not its value."""

    path: Path
    code: Code
    message: str
    help: str | None = None
    at_key: bool = False
    severity: Severity = Severity.ERROR
    absent: tuple[Path, ...] = ()  # what is missed: seen from where `path` is seen from

    def below(self, *path: str | int) -> Problem:
        """Return the same problem, seen from further up."""
        absent = tuple((*path, *missed) for missed in self.absent)
        return replace(self, path=(*path, *self.path), absent=absent)

    def follows_from(self, gaps: Collection[Path]) -> bool:
        """Tell whether this is only said because of what is wrong at a gap, of which something else was said.

        That is a value at or below one, or the absence of what stands there; what is said of a key holds all the same.
        """
        return any(_covers(gap, self.path, at_key=self.at_key) or gap in self.absent for gap in gaps)


def refused(path: Path, message: str, remedy: str | None = None, *, at_key: bool = False) -> Problem:
    """Return a problem that makes IAM refuse a policy document."""
    return Problem(path, Code.RM114, message, remedy, at_key=at_key)


def _covers(gap: Path, path: Path, *, at_key: bool) -> bool:
    return path[: len(gap)] == gap and (len(path) > len(gap) or not at_key)


@dataclass(frozen=True, slots=True)
class Located:
    """One document with the mark of every key and of every value, by path.

    `gaps` are the paths whose value is not known, because a fault was found in its text.
    """

    value: Value = None
    keys: dict[Path, Mark] = field(default_factory=dict)
    values: dict[Path, Mark] = field(default_factory=dict)
    gaps: set[Path] = field(default_factory=set)

    def mark(self, path: Path, *, at_key: bool = False) -> Mark:
        """Return where a path stands, or the nearest that is known above it.

        What is written alone where a list belongs is found as the first of the list.
        """
        known: Path = ()
        for part in path:
            if (*known, part) in self.values:
                known = (*known, part)
            elif part != 0:
                break
        return self.keys.get(known, self.values[known]) if at_key else self.values[known]


@dataclass(frozen=True, slots=True)
class Reading:
    """A whole text, read exactly: the documents that could be read, and all that is wrong with the text."""

    documents: list[Located]
    faults: list[Fault]


class NotReadable(Exception):  # noqa: N818  it is not an error of the program, and never leaves the readers
    """What is wrong is such that reading cannot go on."""

    def __init__(self, fault: Fault) -> None:
        """Carry the fault."""
        super().__init__(fault.message)
        self.fault = fault


def hidden_fault(found: re.Match[str], mark: Mark) -> Fault:
    """Return what to say of a hidden character, by its number and never as itself."""
    name = f"U+{ord(found[0]):04X}"
    kind = "a control character" if re.fullmatch(f"[{CONTROL}]", found[0]) else "a character that cannot be seen"
    return Fault(Code.RM103, f"{name} is {kind}.", mark, "Remove it, or write what it stands for in visible letters.")


def number(text: str, mark: Mark) -> int | str:
    """Return a number where it comes back as it was typed, else its text; refuse one that nobody can have meant."""
    if CANONICAL_INTEGER.fullmatch(text):
        return int(text)
    if len(text) > LONGEST_NUMBER:
        message = f"A number of {len(text)} characters would not be kept as it is."
        raise NotReadable(Fault(Code.RM106, message, mark, "Put it in quotes if it is meant as text."))
    return text


class Cursor:
    """Turns ascending indexes into a text into marks, counting nothing twice."""

    def __init__(self, text: str) -> None:
        """Begin at the beginning."""
        self._text = text
        self._at = self._line_start = 0
        self._line = 1

    def mark(self, index: int) -> Mark:
        """Return the mark of an index, which is not before the last one asked for."""
        if breaks := self._text.count("\n", self._at, index):
            self._line += breaks
            self._line_start = self._text.rfind("\n", self._at, index) + 1
        self._at = index
        return Mark(self._line, index - self._line_start + 1)


def made_visible(text: str) -> str:
    """Return a text of the same length with `UNKNOWN` for every hidden character, so that the rest can be read."""
    return HIDDEN.sub(UNKNOWN, text)


def hidden_faults(text: str) -> list[Fault]:
    """Return a fault for every character that a text must not have: control characters and what cannot be seen."""
    cursor = Cursor(text)
    return [hidden_fault(found, cursor.mark(found.start())) for found in islice(HIDDEN.finditer(text), MOST_FAULTS)]
