"""Changes in order: what `apply` will do, stage by stage, and what it waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.model.change import Action, Change, Record
from reconciler.model.diagnostic import Diagnostic

FORMAT_VERSION = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How many objects are imported, added, changed, destroyed and forgotten; a replace is one add and one destroy."""

    import_: int = 0
    add: int = 0
    change: int = 0
    destroy: int = 0
    forget: int = 0

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing at all happens."""
        return self == Summary()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will happen to one account, in order, and what stands in the way.

    A plan with blockers may be shown and applied: it holds only what does not depend on them. `records` are what the
    state will remember of objects that do not change in IAM, where it differs from what it remembers now.
    `unchanged` counts the declared objects that are as declared.
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
