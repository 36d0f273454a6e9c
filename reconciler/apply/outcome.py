"""What became of a plan: of each operation, and of each object in the counts of the closing sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from reconciler.iam import AwsError, Kind
from reconciler.model.change import Action, Call, Change
from reconciler.model.diagnostic import Code, Diagnostic
from reconciler.model.form import Paths

UNDECIDED = frozenset({Kind.UNKNOWN_OUTCOME, Kind.SERVER_ERROR})
_ENDING = frozenset({Kind.CREDENTIALS, Kind.UNREACHABLE})


class Result(StrEnum):
    """What became of one operation."""

    DONE = "done"
    ALREADY = "already"
    FAILED = "failed"
    NOT_TRIED = "not_tried"
    UNKNOWN = "unknown"
    HELD = "held"

    @property
    def is_well(self) -> bool:
        """Tell whether what the operation wants is so."""
        return self in {Result.DONE, Result.ALREADY}

    @property
    def is_unwell(self) -> bool:
        """Tell whether what the operation wants is not known to be so, without a decision being waited for."""
        return self in {Result.FAILED, Result.NOT_TRIED, Result.UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one operation; `call` is None for a change that writes nothing (an import, a forget)."""

    address: str
    call: Call | None
    outcome: Result
    request_id: str | None = None
    diagnostic: Diagnostic | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """How many objects were imported, added, changed, destroyed and forgotten, failed and are held."""

    imported: int = 0
    added: int = 0
    changed: int = 0
    destroyed: int = 0
    forgotten: int = 0
    failed: int = 0
    held: int = 0


@dataclass(frozen=True, kw_only=True)
class ApplyResult:
    """What an apply did to one account, outcome by outcome in the order of the plan.

    `problems` are what no outcome tells: a state that could not be written, a role that was left shut.
    """

    account: str
    fingerprint: str
    summary: Applied
    outcomes: tuple[Outcome, ...] = ()
    interrupted: bool = False
    problems: tuple[Diagnostic, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Tell whether everything that was not held is done."""
        well = all(outcome.outcome.is_well or outcome.outcome is Result.HELD for outcome in self.outcomes)
        return well and not self.problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What comes back from one operation: the outcome, and what the run learns by it.

    `made_id` is the ID of what was made, `live` what the object now holds at the paths of its change. `settles_all`:
    the whole change is so already. `ends_the_run`: no further call can succeed.
    """

    outcome: Result
    request_id: str | None = None
    diagnostic: Diagnostic | None = None
    made_id: str | None = None
    live: Paths | None = None
    settles_all: bool = False
    ends_the_run: bool = False


INTERRUPTED = Attempt(
    outcome=Result.NOT_TRIED,
    diagnostic=Diagnostic(
        Code.RA417,
        "The run was interrupted before it was its turn.",
        help="Run apply again: it goes on from what is there.",
    ),
)


def not_tried(message: str, help_: str | None) -> Attempt:
    """Return that an operation was not even tried, and why."""
    return Attempt(outcome=Result.NOT_TRIED, diagnostic=Diagnostic(Code.RA416, message, help=help_))


def failed(error: AwsError, *, sent: bool = True) -> Attempt:
    """Return that a call did not succeed; unknown where a write was `sent`, and may have been done all the same."""
    return Attempt(
        outcome=Result.UNKNOWN if sent and error.kind in UNDECIDED else Result.FAILED,
        request_id=error.request_id,
        diagnostic=error.diagnostic,
        ends_the_run=error.kind in _ENDING,
    )


def stale(address: str, why: str) -> Attempt:
    """Return that an object has moved since the plan was made."""
    return Attempt(
        outcome=Result.FAILED,
        diagnostic=Diagnostic(
            Code.RA410,
            f"{address} is no longer as it was when the plan was made: {why}",
            address=address,
            help="It was left as it is. Plan again, and look at what has changed.",
        ),
    )


def not_seen(address: str, call: Call, request_id: str | None) -> Attempt:
    """Return that a write was answered as done, and still does not show."""
    return Attempt(
        outcome=Result.UNKNOWN,
        request_id=request_id,
        diagnostic=Diagnostic(
            Code.RA415,
            f"{call} was answered as done, but reading {address} has not shown it for two minutes",
            address=address,
            help="What depends on it was not tried. Plan again: the next plan goes on from what is there.",
        ),
    )


def counted(changes: Iterable[Change], outcomes: Mapping[tuple[str, int], Outcome]) -> Applied:
    """Return the counts for the closing sentence: an object counts once all of its calls are done."""
    counts = dict.fromkeys(("imported", "added", "changed", "destroyed", "forgotten", "failed", "held"), 0)
    for change in changes:
        results = {outcomes[change.address, position].outcome for position in range(max(1, len(change.operations)))}
        if results & {Result.FAILED, Result.UNKNOWN}:
            counts["failed"] += 1
        elif Result.HELD in results:
            counts["held"] += 1
        elif Result.NOT_TRIED not in results and Result.DONE in results:
            for name in _COUNTS_AS[change.action]:
                counts[name] += 1
            if change.action is Action.IMPORT and change.operations:
                counts["changed"] += 1
    return Applied(**counts)


_COUNTS_AS = {
    Action.CREATE: ("added",),
    Action.IMPORT: ("imported",),
    Action.UPDATE: ("changed",),
    Action.REPLACE: ("added", "destroyed"),
    Action.DELETE: ("destroyed",),
    Action.FORGET: ("forgotten",),
}
