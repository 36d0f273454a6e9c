"""The commands: `drift --resolve cloudtrail`, `state show --principal`, `state compact`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from reconciler.model.principal import Recorded, Remembered
from reconciler.sandbox import Sandbox
from reconciler.state import Owned
from tests.cloudtrail.watched import OTHER, Watched, at
from tests.commands import Run, runner
from tests.scenarios.house import ACCOUNT, arn, trusting

OLD, NEW, MINE = "AIDAALICE00000000001", "AIDAALICE00000000002", "AROARUNNER0000000001"
ALICE, RUNNER = arn("user", "alice"), arn("role", "runner")
CREATION = Recorded(
    call="CreateUser", at="2026-11-10T13:00:00Z", by=arn("user", "eve"), event_id="event-1", request_id="request-1"
)


@pytest.fixture
def run(house: Watched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in the folder of the house."""
    monkeypatch.chdir(house.folder)
    return runner(capsys)


@pytest.fixture
def box(house: Watched, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """The sandbox of the house, which the variables lead to."""
    with house.box.serve() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCOUNT)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sandbox")
        yield house.box


@pytest.fixture
def remembered(house: Watched) -> Watched:
    """Two states: alice was recreated, a runner of the same account trusted her, and so does a role elsewhere."""
    trusting_alice = Owned(
        id=MINE,
        arn=RUNNER,
        manifest="manifests/runner.yaml",
        since="2026-11-01T00:00:00Z",
        origin="created",
        principals={ALICE: OLD},
    )
    house.store.write(
        replace(
            house.memory,
            seen_at="2026-11-24T00:00:00Z",
            objects={"role/runner": trusting_alice},
            ledger={
                OLD: Remembered(
                    ALICE,
                    first_seen="2026-11-01T00:00:00Z",
                    last_alive="2026-11-10T00:00:00Z",
                    first_dead="2026-11-11T00:00:00Z",
                    deleted="2026-11-10T12:00:00Z",
                ),
                NEW: Remembered(ALICE, first_seen="2026-11-11T00:00:00Z", named_by=CREATION),
                MINE: Remembered(RUNNER, first_seen="2026-11-01T00:00:00Z"),
            },
        )
    )
    elsewhere = replace(trusting_alice, id="AROAELSEWHERE0000001", arn=arn("role", "there", OTHER))
    house.store.write(replace(house.store.read(OTHER), objects={"role/there": elsewhere}))
    return house


# drift --resolve cloudtrail


@pytest.mark.usefixtures("box")
def test_drift_tells_who_deleted_it_and_still_exits_2(house: Watched, run: Run) -> None:
    dead = house.trusted_and_gone()

    plain, resolved = run("drift", "--no-record"), run("drift", "--resolve", "cloudtrail")

    assert (plain.code, resolved.code) == (2, 2)
    assert f"{dead} is a dead ID of unknown origin" in " ".join(plain.out.split())
    assert "RP203" in plain.out
    assert "RP202" in resolved.out
    assert "LookupEvents 2" in resolved.err
    assert "asked CloudTrail" in resolved.err  # off a terminal the log tells how far it is


