"""Ledgers cannot be made shorter where there are none: that is said, and nothing is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.engine import compact_ledgers
from reconciler.model.diagnostic import Code, ReconcilerError
from reconciler.state import LocalStore
from tests.apply.house import OTHER, House
from tests.engine.manifests import ROLE
from tests.house import OWN


@pytest.fixture
def declared(house: House) -> House:
    house.write("a.yaml", ROLE)
    return house


def test_a_place_that_was_mistyped_is_said_and_not_made(declared: House) -> None:
    (done,) = compact_ledgers(declared.settings(state="typo"))
    assert (done.dropped, done.kept, done.error) == (0, 0, ())
    assert [(found.code, found.message) for found in done.warnings] == [
        (Code.RS507, f"There is no state of account {OWN} in typo.")
    ]
    assert not (declared.folder / "typo").exists()


def test_an_account_without_a_state_is_passed_over_and_those_with_one_are_not(declared: House) -> None:
    declared.both_accounts()
    store = LocalStore(declared.folder / "state")
    store.write(store.read(OWN))
    own, other = compact_ledgers(declared.settings())
    assert (own.account, own.warnings) == (OWN, ())
    assert (other.account, [found.code for found in other.warnings]) == (OTHER, [Code.RS507])
    assert {file.name for file in (declared.folder / "state").glob("*.json")} == {f"{OWN}.json"}
    assert store.read(OWN).seen_at is not None


@pytest.mark.parametrize("left", [f"{OWN}.json", f"{OWN}.json.backup"])
def test_a_state_that_cannot_be_read_is_no_absent_one(left: str, declared: House) -> None:
    folder: Path = declared.folder / "state"
    folder.mkdir()
    (folder / left).write_text("")
    with pytest.raises(ReconcilerError) as caught:
        compact_ledgers(declared.settings())
    assert caught.value.diagnostics[0].code is Code.RS501
