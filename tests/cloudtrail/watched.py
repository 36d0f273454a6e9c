"""A house whose CloudTrail is asked, and what comes of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3

from reconciler import engine
from reconciler.drift import DriftReport, Finding, Kind
from reconciler.engine import DriftRun, Settings
from tests.house import START
from tests.scenarios.house import ACCOUNT, House, arn, trusting

OTHER = "444455556666"
DAY = 86_400


def at(*, days: int = 0, hours: int = 0) -> str:
    """Return a time, counted from the beginning of each scene, as the program writes it."""
    return (START + timedelta(days=days, hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Watched(House):
    """A house that notes how long is slept, and can let CloudTrail answer something else than it would."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.slept: list[float] = []
        self.write("keeper.yaml", "kind: Role\nname: keeper\ntrust: [{service: ec2.amazonaws.com}]\n")

    def settings(self, **changed: Any) -> Settings:
        """The same, with a clock that is exact to the half second and a sleep that is noted."""

        def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            self.box.advance(seconds)

        def monotonic() -> float:
            return (self.box.clock() - START).total_seconds()

        return super().settings(**{"sleep": sleep, "monotonic": monotonic} | changed)

    def ask(self, *, record: bool = True) -> DriftReport:
        """Look for drift, and ask CloudTrail; of a fleet the report of the first account."""
        return self.reports(record=record)[ACCOUNT]

    def reports(self, *, record: bool = True) -> dict[str, DriftReport]:
        self.box.reset_calls()
        run: DriftRun = engine.drift(self.settings(), record=record, ask_cloudtrail=True)
        assert not self.box.mutating_calls
        return {one.account: one.report for one in run.accounts if one.report is not None}

    def let_events_be(self, change: Any) -> None:
        """Have `change` look at every reply of LookupEvents, and do with it what it likes."""
        self._events().register(
            "after-call.cloudtrail.LookupEvents", lambda parsed, **_: change(parsed), unique_id="changed"
        )

    def let_lookups_be(self, change: Any) -> None:
        """Have `change` look at what every LookupEvents asks for, and do with it what it likes."""
        self._events().register(
            "before-parameter-build.cloudtrail.LookupEvents", lambda params, **_: change(params), unique_id="asked"
        )

    def _events(self) -> Any:
        """The events of a session of this house's own: clients that are lent tell nobody else."""
        if not isinstance(self.session, boto3.Session):
            self.session = self.box.session()
        return self.session.events

    def trusted_and_gone(self, name: str = "ci", *, by: str = "deployer") -> str:
        """A role that `by` trusts, seen by nobody but CloudTrail, and an hour later deleted; its ID."""
        self.account.create_role(name)
        dead = self.account.role_id(name)
        self.account.create_role(by, trust=trusting(arn("role", name)))
        self.pass_time(3600)
        self.account.delete_role(name)
        self.pass_time(3600)
        return dead


def orphan(report: DriftReport) -> Finding:
    """Return the only dead ID of a report."""
    (found,) = (each for each in report.findings if each.kind is Kind.ORPHANED_PRINCIPAL)
    return found
