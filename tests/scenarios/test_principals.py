"""Who is trusted: principals deleted, recreated, renamed, unknown, and what becomes of the roles that trust them."""

from dataclasses import replace

import pytest

from reconciler.model.change import Action, Approval, Reason
from reconciler.model.diagnostic import Code
from reconciler.model.principal import Standing
from tests.scenarios.house import House, arn, change, codes, findings, held, the_finding, told, trusting

ALICE = arn("user", "alice")
RUNNER = arn("role", "ci-runner")
RE_TRUST = {Approval.RE_TRUST}


def the_role(*entries: str, name: str = "deployer") -> str:
    """Return a manifest of a role that trusts the entries."""
    return "\n".join([f"kind: Role\nname: {name}\ntrust:", *(f"  - {entry}" for entry in entries), ""])


@pytest.fixture
def trusted(house: House) -> House:
    """A house whose role `deployer` trusts a user and a role, as applied."""
    house.account.create_user("alice")
    house.account.create_role("ci-runner")
    house.write("deployer.yaml", the_role("user: alice", f"role: {RUNNER}"))
    house.settle()
    house.pass_time()
    return house


def recreate(house: House, what: str) -> tuple[str, str]:
    """Delete a principal and make another of its name; return the old ID and the new one."""
    if what == ALICE:
        return house.account.user_id("alice"), house.account.recreate_user("alice")
    return house.account.role_id("ci-runner"), house.account.recreate_role("ci-runner")


@pytest.mark.parametrize("who", [ALICE, RUNNER])
def test_a_recreated_principal_is_found_explained_and_trusted_again_by_a_review(trusted: House, who: str) -> None:
    seen = trusted.now
    trusted.drift()
    trusted.pass_time()
    old, new = recreate(trusted, who)
    found = the_finding(trusted.drift())
    assert (found.kind, found.code, found.severity) == ("orphaned_principal", Code.RP201, "error")
    assert (found.standing, found.principal_id, found.last_known_arn) == (Standing.RECREATED, old, who)
    assert (found.current_id, found.effect, found.managed) == (new, "Allow", True)
    assert (found.last_alive, found.first_seen) == (seen, trusted.now)
    assert str(found.location).startswith("Statement[")
    assert found.place is not None
    assert found.place.file == "manifests/deployer.yaml"
    plan = trusted.plan()
    assert told(plan) == {"role/deployer": (Action.UPDATE, "principal_recreated", RE_TRUST, True)}
    assert old in str(change(plan, "role/deployer").differences[0].note)
    trusted.box.reset_calls()
    assert held(trusted.apply()) == ["role/deployer"]
    assert not trusted.box.mutating_calls
    trusted.settle()


def test_two_principals_recreated_at_once_are_one_decision_and_one_write(trusted: House) -> None:
    recreate(trusted, ALICE)
    recreate(trusted, RUNNER)
    assert findings(trusted.drift()) == [("orphaned_principal", "error", "role/deployer")] * 2
    assert told(trusted.plan()) == {"role/deployer": (Action.UPDATE, "principal_recreated", RE_TRUST, True)}
    trusted.box.reset_calls()
    result = trusted.apply(approve=((Approval.RE_TRUST, "role/deployer"),))
    assert not held(result)
    assert dict(trusted.box.mutating_calls) == {"UpdateAssumeRolePolicy": 1}
    trusted.assert_at_rest()


def test_an_approval_for_another_role_releases_nothing(trusted: House) -> None:
    recreate(trusted, ALICE)
    assert held(trusted.apply(approve=((Approval.RE_TRUST, "role/another"),))) == ["role/deployer"]


def test_a_principal_recreated_by_this_program_is_trusted_without_question(house: House) -> None:
    house.account.create_user("alice")
    house.write("runner.yaml", the_role("service: ec2.amazonaws.com", name="ci-runner"))
    house.write("deployer.yaml", the_role("user: alice", "role: ci-runner"))
    house.settle()
    house.account.delete_role("ci-runner")
    result = house.apply(approve=((Approval.UNDO_NARROWING, "role/ci-runner"),))
    assert not held(result)
    house.assert_at_rest()


