"""`reconciler apply`: make the account as declared, after somebody said yes."""

from __future__ import annotations

import os
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.choices import choice_options, choices_of, unfit_choices
from reconciler.cli.completing import files
from reconciler.cli.group import Command, Option
from reconciler.cli.interrupts import Interrupts
from reconciler.cli.options import Common, Seconds, common_options, format_option, lock_timeout_option
from reconciler.cli.progress import Watch
from reconciler.cli.results import ERROR, FINE, FOUND, plans_as_text, say_calls, titled
from reconciler.cli.terminal import Terminal
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError
from reconciler.planfile import fleet_to_json
from reconciler.render.diagnostics import counted
from reconciler.render.json import apply_to_json, dumps, failure_to_json, summed
from reconciler.render.text import apply_text

if TYPE_CHECKING:
    from reconciler.engine import ApplyRun, Choices, PlanRun, Settings


@click.command(
    cls=Command,
    examples=[
        "reconciler apply # show the plan, ask, and do it",
        "reconciler apply plan.json # exactly what was reviewed",
        "reconciler apply --expect sha256:... # only if the plan is still the one that was seen",
        "reconciler apply --auto-approve --approve re_trust:role/deployer # in a pipeline",
    ],
)
@click.argument("paths", nargs=-1, metavar="[PLANFILE | PATH...]", shell_complete=files)
@click.option("--auto-approve", cls=Option, is_flag=True, help="Do not ask; what a person has to decide is held back.")
@click.option(
    "--expect", cls=Option, metavar="FINGERPRINT", help="Apply the plan made now only if it has this fingerprint."
)
@click.option("--strict", cls=Option, is_flag=True, help="Write nothing if anything is blocked.")
@click.option(
    "--first-use",
    cls=Option,
    is_flag=True,
    help="Confirm that this is the first apply, where CI is set and there is no state.",
)
@click.option(
    "--parallelism",
    cls=Option,
    type=click.IntRange(1, 64),
    default=4,
    metavar="N",
    help="How many objects to write to at a time.  [default: 4]",
)
@lock_timeout_option(0)
@click.option(
    "--settle",
    cls=Option,
    type=Seconds(),
    default=0.0,
    metavar="SECONDS",
    help="Wait between narrowing and widening, for IAM to spread the word.  [default: 0]",
)
@choice_options
@format_option("text", "json")
@common_options
@click.pass_obj
def command(
    terminal: Terminal,
    /,
    *,
    paths: tuple[str, ...],
    auto_approve: bool,
    expect: str | None,
    form: str,
    common: Common,
    chosen: dict[str, Any],
    first_use: bool,
    settle: float,
    **how: Any,
) -> int:
    """Make the account as declared: from PLANFILE, or from a plan made now and approved.

    PATH, files or folders below the manifests, narrows it down to what those declare.
    Exits with 2 where all is done but what is held for review.
    """
    settings = common.settings()
    plan_file = plan_file_among(paths, settings)
    if plan_file and (chosen["destroy"] or chosen["targets"]):
        raise click.UsageError("A plan file says what is done: it takes neither --destroy nor --target.")
    choices = choices_of(chosen, () if plan_file else paths, settings, first_use=first_use)
    asks = not auto_approve and plan_file is None and expect is None
    if asks and not terminal.is_interactive:
        raise ReconcilerError(_NOT_APPROVED)
    with Watch(colour=terminal.err.colour) as watch:
        quiet = form == "json"
        stage = _Stage(terminal, watch, Interrupts(), choices=choices, quiet=quiet, asks=asks, settle=settle)
        run = stage.run(settings, plan_file=plan_file, expect=expect, **how)
    if run.declined:
        if form == "json":
            raise ReconcilerError(_DECLINED)
        terminal.say("Apply cancelled. Nothing was done.\n")
        return ERROR
    terminal.show(_as_json(run) if form == "json" else "\n" + applied_as_text(run, terminal))
    say_calls(terminal, (one.calls for one in run.accounts))
    return exit_code(run)


