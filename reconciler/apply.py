"""A plan carried out, call by call: what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.model.change import Call
from reconciler.model.diagnostic import Diagnostic


class Result(StrEnum):
    """What became of one operation."""

    DONE = "done"
    ALREADY = "already"
    FAILED = "failed"
    NOT_TRIED = "not_tried"
    UNKNOWN = "unknown"
    HELD = "held"


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
    """What an apply did to one account, outcome by outcome in the order of the plan."""

    account: str
    fingerprint: str
    summary: Applied
    outcomes: tuple[Outcome, ...] = ()
    interrupted: bool = False
