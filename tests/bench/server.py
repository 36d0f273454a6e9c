"""Canned pages on the loopback, in a process of their own, so that serving them is on nobody's account.

    python -m tests.bench.server COUNT [troubled]

prints its address once it listens, and serves until its standard input is closed.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.bench.account import pages


class Canned(BaseHTTPRequestHandler):
    """Answers each call with the page that its marker asks for."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, rendered: Mapping[tuple[str, str], bytes], *request: Any) -> None:
        self._rendered = rendered
        super().__init__(*request)

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        page = self.page(form)
        self.send_response(404 if page is None else 200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(page or b"")))
        self.end_headers()
        self.wfile.write(page or b"")

    def page(self, form: Mapping[str, list[str]]) -> bytes | None:
        """Return the reply to a call, None for one that nobody expected."""
        return page_of(self._rendered, form)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


def page_of(rendered: Mapping[tuple[str, str], bytes], form: Mapping[str, list[str]]) -> bytes | None:
    """Return the reply of one account to a call."""
    return rendered.get((form["Action"][0], _which(form)))


def _which(form: Mapping[str, list[str]]) -> str:
    """Return what tells the replies of a call apart."""
    (marker,) = form.get("Marker") or form.get("PolicyArn") or [""]
    return f"{marker}+policies" if ["LocalManagedPolicy"] in form.values() else marker


def serve(answering: Callable[..., BaseHTTPRequestHandler]) -> None:
    """Serve on a free port, print the address, and end when standard input is closed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), answering)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)  # noqa: T201  the address, for the bench
    sys.stdin.read()
    server.shutdown()


def main() -> None:
    """Serve an account of so many roles until standard input is closed."""
    serve(partial(Canned, pages(int(sys.argv[1]), troubled="troubled" in sys.argv[2:])))


if __name__ == "__main__":
    main()
