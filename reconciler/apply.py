"""A plan carried out, call by call, with what became of each.

Stage by stage: what is about to happen is written to the state as intents, the calls of the stage run side by side, what
became of them is recorded. The writes of one object are serial, because each has a stage of its own.

Around each write: before an object's first one it is read and compared with what the plan was made against (`look`), and
whoever a trust is about to name must be the very entity that the plan meant. A write is sent once. After an answer that does
not say whether it was done, IAM is read again, and that decides. What passes by itself (throttling, a change by somebody
else under way, a principal of this very run that is not yet known everywhere) is tried again for up to two minutes.

Nothing is done that the plan does not hold. Whatever ends a run, an interrupt or a kill, the state knows what was intended.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol

from reconciler.iam import AwsError, Iam, Kind, Reply
from reconciler.look import id_now, look, look_again
from reconciler.model.arn import parse_arn
from reconciler.model.change import Action, Call, Change, Operation
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError
from reconciler.model.form import INLINE, Paths, digest_at
from reconciler.model.principal import PrincipalIndex
from reconciler.operations import advance
from reconciler.plan import Plan, forms_after
from reconciler.state import (
    Intent,
    Owned,
    State,
    StateStore,
    begin,
    finish,
    forget,
    own,
    record_deleted,
)

LONGEST_WAIT_SECONDS = 120.0
FLUSH_SECONDS = 5.0
DEFAULT_PARALLELISM = 4
_PASSING = {Kind.THROTTLED, Kind.CONCURRENT_MODIFICATION, Kind.TEMPORARILY_UNMODIFIABLE}
_UNDECIDED = {Kind.UNKNOWN_OUTCOME, Kind.SERVER_ERROR}
_ENDING = {Kind.CREDENTIALS, Kind.UNREACHABLE}


class Result(StrEnum):
    """What became of one operation."""

    DONE = "done"
    ALREADY = "already"
    FAILED = "failed"
    NOT_TRIED = "not_tried"
    UNKNOWN = "unknown"
    HELD = "held"

    @property
    def is_well(self) -> bool:
        """Tell whether what the operation wants is so."""
        return self in {Result.DONE, Result.ALREADY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one operation; `call` is None for a change that writes nothing (an import, a forget)."""

    address: str
    call: Call | None
    outcome: Result
    request_id: str | None = None
    diagnostic: Diagnostic | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """How many objects were imported, added, changed, destroyed and forgotten, failed and are held."""

    imported: int = 0
    added: int = 0
    changed: int = 0
    destroyed: int = 0
    forgotten: int = 0
    failed: int = 0
    held: int = 0


