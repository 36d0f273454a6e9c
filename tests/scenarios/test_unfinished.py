"""What a run left unfinished is taken up again; what somebody took back of what it had done is not."""

from collections.abc import Callable

import pytest

from reconciler.model.change import Approval
from tests.scenarios.house import House, allow, arn, change, done, findings, held, told

UNDO = {Approval.UNDO_NARROWING}
LISTS, READS, WRITES = (arn("policy", name) for name in ("Lists", "Reads", "Writes"))
MANIFEST = """
    kind: Role
    name: deployer
    trust:
      - user: bob
    permissions_boundary: none
    managed_policies: [Lists]
    ---
    kind: ManagedPolicy
    name: Lists
    policy:
      Version: "2012-10-17"
      Statement: [{Effect: Allow, Action: "s3:ListBucket", Resource: "*"}]
    """


@pytest.fixture
def applied(house: House) -> House:
    """A house with a role that may little."""
    house.account.create_user("bob")
    house.account.create_policy("Reads", allow("s3:GetObject"))
    house.account.create_policy("Writes", allow("s3:PutObject"))
    house.write("deployer.yaml", MANIFEST)
    house.settle()
    house.pass_time()
    return house


def edit(house: House, before: str, after: str) -> None:
    text = (house.manifests / "deployer.yaml").read_text()
    assert before in text
    house.write("deployer.yaml", text.replace(before, after))


ATTACHED = "managed_policies: [Lists]"
MORE = f"managed_policies: [Lists, '{READS}']"
INLINE = """inline_policies:
  read:
    Version: "2012-10-17"
    Statement: [{Effect: Allow, Action: "s3:GetObject", Resource: "*"}]"""

TAKEN_BACK: dict[str, tuple[str, dict[str, str], str, Callable[[House], object]]] = {
    "an inline policy is deleted": (
        "TagRole",
        {ATTACHED: f"{ATTACHED}\ntags: {{team: storage}}\n{INLINE}"},
        "inline_policies/read",
        lambda house: house.account.delete_role_policy("deployer", "read"),
    ),
    "a policy is detached": (
        "TagRole",
        {ATTACHED: f"{MORE}\ntags: {{team: storage}}"},
        "managed_policies",
        lambda house: house.account.detach_role_policy("deployer", READS),
    ),
    "sessions are made shorter": (
        "TagRole",
        {ATTACHED: f"{ATTACHED}\nmax_session_duration: 43200\ntags: {{team: storage}}"},
        "max_session_duration",
        lambda house: house.account.update_role("deployer", max_session_duration=3600),
    ),
    "a policy gets less": (
        "TagPolicy",
        {"name: Lists": "name: Lists\ntags: {team: storage}", '"s3:ListBucket"': '"s3:*"'},
        "policy",
        lambda house: house.account.create_policy_version(LISTS, allow("s3:ListBucket")),
    ),
}


@pytest.mark.parametrize(("refused", "edits", "path", "take_back"), TAKEN_BACK.values(), ids=TAKEN_BACK.keys())
def test_what_a_run_gave_before_it_failed_is_not_given_again_once_it_was_taken_back(
    applied: House, refused: str, edits: dict[str, str], path: str, take_back: Callable[[House], object]
) -> None:
    for before, after in edits.items():
        edit(applied, before, after)
    applied.box.faults.deny(refused)
    assert not applied.apply(reviewed=True).is_complete
    applied.pass_time()
    take_back(applied)
    (one,) = applied.plan().changes
    assert (set(one.approvals), one.held) == (UNDO, True)
    assert {found.path: found.reason.value for found in one.differences}[path] == "changed_outside"
    assert "changed_outside" in [kind for kind, _, _ in findings(applied.drift())]
    applied.box.faults.clear()
    for _ in range(2):
        assert held(applied.apply()) == [one.address]
    assert set(change(applied.plan(), one.address).approvals) == UNDO
    applied.settle()


def test_what_a_run_gave_first_is_not_given_again_with_the_rest(applied: House) -> None:
    edit(applied, ATTACHED, f"managed_policies: [Lists, '{READS}', '{WRITES}']")
    applied.apply(reviewed=True, stop_after=1)
    (first,) = set(applied.account.state.tables.roles.get("deployer").attached) - {LISTS}
    applied.account.detach_role_policy("deployer", first)
    assert told(applied.plan())["role/deployer"][2:] == (UNDO, True)
    assert not done(applied.apply())
    applied.settle()


@pytest.mark.parametrize("mode", ["exclusive", "additive"])
def test_what_was_left_unfinished_is_taken_up_without_asking_again(applied: House, mode: str) -> None:
    edit(applied, ATTACHED, f"{ATTACHED}\nmanaged_policies_mode: {mode}")
    applied.settle()
    if mode == "additive":
        applied.account.attach_role_policy("deployer", "arn:aws:iam::aws:policy/ReadOnlyAccess")
    edit(applied, ATTACHED, f"managed_policies: [Lists, '{READS}', '{WRITES}']")
    applied.apply(reviewed=True, stop_after=1)
    assert told(applied.plan())["role/deployer"][1:] == ("unfinished", set(), False)
    assert applied.apply().is_complete
    applied.assert_at_rest()


def test_what_the_manifest_asks_for_besides_what_is_done_already_undoes_nothing(applied: House) -> None:
    edit(applied, ATTACHED, f"{ATTACHED}\nmanaged_policies_mode: additive")
    applied.settle()
    applied.account.attach_role_policy("deployer", "arn:aws:iam::aws:policy/ReadOnlyAccess")
    edit(applied, ATTACHED, f"{MORE}\ntags: {{team: storage}}")
    applied.box.faults.deny("TagRole")
    assert not applied.apply(reviewed=True).is_complete
    applied.box.faults.clear()
    edit(applied, f"'{READS}'", f"'{READS}', '{WRITES}'")
    found = change(applied.plan(), "role/deployer")
    assert {one.path: one.reason.value for one in found.differences}["managed_policies"] == "manifest_changed"
    assert (set(found.approvals), found.held) == ({Approval.BROADEN}, False)
    assert applied.apply().is_complete
    applied.assert_at_rest()


def test_what_is_taken_beside_what_waits_is_soon_seen_to_be_gone(applied: House) -> None:
    applied.write("ci.yaml", "kind: Role\nname: ci\ntrust:\n  - service: ec2.amazonaws.com\n")
    edit(applied, "- user: bob", "- user: bob\n  - role: ci")
    applied.settle()
    applied.account.attach_role_policy("deployer", READS)
    applied.account.detach_role_policy("deployer", LISTS)
    applied.account.delete_role("ci")
    began = applied.now
    result = applied.apply()
    assert (done(result), held(result)) == (["DetachRolePolicy role/deployer"], ["role/ci", "role/deployer"])
    assert result.is_complete
    assert applied.now == began
    assert told(applied.plan())["role/deployer"][2:] == (UNDO, True)
    applied.settle()


def test_a_lost_reply_to_what_is_taken_beside_what_waits_is_made_out(applied: House) -> None:
    applied.account.attach_role_policy("deployer", READS)
    applied.account.detach_role_policy("deployer", LISTS)
    applied.box.faults.lose_reply("DetachRolePolicy", count=1)
    result = applied.apply()
    assert (done(result), held(result)) == (["DetachRolePolicy role/deployer"], ["role/deployer"])
    assert result.is_complete
    assert not applied.memory.intents
    assert told(applied.plan())["role/deployer"][2:] == (UNDO, True)
    applied.settle()
