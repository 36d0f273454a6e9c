"""Three accounts in which anything may happen, in any order; then an apply or two after a review, and all is well.

At every step a bare apply trusts no stranger under a name that somebody else was trusted by; in the end nothing is left
to change, and drift finds nothing but what a blocker of the plan names as well.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from random import Random

import pytest

from reconciler.engine import drift
from reconciler.sandbox.errors import IamError
from reconciler.state import LocalStore
from tests.engine.accounts import ACCOUNTS, Fleet, arn, complete, trusting

UNIQUE_ID = re.compile("(?:AIDA|AROA)[A-Z0-9]{12,}")
ROLES = ("one", "two")
NAMES = [arn("ann", id_, "user") for id_ in ACCOUNTS] + [arn(role, id_) for id_ in ACCOUNTS for role in ROLES]
HARMLESS = {"NoSuchEntity", "EntityAlreadyExists", "MalformedPolicyDocument"}


class Walk:
    """A fleet, what happens to it by the dice, and whom each role was trusted to trust."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.dice = Random(seed)
        self.fleet = Fleet(folder)
        self.declared: set[tuple[str, str]] = set()
        self.bound: dict[tuple[str, str, str], str] = {}
        for account in ACCOUNTS:
            self.fleet.accounts[account].create_user("ann")
            for role in ROLES:
                self.declare(account, role)

    def declare(self, account: str, role: str) -> None:
        others = [name for name in NAMES if name != arn(role, account)]
        trusted = self.dice.sample(others, self.dice.choice([0, 1, 1, 2]))
        effect = self.dice.choice(["Allow", "Allow", "Deny"]) if trusted else "Allow"
        self.fleet.declare(role, account, *trusted, effect=effect)
        self.declared.add((account, role))

    def undeclare(self, account: str, role: str) -> None:
        if (account, role) in self.declared:
            self.declared.remove((account, role))
            self.fleet.undeclare(role, account)

    def allowed(self) -> dict[tuple[str, str, str], str]:
        """Return the ID that each role allows in under each name of somebody alive, by the sandbox's own books."""
        living: dict[str, str] = {}
        found = {}
        for account in self.fleet.accounts.values():
            living |= {user.user_id: account.user_arn(user.name) for user in account.state.tables.users}
            living |= {role.role_id: account.role_arn(role.name) for role in account.state.tables.roles}
        for id_, account in self.fleet.accounts.items():
            for role in account.state.tables.roles:
                allows = [one for one in role.trust["Statement"] if one["Effect"] == "Allow"]
                for unique in UNIQUE_ID.findall(json.dumps(allows)):
                    if unique in living:
                        found[id_, role.name, living[unique]] = unique
        return found

    def apply_bare(self) -> None:
        before = self.allowed()
        self.fleet.apply_run(review=False)
        states = [LocalStore(self.fleet.folder / "state").read(account) for account in ACCOUNTS]
        own = {one.id for state in states for one in state.objects.values() if one.origin == "created"}
        for place, unique in self.allowed().items():
            is_another = self.bound.get(place, unique) != unique and before.get(place) != unique
            assert not is_another or unique in own, place
        self.bound |= self.allowed()

    def apply_after_a_review(self) -> None:
        """Apply until accounts that wait for each other are through, and assert that nothing is left."""
        for _ in ACCOUNTS:
            assert complete(self.fleet.apply_run())
        self.bound |= self.allowed()
        plans = self.fleet.plan_run().plans
        assert [plan.changes for plan in plans] == [()] * len(ACCOUNTS)
        blocked = {(plan.account, blocker.address) for plan in plans for blocker in plan.blockers}
        for one in drift(self.fleet.settings()).accounts:
            assert one.report is not None
            assert {(one.account, found.address) for found in one.report.counted if found.managed} <= blocked

    def step(self) -> None:
        account, role = self.dice.choice(ACCOUNTS), self.dice.choice(ROLES)
        there = self.fleet.accounts[account]
        by_hand = trusting(*self.dice.sample(NAMES, 2), effect=self.dice.choice(["Allow", "Deny"]))
        old, new = self.dice.sample(["ann", "dan"], 2)
        deeds = [
            lambda: there.delete_user("ann"),
            lambda: there.create_user("ann"),
            lambda: there.recreate_user("ann"),
            lambda: there.rename_user(old, new_name=new),
            lambda: there.delete_role(role),
            lambda: there.recreate_role(role),
            lambda: there.put_trust(role, by_hand),
            lambda: self.declare(account, role),
            lambda: self.undeclare(account, role),
            lambda: drift(self.fleet.settings()),
            self.apply_bare,
            self.apply_bare,
            self.apply_after_a_review,
        ]
        try:
            self.dice.choice(deeds)()
        except IamError as refusal:
            assert refusal.code in HARMLESS  # noqa: PT017  what IAM refuses in this state of things did not happen


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 9))])
def test_whatever_happens_in_any_account_reviewed_applies_mend_it(seed: int, tmp_path: Path) -> None:
    walk = Walk(tmp_path, seed)
    walk.apply_after_a_review()
    for _ in range(15):
        walk.step()
    walk.apply_after_a_review()
