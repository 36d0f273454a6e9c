"""What is written of a document while its last word waits: who is alive and declared is not locked out for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.scenarios.house import House, allow, arn, change, done, held, trusting

MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
ALICE, BOB, EVE, MALLORY = (arn("user", name) for name in ("alice", "bob", "eve", "mallory"))
INLINE = "inline_policies: {x: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 's3:*', Resource: '*'}]}}"
GUARD = f"statement: {{Effect: Deny, Principal: {{AWS: '{MALLORY}'}}, Action: 'sts:AssumeRole'}}"


@pytest.fixture
def peopled(house: House) -> House:
    """A house in which four users live."""
    for name in ("alice", "bob", "eve", "mallory"):
        house.account.create_user(name)
    return house


def declare(house: House, *entries: str, more: str = "") -> None:
    house.write(
        "deployer.yaml", "\n".join(["kind: Role\nname: deployer\ntrust:", *(f"  - {one}" for one in entries), more])
    )


def saying(effect: str, *names: str, when: Any = None) -> dict[str, Any]:
    """Return a statement of a trust."""
    (statement,) = trusting(*names, effect=effect)["Statement"]
    return {**statement, **({"Condition": when} if when else {})}


def put(house: House, *statements: dict[str, Any]) -> None:
    house.account.put_trust("deployer", {"Version": "2012-10-17", "Statement": list(statements)})


def said(house: House, effect: str) -> set[tuple[str, str]]:
    """Return whom the trust of the role allows or denies, by name, and under which condition."""
    return {
        (name, str(one.get("Condition", "")))
        for one in house.account.trust("deployer")["Statement"]
        if one["Effect"] == effect
        for name in ("alice", "bob", "eve", "mallory", "root")
        if f"/{name}'" in f"{one}" or f":{name}'" in f"{one}"
    }


def allowed(house: House) -> set[tuple[str, str]]:
    return said(house, "Allow")


def denied(house: House) -> set[str]:
    return {name for name, _ in said(house, "Deny")}


def rests_after_one_bare_apply(house: House) -> None:
    """Assert that an apply holds something, and that the next one writes nothing."""
    assert held(house.apply()) == ["role/deployer"]
    house.box.reset_calls()
    assert held(house.apply()) == ["role/deployer"]
    assert not house.box.mutating_calls


def guarded(house: House) -> None:
    declare(house, "user: [alice, bob]", GUARD)
    house.settle()


def test_a_guard_swapped_by_a_responder_locks_nobody_else_out(peopled: House) -> None:
    guarded(peopled)
    put(peopled, saying("Allow", ALICE, BOB), saying("Deny", BOB))
    assert change(peopled.plan(), "role/deployer").notices == ()
    rests_after_one_bare_apply(peopled)
    assert (allowed(peopled), denied(peopled)) == ({("alice", ""), ("bob", "")}, {"bob", "mallory"})
    peopled.settle()


def test_a_guard_that_died_is_bound_beside_that_of_a_responder(peopled: House) -> None:
    guarded(peopled)
    peopled.account.recreate_user("mallory")
    put(peopled, saying("Allow", ALICE, BOB), saying("Deny", BOB))
    rests_after_one_bare_apply(peopled)
    assert (allowed(peopled), denied(peopled)) == ({("alice", ""), ("bob", "")}, {"bob", "mallory"})
    peopled.settle()


def test_a_guard_swapped_in_the_manifest_locks_nobody_out_while_somebody_recreated_waits(peopled: House) -> None:
    guarded(peopled)
    peopled.account.recreate_user("alice")
    declare(peopled, "user: [alice, bob]", GUARD.replace("mallory", "eve"))
    rests_after_one_bare_apply(peopled)
    assert (allowed(peopled), denied(peopled)) == ({("bob", "")}, {"eve", "mallory"})
    peopled.settle()


def test_what_a_responder_demands_is_still_demanded_and_no_more_than_that(peopled: House) -> None:
    guarded(peopled)
    peopled.account.recreate_user("mallory")
    put(peopled, saying("Allow", ALICE, BOB, when=MFA))
    assert change(peopled.plan(), "role/deployer").notices == ()
    rests_after_one_bare_apply(peopled)
    assert (allowed(peopled), denied(peopled)) == ({("alice", str(MFA)), ("bob", str(MFA))}, {"mallory"})
    peopled.settle()


def test_whoever_was_let_in_by_hand_goes_and_whoever_has_to_show_more_stays(peopled: House) -> None:
    declare(peopled, "user: [alice, bob]")
    peopled.settle()
    put(peopled, saying("Allow", ALICE), saying("Allow", BOB, when=MFA), saying("Allow", EVE))
    rests_after_one_bare_apply(peopled)
    assert allowed(peopled) == {("alice", ""), ("bob", str(MFA))}
    peopled.settle()


def test_a_role_is_closed_only_where_nobody_is_left_and_the_plan_says_so(peopled: House) -> None:
    declare(peopled, "user: alice")
    peopled.settle()
    peopled.account.recreate_user("alice")
    put(peopled, saying("Allow", EVE))
    declare(peopled, "user: alice", GUARD)
    (notice,) = change(peopled.plan(), "role/deployer").notices
    assert "nobody can assume role/deployer until this is approved" in notice
    rests_after_one_bare_apply(peopled)
    assert allowed(peopled) == set()
    peopled.settle()


def test_whom_the_manifest_trusts_by_way_of_his_account_instead_stays(peopled: House) -> None:
    declare(peopled, "user: [alice, bob]")
    peopled.settle()
    peopled.account.recreate_user("alice")
    declare(peopled, "user: alice", "{user: bob, survives_recreation: true}")
    assert change(peopled.plan(), "role/deployer").notices == ()
    peopled.box.reset_calls()
    assert held(peopled.apply()) == ["role/deployer"]
    assert not peopled.box.mutating_calls
    put(peopled, saying("Allow", BOB), saying("Allow", EVE))
    rests_after_one_bare_apply(peopled)
    assert allowed(peopled) == {("bob", "")}
    peopled.settle()


def test_whom_a_responder_names_of_a_trusted_account_stays_while_a_guard_is_bound(peopled: House) -> None:
    declare(peopled, "account: '111122223333'", GUARD)
    peopled.settle()
    peopled.account.recreate_user("mallory")
    put(peopled, saying("Allow", ALICE))
    assert change(peopled.plan(), "role/deployer").notices == ()
    rests_after_one_bare_apply(peopled)
    assert (allowed(peopled), denied(peopled)) == ({("alice", "")}, {"mallory"})
    peopled.settle()


def test_whom_the_manifest_trusts_by_way_of_his_account_does_not_gain_by_that_with_what_else_is_given(
    peopled: House,
) -> None:
    """Named, he needs no policy of his own; so he must not have both that and what the role is still to get."""
    declare(peopled, "user: [alice, bob]")
    peopled.settle()
    peopled.account.recreate_user("alice")
    declare(peopled, "user: alice", "{user: bob, survives_recreation: true}", more=INLINE)
    (notice,) = change(peopled.plan(), "role/deployer").notices
    assert "nobody can assume role/deployer until this is approved" in notice
    rests_after_one_bare_apply(peopled)
    assert allowed(peopled) == set()
    peopled.settle()


def test_a_role_that_was_closed_is_not_written_again_for_a_guard(peopled: House) -> None:
    guarded(peopled)
    peopled.account.recreate_user("mallory")
    put(peopled, saying("Deny", "*"))
    assert change(peopled.plan(), "role/deployer").notices == ()
    peopled.box.reset_calls()
    assert held(peopled.apply()) == ["role/deployer"]
    assert not peopled.box.mutating_calls
    peopled.settle()


def test_a_trust_longer_than_the_account_takes_is_not_written(peopled: House) -> None:
    guarded(peopled)
    put(peopled, saying("Allow", ALICE, BOB), saying("Deny", BOB))
    peopled.account.set_quotas(AssumeRolePolicySizeQuota=300)
    (notice,) = change(peopled.plan(), "role/deployer").notices
    assert "nobody can assume role/deployer until this is approved" in notice
    rests_after_one_bare_apply(peopled)
    peopled.settle()


@pytest.mark.parametrize(("quota", "closed"), [(4096, False), (None, True)], ids=["it is", "nobody knows"])
def test_a_trust_grows_beyond_what_every_account_takes_only_where_the_account_is_known_to_take_it(
    peopled: House,
    quota: int | None,
    closed: bool,  # noqa: FBT001  of two ends
) -> None:
    guarded(peopled)
    names = [f"arn:aws:iam::111122223333:user/{'x' * 50}{number}" for number in range(20)]
    put(peopled, saying("Allow", ALICE, BOB), saying("Deny", BOB, when={"ArnEquals": {"aws:PrincipalArn": names}}))
    if quota:
        peopled.account.set_quotas(AssumeRolePolicySizeQuota=quota)
    else:
        peopled.box.faults.deny("GetAccountSummary")
    assert bool(change(peopled.plan(), "role/deployer").notices) is closed
    rests_after_one_bare_apply(peopled)
    assert bool(allowed(peopled)) is not closed


# --- inline policies ----------------------------------------------------------------------------------------

GETS = {**allow("s3:GetObject")["Statement"][0], "Condition": MFA}
BUYS = allow("ec2:*")["Statement"][0]


def inline(house: House) -> str:
    return str(dict(house.account.state.tables.roles.get("deployer").inline))


def test_an_inline_policy_limited_by_a_responder_loses_what_somebody_added_and_nothing_more(peopled: House) -> None:
    declare(peopled, "user: alice", more=INLINE)
    peopled.settle()
    peopled.account.put_role_policy("deployer", "x", {"Version": "2012-10-17", "Statement": [GETS, BUYS]})
    rests_after_one_bare_apply(peopled)
    assert [word in inline(peopled) for word in ("s3:GetObject", "MultiFactor", "ec2:")] == [True, True, False]
    peopled.settle()


@pytest.mark.parametrize("hold", [["broaden"], []], ids=["held", "passed"])
def test_an_inline_policy_loses_at_once_what_its_manifest_drops_where_what_it_adds_waits(
    peopled: House, hold: list[str]
) -> None:
    peopled.configure(approvals={"hold": hold})
    declare(peopled, "user: alice", more=INLINE.replace("'s3:*'", "['s3:GetObject', 's3:ListBucket']"))
    peopled.settle()
    declare(peopled, "user: alice", more=INLINE.replace("'s3:*'", "['s3:GetObject', 's3:PutObject']"))
    if hold:
        rests_after_one_bare_apply(peopled)
    else:
        assert done(peopled.apply()) == ["PutRolePolicy role/deployer"], "nothing waits, so that one write will do"
    assert [word in inline(peopled) for word in ("s3:GetObject", "s3:ListBucket", "s3:PutObject")] == [
        True,
        False,
        not hold,
    ]
    peopled.settle()


def test_a_managed_policy_loses_at_once_what_its_manifest_drops_where_what_it_adds_waits(house: House) -> None:
    policy = "kind: ManagedPolicy\nname: Lists\npolicy: {0}\n"
    house.configure(approvals={"hold": ["broaden"]})
    house.write("lists.yaml", policy.format(saying_of("s3:GetObject", "s3:ListBucket")))
    house.settle()
    house.write("lists.yaml", policy.format(saying_of("s3:GetObject", "s3:PutObject")))
    for _ in range(2):
        assert held(house.apply()) == ["managed_policy/Lists"]
        written = str(house.account.state.tables.policies.get("Lists").document)
        assert [word in written for word in ("s3:GetObject", "s3:ListBucket", "s3:PutObject")] == [True, False, False]
    house.settle()


def saying_of(*actions: str) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]})
