"""Whose a dead ID was, who deleted it, who has its name since: asked of CloudTrail, told, remembered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from reconciler import engine
from reconciler.iam import Aws
from reconciler.model.diagnostic import Code, ReconcilerError, Severity
from reconciler.model.principal import Standing
from reconciler.sandbox import Account
from tests.cloudtrail.watched import DAY, OTHER, Watched, at, orphan
from tests.scenarios.house import ACCOUNT, arn, trusting

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

CI = arn("role", "ci")
ALICE = arn("user", "alice")
EC2 = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
EVE = "arn:aws:iam::111122223333:user/eve"


def eve(house: Watched) -> IAMClient:
    """Return the IAM of the user eve, with her own keys."""
    if "eve" not in {user.name for user in house.account.state.tables.users}:
        house.account.create_user("eve")
    return house.box.session(caller="user/eve").client("iam")


def test_an_id_that_only_cloudtrail_knows_is_named_with_who_deleted_it(house: Watched) -> None:
    house.account.create_role("ci")
    dead = house.account.role_id("ci")
    house.account.create_role("deployer", trust=trusting(CI))
    house.pass_time(3600)
    eve(house).delete_role(RoleName="ci")
    unasked = orphan(house.drift(record=False))
    assert unasked.standing is Standing.UNKNOWN
    assert str(unasked.help).endswith("`reconciler drift --resolve cloudtrail` looks further.")

    found = orphan(house.ask())

    assert (found.principal_id, found.standing, found.code) == (dead, Standing.DELETED, Code.RP202)
    assert found.last_known_arn == CI
    assert found.deleted == at(hours=1)
    assert found.cloudtrail is not None
    assert found.cloudtrail.created is not None
    deletion = found.cloudtrail.deleted
    assert deletion is not None
    assert (deletion.by, deletion.call, deletion.at) == (EVE, "DeleteRole", at(hours=1))
    for fact in (EVE, deletion.at, deletion.event_id, str(deletion.request_id)):
        assert fact in found.message


def test_what_was_found_out_is_remembered(house: Watched) -> None:
    dead = house.trusted_and_gone()
    house.ask()

    entry = house.memory.ledger[dead]
    assert (entry.arn, entry.first_seen) == (CI, at())
    assert (entry.last_alive, entry.deleted) == (at(hours=1), at(hours=1))
    assert entry.first_dead is not None
    assert orphan(house.drift()).standing is Standing.DELETED


def test_without_recording_nothing_is_remembered(house: Watched) -> None:
    dead = house.trusted_and_gone()
    assert orphan(house.ask(record=False)).standing is Standing.DELETED
    assert not house.memory.exists
    house.drift()
    assert dead not in house.memory.ledger


def test_who_recreated_the_name_is_told_too(house: Watched) -> None:
    house.trusted_and_gone()
    eve(house).create_role(RoleName="ci", AssumeRolePolicyDocument=json.dumps(EC2))

    found = orphan(house.ask())

    assert (found.standing, found.code) == (Standing.RECREATED, Code.RP201)
    assert found.current_id == house.account.role_id("ci")
    assert found.cloudtrail is not None
    assert found.cloudtrail.recreated is not None
    assert (found.cloudtrail.recreated.by, found.cloudtrail.recreated.id) == (EVE, found.current_id)
    assert f"{found.current_id}, created by {EVE} at {at(hours=2)} (CreateRole, event " in found.message


def test_of_an_id_that_the_ledger_knows_the_deletion_is_found_by_name(house: Watched) -> None:
    house.account.create_user("alice")
    house.account.create_role("deployer", trust=trusting(ALICE))
    house.pass_time(100 * DAY)  # CloudTrail has forgotten that she was made
    house.drift()
    house.pass_time(DAY)
    eve(house).delete_user(UserName="alice")
    house.pass_time(60)
    eve(house).create_user(UserName="alice")

    found = orphan(house.ask())

    assert found.standing is Standing.RECREATED
    assert found.cloudtrail is not None
    trace = found.cloudtrail
    assert (trace.created, trace.deleted and trace.deleted.by) == (None, EVE)
    assert trace.recreated is not None
    assert trace.recreated.id == house.account.user_id("alice")


def test_of_several_that_had_the_name_the_right_ones_deletion_is_told(house: Watched) -> None:
    house.account.create_user("alice")
    house.account.create_role("deployer", trust=trusting(ALICE))
    house.pass_time(100 * DAY)
    house.drift()
    for _ in range(3):
        house.pass_time(DAY)
        house.account.recreate_user("alice")
        house.drift()

    found = orphan(house.ask())

    assert found.cloudtrail is not None
    assert found.cloudtrail.deleted is not None
    assert found.cloudtrail.deleted.at == at(days=101)  # the first of the three
    assert found.cloudtrail.recreated is not None
    assert found.cloudtrail.recreated.at == at(days=103)  # the last


def test_an_earlier_death_of_which_the_ledger_knows_is_not_blamed_on_a_later_deletion(house: Watched) -> None:
    house.account.create_user("alice")
    house.account.create_role("deployer", trust=trusting(ALICE))
    house.drift()
    house.pass_time(DAY)
    house.account.recreate_user("alice")
    house.drift()
    house.pass_time(100 * DAY)
    eve(house).delete_user(UserName="alice")  # not the one that was trusted

    found = orphan(house.ask())

    assert (found.standing, found.last_known_arn) == (Standing.DELETED, ALICE)
    assert found.deleted is None
    assert "CloudTrail of 111122223333 has nothing of it in the last 90 days." in found.message


def test_a_user_is_followed_through_renames_and_moves(house: Watched) -> None:
    house.account.create_user("alice")
    house.account.create_role("deployer", trust=trusting(ALICE))
    house.pass_time()
    house.account.rename_user("alice", new_name="alicia")
    house.pass_time()
    house.account.rename_user("alicia", new_path="/staff/")
    house.pass_time()
    house.account.delete_user("alicia")

    found = orphan(house.ask())

    assert (found.standing, found.last_known_arn) == (Standing.DELETED, arn("user", "staff/alicia"))


@pytest.mark.parametrize("seen", ["before", "between", "after"])
def test_a_user_of_old_is_followed_from_the_name_that_the_ledger_knows(seen: str, house: Watched) -> None:
    house.account.create_user("alice")
    house.account.create_role("deployer", trust=trusting(ALICE))
    house.drift()
    house.pass_time(100 * DAY)
    for moment, rename in (("before", "alicia"), ("between", "alina"), ("after", None)):
        if seen == moment:
            house.drift()
        house.pass_time(DAY)
        (name,) = (user.name for user in house.account.state.tables.users)
        if rename:
            house.account.rename_user(name, new_name=rename)
        else:
            house.account.delete_user(name)

    found = orphan(house.ask())

    assert (found.standing, found.last_known_arn) == (Standing.DELETED, arn("user", "alina"))
    assert found.cloudtrail is not None
    assert found.cloudtrail.deleted is not None


def test_a_name_taken_over_by_a_rename_is_told_as_one(house: Watched) -> None:
    house.account.create_user("mallory")
    house.pass_time(100 * DAY)
    house.account.create_user("alice")
    house.account.create_role("deployer", trust=trusting(ALICE))
    house.pass_time()
    house.account.delete_user("alice")
    house.pass_time()
    eve(house).update_user(UserName="mallory", NewUserName="alice")

    found = orphan(house.ask())

    assert (found.standing, found.current_id) == (Standing.RECREATED, house.account.user_id("alice"))
    assert f"{found.current_id}, given that name by {EVE}" in found.message
    assert "(UpdateUser, event " in found.message


def test_an_arn_taken_over_by_a_move_is_told_as_one(house: Watched) -> None:
    house.account.create_user("alice")
    house.account.create_role("deployer", trust=trusting(ALICE))
    house.pass_time()
    house.account.delete_user("alice")
    house.account.create_user("alice", path="/staff/")
    house.pass_time()
    eve(house).update_user(UserName="alice", NewPath="/")
    house.pass_time()
    house.account.call("UpdateUser", UserName="alice", NewPath="/")  # changes nothing

    found = orphan(house.ask())

    assert found.standing is Standing.RECREATED
    assert f"{found.current_id}, given that name by {EVE}" in found.message


def test_who_had_the_name_for_a_while_is_not_taken_for_who_has_it(house: Watched) -> None:
    house.account.create_user("alice")
    house.account.create_role("deployer", trust=trusting(ALICE))
    house.drift()
    house.pass_time()
    house.account.recreate_user("alice")
    house.account.create_user("mallory")
    house.drift()
    house.pass_time(100 * DAY)  # both are older than all events
    house.account.rename_user("alice", new_name="alicia")
    house.pass_time()
    eve(house).update_user(UserName="mallory", NewUserName="alice")

    found = orphan(house.ask())

    assert found.current_id == house.account.user_id("alice")
    assert f"{found.current_id}, given that name by {EVE}" in found.message


def test_what_is_older_than_ninety_days_stays_unknown_and_is_said_to(house: Watched) -> None:
    house.trusted_and_gone()
    house.pass_time(91 * DAY)

    report = house.ask()

    found = orphan(report)
    assert (found.standing, found.code, found.cloudtrail) == (Standing.UNKNOWN, Code.RP203, None)
    assert "CloudTrail of 111122223333 has nothing of it in the last 90 days." in found.message
    assert "looks further" not in str(found.help)
    assert found.principal_id not in house.memory.ledger
    assert report.warnings == ()


def test_deleted_and_recreated_within_one_second(house: Watched) -> None:
    house.account.create_role("ci")
    house.account.create_role("deployer", trust=trusting(CI))
    new = house.account.recreate_role("ci")

    found = orphan(house.ask())

    assert (found.standing, found.current_id) == (Standing.RECREATED, new)
    assert found.cloudtrail is not None
    assert found.cloudtrail.deleted is not None
    assert found.cloudtrail.recreated is not None


def test_every_dead_id_of_a_document_is_traced_whatever_its_effect_and_session(house: Watched) -> None:
    dead = house.trusted_and_gone()
    house.account.create_user("alice")
    gone = house.account.user_id("alice")
    house.account.delete_user("alice")
    statements = [
        {"Effect": "Allow", "Principal": {"AWS": [f"{dead}:build", gone]}, "Action": "sts:AssumeRole"},
        {"Effect": "Deny", "Principal": {"AWS": dead}, "Action": "sts:AssumeRole"},
    ]
    house.account.force_trust("deployer", {"Version": "2012-10-17", "Statement": statements})

    found = {(each.principal_id, each.session, each.effect): each for each in house.ask().findings if each.principal_id}

    assert {key: each.last_known_arn for key, each in found.items()} == {
        (dead, "build", "Allow"): CI,
        (gone, None, "Allow"): ALICE,
        (dead, None, "Deny"): CI,
    }
    assert found[dead, None, "Deny"].severity is Severity.ERROR


# What is asked


def test_nothing_dead_nothing_asked(house: Watched) -> None:
    house.account.create_role("deployer")
    house.ask()
    assert house.box.requests["LookupEvents"] == 0


def test_only_calls_about_the_kinds_that_are_dead_are_looked_up_and_they_are_counted(house: Watched) -> None:
    house.trusted_and_gone()
    report = house.ask()
    assert report.calls["LookupEvents"] == house.box.requests["LookupEvents"] == 2  # CreateRole, DeleteRole

    house.account.create_user("alice")
    house.account.create_role("second", trust=trusting(ALICE))
    house.account.delete_user("alice")
    assert house.ask().calls["LookupEvents"] == 5


def test_only_the_time_since_it_was_last_alive_is_looked_at_where_all_is_known(house: Watched) -> None:
    house.account.create_user("alice")
    house.account.create_role("deployer", trust=trusting(ALICE))
    for number in range(120):
        house.account.create_user(f"passer-by-{number}")
    house.pass_time(DAY)
    house.drift()
    house.pass_time(DAY)
    house.account.recreate_user("alice")

    found = orphan(house.ask())

    assert house.box.requests["LookupEvents"] == 3  # one page each, not three of CreateUser
    assert found.cloudtrail is not None
    assert found.cloudtrail.deleted is not None


def test_one_unknown_id_is_enough_for_all_ninety_days_to_be_looked_at(house: Watched) -> None:
    unknown = house.trusted_and_gone()
    house.account.create_user("alice")
    house.account.create_role("second", trust=trusting(ALICE))
    house.drift()
    house.pass_time(50 * DAY)
    house.drift()
    house.account.delete_user("alice")

    found = {each.principal_id: each.last_known_arn for each in house.ask().findings if each.principal_id}

    assert found[unknown] == CI
    assert set(found.values()) == {CI, ALICE}


def test_the_pace_of_two_a_second_is_kept_over_all_pages(house: Watched) -> None:
    house.trusted_and_gone()
    for number in range(400):
        house.account.create_role(f"passer-by-{number}")
    house.box.faults.throttle("LookupEvents", per_second=2, burst=1)
    before = house.box.clock()

    assert orphan(house.ask()).standing is Standing.DELETED

    requests = house.box.requests["LookupEvents"]
    assert requests == 10  # nine pages of CreateRole, one of DeleteRole
    assert not house.box.faults.struck
    assert house.slept == [0.5] * (requests - 1)
    assert (house.box.clock() - before).total_seconds() == 0.5 * (requests - 1)


def test_progress_is_told_page_by_page(house: Watched) -> None:
    house.trusted_and_gone()
    for number in range(60):
        house.account.create_role(f"passer-by-{number}")
    told: list[tuple[str, str, int]] = []

    class Listening(engine.Silent):
        def page(self, account: str, call: str, items: int) -> None:
            told.append((account, call, items))

    engine.drift(house.settings(), progress=Listening(), ask_cloudtrail=True)

    assert [each for each in told if each[1] in {"CreateRole", "DeleteRole"}] == [
        (ACCOUNT, "CreateRole", 50),
        (ACCOUNT, "CreateRole", 62),
        (ACCOUNT, "DeleteRole", 63),
    ]


# Several accounts


def test_an_unknown_id_is_sought_in_every_account(house: Watched, other: Account) -> None:
    other.create_role("partner")
    partner = arn("role", "partner", OTHER)
    house.account.create_role("deployer", trust=trusting(partner))
    house.pass_time(3600)
    other.delete_role("partner")

    reports = house.reports()

    found = orphan(reports[ACCOUNT])
    assert (found.standing, found.last_known_arn) == (Standing.DELETED, partner)
    assert reports[ACCOUNT].calls["LookupEvents"] == 2
    assert reports[OTHER].calls["LookupEvents"] == 2
    assert found.principal_id in house.store.read(OTHER).ledger
    assert found.principal_id not in house.memory.ledger


def test_an_id_that_is_known_is_sought_in_its_own_account_only(house: Watched, other: Account) -> None:
    other.create_role("partner")
    house.account.create_role("deployer", trust=trusting(arn("role", "partner", OTHER)))
    house.reports()
    house.pass_time(3600)
    other.recreate_role("partner")

    reports = house.reports()

    assert orphan(reports[ACCOUNT]).standing is Standing.RECREATED
    assert "LookupEvents" not in reports[ACCOUNT].calls
    assert reports[OTHER].calls["LookupEvents"] == 2


# What can go wrong


def test_denied_is_said_with_what_is_missing_and_the_report_is_made(house: Watched) -> None:
    house.trusted_and_gone()
    house.box.faults.deny("LookupEvents")

    report = house.ask()

    (warning,) = report.warnings
    assert (warning.code, warning.severity) == (Code.RA403, Severity.WARNING)
    assert warning.message.startswith("CloudTrail of account 111122223333 was not read to the end: ")
    assert '"Action": "cloudtrail:LookupEvents"' in str(warning.help)
    found = orphan(report)
    assert found.standing is Standing.UNKNOWN
    assert "CloudTrail could not be read to the end, so it may know more." in found.message
    assert len(report.counted) == 1


def test_throttled_by_others_it_waits_longer_and_goes_on(house: Watched) -> None:
    house.trusted_and_gone()
    house.box.faults.throttle("LookupEvents", count=3)

    report = house.ask()

    assert report.warnings == ()
    assert orphan(report).standing is Standing.DELETED
    assert [seconds for seconds in house.slept if seconds >= 1] == [1.0, 2.0, 4.0]


def test_throttled_for_good_it_gives_up_and_says_so(house: Watched) -> None:
    house.trusted_and_gone()
    house.box.faults.throttle("LookupEvents")

    report = house.ask()

    assert [warning.code for warning in report.warnings] == [Code.RA413]
    assert orphan(report).standing is Standing.UNKNOWN
    assert house.box.requests["LookupEvents"] == 6
    assert sum(house.slept) < 60


def test_what_was_read_before_it_broke_is_used(house: Watched) -> None:
    house.trusted_and_gone()
    house.box.faults.deny("LookupEvents", skip=1)

    report = house.ask()

    found = orphan(report)
    assert (found.standing, found.last_known_arn) == (Standing.DELETED, CI)
    assert found.cloudtrail is not None
    assert found.cloudtrail.deleted is None
    assert "its deletion is not recorded" in found.message
    assert [warning.code for warning in report.warnings] == [Code.RA403]


def test_events_that_are_none_are_counted_and_the_others_used(house: Watched) -> None:
    house.trusted_and_gone()

    def spoil(parsed: dict[str, object]) -> None:
        events = parsed["Events"]
        assert isinstance(events, list)
        events[:0] = [{"CloudTrailEvent": "<html>"}, {"CloudTrailEvent": "[]"}, {}, {"CloudTrailEvent": "{}"}]

    house.let_events_be(spoil)

    report = house.ask()

    assert orphan(report).standing is Standing.DELETED
    (warning,) = report.warnings
    assert (warning.code, warning.severity) == (Code.RA405, Severity.WARNING)
    assert warning.message.startswith("8 events of CloudTrail of account 111122223333 could not be read: ")


def test_a_reply_of_another_shape_is_said(house: Watched) -> None:
    house.trusted_and_gone()
    house.let_events_be(lambda parsed: parsed.update(Events={"a": 1}))

    report = house.ask()

    assert [warning.code for warning in report.warnings] == [Code.RA405]
    assert orphan(report).standing is Standing.UNKNOWN


def test_a_token_that_never_ends_is_not_followed_for_ever(house: Watched) -> None:
    house.trusted_and_gone()
    house.let_events_be(lambda parsed: parsed.update(NextToken="0"))
    house.let_lookups_be(lambda params: params.pop("NextToken", None))

    report = house.ask()

    assert [warning.code for warning in report.warnings] == [Code.RA405]
    assert orphan(report).last_known_arn == CI


def test_times_that_contradict_each_other_are_not_believed(house: Watched) -> None:
    house.trusted_and_gone()

    def turn_back(parsed: dict[str, object]) -> None:
        for event in parsed["Events"]:  # type: ignore[attr-defined]
            event["CloudTrailEvent"] = event["CloudTrailEvent"].replace(at(hours=1), at(hours=-1))

    house.let_events_be(turn_back)

    report = house.ask()

    found = orphan(report)
    assert (found.standing, found.last_known_arn) == (Standing.DELETED, CI)
    entry = house.memory.ledger[str(found.principal_id)]
    assert entry.first_seen is not None
    assert entry.last_alive is not None
    assert entry.first_seen <= entry.last_alive


def test_a_clock_that_was_set_back_is_said(house: Watched) -> None:
    house.drift()
    house.change_memory(seen_at=at(days=30))

    report = house.drift()

    (warning,) = report.warnings
    assert (warning.code, warning.severity) == (Code.RS510, Severity.WARNING)
    assert at(days=30) in warning.message
    assert house.memory.seen_at == at()


def test_nothing_but_lookups_is_ever_sent_to_cloudtrail(house: Watched) -> None:
    aws = Aws.connect(session=house.session)
    aws.account(ACCOUNT, read_only=True)
    trail = aws.trail(ACCOUNT, sleep=lambda _seconds: None, monotonic=lambda: 0.0)
    with pytest.raises(ReconcilerError) as raised:
        trail._client.stop_logging(Name="trail")
    assert raised.value.diagnostics[0].code is Code.RA418
