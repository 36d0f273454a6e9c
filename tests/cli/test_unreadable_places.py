"""Configurations and plan files that are no files, never end, or are too much: refused, and never waited for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.config import LARGEST_FILE
from reconciler.engine import commands
from tests.cli.conftest import DEPLOYER
from tests.commands import Run

needs_dev_zero = pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no device that never ends")
PLACES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (lambda place: place.mkdir(), "it is a folder"),
    "a pipe": (os.mkfifo, "it is no regular file"),
    "a link that leads nowhere": (lambda place: place.symlink_to("nowhere"), "it is a link that leads nowhere"),
    "a link to itself": (lambda place: place.symlink_to(place.name), "oo many"),
    "a device": (lambda place: place.symlink_to(os.devnull), "it is a device"),
    "a file of spaces without end": (lambda place: place.write_text(" " * (LARGEST_FILE + 1)), "larger than 1 MiB"),
}


@pytest.fixture(autouse=True)
def manifests(folder: Path) -> None:
    """A manifest that is right."""
    (folder / "manifests").mkdir()
    (folder / "manifests" / "deployer.yaml").write_text(DEPLOYER)


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("arguments", [(), ("--config", "reconciler.toml")])
def test_a_configuration_that_cannot_be_read_is_not_taken_for_none(
    kind: str, arguments: tuple[str, ...], folder: Path, run: Run
) -> None:
    make, said = PLACES[kind]
    make(folder / "reconciler.toml")

    done = run("validate", *arguments)

    assert done.code == 1
    assert "RM121" in done.out + done.err
    assert "reconciler.toml cannot be read" in done.out + done.err
    assert said in done.out + done.err


def test_a_configuration_further_up_that_cannot_be_read_is_not_passed_by(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "reconciler.toml").symlink_to("nowhere")
    (folder / "below").mkdir()
    (folder / "manifests").rename(folder / "below" / "manifests")
    monkeypatch.chdir(folder / "below")

    assert "RM121" in run("validate").err


@needs_dev_zero
@pytest.mark.parametrize("command", ["show", "apply"])
def test_a_device_that_never_ends_is_no_plan_file(command: str, run: Run) -> None:
    done = run(command, "/dev/zero")

    assert done.code == 1
    assert "RA406" in done.err
    assert "it is a device" in done.err


@needs_dev_zero
def test_a_device_that_never_ends_is_no_configuration(run: Run) -> None:
    done = run("plan", "--config", "/dev/zero")

    assert done.code == 1
    assert "RM121" in done.err


@needs_dev_zero
def test_a_device_that_never_ends_is_no_account_for_the_sandbox(run: Run) -> None:
    done = run("sandbox", "--load", "/dev/zero")

    assert done.code == 1
    assert "RM102" in done.err
    assert "it is a device" in done.err


def test_a_plan_file_is_not_read_without_end(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "LARGEST_FILE", 2 * 1024 * 1024)
    (folder / "plan.json").write_text(" " * (2 * 1024 * 1024 + 1))

    done = run("show", "plan.json")

    assert done.code == 1
    assert "larger than 2 MiB" in done.err


def test_a_pipe_of_the_shell_is_read_to_its_end_as_a_plan_file(run: Run) -> None:
    reading, writing = os.pipe()
    os.write(writing, b'{"format_version": "0"}')
    os.close(writing)
    try:
        done = run("show", f"/dev/fd/{reading}")
    finally:
        os.close(reading)

    assert "RA407" in done.err
