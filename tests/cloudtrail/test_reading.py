"""Events into lives: what is read of a record, and what a sequence of them means."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import cloudtrail
from reconciler.cloudtrail import Deed, History, Resolved, Trace, learned, lives_of
from reconciler.model.principal import Recorded, Remembered

ACCOUNT = "111122223333"
BOB = f"arn:aws:iam::{ACCOUNT}:user/bob"
ID = "AIDABOB2345678901234"


def record(call: str = "CreateRole", name: str = "ci", **fields: Any) -> dict[str, str]:
    """An entry of LookupEvents as AWS records it; `fields` replace those of the event."""
    kind = "role" if call.endswith("Role") else "user"
    made = {kind: {"arn": f"arn:aws:iam::{ACCOUNT}:{kind}/{name}", f"{kind}Id": "AROACIRUNNERONE234567"}}
    event = {
        "eventVersion": "1.08",
        "userIdentity": {"type": "IAMUser", "arn": BOB, "accountId": ACCOUNT},
        "eventTime": "2026-11-24T10:00:00Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": call,
        "requestParameters": {f"{kind}Name": name},
        "responseElements": made if call.startswith("Create") else None,
        "requestID": "request-1",
        "eventID": "event-1",
        "recipientAccountId": ACCOUNT,
    }
    return {"EventName": call, "CloudTrailEvent": json.dumps(event | fields)}


def read_events(records: Iterable[object]) -> tuple[list[Deed], list[str]]:
    """Read what the account's CloudTrail answers."""
    return cloudtrail.read_events(records, account=ACCOUNT)


def deed(call: str, name: str, second: int, *, id_: str | None = None, new_name: str | None = None) -> Deed:
    kind = "role" if call.endswith("Role") else "user"
    return Deed(
        call=call,
        at=f"2026-11-24T10:{second // 60:02}:{second % 60:02}Z",
        by=BOB,
        event_id=f"event-{call}-{name}-{second}",
        request_id=None,
        account=ACCOUNT,
        name=name,
        id=id_,
        arn=id_ and f"arn:aws:iam::{ACCOUNT}:{kind}/{name}",
        new_name=new_name,
    )


# One record


def test_a_creation_has_the_id_that_was_given() -> None:
    (found,), wrong = read_events([record()])
    assert wrong == []
    assert (found.call, found.by, found.at) == ("CreateRole", BOB, "2026-11-24T10:00:00Z")
    assert (found.id, found.arn) == ("AROACIRUNNERONE234567", f"arn:aws:iam::{ACCOUNT}:role/ci")
    assert (found.event_id, found.request_id) == ("event-1", "request-1")


@pytest.mark.parametrize("call", ["CreateRole", "DeleteRole", "CreateUser", "UpdateUser", "DeleteUser"])
@pytest.mark.parametrize(
    "fields",
    [
        {"errorCode": "NoSuchEntityException", "errorMessage": "The role with name ci cannot be found."},
        {"errorCode": "AccessDenied", "requestParameters": None, "responseElements": None},
        {"errorCode": "", "errorMessage": "An unknown error occurred"},
        {"errorMessage": "Rate exceeded"},
    ],
)
def test_what_failed_did_nothing(call: str, fields: dict[str, Any]) -> None:
    assert read_events([record(call, **fields)]) == ([], [])


@pytest.mark.parametrize(
    ("call", "source"),
    [("TagRole", "iam.amazonaws.com"), ("CreateUser", "transfer.amazonaws.com"), ("DeleteUser", "mq.amazonaws.com")],
)
def test_what_is_something_else_is_no_deed(call: str, source: str) -> None:
    params = {"serverId": "s-1", "userName": "ci"}
    assert read_events([record(call, eventSource=source, requestParameters=params)]) == ([], [])


def test_an_error_that_is_null_is_none() -> None:
    deeds, wrong = read_events([record(errorCode=None, errorMessage=None)])
    assert (len(deeds), wrong) == (1, [])


def test_an_event_without_the_id_of_its_request_is_one_all_the_same() -> None:
    (found,), _ = read_events([record(requestID=None)])
    assert found.request_id is None
    assert str(found) == f"{BOB} at 2026-11-24T10:00:00Z (CreateRole, event event-1)"