def test_a_principal_that_waits_for_its_own_making_holds_those_that_trust_it(house: House) -> None:
    house.write("runner.yaml", the_role("service: ec2.amazonaws.com", name="ci-runner"))
    house.write("deployer.yaml", the_role("role: ci-runner"))
    house.settle()
    house.account.delete_role("ci-runner")
    plan = house.plan()
    assert told(plan) == {
        "role/ci-runner": (Action.CREATE, "deleted_outside", {Approval.UNDO_NARROWING}, True),
        "role/deployer": (Action.UPDATE, "principal_recreated", set(), True),
    }
    house.box.reset_calls()
    assert held(house.apply()) == ["role/ci-runner", "role/deployer"]
    assert not house.box.mutating_calls
    house.settle()


def test_beside_a_principal_of_our_own_a_strangers_is_still_a_decision(house: House) -> None:
    house.account.create_user("alice")
    house.write("runner.yaml", the_role("service: ec2.amazonaws.com", name="ci-runner"))
    house.write("deployer.yaml", the_role("user: alice", "role: ci-runner"))
    house.settle()
    house.write(
        "runner.yaml", the_role("service: ec2.amazonaws.com", name="ci-runner").replace("trust:", "path: /ci/\ntrust:")
    )
    house.account.recreate_user("alice")
    result = house.apply()
    assert held(result) == ["role/deployer"]
    assert arn("role", "ci/ci-runner") not in str(house.account.trust("deployer"))
    house.settle()


def test_replacing_a_role_trusts_its_successor_in_every_role_that_trusted_it(house: House) -> None:
    house.write("runner.yaml", the_role("service: ec2.amazonaws.com", name="ci-runner"))
    house.write("one.yaml", the_role("role: ci-runner", name="one"))
    house.write("two.yaml", the_role("role: ci-runner", "service: ec2.amazonaws.com", name="two"))
    house.settle()
    house.account.create_role("stranger", trust=trusting(RUNNER))
    house.write(
        "runner.yaml", the_role("service: ec2.amazonaws.com", name="ci-runner").replace("trust:", "path: /ci/\ntrust:")
    )
    plan = house.plan()
    assert told(plan) == {
        "role/ci-runner": (Action.REPLACE, "path_changed", {Approval.DELETE}, False),
        "role/one": (Action.UPDATE, "re_trusted_after_replace", set(), False),
        "role/two": (Action.UPDATE, "re_trusted_after_replace", set(), False),
    }
    assert change(plan, "role/ci-runner").notices == (
        "role/stranger, which is not managed, trusts it and will hold a dead ID",
    )
    assert not held(house.apply())
    assert findings(house.drift()) == [("orphaned_principal", "warning", "role/stranger")]


def test_a_role_that_trusts_itself_is_replaced_and_trusts_itself_again(house: House) -> None:
    house.write("self.yaml", the_role("role: self", "service: ec2.amazonaws.com", name="self"))
    house.settle()
    house.write(
        "self.yaml",
        the_role("role: self", "service: ec2.amazonaws.com", name="self").replace("trust:", "path: /x/\ntrust:"),
    )
    assert not held(house.apply())
    house.assert_at_rest()


def test_roles_that_trust_each_other_are_mended_together(house: House) -> None:
    house.write("one.yaml", the_role("role: two", name="one"))
    house.write("two.yaml", the_role("role: one", name="two"))
    house.settle()
    house.account.delete_role("one")
    house.account.delete_role("two")
    house.settle()


