"""What releases a held change: its own approval, or that of something else that it waits for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.model.change import Action, Approval, Call, Change, Operation, Reason
from reconciler.render.holds import Holds


def change(name: str, *operations: Operation, needs: Sequence[str] = ()) -> Change:
    """A change to a role that needs the approvals of its calls."""
    approvals = tuple(dict.fromkeys(kind for operation in operations for kind in operation.approvals))
    return Change(
        address=f"role/{name}",
        account="111122223333",
        action=Action.UPDATE,
        reason=Reason.MANIFEST_CHANGED,
        message="",
        approvals=approvals,
        held=any(operation.held for operation in operations),
        operations=operations,
        needs=tuple(f"role/{needed}" for needed in needs),
    )


def call(stage: int, *approvals: Approval, held: bool = True) -> Operation:
    return Operation(call=Call.UPDATE_ROLE, params={}, stage=stage, approvals=approvals, held=held)


NARROWED = change("narrowed", call(1, Approval.ADOPT))
DRAGGED = change("dragged", call(2, Approval.BROADEN), needs=["narrowed"])


def test_a_change_is_released_by_its_own_approvals() -> None:
    holds = Holds([NARROWED])

    assert holds.release("role/narrowed") == "--approve adopt:role/narrowed"
    assert holds.others("role/narrowed") == ()


def test_what_waits_for_another_is_released_by_the_approval_of_that() -> None:
    holds = Holds([DRAGGED, NARROWED])

    assert holds.release("role/dragged") == "--approve adopt:role/narrowed"
    assert holds.others("role/dragged") == ("role/narrowed",)


def test_what_waits_for_what_waits_names_the_first() -> None:
    last = change("last", call(3, Approval.BROADEN), needs=["dragged"])

    assert Holds([last, DRAGGED, NARROWED]).others("role/last") == ("role/narrowed",)


def test_what_needs_an_approval_of_its_own_and_waits_too_names_both() -> None:
    both = change("both", call(2, Approval.RE_TRUST), needs=["narrowed"])
    holds = Holds([NARROWED, both])

    assert holds.release("role/both") == "--approve adopt:role/narrowed --approve re_trust:role/both"
    assert holds.others("role/both") == ("role/narrowed",)


def test_a_kind_that_the_configuration_holds_is_known_by_a_call_that_waits_for_nothing_else() -> None:
    alone = change("alone", call(1, Approval.BROADEN))

    holds = Holds([alone, DRAGGED, NARROWED])

    assert holds.release("role/alone") == "--approve broaden:role/alone"
    assert holds.release("role/dragged") == "--approve broaden:role/dragged --approve adopt:role/narrowed"


def test_a_call_before_the_held_one_does_not_wait_for_it() -> None:
    early = change("early", call(1, Approval.RE_TRUST), needs=["narrowed"])

    assert Holds([early, NARROWED]).others("role/early") == ()


def test_an_approval_that_only_calls_which_are_not_held_need_is_not_asked_for() -> None:
    split = change("split", call(1, Approval.BROADEN, held=False), call(2, Approval.RE_TRUST))

    assert Holds([split]).release("role/split") == "--approve re_trust:role/split"


def test_what_is_only_recorded_is_released_by_its_own_approvals() -> None:
    recorded = replace(NARROWED, operations=(), needs=(), approvals=(Approval.ADOPT,))

    assert Holds([recorded]).release("role/narrowed") == "--approve adopt:role/narrowed"


def test_what_is_not_in_the_plan_is_released_by_nothing() -> None:
    assert Holds([]).release("role/gone") == ""
