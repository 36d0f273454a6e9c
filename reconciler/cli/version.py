"""`reconciler version`: which version this is."""

from __future__ import annotations

import click

from reconciler import __version__
from reconciler.cli.group import Command
from reconciler.cli.options import Common, format_option, log_options
from reconciler.cli.terminal import Terminal


@click.command(cls=Command, examples=["reconciler version --format json # for a script"])
@format_option("text", "json")
@log_options
@click.pass_obj
def command(terminal: Terminal, /, *, form: str, common: Common) -> int:  # noqa: ARG001  taken for --no-color alone
    """Print the version."""
    text = f'{{"version": "{__version__}"}}' if form == "json" else f"iam-reconciler {__version__}"
    terminal.show(f"{text}\n")
    return 0
