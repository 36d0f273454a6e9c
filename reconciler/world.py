"""Everything that a decision about one account may depend on, in one value: declared, live, remembered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property

from reconciler.model.arn import parse_arn
from reconciler.model.declared import Declaration, Desired
from reconciler.model.form import INLINE
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.principal import PrincipalIndex
from reconciler.model.role import Role
from reconciler.snapshot import Snapshot
from reconciler.state import State

REVOKED_SESSIONS = "AWSRevokeOlderSessions"
AWS_TAG_PREFIX = "aws:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """Patterns (`*`, `?`) of what is left alone: role names, tag keys, policy names or ARNs, inline policy names."""

    roles: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    managed_policies: tuple[str, ...] = ()
    inline_policies: tuple[str, ...] = ()


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Tell whether a name fits one of the patterns, case counting."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


@dataclass(frozen=True, kw_only=True)
class World:
    """One account declared, live and remembered, with the index of who lives anywhere that was read."""

    desired: Desired
    snapshot: Snapshot
    state: State
    index: PrincipalIndex
    ignore: Ignore = Ignore()

    @property
    def partition(self) -> str:
        """Return the partition of the account."""
        return self.snapshot.partition

    @cached_property
    def own_ids(self) -> frozenset[str]:
        """Return the IDs of what this program created itself."""
        return frozenset(owned.id for owned in self.state.objects.values() if owned.origin == "created")

    @cached_property
    def live(self) -> Mapping[str, Role | ManagedPolicy]:
        """Return every live role and managed policy by address."""
        policies = self.snapshot.policies or {}
        found: list[Role | ManagedPolicy] = [*self.snapshot.roles.values(), *policies.values()]
        return {value.address: value for value in found}

    @cached_property
    def live_by_caseless_address(self) -> Mapping[str, Role | ManagedPolicy]:
        """Return the same without regard to case, in which IAM's names are unique."""
        return {address.casefold(): value for address, value in self.live.items()}

    def view(self, live: Role | ManagedPolicy, declaration: Declaration | None) -> Role | ManagedPolicy:
        """Return a live object less what is none of this program's business.

        That is tags of AWS's own and ignored ones, ignored policies, what lies beyond an additive declaration, a boundary
        that the declaration leaves in place, and the inline policy with which sessions are revoked.
        """
        match live:
            case Role():
                return self._view_of_role(live, declaration)
            case ManagedPolicy():
                tags = None if live.tags is None else self._tags(live.tags)
                return replace(live, tags=self._unread(tags, declaration))

    @staticmethod
    def _unread(tags: Mapping[str, str] | None, declaration: Declaration | None) -> Mapping[str, str] | None:
        if tags is None and declaration is not None and isinstance(declaration.value, ManagedPolicy):
            return declaration.value.tags
        return tags

    def _tags(self, tags: Mapping[str, str]) -> dict[str, str]:
        return {
            key: value
            for key, value in tags.items()
            if not key.startswith(AWS_TAG_PREFIX) and not matches(key, self.ignore.tags)
        }

    def _view_of_role(self, live: Role, declaration: Declaration | None) -> Role:
        declared = declaration.value if declaration and isinstance(declaration.value, Role) else None
        attached = frozenset(arn for arn in live.managed_policies if not self._is_ignored(arn))
        inline = {
            name: document
            for name, document in live.inline_policies.items()
            if not matches(name, self.ignore.inline_policies) and name != REVOKED_SESSIONS
        }
        boundary = live.permissions_boundary
        if declaration is not None and declared is not None:
            if declaration.additive_managed_policies:
                attached &= declared.managed_policies
            if declaration.additive_inline_policies:
                inline = {name: document for name, document in inline.items() if name in declared.inline_policies}
            if REVOKED_SESSIONS in declared.inline_policies and REVOKED_SESSIONS in live.inline_policies:
                inline[REVOKED_SESSIONS] = live.inline_policies[REVOKED_SESSIONS]
            attached |= live.managed_policies & declared.managed_policies
            inline |= {
                name: live.inline_policies[name] for name in declared.inline_policies if name in live.inline_policies
            }
            if declaration.keeps_boundary:
                boundary = declared.permissions_boundary
        return replace(
            live,
            managed_policies=attached,
            inline_policies=inline,
            tags=self._tags(live.tags),
            permissions_boundary=boundary,
        )

    def _is_ignored(self, arn: str) -> bool:
        parsed = parse_arn(arn)
        name = parsed.name if parsed else arn
        return matches(arn, self.ignore.managed_policies) or matches(name, self.ignore.managed_policies)


def owner_of(value: Role | ManagedPolicy) -> str | None:
    """Return who else visibly owns an object: CloudFormation by its tags, AWS by its path; None for nobody.

    CloudFormation tags what it makes with `aws:cloudformation:*`, which nobody else can set (IAM User Guide, id_tags).
    """
    stack = (value.tags or {}).get("aws:cloudformation:stack-name")
    if stack is not None:
        return f"the CloudFormation stack {stack}"
    if any(key.startswith("aws:cloudformation:") for key in value.tags or {}):
        return "CloudFormation"
    if isinstance(value, Role) and value.is_reserved:
        return "AWS"
    return None


def is_inline(path: str) -> bool:
    """Tell whether a path is that of an inline policy."""
    return path.startswith(INLINE)
