"""How IAM compares: tables of one condition against one request, and wildcards against a naive matcher.

The rows quote the IAM User Guide: reference_policies_elements_condition_operators,
reference_policies_variables, reference_policies_condition-single-vs-multi-valued-context-keys.
"""

# ruff: noqa: FBT001  (a row of a table may hold a boolean)
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.sandbox.conditions import Keys, MalformedPolicyError, Patterns, compile_conditions


def holds(block: Mapping[str, Any], request: Keys, *, variables: bool = True) -> bool:
    """Whether a Condition element holds; the keys of ``request`` are in lower case."""
    return all(one.holds(request) for one in compile_conditions(block, variables=variables))


def meets(operator: str, policy_value: Any, *request_values: str) -> bool:
    """Whether one operator holds for a key with these values; with none, the key is absent."""
    return holds({operator: {"aws:Key": policy_value}}, {"aws:key": request_values} if request_values else {})


@pytest.mark.parametrize(
    ("operator", "policy_value", "request_value", "expected"),
    [
        ("StringEquals", "alice", "alice", True),
        ("StringEquals", "alice", "Alice", False),
        ("StringEquals", ["alice", "bob"], "bob", True),
        ("StringEquals", "a*", "ab", False),
        ("StringEquals", "a*", "a*", True),
        ("StringEquals", [], "anything", False),
        ("StringNotEquals", "alice", "bob", True),
        ("StringNotEquals", ["alice", "bob"], "bob", False),
        ("StringEqualsIgnoreCase", "ALICE", "alice", True),
        ("StringEqualsIgnoreCase", "alice", "ALICE", True),
        ("StringEqualsIgnoreCase", "a*", "AB", False),
        ("StringNotEqualsIgnoreCase", "ALICE", "alice", False),
        ("StringLike", "home/*", "home/", True),
        ("StringLike", "home/?", "home/", False),
        ("StringLike", "home/?", "home/x", True),
        ("StringLike", "a.c", "abc", False),
        ("StringLike", "*\nb", "a\nb", True),
        ("StringLike", "home", "at home", False),
        ("StringNotLike", ["a*", "b*"], "cat", True),
        ("StringNotLike", ["a*", "c*"], "cat", False),
        ("NumericEquals", "10", "10.0", True),
        ("NumericEquals", "0.1", "0.10000000000000000001", False),
        ("NumericNotEquals", "10", "11", True),
        ("NumericLessThan", "3600", "3599", True),
        ("NumericLessThan", "3600", "3600", False),
        ("NumericLessThan", "3600", "soon", False),
        ("NumericLessThanEquals", "3600", "3600", True),
        ("NumericGreaterThan", "-1", "0", True),
        ("NumericGreaterThanEquals", ["5", "9"], "7", True),
        ("DateEquals", "2024-01-01", "2024-01-01T00:00:00Z", True),
        ("DateEquals", "2024", "2024-01-01", True),
        ("DateEquals", "2024-01", "1704067200", True),
        ("DateNotEquals", "2024-01", "1704067200", False),
        ("DateLessThan", "2024-01-01T00:00:00+01:00", "2023-12-31T23:00:00Z", False),
        ("DateLessThanEquals", "2024-01-01T00:00:00+01:00", "2023-12-31T23:00:00Z", True),
        ("DateGreaterThan", "2020-01-01T00:00:01Z", "2020-01-01T00:00:01.5Z", True),
        ("DateGreaterThanEquals", "2020-01-01T00:00:01Z", "2020-01-01T00:00:01Z", True),
        ("DateGreaterThan", "2020-01-01T00:00:01Z", "yesterday", False),
        ("Bool", "true", "true", True),
        ("Bool", "true", "false", False),
        ("Bool", "False", "false", True),
        ("BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", True),
        ("BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", "QmluYXJ5", False),
        ("BinaryEquals", "QmluYXJ5", "not base64!", False),
        ("IpAddress", "203.0.113.0/24", "203.0.113.255", True),
        ("IpAddress", "203.0.113.0/24", "203.0.114.0", False),
        ("IpAddress", "203.0.113.7", "203.0.113.7", True),
        ("IpAddress", "203.0.113.7", "203.0.113.8", False),
        ("IpAddress", "203.0.113.7/24", "203.0.113.8", True),
        ("IpAddress", ["203.0.113.0/24", "2001:DB8:1234:5678::/64"], "2001:db8:1234:5678::1", True),
        ("IpAddress", "203.0.113.0/24", "2001:db8::1", False),
        ("IpAddress", "203.0.113.0/24", "cloudformation.amazonaws.com", False),
        ("NotIpAddress", "203.0.113.0/24", "198.51.100.1", True),
        ("NotIpAddress", "203.0.113.0/24", "203.0.113.1", False),
        (
            "ArnEquals",
            "arn:aws:iam::111122223333:role/ci-*",
            "arn:aws:iam::111122223333:role/ci-runner",
            True,
        ),
        ("ArnLike", "arn:aws:iam::*:role/ci", "arn:aws:iam::111122223333:role/ci", True),
        ("ArnLike", "arn:aws:sns:us-east-?:1:t", "arn:aws:sns:us-east-2:1:t", True),
        ("ArnLike", "arn:aws:iam::111122223333:role/CI", "arn:aws:iam::111122223333:role/ci", False),
        ("ArnLike", "arn:aws:logs:*:*:log-group:*", "arn:aws:logs:eu-west-1:1:log-group:a:b", True),
        ("ArnLike", "arn:aws:logs:*:*:log-*:b", "arn:aws:logs:eu-west-1:1:log-group:a:b", True),
        ("ArnLike", "arn:aws:logs:*:b", "arn:aws:logs:eu-west-1:1:log-group:a:b", False),
        ("ArnLike", "*", "arn:aws:iam::111122223333:role/ci", False),
        ("ArnNotEquals", "arn:aws:iam::*:role/ci", "arn:aws:iam::111122223333:role/cd", True),
        ("ArnNotLike", "arn:aws:iam::*:role/c?", "arn:aws:iam::111122223333:role/cd", False),
    ],
)
def test_an_operator_compares_a_value_as_documented(
    operator: str,
    policy_value: Any,
    request_value: str,
    expected: bool,
) -> None:
    assert meets(operator, policy_value, request_value) is expected


