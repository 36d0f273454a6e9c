"""The keys of a manifest and the types of their values, one model a kind.

Where text is wanted a plain number is as good as text: account IDs, external IDs, versions and tag values keep their
digits. Nothing else is converted. What IAM says of the values (names, lengths, characters) is in `rules`, policy
documents in `document`, trust entries in `trust`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from reconciler.manifest.reading import Path, Problem, Value
from reconciler.model.diagnostic import Code
from reconciler.model.role import DEFAULT_SESSION_DURATION

JsonObject: TypeAlias = dict[str, Any]
WholeNumber: TypeAlias = Annotated[int, Field(strict=True)]
YesOrNo: TypeAlias = Annotated[bool, Field(strict=True)]


def _listed(value: Value) -> Value:
    return [value] if isinstance(value, str | int) and not isinstance(value, bool) else value


Texts: TypeAlias = Annotated[list[str], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
AtLeastOne: TypeAlias = Annotated[Texts, Field(min_length=1)]


class Keys(BaseModel):
    """A mapping of which every key is known."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


class TrustEntry(Keys):
    """Who may assume the role: one statement of the trust policy, in few words."""

    account: str | None = None
    user: AtLeastOne | None = None
    role: AtLeastOne | None = None
    permission_set: str | None = None
    organization: str | None = None
    service: str | None = None
    oidc: str | None = None
    saml: str | None = None
    statement: JsonObject | None = None
    survives_recreation: YesOrNo = False
    source_account: AtLeastOne | None = None
    source_arn: AtLeastOne | None = None
    audiences: AtLeastOne | None = None
    subjects: AtLeastOne | None = None
    external_id: str | None = None
    require_mfa: YesOrNo = False
    mfa_max_age: WholeNumber | None = None
    sid: str | None = None
    actions: AtLeastOne | None = None


class RoleManifest(Keys):
    """`kind: Role`."""

    kind: Literal["Role"]
    name: str
    account: str | None = None
    path: str = "/"
    description: str = ""
    max_session_duration: WholeNumber = DEFAULT_SESSION_DURATION
    permissions_boundary: str | None = None
    tags: dict[str, str] = {}
    trust: list[TrustEntry] | None = None
    trust_policy: JsonObject | None = None
    managed_policies: list[str] = []
    managed_policies_mode: Literal["exclusive", "additive"] = "exclusive"
    inline_policies: dict[str, JsonObject] = {}
    inline_policies_mode: Literal["exclusive", "additive"] = "exclusive"
    prevent_destroy: YesOrNo = False
    deletion_policy: Literal["delete", "retain"] = "delete"
    revoke_sessions: Literal[False] = False

    @property
    def address(self) -> str:
        """Return the address of the declared role."""
        return f"role/{self.name}"


class ManagedPolicyManifest(Keys):
    """`kind: ManagedPolicy`."""

    kind: Literal["ManagedPolicy"]
    name: str
    account: str | None = None
    path: str = "/"
    description: str = ""
    tags: dict[str, str] = {}
    policy: JsonObject
    prevent_destroy: YesOrNo = False
    deletion_policy: Literal["delete", "retain"] = "delete"

    @property
    def address(self) -> str:
        """Return the address of the declared policy."""
        return f"managed_policy/{self.name}"


class RemovedManifest(Keys):
    """`kind: Removed`: an address that is given up; with `destroy: false` it is only forgotten."""

    kind: Literal["Removed"]
    address: str
    account: str | None = None
    destroy: YesOrNo = True


Manifest: TypeAlias = RoleManifest | ManagedPolicyManifest | RemovedManifest

MODELS: Mapping[str, type[RoleManifest | ManagedPolicyManifest | RemovedManifest]] = {
    "Role": RoleManifest,
    "ManagedPolicy": ManagedPolicyManifest,
    "Removed": RemovedManifest,
}
LATER_KINDS = ("InstanceProfile", "OidcProvider", "SamlProvider")
LATER_KEYS = ("grants", "expires_at")

_ADAPTERS: Mapping[
    str,
    TypeAdapter[list[RoleManifest]] | TypeAdapter[list[ManagedPolicyManifest]] | TypeAdapter[list[RemovedManifest]],
] = {
    "Role": TypeAdapter(list[RoleManifest]),
    "ManagedPolicy": TypeAdapter(list[ManagedPolicyManifest]),
    "Removed": TypeAdapter(list[RemovedManifest]),
}

SHORT = 40

EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return the question that a slip of the pen deserves, or None where nothing is near."""
    near = difflib.get_close_matches(word.lower(), {name.lower(): name for name in known}, n=1)
    return next((f"Did you mean {name}?" for name in known if near and name.lower() == near[0]), None)


def kind_of(value: Value) -> str | Problem:
    """Return the kind of a document, one that has a model, or what is wrong with it."""
    if not isinstance(value, dict):
        return Problem((), Code.RM109, f"A manifest is a mapping that begins with `kind:`, not {describe(value)}.")
    kind = value.get("kind")
    if kind is None:
        return Problem((), Code.RM108, "`kind` is missing: it says what is declared.", f"One of {_kinds()}.")
    if isinstance(kind, str) and kind in MODELS:
        return kind
    if kind in LATER_KINDS:
        return Problem(("kind",), Code.RM119, f"kind {kind} is not supported by this version.")
    remedy = did_you_mean(str(kind), MODELS) or f"One of {_kinds()}."
    return Problem(("kind",), Code.RM110, f"{kind} is not a kind of manifest.", remedy)


def _kinds() -> str:
    return ", ".join(MODELS)


def validate(kind: str, values: Sequence[Value]) -> list[Manifest | list[Problem]]:
    """Return each document of one kind as its model, or all that is wrong with its keys and types."""
    adapter = _ADAPTERS[kind]
    try:
        return list(adapter.validate_python(values))
    except ValidationError as error:
        found = _problems_by_index(error, kind, values)
    sound = [index for index in range(len(values)) if index not in found]
    models: dict[int, Manifest | list[Problem]] = dict(
        zip(sound, adapter.validate_python([values[index] for index in sound]), strict=True)
    )
    results = models | found
    return [results[index] for index in range(len(values))]


def _problems_by_index(error: ValidationError, kind: str, values: Sequence[Value]) -> dict[int, list[Problem]]:
    found: dict[int, list[Problem]] = {}
    for details in error.errors(include_url=False, include_context=True):
        index = int(details["loc"][0])
        found.setdefault(index, []).append(_problem(details, kind, values[index]))
    return found


def _problem(details: ErrorDetails, kind: str, document: Value) -> Problem:
    path = details["loc"][1:]
    match details["type"]:
        case "missing":
            return Problem(path[:-1], Code.RM108, f"`{path[-1]}` is missing.")
        case "extra_forbidden":
            return _unknown_key(path, kind)
        case "literal_error" if path == ("revoke_sessions",) and document["revoke_sessions"] is True:
            return Problem(path, Code.RM119, "`revoke_sessions: true` is not supported by this version.")
        case "literal_error":
            expected = str(details.get("ctx", {}).get("expected", "")).replace("'", "").replace("False", "false")
            return Problem(path, Code.RM109, f"{named(path)} is {expected}, not {describe(details['input'])}.")
        case "too_short":
            return Problem(path, Code.RM109, f"{named(path)} names at least one.")
        case "invalid_key":
            return Problem(path, Code.RM109, f"A key of {named(path[:-1])} is text.")
        case "list_type" if path[0] == "trust" and len(path) > 1:
            return _wrong_type(path, "text or a list of texts", details["input"])
        case other:
            return _wrong_type(path, EXPECTED.get(other, details["msg"]), details["input"])


def _wrong_type(path: Path, expected: str, found: Value) -> Problem:
    remedy = None
    if expected == "text" and isinstance(found, bool):
        remedy = f'Put it in quotes if the word is meant: "{str(found).lower()}".'
    elif expected == "true or false" and isinstance(found, str):
        remedy = "Only true and false are read as such, in small letters and without quotes."
    elif expected == "a whole number" and isinstance(found, str):
        remedy = "Write plain decimal digits, without quotes."
    return Problem(path, Code.RM109, f"{named(path)} is {expected}, not {describe(found)}.", remedy)


def _unknown_key(path: Path, kind: str) -> Problem:
    key = str(path[-1])
    if key in LATER_KEYS:
        return Problem(path, Code.RM119, f"`{key}` is not supported by this version.", at_key=True)
    known = TrustEntry.model_fields if path[0] == "trust" else MODELS[kind].model_fields
    where = "a trust entry" if path[0] == "trust" else f"kind {kind}"
    remedy = did_you_mean(key, known) or f"The keys are {', '.join(known)}."
    return Problem(path, Code.RM107, f"`{key}` is not a key of {where}.", remedy, at_key=True)


def named(path: Path) -> str:
    """Return a path as it is spoken of: `trust[0].user`."""
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return f"`{name.removeprefix('.')}`"


def describe(value: Value) -> str:
    """Return what a value is, in words; a short text as itself."""
    match value:
        case bool():
            return str(value).lower()
        case int():
            return f"the number {value}"
        case str() if len(value) <= SHORT:
            return f'the text "{value}"'
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "a mapping"
