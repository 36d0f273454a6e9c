"""What a second call does, what cannot be deleted yet, and what tags are: facts of sections 5.6 to 5.8."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.sandbox import Account, Sandbox, Switches
from tests.sandbox.facts import fact
from tests.sandbox.situation import READ, Refusal, refused, text, with_statement

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

RECORDED = "localstack, recorded against AWS"
TRUST = text(with_statement())
OTHER_TRUST = text(with_statement(Principal={"Service": "lambda.amazonaws.com"}))
NOWHERE = "arn:aws:iam::111122223333:policy/nowhere"


def missing(message: str) -> Refusal:
    return Refusal("NoSuchEntity", message, 404)


def conflict(message: str) -> Refusal:
    return Refusal("DeleteConflict", message, 409)


def tags(**pairs: str) -> Any:
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


# --- repeats -------------------------------------------------------------------------------------


@fact("Creating again: EntityAlreadyExists 409, Role with name X already exists.", source=RECORDED, level="recorded")
def test_creating_again_is_refused(iam: IAMClient) -> None:
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    again = refused(iam.create_role, RoleName="r", AssumeRolePolicyDocument=OTHER_TRUST)
    assert again == Refusal("EntityAlreadyExists", "Role with name r already exists.", 409)
    document: Any = iam.get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"]
    assert document["Statement"][0]["Principal"] == {"Service": "ec2.amazonaws.com"}


@fact("UpdateRole leaves what it is not given", source="localstack, test_update_role, 2026-02-11", level="recorded")
def test_update_role_leaves_what_it_is_not_given(iam: IAMClient) -> None:
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST, Description="d", MaxSessionDuration=7200)
    iam.update_role(RoleName="r")
    role = iam.get_role(RoleName="r")["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("d", 7200)
    iam.update_role(RoleName="r", Description="")
    role = iam.get_role(RoleName="r")["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("", 7200)


@fact("The API text says that what is omitted is reset", source="UpdateRole; uncertain U15", level="uncertain")
def test_update_role_resets_what_it_is_not_given_where_the_switch_says_so() -> None:
    iam = Sandbox(switches=Switches(omitted_resets=True)).session().client("iam")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST, Description="d", MaxSessionDuration=7200)
    iam.update_role(RoleName="r", Description="e")
    assert iam.get_role(RoleName="r")["Role"]["MaxSessionDuration"] == 3600


@fact("UpdateRoleDescription returns the role", source="UpdateRoleDescription")
def test_update_role_description_gives_the_role(iam: IAMClient) -> None:
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    assert iam.update_role_description(RoleName="r", Description="d")["Role"]["Description"] == "d"


@fact("PutRolePolicy is an upsert", source="PutRolePolicy")
@fact("Deleting twice: The role policy with name X cannot be found.", source=RECORDED, level="recorded")
def test_an_inline_policy_is_replaced_and_deleted_once(iam: IAMClient, account: Account) -> None:
    account.create_role("r")
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=text(READ))
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=text(READ))
    assert iam.list_role_policies(RoleName="r")["PolicyNames"] == ["p"]
    iam.delete_role_policy(RoleName="r", PolicyName="p")
    gone = refused(iam.delete_role_policy, RoleName="r", PolicyName="p")
    assert gone == missing("The role policy with name p cannot be found.")


@fact("Attaching again is fine and changes nothing", source=RECORDED, level="recorded")
@fact("Detaching what is not attached: Policy <arn> was not found.", source=RECORDED, level="recorded")
@fact(
    "Attaching what does not exist: Policy <arn> does not exist or is not attachable.",
    source=RECORDED,
    level="recorded",
)
@fact("Attaching a bad ARN: ARN X is not valid.", source=RECORDED, level="recorded")
def test_attaching_and_detaching(iam: IAMClient, account: Account) -> None:
    account.create_role("r")
    arn = account.create_policy("p", READ)
    iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    assert len(iam.list_attached_role_policies(RoleName="r")["AttachedPolicies"]) == 1
    iam.detach_role_policy(RoleName="r", PolicyArn=arn)
    assert refused(iam.detach_role_policy, RoleName="r", PolicyArn=arn) == missing(f"Policy {arn} was not found.")
    assert refused(iam.attach_role_policy, RoleName="r", PolicyArn=NOWHERE) == missing(
        f"Policy {NOWHERE} does not exist or is not attachable."
    )
    bad = refused(iam.attach_role_policy, RoleName="r", PolicyArn="policy/with-no-form-at-all")
    assert bad == Refusal("ValidationError", "ARN policy/with-no-form-at-all is not valid.", 400)


@fact(
    "A bad boundary: InvalidInput, ARN ... is not valid.; a missing one: NoSuchEntity, Scope ARN: ...",
    source=RECORDED,
    level="recorded",
)
def test_a_boundary_has_to_exist(iam: IAMClient, account: Account) -> None:
    account.create_role("r")
    account.create_user("u")
    gone = missing(f"Scope ARN: {NOWHERE} does not exist or is not attachable.")
    bad = Refusal("InvalidInput", "ARN arn:aws:iam::111122223333:role/r is not valid.", 400)
    wrong = "arn:aws:iam::111122223333:role/r"
    assert refused(iam.put_role_permissions_boundary, RoleName="r", PermissionsBoundary=NOWHERE) == gone
    assert refused(iam.put_user_permissions_boundary, UserName="u", PermissionsBoundary=NOWHERE) == gone
    assert refused(iam.create_user, UserName="v", PermissionsBoundary=NOWHERE) == gone
    assert refused(iam.put_role_permissions_boundary, RoleName="r", PermissionsBoundary=wrong) == bad


def test_a_boundary_is_put_replaced_and_taken_off_users_and_roles(iam: IAMClient, account: Account) -> None:
    one, two = account.create_policy("one", READ), account.create_policy("two", READ)
    account.create_role("r")
    iam.create_user(UserName="u", PermissionsBoundary=one)
    assert iam.get_user(UserName="u")["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == one
    for arn in (one, two):
        iam.put_role_permissions_boundary(RoleName="r", PermissionsBoundary=arn)
        iam.put_user_permissions_boundary(UserName="u", PermissionsBoundary=arn)
    assert iam.get_role(RoleName="r")["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == two
    assert iam.get_user(UserName="u")["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == two
    iam.delete_role_permissions_boundary(RoleName="r")
    iam.delete_user_permissions_boundary(UserName="u")
    assert "PermissionsBoundary" not in iam.get_role(RoleName="r")["Role"]
    assert "PermissionsBoundary" not in iam.get_user(UserName="u")["User"]


@pytest.mark.parametrize("fine", [True, False])
@fact("Taking off a boundary where there is none is not known", source="uncertain U11", level="uncertain")
def test_taking_off_no_boundary_is_treated_as_the_switch_says(fine: bool) -> None:  # noqa: FBT001 - a parameter
    sandbox = Sandbox(switches=Switches(absent_boundary_ok=fine))
    sandbox.account().create_role("r")
    iam = sandbox.session().client("iam")
    if fine:
        iam.delete_role_permissions_boundary(RoleName="r")
    else:
        assert refused(iam.delete_role_permissions_boundary, RoleName="r").code == "NoSuchEntity"


@fact("CreatePolicyVersion always makes a version, even of the same document", source=RECORDED, level="recorded")
@fact("Cannot delete the default version of a policy.", source=RECORDED, level="recorded")
def test_versions_of_a_policy(iam: IAMClient, account: Account) -> None:
    arn = account.create_policy("p", READ)
    assert iam.create_policy_version(PolicyArn=arn, PolicyDocument=text(READ))["PolicyVersion"]["VersionId"] == "v2"
    default = conflict("Cannot delete the default version of a policy.")
    assert refused(iam.delete_policy_version, PolicyArn=arn, VersionId="v1") == default
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v2"


@fact("Adding a user to a group twice is fine", source="recorded", level="recorded")
@fact("Removing a user that is no member is fine in practice", source="uncertain U11", level="uncertain")
def test_membership_can_be_said_twice(iam: IAMClient, account: Account) -> None:
    account.create_user("u")
    account.create_group("g")
    for _ in range(2):
        iam.add_user_to_group(GroupName="g", UserName="u")
    assert len(iam.get_group(GroupName="g")["Users"]) == 1
    for _ in range(2):
        iam.remove_user_from_group(GroupName="g", UserName="u")
    assert refused(iam.add_user_to_group, GroupName="g", UserName="nobody").code == "NoSuchEntity"


@fact("Removing a role that is not in the profile: NoSuchEntity", source=RECORDED, level="recorded")
def test_a_role_that_is_not_in_the_profile_cannot_be_removed(iam: IAMClient, account: Account) -> None:
    account.create_role("r")
    account.create_instance_profile("i")
    gone = refused(iam.remove_role_from_instance_profile, InstanceProfileName="i", RoleName="r")
    assert (gone.code, gone.status) == ("NoSuchEntity", 404)


def test_profiles_of_a_role_are_found_whichever_they_are(iam: IAMClient, account: Account) -> None:
    for name in "abc":
        account.create_role(name)
        account.create_instance_profile(f"profile-{name}", role=name)
    found = iam.list_instance_profiles_for_role(RoleName="c")["InstanceProfiles"]
    assert [profile["InstanceProfileName"] for profile in found] == ["profile-c"]


# --- providers -----------------------------------------------------------------------------------

URL = "https://IDP.example.com/Realm"
METADATA = "<EntityDescriptor>" + "x" * 1000 + "</EntityDescriptor>"


@fact("OIDC URL: host in lower case, path as it is, no trailing slash", source="CreateOpenIDConnectProvider")
@fact("Client IDs: adding and removing is idempotent", source="AddClientIDToOpenIDConnectProvider")
@fact("Thumbprints are replaced as a whole", source="UpdateOpenIDConnectProviderThumbprint")
@fact(
    "A second provider of one URL: EntityAlreadyExists; a missing one: NoSuchEntity", source=RECORDED, level="recorded"
)
def test_the_life_of_an_oidc_provider(iam: IAMClient) -> None:
    arn = iam.create_open_id_connect_provider(Url=URL + "/", ClientIDList=["a"])["OpenIDConnectProviderArn"]
    assert arn == "arn:aws:iam::111122223333:oidc-provider/idp.example.com/Realm"
    assert refused(iam.create_open_id_connect_provider, Url=URL).code == "EntityAlreadyExists"
    for _ in range(2):
        iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="b")
    for _ in range(2):
        iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="a")
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=["0" * 40])
    provider = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (provider["Url"], provider["ClientIDList"]) == ("idp.example.com/Realm", ["b"])
    assert provider["ThumbprintList"] == ["0" * 40]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    gone = refused(iam.delete_open_id_connect_provider, OpenIDConnectProviderArn=arn)
    assert gone == missing(f"OpenIDConnect Provider not found for arn {arn}")


@fact("UpdateSAMLProvider replaces the metadata", source="UpdateSAMLProvider")
def test_the_life_of_a_saml_provider(iam: IAMClient) -> None:
    made = iam.create_saml_provider(Name="Idp", SAMLMetadataDocument=METADATA, Tags=tags(a="b"))
    arn = made["SAMLProviderArn"]
    assert refused(iam.create_saml_provider, Name="Idp", SAMLMetadataDocument=METADATA).code == "EntityAlreadyExists"
    broken = refused(iam.create_saml_provider, Name="Other", SAMLMetadataDocument="x" * 1000)
    assert broken == Refusal("InvalidInput", "Could not parse metadata", 400)
    iam.update_saml_provider(SAMLProviderArn=arn, SAMLMetadataDocument=METADATA + "<!-- new -->")
    provider = iam.get_saml_provider(SAMLProviderArn=arn)
    assert provider["SAMLMetadataDocument"].endswith("<!-- new -->")
    assert iam.list_saml_provider_tags(SAMLProviderArn=arn)["Tags"] == tags(a="b")
    iam.delete_saml_provider(SAMLProviderArn=arn)
    assert refused(iam.delete_saml_provider, SAMLProviderArn=arn).code == "NoSuchEntity"


# --- deletes -------------------------------------------------------------------------------------


@fact(
    "DeleteRole: profiles, attached and inline policies first, each with its text",
    source="IAM User Guide, id_roles_manage_delete; recorded",
    level="recorded",
)
def test_a_role_is_deleted_bare(iam: IAMClient, account: Account) -> None:
    account.create_role("r", tags={"a": "b"}, permissions_boundary=account.create_policy("boundary", READ))
    account.create_instance_profile("i", role="r")
    arn = account.create_policy("p", READ)
    account.attach_role_policy("r", arn)
    account.put_role_policy("r", "inline", READ)
    told = []
    told.append(refused(iam.delete_role, RoleName="r"))
    iam.remove_role_from_instance_profile(InstanceProfileName="i", RoleName="r")
    told.append(refused(iam.delete_role, RoleName="r"))
    iam.detach_role_policy(RoleName="r", PolicyArn=arn)
    told.append(refused(iam.delete_role, RoleName="r"))
    iam.delete_role_policy(RoleName="r", PolicyName="inline")
    iam.delete_role(RoleName="r")
    assert told == [
        conflict("Cannot delete entity, must remove roles from instance profile first."),
        conflict("Cannot delete entity, must detach all policies first."),
        conflict("Cannot delete entity, must delete policies first."),
    ]
    assert refused(iam.delete_role, RoleName="r") == missing("The role with name r cannot be found.")


@fact("DeleteRole does not check who trusts it", source="DeleteRole")
def test_a_role_that_others_trust_is_deleted_all_the_same(iam: IAMClient, account: Account) -> None:
    arn = account.create_role("trusted")
    account.create_role("truster", trust=with_statement(Principal={"AWS": arn}))
    iam.delete_role(RoleName="trusted")


@fact(
    "Cannot delete entity, must remove referenced objects first.",
    source="IAM User Guide, id_users_manage; recorded",
    level="recorded",
)
@pytest.mark.parametrize("belonging", ["group", "key", "password", "mfa", "ssh"])
def test_a_user_is_deleted_bare(iam: IAMClient, account: Account, belonging: str) -> None:
    account.create_user("u")
    account.create_group("g")
    match belonging:
        case "group":
            iam.add_user_to_group(GroupName="g", UserName="u")
        case "key":
            iam.create_access_key(UserName="u")
        case "password":
            iam.create_login_profile(UserName="u", Password="not a real one")
        case "mfa":
            serial = iam.create_virtual_mfa_device(VirtualMFADeviceName="d")["VirtualMFADevice"]["SerialNumber"]
            codes = {"AuthenticationCode1": "123456", "AuthenticationCode2": "234567"}
            iam.enable_mfa_device(UserName="u", SerialNumber=serial, **codes)
        case _:
            iam.upload_ssh_public_key(UserName="u", SSHPublicKeyBody="ssh-rsa AAAA")
    referenced = conflict("Cannot delete entity, must remove referenced objects first.")
    assert refused(iam.delete_user, UserName="u") == referenced
    account.delete_user("u")
    assert refused(iam.get_user, UserName="u").code == "NoSuchEntity"


def test_a_user_with_policies_is_not_deleted(iam: IAMClient, account: Account) -> None:
    account.create_user("u")
    arn = account.create_policy("p", READ)
    account.attach_user_policy("u", arn)
    account.put_user_policy("u", "inline", READ)
    assert "must detach all policies" in refused(iam.delete_user, UserName="u").message
    iam.detach_user_policy(UserName="u", PolicyArn=arn)
    assert "must delete policies" in refused(iam.delete_user, UserName="u").message
    iam.delete_user_policy(UserName="u", PolicyName="inline")
    iam.delete_user(UserName="u")


@fact("Cannot delete entity, must remove users from group first.", source="threads", level="observed")
def test_a_group_is_deleted_empty(iam: IAMClient, account: Account) -> None:
    account.create_user("u")
    account.create_group("g")
    account.add_user_to_group("u", "g")
    account.put_group_policy("g", "inline", READ)
    assert "must remove users from group" in refused(iam.delete_group, GroupName="g").message
    iam.remove_user_from_group(GroupName="g", UserName="u")
    assert "must delete policies" in refused(iam.delete_group, GroupName="g").message
    iam.delete_group_policy(GroupName="g", PolicyName="inline")
    iam.delete_group(GroupName="g")
    assert iam.list_groups_for_user(UserName="u")["Groups"] == []


@fact(
    "A policy in use, also as boundary, or with more versions is not deleted",
    source="DeletePolicy; threads",
    level="observed",
)
def test_a_policy_is_deleted_unused_and_with_one_version(iam: IAMClient, account: Account) -> None:
    arn = account.create_policy("p", READ)
    account.create_role("r", permissions_boundary=arn)
    account.create_group("g")
    account.attach_group_policy("g", arn)
    account.create_policy_version(arn, READ)
    attached = conflict("Cannot delete a policy attached to entities.")
    assert refused(iam.delete_policy, PolicyArn=arn) == attached
    iam.detach_group_policy(GroupName="g", PolicyArn=arn)
    assert refused(iam.delete_policy, PolicyArn=arn) == attached
    iam.delete_role_permissions_boundary(RoleName="r")
    assert "more than one version" in refused(iam.delete_policy, PolicyArn=arn).message
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy(PolicyArn=arn)
    assert refused(iam.get_policy, PolicyArn=arn).code == "NoSuchEntity"


def test_an_instance_profile_is_deleted_without_its_role(iam: IAMClient, account: Account) -> None:
    account.create_role("r")
    account.create_instance_profile("i", role="r")
    told = refused(iam.delete_instance_profile, InstanceProfileName="i")
    assert told == conflict("Cannot delete entity, must remove roles from instance profile first.")
    iam.remove_role_from_instance_profile(InstanceProfileName="i", RoleName="r")
    iam.delete_instance_profile(InstanceProfileName="i")


# --- tags ----------------------------------------------------------------------------------------


@fact("Duplicate tag keys found. Please note that Tag keys are case insensitive.", source=RECORDED, level="recorded")
def test_two_keys_of_a_role_that_differ_by_case_are_one(iam: IAMClient, account: Account) -> None:
    account.create_role("r")
    told = refused(iam.tag_role, RoleName="r", Tags=tags(owner="a", Owner="b"))
    said = "Duplicate tag keys found. Please note that Tag keys are case insensitive."
    assert told == Refusal("InvalidInput", said, 400)


@fact("What happens to the case of a key set again is not known", source="uncertain U12", level="uncertain")
@fact("TagRole is an upsert per key and leaves the others", source="TagRole")
def test_a_later_key_in_other_case_sets_the_same_tag(iam: IAMClient, account: Account) -> None:
    account.create_role("r", tags={"Owner": "a", "team": "x"})
    iam.tag_role(RoleName="r", Tags=tags(owner="b"))
    assert iam.list_role_tags(RoleName="r")["Tags"] == tags(Owner="b", team="x")
    iam.untag_role(RoleName="r", TagKeys=["OWNER"])
    assert iam.list_role_tags(RoleName="r")["Tags"] == tags(team="x")


@fact("Untagging a missing key is fine", source=RECORDED, level="recorded")
def test_a_missing_tag_can_be_taken_away(iam: IAMClient, account: Account) -> None:
    account.create_role("r")
    iam.untag_role(RoleName="r", TagKeys=["nothing"])


@fact(
    "Tag keys of managed policies count by case; Duplicate tag keys found. for exact repeats",
    source="localstack, test_iam_policies",
    level="recorded",
)
def test_keys_of_a_policy_count_by_case(iam: IAMClient, account: Account) -> None:
    arn = account.create_policy("p", READ)
    iam.tag_policy(PolicyArn=arn, Tags=tags(owner="a", Owner="b"))
    assert len(iam.list_policy_tags(PolicyArn=arn)["Tags"]) == 2
    told = refused(iam.tag_policy, PolicyArn=arn, Tags=[*tags(x="1"), *tags(x="2")])
    assert told == Refusal("InvalidInput", "Duplicate tag keys found.", 400)
    iam.untag_policy(PolicyArn=arn, TagKeys=["owner"])
    assert iam.list_policy_tags(PolicyArn=arn)["Tags"] == tags(Owner="b")


@fact("The aws: prefix is reserved", source="IAM User Guide, id_tags")
def test_tags_of_aws_can_be_neither_set_nor_taken_away(iam: IAMClient, account: Account) -> None:
    account.create_role("r")
    account.tag_role("r", {"aws:cloudformation:stack-name": "s"})
    set_one: Any = [{"Key": "AWS:x", "Value": ""}]
    assert refused(iam.tag_role, RoleName="r", Tags=set_one).code == "InvalidInput"
    assert refused(iam.untag_role, RoleName="r", TagKeys=["aws:cloudformation:stack-name"]).code == "InvalidInput"
    assert len(iam.list_role_tags(RoleName="r")["Tags"]) == 1
