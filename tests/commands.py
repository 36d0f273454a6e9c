"""Running a command as a user would: in this process, or in one of its own; and what it leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias
from unittest.mock import patch

import pytest
from botocore.loaders import create_loader

from reconciler.cli import main


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as a program reads it."""
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """The last line of the result."""
        return self.out.rstrip("\n").rpartition("\n")[2]


Run: TypeAlias = Callable[..., Finished]


_lend_models = cache(create_loader)


def runner(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs a command in this process.

    All of them share what botocore has read of its models: to read them takes longer than a command does.
    """

    def run(*arguments: str) -> Finished:
        capsys.readouterr()
        with patch("botocore.session.create_loader", _lend_models):
            code = main(arguments)
        written = capsys.readouterr()
        return Finished(code, written.out, written.err)

    return run


def run_process(*arguments: str, **environment: str) -> Finished:
    """Run a command in a process of its own, with these variables besides."""
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", *arguments],
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
        encoding="utf-8",
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def imported_by(*arguments: str) -> set[str]:
    """Return the top-level names of all that a command imports, as `-X importtime` tells it."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "reconciler", *arguments],
        capture_output=True,
        check=True,
        text=True,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
