"""What somebody else does between a plan and its writes: seen, told, left as it is; and all else goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.apply import Result
from reconciler.engine import Choices
from reconciler.model.change import Approval
from reconciler.state import LocalStore, forget
from tests.apply.house import House, told
from tests.apply.street import LIST, READ
from tests.house import OWN

ROLE = f"""
kind: Role
name: deployer
trust: [{{user: alice}}]
inline_policies: {{list: {LIST}}}
"""
CHANGED = ROLE.replace(LIST, READ)
BESIDE = f"""
kind: Role
name: bystander
trust: [{{user: alice}}]
inline_policies: {{list: {LIST}}}
"""
LIST_JSON = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}


@pytest.fixture
def settled(house: House) -> House:
    """Two roles as declared, and manifests that change both."""
    house.account.create_user("alice")
    house.write("a.yaml", ROLE)
    house.write("b.yaml", BESIDE)
    house.applied()
    house.write("a.yaml", CHANGED)
    house.write("b.yaml", BESIDE.replace(LIST, READ))
    return house


def recreate(house: House) -> None:
    house.account.recreate_role("deployer")


def delete(house: House) -> None:
    house.account.delete_role("deployer")


def edit(house: House) -> None:
    house.account.put_role_policy("deployer", "list", LIST_JSON)


@pytest.mark.parametrize("deed", [delete, recreate, edit])
def test_a_role_that_somebody_else_has_changed_is_left_alone(deed: Callable[[House], None], settled: House) -> None:
    file = settled.save(settled.plan())
    deed(settled)
    trust = "deployer" in {role.name for role in settled.account.state.tables.roles} and settled.account.trust(
        "deployer"
    )
    result = settled.apply(plan_file=file)
    outcomes = {one.address: one for one in result.outcomes}
    assert outcomes["role/deployer"].outcome is Result.FAILED
    assert outcomes["role/deployer"].diagnostic is not None
    assert outcomes["role/deployer"].diagnostic.code == "RA410"
    assert outcomes["role/bystander"].outcome is Result.DONE
    assert not result.is_complete
    assert settled.box.mutating_calls["PutRolePolicy"] == 3, "only that of the bystander, besides the two at the start"
    if trust:
        assert settled.account.trust("deployer") == trust


@pytest.mark.parametrize("deed", [delete, recreate])
def test_a_role_deleted_while_its_writes_go_on_is_not_made_again(deed: Callable[[House], None], settled: House) -> None:
    settled.write("a.yaml", CHANGED + "description: changed\n")
    settled.box.reset_calls()
    settled.box.faults.at("UpdateRole", do=lambda: deed(settled))
    result = settled.apply()
    failed = [one for one in result.outcomes if one.outcome is Result.FAILED]
    assert [one.call for one in failed] in (["UpdateRole"], []), told(result)
    assert settled.box.mutating_calls["CreateRole"] == 0
    assert result.is_complete is (deed is recreate), "nothing can tell a namesake that came between look and write"


def test_a_policy_attached_to_a_role_that_is_deleted_meanwhile_is_seen(settled: House) -> None:
    (settled.folder / "manifests" / "a.yaml").unlink()
    file = settled.save(settled.plan())
    arn = settled.account.create_policy("Extra", LIST_JSON)
    settled.account.attach_role_policy("deployer", arn)
    result = settled.apply(plan_file=file)
    deletions = [one for one in result.outcomes if one.address == "role/deployer"]
    assert deletions[0].diagnostic is not None
    assert deletions[0].diagnostic.code == "RA410"
    assert "role/deployer" in settled.live
    assert set(settled.account.state.tables.roles.get("deployer").inline) == {"list"}, "nothing of it was taken"


def test_a_role_put_into_an_instance_profile_meanwhile_is_not_deleted(settled: House) -> None:
    settled.remove("a.yaml")
    file = settled.save(settled.plan())
    settled.account.create_instance_profile("server", role="deployer")
    result = settled.apply(plan_file=file)
    assert [one.outcome for one in result.outcomes if one.address == "role/deployer"] == [
        Result.FAILED,
        Result.NOT_TRIED,
    ]
    assert set(settled.account.state.tables.roles.get("deployer").inline) == {"list"}


def test_what_the_state_no_longer_owns_is_not_deleted(settled: House) -> None:
    settled.remove("a.yaml")
    file = settled.save(settled.plan())
    store = LocalStore(settled.folder / "state")
    store.write(forget(store.read(OWN), "role/deployer"))
    result = settled.apply(plan_file=file)
    deletions = [one for one in result.outcomes if one.address == "role/deployer"]
    assert deletions[0].outcome is Result.FAILED
    assert "role/deployer" in settled.live


def test_a_principal_recreated_after_the_plan_is_not_trusted(house: House) -> None:
    house.account.create_user("alice")
    house.write("a.yaml", ROLE)
    file = house.save(house.plan())
    house.account.recreate_user("alice")
    result = house.apply(plan_file=file)
    assert [one.outcome for one in result.outcomes] == [Result.FAILED, Result.NOT_TRIED]
    assert result.outcomes[0].diagnostic is not None
    assert "alice was deleted and recreated" in result.outcomes[0].diagnostic.message
    assert not house.live
    assert not house.state.get("objects")
    assert not house.state.get("intents")


def test_a_principal_of_another_account_recreated_after_the_plan_is_not_trusted(house: House) -> None:
    house.other.create_user("alice")
    house.both_accounts()
    house.write("a.yaml", ROLE.replace("user: alice", 'user: "arn:aws:iam::123456789012:user/alice"'))
    file = house.save_run(house.plan_run())
    house.other.recreate_user("alice")
    done = {one.account: one.result for one in house.apply_run(plan_file=file).accounts}
    result = done[OWN]
    assert result is not None
    assert result.outcomes[0].outcome is Result.FAILED
    assert "role/deployer" not in house.live


def test_a_principal_deleted_after_the_plan_fails_that_role_alone(settled: House) -> None:
    settled.account.create_user("bob")
    settled.write("a.yaml", ROLE.replace("alice", "bob"))
    file = settled.save(settled.plan())
    settled.account.delete_user("bob")
    before = settled.account.trust("deployer")
    result = settled.apply(plan_file=file)
    assert {one.address for one in result.outcomes if one.outcome is Result.FAILED} == {"role/deployer"}
    assert {one.address for one in result.outcomes if one.outcome is Result.DONE} == {"role/bystander"}
    assert settled.account.trust("deployer") == before
    assert not settled.heard.waits, "a principal that this run did not make is not waited for"


def test_a_name_taken_meanwhile_is_left_to_whoever_took_it(house: House) -> None:
    house.account.create_user("alice")
    house.write("a.yaml", ROLE)
    house.box.faults.at("CreateRole", do=lambda: house.account.create_role("deployer"))
    result = house.apply()
    assert [one.outcome for one in result.outcomes] == [Result.FAILED, Result.NOT_TRIED]
    assert result.outcomes[0].diagnostic is not None
    assert result.outcomes[0].diagnostic.code == "RA410"
    assert not house.state.get("objects")
    assert house.plan().changes[0].approvals == (Approval.ADOPT,)


def test_a_name_taken_while_a_reply_was_lost_is_not_taken_for_ones_own(house: House) -> None:
    house.account.create_user("alice")
    house.write("a.yaml", ROLE)
    house.box.faults.lose_request("CreateRole", count=1)
    house.box.faults.at("CreateRole", do=lambda: house.account.create_role("deployer"))
    result = house.apply()
    assert result.outcomes[0].outcome is Result.FAILED
    assert not house.state.get("objects")


def test_what_was_deleted_already_is_deleted(settled: House) -> None:
    settled.remove("a.yaml")
    file = settled.save(settled.plan())
    settled.account.delete_role("deployer")
    result = settled.apply(plan_file=file)
    assert {one.outcome for one in result.outcomes if one.address == "role/deployer"} == {Result.ALREADY}
    assert result.is_complete
    assert "role/deployer" not in settled.owned


def test_a_deletion_whose_reply_is_lost_leaves_a_namesake_alone(settled: House) -> None:
    settled.remove("a.yaml")
    settled.box.faults.lose_reply("DeleteRole", count=1)
    answer = settled.box.answer
    made: list[str] = []

    def namesake(request: object) -> object:
        if settled.box.faults.struck["lost_reply"] and not made:
            made.append(settled.account.create_role("deployer"))
        return answer(request)  # type: ignore[arg-type]

    settled.box.answer = namesake  # type: ignore[method-assign, assignment]
    result = settled.apply()
    assert result.is_complete, told(result)
    assert made
    assert "role/deployer" in settled.live, "it is not what was made here"
    assert settled.successes["DeleteRole"] == 1


def test_an_import_of_what_has_changed_since_the_plan_is_stale(house: House) -> None:
    house.account.create_user("alice")
    house.write("a.yaml", ROLE)
    house.applied()
    for kept in Path(house.state_file).parent.iterdir():
        kept.unlink()
    file = house.save(house.plan())
    house.account.put_role_policy("deployer", "more", LIST_JSON)
    house.account.delete_role_policy("deployer", "list")
    result = house.apply(plan_file=file)
    assert [one.outcome for one in result.outcomes] == [Result.FAILED]
    assert not house.state.get("objects")


def test_a_held_change_is_not_laundered_by_a_kill(settled: House) -> None:
    settled.account.recreate_user("alice")
    bare = settled.apply(review=False)
    assert bare.summary.held == 2
    assert {kind for change in settled.plan().changes if change.held for kind in change.approvals} >= {
        Approval.RE_TRUST
    }
    assert not settled.state.get("intents")
    again = settled.apply(Choices(), review=False)
    assert again.summary.held == 2


def test_what_somebody_has_taken_away_on_the_way_to_a_deletion_is_no_failure(settled: House) -> None:
    settled.remove("a.yaml")
    take = settled.account.delete_role_policy
    settled.box.faults.at("DeleteRolePolicy", do=lambda: take("deployer", "list"))
    result = settled.apply()
    assert result.is_complete, told(result)
    outcomes = {one.call: one.outcome for one in result.outcomes if one.address == "role/deployer"}
    assert outcomes == {"DeleteRolePolicy": Result.ALREADY, "DeleteRole": Result.DONE}
    assert "role/deployer" not in settled.live


def test_what_may_not_be_looked_at_is_not_written(settled: House) -> None:
    settled.box.faults.deny("GetRole", count=1)
    settled.box.reset_calls()
    result = settled.apply()
    (failed,) = [one for one in result.outcomes if one.outcome is Result.FAILED]
    assert failed.diagnostic is not None
    assert failed.diagnostic.code == "RA403"
    assert "iam:GetRole" in (failed.diagnostic.help or "")
    assert settled.box.mutating_calls["PutRolePolicy"] == 1, "that of the other role"


def test_a_namesake_that_comes_while_a_write_is_tried_again_is_left_alone(settled: House) -> None:
    settled.remove("b.yaml")
    settled.box.faults.throttle("PutRolePolicy", count=1)
    settled.box.faults.at("GetRole", skip=1, do=lambda: recreate(settled))
    result = settled.apply(Choices(targets=("role/deployer",)))
    (failed,) = [one for one in result.outcomes if one.outcome is Result.FAILED]
    assert failed.diagnostic is not None
    assert "deleted and recreated" in failed.diagnostic.message
    assert not settled.account.state.tables.roles.get("deployer").inline


def test_an_import_waits_for_its_approval_and_for_an_interrupted_run(settled: House) -> None:
    settled.account.create_role("found", tags={"team": "other"})
    settled.write("c.yaml", "kind: Role\nname: found\ntrust: [{service: ec2.amazonaws.com}]\n")
    bare = settled.apply(review=False)
    assert {one.outcome for one in bare.outcomes if one.address == "role/found"} == {Result.HELD}
    assert "role/found" not in settled.owned
    settled.write("c.yaml", settled.read("c.yaml") + "tags: {team: other}\n")
    stopped = settled.apply(interrupted=lambda: True)
    assert {one.outcome for one in stopped.outcomes} == {Result.NOT_TRIED}
    assert "role/found" not in settled.owned
    assert settled.apply(review=False).summary.imported == 1
