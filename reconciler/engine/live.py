"""What a snapshot still lacks for deciding: what the lists left out, and which policies of AWS there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import assert_never

from reconciler.iam import Iam, or_none
from reconciler.manifest import Names
from reconciler.manifest.rules import NO_BOUNDARY
from reconciler.manifest.schema import ManagedPolicyManifest, Manifest, RemovedManifest, RoleManifest
from reconciler.model.arn import parse_arn
from reconciler.model.declared import Desired
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.role import Role
from reconciler.plan import Plan
from reconciler.snapshot import Snapshot, read_policy, read_role
from reconciler.state import State
from reconciler.world import Ignore


def names(snapshot: Snapshot) -> Names:
    """Return the ARN of everything that a manifest may mean by its name alone."""
    return Names(
        users={user.name: user.arn for user in snapshot.users.values()},
        roles={role.name: role.arn for role in snapshot.roles.values()},
        policies={policy.name: policy.arn for policy in (snapshot.policies or {}).values()},
    )


def by_address(snapshot: Snapshot) -> dict[str, Role | ManagedPolicy]:
    """Return the live objects by address."""
    values: list[Role | ManagedPolicy] = [*snapshot.roles.values(), *(snapshot.policies or {}).values()]
    return {value.address: value for value in values}


def policies_matter(declared: Sequence[Manifest], state: State, saved: Mapping[str, Plan] | None) -> bool:
    """Tell whether customer managed policies have to be read: where one is declared, named, owned or unfinished."""
    remembered = (*state.objects, *state.intents)
    if saved is not None or any(address.startswith("managed_policy/") for address in remembered):
        return True
    return any(_refers_to_policy(manifest) for manifest in declared)


def _refers_to_policy(manifest: Manifest) -> bool:
    match manifest:
        case RoleManifest():
            named = [*manifest.managed_policies, manifest.permissions_boundary or NO_BOUNDARY]
            return any(name != NO_BOUNDARY and ":iam::aws:policy/" not in name for name in named)
        case ManagedPolicyManifest():
            return True
        case RemovedManifest():
            return manifest.address.startswith("managed_policy/")
        case _:
            assert_never(manifest)


def lets_go_of_policies(snapshot: Snapshot, declared: Sequence[Manifest], ignore: Ignore) -> bool:
    """Tell whether customer managed policies matter after all: one, not read, is to be taken off a declared role.

    It may be one that denies, put there to lock somebody out: whether it does, only its text says.
    """
    if snapshot.policies is not None:
        return False
    exclusive = (one for one in declared if isinstance(one, RoleManifest) and one.managed_policies_mode == "exclusive")
    roles = (snapshot.roles.get(manifest.name) for manifest in exclusive)
    attached = {arn for role in roles if role is not None for arn in role.managed_policies}
    return any(":iam::aws:policy/" not in arn and not ignore.has_policy(arn) for arn in attached)


def with_what_is_missing(snapshot: Snapshot, state: State, iam: Iam) -> Snapshot:
    """Return the snapshot with what is owned and was not in the lists, if IAM has it after all.

    Absence from a list is no proof: pages may shift while they are read.
    """
    roles, policies = dict(snapshot.roles), dict(snapshot.policies or {})
    for address in sorted({*state.objects, *state.intents}):
        kind, _, name = address.partition("/")
        if kind == "role" and name not in roles:
            role = or_none(partial(read_role, iam, name))
            roles |= {} if role is None else {role.name: role}
    for address, owned in state.objects.items():
        if address.startswith("managed_policy/") and owned.arn not in policies:
            policy = or_none(partial(read_policy, iam, owned.arn))
            policies |= {} if policy is None else {policy.arn: _with_uses(policy, roles.values())}
    if len(roles) == len(snapshot.roles) and len(policies) == len(snapshot.policies or {}):
        return snapshot
    return replace(snapshot, roles=roles, policies=policies or snapshot.policies)


def _with_uses(policy: ManagedPolicy, roles: Iterable[Role]) -> ManagedPolicy:
    """Return the policy with the roles that it is attached to, or bounds."""
    held = list(roles)
    return replace(
        policy,
        attached_to=frozenset(role.address for role in held if policy.arn in role.managed_policies),
        boundary_of=frozenset(role.address for role in held if policy.arn == role.permissions_boundary),
    )


def with_aws_policies(snapshot: Snapshot, desired: Desired, iam: Iam) -> Snapshot:
    """Return the snapshot with the existence of AWS's own policies that are about to be used for the first time."""
    used = {arn for role in snapshot.roles.values() for arn in _policies_of(role)}
    roles = (found.value for found in desired.objects.values() if isinstance(found.value, Role))
    wanted = {
        arn
        for role in roles
        for arn in _policies_of(role) - used
        if (parsed := parse_arn(arn)) is not None and parsed.account == "aws"
    }
    known = {arn: or_none(partial(iam.get_policy, arn)) is not None for arn in sorted(wanted)}
    return replace(snapshot, known_policies=known) if known else snapshot


def _policies_of(role: Role) -> frozenset[str]:
    """Return the ARNs of the managed policies that a role has, its boundary among them."""
    boundary = role.permissions_boundary
    return role.managed_policies if boundary is None else role.managed_policies | {boundary}
