"""YAML to values: fast where nothing can be misread, exact where anything might be.

Scalars are read as YAML 1.2 means them. Only `true` and `false` are booleans; `no`, `on`, `1:00:00` and `2012-10-17`
are text; a key is text whatever it looks like. What could silently change a value (an anchor, a merge key, a tag, a
repeated key, null, `.nan`, a number of 5,000 digits) is refused by name.

Two readers share the work. `read_fast` hands the text to ryaml, which knows nothing of places, keeps no digits and
takes anchors. It is asked only for text that provably cannot be among those: `SUSPICIOUS` is a net that catches too
much rather than too little. `read_exactly` goes through PyYAML's events, with the mark of each, and finds every
error. It reads what was caught in the net, and again whatever has an error of any kind, for the places. The two agree
on every text that the fast one accepts; a property test holds them to it.
"""

from __future__ import annotations

import marshal
import re
from collections.abc import Iterator

import yaml
from ryaml import loads, loads_all  # type: ignore[attr-defined]  # exported, without saying so in its types
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from reconciler.manifest.reading import (
    CONTROL,
    DEEPEST_NESTING,
    HIDDEN,
    MERGED,
    MOST_FAULTS,
    UNKNOWN,
    UNSEEN,
    Cursor,
    Fault,
    Located,
    Mark,
    NotReadable,
    Path,
    Reading,
    Value,
    hidden_fault,
    hidden_faults,
    made_visible,
    number,
)
from reconciler.manifest.syntax import mark_of, syntax_fault
from reconciler.model.diagnostic import Code

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # PyYAML built without libyaml: the same events, more slowly
    from yaml import SafeLoader as Loader  # type: ignore[assignment]

# ryaml scans a text to its end before it gives up, in quadratic time where it is deeply nested.
LARGEST_FAST = 64 * 1024

# Text of these bytes alone has no tab, no control character, no escape and nothing beyond ASCII.
PLAIN = bytes([0x0A, *range(0x20, 0x7F)]).replace(b"\\", b"")
DANGEROUS = re.compile(rf"[\t{CONTROL}{UNSEEN}]|\r(?!\n)|\\[^\\\"/n]")
SUSPICIOUS = re.compile(
    r"""
    [ \n\r\[{,:]                                   # where a token may begin; a colon, after what is quoted
    (?=[&*!?<=>|%~NTF+.0-9]|-[-.\d]|true|false|null)
    (?<![^"'\]}\s]:)
    (?: [&*!]                                      # anchors, aliases, tags
      | \?(?=[\s,\]}]|$)                           # explicit keys
      | <<
      | (?<=\n)(?:%|\.\.\.|---(?=\S)|---\ +\S|[<=>|]{7})     # directives, ends, content after a start, conflicts
      | (?:~|[Nn]ull|NULL|True|TRUE|False|FALSE)(?=[\s,\]}:]|$)
      | (?:-?\d+|true|false)\ *:(?=[\s,\[\]{}]|$)  # keys that are not text
      | [+-]?\.[\dinIN]                            # .5 .inf .nan
      | \+\d
      | -?0[xobXOB\d]
      | -0
      | -?\d{19}
      | -?\d+(?:\.\d*|(?=[eE]))(?:[eE][-+]?\d+)?(?=[\s,\]}:]|$)
    )
    """,
    re.VERBOSE,
)
MARSHALLED_NONE = marshal.dumps(None)
START = re.compile(r"^---[ ]*\r?$", re.MULTILINE)
NEXT = re.compile(r"---(?:\s|$)")
CONTENT = re.compile(r"^[ ]*[^\s#]", re.MULTILINE)

NULL = re.compile(r"~|null|Null|NULL|")
NUMBER = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?0o[0-7]+|[-+]?0x[0-9a-fA-F]+", re.ASCII
)
NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

# Texts that are no manifests, told from their first lines: better named than parsed.
STRANGERS = (
    (
        re.compile(r"^(?:<{7}|>{7}|={7}$|\|{7})(?:[ ]|$)", re.MULTILINE),
        "A merge conflict is left in this file.",
    ),
    (re.compile(r"\Aversion https://git-lfs"), "This is a pointer of Git LFS, not the file itself."),
    (re.compile(r"^sops:", re.MULTILINE), "This file is encrypted with SOPS."),
)


