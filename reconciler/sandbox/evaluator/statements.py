"""Policies, ready to be evaluated: whom a statement names, and what it covers.

Sources: IAM User Guide, reference_policies_elements_principal, reference_policies_elements_notprincipal,
reference_policies_elements_resource.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from reconciler.sandbox.conditions import Condition, Patterns
from reconciler.sandbox.evaluator.requests import Caller, Request


@dataclass(frozen=True, slots=True)
class Principals:
    """The value of ``Principal`` or ``NotPrincipal``; a dead unique ID is in it and means nobody."""

    everyone: bool
    by_type: Mapping[str, frozenset[str]]

    def for_caller(self, caller: Caller) -> frozenset[str]:
        """The entries of the kind that can mean the caller."""
        return self.by_type.get(caller.principal_type, frozenset())


EVERYONE = Principals(everyone=True, by_type={})


class Named(IntEnum):
    """How a statement names a caller, from the loosest to the closest."""

    NOT = 0
    BY_ACCOUNT = 1
    BY_PARENT = 2
    DIRECTLY = 3


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. ``index`` is its place in the document, ``sid`` its Sid if it has one.

    Trust policies have no resource, identity policies speak to everyone whom they are attached to.
    """

    index: int
    sid: str | None
    denies: bool
    actions: Patterns
    not_action: bool
    resources: Patterns | None
    not_resource: bool
    principals: Principals
    not_principal: bool
    conditions: tuple[Condition, ...]

    def covers(self, request: Request) -> bool:
        """Whether action, resource and conditions fit; who is asking is left to ``names``."""
        if self.actions.matches(request.action, request.keys) is self.not_action:
            return False
        if self.resources is not None and not self._covers_resource(self.resources, request):
            return False
        for condition in self.conditions:  # noqa: SIM110  the hot loop: all() takes twice as long
            if not condition.holds(request.keys):
                return False
        return True

    def _covers_resource(self, resources: Patterns, request: Request) -> bool:
        if self.not_resource and not resources.resolves(request.keys):
            return False
        return resources.matches(request.resource, request.keys) is not self.not_resource

    def names(self, caller: Caller) -> Named:
        """How the statement's Principal or NotPrincipal names the caller."""
        if self.not_principal:
            return Named.NOT if self._spares(caller) else Named.DIRECTLY
        if self.principals.everyone:
            return Named.DIRECTLY
        entries = self.principals.for_caller(caller)
        if not entries.isdisjoint(caller.itself):
            return Named.DIRECTLY
        if not entries.isdisjoint(caller.parent):
            return Named.BY_PARENT
        return Named.NOT if entries.isdisjoint(caller.owner) else Named.BY_ACCOUNT

    def _spares(self, caller: Caller) -> bool:
        """Whether NotPrincipal exempts the caller: from a Deny only with account, role and session."""
        if self.principals.everyone:
            return True
        entries = self.principals.for_caller(caller)
        listed = [not entries.isdisjoint(names) for names in (caller.itself, caller.parent, caller.owner) if names]
        return all(listed) if self.denies else any(listed)


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """A document ready to be evaluated, its statements parted by effect and in their order."""

    trust: bool
    allows: tuple[Statement, ...]
    denies: tuple[Statement, ...]
