"""Asking CloudTrail whose dead IDs were: which events, of which accounts, how far back, and what if it does not answer.

Events are sought by name of call, not by resource: what an event names as its resources is not documented, and so the
number of requests depends on how much was created and deleted, not on how many IDs are dead. Where every ID is known to
the ledger, only the time since it was last seen alive is looked at. Nothing is asked where nothing is dead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from typing import Final

from reconciler.cloudtrail import CALLS, KEPT, SKEW, Deed, History, Resolved, moment_of, read_events
from reconciler.iam import AwsError, Trail
from reconciler.log import log
from reconciler.model.arn import parse_arn
from reconciler.model.diagnostic import Code, Diagnostic, Severity
from reconciler.model.principal import PrincipalIndex, Remembered

OnPage = Callable[[str, str, int], None]
"""Told after each page: the account, the call, and how many events there have been so far."""

SHOWN: Final = 3


def resolve(
    trails: Iterable[Trail], *, dead: AbstractSet[str], index: PrincipalIndex, now: datetime, on_page: OnPage
) -> tuple[Resolved, dict[str, list[Diagnostic]]]:
    """Return what CloudTrail tells of dead IDs, and by account what was wrong with reading it.

    An ID that the ledger does not know may have been of any account, one that it knows is sought in its own.
    """
    deeds: list[Deed] = []
    warnings: dict[str, list[Diagnostic]] = {}
    asked = []
    for trail in trails:
        sought = {id_: index.ledger.get(id_) for id_ in sorted(dead) if _may_be_of(trail.account, id_, index)}
        if not sought:
            continue
        asked.append(trail.account)
        found, wrong = _read(trail, sought, now, on_page)
        deeds += found
        if wrong:
            warnings[trail.account] = wrong
    history = History(deeds)
    traces = {
        id_: trace
        for id_ in sorted(dead)
        if (trace := history.trace(id_, known=index.ledger.get(id_), alive=index.id_by_arn)) is not None
    }
    return Resolved(traces=traces, accounts=tuple(asked), complete=not warnings), warnings


def _may_be_of(account: str, unique_id: str, index: PrincipalIndex) -> bool:
    known = index.ledger.get(unique_id)
    arn = parse_arn(known.arn) if known else None
    return arn is None or arn.account == account


def _read(
    trail: Trail, sought: Mapping[str, Remembered | None], now: datetime, on_page: OnPage
) -> tuple[list[Deed], list[Diagnostic]]:
    """Return the deeds that may concern the IDs, oldest first, and what is to be said about reading them."""
    since = _since(sought.values(), now)
    deeds: list[Deed] = []
    wrong: list[str] = []
    count = 0
    for call in sorted({call for id_ in sought for call in CALLS[id_[:4]]}):
        newest_first: list[Deed] = []
        try:
            for page in trail.pages(call, since=since):
                found, unread = read_events(page, account=trail.account)
                newest_first += found
                wrong += unread
                count += len(page)
                on_page(trail.account, call, count)
        except AwsError as error:
            return [*deeds, *reversed(newest_first)], [_cut_short(trail.account, error), *_unread(trail.account, wrong)]
        deeds += reversed(newest_first)
        log("info", "asked CloudTrail", account=trail.account, call=call, events=count)
    return deeds, _unread(trail.account, wrong)


def _since(known: Iterable[Remembered | None], now: datetime) -> datetime | None:
    """Return how far back to look, None for all that there is: as long as one ID may be older than what is known."""
    times = [moment_of(entry.last_alive or entry.first_seen) if entry else None for entry in known]
    first = min((time for time in times if time is not None), default=None)
    if first is None or None in times or first - SKEW <= now - KEPT:
        return None
    return min(first - SKEW, now - SKEW)


def _cut_short(account: str, error: AwsError) -> Diagnostic:
    found = error.diagnostic
    message = f"CloudTrail of account {account} was not read to the end: {found.message}"
    return replace(found, message=message, severity=Severity.WARNING)


def _unread(account: str, wrong: list[str]) -> list[Diagnostic]:
    if not wrong:
        return []
    causes = ", ".join(sorted(set(wrong))[:SHOWN])
    return [
        Diagnostic(
            Code.RA405,
            f"{len(wrong)} events of CloudTrail of account {account} could not be read: {causes}.",
            severity=Severity.WARNING,
            help="The report is made without them; whose a dead ID was may be recorded in one of them.",
        )
    ]
