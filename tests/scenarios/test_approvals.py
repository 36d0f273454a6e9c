"""What a person has to decide, and that no way around it leads to the same place."""

from collections.abc import Callable

import pytest

from reconciler.model.change import Action, Approval
from tests.apply.house import Killed
from tests.scenarios.house import House, allow, arn, change, done, findings, held, told, trusting

UNDO = {Approval.UNDO_NARROWING}
LISTS = arn("policy", "Lists")
MANIFEST = """
    kind: Role
    name: deployer
    trust:
      - user: [alice, bob]
    max_session_duration: 7200
    managed_policies: [Lists]
    permissions_boundary: none
    inline_policies:
      deploy:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Action: ["s3:PutObject", "s3:GetObject"], Resource: "*"}]
    ---
    kind: ManagedPolicy
    name: Lists
    policy:
      Version: "2012-10-17"
      Statement: [{Effect: Allow, Action: ["s3:ListBucket", "s3:GetObject"], Resource: "*"}]
    """


@pytest.fixture
def applied(house: House) -> House:
    """A house with a role of which everything can be narrowed."""
    house.account.create_user("alice")
    house.account.create_user("bob")
    house.account.create_policy("Bound", allow("s3:*"))
    house.write("deployer.yaml", MANIFEST)
    house.settle()
    house.pass_time()
    return house


def edit(house: House, before: str, after: str) -> None:
    text = (house.manifests / "deployer.yaml").read_text()
    assert before in text
    house.write("deployer.yaml", text.replace(before, after))


NARROWINGS: dict[str, Callable[[House], object]] = {
    "a trusted user is taken out": lambda house: house.account.put_trust("deployer", trusting(arn("user", "bob"))),
    "a condition is added": lambda house: house.account.put_trust(
        "deployer",
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": [arn("user", "alice"), arn("user", "bob")]},
                    "Action": "sts:AssumeRole",
                    "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
                }
            ],
        },
    ),
    "everybody is denied": lambda house: house.account.put_trust(
        "deployer", trusting(arn("user", "alice"), effect="Deny")
    ),
    "an action is taken out": lambda house: house.account.put_role_policy("deployer", "deploy", allow("s3:GetObject")),
    "an inline policy is deleted": lambda house: house.account.delete_role_policy("deployer", "deploy"),
    "a denial is put on": lambda house: house.account.put_role_policy(
        "deployer",
        "stop",
        {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]},
    ),
    "a policy is detached": lambda house: house.account.detach_role_policy("deployer", LISTS),
    "AWS's denial is attached": lambda house: house.account.attach_role_policy(
        "deployer", "arn:aws:iam::aws:policy/AWSDenyAll"
    ),
    "a boundary is put on": lambda house: house.account.put_boundary("deployer", arn("policy", "Bound")),
    "sessions are made shorter": lambda house: house.account.update_role("deployer", max_session_duration=3600),
    "a policy gets less": lambda house: house.account.create_policy_version(LISTS, allow("s3:ListBucket")),
    "the role is deleted": lambda house: house.account.delete_role("deployer"),
    "the policy is deleted": lambda house: house.account.delete_policy(LISTS),
}


@pytest.mark.parametrize("narrow", NARROWINGS.values(), ids=NARROWINGS.keys())
def test_a_nights_apply_never_gives_back_what_somebody_took_away(
    applied: House, narrow: Callable[[House], object]
) -> None:
    narrow(applied)
    plan = applied.plan()
    assert any(Approval.UNDO_NARROWING in one.approvals and one.held for one in plan.changes)
    assert applied.drift().counted
    applied.box.reset_calls()
    for _ in range(2):
        assert held(applied.apply())
    assert not applied.box.mutating_calls
    applied.settle()


@pytest.mark.parametrize("narrow", NARROWINGS.values(), ids=NARROWINGS.keys())
def test_a_change_of_the_manifest_is_no_way_around(applied: House, narrow: Callable[[House], object]) -> None:
    narrow(applied)
    edit(applied, "name: deployer", "name: deployer\ndescription: Deploys")
    edit(applied, '"s3:PutObject", ', '"s3:PutObject", "s3:AbortMultipartUpload", ')
    edit(applied, "[alice, bob]", "[alice]")
    edit(applied, '"s3:ListBucket", "s3:GetObject"', '"s3:ListBucket", "s3:GetObject", "s3:ListAllMyBuckets"')
    edit(applied, "7200", "5400")
    for _ in range(3):
        plan = applied.plan()
        assert any(Approval.UNDO_NARROWING in one.approvals and one.held for one in plan.changes)
        applied.apply()
    applied.settle()


S3 = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
INLINE = """inline_policies:
  deploy:
    Version: "2012-10-17"
    Statement: [{Effect: Allow, Action: ["s3:PutObject", "s3:GetObject"], Resource: "*"}]"""
