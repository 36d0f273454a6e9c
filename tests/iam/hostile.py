"""A server on the loopback that answers as nobody should: scripted replies by call, over real HTTP."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs

ACCOUNT = "111122223333"


@dataclass(frozen=True)
class Answer:
    """One reply: body, status, headers; `cut` closes the connection in place of an answer."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


class Hostile:
    """Answers a call with the next of its answers, with the last one for good."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self._answers: dict[str, list[Answer]] = {"GetCallerIdentity": [Answer(identity())]}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, call: str, *answers: Answer | bytes | str) -> None:
        """Set the answers of a call, one after the other."""
        self._answers[call] = [_as_answer(each) for each in answers]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _next(self, call: str) -> Answer:
        self.requests[call] += 1
        answers = self._answers.get(call, [Answer(status=404)])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hostile = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                answer = hostile._next(form["Action"][0])
                if answer.cut:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_args: Any) -> None:
                pass

        return Handler


def _as_answer(answer: Answer | bytes | str) -> Answer:
    match answer:
        case Answer():
            return answer
        case bytes():
            return Answer(answer)
        case str():
            return Answer(answer.encode())


def identity(account: str = ACCOUNT) -> bytes:
    """Return what STS answers to GetCallerIdentity."""
    return (
        f"<GetCallerIdentityResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><GetCallerIdentityResult>"
        f"<Arn>arn:aws:iam::{account}:user/tester</Arn><UserId>AIDATESTERTESTERTESTE</UserId>"
        f"<Account>{account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    ).encode()


def refusal(code: str, message: str, *, status: int) -> Answer:
    """Return an error as IAM answers it."""
    body = (
        f"<ErrorResponse xmlns='https://iam.amazonaws.com/doc/2010-05-08/'><Error><Type>Sender</Type>"
        f"<Code>{code}</Code><Message>{message}</Message></Error><RequestId>req-1</RequestId></ErrorResponse>"
    )
    return Answer(body.encode(), status=status)


def role_page(*roles: str, more: str = "<IsTruncated>false</IsTruncated>") -> str:
    """Return a page of ListRoles."""
    return (
        f'<ListRolesResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListRolesResult>{more}'
        f"<Roles>{''.join(roles)}</Roles></ListRolesResult><ResponseMetadata><RequestId>req-2</RequestId>"
        f"</ResponseMetadata></ListRolesResponse>"
    )


def role(name: str = "deployer", role_id: str = "AROADEPLOYERDEPLOYER1") -> str:
    """Return an entry of ListRoles."""
    return (
        f"<member><Path>/</Path><RoleName>{name}</RoleName><RoleId>{role_id}</RoleId>"
        f"<Arn>arn:aws:iam::{ACCOUNT}:role/{name}</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate>"
        f"<AssumeRolePolicyDocument>%7B%7D</AssumeRolePolicyDocument></member>"
    )
