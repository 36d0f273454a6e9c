"""What the handlers of calls work on: accounts, IDs, clock, quotas and switches.

A world knows every account of one sandbox, because IAM looks across accounts when it saves a
trust policy: a role or user that does not exist in the *other* account is refused all the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Final

from reconciler.sandbox.callers import Caller, Credentials, UserCaller
from reconciler.sandbox.entities import Group, InstanceProfile, Principal, Role, User
from reconciler.sandbox.faults import Delays
from reconciler.sandbox.ids import IdSource, Prefix
from reconciler.sandbox.moto_contact import Leftovers
from reconciler.sandbox.quotas import Quotas
from reconciler.sandbox.tables import Tables
from reconciler.sandbox.wire import Params

DEFAULT_ACCOUNT: Final = "111122223333"
_ACCOUNT_ID: Final = re.compile(r"[0-9]{12}")


@dataclass(kw_only=True)
class Switches:
    """Where the sources disagree or are silent, the sandbox can stand on either side.

    foreign_accounts   True: the root of an account that is not in the sandbox is a valid
                       principal; False: it is refused, as one that does not exist
    sessions_as_ids    a saved session principal becomes `AROA...:session`; False: stays an ARN
    account_ids_kept   an account ID stays as written; False: reads back as the root ARN
    single_collapsed   one-element lists of principals read back as a plain string
    sts_wildcards      `sts:*` and `*` are accepted as actions of a trust policy
    providers_checked  a Federated provider ARN must exist when a trust policy is saved
    omitted_resets     UpdateRole resets what it is not given (the API text; recorded: it does not)
    absent_boundary_ok DeleteRolePermissionsBoundary with none set succeeds; False: NoSuchEntity
    beyond_latin_1     a document may hold characters beyond Latin-1 as JSON escapes
    all_aws_policies   GetAccountAuthorizationDetails without a filter lists all of AWS's policies;
                       False: those in use
    shuffled           lists of principals come in another order on each read
    """

    foreign_accounts: bool = True
    sessions_as_ids: bool = True
    account_ids_kept: bool = True
    single_collapsed: bool = False
    sts_wildcards: bool = True
    providers_checked: bool = False
    omitted_resets: bool = False
    absent_boundary_ok: bool = False
    beyond_latin_1: bool = False
    all_aws_policies: bool = False
    shuffled: bool = True


@dataclass(kw_only=True)
class AccountState:
    """One account: its tables and what is said about it as a whole."""

    account_id: str
    partition: str = "aws"
    tables: Tables = field(default_factory=Tables)
    quotas: Quotas = field(default_factory=Quotas)
    leftovers: Leftovers = field(init=False)

    def __post_init__(self) -> None:
        self.leftovers = Leftovers(self.account_id, self.partition)

    def arn(self, resource: str, service: str = "iam") -> str:
        """`resource` starts with its kind: `role/path/name`, `root`."""
        return f"arn:{self.partition}:{service}::{self.account_id}:{resource}"

    def user_arn(self, user: User) -> str:
        """`arn:aws:iam::111122223333:user/path/name`."""
        return self.arn(f"user{user.path}{user.name}")

    def role_arn(self, role: Role) -> str:
        """`arn:aws:iam::111122223333:role/path/name`."""
        return self.arn(f"role{role.path}{role.name}")

    def group_arn(self, group: Group) -> str:
        """`arn:aws:iam::111122223333:group/path/name`."""
        return self.arn(f"group{group.path}{group.name}")

    def profile_arn(self, profile: InstanceProfile) -> str:
        """`arn:aws:iam::111122223333:instance-profile/path/name`."""
        return self.arn(f"instance-profile{profile.path}{profile.name}")


class World:
    """All accounts of one sandbox. Not thread-safe: the sandbox answers one call at a time."""

    def __init__(
        self, *, seed: int, clock: Callable[[], datetime], switches: Switches, quotas: Mapping[str, int]
    ) -> None:
        self.clock = clock
        self.switches = switches
        self.ids = IdSource(seed)
        self.random = Random(f"order-{seed}")
        self.accounts: dict[str, AccountState] = {}
        self.credentials: dict[str, Credentials] = {}
        self.page_size: int | None = None
        self.delays = Delays()
        self.outside = False
        self._before: dict[str, tuple[Role, datetime]] = {}
        self.organization: str | None = None
        self._quotas = dict(quotas)
        self._owners: dict[str, AccountState] = {}

    def account(self, account_id: str, partition: str = "aws") -> AccountState:
        """The account with this ID, made at the first use. ValueError when it is not twelve digits."""
        state = self.accounts.get(account_id)
        if state is None:
            state = self.accounts[account_id] = self.fresh_account(account_id, partition)
        return state

    def fresh_account(self, account_id: str, partition: str = "aws") -> AccountState:
        """An empty account that is not in the world yet."""
        if not _ACCOUNT_ID.fullmatch(account_id):
            raise ValueError(f"an account ID has twelve digits: {account_id!r}")
        return AccountState(account_id=account_id, partition=partition, quotas=Quotas(self._quotas))

    def install(self, state: AccountState) -> None:
        """Put a whole account in, in place of the one with its ID."""
        self.accounts[state.account_id] = state
        tables = state.tables
        held = [user.user_id for user in tables.users] + [role.role_id for role in tables.roles]
        self._owners |= dict.fromkeys(held, state)

    def new_id(self, prefix: Prefix, account: AccountState) -> str:
        """A fresh unique ID, remembered as this account's."""
        unique_id = self.ids.new(prefix, account.account_id)
        self._owners[unique_id] = account
        return unique_id

    def principal_by_id(self, unique_id: str) -> tuple[AccountState, Principal] | None:
        """The living user or role with this ID, in whichever account."""
        owner = self._owners.get(unique_id)
        if owner is None:
            return None
        found = owner.tables.users.by_key(unique_id) or owner.tables.roles.by_key(unique_id)
        return None if found is None else (owner, found)

    def arn_of(self, unique_id: str) -> str | None:
        """The present ARN of the living user or role with this ID."""
        match self.principal_by_id(unique_id):
            case (owner, User() as user):
                return owner.user_arn(user)
            case (owner, Role() as role):
                return owner.role_arn(role)
            case _:
                return None

    def is_too_new(self, entity: Principal, seconds: float) -> bool:
        """Whether the entity was made less than `seconds` ago; never to those outside the story."""
        if not seconds or self.outside:
            return False
        return (self.clock() - entity.created).total_seconds() < seconds

    def changes(self, role: Role) -> None:
        """A role is about to be changed by a call; what it was may show for a while (`faults.Delays.updates`)."""
        if self.delays.updates and not self.outside:
            self._before[role.role_id] = (role, self.clock())

    def as_seen(self, role: Role) -> Role:
        """The role as reading calls show it now."""
        before, at = self._before.get(role.role_id, (role, None))
        if at is None or self.outside:
            return role
        return before if (self.clock() - at).total_seconds() < self.delays.updates else role

    def keys_of(self, user: User) -> list[Credentials]:
        """The access keys that a user has from CreateAccessKey."""
        return [
            known
            for known in self.credentials.values()
            if known.made and isinstance(known.caller, UserCaller) and known.caller.user_id == user.user_id
        ]

    def forget_everything(self) -> None:
        """Start again with no account. IDs once given out stay used."""
        self.accounts.clear()
        self.credentials.clear()
        self._before.clear()
        self._owners.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call as its handler sees it: parameters are read and checked against the model."""

    world: World
    account: AccountState
    caller: Caller
    name: str
    params: Params

    @property
    def tables(self) -> Tables:
        """The tables of the account that is called."""
        return self.account.tables

    @property
    def quotas(self) -> Quotas:
        """The quotas of the account that is called."""
        return self.account.quotas

    @property
    def now(self) -> datetime:
        """The sandbox's time."""
        return self.world.clock()

    def text(self, name: str, default: str = "") -> str:
        """A string parameter; the model has seen to the required ones."""
        return str(self.params.get(name, default))

    def maybe(self, name: str) -> str | None:
        """A string parameter that may be absent."""
        value = self.params.get(name)
        return None if value is None else str(value)
