"""What is wrong with the keys and types of one document, and the document without it.

A mistake hides no other: whatever has the wrong type is taken out and something harmless of the right type put in its
place, a key that is only misspelt is read as the one that was meant, and all that remains is checked by the same rules
as a document without mistakes. `gaps` says where something was taken out, so that nobody blames the author a second
time for what stands there now.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from reconciler.manifest.document import ELEMENTS, TOP_ELEMENTS, Use, unknown_element
from reconciler.manifest.reading import MERGED, Path, Problem, Value
from reconciler.manifest.schema import (
    HEADS,
    LATER_KEYS,
    LATER_KINDS,
    MODELS,
    Manifest,
    TrustEntry,
)
from reconciler.manifest.slips import (
    ENTRY_REMEDIES,
    ENTRY_WORDS,
    KIND_WORDS,
    KINDS_BY_KEY,
    WORDS,
    type_remedy,
)
from reconciler.manifest.wording import describe, did_you_mean, named, near
from reconciler.model.diagnostic import Code

EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}
HARMLESS: Mapping[str, Value] = {
    "missing": "",
    "string_type": "",
    "int_type": 0,
    "bool_type": False,
    "list_type": [],
    "dict_type": {},
    "model_type": {},
}
NOBODY = [""]  # where at least one must be named


@dataclass(frozen=True, slots=True)
class Mended:
    """A document of which something is wrong, without that.

    `problems` and `gaps` have paths of `manifest`; `written` maps the path of a key as it is meant to that as written.
    """

    manifest: Manifest
    problems: tuple[Problem, ...] = ()
    gaps: frozenset[Path] = frozenset()
    written: Mapping[Path, Path] = field(default_factory=dict)


def kind_of(value: Value) -> tuple[str | None, Problem | None]:
    """Return the kind of a document, one that has a model, as far as it can be told; and what is wrong with it."""
    if not isinstance(value, dict):
        return None, _no_manifest(value)
    kind = value.get("kind")
    if kind is None:
        return _missing_kind(value)
    if not isinstance(kind, str):
        return _likely_kind(value), Problem(("kind",), Code.RM109, f"`kind` is text, not {describe(kind)}.", _kinds())
    if kind in MODELS:
        return kind, None
    if kind in LATER_KINDS:
        return None, Problem(("kind",), Code.RM119, f"kind {kind} is not supported by this version.")
    meant = KIND_WORDS.get(kind.lower()) or near(kind, MODELS)
    remedy = f"Did you mean {meant}?" if meant else _kinds()
    return meant, Problem(("kind",), Code.RM110, f"{kind} is not a kind of manifest.", remedy)


def _no_manifest(value: Value) -> Problem:
    remedy = "Put a space after each colon: KEY: VALUE." if isinstance(value, str) and ":" in value else None
    if isinstance(value, list):
        remedy = "Separate several manifests of a file with lines of ---, without dashes before their keys."
    message = f"A manifest is a mapping that begins with `kind:`, not {describe(value)}."
    return Problem((), Code.RM109, message, remedy)


def _missing_kind(value: Mapping[str, Value]) -> tuple[str | None, Problem | None]:
    if "Statement" in value:
        remedy = "A policy document alone is no manifest: put it under `policy` of kind ManagedPolicy."
        return None, Problem((), Code.RM108, "`kind` is missing: it says what is declared.", remedy)
    kind = _likely_kind(value)
    remedy = f"Write kind: {kind}." if kind else _kinds()
    return kind, Problem((), Code.RM108, "`kind` is missing: it says what is declared.", remedy)


def _likely_kind(value: Mapping[str, Value]) -> str | None:
    return next((kind for key, kind in KINDS_BY_KEY.items() if key in value), None)


def _kinds() -> str:
    return f"One of {', '.join(MODELS)}."


def mend(kind: str, value: Mapping[str, Value], gaps: Collection[Path] = ()) -> Mended:
    """Return a document without what is wrong with its keys and types; at the gaps something is known to be wrong."""
    mending = _Mending(kind, {**copy.deepcopy(dict(value)), "kind": kind}, set(gaps))
    while (manifest := mending.model()) is None:
        pass  # each round goes deeper into the document
    return Mended(manifest, tuple(mending.problems), frozenset(mending.gaps), mending.written)


@dataclass
class _Mending:
    """A document on its way to being one without wrong keys and types."""

    kind: str
    value: dict[str, Value]
    gaps: set[Path]
    problems: list[Problem] = field(default_factory=list)
    written: dict[Path, Path] = field(default_factory=dict)

    def model(self) -> Manifest | None:
        """Return the model of the document, or None after taking out of it all that stood in the way."""
        self._spell_elements()
        try:
            return MODELS[self.kind].model_validate(self.value)
        except ValidationError as error:
            self._take_out(error)
            return None

    def _spell_elements(self) -> None:
        """Tell of each misspelt element of a policy document, and read it as the one that was meant."""
        for path, document, known, where in _elements(self.value):
            for key in [key for key in document if key not in known]:
                meant = near(key, known)
                if meant is not None and meant not in document:
                    self._blame(unknown_element(key, known, where).below(*path))
                    document[meant] = document.pop(key)
                    self.written[(*path, meant)] = (*path, key)

    def _take_out(self, error: ValidationError) -> None:
        found = error.errors(include_url=False, include_context=True)
        for details in sorted(found, key=lambda one: one["type"] != "extra_forbidden"):  # what is misspelt comes first
            path = details["loc"]
            if details["type"] == "extra_forbidden":
                self._unknown_key(path)
            elif details["type"] == "missing" and path in self.written:
                continue  # it was only misspelt
            elif not self._belongs_in_a_list(path, details):
                if path in self.written and details["type"] in HARMLESS:
                    self.gaps.add(path)  # the key was not even its author's: one mistake is told once
                self._blame(_problem(details, self.value))
                self.gaps.add(path)
                self._replace(path, details)

    def _blame(self, problem: Problem) -> None:
        if not problem.follows_from(self.gaps):
            self.problems.append(problem)

    def _above(self, path: Path) -> Value:
        above: Value = self.value
        for part in path[:-1]:
            above = above[part]
        return above

    def _replace(self, path: Path, details: ErrorDetails) -> None:
        kind, above = details["type"], self._above(path)
        if kind == "literal_error":
            del above[path[-1]]  # it has a default
        elif kind == "too_short" or (kind == "list_type" and len(path) > 1):
            above[path[-1]] = list(NOBODY)
        else:
            above[path[-1]] = copy.copy(HARMLESS.get(kind, ""))

    def _belongs_in_a_list(self, path: Path, details: ErrorDetails) -> bool:
        """Put a single entry into the list that it should stand in, and tell of it; what it says can be checked."""
        value = details["input"]
        alone = (path == ("trust",) and isinstance(value, dict)) or (
            path == ("managed_policies",) and isinstance(value, str)
        )
        if alone:
            if path not in self.written:
                self._blame(_problem(details, self.value))
            self.value[str(path[-1])] = [value]
        return alone

    def _unknown_key(self, path: Path) -> None:
        """Tell of a key that is not known, and read it as the one that was meant, if that is plain and not there."""
        key, above = str(path[-1]), self._above(path)
        in_entry = len(path) > 1
        known = (TrustEntry if in_entry else MODELS[self.kind]).model_fields
        meant = None if key in LATER_KEYS else _meant(key, known, ENTRY_WORDS if in_entry else WORDS[self.kind])
        if path not in self.gaps:
            self._blame(_unknown_key(key, path, meant, known, self.kind))
        value = above.pop(key)
        if meant is not None and meant not in above:
            above[meant] = value
            self.written[(*path[:-1], meant)] = path
        elif in_entry:
            self.gaps.update((*path[:-1], head) for head in HEADS - above.keys())


def _elements(value: Mapping[str, Value]) -> Iterator[tuple[Path, dict[str, Value], tuple[str, ...], str]]:
    """Yield each policy document of a manifest, and each statement, with the elements that it may have.

    A document comes before its statements, whose key may be one of the misspelt.
    """
    for path, document, use in _documents(value):
        if isinstance(document, dict):
            yield path, document, TOP_ELEMENTS[use], use.value
            statements = document.get("Statement")
            if isinstance(statements, dict):
                yield (*path, "Statement"), statements, ELEMENTS, "a statement"
            for index, statement in enumerate(statements if isinstance(statements, list) else []):
                if isinstance(statement, dict):
                    yield (*path, "Statement", index), statement, ELEMENTS, "a statement"
    entries = value.get("trust")
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, dict) and isinstance(statement := entry.get("statement"), dict):
            yield ("trust", index, "statement"), statement, ELEMENTS, "a statement"


def _documents(value: Mapping[str, Value]) -> Iterator[tuple[Path, Value, Use]]:
    inline = value.get("inline_policies")
    for name, document in inline.items() if isinstance(inline, dict) else ():
        yield ("inline_policies", name), document, Use.IDENTITY
    yield ("policy",), value.get("policy"), Use.IDENTITY
    yield ("trust_policy",), value.get("trust_policy"), Use.TRUST


def _meant(key: str, known: Iterable[str], words: Mapping[str, str]) -> str | None:
    plain = key.replace("-", "_")
    return words.get(plain.lower()) or near(plain, known)


def _unknown_key(key: str, path: Path, meant: str | None, known: Iterable[str], kind: str) -> Problem:
    if key in LATER_KEYS:
        return Problem(path, Code.RM119, f"`{key}` is not supported by this version.", at_key=True)
    in_entry = len(path) > 1
    where = "a trust entry" if in_entry else f"kind {kind}"
    remedy = f"Did you mean {meant}?" if meant else f"The keys are {', '.join(known)}."
    if key.startswith("-"):
        remedy = "Put a space after the dash."
    elif in_entry:
        remedy = ENTRY_REMEDIES.get(key.lower(), remedy)
    return Problem(path, Code.RM107, f"`{key}` is not a key of {where}.", remedy, at_key=True)


def _problem(details: ErrorDetails, document: Mapping[str, Value]) -> Problem:
    path, found = details["loc"], details["input"]
    match details["type"]:
        case "missing":
            missed = (path, (*path[:-1], MERGED))
            return Problem(path[:-1], Code.RM108, f"`{path[-1]}` is missing.", absent=missed)
        case "literal_error" if path == ("revoke_sessions",) and document["revoke_sessions"] is True:
            return Problem(path, Code.RM119, "`revoke_sessions: true` is not supported by this version.")
        case "literal_error":
            return _not_one_of(path, details)
        case "too_short":
            return Problem(path, Code.RM109, f"{named(path)} names at least one.")
        case "list_type" if path[0] == "trust" and len(path) > 1:
            return _wrong_type(path, "text or a list of texts", found)
        case other:
            return _wrong_type(path, EXPECTED.get(other, details["msg"]), found)


def _not_one_of(path: Path, details: ErrorDetails) -> Problem:
    expected = str(details.get("ctx", {}).get("expected", "")).replace("'", "").replace("False", "false")
    found = details["input"]
    remedy = did_you_mean(found, expected.split(" or ")) if isinstance(found, str) else None
    return Problem(path, Code.RM109, f"{named(path)} is {expected}, not {describe(found)}.", remedy)


def _wrong_type(path: Path, expected: str, found: Value) -> Problem:
    message = f"{named(path)} is {expected}, not {describe(found)}."
    return Problem(path, Code.RM109, message, type_remedy(path, expected, found))
