"""Documents without meaning are refused by name, whatever they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.sandbox.evaluator import (
    AssumableRole,
    Caller,
    Decision,
    MalformedPolicyError,
    Permissions,
    Request,
    compile_identity_policy,
    compile_trust_policy,
    evaluate_identity,
    may_assume,
)
from tests.sandbox.evaluating import (
    ALICE,
    OWN,
    ROLE_ARN,
    RUNNER,
    allow,
    document,
    trusting,
)

GOOD = allow("s3:*")
GOOD_TRUST = trusting({"AWS": OWN})
NO_IDENTITY_POLICIES: list[Any] = [
    None,
    [],
    "",
    "hello",
    "[" * 100_000,
    '{"Version": NaN}',
    '{"Statement": [], "Statement": []}',
    {},
    {"Version": "2012-10-17"},
    {"Version": "2012-10-18", "Statement": []},
    {"Version": ["2012-10-17"], "Statement": []},
    {"Version": 20121017, "Statement": []},
    {"Statement": None},
    {"Statement": ["x"]},
    {"Statement": [[GOOD]]},
    {"Statement": GOOD, "Extra": 1},
    {"Statement": {**GOOD, "Extra": 1}},
    {"Statement": {**GOOD, "Effect": "allow"}},
    {"Statement": {**GOOD, "Effect": None}},
    {"Statement": {**GOOD, "Sid": {}}},
    {"Statement": {**GOOD, "NotAction": "iam:*"}},
    {"Statement": {**GOOD, "NotResource": "*"}},
    {"Statement": {**GOOD, "Principal": "*"}},
    {"Statement": {**GOOD, "Action": []}},
    {"Statement": {**GOOD, "Action": 5}},
    {"Statement": {**GOOD, "Action": "GetObject"}},
    {"Statement": {**GOOD, "Action": ["s3:*", None]}},
    {"Statement": {**GOOD, "Resource": []}},
    {"Statement": {**GOOD, "Resource": {"x": "y"}}},
    {"Statement": {**GOOD, "Condition": []}},
    {"Statement": {"Effect": "Allow", "Action": "s3:*"}},
    {"Statement": {"Effect": "Allow", "Resource": "*"}},
    {"Statement": {**GOOD, "Sid": object()}},
    {"Statement": {**GOOD, "Action": {"a", "b"}}},
    document(GOOD_TRUST),
    compile_trust_policy(document(GOOD_TRUST)),
]
NO_TRUST_POLICIES: list[Any] = [
    document(GOOD),
    compile_identity_policy(document(GOOD)),
    document({**GOOD_TRUST, "Resource": "*"}),
    document({**GOOD_TRUST, "NotPrincipal": "*"}),
    document(trusting({})),
    document(trusting([])),
    document(trusting({"AWS": []})),
    document(trusting({"AWS": [None]})),
    document(trusting({"AWS": 123456789012})),
    document(trusting({"aws": OWN})),
    document(trusting("arn:aws:iam::111122223333:root")),
]


@pytest.mark.parametrize("bad", NO_IDENTITY_POLICIES)
def test_an_identity_policy_without_meaning_is_refused_by_name(bad: Any) -> None:
    for permissions in (Permissions([bad]), Permissions([], bad or ""), Permissions([], None, [bad])):
        with pytest.raises(MalformedPolicyError):
            evaluate_identity(permissions, Request("a:1", "*", ALICE))


@pytest.mark.parametrize("bad", NO_TRUST_POLICIES)
def test_a_trust_policy_without_meaning_is_refused_by_name(bad: Any) -> None:
    with pytest.raises(MalformedPolicyError):
        may_assume(AssumableRole(ROLE_ARN, bad), ALICE)


def test_a_cycle_or_an_abyss_in_a_document_is_refused_by_name() -> None:
    cycle: dict[str, Any] = {}
    cycle["Statement"] = cycle
    abyss: list[Any] = []
    for _ in range(100_000):
        abyss = [abyss]
    for bad in (
        cycle,
        {"Statement": abyss},
        {"Statement": {**GOOD, "Condition": {"Bool": {"k": 10**5_000}}}},
    ):
        with pytest.raises(MalformedPolicyError):
            compile_identity_policy(bad)


def test_a_document_is_read_from_text_from_objects_and_from_read_only_objects() -> None:
    written = document(allow(Condition={"NumericEquals": {"k": 1}, "Bool": {"b": True}}))
    frozen = MappingProxyType({**written, "Statement": [MappingProxyType(written["Statement"][0])]})
    request = Request("a:1", "*", ALICE, {"k": "1", "b": True})
    for one in (
        written,
        json.dumps(written),
        json.dumps(written, indent=4),
        frozen,
        compile_identity_policy(written),
    ):
        assert evaluate_identity(Permissions([one]), request).allowed


def test_a_name_that_is_no_arn_is_a_value_error() -> None:
    for wrong in ("alice", "arn:aws:iam", "urn:aws:iam::111122223333:user/alice"):
        with pytest.raises(ValueError, match="is not an ARN"):
            Caller.user(wrong, unique_id="AIDA")
        with pytest.raises(ValueError, match="is not an ARN"):
            may_assume(AssumableRole(wrong, document(GOOD_TRUST)), ALICE)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
ELEMENTS = [
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Principal",
    "NotPrincipal",
    "Condition",
]
LIKELY = st.sampled_from(["Allow", "Deny", "*", "s3:*", OWN, {"AWS": "*"}, {"StringLike": {"k": "${v}*"}}])
DISORDER = st.fixed_dictionaries(
    {"Statement": st.dictionaries(st.sampled_from(ELEMENTS), LIKELY | ANY_JSON) | ANY_JSON},
    optional={"Version": st.sampled_from(["2012-10-17", "2008-10-17"]) | ANY_JSON},
)


def decided_or_refused(judge: Callable[[], Decision]) -> bool:
    """Whether there is a decision, or a refusal by name; whatever else is raised, is."""
    try:
        return bool(judge().reason)
    except MalformedPolicyError as refused:
        return bool(str(refused))


@given(disorder=DISORDER | ANY_JSON, as_text=st.booleans())
@example(disorder={"Statement": {"Effect": "Allow", "Action": "\ud800:*", "Resource": "\ud800"}}, as_text=True)
def test_no_document_raises_anything_else(*, disorder: Any, as_text: bool) -> None:
    bad = json.dumps(disorder) if as_text and not isinstance(disorder, str) else disorder
    request = Request("s3:Get", "r", ALICE, {"k": "v"})
    assert decided_or_refused(lambda: evaluate_identity(Permissions([bad]), request))
    assert decided_or_refused(lambda: may_assume(AssumableRole(ROLE_ARN, bad), RUNNER, context={"k": "v"}))
