"""IAM's fixed rules for what a manifest says about an object: names, paths, tags, descriptions, durations.

Sources: IAM User Guide, reference_iam-quotas (lengths) and the shapes of the API model (patterns of roleNameType,
policyNameType, pathType, roleDescriptionType, tagKeyType). Of quotas that an account can raise only the end is here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from reconciler.manifest.names import NAME
from reconciler.manifest.reading import Path, Problem
from reconciler.manifest.schema import (
    ManagedPolicyManifest,
    Manifest,
    RemovedManifest,
    RoleManifest,
)
from reconciler.manifest.slips import account_remedy, name_remedy
from reconciler.manifest.wording import did_you_mean
from reconciler.model.arn import is_account_id, parse_arn
from reconciler.model.diagnostic import Code
from reconciler.model.role import RESERVED_PATH, SERVICE_LINKED_PATH

PATH = re.compile(r"/|/[\x21-\x7e]+/")
ROLE_DESCRIPTION = re.compile(r"[\t\n\r\x20-\x7e\xa1-\xff]*")
TAG = re.compile(r"[\w \t.:/=+\-@]*")

ROLE_NAME_LENGTH = 64
POLICY_NAME_LENGTH = 128
PATH_LENGTH = 512
DESCRIPTION_LENGTH = 1000
TAG_KEY_LENGTH = 128
TAG_VALUE_LENGTH = 256
TAGS = 50
MOST_ATTACHED = 25  # what the quota of managed policies on a role can be raised to
SHORTEST_SESSION = 3600
LONGEST_SESSION = 43200
HOURS = 12  # a number up to this was meant in hours

NO_BOUNDARY = "none"
REMOVABLE = ("role", "managed_policy")
LATER_REMOVABLE = ("instance_profile", "oidc_provider", "saml_provider", "grant")


def rule_problems(manifest: Manifest) -> Iterator[Problem]:
    """Yield where a manifest is outside of IAM's rules, its policy documents and trust apart."""
    if manifest.account is not None and not is_account_id(manifest.account):
        yield account_problem(("account",), manifest.account)
    match manifest:
        case RoleManifest():
            yield from _role_problems(manifest)
        case ManagedPolicyManifest():
            yield from _entity_problems(manifest, POLICY_NAME_LENGTH)
            yield from tag_problems(manifest.tags, caseless=False)
            if len(manifest.description) > DESCRIPTION_LENGTH:
                yield _too_long("description", DESCRIPTION_LENGTH, len(manifest.description))
        case RemovedManifest():
            yield from _removed_problems(manifest)


def _role_problems(role: RoleManifest) -> Iterator[Problem]:
    yield from _entity_problems(role, ROLE_NAME_LENGTH)
    if role.path.startswith((SERVICE_LINKED_PATH, RESERVED_PATH)):
        yield Problem(("path",), Code.RC312, f"Only AWS makes roles below {role.path}.")
    yield from tag_problems(role.tags, caseless=True)
    yield from _description_problems(role.description)
    if not SHORTEST_SESSION <= role.max_session_duration <= LONGEST_SESSION:
        message = f"`max_session_duration` is between {SHORTEST_SESSION} and {LONGEST_SESSION} seconds."
        remedy = f"12 hours are {LONGEST_SESSION}." if role.max_session_duration <= HOURS else None
        yield Problem(("max_session_duration",), Code.RM111, message, remedy)
    for name in role.inline_policies:
        yield from name_problems(("inline_policies", name), name, POLICY_NAME_LENGTH, at_key=True)
    if len(attached := set(role.managed_policies)) > MOST_ATTACHED:
        message = (
            f"{len(attached)} managed policies are too many: no account can have more than {MOST_ATTACHED} on a role."
        )
        yield Problem(("managed_policies",), Code.RC304, message, "Join some of them into one.", at_key=True)
    for index, policy in enumerate(role.managed_policies):
        yield from policy_reference_problems(("managed_policies", index), policy)
    if role.permissions_boundary not in {None, NO_BOUNDARY}:
        yield from policy_reference_problems(("permissions_boundary",), str(role.permissions_boundary))


def _entity_problems(manifest: RoleManifest | ManagedPolicyManifest, longest: int) -> Iterator[Problem]:
    yield from name_problems(("name",), manifest.name, longest)
    if manifest.path != "/":
        yield from _path_problems(manifest.path)


def name_problems(path: Path, name: str, longest: int, *, at_key: bool = False) -> Iterator[Problem]:
    """Yield what is wrong with a name: 1 to `longest` characters, letters, digits and `+=,.@_-`."""
    if not NAME.fullmatch(name):
        message = f'"{name}" is not a name: IAM takes letters, digits and +=,.@_- only.'
        yield Problem(path, Code.RM111, message, name_remedy(name), at_key=at_key)
    elif len(name) > longest:
        message = f"A name of {len(name)} characters is too long: IAM takes up to {longest}."
        yield Problem(path, Code.RM111, message, at_key=at_key)


def _path_problems(path: str) -> Iterator[Problem]:
    if not PATH.fullmatch(path):
        message = f'"{path}" is not a path: it begins and ends with a slash and has no spaces or letters beyond ASCII.'
        yield Problem(("path",), Code.RM111, message, _path_remedy(path))
    elif len(path) > PATH_LENGTH:
        yield _too_long("path", PATH_LENGTH, len(path))


