"""What a shell offers where a command takes files, folders, codes or approvals: functions that click calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.model.change import Approval
from reconciler.model.diagnostic import TITLES, Code

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def files(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Leave it to the shell to offer files."""
    return [_item(incomplete, type="file")]


def folders(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Leave it to the shell to offer folders."""
    return [_item(incomplete, type="dir")]


def codes(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the codes of diagnostics, each with its title."""
    return [_item(code.value, help=TITLES[code]) for code in Code if code.value.startswith(incomplete.upper())]


def approvals(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the kinds of approval."""
    return [_item(kind.value) for kind in Approval if kind.value.startswith(incomplete)]


def _item(value: str, **what: str) -> CompletionItem:
    from click.shell_completion import CompletionItem  # noqa: PLC0415  a shell asks for it, nobody else

    return CompletionItem(value, **what)
