"""The benches, each figure printed with its limit; exit 1 beyond one.

    python -m tests.bench [--roles N] [plan] [drift] [sandbox]

    plan       a plan without changes beside the least that it could be; memory
    drift      drift with orphans beside drift without
    sandbox    its server beside moto's own; seeding

Which says none runs all. What each measures and how is told by the module of its name.
"""

from __future__ import annotations

import argparse
import sys

from tests.bench import drift, plan, sandbox

BENCHES = {"plan": plan.bench, "drift": drift.bench, "sandbox": sandbox.bench}
ROLES = 5_000


def main() -> None:
    """Run the benches that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure, and exit 1 over a limit.")
    parser.add_argument("benches", nargs="*", metavar="BENCH", help=f"{', '.join(BENCHES)}; all if none is said")
    parser.add_argument("--roles", type=int, default=ROLES, help="how many roles the account has (%(default)s)")
    asked = parser.parse_args()
    if unknown := [name for name in asked.benches if name not in BENCHES]:
        parser.error(f"no such bench: {', '.join(unknown)}")
    fine = [BENCHES[name](asked.roles) for name in asked.benches or BENCHES]
    sys.exit(not all(fine))


if __name__ == "__main__":
    main()
