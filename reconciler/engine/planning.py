"""The plans of all accounts of a run, each made with the others in sight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from reconciler.diff import coming
from reconciler.engine.accounts import Account, waves_of
from reconciler.engine.fleet import (
    addresses_of,
    after_others,
    held_after,
    made_in,
    naming_the_bereft,
    planning_order,
    pointed_on,
    re_trusting_elsewhere,
    targets_in,
    told_of,
    with_what_can_be_named,
)
from reconciler.engine.live import with_aws_policies
from reconciler.engine.looking import first_use
from reconciler.engine.refusals import no_such_target, raise_errors, warnings
from reconciler.engine.runs import AccountPlan
from reconciler.engine.settings import changed_settings, within
from reconciler.engine.work import Reading, Work
from reconciler.iam import AwsError
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError, Severity
from reconciler.model.principal import PrincipalIndex
from reconciler.plan import Limits, Plan, Policy, make_plan, needed_for
from reconciler.world import World


def make_plans(work: Work, readings: Mapping[str, Reading]) -> list[AccountPlan]:
    """Return the plan of each account, or why there is none; each knows of what others make and take away."""
    worlds = _worlds(work, readings)
    _refuse_unknown_targets(work, worlds)
    comings = {account: coming(world) for account, world in worlds.items()} if len(worlds) > 1 else {}
    targets = targets_in(worlds, {*work.choices.targets}, comings) if work.choices.targets else {}
    plans: dict[str, Plan] = {}
    made: dict[str, str | None] = {}
    waiting: dict[str, str] = {}
    living: dict[str, PrincipalIndex] = {}
    for account in planning_order(worlds, comings, waves_of(worlds, work.settings.config)):
        later = {arn: other for other, arns in comings.items() if other not in {account, *plans} for arn in arns}
        then = after_others(worlds[account], made)
        living[account] = then.index
        world, left_out = with_what_can_be_named(then, later)
        plan = told_of(_plan(work, readings[account], world, targets.get(account)), left_out)
        plans[account] = pointed_on(held_after(plan, waiting) if waiting else plan, later)
        for arn, operation in made_in(plans[account]).items() if comings else ():
            made[arn] = comings[account].get(arn)
            waiting |= {arn: f"role/{operation.params['RoleName']} of account {account}"} if operation.held else {}
    unread = {id_: _why_unread(work, id_) for id_ in sorted(work.reachable) if id_ not in worlds}
    others = {account: (plan, living[account]) for account, plan in plans.items()}
    named = {account: naming_the_bereft(plan, worlds, others, unread) for account, plan in plans.items()}
    return [_account_plan(work, one, named.get(one.id)) for one in work.accounts]


def _worlds(work: Work, readings: Mapping[str, Reading]) -> dict[str, World]:
    """Return all that is known of each account; raises ReconcilerError for manifests that are wrong, with all of it."""
    worlds: dict[str, World] = {}
    wrong: list[Diagnostic] = []
    for account, reading in readings.items():
        try:
            with work.beside_the_others(reading.account, AwsError):
                world = work.world(reading, readings)
                snapshot = with_aws_policies(reading.snapshot, world.desired, reading.iam)
                worlds[account] = replace(world, snapshot=snapshot)
        except AwsError:
            raise
        except ReconcilerError as error:
            wrong.extend(error.diagnostics)
    raise_errors(list(dict.fromkeys(wrong)))
    return worlds


def _why_unread(work: Work, account: str) -> str:
    return "it could not be read" if account in work.errors else "it is not one of this run"


def _account_plan(work: Work, account: Account, plan: Plan | None) -> AccountPlan:
    error = () if plan is not None else work.errors[account.id]
    return AccountPlan(account=account.id, name=account.name, plan=plan, error=error)


def _plan(work: Work, reading: Reading, world: World, targets: frozenset[str] | None) -> Plan:
    only, kept = _only(work, world, targets), work.choices.kept
    made = make_plan(world, policy=_policy(work), only=only, calls=work.calls(reading), recording=kept)
    told = [*_said_beforehand(work, world), *warnings(work.manifests.diagnostics), *work.unread_states]
    told += reading.snapshot.remarks
    return replace(made, warnings=(*told, *made.warnings))


def saved_plans(work: Work, readings: Mapping[str, Reading]) -> list[AccountPlan]:
    """Return the plan of each account as it was saved, or why it cannot be carried out."""
    saved = work.saved or {}
    return [_account_plan(work, one, saved[one.id] if one.id in readings else None) for one in work.accounts]


def _policy(work: Work) -> Policy:
    config = work.settings.config
    return Policy(
        held=work.held,
        released=frozenset(work.choices.approve),
        allow_self=frozenset(work.choices.allow_self),
        allow_mass_delete=work.choices.allow_mass_delete or work.choices.destroy,
        limits=Limits(fraction=config.limits.delete_fraction, minimum=config.limits.delete_minimum),
        assumed_roles=frozenset(one.role_arn for one in config.accounts.values() if one.role_arn),
    )


def _only(work: Work, world: World, targets: frozenset[str] | None) -> frozenset[str] | None:
    """Return the addresses that paths and targets narrow the plan down to, None for everything."""
    if not work.choices.paths and targets is None:
        return None
    addresses: set[str] = set()
    if work.choices.paths:
        wanted = within(work.choices.paths, work.settings)
        addresses |= {found.address for found in world.desired.objects.values() if wanted(found.manifest)}
        addresses |= {found.address for found in world.desired.removals.values() if wanted(found.place.file)}
        addresses |= {address for address, owned in world.state.objects.items() if wanted(owned.manifest)}
    if targets is not None:
        targeted = needed_for(targets, world) | re_trusting_elsewhere(world)
        return targeted & addresses if work.choices.paths else targeted
    return frozenset(addresses)


def _refuse_unknown_targets(work: Work, worlds: Mapping[str, World]) -> None:
    """Raise RM120 for targets that are an object of no account; of those not read the manifests tell."""
    known = {address for world in worlds.values() for address in addresses_of(world)}
    if work.errors:
        known |= {document.manifest.address for document in work.manifests.documents}
    raise_errors([no_such_target(target, known) for target in work.choices.targets if target not in known])


def _said_beforehand(work: Work, world: World) -> Iterator[Diagnostic]:
    """Yield what is said at every plan: that no apply is on record yet, that other settings hold than before."""
    yield from first_use(work, world)
    for difference in changed_settings(world.state.settings, work.settings):
        yield Diagnostic(
            Code.RM123,
            difference,
            severity=Severity.WARNING,
            help="Make sure that the configuration is the one that you mean.",
        )
