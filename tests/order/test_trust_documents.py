"""Every trust document that is ever planned is one that IAM takes, whatever has become of those whom it named.

A role trusts some by a document of any shape; then principals are deleted, recreated, renamed; then the manifests say
something else. Whatever the plan makes of it, the sandbox accepts each document of it, dead IDs and all.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

from hypothesis import event, given
from hypothesis import strategies as st

from reconciler.sandbox import Account
from reconciler.sandbox.errors import IamError
from tests.scenarios.house import ACCOUNT, House, arn

Json: TypeAlias = dict[str, Any]

USERS, ROLES = ("ann", "ben"), ("xen", "yak")
NAMED = [*(arn("user", name) for name in USERS), *(arn("role", name) for name in ROLES)]
OTHERS = [ACCOUNT, arn("role", "one"), "*", "arn:aws:sts::111122223333:assumed-role/xen/session"]
MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
EVENTS: dict[str, Callable[[Account], object]] = {
    "ann is deleted": lambda account: account.delete_user("ann"),
    "ann is recreated": lambda account: account.recreate_user("ann"),
    "ben is renamed": lambda account: account.rename_user("ben", new_name="bob"),
    "ben is moved": lambda account: account.rename_user("ben", new_path="/staff/"),
    "a namesake of ben comes": lambda account: account.create_user("ben"),
    "xen is recreated": lambda account: account.recreate_role("xen"),
    "yak is deleted": lambda account: account.delete_role("yak"),
    "one is recreated": lambda account: account.recreate_role("one"),
    "one is deleted": lambda account: account.delete_role("one"),
}


def statements() -> st.SearchStrategy[Json]:
    named = st.lists(st.sampled_from(NAMED), min_size=1, max_size=3, unique=True)
    return st.builds(
        _statement,
        effect=st.sampled_from(["Allow", "Allow", "Deny"]),
        named=named,
        other=st.sampled_from([*OTHERS, None, None, None]),
        when=st.sampled_from([{}, {}, {"Condition": MFA}]),
    )


def _statement(*, effect: str, named: list[str], other: str | None, when: Json) -> Json:
    who = [*named, other] if other else named[0] if len(named) == 1 else named
    return {"Effect": effect, "Principal": {"AWS": who}, "Action": "sts:AssumeRole", **when}


def documents() -> st.SearchStrategy[Json]:
    several = st.lists(statements(), min_size=1, max_size=3)
    return several.map(lambda found: {"Version": "2012-10-17", "Statement": found})


def declare(house: House, trust: Json) -> None:
    house.write("one.json", json.dumps({"kind": "Role", "name": "one", "trust_policy": trust}))


def apply(house: House) -> str:
    """Apply after a review, see that nothing was refused, and return what was done, for the statistics."""
    result = house.apply(reviewed=True)
    refused = [found for found in result.outcomes if found.diagnostic and found.diagnostic.is_error]
    assert not refused
    house.pass_time()
    return "written" if result.outcomes else "nothing written"


@given(
    before=documents(),
    after=st.none() | documents(),
    by_hand=st.none() | documents(),
    happened=st.lists(st.sampled_from(sorted(EVENTS)), max_size=3, unique=True),
    memory=st.sampled_from(["kept", "lost"]),
)
def test_every_trust_document_ever_planned_is_accepted_by_the_sandbox(
    before: Json, after: Json | None, by_hand: Json | None, happened: list[str], memory: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder))
        for name in USERS:
            house.account.create_user(name)
        for name in ROLES:
            house.account.create_role(name)
        declare(house, before)
        apply(house)
        with suppress(IamError):
            if by_hand is not None:
                house.account.put_trust("one", by_hand)
        for one in happened:
            with suppress(IamError):
                EVENTS[one](house.account)
        if memory == "lost":
            house.lose_state()
        declare(house, after or before)
        event(apply(house))
