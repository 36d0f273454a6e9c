"""What commands share on the way from the engine's results to text, JSON and exit codes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

from reconciler.cli.terminal import Terminal
from reconciler.plan import Summary
from reconciler.planfile import fleet_to_json, plan_to_json, summary_to_json
from reconciler.render.json import dumps, failure_to_json
from reconciler.render.text import Titled, plan_text

if TYPE_CHECKING:
    from reconciler.engine import AccountApply, AccountDrift, AccountPlan, PlanRun

T = TypeVar("T")
FINE, ERROR, FOUND = 0, 1, 2


def titled(one: AccountPlan | AccountDrift | AccountApply, result: T | None, *, fleet: bool) -> Titled[T]:
    """Return what came of one account; of several each stands below its ID, with its name in brackets."""
    title = f"{one.account} ({one.name})" if one.name else one.account
    return Titled(title=title if fleet else "", result=result, error=one.error)


def plans_as_text(run: PlanRun, terminal: Terminal, *, stages: bool = False) -> str:
    """Return plans for a person."""
    plans = [titled(one, one.plan, fleet=run.fleet) for one in run.accounts]
    return plan_text(plans, terminal.out, stages=stages)


def plans_as_json(run: PlanRun) -> str:
    """Return plans for a program: what `--out` writes and `apply` reads."""
    parts = [
        plan_to_json(one.plan) if one.plan is not None else failure_to_json(one.account, one.error)
        for one in run.accounts
    ]
    if not run.fleet:
        return dumps(parts[0])
    total = sum((plan.summary for plan in run.plans), Summary())
    return dumps(fleet_to_json(parts, summary_to_json(total), fingerprint=run.fingerprint))


def say_calls(terminal: Terminal, calls: Iterable[Mapping[str, int]]) -> None:
    """Write to standard error how many calls to AWS were answered."""
    total: Counter[str] = Counter()
    for each in calls:
        total.update(each)
    if total:
        parts = ", ".join(f"{name} {number}" for name, number in sorted(total.items()))
        terminal.say(f"{sum(total.values())} calls to AWS: {parts}\n")
