"""Pages and their markers. A marker is opaque: nobody can build one or count with it.

IAM takes MaxItems from 1 to 1,000 (100 when absent) and may give fewer with more to come, so a
client has to go on until IsTruncated is false. The sandbox can end every page early. A marker
remembers the key of the last item shown rather than a position: what is made or deleted between
two pages neither repeats nor hides the rest, and the list is always walked in one fixed order.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from reconciler.sandbox.errors import IamError
from reconciler.sandbox.world import Call

T = TypeVar("T")


def page(call: Call, items: Sequence[T], *, key: Callable[[T], str]) -> tuple[list[T], dict[str, Any]]:
    """The items of the page that the call asks for, and the members IsTruncated and Marker."""
    ordered = sorted(items, key=key)
    start = _start(call, [key(item) for item in ordered])
    length = call.params.get("MaxItems", 100)
    if call.world.page_size is not None:
        length = min(length, call.world.page_size)
    shown = ordered[start : start + length]
    if start + length >= len(ordered):
        return shown, {"IsTruncated": False}
    return shown, {"IsTruncated": True, "Marker": _marker(call, key(shown[-1]))}


def _marker(call: Call, last: str) -> str:
    token = json.dumps([call.name, call.account.account_id, last]).encode()
    return base64.urlsafe_b64encode(token[::-1]).decode()


def _start(call: Call, keys: Sequence[str]) -> int:
    marker = call.maybe("Marker")
    if marker is None:
        return 0
    try:
        name, account_id, last = json.loads(base64.urlsafe_b64decode(marker)[::-1])
    except ValueError:
        raise IamError("ValidationError", "Invalid Marker.") from None
    if (name, account_id) != (call.name, call.account.account_id) or not isinstance(last, str):
        raise IamError("ValidationError", "Invalid Marker.")
    return sum(key <= last for key in keys)
