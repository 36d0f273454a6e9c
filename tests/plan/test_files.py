"""A plan as a file: exact both ways, true to its fingerprint, and refused when it is anything else."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.change import Action, Reason
from reconciler.model.diagnostic import Code, ReconcilerError
from reconciler.model.policy import digest_of
from reconciler.plan import Plan, fingerprint_of
from reconciler.planfile import fingerprint_of_fleet, fleet_to_json, plan_from_json, plan_to_json, read_plans
from reconciler.render.json import summed
from reconciler.render.lines import Canvas
from reconciler.render.text import Titled, plan_text
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
    return furnished(house)


def furnished(house: House) -> House:
    """Let a house's next plan have something of everything: changes, a blocker with a place, a warning, a record."""
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


@pytest.mark.parametrize(
    ("edited", "code"),
    [
        ({"summary": {"import": 0, "add": 0, "change": 0, "destroy": 0, "forget": 0}}, Code.RA409),
        ({"accounts": [], "fingerprint": fingerprint_of_fleet(())}, Code.RA406),
        ({"accounts": ["first", "first"]}, Code.RA406),
    ],
    ids=["another sum", "no account", "an account twice"],
)
def test_a_fleets_file_is_refused_for_what_its_fingerprint_does_not_tell(
    full: House, edited: dict[str, Any], code: Code
) -> None:
    whole = fleet_file(full.plan()) | edited
    whole["accounts"] = [plan_to_json(full.plan()) for _ in whole["accounts"]]
    with pytest.raises(ReconcilerError) as raised:
        read_plans(json.dumps(whole), name="fleet.json")
    assert [told.code for told in raised.value.diagnostics] == [code]


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
    return json.dumps({**unsigned, "digest": digest_of(unsigned)}).replace("Infinity", "1e400")


def forged(content: dict[str, Any]) -> str:
    """Return a file whose fingerprint is right, too, if there are changes in it that have one."""
    with suppress(ValueError):
        plan = plan_from_json(content)
        content = {**content, "fingerprint": fingerprint_of(plan.account, plan.changes)}
    return signed(content)


def with_difference(plan: Plan, before: Any) -> str:
    """Return a file whose first difference has another value before, of which the fingerprint says nothing."""
    content = plan_to_json(plan)
    content["changes"][0]["differences"][0]["before"] = before
    return signed(content)


def yes_for_one(plan: Plan) -> dict[str, Any]:
    return {key: number == 1 if number < 2 else number for key, number in plan_to_json(plan)["summary"].items()}


REFUSED: dict[str, tuple[Callable[[Plan], str], Code]] = {
    "not JSON": (lambda _: "plan", Code.RA406),
    "empty": (lambda _: "", Code.RA406),
    "a list": (lambda _: "[]", Code.RA406),
    "another object": (lambda _: '{"a": 1}', Code.RA406),
    "a key twice": (lambda _: '{"format_version": "1", "format_version": "1"}', Code.RA406),
    "not a number": (lambda _: '{"format_version": NaN}', Code.RA406),
    "a document that is null": (lambda _: "null", Code.RA406),
    "a number beyond all numbers": (lambda plan: with_difference(plan, inf), Code.RA406),
    "a number below all numbers": (lambda plan: with_difference(plan, [{"x": -inf}]), Code.RA406),
    "a yes for a one": (lambda plan: signed(plan_to_json(plan) | {"summary": yes_for_one(plan)}), Code.RA406),
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


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each value inside of a JSON value, itself among them."""
    yield above
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*above, key))


def changed(value: Any, place: Sequence[Any], other: Any) -> Any:
    """Return a JSON value with another one in one place of it."""
    if not place:
        return other
    whole = value.copy()
    whole[place[0]] = changed(value[place[0]], place[1:], other)
    return whole


NUMBERS = st.integers() | st.floats(allow_nan=False) | st.sampled_from([0, 1, 10**400, inf, -inf])
ANYTHING_JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text() | st.sampled_from(["\ud800", "\0", "trust", "role/deployer"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The JSON of a plan that has something of everything."""
    return plan_to_json(furnished(House(tmp_path_factory.mktemp("house"))).plan())


def read(text: str) -> Plan | Code:
    """Return the plan in a file, or the code with which that is refused."""
    try:
        (plan,) = read_plans(text, name="plan.json")
    except ReconcilerError as error:
        return error.diagnostics[0].code
    return plan


@given(data=st.data())
def test_whatever_a_forger_changes_in_a_plan_it_is_refused_or_is_a_plan_like_any_other(
    content: dict[str, Any], data: st.DataObject
) -> None:
    """One that is read can be shown in full, and written again so that it is read as the same plan."""
    place = data.draw(st.sampled_from([place for place in places(content) if place]))
    plan = read(forged(changed(content, place, data.draw(ANYTHING_JSON))))
    if isinstance(plan, Code):
        assert plan in {Code.RA406, Code.RA407, Code.RA409}
        return
    plan_text([Titled(result=plan)], Canvas(), stages=True)
    assert read(json.dumps(plan_to_json(plan), allow_nan=False)) == plan
