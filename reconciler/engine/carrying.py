"""Carrying out the plans of all accounts, one after another, in the order that their trust asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.engine.accounts import waves_of
from reconciler.engine.fleet import made_in, made_now, unmade_now, waiting_in_vain, working_order
from reconciler.engine.live import by_address
from reconciler.engine.runs import AccountApply, AccountPlan
from reconciler.engine.settings import Progress, remembered_settings
from reconciler.engine.work import Reading, Work
from reconciler.model.change import Call, Change
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError
from reconciler.plan import Plan

if TYPE_CHECKING:
    from reconciler.apply import ApplyResult, Elsewhere, Outcome


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
    """Return what became of the plan of each account, worked one after another.

    Where the configuration says after how many failed accounts to stop, none is begun after so many; those that have
    no plan count from their wave on.
    """
    from reconciler.apply import Elsewhere  # noqa: PLC0415  a plan needs none of it

    config = work.settings.config
    waves = waves_of((one.account for one in planned), config)
    enough = config.rollout.stop_after_failures or len(planned) + 1
    plans = {one.account: one.plan for one in planned if one.plan is not None}
    promised = {arn for plan in (work.saved or plans).values() for arn in made_in(plan)}
    elsewhere = Elsewhere()
    done: dict[str, AccountApply] = {}
    for account in working_order(plans.values(), waves):
        unplanned = [one for one in planned if one.plan is None and waves[one.account] <= waves[account]]
        failures = len(unplanned) + sum(not one.result.is_complete for one in done.values() if one.result)
        unmade = promised - elsewhere.made.keys() - made_in(plans[account]).keys()
        in_vain = {
            address: _unmade(arn)
            for address, arn in waiting_in_vain(plans[account], unmade, reviewed=how.reviewed).items()
        }
        if failures >= enough:
            in_vain = dict.fromkeys((change.address for change in plans[account].changes), _stopped_after(enough))
        result = _carry_out(work, plans[account], readings, how, elsewhere=elsewhere, in_vain=in_vain)
        calls = work.calls(readings[account])
        name = readings[account].account.name
        done[account] = AccountApply(account=account, name=name, plan=plans[account], result=result, calls=calls)
        elsewhere = _then(elsewhere, work, plans[account], result)
    failed = {
        one.account: AccountApply(account=one.account, name=one.name, error=one.error)
        for one in planned
        if one.plan is None
    }
    return [(done | failed)[one.account] for one in planned]


def _then(elsewhere: Elsewhere, work: Work, plan: Plan, result: ApplyResult) -> Elsewhere:
    """Return what the next account has to know of those before it."""
    made: Mapping[str, str] = {}
    with suppress(ReconcilerError):  # what cannot be read back is expected of nobody
        made = made_now(plan, result, work.store.read(plan.account))
    return replace(elsewhere, made={**elsewhere.made, **made}, unmade=elsewhere.unmade | unmade_now(plan, result))


def _carry_out(
    work: Work,
    plan: Plan,
    readings: Mapping[str, Reading],
    how: How,
    *,
    elsewhere: Elsewhere,
    in_vain: Mapping[str, Diagnostic],
) -> ApplyResult:
    """Return what became of the plan of one account; `in_vain` says by address what is not tried, and why."""
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
    rest = replace(plan, changes=tuple(change for change in plan.changes if change.address not in in_vain))
    result = apply.apply(
        rest,
        state=reading.observed,
        index=work.index(readings),
        means=means,
        live=None if work.saved is None else by_address(reading.snapshot),
        elsewhere=elsewhere,
    )
    return _with_untried(plan, rest, result, in_vain, how) if in_vain else result


def _with_untried(
    plan: Plan, rest: Plan, result: ApplyResult, in_vain: Mapping[str, Diagnostic], how: How
) -> ApplyResult:
    """Return what became of a whole plan, with what was not even tried, and tell whoever watches."""
    from reconciler.apply.outcome import counted  # noqa: PLC0415  a plan needs none of it

    outcomes = dict(zip(_calls_of(rest), result.outcomes, strict=True))
    for change in plan.changes:
        if change.address in in_vain:
            for key, outcome in _untried(change, in_vain[change.address]).items():
                how.watch.outcome(outcome)
                outcomes[key] = outcome
    told = tuple(outcomes[key] for key in _calls_of(plan))
    return replace(result, summary=counted(plan.changes, outcomes), outcomes=told)


def _calls_of(plan: Plan) -> list[tuple[str, int]]:
    """Return address and place of each call as outcomes are told; an object without calls has one at place 0."""
    return [(change.address, at) for change in plan.changes for at in range(max(1, len(change.operations)))]


def _untried(change: Change, why: Diagnostic) -> dict[tuple[str, int], Outcome]:
    from reconciler.apply import Outcome, Result  # noqa: PLC0415  a plan needs none of it

    told = replace(why, address=change.address)
    calls: list[Call | None] = [operation.call for operation in change.operations]
    return {
        (change.address, at): Outcome(address=change.address, call=call, outcome=Result.NOT_TRIED, diagnostic=told)
        for at, call in enumerate(calls or [None])
    }


def _unmade(arn: str) -> Diagnostic:
    return Diagnostic(
        Code.RA416,
        f"It needs {arn}, which was to be made in its own account, and was not.",
        help="See what became of that, and apply again.",
    )


def _stopped_after(failures: int) -> Diagnostic:
    return Diagnostic(
        Code.RA416,
        f"The run stopped before this account: stop_after_failures is {failures}, and so many failed before it.",
        help="See what became of those, and apply again.",
    )
