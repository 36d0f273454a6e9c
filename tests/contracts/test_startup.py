"""Start-up is paid on every run, so what only some runs need is not imported by the others."""

import subprocess
import sys

import pytest

HEAVY = {"boto3", "botocore", "moto", "deepdiff", "rich"}


def imported_by(*command: str) -> set[str]:
    """Top-level names of all that `python -m reconciler COMMAND` imports, as `-X importtime` tells it."""
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "reconciler", *command],
        capture_output=True,
        check=True,
        text=True,
    )
    lines = [line for line in run.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.mark.parametrize("command", ["version", "--help"])
def test_asking_what_it_is_loads_nothing_that_reaches_aws_or_draws(command: str) -> None:
    imported = imported_by(command)

    assert "reconciler" in imported
    assert imported.isdisjoint(HEAVY), sorted(imported & HEAVY)
