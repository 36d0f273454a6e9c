"""Explanations for a terminal: Markdown with its headings and code made plain."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model.diagnostic import TITLES, Code
from reconciler.render.lines import BLANK, Canvas, Line, Span, Tone, line, paint, prose

FAMILIES = {
    "RM": "Manifests and configuration",
    "RP": "Principals and trust",
    "RC": "Checks and quotas",
    "RA": "Applying, AWS and plan files",
    "RS": "State and locks",
}


def story_text(markdown: str, canvas: Canvas) -> str:
    """Return one explanation, laid out for reading."""
    return paint(_story_lines(markdown, canvas.width), canvas)


def catalogue_text(canvas: Canvas) -> str:
    """Return all codes with their titles, by family."""
    return paint(_catalogue_lines(), canvas)


def _catalogue_lines() -> Iterator[Line]:
    for prefix, family in FAMILIES.items():
        yield line(0, Span(family, Tone.STRONG))
        for code in Code:
            if code.value.startswith(prefix):
                yield line(2, Span(code.value, Tone.NOTE), f"  {TITLES[code]}")
        yield BLANK
    yield line(0, "'reconciler explain CODE' tells the whole story of one.")


def _story_lines(markdown: str, width: int) -> Iterator[Line]:
    """Yield headings strong, code blocks indented as they are, and all else wrapped."""
    in_code = False
    for text in markdown.rstrip("\n").split("\n"):
        if text.startswith("```"):
            in_code = not in_code
        elif in_code:
            yield line(4, Span(text, Tone.FAINT)) if text else BLANK
        elif text.startswith("#"):
            yield line(0, Span(text.lstrip("# "), Tone.STRONG))
        elif text.startswith("- "):
            yield from prose(text[2:].replace("`", ""), indent=0, width=width, first="- ")
        else:
            yield from prose(text.replace("`", ""), indent=0, width=width)
