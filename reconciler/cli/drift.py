"""`reconciler drift`: what is wrong with the live account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.group import Command, Option
from reconciler.cli.options import Common, common_options, format_option, lock_timeout_option
from reconciler.cli.progress import Watch
from reconciler.cli.results import ERROR, FINE, FOUND, say_calls, titled
from reconciler.cli.terminal import Terminal
from reconciler.planfile import fleet_to_json
from reconciler.render.json import drift_to_json, dumps, failure_to_json, summed
from reconciler.render.known import trace_json
from reconciler.render.text import drift_text

if TYPE_CHECKING:
    from reconciler.drift import DriftReport
    from reconciler.engine import DriftRun


@click.command(
    cls=Command,
    examples=[
        "reconciler drift # broken trusts, and what was changed outside",
        "reconciler drift --resolve cloudtrail # and who deleted whom, as far as the last 90 days tell",
        "reconciler drift --unmanaged --format json # the roles that nobody declared too",
    ],
)
@click.option("--unmanaged", cls=Option, is_flag=True, help="List the roles that no manifest declares, too.")
@click.option(
    "--resolve",
    cls=Option,
    type=click.Choice(["cloudtrail"]),
    help="Look up whose the dead IDs were, who deleted them and who recreated them.",
)
@click.option("--no-record", cls=Option, is_flag=True, help="Do not note who is alive; nothing is written.")
@lock_timeout_option(60)
@format_option("text", "json")
@common_options
@click.pass_obj
def command(
    terminal: Terminal,
    /,
    *,
    unmanaged: bool,
    resolve: str | None,
    no_record: bool,
    lock_timeout: float,
    form: str,
    common: Common,
) -> int:
    """Report what is wrong with the live account: whose trust is broken, and what was changed outside.

    Exits with 2 where an error or a warning is found.
    """
    from reconciler import engine  # noqa: PLC0415  the help needs none of it

    with Watch(colour=terminal.err.colour) as watch:
        run = engine.drift(
            common.settings(),
            unmanaged=unmanaged,
            record=not no_record,
            lock_timeout=lock_timeout,
            progress=watch,
            ask_cloudtrail=resolve is not None,
        )
    terminal.show(_as_json(run, with_traces=resolve is not None) if form == "json" else drift_as_text(run, terminal))
    reports = [one.report for one in run.accounts if one.report is not None]
    say_calls(terminal, (report.calls for report in reports))
    if any(one.error for one in run.accounts):
        return ERROR
    return FOUND if any(report.counted for report in reports) else FINE


def drift_as_text(run: DriftRun, terminal: Terminal) -> str:
    """Return reports for a person."""
    reports = [titled(one, one.report, fleet=run.fleet) for one in run.accounts]
    return drift_text(reports, terminal.out)


def _as_json(run: DriftRun, *, with_traces: bool) -> str:
    parts = [
        _report_as_json(one.report, with_traces=with_traces)
        if one.report is not None
        else failure_to_json(one.account, one.error)
        for one in run.accounts
    ]
    return dumps(fleet_to_json(parts, summed(parts)) if run.fleet else parts[0])


def _report_as_json(report: DriftReport, *, with_traces: bool) -> dict[str, Any]:
    """Return a report as JSON; where CloudTrail was asked, each finding has the key `cloudtrail`."""
    shown = drift_to_json(report)
    if with_traces:
        for finding, found in zip(shown["findings"], report.findings, strict=True):
            finding["cloudtrail"] = trace_json(found.cloudtrail)
    return shown
