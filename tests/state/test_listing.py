"""Which accounts a folder of states knows: all that have one or had one, and an error where nobody can tell."""

from __future__ import annotations

from errno import EACCES
from pathlib import Path

import pytest

from reconciler.model.diagnostic import Code, ReconcilerError, Severity
from reconciler.state import LocalStore
from reconciler.state.disk import Disk
from reconciler.state.history import accounts_in, other_states
from tests.state.samples import ACCOUNT, OTHER_ACCOUNT, a_new_memory


class Closed(Disk):
    """A folder that this user may go through, but not look into."""

    def names(self, folder: Path) -> list[str]:
        raise PermissionError(EACCES, "Permission denied", str(folder))


def test_an_account_whose_state_is_gone_beside_its_backup_is_among_them(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.write(a_new_memory())
    (tmp_path / f"{OTHER_ACCOUNT}.json.backup").write_text("{}")
    assert accounts_in(store) == [ACCOUNT, OTHER_ACCOUNT]
    states, wrong = other_states(store)
    assert [state.account for state in states] == [ACCOUNT]
    assert [(found.code, found.severity) for found in wrong] == [(Code.RS501, Severity.WARNING)]


def test_a_folder_that_may_not_be_read_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    LocalStore(tmp_path).write(a_new_memory())
    with pytest.raises(ReconcilerError) as caught:
        accounts_in(LocalStore(tmp_path, shown=Path("state"), disk=Closed()))
    (found,) = caught.value.diagnostics
    assert (found.code, found.message) == (Code.RS501, "state cannot be read: Permission denied")
    assert "--state" in str(found.help)


def test_a_file_in_place_of_the_folder_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    file = tmp_path / "state"
    file.write_text("")
    with pytest.raises(ReconcilerError, match="Not a directory") as caught:
        accounts_in(LocalStore(file))
    assert caught.value.diagnostics[0].code is Code.RS501


def test_to_those_who_go_on_without_it_a_folder_that_may_not_be_read_is_a_warning(tmp_path: Path) -> None:
    states, (wrong,) = other_states(LocalStore(tmp_path, disk=Closed()))
    assert (states, wrong.code, wrong.severity) == ([], Code.RS501, Severity.WARNING)
