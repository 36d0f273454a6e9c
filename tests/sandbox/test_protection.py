"""Roles that belong to AWS: facts of section 7."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.sandbox import Account
from tests.sandbox.facts import fact
from tests.sandbox.situation import READ, Refusal, refused, text, with_statement

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

SERVICE_LINKED = "IAM User Guide, using-service-linked-roles"
SSO = "IAM Identity Center User Guide, referencingpermissionsets"
RESERVED = "AWSReservedSSO_Admin_0123456789abcdef"


@pytest.fixture(params=["AWSServiceRoleForAutoscaling", RESERVED])
def protected(request: pytest.FixtureRequest, iam: IAMClient, account: Account) -> str:
    """The name of a role that belongs to AWS: service-linked, or of Identity Center."""
    iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")
    account.create_role(RESERVED, path="/aws-reserved/sso.amazonaws.com/eu-central-1/")
    return str(request.param)


@fact(
    "Service-linked roles: path /aws-service-role/SERVICE/, name AWSServiceRoleFor...[_suffix]", source=SERVICE_LINKED
)
def test_a_service_linked_role_has_path_and_name_of_its_service(iam: IAMClient) -> None:
    made = iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com", CustomSuffix="x")["Role"]
    assert made["Path"] == "/aws-service-role/autoscaling.amazonaws.com/"
    assert made["RoleName"] == "AWSServiceRoleForAutoscaling_x"
    again = refused(iam.create_service_linked_role, AWSServiceName="autoscaling.amazonaws.com", CustomSuffix="x")
    assert again.code == "InvalidInput"


@fact("Trust, permissions and boundary cannot be changed, nor deleted: UnmodifiableEntity", source=SERVICE_LINKED)
@fact("this role is only modifiable by AWS", source="IAM Identity Center User Guide, troubleshooting")
def test_a_role_of_aws_refuses_every_change(iam: IAMClient, account: Account, protected: str) -> None:
    arn = account.create_policy("p", READ)
    changes: list[tuple[Any, dict[str, str]]] = [
        (iam.update_assume_role_policy, {"PolicyDocument": text(with_statement())}),
        (iam.put_role_policy, {"PolicyName": "p", "PolicyDocument": text(READ)}),
        (iam.delete_role_policy, {"PolicyName": "p"}),
        (iam.attach_role_policy, {"PolicyArn": arn}),
        (iam.detach_role_policy, {"PolicyArn": arn}),
        (iam.put_role_permissions_boundary, {"PermissionsBoundary": arn}),
        (iam.delete_role_permissions_boundary, {}),
        (iam.delete_role, {}),
    ]
    said = f"Cannot perform the operation on the protected role '{protected}' - this role is only modifiable by AWS"
    for change, params in changes:
        assert refused(change, RoleName=protected, **params) == Refusal("UnmodifiableEntity", said, 400)


@fact("The description can be edited, and tags set", source=SERVICE_LINKED)
def test_description_and_tags_of_a_role_of_aws_can_be_set(iam: IAMClient, protected: str) -> None:
    iam.update_role(RoleName=protected, Description="ours")
    iam.tag_role(RoleName=protected, Tags=[{"Key": "a", "Value": "b"}])
    role = iam.get_role(RoleName=protected)["Role"]
    assert (role["Description"], role["Tags"]) == ("ours", [{"Key": "a", "Value": "b"}])
    assert refused(iam.update_role, RoleName=protected, MaxSessionDuration=7200).code == "UnmodifiableEntity"


@fact("Deleted only by DeleteServiceLinkedRole, with a task to ask after", source=SERVICE_LINKED)
def test_a_service_linked_role_is_deleted_by_its_own_call(iam: IAMClient, account: Account) -> None:
    account.create_role("plain")
    name = iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")["Role"]["RoleName"]
    task = iam.delete_service_linked_role(RoleName=name)["DeletionTaskId"]
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"
    assert refused(iam.get_role, RoleName=name).code == "NoSuchEntity"
    assert refused(iam.delete_service_linked_role, RoleName="plain").code == "InvalidInput"


@pytest.mark.parametrize("path", ["/aws-service-role/ec2.amazonaws.com/", "/aws-reserved/sso.amazonaws.com/"])
@fact("CreateRole with such a path is refused", source=SERVICE_LINKED)
def test_nobody_else_makes_roles_on_the_paths_of_aws(iam: IAMClient, path: str) -> None:
    trust = text(with_statement())
    assert refused(iam.create_role, RoleName="r", Path=path, AssumeRolePolicyDocument=trust).code == "InvalidInput"


@fact("Policies of service-linked roles are not attachable: PolicyNotAttachable", source=SERVICE_LINKED)
def test_the_policy_of_a_service_linked_role_is_not_attachable(iam: IAMClient, account: Account) -> None:
    account.create_role("r")
    arn = "arn:aws:iam::aws:policy/aws-service-role/AutoScalingServiceRolePolicy"
    assert refused(iam.attach_role_policy, RoleName="r", PolicyArn=arn).code == "PolicyNotAttachable"


@fact("Roles of Identity Center can be named as principals", source=SSO)
def test_a_role_of_identity_center_is_a_principal_like_any_other(iam: IAMClient, account: Account) -> None:
    arn = account.create_role(RESERVED, path="/aws-reserved/sso.amazonaws.com/")
    account.create_role("r", trust=with_statement(Principal={"AWS": arn}))
    gone = account.role_id(RESERVED)
    account.delete_role(RESERVED)
    document: Any = iam.get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"]
    assert document["Statement"][0]["Principal"] == {"AWS": gone}


@fact("Service roles under /service-role/ are ordinary roles", source="IAM User Guide, id_roles_terms-and-concepts")
def test_a_service_role_is_an_ordinary_role(iam: IAMClient, account: Account) -> None:
    account.create_role("r", path="/service-role/")
    iam.delete_role(RoleName="r")