def test_a_new_role_trusted_by_an_old_one_is_a_change_of_the_manifest(trusted: House) -> None:
    trusted.write("new.yaml", the_role("service: ec2.amazonaws.com", name="new"))
    trusted.write("deployer.yaml", the_role("user: alice", f"role: {RUNNER}", "role: new"))
    assert told(trusted.plan()) == {
        "role/new": (Action.CREATE, "not_there", {Approval.BROADEN}, False),
        "role/deployer": (Action.UPDATE, "manifest_changed", {Approval.BROADEN}, False),
    }
    trusted.apply()
    trusted.assert_at_rest()


@pytest.mark.parametrize("who", ["alice", "ci-runner"])
def test_a_deleted_principal_that_is_still_declared_stops_its_role_alone(trusted: House, who: str) -> None:
    trusted.write("other.yaml", the_role("service: ec2.amazonaws.com", name="other"))
    if who == "alice":
        trusted.account.delete_user(who)
    else:
        trusted.account.delete_role(who)
    found = the_finding(trusted.drift())
    assert (found.code, found.standing, found.severity) == (Code.RP202, Standing.DELETED, "error")
    plan = trusted.plan()
    assert codes(plan.blockers) == [(Code.RP204, "role/deployer")]
    place = plan.blockers[0].place
    assert place is not None
    assert place.line == (4 if who == "alice" else 5)
    assert list(told(plan)) == ["role/other"]


@pytest.mark.parametrize("who", [ALICE, RUNNER])
def test_the_dead_id_of_a_principal_no_longer_declared_is_taken_out_without_question(trusted: House, who: str) -> None:
    if who == ALICE:
        trusted.account.delete_user("alice")
        trusted.write("deployer.yaml", the_role(f"role: {RUNNER}"))
    else:
        trusted.account.delete_role("ci-runner")
        trusted.write("deployer.yaml", the_role("user: alice"))
    assert told(trusted.plan()) == {"role/deployer": (Action.UPDATE, "orphan_removed", set(), False)}
    trusted.apply()
    trusted.assert_at_rest()


def test_removing_a_dead_id_by_hand_does_not_make_the_stranger_trusted(trusted: House) -> None:
    recreate(trusted, ALICE)
    trusted.account.put_trust("deployer", trusting(RUNNER))
    (_, reason, approvals, waits) = told(trusted.plan())["role/deployer"]
    assert (reason, waits) == ("principal_recreated", True)
    assert Approval.RE_TRUST in approvals
    assert held(trusted.apply()) == ["role/deployer"]
    assert ALICE not in str(trusted.account.trust("deployer"))
    trusted.settle()


def test_another_write_in_between_does_not_make_the_stranger_trusted(trusted: House) -> None:
    trusted.account.create_user("bob")
    recreate(trusted, ALICE)
    trusted.write("deployer.yaml", the_role("user: alice", "user: bob"))
    assert held(trusted.apply()) == ["role/deployer"]
    assert RUNNER not in str(trusted.account.trust("deployer"))
    for _ in range(2):
        assert Approval.RE_TRUST in told(trusted.plan())["role/deployer"][2]
        assert held(trusted.apply()) == ["role/deployer"]
        assert "alice" not in str(trusted.account.trust("deployer"))
    trusted.settle()


def test_a_held_decision_survives_another_change_of_the_manifest(trusted: House) -> None:
    recreate(trusted, ALICE)
    assert held(trusted.apply()) == ["role/deployer"]
    trusted.write("deployer.yaml", the_role("user: alice", f"role: {RUNNER}") + "description: Deploys\n")
    result = trusted.apply()
    assert held(result) == ["role/deployer"]
    assert trusted.account.state.tables.roles.get("deployer").description == "Deploys"
    assert "alice" not in str(trusted.account.trust("deployer"))
    trusted.settle()


