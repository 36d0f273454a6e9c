"""The loopback server: the same manners over HTTP, a control address, and bad input of every kind."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from reconciler.sandbox import Account, Sandbox
from tests.sandbox.facts import fact
from tests.sandbox.situation import READ, loopback_session, refused, text, trusting, with_statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_iam import IAMClient

    from reconciler.sandbox.server import Server

SIGNED = "AWS4-HMAC-SHA256 Credential=test/20261124/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0"
OTHER = "444455556666"
QUERY = "query protocol"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def client(iam_server: Server) -> Iterator[IAMClient]:
    client = loopback_session().client("iam", endpoint_url=iam_server.url)
    yield client
    client.close()


def ask(server: Server, method: str, path: str, body: str | bytes = b"", **headers: str) -> tuple[int, bytes]:
    """One request without botocore."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    try:
        data = body.encode() if isinstance(body, str) else body
        connection.request(method, path, data, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def call(server: Server, body: str | bytes, authorization: str = SIGNED) -> tuple[int, str]:
    """One signed call of IAM; status and body."""
    status, answer = ask(server, "POST", "/", body, Authorization=authorization, **{"Content-Type": FORM})
    return status, answer.decode()


def control(server: Server, method: str, path: str, body: Any = None) -> Any:
    """A request to the control address that is understood."""
    status, answer = ask(server, method, f"/_sandbox/{path}", "" if body is None else json.dumps(body))
    assert status == 200, answer
    return json.loads(answer)


# --- the server ----------------------------------------------------------------------------------


def test_it_listens_on_the_loopback_and_stops_when_left(sandbox: Sandbox) -> None:
    before = threading.active_count()
    with sandbox.serve() as server:
        assert server.url == f"http://127.0.0.1:{server.port}"
        client = loopback_session().client("iam", endpoint_url=server.url)
        client.list_roles()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((server.host, server.port), timeout=5)
    client.close()
    assert threading.active_count() == before


def test_a_port_in_use_is_an_error_of_the_system(sandbox: Sandbox) -> None:
    with sandbox.serve() as server, pytest.raises(OSError, match="in use"):
        sandbox.serve(port=server.port)


def test_two_servers_of_one_sandbox_show_the_same_account(sandbox: Sandbox, account: Account) -> None:
    account.create_role("r")
    with sandbox.serve() as one, sandbox.serve() as two:
        for server in (one, two):
            client = loopback_session().client("iam", endpoint_url=server.url)
            assert [role["RoleName"] for role in client.list_roles()["Roles"]] == ["r"]
            client.close()


def test_two_sandboxes_in_one_process_know_nothing_of_each_other() -> None:
    one, two = Sandbox(), Sandbox()
    one.account().create_role("r")
    one.session().client("s3").create_bucket(Bucket="bucket")
    assert two.session().client("iam").list_roles()["Roles"] == []
    assert two.session().client("s3").list_buckets().get("Buckets", []) == []
    two.session().client("iam").list_users()
    assert one.calls == {"CreateBucket": 1}


def test_many_clients_at_once_lose_nothing(iam_server: Server, sandbox: Sandbox) -> None:
    def make(number: int) -> None:
        client = loopback_session().client("iam", endpoint_url=iam_server.url)
        for step in range(10):
            client.create_user(UserName=f"user-{number}-{step}")
        client.close()

    # Clients are made one after another: botocore's sessions are not made for threads.
    threads = [threading.Thread(target=make, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sandbox.account().state.tables.users) == 40
    assert sandbox.calls == {"CreateUser": 40}
    assert len(sandbox.journal) == 40


@fact("An access key of twelve digits is that account's root", source="the sandbox's own rule", level="uncertain")
def test_a_key_of_twelve_digits_is_an_account(iam_server: Server) -> None:
    client = loopback_session().client(
        "sts", endpoint_url=iam_server.url, aws_access_key_id="444455556666", aws_secret_access_key="x"
    )
    assert client.get_caller_identity()["Account"] == "444455556666"
    client.close()


def test_a_role_of_another_account_is_assumed_over_http(iam_server: Server, sandbox: Sandbox) -> None:
    other = sandbox.account("444455556666")
    arn = other.create_role("reader")
    sts = loopback_session().client("sts", endpoint_url=iam_server.url)
    keys = sts.assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    there = loopback_session().client(
        "iam",
        endpoint_url=iam_server.url,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    assert [role["Arn"] for role in there.list_roles()["Roles"]] == [arn]
    sts.close()
    there.close()


# --- bad input -----------------------------------------------------------------------------------


@fact("InvalidAction: Could not find operation X for version 2010-05-08", source=QUERY, level="observed")
def test_an_unknown_action_is_refused(iam_server: Server) -> None:
    status, answer = call(iam_server, "Action=MakeCoffee&Version=2010-05-08")
    assert status == 400
    assert "<Code>InvalidAction</Code>" in answer
    assert "Could not find operation MakeCoffee for version 2010-05-08" in answer


@fact("Without a version: Could not find operation X for version NO_VERSION_SPECIFIED", source=QUERY, level="observed")
@pytest.mark.parametrize(
    ("version", "told"),
    [("", "NO_VERSION_SPECIFIED"), ("&Version=", "NO_VERSION_SPECIFIED"), ("&Version=1999-01-01", "1999-01-01")],
)
def test_another_version_of_the_api_has_no_operations(iam_server: Server, version: str, told: str) -> None:
    status, answer = call(iam_server, f"Action=ListRoles{version}")
    assert (status, f"Could not find operation ListRoles for version {told}<" in answer) == (400, True)


def test_a_service_that_is_not_there_says_so(iam_server: Server) -> None:
    session: Any = loopback_session()
    for service, method in (
        ("ec2", "describe_instances"),
        ("dynamodb", "list_tables"),
        ("organizations", "list_roots"),
    ):
        client = session.client(service, endpoint_url=iam_server.url)
        refusal = refused(getattr(client, method))
        assert refusal.message == f"The sandbox does not offer {service}."
        assert (refusal.code, refusal.status) in {("InvalidAction", 400), ("UnknownOperationException", 400)}
        client.close()


def test_a_url_may_be_signed_itself(iam_server: Server) -> None:
    sts = boto3.Session(OTHER, "not a secret", region_name="us-east-1").client("sts", endpoint_url=iam_server.url)
    url = sts.generate_presigned_url("get_caller_identity", HttpMethod="GET")
    status, answer = ask(iam_server, "GET", url.removeprefix(iam_server.url))
    assert (status, b"<Arn>arn:aws:iam::444455556666:root</Arn>" in answer) == (200, True)
    sts.close()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("", 400, "MissingAction"),
        ("RoleName=r", 400, "MissingAction"),
        ("Action=CreateRole&Version=2010-05-08&RoleName=r", 400, "ValidationError"),
        ("Action=ListRoles&Version=2010-05-08&MaxItems=many", 400, "MalformedInput"),
        ("Action=ListRoles&Version=2010-05-08&MaxItems=99999999999999999999", 400, "MalformedInput"),
        ("Action=ListPolicies&Version=2010-05-08&OnlyAttached=perhaps", 400, "MalformedInput"),
        ("Action=GenerateServiceLastAccessedDetails&Version=2010-05-08&Arn=" + "x" * 30, 400, "InvalidAction"),
        (b"Action=GetRole&Version=2010-05-08&RoleName=\xff\xfe", 400, "ValidationError"),
        ("Action=GetRole&Version=2010-05-08&RoleName=%00", 400, "ValidationError"),
        ("%%%&&&===", 400, "MissingAction"),
        (b"Action=GetRole&Version=2010-05-08&RoleName=" + b"x" * 1_000_001, 413, "RequestEntityTooLarge"),
    ],
)
def test_what_cannot_be_understood_is_refused_and_the_server_goes_on(
    iam_server: Server, client: IAMClient, body: str | bytes, status: int, code: str
) -> None:
    answered, answer = call(iam_server, body)
    assert (answered, f"<Code>{code}</Code>" in answer) == (status, True), answer
    assert client.list_roles()["Roles"] == []


@fact("MissingAuthenticationToken 403", source=QUERY, level="observed")
def test_an_unsigned_request_is_refused(iam_server: Server) -> None:
    status, answer = call(iam_server, "Action=ListRoles&Version=2010-05-08", authorization="")
    assert (status, "MissingAuthenticationToken" in answer) == (403, True)


@fact("Authorization header requires 'Credential' parameter", source=QUERY, level="observed")
def test_half_a_signature_is_refused(iam_server: Server) -> None:
    status, answer = call(
        iam_server, "Action=ListRoles&Version=2010-05-08", authorization="AWS4-HMAC-SHA256 Signature=0"
    )
    assert (status, "<Code>IncompleteSignature</Code>" in answer) == (400, True)


@pytest.mark.parametrize(
    "head",
    ["Content-Length: -5", "Content-Length: many", "Content-Length: \u00b2", "Transfer-Encoding: chunked\r\n\r\n-5"],
)
def test_a_body_of_no_length_is_refused_and_the_line_closed(iam_server: Server, client: IAMClient, head: str) -> None:
    with socket.create_connection((iam_server.host, iam_server.port), timeout=5) as line:
        line.sendall(f"POST / HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
        answer = b"".join(iter(lambda: line.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 400")
    assert client.list_roles()["Roles"] == []


@pytest.mark.parametrize("noise", [b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n", b""])
def test_noise_on_the_line_harms_nobody(iam_server: Server, client: IAMClient, noise: bytes) -> None:
    with socket.create_connection((iam_server.host, iam_server.port), timeout=5) as line:
        line.sendall(noise)
        line.shutdown(socket.SHUT_WR)
        line.recv(1024)
    assert client.list_roles()["Roles"] == []


def test_a_client_that_goes_away_harms_nobody(iam_server: Server, client: IAMClient) -> None:
    head = f"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: {SIGNED}\r\nContent-Length: 100\r\n\r\nAction="
    with socket.create_connection((iam_server.host, iam_server.port), timeout=5) as line:
        line.sendall(head.encode())
    assert client.list_roles()["Roles"] == []


def test_a_body_beyond_all_measure_is_not_even_read(iam_server: Server) -> None:
    with socket.create_connection((iam_server.host, iam_server.port), timeout=5) as line:
        line.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n")
        answer = b"".join(iter(lambda: line.recv(1024), b""))
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"<Code>RequestEntityTooLarge</Code>" in answer


def test_a_body_in_chunks_is_read(iam_server: Server) -> None:
    head = f"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: {SIGNED}\r\nConnection: close\r\n"
    head += "Transfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection((iam_server.host, iam_server.port), timeout=5) as line:
        line.sendall(head.encode() + b"7\r\nAction=\r\n1c\r\nListRoles&Version=2010-05-08\r\n0\r\n\r\n")
        answer = b"".join(iter(lambda: line.recv(4096), b""))
    assert b"<ListRolesResult>" in answer


# --- the control address -------------------------------------------------------------------------


def test_calls_are_counted_by_name(iam_server: Server, client: IAMClient, sandbox: Sandbox) -> None:
    client.list_roles()
    client.create_user(UserName="u")
    refused(client.create_user, UserName="u")
    assert control(iam_server, "GET", "calls") == {
        "calls": {"ListRoles": 1, "CreateUser": 2},
        "mutating": {"CreateUser": 2},
        "requests": {"ListRoles": 1, "CreateUser": 2},
    }
    control(iam_server, "DELETE", "calls")
    assert sandbox.calls == {}


def test_the_journal_tells_each_change_and_the_state_after_it(iam_server: Server, client: IAMClient) -> None:
    client.create_role(RoleName="r", AssumeRolePolicyDocument=text(with_statement()))
    client.get_role(RoleName="r")
    client.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=text(READ))
    refused(client.delete_role, RoleName="r")
    journal = control(iam_server, "GET", "journal?state=1")["journal"]
    assert [(entry["call"], entry["error"]) for entry in journal] == [
        ("CreateRole", None),
        ("PutRolePolicy", None),
        ("DeleteRole", "DeleteConflict"),
    ]
    assert journal[0]["params"]["RoleName"] == "r"
    assert journal[0]["after"]["RoleDetailList"][0]["RolePolicyList"] == []
    assert len(journal[1]["after"]["RoleDetailList"][0]["RolePolicyList"]) == 1
    assert "after" not in control(iam_server, "GET", "journal")["journal"][0]


def test_faults_and_the_clock_are_set_from_outside(iam_server: Server, client: IAMClient) -> None:
    control(iam_server, "POST", "faults", {"kind": "access_denied", "call": "ListRoles", "count": 1})
    assert refused(client.list_roles).code == "AccessDenied"
    control(iam_server, "POST", "faults", {"delays": {"reads": 60}})
    client.create_role(RoleName="r", AssumeRolePolicyDocument=text(with_statement()))
    assert client.list_roles()["Roles"] == []
    now = control(iam_server, "POST", "clock", {"advance": 60})
    assert now == control(iam_server, "GET", "clock") == {"now": "2026-11-24T10:01:00+00:00"}
    assert len(client.list_roles()["Roles"]) == 1
    assert control(iam_server, "GET", "faults")["struck"] == {"access_denied": 1}
    control(iam_server, "DELETE", "faults")
    assert control(iam_server, "GET", "faults")["rules"] == []


def test_cloudtrail_takes_its_time_where_that_is_asked_for(iam_server: Server, client: IAMClient) -> None:
    trail = loopback_session().client(
        "cloudtrail", endpoint_url=iam_server.url, config=Config(retries={"total_max_attempts": 1})
    )
    faults = control(iam_server, "POST", "faults", {"delays": {"events": 300, "reads": 5}})
    assert faults["delays"] == {"principals": 0, "reads": 5, "ids": 0, "updates": 0, "events": 300}
    client.create_group(GroupName="team")
    assert trail.lookup_events()["Events"] == []
    control(iam_server, "POST", "clock", {"advance": 300})
    assert [event["EventName"] for event in trail.lookup_events()["Events"]] == ["CreateGroup"]
    control(iam_server, "POST", "faults", {"pace": True})
    trail.lookup_events()
    trail.lookup_events()
    assert refused(trail.lookup_events).code == "ThrottlingException"
    control(iam_server, "DELETE", "faults")
    assert control(iam_server, "GET", "faults")["delays"]["events"] == 0
    trail.lookup_events()
    trail.close()


def test_accounts_are_saved_loaded_and_reset(iam_server: Server, client: IAMClient, account: Account) -> None:
    account.create_role("r", trust=trusting(account.create_user("alice")))
    saved = control(iam_server, "GET", "accounts")
    control(iam_server, "POST", "reset")
    assert client.list_roles()["Roles"] == []
    assert control(iam_server, "PUT", "accounts", saved) == {"accounts": ["111122223333"]}
    assert control(iam_server, "GET", "accounts") == saved


def test_somebody_outside_acts_over_the_control_address(iam_server: Server, client: IAMClient) -> None:
    client.create_user(UserName="alice")
    control(iam_server, "POST", "verb", {"call": "DeleteUser", "params": {"UserName": "alice"}})
    assert refused(client.get_user, UserName="alice").code == "NoSuchEntity"
    assert control(iam_server, "GET", "calls")["mutating"] == {"CreateUser": 1}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "nothing", "", 404),
        ("PATCH", "", "", 501),
        ("POST", "faults", "not json", 400),
        ("POST", "faults", "[]", 400),
        ("POST", "faults", '{"kind": "earthquake"}', 400),
        ("POST", "faults", '{"kind": "throttle", "rate": "often"}', 400),
        ("POST", "faults", '{"kind": "moment", "do": "x"}', 400),
        ("POST", "faults", '{"delays": {"tea": 5}}', 400),
        ("POST", "faults", '{"kind": "latency", "seconds": Infinity}', 400),
        ("POST", "faults", '{"delays": [5]}', 400),
        ("POST", "faults", '{"delays": {"events": -1}}', 400),
        ("POST", "faults", '{"delays": {"reads": true}}', 400),
        ("POST", "faults", '{"delays": {"ids": NaN}}', 400),
        ("POST", "clock", '{"advance": "soon"}', 400),
        ("POST", "clock", '{"advance": 1e300}', 400),
        ("PUT", "accounts", '{"hello": 1}', 400),
        ("POST", "verb", '{"call": "GetRole", "params": {"RoleName": "nobody"}}', 400),
        ("POST", "verb", '{"call": "Nothing"}', 400),
        ("POST", "verb", '{"call": "TagRole", "params": {"RoleName": "r", "Tags": [5]}}', 400),
        ("POST", "verb", '{"call": "GetRole", "params": [[]]}', 400),
        ("POST", "verb", '{"account": "x", "call": "ListRoles"}', 400),
    ],
)
def test_what_the_control_address_does_not_understand_it_says(
    iam_server: Server, client: IAMClient, method: str, path: str, body: str, status: int
) -> None:
    answered, answer = ask(iam_server, method, f"/_sandbox/{path}", body)
    assert answered == status
    if status != 501:
        assert json.loads(answer)["error"]
    assert client.list_roles()["Roles"] == []


def test_the_index_names_what_there_is(iam_server: Server) -> None:
    index = control(iam_server, "GET", "")
    assert index["accounts"] == ["111122223333"]
    assert "GET /_sandbox/journal" in index["known"]


def test_a_bug_in_a_call_is_a_500_and_is_said(
    iam_server: Server, client: IAMClient, account: Account, capfd: pytest.CaptureFixture[str]
) -> None:
    account.create_role("r")
    account.force_trust("r", {"no": "statement"})
    with pytest.raises(ClientError):
        loopback_session().client("iam", endpoint_url=iam_server.url).get_role(RoleName="r")
    assert "KeyError" in capfd.readouterr().err
    assert client.list_users()["Users"] == []
