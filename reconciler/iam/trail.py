"""CloudTrail, as far as it is asked here: LookupEvents, which remembers ninety days of what was changed.

AWS allows two lookups a second, per account and region, and throttles what comes faster (AWS CloudTrail API
Reference, LookupEvents). So this client keeps the pace itself, and waits longer where somebody else uses it up.
Events of IAM are recorded in one region of a partition (IAM User Guide, cloudtrail-integration).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from reconciler.iam.client import Tally, ask, refuse
from reconciler.iam.errors import Asked, AwsError, Kind, NotUnderstoodError
from reconciler.iam.meaning import reading, understand
from reconciler.iam.shapes import Caller

if TYPE_CHECKING:
    from mypy_boto3_cloudtrail import CloudTrailClient

Event: TypeAlias = Mapping[str, Any]
"""An entry of LookupEvents: `EventName`, `EventId`, and the whole record as JSON text in `CloudTrailEvent`."""

HOMES: Final[Mapping[str, str]] = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""The region in which a partition records what happens in IAM."""

CALL: Final = "LookupEvents"
SECONDS_BETWEEN: Final = 0.5
PAGE_SIZE: Final = 50
TRIES: Final = 6
PASSING: Final = frozenset({Kind.THROTTLED, Kind.SERVER_ERROR, Kind.UNREACHABLE})


def refuse_all_but_lookups(model: Any, **_event: object) -> None:
    """Refuse every call but LookupEvents before it is sent: botocore's `before-call` event."""
    if model.name != CALL:
        raise refuse(model.name)


class Trail:
    """The CloudTrail of one account; `sleep` and `monotonic` are in seconds. Not for several threads at once."""

    def __init__(
        self,
        *,
        caller: Caller,
        client: CloudTrailClient,
        tally: Tally,
        sleep: Callable[[float], None],
        monotonic: Callable[[], float],
    ) -> None:
        """Take the client as `Aws.trail` makes it, and the count of the account's requests."""
        self.account = caller.account
        self.partition = caller.partition
        self._client = client
        self._tally = tally
        self._sleep = sleep
        self._monotonic = monotonic
        self._not_before = monotonic()

    def pages(self, event_name: str, *, since: datetime | None = None) -> Iterator[list[Event]]:
        """Yield the events of a call, newest first, fifty a page; raises AwsError after some patience.

        `since` None is as far back as CloudTrail goes.
        """
        params: dict[str, Any] = {
            "LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": event_name}],
            "MaxResults": PAGE_SIZE,
        }
        if since is not None:
            params["StartTime"] = since
        seen: set[str] = set()
        while True:
            reply = self._patiently(params)
            with reading(self._asked):
                yield _events(reply)
            token = reply.get("NextToken")
            if not token:
                return
            if token in seen:
                raise understand(NotUnderstoodError("it gives the same token twice"), self._asked)
            seen.add(token)
            params = {**params, "NextToken": token}

    @property
    def _asked(self) -> Asked:
        return Asked(call=CALL, service="cloudtrail", account=self.account, partition=self.partition)

    def _patiently(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a reply, after up to `TRIES` attempts, one second apart and then twice as long each time."""
        failures = 0
        while True:
            self._keep_pace()
            try:
                return ask(lambda: self._client.lookup_events(**params), self._asked, self._tally)
            except AwsError as error:
                failures += 1
                if error.kind not in PASSING or failures == TRIES:
                    raise
            self._sleep(2.0 ** (failures - 1))

    def _keep_pace(self) -> None:
        now = self._monotonic()
        if now < self._not_before:
            self._sleep(self._not_before - now)
        self._not_before = max(now, self._not_before) + SECONDS_BETWEEN


def _events(reply: Mapping[str, Any]) -> list[Event]:
    events = reply["Events"]
    if not isinstance(events, list):
        raise TypeError("Events is no list")
    return events
