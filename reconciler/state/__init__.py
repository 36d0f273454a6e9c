"""What this program remembers of an account, and where it keeps it.

The live account is the truth. The state adds only what IAM forgets: which objects are this program's own,
whose unique ID it was that a dead principal shows, and what a killed run was in the middle of.

- `values` are the memory itself: `State` with `Owned`, `Intent` and the ledger of `Remembered` IDs.
- `memory` holds the pure functions from one memory to the next: what was seen, made, begun, finished.
- `document` turns a memory into the text of a state file and back, and refuses whatever is not one.
- `store` says what a place for states has to offer; `local` is the one on this machine's disk, `lock` its
  lock, `disk` the few things it asks of a file system, `writing` what makes writing again and again cheap.
- `history` asks all states of a store together whose an ID was.

`plan` reads a memory and never writes one; `apply` and `drift` take the lock, read, and write as they go::

    with store.lock("111122223333", operation="apply", clock=utc_now):
        state = store.read("111122223333")
        state = observe(state, index.arn_by_id, at=snapshot.taken_at, accounts=index.accounts)
        state = store.write(begin(state, intents))
"""

from reconciler.state.local import LocalStore
from reconciler.state.memory import begin, compact, finish, forget, observe, own, record_deleted, remembered
from reconciler.state.store import Holder, StateStore
from reconciler.state.values import FORMAT_VERSION, Intent, Owned, State

__all__ = [
    "FORMAT_VERSION",
    "Holder",
    "Intent",
    "LocalStore",
    "Owned",
    "State",
    "StateStore",
    "begin",
    "compact",
    "finish",
    "forget",
    "observe",
    "own",
    "record_deleted",
    "remembered",
]
