"""A plan as a file: exact both ways, true to its fingerprint, and refused when it is anything else."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reconciler.model.change import Action, Reason
from reconciler.model.diagnostic import Code, ReconcilerError
from reconciler.model.policy import digest_of
from reconciler.plan import Plan, fingerprint_of
from reconciler.planfile import fingerprint_of_fleet, fleet_to_json, plan_to_json, read_plans
from reconciler.render.json import summed
from tests.scenarios.house import ANYTHING, House, arn

MANIFEST = """
    kind: Role
    name: deployer
    trust:
      - user: [alice, bob]
    tags: {team: storage, stage: prod}
    managed_policies: [Lists]
    ---
    kind: ManagedPolicy
    name: Lists
    policy: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:ListBucket", Resource: "*"}]}
    """


@pytest.fixture
def full(house: House) -> House:
    """A house whose next plan has something of everything: changes, a blocker with a place, a warning, a record."""
    house.account.create_user("alice")
    house.account.create_user("bob")
    house.write("deployer.yaml", MANIFEST)
    house.write("blocked.yaml", "kind: Role\nname: blocked\ntrust:\n  - user: arn:aws:iam::111122223333:user/ghost\n")
    house.write("kept.yaml", "kind: Role\nname: kept\ntrust: [{service: ec2.amazonaws.com}]\n")
    house.apply(reviewed=True)
    house.account.recreate_user("alice")
    house.account.tag_role("deployer", {"stage": "test"})
    house.account.create_policy("Bound", ANYTHING)
    house.account.put_boundary("kept", arn("policy", "Bound"))
    (house.manifests / "kept.yaml").rename(house.manifests / "moved.yaml")
    return house


def test_a_plan_is_the_same_after_its_way_through_a_file(full: House) -> None:
    plan = full.plan()  # the house compares bytes and the way through a file
    assert plan.changes
    assert plan.blockers
    assert plan.warnings
    assert list(plan.records) == ["role/kept"]
    assert plan.held == plan.changes
    assert not plan.summary.is_empty


def fleet_file(*plans: Plan) -> dict[str, Any]:
    parts = [plan_to_json(plan) for plan in plans]
    return fleet_to_json(parts, summed(parts), fingerprint=fingerprint_of_fleet(plans))


def test_a_fleets_file_holds_a_plan_for_each_account(full: House) -> None:
    plan = full.plan()
    other = replace(plan, account="444455556666", fingerprint=fingerprint_of("444455556666", plan.changes))
    whole = fleet_file(plan, other)
    assert read_plans(json.dumps(whole), name="fleet.json") == (plan, other)


def test_an_account_taken_out_of_a_fleets_file_is_missed(full: House) -> None:
    plan = full.plan()
    other = replace(plan, account="444455556666", fingerprint=fingerprint_of("444455556666", plan.changes))
    whole = fleet_file(plan, other)
    with pytest.raises(ReconcilerError) as raised:
        read_plans(json.dumps({**whole, "accounts": whole["accounts"][:1]}), name="fleet.json")
    assert [told.code for told in raised.value.diagnostics] == [Code.RA409]


def test_a_fingerprint_says_what_happens_and_nothing_of_why_or_when(full: House) -> None:
    before = full.plan()
    full.pass_time(86_400)
    assert full.plan().fingerprint == before.fingerprint
    full.drift()  # the ledger now tells since when the ID is dead
    assert full.plan().fingerprint == before.fingerprint
    reworded = [replace(change, reason=Reason.ADOPTED, message="", notices=("x",)) for change in before.changes]
    assert fingerprint_of(before.account, reversed(reworded)) == before.fingerprint


@pytest.mark.parametrize(
    "edited",
    [
        {"action": Action.DELETE},
        {"approvals": ()},
        {"base": {"trust": "sha256:0"}},
        {"operations": ()},
        {"address": "role/another"},
    ],
    ids=lambda edited: next(iter(edited)),
)
def test_another_deed_has_another_fingerprint(full: House, edited: dict[str, Any]) -> None:
    plan = full.plan()
    others = [replace(plan.changes[0], **edited), *plan.changes[1:]]
    assert fingerprint_of(plan.account, others) != plan.fingerprint
    assert fingerprint_of("444455556666", plan.changes) != plan.fingerprint


def as_text(plan: Plan, **edited: Any) -> str:
    return json.dumps({**plan_to_json(plan), **edited})


def signed(content: dict[str, Any]) -> str:
    """Return a file whose digest is right, whatever is in it: what no careless editor makes."""
    unsigned = {key: value for key, value in content.items() if key != "digest"}
    return json.dumps({**unsigned, "digest": digest_of(unsigned)})


REFUSED: dict[str, tuple[Callable[[Plan], str], Code]] = {
    "not JSON": (lambda _: "plan", Code.RA406),
    "empty": (lambda _: "", Code.RA406),
    "a list": (lambda _: "[]", Code.RA406),
    "another object": (lambda _: '{"a": 1}', Code.RA406),
    "a key twice": (lambda _: '{"format_version": "1", "format_version": "1"}', Code.RA406),
    "not a number": (lambda _: '{"format_version": NaN}', Code.RA406),
    "nested without end": (lambda _: "[" * 100_000, Code.RA406),
    "another version": (lambda plan: as_text(plan, format_version="2"), Code.RA407),
    "cut": (lambda plan: as_text(plan)[:-100], Code.RA406),
    "edited": (lambda plan: as_text(plan, account="444455556666"), Code.RA409),
    "a warning taken out": (lambda plan: as_text(plan, warnings=[]), Code.RA409),
    "without a digest": (
        lambda plan: json.dumps({key: value for key, value in plan_to_json(plan).items() if key != "digest"}),
        Code.RA406,
    ),
    "a failed account": (
        lambda _: '{"format_version": "1", "accounts": [{"account": "111122223333", "error": []}]}',
        Code.RA406,
    ),
    "accounts that are none": (lambda _: '{"format_version": "1", "accounts": [7]}', Code.RA406),
    "a change taken out": (lambda plan: signed({**plan_to_json(plan), "changes": []}), Code.RA409),
    "an account of another type": (lambda plan: signed({**plan_to_json(plan), "account": 7}), Code.RA406),
    "a record with another key": (
        lambda plan: signed({**plan_to_json(plan), "records": {"role/kept": {"other": 1}}}),
        Code.RA406,
    ),
    "an action that nobody knows": (
        lambda plan: signed({**plan_to_json(plan), "changes": [{**plan_to_json(plan)["changes"][0], "action": "x"}]}),
        Code.RA406,
    ),
}


@pytest.mark.parametrize(("make", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_plan_is_refused_by_name(full: House, make: Callable[[Plan], str], code: Code) -> None:
    with pytest.raises(ReconcilerError) as caught:
        read_plans(make(full.plan()), name="plan.json")
    (found,) = caught.value.diagnostics
    assert found.code is code
    assert found.message.startswith("plan.json")
    assert found.help
