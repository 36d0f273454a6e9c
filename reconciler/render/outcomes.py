"""What an apply did, for people: every operation, what failed and why, what is held and what releases it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import assert_never

from reconciler.apply import Applied, ApplyResult, Outcome, Result
from reconciler.model.change import Change
from reconciler.model.diagnostic import Diagnostic
from reconciler.render.diagnostics import all_diagnostics, counted, failure_sentence
from reconciler.render.holds import Holds
from reconciler.render.lines import BLANK, Line, Span, Tone, line

_AGAIN = "run the same command again, it goes on from here."


def outcome_line(outcome: Outcome) -> Line:
    """Return one operation as it is done: mark, address, call, and what became of it."""
    mark, tone, words = _look(outcome.outcome)
    call = f" {outcome.call}" if outcome.call else ""
    return line(2, Span(f"{mark} ", tone), Span(outcome.address, Tone.STRONG), f"{call}: ", Span(words, tone))


def result_lines(result: ApplyResult, changes: Sequence[Change], *, width: int) -> Iterator[Line]:
    """Yield every outcome in order, the diagnostics, and what is held; `changes` are the plan's."""
    for outcome in result.outcomes:
        yield outcome_line(outcome)
    if result.outcomes:
        yield BLANK
    yield from all_diagnostics([*_told(result.outcomes), *result.problems], width=width)
    yield from _held_lines(result, Holds(changes))


def _told(outcomes: Sequence[Outcome]) -> Iterator[Diagnostic]:
    """Yield what is to be said of the outcomes: where many were not tried for one reason, that reason once."""
    untried: dict[Diagnostic, list[str]] = {}
    for outcome in outcomes:
        if outcome.diagnostic is not None and outcome.outcome is Result.NOT_TRIED:
            untried.setdefault(replace(outcome.diagnostic, address=None), []).append(outcome.address)
        elif outcome.diagnostic is not None:
            yield outcome.diagnostic
    for reason, addresses in untried.items():
        objects = set(addresses)
        if len(objects) == 1:
            yield replace(reason, address=addresses[0])
        else:
            whom = f"{counted(len(addresses), 'call')} on {counted(len(objects), 'object')}"
            yield replace(reason, message=f"{whom} were not tried: {reason.message}")


def apply_sentence(results: Sequence[ApplyResult], *, blocked: int = 0, failed: int = 0) -> str:
    """Return Terraform's sentence over all accounts, and what to do where something is left to do."""
    total = _sum([result.summary for result in results])
    counts = _counts(total)
    if any(result.interrupted for result in results):
        return f"Apply incomplete! Resources: {counts}. Interrupted: {_AGAIN}"
    if not all(result.is_complete for result in results):
        return f"Apply incomplete! Resources: {counts}. {_left(results, total)}: mend the cause, then {_AGAIN}"
    if blocked or failed:
        blockers = f" {counted(blocked, 'blocker')}, see the plan above." if blocked else ""
        return f"Apply incomplete! Resources: {counts}.{blockers}{failure_sentence(failed)}"
    if total.held:
        return f"Apply complete! Resources: {counts}. {_held(total.held)} until approved."
    return f"Apply complete! Resources: {counts}."


def _look(result: Result) -> tuple[str, Tone, str]:
    match result:
        case Result.DONE:
            return "✓", Tone.ADDED, "done"
        case Result.ALREADY:
            return "=", Tone.FAINT, "already so"
        case Result.FAILED:
            return "x", Tone.ERROR, "failed"
        case Result.NOT_TRIED:
            return "!", Tone.WARNING, "not tried"
        case Result.UNKNOWN:
            return "?", Tone.ERROR, "outcome unknown"
        case Result.HELD:
            return "|", Tone.WARNING, "held"
        case never:
            assert_never(never)


def _held_lines(result: ApplyResult, holds: Holds) -> Iterator[Line]:
    addresses = list(dict.fromkeys(found.address for found in result.outcomes if found.outcome is Result.HELD))
    if not addresses:
        return
    yield line(0, "Held for review. To release a change, apply again with:")
    for address in addresses:
        options = holds.release(address)
        yield line(2, Span(address, Tone.STRONG), f"  {options}" if options else "")
    yield BLANK


def _sum(summaries: Sequence[Applied]) -> Applied:
    return Applied(
        imported=sum(found.imported for found in summaries),
        added=sum(found.added for found in summaries),
        changed=sum(found.changed for found in summaries),
        destroyed=sum(found.destroyed for found in summaries),
        forgotten=sum(found.forgotten for found in summaries),
        failed=sum(found.failed for found in summaries),
        held=sum(found.held for found in summaries),
    )


def _counts(total: Applied) -> str:
    parts = [f"{total.imported} imported"] if total.imported else []
    parts += [f"{total.added} added", f"{total.changed} changed", f"{total.destroyed} destroyed"]
    parts += [f"{total.forgotten} forgotten"] if total.forgotten else []
    return ", ".join(parts)


def _left(results: Sequence[ApplyResult], total: Applied) -> str:
    left = Counter(outcome.outcome for result in results for outcome in result.outcomes)
    parts = [(left[Result.FAILED], "failed"), (left[Result.NOT_TRIED], "not tried")]
    parts += [(left[Result.UNKNOWN], "of unknown outcome"), (total.held, "held")]
    return ", ".join(f"{number} {what}" for number, what in parts if number) or "Something went wrong"


def _held(number: int) -> str:
    return "1 change is held" if number == 1 else f"{number} changes are held"
