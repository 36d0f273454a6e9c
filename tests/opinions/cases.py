"""A table of requests, each with everything that decides about it; made from a seed, the same every time.

Patterns and condition values are drawn from the same few words as what the request says, so that most of them
nearly match: a case in which nothing could ever match asks no question.

    identity_case     what a user or a session may do by its own policies, boundary and session policy
    condition_case    one condition, of every operator: set operator, IfExists, the key there or not
    assuming_case     who may assume a role: the trust policy, and the caller's own policies, here and elsewhere
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, TypeAlias

from reconciler.sandbox.evaluator import Caller
from tests.opinions.vocabulary import KEYS, OPERATORS, Key, keys_for

Document: TypeAlias = dict[str, Any]
Context: TypeAlias = dict[str, str | tuple[str, ...]]

OWN, OTHER = "111122223333", "444455556666"
ORGANIZATION = "o-abcdefghij"
ALICE = Caller.user(f"arn:aws:iam::{OWN}:user/staff/alice", unique_id="AIDAALICEALICEALICE22", tags={"team": "red"})
BOB = Caller.user(
    f"arn:aws:iam::{OTHER}:user/bob", unique_id="AIDABOBBOBBOBBOBBOB22", tags={"team": "re*"}, organization=ORGANIZATION
)
RUNNER_ROLE, VISITOR_ROLE = f"arn:aws:iam::{OWN}:role/ci/runner", f"arn:aws:iam::{OTHER}:role/visitor"
RUNNER = Caller.role_session(
    RUNNER_ROLE, "build-7", unique_id="AROARUNNERRUNNERRUN22", tags={"team": "blue"}, organization=ORGANIZATION
)
VISITOR = Caller.role_session(VISITOR_ROLE, "tour", unique_id="AROAVISITORVISITORVI2")
EC2 = Caller.service("ec2.amazonaws.com")
GITHUB = Caller.web_identity(f"arn:aws:iam::{OWN}:oidc-provider/token.actions.githubusercontent.com")
CORP = Caller.saml_identity(f"arn:aws:iam::{OWN}:saml-provider/corp")

TARGET = f"arn:aws:iam::{OWN}:role/ops/deployer"
DEAD = "AROADEADDEADDEADDEAD2"
ASKED: Final = (
    ("iam:GetRole", TARGET),
    ("iam:CreateRole", f"arn:aws:iam::{OWN}:role/ops/new"),
    ("iam:AttachRolePolicy", TARGET),
    ("iam:PassRole", TARGET),
    ("iam:ListRoles", "*"),
    ("iam:DeleteUser", ALICE.arn),
    ("s3:ListBucket", "arn:aws:s3:::team-red"),
    ("s3:GetObject", "arn:aws:s3:::team-red/home/alice/Notes.txt"),
    ("s3:PutObject", "arn:aws:s3:::team-red/home/a+b (1).txt"),
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A request by a caller, and every policy that applies; ``trust`` where a role is to be assumed.

    ``actions``: what the call needs, all of it. ``context``: what conditions can ask besides the caller's own keys.
    """

    caller: Caller
    actions: Sequence[str]
    resource: str
    policies: Sequence[Document] = ()
    boundary: Document | None = None
    session_policy: Document | None = None
    trust: Document | None = None
    context: Context = field(default_factory=dict)


def identity_case(random: Random) -> Case:
    """A user or a session of the account asks for something; one to three kinds of policies have a say."""
    action, resource = random.choice(ASKED)
    caller = random.choice((ALICE, RUNNER))
    write = Author(random, action, resource, keys_for(action))
    return Case(
        caller=caller,
        actions=[action],
        resource=resource,
        policies=[write.identity_policy() for _ in range(random.choice((1, 1, 2)))],
        boundary=write.identity_policy() if random.random() < 0.4 else None,
        session_policy=write.identity_policy() if caller is RUNNER and random.random() < 0.5 else None,
        context=_said(random, action),
    )


def condition_case(random: Random) -> Case:
    """A statement that covers the request but for its one condition: an Allow, or a Deny beside an Allow."""
    action, resource = random.choice(ASKED)
    write = Author(random, action, resource, keys_for(action))
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    effect = random.choice(("Allow", "Deny"))
    conditional = {**everything, "Effect": effect, "Condition": write.condition()}
    return Case(
        caller=random.choice((ALICE, RUNNER)),
        actions=[action],
        resource=resource,
        policies=[write.document([conditional] if effect == "Allow" else [everything, conditional])],
        context=_said(random, action),
    )


