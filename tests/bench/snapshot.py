"""Reading alone: the live account as one value, for the bench to tell where the time of a plan goes.

python -m tests.bench.snapshot ENDPOINT
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from reconciler.iam import Aws
from reconciler.snapshot import read_snapshot


def main() -> None:
    """Read the account, and say how many roles it has."""
    aws = Aws.connect(endpoint_url=sys.argv[1])
    iam = aws.account(aws.caller().account, read_only=True)
    taken = read_snapshot(iam, with_policies=False, clock=lambda: datetime(2026, 11, 24, tzinfo=UTC))
    print(f"{len(taken.roles)} roles")  # noqa: T201  the result


if __name__ == "__main__":
    main()
