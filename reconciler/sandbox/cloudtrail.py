"""CloudTrail's memory of what was changed: LookupEvents over the last ninety days.

Every call that changes an account is in it, or tried to: also what somebody outside did through the verbs of an
`Account`. It is where a dead unique ID can still be traced: the event that made the role or user carries the ID.
Calls that only read are left out, as nothing can be traced by them, and so is whoever was not let in at the gate.

Events can be looked up after a while, in AWS after some minutes, here at once unless `box.trail.delay` says how
many seconds it takes. Two lookups a second are let through where that is switched on:
`box.faults.throttle("LookupEvents", **cloudtrail.PACE)`. Events of IAM are in the partition's first region only.

Sources: AWS CloudTrail API Reference, LookupEvents; AWS CloudTrail User Guide, view-cloudtrail-events; IAM User
Guide, cloudtrail-integration.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from reconciler.sandbox.errors import IamError
from reconciler.sandbox.events import HOME, Event
from reconciler.sandbox.http import Reply, Request

ACTION: Final = "LookupEvents"
"""The only call that is answered."""

PACE: Final = {"per_second": 2.0, "burst": 2.0}
"""How fast an account may look up events in a region."""

ATTRIBUTES: Final = frozenset(
    {"EventId", "EventName", "ReadOnly", "Username", "ResourceType", "ResourceName", "EventSource", "AccessKeyId"}
)
"""What events can be looked up by, one at a time."""

_KEPT: Final = timedelta(days=90)
_MOST: Final = 100_000
_PAGE: Final = 50
_LONGEST_VALUE: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A request for events, checked. `attribute` is a name and a value; `before` is the number a page goes on from."""

    account: str
    attribute: tuple[str, str] | None
    since: float | None
    until: float | None
    insights: bool
    size: int
    before: int | None

    @classmethod
    def read(cls, params: Mapping[str, Any], *, account: str) -> Lookup:
        """Read the parameters of LookupEvents; IamError names the exception that CloudTrail has for what is wrong."""
        since, until = _moment(params, "StartTime"), _moment(params, "EndTime")
        if since is not None and until is not None and since > until:
            raise IamError("InvalidTimeRangeException", "The start time comes after the end time.")
        return cls(
            account=account,
            attribute=_attribute(params.get("LookupAttributes")),
            since=since,
            until=until,
            insights=_insights(params.get("EventCategory")),
            size=_size(params.get("MaxResults")),
            before=_before(params.get("NextToken"), _digest(account, params)),
        )

    def finds(self, event: Event) -> bool:
        """Whether the event is one of those asked for; how far back and how far on CloudTrail sees is not asked."""
        at = int(event.at.timestamp())
        return (
            event.account == self.account
            and (self.before is None or event.number < self.before)
            and (self.since is None or self.since <= at)
            and (self.until is None or at <= self.until)
            and (self.attribute is None or event.has(*self.attribute))
        )


@dataclass
class Trail:
    """The events of all accounts, oldest first. `count` numbers them, and goes on when the oldest are dropped.

    `delay` is how many seconds pass before an event can be looked up; it may be set at any time.
    """

    events: deque[Event] = field(default_factory=lambda: deque(maxlen=_MOST))
    count: int = 0
    delay: float = 0.0

    def record(self, event: Event) -> None:
        """Keep an event."""
        self.events.append(event)
        self.count += 1

    def forget(self) -> None:
        """No events any more, and no delay. Numbers once given stay used."""
        self.events.clear()
        self.delay = 0.0

    def answer(self, action: str, request: Request, *, account: str, now: datetime) -> dict[str, Any]:
        """Answer a call of CloudTrail; IamError is its refusal."""
        if action != ACTION:
            said = f"does not offer {action}" if action else "is asked for nothing by name"
            raise IamError("UnknownOperationException", f"The sandbox's CloudTrail {said}.")
        params = _params(request.body)
        lookup = Lookup.read(params, account=account)
        if lookup.insights or (request.scope and request.scope[1] not in HOME.values()):
            return {"Events": []}
        return self.lookup(lookup, _digest(account, params), now=now)

    def lookup(self, lookup: Lookup, digest: str, *, now: datetime) -> dict[str, Any]:
        """LookupEvents: a page of events, newest first; `digest` is what its token is bound to."""
        oldest, newest = now - _KEPT, now - timedelta(seconds=self.delay)
        found = (each for each in reversed(self.events) if oldest <= each.at <= newest and lookup.finds(each))
        shown, more = _page(found, lookup.size)
        page = {"Events": [event.entry() for event in shown]}
        return page | ({"NextToken": _token(digest, shown[-1].number)} if more else {})