def assuming_case(random: Random) -> Case:
    """Somebody assumes a role of the account, perhaps with session tags and a source identity."""
    caller = random.choice((ALICE, ALICE, BOB, BOB, RUNNER, RUNNER, VISITOR, VISITOR, EC2, GITHUB, CORP))
    actions, context = [caller.call], _said(random, caller.call)
    context.pop("aws:TagKeys", None)  # there with session tags, and only then
    if random.random() < 0.2:
        context |= {"aws:RequestTag/team": random.choice(("red", "blue")), "aws:TagKeys": ("team",)}
        actions.append("sts:TagSession")
    if random.random() < 0.2:
        context["sts:SourceIdentity"] = random.choice(("alice", "Alice"))
        actions.append("sts:SetSourceIdentity")
    if len(actions) > 1:
        context = {name: value for name, value in context.items() if name not in _ONLY_WHEN_ASSUMING}
    write = Author(random, caller.call, TARGET, keys_for(caller.call))
    own, session = bool(caller.account), caller in (RUNNER, VISITOR)
    return Case(
        caller=caller,
        actions=actions,
        resource=TARGET,
        policies=[write.identity_policy()] if own and random.random() < 0.8 else [],
        boundary=write.identity_policy() if own and random.random() < 0.3 else None,
        session_policy=write.identity_policy() if session and random.random() < 0.3 else None,
        trust=write.trust_policy(_PRINCIPALS[caller], _OTHERS),
        context=context | {"aws:ResourceAccount": OWN},
    )


def _said(random: Random, action: str) -> Context:
    """What a request of this action says: most of what it may."""
    said: Context = {}
    for key in keys_for(action):
        if key.said and random.random() < 0.8:
            several = tuple(random.sample(key.said, random.randint(1, 3))) if key.several else None
            said[key.name] = several or random.choice(key.said)
    return said


_ACTIONS_OF_TRUST: Final = (
    "sts:AssumeRole",
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
    "STS:ASSUMEROLE",
    "sts:TagSession",
    "sts:SetSourceIdentity",
)
# Whether TagSession and SetSourceIdentity are shown what only AssumeRole knows is not documented.
_ONLY_WHEN_ASSUMING: Final = frozenset(key.name for key in KEYS if key.only)

_PRINCIPALS: Final[dict[Caller, tuple[Document, ...]]] = {
    ALICE: ({"AWS": ALICE.arn}, {"AWS": [DEAD, ALICE.arn]}, {"AWS": OWN}),
    BOB: ({"AWS": BOB.arn}, {"AWS": f"arn:aws:iam::{OTHER}:root"}, {"AWS": OTHER}),
    RUNNER: (
        {"AWS": RUNNER.arn},
        {"AWS": RUNNER_ROLE},
        {"AWS": [RUNNER_ROLE, OWN]},
        {"AWS": f"arn:aws:iam::{OWN}:root"},
    ),
    VISITOR: ({"AWS": VISITOR.arn}, {"AWS": VISITOR_ROLE}, {"AWS": OTHER}),
    EC2: ({"Service": EC2.arn}, {"Service": ["lambda.amazonaws.com", EC2.arn]}),
    GITHUB: ({"Federated": GITHUB.arn},),
    CORP: ({"Federated": CORP.arn},),
}
_OTHERS: Final[tuple[Document, ...]] = (
    {"AWS": "*"},
    {"AWS": DEAD},
    {"AWS": [ALICE.arn, RUNNER_ROLE]},
    {"AWS": [f"{RUNNER.arn}7", OTHER]},
    {"Service": "lambda.amazonaws.com", "AWS": OWN},
    {"Federated": CORP.arn},
)