@pytest.mark.parametrize(
    ("identity", "who"),
    [
        ({"type": "AWSService", "invokedBy": "sso.amazonaws.com"}, "sso.amazonaws.com"),
        ({"type": "AWSAccount", "principalId": "AIDACROSSACCOUNTUSER1", "accountId": "444455556666"}, "AIDACROSS"),
        ({"type": "SAMLUser", "userName": "carol"}, "carol"),
        ({"accountId": "444455556666"}, "444455556666"),
        ({}, "somebody whom the event does not name"),
    ],
)
def test_whoever_has_no_arn_is_named_as_well_as_can_be(identity: dict[str, str], who: str) -> None:
    (found,), _ = read_events([record(userIdentity=identity)])
    assert found.by.startswith(who)


@pytest.mark.parametrize(
    ("spoiled", "why"),
    [
        (None, "an entry is no object"),
        ({}, "it has no CloudTrailEvent"),
        ({"CloudTrailEvent": 7}, "it has no CloudTrailEvent"),
        ({"CloudTrailEvent": "<html>"}, "its text is not JSON"),
        ({"CloudTrailEvent": "[" * 100_000}, "its text is not JSON"),
        ({"CloudTrailEvent": "[]"}, "its text is no JSON object"),
        ({"CloudTrailEvent": "{}"}, "it has no eventName"),
        ({"CloudTrailEvent": "{}", "EventName": "CreateRole", "EventTime": 7}, "it has no eventSource"),
        (record(eventSource=None), "it has no eventSource"),
        (record(eventTime="yesterday"), "'yesterday' is no time"),
        (record(eventTime="0001-01-01T00:00:00+23:59"), "'0001-01-01T00:00:00+23:59' is no time"),
        (record(requestParameters=None), "it has no requestParameters"),
        (record(requestParameters={"roleName": ["ci"]}), "it has no roleName"),
        (record(responseElements=None), "it has no responseElements"),
        (record(responseElements={"role": {"arn": "arn:aws:iam::1:role/ci"}}), "it has no roleId"),
        (record(responseElements={"role": {"roleId": "ci", "arn": "ci"}}), "'ci' is no unique ID, or 'ci' no ARN"),
        (
            record(recipientAccountId="444455556666"),
            f"arn:aws:iam::{ACCOUNT}:role/ci is no role of account 444455556666",
        ),
    ],
)
def test_what_is_no_event_is_told_and_stops_nothing(spoiled: object, why: str) -> None:
    deeds, wrong = read_events([spoiled, record()])
    assert wrong == [why]
    assert len(deeds) == 1


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner))
)
def test_no_json_makes_reading_raise(value: object) -> None:
    deeds, wrong = read_events([{"CloudTrailEvent": json.dumps(value)}, {"CloudTrailEvent": value}])
    assert (deeds, len(wrong)) == ([], 2)


# Many


@dataclass
class Town:
    """What really happens to the names of a small account, and the events of it; a second passes with each."""

    holders: dict[str, str] = field(default_factory=dict)
    ended: dict[str, tuple[str, str]] = field(default_factory=dict)
    events: list[Deed] = field(default_factory=list)

    def act(self, what: str, name: str, new_name: str) -> None:
        second = len(self.events)
        if what == "create" and name not in self.holders:
            self.holders[name] = f"AIDA{second:017}"
            self.events.append(deed("CreateUser", name, second, id_=self.holders[name]))
        elif what == "delete" and name in self.holders:
            self.events.append(deed("DeleteUser", name, second))
            self.ended[self.holders.pop(name)] = (name, self.events[-1].event_id)
        elif what == "rename" and name in self.holders and new_name not in self.holders:
            self.holders[new_name] = self.holders.pop(name)
            self.events.append(deed("UpdateUser", name, second, new_name=new_name))


NAMES = st.sampled_from(["ann", "bob", "cy"])
ACTS = st.lists(st.tuples(st.sampled_from(["create", "delete", "rename"]), NAMES, NAMES), max_size=40)


@given(ACTS)
def test_what_happened_can_be_told_from_the_events_in_whatever_order_the_calls_were_asked_for(
    acts: list[tuple[str, str, str]],
) -> None:
    town = Town()
    for what, name, new_name in acts:
        town.act(what, name, new_name)
    by_call = sorted(town.events, key=lambda each: each.call)  # one lookup for each call

    lives = lives_of(by_call)

    assert {life.id: (life.key[2], life.deleted.event_id) for life in lives if life.deleted} == town.ended
    assert {life.key[2]: life.id for life in lives if not life.deleted} == town.holders


def test_within_a_second_what_is_possible_comes_first() -> None:
    events = [
        deed("CreateUser", "ann", 0, id_="AIDAONE2345678901234"),
        deed("CreateUser", "ann", 5, id_="AIDATWO2345678901234"),
        deed("DeleteUser", "ann", 5),
    ]
    ended = {life.id: life.deleted is not None for life in lives_of(events)}
    assert ended == {"AIDAONE2345678901234": True, "AIDATWO2345678901234": False}


