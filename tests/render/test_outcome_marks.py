"""The mark before an outcome says what became of a call, never what a plan would do."""

from __future__ import annotations

from reconciler.apply import Outcome, Result
from reconciler.model.change import Action, Call
from reconciler.render.changes import SYMBOLS
from reconciler.render.outcomes import outcome_line


def test_no_outcome_has_a_mark_that_means_something_else_in_a_plan() -> None:
    outcomes = [Outcome(address="role/partner", call=Call.DELETE_ROLE, outcome=result) for result in Result]
    marks = {outcome_line(outcome).plain.split()[0] for outcome in outcomes}
    assert len(marks) == len(Result)
    assert not marks & {SYMBOLS[action][0] for action in Action}
