"""What is relied on in moto: each name and habit, so that a new moto that changes one fails here by name."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.core.serialize import AttributePickerContext, XFormedAttributePicker
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.exceptions import NotFoundException
from moto.iam.models import IAMBackend, iam_backends
from moto.iam.responses import IamResponse

from reconciler.sandbox import Account, Sandbox, moto_contact
from tests.sandbox.situation import refused

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

TESTED_WITH = "5.2."


def test_moto_is_of_the_line_that_was_read() -> None:
    assert version("moto").startswith(TESTED_WITH), (
        "a new moto: read its changes to moto.iam, run this file, then raise TESTED_WITH"
    )


def test_the_policies_of_aws_have_the_members_that_are_read() -> None:
    policies = json.loads(aws_managed_policies_data)
    assert {"AdministratorAccess", "ReadOnlyAccess", "ViewOnlyAccess"} <= policies.keys()
    for raw in policies.values():
        assert {"CreateDate", "DefaultVersionId", "Document", "Path", "UpdateDate"} <= raw.keys()
        assert raw["DefaultVersionId"].startswith("v")


@pytest.mark.parametrize(("call", "method"), moto_contact.METHODS.items())
def test_every_call_that_is_left_to_moto_has_its_method(call: str, method: str) -> None:
    assert callable(getattr(IamResponse, method, None))
    model = ServiceModel(Loader().load_service_model("iam", "service-2"), "iam")
    assert call in model.operation_names


def test_a_backend_is_made_alone_and_knows_users_by_name() -> None:
    backend = IAMBackend("aws", "111122223333")
    user = backend.create_user("us-east-1", "alice", "/")
    assert backend.users == {"alice": user}
    for belonging in ("password", "mfa_devices", "ssh_public_keys", "signing_certificates"):
        assert not getattr(user, belonging)
    assert not hasattr(iam_backends, "users")


def test_a_response_reads_params_and_gives_a_result() -> None:
    class Response(IamResponse):
        backend = IAMBackend("aws", "111122223333")

    Response.backend.create_user("us-east-1", "alice", "/")
    response = Response()
    response.params, response.uri_match = {"UserName": "alice", "Password": "p"}, {}
    answer = response.create_login_profile()
    assert isinstance(answer, ActionResult)
    shape: Any = ServiceModel(Loader().load_service_model("iam", "service-2"), "iam").shape_for("LoginProfile")
    context = AttributePickerContext(obj=answer.result, key="LoginProfile", shape=shape)
    assert XFormedAttributePicker()(context)["UserName"] == "alice"


def test_a_refusal_of_moto_has_code_and_message() -> None:
    error = NotFoundException("nobody here")
    assert isinstance(error, ServiceException)
    assert (error.code, error.message) == ("NoSuchEntity", "nobody here")


# --- the calls themselves ------------------------------------------------------------------------


def test_a_password_is_set_asked_for_and_taken_away(iam: IAMClient, account: Account) -> None:
    account.create_user("alice")
    iam.create_login_profile(UserName="ALICE", Password="not a real one")
    assert iam.get_login_profile(UserName="alice")["LoginProfile"]["UserName"] == "alice"
    iam.update_login_profile(UserName="alice", Password="another", PasswordResetRequired=True)
    iam.delete_login_profile(UserName="alice")
    assert refused(iam.get_login_profile, UserName="alice").code == "NoSuchEntity"
    assert refused(iam.get_login_profile, UserName="nobody").message == "The user with name nobody cannot be found."


def test_what_a_user_has_follows_a_rename_and_dies_with_the_user(iam: IAMClient, account: Account) -> None:
    account.create_user("alice")
    iam.upload_ssh_public_key(UserName="alice", SSHPublicKeyBody="ssh-rsa AAAA")
    account.rename_user("alice", new_name="alicia")
    assert len(iam.list_ssh_public_keys(UserName="alicia")["SSHPublicKeys"]) == 1
    account.recreate_user("alicia")
    assert iam.list_ssh_public_keys(UserName="alicia")["SSHPublicKeys"] == []


def test_aliases_and_the_password_policy_are_the_accounts_own(iam: IAMClient, sandbox: Sandbox) -> None:
    iam.create_account_alias(AccountAlias="production")
    iam.update_account_password_policy(MinimumPasswordLength=20)
    assert iam.list_account_aliases()["AccountAliases"] == ["production"]
    assert iam.get_account_password_policy()["PasswordPolicy"]["MinimumPasswordLength"] == 20
    other = sandbox.session("444455556666").client("iam")
    assert other.list_account_aliases()["AccountAliases"] == []
    assert refused(other.get_account_password_policy).code == "NoSuchEntity"


def test_a_device_is_made_enabled_and_listed(iam: IAMClient, account: Account) -> None:
    account.create_user("alice")
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]
    assert made["Base32StringSeed"]
    codes = {"AuthenticationCode1": "123456", "AuthenticationCode2": "234567"}
    iam.enable_mfa_device(UserName="alice", SerialNumber=made["SerialNumber"], **codes)
    [device] = iam.list_virtual_mfa_devices()["VirtualMFADevices"]
    assert device["User"]["UserId"] == account.user_id("alice")


def test_a_report_is_made_and_read(iam: IAMClient, account: Account) -> None:
    account.create_user("alice")
    assert refused(iam.get_credential_report).code == "ReportNotPresent"
    iam.generate_credential_report()
    assert iam.get_credential_report()["Content"].startswith(b"user,arn,")


def test_aws_policies_name_the_partition_that_asks() -> None:
    policy = moto_contact.aws_managed_policy("arn:aws-cn:iam::aws:policy/AdministratorAccess")
    assert policy is not None
    assert policy.arn.startswith("arn:aws-cn:")
    assert moto_contact.aws_managed_policy("arn:aws:iam::aws:policy/NoSuchPolicy") is None
    assert moto_contact.aws_managed_policy("arn:aws:iam::aws:policy/ViewOnlyAccess") is None
    assert moto_contact.aws_managed_policy("arn:aws:iam::111122223333:policy/AdministratorAccess") is None
