"""`reconciler state`: look into what is remembered, make it shorter, and give an object up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import click

from reconciler.cli.clock import utc_now
from reconciler.cli.errors import did_you_mean
from reconciler.cli.group import Command, Option
from reconciler.cli.options import Common, common_options, format_option, lock_timeout_option
from reconciler.cli.progress import Watch
from reconciler.cli.terminal import Terminal
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError
from reconciler.model.principal import Role, UniqueId, UniqueIdSession, User, parse_principal
from reconciler.render.diagnostics import counted
from reconciler.render.json import dumps
from reconciler.render.known import known_json, known_lines
from reconciler.render.lines import paint
from reconciler.render.memory import memory_json, memory_lines, object_lines
from reconciler.state import LocalStore, State, forget
from reconciler.state.history import accounts_in, known_of, other_states


@click.group(no_args_is_help=False, epilog="Start with: reconciler state list")
def command() -> None:
    """Look into what is remembered of an account: what is owned, and whose ID was whose."""


@command.command(
    "list",
    cls=Command,
    short_help="List the objects that are owned",
    examples=["reconciler state list # every owned object, with its ID"],
)
@format_option("text", "json")
@common_options
@click.pass_obj
def list_(terminal: Terminal, /, *, form: str, common: Common) -> int:
    """List the objects that are owned."""
    states = _states(common)
    if form == "json":
        terminal.show(dumps([memory_json(state) for state in states]))
    else:
        terminal.show(paint((each for state in states for each in memory_lines(state)), terminal.out))
        if not states:
            terminal.say(f"Nothing is remembered yet: there is no state in {_store(common).shown}.\n")
    return 0


@command.command(
    cls=Command,
    short_help="Show an object, a principal, or everything",
    examples=[
        "reconciler state show role/deployer # one object, with the principals it trusts",
        "reconciler state show --principal AROA... # whose that ID was, and who trusted it",
        "reconciler state show # the whole memory as JSON",
    ],
)
@click.argument("address", required=False)
@click.option("--principal", cls=Option, metavar="ID|ARN", help="All that any state knows of a user or role.")
@format_option("text", "json")
@common_options
@click.pass_obj
def show(terminal: Terminal, /, *, address: str | None, principal: str | None, form: str, common: Common) -> int:
    """Show what is remembered of ADDRESS or of a principal, or everything."""
    if principal is not None:
        _must_be_alone(address)
        return _show_principal(terminal, principal, form, common)
    states = _states(common)
    if address is None:
        terminal.show(dumps([memory_json(state) for state in states]))
        return 0
    found = _owning(address, states)
    if form == "json":
        owned = [asdict(state.objects[address]) | {"account": state.account, "address": address} for state in found]
        terminal.show(dumps(owned))
        return 0
    terminal.show(paint((each for state in found for each in object_lines(state, address)), terminal.out))
    return 0


@command.command(
    "forget",
    cls=Command,
    short_help="Give an object up; it stays in AWS",
    examples=["reconciler state forget role/deployer # it stays in AWS, and is unmanaged"],
)
@click.argument("address")
@common_options
@click.pass_obj
def forget_(terminal: Terminal, /, *, address: str, common: Common) -> int:
    """Give ADDRESS up: it stays in AWS as it is, and is no longer owned."""
    store = _store(common)
    for account in [state.account for state in _owning(address, _states(common))]:
        with store.lock(account, operation="state forget", clock=utc_now):
            store.write(forget(store.read(account), address))
        terminal.show(f"{address} of account {account} is forgotten.\n")
    return 0


@command.command(
    "compact",
    cls=Command,
    short_help="Drop the dead IDs that nothing shows any more",
    examples=["reconciler state compact # forget the dead IDs that no live document shows any more"],
)
@lock_timeout_option(0)
@common_options
@click.pass_obj
def compact_(terminal: Terminal, /, *, lock_timeout: float, common: Common) -> int:
    """Drop the dead IDs that no live document shows and nothing owned refers to; looks at the account for it."""
    from reconciler import engine  # noqa: PLC0415  the other commands need none of it

    with Watch(colour=terminal.err.colour) as watch:
        done = engine.compact_ledgers(common.settings(), lock_timeout=lock_timeout, progress=watch)
    for one in done:
        terminal.complain(*one.warnings, *one.error)
        if not one.error:
            terminal.show(f"Account {one.account}: {counted(one.dropped, 'dead ID')} dropped, {one.kept} kept.\n")
    if any(one.error for one in done):
        terminal.say("Nothing was dropped: a document of an account that cannot be read may show any ID.\n")
        return 1
    return 0


def _must_be_alone(address: str | None) -> None:
    if address is not None:
        raise click.UsageError("Give an ADDRESS or --principal, not both.")


def _show_principal(terminal: Terminal, principal: str, form: str, common: Common) -> int:
    """Show what all states of the store know: an ID does not tell which account it was of."""
    _must_be_a_principal(principal)
    states, unread = other_states(_store(common))
    terminal.complain(*unread)
    found = known_of(principal, states)
    if form == "json":
        terminal.show(dumps(known_json(principal, found)))
    else:
        terminal.show(paint(known_lines(found), terminal.out))
    if found:
        return 0
    help_ = "`reconciler drift --resolve cloudtrail` looks further, if a trust policy shows the ID."
    terminal.complain(Diagnostic(Code.RM120, f"No state knows {principal}.", help=help_))
    return 1


def _must_be_a_principal(principal: str) -> None:
    key = parse_principal("AWS", principal)
    if not isinstance(key, UniqueId | UniqueIdSession | User | Role):
        help_ = "A principal here is AROA... or AIDA..., or arn:aws:iam::ACCOUNT:role/NAME or user/NAME."
        raise ReconcilerError(
            Diagnostic(Code.RM120, f"{principal} is neither a unique ID nor the ARN of a user or role.", help=help_)
        )


def _store(common: Common) -> LocalStore:
    from reconciler.engine import store_of  # noqa: PLC0415  the help needs none of it

    return store_of(common.settings())


def _states(common: Common) -> Sequence[State]:
    """Return the states of the account that is asked for, or of every account that has one, in order."""
    store = _store(common)
    found = [common.account] if common.account else accounts_in(store)
    return [state for state in map(store.read, found) if state.exists]


def _owning(address: str, states: Sequence[State]) -> list[State]:
    """Return the states that own an object; ReconcilerError (RM120) where none does."""
    found = [state for state in states if address in state.objects]
    if not found:
        owned = [each for state in states for each in state.objects]
        message = f"{address} is not owned.{did_you_mean(address, owned)}"
        help_ = "`reconciler state list` lists what is."
        raise ReconcilerError(Diagnostic(Code.RM120, message, address=address, help=help_))
    return found