@dataclass(frozen=True)
class Author:
    """Writes policies that have to do with one request."""

    random: Random
    action: str
    resource: str
    keys: Sequence[Key]
    variables: bool = True

    def identity_policy(self) -> Document:
        """One to three statements, in either Version, or none that says one."""
        return self.document([self.statement() for _ in range(self.random.choice((1, 1, 2, 3)))])

    def trust_policy(self, meant: Sequence[Document], others: Sequence[Document]) -> Document:
        """Statements that name the caller in one of the ways ``meant``, more often than not."""
        return self.document([self._trust(meant, others) for _ in range(self.random.choice((1, 1, 2, 3)))])

    def document(self, statements: list[Document]) -> Document:
        """A document of these statements; one alone may stand without its list."""
        version = self.random.choice(("2012-10-17", "2012-10-17", "2012-10-17", "2008-10-17", None))
        whole = statements[0] if len(statements) == 1 and self.random.random() < 0.3 else statements
        return {"Statement": whole} | ({"Version": version} if version else {})

    def condition(self) -> Document:
        """One operator with one key."""
        key = self.random.choice(self.keys)
        if self.random.random() < 0.1:
            return {"Null": {key.name: self.random.choice(("true", "false"))}}
        return {self._operator(key): {self._spelled(key.name): self._compared(key)}}

    def statement(self) -> Document:
        """A statement of an identity policy."""
        return self._effect() | self._actions() | self._resources() | self._conditions()

    def _trust(self, meant: Sequence[Document], others: Sequence[Document]) -> Document:
        principal = self.random.choice(meant if self.random.random() < 0.75 else others)
        return self._effect() | {"Principal": principal} | self._trust_actions() | self._conditions()

    def _effect(self) -> Document:
        return {"Effect": "Deny" if self.random.random() < 0.2 else "Allow"}

    def _actions(self) -> Document:
        service, _, name = self.action.partition(":")
        near = (
            "*",
            f"{service}:*",
            self.action,
            self.action.upper(),
            f"{service}:{name[:3]}*",
            f"{service}:?{name[1:]}",
        )
        far = (f"{service}:{name}s", f"{service}:?{name}", "ec2:*", f"{service}:Describe*")
        return self._either("Action", near, far)

    def _trust_actions(self) -> Document:
        """Mostly what the call needs; of STS and in full, for IAM takes no others in a trust policy."""
        if self.random.random() < 0.1:
            return {"NotAction": self.random.choice(_ACTIONS_OF_TRUST)}
        extras = [action for action in _ACTIONS_OF_TRUST[-2:] if self.random.random() < 0.7]
        call = self.action if self.random.random() < 0.85 else self.random.choice(_ACTIONS_OF_TRUST)
        return {"Action": [call, *extras] if extras else call}

    def _resources(self) -> Document:
        if self.resource == "*":
            return self._either("Resource", ("*",), ("arn:aws:s3:::*log*",))
        head, slash, tail = self.resource.rpartition("/" if "/" in self.resource else ":")
        near = ("*", self.resource, f"{self.resource[:-2]}*", f"{head}{slash}*{tail[2:]}", f"{head}{slash}?{tail[1:]}")
        far = [f"{self.resource}/*", f"{head}{slash}{tail.upper()}", "arn:aws:s3:::*log*"]
        if self.variables:
            far.append(f"{head}{slash}${{aws:username}}")
        return self._either("Resource", near, far)

    def _either(self, element: str, near: Sequence[str], far: Sequence[str]) -> Document:
        """``Action`` or ``NotAction``: the one mostly fits, the other mostly spares."""
        positive = self.random.random() < 0.85
        pool = near if positive is (self.random.random() < 0.8) else far
        values = self.random.sample(pool, min(len(pool), self.random.choice((1, 1, 2))))
        return {element if positive else f"Not{element}": values[0] if len(values) == 1 else values}

    def _conditions(self) -> Document:
        block: Document = {}
        for _ in range(self.random.choice((0, 0, 1, 2))):
            for operator, keys in self.condition().items():
                block[operator] = block.get(operator, {}) | keys
        return {"Condition": block} if block else {}

    def _operator(self, key: Key) -> str:
        """Set operators where a key has several values: without one, what IAM does is not documented."""
        quantifier = self.random.choice(("ForAnyValue:", "ForAllValues:")) if key.several else ""
        return quantifier + self.random.choice(OPERATORS[key.kind]) + self.random.choice(("", "", "", "IfExists"))

    def _spelled(self, name: str) -> str:
        """Key names have no case."""
        return name.lower() if self.random.random() < 0.2 else name

    def _compared(self, key: Key) -> str | list[str]:
        values = self.random.sample(key.compared, min(len(key.compared), self.random.choice((1, 1, 2))))
        return values[0] if len(values) == 1 and self.random.random() < 0.7 else values
