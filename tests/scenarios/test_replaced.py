"""What is made in the place of a role keeps its boundary, and what else held the old one and goes with it is said."""

from typing import Any

import pytest

from reconciler.model.change import Action, Approval
from tests.scenarios.house import House, allow, arn, change, done, held, told

UNDO, DELETE, BROADEN = Approval.UNDO_NARROWING, Approval.DELETE, Approval.BROADEN
DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
NOTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
MANIFEST = """
    kind: Role
    name: deployer
    path: {path}
    trust:
      - user: alice
    """


@pytest.fixture
def bound(house: House) -> House:
    """A house with a role on which somebody has put a boundary that no manifest declares."""
    house.account.create_user("alice")
    house.account.create_policy("Bound", allow("s3:*"))
    house.account.create_policy("Other", allow("*"))
    declare(house)
    house.settle()
    house.account.put_boundary("deployer", arn("policy", "Bound"))
    house.assert_at_rest()
    return house


def declare(house: House, *lines: str, path: str = "/") -> None:
    house.write("deployer.yaml", "\n    ".join([MANIFEST.format(path=path).rstrip(), *lines]))


def role(house: House) -> Any:
    return house.account.state.tables.roles.get("deployer")


def is_gone(house: House) -> bool:
    return house.account.state.tables.roles.find("deployer") is None


def test_what_takes_the_place_of_a_role_keeps_the_boundary_that_is_left_alone(bound: House) -> None:
    declare(bound, path="/apps/")
    plan = bound.plan()
    assert told(plan)["role/deployer"] == (Action.REPLACE, "path_changed", {DELETE}, False)
    assert change(plan, "role/deployer").operations[-1].params["PermissionsBoundary"] == arn("policy", "Bound")
    assert bound.apply().is_complete
    assert (role(bound).path, role(bound).boundary) == ("/apps/", arn("policy", "Bound"))
    bound.assert_at_rest()


def test_that_boundary_is_taken_off_later_only_after_a_review(bound: House) -> None:
    declare(bound, path="/apps/")
    bound.settle()
    declare(bound, "permissions_boundary: none", path="/apps/")
    assert told(bound.plan())["role/deployer"][2:] == ({UNDO}, True)


def test_a_boundary_that_is_declared_is_the_one_that_counts(bound: House) -> None:
    declare(bound, f"permissions_boundary: {arn('policy', 'Other')}", path="/apps/")
    assert told(bound.plan())["role/deployer"][2:] == ({UNDO, DELETE}, True)
    bound.settle()
    assert role(bound).boundary == arn("policy", "Other")


def test_a_boundary_that_goes_away_in_the_same_plan_stands_in_the_way(house: House) -> None:
    house.account.create_user("alice")
    policy = (
        'kind: ManagedPolicy\nname: Own\npolicy: {Version: "2012-10-17",'
        ' Statement: [{Effect: Allow, Action: "s3:*", Resource: "*"}]}\n'
    )
    house.write("own.yaml", policy)
    declare(house, "permissions_boundary: Own")
    house.settle()
    house.remove("own.yaml")
    declare(house, path="/apps/")
    plan = house.plan()
    assert plan.blockers
    house.apply(reviewed=True)
    assert role(house).boundary == arn("policy", "Own")


def test_a_role_that_a_killed_run_had_removed_is_not_made_without_its_boundary_unasked(bound: House) -> None:
    declare(bound, path="/apps/")
    bound.apply(reviewed=True, stop_after=1)
    assert is_gone(bound)
    plan = bound.plan()
    assert told(plan)["role/deployer"] == (Action.CREATE, "unfinished", {UNDO}, True)
    assert "its permissions boundary is not declared" in change(plan, "role/deployer").message
    for _ in range(2):
        assert held(bound.apply()) == ["role/deployer"]
    declare(bound, f"permissions_boundary: {arn('policy', 'Bound')}", path="/apps/")
    assert told(bound.plan())["role/deployer"][2:] == (set(), False)
    assert bound.apply().is_complete
    assert role(bound).boundary == arn("policy", "Bound")
    bound.assert_at_rest()


def test_a_role_that_a_killed_run_had_removed_is_made_again_unasked_where_no_boundary_is_lost(house: House) -> None:
    house.account.create_user("alice")
    declare(house)
    house.settle()
    declare(house, path="/apps/")
    house.apply(reviewed=True, stop_after=1)
    assert is_gone(house)
    assert told(house.plan())["role/deployer"] == (Action.CREATE, "unfinished", set(), False)
    assert house.apply().is_complete
    house.assert_at_rest()


@pytest.mark.parametrize("why", ["additive", "ignored"])
def test_a_denial_that_is_left_alone_does_not_go_with_the_old_role_unasked(house: House, why: str) -> None:
    house.account.create_user("alice")
    lines = ["managed_policies_mode: additive", "inline_policies_mode: additive"] if why == "additive" else []
    if why == "ignored":
        house.configure(ignore={"managed_policies": ["AWSDeny*"], "inline_policies": ["stop"]})
    declare(house, *lines)
    house.settle()
    house.account.attach_role_policy("deployer", DENY_ALL)
    house.account.put_role_policy("deployer", "stop", NOTHING)
    house.assert_at_rest()
    declare(house, *lines, path="/apps/")
    found = change(house.plan(), "role/deployer")
    assert (found.action, set(found.approvals), found.held) == (Action.REPLACE, {UNDO, DELETE}, True)
    assert [one.path for one in found.differences] == ["path", "managed_policies", "inline_policies/stop"]
    assert not done(house.apply())
    assert (role(house).attached, role(house).path) == ((DENY_ALL,), "/")
    house.settle()


def test_what_only_gives_goes_with_the_old_role_and_is_shown(house: House) -> None:
    house.account.create_user("alice")
    lines = ("managed_policies_mode: additive", "inline_policies_mode: additive")
    declare(house, *lines)
    house.settle()
    house.account.attach_role_policy("deployer", READ_ONLY)
    house.account.put_role_policy("deployer", "more", allow("s3:GetObject"))
    declare(house, *lines, path="/apps/")
    found = change(house.plan(), "role/deployer")
    assert (set(found.approvals), found.held) == ({DELETE}, False)
    assert [one.path for one in found.differences] == ["path", "managed_policies", "inline_policies/more"]
    assert house.apply().is_complete
    house.assert_at_rest()


def test_what_waits_to_be_replaced_is_no_reason_to_report_what_is_left_alone(house: House) -> None:
    house.account.create_user("alice")
    declare(house, "managed_policies_mode: additive")
    house.settle()
    house.account.attach_role_policy("deployer", DENY_ALL)
    declare(house, "managed_policies_mode: additive", path="/apps/")
    report = house.drift()
    assert (report.counted, report.not_applied) == ((), 1)
