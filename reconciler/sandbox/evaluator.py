"""Who may do what: IAM's evaluation logic, small enough to read.

A request is allowed when some policy says so and none says otherwise:

    1. an explicit Deny in any policy that applies is final;
    2. identity policies grant; a permissions boundary and session policies only limit what those grant;
    3. a role is assumed through its trust policy, and how that names the caller decides what else must agree
       (``may_assume``): named directly in the role's own account, the trust alone suffices; named through the
       account, or from another account, the caller's own policies must allow it too.

    document --compile--> CompiledPolicy (cached) --Request--> Decision, with the statement that decided

Nothing here knows of moto, of stored accounts or of time: callers say who they are (``Caller``), and the
request's context the rest (MFA, source address, external ID).
Control policies of an organisation are left out.

Sources: IAM User Guide, reference_policies_evaluation-logic (and -cross-account), access_policies_boundaries,
reference_policies_elements_principal, reference_policies_elements_notprincipal, id_session-tags,
id_credentials_temp_request; STS API Reference, AssumeRole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from functools import lru_cache
from reprlib import repr as shown
from typing import NoReturn, Self, TypeAlias, assert_never

from reconciler.sandbox.conditions import Condition, Keys, MalformedPolicyError, Patterns, compile_conditions

__all__ = [
    "AssumableRole",
    "Caller",
    "CallerKind",
    "CompiledPolicy",
    "Decision",
    "Document",
    "MalformedPolicyError",
    "Permissions",
    "Request",
    "Source",
    "Statement",
    "Verdict",
    "compile_identity_policy",
    "compile_trust_policy",
    "evaluate_identity",
    "evaluate_trust",
    "may_assume",
]

Context: TypeAlias = Mapping[str, str | tuple[str, ...] | bool]
Tags: TypeAlias = Mapping[str, str]


# --- who asks, and for what ---------------------------------------------------------------------------------


class CallerKind(Enum):
    """What kind of credentials a request comes with."""

    USER = "User"
    ROLE_SESSION = "AssumedRole"
    FEDERATED_USER = "FederatedUser"
    ROOT = "Account"
    SERVICE = "Service"
    WEB_IDENTITY = "WebIdentity"
    SAML_IDENTITY = "SamlIdentity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who makes requests; made by one of the class methods.

    ``arn`` is what GetCallerIdentity says; for a service its name, for an identity of a provider the
    provider as trust policies name it. ``itself``, ``parent`` and ``owner`` are the strings by which a
    Principal element can mean the caller, the role or user behind its session, and its account.
    ``principal_type`` is the key they stand under, ``call`` the action by which this kind of caller assumes a
    role, ``keys`` what conditions can ask about it.
    """

    kind: CallerKind
    arn: str
    account: str = ""
    principal_type: str = "AWS"
    call: str = "sts:AssumeRole"
    itself: frozenset[str] = frozenset()
    parent: frozenset[str] = frozenset()
    owner: frozenset[str] = frozenset()
    keys: Keys = field(repr=False, hash=False)

    @classmethod
    def user(cls, arn: str, *, unique_id: str, tags: Tags | None = None, organization: str | None = None) -> Self:
        """An IAM user with long-term or GetSessionToken credentials. ``organization``: the ID, ``o-...``."""
        return cls._of_account(
            CallerKind.USER,
            arn,
            itself={arn, unique_id},
            tags=tags,
            keys={"aws:username": _name(arn), "aws:userid": unique_id, "aws:principalorgid": organization},
        )

    @classmethod
    def role_session(
        cls,
        role_arn: str,
        session_name: str,
        *,
        unique_id: str,
        tags: Tags | None = None,
        organization: str | None = None,
    ) -> Self:
        """A session of the role with that ARN (path and all) and ID; ``tags``: the role's and its own."""
        _, partition, _, _, account, _ = _arn_parts(role_arn)
        userid = f"{unique_id}:{session_name}"
        arn = f"arn:{partition}:sts::{account}:assumed-role/{_name(role_arn)}/{session_name}"
        return cls._of_account(
            CallerKind.ROLE_SESSION,
            arn,
            itself={arn, userid},
            parent={role_arn, unique_id},
            tags=tags,
            keys={"aws:principalarn": role_arn, "aws:userid": userid, "aws:principalorgid": organization},
        )

    @classmethod
    def federated_user(cls, arn: str, *, user_arn: str | None = None, user_id: str | None = None) -> Self:
        """A GetFederationToken session, with ARN and ID of the user who made it; None of both for root."""
        return cls._of_account(
            CallerKind.FEDERATED_USER,
            arn,
            itself={arn},
            parent={name for name in (user_arn, user_id) if name},
            keys={"aws:userid": f"{_arn_parts(arn)[4]}:{_name(arn)}"},
        )

    @classmethod
    def root(cls, account: str, *, partition: str = "aws", organization: str | None = None) -> Self:
        """The root user of an account; its ARN in a Principal means the whole account."""
        keys = {"aws:userid": account, "aws:principalorgid": organization}
        return cls._of_account(CallerKind.ROOT, f"arn:{partition}:iam::{account}:root", keys=keys)

    @classmethod
    def service(cls, name: str) -> Self:
        """An AWS service acting for itself, such as ``ec2.amazonaws.com``."""
        keys = {"aws:principalisawsservice": ("true",), "aws:principalservicename": (name,)}
        return cls(kind=CallerKind.SERVICE, arn=name, principal_type="Service", itself=frozenset({name}), keys=keys)

    @classmethod
    def web_identity(cls, provider: str) -> Self:
        """Somebody with a token of an OIDC provider (its ARN) or a built-in one (``accounts.google.com``)."""
        return cls._of_provider(CallerKind.WEB_IDENTITY, provider, call="sts:AssumeRoleWithWebIdentity")

    @classmethod
    def saml_identity(cls, provider_arn: str) -> Self:
        """Somebody with an assertion of a SAML provider."""
        return cls._of_provider(CallerKind.SAML_IDENTITY, provider_arn, call="sts:AssumeRoleWithSAML")

    @classmethod
    def _of_account(
        cls,
        kind: CallerKind,
        arn: str,
        *,
        keys: Mapping[str, str | None],
        itself: Iterable[str] = (),
        parent: Iterable[str] = (),
        tags: Tags | None = None,
    ) -> Self:
        """What IAM says of every caller that belongs to an account (reference_policies_condition-keys)."""
        _, partition, _, _, account, _ = _arn_parts(arn)
        said = {
            "aws:principalisawsservice": "false",
            "aws:principalarn": arn,
            "aws:principalaccount": account,
            "aws:principaltype": kind.value,
            **{f"aws:principaltag/{key.lower()}": value for key, value in (tags or {}).items()},
            **keys,
        }
        return cls(
            kind=kind,
            arn=arn,
            account=account,
            itself=frozenset(itself),
            parent=frozenset(parent),
            owner=frozenset({account, f"arn:{partition}:iam::{account}:root"}),
            keys={key: (value,) for key, value in said.items() if value is not None},
        )

    @classmethod
    def _of_provider(cls, kind: CallerKind, provider: str, *, call: str) -> Self:
        keys = {"aws:principalisawsservice": ("false",), "aws:federatedprovider": (provider,)}
        itself = frozenset({provider})
        return cls(kind=kind, arn=provider, principal_type="Federated", call=call, itself=itself, keys=keys)


