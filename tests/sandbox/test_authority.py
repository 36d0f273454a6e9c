"""Who may do what, with enforcement on: facts of section 8."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.sandbox import Account, Clock, IamError, Sandbox
from reconciler.sandbox.pytest_plugin import START
from tests.sandbox.facts import fact
from tests.sandbox.situation import READ, refused, text, trusting, with_statement

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_sts import STSClient

LOGIC = "IAM User Guide, reference_policies_evaluation-logic"
OTHER = "444455556666"


@pytest.fixture
def strict() -> Sandbox:
    """A sandbox that asks who may do what; alice is a user without any permission."""
    sandbox = Sandbox(clock=Clock(START), enforce=True, organization="o-abcdefghij")
    sandbox.account().create_user("alice")
    return sandbox


def allow(*actions: str, resource: str = "*", **condition: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [{**statement, **({"Condition": condition} if condition else {})}]}


def alice(sandbox: Sandbox) -> IAMClient:
    return sandbox.session(caller="user/alice").client("iam")


def sts_of(sandbox: Sandbox, *, mfa: bool = False) -> STSClient:
    return sandbox.session(caller="user/alice", mfa=mfa).client("sts")


@fact("Denied by default", source=LOGIC)
def test_nobody_may_do_anything_without_a_policy(strict: Sandbox) -> None:
    refusal = refused(alice(strict).list_roles)
    assert (refusal.code, refusal.status) == ("AccessDenied", 403)
    assert refusal.message == (
        "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: iam:ListRoles on resource: "
        "arn:aws:iam::111122223333:role/ because no identity-based policy allows the iam:ListRoles action"
    )


def test_nobody_is_asked_when_enforcement_is_off(strict: Sandbox) -> None:
    strict.enforcing = False
    assert alice(strict).list_roles()["Roles"] == []


def test_root_may_do_everything(strict: Sandbox) -> None:
    assert strict.session().client("iam").list_roles()["Roles"] == []


def test_a_policy_of_a_group_counts_for_its_members(strict: Sandbox) -> None:
    account = strict.account()
    account.create_group("readers")
    account.put_group_policy("readers", "p", allow("iam:List*"))
    account.add_user_to_group("alice", "readers")
    assert alice(strict).list_roles()["Roles"] == []


@fact("An explicit deny overrides", source=LOGIC)
def test_a_deny_wins(strict: Sandbox) -> None:
    account = strict.account()
    account.put_user_policy("alice", "allow", allow("iam:*"))
    deny = allow("iam:DeleteRole")
    deny["Statement"][0]["Effect"] = "Deny"
    account.put_user_policy("alice", "deny", deny)
    account.create_role("r")
    alice(strict).get_role(RoleName="r")
    assert (
        "with an explicit deny in an identity-based policy" in refused(alice(strict).delete_role, RoleName="r").message
    )


@fact("A boundary limits what identity policies grant", source="IAM User Guide, access_policies_boundaries")
def test_a_boundary_limits(strict: Sandbox) -> None:
    account = strict.account()
    account.attach_user_policy("alice", "arn:aws:iam::aws:policy/AdministratorAccess")
    boundary = account.create_policy("boundary", allow("iam:Get*"))
    account.call("PutUserPermissionsBoundary", UserName="alice", PermissionsBoundary=boundary)
    account.create_role("r")
    alice(strict).get_role(RoleName="r")
    assert "because no permissions boundary allows" in refused(alice(strict).list_roles).message


@fact("The resource of CreateRole is the ARN with the path asked for", source="Service Authorization Reference, IAM")
def test_roles_can_be_made_on_one_path_only(strict: Sandbox) -> None:
    strict.account().put_user_policy(
        "alice", "p", allow("iam:CreateRole", resource="arn:aws:iam::111122223333:role/team/*")
    )
    trust = text(with_statement())
    alice(strict).create_role(RoleName="a", Path="/team/", AssumeRolePolicyDocument=trust)
    assert refused(alice(strict).create_role, RoleName="b", AssumeRolePolicyDocument=trust).code == "AccessDenied"


@fact("CreateRole with tags needs iam:TagRole too", source="Service Authorization Reference, IAM")
def test_a_role_with_tags_needs_leave_to_tag(strict: Sandbox) -> None:
    account = strict.account()
    account.put_user_policy("alice", "p", allow("iam:CreateRole"))
    params: Any = {
        "RoleName": "r",
        "AssumeRolePolicyDocument": text(with_statement()),
        "Tags": [{"Key": "a", "Value": "b"}],
    }
    assert "iam:TagRole" in refused(alice(strict).create_role, **params).message
    account.put_user_policy(
        "alice", "p", allow("iam:CreateRole", "iam:TagRole", StringEquals={"aws:RequestTag/a": "b"})
    )
    alice(strict).create_role(**params)


@fact("iam:PermissionsBoundary and iam:PolicyARN", source="IAM User Guide, reference_policies_iam-condition-keys")
def test_roles_can_be_made_with_one_boundary_and_given_some_policies_only(strict: Sandbox) -> None:
    account = strict.account()
    boundary, harmless = account.create_policy("boundary", READ), account.create_policy("harmless", READ)
    account.put_user_policy(
        "alice", "create", allow("iam:CreateRole", StringEquals={"iam:PermissionsBoundary": boundary})
    )
    account.put_user_policy("alice", "attach", allow("iam:AttachRolePolicy", ArnEquals={"iam:PolicyARN": harmless}))
    trust = text(with_statement())
    assert refused(alice(strict).create_role, RoleName="r", AssumeRolePolicyDocument=trust).code == "AccessDenied"
    alice(strict).create_role(RoleName="r", AssumeRolePolicyDocument=trust, PermissionsBoundary=boundary)
    alice(strict).attach_role_policy(RoleName="r", PolicyArn=harmless)
    admin = "arn:aws:iam::aws:policy/AdministratorAccess"
    assert refused(alice(strict).attach_role_policy, RoleName="r", PolicyArn=admin).code == "AccessDenied"


# --- assuming ------------------------------------------------------------------------------------


def trust_alice(account: Account, **condition: Any) -> str:
    statement: dict[str, Any] = {"Principal": {"AWS": account.user_arn("alice")}}
    return account.create_role("r", trust=with_statement(**statement, Condition=condition))


@fact("User or role ARN in the same account: the trust alone suffices", source=LOGIC)
def test_a_trusted_user_assumes_without_any_permission(strict: Sandbox) -> None:
    arn = trust_alice(strict.account())
    assumed = sts_of(strict).assume_role(RoleArn=arn, RoleSessionName="me")
    assert assumed["AssumedRoleUser"]["Arn"] == "arn:aws:sts::111122223333:assumed-role/r/me"
    assert assumed["AssumedRoleUser"]["AssumedRoleId"] == f"{strict.account().role_id('r')}:me"


def test_a_recreated_user_cannot_assume_any_more(strict: Sandbox) -> None:
    account = strict.account()
    arn = trust_alice(account)
    account.recreate_user("alice")
    refusal = refused(sts_of(strict).assume_role, RoleArn=arn, RoleSessionName="me")
    assert (
        refusal.message
        == f"User: {account.user_arn('alice')} is not authorized to perform: sts:AssumeRole on resource: {arn}"
    )


def test_a_role_that_does_not_exist_is_refused_in_the_same_words(strict: Sandbox) -> None:
    arn = "arn:aws:iam::111122223333:role/nobody"
    assert refused(sts_of(strict).assume_role, RoleArn=arn, RoleSessionName="me").code == "AccessDenied"


@fact("When a role is assumed, the case of its name counts", source="IAM User Guide, reference_iam-quotas")
@fact("Session name 2 to 64, external ID 2 to 1,224, at least 900 seconds", source="botocore, model of STS")
def test_a_role_is_assumed_by_its_exact_name_and_within_limits(strict: Sandbox) -> None:
    arn = trust_alice(strict.account())
    assume = sts_of(strict).assume_role
    assert refused(assume, RoleArn=arn.replace("/r", "/R"), RoleSessionName="me").code == "AccessDenied"
    assert "'roleSessionName'" in refused(assume, RoleArn=arn, RoleSessionName="x" * 65).message
    assert "'externalId'" in refused(assume, RoleArn=arn, RoleSessionName="me", ExternalId="x" * 1225).message
    assert "'durationSeconds'" in refused(assume, RoleArn=arn, RoleSessionName="me", DurationSeconds=43_201).message


@fact("Account root in the same account: an identity policy is needed too", source=LOGIC)
def test_a_trusted_account_still_has_to_let_its_user(strict: Sandbox) -> None:
    account = strict.account()
    arn = account.create_role("r", trust=trusting("arn:aws:iam::111122223333:root"))
    assert refused(sts_of(strict).assume_role, RoleArn=arn, RoleSessionName="me").code == "AccessDenied"
    account.put_user_policy("alice", "p", allow("sts:AssumeRole", resource=arn))
    sts_of(strict).assume_role(RoleArn=arn, RoleSessionName="me")


@fact("A user of another account needs both halves", source=LOGIC)
def test_from_another_account_both_halves_are_needed(strict: Sandbox) -> None:
    account, other = strict.account(), strict.account(OTHER)
    arn = other.create_role("r", trust=trusting(account.user_arn("alice")))
    assert refused(sts_of(strict).assume_role, RoleArn=arn, RoleSessionName="me").code == "AccessDenied"
    account.put_user_policy("alice", "p", allow("sts:AssumeRole", resource=arn))
    assumed = sts_of(strict).assume_role(RoleArn=arn, RoleSessionName="me")
    assert assumed["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{OTHER}:assumed-role/r/me"


@fact("sts:ExternalId", source="IAM User Guide, id_roles_create_for-user_externalid")
def test_an_external_id_has_to_be_the_right_one(strict: Sandbox) -> None:
    arn = trust_alice(strict.account(), StringEquals={"sts:ExternalId": "right"})
    for given in ({}, {"ExternalId": "wrong"}):
        assert refused(sts_of(strict).assume_role, RoleArn=arn, RoleSessionName="me", **given).code == "AccessDenied"
    sts_of(strict).assume_role(RoleArn=arn, RoleSessionName="me", ExternalId="right")


@fact(
    "aws:MultiFactorAuthPresent is absent with long-term keys; Bool true then does not match",
    source="IAM User Guide, id_credentials_mfa_configure-api-require",
)
def test_a_second_factor_can_be_required(strict: Sandbox) -> None:
    arn = trust_alice(strict.account(), Bool={"aws:MultiFactorAuthPresent": "true"})
    assert refused(sts_of(strict).assume_role, RoleArn=arn, RoleSessionName="me").code == "AccessDenied"
    sts_of(strict, mfa=True).assume_role(RoleArn=arn, RoleSessionName="me")
    device = "arn:aws:iam::111122223333:mfa/alice"
    sts_of(strict).assume_role(RoleArn=arn, RoleSessionName="me", SerialNumber=device, TokenCode="123456")


@fact(
    "BoolIfExists true in an Allow matches when the key is absent",
    source="IAM User Guide, reference_policies_elements_condition_operators",
)
def test_if_exists_lets_long_term_keys_past_the_second_factor(strict: Sandbox) -> None:
    arn = trust_alice(strict.account(), BoolIfExists={"aws:MultiFactorAuthPresent": "true"})
    sts_of(strict).assume_role(RoleArn=arn, RoleSessionName="me")


def test_a_second_factor_grows_old(strict: Sandbox) -> None:
    arn = trust_alice(strict.account(), NumericLessThan={"aws:MultiFactorAuthAge": "3600"})
    sts = sts_of(strict, mfa=True)
    sts.assume_role(RoleArn=arn, RoleSessionName="me")
    strict.advance(3600)
    assert refused(sts.assume_role, RoleArn=arn, RoleSessionName="me").code == "AccessDenied"


@fact("AWS: * with aws:PrincipalOrgID is the organisation", source="IAM User Guide, reference_policies_condition-keys")
def test_an_organisation_can_be_trusted(strict: Sandbox) -> None:
    account = strict.account()
    account.put_user_policy("alice", "p", allow("sts:AssumeRole"))
    trust = {"Principal": {"AWS": "*"}}
    ours = with_statement(**trust, Condition={"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}})
    theirs = with_statement(**trust, Condition={"StringEquals": {"aws:PrincipalOrgID": "o-zzzzzzzzzz"}})
    sts_of(strict).assume_role(RoleArn=account.create_role("ours", trust=ours), RoleSessionName="me")
    refused(sts_of(strict).assume_role, RoleArn=account.create_role("theirs", trust=theirs), RoleSessionName="me")


@fact(
    "Root with ArnEquals aws:PrincipalArn survives re-creation",
    source="IAM User Guide, reference_policies_elements_principal",
)
def test_a_principal_arn_in_a_condition_survives_the_user(strict: Sandbox) -> None:
    account = strict.account()
    condition = {"ArnEquals": {"aws:PrincipalArn": account.user_arn("alice")}}
    arn = account.create_role("r", trust=with_statement(Principal={"AWS": "111122223333"}, Condition=condition))
    account.recreate_user("alice")
    account.put_user_policy("alice", "p", allow("sts:AssumeRole"))
    sts_of(strict).assume_role(RoleArn=arn, RoleSessionName="me")


@fact("Self-assumption must be in the trust explicitly", source="AWS Security Blog, 2022-09-21")
def test_a_role_does_not_trust_itself_by_nature(strict: Sandbox) -> None:
    account = strict.account()
    arn = account.create_role("r")
    account.put_role_policy("r", "p", allow("sts:AssumeRole"))
    session = strict.session(caller="role/r/me").client("sts")
    assert refused(session.assume_role, RoleArn=arn, RoleSessionName="again").code == "AccessDenied"
    account.put_trust("r", trusting(arn))
    session.assume_role(RoleArn=arn, RoleSessionName="again")


@fact(
    "DurationSeconds up to MaxSessionDuration; chaining one hour at most",
    source="IAM User Guide, id_roles_terms-and-concepts",
)
def test_a_session_lasts_no_longer_than_it_may(strict: Sandbox) -> None:
    account = strict.account()
    one = account.create_role("one", trust=trusting(account.user_arn("alice")), max_session_duration=7200)
    two = account.create_role("two", trust=trusting(one), max_session_duration=7200)
    sts = sts_of(strict)
    assert (
        "MaxSessionDuration"
        in refused(sts.assume_role, RoleArn=one, RoleSessionName="me", DurationSeconds=7201).message
    )
    keys = sts.assume_role(RoleArn=one, RoleSessionName="me", DurationSeconds=7200)["Credentials"]
    assert (keys["Expiration"] - START).total_seconds() == 7200
    chained = strict.session(caller="role/one/me").client("sts")
    assert (
        "role chaining" in refused(chained.assume_role, RoleArn=two, RoleSessionName="me", DurationSeconds=3601).message
    )
    chained.assume_role(RoleArn=two, RoleSessionName="me", DurationSeconds=3600)


def test_a_session_policy_limits(strict: Sandbox) -> None:
    account = strict.account()
    arn = trust_alice(account)
    account.put_role_policy("r", "p", allow("iam:*"))
    keys = sts_of(strict).assume_role(RoleArn=arn, RoleSessionName="me", Policy=text(allow("iam:List*")))["Credentials"]
    client = with_keys(strict, keys)
    client.list_roles()
    assert "because no session policy allows" in refused(client.get_role, RoleName="r").message


@fact("InvalidClientTokenId 403", source="recorded", level="recorded")
def test_unknown_keys_are_refused_where_policies_are_enforced(strict: Sandbox) -> None:
    strange: IAMClient = strict.session().client("iam", aws_access_key_id="AKIAUNKNOWN", aws_secret_access_key="x")
    assert refused(strange.list_roles).code == "InvalidClientTokenId"


@fact("Whose keys are they: GetCallerIdentity needs no permission", source="GetCallerIdentity")
def test_everybody_may_ask_who_they_are(strict: Sandbox) -> None:
    account = strict.account()
    identity = sts_of(strict).get_caller_identity()
    assert (identity["Arn"], identity["UserId"]) == (account.user_arn("alice"), account.user_id("alice"))
    account.create_role("r", path="/team/")
    session = strict.session(caller="role/r/me").client("sts").get_caller_identity()
    assert session["Arn"] == "arn:aws:sts::111122223333:assumed-role/r/me"
    assert session["UserId"] == f"{account.role_id('r')}:me"
    root = strict.session().client("sts").get_caller_identity()
    assert (root["Arn"], root["UserId"]) == ("arn:aws:iam::111122223333:root", "111122223333")


# --- at the gate ---------------------------------------------------------------------------------


def with_keys(sandbox: Sandbox, keys: Any) -> IAMClient:
    """A client with the keys that a call gave."""
    return sandbox.session().client(
        "iam",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys.get("SessionToken"),
    )


def test_keys_of_a_deleted_user_open_nothing(sandbox: Sandbox, account: Account) -> None:
    account.create_user("bob")
    made = sandbox.session().client("iam").create_access_key(UserName="bob")["AccessKey"]
    bob = with_keys(sandbox, made)
    assert bob.get_user()["User"]["UserName"] == "bob"
    account.recreate_user("bob")
    assert refused(bob.list_roles).code == "InvalidClientTokenId"


def test_an_inactive_key_opens_nothing(sandbox: Sandbox, account: Account) -> None:
    account.create_user("bob")
    iam = sandbox.session().client("iam")
    made = iam.create_access_key(UserName="bob")["AccessKey"]
    iam.update_access_key(UserName="bob", AccessKeyId=made["AccessKeyId"], Status="Inactive")
    bob = with_keys(sandbox, made)
    assert refused(bob.list_roles).code == "InvalidClientTokenId"
    assert iam.list_access_keys(UserName="bob")["AccessKeyMetadata"][0]["Status"] == "Inactive"


@pytest.mark.parametrize(
    ("caller", "arn"),
    [
        ("user/alice", "arn:aws:iam::111122223333:user/ops/alice"),
        ("arn:aws:iam::111122223333:user/ops/alice", "arn:aws:iam::111122223333:user/ops/alice"),
        ("role/ci", "arn:aws:sts::111122223333:assumed-role/ci/sandbox"),
        ("role/ci/build", "arn:aws:sts::111122223333:assumed-role/ci/build"),
        ("arn:aws:iam::111122223333:role/tools/ci", "arn:aws:sts::111122223333:assumed-role/ci/sandbox"),
        ("arn:aws:sts::111122223333:assumed-role/ci/build", "arn:aws:sts::111122223333:assumed-role/ci/build"),
        (None, "arn:aws:iam::111122223333:root"),
    ],
)
def test_a_caller_can_be_named_in_several_ways(
    sandbox: Sandbox, account: Account, caller: str | None, arn: str
) -> None:
    account.create_user("alice", path="/ops/")
    account.create_role("ci", path="/tools/")
    assert sandbox.session(caller=caller).client("sts").get_caller_identity()["Arn"] == arn


def test_a_caller_that_is_nobody_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="a caller is user/NAME"):
        sandbox.session(caller="alice")
    with pytest.raises(IamError, match="cannot be found"):
        sandbox.session(caller="user/alice")
