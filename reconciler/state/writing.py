"""A state as text, again and again: of its entries only those that are new are put into words.

An apply writes the state at least every five seconds, and from one write to the next a few of thousands of entries
change. The text is that of `document.encode`: an entry that is the very same value as at the last write has the very
same words. Each is read back before it is used for the first time, so that nothing gets onto a disk that the next run
would refuse.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from reconciler.state.document import (
    SECTIONS,
    Section,
    compact,
    decode,
    digest_of_text,
    encode,
    header_of,
    read_entry,
)
from reconciler.state.values import State

Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class _Words:
    """An entry in words: on one line, as it is digested, and as it stands in the file."""

    entry: object
    compact: str
    readable: str


@dataclass(frozen=True, slots=True)
class _Pages:
    """All that a state says, by name, in both forms."""

    compact: Mapping[str, str]
    readable: Mapping[str, str]

    @property
    def digest(self) -> str:
        return digest_of_text("{" + ",".join(f'"{name}":{self.compact[name]}' for name in sorted(self.compact)) + "}")

    @property
    def file(self) -> bytes:
        readable = {**self.readable, "digest": json.dumps(self.digest)}
        text = ",\n".join(f'  "{name}": {readable[name]}' for name in sorted(readable))
        return f"{{\n{text}\n}}\n".encode("ascii")


class Writing:
    """The text of one account's state, with the words that its entries had at the last write."""

    def __init__(self) -> None:
        """Begin without words."""
        self._known: dict[str, dict[str, _Words]] = {}

    def encode(self, state: State) -> tuple[State, bytes]:
        """Return the state with the version that its text will have, and that text, which can certainly be read again.

        Raises NotAState where the state holds what no reader would take back, such as half a surrogate pair.
        """
        bare = replace(state, objects={}, ledger={}, intents={})
        decode(encode(bare), account=state.account)
        pages = self._pages(state)
        return replace(state, version=pages.digest), pages.file

    def digest_of(self, state: State) -> str:
        """Return the digest that the file of a state carries; raises as `encode`."""
        return self._pages(state).digest

    def _pages(self, state: State) -> _Pages:
        header = header_of(state)
        sections = {section.name: self._section(section, section.of(state)) for section in SECTIONS}
        lines = {name: [words.compact for words in found] for name, found in sections.items()}
        paragraphs = {name: [words.readable for words in found] for name, found in sections.items()}
        return _Pages(
            {name: compact(value) for name, value in header.items()}
            | {name: "{" + ",".join(found) + "}" for name, found in lines.items()},
            {name: _readable(value, indent=2) for name, value in header.items()}
            | {name: _object_of(found) for name, found in paragraphs.items()},
        )

    def _section(self, section: Section[Entry], entries: Mapping[str, Entry]) -> list[_Words]:
        """Return the words of a section's entries, in order, and remember them in place of the last ones."""
        before = self._known.get(section.name, {})
        found = {}
        for key in sorted(entries):
            words = before.get(key)
            if words is None or words.entry is not entries[key]:
                words = _in_words(section, key, entries[key])
            found[key] = words
        self._known[section.name] = found
        return list(found.values())


def _in_words(section: Section[Entry], key: str, entry: Entry) -> _Words:
    fields = section.fields(entry)
    line = f"{compact(key)}:{compact(fields)}"
    digest_of_text(line)
    read_entry(section, line)
    return _Words(entry, line, f"{json.dumps(key)}: {_readable(fields, indent=4)}")


def _readable(value: object, *, indent: int) -> str:
    """Return a value as it stands in the file, so many blanks from the edge; in JSON no text breaks a line."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False)
    return text.replace("\n", "\n" + " " * indent)


def _object_of(members: list[str]) -> str:
    return "{\n    " + ",\n    ".join(members) + "\n  }" if members else "{}"
