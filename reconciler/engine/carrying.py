"""Carrying out the plans of all accounts, one after another, in the order that their trust asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.engine.fleet import made_now, with_ids, with_the_new, working_order
from reconciler.engine.live import by_address
from reconciler.engine.patience import patiently
from reconciler.engine.runs import AccountApply, AccountPlan
from reconciler.engine.settings import Progress, remembered_settings
from reconciler.engine.work import Reading, Work
from reconciler.model.diagnostic import ReconcilerError
from reconciler.model.principal import PrincipalIndex
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
    made: dict[str, str] = {}
    done = {}
    for account in working_order(plans.values()):
        result = _carry_out(work, plans[account], readings[account], how, made=made, index=work.index(readings))
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
    work: Work, plan: Plan, reading: Reading, how: How, *, made: Mapping[str, str], index: PrincipalIndex
) -> ApplyResult:
    """Return what became of the plan of one account; `made` are the roles that others have got meanwhile."""
    from reconciler import apply  # noqa: PLC0415  a plan needs none of it

    settings = work.settings
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
    index = with_the_new(index, made)
    live = None if work.saved is None else by_address(reading.snapshot)
    begun: list[Plan] = []

    def attempt(part: Plan) -> ApplyResult:
        state = work.store.read(plan.account) if begun else reading.observed
        begun.append(part)
        return apply.apply(part, state=state, index=index, means=means, live=live)

    return patiently(attempt, with_ids(plan, made), made=made, means=means)
