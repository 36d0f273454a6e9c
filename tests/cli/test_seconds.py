"""How long a command waits: a number that makes sense, and said where it is long."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.cli import options
from reconciler.engine import Settings
from tests.commands import Run

SHUT = """\
kind: Role
name: deployer
trust: [{account: "123456789013"}]
inline_policies: {p: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:GetObject", Resource: "*"}]}}
"""


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("given", ["inf", "nan", "-nan", "1e308", "1e999", "86401", "-1", "-inf"])
@pytest.mark.parametrize("option", ["--settle", "--lock-timeout"])
def test_a_wait_without_end_or_measure_is_refused(option: str, given: str, run: Run) -> None:
    done = run("apply", f"{option}={given}", "--auto-approve")

    assert done.code == 1
    assert "RM122" in done.err
    assert option in done.err


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was slept; nobody waits for it."""
    naps: list[float] = []
    settings = options.Common.settings

    def hurried(common: options.Common) -> Settings:
        return replace(settings(common), sleep=naps.append)

    monkeypatch.setattr(options.Common, "settings", hurried)
    return naps


@pytest.mark.usefixtures("box")
def test_a_long_wait_is_said_before_it_begins(run: Run, folder: Path, slept: list[float]) -> None:
    assert run("apply", "--auto-approve").code == 0
    (folder / "manifests" / "deployer.yaml").write_text(SHUT)

    done = run("apply", "--auto-approve", "--settle", "60")

    assert done.code == 0
    assert sum(slept) % 60 == 0
    assert f"it waits 60 seconds between stages, {round(sum(slept) / 60)} time" in done.err


@pytest.mark.usefixtures("box")
def test_a_wait_that_nobody_notices_is_not_said(run: Run, folder: Path, slept: list[float]) -> None:
    assert run("apply", "--auto-approve", "--settle", "60").code == 0
    assert not slept
    (folder / "manifests" / "deployer.yaml").write_text(SHUT)

    assert "it waits" not in run("apply", "--auto-approve", "--settle", "1").err
    assert slept
