"""Text with wildcards and policy variables, compared: whether one pattern matches all that another matches.

In actions, resources and the values of `Like` operators `*` stands for any text and `?` for any one character (IAM User
Guide, reference_policies_elements_resource). A variable such as `${aws:username}` stands for text that is known only
when somebody asks (reference_policies_variables): it is covered by a `*` or by itself, and may collide with anything.
So that no character of its name is mistaken for text, a variable is `sealed`: moved to code points that no policy has.
"""

from __future__ import annotations

import re
from functools import lru_cache

_VARIABLE = re.compile(r"\$\{[^{}]*\}")
_SEAL = 0xF0000
_SEALED = f"{chr(_SEAL)}-{chr(0xFFFFF)}"
_HAS_SEALED = re.compile(f"[{_SEALED}]")
_OPEN = re.compile(f"[*?{_SEALED}]")
_ARN_PARTS = 5


def sealed(text: str) -> str:
    """Return the text with its policy variables out of the reach of wildcards for a single character."""
    if "${" not in text:
        return text
    return _VARIABLE.sub(lambda found: "".join(chr(_SEAL + ord(one) % 0x10000) for one in found[0]), text)


def has_variable(text: str) -> bool:
    """Tell whether a sealed text holds a variable."""
    return _HAS_SEALED.search(text) is not None


def unsealed(text: str) -> str:
    """Return a sealed text with a wildcard in place of each variable: everything that it may stand for."""
    return re.sub(f"[{_SEALED}]+", "*", text)


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    meaning = {"*": ".*", "?": f"[^*{_SEALED}]"}
    return re.compile("".join(meaning.get(one) or re.escape(one) for one in pattern), re.DOTALL)


def pattern_covers(wide: str, narrow: str) -> bool:
    """Tell whether everything that one pattern of `*` and `?` matches is matched by a wider one."""
    return wide in ("*", narrow) or _compiled(wide).fullmatch(narrow) is not None


def arn_covers(wide: str, narrow: str) -> bool:
    """Tell the same of ARNs, of which each part is compared by itself: no wildcard reaches over a colon.

    (IAM User Guide, reference_policies_elements_condition_operators, on `ArnLike`.) A variable may stand for several
    parts, so text with one is covered by nothing but itself.
    """
    if wide == narrow or has_variable(wide + narrow):
        return wide == narrow
    parts, narrower = wide.split(":", _ARN_PARTS), narrow.split(":", _ARN_PARTS)
    return len(parts) == len(narrower) and all(map(pattern_covers, parts, narrower))


def disjoint(one: str, other: str) -> bool:
    """Tell whether no text matches both patterns, as far as their fixed beginnings and ends show."""
    if not _OPEN.search(one):
        return not pattern_covers(other, one) and not has_variable(other)
    if not _OPEN.search(other):
        return not pattern_covers(one, other) and not has_variable(one)
    return _clash(_fixed_start(one), _fixed_start(other)) or _clash(_fixed_start(one[::-1]), _fixed_start(other[::-1]))


def _fixed_start(pattern: str) -> str:
    return _OPEN.split(pattern, maxsplit=1)[0]


def _clash(one: str, other: str) -> bool:
    shared = min(len(one), len(other))
    return one[:shared] != other[:shared]
