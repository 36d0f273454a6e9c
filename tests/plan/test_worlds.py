"""Decisions about worlds that no account of the sandbox can be brought to: built by hand, as values."""

import pytest

from reconciler.checks import Coming, missing_policies, missing_principals, too_large, trusted_by_declared
from reconciler.drift import find_drift
from reconciler.model.change import Approval, Reason
from reconciler.model.diagnostic import Code
from reconciler.model.policy import PolicyDocument
from reconciler.model.principal import Remembered, Standing
from reconciler.plan import Policy, make_plan
from reconciler.trust import read_trust
from reconciler.world import id_of, owner_of
from tests.plan.worlds import DEAD, a_policy, a_role, a_world, declaring, owning
from tests.scenarios.house import ACCOUNT, arn, trusting

EC2 = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def test_a_trust_that_is_no_json_is_overwritten_after_a_review_only() -> None:
    declared = a_role(EC2)
    world = a_world(declared, live=(a_role("{half a docu", live=True),), owned=owning(declared))
    (change,) = make_plan(world, policy=Policy()).changes
    assert change.held
    assert Approval.ADOPT in change.approvals
    assert [operation.held for operation in change.operations] == [True]
    (found,) = find_drift(world).findings
    assert (found.kind, found.severity) == ("changed_outside", "error")


def test_something_that_only_begins_like_a_unique_id_is_no_dead_principal() -> None:
    document = PolicyDocument(trusting("AIDA-short", DEAD))
    read = read_trust(document, a_world().index, partition="aws")
    assert [found.identified.id for found in read.dead] == [DEAD]
    assert [place.value for place in read.living.principals()] == ["AIDA-short"]


def test_a_service_in_the_place_of_an_unexplained_id_is_no_explanation() -> None:
    statement = {"Effect": "Allow", "Principal": {"AWS": DEAD}, "Action": "sts:AssumeRole"}
    live = PolicyDocument({"Version": "2012-10-17", "Statement": [statement]})
    (found,) = read_trust(live, a_world().index, partition="aws", declared=PolicyDocument(EC2)).dead
    assert (found.standing, found.candidates) == (Standing.UNKNOWN, ())


def test_an_unexplained_id_among_other_statements_is_no_guess() -> None:
    live = PolicyDocument({**EC2, "Statement": [*EC2["Statement"], *trusting(DEAD)["Statement"]]})
    declared = PolicyDocument(trusting(arn("user", "alice")))
    assert read_trust(live, a_world().index, partition="aws", declared=declared).dead[0].candidates == ()


def test_statements_that_fit_only_one_way_are_paired_that_way() -> None:
    other = "AIDADEAD000000000002"
    alice, bob = trusting(arn("user", "alice"))["Statement"][0], trusting(arn("user", "bob"))["Statement"][0]
    with_service = {**bob, "Principal": {"AWS": arn("user", "bob"), "Service": "ec2.amazonaws.com"}}
    declared = PolicyDocument({"Version": "2012-10-17", "Statement": [alice, with_service]})
    live = PolicyDocument(
        {
            "Version": "2012-10-17",
            "Statement": [
                {**bob, "Principal": {"AWS": DEAD, "Service": "ec2.amazonaws.com"}},
                {**alice, "Principal": {"AWS": other}},
            ],
        }
    )
    dead = read_trust(live, a_world().index, partition="aws", declared=declared).dead
    assert {found.identified.id: found.arn for found in dead} == {
        DEAD: arn("user", "bob"),
        other: arn("user", "alice"),
    }


def test_a_known_dead_id_beside_an_unexplained_one_keeps_its_own_name() -> None:
    other = "AIDADEAD000000000002"
    ledger = {other: Remembered(arn("user", "bob"), last_alive="2026-11-24T09:00:00Z")}
    live = PolicyDocument(trusting(DEAD, other))
    declared = PolicyDocument(trusting(arn("user", "alice"), arn("user", "bob")))
    dead = read_trust(live, a_world(ledger=ledger).index, partition="aws", declared=declared).dead
    assert {found.identified.id: (found.standing, found.arn) for found in dead} == {
        DEAD: (Standing.INFERRED, arn("user", "alice")),
        other: (Standing.DELETED, arn("user", "bob")),
    }


def test_an_unexplained_role_is_not_taken_for_a_user() -> None:
    declared = PolicyDocument(trusting(arn("user", "alice")))
    live = PolicyDocument(trusting("AROADEAD000000000002"))
    (found,) = read_trust(live, a_world().index, partition="aws", declared=declared).dead
    assert (found.standing, found.candidates) == (Standing.UNKNOWN, ())


def test_a_role_and_a_user_are_told_apart_by_their_unexplained_ids() -> None:
    role = "AROADEAD000000000002"
    declared = PolicyDocument(trusting(arn("user", "alice"), arn("role", "runner")))
    dead = read_trust(PolicyDocument(trusting(DEAD, role)), a_world().index, partition="aws", declared=declared).dead
    assert {found.identified.id: found.arn for found in dead} == {
        DEAD: arn("user", "alice"),
        role: arn("role", "runner"),
    }


