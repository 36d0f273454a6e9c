"""One apply that holds all that an apply can do: make, change, replace, take over, delete, a new policy version."""

from __future__ import annotations

from collections.abc import Iterable

from tests.apply.house import House

LIST = '{Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:ListBucket", Resource: "arn:aws:s3:::b"}]}'
READ = '{Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/*"}]}'

BEFORE = f"""
kind: Role
name: changing
trust: [{{user: alice}}]
managed_policies: [Versioned, Leaving]
inline_policies: {{list: {LIST}}}
tags: {{team: storage}}
---
kind: Role
name: moving
trust: [{{user: alice}}]
inline_policies: {{list: {LIST}}}
managed_policies: [Versioned]
---
kind: Role
name: trusting
trust: [{{role: moving}}]
---
kind: Role
name: leaving
trust: [{{user: alice}}]
managed_policies: [Leaving]
inline_policies: {{list: {LIST}}}
---
kind: ManagedPolicy
name: Versioned
policy: {LIST}
---
kind: ManagedPolicy
name: Leaving
policy: {LIST}
"""

AFTER = f"""
kind: Role
name: changing
trust: [{{user: alice}}, {{user: bob}}]
managed_policies: [Versioned, New]
inline_policies: {{read: {READ}}}
tags: {{team: storage, stage: prod}}
description: changed
---
kind: Role
name: moving
path: /team/
trust: [{{user: alice}}]
inline_policies: {{list: {LIST}}}
managed_policies: [Versioned]
---
kind: Role
name: trusting
trust: [{{role: moving}}]
---
kind: Role
name: adopted
trust: [{{user: bob}}]
inline_policies: {{read: {READ}}}
---
kind: Role
name: fresh
trust: [{{role: trusting}}, {{user: bob}}]
managed_policies: [New]
inline_policies: {{list: {LIST}, read: {READ}}}
tags: {{team: storage}}
---
kind: ManagedPolicy
name: Versioned
policy: {READ}
---
kind: ManagedPolicy
name: New
policy: {READ}
"""

GOAL = {
    "managed_policy/New",
    "managed_policy/Versioned",
    "role/adopted",
    "role/changing",
    "role/fresh",
    "role/moving",
    "role/trusting",
}


def before(house: House) -> None:
    """Bring a house to where the apply begins, with its manifests already as they are to be."""
    house.account.create_user("alice")
    house.account.create_user("bob")
    house.write("all.yaml", BEFORE)
    house.applied()
    house.account.create_role("adopted")
    house.write("all.yaml", AFTER)
    house.box.reset_calls()


def done_once(house: House, *, but: Iterable[str] = ()) -> None:
    """Make sure that all is as declared and owned, nothing was made twice, and nothing is left to do."""
    again = house.applied()
    assert not again, again
    assert house.plan().changes == ()
    assert house.owned.keys() == GOAL
    assert {address: house.live[address] for address in GOAL} == house.owned
    assert house.live.keys() == GOAL | set(but)
    assert not house.state.get("intents")
