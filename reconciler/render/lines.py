"""Text before it is painted: lines of spans, each span with a tone.

Colour is added when everything is laid out and made inert, and nowhere else. So the same bytes come out with
and without colour, apart from the colour, and nothing that came from AWS can bring colours of its own.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from reconciler.render.escape import inert, inert_line

WIDTH = 100
NARROWEST, WIDEST = 40, 120


class Tone(Enum):
    """How a span looks; the value is the parameter of its SGR sequence, empty for none."""

    PLAIN = ""
    STRONG = "1"
    FAINT = "2"
    ADDED = "32"
    REMOVED = "31"
    CHANGED = "33"
    ERROR = "1;31"
    WARNING = "1;33"
    NOTE = "1;36"


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line in one tone."""

    text: str
    tone: Tone = Tone.PLAIN


Piece: TypeAlias = Span | str


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its indentation in columns, and its pieces."""

    indent: int = 0
    pieces: tuple[Piece, ...] = ()

    def inside(self, columns: int) -> Line:
        """Return the line that many columns further in."""
        return Line(self.indent + columns, self.pieces)

    @property
    def plain(self) -> str:
        """Return the text without tones, not yet inert."""
        return "".join(piece if isinstance(piece, str) else piece.text for piece in self.pieces)


BLANK = Line()


@dataclass(frozen=True, slots=True)
class Canvas:
    """What is painted on: with colour or without, and how many columns prose may take."""

    colour: bool = False
    width: int = WIDTH


def line(indent: int, *pieces: Piece) -> Line:
    """Return a line of these pieces."""
    return Line(indent, pieces)


def prose(text: str, *, indent: int, width: int, tone: Tone = Tone.PLAIN, first: Piece = "") -> Iterator[Line]:
    """Yield a text wrapped between words; `first` opens the first line, the others hang below its end.

    Line feeds in the text begin a new line: whoever passes text that others wrote in one piece makes it inert
    first.
    """
    opening = first if isinstance(first, str) else first.text
    room = max(width - indent - len(opening), NARROWEST)
    for number, part in enumerate(_wrapped(text, room)):
        lead: tuple[Piece, ...] = (first,) if number == 0 else (" " * len(opening),)
        yield Line(indent, (*lead, Span(part, tone)) if opening else (Span(part, tone),))


def inside(lines: Iterable[Line], columns: int) -> Iterator[Line]:
    """Yield the lines that many columns further in."""
    return (found.inside(columns) for found in lines)


def paint(lines: Iterable[Line], canvas: Canvas) -> str:
    """Return the text of the lines, each ended by a line feed."""
    return "".join(f"{_painted(found, canvas)}\n" for found in lines)


def _painted(found: Line, canvas: Canvas) -> str:
    plain = inert_line(found.plain)
    if not plain.strip(" "):
        return ""
    margin = " " * found.indent
    is_command = plain != inert(found.plain)
    return margin + ("".join(map(_coloured, found.pieces)) if canvas.colour and not is_command else plain)


def _coloured(piece: Piece) -> str:
    if isinstance(piece, str):
        return inert(piece)
    text = inert(piece.text)
    return f"\x1b[{piece.tone.value}m{text}\x1b[0m" if piece.tone.value and text else text


_COMMAND = re.compile("`[^`]+`")
_KEPT_SPACE = "\x00"


def _wrapped(text: str, room: int) -> Iterator[str]:
    """Yield the lines of a text; those that begin with a space were laid out by their author and stay.

    What stands in backticks is kept on one line where it has room there: a command is there to be copied.
    """
    for part in text.split("\n"):
        if part.startswith(" "):
            yield part
            continue
        kept = _COMMAND.sub(lambda found: _whole(found[0], room), part)
        lines = textwrap.wrap(kept, room, break_long_words=False, break_on_hyphens=False) or [""]
        yield from (found.replace(_KEPT_SPACE, " ") for found in lines)


def _whole(command: str, room: int) -> str:
    return command.replace(" ", _KEPT_SPACE) if len(command) < room else command
