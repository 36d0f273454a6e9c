"""What differs between two policy documents, statement by statement, in words.

A statement says who may do what on what, and when. Two documents are laid side by side: statements that mean
the same are counted and folded away; of the others those with the same Sid belong together, then those that
overlap most; what is left was added or removed. Within a changed statement only what changed has a mark:

    ~ Allow "Developers"
        who   - AIDACKCEVSQ6C2EXAMPLE (a bare unique ID)
              + arn:aws:iam::111122223333:user/alice
                (4 unchanged)
        may     sts:AssumeRole
        when    aws:MultiFactorAuthPresent is true
      (3 statements unchanged)

The words are exact: no two conditions that differ read alike, and whatever has no words is shown as it
stands.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from reconciler.model.policy import OLD_VERSION, PolicyDocument, canonical_statement, listed
from reconciler.render.condition_words import condition_in_words
from reconciler.render.lines import Line, Piece, Span, Tone, line
from reconciler.render.principal_words import principal_in_words

Json: TypeAlias = Mapping[str, Any]
Atom: TypeAlias = tuple[str, ...]

# How many unchanged values of a changed statement are shown before they are folded.
SHOWN = 3
_MARKS = {"+": Tone.ADDED, "-": Tone.REMOVED, "~": Tone.CHANGED}
_LABELS = {
    "Principal": "who",
    "NotPrincipal": "who: all but",
    "Action": "may",
    "NotAction": "may: all but",
    "Resource": "on",
    "NotResource": "on: all but",
    "Condition": "when",
}
_VERBS = {
    "Allow": {"Action": "may", "NotAction": "may: all but"},
    "Deny": {"Action": "may not", "NotAction": "may not: all but"},
}


@dataclass(frozen=True)
class Statement:
    """One statement, taken apart into atoms that are compared, each with the words it is shown in."""

    raw: Json
    partition: str

    @cached_property
    def canonical(self) -> Json:
        """Return the form by which statements are compared."""
        return canonical_statement(self.raw, self.partition)

    @cached_property
    def key(self) -> str:
        """Return the canonical form as text: equal exactly for statements that say the same."""
        return json.dumps(self.canonical, sort_keys=True, default=str)

    @property
    def sid(self) -> str:
        """Return the Sid, empty for none."""
        return str(self.raw.get("Sid") or "")

    @property
    def effect(self) -> str:
        """Return the effect as it stands."""
        return str(self.raw.get("Effect", "no effect"))

    @cached_property
    def elements(self) -> Mapping[str, Mapping[Atom, str]]:
        """Return the words of every atom, by element, in the order who, what, on what, when."""
        known = [element for element in _LABELS if element in self.canonical]
        others = [key for key in self.canonical if key not in _LABELS and key not in {"Sid", "Effect"}]
        return {element: dict(self._atoms(element)) for element in (*known, *others)}

    @cached_property
    def atoms(self) -> frozenset[tuple[str, Atom]]:
        """Return all atoms: what two statements share of these is their overlap."""
        return frozenset((element, atom) for element, words in self.elements.items() for atom in words)

    def label(self, element: str) -> str:
        """Return the word that stands before the values of an element."""
        return _VERBS.get(self.effect, {}).get(element) or _LABELS.get(element, element)

    def _atoms(self, element: str) -> Iterator[tuple[Atom, str]]:
        values = self.canonical[element]
        match element:
            case "Principal" | "NotPrincipal":
                yield from ((tuple(pair), principal_in_words(*pair)) for pair in values)
            case "Condition":
                for operator, key, items in values:
                    yield (operator, key, *items), condition_in_words(operator, self._spelled(key), items)
            case "Action" | "NotAction":
                yield from (((value,), self._spelled(value)) for value in values)
            case "Resource" | "NotResource":
                yield from (((value,), value) for value in values)
            case _:
                text = json.dumps(values, sort_keys=True, ensure_ascii=False, default=str)
                yield (text,), text

    def _spelled(self, lowered: str) -> str:
        return self._spellings.get(lowered, lowered)

    @cached_property
    def _spellings(self) -> Mapping[str, str]:
        """Return how the author spelled actions and condition keys, whose case does not count."""
        actions = [item for name in ("Action", "NotAction") for item in listed(self.raw.get(name, []))]
        keys = [key for block in self.raw.get("Condition", {}).values() for key in block]
        return {str(text).lower(): str(text) for text in (*actions, *keys)}


def policy_difference(before: object, after: object, *, partition: str = "aws") -> Iterator[Line]:
    """Yield the lines that say what becomes of a document; either side is None where there is none."""
    old, new = _document(before), _document(after)
    if not (old.understood and new.understood):
        yield from _as_it_stands(before, after)
        return
    yield from _document_level(before, after)
    old_statements, new_statements, same = _without_the_same(_statements(old, partition), _statements(new, partition))
    for left, right in _paired(old_statements, new_statements):
        yield from _pair(left, right)
    if same:
        yield line(2, Span(f"({same} statement{'s' * (same != 1)} unchanged)", Tone.FAINT))


def marked(mark: str, text: str, *, lead: str = "") -> Line:
    """Return a line with a mark before its text, both in the mark's tone; `lead` stands before the mark."""
    tone = _MARKS.get(mark, Tone.PLAIN)
    return line(0, lead, Span(f"{mark} {text}", tone))