def test_a_whole_chain_within_a_second_is_told_apart() -> None:
    events = [
        deed("CreateUser", "ann", 0, id_="AIDAONE2345678901234"),
        deed("CreateUser", "ann", 0, id_="AIDATWO2345678901234"),
        deed("DeleteUser", "ann", 0),
    ]
    ended = {life.id: life.deleted is not None for life in lives_of(events)}
    assert ended == {"AIDAONE2345678901234": True, "AIDATWO2345678901234": False}


def test_somebody_older_than_the_events_goes_before_his_successor_comes() -> None:
    events = [deed("CreateUser", "ann", 0, id_="AIDATWO2345678901234"), deed("DeleteUser", "ann", 0)]
    ended = {life.id: life.deleted is not None for life in lives_of(events)}
    assert ended == {None: True, "AIDATWO2345678901234": False}


def test_a_rename_waits_for_the_name_to_be_free() -> None:
    events = [
        deed("CreateUser", "ann", 0, id_="AIDAANN2345678901234"),
        deed("CreateUser", "bob", 0, id_=ID),
        deed("UpdateUser", "ann", 5, new_name="bob"),
        deed("DeleteUser", "bob", 5),
    ]
    lives = {life.id: (life.arn, life.deleted is not None) for life in lives_of(events)}
    assert lives == {ID: (BOB, True), "AIDAANN2345678901234": (BOB, False)}


def test_names_are_one_without_regard_to_case() -> None:
    events = [deed("CreateUser", "Ann", 0, id_="AIDAANN2345678901234"), deed("DeleteUser", "ann", 5)]
    (life,) = lives_of(events)
    assert life.deleted is not None


def test_a_user_and_a_role_of_one_name_are_two() -> None:
    events = [deed("CreateUser", "ci", 0, id_="AIDAONE2345678901234"), deed("DeleteRole", "ci", 5)]
    ended = {life.id: life.deleted is not None for life in lives_of(events)}
    assert ended == {"AIDAONE2345678901234": False, None: True}


def test_an_end_that_was_not_recorded_is_not_made_up() -> None:
    events = [
        deed("CreateUser", "ann", 0, id_="AIDAONE2345678901234"),
        deed("CreateUser", "ann", 9, id_="AIDATWO2345678901234"),
    ]
    trace = History(events).trace("AIDAONE2345678901234", known=None, alive={})
    assert trace is not None
    assert (trace.arn, trace.deleted) == (f"arn:aws:iam::{ACCOUNT}:user/ann", None)


# What follows for the ledger


REMEMBERED = Remembered(BOB, first_seen="2026-01-01T00:00:00Z", last_alive="2026-11-24T09:00:00Z")


@pytest.mark.parametrize(
    ("last_alive", "first_dead", "is_his"),
    [
        ("2026-11-24T09:00:00Z", "2026-11-24T11:00:00Z", True),
        ("2026-11-24T10:03:00Z", "2026-11-24T11:00:00Z", True),  # clocks differ a little
        ("2026-11-24T10:30:00Z", "2026-11-24T11:00:00Z", False),
        ("2026-11-24T08:00:00Z", "2026-11-24T09:00:00Z", False),
        ("never", "who knows", True),
    ],
)
def test_a_deletion_by_name_is_only_his_whose_last_sight_it_follows(
    last_alive: str, first_dead: str, *, is_his: bool
) -> None:
    known = Remembered(BOB, last_alive=last_alive, first_dead=first_dead)
    trace = History([deed("DeleteUser", "bob", 0)]).trace(ID, known=known, alive={})
    assert trace is not None
    assert (trace.deleted is not None) == is_his


def test_what_the_ledger_knows_already_stays_and_is_completed() -> None:
    history = History([deed("DeleteUser", "bob", 0)])
    ledger: Mapping[str, Remembered] = {ID: REMEMBERED}
    trace = history.trace(ID, known=REMEMBERED, alive={})
    assert trace is not None

    after = learned(ledger, {ID: trace}, account=ACCOUNT, at="2026-11-25T00:00:00Z")

    assert after == {
        ID: Remembered(
            BOB,
            first_seen="2026-01-01T00:00:00Z",
            last_alive="2026-11-24T10:00:00Z",
            first_dead="2026-11-25T00:00:00Z",
            deleted="2026-11-24T10:00:00Z",
            deleted_by=deed("DeleteUser", "bob", 0).record,
        )
    }
    assert learned(after, {ID: trace}, account=ACCOUNT, at="2026-12-01T00:00:00Z") == after


