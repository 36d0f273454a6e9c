"""What stands in the way of a plan, what depends on it, and what goes on all the same."""

import json

import pytest

from reconciler.model.change import Action
from reconciler.model.diagnostic import Code, ReconcilerError
from tests.scenarios.house import House, allow, arn, change, codes, done, findings, told, trusting

LISTS = arn("policy", "Lists")


def a_role(name: str, *lines: str, trust: str = "service: ec2.amazonaws.com") -> str:
    return "\n".join([f"kind: Role\nname: {name}\ntrust:\n  - {trust}", *lines, ""])


def a_policy(name: str, action: str = "s3:ListBucket", effect: str = "Allow", *lines: str) -> str:
    statement = f"{{Effect: {effect}, Action: '{action}', Resource: '*'}}"
    return "\n".join(
        [f"kind: ManagedPolicy\nname: {name}", f"policy: {{Version: 2012-10-17, Statement: [{statement}]}}", *lines, ""]
    )


def test_what_depends_on_something_blocked_is_blocked_and_the_rest_goes_on(house: House) -> None:
    house.account.create_role("base", path="/elsewhere/")
    house.account.create_policy("Base", allow("s3:*"), path="/elsewhere/")
    house.write("base.yaml", a_role("base"))
    house.write("policy.yaml", a_policy("Base"))
    house.write("on-role.yaml", a_role("on-role", trust="role: base"))
    house.write("on-that.yaml", a_role("on-that", trust="role: on-role"))
    house.write("on-policy.yaml", a_role("on-policy", "managed_policies: [Base]"))
    house.write("on-boundary.yaml", a_role("on-boundary", "permissions_boundary: Base"))
    house.write("alone.yaml", a_role("alone"))
    plan = house.plan()
    assert codes(plan.blockers) == [
        (Code.RC310, "managed_policy/Base"),
        (Code.RC310, "role/base"),
        (Code.RC320, "role/on-boundary"),
        (Code.RC320, "role/on-policy"),
        (Code.RC320, "role/on-role"),
        (Code.RC320, "role/on-that"),
    ]
    assert all(found.place is not None for found in plan.blockers)
    assert "role/on-role" in plan.blockers[-1].message
    assert done(house.apply()) == ["CreateRole role/alone"]


def test_a_blocked_object_is_not_blamed_for_another_whose_name_begins_alike(house: House) -> None:
    house.account.create_role("base", path="/elsewhere/")
    house.write("base.yaml", a_role("base"))
    house.write("other.yaml", a_role("other", trust=f"role: {arn('role', 'base-two')}"))
    assert codes(house.plan().blockers) == [(Code.RC310, "role/base"), (Code.RP204, "role/other")]


def test_what_is_recreated_in_another_case_stops_only_the_role_that_names_it(house: House) -> None:
    house.account.create_user("bob", path="/staff/")
    reads = house.account.create_policy("reads", allow("s3:GetObject"))
    house.write("one.yaml", a_role("one", trust="user: bob"))
    house.write("two.yaml", a_role("two", "managed_policies: [reads]"))
    house.write("three.yaml", a_role("three"))
    house.apply(reviewed=True)
    house.account.delete_user("bob")
    house.account.create_user("Bob")
    house.account.delete_policy(reads)
    house.account.create_policy("Reads", allow("s3:GetObject"))
    house.write("four.yaml", a_role("four"))
    plan = house.plan()
    assert codes(plan.blockers) == [(Code.RP204, "role/one"), (Code.RC308, "role/two")]
    assert all("Case and path count in ARNs." in str(found.help) for found in plan.blockers)
    assert f"Did you mean {arn('user', 'Bob')}?" in str(plan.blockers[0].help)
    assert house.drift().findings
    assert done(house.apply()) == ["CreateRole role/four"]


def test_a_principal_that_is_not_there_stops_only_who_trusts_it(house: House) -> None:
    house.write("one.yaml", a_role("one", trust="user: arn:aws:iam::111122223333:user/ghost"))
    house.write("two.yaml", a_role("two"))
    plan = house.plan()
    assert codes(plan.blockers) == [(Code.RP204, "role/one")]
    assert list(told(plan)) == ["role/two"]


def test_the_case_of_a_principals_name_counts(house: House) -> None:
    house.account.create_user("Alice")
    house.write("one.yaml", a_role("one", trust="user: arn:aws:iam::111122223333:user/alice"))
    (blocker,) = house.plan().blockers
    assert arn("user", "Alice") in str(blocker.help)


