"""What one account's plan does, and what it leaves, while a role that it trusts waits in another account."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.engine import Choices
from reconciler.model.change import Approval
from tests.apply.house import OTHER
from tests.engine.accounts import Fleet, arn, planned, trusting
from tests.house import OWN

APPROVED = Choices(approve=((Approval.UNDO_NARROWING, "role/ci"),))
ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
EC2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """A fleet in which somebody of the own account, whom nobody trusts, is called eve."""
    fleet = Fleet(tmp_path)
    fleet.accounts[OWN].create_user("eve")
    return fleet


def nightly(fleet: Fleet) -> None:
    """Apply bare, twice: the second time nothing is written."""
    fleet.apply_run(review=False)
    fleet.box.reset_calls()
    fleet.apply_run(review=False)
    assert not fleet.box.mutating_calls


def is_trusted(fleet: Fleet, unique_id: str) -> bool:
    return unique_id in fleet.stored("deployer", OWN)


@pytest.mark.parametrize("others", [(), (arn("eng", OTHER),)])
def test_who_was_let_in_by_hand_goes_while_the_role_of_another_account_waits(
    fleet: Fleet, others: tuple[str, ...]
) -> None:
    fleet.declare("eng", OTHER)
    fleet.declare("ci", OTHER)
    fleet.declare("deployer", OWN, arn("ci", OTHER), *others)
    fleet.settle()
    eve = fleet.accounts[OWN].user_id("eve")
    fleet.accounts[OWN].put_trust("deployer", trusting(arn("ci", OTHER), *others, arn("eve", OWN, "user")))
    fleet.accounts[OTHER].delete_role("ci")
    assert is_trusted(fleet, eve)
    nightly(fleet)
    assert not is_trusted(fleet, eve)
    assert is_trusted(fleet, fleet.accounts[OTHER].role_id("eng")) == bool(others)
    assert all(held for told in planned(fleet.plan_run()).values() for *_, held in told.values())
    fleet.apply_run(APPROVED, review=False)
    fleet.at_rest()
    assert is_trusted(fleet, fleet.accounts[OTHER].role_id("ci"))


def test_a_guard_is_bound_again_while_the_role_of_another_account_waits(fleet: Fleet) -> None:
    eve = arn("eve", OWN, "user")
    deny = f"{{statement: {{Effect: Deny, Principal: {{AWS: '{eve}'}}, Action: 'sts:AssumeRole'}}}}"
    trust = f"[{{role: '{arn('ci', OTHER)}'}}, {{service: ec2.amazonaws.com}}, {deny}]"
    fleet.declare("ci", OTHER)
    fleet.write("deployer.yaml", f"kind: Role\nname: deployer\naccount: '{OWN}'\ntrust: {trust}\n")
    fleet.settle()
    fleet.accounts[OWN].recreate_user("eve")
    fleet.accounts[OTHER].delete_role("ci")
    nightly(fleet)
    assert is_trusted(fleet, fleet.accounts[OWN].user_id("eve"))
    assert EC2 in fleet.accounts[OWN].trust("deployer")["Statement"]
    fleet.apply_run(APPROVED, review=False)
    fleet.at_rest()


def test_a_guard_against_a_role_that_waits_elsewhere_closes_nothing_meanwhile(fleet: Fleet) -> None:
    fleet.declare("ci", OTHER)
    fleet.declare("deployer", OWN, arn("ci", OTHER), effect="Deny")
    fleet.settle()
    fleet.accounts[OTHER].delete_role("ci")
    before = fleet.stored("deployer", OWN)
    nightly(fleet)
    assert fleet.stored("deployer", OWN) == before
    fleet.apply_run(APPROVED, review=False)
    fleet.at_rest()
    assert "Deny" in json.dumps(fleet.accounts[OWN].trust("deployer"))


def test_what_else_was_added_to_a_role_goes_while_its_trust_waits(fleet: Fleet) -> None:
    fleet.declare("ci", OTHER)
    fleet.declare("deployer", OWN, arn("ci", OTHER))
    fleet.settle()
    fleet.accounts[OWN].put_trust("deployer", trusting(arn("ci", OTHER), arn("eve", OWN, "user")))
    fleet.accounts[OWN].put_role_policy("deployer", "more", ANYTHING)
    fleet.accounts[OTHER].delete_role("ci")
    nightly(fleet)
    role = fleet.accounts[OWN].state.tables.roles.get("deployer")
    assert not role.inline
    assert not is_trusted(fleet, fleet.accounts[OWN].user_id("eve"))
    fleet.apply_run(APPROVED, review=False)
    fleet.at_rest()
