"""Everything that a decision about one account may depend on, in one value: declared, live, remembered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import assert_never

from reconciler.model.arn import parse_arn
from reconciler.model.change import ALWAYS_HELD, Approval
from reconciler.model.declared import Declaration, Desired, Removal
from reconciler.model.form import digests_of, paths_of
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.policy import PolicyDocument, PrincipalInPlace
from reconciler.model.principal import PrincipalIndex, parse_principal
from reconciler.model.role import Role
from reconciler.snapshot import Snapshot
from reconciler.state import Intent, Owned, State

MAKING = frozenset({"create", "replace"})
"""The actions, as intents hold them, that give an object a new ID."""

REVOKED_SESSIONS = "AWSRevokeOlderSessions"
AWS_TAG_PREFIX = "aws:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """Patterns (`*`, `?`) of what is left alone: role names, tag keys, policy names or ARNs, inline policy names."""

    roles: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    managed_policies: tuple[str, ...] = ()
    inline_policies: tuple[str, ...] = ()

    def has_policy(self, arn: str) -> bool:
        """Tell whether a managed policy is left alone, by its ARN or its name."""
        parsed = parse_arn(arn)
        name = parsed.name if parsed else arn
        return matches(arn, self.managed_policies) or matches(name, self.managed_policies)


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Tell whether a name fits one of the patterns, case counting."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


@dataclass(frozen=True, kw_only=True)
class World:
    """One account declared, live and remembered, with the index of who lives anywhere that was read.

    `made_elsewhere` are the ARNs of the roles that other accounts' plans make before this one's is carried out, each
    with the ARN of what it takes the place of; `own_elsewhere` the IDs that this program created in other accounts.
    `held` are the kinds of approval that a person has to give before anything that needs them is written.
    """

    desired: Desired
    snapshot: Snapshot
    state: State
    index: PrincipalIndex
    ignore: Ignore = Ignore()
    made_elsewhere: Mapping[str, str | None] = field(default_factory=dict)
    own_elsewhere: frozenset[str] = frozenset()
    held: frozenset[Approval] = ALWAYS_HELD

    @property
    def partition(self) -> str:
        """Return the partition of the account."""
        return self.snapshot.partition

    @cached_property
    def own_ids(self) -> frozenset[str]:
        """Return the IDs of what this program created itself, in this account or in another."""
        made = {owned.id for owned in self.state.objects.values() if owned.origin == "created"}
        unfinished = (
            unfinished_creation(intent, self.live.get(address), self) for address, intent in self.state.intents.items()
        )
        return self.own_elsewhere | made | {owned.id for owned in unfinished if owned is not None}

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

    @cached_property
    def _owned_addresses(self) -> Mapping[str, str]:
        return {address.casefold(): address for address in self.state.objects}

    def owned_address(self, address: str) -> str | None:
        """Return the address under which an object is owned, in whatever case it is spelled; None if it is not."""
        return address if address in self.state.objects else self._owned_addresses.get(address.casefold())

    def manages(self, address: str) -> bool:
        """Tell whether an object is declared or owned."""
        return address in self.desired.objects or self.owned_address(address) is not None

    def owned_at(self, address: str) -> Owned | None:
        """Return the ownership of an object, in whatever case its address is spelled."""
        known = self.owned_address(address)
        return None if known is None else self.state.objects[known]

    @cached_property
    def texts_about_tags(self) -> tuple[str, ...]:
        """Return, case folded, the policy documents at hand, live and declared, that ask for some tag."""
        values = [*self.live.values(), *(found.value for found in self.desired.objects.values())]
        documents = (content for value in values for content in paths_of(value).values())
        texts = (document.text.casefold() for document in documents if isinstance(document, PolicyDocument))
        return tuple(text for text in texts if "tag/" in text)

    @cached_property
    def trusting(self) -> Mapping[str, tuple[Role, ...]]:
        """Return by ARN of a user or role the live roles whose trust names it, in the order of their names."""
        found: dict[str, list[Role]] = {}
        for role in sorted(self.snapshot.roles.values(), key=lambda role: role.name):
            named = (parse_principal(place.key, self.index.resolve(place.value)) for place in role.trust.principals())
            for arn in {str(entity) for principal in named if (entity := self.index.entity_of(principal)) is not None}:
                found.setdefault(arn, []).append(role)
        return {arn: tuple(roles) for arn, roles in found.items()}

    @cached_property
    def declared_trusting(self) -> Mapping[str, tuple[tuple[Declaration, PrincipalInPlace], ...]]:
        """Return by ARN of a user or role the declared roles that are to trust it, and the first place that says so."""
        found: dict[str, dict[str, tuple[Declaration, PrincipalInPlace]]] = {}
        for declaration in self.desired.objects.values():
            if isinstance(declaration.value, Role):
                for place in declaration.value.trust.principals():
                    entity = self.index.entity_of(parse_principal(place.key, place.value))
                    found.setdefault(str(entity), {}).setdefault(declaration.address, (declaration, place))
        return {arn: tuple(named.values()) for arn, named in found.items()}

    def view(self, live: Role | ManagedPolicy, declaration: Declaration | None) -> Role | ManagedPolicy:
        """Return a live object less what is none of this program's business.

        That is tags of AWS's own and ignored ones, ignored policies, what lies beyond an additive declaration, a
        boundary that the declaration leaves in place, and the inline policy with which sessions are revoked.
        """
        match live:
            case Role():
                return self._view_of_role(live, declaration)
            case ManagedPolicy():
                tags = None if live.tags is None else self._tags(live.tags, declaration)
                return replace(live, tags=self._unread(tags, declaration))
            case _:
                assert_never(live)

    @staticmethod
    def _unread(tags: Mapping[str, str] | None, declaration: Declaration | None) -> Mapping[str, str] | None:
        if tags is None and declaration is not None and isinstance(declaration.value, ManagedPolicy):
            return declaration.value.tags
        return tags

    def _tags(self, tags: Mapping[str, str], declaration: Declaration | None) -> dict[str, str]:
        """Return the tags that count: one that is declared does, whatever is ignored otherwise."""
        declared = (declaration.value.tags if declaration else None) or {}
        return {
            key: value
            for key, value in tags.items()
            if key in declared or not (key.startswith(AWS_TAG_PREFIX) or matches(key, self.ignore.tags))
        }

    def _view_of_role(self, live: Role, declaration: Declaration | None) -> Role:
        declared = declaration.value if declaration and isinstance(declaration.value, Role) else None
        attached = frozenset(arn for arn in live.managed_policies if not self.ignore.has_policy(arn))
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
            tags=self._tags(live.tags, declaration),
            permissions_boundary=boundary,
        )


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


@dataclass(frozen=True, kw_only=True)
class Case:
    """One address with everything that is known of it; `intent` is what a run left unfinished."""

    address: str
    declaration: Declaration | None = None
    removal: Removal | None = None
    owned: Owned | None = None
    intent: Intent | None = None
    live: Role | ManagedPolicy | None = None

    @property
    def live_id(self) -> str | None:
        """Return the unique ID of the live object."""
        return id_of(self.live)

    @property
    def adopting(self) -> bool:
        """Tell whether what is live was not made, or not taken over, here."""
        return self.owned is None or self.owned.id != self.live_id

    @property
    def same_place(self) -> bool:
        """Tell whether the live object has the name and the path that are declared."""
        value = self.declaration.value if self.declaration else None
        return (
            value is not None and self.live is not None and (value.path, value.name) == (self.live.path, self.live.name)
        )


def id_of(value: Role | ManagedPolicy | None) -> str | None:
    """Return the unique ID of a live object."""
    match value:
        case Role():
            return value.role_id
        case ManagedPolicy():
            return value.policy_id
        case _:
            return None


def cases(world: World) -> Iterator[Case]:
    """Yield every address that is declared or owned, in order; an object under several spellings of its name once."""
    said = {*world.desired.objects, *world.desired.removals}
    taken = {address.casefold() for address in said}
    remembered = {*world.state.objects, *world.state.intents}
    for address in sorted(said | {known for known in remembered if known.casefold() not in taken}):
        case = _case(address, world)
        if case.declaration is not None or (case.owned is not None and not _is_ignored(case, world)):
            yield case


def _case(address: str, world: World) -> Case:
    declaration = world.desired.objects.get(address)
    intent = world.state.intents.get(address)
    live = world.live.get(address) or world.live_by_caseless_address.get(address.casefold())
    return Case(
        address=address if declaration else world.owned_address(address) or address,
        declaration=declaration,
        removal=world.desired.removals.get(address),
        owned=unfinished_creation(intent, live, world) or world.owned_at(address),
        intent=intent,
        live=live,
    )


def _is_ignored(case: Case, world: World) -> bool:
    kind, _, name = case.address.partition("/")
    return case.removal is None and kind == "role" and matches(name, world.ignore.roles)


def unfinished_creation(intent: Intent | None, live: Role | ManagedPolicy | None, world: World) -> Owned | None:
    """Return the ownership of what a killed run had created without getting to record it, None where it is not that.

    It is ours if it is new, that is first seen after that run had said what it was about to do, and at every path as
    that run was to leave it.
    """
    live_id = id_of(live)
    if intent is None or live is None or live_id is None or live_id == intent.id or intent.action not in MAKING:
        return None
    owned = world.owned_at(live.address)
    if owned is not None and owned.id == live_id:
        return None
    seen = world.state.ledger.get(live_id)
    if seen is not None and (seen.first_seen or "") < intent.begun:
        return None
    digests = digests_of(live, world.index.resolve)
    if any(digest not in intent.forms.get(path, ()) for path, digest in digests.items()):
        return None
    return Owned(id=live_id, arn=live.arn, manifest="", since=intent.begun, origin="created", digests=digests)
