"""The commands, found by name and imported when they are asked for; and what all of them have in common."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from reconciler import __version__
from reconciler.cli.errors import Defect, did_you_mean
from reconciler.model.diagnostic import ReconcilerError

PREFIX = "RECONCILER_"

# In the order in which they are used; the help lists them so. Each stands in the module of its name.
COMMANDS: Mapping[str, str] = {
    "validate": "Check manifests, offline",
    "plan": "Show what apply would do, and change nothing",
    "apply": "Make the account as declared",
    "drift": "Report what is wrong with the live account",
    "show": "Show a plan file",
    "state": "Look into what is remembered",
    "demo": "Play the whole story on the sandbox",
    "sandbox": "Run an IAM to try things on",
    "explain": "Tell the long story of a diagnostic",
    "completion": "Print the completion script of a shell",
    "version": "Print the version",
}

_EXPECTED = (ReconcilerError, click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError)


class Option(click.Option):
    """An option that can be given by a variable too: `RECONCILER_` and its longest name in capitals."""

    def __init__(self, declarations: Sequence[str] | None = None, **settings: Any) -> None:
        """Name the variable after the option, unless the settings name others."""
        super().__init__(declarations, **settings)
        longest = max((name for name in self.opts if name.startswith("--")), key=len, default="")
        own = PREFIX + longest.removeprefix("--").replace("-", "_").upper()
        self.envvar = [own, *([self.envvar] if isinstance(self.envvar, str) else self.envvar or [])]

    def refuse_empty_variable(self, context: click.Context) -> None:
        """Refuse a variable that is set to nothing, as a missing value in a pipeline sets it."""
        for name in self.envvar or ():
            if name.startswith(PREFIX) and not self.is_flag and os.environ.get(name) == "":
                raise click.UsageError(f"The variable {name} is set to nothing: give it a value, or unset it.", context)


class SharedOption(Option):
    """An option that most commands have; the help lists it apart from a command's own."""


class Command(click.Command):
    """A command that refuses empty values; its help lists its own options first and ends with examples."""

    def __init__(self, *arguments: Any, examples: Sequence[str] = (), **settings: Any) -> None:
        """Take examples, each `command line  # what for`."""
        super().__init__(*arguments, **settings)
        self.examples = examples

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, then refuse values that are empty text: nobody means those."""
        rest = super().parse_args(ctx, args)
        for parameter in self.get_params(ctx):
            given = ctx.params.get(parameter.name or "")
            if given == "" or (isinstance(given, tuple) and "" in given):
                raise click.BadParameter("a value may not be empty.", ctx=ctx, param=parameter)
            if isinstance(parameter, Option):
                parameter.refuse_empty_variable(ctx)
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what it does not expect itself is a defect of this program."""
        try:
            return super().invoke(ctx)
        except _EXPECTED:
            raise
        except Exception as error:
            raise Defect(debug=ctx.params.get("log_level") == "debug") from error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the options that are the command's own, then those that most commands share."""
        own: list[tuple[str, str]] = []
        shared: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                (shared if isinstance(parameter, SharedOption) else own).append(record)
        for title, records in (("Options", own), ("Common options", shared)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below everything else."""
        if self.examples:
            pairs = [tuple(map(str.strip, example.split("#", 1))) for example in self.examples]
            with formatter.section("Examples"):
                for command_line, purpose in pairs:
                    formatter.write_text(command_line)
                    with formatter.indentation():
                        formatter.write_text(purpose)
        super().format_epilog(ctx, formatter)


class Root(click.Group):
    """All commands; their names and summaries are known without importing any of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's own
        """Return the names in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's own
        """Import the module of a command and return it."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"reconciler.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is asked for; of an unknown one say which is meant."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            raise click.UsageError(f"There is no command {name!r}.{did_you_mean(name, COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click's own
        """List the commands with their summaries."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=Root,
    no_args_is_help=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every option can be given by a variable too, such as --log-level by RECONCILER_LOG_LEVEL. "
    "Exit codes: 0 fine, 1 an error; 2 where the help of a command says so. Start with: reconciler demo",
)
@click.version_option(__version__, prog_name="iam-reconciler", message="%(prog)s %(version)s")
@click.pass_context
def root(context: click.Context) -> None:
    """Keep AWS IAM roles as declared, and trusted by who they are."""
    if context.invoked_subcommand is None:
        raise click.UsageError(f"Which command? There are {', '.join(COMMANDS)}.", context)
