"""One apply: stage by stage, what is ready goes to the workers, what they bring back is taken in.

Workers only read what stands here and in the memory; all that changes is changed between their jobs, in one thread.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TypeAlias

from reconciler.apply.held import minding_what_waits
from reconciler.apply.means import Means
from reconciler.apply.memory import FLUSH_SECONDS, Elsewhere, Memory
from reconciler.apply.outcome import (
    INTERRUPTED,
    ApplyResult,
    Attempt,
    Outcome,
    Result,
    counted,
    failed,
    not_tried,
    stale,
)
from reconciler.apply.shut import left_shut
from reconciler.apply.worker import MAKING, Worker
from reconciler.iam import AwsError
from reconciler.model.change import Action, Change, Operation
from reconciler.model.diagnostic import Diagnostic, ReconcilerError
from reconciler.model.form import Paths, digests_of
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.principal import PrincipalIndex
from reconciler.model.role import Role
from reconciler.plan import Plan
from reconciler.state import State
from reconciler.waiting import Awaited, Marked

Live: TypeAlias = Mapping[str, Role | ManagedPolicy]
Due: TypeAlias = tuple[Change, int]

NOWHERE = Elsewhere()


def apply(
    plan: Plan,
    *,
    state: State,
    index: PrincipalIndex,
    means: Means,
    live: Live | None = None,
    elsewhere: Elsewhere = NOWHERE,
) -> ApplyResult:
    """Carry out a plan and return what became of it.

    `state` is as read under the lock, `index` says who lived in the accounts when they were read, `elsewhere` what has
    changed of that since. `live` are the live objects by address where the plan is older than they are: what is only to
    be recorded is compared with them.
    """
    if not means.reviewed:
        plan, state = minding_what_waits(plan, state)
    memory = Memory(state, index=index, partition=plan.partition, means=means, elsewhere=elsewhere)
    return _Run(plan, memory=memory, means=means, live=live).through()


class _Run:
    def __init__(self, plan: Plan, *, memory: Memory, means: Means, live: Live | None) -> None:
        self._plan = plan
        self._means = means
        self._as_read = live
        self._memory = memory
        self._stages = _by_stage(plan)
        self._awaited = Awaited(plan.changes)
        self._unwell, self._not_made = Marked(), Marked()
        self._outcomes: dict[tuple[str, int], Outcome] = {}
        self._live: dict[str, Paths] = {}
        self._wrote: set[str] = set()
        self._settled: set[str] = set()
        self._ending: Diagnostic | None = None

    def through(self) -> ApplyResult:
        """Go through all stages, and return what became of everything."""
        try:
            self._with_calls()
            self._without_calls()
        except (Exception, KeyboardInterrupt):
            self._memory.close()
            raise
        self._memory.remember_settings()
        self._memory.close()
        return self._result()

    def _with_calls(self) -> None:
        with ThreadPoolExecutor(max_workers=max(1, self._means.parallelism)) as pool:
            last = max(self._stages, default=0)
            for stage in sorted(self._stages):
                self._stage(self._stages[stage], pool)
                if stage == last or self._means.settle:
                    self._memory.flush()
                if stage != last:
                    self._means.wait(self._means.settle)

    def _stage(self, due: list[Due], pool: ThreadPoolExecutor) -> None:
        """Carry out one stage: intents first, then the calls side by side, then what became of them."""
        ready = self._ready(due)
        if not ready:
            return
        self._memory.intend(change for change, _ in ready)
        waiting = list(reversed(ready))
        jobs: dict[Future[Attempt], Due] = {}
        while waiting or jobs:
            while waiting and len(jobs) < max(1, self._means.parallelism):
                for change, position in self._ready([waiting.pop()]):
                    jobs[pool.submit(self._attempt, change, position)] = (change, position)
            if jobs:
                finished, _ = wait(jobs, return_when=FIRST_COMPLETED)
                for job in finished:
                    self._note(*jobs.pop(job), job.result())
                self._memory.flush(at_most_every=FLUSH_SECONDS)

    def _ready(self, due: Iterable[Due]) -> list[Due]:
        """Return what is to be tried; of the rest note why it is not."""
        ready = []
        for change, position in due:
            verdict = self._verdict(change, position)
            if verdict is None:
                ready.append((change, position))
            else:
                self._note(change, position, verdict)
        return ready

    def _verdict(self, change: Change, position: int) -> Attempt | None:
        """Return why an operation is not even tried, None where it is to be tried."""
        operation = change.operations[position]
        if change.address in self._settled:
            return Attempt(outcome=Result.ALREADY)
        ending = self._ending or next(iter(self._memory.problems), None)
        if ending is not None:
            return not_tried(f"The run ended before it was its turn: {ending.message}", ending.help)
        if self._means.interrupted():
            return INTERRUPTED
        if operation.held and not self._means.reviewed:
            return Attempt(outcome=Result.HELD)
        if any(self._outcomes[change.address, earlier].outcome.is_unwell for earlier in range(position)):
            return not_tried("An earlier call on the same object did not succeed.", None)
        return self._unmet(change, operation)

    def _unmet(self, change: Change, operation: Operation) -> Attempt | None:
        """Return why an operation has to go without what it waits for, None where nothing is missing."""
        address = self._unwell.before(change, operation)
        if address is not None:
            return not_tried(f"It needs {address}, which did not succeed.", f"See what became of {address}.")
        return Attempt(outcome=Result.HELD) if self._not_made.before(change, operation) is not None else None

    def _attempt(self, change: Change, position: int) -> Attempt:
        """Carry out one operation, in a thread of the pool."""
        wrote = self._wrote.intersection((change.address, *change.needs))
        worker = Worker(
            change,
            position,
            memory=self._memory,
            means=self._means,
            live=self._live.get(change.address),
            lets_go=bool(wrote),
            awaited=self._awaited.is_awaited(change.address, change.operations[position]),
        )
        try:
            return worker.attempt()
        except AwsError as error:
            return failed(error, sent=False)
        except ReconcilerError as error:
            return Attempt(outcome=Result.FAILED, diagnostic=error.diagnostics[0])

    def _note(self, change: Change, position: int, attempt: Attempt) -> None:
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
        self._mark(change.address, operation, attempt.outcome)
        if attempt.live is not None:
            self._live[change.address] = attempt.live
        if attempt.settles_all:
            self._settled.add(change.address)
            self._memory.settle(change)
        if attempt.ends_the_run and self._ending is None:
            self._ending = diagnostic
        if attempt.outcome is Result.DONE:
            self._wrote.add(change.address)
        if change.address not in self._settled and (attempt.outcome.is_well or attempt.made_id is not None):
            self._memory.learn(change, operation, attempt)
        if position == len(change.operations) - 1 or attempt.outcome.is_unwell:
            self._memory.conclude(change, self._results(change))

    def _mark(self, address: str, operation: Operation, result: Result) -> None:
        """Take note of what others may wait for in vain."""
        if result.is_unwell:
            self._unwell.mark(address, operation)
        if result is Result.HELD and operation.call in MAKING:
            self._not_made.mark(address, operation)

    def _results(self, change: Change) -> set[Result]:
        noted = (self._outcomes.get((change.address, position)) for position in range(len(change.operations)))
        return {outcome.outcome for outcome in noted if outcome is not None}

    # What needs no call

    def _without_calls(self) -> None:
        """Take care of what only the state has to know: what is imported as it is, forgotten, or recorded anew."""
        for change in self._plan.changes:
            if not change.operations:
                attempt = self._recorded(change)
                outcome = Outcome(
                    address=change.address, call=None, outcome=attempt.outcome, diagnostic=attempt.diagnostic
                )
                self._outcomes[change.address, 0] = outcome
                self._means.watch.outcome(outcome)
        for address, record in self._plan.records.items():
            if self._is_as_read(address, record.id, record.digests):
                self._memory.remember(address, record)

    def _recorded(self, change: Change) -> Attempt:
        """Record a change that writes nothing, and return what became of it."""
        record = change.record
        if change.held and not self._means.reviewed:
            return Attempt(outcome=Result.HELD)
        if self._ending is not None or self._means.interrupted():
            return INTERRUPTED
        if change.action is Action.FORGET or record is None:
            known = self._memory.recorded_id(change.address) is not None
            self._memory.forget(change.address)
            return Attempt(outcome=Result.DONE if known else Result.ALREADY)
        if not self._is_as_read(change.address, change.id, change.base):
            return stale(change.address, "somebody else has changed it, or it is gone")
        known = self._memory.record_is(change.address, record)
        self._memory.remember(change.address, record)
        return Attempt(outcome=Result.ALREADY if known else Result.DONE)

    def _is_as_read(self, address: str, unique_id: str | None, digests: Mapping[str, str | None]) -> bool:
        """Tell whether a live object that was read after the plan was made still is what the plan says."""
        if self._as_read is None:
            return True
        live = self._as_read.get(address)
        if live is None:
            return False
        there = digests_of(live, self._memory.as_planned)
        same_id = unique_id == (live.role_id if isinstance(live, Role) else live.policy_id)
        unread = {"tags"} - there.keys()  # of a managed policy the lists do not show them
        return same_id and all(there.get(path) == digest for path, digest in digests.items() if path not in unread)

    def _result(self) -> ApplyResult:
        outcomes = [
            self._outcomes[change.address, position]
            for change in self._plan.changes
            for position in range(max(1, len(change.operations)))
        ]
        return ApplyResult(
            account=self._plan.account,
            fingerprint=self._plan.fingerprint,
            summary=counted(self._plan.changes, self._outcomes),
            outcomes=tuple(outcomes),
            interrupted=self._means.interrupted(),
            problems=(*self._memory.problems, *self._shut()),
        )

    def _shut(self) -> Iterator[Diagnostic]:
        """Yield which roles nobody can assume now."""
        for change in self._plan.changes:
            results = [self._outcomes[change.address, at].outcome for at in range(len(change.operations))]
            found = left_shut(change, results, self._live.get(change.address), partition=self._plan.partition)
            if found is not None:
                yield found


def _by_stage(plan: Plan) -> dict[int, list[Due]]:
    stages: dict[int, list[Due]] = defaultdict(list)
    for change in plan.changes:
        for position, operation in enumerate(change.operations):
            stages[operation.stage].append((change, position))
    return dict(stages)