def _page(found: Iterable[Event], size: int) -> tuple[list[Event], bool]:
    """So many of the first, and whether there are more."""
    shown: list[Event] = []
    for event in found:
        if len(shown) == size:
            return shown, True
        shown.append(event)
    return shown, False


# --- what is asked -------------------------------------------------------------------------------


def _params(body: bytes) -> dict[str, Any]:
    try:
        params = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        params = None
    if not isinstance(params, dict):
        raise IamError("SerializationException", "The request is not a JSON object.")
    return params


def _moment(params: Mapping[str, Any], name: str) -> float | None:
    """A time in seconds since 1970, as the JSON protocol has it."""
    value = params.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise IamError("SerializationException", f"{name} is not a number of seconds.")
    try:
        datetime.fromtimestamp(value, tz=UTC)  # what no calendar has raises
    except (ValueError, OverflowError, OSError):
        raise IamError("InvalidTimeRangeException", f"{name} is outside the range of possible values.") from None
    return float(value)


def _attribute(value: Any) -> tuple[str, str] | None:
    """The one attribute that a lookup may have besides a span of time."""
    if not value:
        return None
    if not isinstance(value, list) or len(value) > 1:
        raise IamError("InvalidLookupAttributesException", "Only one lookup attribute can be specified.")
    match value[0]:
        case {"AttributeKey": str(key), "AttributeValue": str(wanted)} if key in ATTRIBUTES:
            if not 1 <= len(wanted) <= _LONGEST_VALUE:
                raise IamError("InvalidLookupAttributesException", f"A value has 1 to {_LONGEST_VALUE} characters.")
            return key, wanted
        case {"AttributeKey": key}:
            raise IamError("InvalidLookupAttributesException", f"{key!r} is not a lookup attribute with a value.")
        case _:
            raise IamError("InvalidLookupAttributesException", "A lookup attribute has a key and a value.")


def _insights(category: Any) -> bool:
    """Whether Insights events are asked for, of which there are none."""
    if category not in (None, "insight"):
        raise IamError("InvalidEventCategoryException", "The event category is not valid: there is only insight.")
    return category is not None


def _size(value: Any) -> int:
    if value is None:
        return _PAGE
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _PAGE:
        raise IamError("InvalidMaxResultsException", f"MaxResults is a number from 1 to {_PAGE}.")
    return value


def _digest(account: str, params: Mapping[str, Any]) -> str:
    """What a token is bound to: the same parameters have to come with it."""
    asked = {name: params.get(name) for name in ("LookupAttributes", "StartTime", "EndTime", "EventCategory")}
    return hashlib.sha256(json.dumps([account, asked], sort_keys=True).encode()).hexdigest()


def _token(digest: str, last: int) -> str:
    """Opaque, and bound to an event rather than to a position: what happens between two pages shifts nothing."""
    return base64.urlsafe_b64encode(json.dumps([digest, last]).encode()[::-1]).decode()


def _before(token: Any, digest: str) -> int | None:
    if token is None:
        return None
    try:
        bound_to, last = json.loads(base64.urlsafe_b64decode(token)[::-1])
    except (ValueError, TypeError, RecursionError):
        bound_to, last = None, None
    if bound_to != digest or not isinstance(last, int):
        text = "The token is invalid, or was used before in a request with different parameters."
        raise IamError("InvalidNextTokenException", text)
    return last


# --- what is answered ----------------------------------------------------------------------------


def reply(value: Mapping[str, Any], *, status: int = 200) -> Reply:
    """An answer in CloudTrail's protocol."""
    body = json.dumps(value).encode()
    return Reply(status=status, body=body, headers={"Content-Type": "application/x-amz-json-1.1"})


_CODES: Final[Mapping[str, tuple[str, int]]] = {
    "AccessDenied": ("AccessDeniedException", 400),
    "ExpiredToken": ("ExpiredTokenException", 400),
    "InvalidClientTokenId": ("UnrecognizedClientException", 400),
    "MissingAuthenticationToken": ("MissingAuthenticationTokenException", 400),
    "ServiceFailure": ("InternalFailure", 500),
    "Throttling": ("ThrottlingException", 400),
}


def refusal(error: IamError) -> Reply:
    """A refusal in CloudTrail's protocol, where codes end in Exception and most are 400 (its CommonErrors)."""
    code, status = _CODES.get(error.code, (error.code, error.status))
    return reply({"__type": code, "message": error.message}, status=status)
