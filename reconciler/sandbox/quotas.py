"""The quotas of an account, under the names that GetAccountSummary gives them.

Defaults are those of a fresh account (recorded answer of GetAccountSummary; IAM User Guide,
reference_iam-quotas). A test or a user may raise or lower any of them; the summary tells the
truth about what is in force. Lengths are characters, white space not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.sandbox.errors import IamError, over_quota

DEFAULTS: Final[Mapping[str, int]] = {
    "AccessKeysPerUserQuota": 2,
    "AssumeRolePolicySizeQuota": 2048,
    "AttachedPoliciesPerGroupQuota": 10,
    "AttachedPoliciesPerRoleQuota": 10,
    "AttachedPoliciesPerUserQuota": 10,
    "GroupPolicySizeQuota": 5120,
    "GroupsPerUserQuota": 10,
    "GroupsQuota": 300,
    "InstanceProfilesQuota": 1000,
    "PoliciesQuota": 1500,
    "PolicySizeQuota": 6144,
    "PolicyVersionsInUseQuota": 10000,
    "RolePolicySizeQuota": 10240,
    "RolesQuota": 1000,
    "ServerCertificatesQuota": 20,
    "SigningCertificatesPerUserQuota": 2,
    "UserPolicySizeQuota": 2048,
    "UsersQuota": 5000,
    "VersionsPerPolicyQuota": 5,
}

UNLISTED: Final[Mapping[str, int]] = {
    "ClientIdsPerOpenIdConnectProviderQuota": 100,
    "OpenIdConnectProvidersQuota": 100,
    "RolesPerInstanceProfileQuota": 1,
    "SamlProvidersQuota": 100,
    "TagsQuota": 50,
    "ThumbprintsPerOpenIdConnectProviderQuota": 5,
}
"""Limits that IAM holds to, and that GetAccountSummary does not name."""


RAISED: Final[Mapping[str, int]] = {
    "AssumeRolePolicySizeQuota": 8192,
    "AttachedPoliciesPerRoleQuota": 25,
    "AttachedPoliciesPerUserQuota": 20,
    "GroupsQuota": 500,
    "InstanceProfilesQuota": 10_000,
    "PoliciesQuota": 10_000,
    "RolesQuota": 10_000,
}
"""What adjustable quotas can be raised to, by the highest that anybody reports."""


class Quotas:
    """The quotas in force. `overrides` may name any of `DEFAULTS` and `UNLISTED`."""

    def __init__(self, overrides: Mapping[str, int] | None = None) -> None:
        self._values = {**DEFAULTS, **UNLISTED}
        self.set(overrides or {})

    def __getitem__(self, name: str) -> int:
        return self._values[name]

    def set(self, overrides: Mapping[str, int]) -> None:
        """Change some quotas; an unknown name is a ValueError that lists the known ones."""
        unknown = sorted(set(overrides) - set(self._values))
        if unknown:
            raise ValueError(f"unknown quotas {unknown}; known are {sorted(self._values)}")
        self._values.update(overrides)

    def fit(self, held: Mapping[str, int]) -> None:
        """Take an account that holds more than a default allows for one whose quota was raised."""
        for name, amount in held.items():
            if amount > self._values[name]:
                self._values[name] = max(amount, RAISED.get(name, 0))

    def listed(self) -> dict[str, int]:
        """What GetAccountSummary says of quotas."""
        return {name: self._values[name] for name in DEFAULTS}

    def changed(self) -> dict[str, int]:
        """The quotas that differ from the defaults."""
        usual = {**DEFAULTS, **UNLISTED}
        return {name: value for name, value in self._values.items() if value != usual[name]}

    def check_count(self, name: str, *, held: int, label: str | None = None) -> None:
        """Refuse one more of something of which `held` are there."""
        limit = self._values[name]
        if held >= limit:
            raise over_quota(label or name.removesuffix("Quota"), limit)

    def check_size(self, name: str, *, text: str, label: str) -> None:
        """Refuse a document longer than its quota."""
        limit = self._values[name]
        if size(text) > limit:
            raise over_quota(label, limit)

    def check_inline(self, name: str, *, texts: list[str], kind: str, owner: str) -> None:
        """Refuse inline policies that are together longer than their quota."""
        limit = self._values[name]
        if sum(map(size, texts)) > limit:
            raise IamError("LimitExceeded", f"Maximum policy size of {limit} bytes exceeded for {kind} {owner}")


def size(text: str) -> int:
    """Characters that count toward a quota: all but white space."""
    return sum(map(len, text.split()))
