"""What is remembered of an account, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from reconciler.render.diagnostics import counted
from reconciler.render.lines import BLANK, Line, Span, Tone, line
from reconciler.state import State


def memory_lines(state: State) -> Iterator[Line]:
    """Yield the owned objects of an account with their IDs and where they are declared."""
    yield line(0, Span(f"Account {state.account}", Tone.STRONG))
    for address in sorted(state.objects):
        owned = state.objects[address]
        yield line(2, Span(address, Tone.STRONG), f"  {owned.id}  {owned.origin} {owned.since}  {owned.manifest}")
    dead = sum(1 for known in state.ledger.values() if known.last_alive)
    yield line(
        2, Span(f"({counted(len(state.objects), 'object')}; {counted(len(state.ledger), 'known ID')}, {dead} dead)")
    )
    yield BLANK


def object_lines(state: State, address: str) -> Iterator[Line]:
    """Yield what is remembered of one object."""
    owned = state.objects[address]
    yield line(0, Span(address, Tone.STRONG))
    facts = {
        "account": state.account,
        "unique ID": owned.id,
        "ARN": owned.arn,
        "manifest": owned.manifest,
        "since": f"{owned.since} ({owned.origin})",
        "protected": "prevent_destroy" if owned.prevent_destroy else "",
        "on removal": "is forgotten, not deleted" if owned.retain else "",
        "held": ", ".join(owned.held),
    }
    for name, value in facts.items():
        if value:
            yield line(2, Span(f"{name:<10} ", Tone.FAINT), value)
    for arn, known in sorted(owned.principals.items()):
        yield line(2, Span(f"{'trusts':<10} ", Tone.FAINT), f"{arn} as {known}")


def memory_json(state: State) -> Mapping[str, Any]:
    """Return everything that is remembered, as JSON."""
    return asdict(state)
