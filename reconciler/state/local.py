"""States as files in a folder of this machine: `<account>.json`, its backup, and its lock.

A write leaves the old file or the new one, wherever it is interrupted, and keeps the one before as
`<account>.json.backup`. Where that is there the state was, too: without it, it is lost and not new. Reading makes
nothing: neither folder, nor file, nor lock.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TypeVar
from uuid import uuid4

from reconciler.model.arn import is_account_id
from reconciler.model.diagnostic import Code, Diagnostic, Place, ReconcilerError
from reconciler.state.disk import Disk, NotAFile, is_leftover, remove_leftovers, replace_file
from reconciler.state.document import NotAState, decode
from reconciler.state.lock import LockFile, take, whoever_runs_this
from reconciler.state.store import Holder
from reconciler.state.values import State
from reconciler.state.writing import Writing

Result = TypeVar("Result")

STATE = ".json"
BACKUP = ".json.backup"
LOCK = ".lock"
WHAT_IS_LOST = (
    "the next apply reads everything from the account again, but nobody will know whose ID a dead principal "
    "shows, and what has left the manifests is no longer managed"
)
HINTS = {
    Code.RS503: "A file may have been copied or renamed.",
    Code.RS504: "Run the version of the program that wrote it, or a newer one.",
}


def random_id() -> str:
    """Return a new random ID."""
    return str(uuid4())


class LocalStore:
    """A `StateStore` in a folder, which diagnostics call `shown`.

    `new_id` gives lineages and the IDs of locks, `disk` is the file system.
    """

    def __init__(
        self,
        folder: Path,
        *,
        shown: Path | None = None,
        new_id: Callable[[], str] = random_id,
        disk: Disk | None = None,
    ) -> None:
        self.folder = folder
        self.shown = shown or folder
        self._new_id = new_id
        self._disk = disk or Disk()
        self._writing: defaultdict[str, Writing] = defaultdict(Writing)
        self._written: dict[str, tuple[State, bytes]] = {}

    def accounts(self) -> list[str]:
        """Return the accounts that have a state here, or a backup of one, sorted; none where there is no folder.

        Raises ReconcilerError RS501 where the folder cannot be read, or is none.
        """
        try:
            names = self._disk.names(self.folder)
        except OSError as error:
            raise ReconcilerError(_unreadable(self.shown, error)) from None
        found = {name.removesuffix(suffix) for name in names for suffix in (STATE, BACKUP) if name.endswith(suffix)}
        return sorted(filter(is_account_id, found))

    def read(self, account: str) -> State:
        """Return the state of an account; one that does not exist yet where there is neither file nor backup."""
        stored = self._stored(account) or self._stored_meanwhile(account)
        return stored[0] if stored else State(account=account, lineage=self._new_id(), exists=False)

    def write(self, state: State) -> State:
        """Store a state and return it as stored, if the file still holds what this state came from.

        Looking and replacing are two steps on a disk: only the lock makes sure that nobody comes between.
        """
        stored = self._stored(state.account)
        held = stored[0] if stored else None
        new, data = self._next(state)
        if held is not None and held.version == new.version:  # an earlier try, of which only the last flush failed
            self._on_disk(state.account, lambda: self._disk.flush_folder(self.folder))
            return new
        if state.version != (held.version if held else None):
            raise ReconcilerError(self._moved_on(state, held))
        if held is None and self._has_backup(state.account):
            raise ReconcilerError(self._lost(state.account))
        if held is not None and self._writing[state.account].digest_of(state) == held.version:
            return held
        self._on_disk(state.account, lambda: self._replace(state.account, old=stored and stored[1], new=data))
        self._written[state.account] = new, data
        return new

    @contextmanager
    def lock(
        self,
        account: str,
        *,
        operation: str,
        clock: Callable[[], str],
        timeout_seconds: float = 0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Iterator[Holder]:
        """Hold the state of an account for one operation; the lock dies with its process."""
        path = self._path(account, LOCK)

        def holder() -> Holder:
            return Holder(
                id=self._new_id(),
                who=whoever_runs_this(),
                pid=os.getpid(),
                operation=operation,
                since=clock(),
            )

        def taken() -> tuple[LockFile, Holder]:
            self._disk.make_folder(self.folder)
            shown = self._name(account, LOCK)
            return take(path, shown=shown, holder=holder, timeout_seconds=timeout_seconds, sleep=sleep)

        lock, mine = self._on_disk(account, taken, suffix=LOCK)
        try:
            for suffix in (STATE, BACKUP):
                remove_leftovers(self._disk, self._path(account, suffix))
            yield mine
        finally:
            lock.release()

    def _path(self, account: str, suffix: str) -> Path:
        if not is_account_id(account):
            raise ReconcilerError(
                Diagnostic(
                    Code.RS503,
                    f"{account!r} is not an account ID, and names no state",
                    help="An account ID has twelve digits.",
                )
            )
        return self.folder / f"{account}{suffix}"

    def _name(self, account: str, suffix: str) -> Path:
        return self.shown / self._path(account, suffix).name

    def _stored(self, account: str) -> tuple[State, bytes] | None:
        path = self._path(account, STATE)
        try:
            data = self._disk.read(path)
            written = self._written.get(account)
            if written is not None and written[1] == data:
                return written
            return None if data is None else (decode(data, account=account), data)
        except OSError as error:
            raise ReconcilerError(self._not_read(account, error)) from None
        except NotAState as error:
            raise ReconcilerError(self._no_state(account, error)) from None

    def _stored_meanwhile(self, account: str) -> tuple[State, bytes] | None:
        """Look once more where only a backup is found: others may have written since, and never leave it alone."""
        if not self._has_backup(account):
            return None
        stored = self._stored(account)
        if stored is None:
            raise ReconcilerError(self._lost(account))
        return stored

    def _has_backup(self, account: str) -> bool:
        try:
            return self._disk.is_there(self._path(account, BACKUP))
        except OSError as error:
            raise ReconcilerError(_unreadable(self._name(account, BACKUP), error)) from None

    def _next(self, state: State) -> tuple[State, bytes]:
        """Return the state as it will be stored and its text, which can certainly be read again."""
        new = replace(state, serial=state.serial + 1, exists=True)
        try:
            return self._writing[state.account].encode(new)
        except NotAState as error:
            path = self._name(state.account, STATE)
            raise ReconcilerError(
                Diagnostic(
                    Code.RS506,
                    f"the state cannot be written, since it {error.why}",
                    place=Place(str(path)),
                    help=f"{path} was left as it is.",
                )
            ) from None

    def _replace(self, account: str, *, old: bytes | None, new: bytes) -> None:
        self._disk.make_folder(self.folder)
        if old is not None:
            backup = self._path(account, BACKUP)
            if not self._disk.is_there(
                backup
            ):  # the first backup's name must not outlast a power cut before the state's
                self._disk.flush_folder(self.folder)
            replace_file(self._disk, backup, old)
        replace_file(self._disk, self._path(account, STATE), new)

    def _on_disk(self, account: str, step: Callable[[], Result], *, suffix: str = STATE) -> Result:
        try:
            return step()
        except OSError as error:
            raise ReconcilerError(self._unwritable(account, error, suffix=suffix)) from None

    def _not_read(self, account: str, error: OSError) -> Diagnostic:
        """Return what is wrong with the file of a state; where it is no file, leave to read it would not help."""
        found = _unreadable(self._name(account, STATE), error)
        if not isinstance(error, NotAFile):
            return found
        if error.is_link:
            remedy = "No link is followed: put the file itself there, or name the folder that holds it with --state."
        else:
            remedy = f"Move it away. {self._from_the_backup(account)}"
        return replace(found, help=remedy)

    def _no_state(self, account: str, error: NotAState) -> Diagnostic:
        path = self._name(account, STATE)
        remedies = (
            HINTS.get(error.code, ""),
            self._from_the_backup(account),
            f"Or move it and its backup away to begin anew: {WHAT_IS_LOST}.",
        )
        return Diagnostic(
            error.code,
            f"{path} {error.why}",
            place=Place(str(path), line=error.line),
            help=" ".join(filter(None, remedies)),
        )

    def _lost(self, account: str) -> Diagnostic:
        path, backup = self._name(account, STATE), self._name(account, BACKUP)
        anew = f"Or move {backup} away to begin anew: {WHAT_IS_LOST}."
        return Diagnostic(
            Code.RS501,
            f"{path} is gone, and its backup is still there",
            place=Place(str(path)),
            help=f"{self._from_the_backup(account)} {anew}",
        )

    def _from_the_backup(self, account: str) -> str:
        path, backup = self._name(account, STATE), self._name(account, BACKUP)
        try:
            data = self._disk.read(self._path(account, BACKUP))
            known = None if data is None else decode(data, account=account)
        except (OSError, NotAState):
            known = None
        if known is None:
            return "There is no backup that can be used: bring the file back from elsewhere."
        copy = f"cp {quote(str(backup))} {quote(str(path))}"
        return f"Put the backup back, which is one write older (serial {known.serial}), with `{copy}`."

    def _moved_on(self, state: State, held: State | None) -> Diagnostic:
        path = self._name(state.account, STATE)
        if held is None:
            what = "is gone since this run read it"
        elif not state.exists:
            what = f"was made by another run (serial {held.serial}) since this run found none"
        elif held.lineage != state.lineage:
            what = "was replaced by a state of another lineage since this run read it"
        else:
            what = f"is at serial {held.serial} and no longer what this run read at serial {state.serial}"
        return Diagnostic(
            Code.RS510,
            f"{path} {what}",
            place=Place(str(path)),
            help="Nothing was written over it. Run again: what this run did is found in the account.",
        )

    def _unwritable(self, account: str, error: OSError, *, suffix: str) -> Diagnostic:
        path = self._name(account, suffix)
        culprit = self._culprit(error)
        what = f" ({culprit})" if culprit is not None and culprit != path else ""
        remedy = (
            "Move it away: it is made anew."
            if isinstance(error, NotAFile)
            else "Give this user a folder that he may write to, with free space. The state is the old one or the new, "
            "never a mixture, and what this run did is found in the account."
        )
        return Diagnostic(
            Code.RS506,
            f"{path} cannot be {'locked' if suffix == LOCK else 'written'}: {error.strerror}{what}",
            place=Place(str(path)),
            help=remedy,
        )

    def _culprit(self, error: OSError) -> Path | None:
        """Return what a step failed at; of a file that was to live for that step only, the folder."""
        name = error.filename2 or error.filename
        if not name:
            return None
        path = Path(os.fsdecode(name))
        path = path.parent if is_leftover(path) else path
        return self.shown / path.relative_to(self.folder) if path.is_relative_to(self.folder) else path


def _unreadable(path: Path, error: OSError) -> Diagnostic:
    return Diagnostic(
        Code.RS501,
        f"{path} cannot be read: {error.strerror}",
        place=Place(str(path)),
        help="Name the folder that holds the states with --state, and let this user read it.",
    )
