"""Findings of drift for people: by object, worst first, each with consequence, facts and remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.drift import DriftReport, Finding
from reconciler.model.diagnostic import Severity
from reconciler.render.diagnostics import TONES, counted, failure_sentence, sentence
from reconciler.render.escape import inert
from reconciler.render.lines import BLANK, Line, Span, Tone, line, prose

_INDENT = 4
_RANKS = [Severity.ERROR, Severity.WARNING, Severity.NOTE]


def report_lines(report: DriftReport, *, width: int) -> Iterator[Line]:
    """Yield all findings, grouped by object."""
    for address, findings in _grouped(report.findings):
        yield from _object_lines(address, findings)
        for finding in findings:
            yield from _finding_lines(finding, width)
        yield BLANK


def drift_sentence(reports: Sequence[DriftReport], *, failed: int = 0) -> str:
    """Return the last line of a report: what was found in how many roles; notes are said but no drift.

    `failed` accounts have no report, so that nobody can say that there is no drift.
    """
    counted_findings = [finding for report in reports for finding in report.counted]
    notes = sum(len(report.findings) for report in reports) - len(counted_findings)
    also = [counted(notes, "note")] if notes else []
    if pending := sum(report.not_applied for report in reports):
        also.append(f"{counted(pending, 'object')} not applied yet")
    also.append(f"{counted(sum(report.roles_scanned for report in reports), 'role')} scanned")
    if not counted_findings:
        found = "No drift" if not failed else "No drift where it was looked for"
        return f"{found}. {', '.join(also)}.{failure_sentence(failed)}"
    severities = [finding.severity for finding in counted_findings]
    parts = [(severities.count(severity), severity.value) for severity in _RANKS]
    weights = ", ".join(counted(number, noun) for number, noun in parts if number)
    orphans = sum(report.orphaned_principals for report in reports)
    also = [*([counted(orphans, "orphaned principal")] if orphans else []), *also]
    return (
        f"Drift: {counted(len(counted_findings), 'finding')} ({weights}); {', '.join(also)}.{failure_sentence(failed)}"
    )


def _grouped(findings: Sequence[Finding]) -> list[tuple[str, list[Finding]]]:
    """Return the findings by object; the object with the worst finding first, then by address."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.address, []).append(finding)
    for group in groups.values():
        group.sort(key=lambda finding: _RANKS.index(finding.severity))
    return sorted(groups.items(), key=lambda item: (_RANKS.index(item[1][0].severity), item[0]))


def _object_lines(address: str, findings: Sequence[Finding]) -> Iterator[Line]:
    first = findings[0]
    about = str(first.place) if first.place else "managed" if first.managed else "not managed"
    yield line(2, Span(address, Tone.STRONG), Span(f"  {about}", Tone.FAINT))


def _finding_lines(finding: Finding, width: int) -> Iterator[Line]:
    label = Span(f"{finding.severity.value} {finding.code}  ", TONES[finding.severity])
    yield from prose(inert(sentence(finding.message)), indent=_INDENT, width=width, first=label)
    for name, value in _facts(finding):
        yield line(_INDENT + 4, Span(f"{name:<11} ", Tone.FAINT), value)
    if finding.help:
        yield from prose(finding.help, indent=_INDENT + 4, width=width, first=Span("-> ", Tone.NOTE))


def _facts(finding: Finding) -> Iterator[tuple[str, str]]:
    """Yield what is known, as far as the message has not said it."""
    if finding.principal_id:
        session = f", session {finding.session}" if finding.session else ""
        standing = f" ({finding.standing}{session})" if finding.standing else ""
        yield "unique ID", f"{finding.principal_id}{standing}"
    facts = (
        ("was", finding.last_known_arn, "{}"),
        ("probably", finding.inferred_arn, "{} (a guess)"),
        ("today", finding.current_id, "that name has {}"),
        ("alive until", finding.last_alive, "{}"),
        ("deleted", finding.deleted, "{}"),
    )
    yield from ((name, words.format(fact)) for name, fact, words in facts if fact and fact not in finding.message)
    if finding.first_seen:
        yield "dead since", f"{finding.first_seen} (first seen)"
    if where := _where(finding):
        yield "where", where


def _where(finding: Finding) -> str:
    place = finding.location or finding.path or ""
    return f"{place} ({finding.effect})" if place and finding.effect else place
