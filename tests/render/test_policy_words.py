"""Differences between policy documents, in the words that a reviewer reads."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.render.condition_words import condition_in_words
from reconciler.render.lines import Canvas, paint
from reconciler.render.policy_words import policy_difference
from reconciler.render.principal_words import principal_in_words


def document(*statements: dict[str, Any], version: str = "2012-10-17") -> dict[str, Any]:
    return {"Version": version, "Statement": list(statements)}


def allow(action: str | list[str], resource: str | list[str] = "*", **rest: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **rest}


def words(before: object, after: object) -> list[str]:
    return paint(policy_difference(before, after), Canvas()).splitlines()


def test_the_same_statement_spelled_differently_is_unchanged() -> None:
    before = document(allow("s3:GetObject", "arn:aws:s3:::a"))
    after = document(allow(["S3:getobject"], ["arn:aws:s3:::a"]))

    assert words(before, after) == ["  (1 statement unchanged)"]


def test_statements_with_one_sid_belong_together_however_much_differs() -> None:
    before = document(allow("s3:GetObject", "arn:aws:s3:::a", Sid="One"), allow("sqs:*", Sid="Two"))
    after = document(allow("sqs:*", Sid="Other"), allow("kms:Decrypt", "arn:aws:kms:::k", Sid="One"))

    assert words(before, after) == [
        '~ Allow "Two" -> Allow "Other"',
        "    may    sqs:*",
        "    on     *",
        '~ Allow "One"',
        "    may  - s3:GetObject",
        "         + kms:Decrypt",
        "    on   - arn:aws:s3:::a",
        "         + arn:aws:kms:::k",
    ]


def test_statements_without_a_sid_pair_by_what_they_share_most() -> None:
    before = document(allow(["s3:A", "s3:B"], "arn:1"), allow(["s3:A", "s3:C"], "arn:2"))
    after = document(allow(["s3:A", "s3:C", "s3:D"], "arn:2"), allow(["s3:A", "s3:B", "s3:E"], "arn:1"))

    shown = words(before, after)

    assert [text for text in shown if text.lstrip().startswith(("may", "+"))] == [
        "    may  + s3:D",
        "    may  + s3:E",
    ]


def test_a_deny_is_never_paired_with_an_allow() -> None:
    before = document(allow("s3:*"))
    after = document({**allow("s3:*"), "Effect": "Deny"})

    assert [text for text in words(before, after) if not text.startswith(" ")] == ["+ Deny", "- Allow"]


def test_a_statement_more_of_the_same_is_a_difference() -> None:
    before = document(allow("s3:*"))
    after = document(allow("s3:*"), allow("s3:*"))

    assert words(before, after) == ["+ Allow", "    may  + s3:*", "    on   + *", "  (1 statement unchanged)"]


def test_many_unchanged_values_are_folded() -> None:
    actions = [f"s3:Action{number}" for number in range(20)]

    shown = words(document(allow(actions)), document(allow([*actions, "s3:New"])))

    assert "           (20 unchanged)" in shown
    assert len(shown) == 4


def test_a_changed_version_is_told() -> None:
    shown = words(document(allow("s3:*"), version="2008-10-17"), document(allow("s3:*")))

    assert shown[0] == "~ Version: 2008-10-17 -> 2012-10-17"


def test_elements_that_nobody_knows_are_shown_as_they_stand() -> None:
    shown = words(document(), document(allow("s3:*", Novelty={"b": 1, "a": [2]})))

    assert '    Novelty  + {"a": [2], "b": 1}' in shown


@pytest.mark.parametrize("before", ["{not json", 'a "string"', None])
def test_a_document_that_is_none_is_shown_as_text(before: str | None) -> None:
    shown = words(before, "<html>")

    assert shown[-1] == "+ <html>  (not understood, shown as it stands)"


@pytest.mark.parametrize(
    ("operator", "key", "values", "expected"),
    [
        ("Bool", "aws:MultiFactorAuthPresent", ["true"], "aws:MultiFactorAuthPresent is true"),
        ("StringEquals", "sts:ExternalId", ["a b"], 'sts:ExternalId is "a b"'),
        ("StringLike", "x:sub", ["a*", "b*"], 'x:sub is like "a*" or "b*"'),
        ("StringNotEquals", "k", ["a", "b"], 'k is not "a" nor "b"'),
        ("NumericLessThan", "aws:MultiFactorAuthAge", ["3600"], "aws:MultiFactorAuthAge < 3600"),
        ("Null", "aws:TokenIssueTime", ["true"], "aws:TokenIssueTime is absent"),
        ("Null", "aws:TokenIssueTime", ["false"], "aws:TokenIssueTime is present"),
        ("ForAnyValue:StringLike", "k", ["x"], 'some value of k is like "x"'),
        ("ForAllValues:StringEqualsIfExists", "k", ["x"], 'every value of k is "x" (or is absent)'),
        ("DateLessThan", "aws:CurrentTime", ["2026-01-01"], "aws:CurrentTime is before 2026-01-01"),
        ("IpAddress", "aws:SourceIp", ["10.0.0.0/8"], "aws:SourceIp is in 10.0.0.0/8"),
        ("Unheard", "k", ["v"], "k Unheard v"),
    ],
)
def test_a_condition_reads_as_a_sentence(operator: str, key: str, values: list[str], expected: str) -> None:
    assert condition_in_words(operator, key, values) == expected


def test_no_two_operators_read_alike() -> None:
    names = [
        "StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike",
        "StringNotLike", "NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals",
        "NumericGreaterThan", "NumericGreaterThanEquals", "DateEquals", "DateNotEquals", "DateLessThan",
        "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals", "Bool", "BinaryEquals", "IpAddress",
        "NotIpAddress", "ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike", "Null",
    ]  # fmt: skip
    operators = [
        f"{prefix}{name}{suffix}"
        for prefix in ("", "ForAnyValue:", "ForAllValues:")
        for name in names
        for suffix in ("", "IfExists")
    ]

    shown = {condition_in_words(operator, "k", ["true"]) for operator in operators}

    assert len(shown) == len(operators)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("AWS", "arn:aws:iam::111122223333:root", "account 111122223333"),
        ("AWS", "111122223333", "account 111122223333"),
        ("AWS", "arn:aws:iam::111122223333:user/alice", "arn:aws:iam::111122223333:user/alice"),
        ("AWS", "AIDACKCEVSQ6C2EXAMPLE", "AIDACKCEVSQ6C2EXAMPLE (a bare unique ID)"),
        ("AWS", "AROACKCEVSQ6C2EXAMPLE:x", "AROACKCEVSQ6C2EXAMPLE:x (a bare unique ID, one session)"),
        ("AWS", "*", "everyone (*)"),
        ("", "*", "everyone (a bare *)"),
        ("Service", "ec2.amazonaws.com", "service ec2.amazonaws.com"),
        ("Federated", "cognito-identity.amazonaws.com", "identity provider cognito-identity.amazonaws.com"),
        (
            "Federated",
            "arn:aws:iam::111122223333:saml-provider/Corp",
            "identity provider arn:aws:iam::111122223333:saml-provider/Corp",
        ),
        (
            "AWS",
            "arn:aws:iam::111122223333:group/g",
            "AWS arn:aws:iam::111122223333:group/g (a group is not a principal)",
        ),
    ],
)
def test_a_principal_is_named_exactly(key: str, value: str, expected: str) -> None:
    assert principal_in_words(key, value) == expected
