"""Principals of trust policies: an ARN goes in, a unique ID is kept, an ARN comes out.

IAM saves a trust policy with each user and role ARN replaced by the unique ID of the entity that
holds that ARN *now*, and shows the ID's present ARN on reading: renames are followed. Once the
entity is deleted the bare ID shows, and goes on showing when a new entity takes the old name. A
dead ID, or an ARN that nobody holds, fails the whole document, in Deny as in Allow, and across
accounts (IAM User Guide, reference_policies_elements_principal; id_roles_create_for-user).
Nothing outside `Principal` is touched: conditions and resources are text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from reconciler.sandbox.entities import Document, Role, User
from reconciler.sandbox.errors import invalid_principal, malformed
from reconciler.sandbox.world import AccountState, World

UNIQUE_ID: Final = re.compile(r"((?:AIDA|AROA)[A-Z0-9]{12,124})(:.+)?")
_ACCOUNT: Final = re.compile(r"\d{12}")
_ARN: Final = re.compile(r"arn:(aws(?:-[a-z]+)*):(iam|sts)::(\d{12}):(.+)")
_PROVIDER: Final = re.compile(r"arn:(aws(?:-[a-z]+)*):iam::\d{12}:(saml|oidc)-provider/.+")
_DOMAIN: Final = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}", re.IGNORECASE)
_SERVICE: Final = re.compile(
    r"[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*\.(?:amazonaws\.com(?:\.cn)?|amazon\.com|aws\.internal)"
)
_NOBODY: Final = "000000000000"

Change = Callable[[str, str], str]


def save(document: Document, *, world: World, account: AccountState) -> Document:
    """The document as IAM keeps it, or MalformedPolicyDocument for the first principal that is none."""
    return _each_principal(document, _Saving(world, account).stored)


def show(document: Document, *, world: World) -> Document:
    """The document as IAM shows it now; lists of principals come in another order each time."""
    shown = _each_principal(document, lambda key, value: _shown(key, value, world))
    return _reordered(shown, world) if world.switches.shuffled else shown


def rebind(role: Role, *, world: World) -> Role:
    """A loaded role, with the ARNs of living users and roles turned into their IDs; the rest as it is."""
    return replace(role, trust=_each_principal(role.trust, lambda key, value: _rebound(key, value, world)))


def _rebound(key: str, value: str, world: World) -> str:
    arn = _ARN.fullmatch(value)
    if key != "AWS" or arn is None:
        return value
    kind, _, rest = arn[4].partition("/")
    match arn[2], kind:
        case "iam", "user":
            return find_user(world, arn[3], rest) or value
        case "iam", "role":
            return find_role(world, arn[3], rest) or value
        case _:
            return value


def _each_principal(document: Document, change: Change) -> dict[str, Any]:
    statements = document["Statement"]
    if isinstance(statements, dict):
        return {**document, "Statement": _with_principals(statements, change)}
    return {**document, "Statement": [_with_principals(statement, change) for statement in statements]}


def _with_principals(statement: dict[str, Any], change: Change) -> dict[str, Any]:
    principals = statement.get("Principal")
    if not isinstance(principals, dict):
        return statement
    changed = {
        key: [change(key, value) for value in values] if isinstance(values, list) else change(key, values)
        for key, values in principals.items()
    }
    return {**statement, "Principal": changed}


# --- saving ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Saving:
    """One document being saved in an account: each principal becomes its stored form, or is refused."""

    world: World
    account: AccountState

    def stored(self, key: str, value: str) -> str:
        match key:
            case "AWS":
                return self._aws(value)
            case "Service" if _SERVICE.fullmatch(value):
                return value
            case "Federated":
                return self._federated(value)
            case _:
                raise invalid_principal(key, value)

    def _aws(self, value: str) -> str:
        if value == "*":
            return value
        if _ACCOUNT.fullmatch(value):
            return self._account(value, value)
        if found := UNIQUE_ID.fullmatch(value):
            if self.world.arn_of(found[1]) is None:
                raise invalid_principal("AWS", value)
            return value
        arn = _ARN.fullmatch(value)
        if arn is None or arn[1] != self.account.partition or "*" in value:
            raise invalid_principal("AWS", value)
        return self._arn(value, service=arn[2], account_id=arn[3], resource=arn[4])

    def _arn(self, value: str, *, service: str, account_id: str, resource: str) -> str:
        kind, _, rest = resource.partition("/")
        match service, kind:
            case "iam", "root" if not rest:
                return self._account(account_id, value)
            case "iam", "user":
                return self._living(find_user(self.world, account_id, rest), value)
            case "iam", "role":
                return self._living(find_role(self.world, account_id, rest), value)
            case "sts", "assumed-role":
                return self._session(value, account_id, rest)
            case "sts", "federated-user" if rest:
                self._account(account_id, value)
                return value
            case _:
                raise invalid_principal("AWS", value)

    def _account(self, account_id: str, value: str) -> str:
        known = account_id in self.world.accounts or self.world.switches.foreign_accounts
        if account_id == _NOBODY or not known:
            raise invalid_principal("AWS", value)
        if value == account_id and not self.world.switches.account_ids_kept:
            return f"arn:{self.account.partition}:iam::{account_id}:root"
        return value

    def _living(self, unique_id: str | None, value: str) -> str:
        """The ID, unless there is none or its entity is too new to be a principal (`faults.Delays`)."""
        found = None if unique_id is None else self.world.principal_by_id(unique_id)
        if unique_id is None or found is None or self.world.is_too_new(found[1], self.world.delays.principals):
            raise invalid_principal("AWS", value)
        return unique_id

    def _session(self, value: str, account_id: str, rest: str) -> str:
        role_name, _, session = rest.partition("/")
        owner = self.world.accounts.get(account_id)
        # A session ARN carries no path, so the name alone finds the role.
        role = owner.tables.roles.find(role_name) if owner else None
        if role is None or role.name != role_name or not session:
            raise invalid_principal("AWS", value)
        return f"{role.role_id}:{session}" if self.world.switches.sessions_as_ids else value

    def _federated(self, value: str) -> str:
        provider = _PROVIDER.fullmatch(value)
        if provider is None and not _DOMAIN.fullmatch(value):
            raise malformed("Federated principals must be valid domain names or SAML metadata ARNs")
        if provider is not None and (provider[1] != self.account.partition or self._is_missing(value)):
            raise invalid_principal("Federated", value)
        return value

    def _is_missing(self, arn: str) -> bool:
        tables = self.account.tables
        there = tables.oidc_providers.by_key(arn) or tables.saml_providers.by_key(arn)
        return self.world.switches.providers_checked and there is None


def find_user(world: World, account_id: str, path_and_name: str) -> str | None:
    """The ID of the user whose ARN ends in `path/name`. In an ARN, case counts."""
    owner = world.accounts.get(account_id)
    user = owner.tables.users.find(path_and_name.rpartition("/")[2]) if owner else None
    return user.user_id if user and f"/{path_and_name}" == f"{user.path}{user.name}" else None


def find_role(world: World, account_id: str, path_and_name: str) -> str | None:
    """The ID of the role whose ARN ends in `path/name`. In an ARN, case counts."""
    owner = world.accounts.get(account_id)
    role = owner.tables.roles.find(path_and_name.rpartition("/")[2]) if owner else None
    return role.role_id if role and f"/{path_and_name}" == f"{role.path}{role.name}" else None


# --- showing -----------------------------------------------------------------------------------


def _shown(key: str, value: str, world: World) -> str:
    if key != "AWS":
        return value
    found = UNIQUE_ID.fullmatch(value)
    if found is None:
        return value
    match world.principal_by_id(found[1]):
        case (_, entity) if world.is_too_new(entity, world.delays.ids):
            return value
        case (owner, User() as user):
            return owner.user_arn(user)
        case (owner, Role() as role) if found[2]:
            return owner.arn(f"assumed-role/{role.name}/{found[2][1:]}", service="sts")
        case (owner, Role() as role):
            return owner.role_arn(role)
        case _:
            return value


def _reordered(document: dict[str, Any], world: World) -> dict[str, Any]:
    for statement in _statements(document):
        principals = statement.get("Principal")
        if isinstance(principals, dict):
            for key, values in principals.items():
                if isinstance(values, list):
                    principals[key] = _as_listed(values, world)
    return document


def _as_listed(values: list[str], world: World) -> list[str] | str:
    if len(values) == 1:
        return values[0] if world.switches.single_collapsed else values
    return world.random.sample(values, len(values))


def _statements(document: Document) -> list[dict[str, Any]]:
    statements = document["Statement"]
    return [statements] if isinstance(statements, dict) else statements
