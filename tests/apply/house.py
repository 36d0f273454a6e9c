"""A house to reconcile, of one account or two: planned, applied, copied, and listened to."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler import engine
from reconciler.apply import ApplyResult, Outcome, Result
from reconciler.config import AccountConfig, Config
from reconciler.engine import Choices
from reconciler.model.change import Call
from reconciler.plan import Plan
from reconciler.planfile import fleet_to_json, plan_to_json
from reconciler.render.json import summed
from reconciler.sandbox import Account, Sandbox
from reconciler.sandbox.clock import Clock
from tests.house import OWN, START, Ground

OTHER = "123456789012"


class Killed(BaseException):
    """What a kill looks like from inside: nothing that comes after is carried out."""


@dataclass
class Heard:
    """Whoever watches an apply: remembers what was told."""

    outcomes: list[Outcome] = field(default_factory=list)
    waits: list[tuple[str, Call, float, str]] = field(default_factory=list)

    def page(self, account: str, call: str, items: int) -> None:
        pass

    def outcome(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def waiting(self, address: str, call: Call, seconds: float, why: str) -> None:
        self.waits.append((address, call, seconds, why))


class House(Ground):
    """One account, or several, with all that it takes to plan and apply."""

    def __init__(
        self, folder: Path, *, seed: int = 7, page_size: int | None = None, box: Sandbox | None = None
    ) -> None:
        super().__init__(folder, box or Sandbox(seed=seed, clock=Clock(START), page_size=page_size))
        self.other: Account = self.box.account(OTHER)
        self.heard = Heard()

    def copy(self, folder: Path) -> House:
        """Return another house that is just as this one: the same IDs, state, manifests and time."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        box = Sandbox(seed=8, clock=Clock(self.box.clock()))
        box.load_json(self.box.to_json())
        return House(folder, box=box)

    def plan_run(self, **choices: Any) -> engine.PlanRun:
        """Plan for all accounts, a minute later."""
        self.box.advance(60)
        return engine.plan(self.settings(), Choices(**choices))

    def plan(self, **choices: Any) -> Plan:
        """Plan for the one account."""
        (found,) = self.plan_run(**choices).accounts
        assert found.plan is not None, found.error
        return found.plan

    def save(self, plan: Plan, name: str = "plan.json") -> Path:
        """Write a plan to a file."""
        file = self.folder / name
        file.write_text(json.dumps(plan_to_json(plan)))
        return file

    def apply_run(self, choices: Choices | None = None, *, review: bool = True, **how: Any) -> engine.ApplyRun:
        """Apply for all accounts, reviewed unless said otherwise, a minute later."""
        self.box.advance(60)
        self.heard = Heard()
        confirm: Callable[[engine.PlanRun], bool] | None = (lambda _run: True) if review else None
        usual: dict[str, Any] = {"parallelism": 1, "progress": self.heard, "confirm": confirm}
        return engine.apply(self.settings(), choices or Choices(), **usual | how)

    def apply(self, choices: Choices | None = None, **how: Any) -> ApplyResult:
        """Apply for the one account."""
        (done,) = self.apply_run(choices, **how).accounts
        assert done.result is not None, done.error
        return done.result

    def applied(self) -> Counter[str]:
        """Apply, reviewed, and return the writes that were carried out."""
        self.box.reset_calls()
        result = self.apply()
        assert result.is_complete, told(result)
        return Counter(self.box.mutating_calls)

    @property
    def successes(self) -> Counter[str]:
        """Return the writes that the sandbox has accepted since its counts were reset."""
        return Counter(entry.call for entry in self.box.journal if entry.error is None)

    @property
    def state_file(self) -> Path:
        """Return where the state of the account is."""
        return self.folder / "state" / f"{OWN}.json"

    @property
    def state(self) -> dict[str, Any]:
        """Return the state of the account as it is stored."""
        loaded: dict[str, Any] = json.loads(self.state_file.read_text())
        return loaded

    @property
    def owned(self) -> dict[str, str]:
        """Return the unique ID of everything owned, by address."""
        return {address: owned["id"] for address, owned in self.state.get("objects", {}).items()}

    @property
    def live(self) -> dict[str, str]:
        """Return the unique ID of every role and managed policy there is, by address."""
        tables = self.account.state.tables
        roles = {f"role/{role.name}": role.role_id for role in tables.roles}
        return roles | {f"managed_policy/{policy.name}": policy.policy_id for policy in tables.policies}

    def both_accounts(self) -> None:
        """Let the configuration name both accounts, the other one reached through a role."""
        self.other.create_role("reconciler", trust=TRUST_OWN)
        self.config = Config(
            accounts={
                OWN: AccountConfig(name="own"),
                OTHER: AccountConfig(name="other", role_arn=f"arn:aws:iam::{OTHER}:role/reconciler"),
            }
        )

    def save_run(self, run: engine.PlanRun, name: str = "plan.json") -> Path:
        """Write the plans of a fleet to a file."""
        file = self.folder / name
        parts = [plan_to_json(plan) for plan in run.plans]
        file.write_text(json.dumps(fleet_to_json(parts, summed(parts), fingerprint=run.fingerprint)))
        return file


TRUST_OWN = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OWN}:root"}, "Action": "sts:AssumeRole"}],
}


def told(result: ApplyResult) -> list[tuple[str, str, str, str | None]]:
    """Return what became of each operation, with the message of its diagnostic."""
    return [
        (one.address, str(one.call), one.outcome.value, one.diagnostic.message if one.diagnostic else None)
        for one in result.outcomes
    ]


def results(result: ApplyResult) -> list[tuple[str | None, Result]]:
    """Return each call with its outcome."""
    return [(one.call, one.outcome) for one in result.outcomes]
