"""The memory of one account as a value: ownership, the ledger of principal IDs, intents.

Losing it is cheap: all but the history of dead IDs can be rebuilt from the live account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.model.principal import Remembered

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """An object that this program created or imported; `since` is RFC 3339 in UTC.

    `digests` are by path, of the form last applied, living IDs read as ARNs. `principals` maps the ARN of
    each user and role that the role trusts to the unique ID it had when it was last trusted here.
    `prevent_destroy` and `retain` are as last applied. `held` are the paths whose change still waits for an
    approval.
    """

    id: str
    arn: str
    manifest: str
    since: str
    origin: str
    prevent_destroy: bool = False
    retain: bool = False
    digests: Mapping[str, str] = field(default_factory=dict)
    principals: Mapping[str, str] = field(default_factory=dict)
    held: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What a run was about to do to an object: written before its first write, dropped when it is done.

    `id` is None for an object that was to be created. `forms` are the digests, by path, that the object
    passes through: a live object in one of them is this program's own unfinished work.
    """

    address: str
    action: str
    begun: str
    id: str | None = None
    forms: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class State:
    """The memory of one account; `objects` and `intents` by address, `ledger` by unique ID.

    An entry of the ledger without `last_alive` lived at `seen_at`, the time of the last snapshot recorded.
    `settings` are the approvals, limits and place of the last apply. `exists` is False where there is no
    state file yet. `version` is the store's own mark of what it has read or written; a write goes through
    only where the store still holds that.
    """

    account: str
    lineage: str
    serial: int = 0
    seen_at: str | None = None
    objects: Mapping[str, Owned] = field(default_factory=dict)
    ledger: Mapping[str, Remembered] = field(default_factory=dict)
    intents: Mapping[str, Intent] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    exists: bool = True
    version: str | None = field(default=None, compare=False, repr=False)

    @property
    def knows_an_apply(self) -> bool:
        """Tell whether an apply is on record: what only looks at the account leaves nothing but the ledger."""
        return bool(self.settings or self.objects or self.intents)
