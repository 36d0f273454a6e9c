"""The evaluator's decisions beside those of iam-simulate, an independent implementation, over a generated table.

Where the two differ, AWS's documentation decides: `KNOWN` says how. Left out, because iam-simulate has no opinion or
IAM refuses the policy: callers with GetFederationToken's credentials (they may not call AssumeRole at all),
``NotPrincipal`` in trust policies, BinaryEquals (no key of these actions is binary), keys with several values
without a set operator (not documented), values that are not of the operator's kind.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from random import Random
from typing import Any, TypeAlias

import pytest

from reconciler.sandbox.evaluator import (
    AssumableRole,
    Permissions,
    Request,
    Verdict,
    evaluate_identity,
    may_assume,
)
from tests.opinions.cases import OWN, Case, Document, assuming_case, condition_case, identity_case
from tests.opinions.simulator import Opinion, Simulator
from tests.opinions.vocabulary import OPERATORS

CASES = 1_000
Make: TypeAlias = Callable[[Random], Case]
Opinions: TypeAlias = Callable[[Make], Sequence[tuple[Case, Opinion]]]
TABLES: tuple[Make, ...] = (identity_case, condition_case, assuming_case)
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Known:
    """A known difference: how iam-simulate differs, what decides, and which cases it can touch."""

    how: str
    decides: str
    touches: Callable[[Case], bool]


@dataclass(frozen=True)
class Compared:
    """One condition of a case: operator, key and values of the policy, and what the request says, if anything."""

    operator: str
    values: list[str]
    said: tuple[str, ...]


def documents(case: Case) -> list[Document]:
    """All policies of a case."""
    return [one for one in (*case.policies, case.boundary, case.session_policy, case.trust) if one is not None]


def comparisons(case: Case) -> Iterator[Compared]:
    """All conditions of a case, but those with `Null`."""
    said = Request("", "", case.caller, case.context).keys
    for statement in (each for document in documents(case) for each in listed(document["Statement"])):
        for operator, keys in statement.get("Condition", {}).items():
            for key, values in keys.items():
                yield Compared(operator, listed(values), said.get(key.lower(), ()))


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def has_variables_without_version(case: Case) -> bool:
    return any("${" in json.dumps(one) and one.get("Version") != "2012-10-17" for one in documents(case))


def compares_a_date_with_seconds(case: Case) -> bool:
    dates = (each for each in comparisons(case) if each.operator.startswith("Date"))
    return any(len({text.isdigit() for text in (*each.values, *each.said)}) > 1 for each in dates)


def compares_with_all_addresses(case: Case) -> bool:
    return any(value.endswith("/0") for each in comparisons(case) for value in each.values)


def compares_an_ipv6_address_with_a_single_other(case: Case) -> bool:
    addresses = (each for each in comparisons(case) if each.operator.startswith("NotIp"))
    return any("203.0.113.7" in each.values and ":" in "".join(each.said) for each in addresses)


def asks_for_any_value_if_there_is_one(case: Case) -> bool:
    quantified = (each for each in comparisons(case) if each.operator.startswith("ForAnyValue:"))
    return any(each.operator.endswith("IfExists") and not each.said for each in quantified)


def trusts_more_closely_than_the_role(case: Case) -> bool:
    """The session by its own ARN, or everyone; and a session policy has something to limit."""
    if case.session_policy is None or case.trust is None or case.caller.account != OWN:
        return False
    trusted = json.dumps([statement["Principal"] for statement in listed(case.trust["Statement"])])
    return case.caller.arn in trusted or '"*"' in trusted


def denies_the_account_of_a_provider(case: Case) -> bool:
    """And the caller comes from that provider."""
    statements = listed(case.trust["Statement"]) if case.trust and not case.caller.account else []
    denied = [statement["Principal"] for statement in statements if statement["Effect"] == "Deny"]
    return ":" in case.caller.arn and OWN in json.dumps([principal.get("AWS", []) for principal in denied])


KNOWN = (
    Known(
        "It fills in policy variables whatever the Version.",
        "reference_policies_elements_version: without Version 2012-10-17 they are literal strings.",
        has_variables_without_version,
    ),
    Known(
        "It reads a date in epoch seconds as so many milliseconds when it meets another form of date.",
        "reference_policies_elements_condition_operators, Date: ISO 8601 or epoch (UNIX) time.",
        compares_a_date_with_seconds,
    ),
    Known(
        "To it no address is in 0.0.0.0/0, for a shift by 32 bits shifts nothing.",
        "reference_policies_elements_condition_operators, IP address: CIDR notation (RFC 4632).",
        compares_with_all_addresses,
    ),
    Known(
        "An IPv6 address is to it not outside of a single IPv4 address, though outside of each range of them.",
        "reference_policies_elements_condition_operators, NotIpAddress: all addresses except the one given.",
        compares_an_ipv6_address_with_a_single_other,
    ),
    Known(
        "It overlooks IfExists behind ForAnyValue.",
        "reference_policies_elements_condition_operators: IfExists on any operator but Null is true without the key.",
        asks_for_any_value_if_there_is_one,
    ),
    Known(
        "It lets session policies limit what a trust policy gives to the session itself, or to everyone.",
        "access_policies#policies_session: what a resource-based policy gives to the session is not limited by them.",
        trusts_more_closely_than_the_role,
    ),
    Known(
        "It counts whoever comes with a provider's word among the principals of the account that the provider is in.",
        "reference_policies_elements_principal: an account means the identities that the account has authority over.",
        denies_the_account_of_a_provider,
    ),
)


def our_verdict(case: Case) -> Verdict:
    session_policies = [] if case.session_policy is None else [case.session_policy]
    permissions = Permissions(case.policies, case.boundary, session_policies)
    if case.trust is None:
        (action,) = case.actions
        return evaluate_identity(permissions, Request(action, case.resource, case.caller, case.context)).verdict
    role = AssumableRole(case.resource, case.trust)
    return may_assume(role, case.caller, permissions=permissions, context=case.context).verdict


@cache
def table(make: Make) -> Sequence[Case]:
    return [make(Random(f"{make.__name__} {number}")) for number in range(CASES)]


@pytest.fixture(scope="module")
def opinions(simulator: Simulator) -> Opinions:
    """What iam-simulate says to each case of a table; asked once."""
    return cache(lambda make: [(case, simulator.decide(case)) for case in table(make)])


@pytest.mark.parametrize("make", TABLES)
def test_both_decide_alike_but_for_the_known_differences(make: Make, opinions: Opinions) -> None:
    differing = [(case, said) for case, said in opinions(make) if said.verdict is not our_verdict(case)]
    unknown = [(case, said) for case, said in differing if not any(known.touches(case) for known in KNOWN)]
    assert not unknown, f"{len(unknown)} of {CASES}, the first:\n{shown(*unknown[0])}"


def shown(case: Case, said: Opinion) -> str:
    return json.dumps({"ours": our_verdict(case), "theirs": said, **asdict(case)}, indent=1, default=str)


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.touches.__name__)
def test_each_known_difference_is_one_still(known: Known, opinions: Opinions) -> None:
    asked = (each for make in TABLES for each in opinions(make))
    alone = ((case, said) for case, said in asked if [each for each in KNOWN if each.touches(case)] == [known])
    assert any(said.verdict is not our_verdict(case) for case, said in alone), known.how


@pytest.mark.parametrize("make", TABLES)
def test_no_condition_asks_about_a_key_that_the_simulator_ignores(make: Make, opinions: Opinions) -> None:
    for case, said in opinions(make):
        asked = {key.lower() for document in documents(case) for key in keys_of(document)}
        assert not asked & said.ignored


def keys_of(document: Document) -> Iterator[str]:
    for statement in listed(document["Statement"]):
        for keys in statement.get("Condition", {}).values():
            yield from keys


@pytest.mark.parametrize("make", TABLES)
def test_the_table_asks_real_questions(make: Make) -> None:
    """Every verdict in a good part of the cases, and every operator; few that a known difference may hide."""
    cases = table(make)
    verdicts = Counter(our_verdict(case) for case in cases)
    assert min(verdicts[verdict] for verdict in Verdict) > CASES / 8, verdicts
    used = {each.operator.rpartition(":")[2].removesuffix("IfExists") for case in cases for each in comparisons(case)}
    assert used >= {operator for operators in OPERATORS.values() for operator in operators}
    assert sum(any(known.touches(case) for known in KNOWN) for case in cases) < CASES / 4