def test_what_was_learned_of_doers_is_not_forgotten_where_a_later_answer_has_nothing_of_them() -> None:
    made, ended = deed("CreateUser", "bob", 0).record, deed("DeleteUser", "bob", 1).record
    before = replace(REMEMBERED, named_by=made, deleted_by=ended)
    trace = Trace(arn=BOB, recreated=deed("CreateUser", "bob", 2), successor="AIDANEWBOB2345678901")

    after = learned({ID: before}, {ID: trace}, account=ACCOUNT, at="2026-11-25T00:00:00Z")

    assert list(after) == [ID], "whoever is not in this ledger is another's to remember"
    assert (after[ID].named_by, after[ID].deleted_by) == (made, ended)


def test_whoever_follows_is_remembered_with_the_call_that_gave_him_the_name() -> None:
    recreated = deed("CreateUser", "bob", 2)
    new = Remembered(BOB, first_seen="2026-11-25T00:00:00Z")
    trace = Trace(arn=BOB, recreated=recreated, successor="AIDANEWBOB2345678901")

    ledger = {ID: REMEMBERED, "AIDANEWBOB2345678901": new}
    after = learned(ledger, {ID: trace}, account=ACCOUNT, at="2026-11-25T00:00:00Z")

    assert after["AIDANEWBOB2345678901"] == replace(new, named_by=recreated.record)
    assert recreated.record == Recorded(
        call="CreateUser", at=recreated.at, by=BOB, event_id="event-CreateUser-bob-2", request_id=None
    )


def test_of_whoever_was_renamed_the_ledger_has_the_call_that_gave_the_last_name() -> None:
    rename = deed("UpdateUser", "rob", 1, new_name="bob")
    history = History([deed("CreateUser", "rob", 0, id_=ID), rename, deed("DeleteUser", "bob", 2)])
    trace = history.trace(ID, known=None, alive={})
    assert trace is not None

    after = learned({}, {ID: trace}, account=ACCOUNT, at="2026-11-25T00:00:00Z")

    assert after[ID].named_by == rename.record


def test_what_an_event_does_not_say_is_taken_from_the_entry_that_it_stands_in() -> None:
    unsaid: dict[str, Any] = dict.fromkeys(
        ("eventName", "eventSource", "eventID", "eventTime", "userIdentity", "recipientAccountId")
    )
    entry: dict[str, object] = {
        **record(**unsaid),
        "EventSource": "iam.amazonaws.com",
        "EventId": "event-2",
        "EventTime": datetime(2026, 11, 24, 12, tzinfo=timezone(timedelta(hours=2))),
    }
    (found,), wrong = read_events([{**entry, "Username": "bob"}])
    assert wrong == []
    assert (found.call, found.event_id, found.at) == ("CreateRole", "event-2", "2026-11-24T10:00:00Z")
    assert (found.by, found.account) == ("bob", ACCOUNT)
    (nameless,), _ = read_events([entry])
    assert nameless.by == "somebody whom the event does not name"


def test_half_a_character_is_no_name() -> None:
    """JSON has escapes for it, and no state file could hold it."""
    spoiled = record(userIdentity={"arn": "arn:\ud800", "accountId": ACCOUNT}, requestID="\udfff")
    (found,), wrong = read_events([spoiled])
    assert (found.by, found.request_id, wrong) == (ACCOUNT, None, [])
    assert read_events([record(eventID="\ud800")]) == ([], ["it has no eventID"])


def test_a_ledger_learns_of_its_own_account_only() -> None:
    trace = History([deed("CreateUser", "bob", 0, id_=ID)]).trace(ID, known=None, alive={})
    assert trace is not None
    traces = {ID: trace}
    assert learned({}, traces, account="444455556666", at="2026-11-25T00:00:00Z") == {}
    assert list(learned({}, traces, account=ACCOUNT, at="2026-11-25T00:00:00Z")) == [ID]


def test_nothing_is_told_of_an_id_that_was_not_found_but_where_it_was_sought() -> None:
    told = Resolved(accounts=(ACCOUNT, "444455556666")).told(ID)
    assert told == "CloudTrail of 111122223333 and 444455556666 has nothing of it in the last 90 days."


def test_an_end_that_is_recorded_before_the_beginning_is_somebody_elses() -> None:
    history = History([deed("DeleteUser", "bob", 5), deed("CreateUser", "bob", 30, id_=ID)])
    trace = history.trace(ID, known=None, alive={})
    assert trace is not None
    assert trace.deleted is None
    assert "its deletion is not recorded" in Resolved(traces={ID: trace}).told(ID)
