"""Where the second opinions are installed, and what happens where they are not.

`make opinions` puts them into .venv/opinions; `make ci` does so and insists. Elsewhere a test whose opinion is not
installed is skipped, with what to install.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.opinions.emulators import Emulator, ministack
from tests.opinions.simulator import Simulator

INSTALLED = Path(__file__).parents[2] / ".venv" / "opinions"


def unavailable(reason: str) -> NoReturn:
    """Skip the test; or fail it, where the opinions are required."""
    if os.environ.get("SECOND_OPINIONS") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    """iam-simulate, in one process for all cases."""
    if shutil.which("node") is None:
        unavailable("node is not installed (Debian and Ubuntu: apt-get install nodejs npm), then: make opinions")
    if not (INSTALLED / "node_modules").is_dir():
        unavailable("iam-simulate is not installed: make opinions")
    with Simulator(INSTALLED) as running:
        yield running


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """ministack, listening on the loopback."""
    python = INSTALLED / "python" / "bin" / "python"
    if not python.exists():
        unavailable("ministack is not installed: make opinions")
    with ministack(python, tmp_path_factory.mktemp("ministack")) as running:
        yield running
