"""A role that was closed for the while, and not opened again: whoever used it is locked out, and that is said."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from reconciler import engine
from reconciler.apply import ApplyResult, Result
from reconciler.drift import DriftReport
from reconciler.model.diagnostic import Code
from reconciler.render.json import apply_to_json
from reconciler.render.outcomes import result_lines
from reconciler.sandbox.http import Reply, Request
from tests.apply.house import OTHER, House, told

SHUT = "Nobody can assume role/partner until an apply completes it"
MANIFEST = """\
kind: Role
name: partner
trust: [{{account: "{account}"}}]
inline_policies:
  p: {{Version: "2012-10-17", Statement: [{{Effect: Allow, Action: "s3:{action}", Resource: "*"}}]}}
"""


@pytest.fixture
def partner(house: House) -> House:
    """A role for one account, applied, and a manifest that gives another access to it to another account."""
    house.write("a.yaml", MANIFEST.format(account=OTHER, action="GetObject"))
    house.applied()
    house.write("a.yaml", MANIFEST.format(account="444455556666", action="PutObject"))
    return house


def drift(house: House) -> DriftReport:
    house.box.advance(60)
    (found,) = engine.drift(house.settings()).accounts
    assert found.report is not None, found.error
    return found.report


def said(result: ApplyResult) -> list[str]:
    return [found.message for found in result.problems if found.code is Code.RA416]


def refuse(house: House, call: str, **where: Any) -> None:
    house.box.faults.deny(call, count=1, **where)


def test_a_role_that_was_left_shut_is_named(partner: House) -> None:
    refuse(partner, "PutRolePolicy")
    result = partner.apply()
    assert [one.outcome for one in result.outcomes] == [Result.DONE, Result.FAILED, Result.NOT_TRIED], told(result)
    (message,) = said(result)
    assert message.startswith(SHUT)
    assert SHUT in " ".join(str(each) for each in result_lines(result, (), width=300))
    assert [found["address"] for found in apply_to_json(result)["problems"]] == ["role/partner"]


def test_it_is_named_again_as_long_as_it_is_shut(partner: House) -> None:
    refuse(partner, "PutRolePolicy")
    partner.apply()
    refuse(partner, "PutRolePolicy")
    (message,) = said(partner.apply())
    assert message.startswith(SHUT)
    result = partner.apply()
    assert (result.is_complete, said(result)) == (True, [])


def test_a_role_whose_trust_was_not_closed_is_not_named(partner: House) -> None:
    refuse(partner, "UpdateAssumeRolePolicy")
    result = partner.apply()
    assert not result.is_complete
    assert said(result) == []
    assert drift(partner).findings == ()


def test_a_role_that_was_perhaps_opened_is_perhaps_shut(partner: House) -> None:
    answer = partner.box.answer

    def lost(request: Request) -> Reply:
        if b"Action=UpdateAssumeRolePolicy&" in request.body and b"444455556666" in request.body:
            partner.box.faults.lose_request("UpdateAssumeRolePolicy", count=1)
            partner.box.faults.deny("GetRole", count=1)
        return answer(request)

    partner.box.answer = lost  # type: ignore[method-assign]
    result = partner.apply()
    assert [one.outcome for one in result.outcomes] == [Result.DONE, Result.DONE, Result.UNKNOWN], told(result)
    (message,) = said(result)
    assert message.startswith("Perhaps nobody can assume role/partner")


def test_a_new_role_that_was_not_opened_yet_is_named(house: House) -> None:
    denies = '{Effect: Deny, Action: "sts:*", Resource: "*"}'
    house.write(
        "a.yaml", MANIFEST.format(account=OTHER, action="GetObject").replace("[{Effect", f"[{denies}, {{Effect")
    )
    refuse(house, "PutRolePolicy")
    result = house.apply()
    assert [one.outcome for one in result.outcomes] == [Result.DONE, Result.FAILED, Result.NOT_TRIED], told(result)
    assert said(result)
    assert [found.path for found in drift(house).counted] == ["trust"]


def test_drift_tells_of_a_role_that_was_left_shut(partner: House) -> None:
    refuse(partner, "PutRolePolicy")
    partner.apply()
    report = drift(partner)
    (found,) = report.findings
    assert (found.kind, found.code, found.severity, found.path) == ("differs", Code.RP223, "warning", "trust")
    assert found.message.startswith("Nobody can assume role/partner: ")
    assert "reconciler apply" in str(found.help)
    assert found.place is not None
    assert found.place.line == 3
    assert report.counted, "the exit is 2"
    assert partner.apply().is_complete
    assert drift(partner).findings == ()


def test_a_trust_that_is_declared_to_let_nobody_in_is_not_named(house: House) -> None:
    deny = 'statement: {Effect: Deny, Principal: {AWS: "arn:aws:iam::111122223333:root"}, Action: "sts:AssumeRole"}'
    house.write("a.yaml", MANIFEST.format(account=OTHER, action="GetObject"))
    house.applied()
    house.write("a.yaml", MANIFEST.format(account=OTHER, action="PutObject").replace(f'account: "{OTHER}"', deny))
    refuse(house, "PutRolePolicy")
    result = house.apply()
    assert Counter(one.outcome for one in result.outcomes)[Result.FAILED] == 1
    assert said(result) == []
    assert drift(house).findings == ()
