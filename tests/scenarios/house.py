"""A small house to play scenes in: manifests in a folder, an account of the sandbox, the engine in between.

What holds for every scene is looked at on every occasion: a plan writes nothing, comes out the same to the byte
although IAM shuffles its lists, and survives its way through a plan file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler import engine
from reconciler.apply import ApplyResult, Result
from reconciler.config import Config
from reconciler.drift import DriftReport, Finding
from reconciler.engine import Choices
from reconciler.model.change import Action, Approval, Change
from reconciler.model.diagnostic import Code, Diagnostic
from reconciler.plan import Plan
from reconciler.planfile import plan_to_json, read_plans
from reconciler.sandbox import Clock, Sandbox
from reconciler.state import LocalStore, Owned, State
from tests.house import OWN, START, Ground
from tests.lending import LendingSession

ACCOUNT = OWN
ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


def arn(kind: str, path_and_name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iam::{account}:{kind}/{path_and_name}"


def allow(action: str, resource: str = "*") -> dict[str, Any]:
    """Return a policy that allows one thing."""
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}


def trusting(*principals: str, effect: str = "Allow") -> dict[str, Any]:
    """Return a trust policy with one statement for all of the principals."""
    statement = {"Effect": effect, "Principal": {"AWS": list(principals)}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


class House(Ground):
    """One account with its manifests and its memory; the time stands still until it is moved."""

    def __init__(self, folder: Path, **sandbox: Any) -> None:
        super().__init__(folder, Sandbox(clock=Clock(START), **sandbox))

    # The scene

    def act_as(self, caller: str) -> None:
        """Let the engine run as `role/NAME` or `user/NAME` from now on."""
        self.session = LendingSession(self.box, caller=caller)

    def configure(self, **tables: Any) -> None:
        """Set tables of the configuration, as `reconciler.toml` has them."""
        self.config = Config.model_validate(tables)

    def pass_time(self, seconds: float = 60) -> None:
        self.box.advance(seconds)

    @property
    def now(self) -> str:
        return self.box.clock().strftime("%Y-%m-%dT%H:%M:%SZ")

    # The program

    def plan(self, **choices: Any) -> Plan:
        """Plan, twice, and return the plan, which must be the same."""
        self.box.reset_calls()
        plan, again = self._planned(choices), self._planned(choices)
        assert not self.box.mutating_calls
        text = json.dumps(plan_to_json(plan))
        assert text == json.dumps(plan_to_json(again)), "the same inputs give the same bytes"
        assert read_plans(text, name="plan.json") == (plan,), "a plan survives its way through a file"
        return plan

    def _planned(self, choices: Mapping[str, Any]) -> Plan:
        (one,) = engine.plan(self.settings(), Choices(**choices)).accounts
        assert one.plan is not None
        return one.plan

    def apply(self, *, reviewed: bool = False, stop_after: int | None = None, **choices: Any) -> ApplyResult:
        """Apply, bare as `--auto-approve` does, or after a review; interrupted after `stop_after` writes."""
        confirm = (lambda _run: True) if reviewed else None
        self.box.mutating_calls.clear()

        def interrupted() -> bool:
            return stop_after is not None and self.box.mutating_calls.total() >= stop_after

        run = engine.apply(self.settings(), Choices(**choices), confirm=confirm, interrupted=interrupted)
        (one,) = run.accounts
        assert one.result is not None, one.error
        return one.result

    def drift(self, *, unmanaged: bool = False, record: bool = True) -> DriftReport:
        """Look for drift; the memory takes note of who lives."""
        self.box.reset_calls()
        (one,) = engine.drift(self.settings(), unmanaged=unmanaged, record=record).accounts
        assert one.report is not None, one.error
        assert not self.box.mutating_calls
        return one.report

    # What is remembered

    @property
    def store(self) -> LocalStore:
        return LocalStore(self.folder / "state")

    @property
    def memory(self) -> State:
        return self.store.read(ACCOUNT)

    def owned(self, address: str) -> Owned:
        return self.memory.objects[address]

    def lose_state(self) -> None:
        for file in (self.folder / "state").iterdir():
            file.unlink()

    def change_memory(self, **fields: Any) -> None:
        """Write a memory that differs from what is there."""
        self.store.write(replace(self.memory, **fields))

    # What has to hold in the end

    def assert_at_rest(self) -> None:
        """Assert that there is nothing left to do: no write, no change, no finding that an apply could mend."""
        self.box.reset_calls()
        result = self.apply()
        assert not self.box.mutating_calls
        assert result.outcomes == ()
        plan = self._planned({})
        assert told(plan) == {}
        assert (dict(plan.records), plan.blockers) == ({}, ())
        report = self.drift()
        assert (report.counted, report.not_applied) == ((), 0)
        self.assert_no_dead_principals()

    def settle(self, **choices: Any) -> ApplyResult:
        """Apply after a review, and assert that all is well then."""
        result = self.apply(reviewed=True, **choices)
        assert result.is_complete, result.outcomes
        assert not held(result)
        self.assert_at_rest()
        return result

    def assert_no_dead_principals(self) -> None:
        """Assert that no owned role's trust shows a dead ID."""
        for address in self.memory.objects:
            kind, _, name = address.partition("/")
            if kind == "role":
                assert not re.search("(AIDA|AROA)[A-Z0-9]{12}", json.dumps(self.account.trust(name)))


def change(plan: Plan, address: str) -> Change:
    """Return the change to an object, which must be in the plan."""
    (found,) = [one for one in plan.changes if one.address == address]
    return found


def told(plan: Plan) -> dict[str, tuple[Action, str, set[Approval], bool]]:
    """Return what a plan says of each object: action, reason, approvals, held."""
    return {one.address: (one.action, one.reason.value, set(one.approvals), one.held) for one in plan.changes}


def held(result: ApplyResult) -> list[str]:
    """Return the objects of which a call waits for an approval."""
    return sorted({one.address for one in result.outcomes if one.outcome is Result.HELD})


def done(result: ApplyResult) -> list[str]:
    """Return the calls that were carried out, `CALL ADDRESS`."""
    return [f"{one.call} {one.address}" for one in result.outcomes if one.outcome is Result.DONE and one.call]


def codes(found: tuple[Diagnostic, ...]) -> list[tuple[Code, str | None]]:
    return [(one.code, one.address) for one in found]


def findings(report: DriftReport) -> list[tuple[str, str, str]]:
    """Return kind, severity and address of each finding."""
    return [(one.kind.value, one.severity.value, one.address) for one in report.findings]


def the_finding(report: DriftReport) -> Finding:
    """Return the only finding."""
    (found,) = report.findings
    return found