LISTING = """inline_policies:
  list:
    Version: "2012-10-17"
    Statement: [{Effect: Allow, Action: "s3:ListBucket", Resource: "*"}]"""
MOVES: dict[str, tuple[str, dict[str, str]]] = {
    "an inline policy gets another name": ("an inline policy is deleted", {"deploy:": "release:"}),
    "a narrowed one gets another name": ("an action is taken out", {"deploy:": "release:"}),
    "an attached policy becomes an inline one": (
        "a policy is detached",
        {"managed_policies: [Lists]": "managed_policies: []", "inline_policies:": LISTING},
    ),
    "an inline policy becomes an attached one": (
        "an inline policy is deleted",
        {"managed_policies: [Lists]": f"managed_policies: [Lists, '{S3}']", INLINE: "inline_policies: {}"},
    ),
    "the policy that is attached gets another name": ("a policy gets less", {"Lists": "Listing"}),
}


@pytest.mark.parametrize(("narrowing", "edits"), MOVES.values(), ids=MOVES.keys())
def test_what_was_taken_away_does_not_come_again_under_another_name(
    applied: House, narrowing: str, edits: dict[str, str]
) -> None:
    NARROWINGS[narrowing](applied)
    for before, after in edits.items():
        edit(applied, before, after)
    for _ in range(3):
        assert Approval.UNDO_NARROWING in change(applied.plan(), "role/deployer").approvals
        assert "role/deployer" in held(applied.apply())
    applied.settle()


def test_what_is_left_may_get_another_name_and_what_has_nothing_to_do_with_it_passes(applied: House) -> None:
    applied.account.put_role_policy("deployer", "deploy", allow("s3:*"))
    edit(applied, "deploy:", "release:")
    assert change(applied.plan(), "role/deployer").approvals == (Approval.BROADEN,)
    applied.account.put_role_policy("deployer", "deploy", allow("s3:GetObject"))
    edit(applied, "release:", f"queue: {allow('sqs:*')}\n  deploy:")
    assert set(change(applied.plan(), "role/deployer").approvals) == {Approval.UNDO_NARROWING, Approval.BROADEN}
    edit(applied, "sqs:*", "s3:Put*")
    assert set(change(applied.plan(), "role/deployer").approvals) == {Approval.UNDO_NARROWING}


def test_what_was_taken_from_one_policy_does_not_come_again_by_another(applied: House) -> None:
    """Where the text of what is attached is not at hand, it may be just that."""
    NARROWINGS["an action is taken out"](applied)
    edit(applied, "managed_policies: [Lists]", f"managed_policies: [Lists, '{S3}']")
    assert set(change(applied.plan(), "role/deployer").approvals) == {Approval.UNDO_NARROWING}
    assert held(applied.apply()) == ["role/deployer"]


@pytest.mark.parametrize("cut_short", [False, True], ids=["it fails", "it is killed"])
def test_what_waits_is_not_forgotten_where_what_does_not_wait_ends_badly(
    applied: House,
    cut_short: bool,  # noqa: FBT001  of two ends
) -> None:
    applied.account.put_trust("deployer", trusting(arn("user", "bob")))
    edit(applied, "[alice, bob]", "[alice]")
    edit(applied, '"s3:PutObject", ', '"s3:PutObject", "s3:AbortMultipartUpload", ')
    if cut_short:
        applied.box.faults.at("PutRolePolicy", do=cut)
        with pytest.raises(Killed):
            applied.apply()
    else:
        applied.box.faults.deny("PutRolePolicy")
        assert not applied.apply().is_complete
    applied.box.faults.clear()
    assert "bob" not in str(applied.account.trust("deployer")), "that was taken away at once"
    for _ in range(2):
        assert told(applied.plan())["role/deployer"][2] >= UNDO
        assert held(applied.apply()) == ["role/deployer"]
    assert "alice" not in str(applied.account.trust("deployer"))
    applied.settle()


def test_a_guard_bound_again_does_not_make_a_stranger_trusted(house: House) -> None:
    house.account.create_user("alice")
    house.account.create_user("bob")
    allows = {**trusting(arn("user", "alice"), arn("user", "bob"))["Statement"][0], "Sid": "In"}
    denies = {**trusting(arn("user", "alice"), effect="Deny")["Statement"][0], "Action": "sts:TagSession"}
    house.write(
        "deployer.yaml", f"kind: Role\nname: deployer\ntrust: [{{statement: {allows}}}, {{statement: {denies}}}]\n"
    )
    house.settle()
    old, new = house.account.user_id("alice"), house.account.recreate_user("alice")
    shown, gone = (
        f"; that ARN now belongs to another entity, {new}",
        f"was {old} when this role was last applied, and is {new} now",
    )
    for words in (shown, gone, gone):
        assert told(house.plan())["role/deployer"] == (Action.UPDATE, "principal_recreated", {Approval.RE_TRUST}, True)
        note = str(change(house.plan(), "role/deployer").differences[0].note)
        assert [each in note for each in (shown, gone)] == [words is shown, words is gone]
        assert held(house.apply(approve=((Approval.UNDO_NARROWING, None),))) == ["role/deployer"]
    bound = house.account.trust("deployer")["Statement"]
    assert [(one["Effect"], "alice" in str(one)) for one in bound] == [("Allow", False), ("Deny", True)]
    house.settle()


