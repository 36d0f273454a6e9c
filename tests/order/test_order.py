"""The order of calls in situations that a reviewer would ask about, and what the plan says of the moments between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import pytest

from reconciler.model.change import Action, Approval, Call, Change
from reconciler.model.form import digests_of
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.policy import PolicyDocument
from reconciler.model.role import Role
from reconciler.plan import Plan, Policy, make_plan
from reconciler.snapshot import Quotas
from tests.order.worlds import (
    ALICE_ARN,
    BOB_ARN,
    ROOMY,
    ROOT,
    STRANGER_ARN,
    TEAM,
    Account,
    allowing,
    document,
    policy,
    policy_arn,
    role,
    role_arn,
    trusting,
    world,
)

Things: TypeAlias = Sequence[Role | ManagedPolicy]
READ, WRITE, ERASE = allowing("x:Read"), allowing("x:Write"), allowing("x:Erase")
NO_READ, NO_WRITE = allowing("x:Read", effect="Deny"), allowing("x:Write", effect="Deny")
ASSUME = allowing("sts:AssumeRole")
AWS_READS = "arn:aws:iam::aws:policy/ReadOnlyAccess"
AWS_QUARANTINE = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2"


def plan(start: Things, goal: Things, quotas: Quotas = ROOMY) -> Plan:
    """The plan, after every state on its way was found to stay within its ends."""
    known = world(start, goal, quotas)
    known = replace(known, snapshot=replace(known.snapshot, known_policies={AWS_READS: True, AWS_QUARANTINE: True}))
    found = make_plan(known, policy=Policy(held=frozenset()))
    assert found.blockers == ()
    return found


def walked(found: Plan, start: Things) -> list[Account]:
    """Every state on the way of a plan, none of which may allow what neither end allows."""
    account = Account.of(world(start, []))
    passed = [account.copy()]
    for change, position in in_order(found):
        account.do(change, change.operations[position])
        passed.append(account.copy())
    within = passed[0].access() | passed[-1].access()
    assert all(state.access() <= within for state in passed)
    return passed


def in_order(found: Plan) -> list[tuple[Change, int]]:
    calls = [(change, position) for change in found.changes for position in range(len(change.operations))]
    return sorted(calls, key=lambda call: (call[0].operations[call[1]].stage, call[0].address))


def calls(found: Plan) -> list[str]:
    """Every call in order, with the name of its object."""
    return [
        f"{change.operations[position].call} {change.address.rpartition('/')[2]}"
        for change, position in in_order(found)
    ]


def notices(found: Plan) -> list[str]:
    return [notice for change in found.changes for notice in change.notices]


def trusted_in_between(found: Plan) -> list[Any]:
    """The trust documents that are written, in order, as who may assume."""
    return [
        [statement["Principal"]["AWS"] for statement in operation.params["PolicyDocument"]["Statement"]]
        for change, position in in_order(found)
        if (operation := change.operations[position]).call is Call.UPDATE_ASSUME_ROLE_POLICY
    ]


# --- trust and permissions of one role ----------------------------------------------------------------------


def test_who_leaves_goes_before_more_is_given_and_who_comes_comes_after_it_is_taken() -> None:
    start: Things = [role("a", trusting(ALICE_ARN, BOB_ARN), inline={"i": [READ]})]
    goal: Things = [role("a", trusting(BOB_ARN, STRANGER_ARN), inline={"j": [WRITE]})]
    found = plan(start, goal)

    assert calls(found) == [
        "UpdateAssumeRolePolicy a",
        "PutRolePolicy a",
        "DeleteRolePolicy a",
        "UpdateAssumeRolePolicy a",
    ]
    assert trusted_in_between(found) == [[[BOB_ARN]], [[BOB_ARN, STRANGER_ARN]]]
    assert notices(found) == []
    walked(found, start)


def test_nobody_in_common_means_nobody_for_a_moment_and_the_plan_says_so() -> None:
    start: Things = [role("a", trusting(ALICE_ARN), inline={"i": [READ]})]
    goal: Things = [role("a", trusting(BOB_ARN), inline={"i": [WRITE]})]
    found = plan(start, goal)

    assert trusted_in_between(found) == [[ROOT], [[BOB_ARN]]]
    assert "nobody can assume role/a for a moment: its old and new trust have nobody in common" in notices(found)
    walked(found, start)


def test_a_trust_alone_is_replaced_in_one_call() -> None:
    found = plan([role("a", trusting(ALICE_ARN))], [role("a", trusting(BOB_ARN))])

    assert calls(found) == ["UpdateAssumeRolePolicy a"]
    assert notices(found) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([READ], [READ, WRITE], ["UpdateAssumeRolePolicy a", "PutRolePolicy a"]),
        ([READ, WRITE], [READ], ["PutRolePolicy a", "UpdateAssumeRolePolicy a"]),
    ],
)
def test_a_trust_that_changes_hands_moves_on_the_side_where_less_is_allowed(
    before: list[Any], after: list[Any], expected: list[str]
) -> None:
    start: Things = [role("a", trusting(ALICE_ARN), inline={"i": before})]
    found = plan(start, [role("a", trusting(BOB_ARN), inline={"i": after})])

    assert calls(found) == expected
    walked(found, start)


def test_a_trust_that_only_narrows_comes_first_and_one_that_only_widens_last() -> None:
    both, one = trusting(ALICE_ARN, BOB_ARN), trusting(ALICE_ARN)
    narrowing = plan([role("a", both, inline={"i": [READ]})], [role("a", one, inline={"j": [WRITE]})])
    widening = plan([role("a", one, inline={"i": [READ]})], [role("a", both, inline={"j": [WRITE]})])

    assert calls(narrowing)[0] == "UpdateAssumeRolePolicy a"
    assert calls(widening)[-1] == "UpdateAssumeRolePolicy a"


def test_who_meets_either_condition_may_be_shut_out_for_a_moment_and_the_plan_says_so() -> None:
    red, blue = ({"Condition": {"StringEquals": {"aws:PrincipalTag/team": team}}} for team in ("red", "blue"))
    start: Things = [role("a", trusting(ALICE_ARN) | red, trusting(BOB_ARN), inline={"i": [READ]})]
    goal: Things = [role("a", trusting(ALICE_ARN) | blue, trusting(BOB_ARN), inline={"i": [WRITE]})]
    found = plan(start, goal)

    assert "not everybody who keeps the right to assume role/a can do so at every moment" in notices(found)
    walked(found, start)


# --- guards -------------------------------------------------------------------------------------------------


def test_two_policies_that_each_lose_and_gain_behind_guards_move_behind_a_closed_trust() -> None:
    start: Things = [role("a", trusting(ALICE_ARN), inline={"i": [READ, NO_WRITE], "j": [WRITE]})]
    goal: Things = [role("a", trusting(ALICE_ARN), inline={"i": [WRITE, NO_READ], "j": [ERASE]})]
    found = plan(start, goal)

    assert trusted_in_between(found) == [[ROOT], [[ALICE_ARN]]]
    assert notices(found) == ["nobody can assume role/a while its permissions change: no order of the calls is safe"]
    walked(found, start)


def test_a_guard_comes_before_what_it_guards_and_goes_after_it() -> None:
    bare, guarded = role("a", trusting(ALICE_ARN)), role("a", trusting(ALICE_ARN), inline={"d": [NO_READ], "i": [READ]})
    loose = replace(bare, inline_policies={"o": document(READ)})

    assert calls(plan([bare], [guarded])) == ["PutRolePolicy a", "PutRolePolicy a"]
    for start, goal in ([bare], [guarded]), ([guarded], [bare]), ([guarded], [loose]), ([loose], [guarded]):
        walked(plan(start, goal), start)


def test_a_boundary_goes_on_before_more_is_given_and_off_after_less_is_left() -> None:
    bound = policy("P", READ)
    bare = role("a", trusting(ALICE_ARN), inline={"i": [READ]})
    bounded = role("a", trusting(ALICE_ARN), inline={"i": [READ, WRITE]}, permissions_boundary=bound.arn)

    assert calls(plan([bound, bare], [bound, bounded])) == ["PutRolePermissionsBoundary a", "PutRolePolicy a"]
    assert calls(plan([bound, bounded], [bound, bare])) == ["PutRolePolicy a", "DeleteRolePermissionsBoundary a"]
    walked(plan([bound, bare], [bound, bounded]), [bound, bare])
    walked(plan([bound, bounded], [bound, bare]), [bound, bounded])


def test_one_boundary_takes_the_place_of_another_that_is_being_changed() -> None:
    one, other = policy("P", READ), policy("Q", WRITE)
    bounded = role("a", trusting(ALICE_ARN), inline={"i": [READ, WRITE]}, permissions_boundary=one.arn)
    moved = replace(bounded, permissions_boundary=other.arn)
    start: Things = [one, other, bounded]

    walked(plan(start, [one, other, moved]), start)
    walked(plan(start, [one, policy("Q", ERASE), moved]), start)


def test_a_tag_that_no_policy_asks_for_is_written_beside_the_rest() -> None:
    start: Things = [role("a", trusting(ALICE_ARN), tags={"Team": "red", "x": "1"}, inline={"i": [READ]})]
    goal: Things = [role("a", trusting(ALICE_ARN), tags={"team": "red", "x": "2"}, inline={"i": [WRITE]})]

    found = plan(start, goal)
    assert calls(found) == ["PutRolePolicy a", "UntagRole a", "TagRole a"]
    walked(found, start)


def test_tags_that_a_policy_asks_for_change_behind_a_closed_trust() -> None:
    asks = {"i": [allowing("x:Read", Condition=TEAM)]}
    start: Things = [role("a", trusting(ALICE_ARN), tags={"Team": "blue"}, inline=asks)]
    found = plan(start, [role("a", trusting(ALICE_ARN), tags={"team": "red"}, inline=asks)])

    assert calls(found) == ["UpdateAssumeRolePolicy a", "UntagRole a", "TagRole a", "UpdateAssumeRolePolicy a"]
    walked(found, start)


# --- managed policies ---------------------------------------------------------------------------------------


def test_a_policy_is_given_before_another_is_taken() -> None:
    start: Things = [policy("P", READ), policy("Q", READ, WRITE), role("a", trusting(ALICE_ARN), attached=["P"])]
    found = plan(start, [*start[:2], role("a", trusting(ALICE_ARN), attached=["Q"])])

    assert calls(found) == ["AttachRolePolicy a", "DetachRolePolicy a"]
    assert all(state.access() >= Account.of(world(start, [])).access() for state in walked(found, start))


def test_without_room_under_the_quota_it_is_taken_first_and_said() -> None:
    start: Things = [policy("P", READ), policy("Q", READ, WRITE), role("a", trusting(ALICE_ARN), attached=["P"])]
    goal: Things = [*start[:2], role("a", trusting(ALICE_ARN), attached=["Q"])]
    found = plan(start, goal, Quotas(attached_policies_per_role=1))

    assert calls(found) == ["DetachRolePolicy a", "AttachRolePolicy a"]
    assert notices(found) == ["policies are detached before others are attached: the quota leaves no room for both"]


def test_without_room_for_inline_policies_what_shrinks_comes_first() -> None:
    full = role("a", trusting(ALICE_ARN), inline={"i": [READ, ERASE], "j": [READ], "k": [READ]})
    start: Things = [full]
    goal: Things = [role("a", trusting(ALICE_ARN), inline={"i": [WRITE], "j": [READ, WRITE]}, tags={"x": "1"})]
    size = sum(held.size for held in full.inline_policies.values())
    found = plan(start, goal, Quotas(inline_policies_size=size))

    assert calls(found) == ["PutRolePolicy a", "DeleteRolePolicy a", "TagRole a", "PutRolePolicy a"]
    assert notices(found) == ["inline policies are taken before others are given: the quota leaves no room for both"]


def test_guards_that_change_places_without_room_do_so_behind_a_closed_trust() -> None:
    start: Things = [
        policy("P", READ, NO_WRITE),
        policy("Q", WRITE, NO_READ),
        role("a", trusting(ALICE_ARN), attached=["P"]),
    ]
    goal: Things = [*start[:2], role("a", trusting(ALICE_ARN), attached=["Q"])]
    found = plan(start, goal, Quotas(attached_policies_per_role=1))

    assert calls(found)[1:3] == ["DetachRolePolicy a", "AttachRolePolicy a"]
    assert len(trusted_in_between(found)) == 2


def test_roles_that_swap_their_policies_lose_nothing() -> None:
    policies: Things = [policy("P", READ), policy("Q", WRITE)]
    one, other = (
        [role("a", trusting(ALICE_ARN), attached=["P"]), role("b", trusting(ALICE_ARN), attached=["Q"])],
        [
            role("a", trusting(ALICE_ARN), attached=["Q"]),
            role("b", trusting(ALICE_ARN), attached=["P"]),
        ],
    )
    found = plan([*policies, *one], [*policies, *other])

    assert notices(found) == []
    walked(found, [*policies, *one])


def test_whoever_gets_a_policy_gets_it_narrowed_and_whoever_leaves_it_leaves_before_it_grows() -> None:
    start: Things = [
        policy("P", READ, WRITE),
        policy("Q", READ),
        role("a", trusting(ALICE_ARN), attached=["Q"]),
        role("b", trusting(ALICE_ARN), attached=["P"]),
    ]
    goal: Things = [
        policy("P", READ),
        policy("Q", READ, ERASE),
        role("a", trusting(ALICE_ARN), attached=["P"]),
        role("b", trusting(ALICE_ARN), attached=["P", "Q"]),
    ]
    found = plan(start, goal)

    order = calls(found)
    assert order.index("CreatePolicyVersion P") < order.index("AttachRolePolicy a")
    assert order.index("DetachRolePolicy a") < order.index("CreatePolicyVersion Q")
    walked(found, start)


def test_the_oldest_version_goes_where_there_is_no_room_for_another() -> None:
    full = policy("P", READ, versions=("v1", "v2", "v3", "v4", "v5"))
    start: Things = [full, role("a", trusting(ALICE_ARN), attached=["P"])]
    found = plan(start, [policy("P", WRITE), start[1]])

    assert calls(found) == ["DeletePolicyVersion P", "CreatePolicyVersion P"]
    walked(found, start)


def test_guards_that_a_role_left_alone_holds_twice_go_through_what_they_have_in_common() -> None:
    held = role("a", trusting(ALICE_ARN), attached=["P", "Q"])
    start: Things = [policy("P", READ, NO_WRITE, versions=("v1", "v2", "v3", "v4", "v5")), policy("Q", WRITE), held]
    found = plan(start, [policy("P", WRITE, NO_READ), policy("Q", READ), held])

    assert calls(found).count("CreatePolicyVersion P") == calls(found).count("CreatePolicyVersion Q") == 2
    assert notices(found) == [
        f"managed_policy/{name} allows only what its old and new document have in common for a moment" for name in "PQ"
    ]
    walked(found, start)


def test_a_replaced_policy_is_taken_off_made_again_and_put_back() -> None:
    start: Things = [policy("P", READ, versions=("v1", "v2")), role("a", trusting(ALICE_ARN), attached=["P"])]
    moved = policy("P", READ, path="/moved/")
    found = plan(start, [moved, role("a", trusting(ALICE_ARN), attached_arns=frozenset({moved.arn}))])

    assert calls(found) == [
        "DetachRolePolicy a",
        "DeletePolicyVersion P",
        "DeletePolicy P",
        "CreatePolicy P",
        "AttachRolePolicy a",
    ]
    assert notices(found) == ["a policy of role/a is replaced, which takes the old one off before the new one is there"]
    walked(found, start)


def test_a_replaced_policy_beside_a_moving_guard_is_put_back_behind_a_closed_trust() -> None:
    start: Things = [policy("P", READ), role("a", trusting(ALICE_ARN), attached=["P"], inline={"i": [NO_READ]})]
    moved = policy("P", WRITE, path="/moved/")
    goal: Things = [
        moved,
        role("a", trusting(ALICE_ARN), attached_arns=frozenset({moved.arn}), inline={"i": [NO_WRITE]}),
    ]
    found = plan(start, goal)

    assert len(trusted_in_between(found)) == 2
    walked(found, start)


def test_a_policy_goes_after_the_last_boundary_that_it_was() -> None:
    bounded = role("a", trusting(ALICE_ARN), permissions_boundary=policy_arn("P"))
    gone = role("b", trusting(ALICE_ARN), permissions_boundary=policy_arn("P"), attached=["P"])
    start: Things = [policy("P", READ), bounded, gone]
    found = plan(start, [replace(bounded, permissions_boundary=None)])

    assert calls(found)[-1] == "DeletePolicy P"
    walked(found, start)


def test_an_aws_policy_is_judged_by_its_name() -> None:
    bare = role("a", trusting(ALICE_ARN), inline={"i": [READ]})
    both = replace(bare, managed_policies=frozenset({AWS_READS, AWS_QUARANTINE}), inline_policies={})
    attaching, detaching = plan([bare], [both]), plan([both], [bare])

    attached = [operation.params.get("PolicyArn") for operation in attaching.changes[0].operations]
    assert attached == [None, AWS_QUARANTINE, AWS_READS]
    assert detaching.changes[0].broadens


# --- roles that come and go ---------------------------------------------------------------------------------


def test_a_role_that_trusts_itself_is_made_with_the_rest_of_its_trust() -> None:
    found = plan([], [role("a", trusting(ALICE_ARN, role_arn("a")), inline={"i": [READ]})])

    assert calls(found) == ["CreateRole a", "PutRolePolicy a", "UpdateAssumeRolePolicy a"]
    assert found.changes[0].operations[0].params["AssumeRolePolicyDocument"]["Statement"] == [trusting(ALICE_ARN)]
    walked(found, [])


def test_a_role_that_trusts_itself_alone_or_shuts_itself_out_is_made_closed() -> None:
    alone = plan([], [role("a", trusting(role_arn("a")))])
    shut = plan([], [role("a", trusting("*"), trusting(role_arn("a"), effect="Deny"))])

    for found in (alone, shut):
        first = found.changes[0].operations[0].params["AssumeRolePolicyDocument"]["Statement"]
        assert [statement["Effect"] for statement in first] == ["Deny"]
        walked(found, [])


@pytest.mark.parametrize("count", [2, 3, 6])
def test_roles_that_trust_each_other_in_a_ring_are_all_made(count: int) -> None:
    names = [f"r{number}" for number in range(count)]
    ring = [
        role(name, trusting(role_arn(following)), trusting(ALICE_ARN))
        for name, following in zip(names, [*names[1:], names[0]], strict=True)
    ]
    found = plan([], [*ring, role("last", trusting(role_arn("r0")))])

    assert walked(found, [])[-1].objects.keys() == {f"role/{name}" for name in [*names, "last"]}
    assert len(found.changes) == count + 1


def test_a_role_is_made_after_the_policy_that_it_is_bounded_by_and_bears() -> None:
    made: Things = [
        policy("P", READ),
        role("a", trusting(ALICE_ARN), attached=["P"], permissions_boundary=policy_arn("P")),
    ]
    found = plan([], made)

    assert calls(found) == ["CreatePolicy P", "CreateRole a", "AttachRolePolicy a"]
    walked(found, [])


def test_a_role_whose_guards_keep_it_from_others_is_made_closed() -> None:
    found = plan([], [role("a", trusting(ALICE_ARN), inline={"i": [allowing("sts:*", effect="Deny")]})])

    assert calls(found) == ["CreateRole a", "PutRolePolicy a", "UpdateAssumeRolePolicy a"]
    assert notices(found) == [
        "it is made with a narrower trust and gets the whole one afterwards: what it denies has to be there first"
    ]


def test_a_role_whose_guards_keep_it_from_others_is_closed_before_it_goes() -> None:
    start: Things = [
        replace(
            role("a", trusting(ALICE_ARN), inline={"i": [allowing("sts:*", effect="Deny")], "j": [READ]}),
            instance_profiles=("web",),
        ),
        role("b", trusting(role_arn("a"), BOB_ARN)),
    ]
    found = plan(start, [role("b", trusting(BOB_ARN))])

    assert calls(found) == [
        "UpdateAssumeRolePolicy b",
        "UpdateAssumeRolePolicy a",
        "RemoveRoleFromInstanceProfile a",
        "DeleteRolePolicy a",
        "DeleteRolePolicy a",
        "DeleteRole a",
    ]
    walked(found, start)


def test_a_replaced_role_is_trusted_again_by_all_who_trusted_it() -> None:
    start: Things = [
        role("a", trusting(ALICE_ARN), inline={"i": [READ]}),
        role("b", trusting(role_arn("a"), BOB_ARN), inline={"i": [READ]}),
    ]
    moved = role("a", trusting(ALICE_ARN), path="/moved/", inline={"i": [READ]})
    goal: Things = [moved, role("b", trusting(moved.arn, BOB_ARN), inline={"i": [WRITE]})]
    found = plan(start, goal)

    assert {change.address: change.action for change in found.changes} == {
        "role/a": Action.REPLACE,
        "role/b": Action.UPDATE,
    }
    assert [place for trust in trusted_in_between(found) for place in trust] == [[BOB_ARN], [moved.arn, BOB_ARN]]
    walked(found, start)


def test_who_is_yet_to_be_made_and_is_shut_out_is_so_from_the_first_moment() -> None:
    start: Things = [role("b", trusting("*"), trusting(BOB_ARN, effect="Deny"), inline={"i": [READ]})]
    shut = trusting(role_arn("new"), BOB_ARN, effect="Deny")
    found = plan(start, [role("new", trusting(ALICE_ARN)), role("b", trusting("*"), shut, inline={"i": [WRITE]})])

    walked(found, start)


# --- chains of roles ----------------------------------------------------------------------------------------


def test_what_leads_on_to_a_role_is_taken_before_that_role_gains_and_given_after_it_loses() -> None:
    start: Things = [
        role("a", trusting(ALICE_ARN), inline={"i": [READ]}),
        role("b", trusting(ROOT), inline={"i": [WRITE]}),
        role("c", trusting(ALICE_ARN), inline={"i": [ASSUME]}),
    ]
    goal: Things = [
        role("a", trusting(ALICE_ARN), inline={"i": [READ, ASSUME]}),
        role("b", trusting(ROOT), inline={"i": [ERASE]}),
        role("c", trusting(ALICE_ARN), inline={"i": [READ]}),
    ]
    found = plan(start, goal)

    stages = {change.address: change.operations[0].stage for change in found.changes}
    assert stages["role/c"] < stages["role/b"] < stages["role/a"]
    walked(found, start)


def test_a_chain_is_followed_through_roles_that_do_not_change() -> None:
    still = role("s", trusting(role_arn("a")), inline={"i": [ASSUME]})
    start: Things = [
        role("a", trusting(ALICE_ARN)),
        still,
        role("b", trusting(ROOT), inline={"i": [WRITE]}),
    ]
    goal: Things = [role("a", trusting(BOB_ARN)), still, role("b", trusting(ROOT), inline={"i": [READ]})]
    found = plan(start, goal)

    assert calls(found)[-1] == "UpdateAssumeRolePolicy a"
    walked(found, start)


def test_a_chain_ends_at_a_policy_that_changes_for_a_role_that_does_not() -> None:
    still = role("s", trusting(role_arn("a")), attached=["P"])
    start: Things = [role("a", trusting(ALICE_ARN)), still, policy("P", WRITE)]
    found = plan(start, [role("a", trusting(BOB_ARN)), still, policy("P", READ)])

    assert calls(found) == ["UpdateAssumeRolePolicy a", "CreatePolicyVersion P", "UpdateAssumeRolePolicy a"]
    walked(found, start)


def test_what_both_loses_and_gains_roles_to_assume_moves_behind_a_closed_trust() -> None:
    to_b, to_c = allowing("sts:AssumeRole", resource=role_arn("b")), allowing("sts:AssumeRole", resource=role_arn("c"))
    others = [[role(name, trusting(ROOT), inline={"i": [deed]}) for name in "bc"] for deed in (READ, WRITE)]
    start: Things = [role("a", trusting(ALICE_ARN), inline={"i": [to_b]}), *others[0]]
    found = plan(start, [role("a", trusting(ALICE_ARN), inline={"i": [to_c]}), *others[1]])

    assert notices(found) == ["nobody can assume role/a while its permissions change: no order of the calls is safe"]
    walked(found, start)


def test_a_shared_policy_that_leads_elsewhere_goes_through_what_both_ends_allow() -> None:
    to_b, to_c = allowing("sts:AssumeRole", resource=role_arn("b")), allowing("sts:AssumeRole", resource=role_arn("c"))
    others = [[role(name, trusting(ROOT), inline={"i": [deed]}) for name in "bc"] for deed in (READ, WRITE)]
    held = role("a", trusting(ALICE_ARN), attached=["P"])
    start: Things = [policy("P", to_b), held, *others[0]]
    found = plan(start, [policy("P", to_c), held, *others[1]])

    assert calls(found).count("CreatePolicyVersion P") == 2
    walked(found, start)


# --- what waits ---------------------------------------------------------------------------------------------


def test_behind_a_closed_trust_all_wait_for_what_one_waits_for() -> None:
    start: Things = [role("a", trusting(ALICE_ARN), inline={"i": [READ, NO_WRITE], "j": [WRITE]})]
    goal: Things = [role("a", trusting(ALICE_ARN), inline={"i": [WRITE, NO_READ], "j": [ERASE]})]
    (change,) = make_plan(world(start, goal), policy=Policy(held=frozenset({Approval.BROADEN}))).changes

    assert all(operation.held for operation in change.operations)


def test_who_comes_waits_with_what_is_still_to_be_taken() -> None:
    start: Things = [role("a", trusting(ALICE_ARN), inline={"i": [READ, WRITE]})]
    goal: Things = [role("a", trusting(ALICE_ARN, BOB_ARN), inline={"i": [READ, ERASE]})]
    (change,) = make_plan(world(start, goal), policy=Policy(held=frozenset({Approval.BROADEN}))).changes

    assert [operation.held for operation in change.operations] == [True, True]


def applied(earlier: Role, now: Role, goal: Role, *more: Role | ManagedPolicy) -> Change:
    """The change of a role that was applied in an earlier form, and of which somebody took something away since."""
    known = world([now, *more], [goal, *more])
    owned = replace(known.state.objects[now.address], digests=digests_of(earlier))
    objects = {**known.state.objects, now.address: owned}
    known = replace(known, state=replace(known.state, objects=objects))
    found = make_plan(known, policy=Policy())
    return next(change for change in found.changes if change.address == now.address)


def held(change: Change) -> list[tuple[str, bool]]:
    return [(operation.call.value, operation.held) for operation in change.operations]


def test_what_somebody_took_away_waits_while_the_manifest_takes_more() -> None:
    def doing(*statements: Any) -> Role:
        return role("a", trusting(ALICE_ARN), inline={"i": statements})

    change = applied(doing(READ, WRITE, ERASE), doing(WRITE, ERASE), doing(READ, ERASE))
    assert held(change) == [("PutRolePolicy", False), ("PutRolePolicy", True)]
    assert change.operations[0].params["PolicyDocument"]["Statement"] == [ERASE]

    released = Account.of(world([doing(WRITE, ERASE)], []))
    for operation in change.operations:
        released.do(change, operation)
    assert released.objects["role/a"]["inline_policies/i"].same_meaning(document(READ, ERASE))

    guarded = applied(doing(READ, WRITE), doing(WRITE, *[NO_READ] * 9), doing(READ, *[NO_WRITE] * 9))
    assert held(guarded)[-1] == ("PutRolePolicy", True)


def test_whom_somebody_shut_out_waits_while_the_manifest_shuts_out_another() -> None:
    def letting(*arns: str, does: Any = READ) -> Role:
        return role("a", trusting(*arns), inline={"i": [does]})

    one, two, goal = letting(ALICE_ARN, BOB_ARN), letting(BOB_ARN, STRANGER_ARN), letting(ALICE_ARN, BOB_ARN)
    assert held(applied(one, two, goal)) == [("UpdateAssumeRolePolicy", False), ("UpdateAssumeRolePolicy", True)]
    assert held(applied(one, letting(BOB_ARN), goal)) == [("UpdateAssumeRolePolicy", True)]
    assert held(applied(one, two, letting(ALICE_ARN, BOB_ARN, does=WRITE))) == [
        ("UpdateAssumeRolePolicy", False),
        ("PutRolePolicy", False),
        ("UpdateAssumeRolePolicy", True),
    ]


def test_a_shared_policy_gives_what_leads_on_after_that_role_has_lost() -> None:
    still = role("a", trusting(ALICE_ARN), attached=["P"])
    start: Things = [policy("P", READ), still, role("b", trusting(ROOT), inline={"i": [WRITE]})]
    found = plan(start, [policy("P", READ, ASSUME), still, role("b", trusting(ROOT), inline={"i": [ERASE]})])

    assert calls(found) == ["PutRolePolicy b", "CreatePolicyVersion P"]
    walked(found, start)


def test_all_that_a_role_can_be_made_with_is_given_at_once() -> None:
    whole = role("a", trusting(ALICE_ARN), description="x", tags={"t": "1"}, permissions_boundary=policy_arn("P"))
    found = plan([], [policy("P", READ, description="y", tags={"t": "2"}), whole])

    made = {change.address: change.operations[0].params for change in found.changes}
    assert made["role/a"]["Tags"] == [{"Key": "t", "Value": "1"}]
    assert (made["role/a"]["Description"], made["managed_policy/P"]["Description"]) == ("x", "y")
    assert made["managed_policy/P"]["Tags"] == [{"Key": "t", "Value": "2"}]
    walked(found, [])


def test_a_live_trust_that_nobody_understands_is_closed_before_permissions_move() -> None:
    broken = replace(role("a", inline={"i": [READ]}), trust=PolicyDocument("no JSON"))
    found = make_plan(
        world([broken], [role("a", trusting(ALICE_ARN), inline={"i": [WRITE]})]), policy=Policy(held=frozenset())
    )

    assert calls(found) == ["UpdateAssumeRolePolicy a", "PutRolePolicy a", "UpdateAssumeRolePolicy a"]
    assert {operation.approvals for operation in found.changes[0].operations} == {
        found.changes[0].operations[0].approvals
    }


def test_description_and_duration_go_in_one_call() -> None:
    start: Things = [role("a", trusting(ALICE_ARN), max_session_duration=3600)]
    for duration in (3600, 7200, 900):
        (change,) = plan(
            start, [role("a", trusting(ALICE_ARN), description="x", max_session_duration=duration)]
        ).changes
        (call,) = change.operations
        assert call.params == {"RoleName": "a", "Description": "x", "MaxSessionDuration": duration}
        assert change.broadens == (duration > 3600)


def test_tags_of_a_policy_change_without_waiting_for_its_document() -> None:
    start: Things = [policy("P", READ, tags={"a": "1", "b": "1"})]
    found = plan(start, [policy("P", WRITE, tags={"b": "2"})])

    assert sorted(calls(found)) == ["CreatePolicyVersion P", "TagPolicy P", "UntagPolicy P"]
