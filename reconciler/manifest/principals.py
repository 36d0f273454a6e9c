"""Who a statement of a trust policy trusts: whether IAM takes the principals, and whether the statement lets them in.

Facts: IAM User Guide, reference_policies_elements_principal; id_roles_providers_oidc_secure-by-default for the shared
issuers; access-analyzer-reference-policy-checks ("mismatched action for principal").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import assert_never

from reconciler.manifest.conditions import plain_operator
from reconciler.manifest.document import TRUST_ACTIONS, texts
from reconciler.manifest.names import NAME
from reconciler.manifest.reading import Path, Problem, Value, refused
from reconciler.manifest.slips import principal_remedy
from reconciler.manifest.wording import describe, did_you_mean
from reconciler.model.arn import Arn, parse_arn
from reconciler.model.diagnostic import Code, Severity
from reconciler.model.policy import listed, text_of
from reconciler.model.principal import (
    Account,
    Everyone,
    FederatedUser,
    Malformed,
    OidcProvider,
    Principal,
    Role,
    SamlProvider,
    Service,
    Session,
    UniqueId,
    UniqueIdSession,
    User,
    WebIdentity,
    parse_principal,
)

KINDS = ("AWS", "Service", "Federated")
SERVICE_DOMAINS = (
    ".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".amazon.com", ".aws.internal",
    ".c2s.ic.gov", ".sc2s.sgov.gov",
)  # fmt: skip

# Issuers that serve many customers, and the claim that tells them apart, by the issuer without its scheme.
SHARED_ISSUERS: Mapping[str, str] = {
    "agent.buildkite.com": "sub",
    "api.pulumi.com/oidc": "aud",
    "app.terraform.io": "sub",
    "cognito-identity.amazonaws.com": "aud",
    "gitlab.com": "sub",
    "oidc-configuration.audit-log.githubusercontent.com": "sub",
    "oidc.codefresh.io": "sub",
    "oidc.vercel.com": "aud",
    "proidc.upbound.io": "sub",
    "sandboxes.cloud": "aud",
    "scalr.io": "sub",
    "studio.datachain.ai/api": "sub",
    "token.actions.githubusercontent.com": "sub",
    "tokens.cloud.shisho.dev": "sub",
    "vstoken.actions.githubusercontent.com": "sub",
}
EVALUATING = frozenset({"StringEquals", "StringEqualsIgnoreCase", "StringLike"})

ASSUME = "sts:assumerole"
ASSUME_WITH_SAML = "sts:assumerolewithsaml"
ASSUME_WITH_WEB_IDENTITY = "sts:assumerolewithwebidentity"
ASSUMING = frozenset({ASSUME, ASSUME_WITH_SAML, ASSUME_WITH_WEB_IDENTITY})


def principal_problems(statement: Mapping[str, Value], partition: str | None = None) -> Iterator[Problem]:
    """Yield what is wrong with whom a statement trusts, by path from it; another partition only where one is given."""
    if "NotPrincipal" in statement:
        message = "A trust policy has no `NotPrincipal`: it would trust everyone else."
        yield Problem(("NotPrincipal",), Code.RP213, message, "Name who is trusted under `Principal`.", at_key=True)
        return
    if "Principal" not in statement:
        yield refused((), "`Principal` is missing: it says who is trusted.")
        return
    found = list(_parse(statement["Principal"]))
    yield from _shape_problems(statement["Principal"])
    for path, _, principal in found:
        yield from _one_problem(path, principal, partition)
    if statement.get("Effect") == "Allow":
        principals = [(path, principal) for path, _, principal in found]
        yield from _everyone_problems(principals, statement)
        yield from _fit_problems(principals, statement)
        yield from _issuer_problems(principals, statement)


def _parse(value: Value) -> Iterator[tuple[Path, str, Principal]]:
    if isinstance(value, str):
        yield ("Principal",), value, parse_principal("", value)
    elif isinstance(value, Mapping):
        for key, items in value.items():
            for path, text in texts(items, ("Principal", key)):
                yield path, text, parse_principal(key, text)


def _shape_problems(value: Value) -> Iterator[Problem]:
    if isinstance(value, str):
        return
    if not isinstance(value, Mapping) or not value:
        yield refused(("Principal",), f"`Principal` maps {', '.join(KINDS)} to who is trusted.")
        return
    for key, items in value.items():
        if key in KINDS:
            yield from _items_problems(items, ("Principal", key))
        else:
            message = f"{key} is not allowed in a trust policy."
            yield Problem(("Principal", key), Code.RP209, message, did_you_mean(key, KINDS), at_key=True)


def _items_problems(items: Value, path: Path) -> Iterator[Problem]:
    if isinstance(items, list) and items:
        for index, item in enumerate(items):
            if not isinstance(item, str):
                yield refused((*path, index), f"A principal is text, not {describe(item)}.")
    elif not isinstance(items, str):
        yield refused(path, "A principal is text or a list of texts, at least one.")


def _one_problem(  # noqa: C901  one arm a kind of principal
    path: Path, principal: Principal, partition: str | None
) -> Iterator[Problem]:
    """Yield what is wrong with one principal as such."""
    match principal:
        case UniqueId(unique_id) | UniqueIdSession(unique_id):
            yield unique_id_problem(path, unique_id)
        case Malformed(value, why):
            if len(path) == 1 or path[1] in KINDS:  # else the key is to blame
                yield Problem(path, Code.RP209, f'"{value}" is not a principal: {why}.', _remedy(why))
        case Everyone(bare):
            if bare:
                message = 'A bare "*" is refused by IAM in a trust policy.'
                yield Problem(path, Code.RP209, message, 'Everyone is {AWS: "*"}; add a condition that limits it.')
        case Service(name):
            if not name.endswith(SERVICE_DOMAINS):
                message = f'"{name}" is not a service: its name ends in amazonaws.com.'
                yield Problem(path, Code.RP209, message)
        case Account(_) | WebIdentity(_):
            return
        case User(arn) | Role(arn) if not NAME.fullmatch(arn.name):
            yield unnamed_problem(path, arn)
        case User(arn) | Role(arn) | Session(arn) | FederatedUser(arn) | OidcProvider(arn) | SamlProvider(arn):
            yield from partition_problems(path, arn, partition)
        case _:
            assert_never(principal)


def _remedy(why: str) -> str | None:
    if "wildcard" in why:
        return "Trust the account, with ArnLike on aws:PrincipalArn; or name each one."
    if "group" in why:
        return "Trust the account, and let the group's policy allow sts:AssumeRole on this role."
    return None


def unique_id_problem(path: Path, unique_id: str) -> Problem:
    """Return what to say of a unique ID where a principal is named."""
    message = f"{unique_id} is a unique ID: it would freeze what is an accident today."
    return Problem(path, Code.RP205, message, "Name the ARN of the user or role that is meant.")


def unnamed_problem(path: Path, arn: Arn) -> Problem:
    """Return what to say of an ARN that has no name where a name belongs."""
    return Problem(path, Code.RP209, f"{arn} names no {arn.kind}: a name has letters, digits and +=,.@_- only.")


def partition_problems(path: Path, arn: Arn, partition: str | None) -> Iterator[Problem]:
    """Yield a problem where an ARN belongs to another partition than the role."""
    if partition is not None and arn.partition != partition:
        message = (
            f"{arn} is in partition {arn.partition}, the role in {partition}: a role trusts its own partition only."
        )
        yield Problem(path, Code.RP209, message)


def _everyone_problems(principals: list[tuple[Path, Principal]], statement: Mapping[str, Value]) -> Iterator[Problem]:
    for path, principal in principals:
        if principal == Everyone(bare=False) and not statement.get("Condition"):
            message = "Everyone with an AWS account is trusted: there is no condition."
            remedy = "Name who is trusted, or add a condition such as aws:PrincipalOrgID."
            yield Problem(path, Code.RP211, message, remedy, severity=Severity.WARNING)


def _fit_problems(principals: list[tuple[Path, Principal]], statement: Mapping[str, Value]) -> Iterator[Problem]:
    """Yield a problem for each principal that can call none of the actions, and each action that nobody can call."""
    actions = [(path, action.lower()) for path, action in texts(statement.get("Action"), ("Action",))]
    assuming = {action for _, action in actions} & ASSUMING
    if not assuming:
        return
    needed = {action for _, principal in principals if (action := _action_of(principal))}
    for path, principal in principals:
        action = _action_of(principal)
        if action and action not in assuming:
            yield Problem(
                path, Code.RP214, f"Whoever is trusted here assumes a role with {TRUST_ACTIONS[action]} only."
            )
    for path, action in actions:
        if action in ASSUMING and action not in needed and needed:
            yield Problem(path, Code.RP214, f"Nobody who is trusted here can call {TRUST_ACTIONS[action]}.")


def _action_of(principal: Principal) -> str | None:
    """Return the action with which a principal assumes a role; None where none or any might be it."""
    match principal:
        case Account() | User() | Role() | Session() | FederatedUser() | Service():
            return ASSUME
        case SamlProvider():
            return ASSUME_WITH_SAML
        case OidcProvider() | WebIdentity():
            return ASSUME_WITH_WEB_IDENTITY
        case Everyone() | UniqueId() | UniqueIdSession() | Malformed():
            return None
        case _:
            assert_never(principal)


def _issuer_problems(principals: list[tuple[Path, Principal]], statement: Mapping[str, Value]) -> Iterator[Problem]:
    for path, principal in principals:
        match principal:
            case OidcProvider(arn):
                issuer = arn.resource.removeprefix("oidc-provider/")
            case WebIdentity(name):
                issuer = name
            case _:
                continue
        claim = SHARED_ISSUERS.get(issuer)
        if claim and not _evaluates(statement.get("Condition"), f"{issuer}:{claim}"):
            message = f"{issuer} serves everybody, and no condition says whose {claim} is trusted."
            yield Problem(path, Code.RP212, message, f"Compare {issuer}:{claim} with a value that is more than *.")


def _evaluates(block: Value, key: str) -> bool:
    """Tell whether a condition block compares a key with values that are not merely wildcards."""
    if not isinstance(block, Mapping):
        return False
    for operator, keys in block.items():
        if plain_operator(operator) in EVALUATING and not operator.endswith("IfExists") and isinstance(keys, Mapping):
            for name, values in keys.items():
                if name.lower() == key.lower() and all(text_of(value).strip("*?") for value in listed(values)):
                    return True
    return False


def named_principal_problems(path: Path, kind: str, value: str) -> Iterator[Problem]:
    """Yield what is wrong with an ARN under `user:` or `role:` of a trust entry (`kind`); names are not judged here."""
    principal = parse_principal("AWS", value)
    match principal:
        case UniqueId(unique_id) | UniqueIdSession(unique_id):
            yield unique_id_problem(path, unique_id)
        case User(arn) | Role(arn) if arn.kind == kind:
            if not NAME.fullmatch(arn.name):
                yield unnamed_problem(path, arn)
        case Malformed(_, why) if parse_arn(value) is None or "wildcard" in why or "account" in why:
            yield Problem(path, Code.RP209, f'"{value}" is not a principal: {why}.', _remedy(why))
        case _:
            yield Problem(path, Code.RM115, f"{value} is not the ARN of a {kind}.", principal_remedy(value))
