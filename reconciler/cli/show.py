"""`reconciler show`: a plan file, as a person or a program reads it."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.completing import files
from reconciler.cli.group import Command, Option
from reconciler.cli.options import Common, format_option, log_options
from reconciler.cli.results import FINE
from reconciler.cli.terminal import Terminal
from reconciler.render.text import Titled, plan_text


@click.command(
    cls=Command,
    examples=[
        "reconciler show plan.json # what was planned",
        "reconciler show plan.json --stages # with every call",
    ],
)
@click.argument("plan_file", metavar="PLANFILE", shell_complete=files)
@click.option("--stages", cls=Option, is_flag=True, help="Show every call, by stage.")
@format_option("text", "json")
@log_options
@click.pass_obj
def command(terminal: Terminal, /, *, plan_file: str, stages: bool, form: str, common: Common) -> int:  # noqa: ARG001  --no-color
    """Show PLANFILE, as `reconciler plan --out` wrote it. An edited one is refused."""
    from reconciler.engine import text_of_plan_file  # noqa: PLC0415  the help needs none of it
    from reconciler.planfile import read_plans  # noqa: PLC0415

    text = text_of_plan_file(Path(plan_file))
    plans = read_plans(text, name=plan_file)
    if form == "json":
        terminal.show(text)
        return FINE
    titled = [Titled(title=plan.account if len(plans) > 1 else "", result=plan) for plan in plans]
    terminal.show(plan_text(titled, terminal.out, stages=stages))
    return FINE
