"""A house with three accounts, and what its plans say."""

from __future__ import annotations

import json
from pathlib import Path

from reconciler.config import AccountConfig, Config
from reconciler.engine import ApplyRun, PlanRun, drift
from reconciler.model.change import Approval, Change
from reconciler.plan import Plan
from reconciler.sandbox import Account
from tests.apply.house import OTHER, TRUST_OWN, House
from tests.house import OWN

THIRD = "444455556666"
ACCOUNTS = (OWN, OTHER, THIRD)


def arn(name: str, account: str, kind: str = "role") -> str:
    return f"arn:aws:iam::{account}:{kind}/{name}"


def trusting(*arns: str, effect: str = "Allow") -> dict[str, object]:
    statement = {"Effect": effect, "Principal": {"AWS": list(arns)}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


class Fleet(House):
    """A house with three accounts, each reached through a role of its own, and manifests that say whose they are."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.accounts: dict[str, Account] = {id_: self.box.account(id_) for id_ in ACCOUNTS}
        self.accounts[OTHER].create_role("reconciler", trust=TRUST_OWN)
        self.accounts[THIRD].create_role("reconciler", trust=TRUST_OWN)
        self.config = Config(
            accounts={
                OWN: AccountConfig(name="own"),
                OTHER: AccountConfig(name="other", role_arn=arn("reconciler", OTHER)),
                THIRD: AccountConfig(name="third", role_arn=arn("reconciler", THIRD)),
            }
        )

    def declare(self, name: str, account: str, *trusted: str, path: str = "/", effect: str = "Allow") -> None:
        """Declare a role that trusts roles or users by ARN, EC2 where none is given; with `Deny` EC2 is let in too."""
        entries = [f"{{{arn_.split(':')[5].split('/')[0]}: '{arn_}'}}" for arn_ in trusted]
        if effect == "Deny":
            deny = f"{{Effect: Deny, Principal: {{AWS: {list(trusted)}}}, Action: 'sts:AssumeRole'}}"
            entries = ["{service: ec2.amazonaws.com}", f"{{statement: {deny}}}"]
        trust = ", ".join(entries or ["{service: ec2.amazonaws.com}"])
        text = f"kind: Role\nname: {name}\naccount: '{account}'\npath: {path}\ntrust: [{trust}]\n"
        self.write(f"{account}-{name}.yaml", text)

    def undeclare(self, name: str, account: str) -> None:
        self.remove(f"{account}-{name}.yaml")

    def settle(self) -> None:
        """Apply after a review, and assert that there is nothing left to do or to find anywhere."""
        assert complete(self.apply_run())
        self.at_rest()

    def at_rest(self) -> None:
        """Assert that a bare apply writes nothing, a plan says nothing, and drift finds nothing."""
        self.box.reset_calls()
        assert complete(self.apply_run(review=False))
        assert not self.box.mutating_calls
        plans = self.plan_run().plans
        assert [(plan.changes, plan.blockers, dict(plan.records)) for plan in plans] == [((), (), {})] * len(plans)
        for one in drift(self.settings()).accounts:
            assert one.report is not None
            assert (one.report.counted, one.report.not_applied) == ((), 0)

    def stored(self, name: str, account: str) -> str:
        """Return a role's trust as IAM keeps it: unique IDs and all."""
        return json.dumps(self.accounts[account].state.tables.roles.get(name).trust)


def complete(run: ApplyRun) -> bool:
    """Tell whether all is done in every account, and nothing is held."""
    results = [one.result for one in run.accounts]
    assert all(result is not None for result in results), [one.error for one in run.accounts]
    return all(result.is_complete and not result.summary.held for result in results if result is not None)


def planned(run: PlanRun) -> dict[str, dict[str, tuple[str, str, set[Approval], bool]]]:
    """Return what each account's plan says of each object: action, reason, approvals, held."""
    return {
        plan.account: {
            one.address: (one.action.value, one.reason.value, set(one.approvals), one.held) for one in plan.changes
        }
        for plan in run.plans
        if plan.changes
    }


def the_plan(run: PlanRun, account: str) -> Plan:
    (found,) = [plan for plan in run.plans if plan.account == account]
    return found


def the_change(run: PlanRun, account: str, address: str) -> Change:
    (found,) = [change for change in the_plan(run, account).changes if change.address == address]
    return found