def cut() -> None:
    raise Killed


DENIAL = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
PLAIN = "kind: Role\nname: deployer\ntrust: [{user: alice}]\n"


@pytest.fixture
def locked(house: House) -> House:
    """A house whose manifests know no policy, and a role that somebody stopped with one of his own."""
    house.account.create_user("alice")
    house.write("deployer.yaml", PLAIN)
    house.settle()
    house.account.attach_role_policy("deployer", house.account.create_policy("Incident", DENIAL))
    return house


@pytest.mark.parametrize("more", ["", 'managed_policies: ["arn:aws:iam::aws:policy/ReadOnlyAccess"]\n'])
def test_a_denial_stays_attached_though_no_manifest_knows_a_policy(locked: House, more: str) -> None:
    locked.write("deployer.yaml", PLAIN + more)
    (_, _, approvals, waits) = told(locked.plan())["role/deployer"]
    assert (approvals, waits) == (UNDO, True)
    assert held(locked.apply()) == ["role/deployer"]
    assert list(locked.account.state.tables.roles.get("deployer").attached) == [arn("policy", "Incident")]
    (found,) = locked.drift().findings
    assert (found.severity.value, "allows more" in found.message) == ("warning", False)
    locked.settle()


def test_policies_that_stay_attached_are_not_read(locked: House) -> None:
    locked.configure(ignore={"managed_policies": ["Incident*"]})
    assert told(locked.plan()) == {}
    ignored = locked.box.calls["GetAccountAuthorizationDetails"]
    locked.configure()
    locked.write("deployer.yaml", PLAIN + "managed_policies_mode: additive\n")
    assert told(locked.plan()) == {}
    assert ignored == locked.box.calls["GetAccountAuthorizationDetails"] == 2, "one for each plan"


def test_naming_the_decision_releases_it_and_nothing_else(applied: House) -> None:
    applied.account.delete_role_policy("deployer", "deploy")
    applied.account.detach_role_policy("deployer", LISTS)
    applied.account.create_policy_version(LISTS, allow("s3:ListBucket"))
    result = applied.apply(approve=((Approval.UNDO_NARROWING, "role/deployer"),))
    assert held(result) == ["managed_policy/Lists"]
    assert not held(applied.apply(approve=((Approval.UNDO_NARROWING, None),)))
    applied.assert_at_rest()


def test_what_somebody_swapped_is_taken_at_once_and_given_back_after_a_review(applied: House) -> None:
    applied.account.create_user("mallory")
    applied.account.put_trust("deployer", trusting(arn("user", "bob"), arn("user", "mallory")))
    applied.account.put_role_policy("deployer", "deploy", allow("s3:*", "arn:aws:s3:::one"))
    assert held(applied.apply()) == ["role/deployer"]
    trust = str(applied.account.trust("deployer"))
    assert ("mallory" in trust, "alice" in trust, "bob" in trust) == (False, False, True)
    assert applied.owned("role/deployer").held == ("inline_policies/deploy", "trust")
    assert told(applied.plan())["role/deployer"][2:] == (UNDO, True)
    assert held(applied.apply()) == ["role/deployer"]
    applied.settle()
    assert applied.owned("role/deployer").held == ()


def test_what_was_held_and_then_put_back_by_hand_is_done(applied: House) -> None:
    applied.account.put_trust(
        "deployer", trusting(arn("user", "bob"), arn("user", "alice"), f"{applied.account.account_id}")
    )
    applied.account.put_trust("deployer", trusting(arn("user", "bob")))
    held(applied.apply())
    applied.account.put_trust("deployer", trusting(arn("user", "bob"), arn("user", "alice")))
    applied.apply()
    applied.assert_at_rest()
    assert applied.owned("role/deployer").held == ()


def test_the_manifest_may_follow_what_was_done_by_hand(applied: House) -> None:
    applied.account.put_trust("deployer", trusting(arn("user", "bob")))
    held(applied.apply())
    edit(applied, "[alice, bob]", "[bob]")
    applied.box.reset_calls()
    applied.apply()
    assert not applied.box.mutating_calls
    applied.assert_at_rest()


