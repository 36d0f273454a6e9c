"""What IAM makes of the principals of a trust policy (IAM User Guide, elements_principal)."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from reconciler.sandbox import Account, Sandbox


def trusting(*arns: str, effect: str = "Allow") -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": effect, "Principal": {"AWS": list(arns)}, "Action": "sts:AssumeRole"}],
    }


def shown(account: Account, role: str) -> set[str]:
    return set(account.trust(role)["Statement"][0]["Principal"]["AWS"])


def test_a_user_reads_back_as_its_arn(account: Account) -> None:
    arn = account.create_user("alice", path="/team/")
    account.create_role("deployer", trust=trusting(arn))
    assert shown(account, "deployer") == {"arn:aws:iam::111122223333:user/team/alice"}


def test_a_trusted_user_is_followed_when_renamed_and_moved(account: Account) -> None:
    account.create_role("deployer", trust=trusting(account.create_user("alice")))
    account.rename_user("alice", new_name="alicia", new_path="/ops/")
    assert shown(account, "deployer") == {"arn:aws:iam::111122223333:user/ops/alicia"}


def test_a_deleted_user_shows_as_its_bare_id(account: Account) -> None:
    account.create_role("deployer", trust=trusting(account.create_user("alice")))
    user_id = account.user_id("alice")
    account.delete_user("alice")
    assert shown(account, "deployer") == {user_id}


def test_a_recreated_user_is_not_trusted_until_the_same_text_is_sent_again(account: Account) -> None:
    document = trusting(account.create_user("alice"))
    account.create_role("deployer", trust=document)
    before = account.user_id("alice")
    account.recreate_user("alice")
    assert shown(account, "deployer") == {before}
    account.put_trust("deployer", document)
    assert shown(account, "deployer") == {account.user_arn("alice")}


def test_a_living_id_is_taken_and_reads_back_as_the_arn(account: Account) -> None:
    account.create_role("ci")
    account.create_role("deployer", trust=trusting(account.role_id("ci")))
    assert shown(account, "deployer") == {account.role_arn("ci")}


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_one_dead_id_fails_the_whole_document(account: Account, iam_session: boto3.Session, effect: str) -> None:
    account.create_user("alice")
    account.create_user("bob")
    dead = account.user_id("alice")
    account.create_role("deployer", trust=trusting(account.user_arn("bob")))
    account.delete_user("alice")
    document = trusting(account.user_arn("bob"), dead, effect=effect)
    with pytest.raises(ClientError) as refusal:
        iam_session.client("iam").update_assume_role_policy(RoleName="deployer", PolicyDocument=json.dumps(document))
    assert refusal.value.response["Error"]["Code"] == "MalformedPolicyDocument"
    assert refusal.value.response["Error"]["Message"] == f'Invalid principal in policy: "AWS":"{dead}"'
    assert shown(account, "deployer") == {account.user_arn("bob")}


def test_a_principal_of_another_account_is_looked_up_there(sandbox: Sandbox, account: Account) -> None:
    other = sandbox.account("444455556666")
    other.create_role("ci")
    account.create_role("deployer", trust=trusting(other.role_arn("ci")))
    gone = other.role_id("ci")
    other.delete_role("ci")
    assert shown(account, "deployer") == {gone}
