"""`reconciler completion`: the script that lets a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from reconciler.cli.group import Command, root
from reconciler.cli.options import Common, log_options
from reconciler.cli.terminal import Terminal

_SHELLS = ("bash", "zsh", "fish")


@click.command(
    cls=Command,
    examples=[
        'eval "$(reconciler completion bash)" # for this shell; put it in ~/.bashrc for all',
        "source <(reconciler completion zsh) # likewise; put it in ~/.zshrc, below compinit",
        "reconciler completion fish > ~/.config/fish/completions/reconciler.fish # for fish",
    ],
)
@click.argument("shell", type=click.Choice(_SHELLS))
@log_options
@click.pass_obj
def command(terminal: Terminal, /, *, shell: str, common: Common) -> int:  # noqa: ARG001  --no-color
    """Print the script that lets a shell complete commands, options and codes."""
    completion = get_completion_class(shell)
    if completion is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    terminal.show(completion(root, {}, "reconciler", "_RECONCILER_COMPLETE").source())
    return 0
