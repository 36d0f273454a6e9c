"""A plan carried out, call by call, with what became of each.

Stage by stage (`run`): what is about to happen is written to the state as intents, the calls of the stage run side by
side, what became of them is recorded (`memory`). The writes of one object are serial: each has a stage of its own.

Around each write (`worker`): before an object's first one it is read and compared with what the plan was made against,
and whoever a trust is about to name must be the very entity that the plan meant. A write is sent once. After an answer
that does not say whether it was done, IAM is read again, and that decides. What passes by itself (throttling, a change
by somebody else under way, a principal that this very run has made, here or in another account, and that is not yet
known everywhere) is tried again for up to two minutes, after another look each time. What something else in the run
depends on is read back before that is begun.

Nothing is done that the plan does not hold. What waits for an approval is noted as waiting before the first write
(`held`), lest a run cut short should forget it. Whatever ends a run, an interrupt or a kill, the state knows what was
intended.
"""

from __future__ import annotations

from reconciler.apply.means import DEFAULT_PARALLELISM, Means, Watch
from reconciler.apply.memory import Elsewhere
from reconciler.apply.outcome import Applied, ApplyResult, Outcome, Result
from reconciler.apply.run import apply

__all__ = ["DEFAULT_PARALLELISM", "Applied", "ApplyResult", "Elsewhere", "Means", "Outcome", "Result", "Watch", "apply"]
