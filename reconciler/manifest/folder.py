"""From a folder to texts: which files are manifests, in an order that is always the same.

`.yaml`, `.yml` and `.json` are read at any depth; hidden entries and README.md are skipped; any other file is a
warning. Nothing outside of the folder is ever read, nothing is waited for (a pipe), and a file that cannot be read is
an error, never a role less.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.manifest.source import Source
from reconciler.model.diagnostic import Code, Diagnostic, Place, Severity

SUFFIXES = (".yaml", ".yml", ".json")
LARGEST_FILE = 1024 * 1024
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
UTF8_MARK = b"\xef\xbb\xbf"
DEFAULTS = ("_defaults.yaml", "_defaults.yml", "_defaults.json")


@dataclass(frozen=True)
class Folder:
    """The folder of the manifests; `base` is the working folder, which the names of files are relative to."""

    path: Path
    base: Path

    def read(self) -> Iterator[Source | Diagnostic]:
        """Yield every manifest as text, and all that is wrong with the rest, sorted by name at every depth."""
        if not os.path.isdir(self.path):  # noqa: PTH112  it never raises
            yield self._refused()
            return
        yield from self._read_below(str(self.path))

    def _refused(self) -> Diagnostic:
        shown = self.shown(str(self.path))
        if os.path.lexists(self.path):
            return Diagnostic(Code.RM101, f"{shown} is not a folder.", help="Name the folder that holds the manifests.")
        remedy = "Create it, or name another with --manifests."
        return Diagnostic(Code.RM101, f"There is no folder {shown} to read manifests from.", help=remedy)

    def shown(self, path: str) -> str:
        """Return a path relative to the working folder where it lies below, or was given so (`../manifests`).

        Bytes that are no text are escaped.
        """
        relative = os.path.relpath(path, self.base)
        given_so = path.startswith(f"{self.base}{os.sep}")
        name = path if relative.startswith("..") and not given_so else relative
        return os.fsencode(name).decode("utf-8", "backslashreplace")

    def _read_below(self, path: str) -> Iterator[Source | Diagnostic]:
        try:
            with os.scandir(path) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield self._unreadable(path, error)
            return
        prefix = self.shown(path)
        for entry in found:
            if not entry.name.startswith("."):
                yield from self._read_entry(entry, prefix)

    def _read_entry(self, entry: os.DirEntry[str], prefix: str) -> Iterator[Source | Diagnostic]:
        if entry.is_symlink():
            if refused := self._link_refused(entry):
                yield refused
                return
        elif entry.is_dir():
            yield from self._read_folder(entry)
            return
        plain = prefix != "." and entry.name.isascii()
        shown = f"{prefix}/{entry.name}" if plain else self.shown(entry.path)
        if not entry.name.endswith(SUFFIXES):
            if entry.name != "README.md":
                yield skipped(shown)
        elif entry.name in DEFAULTS:
            yield _about(shown, Code.RM119, "_defaults.yaml is not supported by this version.")
        elif not entry.is_file():
            yield _about(shown, Code.RM102, f"{shown} is not a regular file.")
        else:
            yield self._read_file(entry.path, shown)

    def _read_folder(self, entry: os.DirEntry[str]) -> Iterator[Source | Diagnostic]:
        if entry.name.endswith(SUFFIXES):
            yield _about(self.shown(entry.path), Code.RM102, f"{entry.name} is a folder, not a file.")
        else:
            yield from self._read_below(entry.path)

    def _link_refused(self, entry: os.DirEntry[str]) -> Diagnostic | None:
        """Return why a symbolic link is not followed: only a link to a file of the same folder is."""
        shown = self.shown(entry.path)
        try:
            target = Path(entry.path).resolve(strict=True)
        except (OSError, RuntimeError):  # RuntimeError: how Python 3.11 and 3.12 report a loop
            return _about(shown, Code.RM102, f"{shown} is a link that leads nowhere.")
        if not target.is_relative_to(self.path.resolve()):
            return _about(shown, Code.RM102, f"{shown} is a link that leads out of the manifests.")
        if target.is_dir():
            return _about(shown, Code.RM102, f"{shown} is a link to a folder: what is in it would be read twice.")
        return None

    def _read_file(self, path: str, shown: str) -> Source | Diagnostic:
        try:
            content = _content(path)
        except OSError as error:
            return self._unreadable(path, error)
        if len(content) > LARGEST_FILE:
            return _about(shown, Code.RM102, f"{shown} is larger than 1 MiB.", "Split it into several files.")
        return decode(content, shown)

    def _unreadable(self, path: str, error: OSError) -> Diagnostic:
        shown = self.shown(path)
        return _about(shown, Code.RM102, f"{shown} cannot be read: {error.strerror}.")


def _content(path: str) -> bytes:
    """Return the bytes of a file, a few more than are allowed at most; never wait for a pipe."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        content = os.read(descriptor, LARGEST_FILE + 1)
        while content and len(content) <= LARGEST_FILE and (more := os.read(descriptor, LARGEST_FILE)):
            content += more
        return content
    finally:
        os.close(descriptor)


def decode(content: bytes, shown: str) -> Source | Diagnostic:
    """Return the text of a file, which is UTF-8; its byte order mark is dropped."""
    if content.startswith(UTF16_MARKS):
        return _about(shown, Code.RM103, f"{shown} is UTF-16.", "Save it as UTF-8.")
    try:
        return Source(shown, content.removeprefix(UTF8_MARK).decode())
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        message = f"{shown} is not UTF-8: byte {error.start} is 0x{content[error.start]:02x}."
        return Diagnostic(Code.RM103, message, place=Place(shown, line, column), help="Save it as UTF-8.")


def skipped(shown: str) -> Diagnostic:
    """Return the warning that a file is not read."""
    message = f"{shown} is not a manifest and was skipped: only {', '.join(SUFFIXES)} are read."
    return Diagnostic(Code.RM118, message, Severity.WARNING, place=Place(shown))


def _about(shown: str, code: Code, message: str, remedy: str | None = None) -> Diagnostic:
    return Diagnostic(code, message, place=Place(shown), help=remedy)
