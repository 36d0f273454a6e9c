"""Everything as text for people: the last line of each is the sentence that sums it up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from reconciler.apply import ApplyResult
from reconciler.drift import DriftReport
from reconciler.model.diagnostic import Diagnostic
from reconciler.plan import Plan, Summary
from reconciler.render.changes import change_lines
from reconciler.render.diagnostics import all_diagnostics, counted, failure_sentence, tally
from reconciler.render.findings import drift_sentence, report_lines
from reconciler.render.holds import Holds
from reconciler.render.lines import BLANK, Canvas, Line, Span, Tone, line, paint
from reconciler.render.outcomes import apply_sentence, result_lines

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

NO_CHANGES = "No changes. Your roles match the manifests."


@dataclass(frozen=True, kw_only=True)
class Titled(Generic[T]):
    """The result of one account, or the diagnostics of one that failed; no `title` where there is but one."""

    title: str = ""
    result: T | None = None
    error: tuple[Diagnostic, ...] = ()


def plan_sentence(plans: Sequence[Plan], *, failed: int = 0) -> str:
    """Return Terraform's own sentence, which other tools read: do not reword it. `failed` accounts have no plan."""
    totals = [plan.summary for plan in plans]
    if all(total.is_empty for total in totals) and not failed and not any(plan.blockers for plan in plans):
        return NO_CHANGES
    return f"Plan: {_counts(totals)}.{failure_sentence(failed)}"


def plan_text(plans: Sequence[Titled[Plan]], canvas: Canvas, *, stages: bool = False) -> str:
    """Return plans: the changes, what stands in the way, the sentence; by account where there are many."""
    return _text(plans, lambda plan: plan_lines(plan, canvas.width, stages=stages), plan_sentence, canvas)


def drift_text(reports: Sequence[Titled[DriftReport]], canvas: Canvas) -> str:
    """Return the findings and the sentence; by account where there are many."""
    return _text(reports, lambda report: drift_lines(report, canvas.width), drift_sentence, canvas)


def apply_text(results: Sequence[Titled[ApplyResult]], canvas: Canvas, *, plans: Mapping[str, Plan]) -> str:
    """Return what an apply did; `plans`, by account, tell what was blocked and what releases what is held."""

    def body(result: ApplyResult) -> Iterator[Line]:
        changes = plans[result.account].changes if result.account in plans else ()
        return result_lines(result, changes, width=canvas.width)

    def sentence(done: Sequence[ApplyResult], *, failed: int) -> str:
        accounts = [result.account for result in done]
        blocked = sum(len(plans[account].blockers) for account in accounts if account in plans)
        return apply_sentence(done, blocked=blocked, failed=failed)

    return _text(results, body, sentence, canvas)


def plan_lines(plan: Plan, width: int, *, stages: bool = False) -> Iterator[Line]:
    """Yield everything of a plan but the sentence."""
    holds = Holds(plan.changes)
    for change in plan.changes:
        yield from change_lines(change, holds=holds, partition=plan.partition, width=width, stages=stages)
        yield BLANK
    if plan.changes and plan.unchanged:
        yield line(2, Span(f"({counted(plan.unchanged, 'object')} as declared)", Tone.FAINT))
        yield BLANK
    yield from _followed_by_a_gap(all_diagnostics((*plan.warnings, *plan.blockers), width=width))


def drift_lines(report: DriftReport, width: int) -> Iterator[Line]:
    """Yield everything of a report but the sentence."""
    yield from report_lines(report, width=width)
    yield from _followed_by_a_gap(all_diagnostics(report.warnings, width=width))


def validation_text(found: Sequence[Diagnostic], canvas: Canvas, *, files: int, objects: int) -> str:
    """Return what `validate` found, and the sentence."""
    where = f"{counted(objects, 'object')} in {counted(files, 'file')}"
    sentence = f"{tally(found)}: {where}." if found else f"Valid: {where}."
    told = _followed_by_a_gap(all_diagnostics(found, width=canvas.width))
    return paint([*told, line(0, Span(sentence, Tone.STRONG))], canvas)


def _followed_by_a_gap(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield the lines, and a blank one if there are any."""
    found = list(lines)
    yield from found
    if found:
        yield BLANK


class _Sentence(Protocol[T_contra]):
    """Sums up the results of some accounts; `failed` others have none."""

    def __call__(self, results: Sequence[T_contra], /, *, failed: int) -> str: ...


def _text(
    accounts: Sequence[Titled[T]],
    body: Callable[[T], Iterable[Line]],
    sentence: _Sentence[T],
    canvas: Canvas,
) -> str:
    """Return the accounts one after another, each below its title if any, and one sentence at the end."""
    lines: list[Line] = []
    for account in accounts:
        if account.title:
            lines += [line(0, Span(f"Account {account.title}", Tone.STRONG)), BLANK]
        if account.result is not None:
            lines += body(account.result)
        lines += all_diagnostics(account.error, width=canvas.width)
        if account.title:
            own = [line(0, sentence([account.result], failed=0))] if account.result is not None else []
            lines += [*own, BLANK]
    done = [account.result for account in accounts if account.result is not None]
    last = [line(0, Span(sentence(done, failed=len(accounts) - len(done)), Tone.STRONG))] if done else []
    return paint([*lines, *last], canvas)


def _counts(totals: Sequence[Summary]) -> str:
    imported, forgotten = sum(total.import_ for total in totals), sum(total.forget for total in totals)
    parts = [f"{imported} to import"] if imported else []
    parts += [
        f"{sum(total.add for total in totals)} to add",
        f"{sum(total.change for total in totals)} to change",
        f"{sum(total.destroy for total in totals)} to destroy",
    ]
    parts += [f"{forgotten} to forget"] if forgotten else []
    return ", ".join(parts)
