"""What the benches share: programs that take turns in processes of their own, and what each of them cost.

CPU seconds of the best round and the largest resident memory. Wall time is nobody's business: it is the machine's.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.account import ACCOUNT

ROUNDS = 3
CALLS = re.compile(r"^(\d+) calls to AWS", re.MULTILINE)
HERE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Contestant:
    """A program to measure: its name, how and where it is run, and what it says and its exit when it has done the work.

    ``command`` is what follows `python -m`; ``endpoint`` is where it finds IAM.
    """

    name: str
    command: Sequence[str]
    folder: Path
    endpoint: str
    says: str
    code: int = 0


@dataclass(frozen=True)
class Cost:
    """What a run cost: CPU seconds, its own and the system's for it, and peak resident memory in megabytes.

    `calls` is how many calls to AWS it said were answered, 0 where it said nothing of them.
    """

    seconds: float
    megabytes: float
    calls: int = 0


def run(contestant: Contestant) -> Cost:
    """Run a contestant to its end, see that it did what it should, and return what it cost."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-m", *contestant.command],
            cwd=contestant.folder,
            env=surroundings(contestant.endpoint),
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode(errors="replace")
    if process.returncode != contestant.code or contestant.says not in text:
        sys.exit(f"{contestant.name} ended with {process.returncode} and said:\n{text[-2_000:]}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, _calls_in(text))


def _calls_in(text: str) -> int:
    said = CALLS.search(text)
    return int(said[1]) if said else 0


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
def serving(*command: str) -> Iterator[str]:
    """Run a server, `python -m ...`, in a process of its own, and yield the address that it prints."""
    server = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    with server:  # leaving closes its standard input, which ends it
        yield server.stdout.readline().strip()


def measure(contestants: Sequence[Contestant]) -> list[Cost]:
    """Return the cost of each: they take turns, so that a busy minute of the machine is everybody's."""
    rounds = [[run(each) for each in contestants] for _ in range(ROUNDS)]
    return [
        Cost(min(cost.seconds for cost in costs), max(cost.megabytes for cost in costs), costs[0].calls)
        for costs in zip(*rounds, strict=True)
    ]


def own_everything(folder: Path, endpoint: str) -> None:
    """Import all roles, so that the state remembers them and the plan has nothing to do; not measured."""
    apply = ["reconciler", "apply", "--auto-approve", "--account", ACCOUNT]
    run(Contestant("reconciler apply", apply, folder, endpoint, "Apply complete!"))


def compare(contestants: Sequence[Contestant]) -> list[Cost]:
    """Measure, print what each cost beside the first, and return it."""
    costs = measure(contestants)
    for contestant, cost in zip(contestants, costs, strict=True):
        times = cost.seconds / costs[0].seconds
        say(f"{contestant.name:<24} {cost.seconds:6.2f} CPU s  {times:5.2f} x  {cost.megabytes:6.0f} MB")
    return costs


def say(line: str) -> None:
    """Write a line of the result."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
