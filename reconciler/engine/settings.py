"""Where everything is, as whom AWS is asked, what the user chose, and who is told while it goes on."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from reconciler.config import Config, shown_from
from reconciler.model.change import ALWAYS_HELD, Approval, Call
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError
from reconciler.state import LocalStore

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.apply import Outcome


class Progress(Protocol):
    """Who is told of long work while it goes on; from any thread."""

    def page(self, account: str, call: str, items: int) -> None:
        """Take note that so many items of an account have been read."""

    def outcome(self, outcome: Outcome) -> None:
        """Take note of what became of an operation."""

    def waiting(self, address: str, call: Call, seconds: float, why: str) -> None:
        """Take note that a call is tried again after so many seconds."""


class Silent:
    """Tells nobody."""

    def page(self, account: str, call: str, items: int) -> None:
        """Ignore it."""

    def outcome(self, outcome: Outcome) -> None:
        """Ignore it."""

    def waiting(self, address: str, call: Call, seconds: float, why: str) -> None:
        """Ignore it."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where everything is, and as whom AWS is asked.

    `session` is a boto3 session to use instead of one of the environment's; `clock` gives the time in UTC, `sleep` and
    `monotonic` are in seconds, `randomness` is for what should not keep step: all of them so that a test may hold them.
    """

    manifests: Path
    state: str
    config: Config
    clock: Callable[[], datetime]
    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    account: str | None = None
    session: Any = None
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    randomness: random.Random = field(default_factory=random.Random)
    cwd: Path = field(default_factory=Path.cwd)

    def now(self) -> str:
        """Return the time as RFC 3339 in UTC, to the second."""
        return self.clock().strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What the user of plan and apply chose: which objects, and which guards are lifted.

    `approve` are approvals given by name, each with the address that it is for, None for all. `kept`: the plan is
    carried out or written down, so that it has to say what is to be remembered, too.
    """

    paths: tuple[Path, ...] = ()
    targets: tuple[str, ...] = ()
    destroy: bool = False
    approve: tuple[tuple[Approval, str | None], ...] = ()
    allow_self: tuple[str, ...] = ()
    allow_mass_delete: bool = False
    first_use: bool = False
    kept: bool = True


def store_of(settings: Settings) -> LocalStore:
    """Return where states are kept; raises ReconcilerError for a place that this version does not know."""
    if "://" in settings.state:
        message = f"A state at {settings.state} is not supported by this version."
        raise ReconcilerError(Diagnostic(Code.RM119, message, help="Name a folder with --state."))
    folder = settings.cwd / settings.state
    return LocalStore(folder, shown=Path(shown_from(folder, settings.cwd)))


def remembered_settings(settings: Settings) -> dict[str, object]:
    """Return the settings of which a difference from the last apply is told."""
    config = settings.config
    return {
        "approvals": {"hold": sorted(config.approvals.hold), "pass": sorted(config.approvals.pass_)},
        "limits": {"delete_fraction": config.limits.delete_fraction, "delete_minimum": config.limits.delete_minimum},
        "state": settings.state,
    }


def changed_settings(before: Mapping[str, Any], settings: Settings) -> Iterator[str]:
    """Yield, in a sentence each, what makes a difference between the settings that the last apply left and these."""
    now = remembered_settings(settings)
    for name in sorted(now.keys() & before.keys()):
        if before[name] != now[name]:
            yield from _in_words(name, before[name], now[name])


def _in_words(name: str, before: Any, now: Any) -> Iterator[str]:
    match before, now:
        case {"hold": list(), "pass": list()}, {"hold": list(), "pass": list()}:
            held, holds = _held(before), _held(now)
            if more := sorted(holds - held):
                yield f"A bare --auto-approve now holds {' and '.join(more)}, unlike at the last apply."
            if less := sorted(held - holds):
                yield f"A bare --auto-approve no longer holds {' and '.join(less)}, as it did at the last apply."
        case {"delete_fraction": int() | float(), "delete_minimum": int()}, _:
            yield f"What is blocked is now to delete {_too_much(now)}; at the last apply it was {_too_much(before)}."
        case str(), str():
            yield f"The {name} is now kept in {now}; the last apply kept it in {before}."
        case _:
            yield f"The {name} are not those of the last apply."


def _held(approvals: Mapping[str, list[str]]) -> set[str]:
    return (set(ALWAYS_HELD) | set(approvals["hold"])) - set(approvals["pass"])


def _too_much(limits: Mapping[str, float]) -> str:
    return (
        f"more than {100 * limits['delete_fraction']:g} % of what is owned, from {limits['delete_minimum']} objects on"
    )


def within(paths: Sequence[Path], settings: Settings) -> Callable[[str], bool]:
    """Return the test of whether a file, named relative to the working folder, lies at or below one of the paths."""
    wholes = [real(path, settings) for path in paths]
    return lambda file: bool(file) and any(real(file, settings).is_relative_to(whole) for whole in wholes)


def real(path: Path | str, settings: Settings) -> Path:
    """Return where a path, as seen from the working folder, leads; unlike Path.resolve it bears links in a circle."""
    return Path(os.path.realpath(settings.cwd / path))
