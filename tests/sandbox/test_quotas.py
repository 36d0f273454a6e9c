"""Quotas, and what GetAccountSummary says of them: facts of section 4."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.sandbox import Account, Sandbox
from tests.sandbox.facts import fact
from tests.sandbox.situation import READ, Refusal, refused, text, trusting, with_statement

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

QUOTAS = "IAM User Guide, reference_iam-quotas"
RECORDED = "localstack, recorded against AWS"
TRUST = text(with_statement())
METADATA = "<EntityDescriptor>" + "x" * 1000 + "</EntityDescriptor>"


def over(message: str) -> Refusal:
    return Refusal("LimitExceeded", message, 409)


def long_trust(characters: int) -> str:
    """A trust policy with exactly so many characters that count."""
    frame = text(with_statement(Condition={"StringEquals": {"sts:ExternalId": ""}}))
    room = characters - len("".join(frame.split()))
    return text(with_statement(Condition={"StringEquals": {"sts:ExternalId": "x" * room}}))


def long_policy(characters: int) -> str:
    """A permission policy with exactly so many characters that count."""
    frame = text(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::"}]}
    )
    room = characters - len("".join(frame.split()))
    return frame.replace("s3:::", "s3:::" + "x" * room)


@fact(
    "Role trust policy: 2,048 characters by default; Cannot exceed quota for ACLSizePerRole: 2048",
    source=RECORDED,
    level="recorded",
)
@fact("White space does not count", source=QUOTAS)
def test_a_trust_policy_of_2048_characters_fits_and_one_more_does_not(iam: IAMClient) -> None:
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=long_trust(2048).replace(": ", ":\n    "))
    refusal = over("Cannot exceed quota for ACLSizePerRole: 2048")
    assert refused(iam.create_role, RoleName="s", AssumeRolePolicyDocument=long_trust(2049)) == refusal
    assert refused(iam.update_assume_role_policy, RoleName="r", PolicyDocument=long_trust(2049)) == refusal


@fact("Managed policy: 6,144 characters; Cannot exceed quota for PolicySize: 6144", source=RECORDED, level="recorded")
def test_a_managed_policy_has_6144_characters_at_most(iam: IAMClient) -> None:
    arn = iam.create_policy(PolicyName="p", PolicyDocument=long_policy(6144))["Policy"]["Arn"]
    refusal = over("Cannot exceed quota for PolicySize: 6144")
    assert refused(iam.create_policy, PolicyName="q", PolicyDocument=long_policy(6145)) == refusal
    assert refused(iam.create_policy_version, PolicyArn=arn, PolicyDocument=long_policy(6145)) == refusal


@pytest.mark.parametrize(("kind", "limit"), [("role", 10_240), ("user", 2_048), ("group", 5_120)])
@fact("Inline policies: 10,240 per role, 2,048 per user, 5,120 per group, all together", source=QUOTAS)
@fact("Maximum policy size of 10240 bytes exceeded for role X", source=RECORDED, level="recorded")
def test_inline_policies_share_one_quota(iam: IAMClient, account: Account, kind: str, limit: int) -> None:
    account.create_user("holder")
    account.create_group("holder")
    account.create_role("holder")
    put: dict[str, Any] = {"role": iam.put_role_policy, "user": iam.put_user_policy, "group": iam.put_group_policy}
    owner = {f"{kind.title()}Name": "holder"}
    half = limit // 2
    put[kind](**owner, PolicyName="a", PolicyDocument=long_policy(half))
    put[kind](**owner, PolicyName="b", PolicyDocument=long_policy(limit - half))
    refusal = refused(put[kind], **owner, PolicyName="c", PolicyDocument=text(READ))
    assert refusal == over(f"Maximum policy size of {limit} bytes exceeded for {kind} holder")
    put[kind](**owner, PolicyName="b", PolicyDocument=text(READ))


@fact("Ten managed policies per role; Cannot exceed quota for PoliciesPerRole: 10", source=RECORDED, level="recorded")
def test_an_eleventh_managed_policy_is_refused(iam: IAMClient, account: Account) -> None:
    account.create_role("r")
    arns = [account.create_policy(f"p{number}", READ) for number in range(11)]
    for arn in arns[:10]:
        iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    refusal = over("Cannot exceed quota for PoliciesPerRole: 10")
    assert refused(iam.attach_role_policy, RoleName="r", PolicyArn=arns[10]) == refusal
    iam.attach_role_policy(RoleName="r", PolicyArn=arns[0])
    iam.detach_role_policy(RoleName="r", PolicyArn=arns[0])
    iam.attach_role_policy(RoleName="r", PolicyArn=arns[10])


@fact("Five versions per managed policy, with this text", source=RECORDED, level="recorded")
@fact("Version numbers are never used twice", source="CreatePolicyVersion")
def test_a_sixth_version_needs_room_and_gets_a_new_number(iam: IAMClient, account: Account) -> None:
    arn = account.create_policy("p", READ)
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=text(READ), SetAsDefault=True)
    refusal = refused(iam.create_policy_version, PolicyArn=arn, PolicyDocument=text(READ))
    assert refusal == over(
        "A managed policy can have up to 5 versions. "
        "Before you create a new version, you must delete an existing version."
    )
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=text(READ))["PolicyVersion"]
    assert made["VersionId"] == "v6"


@fact(
    "One role per instance profile; even the same role again: InstanceSessionsPerInstanceProfile: 1",
    source=RECORDED,
    level="recorded",
)
def test_an_instance_profile_takes_one_role_once(iam: IAMClient, account: Account) -> None:
    account.create_role("r")
    account.create_instance_profile("i")
    iam.add_role_to_instance_profile(InstanceProfileName="i", RoleName="r")
    again = refused(iam.add_role_to_instance_profile, InstanceProfileName="i", RoleName="r")
    assert again == over("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")


@fact("Ten groups per user", source=QUOTAS)
def test_an_eleventh_group_is_refused(iam: IAMClient, account: Account) -> None:
    account.create_user("u")
    for number in range(11):
        account.create_group(f"g{number}")
    for number in range(10):
        iam.add_user_to_group(GroupName=f"g{number}", UserName="u")
    assert refused(iam.add_user_to_group, GroupName="g10", UserName="u") == over(
        "Cannot exceed quota for GroupsPerUser: 10"
    )
    iam.add_user_to_group(GroupName="g0", UserName="u")


@fact(
    "Fifty tags per resource, over all calls; The number of tags has reached the maximum limit.",
    source=RECORDED,
    level="recorded",
)
def test_a_fifty_first_tag_is_refused_whenever_it_comes(iam: IAMClient, account: Account) -> None:
    account.create_role("r")
    many: list[Any] = [{"Key": f"k{number}", "Value": "v"} for number in range(51)]
    iam.tag_role(RoleName="r", Tags=many[:50])
    refusal = refused(iam.tag_role, RoleName="r", Tags=many[50:])
    assert refusal == over("The number of tags has reached the maximum limit.")
    iam.tag_role(RoleName="r", Tags=[{"Key": "k0", "Value": "changed"}])


@fact(
    "100 client IDs per OIDC provider; Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100",
    source=RECORDED,
    level="recorded",
)
def test_a_provider_takes_a_hundred_clients(iam: IAMClient) -> None:
    clients = [f"client{number}" for number in range(101)]
    url = "https://idp.example.com"
    made = iam.create_open_id_connect_provider(Url=url, ClientIDList=clients[:100])
    refusal = refused(
        iam.add_client_id_to_open_id_connect_provider,
        OpenIDConnectProviderArn=made["OpenIDConnectProviderArn"],
        ClientID="client100",
    )
    assert refusal == over("Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100")


@fact("Thumbprint list must contain fewer than 5 entries.", source=RECORDED, level="recorded")
def test_a_provider_takes_five_thumbprints(iam: IAMClient) -> None:
    prints = [f"{number:040x}" for number in range(6)]
    url = "https://idp.example.com"
    refusal = refused(iam.create_open_id_connect_provider, Url=url, ThumbprintList=prints)
    assert refusal == Refusal("InvalidInput", "Thumbprint list must contain fewer than 5 entries.", 400)
    iam.create_open_id_connect_provider(Url=url, ThumbprintList=prints[:5])


@pytest.mark.parametrize(
    ("quota", "make"),
    [
        ("RolesQuota", lambda iam, name: iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)),
        ("UsersQuota", lambda iam, name: iam.create_user(UserName=name)),
        ("GroupsQuota", lambda iam, name: iam.create_group(GroupName=name)),
        ("PoliciesQuota", lambda iam, name: iam.create_policy(PolicyName=name, PolicyDocument=text(READ))),
        ("InstanceProfilesQuota", lambda iam, name: iam.create_instance_profile(InstanceProfileName=name)),
        ("OpenIdConnectProvidersQuota", lambda iam, name: iam.create_open_id_connect_provider(Url=f"https://{name}.example.com")),
        ("SamlProvidersQuota", lambda iam, name: iam.create_saml_provider(Name=name, SAMLMetadataDocument=METADATA)),
    ],
)  # fmt: skip
@fact("Roles, users, groups, policies, instance profiles and providers per account have quotas", source=QUOTAS)
def test_an_account_is_full_at_its_quota(iam: IAMClient, account: Account, quota: str, make: Any) -> None:
    account.set_quotas(**{quota: 2})
    make(iam, "one")
    make(iam, "two")
    refusal = refused(make, iam=iam, name="three")
    assert (refusal.code, refusal.status) == ("LimitExceeded", 409)
    assert refusal.message.startswith("Cannot exceed quota for ")
    assert refusal.message.endswith(": 2")


@fact("Two access keys per user", source=QUOTAS)
def test_a_third_access_key_is_refused(iam: IAMClient, account: Account) -> None:
    account.create_user("u")
    iam.create_access_key(UserName="u")
    iam.create_access_key(UserName="u")
    assert refused(iam.create_access_key, UserName="u") == over("Cannot exceed quota for AccessKeysPerUser: 2")


@fact("GetAccountSummary names the quotas and counts", source="localstack, test_iam_account_summary", level="recorded")
def test_the_summary_of_a_fresh_account_shows_the_defaults(iam: IAMClient) -> None:
    summary: Any = iam.get_account_summary()["SummaryMap"]
    assert summary["AssumeRolePolicySizeQuota"] == 2048
    assert summary["AttachedPoliciesPerRoleQuota"] == 10
    assert (summary["RolesQuota"], summary["PoliciesQuota"], summary["UsersQuota"]) == (1000, 1500, 5000)
    assert (summary["RolePolicySizeQuota"], summary["UserPolicySizeQuota"], summary["GroupPolicySizeQuota"]) == (
        10240,
        2048,
        5120,
    )
    assert summary["Roles"] == 0


def test_the_summary_tells_the_truth_about_counts_and_raised_quotas(iam: IAMClient, account: Account) -> None:
    account.set_quotas(AssumeRolePolicySizeQuota=4096, RolesQuota=5000)
    account.seed_roles(1108)
    account.create_user("u")
    account.create_policy_version(account.create_policy("p", READ), READ)
    account.create_oidc_provider("https://idp.example.com")
    summary: Any = iam.get_account_summary()["SummaryMap"]
    assert (summary["Roles"], summary["RolesQuota"]) == (1108, 5000)
    assert (summary["Users"], summary["Policies"], summary["PolicyVersionsInUse"], summary["Providers"]) == (1, 1, 2, 1)
    iam.create_role(RoleName="long", AssumeRolePolicyDocument=long_trust(4096))


def test_quotas_are_given_by_name_for_all_accounts_of_a_sandbox() -> None:
    sandbox = Sandbox(quotas={"AttachedPoliciesPerRoleQuota": 25})
    summary: Any = sandbox.session("444455556666").client("iam").get_account_summary()["SummaryMap"]
    assert summary["AttachedPoliciesPerRoleQuota"] == 25


def test_an_unknown_quota_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"RoleQuota.*RolesQuota"):
        Sandbox(quotas={"RoleQuota": 1})


def test_a_principal_counts_with_its_arn_and_not_with_its_id(iam: IAMClient, account: Account) -> None:
    arn = account.create_user("a" * 64, path="/" + "p" * 100 + "/")
    account.set_quotas(AssumeRolePolicySizeQuota=len(text(trusting(arn)).replace(" ", "")))
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=text(trusting(arn)))
