"""`reconciler state`: look into what is remembered, and give an object up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from reconciler.cli.clock import utc_now
from reconciler.cli.errors import did_you_mean
from reconciler.cli.group import Command
from reconciler.cli.options import Common, common_options, format_option
from reconciler.cli.terminal import Terminal
from reconciler.model.arn import is_account_id
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError
from reconciler.render.lines import paint
from reconciler.render.memory import memory_json, memory_lines, object_lines
from reconciler.state import LocalStore, State, forget


@click.group()
def command() -> None:
    """Look into what is remembered of an account: what is owned, and whose ID was whose."""


@command.command("list", cls=Command, examples=["reconciler state list # every owned object, with its ID"])
@format_option("text", "json")
@common_options
@click.pass_obj
def list_(terminal: Terminal, /, *, form: str, common: Common) -> int:
    """List the objects that are owned."""
    states = list(_states(common))
    if form == "json":
        terminal.show(json.dumps([memory_json(state) for state in states], indent=2) + "\n")
    else:
        terminal.show(paint((each for state in states for each in memory_lines(state)), terminal.out))
    return 0


@command.command(
    cls=Command,
    examples=[
        "reconciler state show role/deployer # one object, with the principals it trusts",
        "reconciler state show # the whole memory as JSON",
    ],
)
@click.argument("address", required=False)
@common_options
@click.pass_obj
def show(terminal: Terminal, /, *, address: str | None, common: Common) -> int:
    """Show what is remembered of ADDRESS, or everything."""
    states = list(_states(common))
    if address is None:
        terminal.show(json.dumps([memory_json(state) for state in states], indent=2) + "\n")
        return 0
    found = [state for state in states if address in state.objects]
    _must_be_owned(address, found, states)
    terminal.show(paint((each for state in found for each in object_lines(state, address)), terminal.out))
    return 0


@command.command(
    "forget", cls=Command, examples=["reconciler state forget role/deployer # it stays in AWS, and is unmanaged"]
)
@click.argument("address")
@common_options
@click.pass_obj
def forget_(terminal: Terminal, /, *, address: str, common: Common) -> int:
    """Give ADDRESS up: it stays in AWS as it is, and is no longer owned."""
    store = _store(common)
    found = [state for state in _states(common) if address in state.objects]
    _must_be_owned(address, found, list(_states(common)))
    for account in [state.account for state in found]:
        with store.lock(account, operation="state forget", clock=utc_now):
            store.write(forget(store.read(account), address))
        terminal.show(f"{address} of account {account} is forgotten.\n")
    return 0


def _store(common: Common) -> LocalStore:
    place = common.settings().state
    if "://" in place:
        raise ReconcilerError(Diagnostic(Code.RM119, f"A state at {place} is not supported by this version."))
    return LocalStore(Path(place))


def _states(common: Common) -> Sequence[State]:
    """Return the states of the account that is asked for, or of every account that has one, in order."""
    store = _store(common)
    found = [common.account] if common.account else sorted(_accounts(store.folder))
    return [state for state in map(store.read, found) if state.exists]


def _accounts(folder: Path) -> list[str]:
    return [path.stem for path in folder.glob("*.json") if is_account_id(path.stem)]


def _must_be_owned(address: str, found: Sequence[State], states: Sequence[State]) -> None:
    if not found:
        owned = [each for state in states for each in state.objects]
        message = f"{address} is not owned.{did_you_mean(address, owned)}"
        help_ = "'reconciler state list' lists what is."
        raise ReconcilerError(Diagnostic(Code.RM120, message, address=address, help=help_))