def test_a_role_that_is_deleted_cannot_be_trusted(house: House) -> None:
    house.write("base.yaml", a_role("base"))
    house.write("one.yaml", a_role("one", trust=f"role: {arn('role', 'base')}"))
    house.settle()
    house.remove("base.yaml")
    house.write("one.yaml", a_role("one", "description: changed", trust=f"role: {arn('role', 'base')}"))
    plan = house.plan()
    (blocker,) = plan.blockers
    assert (blocker.code, blocker.address) == (Code.RP204, "role/base")
    assert blocker.place is not None
    assert (blocker.place.file, blocker.place.line) == ("manifests/one.yaml", 4)
    assert list(told(plan)) == ["role/one"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("managed_policies: ['arn:aws:iam::aws:policy/NoSuchPolicy']", Code.RC308),
        (f"managed_policies: ['{arn('policy', 'Ghost')}']", Code.RC308),
        (f"permissions_boundary: {arn('policy', 'Ghost')}", Code.RC309),
        ("permissions_boundary: arn:aws:iam::aws:policy/NoSuchPolicy", Code.RC309),
    ],
)
def test_a_policy_that_does_not_exist_stops_its_role(house: House, line: str, code: Code) -> None:
    house.write("one.yaml", a_role("one", line))
    assert codes(house.plan().blockers) == [(code, "role/one")]


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        (
            "managed_policies: [ReadOnlyAccess]",
            "Write arn:aws:iam::aws:policy/ReadOnlyAccess if",
        ),
        ("managed_policies: ['arn:aws:iam::aws:policy/NoSuchPolicy']", "Some of AWS's own stand below a path"),
    ],
)
def test_a_policy_of_awss_own_that_is_not_found_by_its_name_may_be_meant(house: House, line: str, hint: str) -> None:
    house.write("one.yaml", a_role("one", line))
    (blocker,) = house.plan().blockers
    assert hint in str(blocker.help)


def test_a_policy_for_service_linked_roles_is_attached_to_no_other(house: House) -> None:
    linked = "arn:aws:iam::aws:policy/aws-service-role/AmazonElasticFileSystemServiceRolePolicy"
    house.write("one.yaml", a_role("one", f"managed_policies: ['{linked}']"))
    (blocker,) = house.plan().blockers
    assert "only service-linked roles have it" in blocker.message


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": "arn:aws:sts::111122223333:assumed-role/ci/"},
        {"AWS": "arn:aws:sts::111122223333:assumed-role//ci"},
        {"AWS": "arn:aws:sts::111122223333:federated-user/"},
        {"Service": "https://ec2.amazonaws.com"},
        {"Service": "EC2.amazonaws.com"},
        {"Service": "a_b.amazonaws.com"},
        {"Service": ".amazonaws.com"},
    ],
)
def test_a_principal_that_iam_refuses_is_refused_before(house: House, principal: dict[str, str]) -> None:
    statement = {**trusting()["Statement"][0], "Principal": principal}
    house.write("one.yaml", a_role("one", trust=f"statement: {statement}"))
    with pytest.raises(ReconcilerError) as refused:
        house.plan()
    assert refused.value.diagnostics[0].code is Code.RP209


def test_an_arn_that_breaks_off_is_no_resource(house: House) -> None:
    house.write("one.yaml", a_role("one", f"inline_policies: {{x: {allow('s3:*', 'arn:aws:s3')}}}"))
    with pytest.raises(ReconcilerError, match="is not a resource"):
        house.plan()


def test_nobody_is_told_to_create_what_only_identity_center_makes(house: House) -> None:
    sso = arn("role", "aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef")
    house.write("one.yaml", a_role("one", trust=f"role: {sso}"))
    (blocker,) = house.plan().blockers
    assert "`permission_set: NAME`" in str(blocker.help)


def test_what_a_narrower_plan_leaves_out_is_said_to_be_declared(house: House) -> None:
    house.write("one.yaml", a_role("one", trust="role: two"))
    house.write("two.yaml", a_role("two"))
    (blocker,) = house.plan(paths=(house.manifests / "one.yaml",)).blockers
    assert "manifests/two.yaml declares it, and this plan leaves that out" in str(blocker.help)


