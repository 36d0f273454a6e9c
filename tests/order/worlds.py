"""Small worlds, a plan from one to the next, and every state on the way, judged by the sandbox's evaluator.

`Account` is IAM reduced to what an order can get wrong: it refuses calls whose time has not come (a principal or policy
that is not there yet, a policy that somebody still has), it binds a trust to the entity that has the name at the moment
of the write, and it tells who can do what. It shares nothing with the code that orders the calls but `advance`, which
says what a call does to one object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from hypothesis import strategies as st

from reconciler.model.arn import iam_arn
from reconciler.model.change import Call, Change, Operation
from reconciler.model.declared import Declaration, Desired
from reconciler.model.diagnostic import Place
from reconciler.model.form import INLINE, Paths, digests_of, paths_of
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.policy import PolicyDocument
from reconciler.model.principal import PrincipalIndex
from reconciler.model.role import Role
from reconciler.operations import advance
from reconciler.sandbox.evaluator import (
    AssumableRole,
    Caller,
    Permissions,
    Request,
    evaluate_identity,
    may_assume,
)
from reconciler.snapshot import Quotas, Snapshot
from reconciler.state import Owned, State
from reconciler.world import World

Json: TypeAlias = dict[str, Any]
Objects: TypeAlias = Mapping[str, Role | ManagedPolicy]
Access: TypeAlias = frozenset[tuple[str, str, str]]

OWN, OTHER = "111122223333", "123456789012"
ROOMY = Quotas()
NOW = "2026-11-25T00:00:00Z"
ALICE_ARN, BOB_ARN = f"arn:aws:iam::{OWN}:user/alice", f"arn:aws:iam::{OWN}:user/bob"
STRANGER_ARN = f"arn:aws:iam::{OTHER}:user/carol"
USER_IDS = {ALICE_ARN: "AIDAALICEALICEALICE22", BOB_ARN: "AIDABOBBOBBOBBOBBOB22"}
MAY_ASSUME = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}],
}
OUTSIDERS = [
    (Caller.user(ALICE_ARN, unique_id=USER_IDS[ALICE_ARN], tags={"team": "red"}), Permissions([MAY_ASSUME])),
    (Caller.user(BOB_ARN, unique_id=USER_IDS[BOB_ARN], tags={"team": "blue"}), Permissions()),
    (Caller.user(STRANGER_ARN, unique_id="AIDACAROLCAROLCAROL22"), Permissions([MAY_ASSUME])),
    (Caller.service("ec2.amazonaws.com"), Permissions()),
]
DEEDS = ["x:Read", "x:Write", "x:Erase"]


def role_arn(name: str, path: str = "/") -> str:
    return iam_arn(partition="aws", account=OWN, kind="role", path=path, name=name)


def policy_arn(name: str, path: str = "/") -> str:
    return iam_arn(partition="aws", account=OWN, kind="policy", path=path, name=name)


def document(*statements: Json) -> PolicyDocument:
    return PolicyDocument({"Version": "2012-10-17", "Statement": list(statements)})


def trusting(*arns: str, effect: str = "Allow", **more: Any) -> Json:
    return {"Effect": effect, "Principal": {"AWS": list(arns)}, "Action": "sts:AssumeRole", **more}


def allowing(*actions: str, effect: str = "Allow", resource: str = "*", **more: Any) -> Json:
    return {"Effect": effect, "Action": list(actions), "Resource": resource, **more}


def role(name: str, *trust: Json, **rest: Any) -> Role:
    inline = {key: document(*statements) for key, statements in rest.pop("inline", {}).items()}
    attached = frozenset(policy_arn(policy) for policy in rest.pop("attached", ()))
    return Role(
        partition="aws",
        account=OWN,
        name=name,
        trust=document(*trust),
        inline_policies=inline,
        managed_policies=attached | rest.pop("attached_arns", frozenset()),
        **rest,
    )


def policy(name: str, *statements: Json, **rest: Any) -> ManagedPolicy:
    return ManagedPolicy(partition="aws", account=OWN, name=name, policy=document(*statements), **rest)


# --- from here to there -------------------------------------------------------------------------------------


def world(start: Iterable[Role | ManagedPolicy], goal: Iterable[Role | ManagedPolicy], quotas: Quotas = ROOMY) -> World:
    """All of the start made here and owned, all of the goal declared."""
    live = {value.address: value for value in _living(list(start))}
    roles = {value.name: value for value in live.values() if isinstance(value, Role)}
    policies = {value.arn: value for value in live.values() if isinstance(value, ManagedPolicy)}
    ids = USER_IDS | {value.arn: value.role_id or "" for value in roles.values()}
    index = PrincipalIndex(
        arn_by_id={known: arn for arn, known in ids.items()}, id_by_arn=ids, accounts=frozenset({OWN})
    )
    return World(
        desired=Desired(
            account=OWN,
            partition="aws",
            objects={value.address: Declaration(value=value, place=Place("all.yaml")) for value in goal},
        ),
        snapshot=Snapshot(
            account=OWN,
            partition="aws",
            caller_arn=f"arn:aws:iam::{OWN}:user/admin",
            taken_at=NOW,
            roles=roles,
            policies=policies,
            quotas=quotas,
            known_policies={},
        ),
        state=State(
            account=OWN, lineage="l", objects={address: _owned(value, index) for address, value in live.items()}
        ),
        index=index,
    )


def _living(start: list[Role | ManagedPolicy]) -> Iterator[Role | ManagedPolicy]:
    roles = [value for value in start if isinstance(value, Role)]
    for value in start:
        if isinstance(value, Role):
            yield replace(value, role_id=f"AROA{value.name.upper():Z<17}", created=NOW)
        else:
            yield replace(
                value,
                policy_id=f"ANPA{value.name.upper():Z<17}",
                versions=value.versions or ("v1",),
                default_version=(value.versions or ("v1",))[-1],
                attached_to=frozenset(one.address for one in roles if value.arn in one.managed_policies),
                boundary_of=frozenset(one.address for one in roles if value.arn == one.permissions_boundary),
            )


def _owned(value: Role | ManagedPolicy, index: PrincipalIndex) -> Owned:
    named = {place.value for place in value.trust.principals()} if isinstance(value, Role) else set()
    return Owned(
        id=(value.role_id if isinstance(value, Role) else value.policy_id) or "",
        arn=value.arn,
        manifest="all.yaml",
        since=NOW,
        origin="created",
        digests=digests_of(value),
        principals={arn: index.id_by_arn[arn] for arn in named if arn in index.id_by_arn},
    )


@dataclass
class Account:
    """What is there by address, each object with a number that tells it from those that had its name before."""

    objects: dict[str, Paths] = field(default_factory=dict)
    arns: dict[str, str] = field(default_factory=dict)
    born: dict[str, int] = field(default_factory=dict)
    bound: dict[str, dict[str, int]] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    count: int = 0
    quotas: Quotas = ROOMY

    @classmethod
    def of(cls, world: World) -> Account:
        account = cls(quotas=world.snapshot.quotas)
        for address, value in world.live.items():
            account._enter(address, value.arn, paths_of(value))
            account.versions[value.arn] = len(value.versions) if isinstance(value, ManagedPolicy) else 0
        for address, paths in account.objects.items():
            account._bind(address, paths)
        return account

    def copy(self) -> Account:
        return replace(
            self,
            objects=dict(self.objects),
            arns=dict(self.arns),
            born=dict(self.born),
            bound=dict(self.bound),
            versions=dict(self.versions),
        )

    def _enter(self, address: str, arn: str, paths: Paths) -> None:
        self.count += 1
        self.objects[address], self.arns[arn], self.born[arn] = paths, address, self.count

    def _bind(self, address: str, paths: Paths) -> None:
        """Bind a trust to those who have the names now."""
        if "trust" in paths:
            named = {place.value for place in paths["trust"].principals() if ":role/" in place.value}
            self.bound[address] = {arn: self.born.get(arn, 0) for arn in named}

    def do(self, change: Change, operation: Operation) -> None:
        """Carry out a call, as IAM would; an AssertionError where IAM would refuse it."""
        address, params = change.address, operation.params
        self._check(address, operation)
        paths = advance(self.objects.get(address, {}), operation)
        if operation.call in {Call.CREATE_ROLE, Call.CREATE_POLICY}:
            arn = (change.after or {})["arn"]
            self._enter(address, arn, paths)
            self.versions[arn] = 1
        elif operation.call in {Call.DELETE_ROLE, Call.DELETE_POLICY}:
            arn = (change.before or {})["arn"]
            del self.objects[address], self.arns[arn], self.born[arn]
        else:
            self.objects[address] = paths
        self.versions[params.get("PolicyArn", "")] = self.versions.get(params.get("PolicyArn", ""), 0) + {
            Call.CREATE_POLICY_VERSION: 1,
            Call.DELETE_POLICY_VERSION: -1,
        }.get(operation.call, 0)
        if operation.call in {Call.CREATE_ROLE, Call.UPDATE_ASSUME_ROLE_POLICY}:
            self._bind(address, paths)

    def _check(self, address: str, operation: Operation) -> None:
        call, params = operation.call, operation.params
        for text in ("PolicyArn", "PermissionsBoundary"):
            assert params.get(text) is None or params[text] in self.arns, f"{call}: no {params[text]}"
        assert (address in self.objects) is not (call in {Call.CREATE_ROLE, Call.CREATE_POLICY}), f"{call} {address}"
        trust = params.get("AssumeRolePolicyDocument") or params.get("PolicyDocument", {})
        for place in PolicyDocument(trust).principals():
            missing = ":role/" in place.value and place.value not in self.arns
            assert not missing, f"{call} {address}: no {place.value}"
        if call in {Call.DELETE_ROLE, Call.DELETE_POLICY}:
            self._check_that_nothing_is_left(address, params.get("PolicyArn", ""))
        self._check_quotas(address, operation)

    def _check_that_nothing_is_left(self, address: str, policy: str) -> None:
        left = self.objects[address]
        assert not left.get("managed_policies")
        assert not any(path.startswith(INLINE) for path in left)
        assert self.versions.get(policy, 1) <= 1
        for paths in self.objects.values():
            assert policy not in [*paths.get("managed_policies", ()), paths.get("permissions_boundary")]

    def _check_quotas(self, address: str, operation: Operation) -> None:
        params, held = operation.params, self.objects.get(address, {})
        match operation.call:
            case Call.ATTACH_ROLE_POLICY:
                attached = {*held["managed_policies"], params["PolicyArn"]}
                assert len(attached) <= self.quotas.attached_policies_per_role
            case Call.PUT_ROLE_POLICY:
                inline = {path: found.size for path, found in held.items() if path.startswith(INLINE)}
                inline[f"{INLINE}{params['PolicyName']}"] = PolicyDocument(params["PolicyDocument"]).size
                assert sum(inline.values()) <= self.quotas.inline_policies_size
            case Call.CREATE_POLICY_VERSION:
                assert self.versions[params["PolicyArn"]] < self.quotas.versions_per_policy
            case _:
                pass

    # who can do what

    def access(self) -> Access:
        """Who from outside can come to do what in which role, along any chain of roles."""
        return frozenset(
            (caller.arn, address, deed)
            for caller, permissions in OUTSIDERS
            for address in self._reached(caller, permissions)
            for deed in ["", *DEEDS]
            if not deed or evaluate_identity(self._permissions(address), self._asking(address, deed)).allowed
        )

    def _reached(self, caller: Caller, permissions: Permissions) -> set[str]:
        reached: set[str] = set()
        queue = [(caller, permissions)]
        roles = [address for address in self.objects if address.startswith("role/")]
        while queue:
            caller, permissions = queue.pop()
            for address in roles:
                if address not in reached and may_assume(self._role(address), caller, permissions=permissions).allowed:
                    reached.add(address)
                    queue.append((self._session(address), self._permissions(address)))
        return reached

    def _arn(self, address: str) -> str:
        return next(arn for arn, known in self.arns.items() if known == address)

    def _role(self, address: str) -> AssumableRole:
        paths, bound = self.objects[address], self.bound[address]
        living = paths["trust"].without_principals(
            lambda place: place.value in bound and self.born.get(place.value) != bound[place.value]
        )
        trust = (
            living.source if living.raw_statements else {**living.source, "Statement": [trusting(OTHER, effect="Deny")]}
        )
        return AssumableRole(self._arn(address), trust, paths["tags"])

    def _session(self, address: str) -> Caller:
        return Caller.role_session(
            self._arn(address), "s", unique_id=f"AROA{address}", tags=self.objects[address]["tags"]
        )

    def _asking(self, address: str, deed: str) -> Request:
        return Request(deed, "arn:aws:x:::thing", self._session(address))

    def _permissions(self, address: str) -> Permissions:
        paths = self.objects[address]
        inline = [content.source for path, content in paths.items() if path.startswith(INLINE)]
        attached = [self._document(arn) for arn in paths["managed_policies"]]
        boundary = paths.get("permissions_boundary")
        return Permissions([*inline, *attached], boundary=None if boundary is None else self._document(boundary))

    def _document(self, arn: str) -> Any:
        return self.objects[self.arns[arn]]["policy"].source


# --- worlds by chance ---------------------------------------------------------------------------------------

NAMES, POLICIES, TEAMS = ["a", "b", "c"], ["P", "Q"], ["red", "blue"]
ROOT = f"arn:aws:iam::{OWN}:root"
TEAM = {"StringEquals": {"aws:PrincipalTag/team": "red"}}


def trust_statements() -> st.SearchStrategy[Json]:
    arns = [ALICE_ARN, BOB_ARN, STRANGER_ARN, ROOT, "*", *map(role_arn, NAMES)]
    return st.builds(
        lambda names, effect, when: trusting(*names, effect=effect, **when),
        st.lists(st.sampled_from(arns), min_size=1, max_size=2, unique=True),
        st.sampled_from(["Allow", "Allow", "Allow", "Deny"]),
        st.sampled_from([{}, {}, {}, {"Condition": TEAM}]),
    )


def permission_statements(*, with_deny: bool = True) -> st.SearchStrategy[Json]:
    actions = [*DEEDS, "x:*", "sts:AssumeRole", "*"]
    return st.builds(
        lambda actions, effect, resource, when: allowing(*actions, effect=effect, resource=resource, **when),
        st.lists(st.sampled_from(actions), min_size=1, max_size=2, unique=True),
        st.sampled_from(["Allow", "Allow", "Deny"] if with_deny else ["Allow"]),
        st.sampled_from(["*", "*", role_arn("b"), role_arn("c")]),
        st.sampled_from([{}, {}, {}, {"Condition": TEAM}] if with_deny else [{}]),
    )


@st.composite
def situations(draw: st.DrawFn, *, guards: bool = True) -> list[Role | ManagedPolicy]:
    """Some roles and managed policies; without `guards` there is no Deny, boundary or tag that counts."""
    statements = st.lists(permission_statements(with_deny=guards), min_size=1, max_size=2)
    policies = [
        policy(name, *draw(statements), path=draw(st.sampled_from(["/", "/", "/", "/moved/"])))
        for name in draw(st.lists(st.sampled_from(POLICIES), unique=True))
    ]
    arns = [value.arn for value in policies]
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    present = {ALICE_ARN, BOB_ARN, STRANGER_ARN, ROOT, "*", *map(role_arn, names)}
    roles = [draw(_roles(name, arns, present, statements, guards=guards)) for name in names]
    return [*policies, *roles]


@st.composite
def _roles(
    draw: st.DrawFn,
    name: str,
    arns: list[str],
    present: set[str],
    statements: st.SearchStrategy[list[Json]],
    *,
    guards: bool,
) -> Role:
    trust = []
    for statement in draw(st.lists(trust_statements(), min_size=1, max_size=2)):
        known = [arn for arn in statement["Principal"]["AWS"] if arn in present]
        if known and (guards or "Condition" not in statement):
            trust.append({**statement, "Principal": {"AWS": known}})
    one_of_them = st.sampled_from(arns) if arns else st.nothing()
    return role(
        name,
        *(trust or [trusting(ALICE_ARN)]),
        inline={key: draw(statements) for key in draw(st.lists(st.sampled_from("ij"), unique=True))},
        attached_arns=frozenset(draw(st.lists(one_of_them, unique=True, max_size=2))) if arns else frozenset(),
        permissions_boundary=draw(st.none() | one_of_them) if guards and arns else None,
        tags={"team": draw(st.sampled_from(TEAMS))} if guards and draw(st.booleans()) else {},
    )


@st.composite
def journeys(draw: st.DrawFn, *, guards: bool = True) -> tuple[list[Role | ManagedPolicy], list[Role | ManagedPolicy]]:
    """A start and a goal; about half of what is there at the start stays as it is."""
    start, other = draw(situations(guards=guards)), draw(situations(guards=guards))
    goal = {value.address: value for value in other}
    goal |= {value.address: value for value in start if draw(st.booleans())}
    return start, _whole(list(goal.values()))


def _whole(things: list[Role | ManagedPolicy]) -> list[Role | ManagedPolicy]:
    """The same without references to what is not among them."""
    arns = {thing.arn for thing in things}
    return [_within(thing, arns) if isinstance(thing, Role) else thing for thing in things]


def _within(role: Role, arns: set[str]) -> Role:
    boundary = role.permissions_boundary if role.permissions_boundary in arns else None
    trust = role.trust.without_principals(lambda place: ":role/" in place.value and place.value not in arns)
    if not trust.raw_statements:
        trust = document(trusting(ALICE_ARN))
    return replace(role, managed_policies=role.managed_policies & arns, permissions_boundary=boundary, trust=trust)
