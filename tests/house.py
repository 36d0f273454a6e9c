"""What every house of the tests stands on: a folder of manifests and a state, a sandbox, and the time in the hand.

Nothing sleeps: waiting moves the sandbox's clock on, which is the clock of the engine as well.
"""

from __future__ import annotations

import random
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reconciler.config import Config
from reconciler.engine import Settings
from reconciler.sandbox import Account, Sandbox
from tests.lending import LendingSession

OWN = "111122223333"
# Ahead of every real clock: botocore takes credentials that have run out by its own for useless.
START = datetime(2126, 11, 24, 10, tzinfo=UTC)


class Ground:
    """One folder and one sandbox, and the settings that lead the engine to both."""

    def __init__(self, folder: Path, box: Sandbox) -> None:
        self.folder = folder
        self.box = box
        self.account: Account = box.account(OWN)
        self.session: Any = LendingSession(box)
        self.config = Config()
        self.manifests = folder / "manifests"
        self.manifests.mkdir(exist_ok=True, parents=True)

    def write(self, name: str, text: str) -> None:
        """Write a manifest, in place of what was there under that name."""
        file = self.manifests / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))

    def read(self, name: str) -> str:
        """Return what stands in a manifest."""
        return (self.manifests / name).read_text()

    def remove(self, name: str) -> None:
        """Take a manifest away."""
        (self.manifests / name).unlink()

    def settings(self, **changed: Any) -> Settings:
        """Return what the engine needs, with the time and the sandbox in it."""
        usual: dict[str, Any] = {
            "manifests": Path("manifests"),
            "state": "state",
            "config": self.config,
            "clock": self.box.clock,
            "session": self.session,
            "sleep": self.box.advance,
            "monotonic": lambda: self.box.clock().timestamp(),
            "randomness": random.Random(0),
            "cwd": self.folder,
        }
        return Settings(**usual | changed)
