"""One operation of a run: look, make sure of whom is named, write, and find out whether it was done.

What an error means, by its kind:

    unknown outcome, server error    wait, look: done, or send it again
    throttled, another change of     wait, look, send it again
    the same object under way
    conflict after a detach of ours  likewise: what was let go of is not yet known everywhere to be gone
    invalid principal, not found     likewise, if this very run has made what IAM does not know yet
    already exists                   ours, if a create of ours went unanswered and the object is new and as asked
    anything else                    failed

A look before sending again finds one of three things: the object as asked, which ends it well; the object in a form
that it passes through, which is nothing but IAM being slow; or something else, which somebody else has put there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.apply.means import Means
from reconciler.apply.memory import Memory
from reconciler.apply.outcome import UNDECIDED, Attempt, Result, failed, not_seen, stale
from reconciler.iam import AwsError, Kind, Reply
from reconciler.look import Seen, id_now, look, look_again
from reconciler.model.arn import parse_arn
from reconciler.model.change import Action, Call, Change, Operation
from reconciler.model.form import Paths, digest_at
from reconciler.operations import advance, as_carried_out
from reconciler.plan import forms_after

LONGEST_WAIT_SECONDS = 120.0
LONGEST_PAUSE_SECONDS = 20.0
MAKING = frozenset({Call.CREATE_ROLE, Call.CREATE_POLICY})
_UNMAKING = frozenset({Call.DELETE_ROLE, Call.DELETE_POLICY})
_PASSING = frozenset({Kind.THROTTLED, Kind.CONCURRENT_MODIFICATION, Kind.TEMPORARILY_UNMODIFIABLE})
_REMOVING = _UNMAKING | {
    Call.DELETE_POLICY_VERSION,
    Call.DELETE_ROLE_PERMISSIONS_BOUNDARY,
    Call.DELETE_ROLE_POLICY,
    Call.DETACH_ROLE_POLICY,
    Call.REMOVE_ROLE_FROM_INSTANCE_PROFILE,
}


class Worker:
    """One operation. It only reads the memory; what it learns goes back in the attempt.

    `live` is what the object was last known to hold, None before the change's first operation. `lets_go`: this run has
    written to the object or to one that it needs. `awaited`: a later stage needs what is written here.
    """

    def __init__(
        self,
        change: Change,
        position: int,
        *,
        memory: Memory,
        means: Means,
        live: Paths | None,
        lets_go: bool,
        awaited: bool,
    ) -> None:
        change = as_carried_out(change, reviewed=means.reviewed, partition=memory.partition)
        self._change = change
        self._operation = change.operations[position]
        part, at = _part_with(change, position)
        self._later = part[at:]
        made = tuple(operation for operation in part if means.reviewed or not operation.held)
        self._forms = forms_after(replace(change, operations=made))
        self._memory = memory
        self._means = means
        self._live = live
        self._lets_go = lets_go
        self._awaited = awaited
        self._unanswered = False

    def attempt(self) -> Attempt:
        """Return what became of the operation; raises AwsError where not even a look was possible."""
        if self._live is None and self._change.action is not Action.CREATE:
            settled = self._look()
            if settled is not None:
                return settled
        if self._is_so():
            return self._well(Result.ALREADY, None)
        refusal = self._whoever_is_named()
        return refusal if refusal is not None else self._write()

    # Before the write

    def _look(self) -> Attempt | None:
        """Read what is about to be written; return why it must not be, or need not be, None where it is as planned."""
        seen = look(self._means.iam, self._change)
        if seen is None:
            if self._change.action is Action.DELETE:
                return Attempt(outcome=Result.ALREADY, settles_all=True)
            return self._stale("it was deleted")
        if seen.id != self._change.id:
            if self._change.action is Action.REPLACE and self._is_replaced(seen):
                return Attempt(outcome=Result.ALREADY, settles_all=True)
            return self._stale(f"it was deleted and recreated, its ID is now {seen.id}")
        why = self._moved(seen) or self._no_longer_owned()
        self._live = seen.paths
        return None if why is None else self._stale(why)

    def _moved(self, seen: Seen) -> str | None:
        """Return what somebody else has done to the object since the plan was made, None for nothing."""
        foreign = [path for path in self._change.base if self._is_foreign(seen.paths, path)]
        if foreign or not self._removes:
            return f"{foreign[0]} was changed by somebody else" if foreign else None
        let_go = {operation.params.get("InstanceProfileName") for operation in self._change.operations}
        read = {*self._change.base, "tags"}  # the lists do not show those of a managed policy
        added = sorted({*seen.paths} - read) + sorted({*seen.instance_profiles} - let_go)
        return f"{added[0]} was added by somebody else" if added else None

    def _no_longer_owned(self) -> str | None:
        """Return why an object may not be taken away: only what the state says is this program's own may be."""
        address = self._change.address
        owned = self._memory.recorded_id(address) == self._change.id or self._memory.was_pending(address)
        return "the state no longer says that it is this program's own" if self._removes and not owned else None

    def _is_replaced(self, seen: Seen) -> bool:
        """Tell whether this very replacement has been made already."""
        final = {path: digests[-1] for path, digests in forms_after(self._change).items()}
        ours = seen.id == self._memory.recorded_id(self._change.address)
        return ours and all(self._digest(seen.paths, path) == digest for path, digest in final.items())

    @property
    def _removes(self) -> bool:
        return self._change.action in {Action.DELETE, Action.REPLACE}

    def _is_so(self) -> bool:
        """Tell whether what the operation, or a later one of the same path, wants is so already."""
        if self._live is None or not self._operation.forms:
            return False
        live = self._live
        return all(
            self._digest(live, path) in [later.forms[path] for later in self._later if path in later.forms]
            for path in self._operation.forms
        )

    def _whoever_is_named(self) -> Attempt | None:
        """Return a refusal if an ARN that is about to be trusted is no longer the entity that the plan meant."""
        for arn, expected in self._operation.principals.items():
            if expected is None or self._memory.made_here(arn):
                continue
            parsed = parse_arn(arn)
            here = parsed is not None and parsed.account == self._change.account
            now = id_now(self._means.iam, arn) if here else self._memory.id_read(arn)
            if now is not None and now != expected:
                return self._stale(f"{arn} was deleted and recreated, its ID is now {now}")
        return None

    # The write

    def _write(self) -> Attempt:
        """Send the call until it is done, refused, or what was passing has not passed in two minutes."""
        started = self._means.monotonic()
        for delay in self._delays():
            try:
                reply = self._means.iam.write(
                    self._operation.call, self._operation.params, address=self._change.address
                )
                return self._done(reply)
            except AwsError as error:
                decided = self._after(error)
                if decided is not None:
                    return decided
                self._unanswered = self._unanswered or error.kind in UNDECIDED
                over = self._means.monotonic() - started + delay > LONGEST_WAIT_SECONDS
                if not over and not self._means.interrupted():
                    self._means.watch.waiting(self._change.address, self._operation.call, delay, error.message)
                    self._means.wait(delay)
                decided = self._seen_meanwhile(error)
                if decided is not None:
                    return decided
                if over or self._means.interrupted():
                    return failed(error)
        raise AssertionError  # pragma: no cover  the delays never end

    def _delays(self) -> Iterator[float]:
        """Yield how long to wait before each further attempt, in seconds: half fixed, half by chance, so runs part."""
        longest = 1.0
        while True:
            yield longest / 2 + self._means.random.uniform(0, longest / 2)
            longest = min(longest * 2, LONGEST_PAUSE_SECONDS)

    def _after(self, error: AwsError) -> Attempt | None:
        """Return what an error means for the operation, None where it may pass."""
        match error.kind:
            case kind if kind in UNDECIDED or kind in _PASSING:
                return None
            case Kind.CONFLICT if self._lets_go:
                return None
            case Kind.INVALID_PRINCIPAL if self._names_what_is_new(error.principal or ""):
                return None
            case Kind.NOT_FOUND:
                return self._not_there(error)
            case Kind.ALREADY_EXISTS if self._operation.call in MAKING:
                return self._exists(error)
            case _:
                return failed(error)

    def _names_what_is_new(self, principal: str) -> bool:
        """Tell whether IAM does not know a principal yet because this run has only just made it."""
        made = [arn for arn in self._operation.principals if self._memory.made_here(arn)]
        return any(
            principal in {arn, self._memory.made_id(arn)} or f":assumed-role/{arn.rpartition('/')[2]}/" in principal
            for arn in made
        )

    def _not_there(self, error: AwsError) -> Attempt | None:
        """Tell what is not known everywhere yet from what is gone."""
        call, params = self._operation.call, self._operation.params
        if call in _REMOVING and (self._removes or call is Call.DELETE_POLICY_VERSION):
            return self._well(Result.DONE if self._unanswered else Result.ALREADY, error.request_id)
        if any(self._memory.made_here(arn) for arn in (self._arn, params.get("PolicyArn"), _boundary(params))):
            return None
        return self._seen_meanwhile(error) or failed(error)

    @property
    def _arn(self) -> str | None:
        return self._change.record.arn if self._change.record else None

    def _exists(self, error: AwsError) -> Attempt | None:
        """Tell one's own work from somebody else's: it is ours if it is new and just as asked."""
        seen = look_again(self._means.iam, self._change, self._operation)
        if seen is None:
            return None  # not yet to be read
        ours = seen.id == self._memory.recorded_id(self._change.address)
        fresh = self._unanswered and not self._memory.known_before(seen.id)
        if (ours or fresh) and self._is_as_asked(seen.paths):
            return self._well(Result.DONE if fresh else Result.ALREADY, error.request_id, seen=seen)
        return self._stale("something of that name has come to be there meanwhile")

    def _done(self, reply: Reply) -> Attempt:
        made: Mapping[str, Any] = reply.result.get("Role") or reply.result.get("Policy") or {}
        made_id = made.get("RoleId") or made.get("PolicyId")
        attempt = self._well(Result.DONE, reply.request_id, made_id=made_id)
        return self._read_back(attempt) if self._awaited or (made_id is None and self._makes) else attempt

    @property
    def _makes(self) -> bool:
        return self._operation.call in MAKING

    # After the write

    def _seen_meanwhile(self, error: AwsError) -> Attempt | None:
        """Look before the call is sent again: return what has become of it, None where it was not done.

        Where IAM cannot even be read, nothing is sent again.
        """
        try:
            seen = look_again(self._means.iam, self._change, self._operation)
        except AwsError:
            return failed(error)
        if self._operation.call in _UNMAKING:
            gone = seen is None or seen.id != self._change.id
            return self._well(Result.DONE if self._unanswered else Result.ALREADY, error.request_id) if gone else None
        if self._makes:
            ours = seen is not None and self._unanswered and not self._memory.known_before(seen.id)
            if seen is None or not ours or not self._is_as_asked(seen.paths):
                return None  # sent again, IAM itself says what is there
            return self._well(Result.DONE, error.request_id, seen=seen)
        return self._seen_written(seen, error)

    def _seen_written(self, seen: Seen | None, error: AwsError) -> Attempt | None:
        made_id = self._memory.made_id(self._arn)
        if seen is None:
            return None if made_id is not None else self._stale("it was deleted")
        if seen.id != (made_id or self._change.id):
            return self._stale(f"it was deleted and recreated, its ID is now {seen.id}")
        if self._operation.forms and self._is_as_asked(seen.paths):
            return self._well(Result.DONE if self._unanswered else Result.ALREADY, error.request_id)
        foreign = [path for path in self._operation.forms if self._is_foreign(seen.paths, path)]
        return self._stale(f"{foreign[0]} was changed by somebody else") if foreign else None

    def _read_back(self, attempt: Attempt) -> Attempt:
        """Return the attempt once reading shows it, as something else in this run builds on it."""
        started = self._means.monotonic()
        for delay in self._delays():
            try:
                seen = look_again(self._means.iam, self._change, self._operation)
            except AwsError as error:
                return replace(failed(error), outcome=Result.UNKNOWN, made_id=attempt.made_id)
            if self._shows(seen):
                return replace(attempt, made_id=attempt.made_id or (seen.id if seen else None))
            if self._means.interrupted():
                return attempt
            if self._means.monotonic() - started + delay > LONGEST_WAIT_SECONDS:
                break
            self._means.watch.waiting(self._change.address, self._operation.call, delay, "it does not show yet")
            self._means.wait(delay)
        return replace(
            not_seen(self._change.address, self._operation.call, attempt.request_id), made_id=attempt.made_id
        )

    def _shows(self, seen: Seen | None) -> bool:
        if self._operation.call in _UNMAKING:
            return seen is None or seen.id != self._change.id
        return seen is not None and self._is_as_asked(seen.paths)

    def _is_as_asked(self, held: Paths) -> bool:
        """Tell whether an object is at every path of this operation as it, or a later one of the change, leaves it."""
        return all(
            self._digest(held, path) in (digest, *self._forms[path][-1:])
            for path, digest in self._operation.forms.items()
        )

    def _is_foreign(self, held: Paths, path: str) -> bool:
        """Tell whether a path is neither as it was last known to be nor in a form that this change leads through."""
        as_planned = digest_at(held.get(path), self._memory.partition, self._memory.as_planned)
        now = self._digest(held, path)
        if as_planned == self._change.base.get(path) or now in self._forms.get(path, ()):
            return False
        return self._live is None or now != self._digest(self._live, path)

    def _digest(self, held: Paths, path: str) -> str | None:
        return digest_at(held.get(path), self._memory.partition, self._memory.as_now)

    def _stale(self, why: str) -> Attempt:
        return stale(self._change.address, why)

    def _well(
        self, result: Result, request_id: str | None, *, made_id: str | None = None, seen: Seen | None = None
    ) -> Attempt:
        if seen is not None:
            return Attempt(outcome=result, request_id=request_id, made_id=seen.id, live=seen.paths)
        live = self._live or {}
        after = live if result is Result.ALREADY and live else advance(live, self._operation)
        return Attempt(outcome=result, request_id=request_id, made_id=made_id, live=after)


def _part_with(change: Change, position: int) -> tuple[tuple[Operation, ...], int]:
    """Return the calls on the object that one call is about, and its place among them: a replacement is about two."""
    operations = change.operations
    end = next((place + 1 for place, each in enumerate(operations) if each.call in _UNMAKING), 0)
    return (operations[:end], position) if position < end else (operations[end:], position - end)


def _boundary(params: Mapping[str, Any]) -> str | None:
    return params.get("PermissionsBoundary")
