"""What commands give back: one value an account, and all of them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.model.diagnostic import Diagnostic
from reconciler.plan import Plan
from reconciler.planfile import fingerprint_of_fleet

if TYPE_CHECKING:
    from reconciler.apply import ApplyResult
    from reconciler.drift import DriftReport


@dataclass(frozen=True, kw_only=True)
class Validation:
    """What can be said of the manifests without AWS."""

    diagnostics: tuple[Diagnostic, ...]
    objects: int
    files: int


@dataclass(frozen=True, kw_only=True)
class OfAccount:
    """What a command gives back of one account; `error` is why there is nothing else."""

    account: str
    name: str | None = None
    error: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AccountPlan(OfAccount):
    """One account's plan, or why there is none."""

    plan: Plan | None = None


@dataclass(frozen=True, kw_only=True)
class PlanRun:
    """The plans of all accounts; `fleet` where the configuration names accounts."""

    accounts: tuple[AccountPlan, ...]
    fleet: bool
    fingerprint: str

    @property
    def plans(self) -> tuple[Plan, ...]:
        """Return the plans there are."""
        return tuple(one.plan for one in self.accounts if one.plan is not None)


@dataclass(frozen=True, kw_only=True)
class AccountApply(OfAccount):
    """What became of one account: the plan that was carried out and its result, or why it was not.

    `calls` are all requests answered for the account, those of reading it included.
    """

    plan: Plan | None = None
    result: ApplyResult | None = None
    calls: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ApplyRun:
    """What became of all accounts; `declined` where the user was asked and said no."""

    accounts: tuple[AccountApply, ...]
    fleet: bool
    fingerprint: str
    declined: bool = False


@dataclass(frozen=True, kw_only=True)
class AccountDrift(OfAccount):
    """One account's report, or why there is none."""

    report: DriftReport | None = None


@dataclass(frozen=True, kw_only=True)
class DriftRun:
    """The reports of all accounts."""

    accounts: tuple[AccountDrift, ...]
    fleet: bool


@dataclass(frozen=True, kw_only=True)
class AccountCompact(OfAccount):
    """What became of one account's ledger: how many dead IDs were dropped and kept, or why nothing was done."""

    dropped: int = 0
    kept: int = 0
    warnings: tuple[Diagnostic, ...] = ()


def plan_run(plans: Sequence[AccountPlan], *, fleet: bool) -> PlanRun:
    """Return the plans as one, with the fingerprint of the only one, or of all."""
    made = [one.plan for one in plans if one.plan is not None]
    whole = fingerprint_of_fleet(made)
    return PlanRun(accounts=tuple(plans), fleet=fleet, fingerprint=made[0].fingerprint if made and not fleet else whole)
