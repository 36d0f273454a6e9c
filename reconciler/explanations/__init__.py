"""The long form of every diagnostic, one Markdown file for each code, shipped with the package.

Each says what the code means, shows an example, how IAM behaves and which page of AWS says so, and what to
do.
"""

from __future__ import annotations

import difflib
from importlib.resources import files

from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError

_ALIKE = 0.6


def find_code(text: str) -> Code:
    """Return the code that a person typed, in any case; ReconcilerError names the nearest."""
    wanted = text.strip().upper()
    if wanted in Code.__members__:
        return Code[wanted]
    codes = [code.value for code in Code]
    near = [code for code in codes if wanted and code.startswith(wanted)] or _alike(wanted, codes)
    question = f" Did you mean {' or '.join(near[:3])}?" if near else ""
    message = f"There is no diagnostic {text!r}.{question}"
    raise ReconcilerError(Diagnostic(Code.RM122, message, help="`reconciler explain` lists all codes."))


def _alike(wanted: str, codes: list[str]) -> list[str]:
    """Return the codes that look like a word, the most alike first, among equals the lowest."""
    ratios = {code: difflib.SequenceMatcher(None, wanted, code).ratio() for code in codes}
    return sorted((code for code in codes if ratios[code] >= _ALIKE), key=lambda code: -ratios[code])


def story_of(code: Code) -> str:
    """Return the Markdown text of a code."""
    return (files(__name__) / f"{code.value}.md").read_text(encoding="utf-8")
