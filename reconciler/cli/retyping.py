"""A command line typed again, for another command: with all that was given to the first and matters to the second."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import click
from click.core import ParameterSource


def retyped(command: str, options: Iterable[str], paths: Collection[str] = ()) -> str:
    """Return a command line that a shell takes as it stands."""
    marked = ["--", *paths] if any(path.startswith("-") for path in paths) else paths
    return shlex.join(["reconciler", command, *options, *marked])


def given_options(context: click.Context, names: Collection[str]) -> Iterator[str]:
    """Yield the options of these names as they were typed; what a variable says, it says to the next command too."""
    for parameter in context.command.params:
        name = parameter.name or ""
        typed = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if name in names and typed and isinstance(parameter, click.Option):
            value = context.params[name]
            for each in value if parameter.multiple else [value]:
                yield max(parameter.opts, key=len)
                if not parameter.is_flag:
                    yield _as_text(each)


def _as_text(value: Any) -> str:
    match value:
        case (kind, None):  # an approval, of all
            return str(kind)
        case (kind, address):
            return f"{kind}:{address}"
        case _:
            return str(value)
