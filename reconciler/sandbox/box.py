"""The sandbox itself: it takes a request, finds who asks and what for, and answers as IAM would.

Every transport ends here: the hook of an in-process session and the loopback server hand over a
`Request` and pass on the `Reply`. So there is one behaviour, one count of calls, one journal.
"""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from random import Random
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from reconciler.sandbox import calls, wire
from reconciler.sandbox.account import Account
from reconciler.sandbox.callers import AwsItself, Caller, Credentials, Root, SessionCaller, UserCaller
from reconciler.sandbox.calls import sts
from reconciler.sandbox.clock import Clock
from reconciler.sandbox.errors import IamError
from reconciler.sandbox.http import Reply, Request
from reconciler.sandbox.tables import Tables
from reconciler.sandbox.world import DEFAULT_ACCOUNT, Call, Switches, World

if TYPE_CHECKING:
    import boto3

_READING: Final = ("Get", "List", "Simulate", "Generate", "AssumeRole")
_BODY_LIMIT: Final = 1_000_000
_KEY_IS_ACCOUNT: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One mutating call that was carried out or refused; `error` is its code, `after` the account's tables."""

    call: str
    account: str
    caller: str
    params: Mapping[str, Any]
    error: str | None
    at: datetime
    after: Tables


class Sandbox:
    """Any number of AWS accounts that behave like IAM. Several sandboxes can live in one process.

    `seed` makes IDs, orders and faults repeatable; `clock` gives the time (a callable, best a
    `Clock`); `page_size` ends every page early; `quotas` overrides defaults by the names of
    GetAccountSummary; `switches` says how to stand where sources disagree.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        clock: Callable[[], datetime] | None = None,
        page_size: int | None = None,
        quotas: Mapping[str, int] | None = None,
        switches: Switches | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.switches = switches or Switches()
        self.world = World(seed=seed, clock=self.clock, switches=self.switches, quotas=quotas or {})
        self.world.page_size = page_size
        self.calls: Counter[str] = Counter()
        self.mutating_calls: Counter[str] = Counter()
        self.journal: list[JournalEntry] = []
        self._lock = threading.RLock()
        self._request_ids = Random(f"requests-{seed}")  # noqa: S311 - repeatable on purpose
        self.account(DEFAULT_ACCOUNT)

    def account(self, account_id: str = DEFAULT_ACCOUNT) -> Account:
        """An account, made at the first use."""
        with self._lock:
            self.world.account(account_id)
        return Account(self, account_id)

    def session(self, account_id: str = DEFAULT_ACCOUNT, caller: str | None = None) -> boto3.Session:
        """A boto3 session whose clients are answered by this sandbox, without sockets.

        `caller` is the ARN, or `user/NAME`, or `role/NAME[/SESSION]`; None is the account's root.
        """
        from reconciler.sandbox.inprocess import make_session

        return make_session(self, self.credentials(account_id, caller))

    def credentials(self, account_id: str = DEFAULT_ACCOUNT, caller: str | None = None) -> Credentials:
        """Fresh keys for a caller; see `session`."""
        with self._lock:
            return sts.issue(self.world, self._caller(account_id, caller))

    def reset_calls(self) -> None:
        """Forget counts and journal."""
        with self._lock:
            self.calls.clear()
            self.mutating_calls.clear()
            self.journal.clear()

    def perform(self, account_id: str, name: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do a call as somebody outside the story: not counted, no faults, no protection. Raises IamError."""
        with self._lock:
            account = self.world.account(account_id)
            caller = AwsItself(account_id=account_id)
            call = Call(world=self.world, account=account, caller=caller, name=name, params=dict(params))
            return calls.HANDLERS["iam"][name](call)

    # --- answering -------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        """Answer one request of any service that the sandbox knows."""
        scope = request.scope
        service = scope[2] if scope else "iam"
        return self._answer_query(service if service in calls.HANDLERS else "iam", request)

    def _answer_query(self, service: str, request: Request) -> Reply:
        request_id = self._request_id()
        try:
            body = self._carry_out(service, request, request_id)
        except IamError as error:
            return self._reply(error.status, wire.write_error(error, service, request_id), request_id)
        return self._reply(200, body, request_id)

    def _carry_out(self, service: str, request: Request, request_id: str) -> str:
        form = _form(request)
        action = form.get("Action")
        if action is None:
            raise IamError("MissingAction", "The request must contain the parameter Action.")
        operation = wire.operation_model(service, action)
        with self._lock:
            caller = self._authenticated(request)
            self._count(action)
            params = wire.read(operation, form)
            call = Call(
                world=self.world,
                account=self.world.account(caller.account_id),
                caller=caller,
                name=action,
                params=params,
            )
            result = self._handle(service, call)
            return wire.write(operation, result, request_id)

    def _handle(self, service: str, call: Call) -> Mapping[str, Any]:
        handler = calls.HANDLERS[service].get(call.name)
        if handler is None:
            raise IamError("InvalidAction", f"The sandbox does not offer {call.name}.")
        error: str | None = None
        try:
            return handler(call)
        except IamError as refusal:
            error = refusal.code
            raise
        finally:
            if is_mutating(call.name):
                self._record(call, error)

    def _count(self, action: str) -> None:
        self.calls[action] += 1
        if is_mutating(action):
            self.mutating_calls[action] += 1

    def _record(self, call: Call, error: str | None) -> None:
        self.journal.append(
            JournalEntry(
                call=call.name,
                account=call.account.account_id,
                caller=sts.caller_arn(self.world, call.caller),
                params=call.params,
                error=error,
                at=self.clock(),
                after=call.tables.copy(),
            )
        )

    def _authenticated(self, request: Request) -> Caller:
        if request.scope is None:
            raise IamError("MissingAuthenticationToken", "Request is missing Authentication Token")
        key = request.scope[0]
        known = self.world.credentials.get(key)
        if known is None:
            is_account = len(key) == _KEY_IS_ACCOUNT and key.isdecimal()
            return Root(account_id=key if is_account else DEFAULT_ACCOUNT)
        if not known.active:
            raise IamError("InvalidClientTokenId", "The security token included in the request is invalid.")
        if known.expires is not None and known.expires <= self.clock():
            raise IamError("ExpiredToken", "The security token included in the request is expired")
        return known.caller

    def _caller(self, account_id: str, caller: str | None) -> Caller:
        account = self.world.account(account_id)
        if caller is None:
            return Root(account_id=account_id)
        kind, _, rest = caller.rpartition(":")[2].partition("/")
        name, _, session = rest.partition("/")
        match kind:
            case "user":
                return UserCaller(
                    account_id=account_id, user_id=account.tables.users.get(rest.rpartition("/")[2]).user_id
                )
            case "role" | "assumed-role":
                role = account.tables.roles.get(name)
                return SessionCaller(
                    account_id=account_id,
                    role_id=role.role_id,
                    role_name=role.name,
                    session_name=session or "sandbox",
                )
            case _:
                raise ValueError(f"a caller is user/NAME or role/NAME/SESSION, not {caller!r}")

    def _request_id(self) -> str:
        return str(uuid.UUID(int=self._request_ids.getrandbits(128), version=4))

    def _reply(self, status: int, body: str, request_id: str) -> Reply:
        headers = {
            "x-amzn-RequestId": request_id,
            "Content-Type": "text/xml",
            "Date": format_datetime(self.clock(), usegmt=True),
        }
        return Reply(status=status, body=body.encode(), headers=headers)


def is_mutating(action: str) -> bool:
    """Whether a call of this name changes an account."""
    return not action.startswith(_READING)


def _form(request: Request) -> dict[str, str]:
    if len(request.body) > _BODY_LIMIT:
        raise IamError("RequestEntityTooLarge", f"The request is longer than {_BODY_LIMIT} bytes.")
    try:
        text = request.body.decode()
    except UnicodeDecodeError:
        raise IamError("ValidationError", "The request is not UTF-8.") from None
    return dict(parse_qsl(text or urlsplit(request.url).query, keep_blank_values=True))
