"""Credentials, profiles, regions, endpoints: what can be wrong before anything is sent, and whose account it is."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from reconciler.iam import Aws, AwsError, Caller, Kind
from reconciler.model.diagnostic import Code, ReconcilerError
from reconciler.sandbox import Sandbox
from tests.iam.hostile import ACCOUNT, Answer, Hostile, refusal

OTHER = "444455556666"
TRUST_ROOT = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    ],
}


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def sockets_to(url: str) -> list[socket.socket]:
    """Return this process's open sockets to a server."""
    every = [found for found in gc.get_objects() if isinstance(found, socket.socket)]
    return [found for found in every if _peer(found) == urlsplit(url).port]


def _peer(found: socket.socket) -> object:
    try:
        return found.getpeername()[1] if found.family == socket.AF_INET else None
    except OSError:  # it listens, or is closed
        return None


def failure(**settings: str | None) -> AwsError:
    with pytest.raises(AwsError) as raised:
        Aws.connect(**settings).caller()  # type: ignore[arg-type]
    return raised.value


def test_importing_the_way_to_aws_imports_no_boto3() -> None:
    script = (
        "import sys, reconciler.iam, reconciler.snapshot; print({'boto3', 'botocore', 'structlog'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"


def test_no_credentials_are_told_with_where_they_were_sought(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    error = failure()
    assert (error.kind, error.diagnostic.code) == (Kind.CREDENTIALS, Code.RA401)
    assert "AWS_ACCESS_KEY_ID" in str(error.diagnostic.help)


def test_half_a_key_is_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    error = failure()
    assert error.diagnostic.code is Code.RA401
    assert "AWS_SECRET_ACCESS_KEY" in error.diagnostic.message


@pytest.mark.parametrize("how", ["flag", "variable"])
def test_a_profile_that_is_not_there_is_told_with_its_nearest_neighbour(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text("[profile production]\nregion = eu-west-1\n[profile staging]\n", encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    if how == "variable":
        monkeypatch.setenv("AWS_PROFILE", "prodction")
    error = failure(profile="prodction" if how == "flag" else None)
    assert error.diagnostic.code is Code.RA401
    assert error.diagnostic.help == "Did you mean production?"


def test_a_profile_like_no_other_is_told_with_all_there_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("[profile production]\n[profile staging]\n", encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    assert failure(profile="zzz").diagnostic.help == "Known are: production, staging."


def test_a_configuration_file_that_cannot_be_parsed_is_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text("[default\nregion", encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    assert failure().diagnostic.code is Code.RA401


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AWS_ENDPOINT_URL", "nonsense"),
        ("AWS_ENDPOINT_URL", "http://[::"),
        ("AWS_DEFAULTS_MODE", "zzz"),
        ("AWS_STS_REGIONAL_ENDPOINTS", "zzz"),
        ("AWS_DEFAULT_REGION", "no where!"),
    ],
)
def test_a_malformed_environment_is_named(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    error = failure()
    assert error.diagnostic.code is Code.RM122
    assert value in error.diagnostic.message or "IPv6" in error.diagnostic.message


@pytest.mark.parametrize("url", ["ftp://127.0.0.1:1", "http://127.0.0.1:99999", "file:///etc/passwd", "http+unix://x"])
def test_an_endpoint_that_nobody_can_serve_is_refused_before_any_call(url: str) -> None:
    with pytest.raises(AwsError) as raised:
        Aws.connect(endpoint_url=url)
    assert raised.value.diagnostic.code is Code.RM122
    assert "99999" in url or url in raised.value.diagnostic.message


def test_an_endpoint_of_one_service_alone_is_looked_at_as_well(
    monkeypatch: pytest.MonkeyPatch, hostile: Hostile
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", hostile.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_IAM", "ftp://127.0.0.1:1")
    with pytest.raises(AwsError) as raised:
        Aws.connect().account(ACCOUNT, read_only=True)
    assert raised.value.diagnostic.code is Code.RM122
    assert "ftp://127.0.0.1:1" in raised.value.diagnostic.message


def test_an_endpoint_may_be_written_in_capitals(hostile: Hostile) -> None:
    assert Aws.connect(endpoint_url=hostile.url.upper()).caller().account == ACCOUNT


@pytest.mark.parametrize(("variable", "value"), [("AWS_MAX_ATTEMPTS", "0"), ("AWS_RETRY_MODE", "bogus")])
def test_retries_are_this_programs_own_whatever_the_environment_says(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, box: Sandbox
) -> None:
    monkeypatch.setenv(variable, value)
    iam = Aws.connect(session=box.session()).account(ACCOUNT, read_only=True)
    box.faults.throttle("GetAccountSummary", count=9)
    assert iam.get_account_summary()["RolesQuota"] > 0


def test_an_endpoint_that_refuses_is_named() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    error = failure(endpoint_url=url)
    assert (error.kind, error.diagnostic.code) == (Kind.UNREACHABLE, Code.RA404)
    assert url in error.diagnostic.message


def test_a_proxy_that_refuses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    assert failure().diagnostic.code is Code.RA404


@pytest.mark.parametrize("character", ["\n", "\r", "\t", "\x1b", "\u200b", "\u00a0"])
@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
def test_keys_that_no_header_can_carry_are_named_and_not_shown(
    variable: str, character: str, monkeypatch: pytest.MonkeyPatch, hostile: Hostile
) -> None:
    monkeypatch.setenv(variable, f"AKIA{character}SECRETIVE")
    error = failure(endpoint_url=hostile.url)
    assert (error.kind, error.diagnostic.code) == (Kind.CREDENTIALS, Code.RM122)
    assert f"{variable} has a line break, or another character" in error.diagnostic.message
    assert "SECRETIVE" not in f"{error.diagnostic.message} {error.diagnostic.help}"
    assert not hostile.requests


def test_keys_of_the_environment_are_nothing_to_a_profile_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hostile: Hostile
) -> None:
    file = tmp_path / "credentials"
    file.write_text("[mine]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = secret\n", encoding="utf-8")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA\nOTHER")
    assert Aws.connect(profile="mine", endpoint_url=hostile.url).caller().account == ACCOUNT


@pytest.mark.parametrize(
    ("code", "status", "word"),
    [
        ("ExpiredToken", 403, "run out"),
        ("InvalidClientTokenId", 403, "get-caller-identity"),
        ("SignatureDoesNotMatch", 403, "get-caller-identity"),
        ("RequestTimeTooSkewed", 403, "clock"),
    ],
)
def test_credentials_that_are_not_accepted_are_told_with_what_to_do(
    code: str, status: int, word: str, hostile: Hostile
) -> None:
    hostile.answer("GetCallerIdentity", refusal(code, "no", status=status))
    error = failure(endpoint_url=hostile.url)
    assert (error.kind, error.diagnostic.code) == (Kind.CREDENTIALS, Code.RA402)
    assert word in str(error.diagnostic.help)


def test_a_signature_from_a_wrong_clock_is_told_as_one(hostile: Hostile) -> None:
    message = "Signature expired: 20260101T000000Z is now earlier than 20261124T000000Z"
    hostile.answer("GetCallerIdentity", refusal("SignatureDoesNotMatch", message, status=403))
    assert "clock" in str(failure(endpoint_url=hostile.url).diagnostic.help)


def test_the_caller_is_asked_for_once(box: Sandbox) -> None:
    aws = Aws.connect(session=box.session(caller=None))
    assert aws.caller() == aws.caller()
    assert aws.caller() == Caller(account=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:root", partition="aws", user_id=ACCOUNT)
    assert aws.calls == {"GetCallerIdentity": 1}


def test_credentials_of_another_account_than_said_are_refused(box: Sandbox) -> None:
    with pytest.raises(ReconcilerError) as raised:
        Aws.connect(session=box.session()).account(OTHER, read_only=True)
    assert raised.value.diagnostics[0].code is Code.RM113


def test_an_account_is_reached_through_its_role(box: Sandbox) -> None:
    there = box.account(OTHER)
    there.create_role("reconciler", trust=TRUST_ROOT)
    there.create_role("only-there")
    aws = Aws.connect(session=box.session())
    iam = aws.account(OTHER, role_arn=f"arn:aws:iam::{OTHER}:role/reconciler", read_only=True)
    assert iam.caller.arn == f"arn:aws:sts::{OTHER}:assumed-role/reconciler/iam-reconciler"
    assert iam.get_role("only-there").account == OTHER
    assert iam.calls == {"AssumeRole": 1, "GetRole": 1}


def test_accounts_are_reached_side_by_side_each_with_its_own_credentials(box: Sandbox) -> None:
    accounts = [f"{number:012d}" for number in range(1, 9)]
    for number in accounts:
        box.account(number).create_role("reconciler", trust=TRUST_ROOT)
    aws = Aws.connect(session=box.session())

    def look(number: str) -> str | None:
        iam = aws.account(number, role_arn=f"arn:aws:iam::{number}:role/reconciler", read_only=True)
        return iam.get_role("reconciler").role_id

    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(look, accounts))
    assert seen == [box.account(number).role_id("reconciler") for number in accounts]


def test_a_connection_that_is_closed_leaves_no_socket_open(box: Sandbox) -> None:
    with box.serve() as server:
        aws = Aws.connect(endpoint_url=server.url)
        aws.account(ACCOUNT, read_only=False).get_account_summary()
        assert len(sockets_to(server.url)) == 2  # STS and IAM
        aws.close()
        assert sockets_to(server.url) == []


def test_a_role_of_another_account_than_said_is_refused(box: Sandbox) -> None:
    box.account(OTHER).create_role("reconciler", trust=TRUST_ROOT)
    with pytest.raises(ReconcilerError) as raised:
        Aws.connect(session=box.session()).account(
            "777788889999", role_arn=f"arn:aws:iam::{OTHER}:role/reconciler", read_only=True
        )
    assert raised.value.diagnostics[0].code is Code.RM113


def test_a_role_that_may_not_be_assumed_is_told_with_the_missing_action(box: Sandbox) -> None:
    box.account(OTHER).create_role("reconciler", trust=TRUST_ROOT)
    box.faults.deny("AssumeRole")
    with pytest.raises(AwsError) as raised:
        Aws.connect(session=box.session()).account(
            OTHER, role_arn=f"arn:aws:iam::{OTHER}:role/reconciler", read_only=True
        )
    assert raised.value.kind is Kind.ACCESS_DENIED
    assert "sts:AssumeRole" in raised.value.diagnostic.message


def credentials(expiry: str, key: str) -> str:
    return (
        "<AssumeRoleResponse><AssumeRoleResult><AssumedRoleUser><AssumedRoleId>AROAX:iam-reconciler</AssumedRoleId>"
        f"<Arn>arn:aws:sts::{OTHER}:assumed-role/r/iam-reconciler</Arn></AssumedRoleUser><Credentials>"
        f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
        f"<Expiration>{expiry}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )


def test_the_credentials_of_a_role_are_renewed_before_they_run_out(hostile: Hostile) -> None:
    hostile.answer(
        "AssumeRole", credentials("2020-01-01T00:00:00Z", "ASIAOLD"), credentials("2099-01-01T00:00:00Z", "ASIANEW")
    )
    hostile.answer("GetRole", refusal("NoSuchEntity", "no", status=404))
    iam = Aws.connect(endpoint_url=hostile.url).account(
        OTHER, role_arn=f"arn:aws:iam::{OTHER}:role/r", external_id="x-1", read_only=True
    )
    for _ in range(2):
        with pytest.raises(AwsError):
            iam.get_role("x")
    assert hostile.requests["AssumeRole"] == 2
    assert iam.calls == {"AssumeRole": 2, "GetRole": 2}


def test_credentials_of_a_role_that_cannot_be_renewed_are_told_as_such(hostile: Hostile) -> None:
    hostile.answer(
        "AssumeRole", credentials("2020-01-01T00:00:00Z", "ASIAOLD"), refusal("ExpiredToken", "no", status=403)
    )
    iam = Aws.connect(endpoint_url=hostile.url).account(OTHER, role_arn=f"arn:aws:iam::{OTHER}:role/r", read_only=True)
    with pytest.raises(AwsError) as raised:
        iam.get_role("x")
    assert (raised.value.kind, raised.value.call) == (Kind.CREDENTIALS, "AssumeRole")


def test_another_region_means_its_own_partition() -> None:
    aws = Aws.connect(region="cn-north-1")
    assert aws.signs_in == "cn-north-1"


def test_without_a_region_there_is_one_to_sign_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "AWS_REGION" not in os.environ
    assert Aws.connect().signs_in == "us-east-1"


def test_expired_credentials_midway_are_told_as_such(box: Sandbox) -> None:
    iam = Aws.connect(session=box.session(caller=None)).account(ACCOUNT, read_only=True)
    box.faults.expire_credentials(after_calls=0)
    with pytest.raises(AwsError) as raised:
        iam.get_account_summary()
    assert raised.value.kind is Kind.CREDENTIALS


def test_a_redirect_is_not_followed_blindly(hostile: Hostile) -> None:
    hostile.answer("GetCallerIdentity", Answer(status=302, headers={"Location": "http://127.0.0.1:1/login"}))
    assert failure(endpoint_url=hostile.url).diagnostic.code is Code.RA405
