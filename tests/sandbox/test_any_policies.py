"""What holds for whatever policies and callers: nobody gains by a Deny, and spelling changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from random import Random
from typing import Any, TypeVar

from hypothesis import given
from hypothesis import strategies as st

from reconciler.sandbox.evaluator import (
    AssumableRole,
    Caller,
    CallerKind,
    Permissions,
    Request,
    Verdict,
    evaluate_identity,
    evaluate_trust,
    may_assume,
)
from tests.sandbox.evaluating import (
    ALICE,
    DEAD,
    EC2,
    FEDERATED,
    GITHUB,
    GITHUB_ARN,
    OTHER,
    OWN,
    ROLE_ARN,
    RUNNER,
    RUNNER_ARN,
    RUNNER_ID,
    SAML,
    SECOND_HALF,
    STRANGER,
    VISITOR,
    document,
)

Item = TypeVar("Item")


# --- properties ---------------------------------------------------------------------------------------------

ACTIONS = ["*", "sts:*", "sts:AssumeRole", "sts:assume*", "sts:TagSession", "s3:Get?bject", "s3:*"]  # codespell:ignore
RESOURCES = [
    "*",
    ROLE_ARN,
    f"arn:aws:iam::{OWN}:role/*",
    "arn:aws:s3:::b/${aws:username}",
    "arn:aws:s3:::b/?lice",
]
PRINCIPALS = [
    "*",
    {"AWS": "*"},
    {"AWS": OWN},
    {"AWS": [f"arn:aws:iam::{OTHER}:root", DEAD]},
    {"AWS": [ALICE.arn, RUNNER_ID]},
    {"AWS": RUNNER_ARN},
    {"AWS": RUNNER.arn, "Service": "ec2.amazonaws.com"},
    {"Federated": [GITHUB_ARN, SAML.arn]},
    {"AWS": DEAD},
]
CONDITIONS: list[dict[str, Any]] = [
    {},
    {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
    {"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}},
    {"StringEquals": {"sts:ExternalId": ["1", "2"]}},
    {"StringNotEquals": {"sts:ExternalId": "1"}, "Null": {"aws:PrincipalArn": "false"}},
    {"ArnLike": {"aws:PrincipalArn": [f"arn:aws:iam::{OWN}:role/*", ALICE.arn]}},
    {"ForAnyValue:StringLike": {"aws:TagKeys": ["t*", "x"]}},
    {"ForAllValues:StringEquals": {"aws:TagKeys": "team"}},
    {"StringEqualsIgnoreCase": {"aws:username": "${aws:PrincipalTag/Owner, 'ALICE'}"}},
    {"NumericLessThan": {"aws:MultiFactorAuthAge": 3600}},
]


def some_of(values: Sequence[Any]) -> st.SearchStrategy[Any]:
    """One of them bare, or a list."""
    return st.sampled_from(values) | st.lists(st.sampled_from(values), min_size=1, max_size=3)


STATEMENTS = st.builds(
    lambda effect, actions, action, resources, resource, condition: {
        "Effect": effect,
        actions: action,
        resources: resource,
        "Condition": condition,
    },
    st.sampled_from(["Allow", "Allow", "Deny"]),
    st.sampled_from(["Action", "Action", "Action", "NotAction"]),
    some_of(ACTIONS),
    st.sampled_from(["Resource", "Resource", "Resource", "NotResource"]),
    some_of(RESOURCES),
    st.sampled_from(CONDITIONS),
)
TRUST_STATEMENTS = st.builds(
    lambda effect, who, principal, action, condition: {
        "Effect": effect,
        who: principal,
        "Action": action,
        "Condition": condition,
    },
    st.sampled_from(["Allow", "Allow", "Deny"]),
    st.sampled_from(["Principal", "Principal", "Principal", "NotPrincipal"]),
    st.sampled_from(PRINCIPALS),
    some_of([*ACTIONS, "sts:AssumeRoleWith*"]),
    st.sampled_from(CONDITIONS),
)
POLICIES = st.lists(STATEMENTS, max_size=3).map(lambda statements: document(*statements))
TRUSTS = st.lists(TRUST_STATEMENTS, min_size=1, max_size=3).map(lambda statements: document(*statements))
PERMISSIONS = st.builds(
    Permissions, st.lists(POLICIES, max_size=2), st.none() | POLICIES, st.lists(POLICIES, max_size=1)
)
CALLERS = st.sampled_from([ALICE, STRANGER, RUNNER, VISITOR, EC2, GITHUB, SAML, FEDERATED, Caller.root(OWN)])
CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "aws:MultiFactorAuthPresent": st.booleans(),
        "aws:MultiFactorAuthAge": st.sampled_from(["5", "5000"]),
        "sts:ExternalId": st.sampled_from(["1", "2", "3"]),
    },
)
TAGS = st.dictionaries(st.sampled_from(["team", "x"]), st.just("v"), max_size=2)
REQUESTS = st.builds(
    Request,
    st.sampled_from(["sts:AssumeRole", "s3:GetObject", "iam:GetRole"]),
    st.sampled_from([ROLE_ARN, "arn:aws:s3:::b/alice", "arn:aws:s3:::b/bob"]),
    CALLERS,
    CONTEXTS,
)


def with_statement(policy: dict[str, Any], statement: dict[str, Any]) -> dict[str, Any]:
    return {**policy, "Statement": [*policy["Statement"], statement]}


@given(PERMISSIONS, REQUESTS, STATEMENTS)
def test_a_further_allow_never_takes_away_and_a_further_deny_never_gives(
    permissions: Permissions, request: Request, statement: dict[str, Any]
) -> None:
    before = evaluate_identity(permissions, request)
    more = replace(permissions, policies=[*permissions.policies, document({**statement, "Effect": "Allow"})])
    less = replace(permissions, policies=[*permissions.policies, document({**statement, "Effect": "Deny"})])
    assert evaluate_identity(more, request).allowed >= before.allowed
    assert evaluate_identity(less, request).allowed <= before.allowed


@given(PERMISSIONS, REQUESTS, POLICIES)
def test_a_boundary_or_a_session_policy_never_gives(
    permissions: Permissions, request: Request, limit: dict[str, Any]
) -> None:
    if request.principal.kind is CallerKind.FEDERATED_USER:
        return  # it can do nothing before it has a session policy
    free = replace(permissions, boundary=None, session_policies=())
    before = evaluate_identity(free, request).allowed
    assert evaluate_identity(replace(free, boundary=limit), request).allowed <= before
    assert evaluate_identity(replace(free, session_policies=[limit]), request).allowed <= before


@given(TRUSTS, TRUST_STATEMENTS, CALLERS, PERMISSIONS, TAGS, CONTEXTS)
def test_a_further_allow_in_a_trust_never_locks_out_and_a_further_deny_never_lets_in(
    trust: dict[str, Any],
    statement: dict[str, Any],
    caller: Caller,
    permissions: Permissions,
    tags: dict[str, str],
    context: dict[str, Any],
) -> None:
    def allowed(policy: dict[str, Any]) -> bool:
        target = AssumableRole(ROLE_ARN, policy)
        return may_assume(target, caller, permissions=permissions, session_tags=tags, context=context).allowed

    before = allowed(trust)
    assert allowed(with_statement(trust, {**statement, "Effect": "Allow"})) >= before
    assert allowed(with_statement(trust, {**statement, "Effect": "Deny"})) <= before


@given(TRUSTS, CALLERS, PERMISSIONS, CONTEXTS)
def test_who_may_assume_is_also_named_by_the_trust_and_denied_by_nobody(
    trust: dict[str, Any], caller: Caller, permissions: Permissions, context: dict[str, Any]
) -> None:
    if not may_assume(AssumableRole(ROLE_ARN, trust), caller, permissions=permissions, context=context).allowed:
        return
    request = Request(caller.call, ROLE_ARN, caller, {"aws:ResourceAccount": OWN, **context})
    assert evaluate_trust(trust, request).allowed
    if caller.account:
        own = evaluate_identity(permissions, request)
        assert own.verdict is not Verdict.EXPLICIT_DENY
        assert own.allowed or caller.account == OWN


@given(TRUSTS, CALLERS, PERMISSIONS, CONTEXTS)
def test_a_dead_id_beside_the_living_changes_nothing(
    trust: dict[str, Any], caller: Caller, permissions: Permissions, context: dict[str, Any]
) -> None:
    def with_dead(principal: Any) -> Any:
        if not isinstance(principal, dict):
            return principal
        names = principal.get("AWS", [])
        return {
            **principal,
            "AWS": [*(names if isinstance(names, list) else [names]), "AIDADEADDEADDEADDEAD2"],
        }

    haunted = document(
        *(
            {key: with_dead(value) if key.endswith("Principal") else value for key, value in one.items()}
            for one in trust["Statement"]
        )
    )
    plain, after = (
        may_assume(AssumableRole(ROLE_ARN, one), caller, permissions=permissions, context=context)
        for one in (trust, haunted)
    )
    assert after.verdict is plain.verdict


# --- respelling ---------------------------------------------------------------------------------------------


def respelled(dice: Random, policy: Any) -> dict[str, Any]:
    """The same document in other words: order, case, lists, repetition, numbers and booleans as text."""
    statements = [respelled_statement(dice, one) for one in shuffled(dice, policy["Statement"])]
    alone = len(statements) == 1 and dice.random() < 0.5
    return {"Statement": statements[0] if alone else statements, "Version": policy["Version"]}


def respelled_statement(dice: Random, statement: dict[str, Any]) -> dict[str, Any]:
    written: dict[str, Any] = {}
    for element in shuffled(dice, statement):
        value = statement[element]
        match element:
            case "Effect":
                written[element] = value
            case "Principal" | "NotPrincipal":
                written[element] = respelled_principal(dice, value)
            case "Condition":
                if value or dice.random() < 0.5:
                    written[element] = respelled_condition(dice, value)
            case "Action" | "NotAction":
                written[element] = retold(dice, value, lambda text: [text, text.upper(), text.lower()])
            case _:
                written[element] = retold(dice, value)
    return written


def respelled_principal(dice: Random, principal: Any) -> Any:
    if principal == "*":
        return principal
    root = f"arn:aws:iam::{OWN}:root"
    return {
        kind: retold(dice, principal[kind], lambda name: [OWN, root] if name in (OWN, root) else [name])
        for kind in shuffled(dice, principal)
    }


def respelled_condition(dice: Random, condition: dict[str, Any]) -> dict[str, Any]:
    return {
        operator: {
            dice.choice([key, key.upper(), key.lower()]): retold(dice, values)
            for key, values in condition[operator].items()
        }
        for operator in shuffled(dice, condition)
    }


def retold(dice: Random, value: Any, spellings: Callable[[str], list[str]] = lambda text: [text]) -> Any:
    """A value or list of values: in another order, one perhaps twice, bare where it is alone."""
    texts = [json.dumps(one).strip('"') for one in (value if isinstance(value, list) else [value])]
    again = [*texts, dice.choice(texts)] if dice.random() < 0.5 else texts
    written = [dice.choice(spellings(one)) for one in shuffled(dice, again)]
    return written[0] if len(written) == 1 and dice.random() < 0.5 else written


def shuffled(dice: Random, items: Iterable[Item]) -> list[Item]:
    found = list(items)
    return dice.sample(found, len(found))


SEEDS = st.integers(0, 2**32).map(Random)


@given(PERMISSIONS, REQUESTS, SEEDS)
def test_respelling_identity_policies_changes_no_verdict(
    permissions: Permissions, request: Request, dice: Random
) -> None:
    again = replace(permissions, policies=[respelled(dice, one) for one in permissions.policies])
    assert evaluate_identity(again, request).verdict is evaluate_identity(permissions, request).verdict


@given(TRUSTS, CALLERS, CONTEXTS, TAGS, SEEDS)
def test_respelling_a_trust_policy_changes_no_verdict(
    trust: dict[str, Any], caller: Caller, context: dict[str, Any], tags: dict[str, str], dice: Random
) -> None:
    verdicts = {
        may_assume(
            AssumableRole(ROLE_ARN, one), caller, permissions=SECOND_HALF, session_tags=tags, context=context
        ).verdict
        for one in (trust, respelled(dice, trust), json.dumps(trust, indent=1))
    }
    assert len(verdicts) == 1
