"""The benches, each figure printed with its limit; exit 1 beyond one.

    python -m tests.bench [--roles N] [plan] [drift] [sandbox] [apply] [fleet]

    plan       a plan without changes beside the least that it could be; memory
    drift      drift with orphans beside drift without
    sandbox    its server beside moto's own; seeding
    apply      many changes beside a fifth of them; takes a long time, a quarter of an hour for 5,000 roles
    fleet      a plan of twenty accounts without changes beside one account that is as large as all of them

Which says none runs the first three. What each measures and how is told by the module of its name.
"""

from __future__ import annotations

import argparse
import sys

from tests.bench import apply, drift, fleet, plan, sandbox

BENCHES = {
    "plan": plan.bench,
    "drift": drift.bench,
    "sandbox": sandbox.bench,
    "apply": apply.bench,
    "fleet": fleet.bench,
}
USUAL = ("plan", "drift", "sandbox")
ROLES = 5_000


def main() -> None:
    """Run the benches that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure, and exit 1 over a limit.")
    parser.add_argument(
        "benches", nargs="*", metavar="BENCH", help=f"{', '.join(BENCHES)}; without any: {', '.join(USUAL)}"
    )
    parser.add_argument("--roles", type=int, default=ROLES, help="how many roles the account has (%(default)s)")
    asked = parser.parse_args()
    if unknown := [name for name in asked.benches if name not in BENCHES]:
        parser.error(f"no such bench: {', '.join(unknown)}")
    fine = [BENCHES[name](asked.roles) for name in asked.benches or USUAL]
    sys.exit(not all(fine))


if __name__ == "__main__":
    main()
