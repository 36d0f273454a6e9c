"""AcquireRole: what is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.sandbox import Account
from tests.sandbox.facts import fact
from tests.sandbox.situation import refused

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

TEMPLATE = "arn:aws:iam::aws:role-template/nobody-knows"


@fact("NoSuchEntity, 404, for what is not there", source="botocore, model of IAM")
@fact("What a template of AcquireRole does to a role", source="nothing found", level="uncertain")
def test_a_template_that_is_not_there_makes_no_role(iam: IAMClient, account: Account) -> None:
    refusal = refused(iam.acquire_role, TemplateArn=TEMPLATE, ReplacementValues={"Name": {"Values": ["x"]}})
    assert (refusal.code, refusal.status, TEMPLATE in refusal.message) == ("NoSuchEntity", 404, True)
    assert refused(iam.acquire_role, TemplateArn="no-arn-but-long-enough").code == "InvalidInput"
    assert len(account.state.tables.roles) == 0


def test_no_role_was_made_from_a_template(iam: IAMClient, account: Account) -> None:
    account.create_role("r")
    assert "SourceRoleTemplate" not in iam.get_role(RoleName="r")["Role"]
