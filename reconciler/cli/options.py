"""The options that most commands share, and the settings that the engine takes from them."""

from __future__ import annotations

import functools
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reconciler.cli.clock import now
from reconciler.cli.completing import files, folders
from reconciler.cli.group import PREFIX, Option, SharedOption
from reconciler.model.arn import is_account_id
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError

if TYPE_CHECKING:
    from reconciler.engine import Settings

# The shared options that say where everything is, and as whom AWS is asked.
WHERE = ("manifests", "state", "config", "profile", "region", "endpoint_url", "account")

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Common:
    """The shared options as given; None where neither a flag nor a variable says anything."""

    manifests: str | None = None
    state: str | None = None
    config: str | None = None
    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    account: str | None = None
    log_format: str = "text"
    log_level: str | None = None
    no_color: bool = False

    @property
    def config_file(self) -> Path | None:
        """Return the configuration that was named."""
        from reconciler.config import with_home  # noqa: PLC0415  `version` and `--help` need none of it

        return Path(with_home(self.config)) if self.config else None

    def settings(self) -> Settings:
        """Return what the engine needs: a flag or variable wins over the configuration file."""
        from reconciler import log  # noqa: PLC0415  `version` and `--help` need none of these
        from reconciler.config import load_config, with_home  # noqa: PLC0415
        from reconciler.engine import Settings  # noqa: PLC0415

        log.configure(format=self.log_format, level=self.log_level or _usual_level())  # type: ignore[arg-type]  # click checked them
        _forget_empty_profiles()
        cwd = _working_folder()
        config = load_config(self.config_file, cwd)
        return Settings(
            manifests=Path(with_home(self.manifests) if self.manifests else config.manifests),
            state=with_home(self.state) if self.state else config.state,
            config=config,
            clock=now,
            cwd=cwd,
            profile=self.profile,
            region=self.region,
            endpoint_url=self.endpoint_url,
            account=self.account,
        )


class Seconds(click.FloatRange):
    """A number of seconds, a day at most."""

    def __init__(self) -> None:
        """Take from 0 to 86400."""
        super().__init__(min=0, max=86_400)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return it as a float; `nan`, which is in no range and out of none, is no number."""
        seconds = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value} is no number of seconds.", param, ctx)
        return seconds


def is_account(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse what is not an account ID: a callback of click."""
    if value and not is_account_id(value):
        raise click.BadParameter(f"{value!r} is not an account: that is twelve digits.", context, parameter)
    return value


def _working_folder() -> Path:
    """Return the working folder; RM101 where it has been deleted since the shell went there."""
    try:
        return Path.cwd()
    except OSError as error:
        message = f"The working folder cannot be found: {error.strerror}."
        remedy = "It was deleted or moved, perhaps: go to where the manifests are, and repeat the command."
        raise ReconcilerError(Diagnostic(Code.RM101, message, help=remedy)) from error


def _forget_empty_profiles() -> None:
    """Take a profile that is set to nothing for none, as the AWS CLI does; boto3 looks for one of that name."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        if os.environ.get(name) == "":
            del os.environ[name]


def _usual_level() -> str:
    """Return the level of the log where none is given: at a terminal the progress display tells of the writes."""
    return "warning" if sys.stderr.isatty() else "info"


_OPTIONS = (
    click.option(
        "--manifests",
        cls=SharedOption,
        metavar="DIR",
        shell_complete=folders,
        help="The folder of the manifests.  [default: as configured, else manifests]",
    ),
    click.option(
        "--state",
        cls=SharedOption,
        metavar="DIR",
        shell_complete=folders,
        help="The folder of the state.  [default: as configured, else state]",
    ),
    click.option(
        "--config",
        cls=SharedOption,
        metavar="FILE",
        shell_complete=files,
        help="The configuration.  [default: the nearest reconciler.toml, from here upwards]",
    ),
    click.option(
        "--profile",
        cls=SharedOption,
        metavar="NAME",
        help="The profile of the AWS configuration.  [default: AWS_PROFILE, else the default one]",
    ),
    click.option(
        "--region",
        cls=SharedOption,
        metavar="NAME",
        help="The AWS region; IAM itself needs none.  [default: us-east-1, unless the profile names one]",
    ),
    click.option(
        "--endpoint-url",
        cls=SharedOption,
        envvar="AWS_ENDPOINT_URL",
        metavar="URL",
        help="Send all calls there, such as to the sandbox.  [default: AWS_ENDPOINT_URL, else AWS]",
    ),
    click.option(
        "--account",
        cls=SharedOption,
        metavar="ID",
        callback=is_account,
        help="Only this account.  [default: all that are configured, else that of the credentials]",
    ),
)
_LOG_OPTIONS = (
    click.option(
        "--log-format",
        cls=SharedOption,
        type=click.Choice(["text", "json"]),
        default="text",
        help="The form of the log, on standard error.  [default: text]",
    ),
    click.option(
        "--log-level",
        cls=SharedOption,
        type=click.Choice(["debug", "info", "warning", "error"]),
        help="Log nothing below this level.  [default: info; warning at a terminal]",
    ),
    click.option(
        "--no-color", cls=SharedOption, is_flag=True, help="No colour, whatever NO_COLOR and FORCE_COLOR say."
    ),
)


def common_options(function: F) -> F:
    """Give a command the shared options, as its argument `common`."""
    return _collected(function, (*_OPTIONS, *_LOG_OPTIONS), [found.name for found in fields(Common)])


def log_options(function: F) -> F:
    """Give a command that reaches no account only the options about log and colour, as `common`."""
    return _collected(function, _LOG_OPTIONS, ["log_format", "log_level", "no_color"])


def _collected(function: F, options: Sequence[Callable[[F], F]], names: Sequence[str]) -> F:
    """Return a function whose arguments of these names arrive as one, with the options that give them."""

    @functools.wraps(function)
    def command(*arguments: Any, **given: Any) -> Any:
        shared = {name: given.pop(name) for name in names}
        return function(*arguments, common=Common(**shared), **given)

    decorated: Any = command
    for option in reversed(options):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]  # the same callable with options


def asks_for_json(arguments: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Tell whether a command line asks for JSON, also one that is wrong otherwise; the last word counts."""
    following = [*arguments[1:], ""] if arguments else []
    given = [after for word, after in zip(arguments, following, strict=True) if word == "--format"]
    given += [word.partition("=")[2] for word in arguments if word.startswith("--format=")]
    return (given or [environ.get(f"{PREFIX}FORMAT", "")])[-1] == "json"


def format_option(*formats: str) -> Callable[[F], F]:
    """Return the option `--format` with the formats that a command knows; the first is the default."""
    return click.option(
        "--format",
        "form",
        cls=Option,
        type=click.Choice(formats),
        default=formats[0],
        help=f"The form of the result, on standard output.  [default: {formats[0]}]",
    )


def lock_timeout_option(seconds: float) -> Callable[[F], F]:
    """Return the option `--lock-timeout`, with how many seconds a command waits where nothing is said."""
    return click.option(
        "--lock-timeout",
        cls=Option,
        type=Seconds(),
        default=float(seconds),
        metavar="SECONDS",
        help=f"How long to wait for another run's lock.  [default: {seconds:g}]",
    )
