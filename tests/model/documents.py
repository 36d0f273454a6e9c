"""Policy documents out of a small vocabulary, so that two of them often meet; and who may ask what of them.

`respelled` says the same thing in other words; `decisions` asks the sandbox's evaluator, which knows nothing of how the
engine compares documents, every request that the vocabulary can tell apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations, product
from random import Random
from typing import Any, TypeAlias

from hypothesis import strategies as st

from reconciler.sandbox.evaluator import (
    Caller,
    Decision,
    Permissions,
    Request,
    compile_identity_policy,
    compile_trust_policy,
    evaluate_identity,
    evaluate_trust,
)

Json: TypeAlias = dict[str, Any]

OWN, OTHER = "111122223333", "123456789012"
ALICE_ARN, BOB_ARN = f"arn:aws:iam::{OWN}:user/alice", f"arn:aws:iam::{OWN}:user/staff/bob"
RUNNER_ARN = f"arn:aws:iam::{OWN}:role/ci/runner"
SESSION_ARN = f"arn:aws:sts::{OWN}:assumed-role/runner/build-7"
ROLE_ARN = f"arn:aws:iam::{OWN}:role/deployer"
GITHUB_ARN = f"arn:aws:iam::{OWN}:oidc-provider/token.actions.githubusercontent.com"

ALICE = Caller.user(ALICE_ARN, unique_id="AIDAALICEALICEALICE22", tags={"team": "blue"})
BOB = Caller.user(BOB_ARN, unique_id="AIDABOBBOBBOBBOBBOB22")
RUNNER = Caller.role_session(RUNNER_ARN, "build-7", unique_id="AROARUNNERRUNNERRUN22", tags={"team": "red"})
STRANGER = Caller.user(f"arn:aws:iam::{OTHER}:user/carol", unique_id="AIDACAROLCAROLCAROL22", tags={"team": "blue"})
EC2, GITHUB = Caller.service("ec2.amazonaws.com"), Caller.web_identity(GITHUB_ARN)

PRINCIPALS = [
    ("AWS", ALICE_ARN),
    ("AWS", BOB_ARN),
    ("AWS", RUNNER_ARN),
    ("AWS", SESSION_ARN),
    ("AWS", OWN),
    ("AWS", f"arn:aws:iam::{OTHER}:root"),
    ("AWS", "*"),
    ("Service", "ec2.amazonaws.com"),
    ("Federated", GITHUB_ARN),
]
TRUST_ACTIONS = ["sts:AssumeRole", "sts:TagSession", "sts:Assume*", "sts:AssumeRoleWithWebIdentity", "sts:*"]
ACTIONS = ["s3:GetObject", "s3:GetTags", "s3:Get*", "s3:?etTags", "iam:PassRole", "s3:*", "*"]
RESOURCES = [
    "*",
    "arn:aws:s3:::b/*",
    "arn:aws:s3:::b/?",
    "arn:aws:s3:::b/x",
    "arn:aws:s3:::b/alice",
    "arn:aws:s3:::b/${aws:username}",
    "arn:aws:s3:::*e",
    "arn:aws:s3:::b/*}",
]
CONDITIONS: list[tuple[str, str, list[Any]]] = [
    ("StringEquals", "aws:PrincipalTag/team", ["blue", "red", "b*"]),
    ("StringLike", "aws:PrincipalTag/team", ["b*", "red", "*e*", "blue"]),
    ("StringNotEquals", "aws:PrincipalTag/team", ["blue", "red"]),
    ("StringNotLike", "aws:PrincipalTag/team", ["b*", "${aws:username}"]),
    ("StringEqualsIfExists", "aws:PrincipalTag/team", ["blue", "red"]),
    ("StringEqualsIgnoreCase", "aws:PrincipalTag/team", ["BLUE"]),
    ("ForAnyValue:StringLike", "aws:TagKeys", ["a*", "b"]),
    ("ForAllValues:StringEquals", "aws:TagKeys", ["a", "b"]),
    ("ArnLike", "aws:PrincipalArn", [ALICE_ARN, f"arn:aws:iam::{OWN}:user/*", "arn:aws:iam:*", "arn:*:*::*:role/*"]),
    ("ArnEquals", "aws:PrincipalArn", [RUNNER_ARN, f"arn:aws:iam::{OWN}:*"]),
    ("ArnNotLike", "aws:PrincipalArn", [ALICE_ARN, f"arn:aws:iam::{OWN}:user/*"]),
    ("Bool", "aws:MultiFactorAuthPresent", ["true", "false"]),
    ("BoolIfExists", "aws:MultiFactorAuthPresent", ["true", "false"]),
    ("Null", "aws:MultiFactorAuthAge", ["true", "false"]),
    ("NumericLessThan", "aws:MultiFactorAuthAge", ["60", "600", "61"]),
    ("NumericGreaterThanEquals", "aws:MultiFactorAuthAge", ["60", "600"]),
    ("NumericEquals", "aws:MultiFactorAuthAge", ["60"]),
    ("IpAddress", "aws:SourceIp", ["10.0.0.0/8", "10.1.0.0/16"]),
    ("DateLessThan", "aws:CurrentTime", ["2026-01-01T00:00:00Z"]),
]
CONTEXTS: list[dict[str, Any]] = [
    {},
    {"aws:MultiFactorAuthPresent": True, "aws:MultiFactorAuthAge": "60", "aws:TagKeys": ("a", "c")},
    {"aws:MultiFactorAuthPresent": False, "aws:SourceIp": "10.1.2.3", "aws:TagKeys": ("b",)},
    {"aws:MultiFactorAuthAge": "599", "aws:SourceIp": "10.2.0.1", "aws:CurrentTime": "2025-06-01T00:00:00Z"},
]
randoms = st.integers(0, 2**32 - 1).map(Random)  # cheap: one number an example, not one a choice
VERSIONS = ["2012-10-17", "2012-10-17", "2008-10-17"]


def some(values: list[Any], most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.sampled_from(_choices(values, most))  # one choice of Hypothesis's: each is dear


def _choices(values: list[Any], most: int) -> list[list[Any]]:
    return [list(found) for size in range(1, most + 1) for found in combinations(values, size)]


ONE_CONDITION: list[tuple[str, str, list[Any]]] = [
    (operator, key, chosen) for operator, key, values in CONDITIONS for chosen in _choices(values, 3)
]


@st.composite
def condition_blocks(draw: st.DrawFn) -> Json:
    block: Json = {}
    for _ in range(draw(st.integers(0, 2))):
        operator, key, values = draw(st.sampled_from(ONE_CONDITION))
        block.setdefault(operator, {})[key] = values
    return block


def principal_element(pairs: list[tuple[str, str]]) -> Json:
    element: Json = {}
    for key, value in pairs:
        element.setdefault(key, []).append(value)
    return element


def _with_extras(draw: st.DrawFn, statement: Json, number: int) -> Json:
    if condition := draw(condition_blocks()):
        statement["Condition"] = condition
    if draw(st.booleans()):
        statement["Sid"] = f"S{number}"
    return statement


@st.composite
def trust_statements(draw: st.DrawFn, number: int = 0) -> Json:
    effect = draw(st.sampled_from(["Allow", "Allow", "Deny"]))
    element = "NotPrincipal" if effect == "Deny" and draw(st.integers(0, 5)) == 0 else "Principal"
    who: Any = principal_element(draw(some(PRINCIPALS)))
    if draw(st.integers(0, 9)) == 0:
        who = "*"
    statement = {"Effect": effect, element: who, "Action": draw(some(TRUST_ACTIONS, 2))}
    return _with_extras(draw, statement, number)


@st.composite
def identity_statements(draw: st.DrawFn, number: int = 0) -> Json:
    effect = draw(st.sampled_from(["Allow", "Allow", "Deny"]))
    action = draw(st.sampled_from(["Action", "Action", "Action", "NotAction"]))
    resource = draw(st.sampled_from(["Resource", "Resource", "Resource", "NotResource"]))
    statement = {"Effect": effect, action: draw(some(ACTIONS)), resource: draw(some(RESOURCES))}
    return _with_extras(draw, statement, number)


@st.composite
def documents(draw: st.DrawFn, statements: Callable[[int], st.SearchStrategy[Json]], most: int = 3) -> Json:
    count = draw(st.integers(1, most))
    return {"Version": draw(st.sampled_from(VERSIONS)), "Statement": [draw(statements(n)) for n in range(count)]}


def trust_documents() -> st.SearchStrategy[Json]:
    return documents(lambda number: trust_statements(number=number))


def identity_documents() -> st.SearchStrategy[Json]:
    return documents(lambda number: identity_statements(number=number))


def edited(document: Json, random: Random, statement: Json) -> Json:
    """The document with a small edit, as people make them: most of it is as before."""
    kept = [dict(one) for one in document["Statement"]]
    match random.randrange(5):
        case 0:
            kept.append(statement)
        case 1:
            kept.pop(random.randrange(len(kept)))
        case 2:
            kept[random.randrange(len(kept))].pop("Condition", None)
        case 3:
            kept[random.randrange(len(kept))]["Condition"] = statement.get("Condition", {})
        case _:
            one = kept[random.randrange(len(kept))]
            for key in ("Principal", "Action", "Resource"):
                if key in one and key in statement and random.random() < 0.5:
                    one[key] = statement[key]
    return {**document, "Statement": kept or [statement]}


# --- the same thing in other words --------------------------------------------------------------------------


def respelled(document: Json, random: Random) -> Json:
    """The document with everything spelled differently that may be."""
    statements = [_shuffled(_respelled_statement(one, random), random) for one in document["Statement"]]
    random.shuffle(statements)
    found: Json = {"Version": document["Version"], "Statement": statements}
    if len(statements) == 1 and random.random() < 0.5:
        found["Statement"] = statements[0]
    if document["Version"] == "2008-10-17" and random.random() < 0.5:
        del found["Version"]
    return _shuffled(found, random)


def _respelled_statement(statement: Json, random: Random) -> Json:
    found: Json = {}
    for key, value in statement.items():
        match key:
            case "Action" | "NotAction":
                found[key] = _list(value, random, lambda text: _cased(text, random))
            case "Resource" | "NotResource":
                found[key] = _list(value, random, str)
            case "Principal" | "NotPrincipal" if isinstance(value, dict):
                found[key] = {kind: _list(names, random, _account) for kind, names in _shuffled(value, random).items()}
            case "Condition":
                found[key] = _respelled_conditions(value, random)
            case _:
                found[key] = value
    if "Condition" not in found and random.random() < 0.3:
        found["Condition"] = random.choice([{}, {"StringEquals": {}}])
    if "Sid" not in found and random.random() < 0.3:
        found["Sid"] = ""
    return found


def _respelled_conditions(block: Json, random: Random) -> Json:
    return {
        operator: {
            _cased(key, random): _list(values, random, _respelling(operator, random))
            for key, values in _shuffled(keys, random).items()
        }
        for operator, keys in _shuffled(block, random).items()
    }


def _respelling(operator: str, random: Random) -> Callable[[str], object]:
    return lambda value: _value(operator, value, random)


def _value(operator: str, value: str, random: Random) -> object:
    if operator.startswith(("Bool", "Null")):
        return random.choice([value, value == "true", value.upper(), value.title()])
    return random.choice([value, int(value)]) if operator.startswith("Numeric") else value


def _account(value: str) -> str:
    """Twelve digits for a root ARN, and the other way round."""
    if value.isdigit():
        return f"arn:aws:iam::{value}:root"
    return value.split(":")[4] if value.endswith(":root") else value


def _list(given: Any, random: Random, respell: Callable[[Any], Any]) -> Any:
    values = given if isinstance(given, list) else [given]
    said = [respell(value) if random.random() < 0.5 else value for value in values]
    said += random.choices(said, k=random.randrange(3))
    random.shuffle(said)
    return said[0] if len(said) == 1 and random.random() < 0.5 else said


def _cased(text: str, random: Random) -> str:
    return "".join(random.choice([one.lower(), one.upper()]) for one in text)


def _shuffled(value: Json, random: Random) -> Json:
    items = list(value.items())
    random.shuffle(items)
    return dict(items)


# --- who asks what ------------------------------------------------------------------------------------------


def _trust_requests() -> Iterator[Request]:
    callers = [ALICE, BOB, RUNNER, STRANGER, EC2, GITHUB]
    for caller, action, context in product(
        callers, ["AssumeRole", "TagSession", "AssumeRoleWithWebIdentity"], CONTEXTS
    ):
        yield Request(f"sts:{action}", ROLE_ARN, caller, context)


def _identity_requests() -> Iterator[Request]:
    resources = ["b/x", "b/alice", "c/e", "b/x}"]
    actions = ["s3:GetObject", "s3:SetTags", "iam:PassRole"]
    for caller, action, name, context in product([ALICE, RUNNER], actions, resources, CONTEXTS):
        yield Request(action, f"arn:aws:s3:::{name}", caller, context)


TRUST_REQUESTS, IDENTITY_REQUESTS = list(_trust_requests()), list(_identity_requests())


def allowed(document: Mapping[str, Any], *, trust: bool) -> set[int]:
    """The numbers of the requests that the document allows by itself."""
    decide = _trust_decisions if trust else _identity_decisions
    return {number for number, decision in enumerate(decide(document)) if decision.allowed}


def decisions(document: Mapping[str, Any], *, trust: bool) -> list[str]:
    """The verdict on every request."""
    decide = _trust_decisions if trust else _identity_decisions
    return [decision.verdict.value for decision in decide(document)]


def _trust_decisions(document: Mapping[str, Any]) -> Iterator[Decision]:
    compiled = compile_trust_policy(document)
    return (evaluate_trust(compiled, request) for request in TRUST_REQUESTS)


def _identity_decisions(document: Mapping[str, Any]) -> Iterator[Decision]:
    permissions = Permissions([compile_identity_policy(document)])
    return (evaluate_identity(permissions, request) for request in IDENTITY_REQUESTS)
