"""Plans that were saved, reviewed, and are applied later: exactly those, or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler import engine
from reconciler.apply import Result
from reconciler.engine import Choices, read_plan_file
from reconciler.model.diagnostic import ReconcilerError
from reconciler.model.policy import digest_of
from reconciler.planfile import plan_to_json, read_plans
from reconciler.render.lines import Canvas
from reconciler.render.text import Titled, plan_text
from tests.apply.house import OTHER, House, told
from tests.apply.street import AFTER, GOAL, before
from tests.engine.manifests import LIST, READ, ROLE
from tests.house import OWN


@pytest.fixture
def street(tmp_path: Path) -> House:
    house = House(tmp_path)
    before(house)
    return house


def refused(house: House, file: Path, **how: Any) -> str:
    """Return the code with which a plan is refused; nothing is written."""
    house.box.reset_calls()
    with pytest.raises(ReconcilerError) as caught:
        house.apply_run(plan_file=file, **how)
    assert not house.box.mutating_calls
    return caught.value.diagnostics[0].code


def test_a_saved_plan_is_a_review_and_nothing_of_it_is_held(street: House) -> None:
    file = street.save(street.plan())
    result = street.apply(plan_file=file, review=False)
    assert result.is_complete, told(result)
    assert result.summary.held == 0
    assert street.owned.keys() == GOAL


def test_a_saved_plan_applied_twice_finds_everything_done(street: House) -> None:
    file = street.save(street.plan())
    assert street.apply(plan_file=file).is_complete
    street.box.reset_calls()
    again = street.apply(plan_file=file)
    assert {one.outcome for one in again.outcomes} == {Result.ALREADY}, told(again)
    assert again.is_complete
    assert not street.successes, "nothing was written"
    assert not street.plan().changes


def test_a_plan_file_is_refused_where_another_account_is_asked_for(street: House) -> None:
    file = street.save(street.plan())
    street.box.reset_calls()
    with pytest.raises(ReconcilerError, match=f"--account {OTHER} asks for an account that is not in the plan"):
        engine.apply(replace(street.settings(), account=OTHER), Choices(), plan_file=file)
    assert not street.box.mutating_calls


def test_a_plan_made_with_another_state_is_refused(street: House) -> None:
    file = street.save(street.plan())
    street.state_file.unlink()
    street.state_file.with_suffix(".json.backup").unlink()
    assert refused(street, file) == "RA410"


def test_a_saved_plan_does_what_it_says_although_the_manifests_have_moved_on(house: House) -> None:
    house.account.create_user("alice")
    house.write("a.yaml", ROLE)
    file = house.save(house.plan())
    house.write("a.yaml", ROLE.replace("deployer", "another"))
    house.apply(plan_file=file)
    assert "role/deployer" in house.live
    assert "role/another" not in house.live


def test_what_a_saved_plan_found_unchanged_is_not_recorded_over_what_came_later(house: House) -> None:
    house.account.create_user("alice")
    house.write("a.yaml", ROLE)
    house.applied()
    house.write("b.yaml", (house.folder / "manifests" / "a.yaml").read_text())
    house.remove("a.yaml")
    file = house.save(house.plan())  # holds nothing but the news that the manifest is another
    house.write("b.yaml", ROLE.replace(LIST, READ))
    house.applied()
    recorded = house.state["objects"]["managed_policy/Lists"]["digests"]
    house.apply(plan_file=file)
    assert house.state["objects"]["managed_policy/Lists"]["digests"] == recorded
    assert not house.plan().changes


def test_a_plan_of_another_account_is_refused(house: House) -> None:
    house.account.create_user("alice")
    house.write("a.yaml", ROLE)
    plan = plan_to_json(house.plan())
    file = house.folder / "other.json"
    plan["account"] = OTHER
    file.write_text(json.dumps(signed(plan)))
    assert refused(house, file) in {"RA408", "RA409"}


def signed(plan: dict[str, Any]) -> dict[str, Any]:
    """Return an edited plan with its digest made to fit, as a careful forger would."""
    return {**plan, "digest": digest_of({key: value for key, value in plan.items() if key != "digest"})}


@pytest.mark.parametrize("forged", [False, True])
def test_an_edited_plan_is_refused(forged: bool, house: House) -> None:  # noqa: FBT001
    house.account.create_user("alice")
    house.write("a.yaml", ROLE)
    plan = plan_to_json(house.plan())
    plan["changes"][0]["operations"][0]["params"]["Path"] = "/evil/"
    file = house.folder / "edited.json"
    file.write_text(json.dumps(signed(plan) if forged else plan))
    assert refused(house, file) == "RA409"


WRONG: tuple[Any, ...] = (None, 7, "x", [7], {"x": 7})


def misshapen(value: Any) -> Iterator[Any]:
    """Yield a JSON value with each part of it in turn taken out, or made another, however deep it is."""
    yield from (wrong for wrong in WRONG if wrong != value)
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        rest = value.copy()
        part = rest.pop(key)
        yield rest
        for changed in misshapen(part):
            whole = value.copy()
            whole[key] = changed
            yield whole


def refusal(text: str) -> str | None:
    """Return the code with which a plan is refused; one that is read can be shown in full, too."""
    try:
        plans = read_plans(text, name="plan.json")
    except ReconcilerError as error:
        return error.diagnostics[0].code
    plan_text([Titled(result=plan) for plan in plans], Canvas(), stages=True)
    return None


def test_whatever_is_changed_in_a_signed_plan_it_is_read_and_shown_or_refused_as_none(house: House) -> None:
    house.account.create_user("alice")
    house.write("a.yaml", ROLE)
    house.applied()
    house.account.recreate_user("alice")
    house.write("b.yaml", "kind: Role\nname: blocked\ntrust: [{user: nobody}]\n")
    content = plan_to_json(house.plan())
    assert content["changes"]
    assert content["blockers"]
    parts = {key: misshapen(value) for key, value in content.items() if key != "digest"}
    found = {key: {refusal(json.dumps(signed({**content, key: one}))) for one in wrong} for key, wrong in parts.items()}
    assert found.pop("tool_version") == {None}
    assert found.pop("format_version") == {"RA407"}
    assert all("RA406" in codes and codes <= {None, "RA406", "RA409"} for codes in found.values()), found


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("after", None),
        ("after", [1]),
        ("after", {"arn": "arn:aws:iam::111122223333:role/deployer"}),
        ("notices", "one"),
        ("notices", [7]),
        ("needs", {"role/deployer": 1}),
        ("held", "false"),
        (
            "differences",
            [{"path": "trust", "reason": "adopted", "before": None, "after": None, "broadens": 0, "note": 5}],
        ),
        ("message", None),
        ("record", {"id": 1}),
    ],
)
def test_a_signed_plan_of_another_shape_is_refused_with_the_place(house: House, key: str, wrong: object) -> None:
    house.account.create_user("alice")
    house.write("a.yaml", ROLE)
    content = plan_to_json(house.plan())
    content["changes"][0][key] = wrong
    with pytest.raises(ReconcilerError) as caught:
        read_plans(json.dumps(signed(content)), name="plan.json")
    (found,) = caught.value.diagnostics
    assert found.code == "RA406"
    assert found.message.startswith(f"plan.json is not a plan file: /changes/0/{key}")


def test_a_signed_plan_that_leaves_something_out_is_refused_and_one_that_says_more_is_read(house: House) -> None:
    house.account.create_user("alice")
    house.write("a.yaml", ROLE)
    content = plan_to_json(house.plan())
    content["changes"][0]["told_by_a_later_version"] = 1
    (plan,) = read_plans(json.dumps(signed(content)), name="plan.json")
    assert plan == house.plan()
    del content["changes"][0]["held"]
    with pytest.raises(ReconcilerError, match="/changes/0/held: is missing"):
        read_plans(json.dumps(signed(content)), name="plan.json")


def broken_files() -> Iterator[tuple[str, bytes, str]]:
    yield "no JSON", b"PK\x03\x04", "RA406"
    yield "not UTF-8", b"\xff\xfe", "RA406"
    yield "empty", b"", "RA406"
    yield "cut", b'{"format_version": "1", "acc', "RA406"
    yield "another JSON", b"[1, 2]", "RA406"
    yield "another version", b'{"format_version": "2"}', "RA407"
    yield "nothing in it", b'{"format_version": "1"}', "RA406"


@pytest.mark.parametrize(("content", "code"), [(content, code) for _, content, code in broken_files()])
def test_what_is_no_plan_is_refused(content: bytes, code: str, house: House) -> None:
    file = house.folder / "plan.json"
    file.write_bytes(content)
    assert refused(house, file) == code


def test_a_plan_file_that_is_not_there_is_refused(house: House) -> None:
    assert refused(house, house.folder / "nowhere.json") == "RA406"


def test_a_plan_with_blockers_is_applied_as_far_as_it_goes_and_strict_refuses_it(house: House) -> None:
    house.account.create_user("alice")
    house.write("a.yaml", ROLE)
    house.write("b.yaml", "kind: Role\nname: blocked\ntrust: [{user: nobody}]\n")
    plan = house.plan()
    assert plan.blockers
    file = house.save(plan)
    assert refused(house, file, strict=True) == "RA411"
    (done,) = house.apply_run(plan_file=file).accounts
    assert done.plan is not None
    assert done.plan.blockers, "the exit code will tell"
    assert done.result is not None
    assert done.result.is_complete
    assert house.owned.keys() == {"role/deployer", "managed_policy/Lists"}


def test_a_plan_with_held_changes_is_a_review_of_them(street: House) -> None:
    street.account.recreate_user("alice")
    street.write("all.yaml", AFTER)
    plan = street.plan()
    assert plan.held
    result = street.apply(plan_file=street.save(plan), review=False)
    assert result.is_complete, told(result)
    assert not street.plan().changes


def test_the_expected_plan_is_applied_and_no_other(house: House) -> None:
    house.account.create_user("alice")
    house.write("a.yaml", ROLE)
    plan = house.plan()
    house.box.reset_calls()
    with pytest.raises(ReconcilerError) as caught:
        house.apply_run(expect="sha256:" + "0" * 64, review=False)
    assert caught.value.diagnostics[0].code == "RA412"
    assert not house.box.mutating_calls
    assert house.apply(expect=plan.fingerprint, review=False).is_complete


def test_what_was_seen_of_one_user_is_no_review_of_another_of_his_name(street: House) -> None:
    """Neither in a trust that is held, nor in one that is new: the ARN stays, the ID does not."""
    street.account.recreate_user("alice")
    street.write("all.yaml", AFTER)
    seen = street.plan()
    assert seen.held
    street.account.recreate_user("alice")
    street.box.reset_calls()
    with pytest.raises(ReconcilerError) as caught:
        street.apply_run(expect=seen.fingerprint, review=False)
    assert caught.value.diagnostics[0].code == "RA412"
    assert not street.box.mutating_calls
    assert street.apply(expect=street.plan().fingerprint, review=False).is_complete


def test_a_role_seen_planned_for_one_user_is_not_made_for_another_of_his_name(house: House) -> None:
    house.account.create_user("alice")
    house.write("a.yaml", ROLE)
    seen = house.plan()
    house.account.recreate_user("alice")
    assert house.plan().fingerprint != seen.fingerprint


def test_a_plan_of_a_fleet_is_applied_in_every_account(house: House) -> None:
    house.both_accounts()
    for account in (house.account, house.other):
        account.create_user("alice")
    house.write("a.yaml", ROLE)
    house.write("b.yaml", ROLE.replace("\nname", f'\naccount: "{OTHER}"\nname'))
    run = house.plan_run()
    file = house.save_run(run)
    assert {plan.account for plan in read_plan_file(file)} == {OWN, OTHER}
    done = house.apply_run(plan_file=file)
    assert done.fleet
    assert done.fingerprint == run.fingerprint
    assert all(one.result is not None and one.result.is_complete for one in done.accounts)
    assert {role.name for role in house.other.state.tables.roles} == {"deployer", "reconciler"}


def test_a_saved_plan_of_the_callers_own_account_needs_no_configuration_of_it(house: House) -> None:
    house.both_accounts()
    house.config = type(house.config)(accounts={OTHER: house.config.accounts[OTHER]})
    house.account.create_user("alice")
    house.write("a.yaml", ROLE)
    (plan,) = [plan for plan in house.plan_run().plans if plan.account == OWN]
    (done,) = house.apply_run(plan_file=house.save(plan)).accounts
    assert done.result is not None
    assert done.result.is_complete