def test_losing_the_state_does_not_make_the_stranger_trusted(trusted: House) -> None:
    old, _ = recreate(trusted, ALICE)
    trusted.lose_state()
    plan = trusted.plan()
    assert told(plan) == {
        "role/deployer": (Action.IMPORT, "principal_inferred", {Approval.ADOPT, Approval.RE_TRUST}, True)
    }
    difference = change(plan, "role/deployer").differences[0]
    assert f"{old} was most likely {ALICE}" in str(difference.note)
    found = the_finding(trusted.drift(record=False))
    assert (found.code, found.standing) == (Code.RP206, Standing.INFERRED)
    assert (found.last_known_arn, found.inferred_arn) == (None, ALICE)
    assert held(trusted.apply(approve=((Approval.ADOPT, None),))) == ["role/deployer"]
    assert "alice" not in str(trusted.account.trust("deployer"))
    trusted.settle()


def test_losing_the_ledger_alone_leaves_the_dead_id_an_inference(trusted: House) -> None:
    recreate(trusted, RUNNER)
    trusted.change_memory(ledger={})
    assert told(trusted.plan()) == {"role/deployer": (Action.UPDATE, "principal_inferred", RE_TRUST, True)}
    assert findings(trusted.drift()) == [("orphaned_principal", "error", "role/deployer")]
    assert held(trusted.apply()) == ["role/deployer"]
    trusted.settle()


def test_two_unexplained_ids_may_have_been_either_of_two(house: House) -> None:
    house.account.create_user("alice")
    house.account.create_user("bob")
    house.write("deployer.yaml", the_role("user: [alice, bob]"))
    house.settle()
    house.account.recreate_user("alice")
    house.account.recreate_user("bob")
    house.change_memory(ledger={})
    report = house.drift()
    assert {found.standing for found in report.findings} == {Standing.UNKNOWN}
    assert "most likely one of" in report.findings[0].message
    assert told(house.plan())["role/deployer"][2:] == (RE_TRUST, True)
    house.settle()


def test_adding_a_user_beside_an_unexplained_id_is_a_decision(trusted: House) -> None:
    trusted.account.create_user("bob")
    trusted.account.delete_user("alice")
    trusted.change_memory(ledger={}, objects={"role/deployer": replace(trusted.owned("role/deployer"), principals={})})
    trusted.write("deployer.yaml", the_role("user: bob", f"role: {RUNNER}"))
    (_, _, approvals, waits) = told(trusted.plan())["role/deployer"]
    assert Approval.RE_TRUST in approvals
    assert waits
    found = the_finding(trusted.drift())
    assert (found.standing, found.last_known_arn, found.first_seen) == (Standing.INFERRED, None, None)
    assert held(trusted.apply()) == ["role/deployer"]
    trusted.settle()


def test_what_was_held_beside_an_unexplained_id_stays_held_after_the_id_is_gone(trusted: House) -> None:
    trusted.account.create_user("bob")
    trusted.account.create_user("carol")
    trusted.account.delete_user("alice")
    trusted.change_memory(ledger={}, objects={"role/deployer": replace(trusted.owned("role/deployer"), principals={})})
    trusted.write("deployer.yaml", the_role("user: bob", "user: carol"))
    for _ in range(3):
        assert held(trusted.apply()) == ["role/deployer"]
        assert "bob" not in str(trusted.account.trust("deployer"))
    assert "ci-runner" not in str(trusted.account.trust("deployer"))
    trusted.settle()


def test_a_dead_id_that_nobody_can_explain_is_taken_out_of_a_managed_role(trusted: House) -> None:
    trusted.account.create_user("mallory")
    trusted.account.put_trust("deployer", trusting(ALICE, RUNNER, arn("user", "mallory")))
    trusted.account.delete_user("mallory")
    found = [found for found in trusted.drift().findings if found.kind == "orphaned_principal"]
    assert [(one.code, one.standing, one.principal_id is not None) for one in found] == [
        (Code.RP203, Standing.UNKNOWN, True)
    ]
    plan = trusted.plan()
    assert change(plan, "role/deployer").reason is Reason.ORPHAN_REMOVED
    trusted.apply()
    trusted.assert_at_rest()


