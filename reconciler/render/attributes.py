"""What differs in everything that is not a policy document: tags, attachments, durations, descriptions.

DeepDiff finds what changed inside of lists and mappings. It only shows: whether two objects are equal was
decided long before, by meaning.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from reconciler.model.change import Difference
from reconciler.render.lines import Line, Span, Tone, line
from reconciler.render.policy_words import marked

_HOUR = 3600
_DAY = 24 * _HOUR


def is_single(difference: Difference) -> bool:
    """Tell whether an attribute is one value rather than a list or a mapping."""
    return not any(isinstance(value, Mapping | list | tuple) for value in (difference.before, difference.after))


def value_difference(difference: Difference) -> str:
    """Return what becomes of a single value: the one that comes, the one that goes, or both."""
    sides = (difference.before, difference.after)
    return " -> ".join(value_in_words(difference.path, value) for value in sides if value is not None)


def entry_difference(before: object, after: object) -> Iterator[Line]:
    """Yield what was removed from, added to and changed in a list or a mapping; None is an empty one."""
    yield from _inside(_flat(before), _flat(after))


def value_in_words(path: str, value: object) -> str:
    """Return a single value: durations in seconds also as hours, text in quotes, ARNs and paths bare."""
    match value:
        case int() if path == "max_session_duration" and 0 <= value <= _DAY:
            hours = f"{value / _HOUR:g}"
            return f"{value} seconds ({hours} hour{'s' * (hours != '1')})"
        case str() if value.startswith(("arn:", "/")):
            return value
        case _:
            return json.dumps(value, ensure_ascii=False, default=str)


def _flat(value: object) -> dict[str, str | None]:
    """Return a list as the keys of a mapping, its order means nothing; a mapping with its values as text."""
    match value:
        case None:
            return {}
        case Mapping():
            return {str(key): json.dumps(item, ensure_ascii=False, default=str) for key, item in value.items()}
        case list() | tuple():
            return {item if isinstance(item, str) else json.dumps(item, default=str): None for item in value}
        case _:
            return {str(value): None}


def _inside(old: dict[str, str | None], new: dict[str, str | None]) -> Iterator[Line]:
    """Yield what was removed, added and changed, in the order of the keys, and how much was not."""
    from deepdiff import DeepDiff  # noqa: PLC0415  dear to import, and a plan without changes never gets here

    tree = DeepDiff(old, new, view="tree", threshold_to_diff_deeper=0)
    changed = {str(item.path(output_format="list")[-1]) for items in tree.values() for item in items}
    for key in sorted(changed):
        if key not in new:
            yield marked("-", _entry(key, old[key]))
        elif key not in old:
            yield marked("+", _entry(key, new[key]))
        else:
            yield marked("~", f"{key} = {old[key]} -> {new[key]}")
    same = len(old.keys() - changed)
    if same:
        yield line(2, Span(f"({same} unchanged)", Tone.FAINT))


def _entry(key: str, value: str | None) -> str:
    return key if value is None else f"{key} = {value}"
