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

from reconciler.sandbox import authority, calls, cloudtrail, files, s3, wire
from reconciler.sandbox.account import Account
from reconciler.sandbox.callers import AwsItself, Caller, Credentials, Root, SessionCaller, UserCaller
from reconciler.sandbox.calls import sts
from reconciler.sandbox.clock import Clock
from reconciler.sandbox.cloudtrail import Event, Trail
from reconciler.sandbox.errors import IamError
from reconciler.sandbox.faults import Faults, Kind, Rule
from reconciler.sandbox.http import Reply, Request
from reconciler.sandbox.inprocess import make_session
from reconciler.sandbox.s3 import Buckets
from reconciler.sandbox.server import Server
from reconciler.sandbox.world import DEFAULT_ACCOUNT, AccountState, Call, Switches, World

if TYPE_CHECKING:
    import boto3
    from botocore.model import OperationModel

_READING: Final = ("Get", "List", "Simulate", "Generate", "AssumeRole")
_BODY_LIMIT: Final = 1_000_000
_KEY_IS_ACCOUNT: Final = 12
_HALF_A_DAY: Final = 43_200


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One mutating call that was carried out or refused; `error` is its code.

    `after` is the account as it was then: its tables can be read like the living ones.
    """

    call: str
    account: str
    caller: str
    params: Mapping[str, Any]
    error: str | None
    at: datetime
    after: AccountState

    def to_json(self, *, with_state: bool = False) -> dict[str, Any]:
        """The entry; with the whole account after the call, as `files` saves it, if asked."""
        plain = {
            "call": self.call,
            "account": self.account,
            "caller": self.caller,
            "params": self.params,
            "error": self.error,
            "at": self.at.isoformat(),
        }
        return plain | ({"after": files.save_account(self.after)} if with_state else {})


class Sandbox:
    """Any number of AWS accounts that behave like IAM. Several sandboxes can live in one process.

    `seed` makes IDs, orders and faults repeatable; `clock` gives the time (a callable, best a
    `Clock`); `page_size` ends every page early; `quotas` overrides defaults by the names of
    GetAccountSummary; `switches` says how to stand where sources disagree; `sleep` is how a latency
    passes (by default the clock moves on, and nobody waits). With `enforce` (or `enforcing` set later)
    policies decide who may do what; `organization` is the ID of the one that all accounts are in.

    `calls` counts the calls that were answered, by name; `mutating_calls` those among all carried out
    that change something; `requests` everything that came in, struck by a fault or not.
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
        self.trail = Trail()
        self.calls: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.mutating_calls: Counter[str] = Counter()
        self.journal: list[JournalEntry] = []
        self._lock = threading.RLock()
        self._request_ids = Random(f"requests-{seed}")
        self.account(DEFAULT_ACCOUNT)

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
        region = cloudtrail.HOME.get(self.world.account(account_id).partition, "us-east-1")
        return make_session(self, credentials, region=region)

    def credentials(
        self, account_id: str = DEFAULT_ACCOUNT, caller: str | None = None, *, mfa: bool = False
    ) -> Credentials:
        """Fresh keys for a caller; see `session`. A second factor makes them temporary, as GetSessionToken."""
        with self._lock:
            who = self._caller(account_id, caller)
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
        """All accounts, as JSON; see `files`."""
        with self._lock:
            return files.save(self.world)

    def load_json(self, raw: object) -> list[str]:
        """Take over accounts from JSON, or from an output of get-account-authorization-details.

        Gives the IDs of the accounts; AccountFileError when it is neither.
        """
        with self._lock:
            return files.load(self.world, raw)

    def reset(self) -> None:
        """Begin anew: no accounts but the empty default one, no counts, no faults."""
        with self._lock:
            self.world.forget_everything()
            self.faults.clear()
            self.reset_calls()
            self.account(DEFAULT_ACCOUNT)

    def reset_calls(self) -> None:
        """Forget counts and journal."""
        with self._lock:
            self.calls.clear()
            self.requests.clear()
            self.mutating_calls.clear()
            self.journal.clear()

    def perform(self, account_id: str, name: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do a call as somebody outside the story: not counted, no faults, no protection. Raises IamError."""
        with self._lock:
            account = self.world.account(account_id)
            caller = AwsItself(account_id=account_id)
            call = Call(world=self.world, account=account, caller=caller, name=name, params=dict(params))
            self.world.outside, before = True, self.world.outside
            try:
                result = calls.HANDLERS["iam"][name](call)
            finally:
                self.world.outside = before
            self._remember(call, result)
            return result

    # --- answering -------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        """Answer one request of any service that the sandbox knows."""
        scope = request.scope
        match scope[2] if scope else "iam":
            case "s3":
                return self._answer_s3(request)
            case "cloudtrail":
                return self._answer_cloudtrail(request)
            case "sts":
                return self._answer_query("sts", request)
            case _:
                return self._answer_query("iam", request)

    def _answer_s3(self, request: Request) -> Reply:
        call = s3.read_call(request)
        with self._lock:
            try:
                rule = self._struck(call.name, self._authenticated(request), request)
            except IamError as error:
                return s3.refusal(error.status, error.code, error.message)
            reply = self.buckets.answer(call)
            self.faults.after(rule)
            self.calls[call.name] += 1
        body = b"" if request.method == "HEAD" else reply.body
        return replace(reply, body=body, headers={"Date": format_datetime(self.clock(), usegmt=True), **reply.headers})

    def _answer_cloudtrail(self, request: Request) -> Reply:
        action = request.headers.get("x-amz-target", "").rpartition(".")[2]
        with self._lock:
            try:
                caller = self._authenticated(request)
                rule = self._struck(action, caller, request)
                answer = self._looked_up(action, caller, request)
            except IamError as error:
                return cloudtrail.reply({"__type": error.code, "message": error.message}, status=error.status)
            self.faults.after(rule)
            self.calls[action] += 1
        return cloudtrail.reply(answer)

    def _looked_up(self, action: str, caller: Caller, request: Request) -> dict[str, Any]:
        if action != "LookupEvents":
            raise IamError("UnknownOperationException", f"The sandbox's CloudTrail does not offer {action}.")
        if request.scope and request.scope[1] not in cloudtrail.HOME.values():
            return {"Events": []}
        params = cloudtrail.read_params(request.body)
        try:
            return self.trail.lookup(caller.account_id, params, self.clock())
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            raise IamError("ValidationException", "The parameters of LookupEvents are not understood.") from None

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
            known = self.world.credentials.get(request.scope[0]) if request.scope else None
            rule = self._struck(action, caller, request)
        if rule is not None and rule.kind is Kind.LATENCY:
            self.sleep(rule.seconds)  # not under the lock: others are answered meanwhile
        with self._lock:
            return self._carried_out(
                service, request_id, operation=operation, form=form, caller=caller, known=known, rule=rule
            )

    def _struck(self, action: str, caller: Caller, request: Request) -> Rule | None:
        self.requests[action] += 1
        key = request.scope[0] if request.scope else ""
        rule = self.faults.strike(action, account=caller.account_id, key=key)
        if rule is not None:
            self.faults.before(rule, key)
        return rule

    def _carried_out(
        self,
        service: str,
        request_id: str,
        *,
        operation: OperationModel,
        form: Mapping[str, str],
        caller: Caller,
        known: Credentials | None,
        rule: Rule | None,
    ) -> str:
        action = operation.name
        if is_mutating(action):
            self.mutating_calls[action] += 1
        try:
            params = wire.read(operation, form)
            account = self.world.account(caller.account_id)
            call = Call(world=self.world, account=account, caller=caller, name=action, params=params)
            body = wire.write(operation, self._handle(service, call, known), request_id)
        except IamError:
            self.calls[action] += 1
            raise
        self.faults.saw(action, caller.account_id)
        self.faults.after(rule)
        self.calls[action] += 1
        return body

    def _handle(self, service: str, call: Call, credentials: Credentials | None) -> Mapping[str, Any]:
        handler = calls.HANDLERS[service].get(call.name)
        if handler is None:
            raise IamError("InvalidAction", f"The sandbox does not offer {call.name}.")
        error: str | None = None
        try:
            if self.enforcing:
                authority.authorise(call, credentials)
            result = handler(call)
        except IamError as refusal:
            error = refusal.code
            raise
        finally:
            if is_mutating(call.name):
                self._record(call, error)
        self._remember(call, result)
        return result

    def _remember(self, call: Call, result: Mapping[str, Any]) -> None:
        if is_mutating(call.name):
            self.trail.record(
                Event(
                    name=call.name,
                    account=call.account.account_id,
                    at=self.clock(),
                    caller_arn=sts.caller_arn(self.world, call.caller),
                    caller_id=sts.caller_user_id(call.caller),
                    params=call.params,
                    result=result,
                    number=self.trail.count,
                )
            )

    def _record(self, call: Call, error: str | None) -> None:
        self.journal.append(
            JournalEntry(
                call=call.name,
                account=call.account.account_id,
                caller=sts.caller_arn(self.world, call.caller),
                params=call.params,
                error=error,
                at=self.clock(),
                after=replace(call.account, tables=call.tables.copy()),
            )
        )

    def _authenticated(self, request: Request) -> Caller:
        if request.scope is None:
            raise IamError("MissingAuthenticationToken", "Request is missing Authentication Token")
        key = request.scope[0]
        known = self.world.credentials.get(key)
        if known is None and self.enforcing:
            raise IamError("InvalidClientTokenId", "The security token included in the request is invalid.")
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
