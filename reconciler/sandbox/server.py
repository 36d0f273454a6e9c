"""The transport over HTTP: the sandbox behind an address of this machine.

A plain threading server that keeps connections alive, because botocore does. It binds to the loopback
unless told otherwise. A lost reply is a connection that closes without a word. Stopping closes every
connection and waits for its thread, so nothing is left behind.
"""

from __future__ import annotations

import re
import socket
import sys
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, Self

from reconciler.sandbox import control
from reconciler.sandbox.http import LostReplyError, Reply, Request
from reconciler.sandbox.world import DEFAULT_ACCOUNT

if TYPE_CHECKING:
    from types import TracebackType

    from reconciler.sandbox.box import Sandbox

_LOOPBACK: Final = {4: "127.0.0.1", 6: "::1"}
_BODY_LIMIT: Final = 64 * 1024 * 1024
_CHUNK_LINE: Final = 65_536
_CHUNK_SIZE: Final = re.compile(rb"[0-9A-Fa-f]{1,16}")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_ERROR: Final = "<ErrorResponse><Error><Code>{}</Code></Error></ErrorResponse>"


class _UnreadableError(Exception):
    """A body that is not read: its code, and the status of the answer. Where the next request begins is not known."""

    def __init__(self, code: str, status: int) -> None:
        super().__init__(code)
        self.status = status


class Server:
    """A context manager: on entering it listens at `url`, on leaving it has stopped.

    `is_loopback` says whether nobody but this machine can reach it. OSError when the port is taken, or the
    address is not this machine's.
    """

    def __init__(self, box: Sandbox, *, host: str, port: int) -> None:
        self._http = _Listener(box, (host, port))
        bound = ip_address(str(self._http.server_address[0]))
        self.is_loopback = bound.is_loopback
        # What listens everywhere is reached from here by the loopback.
        self.host = _LOOPBACK[bound.version] if bound.is_unspecified else host
        self.port = int(self._http.server_address[1])
        shown = f"[{self.host}]" if ":" in self.host else self.host
        self.url = f"http://{shown}:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which any AWS tool talks to this server."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": DEFAULT_ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.hang_up()
        self._http.server_close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, box: Sandbox, address: tuple[str, int]) -> None:
        self.box = box
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        try:
            super().__init__(address, _Handler)
        except UnicodeError as error:  # no name of a machine, says the codec for names
            raise OSError(f"{address[0]!r} is no address") from error

    def opened(self, connection: socket.socket) -> None:
        with self._guard:
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._guard:
            self._open.discard(connection)

    def hang_up(self) -> None:
        """End connections that clients keep open, so that their threads come to an end."""
        with self._guard:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:  # the client was quicker
                    continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away mid-sentence is no error of the server's; anything else is said."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # One write per answer: headers and body leave in one packet.
    wbufsize = -1
    server: _Listener

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        try:
            super().finish()
        except OSError:  # the client went away with an answer half written
            self.close_connection = True
        finally:
            self.server.closed(self.connection)

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True

    def handle_expect_100(self) -> bool:
        """Say "go on" at once: the client holds its body back until it hears that."""
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """The journal is the log."""

    def _serve(self) -> None:
        try:
            body = self._body()
        except _UnreadableError as error:
            self._send(Reply(status=error.status, body=_ERROR.format(error).encode(), headers={"Connection": "close"}))
            self.close_connection = True
            return
        request = Request(
            method=self.command,
            url=f"http://{self.headers.get('Host', '')}{self.path}",
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )
        try:
            reply = self._answer(request)
        except LostReplyError:
            self.close_connection = True
            return
        except Exception:  # noqa: BLE001 - one call that fails must not take the server down
            traceback.print_exc()
            reply = Reply(status=500, body=_ERROR.format("InternalFailure").encode())
        self._send(reply)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815 - the base class's names

    def _answer(self, request: Request) -> Reply:
        if self.path.startswith(control.PREFIX):
            return control.answer(self.server.box, request)
        return self.server.box.answer(request)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunks()
        length = self.headers.get("Content-Length", "0")
        if not _LENGTH.fullmatch(length):
            raise _UnreadableError("MalformedInput", 400)
        return self.rfile.read(_within_limit(int(length)))

    def _chunks(self) -> bytes:
        parts: list[bytes] = []
        while (size := _chunk_size(self.rfile.readline(_CHUNK_LINE))) > 0:
            _within_limit(sum(map(len, parts)) + size)
            parts.append(self.rfile.read(size))
            self.rfile.readline(_CHUNK_LINE)
        while self.rfile.readline(_CHUNK_LINE).strip():
            continue
        return b"".join(parts)

    def _send(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in reply.headers:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)


def _within_limit(size: int) -> int:
    if size > _BODY_LIMIT:
        raise _UnreadableError("RequestEntityTooLarge", 413)
    return size


def _chunk_size(line: bytes) -> int:
    size = line.split(b";")[0].strip()
    if not _CHUNK_SIZE.fullmatch(size):
        raise _UnreadableError("MalformedInput", 400)
    return int(size, 16)
