r"""Text from AWS and from manifests, made inert.

A policy document may hold any character from U+0020 to U+00FF besides tab, line feed and carriage return (IAM
User Guide, reference_iam-quotas), so a description can carry a terminal's control sequences (U+009B alone
begins one), a line feed that forges a line of a plan, or a command to the runner of a pipeline. Whatever a
reader cannot tell from something else by eye is shown by its number: `\u{9b}`. Backslashes stay as they are:
this is for reading, not for reading back.
"""

from __future__ import annotations

import re

_INVISIBLE = re.compile(
    "["
    "\x00-\x1f\x7f-\xa0\xad"  # controls of both sets, no-break space, soft hyphen
    "\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f"  # joiners, fillers and marks without a shape
    "\u2000-\u200f\u2028-\u202f\u205f-\u206f"  # spaces, zero-width, separators, bidirectional overrides
    "\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff"  # wide space, variation selectors, byte order mark
    "\ud800-\udfff"  # halves of a character, which cannot even be encoded
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"  # invisible musical marks, tags
    "]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

# The runners of pipelines take such a line as a command, with or without white space before it.
_COMMAND = re.compile(r"(\s*)(::|##\[)")


def inert(text: str) -> str:
    """Return the text on one line with nothing invisible in it; what was invisible shows its number."""
    return _INVISIBLE.sub(_by_number, text)


def inert_line(text: str) -> str:
    """Return a whole line of output, inert, and not to be taken for a command by a pipeline's runner."""
    safe = inert(text)
    found = _COMMAND.match(safe)
    if found is None:
        return safe
    return f"{found[1]}\\u{{{ord(found[2][0]):x}}}{safe[found.end(1) + 1 :]}"


def _by_number(found: re.Match[str]) -> str:
    character = found[0]
    return _SHORT.get(character) or f"\\u{{{ord(character):x}}}"
