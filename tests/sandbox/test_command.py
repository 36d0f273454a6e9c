"""`reconciler sandbox` as somebody uses it who has a copy of an account, or who mistypes."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from reconciler.cli import main, sandbox
from reconciler.sandbox import Sandbox
from tests.sandbox.test_files import PRINTED

if TYPE_CHECKING:
    from reconciler.sandbox.server import Server

Use = Callable[[dict[str, str]], object]


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run the command, use what it prints once it waits, and let it end: the exit code, and what was said."""

    def run(*arguments: str, use: Use = lambda _: None) -> tuple[int, str]:
        told: list[str] = []

        def use_it() -> None:
            written = capsys.readouterr()
            told.append(written.err)
            lines = [line.removeprefix("export ").split("=", 1) for line in written.out.splitlines()]
            use(dict(lines))

        monkeypatch.setattr(sandbox, "_end_of_the_run", lambda: use_it)
        code = main(["sandbox", *arguments])
        return code, "".join(told) + capsys.readouterr().err

    return run


def client(variables: dict[str, str], service: Any = "iam") -> Any:
    """A client made from the three lines."""
    keys = variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"]
    return boto3.Session(*keys, region_name="us-east-1").client(service, endpoint_url=variables["AWS_ENDPOINT_URL"])


def test_a_copy_of_an_account_is_what_the_printed_lines_lead_to(
    session: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    printed, saved = tmp_path / "printed.json", tmp_path / "saved.json"
    printed.write_text(json.dumps(PRINTED))

    def rehearse(variables: dict[str, str]) -> None:
        assert variables["AWS_ACCESS_KEY_ID"] == "123456789012"
        iam = client(variables)
        assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == ["deployer"]
        iam.create_group(GroupName="made-in-the-rehearsal")
        iam.close()

    assert session("--load", str(printed), "--save", str(saved), use=rehearse)[0] == 0
    groups = json.loads(saved.read_text())["accounts"]["123456789012"]["GroupDetailList"]
    assert {group["GroupName"] for group in groups} == {"Admins", "made-in-the-rehearsal"}


def test_another_account_than_that_of_the_file_can_be_asked_for(
    session: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    printed = tmp_path / "printed.json"
    printed.write_text(json.dumps(PRINTED))
    seen: list[str] = []
    session("--load", str(printed), "--account", "444455556666", use=lambda v: seen.append(v["AWS_ACCESS_KEY_ID"]))
    session(use=lambda v: seen.append(v["AWS_ACCESS_KEY_ID"]))
    assert seen == ["444455556666", "111122223333"]


@pytest.mark.parametrize(("name", "why"), [("", "it is a folder"), ("none/a.json", "none is no folder to write in")])
def test_a_place_where_nothing_can_be_saved_is_refused_before_the_work_begins(
    session: Callable[..., tuple[int, str]], tmp_path: Path, name: str, why: str
) -> None:
    used: list[Any] = []
    code, said = session("--save", str(tmp_path / name), use=used.append)
    assert (code, used) == (1, [])
    assert "RA419" in said
    assert why in " ".join(said.replace("│", "").split())


def test_who_listens_to_more_than_this_machine_says_so(session: Callable[..., tuple[int, str]]) -> None:
    urls: list[str] = []
    code, said = session("--host", "0.0.0.0", use=lambda variables: urls.append(variables["AWS_ENDPOINT_URL"]))
    assert (code, "Everybody who reaches 0.0.0.0 can use it" in said) == (0, True)
    assert urls[0].startswith("http://127.0.0.1:")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost"])
def test_on_the_loopback_there_is_nothing_to_warn_of(session: Callable[..., tuple[int, str]], host: str) -> None:
    def ask(variables: dict[str, str]) -> None:
        sts = client(variables, "sts")
        assert sts.get_caller_identity()["Account"] == "111122223333"
        sts.close()

    code, said = session("--host", host, use=ask)
    assert (code, "Everybody" in said) == (0, False)


@pytest.mark.parametrize("host", ["a..b", "192.0.2.1", "x" * 300])
def test_an_address_that_is_not_this_machines_is_a_diagnostic(
    session: Callable[..., tuple[int, str]], host: str
) -> None:
    code, said = session("--host", host)
    assert (code, "RM122" in said, "Traceback" in said) == (1, True, False)


def test_a_port_in_use_is_a_diagnostic(session: Callable[..., tuple[int, str]]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, said = session("--port", str(taken.getsockname()[1]))
    assert (code, "RM122" in said) == (1, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_waiting(number: signal.Signals) -> None:
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        wait = sandbox._end_of_the_run()
        signal.raise_signal(number)
        wait()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def test_a_server_knows_whether_others_reach_it() -> None:
    def listening(host: str) -> tuple[bool, str]:
        server: Server
        with Sandbox().serve(host=host) as server:
            return server.is_loopback, server.host

    assert listening("127.0.0.1") == (True, "127.0.0.1")
    assert listening("") == (False, "127.0.0.1")
