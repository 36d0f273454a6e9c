"""The way to AWS: one base session, and from it one client for each account and service.

boto3 is imported here, when a connection is made and not before. A session costs 0.2 s, so all accounts share
one: an account that is reached through a role signs the same session's requests with that role's credentials,
which are renewed before they run out.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from reconciler.iam.client import Iam, Tally, ask, refuse_writes
from reconciler.iam.errors import Asked, NotUnderstoodError
from reconciler.iam.meaning import misconfigured, no_such_profile, reading, understand, unprintable
from reconciler.iam.retries import tell_of_retries
from reconciler.iam.shapes import Caller
from reconciler.iam.trail import HOMES, Trail, refuse_all_but_lookups
from reconciler.iam.wire import LISTS, heed_envelope, heed_status, read_here
from reconciler.model.arn import parse_arn
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config
    from mypy_boto3_cloudtrail import CloudTrailClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_sts import STSClient

T = TypeVar("T")

# IAM and STS need a region only to sign with; this one is right in the partition that most accounts are in.
DEFAULT_REGION = "us-east-1"
CONNECT_SECONDS = 5
READ_SECONDS = 30
READ_ATTEMPTS = 10  # at 3 attempts, 7 of 100 whole reads fail under IAM's throttling
STS_ATTEMPTS = 3
SESSION_NAME = "iam-reconciler"
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")


class Aws:
    """A connection with one set of credentials; `account` gives the IAM of each account that they reach.

    `signs_in` is the region that requests are signed for; it decides the partition.
    """

    def __init__(self, session: boto3.Session, *, region: str, endpoint_url: str | None, read_attempts: int) -> None:
        """Take a session that is ready; `connect` makes one."""
        self._session = session
        self.signs_in = region
        self._endpoint_url = endpoint_url
        self._read_attempts = read_attempts
        self._tally = Tally()
        self._lock = threading.Lock()
        self._caller: Caller | None = None
        self._ways: dict[str, _Way] = {}
        self._closing = ExitStack()
        self._sts: STSClient = self._client("sts", attempts=STS_ATTEMPTS)
        self._sts.meta.events.register("before-parse.sts", partial(heed_status, writes=False))
        tell_of_retries(self._sts, "sts", attempts=STS_ATTEMPTS)

    @classmethod
    def connect(
        cls,
        *,
        profile: str | None = None,
        region: str | None = None,
        endpoint_url: str | None = None,
        session: boto3.Session | None = None,
        read_attempts: int = READ_ATTEMPTS,
    ) -> Aws:
        """Return a connection; nothing is sent yet. `session` is taken in place of one of the environment's.

        Raises AwsError: no such profile, or settings that cannot be used.
        """
        base = session or _session(profile)
        chosen = region or _configured(lambda: base.region_name) or DEFAULT_REGION
        return cls(base, region=chosen, endpoint_url=endpoint_url or None, read_attempts=read_attempts)

    def close(self) -> None:
        """Close the sockets of all clients; nothing can be asked afterwards."""
        self._closing.close()

    @property
    def calls(self) -> dict[str, int]:
        """Return how many requests were answered with the base credentials, by API name."""
        return self._tally.counted()

    def caller(self) -> Caller:
        """Return whose credentials these are; asked once."""
        with self._lock:
            if self._caller is None:
                asked = Asked(call="GetCallerIdentity", service="sts")
                reply = ask(self._sts.get_caller_identity, asked, self._tally)
                with reading(asked):
                    self._caller = _caller(reply["Arn"], reply["UserId"], asked)
            return self._caller

    def account(
        self,
        account_id: str,
        *,
        role_arn: str | None = None,
        external_id: str | None = None,
        read_only: bool,
    ) -> Iam:
        """Return the IAM of an account, through `role_arn` where one is given.

        Raises AwsError, and ReconcilerError (RM113) where the credentials belong to another account than said.
        """
        from botocore.handlers import json_decode_policies  # noqa: PLC0415  boto3 has brought it

        tally = self._tally if role_arn is None else Tally()
        assumed = None if role_arn is None else _Assumed(self._sts, role_arn, external_id, tally)
        caller = self.caller() if assumed is None else assumed.caller
        if caller.account != account_id:
            raise _another_account(account_id, caller, role_arn)
        self._ways[account_id] = _Way(caller, assumed, tally)
        reader: IAMClient = self._client("iam", attempts=self._read_attempts, assumed=assumed)
        tell_of_retries(reader, "iam", attempts=self._read_attempts, account=account_id)
        reader.meta.events.register("before-call.iam", refuse_writes)
        reader.meta.events.register("before-parse.iam", partial(heed_status, writes=False))
        reader.meta.events.unregister("after-call.iam", json_decode_policies)  # `unpack` reads more spellings
        for call in LISTS:
            reader.meta.events.register(f"before-parse.iam.{call}", read_here)
        writer: IAMClient | None = None if read_only else self._client("iam", attempts=1, assumed=assumed)
        if writer is not None:
            writer.meta.events.register("before-parse.iam", partial(heed_status, writes=True))
            writer.meta.events.register("before-parse.iam", heed_envelope)
        return Iam(caller=caller, reader=reader, writer=writer, tally=tally)

    def trail(self, account_id: str, *, sleep: Callable[[float], None], monotonic: Callable[[], float]) -> Trail:
        """Return the CloudTrail of an account that `account` has given before, asked as the same caller.

        Its requests count among the account's; `sleep` and `monotonic` are in seconds.
        """
        way = self._ways[account_id]
        client: CloudTrailClient = self._client(
            "cloudtrail",
            attempts=1,  # it is the trail that waits, at its own pace
            region=HOMES.get(way.caller.partition),
            assumed=way.assumed,
        )
        client.meta.events.register("before-call.cloudtrail", refuse_all_but_lookups)
        return Trail(caller=way.caller, client=client, tally=way.tally, sleep=sleep, monotonic=monotonic)

    def _client(
        self, service: str, *, attempts: int, region: str | None = None, assumed: _Assumed | None = None
    ) -> Any:
        """Return a client of a service, closed with the connection, that signs as `assumed` if that is given."""
        make: Any = self._session.client  # its types want the service as a literal
        with self._lock:  # making a client is not safe in two threads at once
            client = _configured(
                lambda: make(
                    service,
                    region_name=region or self.signs_in,
                    endpoint_url=self._endpoint_url,
                    config=_config(attempts=attempts),
                )
            )
            self._closing.callback(client.close)
        _configured(lambda: _check_endpoint(client.meta.endpoint_url))
        if assumed is not None:
            client.meta.events.register(f"before-sign.{service}", assumed.sign_with)
        return client


class _Assumed:
    """The credentials of a role, got by AssumeRole and renewed by botocore before they run out."""

    def __init__(self, sts: STSClient, role_arn: str, external_id: str | None, tally: Tally) -> None:
        from botocore.credentials import RefreshableCredentials  # noqa: PLC0415

        self._sts = sts
        self._tally = tally
        self._params: dict[str, Any] = {"RoleArn": role_arn, "RoleSessionName": SESSION_NAME}
        if external_id is not None:
            self._params["ExternalId"] = external_id
        reply = self._assume()
        with reading(self._asked):
            user, metadata = reply["AssumedRoleUser"], _metadata(reply)
            self.caller = _caller(user["Arn"], user["AssumedRoleId"], self._asked)
        self._credentials = RefreshableCredentials.create_from_metadata(
            metadata=metadata,
            refresh_using=lambda: _metadata(self._assume()),
            method="sts-assume-role",
        )

    def sign_with(self, request: Any, **_event: object) -> None:
        """Sign a request with the role's credentials in place of the session's: botocore's `before-sign` event."""
        request.context.setdefault("signing", {})["request_credentials"] = self._credentials

    @property
    def _asked(self) -> Asked:
        return Asked(call="AssumeRole", service="sts")

    def _assume(self) -> Any:
        return ask(lambda: self._sts.assume_role(**self._params), self._asked, self._tally)


