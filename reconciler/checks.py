"""What can be refused or warned about before any write: everything that IAM itself would refuse halfway.

Each check reads the world and the objects at hand and returns diagnostics with the place in the manifest; none
changes anything. Errors in the manifests themselves were found before (`manifest`); here it is about the live
account: who exists, how much room there is, what must not be touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from reconciler.model.arn import Arn, parse_arn, without_path
from reconciler.model.declared import Declaration
from reconciler.model.diagnostic import Code, Diagnostic, Place, Severity
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.policy import PrincipalInPlace
from reconciler.model.principal import parse_principal
from reconciler.model.role import SERVICE_LINKED_PATH, Role
from reconciler.world import World

SELF_HELP = (
    "Let another role do it, or name it with --allow-self {address} if you are sure that you cannot lock yourself out."
)


@dataclass(frozen=True, kw_only=True)
class Coming:
    """What a plan makes and unmakes, by ARN: what it makes exists for whoever needs it, what it unmakes does not.

    `blocked` are the ARNs that declared objects would have if nothing stood in their way, with their addresses.
    """

    made: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    blocked: Mapping[str, str] = field(default_factory=dict)


def missing_principals(declaration: Declaration, world: World, coming: Coming) -> Iterator[Diagnostic]:
    """Yield an error for each trusted user or role that is not there, a warning for each that cannot be looked up.

    IAM refuses a whole document for one principal that does not exist, in other accounts too (IAM User Guide,
    reference_policies_elements_principal).
    """
    role = declaration.value
    if not isinstance(role, Role):
        return
    for place in role.trust.principals():
        entity = world.index.entity_of(parse_principal(place.key, place.value))
        if entity is None or str(entity) in coming.made:
            continue
        if not world.index.reaches(entity):
            yield _out_of_reach(declaration, place, entity)
        elif str(entity) not in world.index.id_by_arn:
            yield _absent(declaration, place, entity, world, coming)


def _out_of_reach(declaration: Declaration, place: PrincipalInPlace, entity: Arn) -> Diagnostic:
    return Diagnostic(
        Code.RP207,
        f"{place.value} is in account {entity.account}, which is not read: whether it exists is not known",
        severity=Severity.WARNING,
        address=declaration.address,
        place=_place(declaration, place),
        help="IAM refuses the write if it does not exist. To have it checked, configure the account, and see to it that"
        " it can be read.",
    )


def _absent(declaration: Declaration, place: PrincipalInPlace, entity: Arn, world: World, coming: Coming) -> Diagnostic:
    arn = str(entity)
    if arn in coming.blocked:
        return _needs_blocked(declaration, coming.blocked[arn], _place(declaration, place))
    owned = world.owned_at(declaration.address)
    last_id = owned.principals.get(arn) if owned else None
    now_named = world.index.arn_by_id.get(last_id) if last_id else None
    if now_named is not None:
        return Diagnostic(
            Code.RP208,
            f"{arn} was renamed: the entity that this role trusts under that name is now {now_named}",
            address=declaration.address,
            place=_place(declaration, place),
            help=f"Write {now_named} in the manifest. IAM followed the rename, so nobody has lost access.",
        )
    return Diagnostic(
        Code.RP204,
        f"{arn} does not exist, and IAM refuses a trust policy that names it",
        address=declaration.address,
        place=_place(declaration, place),
        help=f"{_how_to_have(entity, world)}{_alike(arn, world.index.id_by_arn)}",
    )


def _how_to_have(entity: Arn, world: World) -> str:
    """Return what to do about a principal that is not there."""
    declared = world.desired.objects.get(f"{entity.kind}/{entity.name}")
    if declared is not None and declared.value.arn == str(entity):
        return f"{declared.manifest} declares it, and this plan leaves that out: give its path too, or plan everything."
    if entity.name.startswith("AWSReservedSSO_"):
        return (
            "Only IAM Identity Center makes it: assign the permission set to this account first. `permission_set: NAME`"
            " trusts it by whatever name it gets."
        )
    return "Create it first, or take it out of the trust."


def _alike(arn: str, known: Iterable[str]) -> str:
    """Return the question whether one was meant that has the name in another case, or at another path."""
    meant = without_path(arn).casefold()
    found = next((other for other in known if without_path(other).casefold() == meant), None)
    return "" if found is None else f" Did you mean {found}? Case and path count in ARNs."


def _needs_blocked(declaration: Declaration, address: str, place: Place) -> Diagnostic:
    return Diagnostic(
        Code.RC320,
        f"It needs {address}, which is blocked",
        address=declaration.address,
        place=place,
        help=f"Resolve what stands in the way of {address}.",
    )


def _place(declaration: Declaration, place: PrincipalInPlace) -> Place:
    return declaration.place_of(f"trust/{place.statement}")


def trusted_by_declared(address: str, arn: str, world: World) -> Iterator[Diagnostic]:
    """Yield an error, where that is written, if a declared role is to trust one that is about to go away."""
    for declaration, place in world.declared_trusting.get(arn, ()):
        if declaration.value.arn != arn:
            yield Diagnostic(
                Code.RP204,
                f"{arn} cannot go away: {declaration.address} is declared to trust it",
                address=address,
                place=_place(declaration, place),
                help="Take it out of that trust, or keep it declared as it is.",
            )


def missing_policies(declaration: Declaration, world: World, coming: Coming) -> Iterator[Diagnostic]:
    """Yield an error for each attached policy and boundary that is not there.

    IAM: `Policy ARN does not exist or is not attachable.`
    """
    role = declaration.value
    if not isinstance(role, Role):
        return
    for arn in sorted(role.managed_policies):
        path = f"managed_policies/{arn}"
        yield from _missing_policy(declaration, arn, path, Code.RC308, "be attached", world=world, coming=coming)
    if boundary := role.permissions_boundary:
        path = "permissions_boundary"
        what = "be the permissions boundary"
        yield from _missing_policy(declaration, boundary, path, Code.RC309, what, world=world, coming=coming)


def _missing_policy(
    declaration: Declaration, arn: str, path: str, code: Code, what: str, *, world: World, coming: Coming
) -> Iterator[Diagnostic]:
    why = _no_policy(arn, world, coming)
    if why is None:
        return
    place = declaration.place_of(path)
    if arn in coming.blocked:
        yield _needs_blocked(declaration, coming.blocked[arn], place)
        return
    yield Diagnostic(
        code,
        f"{arn} cannot {what}: {why}",
        address=declaration.address,
        place=place,
        help=_how_to_have_policy(arn)
        + ("write `permissions_boundary: none`." if code is Code.RC309 else "take it out.")
        + _alike(arn, world.snapshot.policies or ()),
    )


def _how_to_have_policy(arn: str) -> str:
    """Return what to do about a policy that cannot be used, up to the last way out."""
    parsed = parse_arn(arn)
    if parsed is None or parsed.account == "aws":
        return "Some of AWS's own stand below a path, such as service-role/: `aws iam list-policies` has all ARNs. Or "
    of_aws = f"arn:{parsed.partition}:iam::aws:policy/{parsed.name}"
    return f"Write {of_aws} if one of AWS's own is meant, declare it as a ManagedPolicy, correct the ARN, or "


def _no_policy(arn: str, world: World, coming: Coming) -> str | None:
    """Return why a policy cannot be used, None where it can or cannot be known."""
    if arn in coming.made:
        return None
    if arn in coming.gone:
        return "this plan deletes it"
    parsed = parse_arn(arn)
    if parsed is not None and parsed.path.startswith(SERVICE_LINKED_PATH):
        return "only service-linked roles have it"
    if parsed is None or parsed.account == "aws":
        return None if world.snapshot.known_policies.get(arn, True) else "AWS has no such policy"
    if parsed.account != world.snapshot.account:
        return f"it belongs to account {parsed.account}, not to {world.snapshot.account}"
    if world.snapshot.policies is None or arn in world.snapshot.policies:
        return None
    return "it does not exist"


def too_large(declaration: Declaration, live: Role | ManagedPolicy | None, world: World) -> Iterator[Diagnostic]:
    """Yield an error for each of the account's quotas that the declared object is over.

    What a live role holds beyond its declaration (an additive one, ignored policies) counts with it.
    """
    quotas = world.snapshot.quotas
    match declaration.value:
        case Role() as role:
            extra = _beyond(role, live, world, declaration)
            yield from _over(
                declaration, "trust", Code.RC301, "The trust policy has", role.trust.size, quotas.trust_policy_size
            )
            inline = [*role.inline_policies.values(), *extra.inline_policies.values()]
            yield from _over(
                declaration,
                "inline_policies",
                Code.RC302,
                "The inline policies together have",
                sum(document.size for document in inline),
                quotas.inline_policies_size,
            )
            attached = len(role.managed_policies | extra.managed_policies)
            if attached > quotas.attached_policies_per_role:
                yield Diagnostic(
                    Code.RC304,
                    f"{attached} managed policies are attached, the account allows {quotas.attached_policies_per_role}",
                    address=declaration.address,
                    place=declaration.place_of("managed_policies"),
                    help="Join policies, or raise the quota `Managed policies per role` (L-0DA4ABF3).",
                )
        case ManagedPolicy() as policy:
            yield from _over(
                declaration, "policy", Code.RC303, "The policy has", policy.policy.size, quotas.managed_policy_size
            )
            if live is not None and quotas.versions_per_policy <= 1:
                yield _no_free_version(declaration)
        case _:
            assert_never(declaration.value)


def _no_free_version(declaration: Declaration) -> Diagnostic:
    return Diagnostic(
        Code.RC307,
        "The account keeps one version of a policy, and the default version cannot be deleted to make room",
        address=declaration.address,
        place=declaration.place_of("policy"),
        help="Raise the quota `Versions per managed policy`.",
    )


def _beyond(role: Role, live: Role | ManagedPolicy | None, world: World, declaration: Declaration) -> Role:
    """Return what stays on the live role although it is not declared."""
    if not isinstance(live, Role):
        return replace(role, managed_policies=frozenset(), inline_policies={})
    view = world.view(live, declaration)
    assert isinstance(view, Role)  # noqa: S101  the view of a role is a role; the type checker cannot see it
    kept = {name: text for name, text in live.inline_policies.items() if name not in view.inline_policies}
    return replace(role, managed_policies=live.managed_policies - view.managed_policies, inline_policies=kept)


def _over(declaration: Declaration, path: str, code: Code, subject: str, size: int, quota: int) -> Iterator[Diagnostic]:
    if size > quota:
        yield Diagnostic(
            code,
            f"{subject} {size:,} characters, white space not counted; the account allows {quota:,}",
            address=declaration.address,
            place=declaration.place_of(path),
            help="Shorten it: join statements, use wildcards, or move parts to a managed policy.",
        )


def no_room(creates: Iterable[Declaration], deleted: Iterable[str], world: World) -> Iterator[Diagnostic]:
    """Yield an error for each object to create for which the account has no room, in the order of the addresses."""
    quotas = world.snapshot.quotas
    gone = list(deleted)
    room = {
        "role/": quotas.roles - quotas.roles_in_use + sum(address.startswith("role/") for address in gone),
        "managed_policy/": quotas.policies
        - quotas.policies_in_use
        + sum(address.startswith("managed_policy/") for address in gone),
    }
    for declaration in sorted(creates, key=lambda found: found.address):
        kind, code = ("role/", Code.RC305) if isinstance(declaration.value, Role) else ("managed_policy/", Code.RC306)
        room[kind] -= 1
        if room[kind] < 0:
            limit = quotas.roles if kind == "role/" else quotas.policies
            yield Diagnostic(
                code,
                f"The account has no room for {declaration.address}: its quota is {limit:,}",
                address=declaration.address,
                place=declaration.place,
                help="Raise the quota, or remove what is no longer needed.",
            )


def callers_own(world: World, assumed: Iterable[str] = ()) -> frozenset[str]:
    """Return the addresses that this run must not change: the role or user it runs as, with policies and boundary.

    The caller's ARN is that of a session, which does not tell the role's path; names are unique without regard to case.
    `assumed` are further role ARNs that the configuration assumes.
    """
    callers = [arn for text in (world.snapshot.caller_arn, *assumed) if (arn := parse_arn(text)) is not None]
    own = {_caller_address(arn).casefold() for arn in callers if arn.account == world.snapshot.account}
    own |= {
        f"group/{group}".casefold()
        for user in world.snapshot.users.values()
        if f"user/{user.name}".casefold() in own
        for group in user.groups
    }
    policies = (world.snapshot.policies or {}).values()
    return frozenset(
        {role.address for role in world.snapshot.roles.values() if role.address.casefold() in own}
        | {policy.address for policy in policies if own & _served(policy)}
    )


def _caller_address(arn: Arn) -> str:
    if arn.kind == "assumed-role":
        return f"role/{arn.resource.split('/')[1]}"
    return f"{arn.kind}/{arn.name}"


def _served(policy: ManagedPolicy) -> set[str]:
    return {address.casefold() for address in (*policy.attached_to, *policy.boundary_of)}


def touches_self(address: str, place: Place | None) -> Diagnostic:
    """Return the error for a change to what this program runs as."""
    return Diagnostic(
        Code.RC313,
        f"{address} is, or belongs to, the role that this program runs as",
        address=address,
        place=place,
        help=SELF_HELP.format(address=address),
    )


def too_many_deletions(
    deletions: Iterable[str], owned: Mapping[str, object], *, fraction: float, minimum: int
) -> Diagnostic | None:
    """Return the error for a plan that deletes or replaces too much of what is owned, None if it does not."""
    count, total = len(list(deletions)), len(owned)
    if total < minimum or count <= fraction * total:
        return None
    return Diagnostic(
        Code.RC314,
        f"{count} of {total} owned objects would be deleted or replaced, more than {fraction:.0%}",
        help="Look whether a folder or file went missing. If this is meant, add --allow-mass-delete.",
    )
