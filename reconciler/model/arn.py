"""Partitions, accounts and ARNs: the names that AWS gives to things.

An ARN is `arn:partition:service:region:account:resource`. IAM is global, so its ARNs have no region:
`arn:aws:iam::111122223333:role/path/name`. The partition (`aws`, `aws-cn`, `aws-us-gov`, ...) is never assumed: it
comes from the credentials or from the ARN at hand (IAM User Guide, reference-arns).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ACCOUNT_ID = re.compile(r"[0-9]{12}", re.ASCII)
_PARTS = 6
PARTITION = re.compile(r"aws(-[a-z0-9]+)*", re.ASCII)


def is_account_id(text: str) -> bool:
    """Tell whether the text is an account ID: exactly twelve ASCII digits."""
    return ACCOUNT_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, order=True)
class Arn:
    """An ARN taken apart; `resource` keeps everything after the fifth colon."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        """Return the ARN as AWS writes it."""
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"

    @property
    def kind(self) -> str:
        """Return the type of the resource: `role` of `role/path/name`, empty where there is none."""
        kind, slash, _ = self.resource.partition("/")
        return kind if slash else ""

    @property
    def name(self) -> str:
        """Return the last segment of the resource: `name` of `role/path/name`."""
        return self.resource.rpartition("/")[2]

    @property
    def path(self) -> str:
        """Return the path between type and name, with both slashes: `/path/` of `role/path/name`."""
        segments = self.resource.split("/")[1:-1]
        return "/" + "".join(f"{segment}/" for segment in segments)


def without_path(arn: str) -> str:
    """Return an ARN less its path: IAM tells names apart without it (IAM User Guide, reference_identifiers).

    So a role is the same wherever it moves; and a session, whose ARN does not tell the path, is that role's.
    """
    head, _, rest = arn.partition("/")
    return f"{head}/{rest.rpartition('/')[2]}"


def parse_arn(text: str) -> Arn | None:
    """Return the parts of an ARN, or None where the text has not the form of one."""
    parts = text.split(":", _PARTS - 1)
    if len(parts) != _PARTS or parts[0] != "arn" or not PARTITION.fullmatch(parts[1]) or not parts[2] or not parts[5]:
        return None
    return Arn(*parts[1:])


def iam_arn(*, partition: str, account: str, kind: str, path: str, name: str) -> str:
    """Return the ARN of an IAM entity: `kind` is `role`, `user`, `group`, `policy`, ...; `path` has both slashes."""
    return f"arn:{partition}:iam::{account}:{kind}{path}{name}"


def root_arn(partition: str, account: str) -> str:
    """Return the ARN that stands for a whole account in a `Principal`."""
    return f"arn:{partition}:iam::{account}:root"
