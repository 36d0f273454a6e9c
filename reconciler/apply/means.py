"""What an apply reaches the world through, so that a test may hold all of it in its hands."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from reconciler.apply.outcome import Outcome
from reconciler.iam import Iam
from reconciler.model.change import Call
from reconciler.state import StateStore

DEFAULT_PARALLELISM = 4
LONGEST_NAP_SECONDS = 1.0


class Watch(Protocol):
    """Who is told while it goes on: each outcome as it comes, each wait for something that passes; from any thread."""

    def outcome(self, outcome: Outcome) -> None:
        """Take note of an outcome."""

    def waiting(self, address: str, call: Call, seconds: float, why: str) -> None:
        """Take note that a call is tried again after so many seconds."""


@dataclass(frozen=True, kw_only=True)
class Means:
    """IAM, the state's store, the time and whoever watches.

    `clock` gives RFC 3339 in UTC, `monotonic` and `sleep` are in seconds. `interrupted` tells that no further call is
    to be made. `reviewed`: a person saw this plan, so that nothing in it is held. `settle` are seconds between stages.
    """

    iam: Iam
    store: StateStore
    clock: Callable[[], str]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    watch: Watch
    interrupted: Callable[[], bool] = lambda: False
    random: random.Random = field(default_factory=random.Random)
    parallelism: int = DEFAULT_PARALLELISM
    reviewed: bool = False
    settle: float = 0.0
    settings: Mapping[str, object] = field(default_factory=dict)

    def wait(self, seconds: float) -> None:
        """Sleep so many seconds, in naps, so that an interrupt need not wait for long."""
        while seconds > 0 and not self.interrupted():
            self.sleep(min(seconds, LONGEST_NAP_SECONDS))
            seconds -= LONGEST_NAP_SECONDS
