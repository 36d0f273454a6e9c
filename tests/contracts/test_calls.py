"""What a look at an account costs: pages, and a few calls more, however many roles there are."""

from __future__ import annotations

from datetime import UTC, datetime
from math import ceil

import pytest

from reconciler.iam import Aws
from reconciler.sandbox import Sandbox
from reconciler.snapshot import read_snapshot

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
    taken = read_snapshot(iam, caller=iam.caller, with_policies=False, clock=lambda: NOW)
    assert len(taken.roles) == ROLES
    pages = ceil(ROLES / (page_size or 1_000))
    assert box.calls["ListRoles"] == pages
    assert box.calls["GetAccountAuthorizationDetails"] == pages
    assert sum(box.calls.values()) <= 2 * pages + FEW
    assert taken.calls == dict(box.calls)
    assert not box.mutating_calls
