"""Whether one document allows more than another: never wrong on the safe side, and right about everyday edits."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import event, example, given

from reconciler.model.access import has_effect, loses, narrowed, widens
from reconciler.model.policy import PolicyDocument
from reconciler.operations import Effect, effect_of
from reconciler.sandbox.documents import parse_permissions, parse_trust
from reconciler.sandbox.errors import IamError
from tests.model.documents import (
    ALICE_ARN,
    BOB_ARN,
    OTHER,
    OWN,
    RUNNER_ARN,
    SESSION_ARN,
    Json,
    allowed,
    edited,
    identity_documents,
    identity_statements,
    randoms,
    respelled,
    trust_documents,
    trust_statements,
)


def document(*statements: Json, version: str = "2012-10-17") -> PolicyDocument:
    return PolicyDocument({"Version": version, "Statement": list(statements)})


def allow(action: Any = "s3:Get*", resource: Any = "*", **more: Any) -> Json:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any = "s3:Get*", resource: Any = "*", **more: Any) -> Json:
    return {**allow(action, resource, **more), "Effect": "Deny"}


def trusting(*arns: str, **more: Any) -> Json:
    return {"Effect": "Allow", "Principal": {"AWS": list(arns)}, "Action": "sts:AssumeRole", **more}


def distrusting(*arns: str, **more: Any) -> Json:
    return {**trusting(*arns, **more), "Effect": "Deny"}


def when(operator: str, key: str, *values: str) -> Json:
    return {operator: {key: list(values)}}


# --- never wrong on the safe side ---------------------------------------------------------------------------


@given(trust_documents(), trust_documents(), trust_statements(), randoms)
def test_what_does_not_widen_a_trust_lets_nobody_new_in(one: Json, two: Json, new: Json, random: Random) -> None:
    for before, after in ((one, two), (one, edited(one, random, new)), (edited(one, random, new), one)):
        judged_soundly(before, after, trust=True)


@given(identity_documents(), identity_documents(), identity_statements(), randoms)
def test_what_does_not_widen_permissions_lets_nothing_new_happen(
    one: Json, two: Json, new: Json, random: Random
) -> None:
    for before, after in ((one, two), (one, edited(one, random, new)), (edited(one, random, new), one)):
        judged_soundly(before, after, trust=False)


def judged_soundly(before: Json, after: Json, *, trust: bool) -> None:
    gained = allowed(after, trust=trust) - allowed(before, trust=trust)
    wider = widens(PolicyDocument(before), PolicyDocument(after))
    event(f"{'gains' if gained else 'gains nothing'}, and is said to {'widen' if wider else 'widen nothing'}")
    assert wider or not gained


@given(trust_documents(), trust_statements(), randoms)
def test_a_narrowed_trust_stays_within_both_and_iam_takes_it(one: Json, new: Json, random: Random) -> None:
    stays_within_both(one, edited(one, random, new), trust=True)


@given(identity_documents(), identity_statements(), randoms)
def test_narrowed_permissions_stay_within_both_and_iam_takes_them(one: Json, new: Json, random: Random) -> None:
    stays_within_both(one, edited(one, random, new), trust=False)


def stays_within_both(before: Json, after: Json, *, trust: bool) -> None:
    common = narrowed(PolicyDocument(before), PolicyDocument(after), partition="aws")
    if common is None:
        return
    assert isinstance(common.source, dict)
    assert allowed(common.source, trust=trust) <= allowed(before, trust=trust) & allowed(after, trust=trust)
    assert not widens(PolicyDocument(after), common)
    if accepted(before, trust=trust) and accepted(after, trust=trust):
        assert accepted(common.source, trust=trust)


def accepted(source: Json, *, trust: bool) -> bool:
    text = PolicyDocument(source).text
    try:
        parse_trust(text) if trust else parse_permissions(text)
    except IamError:
        return False
    return True


# --- right about everyday edits -----------------------------------------------------------------------------

READ, WRITE = allow("s3:Get*"), allow("s3:Put*", Sid="Write")
MFA = when("Bool", "aws:MultiFactorAuthPresent", "true")
TEAM = "aws:PrincipalTag/team"
THEIR_BUCKET, ANY_BUCKET = "arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/*"
OWN_USERS = f"arn:aws:iam::{OWN}:user/*"


@pytest.mark.parametrize(
    ("before", "after", "effect"),
    [
        pytest.param(document(READ, WRITE), document(WRITE, READ), Effect.NEUTRAL, id="reordered"),
        pytest.param(
            document(allow(["s3:Get*", "s3:Put*"], ["a", "b"])),
            document(allow("s3:Put*", "a"), allow("s3:Put*", "b"), allow("s3:Get*", ["b", "a"])),
            Effect.NEUTRAL,
            id="split",
        ),
        pytest.param(document(READ), document(allow(["s3:Get*", "s3:GetObject"])), Effect.NEUTRAL, id="repeats itself"),
        pytest.param(document(READ), document(READ, WRITE), Effect.WIDENS, id="a statement more"),
        pytest.param(document(READ), document(allow("s3:*")), Effect.WIDENS, id="a wider wildcard"),
        pytest.param(document(READ), document(allow("s3:GetObj?ct")), Effect.NARROWS, id="a closer wildcard"),
        pytest.param(document(READ), document({**READ, "Condition": MFA}), Effect.NARROWS, id="a condition more"),
        pytest.param(document(READ), document(READ, deny("s3:GetTags")), Effect.NARROWS, id="a Deny more"),
        pytest.param(document(READ), document(WRITE), Effect.BOTH, id="something else"),
        pytest.param(document(READ), None, Effect.NARROWS, id="gone"),
        pytest.param(None, document(deny()), Effect.NARROWS, id="a new guard"),
        pytest.param(None, None, Effect.NEUTRAL, id="nothing at all"),
    ],
)
def test_an_everyday_edit_of_permissions_is_judged_as_a_person_would(
    before: PolicyDocument | None, after: PolicyDocument | None, effect: Effect
) -> None:
    assert effect_of(before, after, partition="aws") is effect


def without(element: str, statement: Json, **more: Any) -> Json:
    return {key: value for key, value in statement.items() if key != element} | more


ALL_BUT_IAM = without("Action", allow(), NotAction=["iam:*"])
ALL_BUT_IAM_AND_STS = without("Action", allow(), NotAction=["sts:*", "iam:*"])
ALL_BUT_THEIRS = without("Resource", allow(), NotResource=[THEIR_BUCKET])
ALL_BUT_A_BUCKET = without("Resource", allow(), NotResource=[ANY_BUCKET])


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        pytest.param(ALL_BUT_IAM, ALL_BUT_IAM_AND_STS, id="more actions left out"),
        pytest.param(ALL_BUT_IAM, allow(["s3:Get*", "sts:AssumeRole"]), id="actions beyond those left out"),
        pytest.param(allow("*"), ALL_BUT_IAM, id="not everything any more"),
        pytest.param(allow(resource=ANY_BUCKET), allow(resource=THEIR_BUCKET), id="the caller's own folder"),
        pytest.param(allow(), ALL_BUT_A_BUCKET, id="a bucket left out"),
        pytest.param(ALL_BUT_A_BUCKET, allow(resource="arn:aws:s3:::c/*"), id="another bucket"),
    ],
)
def test_a_narrower_statement_is_seen_to_be_narrower(wide: Json, narrow: Json) -> None:
    assert effect_of(document(wide), document(narrow), partition="aws") is Effect.NARROWS
    assert effect_of(document(narrow), document(wide), partition="aws") is Effect.WIDENS


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            allow(resource="arn:aws:s3:::b/*}"), allow(resource=THEIR_BUCKET[:-2]), id="its end is not a brace"
        ),
        pytest.param(allow(resource="b?????????????"), allow(resource="b${aws:userid}"), id="its length is not known"),
        pytest.param(allow(resource="*user*"), allow(resource="b/${aws:username}"), id="its name is not its value"),
        pytest.param(ALL_BUT_THEIRS, ALL_BUT_A_BUCKET, id="a variable left out may have no value"),
        pytest.param(ALL_BUT_THEIRS, allow(resource="arn:aws:s3:::c/x"), id="so that all of it falls"),
        pytest.param(
            ALL_BUT_A_BUCKET, allow(resource="arn:aws:s3:::${aws:username}/x"), id="it may be what is left out"
        ),
        pytest.param(ALL_BUT_IAM, allow("i*"), id="a wildcard over what is left out"),
        pytest.param(allow(), {**distrusting(ALICE_ARN), "Effect": "Allow"}, id="of another kind"),
    ],
)
def test_what_cannot_be_known_counts_as_wider(one: Json, other: Json) -> None:
    assert widens(document(one), document(other))


def test_a_variable_is_text_in_the_old_version() -> None:
    old, new = document(allow(resource=THEIR_BUCKET), version="2008-10-17"), document(allow(resource=THEIR_BUCKET))

    assert effect_of(old, new, partition="aws") is Effect.BOTH
    assert narrowed(old, new, partition="aws") is None
    assert not widens(document(allow(resource="*?username*"), version="2008-10-17"), old)


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (when("StringEquals", TEAM, "a", "b"), when("StringEquals", TEAM, "a")),
        (when("StringLike", TEAM, "a*"), when("StringEquals", TEAM, "ab")),
        (when("StringLike", TEAM, "*"), when("StringLike", TEAM, "a*", "b")),
        (when("StringNotEquals", TEAM, "a"), when("StringNotEquals", TEAM, "a", "b")),
        (when("StringEqualsIfExists", TEAM, "a"), when("StringEquals", TEAM, "a")),
        (when("ForAllValues:StringLike", "aws:TagKeys", "a*"), when("ForAllValues:StringEquals", "aws:TagKeys", "ab")),
        (when("ArnLike", "aws:PrincipalArn", OWN_USERS), when("ArnEquals", "aws:PrincipalArn", ALICE_ARN)),
        (
            when("ArnNotEquals", "aws:PrincipalArn", ALICE_ARN),
            when("ArnNotLike", "aws:PrincipalArn", ALICE_ARN, BOB_ARN),
        ),
        (
            when("NumericLessThan", "aws:MultiFactorAuthAge", "3600"),
            when("NumericLessThan", "aws:MultiFactorAuthAge", "900"),
        ),
        (when("NumericGreaterThan", "s3:max-keys", "5"), when("NumericGreaterThan", "s3:max-keys", "10")),
        ({}, MFA),
        (MFA, {**MFA, **when("StringEquals", TEAM, "a")}),
    ],
)
def test_a_tighter_condition_narrows_and_a_looser_one_widens(wide: Json, narrow: Json) -> None:
    before, after = document(trusting(ALICE_ARN, Condition=wide)), document(trusting(ALICE_ARN, Condition=narrow))

    assert effect_of(before, after, partition="aws") is Effect.NARROWS
    assert effect_of(after, before, partition="aws") is Effect.WIDENS


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (when("StringEquals", TEAM, "a"), when("StringNotEquals", TEAM, "a")),
        (when("StringEquals", TEAM, "a"), when("StringEquals", "aws:username", "a")),
        (when("ForAllValues:StringEquals", TEAM, "a"), when("ForAnyValue:StringEquals", TEAM, "a")),
        (when("NumericLessThan", "s3:max-keys", "5"), when("NumericLessThan", "s3:max-keys", "five")),
        (when("NumericLessThan", "s3:max-keys", "5"), when("NumericLessThanEquals", "s3:max-keys", "4")),
        (when("NumericEquals", "s3:max-keys", "5"), when("NumericEquals", "s3:max-keys", "6")),
        (when("ArnLike", "aws:PrincipalArn", "arn:aws:iam:*"), when("ArnLike", "aws:PrincipalArn", ALICE_ARN)),
        (
            when("ArnLike", "aws:PrincipalArn", "arn:*:*:*:*:*"),
            when("ArnLike", "aws:PrincipalArn", "${aws:PrincipalArn}"),
        ),
        (when("IpAddress", "aws:SourceIp", "10.0.0.0/8"), when("IpAddress", "aws:SourceIp", "11.0.0.0/8")),
    ],
)
def test_conditions_that_cannot_be_compared_count_as_both(one: Json, other: Json) -> None:
    before, after = document(trusting(ALICE_ARN, Condition=one)), document(trusting(ALICE_ARN, Condition=other))

    assert effect_of(before, after, partition="aws") is Effect.BOTH


@pytest.mark.parametrize(
    ("before", "after", "effect"),
    [
        pytest.param(trusting(ALICE_ARN, BOB_ARN), trusting(ALICE_ARN), Effect.NARROWS, id="one less"),
        pytest.param(trusting(ALICE_ARN), trusting("*"), Effect.WIDENS, id="all of AWS"),
        pytest.param(trusting(ALICE_ARN), {**trusting(), "Principal": "*"}, Effect.WIDENS, id="everyone"),
        pytest.param(trusting(ALICE_ARN), trusting(OWN), Effect.BOTH, id="an account is not its users"),
        pytest.param(trusting(OWN), trusting(f"arn:aws:iam::{OWN}:root"), Effect.NEUTRAL, id="an account by its root"),
        pytest.param(distrusting(ALICE_ARN), distrusting("*"), Effect.NARROWS, id="all of AWS denied"),
    ],
)
def test_an_everyday_edit_of_a_trust_is_judged_as_a_person_would(before: Json, after: Json, effect: Effect) -> None:
    assert effect_of(document(before), document(after), partition="aws") is effect


def test_a_statement_with_not_principal_is_covered_by_its_equal_alone() -> None:
    sparing = without("Principal", distrusting(), NotPrincipal={"AWS": [ALICE_ARN]})
    before = document(trusting(ALICE_ARN), sparing)

    assert not widens(before, document(sparing, trusting(ALICE_ARN)))
    assert widens(before, document(trusting(ALICE_ARN), distrusting("*", Condition=MFA)))


def test_a_living_id_is_the_one_whose_arn_it_has() -> None:
    by_id = document(trusting("AROARUNNERRUNNERRUN22"))

    assert widens(document(trusting(RUNNER_ARN)), by_id)
    assert not widens(document(trusting(RUNNER_ARN)), by_id, resolve=lambda _: RUNNER_ARN)


def test_a_document_that_is_not_understood_may_do_anything() -> None:
    broken = PolicyDocument("no JSON")

    assert widens(document(READ), broken)
    assert widens(broken, document(READ))
    assert not widens(broken, broken)
    assert has_effect(broken, "Deny")
    assert narrowed(broken, document(READ), partition="aws") is None
    assert not has_effect(None, "Allow")


def test_more_things_than_can_be_compared_count_as_wider() -> None:
    names = [f"arn:aws:s3:::b{number}" for number in range(150)]
    actions = [f"s3:Get{number}" for number in range(150)]

    assert widens(document(allow(actions[1:], names), allow(actions[:1], names)), document(allow(actions, names)))


# --- what two documents have in common ----------------------------------------------------------------------


def common_to(before: PolicyDocument, after: PolicyDocument, *, limit: int = 0) -> PolicyDocument:
    found = narrowed(before, after, partition="aws", limit=limit)
    assert found is not None
    return found


def test_who_is_trusted_before_and_after_stays_trusted_in_between() -> None:
    before, after = document(trusting(ALICE_ARN, BOB_ARN)), document(trusting(BOB_ARN, OTHER, Sid="Us"))

    assert common_to(before, after).same_meaning(document(trusting(BOB_ARN, Sid="Us")))


def test_what_may_be_done_before_and_after_stays_allowed_in_between() -> None:
    before, after = document(allow(["s3:Get*", "s3:Put*"], "a")), document(allow(["s3:GetObject", "iam:*"], ["a", "b"]))

    assert common_to(before, after).same_meaning(document(allow("s3:GetObject", "a")))


def test_each_principal_keeps_the_actions_that_were_his() -> None:
    before = document(trusting(ALICE_ARN), trusting(BOB_ARN, Action=["sts:AssumeRole", "sts:TagSession"]))
    after = document(trusting(ALICE_ARN, BOB_ARN, Action=["sts:AssumeRole", "sts:TagSession"], Sid="All"))

    expected = [trusting(BOB_ARN, Action=["sts:AssumeRole", "sts:TagSession"], Sid="All"), trusting(ALICE_ARN)]
    longer = {**trusting(OTHER), "Sid": "NoLongerTrustedAtAll"}
    assert common_to(document(*before.raw_statements, longer), after).same_meaning(document(*expected))


def test_every_guard_of_both_stands_in_between() -> None:
    before, after = document(READ, deny("s3:GetTags")), document(READ, deny("s3:GetAcl"), deny("s3:gettags"))

    expected = document(READ, deny("s3:GetAcl"), deny("s3:GetTags"))
    assert common_to(before, after).same_meaning(expected)
    assert common_to(document(deny()), document(WRITE)).same_meaning(document(deny()))


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        pytest.param(trusting(ALICE_ARN), trusting(BOB_ARN), False, id="nobody stays"),
        pytest.param(trusting(ALICE_ARN), trusting(ALICE_ARN, BOB_ARN), False, id="who stays is in it"),
        pytest.param(trusting(OWN), trusting(ALICE_ARN), True, id="one of the account"),
        pytest.param(trusting(OTHER), trusting(ALICE_ARN), False, id="nobody of another account"),
        pytest.param(trusting(RUNNER_ARN), trusting(SESSION_ARN), True, id="a session"),
        pytest.param(trusting("*", Condition=MFA), trusting(ALICE_ARN), True, id="one of all"),
        pytest.param(trusting(ALICE_ARN), trusting(ALICE_ARN, Action="sts:TagSession"), False, id="nothing is kept"),
        pytest.param(trusting(ALICE_ARN), trusting(ALICE_ARN, Action="sts:*", Condition=MFA), True, id="some of it"),
        pytest.param(
            trusting(ALICE_ARN),
            without("Action", trusting(ALICE_ARN), NotAction="sts:TagSession"),
            False,
            id="the narrower of both is in it",
        ),
        pytest.param(
            trusting(ALICE_ARN),
            without("Action", trusting(ALICE_ARN), NotAction="sts:TagSession", Condition=MFA),
            True,
            id="all but some",
        ),
        pytest.param(trusting(ALICE_ARN, Condition=MFA), trusting(ALICE_ARN), False, id="who has to be asked for more"),
        pytest.param(
            without("Principal", trusting(), NotPrincipal={"AWS": BOB_ARN}), trusting(ALICE_ARN), True, id="all but one"
        ),
    ],
)
def test_who_keeps_the_right_and_may_be_without_it_in_between_is_known(
    before: Json, after: Json, *, lost: bool
) -> None:
    one, other = document(before), document(after)
    between = narrowed(one, other, partition="aws")

    assert loses(one, other, between, partition="aws") is lost


def test_what_one_of_both_allows_more_narrowly_is_allowed_that_narrowly_in_between() -> None:
    before = document(trusting(ALICE_ARN), trusting(BOB_ARN, OTHER, Condition=MFA, Sid="Us"))
    after = document(trusting(ALICE_ARN, Condition=MFA), trusting(BOB_ARN))

    expected = document(trusting(ALICE_ARN, Condition=MFA), trusting(BOB_ARN, Condition=MFA, Sid="Us"))
    assert common_to(before, after, limit=2048).same_meaning(expected)
    assert common_to(after, before, limit=2048).same_meaning(expected)


@pytest.mark.parametrize(
    ("after", "stays"),
    [
        pytest.param(trusting(OWN), True, id="by his account"),
        pytest.param(trusting(OTHER), False, id="not by another account"),
        pytest.param(trusting(OWN, Condition={"ArnEquals": {"aws:PrincipalArn": ALICE_ARN}}), True, id="by name there"),
        pytest.param(
            trusting(OWN, Condition={"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/a*"}}),
            True,
            id="by a pattern",
        ),
        pytest.param(
            trusting(OWN, Condition={"ArnEquals": {"aws:PrincipalArn": BOB_ARN}}), False, id="not by his name"
        ),
        pytest.param(trusting(OWN, Condition=MFA), False, id="not without a second factor"),
    ],
)
def test_whom_one_names_may_stay_where_the_other_trusts_his_account(after: Json, *, stays: bool) -> None:
    before, goal = document(trusting(ALICE_ARN), trusting(SESSION_ARN, RUNNER_ARN)), document(after)
    found = narrowed(before, goal, partition="aws", limit=2048, by_account=True)

    assert narrowed(before, goal, partition="aws", limit=2048) is None
    assert (found is not None and any(str(ALICE_ARN) in str(one) for one in found.raw_statements)) is stays
    assert "assumed-role" not in str(found and found.raw_statements), "of a session no account says who it is"
    assert found is None or not widens(before, found)


def test_what_is_in_the_common_part_already_is_not_said_again() -> None:
    before = document(trusting(ALICE_ARN, BOB_ARN, Condition=MFA))
    after = document(trusting(ALICE_ARN, Condition=MFA, Sid="A"), trusting(ALICE_ARN, BOB_ARN, OTHER))

    expected = document(trusting(ALICE_ARN, Condition=MFA, Sid="A"), trusting(BOB_ARN, Condition=MFA))
    assert common_to(before, after, limit=2048).same_meaning(expected)


def test_where_there_is_no_room_for_all_in_common_what_is_spelled_as_before_is_left_out() -> None:
    guard = deny("s3:GetTags", "arn:aws:s3:::a-rather-long-name-of-a-bucket/*")
    before = document(allow("s3:GetObject", "a", Condition=MFA), allow("s3:Put*", "a"), guard)
    after = document(allow("s3:GetObject", "a"), allow("s3:PutObject", "a"), deny("s3:GetAcl"))

    short, long = common_to(before, after), common_to(before, after, limit=1_000)
    assert short.same_meaning(document(allow("s3:PutObject", "a"), deny("s3:GetAcl"), guard))
    assert [one.get("Condition") for one in long.raw_statements] == [None, MFA, None, None]


def test_nothing_in_common_is_nothing_to_write() -> None:
    assert narrowed(document(READ), document(WRITE), partition="aws") is None


def test_a_name_that_two_statements_bear_is_given_to_one_of_them() -> None:
    before, after = document(READ, deny("s3:GetTags", Sid="G")), document({**READ, "Sid": "G"})

    sids = [statement.get("Sid") for statement in common_to(before, after).raw_statements]
    assert sids == ["G", None]


def test_a_common_part_longer_than_both_is_written_only_where_iam_takes_it() -> None:
    guards = [deny(f"s3:Get{letter}", "arn:aws:s3:::a-rather-long-name/*") for letter in "abcd"]
    before, after = document(READ, *guards[:2]), document(READ, *guards[2:])
    size = document(READ, *guards).size

    assert narrowed(before, after, partition="aws") is None
    assert narrowed(before, after, partition="aws", limit=size - 1) is None
    assert common_to(before, after, limit=size).same_meaning(document(READ, *guards))


@given(trust_documents(), randoms)
@example({"Version": "2012-10-17", "Statement": [trusting(ALICE_ARN)]}, Random(0))
def test_a_document_has_all_in_common_with_a_respelling_of_it(one: Json, random: Random) -> None:
    other = respelled(one, random)
    before, after = PolicyDocument(one), PolicyDocument(other)
    common = narrowed(before, after, partition="aws")

    assert effect_of(before, after, partition="aws") is Effect.NEUTRAL
    assert common is None or allowed(dict(common.source), trust=True) == allowed(one, trust=True)  # type: ignore[arg-type]