def test_awss_own_policies_are_looked_up_once(house: House) -> None:
    house.write("one.yaml", a_role("one", "managed_policies: ['arn:aws:iam::aws:policy/ReadOnlyAccess']"))
    plan = house.plan()
    assert (plan.blockers, plan.calls["GetPolicy"]) == ((), 1)
    house.settle()
    assert "GetPolicy" not in house.plan().calls


def test_a_policy_that_is_deleted_cannot_be_attached(house: House) -> None:
    house.write("lists.yaml", a_policy("Lists"))
    house.settle()
    house.remove("lists.yaml")
    house.write("one.yaml", a_role("one", f"managed_policies: ['{LISTS}']"))
    (blocker,) = house.plan().blockers
    assert (blocker.code, blocker.address) == (Code.RC308, "role/one")
    assert "this plan deletes it" in blocker.message


def test_a_trust_longer_than_the_accounts_quota_stops_its_role(house: House) -> None:
    house.account.set_quotas(AssumeRolePolicySizeQuota=100)
    house.write("one.yaml", a_role("one"))
    assert codes(house.plan().blockers) == [(Code.RC301, "role/one")]


def test_more_attachments_than_the_account_allows_stop_their_role(house: House) -> None:
    house.account.set_quotas(AttachedPoliciesPerRoleQuota=1)
    house.write(
        "one.yaml", a_role("one", "managed_policies: [A, B]") + "---\n" + a_policy("A") + "---\n" + a_policy("B")
    )
    assert codes(house.plan().blockers) == [(Code.RC304, "role/one")]


def test_what_stays_attached_beyond_an_additive_declaration_counts(house: House) -> None:
    house.account.set_quotas(AttachedPoliciesPerRoleQuota=1)
    house.write("one.yaml", a_role("one", "managed_policies_mode: additive", "inline_policies_mode: additive"))
    house.settle()
    house.account.attach_role_policy("one", "arn:aws:iam::aws:policy/ReadOnlyAccess")
    house.account.put_role_policy("one", "extra", allow("s3:*"))
    house.assert_at_rest()
    house.write(
        "one.yaml",
        a_role("one", "managed_policies_mode: additive", "managed_policies: [A]") + "---\n" + a_policy("A"),
    )
    assert codes(house.plan().blockers) == [(Code.RC304, "role/one")]


def test_inline_policies_longer_than_the_quota_stop_their_role(house: House) -> None:
    house.account.set_quotas(RolePolicySizeQuota=100)
    lines = [f"  {name}: {json.dumps(allow('s3:*'))}" for name in "ab"]
    house.write("one.yaml", a_role("one", "inline_policies:", *lines))
    assert codes(house.plan().blockers) == [(Code.RC302, "role/one")]


def test_a_policy_longer_than_the_quota_is_stopped(house: House) -> None:
    house.account.set_quotas(PolicySizeQuota=50)
    house.write("one.yaml", a_policy("A"))
    assert codes(house.plan().blockers) == [(Code.RC303, "managed_policy/A")]


def test_an_account_without_room_takes_as_many_as_fit(house: House) -> None:
    house.account.create_role("there")
    house.account.set_quotas(RolesQuota=2, PoliciesQuota=1)
    house.write("roles.yaml", a_role("a") + "---\n" + a_role("b"))
    house.write("policies.yaml", a_policy("A") + "---\n" + a_policy("B"))
    plan = house.plan()
    assert codes(plan.blockers) == [(Code.RC306, "managed_policy/B"), (Code.RC305, "role/b")]
    assert list(told(plan)) == ["managed_policy/A", "role/a"]


def test_the_oldest_version_of_a_policy_makes_room_for_the_next(house: House) -> None:
    house.write("one.yaml", a_policy("Lists"))
    house.settle()
    for action in ("s3:A", "s3:B", "s3:C", "s3:D"):
        house.account.create_policy_version(LISTS, allow(action), default=False)
    house.write("one.yaml", a_policy("Lists", "s3:GetObject"))
    assert done(house.apply()) == [
        "DeletePolicyVersion managed_policy/Lists",
        "CreatePolicyVersion managed_policy/Lists",
    ]
    house.assert_at_rest()


def test_an_account_that_keeps_one_version_cannot_take_another(house: House) -> None:
    house.write("one.yaml", a_policy("Lists"))
    house.settle()
    house.account.set_quotas(VersionsPerPolicyQuota=1)
    house.write("one.yaml", a_policy("Lists", "s3:GetObject"))
    assert codes(house.plan().blockers) == [(Code.RC307, "managed_policy/Lists")]