def read_fast(text: str) -> list[tuple[Value, Mark]] | None:
    """Return the documents of a text with the mark of each, or None where only the exact reader can tell."""
    if len(text) > LARGEST_FAST:
        return None
    dangerous = text.encode().translate(None, PLAIN) and DANGEROUS.search(text)
    if dangerous or SUSPICIOUS.search("\n" + text):
        return None
    try:
        values = loads_all(text) if "---" in text else [loads(text)]
        nothing = MARSHALLED_NONE in marshal.dumps(values)  # null, or a text that has the letter
    except ValueError:
        return None
    if nothing and "None" in repr(values):  # null, or a text that has the word
        return None
    starts = list(_starts(text))
    return list(zip(values, starts, strict=True)) if len(starts) == len(values) else None


def _starts(text: str) -> Iterator[Mark]:
    """Yield where each document of a text begins: its first line that is neither blank nor a comment."""
    if "---" not in text and text[:1] not in " #\n\r":
        yield Mark(1, 1)
        return
    cursor = Cursor(text)
    bounds = [0, *(found.end() for found in START.finditer(text))]
    for begin, end in zip(bounds, [*bounds[1:], len(text)], strict=True):
        found = CONTENT.search(text, begin, end)
        if found and not START.match(text, found.start()):
            yield cursor.mark(found.end() - 1)


def read_exactly(text: str) -> Reading:
    """Return the documents of a text with the mark of every key and value, and everything that is wrong with it.

    A document that is not YAML is told of and left out; those before and after it are read all the same.
    """
    faults = hidden_faults(text)
    if strangers := [] if faults else _strangers(text):
        return Reading([], strangers)
    text = made_visible(text) if faults else text
    documents: list[Located] = []
    rest = text if len(faults) < MOST_FAULTS else None
    while rest is not None and len(faults) < MOST_FAULTS:
        rest = _read_on(rest, documents, faults)
    return Reading(documents, faults)


def _read_on(text: str, documents: list[Located], faults: list[Fault]) -> str | None:
    """Read documents to the first that cannot be read; return what follows it, with the lines before it blank."""
    reader = _Reader(text, faults)
    try:
        documents.extend(reader.documents())
    except NotReadable as stopped:
        faults.append(stopped.fault)
        stop = stopped.fault.mark
    except yaml.YAMLError as error:
        faults.append(syntax_fault(error, text))
        stop = mark_of(error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None)
    else:
        return None
    lines = text.split("\n")
    following = range(stop.line - 1, len(lines))
    begin = next((number for number in following if NEXT.match(lines[number])), None)
    return None if begin is None else "\n" * begin + "\n".join([" " * 3 + lines[begin][3:], *lines[begin + 1 :]])


def _strangers(text: str) -> list[Fault]:
    return [
        Fault(Code.RM103, message, Cursor(text).mark(found.start()))
        for pattern, message in STRANGERS
        if (found := pattern.search(text))
    ]


