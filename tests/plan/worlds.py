"""Worlds built by hand, as values: what is declared, live and remembered of one account, without any account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.model.declared import Declaration, Desired, Removal
from reconciler.model.diagnostic import Place
from reconciler.model.form import digests_of
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.policy import PolicyDocument
from reconciler.model.principal import Remembered
from reconciler.model.role import Role
from reconciler.snapshot import Snapshot, index_of
from reconciler.state import Intent, Owned, State
from reconciler.world import World, id_of
from tests.scenarios.house import ACCOUNT, allow, arn

ID, POLICY_ID = "AROADEPLOYER00000001", "ANPALISTS00000000001"
DEAD = "AIDADEAD000000000001"
PLACE = Place("manifests/a.yaml", 1)


def a_role(trust: Mapping[str, Any] | str, *, live: bool = False, **fields: Any) -> Role:
    named: dict[str, Any] = {"partition": "aws", "name": "deployer", "role_id": ID if live else None, **fields}
    return Role(account=ACCOUNT, trust=PolicyDocument(trust), **named)


def a_policy(*, live: bool = False, **fields: Any) -> ManagedPolicy:
    said: dict[str, Any] = {"policy": PolicyDocument(allow("s3:ListBucket")), "policy_id": POLICY_ID if live else None}
    return ManagedPolicy(partition="aws", account=ACCOUNT, name="Lists", **said | fields)


def declaring(value: Role | ManagedPolicy, **fields: Any) -> Declaration:
    return Declaration(value=value, place=PLACE, **fields)


def a_world(
    *declared: Role | ManagedPolicy | Declaration | Removal,
    live: Iterable[Role | ManagedPolicy] = (),
    owned: Mapping[str, Owned] | None = None,
    intents: Mapping[str, Intent] | None = None,
    ledger: Mapping[str, Remembered] | None = None,
    made_elsewhere: Mapping[str, str | None] | None = None,
    partition: str = "aws",
    **snapshot: Any,
) -> World:
    declarations = [declaring(one) if isinstance(one, Role | ManagedPolicy) else one for one in declared]
    taken = Snapshot(
        account=ACCOUNT,
        partition=partition,
        caller_arn=arn("user", "operator"),
        taken_at="2026-11-24T10:00:00Z",
        roles={role.name: role for role in live if isinstance(role, Role)},
        policies={policy.arn: policy for policy in live if isinstance(policy, ManagedPolicy)} or None,
        **snapshot,
    )
    return World(
        desired=Desired(
            account=ACCOUNT,
            partition=partition,
            objects={one.address: one for one in declarations if isinstance(one, Declaration)},
            removals={one.address: one for one in declarations if isinstance(one, Removal)},
        ),
        snapshot=taken,
        state=State(account=ACCOUNT, lineage="x", objects=owned or {}, intents=intents or {}, ledger=ledger or {}),
        index=index_of([taken], ledger or {}),
        made_elsewhere=made_elsewhere or {},
    )


def owning(value: Role | ManagedPolicy, **fields: Any) -> dict[str, Owned]:
    """Return the ownership of an object that was applied as it is declared."""
    known: dict[str, Any] = {
        "id": id_of(value) or (ID if isinstance(value, Role) else POLICY_ID),
        "arn": value.arn,
        "manifest": PLACE.file,
        "since": "2026-11-24T09:00:00Z",
        "origin": "imported",
        "digests": digests_of(value),
    }
    return {value.address: Owned(**known | fields)}
