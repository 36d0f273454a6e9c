"""The sandbox itself: it takes a request, finds who asks and what for, and answers as IAM would.

Every transport ends here: the hook of an in-process session and the loopback server hand over a
`Request` and pass on the `Reply`. So there is one behaviour, one count of calls, one journal.
"""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from random import Random
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from reconciler.sandbox import authority, calls, cloudtrail, files, gate, s3, s3_access, wire
from reconciler.sandbox.access import Access, Demand
from reconciler.sandbox.account import Account
from reconciler.sandbox.books import Books, JournalEntry
from reconciler.sandbox.callers import AwsItself, Credentials, SessionCaller
from reconciler.sandbox.calls import sts
from reconciler.sandbox.clock import Clock
from reconciler.sandbox.cloudtrail import Trail
from reconciler.sandbox.errors import IamError
from reconciler.sandbox.events import HOME
from reconciler.sandbox.faults import Blow, Faults
from reconciler.sandbox.http import Reply, Request
from reconciler.sandbox.identity import Identity, identity
from reconciler.sandbox.inprocess import make_session
from reconciler.sandbox.s3 import Buckets
from reconciler.sandbox.s3_call import read_call
from reconciler.sandbox.server import Server
from reconciler.sandbox.world import DEFAULT_ACCOUNT, Call, Switches, World

if TYPE_CHECKING:
    import boto3
    from botocore.model import OperationModel

_BODY_LIMIT: Final = 1_000_000
_HALF_A_DAY: Final = 43_200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exchange:
    """One request on its way: whose it is, and what befalls it."""

    service: str
    operation: OperationModel
    form: Mapping[str, str]
    request_id: str
    credentials: Credentials
    blow: Blow


