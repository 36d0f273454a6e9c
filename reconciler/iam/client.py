"""IAM, one typed method per API call.

Reads are patient: they are retried by botocore, ten attempts, and their client refuses whatever is not a
read. Writes are sent once, by a client of their own that only an apply has: a retry after a lost reply would
meet its own success and call it a conflict. Whoever writes decides what a failure means, by its `Kind`, after
looking.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar, assert_never

from reconciler.iam import shapes
from reconciler.iam.errors import Asked, NotUnderstoodError
from reconciler.iam.meaning import reading, understand
from reconciler.iam.shapes import Caller, Identity, PolicyFacts
from reconciler.iam.wire import Page, unpack
from reconciler.log import Level, log
from reconciler.model.change import Call, Json
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError
from reconciler.model.policy import PolicyDocument, compact
from reconciler.model.role import Role

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

T = TypeVar("T")
Answered = TypeVar("Answered")

PAGE_SIZE = 1000
READS = frozenset(
    {
        "GetAccountAuthorizationDetails",
        "GetAccountSummary",
        "GetPolicy",
        "GetPolicyVersion",
        "GetRole",
        "GetRolePolicy",
        "GetUser",
        "ListAttachedRolePolicies",
        "ListInstanceProfilesForRole",
        "ListPolicyTags",
        "ListPolicyVersions",
        "ListRolePolicies",
        "ListRoles",
    }
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What IAM answered to a write: the request's ID, and the result in IAM's own names."""

    request_id: str | None
    result: Json = field(default_factory=dict)


class Tally:
    """How many requests were answered, by API name; a retry is no further request. Counts from any thread."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def add(self, call: str) -> None:
        """Count one more."""
        with self._lock:
            self._counts[call] = self._counts.get(call, 0) + 1

    def counted(self) -> dict[str, int]:
        """Return the counts so far, sorted by name."""
        with self._lock:
            return dict(sorted(self._counts.items()))


def ask(send: Callable[[], T], asked: Asked, tally: Tally) -> T:
    """Make one call: count it, log it, and raise an AwsError for whatever goes wrong."""
    level: Level = "info" if asked.writes else "debug"
    started = perf_counter()
    try:
        reply = send()
    except ReconcilerError:
        raise
    except Exception as error:
        failure = understand(error, asked)
        if failure.status is not None or isinstance(error, NotUnderstoodError):
            tally.add(asked.call)
        _log(level, asked, started, failure.request_id, failure.code or failure.kind.value)
        raise failure from error
    tally.add(asked.call)
    _log(level, asked, started, _request_id(reply), "done")
    return reply


def _log(level: Level, asked: Asked, started: float, request_id: str | None, outcome: str) -> None:
    log(
        level,
        "call",
        call=asked.call,
        account=asked.account,
        address=asked.address,
        request_id=request_id,
        duration=round(perf_counter() - started, 3),
        outcome=outcome,
    )


def _request_id(reply: object) -> str | None:
    metadata = reply.get("ResponseMetadata", {}) if isinstance(reply, Mapping) else {}
    return metadata.get("RequestId") or None


def refuse_writes(model: Any, **_event: object) -> None:
    """Refuse what is not a read before it is sent: botocore's `before-call` event, for every reading client."""
    if model.name not in READS:
        raise refuse(model.name)


def refuse(call: str) -> ReconcilerError:
    """Return the error for a call that was about to be sent and is no read."""
    return ReconcilerError(
        Diagnostic(
            Code.RA418,
            f"{call} was about to be called while only reading; it was not sent.",
            help="This is a fault of this program: please report it.",
        )
    )


