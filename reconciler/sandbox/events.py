"""What CloudTrail records of a call: who made it, what was asked, and what came of it.

A call that failed is an event as well. It did nothing: `errorCode` and `errorMessage` say why, and there are no
`responseElements` (AWS CloudTrail User Guide, cloudtrail-event-reference-record-contents). Names begin with a small
letter where IAM's begin with a capital, and no secret is written down.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from reconciler.sandbox.wire import service_model, timestamp

HOME: Final = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""The region in which a partition's IAM records."""

SOURCE: Final = "iam.amazonaws.com"

SECRETS: Final = frozenset({"SecretAccessKey", "Password", "NewPassword", "OldPassword"})
"""Parameters and results that CloudTrail does not write down, and no file does."""

_TYPES: Final = {"Role": "AWS::IAM::Role", "User": "AWS::IAM::User", "Group": "AWS::IAM::Group"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One call. `identity` is CloudTrail's userIdentity; `params` is None where the call was not let so far.

    `error_code` is IAM's own, None where the call was done; `number` counts all events of a sandbox.
    """

    name: str
    account: str
    at: datetime
    identity: Mapping[str, Any]
    params: Mapping[str, Any] | None
    result: Mapping[str, Any]
    number: int
    error_code: str | None = None
    error_message: str | None = None

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
        return str(self.identity["arn"]).rpartition(":")[2].rpartition("/")[2]

    @property
    def access_key_id(self) -> str | None:
        """The key that the call was signed with; None where somebody outside made it."""
        return self.identity.get("accessKeyId")

    @property
    def resources(self) -> list[dict[str, str]]:
        """Names, ARNs and IDs of roles, users and groups that the event is about."""
        found: list[dict[str, str]] = []
        for noun, kind in _TYPES.items():
            made = self.result.get(noun, {})
            names = [(self.params or {}).get(f"{noun}Name"), made.get("Arn"), made.get(f"{noun}Id")]
            found += [{"ResourceType": kind, "ResourceName": name} for name in names if name]
        return found

    def has(self, attribute: str, value: str) -> bool:
        """Whether a lookup attribute (EventName, ResourceName, ...) has this value; ValueError when it is none."""
        match attribute:
            case "EventName":
                return value == self.name
            case "EventId":
                return value == self.event_id
            case "EventSource":
                return value == SOURCE
            case "ReadOnly":
                return value == "false"
            case "Username":
                return value == self.username
            case "AccessKeyId":
                return value == self.access_key_id
            case "ResourceName" | "ResourceType":
                return any(resource[attribute] == value for resource in self.resources)
            case _:
                raise ValueError(f"{attribute} is not a lookup attribute")

    def entry(self) -> dict[str, Any]:
        """The event as LookupEvents lists it."""
        key = {"AccessKeyId": self.access_key_id} if self.access_key_id else {}
        return {
            "EventId": self.event_id,
            "EventName": self.name,
            "ReadOnly": "false",
            **key,
            "EventTime": int(self.at.timestamp()),
            "EventSource": SOURCE,
            "Username": self.username,
            "Resources": self.resources,
            "CloudTrailEvent": json.dumps(self.record()),
        }

    def record(self) -> dict[str, Any]:
        """The whole record."""
        error = {"errorCode": recorded_code(self.error_code)} if self.error_code else {}
        message = {"errorMessage": self.error_message} if self.error_message else {}
        return {
            "eventVersion": "1.08",
            "userIdentity": dict(self.identity),
            "eventTime": timestamp(self.at),
            "eventSource": SOURCE,
            "eventName": self.name,
            "awsRegion": HOME.get(_partition(self.identity), HOME["aws"]),
            "sourceIPAddress": "127.0.0.1",
            **error,
            **message,
            "requestParameters": _recorded(self.params),
            "responseElements": _recorded(self.result) or None,
            "requestID": self.request_id,
            "eventID": self.event_id,
            "readOnly": False,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": self.account,
            "eventCategory": "Management",
        }


@cache
def recorded_code(code: str) -> str:
    """`NoSuchEntityException` for `NoSuchEntity`: CloudTrail names the exception, where IAM's model has one."""
    shapes = service_model("iam").error_shapes
    return next((shape.name for shape in shapes if shape.metadata.get("error", {}).get("code") == code), code)


def _partition(identity: Mapping[str, Any]) -> str:
    return str(identity["arn"]).split(":")[1]


def _recorded(value: Any) -> Any:
    """The same as CloudTrail writes it: `roleName` for `RoleName`."""
    match value:
        case Mapping():
            return {name[:1].lower() + name[1:]: _recorded(item) for name, item in value.items() if name not in SECRETS}
        case list() | tuple():
            return [_recorded(item) for item in value]
        case datetime():
            return _date(value)
        case bytes():
            return value.decode(errors="replace")
        case _:
            return value


def _date(moment: datetime) -> str:
    """`Mar 24, 2014 9:11:59 PM` (AWS CloudTrail User Guide, cloudtrail-log-file-examples)."""
    at = moment.astimezone(UTC)
    return f"{at:%b} {at.day}, {at.year} {at.hour % 12 or 12}:{at:%M:%S %p}"