class Sandbox:
    """Any number of AWS accounts that behave like IAM. Several sandboxes can live in one process.

    `seed` makes IDs, orders and faults repeatable; `clock` gives the time (a callable, best a
    `Clock`); `page_size` ends every page early; `quotas` overrides defaults by the names of
    GetAccountSummary; `switches` says how to stand where sources disagree; `sleep` is how a latency
    passes (by default the clock moves on, and nobody waits). With `enforce` (or `enforcing` set later)
    policies decide who may do what; `organization` is the ID of the one that all accounts are in.

    What was called is in the books: `calls`, `mutating_calls`, `requests` and `journal` (see `books`).
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        clock: Callable[[], datetime] | None = None,
        page_size: int | None = None,
        quotas: Mapping[str, int] | None = None,
        switches: Switches | None = None,
        sleep: Callable[[float], object] | None = None,
        enforce: bool = False,
        organization: str | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.switches = switches or Switches()
        self.world = World(seed=seed, clock=self.clock, switches=self.switches, quotas=quotas or {})
        self.world.page_size = page_size
        self.faults = Faults(seed=seed, clock=self.clock)
        self.world.delays = self.faults.delays
        self.sleep = sleep or self.advance
        self.world.organization = organization
        self.enforcing = enforce
        self.buckets = Buckets(self.clock)
        self.books = Books()
        self._lock = threading.RLock()
        self._request_ids = Random(f"requests-{seed}")
        self._neighbour_ids = Random(f"neighbours-{seed}")
        self.account(DEFAULT_ACCOUNT)

    @property
    def calls(self) -> Counter[str]:
        """How often each call was answered."""
        return self.books.calls

    @property
    def mutating_calls(self) -> Counter[str]:
        """How often each call that changes something was tried, refused ones among them."""
        return self.books.mutating

    @property
    def requests(self) -> Counter[str]:
        """How often each call came in, whether a fault struck it or not."""
        return self.books.requests

    @property
    def journal(self) -> list[JournalEntry]:
        """Every mutating call, with the state of the account after it."""
        return self.books.journal

    @property
    def trail(self) -> Trail:
        """CloudTrail's events, and how long they take to arrive."""
        return self.books.trail

    def account(self, account_id: str = DEFAULT_ACCOUNT, *, partition: str = "aws") -> Account:
        """An account, made at the first use, then in this partition. ValueError when it has not twelve digits."""
        with self._lock:
            self.world.account(account_id, partition)
        return Account(self, account_id)

    def session(
        self, account_id: str = DEFAULT_ACCOUNT, caller: str | None = None, *, mfa: bool = False
    ) -> boto3.Session:
        """A boto3 session whose clients are answered by this sandbox, without sockets.

        `caller` is the ARN, or `user/NAME`, or `role/NAME[/SESSION]`; None is the account's root. With `mfa`
        the caller has given a second factor. Clients made from the session with other keys are answered too.
        """
        credentials = self.credentials(account_id, caller, mfa=mfa)
        region = HOME.get(self.world.account(account_id).partition, "us-east-1")
        return make_session(self, credentials, region=region)

    def credentials(
        self, account_id: str = DEFAULT_ACCOUNT, caller: str | None = None, *, mfa: bool = False
    ) -> Credentials:
        """Fresh keys for a caller; see `session`. A second factor makes them temporary, as GetSessionToken."""
        with self._lock:
            who = gate.named(caller, account_id=account_id, world=self.world)
            temporary = mfa or isinstance(who, SessionCaller)
            return sts.issue(self.world, who, seconds=_HALF_A_DAY if temporary else None, mfa=mfa)

    def serve(self, *, port: int = 0, host: str = "127.0.0.1") -> Server:
        """A context manager that serves the sandbox at its `.url`; port 0 is any free one. OSError if taken."""
        return Server(self, host=host, port=port)

    def advance(self, seconds: float) -> None:
        """Move time on; ValueError when the clock was given by the caller and cannot be moved."""
        if not isinstance(self.clock, Clock):
            raise ValueError("this sandbox's clock belongs to whoever made it")  # noqa: TRY004 - not a type's fault
        self.clock.advance(seconds)

    def to_json(self) -> dict[str, Any]:
        """All accounts with their keys and events, and all buckets, as JSON; see `files`."""
        with self._lock:
            return files.save(self.world, buckets=self.buckets, trail=self.trail)

    def load_json(self, raw: object) -> list[str]:
        """Take over accounts from JSON, or from an output of get-account-authorization-details.

        Gives the IDs of the accounts; AccountFileError when it is neither.
        """
        with self._lock:
            return files.load(self.world, raw, buckets=self.buckets, trail=self.trail)

    def reset(self) -> None:
        """Begin anew: no accounts but the empty default one, no buckets, counts, events or faults."""
        with self._lock:
            self.world.forget_everything()
            self.buckets.forget()
            self.faults.clear()
            self.books.clear()
            self.trail.forget()
            self.account(DEFAULT_ACCOUNT)

    def reset_calls(self) -> None:
        """Forget counts and journal."""
        with self._lock:
            self.books.clear()

    def perform(self, account_id: str, name: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do a call as somebody outside the story: not counted, no faults, no protection. Raises IamError."""
        with self._lock:
            account = self.world.account(account_id)
            caller = AwsItself(account_id=account_id)
            call = Call(world=self.world, account=account, caller=caller, name=name, params=dict(params))
            by = identity(caller, world=self.world)
            self.world.outside, before = True, self.world.outside
            try:
                result = calls.HANDLERS["iam"][name](call)
            except IamError as refusal:
                self.books.remember(call, by, came_of_it=refusal)
                raise
            finally:
                self.world.outside = before
            self.books.remember(call, by, came_of_it=result)
            return result

    # --- answering -------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        """Answer one request of any service that the sandbox knows."""
        match gate.service_of(request):
            case "s3":
                return self._answer_s3(request)
            case "cloudtrail":
                return self._answer_cloudtrail(request)
            case "iam" | "sts" as service:
                return self._answer_query(service, request)
            case other:
                return self._refuse_service(other, request)

    def _answer_s3(self, request: Request) -> Reply:
        call = read_call(request, request_id=f"{self._neighbour_ids.getrandbits(64):016X}")
        try:
            credentials, blow = self._admit(call.name, request)
            call = replace(call, account=credentials.caller.account_id)
            with self._lock:
                self.faults.before(blow, credentials.access_key_id)
                if self.enforcing:
                    s3_access.authorise(call, self._access(credentials, request), buckets=self.buckets)
                reply = self.buckets.answer(call)
                self._answered(call.name, blow)
        except IamError as error:
            reply = s3.refusal(call, error)
        return s3.finished(reply, call, date=self._date())

    def _access(self, credentials: Credentials, request: Request) -> Access:
        region = request.scope[1] if request.scope else HOME["aws"]
        return Access(world=self.world, credentials=credentials, region=region)

    def _answer_cloudtrail(self, request: Request) -> Reply:
        action = request.headers.get("x-amz-target", "").rpartition(".")[2]
        try:
            credentials, blow = self._admit(action, request)
            account = credentials.caller.account_id
            with self._lock:
                self.faults.before(blow, credentials.access_key_id)
                if self.enforcing and action == cloudtrail.ACTION:
                    self._access(credentials, request).need(Demand(action=f"cloudtrail:{action}"))
                answer = self.trail.answer(action, request, account=account, now=self.clock())
                self._answered(action, blow)
        except IamError as error:
            reply = cloudtrail.refusal(error)
        else:
            reply = cloudtrail.reply(answer)
        request_id = str(uuid.UUID(int=self._neighbour_ids.getrandbits(128), version=4))
        return replace(reply, headers={"x-amzn-RequestId": request_id, "Date": self._date(), **reply.headers})

    def _refuse_service(self, service: str, request: Request) -> Reply:
        """A service that is not there answers in the protocol that it is asked in."""
        text, request_id = f"The sandbox does not offer {service}.", self._request_id()
        if "json" in request.headers.get("content-type", ""):
            return cloudtrail.refusal(IamError("UnknownOperationException", text))
        error = IamError("InvalidAction", text)
        return self._reply(error.status, wire.write_error(error, "iam", request_id), request_id)

    def _answer_query(self, service: str, request: Request) -> Reply:
        request_id = self._request_id()
        try:
            body = self._carry_out(self._received(service, request, request_id))
        except IamError as error:
            return self._reply(error.status, wire.write_error(error, service, request_id), request_id)
        return self._reply(200, body, request_id)

    def _received(self, service: str, request: Request, request_id: str) -> _Exchange:
        form = _form(request)
        operation = wire.operation_asked(service, form)
        credentials, blow = self._admit(operation.name, request)
        return _Exchange(
            service=service,
            operation=operation,
            form=form,
            request_id=request_id,
            credentials=credentials,
            blow=blow,
        )

    def _admit(self, action: str, request: Request) -> tuple[Credentials, Blow]:
        """Whose request it is, and what befalls it; a latency has passed when this returns."""
        with self._lock:
            credentials = gate.admit(action, request, world=self.world, strict=self.enforcing)
            self.books.requests[action] += 1
            key, account = credentials.access_key_id, credentials.caller.account_id
            blow = self.faults.strike(action, account=account, key=key)
        if blow.seconds:
            self.sleep(blow.seconds)  # not under the lock: others are answered meanwhile
        return credentials, blow

    def _carry_out(self, exchange: _Exchange) -> str:
        action, credentials = exchange.operation.name, exchange.credentials
        with self._lock:
            by = identity(credentials.caller, world=self.world, credentials=credentials)
            try:
                self.faults.before(exchange.blow, credentials.access_key_id)
            except IamError as refusal:
                self.books.remember(self._call(exchange), by, came_of_it=refusal)
                raise
            self.books.tried(action)
            try:
                result = self._handle(exchange, by)
                body = wire.write(exchange.operation, result, exchange.request_id)
            except IamError:
                self.books.calls[action] += 1
                raise
            self.faults.saw(action, credentials.caller.account_id)
            self._answered(action, exchange.blow)
        return body

    def _answered(self, action: str, blow: Blow) -> None:
        """The answer goes out, unless it is to be lost."""
        self.faults.after(blow)
        self.books.calls[action] += 1

    def _call(self, exchange: _Exchange) -> Call:
        """The call, its parameters not read yet."""
        caller = exchange.credentials.caller
        account = self.world.account(caller.account_id)
        return Call(world=self.world, account=account, caller=caller, name=exchange.operation.name, params={})

    def _handle(self, exchange: _Exchange, by: Identity) -> Mapping[str, Any]:
        handler = calls.HANDLERS[exchange.service].get(exchange.operation.name)
        if handler is None:
            raise IamError("InvalidAction", f"The sandbox does not offer {exchange.operation.name}.")
        call = self._call(exchange)
        try:
            call = replace(call, params=wire.read(exchange.operation, exchange.form))
            if self.enforcing:
                authority.authorise(call, exchange.credentials)
            result = handler(call)
        except IamError as refusal:
            self.books.write(call, by, error=refusal.code)
            self.books.remember(call, by, came_of_it=refusal)
            raise
        self.books.write(call, by, error=None)
        self.books.remember(call, by, came_of_it=result)
        return result

    def _request_id(self) -> str:
        return str(uuid.UUID(int=self._request_ids.getrandbits(128), version=4))

    def _date(self) -> str:
        return format_datetime(self.clock(), usegmt=True)

    def _reply(self, status: int, body: str, request_id: str) -> Reply:
        headers = {
            "x-amzn-RequestId": request_id,
            "Content-Type": "text/xml",
            "Date": self._date(),
        }
        return Reply(status=status, body=body.encode(), headers=headers)


def _form(request: Request) -> dict[str, str]:
    if len(request.body) > _BODY_LIMIT:
        raise IamError("RequestEntityTooLarge", f"The request is longer than {_BODY_LIMIT} bytes.")
    try:
        text = request.body.decode()
    except UnicodeDecodeError:
        raise IamError("ValidationError", "The request is not UTF-8.") from None
    return dict(parse_qsl(text or urlsplit(request.url).query, keep_blank_values=True))
