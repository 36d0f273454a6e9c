"""Declared, live and remembered, side by side: what is wrong with the live account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.model.diagnostic import Code, Diagnostic, Place, Severity
from reconciler.model.principal import Standing


class Kind(StrEnum):
    """What kind of thing a finding is."""

    ORPHANED_PRINCIPAL = "orphaned_principal"
    CHANGED_OUTSIDE = "changed_outside"
    RECREATED_OUTSIDE = "recreated_outside"
    DELETED_OUTSIDE = "deleted_outside"
    DIFFERS = "differs"
    FOREIGN_PRINCIPAL = "foreign_principal"
    HALF_GRANTED = "half_granted"
    EXPIRING = "expiring"
    UNMANAGED = "unmanaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing wrong with the live account; times are RFC 3339 in UTC.

    `principal_id` is without its session, which has its own field. A guess stands in `inferred_arn`, never in
    `last_known_arn`. `arn` is that of the object found; `place` that of its manifest, None for what nobody declared.
    """

    kind: Kind
    code: Code
    severity: Severity
    address: str
    managed: bool
    message: str
    help: str | None = None
    arn: str | None = None
    place: Place | None = None
    path: str | None = None
    principal_id: str | None = None
    session: str | None = None
    standing: Standing | None = None
    last_known_arn: str | None = None
    inferred_arn: str | None = None
    current_id: str | None = None
    effect: str | None = None
    location: str | None = None
    first_seen: str | None = None
    last_alive: str | None = None
    deleted: str | None = None


@dataclass(frozen=True, kw_only=True)
class DriftReport:
    """The findings of one account, worst first.

    `not_applied` counts declared objects whose difference is merely not applied yet, which is no drift.
    """

    account: str
    findings: tuple[Finding, ...] = ()
    not_applied: int = 0
    roles_scanned: int = 0
    warnings: tuple[Diagnostic, ...] = ()
    calls: Mapping[str, int] = field(default_factory=dict)

    @property
    def counted(self) -> tuple[Finding, ...]:
        """Return the errors and warnings: what the exit code and the summary count, notes not among them."""
        return tuple(found for found in self.findings if found.severity is not Severity.NOTE)

    @property
    def orphaned_principals(self) -> int:
        """Return how many dead IDs were found, those in reserved roles included."""
        return sum(1 for found in self.findings if found.kind is Kind.ORPHANED_PRINCIPAL)
