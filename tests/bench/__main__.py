"""What a plan without changes costs, beside the least that it could be.

    python -m tests.bench [ROLES]

As many roles in as many files, canned pages from a server of its own, all owned after one apply. Then the
minimal program, reading alone, and `reconciler plan`, each in a process of its own, in turn, several times:
CPU seconds of the best round and the largest resident memory. Wall time is nobody's business: it is the
machine's. Exit 1 over a limit.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.account import ACCOUNT, write_manifests

ROLES = 5_000
ROUNDS = 3
MOST_TIMES = 2.2
MOST_MEGABYTES = 300
HERE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Contestant:
    """A program to measure: what it is called, how it is run, and what it says when it has done the work."""

    name: str
    command: Sequence[str]
    says: str


@dataclass(frozen=True)
class Cost:
    """What a run cost: CPU seconds, its own and the system's for it, and peak resident memory in megabytes."""

    seconds: float
    megabytes: float


def run(contestant: Contestant, *, folder: Path, endpoint: str) -> Cost:
    """Run a contestant to its end, see that it did what it should, and return what it cost."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            contestant.command, cwd=folder, env=surroundings(endpoint), stdout=said, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode(errors="replace")
    if process.returncode != 0 or contestant.says not in text:
        sys.exit(f"{contestant.name} ended with {process.returncode} and said:\n{text[-2_000:]}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def surroundings(endpoint: str) -> dict[str, str]:
    """Return the environment of every contestant: nothing of the developer's AWS settings, and Python as it comes.

    Where Python may not keep what it compiled, every start would compile the program anew.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "RECONCILER_", "PYTHON")) and name != "CI"
    }
    return kept | {
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": endpoint,
        "PYTHONPATH": str(HERE),
    }


@contextmanager
def canned_pages(count: int) -> Iterator[str]:
    """Serve the account from another process, and yield its address."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.server", str(count)],
        cwd=HERE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    with server:  # leaving closes its standard input, which ends it
        yield server.stdout.readline().strip()


def measure(contestants: Sequence[Contestant], *, folder: Path, endpoint: str) -> list[Cost]:
    """Return the cost of each: they take turns, so that a busy minute of the machine is everybody's."""
    rounds = [[run(each, folder=folder, endpoint=endpoint) for each in contestants] for _ in range(ROUNDS)]
    return [
        Cost(min(cost.seconds for cost in costs), max(cost.megabytes for cost in costs))
        for costs in zip(*rounds, strict=True)
    ]


def contestants(endpoint: str, count: int) -> tuple[Contestant, ...]:
    """Return who takes part."""
    python = sys.executable
    return (
        Contestant(
            "minimal program", [python, "-m", "tests.bench.minimal", "manifests", endpoint], f"{count} roles, 0 differ"
        ),
        Contestant("reading alone", [python, "-m", "tests.bench.snapshot", endpoint], f"{count} roles"),
        Contestant("reconciler plan", [python, "-m", "reconciler", "plan", "--account", ACCOUNT], "No changes."),
    )


def own_everything(folder: Path, endpoint: str) -> None:
    """Import all roles, so that the state remembers them and the plan has nothing to do; not measured."""
    apply = [sys.executable, "-m", "reconciler", "apply", "--auto-approve", "--account", ACCOUNT]
    run(Contestant("reconciler apply", apply, "Apply complete!"), folder=folder, endpoint=endpoint)


def report(who: Sequence[Contestant], costs: Sequence[Cost]) -> bool:
    """Print what each cost, and return whether the last one, the plan, is within its limits."""
    floor, plan = costs[0], costs[-1]
    for contestant, cost in zip(who, costs, strict=True):
        times = cost.seconds / floor.seconds
        say(f"{contestant.name:<16} {cost.seconds:6.2f} CPU s  {times:5.2f} x  {cost.megabytes:6.0f} MB")
    times = plan.seconds / floor.seconds
    say(f"limits           {times:5.2f} of {MOST_TIMES} times, {plan.megabytes:.0f} of {MOST_MEGABYTES} MB")
    return times <= MOST_TIMES and plan.megabytes <= MOST_MEGABYTES


def say(line: str) -> None:
    """Write a line of the result."""
    sys.stdout.write(line + "\n")


def main() -> None:
    """Measure, print, and exit 1 over a limit."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ROLES
    with tempfile.TemporaryDirectory() as name, canned_pages(count) as endpoint:
        folder = Path(name)
        write_manifests(folder / "manifests", count)
        own_everything(folder, endpoint)
        who = contestants(endpoint, count)
        fine = report(who, measure(who, folder=folder, endpoint=endpoint))
    sys.exit(not fine)


if __name__ == "__main__":
    main()
