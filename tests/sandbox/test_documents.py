"""What IAM takes for a policy document, and the words in which it refuses: facts of section 3."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.sandbox import Account, Sandbox, Switches
from tests.sandbox.facts import fact
from tests.sandbox.situation import READ, refused, text, with_statement

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

RECORDED = "localstack, test_iam_roles.snapshot.json, recorded against AWS"
GRAMMAR = "IAM User Guide, reference_policies_grammar"
TRUST = text(with_statement())


def taken(iam: IAMClient, document: str) -> Any:
    """The trust policy as it reads after having been taken."""
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=document)
    return iam.get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"]


def told(iam: IAMClient, document: str) -> str:
    """What is said to a trust policy that is refused, when creating and when updating."""
    refusal = refused(iam.create_role, RoleName="r", AssumeRolePolicyDocument=document)
    assert (refusal.code, refusal.status) == ("MalformedPolicyDocument", 400)
    iam.create_role(RoleName="other", AssumeRolePolicyDocument=TRUST)
    assert refused(iam.update_assume_role_policy, RoleName="other", PolicyDocument=document) == refusal
    return refusal.message


# --- trust policies ------------------------------------------------------------------------------


@fact("Not JSON: This policy contains invalid Json", source=RECORDED, level="recorded")
@pytest.mark.parametrize("document", ["hello", "{", '{"Version": NaN}', "[" * 1500])
def test_what_is_no_json_is_refused(iam: IAMClient, document: str) -> None:
    assert told(iam, document) == "This policy contains invalid Json"


@pytest.mark.parametrize("field", ["Resource", "NotResource"])
@fact("Has prohibited field Resource", source=RECORDED, level="recorded")
def test_a_trust_policy_has_no_resource(iam: IAMClient, field: str) -> None:
    assert told(iam, text(with_statement(**{field: "*"}))) == f"Has prohibited field {field}"


@fact(
    "NotPrincipal is not allowed in trust policies", source="IAM User Guide, reference_policies_elements_notprincipal"
)
def test_a_trust_policy_has_no_not_principal(iam: IAMClient) -> None:
    assert told(iam, text(with_statement(NotPrincipal={"AWS": "*"}))) == "Has prohibited field NotPrincipal"


@pytest.mark.parametrize("action", ["s3:GetObject", "sts:GetCallerIdentity", "iam:*", ["sts:AssumeRole", "s3:List*"]])
@fact("AssumeRole policy may only specify STS AssumeRole actions.", source=RECORDED, level="recorded")
def test_a_trust_policy_has_no_action_of_another_service(iam: IAMClient, action: str | list[str]) -> None:
    assert (
        told(iam, text(with_statement(Action=action))) == "AssumeRole policy may only specify STS AssumeRole actions."
    )


@pytest.mark.parametrize(
    "action",
    [
        "sts:AssumeRole",
        "sts:AssumeRoleWithSAML",
        "sts:AssumeRoleWithWebIdentity",
        ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity", "sts:SetContext"],
        "STS:assumerole",
    ],
)
@fact(
    "Allowed: the AssumeRole actions, TagSession, SetSourceIdentity, SetContext",
    source="IAM User Guide, id_session-tags",
)
@fact("Service prefix and action have no case", source="IAM User Guide, reference_policies_elements_action")
def test_actions_of_a_trust_policy_in_any_case_are_taken(iam: IAMClient, action: str | list[str]) -> None:
    assert taken(iam, text(with_statement(Action=action)))["Statement"][0]["Action"] == action


@fact(
    "A mismatch of action and principal is saved; the role is merely unusable", source="Access Analyzer policy checks"
)
def test_an_action_that_does_not_fit_the_principal_is_taken(iam: IAMClient) -> None:
    document = with_statement(Action="sts:AssumeRoleWithSAML")
    assert taken(iam, text(document)) == document


@pytest.mark.parametrize("version", [{}, {"Version": "2008-10-17"}, {"Version": "2012-10-17"}])
@fact(
    "Trust policies of version 2008-10-17 or none are accepted", source="terraform-provider-aws#7076", level="observed"
)
@fact("Id is allowed in trust policies", source="IAM User Guide, reference_policies_elements_id")
def test_old_versions_of_a_trust_policy_are_taken(iam: IAMClient, version: dict[str, str]) -> None:
    document = {**version, "Id": "old one", "Statement": with_statement()["Statement"]}
    assert taken(iam, text(document)) == document


@fact("Statement-as-object and one-element lists stay as they are", source=RECORDED, level="recorded")
@fact("Sid is kept", source=RECORDED, level="recorded")
def test_the_form_of_a_document_is_kept(iam: IAMClient) -> None:
    statement = {
        "Sid": "One",
        "Effect": "Allow",
        "Principal": {"Service": ["ec2.amazonaws.com"]},
        "Action": ["sts:AssumeRole"],
        "Condition": {},
    }
    document = {"Version": "2012-10-17", "Statement": statement}
    assert taken(iam, text(document)) == document


@pytest.mark.parametrize(
    "condition",
    [
        {"NumericLessThan": {"aws:MultiFactorAuthAge": 3600}},
        {"Bool": {"aws:MultiFactorAuthPresent": True}},
        {"bool": {"aws:multifactorauthpresent": "true"}},
        {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-1/*"]}},
        {"StringEqualsIfExists": {"aws:SourceAccount": "1"}, "Null": {"aws:TokenIssueTime": "true"}},
    ],
)
@fact("Booleans and numbers are taken for strings in conditions", source="awspolicyequivalence; IAM User Guide")
def test_conditions_with_numbers_and_any_operator_are_taken(iam: IAMClient, condition: dict[str, Any]) -> None:
    assert taken(iam, text(with_statement(Condition=condition)))["Statement"][0]["Condition"] == condition


@pytest.mark.parametrize("wildcards", [True, False])
@fact("Whether sts:* is taken as an action of a trust policy is not known", source="uncertain U13", level="uncertain")
def test_a_wildcard_action_is_treated_as_the_switch_says(wildcards: bool) -> None:  # noqa: FBT001 - a parameter
    iam = Sandbox(switches=Switches(sts_wildcards=wildcards)).session().client("iam")
    document = text(with_statement(Action="sts:*"))
    if wildcards:
        taken(iam, document)
    else:
        assert told(iam, document) == "AssumeRole policy may only specify STS AssumeRole actions."


@pytest.mark.parametrize(
    "document",
    [
        "[]",
        "{}",
        '{"Version": "2012-10-17", "Statement": []}',
        text({"Version": "2011-01-01", "Statement": with_statement()["Statement"]}),
        text({**with_statement(), "Extra": 1}),
        text(with_statement(Effect="allow")),
        text(with_statement(effect="Allow")),
        text(with_statement(Principal="alice")),
        text(with_statement(Principal={})),
        text(with_statement(Principal={"AWS": []})),
        text(with_statement(Principal={"AWS": 123456789012})),
        text(with_statement(Action=7)),
        text(with_statement(Condition=["x"])),
        text(with_statement(Condition={"StringEqual": {"a": "b"}})),
        text(with_statement(Condition={"StringEquals": {"a": {"b": "c"}}})),
        text({"Version": "2012-10-17", "Statement": ["x"]}),
    ],
)
def test_what_is_no_policy_is_a_syntax_error(iam: IAMClient, document: str) -> None:
    assert told(iam, document) == "Syntax errors in policy."


@fact("Missing Principal: MalformedPolicyDocument", source="inferred", level="uncertain")
def test_a_trust_policy_without_a_principal_is_refused(iam: IAMClient) -> None:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole"}
    assert "Principal" in told(iam, text({"Version": "2012-10-17", "Statement": statement}))


@fact("Duplicate JSON keys inside one element are not allowed", source=GRAMMAR)
@pytest.mark.parametrize(
    "document",
    [
        TRUST.replace('"Effect": "Allow"', '"Effect": "Deny", "Effect": "Allow"'),
        TRUST.replace('"Service": "ec2.amazonaws.com"', '"Service": "a.amazonaws.com", "Service": "b.amazonaws.com"'),
    ],
)
def test_a_repeated_key_is_refused(iam: IAMClient, document: str) -> None:
    assert "already has instance of" in told(iam, document)


@fact(
    "Sid has letters and digits only, and is unique in a document",
    source="IAM User Guide, reference_policies_elements_sid",
)
def test_sids_are_plain_and_unique(iam: IAMClient) -> None:
    assert "regular expression [0-9A-Za-z]*" in told(iam, text(with_statement(Sid="with space")))
    statement = with_statement(Sid="Same")["Statement"][0]
    document = text({"Version": "2012-10-17", "Statement": [statement, statement]})
    refusal = refused(iam.create_role, RoleName="twice", AssumeRolePolicyDocument=document)
    assert refusal.message == "Statement IDs (SID) in a single policy must be unique."


@fact("Requests take characters U+0009, 000A, 000D, 0020-00FF", source="botocore, policyDocumentType")
def test_a_document_beyond_latin_1_is_a_validation_error(iam: IAMClient) -> None:
    document = json.dumps(with_statement(Condition={"StringEquals": {"sts:ExternalId": "日本"}}), ensure_ascii=False)
    refusal = refused(iam.create_role, RoleName="r", AssumeRolePolicyDocument=document)
    assert (refusal.code, refusal.status) == ("ValidationError", 400)
    assert "assumeRolePolicyDocument" in refusal.message


@pytest.mark.parametrize("fine", [True, False])
@fact("What IAM does with \\u escapes beyond Latin-1 is not known", source="uncertain U14", level="uncertain")
def test_an_escape_beyond_latin_1_is_treated_as_the_switch_says(fine: bool) -> None:  # noqa: FBT001 - a parameter
    iam = Sandbox(switches=Switches(beyond_latin_1=fine)).session().client("iam")
    document = text(with_statement(Condition={"StringEquals": {"sts:ExternalId": "日本"}}))
    if fine:
        assert taken(iam, document)["Statement"][0]["Condition"] == {"StringEquals": {"sts:ExternalId": "日本"}}
    else:
        assert told(iam, document) == "Syntax errors in policy."


# --- shared issuers ------------------------------------------------------------------------------

GITHUB = "token.actions.githubusercontent.com"


def github(**condition: Any) -> str:
    provider = {"Federated": f"arn:aws:iam::111122223333:oidc-provider/{GITHUB}"}
    return text(with_statement(Principal=provider, Action="sts:AssumeRoleWithWebIdentity", Condition=condition))


@fact(
    "Trust for a shared issuer fails on create and update unless sub is evaluated",
    source="IAM User Guide, id_roles_providers_oidc_secure-by-default",
)
@pytest.mark.parametrize(
    "document",
    [
        github(),
        github(StringEquals={f"{GITHUB}:aud": "sts.amazonaws.com"}),
        github(StringLike={f"{GITHUB}:sub": "*"}),
    ],
)
def test_a_shared_issuer_without_its_subject_is_refused(iam: IAMClient, document: str) -> None:
    assert GITHUB in told(iam, document)


def test_a_shared_issuer_with_its_subject_is_taken(iam: IAMClient) -> None:
    taken(iam, github(StringLike={f"{GITHUB}:sub": "repo:example/app:*"}))


def test_the_role_of_a_lax_trust_cannot_be_saved_again(iam: IAMClient, account: Account) -> None:
    account.create_role("old")
    lax = json.loads(github(StringEquals={f"{GITHUB}:aud": "sts.amazonaws.com"}))
    account.force_trust("old", lax)
    read = iam.get_role(RoleName="old")["Role"]["AssumeRolePolicyDocument"]
    assert read == lax
    refusal = refused(iam.update_assume_role_policy, RoleName="old", PolicyDocument=text(read))
    assert refusal.code == "MalformedPolicyDocument"


# --- permission policies -------------------------------------------------------------------------


def told_of_permissions(iam: IAMClient, document: Any) -> str:
    """What is said to a permission policy that is refused, inline and managed alike."""
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    sent = document if isinstance(document, str) else text(document)
    inline = refused(iam.put_role_policy, RoleName="r", PolicyName="p", PolicyDocument=sent)
    assert inline.code == "MalformedPolicyDocument"
    assert refused(iam.create_policy, PolicyName="p", PolicyDocument=sent) == inline
    return inline.message


def permitting(**elements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{**READ["Statement"][0], **elements}]}  # type: ignore[dict-item]


@fact(
    "Identity policies of 2008 or without a version are refused",
    source="moto's tests, modelled on AWS",
    level="observed",
)
@pytest.mark.parametrize("version", [{}, {"Version": "2008-10-17"}])
def test_a_permission_policy_is_of_the_new_version(iam: IAMClient, version: dict[str, str]) -> None:
    document = {**version, "Statement": READ["Statement"]}
    assert told_of_permissions(iam, document) == "Policy document must be version 2012-10-17 or greater."


@fact("Has prohibited field Principal", source="localstack, test_iam_policies.snapshot.json", level="recorded")
def test_a_permission_policy_has_no_principal(iam: IAMClient) -> None:
    assert told_of_permissions(iam, permitting(Principal={"AWS": "*"})) == "Has prohibited field Principal"


@fact("Id is not allowed in identity policies", source="IAM User Guide, reference_policies_elements_id")
def test_a_permission_policy_has_no_id(iam: IAMClient) -> None:
    assert told_of_permissions(iam, {**permitting(), "Id": "x"}) == "Has prohibited field Id"


@fact("Per statement exactly one of Action/NotAction and of Resource/NotResource", source=GRAMMAR)
@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ({"Effect": "Allow", "Resource": "*"}, "Policy statement must contain actions."),
        ({"Effect": "Allow", "Action": "s3:*"}, "Policy statement must contain resources."),
        ({"Effect": "Allow", "Action": "s3:*", "NotAction": "s3:*", "Resource": "*"}, "Syntax errors in policy."),
        (
            {"Effect": "Allow", "Action": "s3", "Resource": "*"},
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        ({"Effect": "Allow", "Action": "s3:*", "Resource": "bucket"}, 'Resource bucket must be in ARN format or "*".'),
    ],
)
def test_a_permission_statement_says_what_on_what(iam: IAMClient, statement: dict[str, str], message: str) -> None:
    assert told_of_permissions(iam, {"Version": "2012-10-17", "Statement": [statement]}) == message


def test_a_repeated_key_in_a_permission_policy_is_refused(iam: IAMClient) -> None:
    twice = text(READ).replace('"Action"', '"Action": "s3:*", "Action"')
    assert "already has instance of Action" in told_of_permissions(iam, twice)


@fact(
    "Bodies of managed and inline policies are stored as text, no IDs",
    source="localstack, test_iam_policies",
    level="recorded",
)
def test_an_arn_in_a_permission_policy_survives_the_role(iam: IAMClient, account: Account) -> None:
    account.create_role("target")
    document = permitting(Action="sts:AssumeRole", Resource=account.role_arn("target"))
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=text(document))
    account.recreate_role("target")
    assert iam.get_role_policy(RoleName="r", PolicyName="p")["PolicyDocument"] == document


# --- on the wire ---------------------------------------------------------------------------------

AWKWARD = '50% + 1 = "half" & <more>; a+b %2B %20 é\tend'


@fact("Documents are URL-encoded after RFC 3986 in every answer", source="botocore, IAM model")
def test_awkward_characters_survive_in_every_place(iam: IAMClient) -> None:
    trust = with_statement(Condition={"StringEquals": {"sts:ExternalId": AWKWARD}})
    permissions = permitting(Condition={"StringEquals": {"aws:PrincipalTag/x": AWKWARD}})
    iam.create_user(UserName="u")
    iam.create_group(GroupName="g")
    made = iam.create_role(RoleName="r", AssumeRolePolicyDocument=text(trust))["Role"]
    iam.create_instance_profile(InstanceProfileName="i")
    iam.add_role_to_instance_profile(InstanceProfileName="i", RoleName="r")
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=text(permissions))
    iam.put_group_policy(GroupName="g", PolicyName="p", PolicyDocument=text(permissions))
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=text(permissions))
    arn = iam.create_policy(PolicyName="p", PolicyDocument=text(permissions))["Policy"]["Arn"]
    all_of_it = iam.get_account_authorization_details()
    role, profile = all_of_it["RoleDetailList"][0], iam.get_instance_profile(InstanceProfileName="i")
    trusts: list[Any] = [
        made["AssumeRolePolicyDocument"],
        iam.get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"],
        iam.list_roles()["Roles"][0]["AssumeRolePolicyDocument"],
        role["AssumeRolePolicyDocument"],
        role["InstanceProfileList"][0]["Roles"][0]["AssumeRolePolicyDocument"],
        profile["InstanceProfile"]["Roles"][0]["AssumeRolePolicyDocument"],
    ]
    assert trusts == [trust] * len(trusts)
    found: list[Any] = [
        iam.get_user_policy(UserName="u", PolicyName="p")["PolicyDocument"],
        iam.get_group_policy(GroupName="g", PolicyName="p")["PolicyDocument"],
        iam.get_role_policy(RoleName="r", PolicyName="p")["PolicyDocument"],
        iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"],
        all_of_it["UserDetailList"][0]["UserPolicyList"][0]["PolicyDocument"],
        all_of_it["GroupDetailList"][0]["GroupPolicyList"][0]["PolicyDocument"],
        role["RolePolicyList"][0]["PolicyDocument"],
        all_of_it["Policies"][0]["PolicyVersionList"][0]["Document"],
    ]
    assert found == [permissions] * len(found)
