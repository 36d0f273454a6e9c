"""The keys of a manifest and the types of their values, one model a kind.

Where text is wanted a plain number is as good as text: account IDs (under `Principal`, too), external IDs, versions and
tag values keep their digits. Nothing else is converted. What IAM says of the values (names, lengths, characters) is in
`rules`, policy documents in `document`, trust entries in `trust`; `mend` tells what is wrong with keys and types.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from reconciler.manifest.reading import Value
from reconciler.model.role import DEFAULT_SESSION_DURATION

JsonObject: TypeAlias = dict[str, Any]
WholeNumber: TypeAlias = Annotated[int, Field(strict=True)]
YesOrNo: TypeAlias = Annotated[bool, Field(strict=True)]


def _listed(value: Value) -> Value:
    return [value] if isinstance(value, str | int) and not isinstance(value, bool) else value


def _without_numbers(statement: Value) -> Value:
    """Return a statement with account IDs that were written as numbers as the text that `Principal` holds."""
    principal = statement.get("Principal") if isinstance(statement, dict) else None
    if not isinstance(principal, dict):
        return statement
    return {**statement, "Principal": {key: _as_text(named) for key, named in principal.items()}}


def _as_text(named: Value) -> Value:
    if isinstance(named, list):
        return list(map(_as_text, named))
    return str(named) if isinstance(named, int) and not isinstance(named, bool) else named


def _trusting(policy: Value) -> Value:
    match policy:
        case {"Statement": list(statements)}:
            return {**policy, "Statement": list(map(_without_numbers, statements))}
        case {"Statement": statement}:
            return {**policy, "Statement": _without_numbers(statement)}
        case _:
            return policy


Statement: TypeAlias = Annotated[JsonObject, BeforeValidator(_without_numbers, json_schema_input_type=JsonObject)]
TrustPolicy: TypeAlias = Annotated[JsonObject, BeforeValidator(_trusting, json_schema_input_type=JsonObject)]
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
    statement: Statement | None = None
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
    trust_policy: TrustPolicy | None = None
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

MODELS: Mapping[str, type[Manifest]] = {
    "Role": RoleManifest,
    "ManagedPolicy": ManagedPolicyManifest,
    "Removed": RemovedManifest,
}
HEADS = frozenset({"account", "user", "role", "permission_set", "organization", "service", "oidc", "saml", "statement"})
LATER_KINDS = ("InstanceProfile", "OidcProvider", "SamlProvider")
LATER_KEYS = ("grants", "expires_at")

_ADAPTERS: Mapping[str, TypeAdapter[list[Manifest]]] = {
    kind: TypeAdapter(list[model])  # type: ignore[valid-type]  # a model is a type, known only while running
    for kind, model in MODELS.items()
}


def validate(kind: str, values: Sequence[Value]) -> list[Manifest | None]:
    """Return each document of one kind as its model, or None where something is wrong with its keys or types."""
    adapter = _ADAPTERS[kind]
    try:
        return list(adapter.validate_python(values))
    except ValidationError as error:
        wrong = {int(details["loc"][0]) for details in error.errors(include_url=False, include_context=False)}
    sound = [index for index in range(len(values)) if index not in wrong]
    models: dict[int, Manifest] = dict(
        zip(sound, adapter.validate_python([values[index] for index in sound]), strict=True)
    )
    return [models.get(index) for index in range(len(values))]