def test_a_dead_guard_is_bound_again_without_question(house: House) -> None:
    house.account.create_user("alice")
    house.account.create_user("mallory")
    deny = f"statement: {{Effect: Deny, Principal: {{AWS: '{arn('user', 'mallory')}'}}, Action: 'sts:AssumeRole'}}"
    house.write("deployer.yaml", the_role("user: alice", deny))
    house.settle()
    house.account.recreate_user("mallory")
    found = the_finding(house.drift())
    assert (found.effect, found.severity, found.standing) == ("Deny", "error", Standing.RECREATED)
    assert "no longer guards" in found.message
    assert "without question" in str(found.help)
    assert told(house.plan()) == {"role/deployer": (Action.UPDATE, "principal_recreated", set(), False)}
    house.apply()
    house.assert_at_rest()


def test_a_guard_does_not_wait_for_the_allow_of_its_document(house: House) -> None:
    for name in ("alice", "bob", "mallory"):
        house.account.create_user(name)
    deny = f"statement: {{Effect: Deny, Principal: {{AWS: '{arn('user', 'mallory')}'}}, Action: 'sts:AssumeRole'}}"
    house.write("deployer.yaml", the_role("user: alice", "user: bob", deny))
    house.settle()
    house.account.recreate_user("mallory")
    house.account.recreate_user("alice")
    assert held(house.apply()) == ["role/deployer"]
    trust = str(house.account.trust("deployer"))
    assert ("mallory" in trust, "bob" in trust, "alice" in trust) == (True, True, False)
    assert held(house.apply()) == ["role/deployer"]
    house.settle()


def test_an_unmanaged_role_is_reported_and_left_alone(house: House) -> None:
    house.account.create_user("alice")
    house.account.create_role("somebody-elses", trust=trusting(ALICE))
    house.account.create_role("guarded", trust=trusting(ALICE, effect="Deny"))
    house.write("own.yaml", the_role("service: ec2.amazonaws.com", name="own"))
    house.apply()
    house.drift()
    house.account.delete_user("alice")
    assert findings(house.drift()) == [
        ("orphaned_principal", "error", "role/guarded"),
        ("orphaned_principal", "warning", "role/somebody-elses"),
    ]
    assert not any(found.managed for found in house.drift().findings)
    house.account.create_user("alice")
    assert {found.standing for found in house.drift().findings} == {Standing.RECREATED}
    assert house.plan().changes == ()


def test_a_dead_id_in_a_role_of_awss_own_is_a_note(house: House) -> None:
    house.account.create_user("alice")
    house.account.create_role("AWSReservedSSO_x", path="/aws-reserved/sso.amazonaws.com/", trust=trusting(ALICE))
    house.write("own.yaml", the_role("service: ec2.amazonaws.com", name="own"))
    house.settle()
    house.account.delete_user("alice")
    report = house.drift()
    assert findings(report) == [("orphaned_principal", "note", "role/AWSReservedSSO_x")]
    assert report.counted == ()
    assert "Only AWS" in str(report.findings[0].help)


def test_a_session_of_a_recreated_role_is_trusted_again_by_a_review(house: House) -> None:
    house.account.create_role("ci-runner", path="/ci/")
    session = "arn:aws:sts::111122223333:assumed-role/ci-runner/nightly"
    statement = f"statement: {{Effect: Allow, Principal: {{AWS: '{session}'}}, Action: 'sts:AssumeRole'}}"
    house.write("deployer.yaml", the_role(statement))
    house.settle()
    assert house.owned("role/deployer").principals == {arn("role", "ci/ci-runner"): house.account.role_id("ci-runner")}
    old = house.account.role_id("ci-runner")
    house.account.recreate_role("ci-runner")
    found = the_finding(house.drift())
    assert (found.principal_id, found.session, found.standing) == (old, "nightly", Standing.RECREATED)
    assert told(house.plan()) == {"role/deployer": (Action.UPDATE, "principal_recreated", RE_TRUST, True)}
    house.settle()


