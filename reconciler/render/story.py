"""Explanations for a terminal: Markdown with its headings made plain; what is code keeps its backticks."""

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
    yield line(0, "`reconciler explain CODE` tells the whole story of one.")


def _story_lines(markdown: str, width: int) -> Iterator[Line]:
    """Yield headings strong, code indented as it is, paragraphs and the items of lists wrapped anew."""
    for in_code, block in _blocks(markdown):
        if in_code:
            yield from (line(4, Span(text, Tone.FAINT)) if text else BLANK for text in block)
        elif not block[0]:
            yield BLANK
        elif block[0].startswith("#"):
            yield line(0, Span(block[0].lstrip("# "), Tone.STRONG))
        else:
            text = " ".join(part.strip() for part in block)
            item = text.startswith("- ")
            yield from prose(text[2:] if item else text, indent=0, width=width, first="- " if item else "")


def _blocks(markdown: str) -> Iterator[tuple[bool, list[str]]]:
    """Yield the parts of a text, each with whether it is code: code, a heading, a paragraph, an item, a gap."""
    block: list[str] = []
    in_code = False
    for text in markdown.rstrip("\n").split("\n"):
        fence = text.startswith("```")
        starts = fence or not text or text.startswith(("#", "- ")) or not block or not block[0]
        if block and starts and not (in_code and not fence):
            yield in_code, block
            block = []
        if fence:
            in_code = not in_code
        else:
            block.append(text)
    if block:
        yield in_code, block
