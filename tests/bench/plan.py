"""What a plan without changes costs, beside the least that it could be.

As many roles in as many files, canned pages from a server of its own, all owned after one apply. Then the
minimal program, reading alone, and `reconciler plan`, in turn, several times.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.bench.account import ACCOUNT, write_manifests
from tests.bench.measure import Contestant, compare, own_everything, say, serving

MOST_TIMES = 2.2
MOST_MEGABYTES = 300


def bench(count: int) -> bool:
    """Measure and print; whether the plan of so many roles is within its limits."""
    with tempfile.TemporaryDirectory() as name, serving("tests.bench.server", str(count)) as endpoint:
        folder = Path(name)
        write_manifests(folder / "manifests", count)
        own_everything(folder, endpoint)
        floor, _, plan = compare(contestants(folder, endpoint, count))
    times = plan.seconds / floor.seconds
    say(f"limits of plan           {times:.2f} of {MOST_TIMES} times, {plan.megabytes:.0f} of {MOST_MEGABYTES} MB")
    return times <= MOST_TIMES and plan.megabytes <= MOST_MEGABYTES


def contestants(folder: Path, endpoint: str, count: int) -> tuple[Contestant, ...]:
    """Return who takes part."""
    minimal = ["tests.bench.minimal", "manifests", endpoint]
    plan = ["reconciler", "plan", "--account", ACCOUNT]
    return (
        Contestant("minimal program", minimal, folder, endpoint, f"{count} roles, 0 differ"),
        Contestant("reading alone", ["tests.bench.snapshot", endpoint], folder, endpoint, f"{count} roles"),
        Contestant("reconciler plan", plan, folder, endpoint, "No changes."),
    )
