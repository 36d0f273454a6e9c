"""Sessions of a sandbox whose clients are lent: made once, used by one engine after the other.

Making a client takes botocore longer than most runs of the engine take. So a client is kept where the engine closes
it, free of all that was hung onto it, and lent again to whoever asks for one of the kind, of any sandbox. One that met
with an error is not kept: its retries remember.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import boto3
from botocore.credentials import Credentials

from reconciler.sandbox import Sandbox
from reconciler.sandbox.http import Reply, Request
from reconciler.sandbox.inprocess import hook

Handler: TypeAlias = Callable[..., Any]
Kind: TypeAlias = tuple[str, str, str | None, int]


class LendingSession:
    """As much of a boto3 session as the engine needs: every request is a caller's, and answered by one sandbox."""

    def __init__(self, box: Sandbox, *, caller: str | None = None) -> None:
        self.region_name = "us-east-1"
        self._box = box
        keys = box.credentials(caller=caller)
        self._credentials = Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)

    def client(self, service: str, *, region_name: str, endpoint_url: str | None, config: Any) -> Lent:
        """Lend a client until it is closed; configurations may differ in their attempts only."""
        kind = (service, region_name, endpoint_url, config.retries["total_max_attempts"])
        free = _free[kind]
        return Lent(free.pop() if free else _Client(kind, config), self._box, self._credentials)


class _Client:
    """A client of botocore, and who answers and signs at the moment."""

    box: Sandbox
    credentials: Credentials

    def __init__(self, kind: Kind, config: Any) -> None:
        self.kind = kind
        self.troubled = False
        service, region_name, endpoint_url, _attempts = kind
        self.client: Any = _base().client(service, region_name=region_name, endpoint_url=endpoint_url, config=config)
        self.client.meta.events.register("before-sign", self._sign)
        stand_in: Any = self
        hook(stand_in, self.client.meta)

    def _sign(self, request: Any, **_: object) -> None:
        request.context.setdefault("signing", {}).setdefault("request_credentials", self.credentials)

    def answer(self, request: Request) -> Reply:
        """Stand where a sandbox stands."""
        self.troubled, before = True, self.troubled
        reply = self.box.answer(request)
        self.troubled = before or reply.status != 200
        return reply


_free: dict[Kind, list[_Client]] = defaultdict(list)


@cache
def _base() -> Any:
    return boto3.Session("none", "of these is used", region_name="us-east-1")


class Lent:
    """A client for one borrower: what is hung onto its events is taken off again when it is closed."""

    def __init__(self, kept: _Client, box: Sandbox, credentials: Credentials) -> None:
        kept.box, kept.credentials = box, credentials
        self._kept = kept
        self._undo: list[Callable[[], None]] = []
        self.meta = self

    @property
    def events(self) -> Lent:
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kept.client, name)

    @property
    def endpoint_url(self) -> str:
        url: str = self._kept.client.meta.endpoint_url
        return url

    def register(self, event: str, handler: Handler) -> None:
        events = self._kept.client.meta.events
        events.register(event, handler)
        self._undo.append(lambda: events.unregister(event, handler))

    def unregister(self, event: str, handler: Handler) -> None:
        events = self._kept.client.meta.events
        events.unregister(event, handler)
        self._undo.append(lambda: events.register(event, handler))

    def close(self) -> None:
        """Give it back."""
        for undo in reversed(self._undo):
            undo()
        if not self._kept.troubled:
            _free[self._kept.kind].append(self._kept)
