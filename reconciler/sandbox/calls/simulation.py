"""The policy simulator: SimulatePrincipalPolicy, SimulateCustomPolicy, and the two calls that list context keys.

Nothing happens; `scenario` says what would come of actions on resources under policies that somebody has, or that
are given in the call. One result an action; where resources are listed, one more for each in it. What AWS knows
and the sandbox does not: which resources an action has, so EvalResourceName is the resource where there is one,
and otherwise `*`; ResourceHandlingOption, which is about EC2, changes nothing. Of the caller the simulator knows
what IAM stores (name, ID, tags); time, address and second factor are known only if given.

Sources: IAM API Reference, SimulatePrincipalPolicy, SimulateCustomPolicy, EvaluationResult; how policies are called
in results is observed (hashicorp/terraform-provider-aws, tests of aws_iam_principal_policy_simulation).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Final

from reconciler.sandbox.calls import policy_text
from reconciler.sandbox.calls.handler import Handler, Result
from reconciler.sandbox.calls.policies import lookup
from reconciler.sandbox.calls.scenario import SAID, Outcome, Policy, ResourcePolicy, Scenario, View, strictest
from reconciler.sandbox.entities import Group, Role, User
from reconciler.sandbox.errors import IamError, not_found
from reconciler.sandbox.evaluator import Caller, CallerKind, MalformedPolicyError, Verdict
from reconciler.sandbox.paging import page
from reconciler.sandbox.tables import Tables
from reconciler.sandbox.world import AccountState, Call

_KIND: Final = "IAM Policy"
_ENTITY: Final = re.compile(r"arn:aws(?:-[a-z]+)*:iam::(\d{12}):(user|group|role)/(?:.+/)?([\w+=,.@-]+)", re.ASCII)
_ACTION: Final = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9*]+")
_ACCOUNT: Final = re.compile(r"(?:arn:aws(?:-[a-z]+)*:iam::)?(\d{12})(?::root)?")

Holder = User | Group | Role


@dataclass(frozen=True)
class _Held(Policy):
    """A policy that somebody has. `sort` is as PolicyExclusionList names it, `arn` that of a managed one."""

    sort: str
    arn: str | None = None
    holder: tuple[str, str, str] | None = None


def _invalid(message: str) -> IamError:
    return IamError("InvalidInput", message)


# --- the policies of somebody --------------------------------------------------------------------


def _kind(holder: Holder) -> str:
    match holder:
        case User():
            return "user"
        case Group():
            return "group"
        case Role():
            return "role"


def _arn(account: AccountState, holder: Holder) -> str:
    return account.arn(f"{_kind(holder)}{holder.path}{holder.name}")


def _entity(call: Call, arn: str) -> Holder:
    """The user, group or role with this ARN, or NoSuchEntity."""
    found = _ENTITY.fullmatch(arn)
    if found is None:
        raise _invalid(f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    _, kind, name = found.groups()
    entity = _named(call.tables, kind, name)
    if entity is None or _arn(call.account, entity) != arn:
        raise not_found(kind, name)
    return entity


def _named(tables: Tables, kind: str, name: str) -> Holder | None:
    match kind:
        case "user":
            return tables.users.find(name)
        case "group":
            return tables.groups.find(name)
        case _:
            return tables.roles.find(name)


def _held_by(call: Call, holder: Holder) -> Iterator[_Held]:
    """Its own policies, and for a user those of its groups."""
    kind = _kind(holder)
    for name, text in holder.inline.items():
        yield _Held(f"{kind}_{holder.name}_{name}", _KIND, text, "inline", holder=(kind, holder.name, name))
    for arn in holder.attached:
        if (policy := lookup(call.tables, arn)) is not None:
            yield _Held(policy.name, _KIND, policy.document, _sort(arn), arn)
    if isinstance(holder, User):
        for group in call.tables.groups:
            if group.group_id in holder.groups:
                yield from _held_by(call, group)


def _sort(arn: str) -> str:
    return "aws-managed" if ":iam::aws:" in arn else "user-managed"


def _boundary_of(call: Call, holder: Holder) -> Policy | None:
    arn = None if isinstance(holder, Group) else holder.boundary
    policy = None if arn is None else lookup(call.tables, arn)
    return None if policy is None else Policy(policy.name, _KIND, policy.document)


# --- policies left out ---------------------------------------------------------------------------


def _left_out(policy: _Held, identifier: Mapping[str, Any]) -> bool:
    """Whether an entry of PolicyExclusionList means the policy.

    The API's text allows wildcards in a holder's name too; the pattern of its model does not let them through.
    """
    match identifier:
        case {"PolicyType": sort}:
            return bool(policy.sort == sort)
        case {"PolicyArn": pattern}:
            return policy.arn is not None and _like(policy.arn, pattern)
        case {"InlinePolicyIdentifier": {"PolicyName": name, "AttachmentType": kind, "AttachmentName": holder}}:
            return policy.holder == (kind, holder, name)
        case _:
            return False


def _like(text: str, pattern: str) -> bool:
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def _check_identifier(identifier: Mapping[str, Any]) -> None:
    """An ARN has wildcards in its last part only, and of `*` one at most."""
    arn = identifier.get("PolicyArn", "arn:")
    place, _, resource = arn.rpartition(":")
    wild = set("*?") & set(place) or resource.count("*") > 1
    if len(identifier) != 1 or wild or not arn.startswith("arn:"):
        raise _invalid("Invalid policy identifier in PolicyExclusionList.")


# --- the scenario --------------------------------------------------------------------------------


def _given(call: Call, member: str) -> list[Policy]:
    return [Policy(f"{member}.{number}", _KIND, text) for number, text in enumerate(call.params.get(member, ()), 1)]


def _given_boundary(call: Call) -> Policy | None:
    given = _given(call, "PermissionsBoundaryPolicyInputList")
    if len(given) > 1:
        raise _invalid("Only one permissions boundary can be simulated.")
    return given[0] if given else None


def _organization(call: Call) -> list[list[Policy]] | None:
    levels = call.params.get("OrderedOrganizationPolicyInputList")
    if levels is None:
        return None
    name = "ServiceControlPolicyInputList"
    return [[Policy(name, _KIND, text) for text in level.get(name, ())] for level in levels]


def _context(call: Call) -> dict[str, tuple[str, ...]]:
    context = {}
    for entry in call.params.get("ContextEntries", ()):
        name, values = entry.get("ContextKeyName", ""), tuple(entry.get("ContextKeyValues", ()))
        if not name or (len(values) > 1 and not entry.get("ContextKeyType", "").endswith("List")):
            raise _invalid(f"Context entry {name!r} needs a name, and one value unless its type is a list.")
        context[name] = values
    return context


def _caller(call: Call, arn: str | None) -> Caller:
    """Who the simulated caller is to a policy; what only a session would have (its name) it has not."""
    if arn is None:
        return Caller(kind=CallerKind.USER, arn="", account=call.account.account_id, keys={})
    found = _ENTITY.fullmatch(arn)
    if found is None:
        raise _invalid(f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    account_id, kind, name = found.groups()
    home = call.world.accounts.get(account_id)
    known = _named(home.tables, kind, name) if home else None
    if home is None or known is None or _arn(home, known) != arn:
        known = None
    match known:
        case User():
            return Caller.user(arn, unique_id=known.user_id, tags=dict(known.tags))
        case Role():
            session = Caller.role_session(arn, "", unique_id=known.role_id, tags=dict(known.tags))
            return _without(session, "aws:userid")
        case _ if kind == "user":
            return _without(Caller.user(arn, unique_id=""), "aws:userid")
        case _:
            return Caller(kind=CallerKind.USER, arn=arn, account=account_id, keys={})


def _without(caller: Caller, key: str) -> Caller:
    return replace(caller, keys={name: values for name, values in caller.keys.items() if name != key})


def _resource_policy(call: Call, caller: Caller) -> ResourcePolicy | None:
    text = call.maybe("ResourcePolicy")
    if text is None:
        return None
    if ":user/" not in caller.arn:
        raise _invalid("A resource-based policy is simulated for a user: CallerArn has to be a user's ARN.")
    return ResourcePolicy("ResourcePolicy", "resource", text)


def _owner(call: Call) -> str:
    given = call.text("ResourceOwner")
    found = _ACCOUNT.fullmatch(given)
    if given and found is None:
        raise _invalid(f"Invalid resource owner: {given}")
    return found[1] if found else ""


def _scenario(call: Call, policies: list[Policy], boundary: Policy | None, caller_arn: str | None) -> Scenario:
    caller = _caller(call, call.maybe("CallerArn") or caller_arn)
    scenario = Scenario(
        caller=caller,
        context=_context(call),
        policies=policies,
        boundary=_given_boundary(call) or boundary,
        organization=_organization(call),
        resource_policy=_resource_policy(call, caller),
        owner=_owner(call),
    )
    try:
        scenario.check()
    except MalformedPolicyError as error:
        raise _invalid(f"Invalid policy: {error}") from None
    return scenario


# --- results -------------------------------------------------------------------------------------


def _results(call: Call, scenario: Scenario) -> Result:
    actions, resources = call.params["ActionNames"], call.params.get("ResourceArns") or ["*"]
    for action in actions:
        if not _ACTION.fullmatch(action):
            raise _invalid(f"Invalid action name: {action}")
    for resource in resources:
        if resource != "*" and not resource.startswith("arn:"):
            raise _invalid(f"Invalid resource: {resource}")
    numbered = list(enumerate(actions))
    shown, more = page(call, numbered, key=lambda item: f"{item[0]:09d}")
    results = [_result(action, [scenario.play(action, resource) for resource in resources]) for _, action in shown]
    return {"EvaluationResults": results, **more}


def _result(action: str, outcomes: list[Outcome]) -> View:
    verdict = strictest(outcome.verdict for outcome in outcomes)
    listed = [outcome.resource for outcome in outcomes] != ["*"]
    return {
        "EvalActionName": action,
        "EvalResourceName": outcomes[0].resource if len(outcomes) == 1 else "*",
        "EvalDecision": SAID[verdict],
        "MatchedStatements": _union(outcome.matched for outcome in outcomes if outcome.verdict is verdict),
        "MissingContextValues": policy_text.once(name for outcome in outcomes for name in outcome.missing),
        "EvalDecisionDetails": _details([outcome.details for outcome in outcomes if outcome.details], listed=listed),
        **_limits(outcomes),
        **({"ResourceSpecificResults": [_specific(outcome) for outcome in outcomes]} if listed else {}),
    }


def _union(matches: Iterator[tuple[View, ...]]) -> list[View]:
    found: list[View] = []
    for match in matches:
        found += [view for view in match if view not in found]
    return found


def _details(details: list[Mapping[str, Verdict]], *, listed: bool) -> dict[str, str] | None:
    """The most restrictive of each kind; within one account empty where a resource was named, else not there."""
    kinds = dict.fromkeys(kind for one in details for kind in one)
    found = {kind: SAID[strictest(one[kind] for one in details if kind in one)] for kind in kinds}
    return found if found or listed else None


def _limits(outcomes: list[Outcome]) -> View:
    view: View = {}
    bounded = [outcome.within_boundary for outcome in outcomes if outcome.within_boundary is not None]
    if bounded:
        view["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": all(bounded)}
    organized = [outcome.within_organization for outcome in outcomes if outcome.within_organization is not None]
    if organized:
        view["OrganizationsDecisionDetail"] = {"AllowedByOrganizations": all(organized)}
    return view


def _specific(outcome: Outcome) -> View:
    view: View = {
        "EvalResourceName": outcome.resource,
        "EvalResourceDecision": SAID[outcome.verdict],
        "MatchedStatements": list(outcome.matched),
        "MissingContextValues": list(outcome.missing),
    }
    if outcome.details is not None:
        view["EvalDecisionDetails"] = {kind: SAID[verdict] for kind, verdict in outcome.details.items()}
    limits = _limits([outcome])
    limits.pop("OrganizationsDecisionDetail", None)
    return view | limits


# --- calls ---------------------------------------------------------------------------------------


def _simulate_principal(call: Call) -> Result:
    arn = call.text("PolicySourceArn")
    holder = _entity(call, arn)
    exclusions = call.params.get("PolicyExclusionList", ())
    for identifier in exclusions:
        _check_identifier(identifier)
    held = [one for one in _held_by(call, holder) if not any(_left_out(one, each) for each in exclusions)]
    unbounded = any(each.get("PolicyType") == "permission-boundary" for each in exclusions)
    boundary = None if unbounded else _boundary_of(call, holder)
    return _results(call, _scenario(call, [*held, *_given(call, "PolicyInputList")], boundary, arn))


def _simulate_custom(call: Call) -> Result:
    return _results(call, _scenario(call, _given(call, "PolicyInputList"), None, None))


def _keys_for_principal(call: Call) -> Result:
    held = _held_by(call, _entity(call, call.text("PolicySourceArn")))
    return _names([*held, *_given(call, "PolicyInputList")])


def _keys_for_custom(call: Call) -> Result:
    return _names(_given(call, "PolicyInputList"))


def _names(policies: list[Policy]) -> Result:
    try:
        for policy in policies:
            _ = policy.compiled
    except MalformedPolicyError as error:
        raise _invalid(f"Invalid policy: {error}") from None
    return {"ContextKeyNames": policy_text.once(name for policy in policies for name in policy.asks)}


HANDLERS: Final[Mapping[str, Handler]] = {
    "SimulatePrincipalPolicy": _simulate_principal,
    "SimulateCustomPolicy": _simulate_custom,
    "GetContextKeysForPrincipalPolicy": _keys_for_principal,
    "GetContextKeysForCustomPolicy": _keys_for_custom,
}
"""By the name of the call."""
