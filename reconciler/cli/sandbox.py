"""`reconciler sandbox`: an IAM on this machine, to try things on."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.bounded import MEBIBYTE, read_bounded
from reconciler.cli.completing import files
from reconciler.cli.files import write_file
from reconciler.cli.group import Command, Option
from reconciler.cli.interrupts import heeded
from reconciler.cli.options import Common, is_account, log_options
from reconciler.cli.terminal import Terminal
from reconciler.model.diagnostic import Code, Diagnostic, Place, ReconcilerError

if TYPE_CHECKING:
    from reconciler.sandbox import Sandbox
    from reconciler.sandbox.server import Server

LARGEST_FILE = 256 * MEBIBYTE


@click.command(
    cls=Command,
    examples=[
        "reconciler sandbox # then paste the three lines into another shell",
        "reconciler sandbox --port 5005 --load account.json --save account.json # keep what was done",
        "aws iam get-account-authorization-details > account.json # an account of AWS, for --load",
    ],
)
@click.option(
    "--port",
    cls=Option,
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="Where to listen; 0, the default, is any free port.",
)
@click.option(
    "--host",
    cls=Option,
    default="127.0.0.1",
    metavar="ADDRESS",
    help="The address to listen on.  [default: 127.0.0.1, this machine only]",
)
@click.option(
    "--load",
    cls=Option,
    metavar="FILE",
    shell_complete=files,
    help="Begin with these accounts, saved or printed by the AWS CLI.",
)
@click.option("--save", cls=Option, metavar="FILE", shell_complete=files, help="Write all accounts there at the end.")
@click.option(
    "--account",
    cls=Option,
    callback=is_account,
    metavar="ID",
    help="Whose keys are printed.  [default: the first of FILE, else 111122223333]",
)
@click.option("--demo", cls=Option, is_flag=True, help="Begin with the users and the role of the demo.")
@log_options
@click.pass_obj
def command(
    terminal: Terminal,
    /,
    *,
    port: int,
    host: str,
    load: str | None,
    save: str | None,
    account: str | None,
    demo: bool,
    common: Common,  # noqa: ARG001  --no-color
) -> int:  # fmt: skip
    """Run an IAM that behaves like IAM, until Ctrl-C.

    FILE of --load is what --save wrote, or what the AWS CLI prints of an account.
    """
    if demo and load:
        raise click.UsageError("--demo and --load exclude each other.")
    if save:
        _check_place(Path(save))
    box = new_sandbox()
    loaded = load_accounts(box, Path(load)) if load else []
    account = account or next(iter(loaded), box.account().account_id)
    box.account(account)
    if demo:
        people_come(box)
    wait = _end_of_the_run()
    with _served(box, host, port) as server:
        if not server.is_loopback:
            terminal.say(f"Everybody who reaches {host or 'this machine'} can use it: there are no passwords.\n")
        terminal.say("An IAM to try things on. Paste this into another shell; Ctrl-C here ends it.\n\n")
        terminal.show(exports(server.url, account))
        terminal.flush()
        wait()
    if save:
        write_file(Path(save), json.dumps(box.to_json(), indent=2) + "\n")
    terminal.say("Stopped.\n")
    return 0


def exports(url: str, account: str) -> str:
    """Return the three lines that lead AWS tools of a shell to the sandbox; a key that is an account is its root."""
    return f"export AWS_ENDPOINT_URL={url}\nexport AWS_ACCESS_KEY_ID={account}\nexport AWS_SECRET_ACCESS_KEY=sandbox\n"


def people_come(box: Sandbox) -> None:
    """Create whom the shipped manifests trust: the users alice and bob, and the role ci-runner."""
    account = box.account()
    for user in ("alice", "bob"):
        account.create_user(user)
    account.create_role("ci-runner")


def new_sandbox(clock: Callable[[], datetime] | None = None) -> Sandbox:
    """Return an empty sandbox with that time; ReconcilerError where the packages that it needs are not installed."""
    if find_spec("moto") is None:  # the sandbox itself asks for it only when a call needs it
        remedy = "Install it with its packages: pip install 'iam-reconciler[sandbox]'"
        raise ReconcilerError(Diagnostic(Code.RM119, "The sandbox needs moto, which is not installed.", help=remedy))
    from reconciler.sandbox import Sandbox  # noqa: PLC0415  only two commands need it, and it is dear

    return Sandbox(clock=clock)


def load_accounts(box: Sandbox, file: Path) -> list[str]:
    """Put the accounts of a file into a sandbox; return their IDs. ReconcilerError where it is none."""
    from reconciler.sandbox.files import AccountFileError  # noqa: PLC0415  as above

    try:
        return box.load_json(json.loads(read_bounded(file, most=LARGEST_FILE, pipes=True)))
    except (OSError, ValueError, RecursionError, AccountFileError) as error:
        why = (error.strerror or error) if isinstance(error, OSError) else error
        message = f"{file} holds no account: {why}"
        raise ReconcilerError(Diagnostic(Code.RM102, message, place=Place(str(file)))) from error


def _check_place(file: Path) -> None:
    """Complain before anything is tried out, not after, of a place where it could not be saved."""
    folder = Path(os.path.realpath(file)).parent
    if file.is_dir():
        why = "it is a folder"
    elif not (folder.is_dir() and os.access(folder, os.W_OK)) and not file.exists():
        why = f"{folder} is no folder to write in"
    else:
        return
    message = f"{file} cannot be written: {why}."
    raise ReconcilerError(
        Diagnostic(Code.RA419, message, place=Place(str(file)), help="Give another place, or make it writable.")
    )


@contextmanager
def _served(box: Sandbox, host: str, port: int) -> Iterator[Server]:
    """Serve a sandbox at an address; ReconcilerError where that is taken."""
    try:
        server = box.serve(port=port, host=host)
    except OSError as error:
        message = f"Nothing can listen at {host}:{port}: {error.strerror or error}."
        raise ReconcilerError(Diagnostic(Code.RM122, message, help="Choose another with --port or --host.")) from error
    with server:
        yield server


def _end_of_the_run() -> Callable[[], None]:
    """From now on heed Ctrl-C, SIGTERM and SIGHUP; return the function that waits for one of them."""
    ended = threading.Event()
    for wanted in heeded():
        signal.signal(wanted, lambda *_: ended.set())

    def wait() -> None:
        while not ended.wait(timeout=3600):
            pass

    return wait
