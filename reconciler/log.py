"""The log: every call to AWS, one line each, on standard error.

Reads are logged at `debug`, writes at `info`, with call, account, object, request ID, duration in seconds and
outcome; parameters and credentials never are. A plan without changes logs nothing at the default level, so
structlog is imported with the first line that is written, not before.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Format: TypeAlias = Literal["text", "json"]
Level: TypeAlias = Literal["debug", "info", "warning", "error"]

_WEIGHTS: Mapping[Level, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


@dataclass(slots=True)
class _Settings:
    format: Format = "text"
    level: Level = "info"


_settings = _Settings()


def configure(*, format: Format = "text", level: Level = "info") -> None:  # noqa: A002  the option's own name
    """Choose how lines look and from which level on they are written; holds for the whole process."""
    _settings.format = format
    _settings.level = level


def is_logged(level: Level) -> bool:
    """Tell whether a line of this level would be written."""
    return _WEIGHTS[level] >= _WEIGHTS[_settings.level]


def log(level: Level, event: str, **fields: object) -> None:
    """Write one line to standard error, if its level is logged; fields that are None are left out.

    A log that cannot be written (a closed pipe, a full disk) never stops what is being done.
    """
    if not is_logged(level):
        return
    told = {key: value for key, value in fields.items() if value is not None}
    try:
        _write(level, event, told)
    except OSError:
        return


def _write(level: Level, event: str, fields: Mapping[str, object]) -> None:
    import structlog  # noqa: PLC0415  a run that logs nothing does not pay for it

    shown: Any = (
        structlog.processors.JSONRenderer(sort_keys=False)
        if _settings.format == "json"
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
    )
    logger = structlog.wrap_logger(
        # Looked up with each line: a progress display or a test may have put another stream there.
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _inert,
            shown,
        ],
        wrapper_class=structlog.BoundLogger,
    )
    match level:
        case "debug":
            logger.debug(event, **fields)
        case "info":
            logger.info(event, **fields)
        case "warning":
            logger.warning(event, **fields)
        case "error":
            logger.error(event, **fields)


def _inert(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Escape what a terminal would obey: text from AWS is shown, never acted upon."""
    return {key: _escaped(value) if isinstance(value, str) else value for key, value in event.items()}


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)