# Policies in use


def test_a_policy_that_others_use_is_neither_deleted_nor_replaced(house: House) -> None:
    house.write("lists.yaml", a_policy("Lists") + "---\n" + a_policy("Other"))
    house.settle()
    house.account.create_user("alice")
    house.account.attach_user_policy("alice", LISTS)
    house.write("lists.yaml", a_policy("Other"))
    (blocker,) = house.plan().blockers
    assert (blocker.code, blocker.address) == (Code.RC319, "managed_policy/Lists")
    assert "user/alice" in blocker.message
    house.write("lists.yaml", a_policy("Lists", "s3:ListBucket", "Allow", "path: /x/") + "---\n" + a_policy("Other"))
    assert codes(house.plan().blockers) == [(Code.RC316, "managed_policy/Lists")]


def test_a_policy_is_deleted_with_the_roles_that_have_it(house: House) -> None:
    house.write("all.yaml", a_policy("Lists") + "---\n" + a_role("one", "managed_policies: [Lists]"))
    house.write("other.yaml", a_role("two", "managed_policies: [Lists]"))
    house.settle()
    house.remove("all.yaml")
    house.write("other.yaml", a_role("two"))
    plan = house.plan()
    assert plan.blockers == ()
    house.apply()
    house.assert_at_rest()
    assert list(house.memory.objects) == ["role/two"]


def test_a_policy_stays_while_the_change_that_would_let_go_of_it_is_blocked(house: House) -> None:
    house.write("lists.yaml", a_policy("Lists"))
    house.write("one.yaml", a_role("one", "managed_policies: [Lists]"))
    house.settle()
    house.remove("lists.yaml")
    house.write("one.yaml", a_role("one", trust="user: arn:aws:iam::111122223333:user/ghost"))
    assert codes(house.plan().blockers) == [(Code.RC319, "managed_policy/Lists"), (Code.RP204, "role/one")]


def test_a_policy_that_an_additive_role_keeps_is_not_deleted(house: House) -> None:
    house.write("lists.yaml", a_policy("Lists"))
    house.write("one.yaml", a_role("one", "managed_policies_mode: additive"))
    house.settle()
    house.account.attach_role_policy("one", LISTS)
    house.remove("lists.yaml")
    assert codes(house.plan().blockers) == [(Code.RC319, "managed_policy/Lists")]


@pytest.mark.parametrize("declared", ["permissions_boundary: Bound", ""])
def test_a_boundary_in_use_is_not_deleted(house: House, declared: str) -> None:
    house.write("bound.yaml", a_policy("Bound", "s3:*"))
    house.write("one.yaml", a_role("one", declared or "permissions_boundary: Bound"))
    house.settle()
    house.remove("bound.yaml")
    house.write("one.yaml", a_role("one", f"permissions_boundary: {arn('policy', 'Bound')}" if declared else ""))
    (blocker,) = house.plan().blockers
    assert (blocker.code, blocker.address) == (Code.RC319, "managed_policy/Bound")
    assert "boundary of role/one" in blocker.message


def test_a_boundary_is_deleted_once_its_roles_have_another_or_none(house: House) -> None:
    house.write("bound.yaml", a_policy("Bound", "s3:*") + "---\n" + a_policy("Tight", "s3:Get*"))
    house.write("one.yaml", a_role("one", "permissions_boundary: Bound"))
    house.write("two.yaml", a_role("two", "permissions_boundary: Bound"))
    house.settle()
    house.write("bound.yaml", a_policy("Tight", "s3:Get*"))
    house.write("one.yaml", a_role("one", "permissions_boundary: Tight"))
    house.write("two.yaml", a_role("two", "permissions_boundary: none"))
    assert house.plan().blockers == ()
    assert house.apply().is_complete
    house.assert_at_rest()


def test_a_boundary_is_not_replaced(house: House) -> None:
    house.write("bound.yaml", a_policy("Bound", "s3:*"))
    house.write("one.yaml", a_role("one", "permissions_boundary: Bound"))
    house.settle()
    house.write("bound.yaml", a_policy("Bound", "s3:*", "Allow", "path: /x/"))
    assert (Code.RC316, "managed_policy/Bound") in codes(house.plan().blockers)