def test_an_unexplained_session_is_a_session_of_the_same_name() -> None:
    night, day = (f"arn:aws:sts::{ACCOUNT}:assumed-role/runner/{session}" for session in ("night", "day"))
    live = PolicyDocument(trusting("AROADEAD000000000002:night"))
    read = [
        read_trust(live, a_world().index, partition="aws", declared=PolicyDocument(trusting(one))).dead[0].arn
        for one in (night, day, arn("role", "runner"))
    ]
    assert read == [arn("role", "runner"), None, None]


@pytest.mark.parametrize("condition", ["never on Sundays", {"StringEquals": ["aws:PrincipalOrgID"]}])
def test_an_unexplained_id_in_a_document_of_another_shape_is_no_guess(condition: object) -> None:
    odd = {**trusting(DEAD)["Statement"][0], "Condition": condition}
    role = a_role(trusting(arn("user", "alice")))
    live = a_role({"Version": "2012-10-17", "Statement": [odd]}, live=True)
    world = a_world(role, live=(live,), owned=owning(role))
    standings = [found.standing for found in find_drift(world).findings if found.principal_id == DEAD]
    assert standings == [Standing.UNKNOWN]
    assert [found.code for found in make_plan(world, policy=Policy()).blockers] == [Code.RP204]


def test_two_live_statements_for_one_declared_one_are_no_guess() -> None:
    alice = trusting(arn("user", "alice"))["Statement"][0]
    both = {**alice, "Principal": {"AWS": [arn("user", "alice"), arn("user", "bob")]}}
    declared = PolicyDocument({"Version": "2012-10-17", "Statement": [alice, both]})
    dead = {**alice, "Principal": {"AWS": DEAD}}
    live = PolicyDocument({"Version": "2012-10-17", "Statement": [dead, {**dead, "Principal": {"AWS": f"{DEAD}2"}}]})
    assert {
        found.candidates for found in read_trust(live, a_world().index, partition="aws", declared=declared).dead
    } == {()}


def test_a_dead_id_of_an_account_that_is_not_read_says_so() -> None:
    zoe = arn("user", "zoe", "444455556666")
    declared = a_role(trusting(zoe))
    ledger = {DEAD: Remembered(zoe, first_seen="2026-11-24T08:00:00Z", last_alive="2026-11-24T09:00:00Z")}
    world = a_world(declared, live=(a_role(trusting(DEAD), live=True),), owned=owning(declared), ledger=ledger)
    (change,) = make_plan(world, policy=Policy()).changes
    assert (change.reason, change.held) == (Reason.PRINCIPAL_DELETED, True)
    assert "account 444455556666 is not one that is read" in str(change.differences[0].note)


def test_a_policy_of_another_account_cannot_be_attached() -> None:
    role = a_role(EC2, managed_policies=frozenset({arn("policy", "Theirs", "444455556666")}))
    (found,) = missing_policies(declaring(role), a_world(), Coming())
    assert (found.code, "belongs to account 444455556666" in found.message) == (Code.RC308, True)


def test_policies_that_were_not_read_are_taken_to_be_there() -> None:
    role = a_role(EC2, managed_policies=frozenset({arn("policy", "Lists")}), permissions_boundary="not an ARN")
    assert list(missing_policies(declaring(role), a_world(), Coming())) == []


def test_checks_of_roles_have_nothing_to_say_of_policies() -> None:
    declaration, world = declaring(a_policy()), a_world(a_policy())
    assert list(missing_principals(declaration, world, Coming())) == []
    assert list(missing_policies(declaration, world, Coming())) == []
    assert list(trusted_by_declared("role/x", arn("role", "x"), world)) == []
    assert list(too_large(declaration, None, world)) == []


def test_a_role_named_in_a_condition_only_is_not_trusted() -> None:
    condition = {"ArnEquals": {"aws:PrincipalArn": arn("role", "x")}}
    statement = {**trusting(f"arn:aws:iam::{ACCOUNT}:root")["Statement"][0], "Condition": condition}
    world = a_world(a_role({"Version": "2012-10-17", "Statement": [statement]}))
    assert list(trusted_by_declared("role/x", arn("role", "x"), world)) == []


def test_a_role_that_trusts_itself_may_go() -> None:
    itself = arn("role", "deployer")
    world = a_world(a_role(trusting(itself)))
    assert [found.value.arn for found, _ in world.declared_trusting[itself]] == [itself]
    assert list(trusted_by_declared("role/deployer", itself, world)) == []


def test_nothing_has_neither_an_id_nor_an_owner() -> None:
    assert id_of(None) is None
    assert owner_of(a_policy()) is None


def test_a_clock_that_ran_backwards_changes_no_decision() -> None:
    declared = a_role(trusting(arn("user", "alice")))
    ledger = {
        DEAD: Remembered(arn("user", "alice"), first_seen="2027-01-01T00:00:00Z", last_alive="2027-01-01T00:00:00Z")
    }
    world = a_world(declared, live=(a_role(trusting(DEAD), live=True),), owned=owning(declared), ledger=ledger)
    plan = make_plan(world, policy=Policy())
    assert [(found.code, found.address) for found in plan.blockers] == [(Code.RP204, "role/deployer")]
    assert find_drift(world).findings[0].standing is Standing.DELETED
