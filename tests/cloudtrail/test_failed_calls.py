"""What somebody tried in vain is in CloudTrail as well: it made nobody, renamed nobody and killed nobody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from reconciler.model.principal import Standing
from tests.cloudtrail.watched import DAY, Watched, at, orphan
from tests.scenarios.house import allow, arn, trusting

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

CI, ALICE = arn("role", "ci"), arn("user", "alice")
EVE, MALLORY = arn("user", "eve"), arn("user", "mallory")


@pytest.fixture
def eve(house: Watched) -> IAMClient:
    """Eve, who does."""
    house.account.create_user("eve")
    return house.box.session(caller="user/eve").client("iam")


@pytest.fixture
def mallory(house: Watched) -> IAMClient:
    """Mallory, who tries."""
    house.account.create_user("mallory")
    return house.box.session(caller="user/mallory").client("iam")


def in_vain(call: Any, **params: Any) -> None:
    """Make a call that fails."""
    with pytest.raises(ClientError):
        call(**params)


def test_a_deletion_that_failed_killed_nobody(house: Watched, eve: IAMClient, mallory: IAMClient) -> None:
    house.account.create_role("ci")
    house.account.put_role_policy("ci", "list", allow("s3:ListBucket"))
    house.account.create_role("deployer", trust=trusting(CI))
    house.pass_time(3600)
    in_vain(mallory.delete_role, RoleName="ci")  # DeleteConflict
    house.pass_time(3600)
    eve.delete_role_policy(RoleName="ci", PolicyName="list")
    eve.delete_role(RoleName="ci")
    house.pass_time(3600)
    in_vain(mallory.delete_role, RoleName="ci")  # NoSuchEntity

    found = orphan(house.ask())

    assert (found.standing, found.deleted) == (Standing.DELETED, at(hours=2))
    assert found.cloudtrail is not None
    assert found.cloudtrail.deleted is not None
    assert found.cloudtrail.deleted.by == EVE
    assert MALLORY not in found.message


def test_a_creation_that_failed_gave_nobody_the_name(house: Watched, mallory: IAMClient) -> None:
    dead = house.trusted_and_gone()
    in_vain(mallory.create_role, RoleName="ci", AssumeRolePolicyDocument="{}")  # MalformedPolicyDocument

    report = house.ask()

    assert (orphan(report).principal_id, orphan(report).standing) == (dead, Standing.DELETED)
    assert report.warnings == ()


def test_a_creation_of_what_exists_is_no_recreation(house: Watched, eve: IAMClient, mallory: IAMClient) -> None:
    house.trusted_and_gone()
    eve.create_role(RoleName="ci", AssumeRolePolicyDocument=json.dumps(trusting(EVE)))
    house.pass_time(3600)
    in_vain(mallory.create_role, RoleName="ci", AssumeRolePolicyDocument=json.dumps(trusting(EVE)))

    found = orphan(house.ask())

    assert found.standing is Standing.RECREATED
    assert found.cloudtrail is not None
    assert found.cloudtrail.recreated is not None
    assert found.cloudtrail.recreated.by == EVE


def test_a_rename_that_failed_moved_nobody(house: Watched, eve: IAMClient, mallory: IAMClient) -> None:
    house.account.create_user("alice")
    house.account.create_user("bob")
    house.account.create_role("deployer", trust=trusting(ALICE))
    house.pass_time(3600)
    in_vain(mallory.update_user, UserName="alice", NewUserName="bob")  # EntityAlreadyExists
    eve.delete_user(UserName="alice")

    found = orphan(house.ask())

    assert (found.last_known_arn, found.deleted) == (ALICE, at(hours=1))
    assert found.cloudtrail is not None
    assert found.cloudtrail.deleted is not None
    assert found.cloudtrail.deleted.by == EVE


def test_a_deletion_that_was_denied_killed_nobody_though_it_does_not_say_whom(
    house: Watched, eve: IAMClient, mallory: IAMClient
) -> None:
    house.account.create_role("ci")
    house.account.create_role("deployer", trust=trusting(CI))
    house.pass_time(100 * DAY)  # CloudTrail has forgotten that it was made
    house.drift()
    house.pass_time(DAY)
    house.box.faults.deny("DeleteRole", count=1)
    in_vain(mallory.delete_role, RoleName="ci")
    house.pass_time(DAY)
    eve.delete_role(RoleName="ci")

    report = house.ask()

    assert orphan(report).deleted == at(days=102)
    assert report.warnings == ()


def test_an_event_that_has_not_arrived_yet_is_found_the_next_time(house: Watched, eve: IAMClient) -> None:
    house.account.create_role("ci")
    house.account.create_role("deployer", trust=trusting(CI))
    house.pass_time(3600)
    house.box.trail.delay = 900
    eve.delete_role(RoleName="ci")
    house.pass_time(60)
    trace = orphan(house.ask()).cloudtrail
    assert trace is not None
    assert trace.deleted is None

    house.pass_time(900)

    trace = orphan(house.ask()).cloudtrail
    assert trace is not None
    assert trace.deleted is not None
    assert trace.deleted.by == EVE
