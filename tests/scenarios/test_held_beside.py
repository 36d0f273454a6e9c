"""What is held, and what lies beside it: whatever takes away does not wait, whatever depends on it does."""

import json
import re
from collections.abc import Callable

import pytest

from reconciler.apply import Result
from reconciler.model.change import Approval
from tests.scenarios.house import House, allow, arn, change, done, held, trusting

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
LISTS = arn("policy", "Lists")
DENIAL = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "iam:*", "Resource": "*"}]}
DENY_BOB = f"{{Effect: Deny, Principal: {{AWS: '{arn('user', 'bob')}'}}, Action: 'sts:AssumeRole'}}"
DENY_PASSING = "{Effect: Deny, Action: 'iam:*', Resource: '*'}"
EVE = trusting(arn("user", "eve"))["Statement"]
AS_DECLARED = {LISTS, "deploy s3:PutObject", "work sqs:SendMessage", "3600"} | {
    arn(kind, name) for kind, name in (("user", "alice"), ("user", "bob"), ("role", "deployer"))
}
MANIFEST = """
    kind: Role
    name: deployer
    trust:
      - user: alice
    managed_policies: [Lists]
    inline_policies:
      deploy:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Action: "s3:PutObject", Resource: "*"}]
      work:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Action: "sqs:SendMessage", Resource: "*"}]
    ---
    kind: Role
    name: auditor
    trust:
      - user: bob
      - role: deployer
    inline_policies:
      work:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Action: "sqs:SendMessage", Resource: "*"}]
    ---
    kind: ManagedPolicy
    name: Lists
    policy:
      Version: "2012-10-17"
      Statement: [{Effect: Allow, Action: ["s3:ListBucket", "s3:GetObject"], Resource: "*"}]
    """


@pytest.fixture
def applied(house: House) -> House:
    """A house with a role that has a policy, and another role that trusts it."""
    for name in ("alice", "bob", "eve"):
        house.account.create_user(name)
    house.write("deployer.yaml", MANIFEST)
    house.settle()
    house.pass_time()
    return house


def everything_of(house: House, role: str) -> set[str]:
    """Return what a role has: its policies by name, what its own may do, who assumes it and for how long."""
    found = house.account.state.tables.roles.get(role)
    may = {f"{name} {json.loads(text)['Statement'][0]['Action']}" for name, text in found.inline.items()}
    who = set(re.findall("arn:aws:iam::[0-9]+:[a-z]+/[a-z]+", json.dumps(house.account.trust(role))))
    return {*found.attached, *may, *who, str(found.max_session_duration)}


def edit(house: House, before: str, after: str) -> None:
    text = (house.manifests / "deployer.yaml").read_text()
    assert before in text
    house.write("deployer.yaml", text.replace(before, after))


# What takes away does not wait for what gives


def delete_lists(house: House) -> None:
    house.account.detach_role_policy("deployer", LISTS)
    house.account.delete_policy(LISTS)


HELD: dict[str, Callable[[House], object]] = {
    "a policy gets less": lambda house: house.account.create_policy_version(LISTS, allow("s3:ListBucket")),
    "a policy is detached": lambda house: house.account.detach_role_policy("deployer", LISTS),
    "an inline policy is deleted": lambda house: house.account.delete_role_policy("deployer", "deploy"),
    "a policy is deleted": delete_lists,
    "a role is deleted": lambda house: house.account.delete_role("deployer"),
}
MORE: dict[str, Callable[[House, str], object]] = {
    "an administrator": lambda house, role: house.account.attach_role_policy(role, ADMIN),
    "an inline policy": lambda house, role: house.account.put_role_policy(role, "more", allow("ec2:*")),
    "longer sessions": lambda house, role: house.account.update_role(role, max_session_duration=43200),
    "a wider policy": lambda house, role: house.account.put_role_policy(role, "work", allow("sqs:*")),
    "a trusted user": lambda house, role: house.account.put_trust(
        role, {**house.account.trust(role), "Statement": [*house.account.trust(role)["Statement"], *EVE]}
    ),
}


@pytest.mark.parametrize("more", MORE)
@pytest.mark.parametrize("narrowing", HELD)
def test_what_somebody_gave_by_hand_is_taken_off_while_what_somebody_took_waits(
    applied: House, narrowing: str, more: str
) -> None:
    """On the role itself, and on one that trusts it."""
    roles = ["auditor"] if narrowing == "a role is deleted" else ["auditor", "deployer"]
    for role in roles:
        MORE[more](applied, role)
    HELD[narrowing](applied)
    assert held(applied.apply())
    for role in roles:
        assert everything_of(applied, role) <= AS_DECLARED
    applied.box.reset_calls()
    assert held(applied.apply())
    assert not applied.box.mutating_calls
    applied.settle()


def test_guards_beside_what_waits_for_a_held_policy_are_put_back_and_what_was_added_goes(applied: House) -> None:
    """The policy that the role is to have again is not there; a trust that loses somebody comes before all else."""
    edit(applied, "  - user: alice", f"  - user: alice\n  - statement: {DENY_BOB}")
    applied.settle()
    HELD["a policy is deleted"](applied)
    applied.account.put_role_policy("deployer", "stop", DENIAL)
    for give in MORE.values():
        give(applied, "deployer")
    night = applied.apply()
    assert {"AttachRolePolicy role/deployer", "CreatePolicy managed_policy/Lists"}.isdisjoint(done(night))
    assert everything_of(applied, "deployer") <= AS_DECLARED | {"stop iam:*"}
    assert "Deny" in json.dumps(applied.account.trust("deployer"))
    applied.settle()


