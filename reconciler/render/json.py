"""Everything as JSON for programs: `format_version` "1", keys may be added and are never renamed.

The JSON of a plan is the plan file itself and is made where that is read and written; diagnostics look the same
everywhere. What a finding has no value for is null rather than absent, so that a reader need not ask twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeAlias

from reconciler.apply import ApplyResult, Outcome
from reconciler.drift import DriftReport, Finding
from reconciler.model.diagnostic import Diagnostic, Place, Severity
from reconciler.plan import Plan
from reconciler.planfile import diagnostic_to_json

FORMAT_VERSION = "1"

Json: TypeAlias = dict[str, Any]


def dumps(value: object) -> str:
    """Return JSON text for standard output, ASCII only, so that no terminal can be misled by it."""
    return json.dumps(value, indent=2) + "\n"


def diagnostics_to_json(found: Iterable[Diagnostic]) -> list[Json]:
    """Return diagnostics in their order."""
    return [diagnostic_to_json(diagnostic) for diagnostic in found]


def validation_to_json(found: Sequence[Diagnostic], *, files: int, objects: int) -> Json:
    """Return what `validate` found."""
    severities = [diagnostic.severity for diagnostic in found]
    counts = {f"{severity.value}s": severities.count(severity) for severity in Severity}
    return {
        "format_version": FORMAT_VERSION,
        "summary": {**counts, "files": files, "objects": objects},
        "diagnostics": diagnostics_to_json(found),
    }


def drift_to_json(report: DriftReport) -> Json:
    """Return the findings of one account; `summary.findings` counts errors and warnings, not notes."""
    return {
        "format_version": FORMAT_VERSION,
        "account": report.account,
        "summary": {
            "findings": len(report.counted),
            "orphaned_principals": report.orphaned_principals,
            "not_applied": report.not_applied,
            "roles_scanned": report.roles_scanned,
        },
        "findings": [_finding(finding) for finding in report.findings],
        "warnings": diagnostics_to_json(report.warnings),
        "calls": dict(sorted(report.calls.items())),
    }


def apply_to_json(result: ApplyResult, *, plan: Plan | None = None, calls: Mapping[str, int] | None = None) -> Json:
    """Return what an apply did to one account, outcome by outcome, and what of its `plan` was blocked."""
    return {
        "format_version": FORMAT_VERSION,
        "account": result.account,
        "fingerprint": result.fingerprint,
        "summary": asdict(result.summary),
        "interrupted": result.interrupted,
        "outcomes": [_outcome(outcome) for outcome in result.outcomes],
        "problems": diagnostics_to_json(result.problems),
        "blockers": diagnostics_to_json(plan.blockers if plan else ()),
        "warnings": diagnostics_to_json(plan.warnings if plan else ()),
        "calls": dict(sorted((calls or {}).items())),
    }


def failure_to_json(account: str, error: Iterable[Diagnostic]) -> Json:
    """Return what stands for an account that failed."""
    return {"format_version": FORMAT_VERSION, "account": account, "error": diagnostics_to_json(error)}


def ending_to_json(error: Iterable[Diagnostic]) -> Json:
    """Return what stands for the whole result of a command that has none: why that is, under the same key."""
    return {"format_version": FORMAT_VERSION, "error": diagnostics_to_json(error)}


def summed(accounts: Iterable[Json]) -> dict[str, int]:
    """Return the sum of the `summary` of each account that has one."""
    total: dict[str, int] = {}
    for account in accounts:
        for key, number in account.get("summary", {}).items():
            total[key] = total.get(key, 0) + number
    return total


def _place(place: Place | None) -> Json:
    if place is None:
        return {"file": None, "line": None, "column": None}
    return {"file": place.file, "line": place.line, "column": place.column}


def _finding(finding: Finding) -> Json:
    return {
        "kind": finding.kind.value,
        "code": finding.code.value,
        "severity": finding.severity.value,
        "address": finding.address,
        "arn": finding.arn,
        "managed": finding.managed,
        **_place(finding.place),
        "path": finding.path,
        "principal_id": finding.principal_id,
        "session": finding.session,
        "last_known_arn": finding.last_known_arn,
        "inferred_arn": finding.inferred_arn,
        "standing": finding.standing.value if finding.standing else None,
        "current_id": finding.current_id,
        "effect": finding.effect,
        "location": finding.location,
        "first_seen": finding.first_seen,
        "last_alive": finding.last_alive,
        "deleted": finding.deleted,
        "message": finding.message,
        "help": finding.help,
    }


def _outcome(outcome: Outcome) -> Json:
    return {
        "address": outcome.address,
        "call": outcome.call.value if outcome.call else None,
        "outcome": outcome.outcome.value,
        "request_id": outcome.request_id,
        "diagnostic": diagnostic_to_json(outcome.diagnostic) if outcome.diagnostic else None,
    }
