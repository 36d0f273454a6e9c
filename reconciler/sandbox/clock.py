"""The sandbox's time: it runs with the real one, or stands still, and can be moved on.

Nothing in the sandbox sleeps unless it is told how. Credentials expire, and delays pass, by this clock.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """Calling it gives the time, in UTC. With `start` it stands still until moved."""

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start
        self._moved = timedelta()

    def __call__(self) -> datetime:
        """The time."""
        return (self._start or datetime.now(UTC)) + self._moved

    def advance(self, seconds: float) -> None:
        """Move time on."""
        self._moved += timedelta(seconds=seconds)
