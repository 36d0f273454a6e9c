"""One account's entities, by unique ID and by name.

IAM holds names of one kind unique without regard to case, whatever their paths (IAM User Guide,
reference_iam-quotas), keeps the spelling of the first, and finds an entity by either spelling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

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


class Table(Generic[E]):
    """Entities of one kind, keyed by unique ID or ARN; `missing` and `taken` are IAM's sentences."""

    def __init__(self, *, key: Callable[[E], str], name: Callable[[E], str], missing: str, taken: str) -> None:
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
        self.put(entity)

    def check_free(self, name: str) -> None:
        """Refuse a name that is taken, in whatever case."""
        if name.lower() in self._names:
            raise IamError("EntityAlreadyExists", self._taken.format(name=name))

    def put(self, entity: E) -> None:
        """Replace the entity that has this key, or add it. Follows a rename."""
        key = self._key(entity)
        before = self._entities.get(key)
        if before is not None:
            del self._names[self._name(before).lower()]
        self._entities[key] = entity
        self._names[self._name(entity).lower()] = key

    def remove(self, entity: E) -> None:
        """Take an entity out."""
        del self._entities[self._key(entity)]
        del self._names[self._name(entity).lower()]

    def copy(self) -> Table[E]:
        """The table as it is now; entities are frozen, so the copy is shallow and cheap."""
        twin = Table(key=self._key, name=self._name, missing=self._missing, taken=self._taken)
        twin._entities = self._entities.copy()
        twin._names = self._names.copy()
        return twin


class Tables:
    """Everything that one account holds."""

    def __init__(self) -> None:
        self.users: Table[User] = Table(
            key=lambda user: user.user_id,
            name=lambda user: user.name,
            missing="The user with name {name} cannot be found.",
            taken="User with name {name} already exists.",
        )
        self.groups: Table[Group] = Table(
            key=lambda group: group.group_id,
            name=lambda group: group.name,
            missing="The group with name {name} cannot be found.",
            taken="Group with name {name} already exists.",
        )
        self.roles: Table[Role] = Table(
            key=lambda role: role.role_id,
            name=lambda role: role.name,
            missing="The role with name {name} cannot be found.",
            taken="Role with name {name} already exists.",
        )
        self.policies: Table[ManagedPolicy] = Table(
            key=lambda policy: policy.arn,
            name=lambda policy: policy.name,
            missing="Policy {name} was not found.",
            taken="A policy called {name} already exists. Duplicate names are not allowed.",
        )
        self.instance_profiles: Table[InstanceProfile] = Table(
            key=lambda profile: profile.profile_id,
            name=lambda profile: profile.name,
            missing="Instance Profile {name} cannot be found.",
            taken="Instance Profile {name} already exists.",
        )
        self.oidc_providers: Table[OidcProvider] = Table(
            key=lambda provider: provider.arn,
            name=lambda provider: provider.url,
            missing="OpenIDConnect Provider not found for arn {name}",
            taken="Provider with url https://{name} already exists.",
        )
        self.saml_providers: Table[SamlProvider] = Table(
            key=lambda provider: provider.arn,
            name=lambda provider: provider.name,
            missing="Manifest not found for arn {name}",
            taken="Provider with name {name} already exists.",
        )

    def copy(self) -> Tables:
        """The account as it is now, untouched by what comes later."""
        twin = Tables.__new__(Tables)
        twin.users = self.users.copy()
        twin.groups = self.groups.copy()
        twin.roles = self.roles.copy()
        twin.policies = self.policies.copy()
        twin.instance_profiles = self.instance_profiles.copy()
        twin.oidc_providers = self.oidc_providers.copy()
        twin.saml_providers = self.saml_providers.copy()
        return twin