def test_one_dead_id_stands_in_several_places_of_a_document(house: House) -> None:
    house.account.create_user("alice")
    house.write("deployer.yaml", the_role("user: alice", "{user: alice, external_id: abc}"))
    house.settle()
    house.account.recreate_user("alice")
    assert {found.location for found in house.drift().findings} == {
        "Statement[0].Principal.AWS",
        "Statement[1].Principal.AWS",
    }
    house.settle()


def test_who_is_trusted_already_in_one_statement_is_a_decision_in_another(house: House) -> None:
    house.account.create_user("alice")
    house.write("deployer.yaml", the_role("user: alice", "{user: alice, external_id: abc}"))
    house.settle()
    house.account.recreate_user("alice")
    trust = house.account.trust("deployer")
    dead = house.account.state.tables.roles.get("deployer").trust["Statement"][0]
    trust["Statement"] = [dead, {**trust["Statement"][1], "Principal": {"AWS": house.account.user_id("alice")}}]
    house.account.force_trust("deployer", trust)
    assert told(house.plan())["role/deployer"][2:] == (RE_TRUST, True)
    house.settle()


def test_a_renamed_principal_is_followed_and_its_new_name_is_given(trusted: House) -> None:
    trusted.account.rename_user("alice", new_name="alicia")
    report = trusted.drift()
    found = the_finding(report)
    assert (found.severity, found.code, found.standing) == ("note", Code.RP208, Standing.RENAMED)
    assert (found.last_known_arn, report.counted, report.not_applied) == (arn("user", "alicia"), (), 0)
    plan = trusted.plan()
    assert codes(plan.blockers) == [(Code.RP208, "role/deployer")]
    assert arn("user", "alicia") in str(plan.blockers[0].help)
    trusted.write("deployer.yaml", the_role("user: alicia", f"role: {RUNNER}"))
    trusted.box.reset_calls()
    trusted.apply()
    assert not trusted.box.mutating_calls
    trusted.assert_at_rest()


def test_a_guard_against_somebody_renamed_still_guards_and_says_so(house: House) -> None:
    house.account.create_user("mallory")
    deny = f"statement: {{Effect: Deny, Principal: {{AWS: '{arn('user', 'mallory')}'}}, Action: 'sts:AssumeRole'}}"
    house.write("deployer.yaml", the_role("service: ec2.amazonaws.com", deny))
    house.settle()
    house.account.rename_user("mallory", new_name="malice")
    found = the_finding(house.drift())
    assert (found.standing, found.severity) == (Standing.RENAMED, "note")
    assert codes(house.plan().blockers) == [(Code.RP208, "role/deployer")]


def denying(*users: str) -> str:
    """Return the trust entry of a guard: a single principal as text, several as a list."""
    arns = [arn("user", user) for user in users]
    who = f"'{arns[0]}'" if len(arns) == 1 else f"[{', '.join(arns)}]"
    return f"statement: {{Effect: Deny, Principal: {{AWS: {who}}}, Action: 'sts:AssumeRole'}}"


