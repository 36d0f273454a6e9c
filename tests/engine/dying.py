"""A sandbox that lets whoever asks it die."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.sandbox.http import Reply, Request
from tests.apply.house import Killed


def dying_after(call: str, answer: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
    """Return what carries a call out and tells nobody of it."""

    def dies(request: Request) -> Reply:
        reply = answer(request)
        if f"Action={call}&" in request.body.decode():
            raise Killed
        return reply

    return dies
