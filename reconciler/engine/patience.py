"""Trying again what IAM refuses only because it does not know everywhere yet whom another account has just made.

Within one account `apply` waits for what it has made itself. What was made in another account a moment ago is new to
this one just the same: IAM answers `Invalid principal`, and takes the very same document a little later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from reconciler.model.change import Change
from reconciler.model.diagnostic import Code
from reconciler.plan import Plan

if TYPE_CHECKING:
    from reconciler.apply import ApplyResult, Means, Outcome

LONGEST_WAIT_SECONDS = 120.0
LONGEST_PAUSE_SECONDS = 20.0

Outcomes: TypeAlias = "dict[tuple[str, int], Outcome]"


def patiently(
    carry_out: Callable[[Plan], ApplyResult], plan: Plan, *, made: Mapping[str, str], means: Means
) -> ApplyResult:
    """Return what became of a plan once all is known of `made`, the ARNs and IDs that other accounts have just made.

    Only where nothing else has failed is anything tried again, for two minutes at the most.
    """
    result = carry_out(plan)
    started = means.monotonic()
    for pause in _pauses():
        refused = _refused(result, made) if made else None
        over = means.monotonic() - started + pause > LONGEST_WAIT_SECONDS
        if refused is None or refused.call is None or over or means.interrupted():
            return result
        means.watch.waiting(refused.address, refused.call, pause, "another account has just made whom it trusts")
        means.wait(pause)
        unwell = {one.address for one in result.outcomes if one.outcome.is_unwell}
        rest = replace(plan, changes=tuple(each for each in plan.changes if each.address in unwell), records={})
        result = _joined(plan, result, rest, carry_out(rest))
    raise AssertionError  # pragma: no cover  the pauses never end


def _pauses() -> Iterator[float]:
    pause = 1.0
    while True:
        yield pause
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def _refused(result: ApplyResult, made: Mapping[str, str]) -> Outcome | None:
    """Return the first call that was refused for naming somebody new; None where anything failed for another reason."""
    from reconciler.apply import Result  # noqa: PLC0415  a plan needs none of it

    failed = [one for one in result.outcomes if one.outcome in {Result.FAILED, Result.UNKNOWN}]
    return failed[0] if failed and all(_names_what_is_new(one, made) for one in failed) else None


def _names_what_is_new(outcome: Outcome, made: Mapping[str, str]) -> bool:
    told = outcome.diagnostic
    if told is None or told.code is not Code.RA414 or "Invalid principal" not in told.message:
        return False
    sessions = (f":assumed-role/{arn.rpartition('/')[2]}/" for arn in made)
    return any(who in told.message for who in (*made, *made.values(), *sessions))


def _joined(plan: Plan, result: ApplyResult, rest: Plan, again: ApplyResult) -> ApplyResult:
    """Return what became of all of a plan: what was done at first stays done."""
    first, second = by_call(plan, result.outcomes), by_call(rest, again.outcomes)
    outcomes = {
        key: second[key] if key in second and not outcome.outcome.is_well else outcome for key, outcome in first.items()
    }
    return replace(with_outcomes(again, plan, outcomes), problems=(*result.problems, *again.problems))


def by_call(plan: Plan, outcomes: Sequence[Outcome]) -> Outcomes:
    """Return the outcomes of a plan by address and place of the call; an object without calls has one at place 0."""
    return dict(zip(calls_of(plan.changes), outcomes, strict=True))


def calls_of(changes: Iterable[Change]) -> Iterator[tuple[str, int]]:
    """Yield address and place of each call, in the order in which outcomes are told."""
    return ((change.address, at) for change in changes for at in range(max(1, len(change.operations))))


def with_outcomes(result: ApplyResult, plan: Plan, outcomes: Outcomes) -> ApplyResult:
    """Return a result with the outcomes of a whole plan in place of those of a part of it."""
    from reconciler.apply.outcome import counted  # noqa: PLC0415  a plan needs none of it

    told = tuple(outcomes[key] for key in calls_of(plan.changes))
    return replace(result, summary=counted(plan.changes, outcomes), outcomes=told)
