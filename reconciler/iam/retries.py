"""What botocore asks again by itself, told while it happens: a plan that waits for a minute must not look dead.

botocore tells by an event that an attempt has ended, and by another that the next one begins. Which failures it takes
for passing, and how long it waits, stays its own business: what is told is what it did.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

from reconciler.log import log

_KEY = "reconciler.ended"


@dataclass(frozen=True, slots=True)
class _Ended:
    """An attempt that has ended: which it was, from 1, of what it came, and when, in seconds."""

    attempt: int
    cause: str
    at: float


def tell_of_retries(client: Any, service: str, *, attempts: int, account: str | None = None) -> None:
    """Log a warning for each further attempt of a client's calls: which, of how many, after what and what wait."""

    def begins(request: Any, operation_name: str, **_event: object) -> None:
        ended: _Ended | None = request.context.pop(_KEY, None)
        if ended is not None:
            log(
                "warning",
                "retry",
                call=operation_name,
                account=account,
                cause=ended.cause,
                waited=round(perf_counter() - ended.at, 3),
                attempt=ended.attempt + 1,
                attempts=attempts,
            )

    client.meta.events.register(f"needs-retry.{service}", _ends)
    client.meta.events.register(f"request-created.{service}", begins)


def _ends(
    response: Any, attempts: int, caught_exception: Exception | None, request_dict: Any, **_event: object
) -> None:
    """Keep why an attempt ended, in what botocore hands from one attempt of a request to the next."""
    request_dict["context"][_KEY] = _Ended(attempts, _cause(response, caught_exception), perf_counter())


def _cause(response: Any, error: Exception | None) -> str:
    """Return why, in a word; the exception's own text is left out, it may quote signed headers."""
    if error is not None or response is None:
        return type(error).__name__
    http, parsed = response
    code = str(parsed.get("Error", {}).get("Code") or "")
    return f"HTTP {http.status_code}" if code in {"", str(http.status_code)} else code
