"""What drift says beyond principals: odd documents, what is no longer declared, what waits, and in which order."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.model.change import Approval
from reconciler.model.diagnostic import Code
from tests.scenarios.house import ANYTHING, House, allow, arn, change, codes, findings, held, told, trusting

ROLE = """
    kind: Role
    name: deployer
    trust: [{user: alice}]
    inline_policies:
      deploy: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:PutObject", Resource: "*"}]}
    """
OTHER = "kind: Role\nname: other\ntrust: [{service: ec2.amazonaws.com}]\n"


@pytest.fixture
def applied(house: House) -> House:
    """A house with two roles, as applied."""
    house.account.create_user("alice")
    house.write("deployer.yaml", ROLE)
    house.write("other.yaml", OTHER)
    house.settle()
    house.pass_time()
    return house


def odd_trust() -> dict[str, Any]:
    """Return a stored trust of a shape that nobody knows."""
    statement = {**trusting(arn("user", "alice"))["Statement"][0], "Condition": "never on Sundays"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_a_document_of_another_shape_is_said_and_all_else_goes_on(applied: House) -> None:
    applied.account.force_trust("deployer", odd_trust())
    applied.account.tag_role("other", {"added": "by hand"})
    report = applied.drift()
    assert sorted(findings(report)) == [
        ("changed_outside", "error", "role/deployer"),
        ("changed_outside", "warning", "role/other"),
    ]
    assert codes(report.warnings) == [(Code.RP225, "role/deployer")]
    plan = applied.plan()
    assert (Code.RP225, "role/deployer") in codes(plan.warnings)
    assert Approval.ADOPT in change(plan, "role/deployer").approvals
    assert held(applied.apply()) == ["role/deployer"]
    applied.settle()


def test_an_inline_policy_of_another_shape_is_overwritten_after_a_review_only(applied: House) -> None:
    roles = applied.account.state.tables.roles
    odd = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":{"s3":"*"},"Resource":"*"}]}'
    roles.put(replace(roles.get("deployer"), inline={"deploy": odd}))
    assert Approval.ADOPT in told(applied.plan())["role/deployer"][2]
    applied.box.reset_calls()
    assert held(applied.apply()) == ["role/deployer"]
    assert not applied.box.mutating_calls
    applied.settle()


def test_an_unmanaged_role_of_another_shape_is_said_and_left_alone(applied: House) -> None:
    applied.account.create_role("odd")
    applied.account.force_trust("odd", odd_trust())
    report = applied.drift()
    assert (report.findings, codes(report.warnings)) == ((), [(Code.RP225, "role/odd")])
    assert applied.plan().changes == ()


def test_what_is_changed_while_it_waits_for_its_deletion_is_told(applied: House) -> None:
    applied.account.create_policy("Bound", ANYTHING)
    applied.remove("deployer.yaml")
    assert (applied.drift().counted, applied.drift().not_applied) == ((), 1)
    applied.account.put_boundary("deployer", arn("policy", "Bound"))
    applied.account.rename_user("alice", new_name="alicia")
    applied.account.update_role("deployer", description="by hand")
    assert applied.drift().counted == ()
    applied.account.put_role_policy("deployer", "deploy", ANYTHING)
    applied.account.put_role_policy("deployer", "more", ANYTHING)
    assert [found.path for found in applied.drift().counted] == ["inline_policies/deploy", "inline_policies/more"]
    applied.settle()


def test_what_is_changed_while_it_waits_for_its_replacement_is_told(applied: House) -> None:
    applied.write("other.yaml", OTHER.replace("name: other", "name: other\npath: /x/"))
    applied.account.put_role_policy("other", "more", ANYTHING)
    report = applied.drift()
    assert findings(report) == [("changed_outside", "error", "role/other")]
    assert report.not_applied == 1
    applied.settle()


def test_findings_come_worst_first(applied: House) -> None:
    applied.account.tag_role("other", {"added": "by hand"})
    applied.account.create_role("stranger", trust=trusting(arn("user", "alice")))
    applied.account.recreate_user("alice")
    applied.account.put_role_policy("deployer", "deploy", allow("s3:*"))
    severities = [found.severity.value for found in applied.drift(unmanaged=True).findings]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)
    assert len(severities) == 5


def test_drift_that_is_not_recorded_remembers_nothing(applied: House) -> None:
    before = applied.memory
    applied.account.recreate_user("alice")
    report = applied.drift(record=False)
    assert report.orphaned_principals == 1
    assert applied.memory == before


def test_since_when_an_id_is_dead_stays_when_it_was_first_seen(applied: House) -> None:
    applied.account.delete_user("alice")
    first = applied.now
    applied.drift()
    applied.pass_time(3600)
    (found,) = applied.drift().findings
    assert found.first_seen == first
    assert found.last_alive is not None
    assert found.last_alive < first
    assert found.deleted is None


def test_whom_this_program_deleted_is_told_with_the_time(applied: House) -> None:
    applied.account.create_role("stranger", trust=trusting(arn("role", "other")))
    applied.drift()
    applied.remove("other.yaml")
    applied.apply(reviewed=True)
    at = applied.now
    (found,) = applied.drift().findings
    assert (found.address, found.deleted) == ("role/stranger", at)
    assert f"deleted {at}" in found.message


def test_an_object_that_is_in_the_way_is_a_warning_of_drift(house: House) -> None:
    house.account.create_role("deployer", path="/elsewhere/")
    house.write("other.yaml", OTHER.replace("other", "Deployer"))
    report = house.drift()
    assert (report.findings, codes(report.warnings)) == ((), [(Code.RC310, "role/Deployer")])


def test_an_ignored_role_is_not_scanned_unless_it_is_declared(applied: House) -> None:
    applied.account.create_role("ignored", trust=trusting(arn("user", "alice")))
    applied.configure(ignore={"roles": ["ignored", "deployer"]})
    applied.drift()
    applied.account.delete_user("alice")
    report = applied.drift()
    assert [found.address for found in report.findings] == ["role/deployer"]
    assert report.roles_scanned == 2


def test_tags_of_a_policy_are_compared_where_they_are_declared(house: House) -> None:
    policy = (
        'kind: ManagedPolicy\nname: Lists\npolicy: {Version: "2012-10-17", '
        'Statement: [{Effect: Allow, Action: "s3:ListBucket", Resource: "*"}]}\n'
    )
    house.write("lists.yaml", policy + "tags: {team: storage}\n")
    house.settle()
    tags = [{"Key": "team", "Value": "by hand"}, {"Key": "more", "Value": "x"}]
    house.account.call("TagPolicy", PolicyArn=arn("policy", "Lists"), Tags=tags)
    assert findings(house.drift()) == [("changed_outside", "warning", "managed_policy/Lists")]
    assert not held(house.apply())
    house.assert_at_rest()


def followed(house: House, advice: str | None) -> list[str]:
    """Do what a remedy says after `reconciler apply`, word by word; return what is held all the same."""
    assert advice is not None
    command = advice.partition("`reconciler apply")[2].partition("`")[0].split()
    kinds = [word.partition(":") for word in command if ":" in word]
    return held(house.apply(approve=tuple((Approval(kind), address) for kind, _, address in kinds)))


@pytest.mark.parametrize("lost", ["nothing", "the ledger", "everything"])
def test_the_remedy_of_a_dead_id_is_enough(applied: House, lost: str) -> None:
    applied.account.recreate_user("alice")
    if lost == "the ledger":
        applied.change_memory(ledger={})
    if lost == "everything":
        applied.lose_state()
    (found,) = (found for found in applied.drift(record=False).findings if found.principal_id)
    assert followed(applied, found.help) == []
    applied.assert_at_rest()


def test_the_remedy_of_two_ids_that_may_be_either_of_two_is_enough(applied: House) -> None:
    applied.account.create_user("bob")
    applied.write("deployer.yaml", ROLE.replace("user: alice", "user: [alice, bob]"))
    applied.settle()
    applied.account.recreate_user("alice")
    applied.account.recreate_user("bob")
    applied.change_memory(ledger={})
    report = applied.drift(record=False)
    assert {found.code for found in report.findings} == {Code.RP203}
    assert followed(applied, report.findings[0].help) == []
    applied.assert_at_rest()


def test_a_dead_id_that_is_not_declared_needs_no_approval_to_go(applied: House) -> None:
    applied.account.create_user("bob")
    applied.account.put_trust("deployer", trusting(arn("user", "alice"), arn("user", "bob")))
    applied.drift()
    applied.account.recreate_user("bob")
    (found,) = (found for found in applied.drift().findings if found.principal_id)
    assert followed(applied, found.help) == []
    applied.assert_at_rest()


def test_a_role_that_the_next_apply_makes_again_need_not_be_taken_out(applied: House) -> None:
    applied.write("deployer.yaml", ROLE.replace("user: alice", "role: other"))
    applied.settle()
    applied.account.delete_role("other")
    (found,) = (found for found in applied.drift().findings if found.principal_id)
    assert found.help == f"`reconciler apply` makes {arn('role', 'other')} again, and then binds this trust anew."
    assert applied.apply(approve=((Approval.UNDO_NARROWING, "role/other"),)).is_complete
    applied.assert_at_rest()


def test_a_guard_against_somebody_who_is_gone_is_not_said_to_be_bound_again(applied: House) -> None:
    guard = f"{{Effect: Deny, Principal: {{AWS: {arn('user', 'bob')}}}, Action: 'sts:AssumeRole'}}"
    applied.account.create_user("bob")
    applied.write("deployer.yaml", ROLE.replace("{user: alice}", f"{{user: alice}}, {{statement: {guard}}}"))
    applied.settle()
    applied.account.delete_user("bob")
    (found,) = (found for found in applied.drift().findings if found.principal_id)
    assert found.effect == "Deny"
    assert str(found.help).startswith("Take it out of the manifest")
    assert (Code.RP204, "role/deployer") in codes(applied.plan().blockers)


def test_what_was_narrowed_outside_is_said_to_wait_for_a_person(applied: House) -> None:
    applied.account.put_role_policy("deployer", "deploy", allow("s3:ListBucket"))
    (found,) = applied.drift().findings
    assert "apply puts it back, once `undo_narrowing` is approved" in str(found.help)