@pytest.mark.parametrize("others", [(), ("bob", "carol")])
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_where_a_renamed_principal_has_a_namesake_nothing_moves_and_the_new_name_is_given(
    house: House, effect: str, others: tuple[str, ...]
) -> None:
    for user in ("mallory", *others):
        house.account.create_user(user)
    entry = denying("mallory", *others) if effect == "Deny" else f"user: [{', '.join(('mallory', *others))}]"
    house.write("deployer.yaml", the_role("service: ec2.amazonaws.com", entry))
    house.settle()
    bound = house.account.state.tables.roles.get("deployer").trust
    house.account.rename_user("mallory", new_name="malice")
    house.account.create_user("mallory")
    found = the_finding(house.drift())
    assert (found.severity, found.code, found.standing) == ("note", Code.RP208, Standing.RENAMED)
    assert found.last_known_arn == arn("user", "malice")
    plan = house.plan()
    assert (told(plan), codes(plan.blockers)) == ({}, [(Code.RP208, "role/deployer")])
    (blocker,) = plan.blockers
    assert ("guards against" if effect == "Deny" else "trusts") in blocker.message
    assert house.account.user_id("mallory") in blocker.message
    assert arn("user", "malice") in str(blocker.help)
    assert blocker.place is not None
    assert blocker.place.line == 5
    house.apply(reviewed=True)
    assert house.account.state.tables.roles.get("deployer").trust == bound
    house.write("deployer.yaml", house.read("deployer.yaml").replace("mallory", "malice"))
    house.settle()
    assert house.account.state.tables.roles.get("deployer").trust == bound


def test_a_guard_may_be_set_against_the_renamed_and_his_namesake(house: House) -> None:
    house.account.create_user("mallory")
    house.write("deployer.yaml", the_role("service: ec2.amazonaws.com", denying("mallory")))
    house.settle()
    house.account.rename_user("mallory", new_name="malice")
    house.account.create_user("mallory")
    house.write("deployer.yaml", the_role("service: ec2.amazonaws.com", denying("malice", "mallory")))
    assert told(house.plan()) == {"role/deployer": (Action.UPDATE, "manifest_changed", set(), False)}
    house.apply()
    house.assert_at_rest()


def test_trusting_the_renamed_and_his_namesake_is_a_decision_about_the_namesake(trusted: House) -> None:
    trusted.account.rename_user("alice", new_name="alicia")
    trusted.account.create_user("alice")
    trusted.write("deployer.yaml", the_role("user: [alice, alicia]", f"role: {RUNNER}"))
    assert told(trusted.plan())["role/deployer"][2] >= RE_TRUST
    assert held(trusted.apply()) == ["role/deployer"]
    assert "alicia" in str(trusted.account.trust("deployer"))
    trusted.settle()


def test_a_namesake_let_in_by_hand_does_not_take_the_guard_off_the_renamed(house: House) -> None:
    house.account.create_user("mallory")
    house.write("deployer.yaml", the_role("service: ec2.amazonaws.com", denying("mallory")))
    house.settle()
    house.account.rename_user("mallory", new_name="malice")
    house.account.create_user("mallory")
    document = house.account.trust("deployer")
    by_hand = trusting(arn("user", "mallory"))["Statement"]
    house.account.put_trust("deployer", {**document, "Statement": [*document["Statement"], *by_hand]})
    assert codes(house.plan().blockers) == [(Code.RP208, "role/deployer")]


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_a_role_made_again_is_not_turned_to_the_namesake_of_the_renamed(house: House, effect: str) -> None:
    house.account.create_user("mallory")
    entry = denying("mallory") if effect == "Deny" else "user: mallory"
    house.write("deployer.yaml", the_role("service: ec2.amazonaws.com", entry))
    house.settle()
    house.account.rename_user("mallory", new_name="malice")
    house.account.create_user("mallory")
    house.account.delete_role("deployer")
    plan = house.plan()
    assert (told(plan), codes(plan.blockers)) == ({}, [(Code.RP208, "role/deployer")])
    house.write("deployer.yaml", house.read("deployer.yaml").replace("mallory", "malice"))
    house.settle()


def test_a_moved_user_is_a_renamed_one(trusted: House) -> None:
    trusted.account.rename_user("alice", new_path="/staff/")
    trusted.settle()  # the manifest names her, and her path is looked up


SESSION = "arn:aws:sts::111122223333:assumed-role/ci-runner/nightly"