def _arn_parts(arn: str) -> list[str]:
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":  # noqa: PLR2004  arn:partition:service:region:account:resource
        raise ValueError(f"{arn!r} is not an ARN")
    return parts


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Request:
    """One action on one resource.

    ``context`` adds condition keys to those that the principal carries, and wins over them; a tuple is a key
    with several values, an empty tuple a key that is not there. Key names have no case.
    """

    action: str
    resource: str
    principal: Caller
    context: Context = field(default_factory=dict, hash=False)
    keys: Keys = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Put together what the caller carries and what the context adds, in the form that conditions read."""
        given = {key.lower(): _values(value) for key, value in self.context.items()}
        object.__setattr__(self, "keys", {**self.principal.keys, **given})


def _values(value: str | tuple[str, ...] | bool) -> tuple[str, ...]:  # noqa: FBT001  a key may be one
    match value:
        case bool():
            return ("true",) if value else ("false",)
        case str():
            return (value,)
        case tuple():
            return value
        case _:
            assert_never(value)


# --- policies, compiled -------------------------------------------------------------------------------------


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


Document: TypeAlias = CompiledPolicy | Mapping[str, object] | str

_VERSIONS = ("2008-10-17", "2012-10-17")
_ELEMENTS = frozenset({"Version", "Id", "Statement"})
_OF_EVERY_STATEMENT = frozenset({"Sid", "Effect", "Action", "NotAction", "Condition"})
_OF_IDENTITY_POLICIES = frozenset({"Resource", "NotResource"})
_OF_TRUST_POLICIES = frozenset({"Principal", "NotPrincipal"})
_PRINCIPAL_TYPES = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})


def compile_identity_policy(document: Document) -> CompiledPolicy:
    """Compile an identity policy, a boundary or a session policy. Raises MalformedPolicyError."""
    return _compile(document, trust=False)


def compile_trust_policy(document: Document) -> CompiledPolicy:
    """Compile a role trust policy. Raises MalformedPolicyError."""
    return _compile(document, trust=True)


def _compile(document: Document, *, trust: bool) -> CompiledPolicy:
    match document:
        case CompiledPolicy():
            if document.trust is not trust:
                raise MalformedPolicyError(
                    f"{'an identity' if trust else 'a trust'} policy stands in the other's place"
                )
            return document
        case str():
            return _compiled(document, trust=trust)
        case _:
            return _compiled(_written(document), trust=trust)


def _written(document: object) -> str:
    try:
        return json.dumps(document, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise MalformedPolicyError(f"a policy document is a JSON object: {error}") from None


def _plain(value: object) -> dict[object, object]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


@lru_cache(maxsize=8_192)
def _compiled(text: str, *, trust: bool) -> CompiledPolicy:
    document = _object(_parsed(text), "a policy document", known=_ELEMENTS)
    version = document.get("Version", "2008-10-17")
    if version not in _VERSIONS:
        raise MalformedPolicyError(f"Version is one of {', '.join(_VERSIONS)}, not {shown(version)}")
    if "Statement" not in document:
        raise MalformedPolicyError("a policy document has a Statement")
    found = document["Statement"]
    statements = [
        _statement(raw, index=index, trust=trust, variables=version == "2012-10-17")
        for index, raw in enumerate(found if isinstance(found, list) else [found])
    ]
    return CompiledPolicy(
        trust,
        allows=tuple(statement for statement in statements if not statement.denies),
        denies=tuple(statement for statement in statements if statement.denies),
    )


class _Number(str):
    """A JSON number as it was written, so that no digit is lost and nobody takes it for a string."""

    __slots__ = ()


def _parsed(text: str) -> object:
    try:
        return json.loads(
            text,
            object_pairs_hook=_without_repetition,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_refuse_constant,
        )
    except MalformedPolicyError:
        raise
    except (ValueError, RecursionError) as error:
        raise MalformedPolicyError(f"a policy document is JSON: {error}") from None


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedPolicyError("an element stands twice in one object")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedPolicyError(f"{name} is no JSON")


def _statement(raw: object, *, index: int, trust: bool, variables: bool) -> Statement:
    own = _OF_TRUST_POLICIES if trust else _OF_IDENTITY_POLICIES
    statement = _object(raw, "a statement", known=_OF_EVERY_STATEMENT | own)
    effect = statement.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise MalformedPolicyError(f"Effect is Allow or Deny, not {shown(effect)}")
    sid = statement.get("Sid")
    if sid is not None and not isinstance(sid, str):
        raise MalformedPolicyError(f"Sid is a string, not {shown(sid)}")
    action = _one_of(statement, "Action", "NotAction")
    resource = None if trust else _one_of(statement, "Resource", "NotResource")
    principal = _one_of(statement, "Principal", "NotPrincipal") if trust else None
    return Statement(
        index=index,
        sid=sid or None,
        denies=effect == "Deny",
        actions=Patterns.of(_actions(statement[action]), fold=True),
        not_action=action == "NotAction",
        resources=Patterns.of(_texts(statement[resource], resource), variables=variables) if resource else None,
        not_resource=resource == "NotResource",
        principals=_principals(statement[principal]) if principal else EVERYONE,
        not_principal=principal == "NotPrincipal",
        conditions=compile_conditions(statement.get("Condition", {}), variables=variables),
    )


def _one_of(statement: Mapping[str, object], *names: str) -> str:
    present = [name for name in names if name in statement]
    if len(present) != 1:
        raise MalformedPolicyError(f"a statement has exactly one of {' and '.join(names)}")
    return present[0]


def _actions(value: object) -> tuple[str, ...]:
    texts = _texts(value, "Action")
    for text in texts:
        if ":" not in text and text.strip("*"):
            raise MalformedPolicyError(f"action {shown(text)} names no service")
    return texts


def _principals(value: object) -> Principals:
    if value == "*":
        return EVERYONE
    by_type = {
        kind: frozenset(_texts(names, kind))
        for kind, names in _object(value, "Principal", known=_PRINCIPAL_TYPES).items()
    }
    if not by_type:
        raise MalformedPolicyError("Principal names nobody")
    return Principals(everyone="*" in by_type.get("AWS", ()), by_type=by_type)


def _object(value: object, what: str, *, known: frozenset[str]) -> dict[str, object]:
    if not isinstance(value, dict):
        raise MalformedPolicyError(f"{what} is a JSON object, not {shown(value)}")
    if unknown := sorted(value.keys() - known):
        raise MalformedPolicyError(f"{what} has no element {unknown[0]!r}")
    return value


def _texts(value: object, what: str) -> tuple[str, ...]:
    texts = tuple(value) if isinstance(value, list) else (value,)
    if not texts or not all(isinstance(text, str) and not isinstance(text, _Number) for text in texts):
        raise MalformedPolicyError(f"{what} is a string or a list of strings, not {shown(value)}")
    return texts


# --- decisions ----------------------------------------------------------------------------------------------


class Verdict(Enum):
    """How a decision came out. Both denials refuse; the explicit one overrides what is allowed elsewhere."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicit_deny"
    IMPLICIT_DENY = "implicit_deny"


