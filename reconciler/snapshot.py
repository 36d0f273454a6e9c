"""A live account as one value.

Two paged calls, read side by side, make the whole picture: GetAccountAuthorizationDetails has tags,
boundaries, last use, inline and attached policies but neither description nor session duration, ListRoles has
those two; they are merged by role ID (IAM API reference, RoleDetail and ListRoles). Costs pages, not roles.
"""

from __future__ import annotations

import gc
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol, TypeAlias, TypeVar

from reconciler.iam import (
    AwsError,
    Detail,
    Documents,
    Iam,
    Kind,
    Page,
    attached_of,
    boundary_of,
    instant,
    or_none,
    policy_of,
    role_of,
)
from reconciler.model.arn import iam_arn
from reconciler.model.diagnostic import Code, Diagnostic, Severity
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.policy import PolicyDocument
from reconciler.model.principal import UNIQUE_ID, PrincipalIndex, Remembered, UniqueId, parse_principal
from reconciler.model.principal import Role as RolePrincipal
from reconciler.model.principal import User as UserPrincipal
from reconciler.model.role import Role

T = TypeVar("T")

THREADS: Final = 4
KINDS: Final = ("User", "Role")
KINDS_WITH_POLICIES: Final = ("User", "Role", "Group", "LocalManagedPolicy")
IDS: Final[Mapping[str, str]] = {
    "UserDetailList": "UserId",
    "GroupDetailList": "GroupId",
    "RoleDetailList": "RoleId",
    "Policies": "Arn",
    "Roles": "RoleId",
}
SUMMARY_KEYS: Final[Mapping[str, str]] = {
    "trust_policy_size": "AssumeRolePolicySizeQuota",
    "attached_policies_per_role": "AttachedPoliciesPerRoleQuota",
    "roles": "RolesQuota",
    "policies": "PoliciesQuota",
    "inline_policies_size": "RolePolicySizeQuota",
    "managed_policy_size": "PolicySizeQuota",
    "versions_per_policy": "VersionsPerPolicyQuota",
    "roles_in_use": "Roles",
    "policies_in_use": "Policies",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A user or group as far as it matters here: who it is."""

    name: str
    arn: str
    id: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """The account's own quotas and counts, from GetAccountSummary; the defaults are AWS's.

    Sizes are in characters, white space not counted (IAM User Guide, reference_iam-quotas).
    """

    trust_policy_size: int = 2048
    attached_policies_per_role: int = 10
    roles: int = 1000
    policies: int = 1500
    inline_policies_size: int = 10240
    managed_policy_size: int = 6144
    versions_per_policy: int = 5
    roles_in_use: int = 0
    policies_in_use: int = 0


# The largest that AWS grants, or gives to nobody: IAM itself refuses what is over the account's own.
UNKNOWN_QUOTAS = Quotas(trust_policy_size=8192, attached_policies_per_role=25, roles=100_000, policies=100_000)


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One account as read, with the time (RFC 3339, UTC) and the calls it took.

    `roles`, `users`, `groups` are by name, `policies` the customer managed ones by ARN, or None where no managed policy
    mattered and none was read. `known_policies` are the AWS managed policy ARNs that were looked up since, with whether
    each exists. `remarks` are what reading came across: documents not understood, entries that contradict each other.
    """

    account: str
    partition: str
    caller_arn: str
    taken_at: str
    roles: Mapping[str, Role] = field(default_factory=dict)
    users: Mapping[str, Entity] = field(default_factory=dict)
    groups: Mapping[str, Entity] = field(default_factory=dict)
    policies: Mapping[str, ManagedPolicy] | None = None
    known_policies: Mapping[str, bool] = field(default_factory=dict)
    quotas: Quotas = Quotas()
    calls: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[Diagnostic, ...] = ()


class OnPage(Protocol):
    """Told after each page: the call, and how many roles, users and others it has brought so far; from any thread."""

    def __call__(self, call: str, items_so_far: int, /) -> None:
        """Take note."""


def read_snapshot(
    iam: Iam,
    *,
    with_policies: bool,
    clock: Callable[[], datetime],
    policy_tags_of: Iterable[str] = (),
    on_page: OnPage | None = None,
) -> Snapshot:
    """Return the account as it is now; raises AwsError where anything could not be read whole.

    `with_policies` reads customer managed policies and groups too. `policy_tags_of` are the ARNs of those whose tags
    matter, one ListPolicyTags each.
    """
    taken_at = instant(clock())
    with _collector.held(), ThreadPoolExecutor(max_workers=THREADS) as pool:
        kinds = KINDS_WITH_POLICIES if with_policies else KINDS
        listed = pool.submit(_gather, iam.role_pages(), "ListRoles", on_page)
        summary = pool.submit(_quotas, iam)
        details = _gather(iam.authorization_pages(kinds), "GetAccountAuthorizationDetails", on_page)
        reading = _Reading(iam, details, listed.result(), pool)
        roles = reading.settled_roles()
        policies = reading.policies(sorted(set(policy_tags_of))) if with_policies else None
        quotas, unread = summary.result()
        return Snapshot(
            account=iam.account,
            partition=iam.partition,
            caller_arn=iam.caller.arn,
            taken_at=str(taken_at),
            roles=roles,
            users=reading.users,
            groups=reading.groups,
            policies=policies,
            quotas=quotas,
            calls=iam.calls,
            remarks=(*unread, *_remarks(roles, policies or {})),
        )


def read_role(iam: Iam, name: str) -> Role:
    """Return one role with all that is attached to it: GetRole, and what the lists of it name; raises AwsError."""
    role = iam.get_role(name)
    return replace(
        role,
        managed_policies=iam.list_attached_role_policies(name),
        inline_policies={policy: iam.get_role_policy(name, policy) for policy in iam.list_role_policies(name)},
        instance_profiles=iam.list_instance_profiles_for_role(name),
    )


def read_policy(iam: Iam, arn: str) -> ManagedPolicy:
    """Return one customer managed policy with its tags and versions, not with where it is used; raises AwsError."""
    facts = iam.get_policy(arn)
    return ManagedPolicy(
        partition=iam.partition,
        account=iam.account,
        name=facts.name,
        path=facts.path,
        policy=iam.get_policy_version(arn, facts.default_version),
        description=facts.description,
        tags=facts.tags,
        policy_id=facts.policy_id,
        versions=iam.list_policy_versions(arn),
        default_version=facts.default_version,
    )


def index_of(snapshots: Iterable[Snapshot], ledger: Mapping[str, Remembered]) -> PrincipalIndex:
    """Return who lives in the accounts at hand, users and roles, with what is remembered of the dead."""
    arn_by_id: dict[str, str] = {}
    accounts = set()
    for snapshot in snapshots:
        accounts.add(snapshot.account)
        arn_by_id.update({user.id: user.arn for user in snapshot.users.values()})
        arn_by_id.update({role.role_id: role.arn for role in snapshot.roles.values() if role.role_id})
    id_by_arn = {arn: unique for unique, arn in arn_by_id.items()}
    return PrincipalIndex(arn_by_id, id_by_arn, ledger, frozenset(accounts))


def ids_trusted_in(snapshot: Snapshot) -> set[str]:
    """Return the unique IDs, of the living and the dead, that trusts of an account name, without their sessions."""
    values = {
        place.value
        for role in snapshot.roles.values()
        for place in role.trust.principals()
        if place.key == "AWS" and place.value.startswith(("AROA", "AIDA"))
    }
    return {found["id"] for value in values if (found := UNIQUE_ID.fullmatch(value))}


Gathered: TypeAlias = dict[str, dict[str, Detail]]


def _gather(pages: Iterable[Page], call: str, on_page: OnPage | None) -> Gathered:
    """Return the entries of all pages by list and unique ID; what comes twice, because pages shifted, is kept once."""
    gathered: Gathered = {name: {} for name in IDS}
    for page in pages:
        for name, entries in page.lists.items():
            key = IDS[name]
            gathered[name].update({entry[key]: entry for entry in entries})
        if on_page is not None:
            on_page(call, sum(map(len, gathered.values())))
    return gathered


class _Reading:
    """The two lists of one account, on their way to becoming one picture."""

    def __init__(self, iam: Iam, details: Gathered, listed: Gathered, pool: ThreadPoolExecutor) -> None:
        self._iam = iam
        self._pool = pool
        self._details = details
        self._described = listed["Roles"]
        self._document = Documents()
        with iam.reading("GetAccountAuthorizationDetails"):
            self.users = self._users()
            self.groups = {
                each["GroupName"]: self._entity(each, kind="group", name=each["GroupName"], id=each["GroupId"])
                for each in details["GroupDetailList"].values()
            }

    def settled_roles(self) -> dict[str, Role]:
        """Return the roles by name; GetRole decides where the two lists disagree, or a trust shows a passing form."""
        roles, doubtful = self._merged()
        for name, role in zip(doubtful, self._pool.map(self._whole, doubtful), strict=True):
            if role is not None:
                roles[name] = role
        passing = self._passing(roles)
        for role, again in zip(passing, self._pool.map(self._again, passing), strict=True):
            if again is None:
                del roles[role.name]
            else:
                roles[role.name] = again
        return dict(sorted(roles.items()))

    def _merged(self) -> tuple[dict[str, Role], list[str]]:
        """Return the roles that both lists have, and the names of those that came or went between their pages."""
        details = self._details["RoleDetailList"]
        names = Counter(each["RoleName"] for each in details.values())
        doubtful = {name for name, times in names.items() if times > 1}
        doubtful |= {details[unique]["RoleName"] for unique in details.keys() - self._described.keys()}
        doubtful |= {self._described[unique]["RoleName"] for unique in self._described.keys() - details.keys()}
        with self._iam.reading("GetAccountAuthorizationDetails"):
            roles = {
                detail["RoleName"]: role_of(
                    detail,
                    partition=self._iam.partition,
                    account=self._iam.account,
                    described=self._described[unique],
                    document=self._document,
                )
                for unique, detail in details.items()
                if detail["RoleName"] not in doubtful
            }
        return roles, sorted(doubtful)

    def _whole(self, name: str) -> Role | None:
        return or_none(lambda: read_role(self._iam, name))

    def _passing(self, roles: Mapping[str, Role]) -> list[Role]:
        """Return the roles whose trust shows what IAM shows for a moment only: a living ID, or nobody's ARN."""
        arn_by_id = {role.role_id: role.arn for role in roles.values()}
        arn_by_id |= {user.id: user.arn for user in self.users.values()}
        living = frozenset(arn_by_id.values())
        passes: dict[PolicyDocument, bool] = {}  # roles of one text share the document
        for role in roles.values():
            if role.trust not in passes:
                passes[role.trust] = any(
                    found.key == "AWS" and found.value not in living and self._passes(found.value, arn_by_id)
                    for found in role.trust.principals()
                )
        return [role for role in roles.values() if passes[role.trust]]

    def _passes(self, value: str, arn_by_id: Mapping[str | None, str]) -> bool:
        match parse_principal("AWS", value):
            case UniqueId(unique):  # not with a session: whether that form passes is not documented
                return unique in arn_by_id
            case RolePrincipal(arn) | UserPrincipal(arn):
                return arn.account == self._iam.account
            case _:
                return False

    def _again(self, role: Role) -> Role | None:
        """Return the role with its trust read once more; a role that is another by now is read as a whole."""
        current = or_none(lambda: self._iam.get_role(role.name))
        if current is None:
            return None
        if current.role_id != role.role_id:
            return self._whole(role.name)
        return replace(role, trust=current.trust)

    def _users(self) -> dict[str, Entity]:
        users: dict[str, Entity] = {}
        for detail in self._details["UserDetailList"].values():
            name = detail["UserName"]
            user = self._entity(detail, kind="user", name=name, id=detail["UserId"])
            users[name] = self._present(users[name], user) if name in users else user
        return users

    def _present(self, one: Entity, other: Entity) -> Entity:
        """Return which of two users of one name is there now: one was deleted while the pages were read."""
        current = or_none(lambda: self._iam.get_user(one.name))
        return one if current is not None and current.id == one.id else other

    def _entity(self, detail: Detail, *, kind: str, name: str, id: str) -> Entity:  # noqa: A002  IAM's own word
        arn = iam_arn(
            partition=self._iam.partition,
            account=self._iam.account,
            kind=kind,
            path=detail["Path"],
            name=name,
        )
        return Entity(name=name, arn=arn, id=id, groups=tuple(sorted(detail.get("GroupList") or ())))

    def policies(self, tagged: Sequence[str]) -> dict[str, ManagedPolicy]:
        """Return the customer managed policies by ARN, with where each is used, and the tags of those asked for."""
        awss = iam_arn(partition=self._iam.partition, account="aws", kind="policy", path="/", name="")
        with self._iam.reading("GetAccountAuthorizationDetails"):
            attached, bounded = self._uses()
            bare = [
                policy_of(detail, partition=self._iam.partition, account=self._iam.account, document=self._document)
                for arn, detail in self._details["Policies"].items()
                if not arn.startswith(awss)  # who takes no heed of the filter lists AWS's own, too
            ]
        found = {
            policy.arn: replace(
                policy,
                attached_to=frozenset(attached[policy.arn]),
                boundary_of=frozenset(bounded[policy.arn]),
            )
            for policy in bare
        }
        nameless = [arn for arn, policy in found.items() if policy.policy_id is None]
        for arn, facts in zip(nameless, self._pool.map(self._iam.get_policy, nameless), strict=True):
            found[arn] = replace(found[arn], policy_id=facts.policy_id, tags=facts.tags)
        wanted = [arn for arn in tagged if arn in found]
        for arn, tags in zip(wanted, self._pool.map(self._tags, wanted), strict=True):
            found[arn] = replace(found[arn], tags=tags)
        return dict(sorted(found.items()))

    def _tags(self, arn: str) -> dict[str, str] | None:
        return or_none(lambda: self._iam.list_policy_tags(arn))

    def _uses(self) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
        """Return by policy ARN the addresses of those it is attached to, and of those it bounds."""
        attached: defaultdict[str, set[str]] = defaultdict(set)
        bounded: defaultdict[str, set[str]] = defaultdict(set)
        for kind, name, entries in (
            ("user", "UserName", self._details["UserDetailList"]),
            ("group", "GroupName", self._details["GroupDetailList"]),
            ("role", "RoleName", self._details["RoleDetailList"]),
        ):
            for detail in entries.values():
                address = f"{kind}/{detail[name]}"
                for arn in attached_of(detail):
                    attached[arn].add(address)
                if boundary := boundary_of(detail):
                    bounded[boundary].add(address)
        return attached, bounded


def _quotas(iam: Iam) -> tuple[Quotas, tuple[Diagnostic, ...]]:
    """Return the quotas under this program's names; where they may not be read none is enforced here, and that is said.

    Where IAM does not tell one, AWS's default stands.
    """
    try:
        summary = iam.get_account_summary()
    except AwsError as error:
        if error.kind not in {Kind.ACCESS_DENIED, Kind.OTHER}:
            raise
        told = replace(error.diagnostic, severity=Severity.WARNING, message=f"Quotas are unknown: {error.message}")
        return UNKNOWN_QUOTAS, (told,)
    return Quotas(**{name: summary[key] for name, key in SUMMARY_KEYS.items() if key in summary}), ()


def _remarks(roles: Mapping[str, Role], policies: Mapping[str, ManagedPolicy]) -> Iterator[Diagnostic]:
    for role in roles.values():
        if not role.trust.understood:
            yield _not_understood(role.address, "The trust policy")
        for name, document in role.inline_policies.items():
            if not document.understood:
                yield _not_understood(role.address, f"The inline policy {name}")
    for policy in policies.values():
        if not policy.policy.understood:
            yield _not_understood(policy.address, "The document")


def _not_understood(address: str, what: str) -> Diagnostic:
    return Diagnostic(
        Code.RP225,
        f"{what} of {address} is not a policy document as IAM writes them; it is kept as it stands.",
        severity=Severity.WARNING,
        address=address,
        help="It is never taken for an empty one. Look at it in the console, and declare what it should be.",
    )


class _Collector:
    """The garbage collector, held while snapshots are built: it would walk them over and over, a sixth of the time.

    It is one for the process, whatever the number of readers: the first stops it, the last lets it go on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = 0
        self._was_on = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it in this context."""
        with self._lock:
            if not self._readers:
                self._was_on = gc.isenabled()
                gc.disable()
            self._readers += 1
        try:
            yield
        finally:
            with self._lock:
                self._readers -= 1
                if not self._readers and self._was_on:
                    gc.enable()


_collector = _Collector()
