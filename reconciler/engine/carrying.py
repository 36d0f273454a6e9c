"""Carrying out the plans of all accounts, one after another, in the order that their trust asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.engine.fleet import made_in, made_now, waiting_in_vain, with_ids, with_the_new, working_order
from reconciler.engine.live import by_address
from reconciler.engine.patience import by_call, patiently, with_outcomes
from reconciler.engine.runs import AccountApply, AccountPlan
from reconciler.engine.settings import Progress, remembered_settings
from reconciler.engine.work import Reading, Work
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError
from reconciler.plan import Plan

if TYPE_CHECKING:
    from reconciler.apply import ApplyResult


@dataclass(frozen=True, kw_only=True)
class How:
    """How a plan is to be carried out: what the user chose, and who is told."""

    watch: Progress
    interrupted: Callable[[], bool]
    parallelism: int
    reviewed: bool
    settle: float


def carry_out(
    work: Work, planned: Sequence[AccountPlan], readings: Mapping[str, Reading], how: How
) -> list[AccountApply]:
    """Return what became of the plan of each account, worked one after another."""
    plans = {one.account: one.plan for one in planned if one.plan is not None}
    promised = {arn for plan in (work.saved or plans).values() for arn in made_in(plan)}
    made: dict[str, str] = {}
    done = {}
    for account in working_order(plans.values()):
        unmade = promised - made.keys() - made_in(plans[account]).keys()
        result = _carry_out(work, plans[account], readings, how, made=made, unmade=unmade)
        calls = work.calls(readings[account])
        name = readings[account].account.name
        done[account] = AccountApply(account=account, name=name, plan=plans[account], result=result, calls=calls)
        with suppress(ReconcilerError):  # what cannot be read back is expected of nobody
            made |= made_now(plans[account], result, work.store.read(account))
    failed = {
        one.account: AccountApply(account=one.account, name=one.name, error=one.error)
        for one in planned
        if one.plan is None
    }
    return [(done | failed)[one.account] for one in planned]


def _carry_out(
    work: Work,
    plan: Plan,
    readings: Mapping[str, Reading],
    how: How,
    *,
    made: Mapping[str, str],
    unmade: AbstractSet[str],
) -> ApplyResult:
    """Return what became of the plan of one account.

    `made` are the roles that others have got meanwhile, `unmade` those that they were to get and have not.
    """
    from reconciler import apply  # noqa: PLC0415  a plan needs none of it

    reading, settings = readings[plan.account], work.settings
    means = apply.Means(
        iam=reading.iam,
        store=work.store,
        clock=settings.now,
        monotonic=settings.monotonic,
        sleep=settings.sleep,
        watch=how.watch,
        interrupted=how.interrupted,
        random=settings.randomness,
        parallelism=how.parallelism,
        reviewed=how.reviewed,
        settle=how.settle,
        settings=remembered_settings(settings),
    )
    index = with_the_new(work.index(readings), made)
    live = None if work.saved is None else by_address(reading.snapshot)
    begun: list[Plan] = []

    def attempt(part: Plan) -> ApplyResult:
        state = work.store.read(plan.account) if begun else reading.observed
        begun.append(part)
        return apply.apply(part, state=state, index=index, means=means, live=live)

    in_vain = waiting_in_vain(plan, unmade, reviewed=how.reviewed)
    rest = replace(plan, changes=tuple(change for change in plan.changes if change.address not in in_vain))
    result = patiently(attempt, with_ids(rest, made), made=made, means=means)
    return _with_untried(plan, rest, result, in_vain, how) if in_vain else result


def _with_untried(plan: Plan, rest: Plan, result: ApplyResult, in_vain: Mapping[str, str], how: How) -> ApplyResult:
    """Return what became of a whole plan, with what was not even tried, and tell whoever watches."""
    from reconciler.apply import Outcome, Result  # noqa: PLC0415  a plan needs none of it

    outcomes = by_call(rest, result.outcomes)
    for change in plan.changes:
        for at, operation in enumerate(change.operations) if change.address in in_vain else ():
            arn = in_vain[change.address]
            told = Diagnostic(
                Code.RA416,
                f"It needs {arn}, which was to be made in its own account, and was not.",
                address=change.address,
                help="See what became of that, and apply again.",
            )
            outcome = Outcome(address=change.address, call=operation.call, outcome=Result.NOT_TRIED, diagnostic=told)
            how.watch.outcome(outcome)
            outcomes[change.address, at] = outcome
    return with_outcomes(result, plan, outcomes)
