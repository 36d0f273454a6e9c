"""From the names that manifests use to the ARNs that IAM wants.

A name means something of the role's own account: first what the manifests declare there, under its declared path,
then what lives there, else an entity with the path `/` (whose absence is noticed later, and stops only what needs
it). Names in ARNs have a case, although no two names of an account may differ by case alone (IAM User Guide,
reference_identifiers).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from reconciler.model.arn import iam_arn

NAME = re.compile(r"[A-Za-z0-9_+=,.@-]+")


class Kind(StrEnum):
    """What a name may be the name of, in the words of an ARN."""

    USER = "user"
    ROLE = "role"
    POLICY = "policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The users, roles and policies that live in an account, name to ARN; empty offline."""

    users: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    policies: Mapping[str, str] = field(default_factory=dict)

    def of(self, kind: Kind) -> Mapping[str, str]:
        """Return the names of one kind."""
        match kind:
            case Kind.USER:
                return self.users
            case Kind.ROLE:
                return self.roles
            case Kind.POLICY:
                return self.policies


@dataclass(frozen=True, kw_only=True)
class Resolver:
    """Names of one account to ARNs: `declared` wins over `living`."""

    partition: str
    account: str
    declared: Names
    living: Names

    def arn(self, kind: Kind, name: str) -> str:
        """Return the ARN that a name stands for; an ARN stands for itself."""
        if ":" in name:
            return name
        found = self.declared.of(kind).get(name) or self.living.of(kind).get(name)
        return found or iam_arn(partition=self.partition, account=self.account, kind=kind, path="/", name=name)

    def near(self, kind: Kind, name: str) -> str | None:
        """Return the declared name that was meant: the same but for its case, where the name itself is nobody's.

        A living one is not looked for: what others rename or recreate stops one role, and no manifest is wrong by it.
        """
        if ":" in name or name in self.declared.of(kind) or name in self.living.of(kind):
            return None
        return self._caseless[kind].get(name.lower())

    @cached_property
    def _caseless(self) -> Mapping[Kind, Mapping[str, str]]:
        return {kind: {known.lower(): known for known in self.declared.of(kind)} for kind in Kind}
