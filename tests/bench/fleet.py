"""What a fleet costs: a plan of twenty accounts without changes, beside one account that is as large as all of them.

    python -m tests.bench.fleet ACCOUNTS COUNT

is the fleet: the canned pages of so many accounts of so many roles each, served as `tests.bench.server` does. Every
account is reached by AssumeRole, the single one too, and told from the others by the access key that it hands out.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from tests.bench.account import ACCOUNT, BenchRole, pages
from tests.bench.measure import Contestant, compare, run, say, serving
from tests.bench.server import Canned, page_of, serve

ACCOUNTS = 20
MOST_TIMES = 1.5
SIGNED_BY = re.compile(r"Credential=ASIA(\d{12})")


def bench(count: int) -> bool:
    """Measure and print; whether so many roles in many accounts cost a plan little more than in a single one."""
    each = count // ACCOUNTS
    with (
        tempfile.TemporaryDirectory() as name,
        serving("tests.bench.fleet", "1", str(each * ACCOUNTS)) as single,
        serving("tests.bench.fleet", str(ACCOUNTS), str(each)) as fleet,
    ):
        one = contestant("one account", Path(name) / "one", single, accounts=1, count=each * ACCOUNTS)
        many = contestant(f"{ACCOUNTS} accounts", Path(name) / "many", fleet, accounts=ACCOUNTS, count=each)
        costs = compare((one, many))
    times = costs[1].seconds / costs[0].seconds
    say(f"limit of a fleet         {times:.2f} of {MOST_TIMES} times")
    return times <= MOST_TIMES


def contestant(name: str, folder: Path, endpoint: str, *, accounts: int, count: int) -> Contestant:
    """Return a plan of a fleet that owns everything it declares, after an apply that is not measured."""
    write_fleet(folder, accounts=accounts, count=count)
    imported = f"{accounts * count} imported"
    run(Contestant("reconciler apply", ("reconciler", "apply", "--auto-approve"), folder, endpoint, imported))
    return Contestant(name, ("reconciler", "plan"), folder, endpoint, "No changes.")


def write_fleet(folder: Path, *, accounts: int, count: int) -> None:
    """Write the configuration, and for each account a folder with one file a role."""
    folder.mkdir()
    tables = (f'[accounts.{id_}]\nrole_arn = "arn:aws:iam::{id_}:role/reconciler"\n' for id_ in ids(accounts))
    (folder / "reconciler.toml").write_text("".join(tables), encoding="utf-8")
    for id_ in ids(accounts):
        manifests = folder / "manifests" / id_
        manifests.mkdir(parents=True)
        for number in range(count):
            role = BenchRole(number)
            text = role.manifest().replace(ACCOUNT, id_) + f'account: "{id_}"\n'
            (manifests / f"{role.name}.yaml").write_text(text, encoding="utf-8")


def ids(accounts: int) -> list[str]:
    """Return the IDs of so many accounts."""
    return [f"2222222{number:05d}" for number in range(accounts)]


class Fleet(Canned):
    """Answers each call as the account whose credentials signed it, and AssumeRole as the account of the role."""

    def __init__(self, rendered: Mapping[str, Mapping[tuple[str, str], bytes]], *request: object) -> None:
        self._accounts = rendered
        super().__init__({}, *request)

    def page(self, form: Mapping[str, list[str]]) -> bytes | None:
        if form["Action"] == ["AssumeRole"]:
            return assumed(form["RoleArn"][0].split(":")[4])
        signed = SIGNED_BY.search(self.headers["Authorization"])
        return page_of(self._accounts[signed[1] if signed else ACCOUNT], form)


def pages_of(account: str, rendered: Mapping[tuple[str, str], bytes]) -> dict[tuple[str, str], bytes]:
    """Return the pages of the bench's account as those of another: with its ID, and unique IDs of its own."""
    return {
        key: page.replace(ACCOUNT.encode(), account.encode()).replace(b"BENCH", account[-5:].encode())
        for key, page in rendered.items()
    }


def assumed(account: str) -> bytes:
    """Return the reply of STS to AssumeRole, with an access key that tells the account."""
    return (
        f'<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><AssumedRoleUser>'
        f"<AssumedRoleId>AROABENCHRECONCILER00:bench</AssumedRoleId>"
        f"<Arn>arn:aws:sts::{account}:assumed-role/reconciler/bench</Arn></AssumedRoleUser>"
        f"<Credentials><AccessKeyId>ASIA{account}</AccessKeyId><SecretAccessKey>bench</SecretAccessKey>"
        f"<SessionToken>bench</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
        f"</AssumeRoleResult></AssumeRoleResponse>"
    ).encode()


def main() -> None:
    """Serve a fleet until standard input is closed."""
    accounts, count = (int(argument) for argument in sys.argv[1:])
    rendered = pages(count)
    serve(partial(Fleet, {ACCOUNT: rendered} | {id_: pages_of(id_, rendered) for id_ in ids(accounts)}))


if __name__ == "__main__":
    main()
