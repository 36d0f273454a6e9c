"""What a look at an account costs: pages, and a few calls more, however many roles there are."""

from __future__ import annotations

from datetime import UTC, datetime
from math import ceil
from pathlib import Path

import pytest

from reconciler.iam import Aws
from reconciler.sandbox import Sandbox
from reconciler.snapshot import read_snapshot
from tests.apply.house import House

ACCOUNT = "111122223333"
ROLES = 3_000
FEW = 4
NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize("page_size", [None, 170], ids=["full pages", "pages that end early"])
def test_a_snapshot_of_three_thousand_roles_costs_pages_and_few_calls_more(page_size: int | None) -> None:
    box = Sandbox(page_size=page_size)
    box.account(ACCOUNT).seed_roles(ROLES)
    box.reset_calls()
    iam = Aws.connect(session=box.session(ACCOUNT)).account(ACCOUNT, read_only=True)
    taken = read_snapshot(iam, with_policies=False, clock=lambda: NOW)
    assert len(taken.roles) == ROLES
    pages = ceil(ROLES / (page_size or 1_000))
    assert box.calls["ListRoles"] == pages
    assert box.calls["GetAccountAuthorizationDetails"] == pages
    assert sum(box.calls.values()) <= 2 * pages + FEW
    assert taken.calls == dict(box.calls)
    assert not box.mutating_calls


@pytest.fixture
def great_house(tmp_path: Path, request: pytest.FixtureRequest) -> House:
    """Three thousand roles, declared as they are, and taken over."""
    house = House(tmp_path, page_size=request.param)
    names = house.account.seed_roles(ROLES)
    for number in range(0, ROLES, 500):
        house.write(f"{number}.yaml", "---".join(as_seeded(name) for name in names[number : number + 500]))
    result = house.apply()
    assert result.summary.imported == ROLES
    assert not house.box.mutating_calls
    house.box.reset_calls()
    return house


def as_seeded(name: str) -> str:
    """Return the manifest of a role as the sandbox seeds it."""
    return f"""
kind: Role
name: {name}
description: {name}, seeded
tags: {{team: platform, service: {name}}}
trust: [{{service: ec2.amazonaws.com}}]
inline_policies:
  read:
    Version: "2012-10-17"
    Statement:
      - Effect: Allow
        Action: ["s3:GetObject", "s3:ListBucket"]
        Resource: ["arn:aws:s3:::example-bucket", "arn:aws:s3:::example-bucket/*"]
"""


@pytest.mark.parametrize("great_house", [None, 170], ids=["full pages", "pages that end early"], indirect=True)
def test_a_plan_without_changes_costs_pages_and_at_most_four_calls_more(great_house: House) -> None:
    plan = great_house.plan()
    assert not plan.changes
    assert plan.unchanged == ROLES
    pages = great_house.box.calls["ListRoles"]
    assert pages == ceil(ROLES / (great_house.box.world.page_size or 1_000))
    assert great_house.box.calls["GetAccountAuthorizationDetails"] == pages
    assert great_house.box.calls.total() <= 2 * pages + FEW
    assert plan.calls == great_house.box.calls
    assert not great_house.box.mutating_calls