@dataclass(frozen=True, kw_only=True)
class ApplyResult:
    """What an apply did to one account, outcome by outcome in the order of the plan.

    `problems` are what concerns the run and no single object, such as a state that could not be written.
    """

    account: str
    fingerprint: str
    summary: Applied
    outcomes: tuple[Outcome, ...] = ()
    interrupted: bool = False
    problems: tuple[Diagnostic, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Tell whether everything that was not held is done."""
        well = all(outcome.outcome.is_well or outcome.outcome is Result.HELD for outcome in self.outcomes)
        return well and not self.problems


class Watch(Protocol):
    """Who is told while it goes on: each outcome as it comes, each wait for something that passes; from any thread."""

    def outcome(self, outcome: Outcome) -> None:
        """Take note of an outcome."""

    def waiting(self, address: str, call: Call, seconds: float, why: str) -> None:
        """Take note that a call is tried again after so many seconds."""


@dataclass(frozen=True, kw_only=True)
class Means:
    """All that an apply reaches the world through, so that a test may hold it in its hands.

    `clock` gives RFC 3339 in UTC, `monotonic` and `sleep` are in seconds. `interrupted` tells that no further call is to
    be made. `reviewed`: a person saw this plan, so that nothing in it is held. `settle` are seconds between stages.
    """

    iam: Iam
    store: StateStore
    clock: Callable[[], str]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    watch: Watch
    interrupted: Callable[[], bool] = lambda: False
    random: random.Random = field(default_factory=random.Random)
    parallelism: int = DEFAULT_PARALLELISM
    reviewed: bool = False
    settle: float = 0.0
    settings: Mapping[str, object] = field(default_factory=dict)


def apply(plan: Plan, *, state: State, index: PrincipalIndex, means: Means) -> ApplyResult:
    """Carry out a plan and return what became of it; `state` is as read under the lock, `index` of the live account."""
    return _Run(plan, state=state, index=index, means=means).through()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """What a worker brings back from one operation: the outcome, and what the run learns by it."""

    outcome: Result
    request_id: str | None = None
    diagnostic: Diagnostic | None = None
    made_id: str | None = None
    live: Paths | None = None
    ends_the_run: bool = False


class _Run:
    """One apply. Workers only read what stands here; all that changes is changed between their jobs, in one thread."""

    def __init__(self, plan: Plan, *, state: State, index: PrincipalIndex, means: Means) -> None:
        self._plan = plan
        self._means = means
        self._index = index
        self._state = state
        self._changes = {change.address: change for change in plan.changes}
        self._outcomes: dict[tuple[str, int], Outcome] = {}
        self._live: dict[str, Paths] = {}
        self._made: dict[str, str] = {}
        self._unmade: set[str] = set()
        self._ending: Diagnostic | None = None
        self._problems: list[Diagnostic] = []
        self._flushed_at = means.monotonic()

    def through(self) -> ApplyResult:
        """Go through all stages, and return what became of everything."""
        last = max((operation.stage for change in self._plan.changes for operation in change.operations), default=0)
        with ThreadPoolExecutor(max_workers=max(1, self._means.parallelism)) as pool:
            for stage in range(1, last + 1):
                self._stage(stage, pool)
        self._without_calls()
        self._remember_settings()
        self._flush()
        return self._result()

    def _stage(self, stage: int, pool: ThreadPoolExecutor) -> None:
        """Carry out one stage: intents first, then the calls side by side, then what became of them."""
        due = [
            (change, position)
            for change in self._plan.changes
            for position, operation in enumerate(change.operations)
            if operation.stage == stage
        ]
        ready = []
        for change, position in due:
            verdict = self._verdict(change, position)
            if verdict is None:
                ready.append((change, position))
            else:
                self._note(change, position, verdict)
        if not ready:
            return
        self._intend([change for change, _ in ready])
        jobs: dict[Future[_Attempt], tuple[Change, int]] = {}
        waiting = list(reversed(ready))
        while waiting or jobs:
            while waiting and len(jobs) < max(1, self._means.parallelism):
                change, position = waiting.pop()
                if (verdict := self._verdict(change, position)) is not None:
                    self._note(change, position, verdict)
                else:
                    jobs[pool.submit(self._attempt, change, position)] = (change, position)
            if not jobs:
                continue
            finished, _ = wait(jobs, return_when=FIRST_COMPLETED)
            for job in finished:
                self._note(*jobs.pop(job), job.result())
            self._flush(at_most_every=FLUSH_SECONDS)
        self._flush()
        if self._means.settle and not self._means.interrupted():
            self._means.sleep(self._means.settle)

    def _verdict(self, change: Change, position: int) -> _Attempt | None:
        """Return why an operation is not even tried, None where it is to be tried."""
        operation = change.operations[position]
        if self._ending is not None:
            return _not_tried("The run ended before it was its turn.", self._ending.help)
        if self._means.interrupted():
            return _Attempt(outcome=Result.NOT_TRIED, diagnostic=_INTERRUPTED)
        if operation.held and not self._means.reviewed:
            return _Attempt(outcome=Result.HELD)
        before = [self._outcomes.get((change.address, earlier)) for earlier in range(position)]
        if any(one is not None and one.outcome in _UNWELL for one in before):
            return _not_tried("An earlier call on the same object did not succeed.", None)
        for needed in change.needs:
            if (why := self._unmet(needed, operation.stage)) is not None:
                return why
        return None

    def _unmet(self, address: str, stage: int) -> _Attempt | None:
        needed = self._changes.get(address)
        for position, operation in enumerate(needed.operations if needed else ()):
            outcome = self._outcomes.get((address, position))
            if operation.stage < stage and outcome is not None:
                if outcome.outcome in _UNWELL:
                    return _not_tried(f"It needs {address}, which did not succeed.", f"See what became of {address}.")
                if outcome.outcome is Result.HELD and operation.call in _MAKING:
                    return _Attempt(outcome=Result.HELD)
        return None

    def _note(self, change: Change, position: int, attempt: _Attempt) -> None:
        """Take in what became of an operation: outcome, memory, and whether the run goes on."""
        operation = change.operations[position]
        diagnostic = attempt.diagnostic
        if diagnostic is not None and diagnostic.address is None:
            diagnostic = replace(diagnostic, address=change.address)
        outcome = Outcome(
            address=change.address,
            call=operation.call,
            outcome=attempt.outcome,
            request_id=attempt.request_id,
            diagnostic=diagnostic,
        )
        self._outcomes[change.address, position] = outcome
        self._means.watch.outcome(outcome)
        if attempt.live is not None:
            self._live[change.address] = attempt.live
        if attempt.ends_the_run and self._ending is None:
            self._ending = diagnostic
        if attempt.outcome.is_well:
            self._learn(change, operation, attempt)
        if position == len(change.operations) - 1 or attempt.outcome in _UNWELL:
            self._conclude(change)

    # What is remembered

    def _intend(self, changes: Iterable[Change]) -> None:
        """Write down what is about to happen to each object that is written for the first time."""
        intents = [
            Intent(
                address=change.address,
                action=change.action.value,
                begun=self._means.clock(),
                id=change.id,
                forms=forms_after(change),
            )
            for change in changes
            if change.operations and not any((change.address, 0) == key for key in self._outcomes)
        ]
        if intents:
            self._state = begin(self._state, intents)
            self._flush()

    def _learn(self, change: Change, operation: Operation, attempt: _Attempt) -> None:
        """Remember what a call that is done has changed."""
        match operation.call:
            case Call.CREATE_ROLE | Call.CREATE_POLICY:
                self._own_made(change, operation, str(attempt.made_id))
            case Call.DELETE_ROLE | Call.DELETE_POLICY:
                if change.id is not None:
                    self._unmade.add(change.id)
                    self._state = record_deleted(self._state, change.id, at=self._means.clock())
                self._state = forget(self._state, change.address)
            case _:
                self._learn_forms(change, operation)

    def _own_made(self, change: Change, operation: Operation, made_id: str) -> None:
        record = change.record
        if record is None:
            return
        self._made[record.arn] = made_id
        owned = Owned(
            id=made_id,
            arn=record.arn,
            manifest=record.manifest,
            since=self._means.clock(),
            origin="created",
            prevent_destroy=record.prevent_destroy,
            retain=record.retain,
            digests={path: digest for path, digest in operation.forms.items() if digest is not None},
            principals=self._identified(operation.principals),
        )
        self._state = own(self._state, change.address, owned)

    def _learn_forms(self, change: Change, operation: Operation) -> None:
        """Remember the form that a document now has, and whom a trust names: before all of the change is done."""
        owned = self._state.objects.get(change.address)
        if owned is None:
            return
        digests = dict(owned.digests)
        for path, digest in operation.forms.items():
            if path in {"trust", "policy"} or path.startswith(INLINE):
                digests.pop(path, None)
                digests |= {} if digest is None else {path: digest}
        principals = {**owned.principals, **self._identified(operation.principals)}
        self._state = own(self._state, change.address, replace(owned, digests=digests, principals=principals))

    def _identified(self, principals: Mapping[str, str | None]) -> dict[str, str]:
        """Return the IDs of those a document names, with the ones that this run has made."""
        known = {arn: self._made.get(arn, expected) for arn, expected in principals.items()}
        return {arn: unique for arn, unique in known.items() if unique is not None}

    def _conclude(self, change: Change) -> None:
        """Remember an object as its change leaves it: wholly as planned, in part, or with its intent still pending."""
        outcomes = [self._outcomes.get((change.address, position)) for position in range(len(change.operations))]
        results = {outcome.outcome for outcome in outcomes if outcome is not None}
        if all(outcome is not None and outcome.outcome.is_well for outcome in outcomes):
            self._remember(change)
        elif Result.HELD in results and not results & _UNWELL:
            self._mark_held(change)
        touched = {Result.DONE, Result.ALREADY, Result.UNKNOWN} & results
        if not (results & _UNWELL and touched):
            self._state = finish(self._state, change.address)

    def _remember(self, change: Change) -> None:
        record = change.record
        if record is None:
            return
        owned = self._state.objects.get(change.address)
        made = self._made.get(record.arn)
        self._drop_other_spelling(change.address)
        self._state = own(
            self._state,
            change.address,
            Owned(
                id=made or record.id or (owned.id if owned else ""),
                arn=record.arn,
                manifest=record.manifest,
                since=owned.since if owned and (made or record.id) == owned.id else self._means.clock(),
                origin=record.origin,
                prevent_destroy=record.prevent_destroy,
                retain=record.retain,
                digests=record.digests,
                principals=self._identified(record.principals),
            ),
        )

    def _drop_other_spelling(self, address: str) -> None:
        for known in list(self._state.objects):
            if known != address and known.casefold() == address.casefold():
                self._state = forget(self._state, known)

    def _mark_held(self, change: Change) -> None:
        """Remember which paths still wait: until approved or undone, giving that access back stays a decision."""
        owned = self._state.objects.get(change.address)
        if owned is not None:
            waiting = {path for operation in change.operations if operation.held for path in operation.forms}
            self._state = own(self._state, change.address, replace(owned, held=tuple(sorted(waiting))))

    def _without_calls(self) -> None:
        """Take care of what only the state has to know: imports as declared, what is forgotten, what was recorded anew."""
        stopped = self._means.interrupted() or self._ending is not None
        for change in self._plan.changes:
            if change.operations:
                continue
            if change.held and not self._means.reviewed:
                result = Result.HELD
            elif stopped:
                result = Result.NOT_TRIED
            else:
                result = Result.DONE
                if change.action is Action.FORGET:
                    self._state = finish(forget(self._state, change.address), change.address)
                else:
                    self._remember(change)
                    self._state = finish(self._state, change.address)
            outcome = Outcome(address=change.address, call=None, outcome=result)
            self._outcomes[change.address, 0] = outcome
            self._means.watch.outcome(outcome)
        for address, record in self._plan.records.items():
            self._remember_unchanged(address, record)

    def _remember_unchanged(self, address: str, record: Any) -> None:
        owned = self._state.objects.get(address)
        since = owned.since if owned else self._means.clock()
        self._state = finish(
            own(
                self._state,
                address,
                Owned(
                    id=record.id or (owned.id if owned else ""),
                    arn=record.arn,
                    manifest=record.manifest,
                    since=since,
                    origin=record.origin,
                    prevent_destroy=record.prevent_destroy,
                    retain=record.retain,
                    digests=record.digests,
                    principals=self._identified(record.principals),
                ),
            ),
            address,
        )

    def _remember_settings(self) -> None:
        if self._means.settings:
            self._state = replace(self._state, settings=dict(self._means.settings))

    def _flush(self, *, at_most_every: float = 0.0) -> None:
        """Write the state; a state that cannot be written ends the run before the next call."""
        now = self._means.monotonic()
        if self._problems or (at_most_every and now - self._flushed_at < at_most_every):
            return
        try:
            self._state = self._means.store.write(self._state)
        except ReconcilerError as error:
            self._problems.extend(error.diagnostics)
            self._ending = error.diagnostics[0]
        self._flushed_at = now

    # One operation, in a worker

    def _attempt(self, change: Change, position: int) -> _Attempt:
        try:
            return _Worker(self, change, position).attempt()
        except AwsError as error:
            return _failed(error)
        except ReconcilerError as error:
            return _Attempt(outcome=Result.FAILED, diagnostic=error.diagnostics[0])

    def _result(self) -> ApplyResult:
        outcomes = [
            self._outcomes[change.address, position]
            for change in self._plan.changes
            for position in range(max(1, len(change.operations)))
        ]
        return ApplyResult(
            account=self._plan.account,
            fingerprint=self._plan.fingerprint,
            summary=_counted(self._plan.changes, self._outcomes),
            outcomes=tuple(outcomes),
            interrupted=self._means.interrupted(),
            problems=tuple(self._problems),
        )

    @property
    def means(self) -> Means:
        """Return what the run reaches the world through."""
        return self._means

    def made_here(self, arn: str | None) -> bool:
        """Tell whether this run has made what has the ARN."""
        return arn is not None and arn in self._made

    def made_id(self, arn: str) -> str | None:
        """Return the ID of what this run has made under an ARN."""
        return self._made.get(arn)

    def wrote(self, address: str) -> bool:
        """Tell whether this run has already written to an object."""
        return any(key[0] == address and one.outcome is Result.DONE for key, one in list(self._outcomes.items()))

    def live(self, address: str) -> Paths | None:
        """Return what an object was last known to hold at the paths that its change writes."""
        return self._live.get(address)

    def recorded_id(self, address: str) -> str | None:
        """Return the ID under which the state owns an object."""
        owned = self._state.objects.get(address)
        return owned.id if owned else None

    def known_before(self, unique_id: str | None) -> bool:
        """Tell whether an ID was there before this run made anything."""
        return unique_id in self._index.arn_by_id or unique_id in self._index.ledger

    def pending(self, address: str) -> bool:
        """Tell whether the state has known of this run's, or an earlier run's, intent for an object."""
        return address in self._state.intents

    def as_planned(self, value: str) -> str:
        """Return a principal read with the IDs that lived when the plan was made or checked."""
        return self._index.resolve(value)

    def as_now(self, value: str) -> str:
        """Return a principal read with the IDs that live now: without those that this run has unmade."""
        resolved = self._index.resolve(value)
        if resolved != value and value.partition(":")[0] in self._unmade:
            return value
        for arn, unique in self._made.items():
            if value == unique:
                return arn
        return resolved


_UNWELL = frozenset({Result.FAILED, Result.NOT_TRIED, Result.UNKNOWN})
_MAKING = frozenset({Call.CREATE_ROLE, Call.CREATE_POLICY})
_INTERRUPTED = Diagnostic(
    Code.RA417,
    "The run was interrupted before it was its turn.",
    help="Run apply again: it goes on from what is there.",
)


def _not_tried(message: str, help_: str | None) -> _Attempt:
    return _Attempt(outcome=Result.NOT_TRIED, diagnostic=Diagnostic(Code.RA416, message, help=help_))


def _failed(error: AwsError) -> _Attempt:
    result = Result.UNKNOWN if error.kind in _UNDECIDED else Result.FAILED
    return _Attempt(
        outcome=result,
        request_id=error.request_id,
        diagnostic=error.diagnostic,
        ends_the_run=error.kind in _ENDING,
    )


def _stale(address: str, why: str) -> _Attempt:
    return _Attempt(
        outcome=Result.FAILED,
        diagnostic=Diagnostic(
            Code.RA410,
            f"{address} is no longer as it was when the plan was made: {why}",
            address=address,
            help="Nothing of it was written. Plan again, and look at what has changed.",
        ),
    )


class _Worker:
    """One operation of a run: look, make sure of whom is named, write, and find out whether it was done."""

    def __init__(self, run: _Run, change: Change, position: int) -> None:
        self._run = run
        self._means = run.means
        self._change = change
        self._operation = change.operations[position]
        self._later = change.operations[position:]
        self._partition = "aws"
        arn = parse_arn(str((change.after or change.before or {}).get("arn", "")))
        if arn is not None:
            self._partition = arn.partition
        self._live = run.live(change.address)

    def attempt(self) -> _Attempt:
        """Return what became of the operation."""
        if self._live is None and self._change.action is not Action.CREATE:
            refusal = self._look()
            if refusal is not None:
                return refusal
        if self._is_so():
            return self._well(Result.ALREADY, None)
        refusal = self._whoever_is_named()
        return refusal if refusal is not None else self._write()

    def _look(self) -> _Attempt | None:
        """Read what is about to be written; return why it must not be, None where it is as planned."""
        found = look(self._means.iam, self._change)
        if found is None:
            if self._change.action is Action.DELETE:
                self._live = {}
                return None
            return _stale(self._change.address, "it was deleted")
        unique, held = found
        if self._change.id is not None and unique != self._change.id:
            return _stale(self._change.address, f"it was deleted and recreated, its ID is now {unique}")
        forms = forms_after(self._change)
        for path, base in self._change.base.items():
            there = digest_at(held.get(path), self._partition, self._run.as_planned)
            now = digest_at(held.get(path), self._partition, self._run.as_now)
            if there != base and now not in forms.get(path, ()):
                return _stale(self._change.address, f"{path} was changed by somebody else")
        if extra := sorted(set(held) - set(self._change.base)) if self._change.action is Action.DELETE else []:
            return _stale(self._change.address, f"{extra[0]} was added by somebody else")
        self._live = held
        return None

    def _is_so(self) -> bool:
        """Tell whether what the operation, or a later one of the same path, wants is so already."""
        if self._live is None or not self._operation.forms:
            return False
        return all(
            digest_at(self._live.get(path), self._partition, self._run.as_now)
            in [operation.forms[path] for operation in self._later if path in operation.forms]
            for path in self._operation.forms
        )

    def _whoever_is_named(self) -> _Attempt | None:
        """Return a refusal if an ARN that is about to be trusted is no longer the entity that the plan meant."""
        for arn, expected in self._operation.principals.items():
            made = self._run.made_id(arn)
            parsed = parse_arn(arn)
            if expected is None or made is not None or parsed is None or parsed.account != self._change.account:
                continue
            now = id_now(self._means.iam, arn)
            if now is not None and now != expected:
                return _stale(self._change.address, f"{arn} was deleted and recreated, its ID is now {now}")
        return None

    def _write(self) -> _Attempt:
        """Send the call until it is done, refused, or what was passing has not passed in two minutes."""
        started = self._means.monotonic()
        unanswered = False
        for delay in self._delays():
            try:
                reply = self._means.iam.write(
                    self._operation.call, self._operation.params, address=self._change.address
                )
                return self._done(reply)
            except AwsError as error:
                decided = self._after(error, unanswered=unanswered)
                if decided is not None:
                    return decided
                unanswered = unanswered or error.kind in _UNDECIDED
                if self._means.monotonic() - started + delay > LONGEST_WAIT_SECONDS or self._means.interrupted():
                    return _failed(error)
                self._means.watch.waiting(self._change.address, self._operation.call, delay, error.message)
                self._means.sleep(delay)
        raise AssertionError  # pragma: no cover  the delays never end

    def _delays(self) -> Iterator[float]:
        """Yield how long to wait before each further attempt, in seconds: half fixed, half by chance, so runs part."""
        longest = 1.0
        while True:
            yield longest / 2 + self._means.random.uniform(0, longest / 2)
            longest = min(longest * 2, 20.0)

    def _after(self, error: AwsError, *, unanswered: bool) -> _Attempt | None:
        """Return what an error means for the operation, None where it is to be tried again."""
        match error.kind:
            case kind if kind in _UNDECIDED:
                return self._found_out(error)
            case kind if kind in _PASSING:
                return None
            case Kind.CONFLICT if self._run.wrote(self._change.address):
                return None
            case Kind.INVALID_PRINCIPAL if self._names_what_is_new(error.principal):
                return None
            case Kind.NOT_FOUND:
                return self._not_there(error)
            case Kind.ALREADY_EXISTS:
                return self._exists(error, unanswered=unanswered)
            case _:
                return _failed(error)

    def _names_what_is_new(self, principal: str | None) -> bool:
        """Tell whether IAM does not know a principal yet because this run has only just made it."""
        named = [arn for arn in self._operation.principals if self._run.made_here(arn)]
        return any(principal in {arn, self._run.made_id(arn)} or principal is None for arn in named) or (
            principal is not None and any(f"/{arn.rpartition('/')[2]}/" in principal for arn in named)
        )

    def _not_there(self, error: AwsError) -> _Attempt | None:
        if self._operation.call in _REMOVING:
            return self._well(Result.ALREADY, error.request_id)
        record = self._change.record
        new = [record.arn if record else None, self._operation.params.get("PolicyArn")]
        if any(self._run.made_here(arn) for arn in new):
            return None
        boundary = self._operation.params.get("PermissionsBoundary")
        return None if self._run.made_here(boundary) else _failed(error)

    def _exists(self, error: AwsError, *, unanswered: bool) -> _Attempt:
        """Tell one's own work from somebody else's: it is ours if it is new and just as asked."""
        found = look_again(self._means.iam, self._change, self._operation.params)
        if found is not None and found[0] is not None and self._is_as_asked(found[1]):
            unique, held = found
            ours = unique == self._run.recorded_id(self._change.address)
            fresh = unanswered and not self._run.known_before(unique)
            if ours or fresh:
                return self._well(Result.DONE if fresh else Result.ALREADY, error.request_id, made_id=unique, live=held)
        return _stale(self._change.address, "something of that name has come to be there meanwhile")

    def _found_out(self, error: AwsError) -> _Attempt | None:
        """Read what there is, and decide by it: done, or to be sent again; raises AwsError where nothing can be read."""
        if self._operation.call in _REMOVING and not self._operation.forms:
            return None
        try:
            found = look_again(self._means.iam, self._change, self._operation.params)
        except AwsError:
            return _failed(error)
        if found is None:
            removed = self._operation.call in {Call.DELETE_ROLE, Call.DELETE_POLICY}
            return self._well(Result.DONE, error.request_id) if removed else None
        unique, held = found
        creating = self._operation.call in _MAKING
        if creating and self._run.known_before(unique):
            return None
        if self._is_as_asked(held):
            return self._well(Result.DONE, error.request_id, made_id=unique if creating else None)
        return None

    def _is_as_asked(self, held: Paths) -> bool:
        """Tell whether an object is at every path of this operation as it, or a later one of the change, leaves it."""
        forms = forms_after(self._change)
        return all(
            digest_at(held.get(path), self._partition, self._run.as_now) in (digest, *forms.get(path, ())[-1:])
            for path, digest in self._operation.forms.items()
        )

    def _done(self, reply: Reply) -> _Attempt:
        made: Mapping[str, Any] = reply.result.get("Role") or reply.result.get("Policy") or {}
        return self._well(Result.DONE, reply.request_id, made_id=made.get("RoleId") or made.get("PolicyId"))

    def _well(
        self, result: Result, request_id: str | None, *, made_id: str | None = None, live: Paths | None = None
    ) -> _Attempt:
        after = live
        if after is None:
            already = result is Result.ALREADY and self._live is not None
            after = self._live if already else advance(self._live or {}, self._operation)
        return _Attempt(outcome=result, request_id=request_id, made_id=made_id, live=after)


_REMOVING = frozenset(
    {
        Call.DELETE_POLICY,
        Call.DELETE_POLICY_VERSION,
        Call.DELETE_ROLE,
        Call.DELETE_ROLE_POLICY,
        Call.DETACH_ROLE_POLICY,
        Call.REMOVE_ROLE_FROM_INSTANCE_PROFILE,
        Call.UNTAG_ROLE,
        Call.DELETE_ROLE_PERMISSIONS_BOUNDARY,
    }
)


def _counted(changes: Iterable[Change], outcomes: Mapping[tuple[str, int], Outcome]) -> Applied:
    """Return the counts for the closing sentence: an object counts once all of its calls are done."""
    counts = dict.fromkeys(("imported", "added", "changed", "destroyed", "forgotten", "failed", "held"), 0)
    for change in changes:
        results = {outcomes[change.address, position].outcome for position in range(max(1, len(change.operations)))}
        if results & {Result.FAILED, Result.UNKNOWN}:
            counts["failed"] += 1
        elif Result.HELD in results:
            counts["held"] += 1
        elif Result.NOT_TRIED not in results and Result.DONE in results:
            for name in _COUNTS_AS[change.action]:
                counts[name] += 1
            if change.action is Action.IMPORT and change.operations:
                counts["changed"] += 1
    return Applied(**counts)


_COUNTS_AS = {
    Action.CREATE: ("added",),
    Action.IMPORT: ("imported",),
    Action.UPDATE: ("changed",),
    Action.REPLACE: ("added", "destroyed"),
    Action.DELETE: ("destroyed",),
    Action.FORGET: ("forgotten",),
}
