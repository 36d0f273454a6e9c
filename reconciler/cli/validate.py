"""`reconciler validate`: everything that can be known to be wrong without AWS."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from reconciler.cli.completing import files
from reconciler.cli.group import Command
from reconciler.cli.options import Common, common_options, format_option
from reconciler.cli.results import ERROR, FINE
from reconciler.cli.terminal import Terminal
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError
from reconciler.render.json import dumps, validation_to_json
from reconciler.render.text import validation_text


@click.command(
    cls=Command,
    examples=[
        "reconciler validate # all manifests",
        "reconciler validate manifests/deployer.yaml --format json # one file, for an editor",
    ],
)
@click.argument("paths", nargs=-1, metavar="[PATH]...", shell_complete=files)
@format_option("text", "json")
@common_options
@click.pass_obj
def command(terminal: Terminal, /, *, paths: tuple[str, ...], form: str, common: Common) -> int:
    """Check manifests, offline: parse, schema, and what IAM would refuse.

    PATH, files or folders below the manifests, narrows down what is told; all are read.
    """
    from reconciler import engine  # noqa: PLC0415  the help needs none of it

    told = list(map(Path, paths))
    try:
        settings = common.settings()
        _refuse_strangers(told, settings.manifests)
        found = engine.validate(settings, told)
    except ReconcilerError as error:  # such as a configuration that cannot be used
        if form == "text":
            raise
        found = engine.Validation(diagnostics=error.diagnostics, objects=0, files=0)
    counts = {"files": found.files, "objects": found.objects}
    if form == "json":
        terminal.show(dumps(validation_to_json(found.diagnostics, **counts)))
    else:
        terminal.show(validation_text(found.diagnostics, terminal.out, **counts))
    return ERROR if any(diagnostic.is_error for diagnostic in found.diagnostics) else FINE


def _refuse_strangers(paths: Sequence[Path], manifests: Path) -> None:
    """Raise RM120 for paths that are not there, or have nothing to do with the manifests: they would pass unread."""
    missing = [path for path in paths if not path.exists()]
    apart = [
        path
        for path in paths
        if path not in missing and not _is_among(path.resolve(), Path(os.path.realpath(manifests)))
    ]
    strangers = [
        *(Diagnostic(Code.RM120, f"{path} does not exist.", help=_NAME_ONE) for path in missing),
        *(Diagnostic(Code.RM120, f"{path} is not below {manifests}.", help=_NARROWS) for path in apart),
    ]
    if strangers:
        raise ReconcilerError(*strangers)


def _is_among(path: Path, folder: Path) -> bool:
    return path.is_relative_to(folder) or folder.is_relative_to(path)


_NAME_ONE = "Name a manifest or a folder of them."
_NARROWS = "PATH narrows down what is below --manifests."