class _Reader:
    """Goes through the events of a text once, notes whatever is wrong, and goes on where it can."""

    def __init__(self, text: str, faults: list[Fault]) -> None:
        self.faults = faults
        self._events: Iterator[Event] = yaml.parse(text, Loader=Loader)
        self._document = Located()

    def documents(self) -> Iterator[Located]:
        """Yield each document; a --- at the end closes the one before it, and begins none."""
        closes = False
        empty: Event | None = None
        for event in self._events:
            if not isinstance(event, DocumentStartEvent):
                continue
            self._directives(event)
            if empty:
                self._blame_empty(empty)
            first = next(self._events)
            empty = first if self._is_empty(first) else None
            if not empty:
                yield self._read_document(first)
                closes = True
        if empty and not (closes and self._says_nothing(empty)):
            self._blame_empty(empty)

    def _is_empty(self, event: Event) -> bool:
        return isinstance(event, ScalarEvent) and not event.style and NULL.fullmatch(event.value) is not None

    def _says_nothing(self, event: Event) -> bool:
        return isinstance(event, ScalarEvent) and not (event.value or event.tag or event.anchor)

    def _blame_empty(self, event: Event) -> None:
        self._blame(Code.RM117, "This document is empty.", event, "Remove the --- above it.")

    def _read_document(self, event: Event) -> Located:
        self._document = Located()
        value = self._read(event, ())
        return Located(value, self._document.keys, self._document.values, self._document.gaps)

    def _directives(self, event: DocumentStartEvent) -> None:
        if event.version or event.tags:
            self._blame(Code.RM105, "A directive is not read here.", event, "Remove the line.")

    def _blame(self, code: Code, message: str, event: Event, remedy: str | None = None) -> None:
        self.faults.append(Fault(code, message, mark_of(event.start_mark), remedy))

    def _read(self, event: Event, path: Path) -> Value:
        if len(path) > DEEPEST_NESTING:
            fault = Fault(Code.RM103, "This is nested too deeply to be a manifest.", mark_of(event.start_mark))
            raise NotReadable(fault)
        self._document.values[path] = mark_of(event.start_mark)
        if self._shorthand(event):
            self._document.gaps.add(path)
        match event:
            case ScalarEvent():
                return self._scalar(event, path)
            case SequenceStartEvent():
                return self._sequence(path)
            case MappingStartEvent():
                return self._mapping(path)
            case _:
                return None

    def _shorthand(self, event: Event) -> bool:
        """Refuse what lets a value stand for another: anchors, aliases, tags. Tell whether the value is not known."""
        if isinstance(event, AliasEvent):
            self._blame(Code.RM105, f"*{event.anchor} is an alias, which is not read here.", event, WRITE_OUT)
            return True
        if not isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent):
            return False
        if event.anchor:
            self._blame(Code.RM105, f"&{event.anchor} is an anchor, which is not read here.", event, WRITE_OUT)
        if event.tag:
            name = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._blame(Code.RM105, f"{name} is a tag, which is not read here.", event, "Remove the tag.")
        return event.tag is not None

    def _sequence(self, path: Path) -> list[Value]:
        items: list[Value] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            items.append(self._read(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Value]:
        entries: dict[str, Value] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._key(event, path, entries)
            value = self._read(next(self._events), (*path, MERGED if key is None else key))
            if key is not None:
                entries[key] = value
        return entries

    def _key(self, event: Event, path: Path, entries: dict[str, Value]) -> str | None:
        """Return a key, or None where its value belongs to nothing that is known."""
        self._shorthand(event)
        if not isinstance(event, ScalarEvent):
            self._blame(Code.RM109, "A key is text, not a list or a mapping.", event)
            if not isinstance(event, AliasEvent):
                self._read(event, (*path, MERGED))
            return None
        key = event.value
        if key == MERGED and not event.style:
            self._blame(Code.RM105, "<< is a merge key, which is not read here.", event, WRITE_OUT)
            self._document.gaps.add((*path, MERGED))
            return None
        if not key and not event.style:
            self._blame(Code.RM109, "A key is missing before the colon.", event)
            return None
        if key in entries:
            first = self._document.keys[(*path, key)].line
            self._blame(Code.RM104, f"{key} is given twice: here and in line {first}.", event, "Keep one of the two.")
            return key
        self._note_hidden(event, (*path, key))
        self._document.keys[(*path, key)] = mark_of(event.start_mark)
        return key

    def _scalar(self, event: ScalarEvent, path: Path) -> Value:
        told = len(self.faults)
        self._note_hidden(event, path)
        value = event.value if event.style else self._plain(event)
        if len(self.faults) > told:
            self._document.gaps.add(path)
        return value

    def _plain(self, event: ScalarEvent) -> Value:
        text = event.value
        if text in {"true", "false"}:
            return text == "true"
        if NULL.fullmatch(text):
            self._blame(Code.RM109, "A value is missing here; null is never one.", event, NO_VALUE)
        elif NO_NUMBER.fullmatch(text):
            self._blame(Code.RM106, f"{text} is not a number that can be kept.", event, "Put it in quotes.")
        elif NUMBER.fullmatch(text):
            return self._number(text, event)
        return text

    def _number(self, text: str, event: ScalarEvent) -> Value:
        try:
            return number(text, mark_of(event.start_mark))
        except NotReadable as refused:
            self.faults.append(refused.fault)
            return text

    def _note_hidden(self, event: ScalarEvent, path: Path) -> None:
        if found := HIDDEN.search(event.value):
            self.faults.append(hidden_fault(found, mark_of(event.start_mark)))
        if found or (self.faults and UNKNOWN in event.value):
            self._document.gaps.add(path)


WRITE_OUT = "Write the value out where it belongs."
NO_VALUE = 'Give a value, leave the key out, or put the word in quotes ("" is an empty text).'
