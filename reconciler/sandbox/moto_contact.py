"""What the sandbox takes from moto, all of it in this module.

moto supplies what it is good at: the text of AWS's own managed policies, S3, and the calls of IAM
that are beside the sandbox's subject. Whatever IAM does with principals, documents, names, pages and
quotas is the sandbox's own. A test checks each name relied on here, so that a new moto that
moves one of them fails by name and not by accident.
"""

from __future__ import annotations

import json
import re
from base64 import b32encode
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Any, Final

from reconciler.sandbox.entities import ManagedPolicy, PolicyVersion

_AWS_POLICY: Final = re.compile(r"arn:(aws(?:-[a-z]+)*):iam::aws:policy(/.+)")


@cache
def _raw_policies() -> dict[str, dict[str, Any]]:
    # Five megabytes that most sandboxes never look at.
    from moto.iam.aws_managed_policies import aws_managed_policies_data  # noqa: PLC0415 - late

    raw: dict[str, dict[str, Any]] = json.loads(aws_managed_policies_data)
    return raw


def aws_managed_policy(arn: str) -> ManagedPolicy | None:
    """The AWS managed policy with this ARN, in any partition."""
    found = _AWS_POLICY.fullmatch(arn)
    if found is None:
        return None
    return _aws_managed_policy(found[1], found[2])


@cache
def _aws_managed_policy(partition: str, path_and_name: str) -> ManagedPolicy | None:
    path, _, name = path_and_name.rpartition("/")
    raw = _raw_policies().get(name)
    if raw is None or raw["Path"] != f"{path}/":
        return None
    return _policy_from(name, raw, partition)


def aws_managed_policies(partition: str) -> list[ManagedPolicy]:
    """All AWS managed policies."""
    found = [_aws_managed_policy(partition, raw["Path"] + name) for name, raw in _raw_policies().items()]
    return [policy for policy in found if policy is not None]


def _policy_from(name: str, raw: dict[str, Any], partition: str) -> ManagedPolicy:
    created, version = datetime.fromisoformat(raw["CreateDate"]), raw["DefaultVersionId"]
    text = json.dumps(raw["Document"]).replace("arn:aws:", f"arn:{partition}:")
    arn = f"arn:{partition}:iam::aws:policy{raw['Path']}{name}"
    return ManagedPolicy(
        policy_id=f"ANPA{_stable_id(arn)}",
        arn=arn,
        name=name,
        path=raw["Path"],
        created=created,
        updated=datetime.fromisoformat(raw["UpdateDate"]),
        description=raw.get("Description"),
        versions=(PolicyVersion(version_id=version, document=text, created=created),),
        default_version=version,
        next_version=int(version[1:]) + 1,
    )


def _stable_id(arn: str) -> str:
    return b32encode(sha256(arn.encode()).digest()).decode()[:17]