def test_an_arn_operator_stays_between_colons_where_a_string_operator_does_not() -> None:
    pattern = "arn:aws:someservice:*:111122223333:finance/*"
    value = "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt"
    assert meets("StringLike", pattern, value)
    assert not meets("ArnLike", pattern, value)


POSITIVE = [
    *("StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike", "Bool", "BinaryEquals"),
    *(f"{kind}{relation}" for kind in ("Numeric", "Date") for relation in ("Equals", "LessThan", "GreaterThan")),
    *(f"{kind}{relation}Equals" for kind in ("Numeric", "Date") for relation in ("LessThan", "GreaterThan")),
    "IpAddress",
]
NEGATED = [
    *("StringNotEquals", "StringNotEqualsIgnoreCase", "StringNotLike", "ArnNotEquals", "ArnNotLike"),
    *("NumericNotEquals", "DateNotEquals", "NotIpAddress"),
]


def value_for(operator: str) -> str:
    """Something that the operator can compare."""
    known = {"Bool": "true", "BinaryEquals": "QQ==", "IpAddress": "10.0.0.0/8", "NotIpAddress": "10.0.0.0/8"}
    return known.get(operator, "2024")


@pytest.mark.parametrize("operator", POSITIVE)
def test_an_absent_key_does_not_match(operator: str) -> None:
    assert not meets(operator, value_for(operator))


@pytest.mark.parametrize("operator", NEGATED)
def test_an_absent_key_meets_a_negated_operator(operator: str) -> None:
    assert meets(operator, value_for(operator))


@pytest.mark.parametrize("operator", POSITIVE + NEGATED)
def test_if_exists_is_true_for_an_absent_key_and_changes_nothing_for_a_present_one(operator: str) -> None:
    value = value_for(operator)
    assert meets(f"{operator}IfExists", value)
    for seen in ("true", "QQ==", "10.1.2.3", "2024", "1", "other"):
        assert meets(f"{operator}IfExists", value, seen) is meets(operator, value, seen)