def _document(value: object) -> PolicyDocument:
    return PolicyDocument({"Statement": []} if value is None else value if isinstance(value, Mapping) else str(value))


def _statements(document: PolicyDocument, partition: str) -> list[Statement]:
    return [Statement(raw, partition) for raw in document.raw_statements]


def _as_it_stands(before: object, after: object) -> Iterator[Line]:
    """Yield both sides as text: at least one of them is not a policy document."""
    for mark, value in (("-", before), ("+", after)):
        if value is not None:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            note = "" if _document(value).understood else "  (not understood, shown as it stands)"
            yield marked(mark, f"{text}{note}")


def _document_level(before: object, after: object) -> Iterator[Line]:
    """Yield what changes beside the statements: the version above all, which changes what variables mean."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return
    sides = [{"Version": OLD_VERSION, **side} for side in (before, after)]
    for key in sorted({key for side in sides for key in side} - {"Statement"}):
        old, new = (str(side.get(key, "none")) for side in sides)
        if old != new:
            yield marked("~", f"{key}: {old} -> {new}")


def _without_the_same(
    old: Sequence[Statement], new: Sequence[Statement]
) -> tuple[list[Statement], list[Statement], int]:
    """Return both sides without the statements that mean the same, one for one, and the number of those."""
    remaining: list[Statement] = list(new)
    differing: list[Statement] = []
    for statement in old:
        twin = next((other for other in remaining if other.key == statement.key), None)
        if twin is None:
            differing.append(statement)
        else:
            remaining.remove(twin)
    return differing, remaining, len(old) - len(differing)


def _paired(old: list[Statement], new: list[Statement]) -> Iterator[tuple[Statement | None, Statement | None]]:
    """Yield old and new statements that belong together, in the order of the new; then what was removed."""
    partners: dict[int, Statement] = {}
    free = list(old)
    for number, statement in enumerate(new):
        if found := next((other for other in free if statement.sid and other.sid == statement.sid), None):
            partners[number] = found
            free.remove(found)
    for _, number, candidate in sorted(_overlaps(free, new, partners), key=lambda overlap: overlap[0], reverse=True):
        if number not in partners and any(candidate is other for other in free):
            partners[number] = candidate
            free = [other for other in free if other is not candidate]
    yield from ((partners.get(number), statement) for number, statement in enumerate(new))
    yield from ((statement, None) for statement in free)


def _overlaps(
    old: Sequence[Statement], new: Sequence[Statement], taken: Mapping[int, Statement]
) -> Iterator[tuple[float, int, Statement]]:
    for number, statement in enumerate(new):
        for other in old:
            shared = len(statement.atoms & other.atoms)
            if number not in taken and shared and other.effect == statement.effect:
                yield shared / len(statement.atoms | other.atoms), number, other


def _pair(old: Statement | None, new: Statement | None) -> Iterator[Line]:
    if old is None and new is not None:
        yield from _whole("+", new)
    elif new is None and old is not None:
        yield from _whole("-", old)
    elif old is not None and new is not None:
        yield from _changed(old, new)


def _whole(mark: str, statement: Statement) -> Iterator[Line]:
    yield marked(mark, _title(statement.effect, statement.sid))
    width = max((len(statement.label(element)) for element in statement.elements), default=0)
    for element, words in statement.elements.items():
        for number, text in enumerate(sorted(words.values())):
            label = statement.label(element) if number == 0 else ""
            yield line(4, f"{label:<{width}}  ", Span(f"{mark} {text}", _MARKS[mark]))


def _changed(old: Statement, new: Statement) -> Iterator[Line]:
    yield marked("~", _changed_title(old, new))
    elements = [*new.elements, *(element for element in old.elements if element not in new.elements)]
    ordered = sorted(elements, key=lambda element: [*_LABELS, element].index(element))
    width = max((len(new.label(element)) for element in ordered), default=0)
    for element in ordered:
        lines = list(_values(old.elements.get(element, {}), new.elements.get(element, {})))
        for number, found in enumerate(lines):
            label = new.label(element) if number == 0 else ""
            yield Line(4, (f"{label:<{width}}  ", *found))


def _values(old: Mapping[Atom, str], new: Mapping[Atom, str]) -> Iterator[tuple[Piece, ...]]:
    """Yield removed, added and unchanged values of one element; many unchanged ones are folded."""
    removed = sorted(words for atom, words in old.items() if atom not in new)
    added = sorted(words for atom, words in new.items() if atom not in old)
    same = sorted(words for atom, words in new.items() if atom in old)
    yield from ((Span(f"- {words}", Tone.REMOVED),) for words in removed)
    yield from ((Span(f"+ {words}", Tone.ADDED),) for words in added)
    if len(same) <= SHOWN:
        yield from ((f"  {words}",) for words in same)
    else:
        yield (Span(f"  ({len(same)} unchanged)", Tone.FAINT),)


def _title(effect: str, sid: str) -> str:
    return f'{effect} "{sid}"' if sid else effect


def _changed_title(old: Statement, new: Statement) -> str:
    if (old.effect, old.sid) == (new.effect, new.sid):
        return _title(new.effect, new.sid)
    return f"{_title(old.effect, old.sid)} -> {_title(new.effect, new.sid)}"
