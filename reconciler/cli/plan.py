"""`reconciler plan`: what apply would do, and nothing done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.choices import CHOICES, choice_options, choices_of, unfit_choices
from reconciler.cli.completing import files
from reconciler.cli.files import write_file
from reconciler.cli.group import Command, Option
from reconciler.cli.options import WHERE, Common, common_options, format_option
from reconciler.cli.progress import Watch
from reconciler.cli.results import ERROR, FINE, FOUND, plans_as_json, plans_as_text, say_calls
from reconciler.cli.retyping import given_options, retyped
from reconciler.cli.terminal import Terminal
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError

if TYPE_CHECKING:
    from reconciler.engine import PlanRun


@click.command(
    cls=Command,
    examples=[
        "reconciler plan # what would change",
        "reconciler plan --out plan.json # keep it, to apply exactly this",
        "reconciler plan --detailed-exitcode # 2 where there are changes",
        "reconciler plan manifests/team-a --target role/deployer # less than everything",
    ],
)
@click.argument("paths", nargs=-1, metavar="[PATH]...", shell_complete=files)
@click.option(
    "--out", cls=Option, metavar="FILE", shell_complete=files, help="Write the plan there, for apply and show."
)
@click.option("--detailed-exitcode", cls=Option, is_flag=True, help="Exit with 2 where there are changes.")
@click.option("--strict", cls=Option, is_flag=True, help="Refuse the whole plan if anything in it is blocked.")
@click.option("--stages", cls=Option, is_flag=True, help="Show every call, by stage.")
@choice_options
@format_option("text", "json")
@common_options
@click.pass_obj
def command(
    terminal: Terminal,
    /,
    *,
    paths: tuple[str, ...],
    out: str | None,
    detailed_exitcode: bool,
    strict: bool,
    stages: bool,
    chosen: dict[str, Any],
    form: str,
    common: Common,
) -> int:
    """Show what apply would do. Changes nothing, anywhere.

    PATH, files or folders below the manifests, narrows it down to what those declare.
    """
    from reconciler import engine  # noqa: PLC0415  the help needs none of it
    from reconciler.cli.saving import refuse_wrong_place  # noqa: PLC0415

    settings = common.settings()
    if out is not None:
        refuse_wrong_place(out, settings, config=common.config_file)
    choices = choices_of(chosen, paths, settings, kept=out is not None or form == "json")
    with Watch(colour=terminal.err.colour) as watch:
        run = engine.plan(settings, choices, progress=watch)
    if form == "text":
        terminal.show(plans_as_text(run, terminal, stages=stages))
    terminal.complain(*unfit_choices(choices, run.plans))
    blockers = [found for plan in run.plans for found in plan.blockers]
    if strict and blockers:
        raise ReconcilerError(*(blockers if form == "json" else [_STRICT]))
    if out is not None:
        write_file(Path(out), plans_as_json(run))
    if form == "json":  # after the file, so that a program finds one object also where that cannot be written
        terminal.show(plans_as_json(run))
    say_calls(terminal, (plan.calls for plan in run.plans))
    if any(plan.changes for plan in run.plans):
        terminal.say(next_step(run, out, click.get_current_context()))
    return exit_code(run, detailed=detailed_exitcode)


def next_step(run: PlanRun, out: str | None, context: click.Context) -> str:
    """Return the command that does what was shown and nothing else."""
    if out is not None:
        return f"Saved. To do exactly this: {retyped('apply', given_options(context, WHERE), [out])}\n"
    options = ["--expect", run.fingerprint, *given_options(context, {*WHERE, *CHOICES, "strict"})]
    return f"To apply this plan and no other: {retyped('apply', options, context.params['paths'])}\n"


def exit_code(run: PlanRun, *, detailed: bool) -> int:
    """Return 1 for an error or a blocker, 2 for changes where that is asked for, else 0."""
    if any(one.error for one in run.accounts) or any(plan.blockers for plan in run.plans):
        return ERROR
    return FOUND if detailed and any(plan.changes for plan in run.plans) else FINE


_STRICT = Diagnostic(
    Code.RA411,
    "There are blockers, and --strict refuses all then.",
    help="Mend what is blocked, or plan without --strict. No plan file was written.",
)
