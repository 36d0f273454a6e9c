"""The time of day: everything else takes it as an argument, so that the same inputs give the same bytes."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)  # noqa: TID251  here it comes in


def utc_now() -> str:
    """Return the time as RFC 3339 in UTC, to the second."""
    return now().strftime("%Y-%m-%dT%H:%M:%SZ")
