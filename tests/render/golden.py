"""How golden files are kept: one file for each, with the extension that its content has."""

from __future__ import annotations

from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode


class TextFile(SingleFileSnapshotExtension):
    """A text as a person sees it."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"


class JsonFile(SingleFileSnapshotExtension):
    """A JSON text as a program reads it."""

    _write_mode = WriteMode.TEXT
    file_extension = "json"