@pytest.mark.parametrize("entry", ["role: ci-runner", f"statement: {trusting(SESSION)['Statement'][0]}"])
def test_a_stranger_at_another_path_is_not_trusted_for_his_name(house: House, entry: str) -> None:
    house.account.create_role("ci-runner")
    house.write("deployer.yaml", the_role(entry))
    house.settle()
    old = house.account.role_id("ci-runner")
    house.account.delete_role("ci-runner")
    moved = house.account.create_role("ci-runner", path="/there/")
    plan = house.plan()
    assert told(plan)["role/deployer"][2:] == (RE_TRUST, True)
    note = str(change(plan, "role/deployer").differences[0].note)
    assert f"{RUNNER} was {old} when this role was last applied, and {moved} is" in note
    assert held(house.apply()) == ["role/deployer"]
    (found,) = (found for found in house.drift().findings if found.principal_id)
    assert "--approve re_trust:role/deployer" in str(found.help)
    house.settle()


def test_nobody_is_said_to_have_changed_a_trust_whose_renamed_principal_is_gone(house: House) -> None:
    house.account.create_user("alice")
    house.write("deployer.yaml", the_role("user: alice"))
    house.settle()
    house.account.rename_user("alice", new_name="alicia")
    house.drift()
    house.account.create_user("alice")
    house.account.delete_user("alicia")
    assert findings(house.drift()) == [("orphaned_principal", "error", "role/deployer")]
    assert told(house.plan())["role/deployer"][2:] == (RE_TRUST, True)
    assert held(house.apply()) == ["role/deployer"]
    house.settle()


def test_a_principal_of_an_account_that_is_not_read_is_written_with_a_warning(house: House) -> None:
    stranger = arn("user", "zoe", "444455556666")
    house.box.account("444455556666").create_user("zoe")
    house.write("deployer.yaml", the_role(f"user: {stranger}"))
    plan = house.plan()
    assert [(found.code, found.severity) for found in plan.warnings] == [(Code.RP207, "warning")]
    house.settle()
    report = house.drift()
    assert findings(report) == [("foreign_principal", "note", "role/deployer")]
    assert report.findings[0].standing is Standing.FOREIGN
    house.box.account("444455556666").recreate_user("zoe")
    found = the_finding(house.drift())
    assert (found.standing, found.inferred_arn) == (Standing.INFERRED, stranger)
    plan = house.plan()
    assert told(plan) == {"role/deployer": (Action.UPDATE, "principal_inferred", RE_TRUST, True)}
    assert [found.code for found in plan.warnings] == [Code.RP207]
    house.settle()


def test_an_arn_that_nobody_in_the_account_has_is_a_note(trusted: House) -> None:
    stored = trusting("arn:aws:iam::111122223333:user/ghost", RUNNER)
    trusted.account.force_trust("deployer", stored)
    notes = [found for found in trusted.drift().findings if found.kind == "foreign_principal"]
    assert [(found.code, found.standing) for found in notes] == [(Code.RP210, Standing.TRUSTED)]


def test_an_id_that_lives_is_its_arn(trusted: House) -> None:
    stored = trusting(trusted.account.user_id("alice"), trusted.account.role_id("ci-runner"))
    trusted.account.force_trust("deployer", stored)
    assert [found.code for found in trusted.drift().findings if found.kind == "orphaned_principal"] == []


def test_reviewing_a_manual_change_beside_a_dead_id_shows_both(trusted: House) -> None:
    trusted.account.create_user("mallory")
    trusted.account.put_trust("deployer", trusting(ALICE, RUNNER, arn("user", "mallory")))
    recreate(trusted, ALICE)
    assert sorted(findings(trusted.drift())) == [
        ("changed_outside", "error", "role/deployer"),
        ("orphaned_principal", "error", "role/deployer"),
    ]
    assert told(trusted.plan()) == {"role/deployer": (Action.UPDATE, "principal_recreated", RE_TRUST, True)}
    assert held(trusted.apply()) == ["role/deployer"]
    assert "mallory" not in str(trusted.account.trust("deployer")), "a narrowing never waits"
    trusted.settle()
