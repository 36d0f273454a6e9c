"""The time of day: everything else takes it as an argument, so that the same inputs give the same bytes."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> str:
    """Return the time as RFC 3339 in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: TID251  here it comes in
