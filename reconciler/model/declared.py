"""What manifests declare for one account: the objects, and what is said about them beyond what IAM holds.

A manifest speaks of names where IAM wants ARNs; by the time an object stands here that is settled, so that a declared
`Role` and a live one compare field by field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.model.diagnostic import Place
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.role import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """What binds the deletion of an object: `retain` forgets it instead."""

    prevent_destroy: bool = False
    retain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One declared object with its lifecycle and the places that a reviewer is sent to.

    `places` maps a path (`trust`, `trust/0`, `inline_policies/NAME`, `managed_policies/0`, ...) to where it is written;
    `place` is where the object itself begins. `manifest` is the file, relative to the working folder.
    `keeps_boundary`: no boundary was declared, so a live one is left in place. The two `additive` flags: what is
    attached beyond the declaration is left alone.
    """

    value: Role | ManagedPolicy
    place: Place
    places: Mapping[str, Place] = field(default_factory=dict)
    lifecycle: Lifecycle = Lifecycle()
    keeps_boundary: bool = False
    additive_managed_policies: bool = False
    additive_inline_policies: bool = False

    @property
    def address(self) -> str:
        """Return the address of the declared object."""
        return self.value.address

    @property
    def manifest(self) -> str:
        """Return the file that declares it."""
        return self.place.file

    def place_of(self, path: str) -> Place:
        """Return where a path of the object is written: the nearest place that is known."""
        while path:
            if path in self.places:
                return self.places[path]
            path = path.rpartition("/")[0]
        return self.place


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A `kind: Removed` document: the address that is given up, destroyed or merely forgotten."""

    address: str
    destroy: bool
    place: Place


@dataclass(frozen=True, kw_only=True)
class Desired:
    """All that is declared for one account, by address; names are unique without regard to case.

    `destroying` tells that nothing is, because `--destroy` was asked for, whatever the manifests say.
    """

    account: str
    partition: str
    objects: Mapping[str, Declaration] = field(default_factory=dict)
    removals: Mapping[str, Removal] = field(default_factory=dict)
    destroying: bool = False
