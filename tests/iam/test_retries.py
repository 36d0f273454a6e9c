"""What is asked again is said while it happens, off a terminal too."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconciler import log
from reconciler.iam import Aws, AwsError
from tests.iam.hostile import ACCOUNT, Answer, Hostile, identity, refusal, role, role_page

BUSY = refusal("Throttling", "Rate exceeded", status=400)


def warnings(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    return [{key: value for key, value in line.items() if key not in {"timestamp", "waited"}} for line in lines]


def retried(call: str, cause: str, attempt: int, attempts: int) -> dict[str, Any]:
    told = {
        "event": "retry",
        "level": "warning",
        "call": call,
        "cause": cause,
        "attempt": attempt,
        "attempts": attempts,
    }
    return told if call == "GetCallerIdentity" else {**told, "account": ACCOUNT}


@pytest.fixture(autouse=True)
def _only_what_is_wrong() -> None:
    log.configure(format="json", level="warning")


def test_each_further_attempt_of_a_read_is_told(hostile: Hostile, capsys: pytest.CaptureFixture[str]) -> None:
    hostile.answer("ListRoles", BUSY, Answer(b"<html>down</html>", status=503), Answer(cut=True), role_page(role()))
    iam = Aws.connect(endpoint_url=hostile.url, read_attempts=4).account(ACCOUNT, read_only=True)
    assert len(list(iam.role_pages())) == 1
    assert warnings(capsys) == [
        retried("ListRoles", "Throttling", 2, 4),
        retried("ListRoles", "HTTP 503", 3, 4),
        retried("ListRoles", "ConnectionClosedError", 4, 4),
    ]


def test_how_long_it_waited_is_told(hostile: Hostile, capsys: pytest.CaptureFixture[str]) -> None:
    hostile.answer("ListRoles", BUSY, role_page(role()))
    list(Aws.connect(endpoint_url=hostile.url, read_attempts=4).account(ACCOUNT, read_only=True).role_pages())
    (told,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert isinstance(told["waited"], float)


def test_who_one_is_is_asked_again_as_audibly(hostile: Hostile, capsys: pytest.CaptureFixture[str]) -> None:
    hostile.answer("GetCallerIdentity", BUSY, identity())
    Aws.connect(endpoint_url=hostile.url).caller()
    assert warnings(capsys) == [retried("GetCallerIdentity", "Throttling", 2, 3)]


def test_what_is_not_asked_again_is_no_retry(hostile: Hostile, capsys: pytest.CaptureFixture[str]) -> None:
    hostile.answer("GetRole", refusal("NoSuchEntity", "gone", status=404))
    hostile.answer("ListRoles", role_page(role()))
    iam = Aws.connect(endpoint_url=hostile.url).account(ACCOUNT, read_only=True)
    with pytest.raises(AwsError):
        iam.get_role("deployer")
    for _ in range(2):
        list(iam.role_pages())
    assert warnings(capsys) == []


def test_the_last_attempt_is_followed_by_none(hostile: Hostile, capsys: pytest.CaptureFixture[str]) -> None:
    hostile.answer("ListRoles", BUSY)
    iam = Aws.connect(endpoint_url=hostile.url, read_attempts=2).account(ACCOUNT, read_only=True)
    with pytest.raises(AwsError):
        list(iam.role_pages())
    assert warnings(capsys) == [retried("ListRoles", "Throttling", 2, 2)]