def test_a_policy_that_denies_is_not_replaced_under_its_roles(house: House) -> None:
    house.write("guard.yaml", a_policy("Guard", "iam:*", "Deny"))
    house.write("one.yaml", a_role("one", "managed_policies: [Guard]"))
    house.settle()
    house.write("guard.yaml", a_policy("Guard", "iam:*", "Deny", "path: /x/"))
    blockers = house.plan().blockers
    assert (Code.RC316, "managed_policy/Guard") in codes(blockers)
    assert any("Deny would stop guarding" in found.message for found in blockers)


def test_a_policy_that_allows_is_replaced_under_its_roles(house: House) -> None:
    house.write("lists.yaml", a_policy("Lists"))
    house.write("one.yaml", a_role("one", "managed_policies: [Lists]"))
    house.settle()
    house.write("lists.yaml", a_policy("Lists", "s3:ListBucket", "Allow", "path: /x/"))
    assert house.plan().blockers == ()
    house.settle()


def test_a_changed_description_of_a_policy_is_a_warning(house: House) -> None:
    house.write("one.yaml", a_policy("Lists", "s3:ListBucket", "Allow", "description: Lists"))
    house.settle()
    house.write("one.yaml", a_policy("Lists", "s3:ListBucket", "Allow", "description: Lists buckets"))
    plan = house.plan()
    assert [(found.code, found.severity) for found in plan.warnings] == [(Code.RC317, "warning")]
    assert plan.changes == ()
    house.apply()
    house.assert_at_rest()


# Oneself


@pytest.mark.parametrize("address", ["role/Runner", "managed_policy/Mine", "managed_policy/Bound"])
def test_the_role_it_runs_as_is_not_changed_unless_named(house: House, address: str) -> None:
    house.write("mine.yaml", a_policy("Mine") + "---\n" + a_policy("Bound", "s3:*"))
    house.write("runner.yaml", a_role("Runner", "managed_policies: [Mine]", "permissions_boundary: Bound"))
    house.settle()
    house.account.put_trust("Runner", house.account.trust("Runner"))
    house.act_as("role/Runner")
    house.assert_at_rest()
    house.write("mine.yaml", a_policy("Mine", "s3:Get*") + "---\n" + a_policy("Bound", "s3:Get*"))
    house.write(
        "runner.yaml", a_role("Runner", "managed_policies: [Mine]", "permissions_boundary: Bound", "description: me")
    )
    assert (Code.RC313, address) in codes(house.plan().blockers)
    assert (Code.RC313, address) not in codes(house.plan(allow_self=(address,)).blockers)


def test_replacing_the_role_it_runs_as_by_another_spelling_is_a_change_to_it(house: House) -> None:
    house.write("runner.yaml", a_role("Runner"))
    house.settle()
    house.act_as("role/Runner")
    house.write("runner.yaml", a_role("runner"))
    assert codes(house.plan().blockers) == [(Code.RC313, "role/runner")]


def test_the_policies_of_the_user_it_runs_as_are_not_changed(house: House) -> None:
    house.account.create_user("operator")
    house.account.create_group("operators")
    house.account.add_user_to_group("operator", "operators")
    house.write("mine.yaml", a_policy("Mine") + "---\n" + a_policy("Ours") + "---\n" + a_policy("Theirs"))
    house.settle()
    house.account.attach_user_policy("operator", arn("policy", "Mine"))
    house.account.attach_group_policy("operators", arn("policy", "Ours"))
    house.act_as("user/operator")
    house.write("mine.yaml", "---\n".join(a_policy(name, "s3:Get*") for name in ("Mine", "Ours", "Theirs")))
    plan = house.plan()
    assert codes(plan.blockers) == [(Code.RC313, "managed_policy/Mine"), (Code.RC313, "managed_policy/Ours")]
    assert list(told(plan)) == ["managed_policy/Theirs"]


def test_importing_the_role_it_runs_as_changes_nothing_and_is_fine(house: House) -> None:
    house.account.create_role("Runner")
    house.act_as("role/Runner")
    house.write("runner.yaml", a_role("Runner"))
    plan = house.plan()
    assert (plan.blockers, told(plan)["role/Runner"][0]) == ((), Action.IMPORT)
    house.settle()