@dataclass(frozen=True)
class _Stage:
    """What happens around an apply: the plan is shown, the question asked, progress told, interrupts heard."""

    terminal: Terminal
    watch: Watch
    interrupts: Interrupts
    _: KW_ONLY
    choices: Choices
    quiet: bool
    asks: bool
    settle: float

    def run(self, settings: Settings, **how: Any) -> ApplyRun:
        from reconciler import engine  # noqa: PLC0415  the help needs none of it

        return engine.apply(
            settings,
            self.choices,
            confirm=self.confirm if self.asks else None,
            interrupted=self.interrupts,
            progress=self.watch,
            shown=self.shown,
            settle=self.settle,
            **how,
        )

    def shown(self, run: PlanRun) -> None:
        """Show the plan; where nobody is asked, what follows are the writes."""
        self.watch.stop()
        self.watch.expect(sum(len(change.operations) for plan in run.plans for change in plan.changes))
        text = plans_as_text(run, self.terminal)
        self.terminal.say(text) if self.quiet else self.terminal.show(text)
        self.terminal.complain(*unfit_choices(self.choices, run.plans))
        self._say_waits(run)
        if not self.asks:
            self.interrupts.begin()

    def _say_waits(self, run: PlanRun) -> None:
        """Say how long nothing will seem to happen: while IAM spreads the word after each stage but the last."""
        stages = ({operation.stage for change in plan.changes for operation in change.operations} for plan in run.plans)
        waits = sum(max(0, len(each) - 1) for each in stages)
        if waits and self.settle > 1:
            self.terminal.say(f"--settle: it waits {self.settle:g} seconds between stages, {counted(waits, 'time')}.\n")

    def confirm(self, run: PlanRun) -> bool:
        """Ask the person at the terminal."""
        held = sum(1 for plan in run.plans for change in plan.changes if change.held)
        if held:
            self.terminal.say(f"\nYour yes also approves what is held for review: {counted(held, 'change')}.\n")
        self.terminal.flush()
        self.terminal.say("\nShall this be done? Only 'yes' will be accepted: ")
        try:
            answer = input().strip()
        except EOFError:  # Ctrl-D
            answer = ""
            self.terminal.say("\n")
        if answer == "yes":
            self.interrupts.begin()
        return answer == "yes"


def plan_file_among(paths: tuple[str, ...], settings: Settings) -> Path | None:
    """Return the plan file if the one path given is that: a file, or a name for one, outside of the manifests."""
    if len(paths) != 1:
        return None
    path = Path(paths[0])
    inside = Path(os.path.realpath(path)).is_relative_to(os.path.realpath(settings.manifests))
    return None if inside or path.is_dir() else path


def exit_code(run: ApplyRun) -> int:
    """Return 1 where something failed or was blocked, 2 where all else is done and something is held, else 0."""
    plans = [one.plan for one in run.accounts if one.plan is not None]
    results = [one.result for one in run.accounts if one.result is not None]
    failed = any(one.error for one in run.accounts) or any(plan.blockers for plan in plans)
    if failed or not all(result.is_complete for result in results):
        return ERROR
    return FOUND if any(result.summary.held for result in results) else FINE


def applied_as_text(run: ApplyRun, terminal: Terminal) -> str:
    """Return what an apply did, for a person."""
    results = [titled(one, one.result, fleet=run.fleet) for one in run.accounts]
    plans = {one.account: one.plan for one in run.accounts if one.plan is not None}
    return apply_text(results, terminal.out, plans=plans)


def _as_json(run: ApplyRun) -> str:
    parts = [
        apply_to_json(one.result, plan=one.plan, calls=one.calls)
        if one.result is not None
        else failure_to_json(one.account, one.error)
        for one in run.accounts
    ]
    if not run.fleet:
        return dumps(parts[0])
    return dumps(fleet_to_json(parts, summed(parts), fingerprint=run.fingerprint))


_DECLINED = Diagnostic(Code.RA411, "The apply was cancelled at its question.", help="Nothing was written to AWS.")
_NOT_APPROVED = Diagnostic(
    Code.RA411,
    "Nobody is here to approve the plan: apply was not started at a terminal.",
    help="Give it a plan file, the fingerprint that was reviewed (--expect), or --auto-approve.",
)
