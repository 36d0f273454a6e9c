"""Start-up is paid on every run, so what only some runs need is not imported by the others."""

from __future__ import annotations

import pytest

from tests.commands import imported_by

HEAVY = {"boto3", "botocore", "moto", "deepdiff", "rich", "pydantic", "structlog"}


@pytest.mark.parametrize("command", ["version", "--help", "plan --help", "apply --help"])
def test_asking_what_it_is_loads_nothing_heavy(command: str) -> None:
    imported = imported_by(*command.split())

    assert "reconciler" in imported
    assert imported.isdisjoint(HEAVY), sorted(imported & HEAVY)
