"""Trust across accounts: who is made first, who is asked about, and who is told before somebody goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler import engine
from reconciler.engine import Choices, drift
from reconciler.model.change import Approval
from reconciler.model.diagnostic import ReconcilerError
from reconciler.planfile import read_plans
from tests.apply.house import OTHER, told
from tests.engine.accounts import ACCOUNTS, THIRD, Fleet, arn, complete, planned, the_change, the_plan, trusting
from tests.house import OWN


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def drift_codes(fleet: Fleet) -> list[str]:
    """Return the codes of all that drift finds in any account."""
    reports = [one.report for one in drift(fleet.settings()).accounts]
    return [found.code.value for report in reports if report is not None for found in report.counted]


# Who is made first


def test_a_chain_of_roles_across_three_accounts_is_made_in_one_apply(fleet: Fleet) -> None:
    """The account with the smallest number trusts a role of the second, which trusts one of the third."""
    fleet.declare("first", OWN, arn("second", OTHER))
    fleet.declare("second", OTHER, arn("third", THIRD))
    fleet.declare("third", THIRD)
    run = fleet.plan_run()
    assert planned(run) == {
        account: {f"role/{name}": ("create", "not_there", {Approval.BROADEN}, False)}
        for account, name in zip(ACCOUNTS, ("first", "second", "third"), strict=True)
    }
    assert [plan.account for plan in run.plans] == list(ACCOUNTS)
    fleet.settle()
    assert fleet.accounts[OTHER].role_id("second") in fleet.stored("first", OWN)
    assert fleet.accounts[THIRD].role_id("third") in fleet.stored("second", OTHER)


def test_a_saved_plan_of_a_chain_is_carried_out_in_the_same_order(fleet: Fleet) -> None:
    fleet.declare("first", OWN, arn("second", OTHER))
    fleet.declare("second", OTHER, arn("third", THIRD))
    fleet.declare("third", THIRD)
    run = fleet.plan_run()
    file = fleet.save_run(run)
    assert read_plans(file.read_text(), name="plan.json") == run.plans
    done = fleet.apply_run(plan_file=file, review=False)
    assert complete(done)
    assert done.fingerprint == run.fingerprint
    fleet.at_rest()


@pytest.mark.parametrize("others", [(), ("service: ec2.amazonaws.com",)])
def test_roles_that_trust_each_other_across_accounts_are_completed_by_the_next_apply_as_the_plan_says(
    fleet: Fleet, others: tuple[str, ...]
) -> None:
    """The one that is made first trusts whom it can name already, or nobody at all."""
    fleet.declare("first", OWN, arn("second", OTHER))
    fleet.declare("second", OTHER, arn("third", THIRD))
    trust = ", ".join(f"{{{entry}}}" for entry in (f"role: '{arn('first', OWN)}'", *others))
    fleet.write("third.yaml", f"kind: Role\nname: third\naccount: '{THIRD}'\ntrust: [{trust}]\n")
    run = fleet.plan_run()
    assert [plan.blockers for plan in run.plans] == [(), (), ()]
    narrowed = [change for plan in run.plans for change in plan.changes if change.notices]
    assert [change.address for change in narrowed] == ["role/third"]
    later = f"{arn('first', OWN)} of account {OWN} comes later, and the next apply adds it"
    assert narrowed[0].notices == (f"it is made with a narrower trust: {later}",)
    assert complete(fleet.apply_run(review=False))
    assert ("Deny" in fleet.stored("third", THIRD), "ec2" in fleet.stored("third", THIRD)) == (not others, bool(others))
    assert planned(fleet.plan_run()) == {
        THIRD: {"role/third": ("update", "manifest_changed", {Approval.BROADEN}, False)}
    }
    assert drift_codes(fleet) == []
    fleet.settle()


def test_who_is_left_out_at_first_is_not_trusted_as_a_stranger_later(fleet: Fleet) -> None:
    """Both are gone, the one is made without the other, and a stranger makes the other."""
    fleet.declare("first", OWN)
    fleet.declare("third", THIRD, arn("first", OWN))
    fleet.settle()
    fleet.declare("first", OWN, arn("third", THIRD))
    fleet.settle()
    fleet.accounts[THIRD].delete_role("third")
    fleet.accounts[OWN].delete_role("first")
    fleet.box.faults.deny("CreateRole", account=OWN)
    fleet.apply_run()
    fleet.box.faults.clear()
    assert "third" in {role.name for role in fleet.accounts[THIRD].state.tables.roles}
    fleet.accounts[OWN].create_role("first")
    stranger = fleet.accounts[OWN].role_id("first")
    fleet.apply_run(review=False)
    assert stranger not in fleet.stored("third", THIRD)
    assert Approval.RE_TRUST in planned(fleet.plan_run())[THIRD]["role/third"][2]
    fleet.settle()


def test_a_guard_that_cannot_be_set_yet_leaves_the_role_closed(fleet: Fleet) -> None:
    deny = f"{{statement: {{Effect: Deny, Principal: {{AWS: '{arn('first', OWN)}'}}, Action: 'sts:AssumeRole'}}}}"
    text = f"kind: Role\nname: third\naccount: '{THIRD}'\ntrust: [{{service: ec2.amazonaws.com}}, {deny}]\n"
    fleet.write("third.yaml", text)
    fleet.declare("first", OWN, arn("third", THIRD))
    assert complete(fleet.apply_run(review=False))
    assert "ec2" not in fleet.stored("third", THIRD)
    fleet.settle()
    assert "ec2" in fleet.stored("third", THIRD)


def test_a_role_that_is_there_waits_for_one_made_later_as_its_blocker_says(fleet: Fleet) -> None:
    fleet.declare("back", OTHER)
    fleet.settle()
    fleet.declare("back", OTHER, arn("forth", OWN))
    fleet.declare("forth", OWN)
    fleet.declare("first", OWN, arn("second", OTHER))
    fleet.declare("second", OTHER)
    run = fleet.plan_run()
    (blocker,) = the_plan(run, OTHER).blockers
    assert (blocker.code, blocker.address) == ("RP204", "role/back")
    assert f"made in account {OWN}" in str(blocker.help)
    assert "next apply" in str(blocker.help)
    assert not the_plan(run, OWN).blockers
    fleet.apply_run()
    fleet.settle()


def test_one_who_is_blocked_blocks_whoever_trusts_him_elsewhere(fleet: Fleet) -> None:
    fleet.declare("second", OTHER, arn("nobody", OTHER, "user"))
    fleet.declare("first", OWN, arn("second", OTHER))
    run = fleet.plan_run()
    assert {plan.account: [one.address for one in plan.blockers] for plan in run.plans} == {
        OWN: ["role/first"],
        OTHER: ["role/second"],
        THIRD: [],
    }
    assert planned(run) == {}


# Who is made anew


@pytest.fixture
def chained(fleet: Fleet) -> Fleet:
    """Three accounts as applied: `runner` of the third is trusted in both others, `relay` of the second in the own."""
    fleet.declare("runner", THIRD)
    fleet.declare("relay", OTHER, arn("runner", THIRD))
    fleet.declare("deployer", OWN, arn("relay", OTHER), arn("runner", THIRD))
    fleet.settle()
    return fleet


def test_a_role_recreated_here_is_trusted_anew_in_all_accounts_by_the_same_apply(chained: Fleet) -> None:
    old = chained.accounts[THIRD].role_id("runner")
    chained.accounts[THIRD].delete_role("runner")
    run = chained.plan_run()
    assert planned(run) == {
        OWN: {"role/deployer": ("update", "principal_recreated", set(), True)},
        OTHER: {"role/relay": ("update", "principal_recreated", set(), True)},
        THIRD: {"role/runner": ("create", "deleted_outside", {Approval.UNDO_NARROWING}, True)},
    }
    note = str(the_change(run, OTHER, "role/relay").differences[0].note)
    assert old in note
    assert "made anew first" in note
    waits = f"it waits for role/runner of account {THIRD}, which is held"
    assert the_change(run, OTHER, "role/relay").notices == (waits,)
    chained.box.reset_calls()
    bare = chained.apply_run(review=False)
    assert [one.result.summary.held for one in bare.accounts if one.result] == [1, 1, 1]
    assert not chained.box.mutating_calls
    chained.settle()
    assert chained.accounts[THIRD].role_id("runner") in chained.stored("deployer", OWN)


def test_what_is_released_where_it_is_made_is_released_where_it_is_trusted(chained: Fleet) -> None:
    chained.accounts[THIRD].delete_role("runner")
    release = Choices(approve=((Approval.UNDO_NARROWING, "role/runner"),))
    assert complete(chained.apply_run(release, review=False))
    chained.at_rest()


def test_a_role_recreated_in_an_earlier_run_is_trusted_in_other_accounts_without_question(chained: Fleet) -> None:
    chained.accounts[THIRD].delete_role("runner")
    manifests = [chained.folder / "manifests" / name for name in (f"{OWN}-deployer.yaml", f"{OTHER}-relay.yaml")]
    kept = [(file.name, file.read_text()) for file in manifests]
    settings = chained.settings(account=THIRD)
    (done,) = engine.apply(settings, Choices(), confirm=lambda _run: True).accounts
    assert done.result is not None
    assert done.result.is_complete
    assert [(file.name, file.read_text()) for file in manifests] == kept
    assert planned(chained.plan_run()) == {
        OWN: {"role/deployer": ("update", "principal_recreated", set(), False)},
        OTHER: {"role/relay": ("update", "principal_recreated", set(), False)},
    }
    assert complete(chained.apply_run(review=False))
    chained.at_rest()


def test_a_role_that_a_stranger_recreated_is_a_decision_in_every_account(chained: Fleet) -> None:
    chained.accounts[THIRD].recreate_role("runner")
    run = chained.plan_run()
    assert {account: addresses.keys() for account, addresses in planned(run).items()} == {
        OWN: {"role/deployer"},
        OTHER: {"role/relay"},
        THIRD: {"role/runner"},
    }
    for account, address in ((OWN, "role/deployer"), (OTHER, "role/relay")):
        assert planned(run)[account][address] == ("update", "principal_recreated", {Approval.RE_TRUST}, True)
    chained.settle()


def test_a_state_lost_in_one_account_makes_its_roles_strangers_to_the_others(chained: Fleet) -> None:
    chained.accounts[THIRD].delete_role("runner")
    release = Choices(approve=((Approval.UNDO_NARROWING, "role/runner"),), targets=("role/runner",))
    engine.apply(chained.settings(account=THIRD), release)
    for file in (chained.folder / "state").glob(f"{THIRD}.json*"):
        file.unlink()
    run = chained.plan_run()
    assert planned(run)[OTHER]["role/relay"][2:] == ({Approval.RE_TRUST}, True)
    chained.settle()


def test_a_target_is_made_with_those_that_trust_it_in_other_accounts(chained: Fleet) -> None:
    chained.accounts[THIRD].delete_role("runner")
    chained.declare("aside", OWN)
    run = chained.plan_run(targets=("role/runner",))
    assert {account: set(addresses) for account, addresses in planned(run).items()} == {
        OWN: {"role/deployer"},
        OTHER: {"role/relay"},
        THIRD: {"role/runner"},
    }


def test_a_target_is_made_with_what_it_needs_of_other_accounts(fleet: Fleet) -> None:
    fleet.declare("first", OWN, arn("second", OTHER))
    fleet.declare("second", OTHER, arn("third", THIRD))
    fleet.declare("third", THIRD)
    fleet.declare("aside", THIRD)
    run = fleet.plan_run(targets=("role/first",))
    assert {account: set(addresses) for account, addresses in planned(run).items()} == {
        OWN: {"role/first"},
        OTHER: {"role/second"},
        THIRD: {"role/third"},
    }
    assert complete(fleet.apply_run(Choices(targets=("role/first",)), review=False))


def test_a_target_that_no_account_knows_is_refused(fleet: Fleet) -> None:
    fleet.declare("first", OWN)
    with pytest.raises(ReconcilerError) as caught:
        fleet.plan_run(targets=("role/first", "role/nobody"))
    assert [found.code for found in caught.value.diagnostics] == ["RM120"]
    assert "role/nobody" in caught.value.diagnostics[0].message


def test_a_slip_in_a_target_is_answered_with_what_was_meant(fleet: Fleet) -> None:
    fleet.declare("first", OWN)
    with pytest.raises(ReconcilerError) as caught:
        fleet.plan_run(targets=("role/firsd",))
    assert caught.value.diagnostics[0].help == "Did you mean role/first?"


def test_a_role_that_moves_is_followed_by_whoever_is_told_its_new_name(chained: Fleet) -> None:
    moved = arn("ci/runner", THIRD)
    chained.declare("runner", THIRD, path="/ci/")
    chained.declare("relay", OTHER, moved)
    chained.declare("deployer", OWN, arn("relay", OTHER), moved)
    run = chained.plan_run()
    assert planned(run)[THIRD] == {"role/runner": ("replace", "path_changed", {Approval.DELETE}, False)}
    assert planned(run)[OTHER]["role/relay"][:2] == ("update", "re_trusted_after_replace")
    assert the_change(run, THIRD, "role/runner").notices == ()
    assert complete(chained.apply_run(review=False))
    chained.at_rest()


def test_a_guard_against_a_role_made_anew_elsewhere_is_bound_again(fleet: Fleet) -> None:
    fleet.declare("runner", THIRD)
    fleet.declare("vault", OWN, arn("runner", THIRD), effect="Deny")
    fleet.settle()
    fleet.accounts[THIRD].delete_role("runner")
    fleet.settle()
    assert fleet.accounts[THIRD].role_id("runner") in fleet.stored("vault", OWN)


def test_where_making_fails_nobody_is_trusted_and_the_next_apply_mends_all(chained: Fleet) -> None:
    chained.accounts[THIRD].delete_role("runner")
    chained.declare("aside", OWN)
    chained.box.faults.deny("CreateRole", count=1, account=THIRD)
    done = chained.apply_run()
    outcomes = {entry[0]: entry[2] for one in done.accounts if one.result for entry in told(one.result)}
    assert outcomes == {
        "role/aside": "done",
        "role/deployer": "not_tried",
        "role/relay": "not_tried",
        "role/runner": "failed",
    }
    assert not complete(done)
    assert [one.result.summary.added for one in done.accounts if one.result] == [1, 0, 0]
    chained.settle()


@pytest.mark.parametrize("saved", [False, True])
def test_a_stranger_who_takes_the_name_before_it_is_made_is_trusted_nowhere(chained: Fleet, saved: bool) -> None:  # noqa: FBT001
    chained.declare("behind", OTHER, arn("relay", OTHER))
    chained.accounts[THIRD].delete_role("runner")
    file = chained.save_run(chained.plan_run()) if saved else None
    chained.box.faults.at("CreateRole", do=lambda: chained.accounts[THIRD].create_role("runner"))
    done = chained.apply_run(plan_file=file)
    stranger = chained.accounts[THIRD].role_id("runner")
    assert not complete(done)
    assert stranger not in chained.stored("deployer", OWN) + chained.stored("relay", OTHER)
    assert planned(chained.plan_run())[OTHER]["role/relay"][2:] == ({Approval.RE_TRUST}, True)


def test_a_saved_plan_trusts_nobody_who_was_to_be_made_in_an_account_that_is_out_of_reach_by_now(
    chained: Fleet,
) -> None:
    chained.accounts[THIRD].delete_role("runner")
    file = chained.save_run(chained.plan_run())
    chained.accounts[THIRD].create_role("runner")
    chained.accounts[THIRD].delete_role("reconciler")
    own, other, third = chained.apply_run(plan_file=file).accounts
    assert third.error
    for one in (own, other):
        assert one.result is not None
        assert {entry[2] for entry in told(one.result)} == {"not_tried"}
    assert chained.accounts[THIRD].role_id("runner") not in chained.stored("deployer", OWN)


@pytest.mark.parametrize("session", [False, True])
def test_a_role_just_made_is_waited_for_until_it_is_known_in_other_accounts(fleet: Fleet, session: bool) -> None:  # noqa: FBT001
    who = f"arn:aws:sts::{THIRD}:assumed-role/runner/nightly" if session else arn("runner", THIRD)
    fleet.declare("runner", THIRD)
    deployer = f"statement: {{Effect: Allow, Principal: {{AWS: '{who}'}}, Action: 'sts:AssumeRole'}}"
    fleet.write("deployer.yaml", f"kind: Role\nname: deployer\naccount: '{OWN}'\ntrust: [{{{deployer}}}]\n")
    fleet.declare("beside", OWN)
    fleet.box.faults.propagation(principals=10)
    done = fleet.apply_run()
    assert complete(done)
    assert [one.result.summary.added for one in done.accounts if one.result] == [2, 0, 1]
    if not session:
        assert {wait[:2] for wait in fleet.heard.waits} == {("role/deployer", "CreateRole")}
    fleet.at_rest()


def test_a_role_that_never_becomes_known_in_another_account_is_given_up(fleet: Fleet) -> None:
    fleet.declare("runner", THIRD)
    fleet.declare("deployer", OWN, arn("runner", THIRD))
    fleet.box.faults.propagation(principals=1000)
    started = fleet.box.clock()
    own, _, third = fleet.apply_run().accounts
    assert own.result is not None
    assert third.result is not None
    assert [entry[2] for entry in told(own.result)] == ["failed"]
    assert third.result.is_complete
    assert (fleet.box.clock() - started).total_seconds() < 60 + 150
    fleet.box.faults.clear()
    fleet.settle()


# Who is told before somebody goes


@pytest.mark.parametrize("moves", [False, True])
def test_before_a_role_goes_every_trust_that_will_hold_a_dead_id_is_named(fleet: Fleet, moves: bool) -> None:  # noqa: FBT001
    runner = arn("runner", OWN)
    fleet.declare("runner", OWN)
    fleet.declare("kept", OWN)
    fleet.declare("relay", OTHER, runner)
    fleet.declare("free", THIRD, runner)
    fleet.settle()
    fleet.accounts[THIRD].create_role("theirs", trust=trusting(f"arn:aws:sts::{OWN}:assumed-role/runner/nightly"))
    fleet.accounts[OTHER].create_role("guarded", trust=trusting(runner, effect="Deny"))
    fleet.accounts[OWN].create_role("here", trust=trusting(runner))
    fleet.declare("free", THIRD)
    if moves:
        fleet.declare("runner", OWN, path="/ci/")
    else:
        fleet.undeclare("runner", OWN)
    fleet.box.reset_calls()
    run = fleet.plan_run()
    assert the_change(run, OWN, "role/runner").notices == (
        "role/here, which is not managed, trusts it and will hold a dead ID",
        f"role/guarded of account {OTHER}, which is not managed, trusts it and will hold a dead ID",
        f"role/relay of account {OTHER}, which is declared to trust it, trusts it and will hold a dead ID",
        f"role/theirs of account {THIRD}, which is not managed, trusts it and will hold a dead ID",
    )
    assert fleet.box.calls["GetAccountAuthorizationDetails"] == 3
    assert fleet.box.calls["ListRoles"] == 3
    fleet.apply_run()
    orphans = {
        (one.account, found.address)
        for one in drift(fleet.settings()).accounts
        if one.report is not None
        for found in one.report.findings
        if found.kind == "orphaned_principal"
    }
    assert orphans == {(OWN, "role/here"), (OTHER, "role/guarded"), (OTHER, "role/relay"), (THIRD, "role/theirs")}


@pytest.mark.parametrize(("there", "here"), [(OWN, OTHER), (OTHER, OWN)])
def test_whoever_trusts_sessions_of_a_role_that_moves_is_trusted_anew_by_the_same_apply(
    fleet: Fleet, there: str, here: str
) -> None:
    session = f"arn:aws:sts::{there}:assumed-role/runner/nightly"
    entry = f"statement: {{Effect: Allow, Principal: {{AWS: '{session}'}}, Action: 'sts:AssumeRole'}}"
    fleet.declare("runner", there)
    fleet.write("relay.yaml", f"kind: Role\nname: relay\naccount: '{here}'\ntrust: [{{{entry}}}]\n")
    fleet.settle()
    fleet.declare("runner", there, path="/ci/")
    run = fleet.plan_run()
    assert the_change(run, there, "role/runner").notices == ()
    assert planned(run)[here] == {"role/relay": ("update", "re_trusted_after_replace", set(), False)}
    assert complete(fleet.apply_run(review=False))
    assert fleet.accounts[there].role_id("runner") in fleet.stored("relay", here)
    fleet.at_rest()


def test_accounts_that_were_not_searched_are_named(fleet: Fleet) -> None:
    fleet.declare("runner", OWN)
    fleet.declare("kept", OTHER)
    fleet.settle()
    fleet.undeclare("runner", OWN)
    fleet.declare("kept", OWN)
    fleet.accounts[THIRD].delete_role("reconciler")
    assert the_change(fleet.plan_run(), OWN, "role/runner").notices == (
        f"no trust policy of account {THIRD} was searched for it: it could not be read",
    )
    alone = engine.plan(fleet.settings(account=OWN), Choices())
    assert the_change(alone, OWN, "role/runner").notices == tuple(
        f"no trust policy of account {account} was searched for it: it is not one of this run"
        for account in (OTHER, THIRD)
    )


def test_whoever_lets_go_of_a_role_does_so_before_it_goes(fleet: Fleet) -> None:
    fleet.declare("runner", OWN)
    fleet.declare("relay", OTHER, arn("runner", OWN))
    fleet.declare("kept", OWN)
    fleet.settle()
    fleet.undeclare("runner", OWN)
    fleet.declare("relay", OTHER)
    run = fleet.plan_run()
    assert the_change(run, OWN, "role/runner").notices == ()
    fleet.box.reset_calls()
    assert complete(fleet.apply_run())
    calls = [entry.call for entry in fleet.box.journal if entry.call in {"UpdateAssumeRolePolicy", "DeleteRole"}]
    assert calls[:2] == ["UpdateAssumeRolePolicy", "DeleteRole"]
    fleet.at_rest()


def test_an_account_that_refuses_a_look_is_reported_beside_the_others(fleet: Fleet) -> None:
    fleet.declare("first", OWN)
    fleet.write(
        "reader.yaml",
        f"kind: Role\nname: reader\naccount: '{OTHER}'\ntrust: [{{service: ec2.amazonaws.com}}]\n"
        "managed_policies: ['arn:aws:iam::aws:policy/ReadOnlyAccess']\n",
    )
    fleet.box.faults.deny("GetPolicy", account=OTHER)
    run = fleet.plan_run()
    assert planned(run).keys() == {OWN}
    (failed,) = [one for one in run.accounts if one.plan is None]
    assert (failed.account, [found.code for found in failed.error]) == (OTHER, ["RA403"])


def test_what_is_wrong_with_the_manifests_of_all_accounts_is_told_at_once(fleet: Fleet) -> None:
    for account in (OWN, OTHER):
        text = f"kind: Role\nname: first\naccount: '{account}'\ntrust: [{{role: First}}]\n"
        fleet.write(f"{account}.yaml", text)
    with pytest.raises(ReconcilerError) as caught:
        fleet.plan_run()
    assert [found.code for found in caught.value.diagnostics] == ["RC310", "RC310"]
