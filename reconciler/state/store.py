"""What a place for states has to offer, whatever it is made of.

Two things keep runs apart. The lock keeps the second one waiting; it is courtesy, and may be lost. The
condition on each write is the guarantee: nothing is written over a state that this run has not read.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from reconciler.state.values import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds the lock of an account: `who` is user@host, `since` is RFC 3339 in UTC."""

    id: str
    who: str
    pid: int
    operation: str
    since: str


class StateStore(Protocol):
    """A place that keeps one state an account, conditionally written and locked."""

    def read(self, account: str) -> State:
        """Return the state of an account; one that does not exist yet where nothing is stored.

        Raises ReconcilerError for whatever is stored and is no state of that account: RS501 to RS504.
        """
        ...

    def write(self, state: State) -> State:
        """Store a state and return it as stored: its serial is one more if, and only if, its content is new.

        Raises ReconcilerError: RS510 where the store no longer holds what this state was read from, RS506
        where it cannot be written; then the store still holds what it held.
        """
        ...

    def lock(
        self,
        account: str,
        *,
        operation: str,
        clock: Callable[[], str],
        timeout_seconds: float = 0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> AbstractContextManager[Holder]:
        """Hold the state of an account for one operation; `clock` gives the time as RFC 3339 in UTC.

        Raises ReconcilerError: RS505 where another run holds it for longer than `timeout_seconds`, RS506
        where this run may not lock. Not re-entrant.
        """
        ...
