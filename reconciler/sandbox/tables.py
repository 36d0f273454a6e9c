"""One account's entities, by unique ID and by name.

IAM holds names of one kind unique without regard to case, whatever their paths (IAM User Guide,
reference_iam-quotas), keeps the spelling of the first, and finds an entity by either spelling.

Every change is logged: entities are frozen, so the log shares them, costs next to nothing, and gives back the
account as it was at any moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from reconciler.sandbox.entities import (
    Group,
    InstanceProfile,
    ManagedPolicy,
    OidcProvider,
    Role,
    SamlProvider,
    User,
)
from reconciler.sandbox.errors import IamError

E = TypeVar("E")

Change = tuple[int, Any, bool]
"""The number of a table, an entity, and whether it was put there or taken away."""


class Table(Generic[E]):
    """Entities of one kind, keyed by unique ID or ARN; `missing` and `taken` are IAM's sentences.

    `number` is the table's place in the log.
    """

    number = 0

    def __init__(
        self, log: list[Change], *, key: Callable[[E], str], name: Callable[[E], str], missing: str, taken: str
    ) -> None:
        self._log = log
        self._missing = missing
        self._taken = taken
        self._key = key
        self._name = name
        self._entities: dict[str, E] = {}
        self._names: dict[str, str] = {}

    def __iter__(self) -> Iterator[E]:
        return iter(self._entities.values())

    def __len__(self) -> int:
        return len(self._entities)

    def at(self, key: str) -> E:
        """The entity with this ARN, or NoSuchEntity in IAM's words."""
        found = self._entities.get(key)
        if found is None:
            raise IamError("NoSuchEntity", self._missing.format(name=key))
        return found

    def by_key(self, key: str) -> E | None:
        """The entity with this unique ID (or ARN), if it lives."""
        return self._entities.get(key)

    def find(self, name: str) -> E | None:
        """The entity with this name in any case, if there is one."""
        key = self._names.get(name.lower())
        return None if key is None else self._entities[key]

    def get(self, name: str) -> E:
        """The entity with this name, or NoSuchEntity in IAM's words."""
        found = self.find(name)
        if found is None:
            raise IamError("NoSuchEntity", self._missing.format(name=name))
        return found

    def add(self, entity: E) -> None:
        """A new entity, or EntityAlreadyExists."""
        self.check_free(self._name(entity))
        if (key := self._key(entity)) in self._entities:
            raise IamError("EntityAlreadyExists", self._taken.format(name=key))
        self.put(entity)

    def check_free(self, name: str) -> None:
        """Refuse a name that is taken, in whatever case."""
        if name.lower() in self._names:
            raise IamError("EntityAlreadyExists", self._taken.format(name=name))

    def rename(self, before: E, after: E) -> None:
        """Put the entity under another name, or EntityAlreadyExists; its own name in other case is free."""
        if self._name(before).lower() != self._name(after).lower():
            self.check_free(self._name(after))
        self.put(after)

    def put(self, entity: E) -> None:
        """Replace the entity that has this key, or add it. Follows a rename."""
        key = self._key(entity)
        before = self._entities.get(key)
        if before is not None:
            del self._names[self._name(before).lower()]
        self._entities[key] = entity
        self._names[self._name(entity).lower()] = key
        self._log.append((self.number, entity, True))

    def remove(self, entity: E) -> None:
        """Take an entity out."""
        del self._entities[self._key(entity)]
        del self._names[self._name(entity).lower()]
        self._log.append((self.number, entity, False))


class Tables:
    """Everything that one account holds."""

    def __init__(self) -> None:
        self.log: list[Change] = []
        self.users: Table[User] = Table(
            self.log,
            key=lambda user: user.user_id,
            name=lambda user: user.name,
            missing="The user with name {name} cannot be found.",
            taken="User with name {name} already exists.",
        )
        self.groups: Table[Group] = Table(
            self.log,
            key=lambda group: group.group_id,
            name=lambda group: group.name,
            missing="The group with name {name} cannot be found.",
            taken="Group with name {name} already exists.",
        )
        self.roles: Table[Role] = Table(
            self.log,
            key=lambda role: role.role_id,
            name=lambda role: role.name,
            missing="The role with name {name} cannot be found.",
            taken="Role with name {name} already exists.",
        )
        self.policies: Table[ManagedPolicy] = Table(
            self.log,
            key=lambda policy: policy.arn,
            name=lambda policy: policy.name,
            missing="Policy {name} was not found.",
            taken="A policy called {name} already exists. Duplicate names are not allowed.",
        )
        self.instance_profiles: Table[InstanceProfile] = Table(
            self.log,
            key=lambda profile: profile.profile_id,
            name=lambda profile: profile.name,
            missing="Instance Profile {name} cannot be found.",
            taken="Instance Profile {name} already exists.",
        )
        self.oidc_providers: Table[OidcProvider] = Table(
            self.log,
            key=lambda provider: provider.arn,
            name=lambda provider: provider.url,
            missing="OpenIDConnect Provider not found for arn {name}",
            taken="Provider with url https://{name} already exists.",
        )
        self.saml_providers: Table[SamlProvider] = Table(
            self.log,
            key=lambda provider: provider.arn,
            name=lambda provider: provider.name,
            missing="Manifest not found for arn {name}",
            taken="Provider with name {name} already exists.",
        )
        for number, table in enumerate(self._all):
            table.number = number

    @property
    def _all(self) -> list[Table[Any]]:
        return [
            self.users,
            self.groups,
            self.roles,
            self.policies,
            self.instance_profiles,
            self.oidc_providers,
            self.saml_providers,
        ]

    def before(self, moment: int) -> Tables:
        """The account as it was when the log had so many entries."""
        former = Tables()
        tables = former._all
        for number, entity, there in self.log[:moment]:
            if there:
                tables[number].put(entity)
            else:
                tables[number].remove(entity)
        return former