def test_wider_is_taken_off_while_a_gain_of_the_manifest_is_held(applied: House) -> None:
    applied.configure(approvals={"hold": ["broaden"]})
    edit(applied, '["s3:ListBucket", "s3:GetObject"]', '["s3:ListBucket", "s3:GetObject", "s3:PutObject"]')
    applied.account.put_role_policy("deployer", "more", allow("ec2:*"))
    plan = applied.plan()
    assert (change(plan, "managed_policy/Lists").held, change(plan, "role/deployer").held) == (True, False)
    assert done(applied.apply()) == ["DeleteRolePolicy role/deployer"]
    assert not change(applied.plan(), "managed_policy/Lists").message.startswith("was changed outside")


def test_an_approval_releases_its_own_change_while_a_policy_beside_it_waits(applied: House) -> None:
    HELD["a policy gets less"](applied)
    applied.account.recreate_user("alice")
    night = applied.apply(approve=((Approval.RE_TRUST, "role/deployer"),))
    assert (done(night), held(night)) == (["UpdateAssumeRolePolicy role/deployer"], ["managed_policy/Lists"])
    assert arn("user", "alice") in everything_of(applied, "deployer")
    applied.settle()


# What depends on something held waits for it


def test_a_role_waits_for_the_policy_that_it_is_to_have(applied: House) -> None:
    HELD["a policy is deleted"](applied)
    plan = applied.plan()
    calls = {f"{one.call} {change.address}": one.held for change in plan.changes for one in change.operations}
    assert calls == {"CreatePolicy managed_policy/Lists": True, "AttachRolePolicy role/deployer": True}


def test_a_trust_waits_for_the_role_that_it_names(applied: House) -> None:
    applied.account.delete_role("deployer")
    night = applied.apply()
    assert set(held(night)) == {"role/deployer", "role/auditor"}
    assert everything_of(applied, "auditor") == {arn("user", "bob"), "work sqs:SendMessage", "3600"}
    applied.settle()


def test_a_gain_waits_for_the_denial_that_comes_with_it(applied: House) -> None:
    """The denial is in a policy that is made again only after a review: what it denies is not given before."""
    edit(applied, '["s3:ListBucket", "s3:GetObject"], Resource: "*"}', f'"s3:*", Resource: "*"}}, {DENY_PASSING}')
    applied.settle()
    HELD["a policy is deleted"](applied)
    edit(applied, 'Action: "s3:PutObject"', 'Action: ["s3:PutObject", "iam:PassRole"]')
    applied.account.put_role_policy("deployer", "more", allow("ec2:*"))
    assert done(applied.apply()) == ["DeleteRolePolicy role/deployer"]
    applied.settle()


# What is replaced stays until its replacement comes


REPLACED: dict[str, dict[str, str]] = {
    "by one of another name": {"name: Lists": "name: Listing", "[Lists]": "[Listing]"},
    "by itself at another path": {"name: Lists": "name: Lists\npath: /team/"},
}


@pytest.mark.parametrize("edits", REPLACED.values(), ids=REPLACED)
def test_a_policy_stays_until_the_one_in_its_place_is_approved(applied: House, edits: dict[str, str]) -> None:
    HELD["a policy gets less"](applied)
    for before, after in edits.items():
        edit(applied, before, after)
    night = applied.apply()
    assert "DetachRolePolicy role/deployer" not in done(night)
    assert all(one.outcome.is_well or one.outcome is Result.HELD for one in night.outcomes)
    assert LISTS in everything_of(applied, "deployer")
    applied.settle()
    assert LISTS not in everything_of(applied, "deployer")


@pytest.mark.parametrize("edits", REPLACED.values(), ids=REPLACED)
def test_what_was_attached_by_hand_goes_though_something_else_is_replaced(
    applied: House, edits: dict[str, str]
) -> None:
    HELD["a policy gets less"](applied)
    applied.account.attach_role_policy("deployer", ADMIN)
    for before, after in edits.items():
        edit(applied, before, after)
    applied.apply()
    assert ADMIN not in everything_of(applied, "deployer")
    applied.settle()


def test_a_policy_that_has_nothing_in_common_with_a_held_one_is_detached(applied: House) -> None:
    """The manifest drops one policy and adds another, which waits."""
    queues = "kind: ManagedPolicy\nname: Queues\npolicy: " + json.dumps(allow("sqs:*"))
    applied.write("queues.yaml", queues)
    applied.configure(approvals={"hold": ["broaden"]})
    edit(applied, "[Lists]", "[Queues]")
    night = applied.apply()
    assert "DetachRolePolicy role/deployer" in done(night)
    assert held(night) == ["role/deployer"]
    applied.settle()


def test_nobody_new_is_let_in_while_a_policy_that_is_to_go_stays(applied: House) -> None:
    HELD["a policy gets less"](applied)
    for before, after in {**REPLACED["by one of another name"], "user: alice": "user: [alice, eve]"}.items():
        edit(applied, before, after)
    applied.apply()
    has = everything_of(applied, "deployer")
    assert LISTS in has
    assert arn("user", "eve") not in has
    applied.settle()
