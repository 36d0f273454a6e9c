"""What a run remembers: the state on its way from what was read to what is true once everything is done.

A kill may come at any moment, so the state is ahead of IAM in what is intended and never ahead in what is done:

- before an object's first write its intent is stored, with the forms that the approved calls lead through. What waits
  for an approval is not among them: an intent is the memory of an approval, too;
- what is about to be taken over is owned from then on, by ID, in the form that it has;
- what a call has done is stored when its stage is done, and every few seconds; with it goes from the intent what now
  lies behind: an object that has gone back to that was taken back by somebody else;
- where nothing at all was done to an object, the memory of it is put back as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from reconciler.apply.means import Means
from reconciler.apply.outcome import Attempt, Result
from reconciler.model.change import Action, Approval, Call, Change, Operation, Record
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError
from reconciler.model.form import digest_at
from reconciler.model.principal import PrincipalIndex, read_id
from reconciler.operations import JOINT, as_carried_out
from reconciler.plan import forms_after
from reconciler.state import Intent, Owned, State, begin, finish, forget, own, record_deleted

Value = TypeVar("Value")

FLUSH_SECONDS = 5.0
GIVING_BACK = frozenset({Approval.RE_TRUST, Approval.UNDO_NARROWING})
_TOUCHED = frozenset({Result.DONE, Result.ALREADY, Result.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """What the same run has done in other accounts: the roles made, IDs by ARN, and the IDs of those unmade."""

    made: Mapping[str, str] = field(default_factory=dict)
    unmade: frozenset[str] = frozenset()


class Memory:
    """The state of one account while a plan is carried out, with what was made and unmade; one thread changes it."""

    def __init__(
        self, state: State, *, index: PrincipalIndex, partition: str, means: Means, elsewhere: Elsewhere
    ) -> None:
        """Begin with the state as read under the lock, and with who lives in the accounts that were read."""
        self.partition = partition
        self.problems: list[Diagnostic] = []
        self._read = self._state = state
        self._objects = dict(state.objects)
        self._ledger = dict(state.ledger)
        self._intents = dict(state.intents)
        self._index = index
        self._means = means
        self._begun: set[str] = set()
        self._made = dict(elsewhere.made)
        self._arn_of_made = {unique: arn for arn, unique in elsewhere.made.items()}
        self._unmade = set(elsewhere.unmade)
        self._flushed_at = means.monotonic()
        self._spelled = {address.casefold(): address for address in state.objects}

    def _take(self, step: Callable[[State], State], address: str, unique: str | None = None) -> None:
        """Take a step in the memory of one object and one unique ID: at the same cost, however much is remembered."""
        of_one = replace(
            self._state,
            objects=_only(self._objects, address),
            intents=_only(self._intents, address),
            ledger=_only(self._ledger, unique),
        )
        after = step(of_one)
        _put(self._objects, address, after.objects)
        _put(self._intents, address, after.intents)
        _put(self._ledger, unique, after.ledger)

    def _own(self, address: str, owned: Owned) -> None:
        self._take(lambda state: own(state, address, owned), address, owned.id)

    def _begin(self, intent: Intent) -> None:
        self._take(lambda state: begin(state, [intent]), intent.address)

    def _finish(self, address: str) -> None:
        self._take(lambda state: finish(state, address), address)

    # Before

    def intend(self, changes: Iterable[Change]) -> None:
        """Store what is about to happen to each object that is about to be written for the first time.

        With it goes what the stage before has done: one write for both.
        """
        for change in changes:
            if change.operations and change.address not in self._begun:
                self._begun.add(change.address)
                self._prepare(change)
                self._begin(self._intent(change))
        self.flush()

    def _intent(self, change: Change) -> Intent:
        forms = forms_after(replace(change, operations=self._allowed(change)))
        return Intent(
            address=change.address,
            action=change.action.value,
            begun=self._means.clock(),
            id=change.id,
            forms={path: (*_base_at(change, path), *passed) for path, passed in forms.items()},
        )

    def _allowed(self, change: Change) -> tuple[Operation, ...]:
        walked = as_carried_out(change, reviewed=self._means.reviewed, partition=self.partition)
        return tuple(operation for operation in walked.operations if not self._waits(operation))

    def _waits(self, operation: Operation) -> bool:
        return operation.held and not self._means.reviewed

    def _prepare(self, change: Change) -> None:
        """Own an object as it will have to be owned, should the run be killed after its first write."""
        match change.action:
            case Action.CREATE:
                self._finish(change.address)  # what it led through is gone
            case Action.IMPORT | Action.UPDATE:
                self._take_over(change)
            case _:
                pass

    def _take_over(self, change: Change) -> None:
        owned, record = self._objects.get(change.address), change.record
        approved = self._identified(
            {arn: known for operation in self._allowed(change) for arn, known in operation.principals.items()}
        )
        if owned is not None and owned.id == change.id:
            known = replace(owned, principals={**owned.principals, **approved})
        elif record is not None:
            as_found = {path: digest for path, digest in change.base.items() if digest is not None}
            untouched = {path: digest for path, digest in record.digests.items() if path not in change.base}
            known = replace(self._owned(record, change.address), digests=untouched | as_found, principals=approved)
        else:
            return
        self._own(change.address, known)

    # After

    def learn(self, change: Change, operation: Operation, attempt: Attempt) -> None:
        """Remember what a call that is done has changed."""
        match operation.call:
            case Call.CREATE_ROLE | Call.CREATE_POLICY:
                self._learn_made(change, operation, str(attempt.made_id))
            case Call.DELETE_ROLE | Call.DELETE_POLICY:
                self._learn_deleted(change)
            case _:
                self._learn_forms(change, operation, attempt)
        self._leave_behind(change, operation)

    def settle(self, change: Change) -> None:
        """Remember that all of a change turned out to be so already."""
        if change.action is Action.DELETE:
            self._learn_deleted(change)

    def _learn_made(self, change: Change, operation: Operation, made_id: str) -> None:
        record = change.record
        if record is None:
            return
        self._made[record.arn] = made_id
        self._arn_of_made[made_id] = record.arn
        digests = {path: digest for path, digest in operation.forms.items() if digest is not None}
        owned = replace(
            self._owned(record, change.address),
            origin="created",
            digests=digests,
            principals=self._identified(operation.principals),
        )
        self._own(change.address, owned)

    def _learn_deleted(self, change: Change) -> None:
        """Forget what is gone; what is to be made in its place is intended as something new."""
        if change.id is not None:
            self._unmade.add(change.id)
            self._bury(change.address, change.id)
        self._give_up(change.address)
        intent = self._intents.get(change.address)
        if change.action is Action.REPLACE and intent is not None:
            self._finish(change.address)
            self._begin(replace(intent, id=None))

    def _bury(self, address: str, unique: str) -> None:
        at = self._means.clock()
        self._take(lambda state: record_deleted(state, unique, at=at), address, unique)

    def _learn_forms(self, change: Change, operation: Operation, attempt: Attempt) -> None:
        """Remember the form that a path now has, and whom a trust names: before all of the change is done."""
        owned = self._objects.get(change.address)
        if owned is None:
            return
        digests: dict[str, str | None] = {**owned.digests, **dict(self._forms_now(change, operation, attempt))}
        known = {path: digest for path, digest in digests.items() if digest is not None}
        principals = {**owned.principals, **self._identified(operation.principals)}
        self._own(change.address, replace(owned, digests=known, principals=principals))

    def _forms_now(self, change: Change, operation: Operation, attempt: Attempt) -> Iterator[tuple[str, str | None]]:
        """Yield the paths that a call has written, each with the digest of what of it is this program's business.

        Where some calls of a path wait, what was last applied is still what it has to be compared with.
        """
        waiting = {path for each in change.operations if self._waits(each) for path in each.forms}
        live = attempt.live or {}
        for path, digest in operation.forms.items():
            if path not in JOINT:
                yield path, digest
            elif path not in waiting and path in live:
                yield path, digest_at(_less_what_stays(change, path, live[path]), self.partition)

    def _leave_behind(self, change: Change, operation: Operation) -> None:
        """Intend only what lies ahead of a call that is done, at the paths that it has written."""
        intent = self._intents.get(change.address)
        if intent is None:
            return
        at = change.operations.index(operation)
        done = sum(not self._waits(earlier) for earlier in change.operations[:at])
        ahead = forms_after(replace(change, operations=self._allowed(change)[done:]))
        forms = {path: ahead[path] if path in operation.forms else passed for path, passed in intent.forms.items()}
        self._finish(change.address)
        self._begin(replace(intent, forms=forms))

    def conclude(self, change: Change, results: set[Result]) -> None:
        """Remember an object as its change leaves it: as planned, in part, unfinished, or as if untouched."""
        if all(result.is_well for result in results):
            self.remember(change.address, change.record)
        elif not any(result.is_unwell for result in results):
            self._mark_held(change)
            if results & _TOUCHED:
                self._finish(change.address)
        elif not results & _TOUCHED:
            self._put_back(change.address)

    def remember(self, address: str, record: Record | None) -> None:
        """Remember an object that is as its record says, and that nothing is pending any more."""
        if record is not None:
            self._give_up(address, but=address)
            self._own(address, self._owned(record, address))
        self._finish(address)

    def forget(self, address: str) -> None:
        """Remember nothing of an object any more."""
        self._give_up(address)
        self._finish(address)

    def remember_settings(self) -> None:
        """Remember the settings of this run, so that the next plan can say what differs."""
        if self._means.settings:
            self._state = replace(self._state, settings=dict(self._means.settings))

    def _owned(self, record: Record, address: str) -> Owned:
        """Return the ownership of what is as its record says."""
        owned = self._objects.get(address)
        unique = self._made.get(record.arn) or record.id or (owned.id if owned else "")
        return Owned(
            id=unique,
            arn=record.arn,
            manifest=record.manifest,
            since=owned.since if owned is not None and owned.id == unique else self._means.clock(),
            origin=record.origin,
            prevent_destroy=record.prevent_destroy,
            retain=record.retain,
            digests=record.digests,
            principals=self._identified(record.principals),
        )

    def _identified(self, principals: Mapping[str, str | None]) -> dict[str, str]:
        """Return the IDs of those a document names, with the ones that this run has made."""
        known = {arn: self._made.get(arn, expected) for arn, expected in principals.items()}
        return {arn: unique for arn, unique in known.items() if unique is not None}

    def _mark_held(self, change: Change) -> None:
        """Remember which paths still wait: until approved or undone, giving that access back stays a decision.

        What is held for another kind of approval, or for what it needs, gives nothing back.
        """
        owned = self._objects.get(change.address)
        if owned is not None:
            self._own(change.address, replace(owned, held=tuple(sorted(giving_back_later(change)))))

    def _give_up(self, address: str, *, but: str | None = None) -> None:
        """Own an object no longer, however its address was spelled: names are unique without regard to case."""
        for known in {address, self._spelled.get(address.casefold(), address)} - {but}:
            if known in self._objects:
                self._forget(known)

    def _forget(self, address: str) -> None:
        self._take(lambda state: forget(state, address), address)

    def _put_back(self, address: str) -> None:
        """Remember what was read, as nothing was done: an earlier run's intent may still be pending."""
        self.forget(address)
        known = self._spelled.get(address.casefold(), address)
        if known in self._read.objects:
            self._own(known, self._read.objects[known])
        if address in self._read.intents:
            self._begin(self._read.intents[address])

    # Writing it down

    def flush(self, *, at_most_every: float = 0.0) -> None:
        """Write the state; what is wrong with that is a problem, after which nothing more is written."""
        now = self._means.monotonic()
        if self.problems or (at_most_every and now - self._flushed_at < at_most_every):
            return
        self._write()
        self._flushed_at = now

    def close(self) -> None:
        """Write the state for the last time; after a problem too, unless somebody else has written it meanwhile."""
        if not any(problem.code is Code.RS510 for problem in self.problems):
            self._write()

    def _write(self) -> None:
        try:
            whole = replace(
                self._state, objects=dict(self._objects), ledger=dict(self._ledger), intents=dict(self._intents)
            )
            self._state = self._means.store.write(whole)
        except ReconcilerError as error:
            self.problems.extend(found for found in error.diagnostics if found not in self.problems)

    # What workers ask

    def made_here(self, arn: str | None) -> bool:
        """Tell whether this run has made what has the ARN."""
        return arn is not None and arn in self._made

    def made_id(self, arn: str | None) -> str | None:
        """Return the ID of what this run has made under an ARN."""
        return None if arn is None else self._made.get(arn)

    def recorded_id(self, address: str) -> str | None:
        """Return the ID under which the state owns an object, however its address is spelled."""
        owned = self._objects.get(address) or self._objects.get(self._spelled.get(address.casefold(), address))
        return owned.id if owned else None

    def record_is(self, address: str, record: Record) -> bool:
        """Tell whether an object is remembered just as a record says."""
        return self._objects.get(address) == self._owned(record, address)

    def was_pending(self, address: str) -> bool:
        """Tell whether an earlier run had left something unfinished of an object."""
        return address in self._read.intents

    def known_before(self, unique_id: str | None) -> bool:
        """Tell whether an ID was there before this run made anything."""
        return unique_id in self._index.arn_by_id or unique_id in self._index.ledger

    def id_read(self, arn: str) -> str | None:
        """Return the ID that an ARN had when the accounts were read, None where nobody had it, or nobody looked."""
        return self._index.id_by_arn.get(arn)

    def as_planned(self, value: str) -> str:
        """Return a principal read with the IDs that lived when the accounts were read."""
        return self._index.resolve(value)

    def as_now(self, value: str) -> str:
        """Return a principal read with the IDs that live now: without those that this run has unmade."""
        return read_id(value, self._arn_now)

    def _arn_now(self, unique_id: str) -> str | None:
        if unique_id in self._unmade:
            return None
        return self._arn_of_made.get(unique_id) or self._index.arn_by_id.get(unique_id)


