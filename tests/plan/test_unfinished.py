"""What a run that was cut short leaves behind, and that finishing it asks nobody anew, unless somebody else came by."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from reconciler.model.change import Action, Approval
from reconciler.model.principal import Remembered
from reconciler.plan import forms_after
from reconciler.sandbox.books import is_mutating
from reconciler.sandbox.http import Reply, Request
from reconciler.state import Intent
from tests.apply.house import Killed
from tests.scenarios.house import House, allow, arn, change, findings, held, told, trusting

ROLE = """
    kind: Role
    name: deployer
    trust:
      - user: [alice, bob]
    tags: {team: storage}
    managed_policies: ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
    inline_policies:
      deploy: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:PutObject", Resource: "*"}]}
    """


NAMES = ("alice", "bob", "carl", "dora", "eve")


@pytest.fixture
def house(house: House) -> House:
    """A house in which giving anything is a decision."""
    house.account.create_user("alice")
    house.account.create_user("bob")
    house.configure(approvals={"hold": ["broaden", "delete"]})
    house.write("deployer.yaml", ROLE)
    return house


@contextmanager
def killed_before_call(house: House, number: int) -> Iterator[None]:
    """Kill what runs before its n-th call that changes something is carried out, from 1."""
    calls, answer = itertools.count(1), house.box.answer

    def counted(request: Request) -> Reply:
        if is_mutating(request.body.decode().partition("Action=")[2].partition("&")[0]) and next(calls) >= number:
            raise Killed
        return answer(request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house.box, "answer", counted)
        with pytest.raises(Killed):
            yield


def leave_an_intent(house: House, address: str = "role/deployer") -> None:
    """Remember what a run was about to do that was killed before its first write was recorded."""
    found = change(house.plan(), address)
    intent = Intent(
        address=address,
        action=found.action.value,
        begun=house.now,
        id=found.id,
        forms={path: tuple(forms) for path, forms in forms_after(found).items()},
    )
    approved = {arn: known for operation in found.operations for arn, known in operation.principals.items() if known}
    objects = dict(house.memory.objects)
    if address in objects:
        objects[address] = replace(objects[address], principals={**objects[address].principals, **approved})
    house.change_memory(intents={address: intent}, objects=objects)
    house.pass_time()


def notes_of_creation(house: House) -> dict[str, str]:
    """Return what the plan notes of the role that it makes, by path."""
    return {found.path: found.note for found in change(house.plan(), "role/deployer").differences if found.note}


@pytest.mark.parametrize("writes", [1, 2])
def test_a_creation_cut_short_is_finished_without_question(house: House, writes: int) -> None:
    house.apply(reviewed=True, stop_after=writes)
    house.pass_time()
    assert told(house.plan())["role/deployer"] == (Action.UPDATE, "unfinished", set(), False)
    report = house.drift()
    assert (report.counted, report.not_applied) == ((), 1)
    assert not held(house.apply())
    house.assert_at_rest()


def test_what_was_created_and_not_recorded_is_our_own(house: House) -> None:
    house.drift()
    leave_an_intent(house)
    house.account.create_role(
        "deployer",
        trust=trusting(arn("user", "alice"), arn("user", "bob")),
        tags={"team": "storage"},
        max_session_duration=3600,
    )
    assert told(house.plan())["role/deployer"] == (Action.UPDATE, "unfinished", set(), False)
    assert not held(house.apply())
    house.assert_at_rest()
    assert house.owned("role/deployer").origin == "created"


def test_what_was_created_and_not_recorded_is_found_though_its_manifest_is_gone(house: House) -> None:
    house.drift()
    leave_an_intent(house)
    house.account.create_role(
        "deployer", trust=trusting(arn("user", "alice"), arn("user", "bob")), tags={"team": "storage"}
    )
    house.remove("deployer.yaml")
    house.write("other.yaml", "kind: Role\nname: other\ntrust: [{service: ec2.amazonaws.com}]\n")
    assert told(house.plan())["role/deployer"][0] is Action.DELETE


@pytest.mark.parametrize("other", ["another form", "seen before"])
def test_what_is_not_as_the_run_would_have_made_it_is_somebody_elses(house: House, other: str) -> None:
    house.drift()
    leave_an_intent(house)
    tags = {"team": "storage" if other == "seen before" else "another"}
    house.account.create_role("deployer", trust=trusting(arn("user", "alice"), arn("user", "bob")), tags=tags)
    if other == "seen before":
        earlier = Remembered(arn("role", "deployer"), first_seen="2126-11-24T09:00:00Z")
        ledger = {**house.memory.ledger, house.account.role_id("deployer"): earlier}
        house.change_memory(ledger=ledger)
    action, _, approvals, waits = told(house.plan())["role/deployer"]
    assert (action, approvals, waits) == (Action.IMPORT, {Approval.ADOPT}, True)


def test_a_creation_that_was_approved_and_not_begun_is_not_asked_for_again(house: House) -> None:
    house.drift()
    leave_an_intent(house)
    assert told(house.plan())["role/deployer"] == (Action.CREATE, "unfinished", set(), False)
    assert house.drift().not_applied == 1
    assert not held(house.apply())
    house.assert_at_rest()


def test_what_was_made_and_deleted_by_somebody_is_not_made_again_by_the_old_intent(house: House) -> None:
    house.apply(reviewed=True, stop_after=1)
    house.account.delete_role("deployer")
    assert told(house.plan())["role/deployer"][1:] == ("deleted_outside", {Approval.UNDO_NARROWING}, True)


def test_a_creation_for_a_manifest_that_has_changed_since_is_asked_for(house: House) -> None:
    house.drift()
    leave_an_intent(house)
    house.write("deployer.yaml", ROLE.replace("storage", "network"))
    assert told(house.plan())["role/deployer"][1:] == ("not_there", {Approval.BROADEN}, True)


def test_a_stranger_who_came_after_the_approval_is_not_trusted_by_it(house: House) -> None:
    house.settle()
    house.pass_time()
    house.account.recreate_user("alice")
    house.account.delete_role("deployer")
    house.drift()
    leave_an_intent(house)
    assert told(house.plan())["role/deployer"] == (Action.CREATE, "unfinished", set(), False)
    house.account.recreate_user("alice")
    assert told(house.plan())["role/deployer"] == (Action.CREATE, "unfinished", {Approval.RE_TRUST}, True)


def test_an_update_cut_short_is_finished_without_question(house: House) -> None:
    house.settle()
    house.write("deployer.yaml", ROLE.replace("s3:PutObject", "s3:GetObject").replace("storage", "network"))
    house.apply(reviewed=True, stop_after=1)
    assert told(house.plan())["role/deployer"] == (Action.UPDATE, "unfinished", set(), False)
    assert house.drift().counted == ()
    assert not held(house.apply())
    house.assert_at_rest()


def test_an_update_cut_short_on_a_role_that_holds_more_than_is_declared(house: House) -> None:
    house.configure(approvals={"hold": ["broaden"]}, ignore={"tags": ["cost"], "managed_policies": ["SecurityAudit"]})
    house.settle()
    house.account.tag_role("deployer", {"cost": "7"})
    house.account.attach_role_policy("deployer", "arn:aws:iam::aws:policy/SecurityAudit")
    house.write(
        "deployer.yaml",
        ROLE.replace("storage", "network").replace(
            '"arn:aws:iam::aws:policy/ReadOnlyAccess"',
            '"arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"',
        ),
    )
    leave_an_intent(house)
    assert told(house.plan())["role/deployer"] == (Action.UPDATE, "unfinished", set(), False)
    house.apply()
    house.assert_at_rest()
    assert "cost" in str(house.account.state.tables.roles.get("deployer").tags)


def test_what_somebody_narrowed_after_the_approval_is_not_given_back_by_it(house: House) -> None:
    house.settle()
    house.write("deployer.yaml", ROLE.replace("s3:PutObject", "s3:*"))
    leave_an_intent(house)
    house.account.put_role_policy("deployer", "deploy", allow("s3:ListBucket"))
    assert told(house.plan())["role/deployer"] == (Action.UPDATE, "changed_outside", {Approval.UNDO_NARROWING}, True)
    assert findings(house.drift()) == [("changed_outside", "warning", "role/deployer")]


def test_a_trust_cut_short_trusts_only_those_whom_the_review_knew(house: House) -> None:
    house.settle()
    house.pass_time()
    house.account.recreate_user("alice")
    house.drift()
    leave_an_intent(house)
    house.account.put_trust("deployer", trusting(arn("user", "bob")))
    forms = house.memory.intents["role/deployer"].forms
    live = house.owned("role/deployer")
    house.change_memory(objects={"role/deployer": replace(live, digests={**live.digests, "trust": digest_of_bob()})})
    assert forms
    assert told(house.plan())["role/deployer"] == (Action.UPDATE, "unfinished", set(), False)
    house.account.recreate_user("alice")
    assert told(house.plan())["role/deployer"][2:] == ({Approval.RE_TRUST}, True)


def test_a_re_trust_that_was_approved_and_not_begun_is_not_asked_for_again(house: House) -> None:
    house.settle()
    house.pass_time()
    house.account.recreate_user("alice")
    house.drift()
    leave_an_intent(house)
    assert told(house.plan())["role/deployer"] == (Action.UPDATE, "principal_recreated", set(), False)
    house.account.recreate_user("alice")
    assert told(house.plan())["role/deployer"][2:] == ({Approval.RE_TRUST}, True)
    assert held(house.apply()) == ["role/deployer"]
    house.settle()


def test_a_clock_that_runs_behind_lets_nobody_in_by_an_earlier_approval(house: House) -> None:
    house.settle()
    house.account.recreate_user("alice")
    house.pass_time(600)
    with killed_before_call(house, 1):
        house.apply(reviewed=True)
    house.account.recreate_user("alice")
    house.pass_time(-300)
    assert told(house.plan())["role/deployer"][2:] == ({Approval.RE_TRUST}, True)
    assert held(house.apply()) == ["role/deployer"]


def test_a_creation_that_was_approved_waits_if_a_stranger_came_by_whatever_the_clocks_say(house: House) -> None:
    house.settle()
    first = house.account.user_id("alice")
    house.account.recreate_user("alice")
    house.account.delete_role("deployer")
    house.pass_time(600)
    with killed_before_call(house, 1):
        house.apply(reviewed=True)
    assert told(house.plan())["role/deployer"] == (Action.CREATE, "unfinished", set(), False)
    house.account.recreate_user("alice")
    house.pass_time(-300)
    assert told(house.plan())["role/deployer"][2:] == ({Approval.RE_TRUST}, True)
    now = house.account.user_id("alice")
    was = f"{arn('user', 'alice')} was {first} when this role was last applied, and is {now} now"
    assert notes_of_creation(house) == {"trust": was}


def test_a_stranger_is_not_trusted_by_way_of_a_replacement_cut_short(house: House) -> None:
    for name in NAMES[2:]:
        house.account.create_user(name)
    role = ROLE.replace("[alice, bob]", f"[{', '.join(NAMES)}]")
    house.write("deployer.yaml", role)
    house.settle()
    house.write("deployer.yaml", role.replace("name: deployer", "name: deployer\n    path: /moved/"))
    calls = [operation.call.value for operation in change(house.plan(), "role/deployer").operations]
    with killed_before_call(house, calls.index("CreateRole") + 1):
        house.apply(reviewed=True)
    assert not list(house.account.state.tables.roles)
    assert told(house.plan())["role/deployer"] == (Action.CREATE, "unfinished", set(), False)
    house.pass_time()
    for name in NAMES:
        house.account.recreate_user(name)
    house.pass_time()
    assert told(house.plan())["role/deployer"] == (Action.CREATE, "unfinished", {Approval.RE_TRUST}, True)
    sentences = [
        f"{arn('user', name)} is {house.account.user_id(name)} only since after the run began that left this unfinished"
        for name in NAMES
    ]
    assert notes_of_creation(house) == {"trust": ". ".join(sentences)}
    assert held(house.apply()) == ["role/deployer"]
    house.settle()


def digest_of_bob() -> str:
    """Return the digest of a trust in bob alone: what an approved run had written on its way."""
    from reconciler.model.policy import PolicyDocument  # noqa: PLC0415  used in one place

    return PolicyDocument(trusting(arn("user", "bob"))).digest()


def test_an_intent_that_nothing_is_left_of_is_given_up(house: House) -> None:
    house.settle()
    house.write("deployer.yaml", ROLE.replace("s3:PutObject", "s3:*"))
    leave_an_intent(house)
    house.write("deployer.yaml", ROLE)
    house.apply()
    assert dict(house.memory.intents) == {}
    house.assert_at_rest()


def test_a_role_that_was_removed_with_its_boundary_is_made_without_only_after_a_review(house: House) -> None:
    house.settle()
    house.account.create_policy("Bound", allow("s3:*"))
    house.account.put_boundary("deployer", arn("policy", "Bound"))
    house.write("deployer.yaml", ROLE.replace("name: deployer", "name: deployer\n    path: /apps/"))
    found = change(house.plan(), "role/deployer")
    assert found.record is not None
    assert "permissions_boundary" not in found.record.digests
    assert [one.path for one in found.differences] == ["path"]
    assert [one.params.get("PermissionsBoundary") for one in found.operations if one.call == "CreateRole"] == [
        arn("policy", "Bound")
    ]
    leave_an_intent(house)
    house.account.delete_role("deployer")
    found = change(house.plan(), "role/deployer")
    assert (found.reason.value, found.approvals, found.held) == ("unfinished", (Approval.UNDO_NARROWING,), True)
    assert found.message == (
        "an earlier run left it removed, and its permissions boundary is not declared: it is made without"
    )
    house.change_memory(objects={})
    found = change(house.plan(), "role/deployer")
    assert (found.reason.value, found.approvals, found.held) == ("unfinished", (Approval.UNDO_NARROWING,), True)


def test_a_denial_that_is_ignored_goes_with_a_replaced_role_only_after_a_review(house: House) -> None:
    house.configure(ignore={"inline_policies": ["stop"]})
    house.settle()
    denial = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    house.account.put_role_policy("deployer", "stop", denial)
    house.assert_at_rest()
    house.write("deployer.yaml", ROLE.replace("name: deployer", "name: deployer\n    path: /apps/"))
    found = change(house.plan(), "role/deployer")
    assert [one.path for one in found.differences] == ["path", "inline_policies/stop"]
    assert set(found.approvals) == {Approval.UNDO_NARROWING, Approval.DELETE}
