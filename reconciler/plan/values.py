"""What a plan is, what its run may do, and the fingerprint by which two plans are the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.model.change import ALWAYS_HELD, Action, Approval, Change, Record
from reconciler.model.diagnostic import Diagnostic
from reconciler.model.policy import digest_of

FORMAT_VERSION = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How many objects are imported, added, changed, destroyed and forgotten; a replace is one add and one destroy."""

    import_: int = 0
    add: int = 0
    change: int = 0
    destroy: int = 0
    forget: int = 0

    def __add__(self, other: Summary) -> Summary:
        """Return the counts of both."""
        return Summary(
            import_=self.import_ + other.import_,
            add=self.add + other.add,
            change=self.change + other.change,
            destroy=self.destroy + other.destroy,
            forget=self.forget + other.forget,
        )

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing at all happens."""
        return self == Summary()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will happen to one account, in order, and what stands in the way.

    A plan with blockers may be shown and applied: it holds only what does not depend on them. `records` are what the
    state will remember of objects that do not change in IAM, where it differs from what it remembers now. `unchanged`
    counts the declared objects that are as declared.
    """

    account: str
    fingerprint: str
    changes: tuple[Change, ...] = ()
    blockers: tuple[Diagnostic, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    records: Mapping[str, Record] = field(default_factory=dict)
    calls: Mapping[str, int] = field(default_factory=dict)
    unchanged: int = 0
    partition: str = "aws"
    lineage: str = ""

    @property
    def summary(self) -> Summary:
        """Return the counts that Terraform's own sentence shows; an import with an update counts as both."""
        actions = [change.action for change in self.changes]
        importing = [change for change in self.changes if change.action is Action.IMPORT]
        replaced = actions.count(Action.REPLACE)
        return Summary(
            import_=len(importing),
            add=actions.count(Action.CREATE) + replaced,
            change=actions.count(Action.UPDATE) + sum(1 for change in importing if change.operations),
            destroy=actions.count(Action.DELETE) + replaced,
            forget=actions.count(Action.FORGET),
        )

    @property
    def held(self) -> tuple[Change, ...]:
        """Return the changes that wait, in whole or in part, for an approval."""
        return tuple(change for change in self.changes if change.held)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When a plan deletes too much at once: more than `fraction` of what is owned, once `minimum` objects are."""

    fraction: float = 0.3
    minimum: int = 10


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What this run may do: which approvals it holds, and which guards were lifted by name.

    `released` are approvals given on the command line, for all addresses (None) or one.
    """

    held: frozenset[Approval] = ALWAYS_HELD
    released: frozenset[tuple[Approval, str | None]] = frozenset()
    allow_self: frozenset[str] = frozenset()
    allow_mass_delete: bool = False
    limits: Limits = Limits()
    assumed_roles: frozenset[str] = frozenset()

    def holds(self, kind: Approval, address: str) -> bool:
        """Tell whether a change of this kind to this object waits for a person."""
        return kind in self.held and not {(kind, None), (kind, address)} & self.released


def fingerprint_of(account: str, changes: Iterable[Change]) -> str:
    """Return the SHA-256 over what will happen: account, and per change what is done to what, from which live form.

    Whom a call names counts by ID: what was seen of one entity is no word about another that has its ARN since.
    """
    deeds = [
        {
            "address": change.address,
            "action": change.action,
            "approvals": sorted(change.approvals),
            "base": dict(change.base),
            "calls": [
                [operation.call, operation.params, dict(operation.principals)] for operation in change.operations
            ],
        }
        for change in sorted(changes, key=lambda change: change.address)
    ]
    return digest_of({"account": account, "changes": deeds})


def forms_after(change: Change) -> dict[str, tuple[str | None, ...]]:
    """Return, by path, the digests of all forms that an object passes through on its way to the goal."""
    forms: dict[str, list[str | None]] = {}
    for operation in change.operations:
        for path, digest in operation.forms.items():
            forms.setdefault(path, []).append(digest)
    return {path: tuple(dict.fromkeys(digests)) for path, digests in forms.items()}
