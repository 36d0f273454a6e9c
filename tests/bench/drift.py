"""What orphans cost: drift of an account in trouble beside drift of the same account before.

Both own everything after one apply, so the ledger knows everybody. Then a tenth of the roles trusts a dead ID, of
each standing in turn (`tests.bench.account.Fate`).
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tests.bench.account import ACCOUNT, USERS, fate_of, write_manifests
from tests.bench.measure import Contestant, compare, own_everything, run, say, serving

MOST_TIMES = 1.3


def bench(count: int) -> bool:
    """Measure and print; whether drift of so many roles is not much dearer for orphans."""
    with (
        tempfile.TemporaryDirectory() as name,
        serving("tests.bench.server", str(count)) as before,
        serving("tests.bench.server", str(count), "troubled") as after,
    ):
        calm, troubled = Path(name) / "calm", Path(name) / "troubled"
        write_manifests(calm / "manifests", count)
        own_everything(calm, before)
        shutil.copytree(calm, troubled)
        command, orphans = ("reconciler", "drift", "--account", ACCOUNT), orphans_of(count)
        found = f"{orphans} orphaned principals, {count} roles scanned"
        quiet = Contestant("drift", command, calm, before, f"No drift. {count} roles scanned.")
        loud = Contestant(f"drift with {orphans} orphans", command, troubled, after, found, code=2)
        run(loud)  # notes who has died, as the first drift does
        costs = compare((quiet, loud))
    times = costs[1].seconds / costs[0].seconds
    say(f"limit of drift           {times:.2f} of {MOST_TIMES} times")
    return times <= MOST_TIMES


def orphans_of(count: int) -> int:
    """Return how many of so many roles trust a user that has a fate."""
    return sum(fate_of(number % USERS) is not None for number in range(count))