@pytest.mark.usefixtures("box")
def test_programs_get_what_was_found_in_the_keys_of_a_finding(house: Watched, run: Run) -> None:
    dead = house.trusted_and_gone()

    report = run("drift", "--resolve", "cloudtrail", "--format", "json").json

    (found,) = report["findings"]
    assert (found["principal_id"], found["last_known_arn"]) == (dead, arn("role", "ci"))
    assert (found["standing"], found["deleted"]) == ("deleted", at(hours=1))
    assert "CloudTrail: it was created by " in found["message"]
    told = found["cloudtrail"]
    assert told["arn"] == arn("role", "ci")
    assert told["created"]["principal_id"] == dead
    assert (told["deleted"]["call"], told["deleted"]["at"]) == ("DeleteRole", at(hours=1))
    assert told["deleted"]["by"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert told["deleted"]["event_id"] in found["message"]
    assert told["deleted"]["request_id"] in found["message"]
    assert told["recreated"] is None
    assert report["calls"]["LookupEvents"] == 2


@pytest.mark.usefixtures("box")
def test_a_refusal_is_a_warning_and_the_exit_code_stays_true(house: Watched, run: Run) -> None:
    house.box.faults.deny("LookupEvents")
    assert run("drift", "--resolve", "cloudtrail").code == 0  # nothing is dead, so nothing is asked

    house.trusted_and_gone()
    refused = run("drift", "--resolve", "cloudtrail")
    assert refused.code == 2
    assert "cloudtrail:LookupEvents" in refused.out


def test_only_cloudtrail_can_be_asked(run: Run) -> None:
    refused = run("drift", "--resolve", "oracle")
    assert refused.code == 1
    assert "cloudtrail" in refused.err


# state show --principal


@pytest.mark.usefixtures("remembered")
def test_all_that_is_known_of_an_id_is_shown(run: Run) -> None:
    done = run("state", "show", "--principal", OLD)
    assert done.code == 0
    assert done.out == (
        f"{OLD}  user {ALICE}\n"
        "  standing     dead\n"
        "  first seen   2026-11-01T00:00:00Z\n"
        "  last alive   2026-11-10T00:00:00Z\n"
        "  dead since   2026-11-11T00:00:00Z (first seen)\n"
        "  deleted      2026-11-10T12:00:00Z\n"
        f"  trusted by   role/runner of account {ACCOUNT}\n"
        f"  trusted by   role/there of account {OTHER}\n"
    )


@pytest.mark.usefixtures("remembered")
def test_a_session_of_an_id_is_of_that_id(run: Run) -> None:
    done = run("state", "show", "--principal", f"{MINE}:build")
    assert done.code == 0
    assert f"  owned as     role/runner of account {ACCOUNT}\n" in done.out
    assert "  standing     alive when last looked at, 2026-11-24T00:00:00Z\n" in done.out


@pytest.mark.usefixtures("remembered")
def test_of_an_arn_all_ids_are_shown_that_it_ever_had(run: Run) -> None:
    text = run("state", "show", "--principal", ALICE).out
    assert [line.split()[0] for line in text.splitlines() if line.startswith("AIDA")] == [OLD, NEW]

    done = run("state", "show", "--principal", ALICE, "--format", "json")

    assert done.code == 0
    shown: dict[str, Any] = done.json
    assert (shown["format_version"], shown["principal"]) == ("1", ALICE)
    assert [(one["id"], one["alive"]) for one in shown["known"]] == [(OLD, False), (NEW, True)]
    assert shown["known"][0] == {
        "id": OLD,
        "arn": ALICE,
        "kind": "user",
        "account": ACCOUNT,
        "alive": False,
        "first_seen": "2026-11-01T00:00:00Z",
        "last_alive": "2026-11-10T00:00:00Z",
        "first_dead": "2026-11-11T00:00:00Z",
        "deleted": "2026-11-10T12:00:00Z",
        "named_by": None,
        "deleted_by": None,
        "owned": None,
        "trusted_by": [
            {"account": ACCOUNT, "address": "role/runner"},
            {"account": OTHER, "address": "role/there"},
        ],
    }


@pytest.mark.usefixtures("remembered")
def test_who_gave_an_id_its_name_is_shown_where_cloudtrail_told(run: Run) -> None:
    done = run("state", "show", "--principal", NEW)
    eve = arn("user", "eve")
    assert f"  named by     {eve} at 2026-11-10T13:00:00Z (CreateUser, event event-1, request request-1)\n" in done.out
    (known,) = run("state", "show", "--principal", NEW, "--format", "json").json["known"]
    assert known["named_by"] == {
        "call": "CreateUser",
        "at": "2026-11-10T13:00:00Z",
        "by": eve,
        "event_id": "event-1",
        "request_id": "request-1",
    }


@pytest.mark.usefixtures("box")
def test_who_deleted_it_is_shown_too_once_cloudtrail_was_asked(house: Watched, run: Run) -> None:
    dead = house.trusted_and_gone()
    run("drift", "--resolve", "cloudtrail")

    shown = run("state", "show", "--principal", dead).out

    assert f"  named by     arn:aws:iam::{ACCOUNT}:root at {at()} (CreateRole, event " in shown
    assert f"  deleted by   arn:aws:iam::{ACCOUNT}:root at {at(hours=1)} (DeleteRole, event " in shown
    assert "  deleted      " not in shown


def test_an_id_that_only_a_role_trusted_is_known_by_that(remembered: Watched, run: Run) -> None:
    remembered.change_memory(ledger={})

    done = run("state", "show", "--principal", OLD)

    assert done.code == 0
    assert f"{OLD}  user {ALICE}\n  standing     no ledger has this ID\n" in done.out
    assert run("state", "show", "--principal", "AROAELSEWHERE0000001").code == 0
    assert [run("state", "show", "--principal", each).code for each in (ALICE, RUNNER)] == [0, 0]


@pytest.mark.usefixtures("remembered")
@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("principal", ["AIDANOBODY0000000001", arn("user", "nobody"), ALICE.upper().lower() + "x"])
def test_whom_no_state_knows_is_said(principal: str, form: str, run: Run) -> None:
    done = run("state", "show", "--principal", principal, "--format", form)
    assert done.code == 1
    assert f"No state knows {principal}." in done.err
    assert not (done.json["known"] if form == "json" else done.out)


@pytest.mark.parametrize("principal", ["alice", "*", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", arn("group", "all")])
def test_what_is_no_user_or_role_is_refused(principal: str, run: Run) -> None:
    done = run("state", "show", "--principal", principal)
    assert done.code == 1
    assert "is neither a unique ID nor the ARN of a user or role" in " ".join(done.err.split())


@pytest.mark.usefixtures("remembered")
def test_an_address_and_a_principal_are_one_too_many(run: Run) -> None:
    done = run("state", "show", "role/runner", "--principal", OLD)
    assert done.code == 1
    assert "not both" in done.err


def test_a_state_that_cannot_be_read_does_not_silence_the_others(remembered: Watched, run: Run) -> None:
    (remembered.folder / "state" / f"{OTHER}.json").write_text("")
    done = run("state", "show", "--principal", OLD)
    assert done.code == 0
    assert "RS501" in done.err
    assert f"role/runner of account {ACCOUNT}" in done.out


@pytest.mark.usefixtures("remembered")
def test_one_object_can_be_shown_to_programs(run: Run) -> None:
    (shown,) = json.loads(run("state", "show", "role/runner", "--format", "json").out)
    assert (shown["account"], shown["address"], shown["id"]) == (ACCOUNT, "role/runner", MINE)
    assert shown["principals"] == {ALICE: OLD}


# state compact


@pytest.mark.usefixtures("box")
def test_compact_says_how_many_went(house: Watched, run: Run) -> None:
    house.account.create_user("alice")
    house.account.create_user("bob")
    house.account.create_role("deployer", trust=trusting(ALICE))
    assert run("drift").code == 0
    house.account.delete_user("alice")
    house.account.delete_user("bob")

    done = run("state", "compact")

    assert (done.code, done.out) == (0, f"Account {ACCOUNT}: 1 dead ID dropped, 1 kept.\n")
    assert run("state", "compact").out == f"Account {ACCOUNT}: 0 dead IDs dropped, 1 kept.\n"


@pytest.mark.usefixtures("box")
def test_a_contradiction_is_told_beside_the_result(house: Watched, run: Run) -> None:
    house.account.create_user("alice")
    run("drift")
    one = house.memory.ledger[house.account.user_id("alice")]
    house.change_memory(ledger={**house.memory.ledger, "AIDATWIN0000000000001": one})

    done = run("state", "compact")

    assert (done.code, done.out) == (0, f"Account {ACCOUNT}: 1 dead ID dropped, 0 kept.\n")
    assert "RS502" in done.err


@pytest.mark.usefixtures("box")
def test_where_an_account_cannot_be_read_nothing_is_dropped(house: Watched, run: Run) -> None:
    config = f'[accounts.{ACCOUNT}]\n[accounts.{OTHER}]\nrole_arn = "{arn("role", "nobody", OTHER)}"\n'
    (house.folder / "reconciler.toml").write_text(config)
    done = run("state", "compact")
    assert (done.code, done.out) == (1, "")
    assert "Nothing was dropped" in done.err