def test_a_role_that_the_configuration_assumes_is_not_changed(house: House) -> None:
    house.account.create_role("reconciler", trust=trusting(house.account.account_id))
    house.configure(accounts={"111122223333": {"role_arn": arn("role", "reconciler")}})
    house.write("it.yaml", a_role("reconciler"))
    assert codes(house.plan().blockers) == [(Code.RC313, "role/reconciler")]


# Too much at once


def test_deleting_too_much_at_once_is_blocked_unless_said(house: House) -> None:
    for number in range(10):
        house.write(f"{number}.yaml", a_role(f"role-{number}"))
    house.settle()
    for number in range(3):
        house.remove(f"{number}.yaml")
    assert house.plan().blockers == ()
    house.write("9.yaml", a_role("role-9", "path: /x/"))
    plan = house.plan()
    assert {code for code, _ in codes(plan.blockers)} == {Code.RC314}
    assert "4 of 10" in plan.blockers[0].message
    assert plan.changes == ()
    assert len(house.plan(allow_mass_delete=True).changes) == 4
    assert len(house.plan(destroy=True).changes) == 10
    house.configure(limits={"delete_fraction": 0.5})
    assert len(house.plan().changes) == 4


def test_an_emptied_folder_is_an_error_and_no_plan(house: House) -> None:
    house.write("one.yaml", a_role("one"))
    house.settle()
    house.remove("one.yaml")
    with pytest.raises(ReconcilerError) as caught:
        house.plan()
    assert caught.value.diagnostics[0].code is Code.RM101


# What is left alone


def test_what_the_configuration_ignores_is_left_as_it_is(house: House) -> None:
    house.write("one.yaml", a_role("one", "tags: {team: storage}"))
    house.write("two.yaml", a_role("left-alone"))
    house.settle()
    house.configure(
        ignore={
            "roles": ["left-*"],
            "tags": ["cost-*"],
            "managed_policies": ["ReadOnly*", arn("policy", "Extra")],
            "inline_policies": ["session-*"],
        }
    )
    house.account.create_policy("Extra", allow("s3:*"))
    house.account.tag_role("one", {"cost-center": "7"})
    house.account.attach_role_policy("one", "arn:aws:iam::aws:policy/ReadOnlyAccess")
    house.account.attach_role_policy("one", arn("policy", "Extra"))
    house.account.put_role_policy("one", "session-policy", allow("s3:*"))
    house.assert_at_rest()
    house.remove("two.yaml")
    house.assert_at_rest()
    assert "role/left-alone" in house.memory.objects
    assert findings(house.drift(unmanaged=True)) == []


def test_a_tag_that_is_declared_counts_although_its_like_are_ignored(house: House) -> None:
    house.configure(ignore={"tags": ["cost-*"]})
    house.write("one.yaml", a_role("one", "tags: {cost-center: '7'}"))
    house.settle()
    house.account.tag_role("one", {"cost-center": "8"})
    assert told(house.plan())["role/one"][1] == "changed_outside"
    house.settle()


def test_awss_own_tags_and_revoked_sessions_are_left_as_they_are(house: House) -> None:
    house.write("one.yaml", a_role("one"))
    house.settle()
    house.account.tag_role("one", {"aws:servicecatalog:portfolio": "x"})
    house.account.put_role_policy("one", "AWSRevokeOlderSessions", allow("s3:*"))
    house.assert_at_rest()


def test_revoked_sessions_are_compared_where_they_are_declared(house: House) -> None:
    house.write(
        "one.yaml", a_role("one", "inline_policies:", f"  AWSRevokeOlderSessions: {json.dumps(allow('s3:Get*'))}")
    )
    house.settle()
    house.account.put_role_policy("one", "AWSRevokeOlderSessions", allow("s3:*"))
    assert told(house.plan())["role/one"][1] == "changed_outside"


def test_an_additive_role_keeps_what_others_gave_it(house: House) -> None:
    mode = ("managed_policies_mode: additive", "inline_policies_mode: additive")
    house.write(
        "one.yaml", a_role("one", *mode, "managed_policies: [A]") + "---\n" + a_policy("A") + "---\n" + a_policy("B")
    )
    house.settle()
    house.account.attach_role_policy("one", arn("policy", "B"))
    house.account.put_role_policy("one", "extra", allow("s3:*"))
    house.assert_at_rest()
    house.account.detach_role_policy("one", arn("policy", "A"))
    assert told(house.plan())["role/one"][1] == "changed_outside"
    house.settle()
    house.write(
        "one.yaml", a_role("one", *mode, "managed_policies: [A, C]") + "---\n" + "---\n".join(map(a_policy, "ABC"))
    )
    assert told(house.plan())["role/one"][1] == "manifest_changed"
    house.settle()
    assert arn("policy", "B") in house.account.state.tables.roles.get("one").attached


