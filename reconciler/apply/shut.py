"""Roles that a run has left shut: closed for the while, and not opened again, as something failed in between.

Nothing is allowed that should not be. But whoever used the role is locked out, and must not be the first to notice.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.apply.outcome import Result
from reconciler.model.change import Change
from reconciler.model.diagnostic import Code, Diagnostic
from reconciler.model.form import Paths, digest_at
from reconciler.operations import closed_trust


def left_shut(change: Change, results: Sequence[Result], live: Paths | None, *, partition: str) -> Diagnostic | None:
    """Return that nobody can assume a role any more, None where its trust is open or was never to be opened.

    `results` are those of the change's operations, `live` is what the run last knew the role to hold, None where it
    never came to look.
    """
    trusts = zip(change.operations, results, strict=True)
    open_ended = [result for operation, result in trusts if "trust" in operation.forms and result.is_unwell]
    now = change.base.get("trust") if live is None else digest_at(live.get("trust"), partition)
    if not open_ended or now != digest_at(closed_trust(partition, change.account), partition):
        return None
    who = "Perhaps nobody" if Result.UNKNOWN in open_ended else "Nobody"
    return Diagnostic(
        Code.RA416,
        f"{who} can assume {change.address} until an apply completes it: its trust was closed for the while, and is not"
        " known to be open again.",
        address=change.address,
        help="Mend what failed, then run apply again soon: it opens the trust as declared.",
    )
