"""`reconciler explain`: the long story of a diagnostic."""

from __future__ import annotations

import json

import click

from reconciler.cli.completing import codes
from reconciler.cli.group import Command
from reconciler.cli.options import Common, format_option, log_options
from reconciler.cli.terminal import Terminal
from reconciler.explanations import find_code, story_of
from reconciler.model.diagnostic import TITLES, Code
from reconciler.render.lines import Canvas
from reconciler.render.story import catalogue_text, story_text


@click.command(
    cls=Command,
    examples=[
        "reconciler explain # list all codes",
        "reconciler explain RP201 # why a recreated user is no longer trusted",
    ],
)
@click.argument("code", required=False, shell_complete=codes)
@format_option("text", "json")
@log_options
@click.pass_obj
def command(terminal: Terminal, /, *, code: str | None, form: str, common: Common) -> int:  # noqa: ARG001  --no-color
    """Tell what CODE means, how IAM behaves there, and what to do; without CODE list all codes."""
    chosen = find_code(code) if code is not None else None
    terminal.show(_as_json(chosen) if form == "json" else _as_text(chosen, terminal.out))
    return 0


def _as_text(code: Code | None, canvas: Canvas) -> str:
    return catalogue_text(canvas) if code is None else story_text(story_of(code), canvas)


def _as_json(code: Code | None) -> str:
    chosen = list(Code) if code is None else [code]
    found = [{"code": each.value, "title": TITLES[each], "explanation": story_of(each)} for each in chosen]
    return json.dumps(found if code is None else found[0], indent=2) + "\n"
