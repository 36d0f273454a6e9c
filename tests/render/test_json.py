"""What a program reads, kept as whole files."""

from __future__ import annotations

import json

import pytest
from syrupy.assertion import SnapshotAssertion

from reconciler.planfile import fleet_to_json
from reconciler.render.json import (
    apply_to_json,
    drift_to_json,
    dumps,
    failure_to_json,
    summed,
    validation_to_json,
)
from tests.render import situations as given
from tests.render.golden import JsonFile


@pytest.fixture
def golden(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(JsonFile)


def test_a_drift_report_as_json(golden: SnapshotAssertion) -> None:
    assert dumps(drift_to_json(given.REPORT)) == golden


def test_notes_do_not_count_as_findings() -> None:
    assert drift_to_json(given.CALM_WITH_NOTES)["summary"]["findings"] == 0


def test_an_apply_as_json(golden: SnapshotAssertion) -> None:
    assert dumps(apply_to_json(given.FAILED, plan=given.BLOCKED, calls={"ListRoles": 1, "CreateRole": 1})) == golden


def test_what_validate_found_as_json(golden: SnapshotAssertion) -> None:
    assert dumps(validation_to_json(given.PLACES, files=4, objects=7)) == golden


def test_a_fleet_sums_its_accounts_and_names_those_that_failed(golden: SnapshotAssertion) -> None:
    accounts = [
        drift_to_json(given.REPORT),
        drift_to_json(given.CALM_WITH_NOTES),
        failure_to_json("444455556666", [given.WARNING]),
    ]

    assert dumps(fleet_to_json(accounts, summed(accounts))) == golden


def test_a_fleet_of_plans_carries_its_fingerprint_on_top() -> None:
    top = fleet_to_json([], {}, fingerprint="sha256:1")

    assert list(top) == ["format_version", "fingerprint", "summary", "accounts"]


def test_json_holds_nothing_that_a_terminal_would_obey() -> None:
    text = dumps({"description": "\x9b2J\u202e\x1b[0m"})

    assert text.isascii()
    assert json.loads(text) == {"description": "\x9b2J\u202e\x1b[0m"}