@pytest.mark.parametrize("operator", POSITIVE + NEGATED)
def test_for_all_values_is_true_and_for_any_value_false_where_the_key_is_absent_or_empty(
    operator: str,
) -> None:
    value = value_for(operator)
    assert meets(f"ForAllValues:{operator}", value)
    assert meets(f"ForAllValues:{operator}", value, "")
    assert not meets(f"ForAnyValue:{operator}", value)
    assert not meets(f"ForAnyValue:{operator}", value, "")
    assert meets(f"ForAnyValue:{operator}IfExists", value)


@pytest.mark.parametrize(
    ("operator", "tag_keys", "expected"),
    [
        ("ForAllValues:StringEquals", ("team",), True),
        ("ForAllValues:StringEquals", ("team", "cost"), True),
        ("ForAllValues:StringEquals", ("team", "other"), False),
        ("ForAnyValue:StringEquals", ("team", "other"), True),
        ("ForAnyValue:StringEquals", ("other",), False),
        ("ForAllValues:StringNotEquals", ("other", "another"), True),
        ("ForAllValues:StringNotEquals", ("other", "team"), False),
        ("ForAnyValue:StringNotEquals", ("other", "team"), True),
        ("ForAnyValue:StringNotEquals", ("cost", "team"), False),
    ],
)
def test_set_operators_compare_every_value_of_the_request(
    operator: str,
    tag_keys: tuple[str, ...],
    expected: bool,
) -> None:
    assert meets(operator, ["team", "cost"], *tag_keys) is expected


def test_the_documented_denial_of_tags_without_a_prefix() -> None:
    """The table beside the policy in reference_policies_condition_examples-multi-valued-context-keys."""
    assert not meets("ForAllValues:StringNotLike", "key1*", "key1:legal")
    assert not meets("ForAllValues:StringNotLike", "key1*", "key1:hr", "key1:personnel")
    assert meets("ForAllValues:StringNotLike", "key1*", "key2:audit")
    assert meets("ForAllValues:StringNotLike", "key1*")


def test_a_key_with_several_values_needs_a_set_operator() -> None:
    assert not meets("StringEquals", ["a", "b"], "a", "b")
    assert meets("StringEquals", ["a", "b"], "a")


@pytest.mark.parametrize(
    ("policy_value", "present", "expected"),
    [
        ("true", False, True),
        ("true", True, False),
        ("True", False, True),
        ("false", True, True),
        ("false", False, False),
        (["true", "false"], True, True),
    ],
)
def test_null_asks_whether_the_key_is_absent(policy_value: Any, present: bool, expected: bool) -> None:
    assert meets("Null", policy_value, *(["x"] if present else [])) is expected


def test_an_mfa_condition_in_an_allow_is_open_to_long_term_keys_only_with_if_exists() -> None:
    """id_credentials_mfa_configure-api-require: the key is absent with long-term credentials."""
    allow, careless = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}, "BoolIfExists"
    assert not holds(allow, {})
    assert not holds(allow, {"aws:multifactorauthpresent": ("false",)})
    assert holds(allow, {"aws:multifactorauthpresent": ("true",)})
    assert holds({careless: allow["Bool"]}, {})
    assert not holds({"Bool": {"aws:MultiFactorAuthPresent": "false"}}, {})
    assert holds({careless: {"aws:MultiFactorAuthPresent": "false"}}, {})


def test_all_operators_and_all_keys_must_hold() -> None:
    block = {"StringEquals": {"aws:a": "1", "aws:b": "2"}, "Bool": {"aws:c": "true"}}
    request = {"aws:a": ("1",), "aws:b": ("2",), "aws:c": ("true",)}
    assert holds(block, request)
    for wrong in request:
        assert not holds(block, {**request, wrong: ("false",)})
    assert holds({}, {})
    assert holds({"StringEquals": {}}, {})


