"""IAM's limits, each at its edge: what is still taken, and what is no longer."""

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.manifest import validate_offline
from tests.manifest.support import codes, load

ROLE: dict[str, Any] = {"kind": "Role", "name": "r", "trust": [{"account": "123456789012"}]}
STATEMENT = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
POLICY: dict[str, Any] = {
    "kind": "ManagedPolicy",
    "name": "p",
    "policy": {"Version": "2012-10-17", "Statement": STATEMENT},
}


def conditioned(condition: object) -> dict[str, Any]:
    """Return a policy whose one statement has a condition."""
    return {**POLICY, "policy": {"Version": "2012-10-17", "Statement": {**STATEMENT, "Condition": condition}}}


def trusting(**entry: object) -> dict[str, Any]:
    """Return a role with one trust entry."""
    return {**ROLE, "trust": [entry]}


@pytest.mark.parametrize(
    ("taken", "refused", "code"),
    [
        ({**ROLE, "name": "r" * 64}, {**ROLE, "name": "r" * 65}, "RM111"),
        ({**ROLE, "name": "a+=,.@_-1"}, {**ROLE, "name": "a/b"}, "RM111"),
        ({**POLICY, "name": "p" * 128}, {**POLICY, "name": "p" * 129}, "RM111"),
        ({**ROLE, "name": "r"}, {**ROLE, "name": ""}, "RM111"),
        ({**ROLE, "path": "/" + "a" * 510 + "/"}, {**ROLE, "path": "/" + "a" * 511 + "/"}, "RM111"),
        ({**ROLE, "path": "/a/b!/"}, {**ROLE, "path": "/a b/"}, "RM111"),
        ({**ROLE, "description": "\t\n\xff" + "d" * 997}, {**ROLE, "description": "d" * 1001}, "RM111"),
        ({**ROLE, "path": "/"}, {**ROLE, "path": "//"}, "RM111"),
        (
            {**ROLE, "managed_policies": [f"p{n}" for n in range(25)]},
            {**ROLE, "managed_policies": [f"p{n}" for n in range(26)]},
            "RC304",
        ),
        ({**ROLE, "description": "~"}, {**ROLE, "description": "\xa0"}, "RM111"),
        ({**POLICY, "description": "d" * 1000}, {**POLICY, "description": "d" * 1001}, "RM111"),
        ({**ROLE, "max_session_duration": 43200}, {**ROLE, "max_session_duration": 43201}, "RM111"),
        ({**ROLE, "max_session_duration": 3600}, {**ROLE, "max_session_duration": 3599}, "RM111"),
        (
            {**ROLE, "tags": {f"t{n}": "" for n in range(50)}},
            {**ROLE, "tags": {f"t{n}": "" for n in range(51)}},
            "RM111",
        ),
        ({**ROLE, "tags": {"k" * 128: "v" * 256}}, {**ROLE, "tags": {"k" * 129: ""}}, "RM111"),
        ({**ROLE, "tags": {"a b_.:/=+-@é": "ü"}}, {**ROLE, "tags": {"k": "v" * 257}}, "RM111"),
        ({**ROLE, "tags": {"awsx": ""}}, {**ROLE, "tags": {"AWS:x": ""}}, "RM111"),
        ({**POLICY, "tags": {"a": "", "A": ""}}, {**ROLE, "tags": {"a": "", "A": ""}}, "RM112"),
        ({**ROLE, "tags": {"a": ""}}, {**ROLE, "tags": {"": "a"}}, "RM111"),
        (
            trusting(account="123456789012", external_id="ab"),
            trusting(account="123456789012", external_id="a"),
            "RM111",
        ),
        (
            trusting(account="123456789012", external_id="a" * 1224),
            trusting(account="123456789012", external_id="a" * 1225),
            "RM111",
        ),
        (trusting(user="u" * 64), trusting(user="u" * 65), "RM111"),
        (trusting(organization="o-" + "a" * 10), trusting(organization="o-" + "a" * 9), "RM111"),
        (trusting(permission_set="p" * 32), trusting(permission_set="p" * 33), "RM111"),
        (trusting(account="012345678901"), trusting(account="12345678901"), "RM113"),
        (trusting(account="123456789012"), trusting(account="１２３４５６７８９０１２"), "RM113"),  # noqa: RUF001
        (conditioned({"Bool": {"a:b": True}}), conditioned({"Bool": {"a:b": 1}}), "RM114"),
        (conditioned({"NumericLessThan": {"a:b": 3600}}), conditioned({"NumericLessThan": {"a:b": "1h"}}), "RM114"),
        (conditioned({"IpAddress": {"a:b": "10.0.0.1/8"}}), conditioned({"IpAddress": {"a:b": "10.0.0"}}), "RM114"),
        (conditioned({"StringEquals": {"a:b": "${aws:x}"}}), conditioned({"StringEquals": {"a:b": {}}}), "RM114"),
        (conditioned({"NumericEquals": {"a:b": "${aws:x}"}}), conditioned({"StringEquals": "a:b"}), "RM114"),
        (
            conditioned({"ForAnyValue:StringLike": {"a:b": "*"}}),
            conditioned({"ForSome:StringLike": {"a:b": ""}}),
            "RM114",
        ),
        (conditioned({"BoolIfExists": {"a:b": "TRUE"}}), conditioned({"NullIfExists": {"a:b": "true"}}), "RM114"),
        (conditioned({}), conditioned([]), "RM114"),
    ],
)
def test_a_limit_holds_exactly_where_iam_has_it(
    tmp_path: Path, taken: dict[str, Any], refused: dict[str, Any], code: str
) -> None:
    assert codes(validate_offline(load(tmp_path, m_json=json.dumps(taken)))) == []
    assert codes(validate_offline(load(tmp_path, m_json=json.dumps(refused)))) == [code]


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        ("//", 'Write "/".'),
        ("", 'Write "/".'),
        ("a", 'Write "/a/".'),
        ("/a b", 'Write "/a-b/".'),
        ("/é/", None),
    ],
)
def test_for_a_path_only_another_that_iam_takes_is_advised(tmp_path: Path, path: str, remedy: str | None) -> None:
    (found,) = load(tmp_path, m_json=json.dumps({**ROLE, "path": path})).diagnostics
    assert (found.code, found.help) == ("RM111", remedy)