class Iam:
    """One account's IAM. `account` and `partition` are the caller's; `calls` counts the requests answered."""

    def __init__(self, *, caller: Caller, reader: IAMClient, writer: IAMClient | None, tally: Tally) -> None:
        """Take the clients as `Aws.account` makes them; `writer` is None where nothing may be written."""
        self.caller = caller
        self.account = caller.account
        self.partition = caller.partition
        self._reader = reader
        self._writer = writer
        self._tally = tally

    @property
    def calls(self) -> dict[str, int]:
        """Return how many requests were answered, by API name."""
        return self._tally.counted()

    def authorization_pages(self, kinds: Sequence[str]) -> Iterator[Page]:
        """Yield the pages of GetAccountAuthorizationDetails for `User`, `Role`, `Group`, `LocalManagedPolicy`."""
        filters: Any = list(kinds)
        return self._pages(
            "GetAccountAuthorizationDetails",
            lambda marker: self._reader.get_account_authorization_details(Filter=filters, MaxItems=PAGE_SIZE, **marker),
        )

    def role_pages(self) -> Iterator[Page]:
        """Yield the pages of ListRoles."""
        return self._pages("ListRoles", lambda marker: self._reader.list_roles(MaxItems=PAGE_SIZE, **marker))

    def get_role(self, name: str) -> Role:
        """Return a role as GetRole shows it: without what is attached to it, inline or managed."""
        return self._one(
            "GetRole",
            lambda: self._reader.get_role(RoleName=name),
            lambda reply: shapes.role_of(reply["Role"], partition=self.partition, account=self.account),
        )

    def get_role_policy(self, name: str, policy: str) -> PolicyDocument:
        """Return the document of a role's inline policy."""
        return self._one(
            "GetRolePolicy",
            lambda: self._reader.get_role_policy(RoleName=name, PolicyName=policy),
            lambda reply: unpack(reply["PolicyDocument"]),
        )

    def list_role_policies(self, name: str) -> tuple[str, ...]:
        """Return the names of a role's inline policies, sorted."""
        return self._listed(
            "ListRolePolicies",
            "PolicyNames",
            lambda marker: self._reader.list_role_policies(RoleName=name, MaxItems=PAGE_SIZE, **marker),
            lambda found: tuple(sorted(found)),
        )

    def list_attached_role_policies(self, name: str) -> frozenset[str]:
        """Return the ARNs of the managed policies attached to a role."""
        return self._listed(
            "ListAttachedRolePolicies",
            "AttachedPolicies",
            lambda marker: self._reader.list_attached_role_policies(RoleName=name, MaxItems=PAGE_SIZE, **marker),
            lambda found: frozenset(each["PolicyArn"] for each in found),
        )

    def list_instance_profiles_for_role(self, name: str) -> tuple[str, ...]:
        """Return the names of the instance profiles that hold a role, sorted."""
        return self._listed(
            "ListInstanceProfilesForRole",
            "InstanceProfiles",
            lambda marker: self._reader.list_instance_profiles_for_role(RoleName=name, MaxItems=PAGE_SIZE, **marker),
            lambda found: tuple(sorted(each["InstanceProfileName"] for each in found)),
        )

    def get_policy(self, arn: str) -> PolicyFacts:
        """Return a managed policy, customer's or AWS's, without its document."""
        return self._one(
            "GetPolicy",
            lambda: self._reader.get_policy(PolicyArn=arn),
            lambda reply: shapes.facts_of(reply["Policy"]),
        )

    def get_policy_version(self, arn: str, version: str) -> PolicyDocument:
        """Return the document of one version of a managed policy."""
        return self._one(
            "GetPolicyVersion",
            lambda: self._reader.get_policy_version(PolicyArn=arn, VersionId=version),
            lambda reply: unpack(reply["PolicyVersion"]["Document"]),
        )

    def list_policy_versions(self, arn: str) -> tuple[str, ...]:
        """Return the version IDs of a managed policy, oldest first."""
        return self._listed(
            "ListPolicyVersions",
            "Versions",
            lambda marker: self._reader.list_policy_versions(PolicyArn=arn, MaxItems=PAGE_SIZE, **marker),
            lambda found: shapes.oldest_first(each["VersionId"] for each in found),
        )

    def list_policy_tags(self, arn: str) -> dict[str, str]:
        """Return the tags of a managed policy."""
        return self._listed(
            "ListPolicyTags",
            "Tags",
            lambda marker: self._reader.list_policy_tags(PolicyArn=arn, MaxItems=PAGE_SIZE, **marker),
            shapes.tags_of,
        )

    def get_user(self, name: str) -> Identity:
        """Return who a user is."""
        return self._one(
            "GetUser",
            lambda: self._reader.get_user(UserName=name),
            lambda reply: shapes.user_of(reply["User"], partition=self.partition, account=self.account),
        )

    def get_account_summary(self) -> dict[str, int]:
        """Return the account's quotas and counts under GetAccountSummary's own names, such as `RolesQuota`."""
        return self._one(
            "GetAccountSummary",
            self._reader.get_account_summary,
            lambda reply: {str(key): int(value) for key, value in reply["SummaryMap"].items()},
        )

    def write(self, call: Call, params: Json, *, address: str | None = None) -> Reply:
        """Send one write, once. Documents in `params` are JSON objects and go out as compact text.

        Raises AwsError. Of its kinds `unknown_outcome` and `server_error` do not say whether the write was done:
        read, then decide.
        """
        writer = self._writer
        if writer is None:
            raise refuse(call.value)
        sent = {key: compact(value) if isinstance(value, Mapping) else value for key, value in params.items()}
        asked = self._asked(call.value, writes=True, address=address)
        answer = ask(lambda: _send(writer, call, sent), asked, self._tally)
        result = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
        return Reply(_request_id(answer), result)

    def _asked(self, call: str, *, writes: bool = False, address: str | None = None) -> Asked:
        return Asked(call=call, writes=writes, account=self.account, partition=self.partition, address=address)

    def _read(self, call: str, send: Callable[[], T]) -> T:
        return ask(send, self._asked(call), self._tally)

    def reading(self, call: str) -> AbstractContextManager[None]:
        """Make values of a reply in this context: what is missing or misshapen in it is an AwsError (RA405)."""
        return reading(self._asked(call))

    def _pages(self, call: str, send: Callable[[dict[str, str]], Any]) -> Iterator[Page]:
        return (reply["Page"] for reply in self._replies(call, send, lambda reply: reply["Page"].marker))

    def _one(self, call: str, send: Callable[[], Answered], make: Callable[[Answered], T]) -> T:
        """Return what is made of the one reply to a call."""
        reply = self._read(call, send)
        with self.reading(call):
            return make(reply)

    def _listed(self, call: str, key: str, send: Callable[[dict[str, str]], Any], make: Callable[[list[Any]], T]) -> T:
        """Return what is made of the members of a list, of all its pages."""
        with self.reading(call):
            replies = self._replies(call, send, _next_marker)
            return make([each for reply in replies for each in _members(reply, key)])

    def _replies(
        self, call: str, send: Callable[[dict[str, str]], Any], marker_of: Callable[[Any], str | None]
    ) -> Iterator[Any]:
        """Yield reply after reply, to the last: a marker that comes twice would never end."""
        seen: set[str] = set()
        marker: dict[str, str] = {}
        while True:
            reply = self._read(call, partial(send, marker))
            yield reply
            following = marker_of(reply)
            if following is None:
                return
            if following in seen:
                raise understand(NotUnderstoodError("it gives the same marker twice"), self._asked(call))
            seen.add(following)
            marker = {"Marker": following}