class Source(Enum):
    """What decided."""

    IDENTITY = "identity policies"
    BOUNDARY = "permissions boundary"
    SESSION = "session policies"
    TRUST = "trust policy"
    CREDENTIALS = "kind of credentials"


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a request.

    ``source`` decided: by ``statement`` of its document number ``policy`` (as given, from 0), or, where the
    denial is implicit, by having none. ``action`` is the action that was judged.
    """

    verdict: Verdict
    action: str
    source: Source
    policy: int = 0
    statement: Statement | None = None

    @property
    def allowed(self) -> bool:
        """Whether the request goes through."""
        return self.verdict is Verdict.ALLOWED

    @property
    def reason(self) -> str:
        """One sentence for people."""
        if self.source is Source.CREDENTIALS:
            return f"{self.action} is {'open' if self.allowed else 'closed'} to this kind of credentials."
        if self.statement is None:
            return f"Nothing in the {self.source.value} allows {self.action}."
        name = f"statement {self.statement.index}" + (f" ({self.statement.sid})" if self.statement.sid else "")
        verb = "denies" if self.statement.denies else "allows"
        return f"In the {self.source.value}, document {self.policy}, {name} {verb} {self.action}."


@dataclass(frozen=True, slots=True)
class Permissions:
    """The policies on the caller's side.

    ``policies``: inline and managed, those of a user's groups among them. ``session_policies``: those passed
    when the session was made; none passed, none that limit.
    """

    policies: Sequence[Document] = ()
    boundary: Document | None = None
    session_policies: Sequence[Document] = ()


NO_PERMISSIONS = Permissions()


def evaluate_identity(permissions: Permissions, request: Request) -> Decision:
    """Whether the caller's own policies allow the request. Raises MalformedPolicyError.

    The root user may do everything; no policy or boundary can be attached to it. A federated user's session
    may do only what its session policies allow as well, and nothing without any.
    """
    if request.principal.kind is CallerKind.ROOT:
        return Decision(Verdict.ALLOWED, request.action, Source.CREDENTIALS)
    return _strictest(_layers(permissions, request))


def _layers(permissions: Permissions, request: Request) -> list[Decision]:
    layers = [_weigh(permissions.policies, request, source=Source.IDENTITY)]
    if permissions.boundary is not None:
        layers.append(_weigh([permissions.boundary], request, source=Source.BOUNDARY))
    if permissions.session_policies or request.principal.kind is CallerKind.FEDERATED_USER:
        layers.append(_weigh(permissions.session_policies, request, source=Source.SESSION))
    return layers


def _weigh(documents: Sequence[Document], request: Request, *, source: Source) -> Decision:
    """What a set of policies says together: any Deny, else any Allow, else nothing."""
    policies = [compile_identity_policy(document) for document in documents]
    for place, policy in enumerate(policies):
        for statement in policy.denies:
            if statement.covers(request):
                return Decision(Verdict.EXPLICIT_DENY, request.action, source, place, statement)
    for place, policy in enumerate(policies):
        for statement in policy.allows:
            if statement.covers(request):
                return Decision(Verdict.ALLOWED, request.action, source, place, statement)
    return Decision(Verdict.IMPLICIT_DENY, request.action, source)


def _strictest(decisions: Sequence[Decision]) -> Decision:
    """The first explicit denial, else the first implicit one, else the first."""
    for verdict in (Verdict.EXPLICIT_DENY, Verdict.IMPLICIT_DENY):
        for decision in decisions:
            if decision.verdict is verdict:
                return decision
    return decisions[0]


# --- assuming a role ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AssumableRole:
    """The role to be assumed: its ARN (with path), trust policy and tags."""

    arn: str
    trust: Document
    tags: Tags = field(default_factory=dict, hash=False)


def evaluate_trust(trust: Document, request: Request) -> Decision:
    """What the trust policy alone says to a request by its principal. Raises MalformedPolicyError."""
    return _weigh_trust(compile_trust_policy(trust), request)[0]


def _weigh_trust(trust: CompiledPolicy, request: Request) -> tuple[Decision, Named]:
    """The decision, and how closely the closest of the allowing statements names the caller."""
    for statement in trust.denies:
        if statement.names(request.principal) and statement.covers(request):
            return Decision(Verdict.EXPLICIT_DENY, request.action, Source.TRUST, 0, statement), Named.NOT
    closest, granting = Named.NOT, None
    for statement in trust.allows:
        named = statement.names(request.principal)
        if named > closest and statement.covers(request):
            closest, granting = named, statement
    verdict = Verdict.IMPLICIT_DENY if granting is None else Verdict.ALLOWED
    return Decision(verdict, request.action, Source.TRUST, 0, granting), closest


def may_assume(
    role: AssumableRole,
    caller: Caller,
    *,
    permissions: Permissions = NO_PERMISSIONS,
    session_tags: Tags | None = None,
    context: Context | None = None,
) -> Decision:
    """Whether the caller can assume the role: the decision that refuses, else the Allow of the trust policy.

    The call follows from the caller: AssumeRoleWithWebIdentity, AssumeRoleWithSAML, for all others
    AssumeRole. Passing ``session_tags`` needs ``sts:TagSession`` as well, a source identity
    (``sts:SourceIdentity`` in ``context``) ``sts:SetSourceIdentity``. ``context`` holds what else the request
    says: ``sts:ExternalId``, ``aws:MultiFactorAuthPresent``, ``aws:SourceIp``, an OIDC token's claims.

    Raises MalformedPolicyError for a document without meaning, ValueError for a role ARN that is none.
    """
    account = _arn_parts(role.arn)[4]
    if caller.kind in (CallerKind.ROOT, CallerKind.FEDERATED_USER):
        # AssumeRole refuses root; GetFederationToken's credentials may only call GetCallerIdentity of STS.
        return Decision(Verdict.IMPLICIT_DENY, "sts:AssumeRole", Source.CREDENTIALS)
    facts = {**_facts(role, account, session_tags or {}), **(context or {})}
    trust = compile_trust_policy(role.trust)
    decisions = [
        _assume(trust, permissions, Request(action, role.arn, caller, facts), home=caller.account == account)
        for action in _actions_needed(caller, facts)
    ]
    return _strictest(decisions)


def _facts(role: AssumableRole, account: str, session_tags: Tags) -> dict[str, str | tuple[str, ...] | bool]:
    """The keys about the role and the tags passed (reference_policies_iam-condition-keys)."""
    facts: dict[str, str | tuple[str, ...] | bool] = {"aws:ResourceAccount": account}
    for key, value in role.tags.items():
        facts[f"aws:ResourceTag/{key}"] = facts[f"iam:ResourceTag/{key}"] = value
    for key, value in session_tags.items():
        facts[f"aws:RequestTag/{key}"] = value
    if session_tags:
        facts["aws:TagKeys"] = tuple(session_tags)
    return facts


def _actions_needed(caller: Caller, facts: Context) -> list[str]:
    given = {key.lower() for key, value in facts.items() if value != ()}
    extras = {"aws:tagkeys": "sts:TagSession", "sts:sourceidentity": "sts:SetSourceIdentity"}
    return [caller.call, *(action for key, action in extras.items() if key in given)]


def _assume(trust: CompiledPolicy, permissions: Permissions, request: Request, *, home: bool) -> Decision:
    decision, named = _weigh_trust(trust, request)
    if not request.principal.account:
        return decision  # services and identities of a provider have no policies of their own
    needed = _second_half(named, home=home)
    layers = _layers(permissions, request)
    counting = [one for one in layers if one.source in needed or one.verdict is Verdict.EXPLICIT_DENY]
    return _strictest([decision, *counting])


_ALL_LAYERS = frozenset({Source.IDENTITY, Source.BOUNDARY, Source.SESSION})
_LIMITS = frozenset({Source.BOUNDARY, Source.SESSION})


def _second_half(named: Named, *, home: bool) -> frozenset[Source]:
    """Which of the caller's own policies must allow it too, besides denying nothing.

    In the role's own account: none where the trust names the user, the session or everyone; boundary and
    session policies where it names the session's role; all where it names the account. From another account:
    all.
    """
    if not home:
        return _ALL_LAYERS
    match named:
        case Named.DIRECTLY:
            return frozenset()
        case Named.BY_PARENT:
            return _LIMITS
        case Named.BY_ACCOUNT | Named.NOT:
            return _ALL_LAYERS
        case _:
            assert_never(named)