def test_key_names_have_no_case_and_operator_names_have() -> None:
    assert holds({"StringEquals": {"AWS:UserName": "alice"}}, {"aws:username": ("alice",)})
    with pytest.raises(MalformedPolicyError):
        holds({"stringequals": {"aws:username": "alice"}}, {})


ALICE: Keys = {
    "aws:username": ("alice",),
    "aws:principaltag/team": ("a*",),
    "aws:tagkeys": ("x", "y"),
    "k": ("alice",),
}


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("home/${aws:username}/*", "home/alice/x", True),
        ("home/${AWS:UserName}/*", "home/alice/x", True),
        ("home/${aws:username}/*", "home/bob/x", False),
        ("${aws:userid}", "${aws:userid}", False),
        ("${aws:userid, 'anonymous'}", "anonymous", True),
        ("${aws:username, 'anonymous'}", "anonymous", False),
        ("home/${AWS:UserName, 'anonymous'}", "home/alice", True),
        ("home/${aws:username, 'anonymous'}", "home/anonymous", False),
        ("${aws:userid, ''}", "", True),
        ("${aws:PrincipalTag/team}", "a*", True),
        ("${aws:PrincipalTag/team}", "ab", False),
        ("${aws:PrincipalTag/team}*", "a*b", True),
        ("${aws:TagKeys}", "x", False),
        ("${*}", "*", True),
        ("${*}", "a", False),
        ("${?}", "?", True),
        ("${?}", "a", False),
        ("${$}{aws:username}", "${aws:username}", True),
        ("${unclosed", "${unclosed", True),
    ],
)
def test_a_policy_variable_is_replaced_by_what_the_request_holds(text: str, value: str, expected: bool) -> None:
    assert holds({"StringLike": {"v": text}}, {**ALICE, "v": (value,)}) is expected


def test_a_variable_is_literal_text_in_a_document_of_2008() -> None:
    block = {"StringEquals": {"v": "${aws:username}"}}
    assert holds(block, {**ALICE, "v": ("${aws:username}",)}, variables=False)
    assert not holds(block, {**ALICE, "v": ("alice",)}, variables=False)


@pytest.mark.parametrize("operator", ["StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnLike", "Bool"])
def test_variables_are_known_to_string_arn_and_boolean_operators(operator: str) -> None:
    assert holds({operator: {"k": "${aws:username}"}}, ALICE)


@pytest.mark.parametrize("operator", ["NumericEquals", "DateEquals", "BinaryEquals", "IpAddress", "Null"])
def test_variables_are_unknown_to_the_other_operators(operator: str) -> None:
    with pytest.raises(MalformedPolicyError):
        holds({operator: {"k": "${aws:username}"}}, ALICE)


def test_a_statement_with_a_variable_that_cannot_be_resolved_does_not_apply() -> None:
    """Unresolved, it "might cause the entire statement to be invalid" (reference_policies_variables)."""
    assert not holds({"StringEquals": {"k": "${aws:userid}"}}, ALICE)
    assert not holds({"StringNotEquals": {"k": "${aws:userid}"}}, ALICE)
    assert holds({"StringNotEquals": {"k": "${aws:userid, 'nobody'}"}}, ALICE)


def test_an_arn_in_a_variable_matches_whole() -> None:
    arn = "arn:aws:iam::111122223333:role/ci"
    assert holds({"ArnEquals": {"v": "${aws:PrincipalArn}"}}, {"aws:principalarn": (arn,), "v": (arn,)})


