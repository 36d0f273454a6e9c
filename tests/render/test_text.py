"""What a person sees, kept as whole files: `make golden` writes them anew."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from reconciler.apply import ApplyResult
from reconciler.drift import DriftReport
from reconciler.model.change import Difference
from reconciler.model.diagnostic import Code, Diagnostic, Place
from reconciler.plan import Plan
from reconciler.render.diagnostics import all_diagnostics
from reconciler.render.lines import Canvas, paint, prose
from reconciler.render.story import catalogue_text, story_text
from reconciler.render.text import (
    NO_CHANGES,
    Titled,
    apply_text,
    drift_text,
    plan_text,
    validation_text,
)
from tests.render import situations as given
from tests.render.golden import TextFile

COLOURS = re.compile("\x1b\\[[0-9;]*m")
PLAIN = Canvas()


@pytest.fixture
def golden(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(TextFile)


def plan(*plans: Plan, canvas: Canvas = PLAIN, stages: bool = False) -> str:
    return plan_text([Titled(result=each) for each in plans], canvas, stages=stages)


def drift(report: DriftReport, canvas: Canvas = PLAIN) -> str:
    return drift_text([Titled(result=report)], canvas)


def applied(result: ApplyResult, canvas: Canvas = PLAIN) -> str:
    return apply_text([Titled(result=result)], canvas, plans={given.ACCOUNT: given.EVERY_KIND})


def told(*found: Diagnostic, canvas: Canvas = PLAIN) -> str:
    return paint(all_diagnostics(found, width=canvas.width), canvas)


def test_a_plan_with_every_kind_of_change(golden: SnapshotAssertion) -> None:
    assert plan(given.EVERY_KIND) == golden


def test_a_plan_shows_its_calls_by_stage_only_when_asked(golden: SnapshotAssertion) -> None:
    assert "stage 2" not in plan(given.EVERY_KIND)
    assert plan(given.EVERY_KIND, stages=True) == golden


def test_a_plan_with_blockers_still_ends_with_the_sentence(golden: SnapshotAssertion) -> None:
    assert plan(given.BLOCKED) == golden


def test_a_plan_of_nothing_but_blockers_does_not_say_that_all_is_well(golden: SnapshotAssertion) -> None:
    text = plan(given.ONLY_BLOCKED)

    assert NO_CHANGES not in text
    assert text == golden


def test_a_plan_without_changes_is_one_sentence() -> None:
    assert plan(given.NOTHING) == f"{NO_CHANGES}\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3600, "3600 seconds (1 hour)"), (5400, "5400 seconds (1.5 hours)"), (10**400, str(10**400))],
    ids=["an hour", "more", "beyond all floats"],
)
def test_a_duration_is_told_in_hours_too_unless_a_plan_was_made_up(seconds: int, words: str) -> None:
    change = given.EVERY_KIND.changes[0]
    duration = Difference(path="max_session_duration", reason=change.reason, after=seconds)

    text = plan(replace(given.EVERY_KIND, changes=(replace(change, differences=(duration,)),)))

    assert f"max_session_duration = {words}\n" in text


def test_what_waits_for_another_account_says_so_where_nothing_here_releases_it() -> None:
    (waiting,) = [one for one in given.EVERY_KIND.changes if one.address == "role/deployer"]
    calls = tuple(replace(call, approvals=(), held=True) for call in waiting.operations)
    text = plan(replace(given.NOTHING, changes=(replace(waiting, approvals=(), held=True, operations=calls),)))

    assert "held until what it waits for in another account is approved\n" in text


def test_hostile_text_is_inert_and_forges_no_line(golden: SnapshotAssertion) -> None:
    text = plan(given.HOSTILE)

    assert all(character.isprintable() or character == "\n" for character in text)
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())
    assert text == golden


def test_many_accounts_stand_below_their_names_with_one_sentence_at_the_end(golden: SnapshotAssertion) -> None:
    accounts = [
        Titled(title="111122223333 (production)", result=given.BLOCKED),
        Titled(title="444455556666 (development)", result=given.NOTHING),
        Titled[Plan](title="777788889999", error=(given.WARNING,)),
    ]

    assert plan_text(accounts, PLAIN) == golden


FAILED = Titled[Any](title="777788889999", error=(given.WARNING,))


def last_line(text: str) -> str:
    return text.rstrip("\n").rpartition("\n")[2]


def test_where_an_account_failed_nobody_says_that_there_are_no_changes() -> None:
    fine = Titled(title="444455556666", result=given.NOTHING)

    assert last_line(plan_text([fine, FAILED], PLAIN)) == (
        "Plan: 0 to add, 0 to change, 0 to destroy. 1 account failed, see above."
    )
    assert plan_text([fine, FAILED], PLAIN).count(NO_CHANGES) == 1


def test_where_an_account_failed_nobody_says_that_there_is_no_drift() -> None:
    text = drift_text([Titled(title="444455556666", result=given.CALM), FAILED], PLAIN)

    assert last_line(text) == "No drift where it was looked for. 1 role scanned. 1 account failed, see above."


def test_where_an_account_failed_an_apply_is_not_complete() -> None:
    text = apply_text([Titled(title="111122223333", result=given.COMPLETE), FAILED], PLAIN, plans={})

    assert last_line(text) == (
        "Apply incomplete! Resources: 1 imported, 1 added, 1 changed, 0 destroyed. 1 account failed, see above."
    )


def test_a_narrow_terminal_wraps_prose_and_breaks_no_arn(golden: SnapshotAssertion) -> None:
    assert plan(given.BLOCKED, canvas=Canvas(width=60)) == golden


def test_drift_is_grouped_by_role_with_the_worst_first(golden: SnapshotAssertion) -> None:
    assert drift(given.REPORT) == golden


def test_no_drift_is_said_in_one_sentence() -> None:
    assert drift(given.CALM) == "No drift. 1 role scanned.\n"


def test_notes_alone_are_no_drift(golden: SnapshotAssertion) -> None:
    assert drift(given.CALM_WITH_NOTES) == golden


@pytest.mark.parametrize("situation", ["COMPLETE", "HELD", "FAILED", "INTERRUPTED"])
def test_an_apply_tells_what_became_of_every_call(situation: str, golden: SnapshotAssertion) -> None:
    assert applied(getattr(given, situation)) == golden


def test_an_apply_around_a_blocker_is_not_complete() -> None:
    plans = {given.ACCOUNT: given.BLOCKED}

    text = apply_text([Titled(result=given.COMPLETE)], PLAIN, plans=plans)

    assert text.endswith("Resources: 1 imported, 1 added, 1 changed, 0 destroyed. 1 blocker, see the plan above.\n")


def test_diagnostics_show_the_line_with_a_caret(golden: SnapshotAssertion) -> None:
    assert told(*given.PLACES) == golden


@pytest.mark.parametrize("width", [40, 60, 100])
@pytest.mark.parametrize("column", [1, 30, 150, 300, 301])
def test_of_a_long_line_the_part_around_the_caret_is_shown_as_far_as_it_fits(width: int, column: int) -> None:
    text = "".join(chr(ord("a") + at % 26) for at in range(300))
    found = Diagnostic(Code.RM106, "Too long.", place=Place("a.yaml", 7, column, text))

    lines = told(found, canvas=Canvas(width=width)).splitlines()
    shown, below = next((one, other) for one, other in pairwise(lines) if other.endswith("^"))

    assert len(shown) <= width
    assert shown[below.index("^") :][:1] == text[column - 1 : column]


def test_a_line_that_fits_is_shown_whole() -> None:
    found = Diagnostic(Code.RM106, "Too long.", place=Place("a.yaml", 7, 3, "a" * 30))

    assert f"7 │ {'a' * 30}\n" in told(found, canvas=Canvas(width=40))


def test_validation_counts_what_it_found(golden: SnapshotAssertion) -> None:
    assert validation_text(given.PLACES, PLAIN, files=4, objects=7) == golden


def test_valid_manifests_are_said_to_be() -> None:
    assert validation_text((), PLAIN, files=1, objects=2) == "Valid: 2 objects in 1 file.\n"


@pytest.mark.parametrize("situation", ["EVERY_KIND", "BLOCKED", "ONLY_BLOCKED", "NOTHING", "HOSTILE"])
def test_colour_adds_nothing_but_colour_to_a_plan(situation: str) -> None:
    found = getattr(given, situation)

    painted = plan(found, canvas=Canvas(colour=True), stages=True)

    assert "\x1b[" in painted
    assert COLOURS.sub("", painted) == plan(found, stages=True)


def test_colour_adds_nothing_but_colour_to_reports_and_results() -> None:
    canvas = Canvas(colour=True)

    assert COLOURS.sub("", drift(given.REPORT, canvas)) == drift(given.REPORT)
    assert COLOURS.sub("", applied(given.FAILED, canvas)) == applied(given.FAILED)


def test_the_catalogue_lists_every_code(golden: SnapshotAssertion) -> None:
    text = catalogue_text(PLAIN)

    assert all(code.value in text for code in Code)
    assert text == golden


def test_a_story_keeps_its_code_and_wraps_its_prose(golden: SnapshotAssertion) -> None:
    story = (
        "# RX: A title\n\nA paragraph with `code`,\nbroken early.\n\n```yaml\na:\n  - b\n\n# no heading\n```\n\n"
        "- one\n  item\n- two\n"
    )

    assert story_text(story, PLAIN) == golden


def test_a_command_stays_on_one_line_where_it_fits() -> None:
    text = "Look at the plan, and then run `reconciler apply --approve re_trust:role/deployer`. All else can wait."
    lines = [found.plain for found in prose(text, indent=0, width=60)]
    assert lines == [
        "Look at the plan, and then run",
        "`reconciler apply --approve re_trust:role/deployer`. All",
        "else can wait.",
    ]
    assert next(found.plain for found in prose("Run `one two three`.", indent=0, width=20)) == "Run `one two three`."
    narrow = [found.plain for found in prose("`" + "word " * 10 + "end`", indent=0, width=45)]
    assert max(map(len, narrow)) <= 45