@dataclass(frozen=True)
class _Way:
    """How an account is reached: as whom, with which role's credentials if any, and where its requests count."""

    caller: Caller
    assumed: _Assumed | None
    tally: Tally


def _metadata(reply: Any) -> dict[str, str]:
    credentials = reply["Credentials"]
    return {
        "access_key": credentials["AccessKeyId"],
        "secret_key": credentials["SecretAccessKey"],
        "token": credentials["SessionToken"],
        "expiry_time": credentials["Expiration"].isoformat(),
    }


def _caller(arn: str, user_id: str, asked: Asked) -> Caller:
    parts = parse_arn(arn)
    if parts is None:
        raise understand(NotUnderstoodError(f"{arn} is not the ARN of a caller"), asked)
    return Caller(account=parts.account, arn=arn, partition=parts.partition, user_id=user_id)


def _another_account(account_id: str, caller: Caller, role_arn: str | None) -> ReconcilerError:
    whose = f"the role {role_arn}" if role_arn else "these credentials"
    return ReconcilerError(
        Diagnostic(
            Code.RM113,
            f"Account {account_id} was asked for, but {whose} belong{'s' if role_arn else ''} to {caller.account}.",
            help=f"Use credentials of {account_id}, or give it a role_arn in reconciler.toml.",
        )
    )


def _session(profile: str | None) -> boto3.Session:
    import boto3  # noqa: PLC0415  the one way to AWS, taken when needed
    import botocore.session  # noqa: PLC0415
    from botocore.exceptions import ProfileNotFound  # noqa: PLC0415

    try:
        session = boto3.Session(profile_name=profile)
    except ProfileNotFound as error:
        known = botocore.session.get_session().available_profiles
        raise no_such_profile(error.kwargs["profile"], known=known) from error
    except Exception as error:
        raise misconfigured(error) from error
    credentials = _configured(session.get_credentials)
    if credentials is not None and credentials.method == "env":
        _check_variables()
    return session


def _check_variables() -> None:
    """Refuse keys that no header can carry: sent, they would look like a connection that is lost again and again."""
    for variable in KEYS:
        if not os.environ.get(variable, "").isprintable():
            raise unprintable(variable)


def _check_endpoint(url: str) -> None:
    """Refuse what botocore takes for an endpoint and nothing can be sent to."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise ValueError(f"{url} is neither http nor https")
    _ = parts.port  # fails for a port beyond all ports


def _configured(make: Callable[[], T]) -> T:
    """Return what boto3 makes of the settings; what is wrong with them is an AwsError."""
    try:
        return make()
    except Exception as error:
        raise misconfigured(error) from error


def _config(*, attempts: int) -> Config:
    from botocore.config import Config  # noqa: PLC0415

    return Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
