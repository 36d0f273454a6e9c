"""What ends a command, or one account of it, before anything is done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.engine.runs import PlanRun
from reconciler.manifest.wording import did_you_mean
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError, Severity


def raise_errors(told: Sequence[Diagnostic]) -> None:
    """Raise ReconcilerError if there are errors among what was told, with all of it."""
    errors = [found for found in told if found.is_error]
    if errors:
        raise ReconcilerError(*errors, *warnings(told))


def warnings(told: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Return what was told and is no error."""
    return [found for found in told if not found.is_error]


def not_updated(error: ReconcilerError) -> Diagnostic:
    """Return the warning that what was seen could not be recorded."""
    cause = error.diagnostics[0]
    return Diagnostic(
        Code.RS509,
        f"The ledger was not updated: {cause.message}",
        severity=Severity.WARNING,
        place=cause.place,
        help=cause.help,
    )


def no_such_target(target: str, known: Iterable[str]) -> Diagnostic:
    """Return the error for a target that names nothing of what is known."""
    addresses = "Addresses are role/NAME and managed_policy/NAME, as plans show them."
    return Diagnostic(
        Code.RM120,
        f"--target {target} is neither declared nor owned.",
        help=did_you_mean(target, known) or addresses,
    )


def another_state(account: str, place: str) -> Diagnostic:
    """Return the error for a saved plan that was made with a state that is not there any more."""
    return Diagnostic(
        Code.RA410,
        f"The state of account {account} in {place} is not the one that the plan was made with.",
        help="Nothing was written. Bring that state back, or plan again.",
    )


def refuse_unless_expected(run: PlanRun, *, expect: str | None, strict: bool) -> None:
    """Raise RA412 for another plan than the one reviewed, RA411 for blockers where all is to be refused then."""
    if expect is not None and expect != run.fingerprint:
        raise ReconcilerError(
            Diagnostic(
                Code.RA412,
                f"The plan is {run.fingerprint}, not the expected {expect}.",
                help="Something changed since that plan was reviewed: review the new one.",
            )
        )
    if strict and any(plan.blockers for plan in run.plans):
        raise ReconcilerError(
            Diagnostic(Code.RA411, "There are blockers, and --strict refuses all then.", help="Nothing was written.")
        )


def nothing_to_ask(run: PlanRun) -> bool:
    """Tell whether there is nothing that anybody could say yes to."""
    return all(not plan.changes for plan in run.plans)
