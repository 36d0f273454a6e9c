"""Credentials for a while: GetFederationToken, GetSessionToken, and what each of them may not do."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.sandbox import Account, Clock, IamError, Sandbox, authority
from reconciler.sandbox.pytest_plugin import START
from reconciler.sandbox.world import Call
from tests.sandbox.facts import fact
from tests.sandbox.situation import refused, text, trusting

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

MODEL = "botocore, model of STS"
READ_BUCKETS = {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}
NOTHING: Any = {}
MFA: Any = {"SerialNumber": "arn:aws:iam::111122223333:mfa/alice", "TokenCode": "123456"}


@pytest.fixture
def strict() -> Sandbox:
    """A sandbox that asks who may do what; alice may hand out tokens and do all that S3 can."""
    sandbox = Sandbox(clock=Clock(START), enforce=True)
    account = sandbox.account()
    account.create_user("alice", path="/ops/", tags={"team": "storage", "stage": "prod"})
    account.put_user_policy("alice", "p", policy(allow("sts:GetFederationToken"), allow("s3:*")))
    return sandbox


def allow(action: str, resource: str = "*", **condition: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def sts_of(sandbox: Sandbox, caller: str | None = "user/alice") -> STSClient:
    return sandbox.session(caller=caller).client("sts")


def session_with(sandbox: Sandbox, answer: Any) -> Any:
    """A way to a client with the keys of an answer."""
    keys = answer["Credentials"]

    def client(service: Any) -> Any:
        return sandbox.session().client(
            service,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )

    return client


def can(sandbox: Sandbox, answer: Any, action: str, resource: str = "arn:aws:s3:::bucket/key") -> bool:
    """Whether the owner of the keys of an answer may do something, in whichever service."""
    credentials = sandbox.world.credentials[answer["Credentials"]["AccessKeyId"]]
    account = sandbox.world.account(credentials.caller.account_id)
    call = Call(world=sandbox.world, account=account, caller=credentials.caller, name="GetObject", params={})
    try:
        authority.demand(call, credentials, action=action, resource=resource)
    except IamError:
        return False
    return True


# --- GetFederationToken --------------------------------------------------------------------------


@fact("The federated user's ARN, and its ID: ACCOUNT:NAME", source=MODEL)
@fact(
    "aws:userid of a federated user is ACCOUNT:NAME, as the caller named it",
    source="IAM User Guide, reference_policies_variables",
)
@fact("Valid for half a day if nothing is said", source=MODEL)
def test_a_user_vouches_for_somebody_else(strict: Sandbox) -> None:
    answer = sts_of(strict).get_federation_token(Name="Bob")
    arn = "arn:aws:sts::111122223333:federated-user/Bob"
    assert answer["FederatedUser"] == {"FederatedUserId": "111122223333:Bob", "Arn": arn}
    assert answer["Credentials"]["Expiration"] == START + timedelta(hours=12)
    me = session_with(strict, answer)("sts").get_caller_identity()
    assert (me["Arn"], me["UserId"], me["Account"]) == (arn, "111122223333:Bob", "111122223333")


@fact("Without session policies the federated user has no permissions", source=MODEL)
@fact("With them it has what both they and the user's policies allow", source=MODEL)
def test_a_federated_user_may_do_what_both_sides_allow(strict: Sandbox) -> None:
    account, sts = strict.account(), sts_of(strict)
    assert not can(strict, sts.get_federation_token(Name="nothing"), "s3:GetObject")
    limited = sts.get_federation_token(Name="Bob", Policy=text(policy(READ_BUCKETS, allow("ec2:*"))))
    assert can(strict, limited, "s3:GetObject")
    assert not can(strict, limited, "s3:PutObject")
    assert not can(strict, limited, "ec2:RunInstances")
    managed = account.create_policy("reading", policy(READ_BUCKETS))
    by_arn = sts.get_federation_token(Name="Bob", PolicyArns=[{"arn": managed}])
    assert (can(strict, by_arn, "s3:GetObject"), can(strict, by_arn, "s3:PutObject")) == (True, False)
    account.put_user_policy("alice", "p", policy(allow("s3:List*")))
    assert not can(strict, limited, "s3:GetObject")


def test_a_boundary_of_the_user_limits_whom_it_vouches_for(strict: Sandbox) -> None:
    account = strict.account()
    answer = sts_of(strict).get_federation_token(Name="Bob", Policy=text(policy(allow("s3:*"))))
    assert can(strict, answer, "s3:PutObject")
    boundary = account.create_policy("boundary", policy(READ_BUCKETS))
    account.call("PutUserPermissionsBoundary", UserName="alice", PermissionsBoundary=boundary)
    assert (can(strict, answer, "s3:GetObject"), can(strict, answer, "s3:PutObject")) == (True, False)


@fact("Session tags override the user's, without regard to case", source=MODEL)
@fact("Passing them needs sts:TagSession", source="IAM User Guide, id_session-tags")
def test_tags_of_a_federated_user_override_those_of_its_maker(strict: Sandbox) -> None:
    account, sts = strict.account(), sts_of(strict)
    scope = text(policy(allow("s3:*")))
    tagged: Any = {"Name": "Bob", "Policy": scope, "Tags": [{"Key": "Team", "Value": "network"}]}
    assert "sts:TagSession" in refused(sts.get_federation_token, **tagged).message
    storage = allow("s3:GetObject", StringEquals={"aws:PrincipalTag/team": "storage"})
    network = allow("s3:PutObject", StringEquals={"aws:PrincipalTag/TEAM": "network", "aws:PrincipalTag/stage": "prod"})
    leave = [allow("sts:GetFederationToken"), allow("sts:TagSession")]
    account.put_user_policy("alice", "p", policy(*leave, storage, network))
    plain, answer = sts.get_federation_token(Name="Bob", Policy=scope), sts.get_federation_token(**tagged)
    assert (can(strict, plain, "s3:GetObject"), can(strict, plain, "s3:PutObject")) == (True, False)
    assert (can(strict, answer, "s3:GetObject"), can(strict, answer, "s3:PutObject")) == (False, True)


def test_what_a_policy_asks_about_a_federated_user_is_answered(strict: Sandbox) -> None:
    account = strict.account()
    asked = {
        "aws:userid": "111122223333:Bob",
        "aws:PrincipalType": "FederatedUser",
        "aws:PrincipalArn": "arn:aws:sts::111122223333:federated-user/Bob",
    }
    account.put_user_policy("alice", "q", policy(allow("ec2:*", StringEquals=asked)))
    bob, carol = (
        sts_of(strict).get_federation_token(Name=name, Policy=text(policy(allow("*")))) for name in ("Bob", "Carol")
    )
    assert (can(strict, bob, "ec2:RunInstances"), can(strict, carol, "ec2:RunInstances")) == (True, False)


@fact(
    "A permission of its own: sts:GetFederationToken on the federated user",
    source="Service Authorization Reference, STS",
)
def test_vouching_needs_leave_by_name(strict: Sandbox) -> None:
    only = "arn:aws:sts::111122223333:federated-user/Bob"
    strict.account().put_user_policy("alice", "p", policy(allow("sts:GetFederationToken", only)))
    sts_of(strict).get_federation_token(Name="Bob")
    refusal = refused(sts_of(strict).get_federation_token, Name="Carol")
    assert refusal.code == "AccessDenied"
    assert "sts:GetFederationToken on resource: arn:aws:sts::111122223333:federated-user/Carol" in refusal.message


@fact("Names of 2 to 32 characters out of \\w+=,.@-, from 900 to 129,600 seconds", source=MODEL)
@pytest.mark.parametrize(
    "given",
    [{"Name": "x" * 33}, {"Name": "Bob Smith"}, {"DurationSeconds": 129_601}, {"Policy": "x" * 2049}],
)
def test_limits_of_a_federation_token_hold(strict: Sandbox, given: dict[str, Any]) -> None:
    refusal = refused(sts_of(strict).get_federation_token, **{"Name": "Bob", **given})
    assert refusal.code == "ValidationError"


@fact("Session policies: ten managed ones, 2,048 characters with the inline one", source=MODEL)
def test_session_policies_are_checked(strict: Sandbox) -> None:
    account, sts = strict.account(), sts_of(strict)
    broken = refused(sts.get_federation_token, Name="Bob", Policy="{")
    assert broken.code == "MalformedPolicyDocument"
    named = refused(sts.get_federation_token, Name="Bob", PolicyArns=[{"arn": "arn:aws:iam::111122223333:policy/none"}])
    assert (named.code, named.message) == (
        "ValidationError",
        "ARN arn:aws:iam::111122223333:policy/none is not valid.",
    )
    arns: Any = [{"arn": account.create_policy(f"policy-{number}", policy(READ_BUCKETS))} for number in range(11)]
    sts.get_federation_token(Name="Bob", PolicyArns=arns[:10])
    assert refused(sts.get_federation_token, Name="Bob", PolicyArns=arns).code == "ValidationError"
    scope = policy(READ_BUCKETS, allow("s3:PutObject", "arn:aws:s3:::" + "b" * 1_700))
    sts.get_federation_token(Name="Bob", Policy=text(scope))
    together = refused(sts.get_federation_token, Name="Bob", Policy=text(scope), PolicyArns=arns[:10])
    assert together.code == "PackedPolicyTooLarge"


@fact("Root's last an hour at most, whatever is asked for", source=MODEL)
def test_root_vouches_for_an_hour(strict: Sandbox) -> None:
    root = sts_of(strict, None)
    answer = root.get_federation_token(Name="Bob", DurationSeconds=43_200, Policy=text(policy(READ_BUCKETS)))
    assert answer["Credentials"]["Expiration"] == START + timedelta(hours=1)
    assert session_with(strict, answer)("sts").get_caller_identity()["UserId"] == "111122223333:Bob"
    assert (can(strict, answer, "s3:GetObject"), can(strict, answer, "s3:PutObject")) == (True, False)
    assert not can(strict, root.get_federation_token(Name="Bob"), "s3:GetObject")


@fact(
    "Cannot call GetFederationToken with session credentials: AccessDenied",
    source="hashicorp/vault#4108",
    level="observed",
)
@fact("Cannot call GetSessionToken with session credentials", source="aws/aws-sdk-net#1704", level="observed")
@pytest.mark.parametrize("enforcing", [True, False])
def test_credentials_for_a_while_make_no_others(strict: Sandbox, enforcing: bool) -> None:  # noqa: FBT001 - a case
    strict.enforcing = enforcing
    account = strict.account()
    account.create_role("r")
    account.put_role_policy("r", "p", policy(allow("sts:*")))
    account.put_user_policy("alice", "p", policy(allow("sts:*")))
    long_term, root = sts_of(strict), sts_of(strict, None)
    clients = [
        sts_of(strict, "role/r/me"),
        session_with(strict, long_term.get_session_token())("sts"),
        session_with(strict, root.get_session_token())("sts"),
    ]
    for sts in clients:
        refusal = refused(sts.get_federation_token, Name="Bob")
        assert (refusal.code, refusal.status) == ("AccessDenied", 403)
        assert refusal.message == "Cannot call GetFederationToken with session credentials"
        assert refused(sts.get_session_token).message == "Cannot call GetSessionToken with session credentials"
    federated = session_with(strict, long_term.get_federation_token(Name="Bob"))("sts")
    assert refused(federated.get_session_token).message == "Cannot call GetSessionToken with session credentials"


@fact("A federated user calls nothing of IAM, and of STS only who it is", source=MODEL)
def test_iam_and_the_roles_are_closed_to_federated_users(strict: Sandbox) -> None:
    account = strict.account()
    account.put_user_policy("alice", "p", policy(allow("*")))
    role = account.create_role("r", trust=trusting(account.user_arn("alice"), "arn:aws:iam::111122223333:root"))
    client = session_with(strict, sts_of(strict).get_federation_token(Name="Bob", Policy=text(policy(allow("*")))))
    assert refused(client("iam").list_roles).code == "InvalidClientTokenId"
    assert refused(client("sts").assume_role, RoleArn=role, RoleSessionName="me").code == "AccessDenied"
    client("sts").get_caller_identity()


def test_whom_a_deleted_user_vouched_for_is_nobody(strict: Sandbox) -> None:
    client = session_with(strict, sts_of(strict).get_federation_token(Name="Bob"))
    strict.account().recreate_user("alice")
    assert refused(client("sts").get_caller_identity).code == "InvalidClientTokenId"


def test_a_federation_token_runs_out(strict: Sandbox) -> None:
    client = session_with(strict, sts_of(strict).get_federation_token(Name="Bob", DurationSeconds=900))
    strict.advance(900)
    assert refused(client("sts").get_caller_identity).code == "ExpiredToken"


# --- GetSessionToken -----------------------------------------------------------------------------


@fact("No permission is needed, and the credentials are the user's own", source=MODEL)
@fact("From 900 to 129,600 seconds, half a day if nothing is said, root's an hour", source=MODEL)
def test_a_session_token_is_its_maker_for_a_while(strict: Sandbox) -> None:
    account = strict.account()
    account.create_user("bob")
    answer = sts_of(strict, "user/bob").get_session_token()
    assert answer["Credentials"]["Expiration"] == START + timedelta(hours=12)
    assert session_with(strict, answer)("sts").get_caller_identity()["UserId"] == account.user_id("bob")
    assert not can(strict, answer, "s3:GetObject")
    assert can(strict, sts_of(strict).get_session_token(), "s3:GetObject")
    root = sts_of(strict, None).get_session_token(DurationSeconds=7200)
    assert root["Credentials"]["Expiration"] == START + timedelta(hours=1)
    assert session_with(strict, root)("iam").list_users()["Users"]


@fact("No call of IAM unless a second factor was given", source=MODEL)
@fact("InvalidClientTokenId where none was", source="aws/aws-sdk-js#460", level="observed")
def test_a_session_token_needs_a_second_factor_for_iam(strict: Sandbox) -> None:
    account, sts = strict.account(), sts_of(strict)
    proven = {"aws:MultiFactorAuthPresent": "true"}
    account.put_user_policy("alice", "q", policy(allow("iam:ListUsers", Bool=proven)))
    without, proved = session_with(strict, sts.get_session_token()), session_with(strict, sts.get_session_token(**MFA))
    assert refused(without("iam").list_users).code == "InvalidClientTokenId"
    assert proved("iam").list_users()["Users"]
    assert refused(strict.session(caller="user/alice").client("iam").list_users).code == "AccessDenied"


def test_a_session_token_with_a_second_factor_opens_a_role_that_wants_one(strict: Sandbox) -> None:
    account: Account = strict.account()
    trust = trusting(account.user_arn("alice"))
    trust["Statement"][0]["Condition"] = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    role = account.create_role("r", trust=trust)
    tokens = (sts_of(strict).get_session_token(**given) for given in (NOTHING, MFA))
    without, proved = (session_with(strict, answer)("sts") for answer in tokens)
    assert refused(without.assume_role, RoleArn=role, RoleSessionName="me").code == "AccessDenied"
    proved.assume_role(RoleArn=role, RoleSessionName="me")


@fact("AssumeRole answers with the source identity that was passed", source="STS API Reference, AssumeRole")
def test_a_source_identity_comes_back_with_the_session(strict: Sandbox) -> None:
    account = strict.account()
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": account.user_arn("alice")},
        "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
    }
    arn = account.create_role("deployer", trust=policy(statement))
    named = sts_of(strict).assume_role(RoleArn=arn, RoleSessionName="me", SourceIdentity="alice@example.com")
    assert named["SourceIdentity"] == "alice@example.com"
    assert "SourceIdentity" not in sts_of(strict).assume_role(RoleArn=arn, RoleSessionName="me")
