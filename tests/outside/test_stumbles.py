"""What stands between here and IAM: pages of proxies, cut connections, errors that lack what they should have.

A read is asked again while that can help; a write is looked for before it is sent again; nothing is done twice.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import Run
from tests.outside.elsewhere import Elsewhere, Refused, Stumble
from tests.outside.spelling import Spelling

PAGE = b"<!DOCTYPE html><html><head><title>503<body><h1>Service&nbsp;Unavailable</h1><br></html>"
EMPTY = Spelling().reply("ListRoles", {"Roles": [], "IsTruncated": False})
NAMELESS = b"<ErrorResponse><Error><Message>no</Message></Error></ErrorResponse>"
BUSY = Spelling(request_ids=False).refusal("Throttling", "Rate exceeded")
HTML = {"Content-Type": "text/html"}
MANIFEST = """\
kind: Role
name: deployer
trust: [{user: alice}]
inline_policies:
  list: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:ListBucket", Resource: "*"}]}
"""

PASSING = {
    "a page of 503": Stumble(503, PAGE, HTML),
    "a page of 429": Stumble(429, PAGE, {**HTML, "Retry-After": "0"}),
    "nothing but 429": Stumble(429, b"", {"Retry-After": "soon"}),
    "nothing but 500": Stumble(500, b""),
    "a page of XML": Stumble(502, b"<html><body>down</body></html>", HTML),
    "an error without request ID": Stumble(400, BUSY),
    "a reset in the middle": Stumble(200, EMPTY, reset=True),
}
LASTING = {
    "a page of 200": Stumble(200, PAGE, HTML),
    "a page of 200 that is XML": Stumble(200, b"<html><body>Sign in</body></html>", HTML),
    "an error of 200": Stumble(200, NAMELESS),
    "a page of 403": Stumble(403, PAGE, HTML),
    "a redirect": Stumble(302, b"", {"Location": "http://127.0.0.1:1/"}),
    "an error without code": Stumble(400, NAMELESS),
    "nothing": Stumble(200, b""),
}
ALL = PASSING | LASTING


@pytest.fixture(autouse=True)
def account(folder: Path, iam: Elsewhere) -> None:
    """Declare a role that trusts the user that there is."""
    (folder / "manifests" / "deployer.yaml").write_text(MANIFEST)
    iam.create_user("alice")


@pytest.mark.parametrize("stumble", PASSING.values(), ids=PASSING)
def test_a_read_that_stumbles_is_asked_again(stumble: Stumble, run: Run, iam: Elsewhere) -> None:
    iam.fail["ListRoles"].append(stumble)
    planned = run("plan")
    assert (planned.code, planned.sentence) == (0, "Plan: 1 to add, 0 to change, 0 to destroy."), planned.err


@pytest.mark.parametrize("call", ["ListRoles", "GetCallerIdentity"])
@pytest.mark.parametrize("stumble", LASTING.values(), ids=LASTING)
def test_a_read_that_is_answered_by_another_is_said_to_be(
    stumble: Stumble, call: str, run: Run, iam: Elsewhere
) -> None:
    iam.fail[call].append(stumble)
    planned = run("plan")
    assert planned.code == 1
    assert planned.out == ""
    assert f"The reply to {call} is not what IAM answers" in planned.err
    assert "Error:" not in planned.err
    assert "defect" not in planned.err


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["not done", "done"])
@pytest.mark.parametrize("call", ["CreateRole", "PutRolePolicy"])
@pytest.mark.parametrize("stumble", ALL.values(), ids=ALL)
def test_a_write_without_an_answer_is_done_once(
    stumble: Stumble, call: str, *, after: bool, run: Run, iam: Elsewhere
) -> None:
    if after and stumble.body in {BUSY, NAMELESS}:
        pytest.skip("what IAM itself refuses is not done")
    iam.fail[call].append(Stumble(stumble.status, stumble.body, stumble.headers, reset=stumble.reset, after=after))
    applied = run("apply", "--auto-approve")
    assert (applied.code, applied.sentence) == (0, "Apply complete! Resources: 1 added, 0 changed, 0 destroyed.")
    assert iam.writes == ["CreateRole", "PutRolePolicy"]
    assert run("plan", "--detailed-exitcode").code == 0


def test_a_refusal_is_final_and_what_hangs_on_it_is_not_tried(run: Run, iam: Elsewhere) -> None:
    iam.fail["PutRolePolicy"].append(Refused("MalformedPolicyDocument", "Syntax errors in policy."))
    applied = run("apply", "--auto-approve")
    assert applied.code == 1
    assert "IAM refused PutRolePolicy: MalformedPolicyDocument: Syntax errors in policy." in " ".join(
        applied.out.replace("│", " ").split()
    )
    again = run("apply", "--auto-approve")
    assert (again.code, iam.writes) == (0, ["CreateRole", "PutRolePolicy"])
