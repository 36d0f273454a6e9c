"""What the README says a first plan needs to be allowed is what it needs, asked of a sandbox that enforces."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler.model.diagnostic import ReconcilerError
from tests.docs.excerpt import README
from tests.scenarios.house import House, allow

ROLE = """\
    kind: Role
    name: deployer
    trust: [{user: reader}]
    managed_policies: [Lists, "arn:aws:iam::aws:policy/ReadOnlyAccess"]
    ---
    kind: ManagedPolicy
    name: Lists
    tags: {team: storage}
    policy: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:ListBucket", Resource: "*"}]}
"""


def listed() -> list[str]:
    """The actions that step 2 of the quick start names."""
    step = README.read_text().partition("2. **Credentials**")[2].partition("3. **")[0]
    return re.findall(r"`(iam:[A-Za-z]+)`", step)


def house(folder: Path, actions: list[str]) -> House:
    """An account whose policy the plan finds made by somebody else, looked at by a user who may do only this."""
    found = House(folder)
    found.account.create_user("reader")
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    found.account.put_user_policy("reader", "reads", {"Version": "2012-10-17", "Statement": [statement]})
    found.account.create_policy("Lists", allow("s3:ListBucket"))
    found.write("all.yaml", ROLE)
    found.box.enforcing = True
    found.act_as("user/reader")
    return found


def test_the_listed_permissions_are_enough_to_plan_and_to_look_for_drift(tmp_path: Path) -> None:
    found = house(tmp_path, listed())

    assert {change.address for change in found.plan().changes} == {"role/deployer", "managed_policy/Lists"}
    assert found.drift(record=False).roles_scanned == 0


@pytest.mark.parametrize("without", ["iam:GetAccountAuthorizationDetails", "iam:ListRoles", "iam:ListPolicyTags"])
def test_less_than_that_is_denied(without: str, tmp_path: Path) -> None:
    found = house(tmp_path, [action for action in listed() if action != without])

    with pytest.raises(ReconcilerError) as denied:
        found.plan()

    assert [one.code for one in denied.value.diagnostics] == ["RA403"]
    assert without in str(denied.value.diagnostics[0].help)