def giving_back_later(change: Change) -> set[str]:
    """Return the paths of a change whose calls are held, and give access back once approved."""
    return {
        path
        for operation in change.operations
        if operation.held and GIVING_BACK & set(operation.approvals)
        for path in operation.forms
    }


def _less_what_stays(change: Change, path: str, content: Any) -> Any:
    """Return a list or mapping less what the live object holds there beyond what is compared, such as ignored tags."""
    compared = next(
        (found.before for found in change.differences if found.path == path), (change.after or {}).get(path)
    )
    stays = {*((change.before or {}).get(path) or ())} - {*(compared or ())}
    if isinstance(content, Mapping):
        return {key: value for key, value in content.items() if key not in stays}
    return [each for each in content if each not in stays]


def _only(known: Mapping[str, Value], key: str | None) -> dict[str, Value]:
    return {key: known[key]} if key is not None and key in known else {}


def _put(known: dict[str, Value], key: str | None, found: Mapping[str, Value]) -> None:
    """Make a key of a mapping be what is found under it, be it nothing."""
    if key is not None and key in found:
        known[key] = found[key]
    elif key is not None:
        known.pop(key, None)


def _base_at(change: Change, path: str) -> tuple[str | None, ...]:
    return (change.base[path],) if path in change.base else ()