def test_a_boundary_that_is_not_declared_stays_with_a_note(house: House) -> None:
    house.account.create_policy("Bound", allow("s3:*"))
    house.write("one.yaml", a_role("one"))
    house.settle()
    house.account.put_boundary("one", arn("policy", "Bound"))
    plan = house.plan()
    assert [(found.code, found.severity) for found in plan.warnings] == [(Code.RC318, "note")]
    house.assert_at_rest()
    house.write("one.yaml", a_role("one", "permissions_boundary: none"))
    house.settle()
    assert house.account.state.tables.roles.get("one").boundary is None


# A part of everything


def test_a_path_plans_what_it_declares_and_what_was_declared_there(house: House) -> None:
    house.write("a/one.yaml", a_role("one"))
    house.write("a/gone.yaml", a_role("gone"))
    house.write("b/two.yaml", a_role("two"))
    house.settle()
    house.remove("a/gone.yaml")
    house.write("a/one.yaml", a_role("one", "description: one"))
    house.write("b/two.yaml", a_role("two", "description: two"))
    paths = (house.manifests / "a",)
    assert set(told(house.plan(paths=paths))) == {"role/one", "role/gone"}
    house.apply(paths=paths)
    assert set(told(house.plan())) == {"role/two"}


def test_a_target_brings_what_it_needs_and_who_trusts_it(house: House) -> None:
    house.write("base.yaml", a_role("base"))
    house.write("truster.yaml", a_role("truster", trust="role: base"))
    house.write("other.yaml", a_role("other"))
    house.settle()
    house.write("base.yaml", a_role("base", "path: /x/", "managed_policies: [New]", "permissions_boundary: Bound"))
    house.write("new.yaml", a_policy("New") + "---\n" + a_policy("Unrelated") + "---\n" + a_policy("Bound", "s3:*"))
    house.write("other.yaml", a_role("other", "description: other"))
    plan = house.plan(targets=("role/base",))
    assert set(told(plan)) == {"role/base", "managed_policy/New", "managed_policy/Bound", "role/truster"}
    assert not [change for change in plan.changes if change.held]
    house.apply(targets=("role/base",))
    assert set(told(house.plan())) == {"managed_policy/Unrelated", "role/other"}


def test_a_target_that_trusts_a_new_role_brings_it_along(house: House) -> None:
    house.write("one.yaml", a_role("one", trust="role: two"))
    house.write("two.yaml", a_role("two", trust="role: three"))
    house.write("three.yaml", a_role("three"))
    house.write("four.yaml", a_role("four"))
    assert set(told(house.plan(targets=("role/one",)))) == {"role/one", "role/two", "role/three"}
    assert set(told(house.plan(targets=("role/three",)))) == {"role/three"}
    house.settle()
    assert house.plan(targets=("role/one",)).changes == ()


def test_deleting_a_target_alone_says_who_is_left_with_a_dead_id(house: House) -> None:
    house.write("base.yaml", a_role("base"))
    house.write("truster.yaml", a_role("truster", trust=f"role: {arn('role', 'base')}"))
    house.write("goes-too.yaml", a_role("goes-too", trust=f"role: {arn('role', 'base')}"))
    house.settle()
    house.remove("base.yaml")
    house.remove("goes-too.yaml")
    house.write("truster.yaml", a_role("truster"))
    plan = house.plan(targets=("role/base",))
    assert change(plan, "role/base").notices == (
        "role/goes-too, which is not managed, trusts it and will hold a dead ID",
        "role/truster, which this plan leaves alone, trusts it and will hold a dead ID",
    )
    assert change(house.plan(), "role/base").notices == ()
    house.settle()


def test_a_target_that_was_recreated_outside_brings_those_who_trusted_it(house: House) -> None:
    house.write("base.yaml", a_role("base"))
    house.write("truster.yaml", a_role("truster", trust="role: base"))
    house.settle()
    house.account.recreate_role("base")
    assert set(told(house.plan(targets=("role/base",)))) == {"role/base", "role/truster"}
