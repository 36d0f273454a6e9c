"""Diagnostics for people: what, where, and what to do about it.

The rule at the left keeps the parts of one message together where somebody copies them into an issue, as
Terraform's does; it also keeps what a message quotes from ever standing at the beginning of a line.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import chain

from reconciler.model.diagnostic import TITLES, Diagnostic, Place, Severity
from reconciler.render.escape import inert
from reconciler.render.lines import Line, Piece, Span, Tone, line, prose

TONES = {Severity.ERROR: Tone.ERROR, Severity.WARNING: Tone.WARNING, Severity.NOTE: Tone.NOTE}

# Of a long line only what stands around the caret is shown: three fifths of the room before it, the rest behind.
_BEFORE = 0.6


def diagnostic_lines(found: Diagnostic, *, width: int) -> Iterator[Line]:
    """Yield one diagnostic with its rule."""
    tone = TONES[found.severity]
    yield line(0, Span("╷", tone))
    for content in _content(found, tone, width - 2):
        yield line(0, Span("│", tone), *_spaced(content))
    yield line(0, Span("╵", tone))


def all_diagnostics(found: Iterable[Diagnostic], *, width: int) -> Iterator[Line]:
    """Yield many diagnostics, the errors last, where a reader of a terminal looks first."""
    ranks = [Severity.NOTE, Severity.WARNING, Severity.ERROR]
    ordered = sorted(found, key=lambda diagnostic: ranks.index(diagnostic.severity))
    return chain.from_iterable(diagnostic_lines(diagnostic, width=width) for diagnostic in ordered)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 error`, `3 errors`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def failure_sentence(failed: int) -> str:
    """Return that so many accounts failed, opened by a space to follow another sentence; empty for none."""
    return f" {counted(failed, 'account')} failed, see above." if failed else ""


def sentence(text: str) -> str:
    """Return a text with a full stop, if it ends in a word."""
    return f"{text}." if text[-1:].isalnum() else text


def tally(found: Iterable[Diagnostic]) -> str:
    """Return how many errors, warnings and notes there are: `2 errors, 1 warning`; empty for none."""
    severities = [diagnostic.severity for diagnostic in found]
    counts = ((severities.count(severity), severity.value) for severity in Severity)
    return ", ".join(counted(number, noun) for number, noun in counts if number)


def _spaced(content: Line) -> tuple[Piece, ...]:
    return (" " * (content.indent + 1), *content.pieces) if content.pieces else ()


def _content(found: Diagnostic, tone: Tone, width: int) -> Iterator[Line]:
    heading = f"{found.severity.value.capitalize()} {found.code}"
    yield line(0, Span(heading, tone), Span(f": {TITLES[found.code]}", Tone.STRONG))
    yield line(0)
    yield from prose(inert(sentence(_message(found))), indent=0, width=width)
    if found.place is not None:
        yield line(0)
        yield from _place_lines(found.place, tone, width)
    if found.help:
        yield line(0)
        yield from prose(found.help, indent=0, width=width)


def _message(found: Diagnostic) -> str:
    if found.address is None or found.address in found.message:
        return found.message
    return f"{found.address}: {found.message}"


def _place_lines(place: Place, tone: Tone, width: int) -> Iterator[Line]:
    """Yield where it is, the line itself as far as there is room, and a caret below the column."""
    yield line(2, Span(str(place), Tone.STRONG))
    if place.text is None or place.line is None:
        return
    number = str(place.line)
    before, after = _around(place.text, place.column, room=width - len(number) - len("   │ "))
    yield line(2, Span(f"{number} │ ", Tone.FAINT), before + after)
    if place.column is not None:
        yield line(2, Span(f"{' ' * len(number)} │ ", Tone.FAINT), " " * _columns(inert(before)), Span("^", tone))


def _around(text: str, column: int | None, *, room: int) -> tuple[str, str]:
    """Return the part of a line before the column and the part from there on, cut where they do not fit."""
    at = min(max((column or 1) - 1, 0), len(text))
    before, after = text[:at], text[at:]
    if len(text) <= room:
        return before, after
    if len(before) > int(room * _BEFORE):
        before = "… " + before[2 - int(room * _BEFORE) :]
    if len(after) > room - len(before):
        after = after[: room - len(before) - 2] + " …"
    return before, after


def _columns(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    marks = sum(unicodedata.combining(character) > 0 for character in text)
    return len(text) + wide - marks
