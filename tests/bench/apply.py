"""What many changes cost: plans and applies of a whole life of an account, beside the same of one a fifth as large.

    python -m tests.bench.apply COUNT

is the account: a sandbox with its users and room for so many roles, which prints its address once it listens, and
serves until its standard input is closed. Sandbox and program are processes of their own, so that only the program is
measured. Everything is shown, made, found to be made when it is applied once more, tagged anew, and a fifth of it is
deleted; a policy that is attached to a part of the roles is changed. What an object costs may not grow with how many
there are.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.sandbox import Sandbox
from tests.bench.account import ACCOUNT, TEAM_POLICIES, TEAMS, USERS, BenchRole
from tests.bench.measure import Contestant, Cost, run, say, serving

PART = 5
MOST_TIMES = 1.3
MOST_MEGABYTES = 700


@dataclass(frozen=True)
class Step:
    """What is measured: its name, its command, how many objects it is about, and what it says at its end."""

    name: str
    command: tuple[str, ...]
    objects: int
    says: str


def bench(count: int) -> bool:
    """Measure and print; whether what an object costs is about the same among few and among so many."""
    few, many = life(count // PART), life(count)
    say(f"{'':<24} {count // PART:>9} {count:>20} roles")
    fine = [told(*pair) for pair in zip(few, many, strict=True)]
    most = max(cost.megabytes for _, cost in many)
    say(f"limits of applies        {MOST_TIMES} times for each object, {most:.0f} of {MOST_MEGABYTES} MB")
    return all(fine) and most <= MOST_MEGABYTES


def told(few: tuple[Step, Cost], many: tuple[Step, Cost]) -> bool:
    """Print what a step cost among few and among many; whether an object costs about the same in both."""
    (step, cheap), (last, dear) = few, many
    times = (dear.seconds / last.objects) / (cheap.seconds / step.objects)
    say(
        f"{step.name:<24} {cheap.seconds:6.2f} CPU s {dear.seconds:6.2f} CPU s {dear.megabytes:6.0f} MB"
        f" {dear.calls:7} calls  {times:5.2f} x for each"
    )
    return times <= MOST_TIMES


def life(count: int) -> list[tuple[Step, Cost]]:
    """Return what each step of an account's life cost."""
    with tempfile.TemporaryDirectory() as name, serving("tests.bench.apply", str(count)) as endpoint:
        folder = Path(name)
        found = []
        for step in steps(count, folder / "manifests"):
            cost = run(Contestant(step.name, step.command, folder, endpoint, step.says))
            found.append((step, cost))
    return found


def steps(count: int, manifests: Path) -> Iterator[Step]:
    """Yield the steps, each after the manifests were brought to where it begins."""
    made = f"Plan: {count + TEAMS} to add"
    write(manifests, count)
    yield Step("plan of what is new", reconciler("plan", "--out", "plan.json"), count, made)
    yield Step("the same as JSON", reconciler("plan", "--format", "json"), count, '"fingerprint"')
    yield Step("show", ("reconciler", "show", "plan.json"), count, made)
    yield Step("apply of that", reconciler("apply", "plan.json"), count, f"{count + TEAMS} added, 0 changed")
    yield Step("apply once more", reconciler("apply", "--auto-approve"), count, "0 added, 0 changed, 0 destroyed")
    write_policies(manifests, "s3:Get*")
    yield Step("apply of team policies", reconciler("apply", "--auto-approve"), count, f"{TEAMS} changed")
    write(manifests, count, stage="test")
    yield Step("apply of a tag", reconciler("apply", "--auto-approve"), count, f"{count} changed")
    for number in range(count // PART):
        (manifests / f"{BenchRole(number).name}.yaml").unlink()
    gone = f"{count // PART} to destroy"
    yield Step("plan of a fifth less", reconciler("plan", "--allow-mass-delete"), count, gone)
    deleting = reconciler("apply", "--auto-approve", "--allow-mass-delete")
    yield Step("apply of that", deleting, count // PART, f"{count // PART} destroyed")


def reconciler(command: str, *options: str) -> tuple[str, ...]:
    """Return a command line of the program for the account."""
    return ("reconciler", command, *options, "--account", ACCOUNT)


def write(manifests: Path, count: int, *, stage: str = "prod") -> None:
    """Write a file for each role, and for each team's policy where there is none."""
    manifests.mkdir(exist_ok=True)
    for number in range(count):
        role = BenchRole(number)
        text = role.manifest().replace("stage: prod", f"stage: {stage}")
        (manifests / f"{role.name}.yaml").write_text(text, encoding="utf-8")
    if not any(manifests.glob("team-*")):
        write_policies(manifests, "s3:List*")


def write_policies(manifests: Path, action: str) -> None:
    """Write what the policies of all teams allow."""
    for arn in TEAM_POLICIES:
        name = arn.rpartition("/")[2]
        statement = f'{{Effect: Allow, Action: "{action}", Resource: "*"}}'
        text = f'kind: ManagedPolicy\nname: {name}\npolicy: {{Version: "2012-10-17", Statement: [{statement}]}}\n'
        (manifests / f"{name}.yaml").write_text(text, encoding="utf-8")


def main() -> None:
    """Serve an account with room for so many roles."""
    box = Sandbox(quotas={"RolesQuota": int(sys.argv[1]), "AttachedPoliciesPerRoleQuota": 20})
    account = box.account(ACCOUNT)
    for number in range(USERS):
        account.create_user(f"user-{number:03d}")
    with box.serve() as server:
        print(server.url, flush=True)  # noqa: T201  the address, for the bench
        sys.stdin.read()


if __name__ == "__main__":
    main()