def _members(reply: Mapping[str, Any], key: str) -> Sequence[Any]:
    """Return the members of a list; a page that tells whether it is the last may leave out an empty one."""
    members: Sequence[Any] = reply.get(key, ()) if "IsTruncated" in reply else reply[key]
    return members


def _next_marker(reply: Mapping[str, Any]) -> str | None:
    if not reply.get("IsTruncated"):
        return None
    marker = reply.get("Marker")
    if not marker:
        raise ValueError("there is more, and it does not say where")
    return str(marker)


def _send(  # noqa: C901, PLR0912  one arm a call
    client: IAMClient, call: Call, params: dict[str, Any]
) -> Mapping[str, Any]:
    match call:
        case Call.CREATE_POLICY:
            return client.create_policy(**params)
        case Call.CREATE_POLICY_VERSION:
            return client.create_policy_version(**params)
        case Call.DELETE_POLICY_VERSION:
            return client.delete_policy_version(**params)
        case Call.DELETE_POLICY:
            return client.delete_policy(**params)
        case Call.TAG_POLICY:
            return client.tag_policy(**params)
        case Call.UNTAG_POLICY:
            return client.untag_policy(**params)
        case Call.CREATE_ROLE:
            return client.create_role(**params)
        case Call.UPDATE_ASSUME_ROLE_POLICY:
            return client.update_assume_role_policy(**params)
        case Call.UPDATE_ROLE:
            return client.update_role(**params)
        case Call.PUT_ROLE_POLICY:
            return client.put_role_policy(**params)
        case Call.DELETE_ROLE_POLICY:
            return client.delete_role_policy(**params)
        case Call.ATTACH_ROLE_POLICY:
            return client.attach_role_policy(**params)
        case Call.DETACH_ROLE_POLICY:
            return client.detach_role_policy(**params)
        case Call.PUT_ROLE_PERMISSIONS_BOUNDARY:
            return client.put_role_permissions_boundary(**params)
        case Call.DELETE_ROLE_PERMISSIONS_BOUNDARY:
            return client.delete_role_permissions_boundary(**params)
        case Call.TAG_ROLE:
            return client.tag_role(**params)
        case Call.UNTAG_ROLE:
            return client.untag_role(**params)
        case Call.REMOVE_ROLE_FROM_INSTANCE_PROFILE:
            return client.remove_role_from_instance_profile(**params)
        case Call.DELETE_ROLE:
            return client.delete_role(**params)
        case _:
            assert_never(call)