def test_a_stranger_is_not_trusted_by_way_of_a_replacement(applied: House) -> None:
    applied.account.recreate_user("alice")
    edit(applied, "name: deployer", "name: deployer\npath: /ci/")
    action, _, approvals, waits = told(applied.plan())["role/deployer"]
    assert (action, waits) == (Action.REPLACE, True)
    assert {Approval.RE_TRUST, Approval.DELETE} <= approvals
    applied.box.reset_calls()
    assert held(applied.apply()) == ["role/deployer"]
    assert not applied.box.mutating_calls
    applied.settle()


def test_a_stranger_is_not_trusted_by_way_of_deleting_the_whole_role(applied: House) -> None:
    applied.account.recreate_user("alice")
    applied.account.delete_role("deployer")
    approvals = told(applied.plan())["role/deployer"][2]
    assert approvals == {Approval.RE_TRUST, Approval.UNDO_NARROWING}
    assert held(applied.apply(approve=((Approval.UNDO_NARROWING, None),))) == ["role/deployer"]
    applied.settle()


def test_a_stranger_is_not_trusted_by_way_of_recreating_the_role(applied: House) -> None:
    applied.account.recreate_user("alice")
    applied.account.delete_role("deployer")
    applied.account.create_role("deployer")
    approvals = told(applied.plan())["role/deployer"][2]
    assert approvals == {Approval.RE_TRUST, Approval.ADOPT}
    assert held(applied.apply(approve=((Approval.ADOPT, None),))) == ["role/deployer"]
    applied.settle()


def test_a_manifest_that_gives_more_passes_unless_that_is_held(applied: House) -> None:
    edit(applied, '"s3:PutObject", ', '"s3:PutObject", "s3:DeleteObject", ')
    assert told(applied.plan())["role/deployer"][2:] == ({Approval.BROADEN}, False)
    applied.configure(approvals={"hold": ["broaden", "delete"]})
    assert told(applied.plan())["role/deployer"][2:] == ({Approval.BROADEN}, True)
    assert held(applied.apply()) == ["role/deployer"]
    assert not held(applied.apply(approve=((Approval.BROADEN, None),)))
    applied.assert_at_rest()


def test_a_held_broadening_is_not_given_beside_a_held_re_trust(applied: House) -> None:
    applied.configure(approvals={"hold": ["broaden"]})
    applied.account.create_user("carol")
    applied.account.recreate_user("alice")
    edit(applied, "[alice, bob]", "[alice, bob, carol]")
    assert told(applied.plan())["role/deployer"][2:] == ({Approval.BROADEN, Approval.RE_TRUST}, True)
    held(applied.apply())
    assert "carol" not in str(applied.account.trust("deployer"))
    held(applied.apply(approve=((Approval.RE_TRUST, None),)))
    assert "carol" not in str(applied.account.trust("deployer"))
    applied.settle()


def test_deleting_may_be_held(applied: House) -> None:
    applied.configure(approvals={"hold": ["delete"]})
    edit(applied, "name: deployer", "name: another")
    assert told(applied.plan())["role/deployer"] == (Action.DELETE, "not_declared", {Approval.DELETE}, True)
    result = applied.apply()
    assert held(result) == ["role/deployer"]
    assert "CreateRole role/another" in done(result)
    applied.settle()


def test_what_passes_may_be_said_in_the_configuration(applied: House) -> None:
    applied.configure(approvals={"pass": ["undo_narrowing"]})
    applied.account.delete_role_policy("deployer", "deploy")
    assert not held(applied.apply())
    applied.assert_at_rest()


def test_a_document_that_is_not_understood_is_overwritten_after_a_review_only(applied: House) -> None:
    applied.account.force_trust(
        "deployer",
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "NotPrincipal": {"AWS": arn("user", "bob")}, "Action": "sts:AssumeRole"}],
        },
    )
    plan = applied.plan()
    assert Approval.ADOPT in change(plan, "role/deployer").approvals
    applied.box.reset_calls()
    assert held(applied.apply()) == ["role/deployer"]
    assert not applied.box.mutating_calls
    assert findings(applied.drift()) == [("changed_outside", "error", "role/deployer")]
    applied.settle()


def test_a_wider_and_a_narrower_path_are_told_apart(applied: House) -> None:
    applied.account.put_role_policy("deployer", "more", allow("iam:*"))
    applied.account.update_role("deployer", max_session_duration=3600)
    assert held(applied.apply()) == ["role/deployer"]
    assert "more" not in applied.account.state.tables.roles.get("deployer").inline
    assert sorted(findings(applied.drift())) == [("changed_outside", "warning", "role/deployer")]
    applied.settle()