def _path_remedy(path: str) -> str | None:
    inside = "-".join(path.strip("/ ").split())
    meant = f"/{inside}/" if inside else "/"
    return f'Write "{meant}".' if PATH.fullmatch(meant) else None


def _description_problems(description: str) -> Iterator[Problem]:
    if len(description) > DESCRIPTION_LENGTH:
        yield _too_long("description", DESCRIPTION_LENGTH, len(description))
    if not ROLE_DESCRIPTION.fullmatch(description):
        odd = next(character for character in description if not ROLE_DESCRIPTION.fullmatch(character))
        message = f"IAM does not take U+{ord(odd):04X} in a role's description: Latin-1 only."
        yield Problem(("description",), Code.RM111, message)


def _too_long(key: str, longest: int, length: int) -> Problem:
    return Problem((key,), Code.RM111, f"`{key}` has {length} characters; IAM takes up to {longest}.")


def tag_problems(tags: Mapping[str, str], *, caseless: bool) -> Iterator[Problem]:
    """Yield what is wrong with tags; `caseless` where keys that differ only by case are the same, as on roles."""
    if not tags or (_are_sound(tags) and (not caseless or len({key.lower() for key in tags}) == len(tags))):
        return
    if len(tags) > TAGS:
        yield Problem(("tags",), Code.RM111, f"{len(tags)} tags are too many: IAM takes up to {TAGS}.", at_key=True)
    seen: dict[str, str] = {}
    for key, value in tags.items():
        yield from _tag_problems(key, value)
        if caseless and seen.setdefault(key.lower(), key) != key:
            message = f"The tags {seen[key.lower()]} and {key} differ only by case, which IAM ignores on roles."
            yield Problem(("tags", key), Code.RM112, message, at_key=True)


def _are_sound(tags: Mapping[str, str]) -> bool:
    """Tell whether each tag is sound for certain: all of them at once, since nearly all tags are."""
    everything = "".join((*tags, *tags.values()))
    return (
        len(everything) <= TAG_KEY_LENGTH
        and "" not in tags
        and len(tags) <= TAGS
        and "aws:" not in everything.lower()
        and TAG.fullmatch(everything) is not None
    )


def _tag_problems(key: str, value: str) -> Iterator[Problem]:
    path = ("tags", key)
    if not 1 <= len(key) <= TAG_KEY_LENGTH or not TAG.fullmatch(key):
        message = f"A tag's key has 1 to {TAG_KEY_LENGTH} letters, digits, spaces and _.:/=+-@."
        yield Problem(path, Code.RM111, message, at_key=True)
    elif key.lower().startswith("aws:"):
        yield Problem(path, Code.RM111, f"{key} begins with aws:, which is AWS's own.", at_key=True)
    if len(value) > TAG_VALUE_LENGTH or not TAG.fullmatch(value):
        message = f"A tag's value has up to {TAG_VALUE_LENGTH} letters, digits, spaces and _.:/=+-@."
        yield Problem(path, Code.RM111, message)


def account_problem(path: Path, account: str) -> Problem:
    """Return what to say of something that is not an account ID."""
    return Problem(
        path, Code.RM113, f'"{account}" is not an account ID: that is twelve digits.', account_remedy(account)
    )


def policy_reference_problems(path: Path, policy: str) -> Iterator[Problem]:
    """Yield what is wrong with the ARN or the name of a managed policy."""
    if ":" not in policy and "/" not in policy:
        yield from name_problems(path, policy, POLICY_NAME_LENGTH)
    elif not is_policy_arn(policy):
        yield Problem(path, Code.RM115, f"{policy} is not the ARN of a managed policy.", _policy_arn_remedy(policy))


@lru_cache(maxsize=4096)  # a few policies are attached to many roles
def is_policy_arn(text: str) -> bool:
    """Tell whether a text is the ARN of a managed policy, of an account or of AWS."""
    arn = parse_arn(text)
    return (
        arn is not None
        and (arn.service, arn.region, arn.kind) == ("iam", "", "policy")
        and NAME.fullmatch(arn.name) is not None
        and (arn.account == "aws" or is_account_id(arn.account))
    )


def _policy_arn_remedy(policy: str) -> str:
    arn = parse_arn(policy)
    if arn is not None and arn.service == "iam" and arn.kind == "role":
        as_policy = f"arn:{arn.partition}:iam::{arn.account}:policy{arn.path}{arn.name}"
        return f"This is a role's ARN. A policy's is {as_policy}; the name alone, {arn.name}, does as well."
    if ":" not in policy:
        return f"Name the whole ARN; one of AWS's own is arn:aws:iam::aws:policy/{policy.lstrip('/')}."
    return "A policy's ARN is arn:aws:iam::ACCOUNT:policy/NAME; the name alone does as well."


def _removed_problems(removed: RemovedManifest) -> Iterator[Problem]:
    kind, slash, name = removed.address.partition("/")
    if kind in LATER_REMOVABLE and slash:
        yield Problem(("address",), Code.RM119, f"The removal of {removed.address} is not supported by this version.")
    elif kind not in REMOVABLE or not NAME.fullmatch(name):
        message = f'"{removed.address}" is not an address: that is role/NAME or managed_policy/NAME.'
        yield Problem(("address",), Code.RM111, message, did_you_mean(kind, REMOVABLE))
