"""CloudTrail's memory of what was changed: LookupEvents over the last ninety days.

Every change of an account is in it, also what somebody outside did through the verbs of an `Account`.
It is where a dead unique ID can still be traced: the event that made the role or user carries the ID.
Events of IAM are in the partition's first region only (IAM User Guide, cloudtrail-integration).
"""

from __future__ import annotations

import json
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from reconciler.sandbox.errors import IamError
from reconciler.sandbox.http import Reply, Request

HOME: Final = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""The region in which a partition's IAM records."""

_KEPT: Final = timedelta(days=90)
_MOST: Final = 100_000
_PAGE: Final = 50
_TYPES: Final = {"Role": "AWS::IAM::Role", "User": "AWS::IAM::User", "Group": "AWS::IAM::Group"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change: who, what, and what came of it."""

    name: str
    account: str
    at: datetime
    caller_arn: str
    caller_id: str
    params: Mapping[str, Any]
    result: Mapping[str, Any]
    number: int

    @property
    def event_id(self) -> str:
        """The same for the same event on every reading."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.account}/{self.number}"))

    @property
    def request_id(self) -> str:
        """Likewise; what outsiders did had no request, and gets an ID all the same."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.account}/{self.number}/request"))

    @property
    def username(self) -> str:
        """`alice`, the name of a session, or `root`."""
        return self.caller_arn.rpartition(":")[2].rpartition("/")[2]

    @property
    def resources(self) -> list[dict[str, str]]:
        """Names, ARNs and IDs of roles, users and groups that the event is about."""
        found: list[dict[str, str]] = []
        for noun, kind in _TYPES.items():
            made = self.result.get(noun, {})
            names = [self.params.get(f"{noun}Name"), made.get("Arn"), made.get(f"{noun}Id")]
            found += [{"ResourceType": kind, "ResourceName": name} for name in names if name]
        return found


@dataclass
class Trail:
    """The events of all accounts, oldest first."""

    events: deque[Event] = field(default_factory=lambda: deque(maxlen=_MOST))
    count: int = 0

    def record(self, event: Event) -> None:
        """Keep an event."""
        self.events.append(event)
        self.count += 1

    def answer(self, action: str, request: Request, *, account: str, now: datetime) -> dict[str, Any]:
        """Answer a call of CloudTrail; IamError is its refusal."""
        if action != "LookupEvents":
            raise IamError("UnknownOperationException", f"The sandbox's CloudTrail does not offer {action}.")
        if request.scope and request.scope[1] not in HOME.values():
            return {"Events": []}
        params = _params(request.body)
        try:
            return self.lookup(account, params, now)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            raise IamError("ValidationException", "The parameters of LookupEvents are not understood.") from None

    def lookup(self, account: str, params: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """LookupEvents: newest first, fifty at a time."""
        attributes = params.get("LookupAttributes", [])
        if len(attributes) > 1:
            raise IamError("InvalidLookupAttributesException", "Only one lookup attribute can be specified.")
        since = max(now - _KEPT, _time(params.get("StartTime"), now - _KEPT))
        until = _time(params.get("EndTime"), now)
        found = [
            event
            for event in reversed(self.events)
            if event.account == account and since <= event.at <= until and _matches(event, attributes)
        ]
        start, size = int(params.get("NextToken", 0)), min(int(params.get("MaxResults", _PAGE)), _PAGE)
        page = {"Events": [_view(event) for event in found[start : start + size]]}
        return page | ({"NextToken": str(start + size)} if start + size < len(found) else {})


def _time(value: Any, default: datetime) -> datetime:
    return default if value is None else datetime.fromtimestamp(float(value), tz=default.tzinfo)


def _matches(event: Event, attributes: list[Mapping[str, str]]) -> bool:
    return all(attribute["AttributeValue"] in _values(event, attribute["AttributeKey"]) for attribute in attributes)


def _values(event: Event, key: str) -> list[str]:
    """What the event has under a lookup attribute."""
    match key:
        case "EventName":
            return [event.name]
        case "EventId":
            return [event.event_id]
        case "EventSource":
            return ["iam.amazonaws.com"]
        case "ReadOnly":
            return ["false"]
        case "Username":
            return [event.username]
        case "ResourceName" | "ResourceType":
            return [resource[key] for resource in event.resources]
        case _:
            raise IamError("InvalidLookupAttributesException", f"{key} is not a lookup attribute.")


def _view(event: Event) -> dict[str, Any]:
    return {
        "EventId": event.event_id,
        "EventName": event.name,
        "EventSource": "iam.amazonaws.com",
        "EventTime": int(event.at.timestamp()),
        "ReadOnly": "false",
        "Username": event.username,
        "Resources": event.resources,
        "CloudTrailEvent": json.dumps(_record(event), default=str),
    }


def _record(event: Event) -> dict[str, Any]:
    return {
        "eventVersion": "1.08",
        "userIdentity": {"principalId": event.caller_id, "arn": event.caller_arn, "accountId": event.account},
        "eventTime": event.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "iam.amazonaws.com",
        "eventName": event.name,
        "awsRegion": HOME["aws"],
        "requestParameters": _lower(event.params),
        "responseElements": _lower(event.result) or None,
        "requestID": event.request_id,
        "eventID": event.event_id,
        "readOnly": False,
        "eventType": "AwsApiCall",
        "recipientAccountId": event.account,
    }


def _lower(value: Any) -> Any:
    """The same with names as CloudTrail writes them: `roleName` for `RoleName`."""
    match value:
        case Mapping():
            return {name[:1].lower() + name[1:]: _lower(item) for name, item in value.items()}
        case list() | tuple():
            return [_lower(item) for item in value]
        case _:
            return value


def _params(body: bytes) -> dict[str, Any]:
    try:
        params = json.loads(body or b"{}")
    except ValueError:
        params = None
    if not isinstance(params, dict):
        raise IamError("SerializationException", "The request is not a JSON object.")
    return params


def reply(value: Mapping[str, Any], *, status: int = 200) -> Reply:
    """An answer in CloudTrail's protocol."""
    body = json.dumps(value).encode()
    return Reply(status=status, body=body, headers={"Content-Type": "application/x-amz-json-1.1"})
