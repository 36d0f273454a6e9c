"""What is wrong with a text that is not YAML, in words for whoever wrote it.

The parser says what it was looking for; the slip of the pen that it stumbled over is what a person wants to hear of:
a tab, a colon without a space, a bare `*`, a quote that is never closed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from yaml import MarkedYAMLError, YAMLError

from reconciler.manifest.reading import Fault, Mark
from reconciler.model.diagnostic import Code


@dataclass(frozen=True, slots=True)
class _Slip:
    """What the parser says, what it means, and whether the place to look at is where the unfinished thing begins."""

    said: str
    message: str
    help: str
    at_beginning: bool = False


_QUOTED = 'Put the text in quotes: "...".'
_INDENTED = "Keys of one mapping begin in one column, dashes of one list too, and what belongs to a key is deeper."
_NOT_IN_LINE = "This line does not stand in line with those that it belongs to."
_SLIPS = (
    _Slip(
        "scanning an alias",
        "A bare * begins an alias in YAML, which this is not.",
        'Put it in quotes: "*".',
        at_beginning=True,
    ),
    _Slip("scanning an anchor", "A bare & begins an anchor in YAML, which this is not.", _QUOTED, at_beginning=True),
    _Slip("tab character", "A tab stands where YAML wants spaces.", "Replace it with spaces."),
    _Slip(
        "scanning a simple key",
        "A colon is missing after this key.",
        "Write KEY: VALUE, with a space after the colon.",
        at_beginning=True,
    ),
    _Slip("cannot start any token", "A text does not begin with this character in YAML.", _QUOTED),
    _Slip(
        "quoted scalar found unexpected",
        "This quote is never closed.",
        "Close it, or double it inside.",
        at_beginning=True,
    ),
    _Slip("unknown escape", "This escape is not one of YAML's.", "Write \\\\ for a backslash, or use single quotes."),
    _Slip("scanning a block scalar", "A text after | or > begins in the next line.", "Break the line here."),
    _Slip(
        "expected ',' or ']'",
        "A comma or ] is missing in the list that begins in line {begin}.",
        "Close the list with ], and put commas between.",
    ),
    _Slip(
        "expected ',' or '}'",
        "A comma or }} is missing in the mapping that begins in line {begin}.",
        "Close the mapping with }, and put commas between.",
    ),
    _Slip("expected '-' indicator", _NOT_IN_LINE, _INDENTED),
    _Slip("expected node content", "A value is missing here.", "Give one, or close what is open."),
)
NO_BREAK_SPACE = "\u00a0"
_WHITE = re.compile(r"[ \t]*")
_AT = "in this context"


class Position(Protocol):
    """A mark of PyYAML, of either of its parsers: counted from 0."""

    line: int
    column: int


def mark_of(position: Position | None) -> Mark:
    """Return a mark of PyYAML as one of ours."""
    return Mark(position.line + 1, position.column + 1) if position else Mark(1, 1)


def syntax_fault(error: YAMLError, text: str) -> Fault:
    """Return what the parser stumbled over, at the place where a person would mend it."""
    if not isinstance(error, MarkedYAMLError):
        return Fault(Code.RM103, f"This is not YAML: {error}.", Mark(1, 1))
    place = mark_of(error.problem_mark or error.context_mark)
    line = _line(text, place)
    if "\t" in _indent(line):
        return Fault(Code.RM103, "A tab indents this line; YAML is indented with spaces.", place)
    said = " ".join(part for part in (error.context, error.problem) if part)
    if slip := next((slip for slip in _SLIPS if slip.said in said), None):
        at = mark_of(error.context_mark) if slip.at_beginning else place
        begin = mark_of(error.context_mark).line
        return _no_break_space(text, at) or Fault(Code.RM103, slip.message.format(begin=begin), at, slip.help)
    return _misplaced(said, place, line)


def _misplaced(said: str, place: Mark, line: str) -> Fault:
    """Return a fault for what is where it cannot be: a second colon in a line, a wrong indent, text after a quote."""
    if _AT in said and ":" in line[: place.column - 1]:
        return Fault(Code.RM103, "A text with a colon and a space in it is read as a key.", place, _QUOTED)
    if _AT in said or place.column == len(_indent(line)) + 1:
        return Fault(Code.RM103, _NOT_IN_LINE, place, _INDENTED)
    if "expected key" in said:
        message = "Something follows where the value has already ended."
        return Fault(Code.RM103, message, place, "Remove it, or put all of the value in quotes.")
    return Fault(Code.RM103, f"This is not YAML: {said}.", place)


def _no_break_space(text: str, place: Mark) -> Fault | None:
    """Return a fault where a line has the space of typesetters, which YAML takes for a letter."""
    column = _line(text, place).find(NO_BREAK_SPACE) + 1
    message = "U+00A0 looks like a space, but YAML takes it for a letter."
    return Fault(Code.RM103, message, Mark(place.line, column), "Replace it with a space.") if column else None


def _line(text: str, place: Mark) -> str:
    lines = text.split("\n")
    return lines[place.line - 1] if place.line <= len(lines) else ""


def _indent(line: str) -> str:
    found = _WHITE.match(line)
    return found[0] if found else ""
