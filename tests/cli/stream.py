"""A stream that says whether it is a terminal."""

from __future__ import annotations

import io


class Stream(io.StringIO):
    """Takes what is written, as a terminal or as a file would."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal
