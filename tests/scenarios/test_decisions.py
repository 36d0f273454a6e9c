"""The decision table, row by row: declared, remembered, live, and what comes of it."""

import pytest

from reconciler.model.change import Action, Approval
from reconciler.model.diagnostic import Code
from tests.scenarios.house import House, allow, arn, change, codes, done, findings, held, told, trusting

ROLE = """
    kind: Role
    name: deployer
    trust:
      - user: alice
    inline_policies:
      deploy: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:PutObject", Resource: "*"}]}
    tags: {team: storage}
    """
POLICY = """
    kind: ManagedPolicy
    name: Lists
    policy: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:ListBucket", Resource: "*"}]}
    """


@pytest.fixture
def applied(house: House) -> House:
    """A house in which a role and a policy are declared and applied."""
    house.account.create_user("alice")
    house.write("deployer.yaml", ROLE)
    house.write("lists.yaml", POLICY)
    house.settle()
    house.pass_time()
    return house


def test_what_is_declared_and_not_there_is_created(house: House) -> None:
    house.account.create_user("alice")
    house.write("deployer.yaml", ROLE)
    house.write("lists.yaml", POLICY)
    assert told(house.plan()) == {
        "role/deployer": (Action.CREATE, "not_there", {Approval.BROADEN}, False),
        "managed_policy/Lists": (Action.CREATE, "not_there", set(), False),
    }
    assert done(house.apply()) == [
        "CreatePolicy managed_policy/Lists",
        "CreateRole role/deployer",
        "PutRolePolicy role/deployer",
    ]
    house.assert_at_rest()
    assert house.owned("role/deployer").origin == "created"


def test_what_is_there_as_declared_is_imported_without_a_write(applied: House) -> None:
    applied.lose_state()
    plan = applied.plan()
    assert told(plan) == {
        "role/deployer": (Action.IMPORT, "adopted", set(), False),
        "managed_policy/Lists": (Action.IMPORT, "adopted", set(), False),
    }
    assert plan.summary.change == 0
    applied.box.reset_calls()
    result = applied.apply()
    assert (result.summary.imported, dict(applied.box.mutating_calls)) == (2, {})
    applied.assert_at_rest()
    assert applied.owned("role/deployer").origin == "imported"


@pytest.mark.parametrize("what", ["trust", "permissions", "tags", "policy"])
def test_taking_over_what_differs_waits_for_a_person(applied: House, what: str) -> None:
    applied.lose_state()
    match what:
        case "trust":
            applied.account.put_trust("deployer", trusting(f"arn:aws:iam::{applied.account.account_id}:root"))
        case "permissions":
            applied.account.put_role_policy("deployer", "deploy", allow("s3:*"))
        case "tags":
            applied.account.tag_role("deployer", {"team": "another"})
        case _:
            applied.account.create_policy_version(arn("policy", "Lists"), allow("s3:*"))
    address = "managed_policy/Lists" if what == "policy" else "role/deployer"
    assert told(applied.plan())[address] == (Action.IMPORT, "adopted", {Approval.ADOPT}, True)
    applied.box.reset_calls()
    result = applied.apply()
    assert (held(result), dict(applied.box.mutating_calls)) == ([address], {})
    assert address not in applied.memory.objects
    assert findings(applied.drift()) == [("differs", "warning", address)]
    applied.settle()


def test_adopting_by_name_is_enough(applied: House) -> None:
    applied.lose_state()
    applied.account.tag_role("deployer", {"team": "another"})
    result = applied.apply(approve=((Approval.ADOPT, "role/deployer"),))
    assert not held(result)
    applied.assert_at_rest()


def test_another_path_of_what_is_not_owned_is_in_the_way(applied: House) -> None:
    applied.lose_state()
    applied.write("deployer.yaml", ROLE.replace("name: deployer", "name: deployer\n    path: /ci/"))
    plan = applied.plan()
    assert codes(plan.blockers) == [(Code.RC310, "role/deployer")]
    assert "path /" in plan.blockers[0].message
    assert [one.address for one in plan.changes] == ["managed_policy/Lists"]


def test_a_name_that_differs_by_case_and_is_not_owned_is_in_the_way(applied: House) -> None:
    applied.lose_state()
    applied.write("deployer.yaml", ROLE.replace("name: deployer", "name: Deployer"))
    plan = applied.plan()
    assert codes(plan.blockers) == [(Code.RC310, "role/Deployer")]
    assert "without regard to case" in plan.blockers[0].message


def test_what_changed_in_the_manifest_is_updated(applied: House) -> None:
    applied.write("deployer.yaml", ROLE.replace("s3:PutObject", "s3:GetObject"))
    assert told(applied.plan()) == {"role/deployer": (Action.UPDATE, "manifest_changed", {Approval.BROADEN}, False)}
    assert applied.drift().not_applied == 1
    assert done(applied.apply()) == ["PutRolePolicy role/deployer"]
    applied.assert_at_rest()


def test_what_was_widened_outside_is_put_back_without_question(applied: House) -> None:
    applied.account.put_role_policy("deployer", "deploy", allow("s3:*"))
    assert told(applied.plan()) == {"role/deployer": (Action.UPDATE, "changed_outside", set(), False)}
    assert findings(applied.drift()) == [("changed_outside", "error", "role/deployer")]
    applied.apply()
    applied.assert_at_rest()


def test_what_was_narrowed_outside_is_not_given_back_without_a_person(applied: House) -> None:
    applied.account.delete_role_policy("deployer", "deploy")
    kinds = {Approval.UNDO_NARROWING}
    assert told(applied.plan()) == {"role/deployer": (Action.UPDATE, "changed_outside", kinds, True)}
    assert findings(applied.drift()) == [("changed_outside", "warning", "role/deployer")]
    assert held(applied.apply()) == ["role/deployer"]
    applied.settle()


@pytest.mark.parametrize(("line", "what"), [("name: deployer\n    path: /ci/", "path"), ("name: Deployer", "name")])
def test_another_path_or_spelling_is_a_replacement(applied: House, line: str, what: str) -> None:
    before = applied.account.role_id("deployer")
    applied.write("deployer.yaml", ROLE.replace("name: deployer", line))
    plan = applied.plan()
    (found,) = plan.changes
    assert (found.action, found.reason.value, found.differences[0].path) == (Action.REPLACE, "path_changed", what)
    assert Approval.DELETE in found.approvals
    assert (plan.summary.add, plan.summary.destroy) == (1, 1)
    applied.apply()
    applied.assert_at_rest()
    assert applied.account.role_id("deployer") != before
    assert list(applied.memory.objects) == ["managed_policy/Lists", found.address]


def test_a_policy_is_replaced_too(applied: House) -> None:
    applied.write("lists.yaml", POLICY.replace("name: Lists", "name: Lists\n    path: /ci/"))
    assert told(applied.plan()) == {"managed_policy/Lists": (Action.REPLACE, "path_changed", {Approval.DELETE}, False)}
    applied.apply()
    applied.assert_at_rest()


def test_what_was_recreated_outside_as_declared_is_owned_by_its_new_id(applied: House) -> None:
    applied.account.recreate_role("deployer")
    applied.account.put_role_policy("deployer", "deploy", allow("s3:PutObject"))
    applied.account.tag_role("deployer", {"team": "storage"})
    assert told(applied.plan()) == {"role/deployer": (Action.IMPORT, "recreated_outside", set(), False)}
    assert findings(applied.drift()) == [("recreated_outside", "error", "role/deployer")]
    applied.apply()
    applied.assert_at_rest()
    assert applied.owned("role/deployer").id == applied.account.role_id("deployer")


def test_what_was_recreated_outside_and_differs_waits_for_a_person(applied: House) -> None:
    applied.account.recreate_role("deployer")
    assert told(applied.plan()) == {"role/deployer": (Action.IMPORT, "recreated_outside", {Approval.ADOPT}, True)}
    applied.box.reset_calls()
    assert held(applied.apply()) == ["role/deployer"]
    assert not applied.box.mutating_calls
    assert findings(applied.drift()) == [("recreated_outside", "error", "role/deployer")]
    applied.settle()


def test_what_was_recreated_outside_at_another_path_is_in_the_way(applied: House) -> None:
    applied.account.delete_role("deployer")
    applied.account.create_role("deployer", path="/elsewhere/")
    plan = applied.plan()
    assert codes(plan.blockers) == [(Code.RC310, "role/deployer")]
    assert "recreated outside" in str(plan.blockers[0].help)
    assert findings(applied.drift()) == [("recreated_outside", "error", "role/deployer")]


@pytest.mark.parametrize("address", ["role/deployer", "managed_policy/Lists"])
def test_what_was_deleted_outside_is_made_again_once_a_person_agrees(applied: House, address: str) -> None:
    if address == "role/deployer":
        applied.account.delete_role("deployer")
    else:
        applied.account.delete_policy(arn("policy", "Lists"))
    kinds = {Approval.UNDO_NARROWING}
    assert told(applied.plan()) == {address: (Action.CREATE, "deleted_outside", kinds, True)}
    assert findings(applied.drift()) == [("deleted_outside", "error", address)]
    applied.box.reset_calls()
    assert held(applied.apply()) == [address]
    assert not applied.box.mutating_calls
    applied.settle()


def test_what_cloudformation_has_taken_over_is_left_alone(applied: House) -> None:
    applied.account.tag_role("deployer", {"aws:cloudformation:stack-name": "web"})
    plan = applied.plan()
    assert codes(plan.blockers) == [(Code.RC311, "role/deployer")]
    assert "web" in plan.blockers[0].message
    applied.account.untag_role("deployer", "aws:cloudformation:stack-name")
    applied.account.tag_role("deployer", {"aws:cloudformation:logical-id": "Role"})
    assert codes(applied.plan().blockers) == [(Code.RC311, "role/deployer")]


def test_what_is_owned_and_no_longer_declared_is_deleted(applied: House) -> None:
    applied.remove("deployer.yaml")
    applied.remove("lists.yaml")
    applied.write("other.yaml", POLICY.replace("Lists", "Other"))
    plan = applied.plan()
    assert told(plan) == {
        "role/deployer": (Action.DELETE, "not_declared", {Approval.DELETE}, False),
        "managed_policy/Lists": (Action.DELETE, "not_declared", {Approval.DELETE}, False),
        "managed_policy/Other": (Action.CREATE, "not_there", set(), False),
    }
    assert "not used" in change(plan, "role/deployer").message
    assert applied.drift().not_applied == 3
    applied.apply()
    applied.assert_at_rest()
    assert list(applied.memory.objects) == ["managed_policy/Other"]


def test_what_was_protected_when_last_applied_is_not_deleted(applied: House) -> None:
    applied.write("deployer.yaml", ROLE.rstrip() + "\n    prevent_destroy: true\n")
    applied.settle()
    applied.remove("deployer.yaml")
    plan = applied.plan()
    assert (codes(plan.blockers), plan.changes) == ([(Code.RC315, "role/deployer")], ())
    assert plan.unchanged == 1


def test_what_was_protected_is_not_replaced_either(applied: House) -> None:
    applied.write("deployer.yaml", ROLE.rstrip() + "\n    prevent_destroy: true\n")
    applied.settle()
    for line in ("name: deployer\n    path: /ci/", "name: Deployer"):
        applied.write("deployer.yaml", ROLE.replace("name: deployer", line))
        plan = applied.plan()
        assert [code for code, _ in codes(plan.blockers)] == [Code.RC315]
        assert plan.changes == ()


def test_what_is_retained_is_forgotten_and_stays(applied: House) -> None:
    applied.write("deployer.yaml", ROLE.rstrip() + "\n    deletion_policy: retain\n")
    applied.settle()
    applied.remove("deployer.yaml")
    plan = applied.plan()
    assert told(plan) == {"role/deployer": (Action.FORGET, "not_declared", set(), False)}
    assert plan.summary.forget == 1
    assert applied.drift().not_applied == 1
    applied.settle()
    assert applied.account.role_id("deployer")


def test_what_is_not_what_was_made_here_is_forgotten(applied: House) -> None:
    applied.account.recreate_role("deployer")
    applied.remove("deployer.yaml")
    plan = applied.plan()
    assert told(plan) == {"role/deployer": (Action.FORGET, "not_declared", set(), False)}
    assert "not what was made here" in change(plan, "role/deployer").message
    assert findings(applied.drift()) == [("recreated_outside", "error", "role/deployer")]
    applied.settle()
    assert applied.account.role_id("deployer")


def test_what_another_owner_has_is_forgotten(applied: House) -> None:
    applied.account.tag_role("deployer", {"aws:cloudformation:stack-name": "web"})
    applied.remove("deployer.yaml")
    assert "stack web" in change(applied.plan(), "role/deployer").message
    applied.settle()
    assert applied.account.role_id("deployer")


def test_what_is_gone_already_is_forgotten(applied: House) -> None:
    applied.account.delete_role("deployer")
    applied.remove("deployer.yaml")
    assert "gone already" in change(applied.plan(), "role/deployer").message
    assert findings(applied.drift()) == [("deleted_outside", "error", "role/deployer")]
    applied.settle()
    assert "role/deployer" not in applied.memory.objects


def test_what_nobody_declared_or_made_here_is_never_touched(applied: House) -> None:
    applied.account.create_role("somebody-elses", tags={"a": "b"})
    applied.account.create_policy("SomebodyElses", allow("s3:*"))
    applied.assert_at_rest()
    assert findings(applied.drift(unmanaged=True)) == [("unmanaged", "note", "role/somebody-elses")]


@pytest.mark.parametrize(("destroy", "action"), [("true", Action.DELETE), ("false", Action.FORGET)])
def test_what_is_removed_is_destroyed_or_given_up(applied: House, destroy: str, action: Action) -> None:
    applied.write("deployer.yaml", f"kind: Removed\naddress: role/deployer\ndestroy: {destroy}\n")
    assert told(applied.plan())["role/deployer"][0] is action
    applied.settle()
    assert ("deployer" in [role.name for role in applied.account.state.tables.roles]) is (destroy == "false")
    applied.assert_at_rest()


def test_a_removed_object_is_found_under_any_spelling_of_its_name(applied: House) -> None:
    applied.write("deployer.yaml", "kind: Removed\naddress: role/DEPLOYER\ndestroy: false\n")
    assert {address: action for address, (action, *_) in told(applied.plan()).items()} == {
        "role/deployer": Action.FORGET
    }
    applied.settle()
    assert applied.account.role_id("deployer")


def test_the_removal_of_what_was_never_owned_is_nothing(applied: House) -> None:
    applied.account.create_role("somebody-elses")
    applied.write("removed.yaml", "kind: Removed\naddress: role/somebody-elses\ndestroy: true\n")
    applied.assert_at_rest()


def test_what_was_protected_is_not_destroyed_by_its_removal(applied: House) -> None:
    applied.write("deployer.yaml", ROLE.rstrip() + "\n    prevent_destroy: true\n")
    applied.settle()
    applied.write("deployer.yaml", "kind: Removed\naddress: role/deployer\ndestroy: true\n")
    (blocker,) = applied.plan().blockers
    assert blocker.code is Code.RC315
    assert blocker.place is not None
    assert blocker.place.file == "manifests/deployer.yaml"


@pytest.mark.parametrize("path", ["/aws-reserved/sso.amazonaws.com/", "/aws-service-role/ecs.amazonaws.com/"])
def test_a_role_that_only_aws_can_change_is_left_alone(house: House, path: str) -> None:
    house.account.create_role("special", path=path)
    house.write("special.yaml", "kind: Role\nname: special\ntrust: [{service: ec2.amazonaws.com}]\n")
    assert codes(house.plan().blockers) == [(Code.RC312, "role/special")]


def test_what_is_declared_and_destroyed_all_the_same_is_not_said_to_be_declared_no_longer(applied: House) -> None:
    applied.account.delete_role("deployer")
    assert {change.address: change.message for change in applied.plan(destroy=True).changes} == {
        "role/deployer": "is to be destroyed, since --destroy was asked for, and gone already",
        "managed_policy/Lists": "is owned and to be destroyed, since --destroy was asked for",
    }


def test_destroying_everything_deletes_all_that_is_owned(applied: House) -> None:
    applied.account.create_role("somebody-elses")
    assert {address: row[0] for address, row in told(applied.plan(destroy=True)).items()} == {
        "role/deployer": Action.DELETE,
        "managed_policy/Lists": Action.DELETE,
    }
    assert applied.apply(reviewed=True, destroy=True).is_complete
    assert applied.plan(destroy=True).changes == ()
    assert dict(applied.memory.objects) == {}


def test_tags_taken_out_of_a_policys_manifest_are_taken_off(applied: House) -> None:
    applied.write("lists.yaml", POLICY.rstrip() + "\n    tags: {team: storage}\n")
    applied.settle()
    applied.write("lists.yaml", POLICY)
    assert done(applied.apply()) == ["UntagPolicy managed_policy/Lists"]
    applied.assert_at_rest()
