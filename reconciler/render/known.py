"""What ledgers and CloudTrail know of a user or role, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from reconciler.cloudtrail import Deed, Trace
from reconciler.render.json import FORMAT_VERSION
from reconciler.render.lines import BLANK, Line, Span, Tone, line
from reconciler.state.history import Holder, Known


def known_lines(found: Sequence[Known]) -> Iterator[Line]:
    """Yield what is known of each ID, those of one ARN one below the other."""
    for number, known in enumerate(found):
        if number:
            yield BLANK
        yield line(0, Span(known.id, Tone.STRONG), f"  {known.kind} {known.arn}".rstrip())
        for name, value in _facts(known):
            yield line(2, Span(f"{name:<12} ", Tone.FAINT), value)


def known_json(principal: str, found: Sequence[Known]) -> dict[str, Any]:
    """Return what is known as JSON: the keys of an ID are the fields of `Known`."""
    return {"format_version": FORMAT_VERSION, "principal": principal, "known": [asdict(known) for known in found]}


def trace_json(trace: Trace | None) -> dict[str, Any] | None:
    """Return what CloudTrail told of a dead ID as JSON: each deed with who did it, when, and by which request."""
    if trace is None:
        return None
    deeds = {"created": trace.created, "deleted": trace.deleted, "recreated": trace.recreated}
    return {"arn": trace.arn, **{name: deed and _deed(deed) for name, deed in deeds.items()}}


def _deed(deed: Deed) -> dict[str, Any]:
    return {
        "call": deed.call,
        "by": deed.by,
        "at": deed.at,
        "event_id": deed.event_id,
        "request_id": deed.request_id,
        "principal_id": deed.id,
    }


def _facts(known: Known) -> Iterator[tuple[str, str]]:
    standing = {True: f"alive when last looked at, {known.last_alive}", False: "dead", None: "no ledger has this ID"}
    yield "standing", standing[known.alive]
    facts = (
        ("first seen", known.first_seen),
        ("last alive", None if known.alive else known.last_alive),
        ("dead since", known.first_dead and f"{known.first_dead} (first seen)"),
        ("named by", known.named_by and str(known.named_by)),
        ("deleted", None if known.deleted_by else known.deleted),
        ("deleted by", known.deleted_by and str(known.deleted_by)),
        ("owned as", known.owned and _holder(known.owned)),
    )
    yield from ((name, value) for name, value in facts if value)
    for holder in known.trusted_by:
        yield "trusted by", _holder(holder)


def _holder(holder: Holder) -> str:
    return f"{holder.address} of account {holder.account}"
