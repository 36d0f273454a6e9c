"""Fixtures as a user imports them, and accounts of many roles; what both cost is measured in `tests/bench`."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from reconciler.sandbox import Account, Sandbox
from tests.sandbox.situation import trusting

ROOT = Path(__file__).parents[2]
THEIR_TEST = """
    pytest_plugins = ["reconciler.sandbox.pytest_plugin"]

    def test_one(account, iam_session, sandbox):
        account.create_role("r")
        assert iam_session.client("iam").get_role(RoleName="r")["Role"]["RoleId"] == account.role_id("r")
        assert sandbox.calls == {"GetRole": 1}

    def test_another_starts_empty(iam_session):
        assert iam_session.client("iam").list_roles()["Roles"] == []

    def test_a_third_over_http(iam_server, account):
        import urllib.request
        assert urllib.request.urlopen(iam_server.url + "/_sandbox/calls").status == 200
"""


def test_a_user_imports_the_fixtures_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(textwrap.dedent(THEIR_TEST))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (ran.returncode, "3 passed" in ran.stdout) == (0, True), ran.stdout + ran.stderr


def test_five_thousand_seeded_roles_are_roles_like_any_other(account: Account) -> None:
    arn = account.create_user("alice")
    names = account.seed_roles(5_000, trust=trusting(arn))
    assert len(set(names)) == len(account.state.tables.roles) == 5_000
    account.recreate_user("alice")
    assert account.trust(names[4_999])["Statement"][0]["Principal"]["AWS"] != [arn]


def test_the_journal_of_a_large_account_shows_it_as_it_was_after_each_call(sandbox: Sandbox, account: Account) -> None:
    names = account.seed_roles(2_000)
    iam = sandbox.session().client("iam")
    for name in names[:200]:
        iam.update_role(RoleName=name, Description="changed")
    first, last = sandbox.journal[0].after, sandbox.journal[-1].after
    assert first.tables.roles.get(names[1]).description != "changed"
    assert last.tables.roles.get(names[1]).description == "changed"
