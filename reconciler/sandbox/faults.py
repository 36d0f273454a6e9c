"""What can go wrong with IAM, on demand: per call name, by rate, by count, or at a chosen moment.

    box.faults.throttle("GetRole", rate=0.2)              # one in five, drawn from the seed
    box.faults.server_error("CreateRole", count=1)        # the first only
    box.faults.lose_reply("CreateRole", skip=2, count=1)  # the third: done, and nobody told
    box.faults.propagation(principals=10)                 # new users and roles: no principals for 10 s
    box.faults.at("UpdateAssumeRolePolicy", do=lambda: account.delete_user("alice"))

Call names are patterns (`Get*`). Rules are tried in the order in which they were made; latencies add up,
moments happen, and the first of the others that strikes decides. Time is the sandbox's clock, and nothing
sleeps but by the sandbox's `sleep`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Final

from reconciler.sandbox.errors import IamError
from reconciler.sandbox.http import LostReplyError

_LONGEST: Final = 1e9  # seconds: some thirty years
_DELETES: Final = ("DeleteRole", "DeleteUser", "DeleteGroup", "DeletePolicy")


class Kind(StrEnum):
    """The ways to fail."""

    THROTTLE = "throttle"
    LATENCY = "latency"
    SERVER_ERROR = "server_error"
    LOST_REQUEST = "lost_request"
    LOST_REPLY = "lost_reply"
    CONCURRENT_MODIFICATION = "concurrent_modification"
    TEMPORARILY_UNMODIFIABLE = "temporarily_unmodifiable"
    DELETE_CONFLICT = "delete_conflict"
    EXPIRED_CREDENTIALS = "expired_credentials"
    ACCESS_DENIED = "access_denied"
    MOMENT = "moment"


_PASSING: Final = frozenset({Kind.LATENCY, Kind.MOMENT})
"""Rules that do not decide what becomes of a call."""

_REFUSALS: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.THROTTLE: ("Throttling", "Rate exceeded"),
    Kind.SERVER_ERROR: ("ServiceFailure", "An unexpected error occurred; please try again."),
    Kind.CONCURRENT_MODIFICATION: (
        "ConcurrentModification",
        "The request was rejected because multiple requests to change this object were submitted simultaneously.",
    ),
    Kind.TEMPORARILY_UNMODIFIABLE: (
        "EntityTemporarilyUnmodifiable",
        "The entity is temporarily unmodifiable. Please wait and try again.",
    ),
    Kind.DELETE_CONFLICT: ("DeleteConflict", "Cannot delete entity, must detach all policies first."),
    Kind.ACCESS_DENIED: ("AccessDenied", "Access denied with an explicit deny in a service control policy"),
}


@dataclass(kw_only=True)
class Rule:
    """One rule.

    call       a pattern of call names
    account    only there; None is everywhere
    rate       the chance with which a call that matches is struck
    skip       so many matching calls go free first
    count      so many are struck at most; None is no end
    seconds    how long: of a latency; since the last detach, for `delete_conflict`
    per_second and burst   a token bucket per call and account: what is within it goes free (throttle)
    do         what happens at the moment, before the call is carried out
    """

    kind: Kind
    call: str = "*"
    account: str | None = None
    rate: float = 1.0
    skip: int = 0
    count: int | None = None
    seconds: float = 0.0
    per_second: float | None = None
    burst: float = 1.0
    do: Callable[[], object] | None = None
    _buckets: dict[tuple[str, str], tuple[float, datetime]] = field(default_factory=dict, repr=False)

    def matches(self, call: str, account: str) -> bool:
        """Whether the rule is about such a call."""
        return fnmatchcase(call, self.call) and self.account in (None, account)

    def take_token(self, call: str, account: str, now: datetime) -> bool:
        """Whether the bucket still had a token; without a bucket there never is one."""
        if self.per_second is None:
            return False
        held, filled = self._buckets.get((call, account), (self.burst, now))
        held = min(self.burst, held + (now - filled).total_seconds() * self.per_second)
        self._buckets[call, account] = (held - 1 if held >= 1 else held, now)
        return held >= 1


@dataclass(frozen=True, slots=True)
class Blow:
    """What befalls one call: `rules` strike in this order, the last of them may end it."""

    rules: tuple[Rule, ...] = ()

    @property
    def seconds(self) -> float:
        """How long the answer takes."""
        return sum(rule.seconds for rule in self.rules if rule.kind is Kind.LATENCY)


@dataclass(kw_only=True)
class Delays:
    """How long, in seconds, IAM takes to make up its mind about what is new.

    principals   a new user or role is not yet a valid principal
    reads        a new role is not yet found, listed or changed
    ids          a new user or role shows as its unique ID where its ARN belongs, GetRole's Arn too
    updates      GetRole and lists show a role as it was before its last change
    """

    principals: float = 0.0
    reads: float = 0.0
    ids: float = 0.0
    updates: float = 0.0


class Faults:
    """The rules in force, and how often each kind has struck (`struck`)."""

    def __init__(self, *, seed: int, clock: Callable[[], datetime]) -> None:
        self.rules: list[Rule] = []
        self.delays = Delays()
        self.struck: Counter[str] = Counter()
        self._random = Random(f"faults-{seed}")
        self._clock = clock
        self._detached: dict[str, datetime] = {}
        self._expired_keys: set[str] = set()

    # --- making rules ----------------------------------------------------------------------------

    def add(self, kind: Kind | str, call: str = "*", **settings: Any) -> Rule:
        """Make a rule of any kind; settings are the fields of `Rule`. ValueError names what is wrong."""
        known = {item.name for item in fields(Rule)} - {"kind", "call", "_buckets"}
        if unknown := sorted(set(settings) - known):
            raise ValueError(f"unknown settings {unknown}; known are {sorted(known)}")
        rule = Rule(kind=Kind(kind), call=call, **settings)
        self.rules.append(rule)
        return rule

    def throttle(self, call: str = "*", **settings: Any) -> Rule:
        """Throttling, `Rate exceeded`; with `per_second` and `burst` by a token bucket."""
        return self.add(Kind.THROTTLE, call, **settings)

    def latency(self, call: str = "*", *, seconds: float, **settings: Any) -> Rule:
        """The answer takes so long, by the sandbox's `sleep`."""
        return self.add(Kind.LATENCY, call, seconds=seconds, **settings)

    def server_error(self, call: str = "*", **settings: Any) -> Rule:
        """ServiceFailure, 500; the call is not carried out."""
        return self.add(Kind.SERVER_ERROR, call, **settings)

    def lose_request(self, call: str = "*", **settings: Any) -> Rule:
        """The connection breaks before the call is carried out."""
        return self.add(Kind.LOST_REQUEST, call, **settings)

    def lose_reply(self, call: str = "*", **settings: Any) -> Rule:
        """The call is carried out, and the connection breaks before the answer."""
        return self.add(Kind.LOST_REPLY, call, **settings)

    def concurrent_modification(self, call: str = "*", **settings: Any) -> Rule:
        """ConcurrentModification, 409."""
        return self.add(Kind.CONCURRENT_MODIFICATION, call, **settings)

    def temporarily_unmodifiable(self, call: str = "*", **settings: Any) -> Rule:
        """EntityTemporarilyUnmodifiable, 409."""
        return self.add(Kind.TEMPORARILY_UNMODIFIABLE, call, **settings)

    def delete_conflict(self, call: str = "Delete*", *, seconds: float, **settings: Any) -> Rule:
        """DeleteConflict on a delete that comes within so many seconds after a detach."""
        return self.add(Kind.DELETE_CONFLICT, call, seconds=seconds, **settings)

    def expire_credentials(self, *, after_calls: int, **settings: Any) -> Rule:
        """After so many calls the access key in use is expired for good; other keys go on."""
        return self.add(Kind.EXPIRED_CREDENTIALS, skip=after_calls, count=1, **settings)

    def deny(self, call: str = "*", **settings: Any) -> Rule:
        """AccessDenied, as from an organisation's policy."""
        return self.add(Kind.ACCESS_DENIED, call, **settings)

    def at(self, call: str, *, do: Callable[[], object], skip: int = 0, count: int | None = 1) -> Rule:
        """Let something happen just before a call: what somebody else does meanwhile."""
        return self.add(Kind.MOMENT, call, skip=skip, count=count, do=do)

    def propagation(
        self, *, principals: float = 0.0, reads: float = 0.0, ids: float = 0.0, updates: float = 0.0
    ) -> None:
        """Set the delays, in seconds; see `Delays`. What verbs of an `Account` do is not delayed."""
        self.delays.principals, self.delays.reads = principals, reads
        self.delays.ids, self.delays.updates = ids, updates

    def clear(self) -> None:
        """No faults any more."""
        self.rules.clear()
        self.propagation()
        self.struck.clear()
        self._expired_keys.clear()

    def to_json(self) -> dict[str, Any]:
        """Rules, delays and counts."""
        hidden = {"do", "_buckets"}
        rules = [
            {item.name: getattr(rule, item.name) for item in fields(rule) if item.name not in hidden}
            for rule in self.rules
        ]
        return {"rules": rules, "delays": asdict(self.delays), "struck": dict(self.struck)}

    # --- striking --------------------------------------------------------------------------------

    def strike(self, call: str, *, account: str, key: str) -> Blow:
        """What befalls this call, now. IamError when its key has expired by a rule before."""
        if key in self._expired_keys:
            raise _expired()
        rules = []
        for rule in self.rules:
            if rule.matches(call, account) and self._strikes(rule, call, account):
                self.struck[rule.kind] += 1
                rules.append(rule)
                if rule.kind not in _PASSING:
                    break
        return Blow(tuple(rules))

    def _strikes(self, rule: Rule, call: str, account: str) -> bool:
        if rule.kind is Kind.DELETE_CONFLICT and not self._just_detached(rule, call, account):
            return False
        if rule.skip > 0:
            rule.skip -= 1
            return False
        if rule.count == 0 or rule.take_token(call, account, self._clock()):
            return False
        if rule.rate < 1.0 and self._random.random() >= rule.rate:
            return False
        if rule.count is not None:
            rule.count -= 1
        return True

    def _just_detached(self, rule: Rule, call: str, account: str) -> bool:
        last = self._detached.get(account)
        passed = (self._clock() - last).total_seconds() if last else None
        return call in _DELETES and passed is not None and passed < rule.seconds

    def before(self, blow: Blow, key: str) -> None:
        """What the rules do before the call is carried out: it may be refused, or lost."""
        for rule in blow.rules:
            match rule.kind:
                case Kind.LATENCY | Kind.LOST_REPLY:
                    continue
                case Kind.LOST_REQUEST:
                    raise LostReplyError("the request was lost")
                case Kind.MOMENT:
                    if rule.do is not None:
                        rule.do()
                case Kind.EXPIRED_CREDENTIALS:
                    self._expired_keys.add(key)
                    raise _expired()
                case _:
                    raise IamError(*_REFUSALS[rule.kind])

    def after(self, blow: Blow) -> None:
        """What the rules do once the call is carried out: its answer may be lost."""
        if any(rule.kind is Kind.LOST_REPLY for rule in blow.rules):
            raise LostReplyError("the reply was lost")

    def saw(self, call: str, account: str) -> None:
        """A call was carried out; detaches are remembered for `delete_conflict`."""
        if call.startswith(("Detach", "Remove")):
            self._detached[account] = self._clock()


def _expired() -> IamError:
    return IamError("ExpiredToken", "The security token included in the request is expired")


def rule_from_json(faults: Faults, raw: Mapping[str, Any]) -> Rule:
    """Make a rule from JSON, as the control address takes it; ValueError says what is wrong."""
    settings = dict(raw)
    if "do" in settings:
        raise ValueError("`do` cannot come over the control address")
    kind, call = settings.pop("kind", ""), settings.pop("call", "*")
    numbers = {"rate", "skip", "count", "seconds", "per_second", "burst"}
    for name, value in settings.items():
        if name in numbers and not is_amount(value):
            raise ValueError(f"{name} is a number from 0 on, not {value!r}")
    return faults.add(str(kind), str(call), **settings)


def is_amount(value: object) -> bool:
    """Whether a value of JSON is a number, not below zero, and of an extent that a clock has."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LONGEST
