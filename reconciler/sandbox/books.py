"""The books: what was asked, what was answered, and every change with the state after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from reconciler.sandbox import files
from reconciler.sandbox.cloudtrail import Trail
from reconciler.sandbox.errors import IamError
from reconciler.sandbox.events import Event
from reconciler.sandbox.identity import Identity
from reconciler.sandbox.world import AccountState, Call

_READING: Final = ("Get", "List", "Simulate", "Generate", "AssumeRole")
_NOT_LET_IN: Final = frozenset({"ExpiredToken"})


def is_mutating(action: str) -> bool:
    """Whether a call of this name changes an account."""
    return not action.startswith(_READING)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One mutating call that was carried out, or refused: then `error` is its code.

    `after` gives the account as it was then: its tables can be read like the living ones. It is put together
    from the account's log when it is asked for, so a journal of many calls stays small.
    """

    call: str
    account: str
    caller: str
    params: Mapping[str, Any]
    error: str | None
    at: datetime
    state: AccountState
    moment: int

    @property
    def after(self) -> AccountState:
        """The account just after the call."""
        return replace(self.state, tables=self.state.tables.before(self.moment))

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


@dataclass
class Books:
    """Counts by name of call, the journal, and CloudTrail's events.

    `requests` is everything that came in, struck by a fault or not; `calls` what was answered; `mutating`
    what would change something and was tried, whether refused or done.
    """

    calls: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    mutating: Counter[str] = field(default_factory=Counter)
    journal: list[JournalEntry] = field(default_factory=list)
    trail: Trail = field(default_factory=Trail)

    def tried(self, action: str) -> None:
        """A call reached its account."""
        if is_mutating(action):
            self.mutating[action] += 1

    def write(self, call: Call, by: Identity, *, error: str | None) -> None:
        """Journal a call that `by` made, if it is one that changes something."""
        if is_mutating(call.name):
            self.journal.append(
                JournalEntry(
                    call=call.name,
                    account=call.account.account_id,
                    caller=by["arn"],
                    params=call.params,
                    error=error,
                    at=call.now,
                    state=call.account,
                    moment=len(call.tables.log),
                )
            )

    def remember(self, call: Call, by: Identity, *, came_of_it: Mapping[str, Any] | IamError) -> None:
        """Let CloudTrail know of a change that `by` made, or was refused: `came_of_it` is the result or the error.

        What was asked is not told where it was not allowed. Whoever was not let in is nobody known.
        """
        refusal = came_of_it if isinstance(came_of_it, IamError) else None
        code = refusal.code if refusal else None
        if not is_mutating(call.name) or code in _NOT_LET_IN:
            return
        self.trail.record(
            Event(
                name=call.name,
                account=call.account.account_id,
                at=call.now,
                identity=by,
                params=None if code == "AccessDenied" else call.params or None,
                result={} if isinstance(came_of_it, IamError) else came_of_it,
                number=self.trail.count,
                error_code=code,
                error_message=refusal.message if refusal else None,
            )
        )

    def clear(self) -> None:
        """Forget counts and journal; CloudTrail forgets nothing."""
        for counter in (self.calls, self.requests, self.mutating):
            counter.clear()
        self.journal.clear()