@pytest.mark.parametrize(
    "block",
    [
        None,
        [],
        "StringEquals",
        {"StringEquals": None},
        {"StringEquals": "x"},
        {"StringEquals": {"k": None}},
        {"StringEquals": {"k": {}}},
        {"StringEquals": {"k": [["x"]]}},
        {"StringEquals": {"": "x"}},
        {"StringMatches": {"k": "x"}},
        {"NullIfExists": {"k": "true"}},
        {"ForAllValues:Null": {"k": "true"}},
        {"ForSomeValues:StringEquals": {"k": "x"}},
        {"ForAllValues:": {"k": "x"}},
        {":StringEquals:": {"k": "x"}},
        {"IfExists": {"k": "x"}},
        {"Null": {"k": "maybe"}},
        {"Bool": {"k": "yes"}},
        {"NumericEquals": {"k": "ten"}},
        {"NumericEquals": {"k": "NaN"}},
        {"NumericEquals": {"k": "1e9999"}},
        {"NumericEquals": {"k": "१"}},
        {"DateEquals": {"k": "tomorrow"}},
        {"DateEquals": {"k": "2024-13-01"}},
        {"DateLessThan": {"k": "9" * 400}},
        {"BinaryEquals": {"k": "*"}},
        {"BinaryEquals": {"k": "é"}},
        {"IpAddress": {"k": "10.0.0.0/33"}},
        {"IpAddress": {"k": "*"}},
    ],
)
def test_a_condition_without_meaning_is_refused_by_name(block: Any) -> None:
    with pytest.raises(MalformedPolicyError):
        compile_conditions(block, variables=True)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(st.sampled_from([*POSITIVE, *NEGATED, "Null"]), st.text(), st.text())
@example("DateEquals", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00")
@example("NumericEquals", "0." + "0" * 64, "1e-999")
@example("IpAddress", "fe80::1%eth0", "fe80::1%eth0")
def test_no_text_on_either_side_is_too_strange(operator: str, policy_value: str, request_value: str) -> None:
    try:
        conditions = compile_conditions({operator: {"k": policy_value}}, variables=True)
    except MalformedPolicyError:
        return
    for keys in ({"k": (request_value,)}, {"k": (request_value, "x")}, {}):
        assert isinstance(all(one.holds(keys) for one in conditions), bool)


@given(st.dictionaries(st.sampled_from(["StringLike", "Null", "x"]), ANY_JSON, max_size=2) | ANY_JSON)
def test_no_shape_of_a_condition_raises_anything_else(block: Any) -> None:
    try:
        conditions = compile_conditions(json.loads(json.dumps(block)), variables=True)
    except MalformedPolicyError:
        return
    assert isinstance(all(one.holds({}) for one in conditions), bool)


def naive(pattern: str, value: str) -> bool:
    """Wildcards by definition: slow, and beyond doubt."""
    if not pattern:
        return not value
    if pattern[0] == "*":
        return naive(pattern[1:], value) or (bool(value) and naive(pattern, value[1:]))
    return bool(value) and pattern[0] in ("?", value[0]) and naive(pattern[1:], value[1:])


PIECES = st.text("ab:*?", max_size=9)
VALUES = st.text("ab:", max_size=11)
ARN_PIECES = st.lists(st.sampled_from(["", "*", "?", "a", "a*", "*b", "a?b*"]), max_size=8).map(":".join)
ARN_VALUES = st.lists(st.sampled_from(["", "a", "b", "ab", "aab"]), max_size=8).map(":".join)


@given(PIECES, VALUES)
@example("*ab*a?b*", "aababb")
def test_wildcards_match_what_their_definition_matches(pattern: str, value: str) -> None:
    assert Patterns.of([pattern]).matches(value, {}) is naive(pattern, value)


@given(PIECES | ARN_PIECES, VALUES | ARN_VALUES)
@example("a*:b*b:?:*:a:*:b", "ab:bb:a:b:a:b:b")
@example("a:b:a:b:a:*b", "a:b:a:b:a:b:b")
def test_arn_wildcards_match_component_by_component(pattern: str, value: str) -> None:
    parts, seen = pattern.split(":", 5), value.split(":", 5)
    expected = len(parts) == len(seen) and all(map(naive, parts, seen))
    assert Patterns.of([pattern], by_component=True).matches(value, {}) is expected


@given(PIECES, VALUES)
def test_a_wildcard_beside_a_variable_matches_what_it_matches_alone(pattern: str, value: str) -> None:
    with_variable = Patterns.of(["${v}" + pattern], variables=True)
    assert with_variable.matches("*?" + value, {"v": ("*?",)}) is naive(pattern, value)


def test_many_wildcards_take_no_exponential_time() -> None:
    """A matcher that backtracks would not come back from this one."""
    assert not Patterns.of(["*a" * 40 + "b"]).matches("a" * 4_000, {})
