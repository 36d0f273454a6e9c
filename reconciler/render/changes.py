"""One change of a plan, for a reviewer: what, why, what exactly, and what it waits for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import assert_never

from reconciler.model.change import Action, Approval, Change, Difference, Reason
from reconciler.model.form import INLINE
from reconciler.model.policy import compact
from reconciler.render.attributes import entry_difference, is_single, value_difference
from reconciler.render.diagnostics import sentence
from reconciler.render.escape import inert
from reconciler.render.holds import Holds
from reconciler.render.lines import Line, Span, Tone, inside, line, prose
from reconciler.render.policy_words import policy_difference

SYMBOLS = {
    Action.CREATE: ("+", Tone.ADDED),
    Action.IMPORT: ("<=", Tone.NOTE),
    Action.UPDATE: ("~", Tone.CHANGED),
    Action.REPLACE: ("-/+", Tone.REMOVED),
    Action.DELETE: ("-", Tone.REMOVED),
    Action.FORGET: (".", Tone.NOTE),
}

REASONS = {
    Reason.NOT_THERE: "it does not exist yet",
    Reason.NOT_DECLARED: "it is no longer declared",
    Reason.EXPIRED: "it has expired",
    Reason.MANIFEST_CHANGED: "the manifest changed",
    Reason.UNFINISHED: "an earlier run was cut short",
    Reason.ADOPTED: "it is taken over, and differs from its manifest",
    Reason.CHANGED_OUTSIDE: "somebody changed it outside",
    Reason.RE_TRUSTED_AFTER_REPLACE: "a principal it trusts gets a new ID in this plan",
    Reason.ORPHAN_REMOVED: "a dead principal is taken out",
    Reason.PRINCIPAL_INFERRED: "a principal it trusts was most likely recreated",
    Reason.PRINCIPAL_DELETED: "a principal it trusts was deleted",
    Reason.PRINCIPAL_RECREATED: "a principal it trusts was deleted and recreated",
    Reason.PATH_CHANGED: "a path cannot change in place",
    Reason.DELETED_OUTSIDE: "somebody deleted it outside",
    Reason.RECREATED_OUTSIDE: "somebody deleted it and created it again outside",
}

APPROVALS = {
    Approval.RE_TRUST: "trusts an entity other than the one trusted before under this name",
    Approval.ADOPT: "changes what somebody else made",
    Approval.UNDO_NARROWING: "gives back access that somebody took away outside",
    Approval.BROADEN: "gives access that was not given before",
    Approval.DELETE: "deletes the object, and its ID with it",
}

# A note tells of several entities in sentences that begin with their ID or ARN: each gets a line of its own.
_NEXT_ENTITY = re.compile(r"(?<=[.]) (?=(?:AIDA|AROA)[A-Z0-9]|arn:)")
_MARGIN = 2
_INDENT = 6


def change_lines(change: Change, *, holds: Holds, partition: str, width: int, stages: bool = False) -> Iterator[Line]:
    """Yield one change: header, reason, differences, approvals and notices; calls by stage if asked."""
    symbol, tone = SYMBOLS[change.action]
    yield line(_MARGIN, Span(f"{symbol:<3} ", tone), Span(change.address, Tone.STRONG), f" {_verb(change)}")
    yield from prose(inert(change.message or REASONS[change.reason]), indent=_INDENT, width=width)
    for difference in _differences(change):
        yield from inside(_difference_lines(difference, change, partition, width - _INDENT), _INDENT)
    yield from _approval_lines(change, holds, width)
    for notice in change.notices:
        yield from prose(inert(sentence(notice)), indent=_INDENT, width=width, first=Span("! ", Tone.WARNING))
    if stages:
        yield from _stage_lines(change)


def _verb(change: Change) -> str:
    match change.action:
        case Action.CREATE:
            return "will be created"
        case Action.IMPORT:
            return "will be imported and updated" if change.operations else "will be imported"
        case Action.UPDATE:
            return "will be updated"
        case Action.REPLACE:
            return "must be replaced"
        case Action.DELETE:
            return "will be destroyed"
        case Action.FORGET:
            return "will be forgotten"
        case never:
            assert_never(never)


def _differences(change: Change) -> tuple[Difference, ...]:
    """Return the differences of a change; a new object's path, which its address does not tell, among them."""
    path = (change.after or {}).get("path", "/")
    if change.action is Action.CREATE and path != "/":
        return (Difference(path="path", reason=change.reason, after=path), *change.differences)
    return change.differences


def _difference_lines(difference: Difference, change: Change, partition: str, width: int) -> Iterator[Line]:
    why = f"  ({REASONS[difference.reason]})" if difference.reason is not change.reason else ""
    wider = (Span("  widens access", Tone.WARNING),) if difference.broadens else ()
    mark, tone = _mark(difference)
    value = (
        (Span(f" = {value_difference(difference)}", tone),)
        if is_single(difference) and not _is_policy(difference)
        else ()
    )
    yield line(0, Span(f"{mark} ", tone), Span(difference.path, Tone.STRONG), *value, why, *wider)
    if _is_policy(difference):
        yield from inside(policy_difference(difference.before, difference.after, partition=partition), 4)
    elif not value:
        yield from inside(entry_difference(difference.before, difference.after), 4)
    for told in _NEXT_ENTITY.split(difference.note or ""):
        if told:
            yield from prose(inert(sentence(told)), indent=4, width=width, first=Span("> ", Tone.NOTE))


def _mark(difference: Difference) -> tuple[str, Tone]:
    if difference.before is None:
        return "+", Tone.ADDED
    return ("-", Tone.REMOVED) if difference.after is None else ("~", Tone.CHANGED)


def _is_policy(difference: Difference) -> bool:
    return difference.path in {"trust", "policy"} or difference.path.startswith(INLINE)


def _approval_lines(change: Change, holds: Holds, width: int) -> Iterator[Line]:
    for approval in change.approvals:
        text = f"{approval}: {APPROVALS[approval]}"
        yield from prose(inert(text), indent=_INDENT, width=width, first=Span("? ", Tone.WARNING))
    if change.held:
        others, release = holds.others(change.address), holds.release(change.address)
        why = f"held until {' and '.join(others)} is approved: " if others else "held until approved: "
        if not release:
            why = "held until what it waits for in another account is approved"
        yield line(_INDENT + 2, Span(why, Tone.WARNING), release)


def _stage_lines(change: Change) -> Iterator[Line]:
    for operation in change.operations:
        held = " (held)" if operation.held else ""
        yield line(_INDENT, Span(f"stage {operation.stage}: {operation.call}{held}", Tone.FAINT))
        yield line(_INDENT + 4, Span(compact(operation.params), Tone.FAINT))
