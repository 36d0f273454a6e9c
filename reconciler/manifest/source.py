"""A manifest file as text, and where in it a thing is written.

Places are worked out only when somebody asks: a file without errors is never read for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from reconciler.manifest import json, yaml
from reconciler.manifest.reading import Fault, Located, Mark, Path, Problem, Reading, Value
from reconciler.model.diagnostic import Diagnostic, Place

LONGER_AS_JSON = 4


@dataclass(frozen=True)
class Source:
    """One file; `file` is relative to the working folder, as it is shown."""

    file: str
    text: str

    def read_fast(self) -> list[tuple[Value, Mark]] | None:
        """Return the documents with the mark of each, or None where only the exact reader can tell."""
        return json.read_fast(self.text) if self.is_json else yaml.read_fast(self.text)

    @property
    def is_json(self) -> bool:
        """Tell whether the file is JSON, by its name."""
        return self.file.endswith(".json")

    @cached_property
    def is_plain(self) -> bool:
        """Tell whether all text in the file is ASCII: nothing beyond is written, and nothing escaped."""
        return self.text.isascii() and "\\" not in self.text

    def may_hold(self, size: int) -> bool:
        """Tell whether JSON of more than `size` characters can be written in this file.

        JSON adds at most quotes, a comma and one escape to a character of YAML.
        """
        return LONGER_AS_JSON * len(self.text) > size

    @cached_property
    def reading(self) -> Reading:
        """Return the documents with all their marks, and all that is wrong with the text."""
        return json.read_exactly(self.text) if self.is_json else yaml.read_exactly(self.text)

    @property
    def documents(self) -> list[Located]:
        """Return the documents with all their marks."""
        return self.reading.documents

    def place(self, mark: Mark) -> Place:
        """Return a mark as a place with the line shown; what is missing after the end is missing at the end."""
        if mark.line == 1:
            return Place(self.file, 1, mark.column, self.text.partition("\n")[0].rstrip("\r"))
        if mark.line > len(self._lines):
            mark = Mark(len(self._lines), len(self._lines[-1]) + 1)
        return Place(self.file, mark.line, mark.column, self._lines[mark.line - 1].rstrip("\r"))

    @cached_property
    def _lines(self) -> list[str]:
        return self.text.split("\n")

    def diagnostic(self, fault: Fault) -> Diagnostic:
        """Return a fault of the text as it is told."""
        return Diagnostic(fault.code, fault.message, place=self.place(fault.mark), help=fault.help)

    def problem(self, problem: Problem, index: int, address: str | None) -> Diagnostic:
        """Return a problem of the document with this index as it is told."""
        mark = self.documents[index].mark(problem.path, at_key=problem.at_key)
        return Diagnostic(
            problem.code,
            problem.message,
            severity=problem.severity,
            address=address,
            place=self.place(mark),
            help=problem.help,
        )


@dataclass(frozen=True, eq=False)
class Places(Mapping[str, Place]):
    """Where each path of a document is written, a key before its value: `trust`, `trust/0`, `inline_policies/NAME`."""

    source: Source
    index: int

    @cached_property
    def _marks(self) -> Mapping[str, Mark]:
        found = self.source.documents[self.index]
        marks: dict[Path, Mark] = {**found.values, **found.keys}
        marks.pop((), None)
        named = {"/".join(map(str, path)): mark for path, mark in marks.items()}
        return _with_trust_policy_as_trust(named)

    def __getitem__(self, path: str) -> Place:
        return self.source.place(self._marks[path])

    def __iter__(self) -> Iterator[str]:
        return iter(self._marks)

    def __len__(self) -> int:
        return len(self._marks)


def _with_trust_policy_as_trust(marks: dict[str, Mark]) -> dict[str, Mark]:
    """Let `trust` and `trust/0` be found whichever way the trust is written."""
    for path in tuple(marks):
        if path == "trust_policy":
            marks["trust"] = marks[path]
        elif path.startswith("trust_policy/Statement/"):
            marks["trust/" + path.removeprefix("trust_policy/Statement/")] = marks[path]
    return marks
