"""Becoming a role by the word of an identity provider, and what the session may then do."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.sandbox import Account, Clock, Sandbox
from reconciler.sandbox.pytest_plugin import START
from tests.sandbox.facts import fact
from tests.sandbox.situation import loopback_session, refused, text, with_statement
from tests.sandbox.tokens import (
    ISSUER,
    PROVIDER,
    SAML_PROVIDER,
    SIGN_IN,
    assertion,
    attribute,
    encoded,
    jwt,
    metadata,
    stamp,
    sts_without_keys,
    token,
)

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_sts import STSClient

MODEL = "botocore, model of STS"
KEYS = "IAM User Guide, reference_policies_iam-condition-keys"
ASSERTIONS = "IAM User Guide, id_roles_providers_create_saml_assertions"
TROUBLE = "IAM User Guide, troubleshoot_saml"
KEY = "idp.example.com/tenant"
DENIED = "Not authorized to perform sts:AssumeRoleWithWebIdentity"


@pytest.fixture
def strict() -> Sandbox:
    """A sandbox that asks who may do what, with a provider of each kind."""
    sandbox = Sandbox(clock=Clock(START), enforce=True)
    sandbox.account().create_oidc_provider(ISSUER)
    sandbox.account().create_saml_provider("Idp", metadata())
    return sandbox


@pytest.fixture
def sts(strict: Sandbox) -> STSClient:
    return sts_without_keys(strict)


def trust_tokens(account: Account, *actions: str, provider: str = PROVIDER, **condition: Any) -> str:
    """A role that trusts the OIDC provider; gives its ARN."""
    allowed = ["sts:AssumeRoleWithWebIdentity", *actions]
    trust = with_statement(Principal={"Federated": provider}, Action=allowed, Condition=condition)
    return account.create_role("deployer", trust=trust)


def trust_assertions(account: Account, *actions: str, **condition: Any) -> str:
    """A role that trusts the SAML provider; gives its ARN."""
    allowed = ["sts:AssumeRoleWithSAML", *actions]
    trust = with_statement(Principal={"Federated": SAML_PROVIDER}, Action=allowed, Condition=condition)
    return account.create_role("visitor", trust=trust)


def with_token(sts: STSClient, arn: str, **given: Any) -> Any:
    params = {"RoleArn": arn, "RoleSessionName": "run", "WebIdentityToken": token(), **given}
    return sts.assume_role_with_web_identity(**params)


def with_assertion(sts: STSClient, arn: str, saml: str, **given: Any) -> Any:
    return sts.assume_role_with_saml(RoleArn=arn, PrincipalArn=SAML_PROVIDER, SAMLAssertion=saml, **given)


def client(sandbox: Sandbox, answer: Any) -> IAMClient:
    """A client with the keys of an answer."""
    keys = answer["Credentials"]
    return sandbox.session().client(
        "iam",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


# --- OpenID Connect ------------------------------------------------------------------------------


@fact("The answer holds issuer, audience and subject of the token, and a session of the role for an hour", source=MODEL)
def test_a_job_becomes_its_role_by_its_token(strict: Sandbox, sts: STSClient) -> None:
    account = strict.account()
    answer = with_token(sts, trust_tokens(account, StringEquals={f"{KEY}:sub": "job:7"}))
    assert answer["AssumedRoleUser"] == {
        "AssumedRoleId": f"{account.role_id('deployer')}:run",
        "Arn": "arn:aws:sts::111122223333:assumed-role/deployer/run",
    }
    assert (answer["Provider"], answer["Audience"]) == (ISSUER, "sts.amazonaws.com")
    assert answer["SubjectFromWebIdentityToken"] == "job:7"
    assert answer["Credentials"]["Expiration"] == START + timedelta(hours=1)


@fact("ISSUER:sub and ISSUER:aud are the token's", source=KEYS)
@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {f"{KEY}:sub": "job:8"}},
        {"StringLike": {f"{KEY}:sub": "branch:*"}},
        {"StringEquals": {f"{KEY}:aud": "another"}},
        {"StringEquals": {"accounts.google.com:sub": "job:7"}},
        {"StringEquals": {"sts:RoleSessionName": "walk"}},
    ],
)
def test_a_token_of_another_job_does_not_open_the_role(
    strict: Sandbox, sts: STSClient, condition: dict[str, Any]
) -> None:
    arn = trust_tokens(strict.account(), **condition)
    refusal = refused(with_token, sts=sts, arn=arn)
    assert (refusal.code, refusal.message, refusal.status) == ("AccessDenied", DENIED, 403)


@fact("AssumeRoleWithWebIdentity and AssumeRoleWithSAML are not signed", source=MODEL)
def test_over_the_loopback_too_nobody_needs_keys(strict: Sandbox) -> None:
    arn = trust_tokens(strict.account())
    with strict.serve() as server:
        client = loopback_session().client("sts", endpoint_url=server.url)
        assert with_token(client, arn)["Audience"] == "sts.amazonaws.com"
        assert refused(client.get_caller_identity).code == "InvalidClientTokenId"
        client.close()
        form = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": arn, "RoleSessionName": "me"}
        query = urlencode({**form, "WebIdentityToken": token()})
        with urlopen(f"{server.url}/?{query}", timeout=10) as answer:
            assert b"assumed-role/deployer/me" in answer.read()


def test_with_enforcement_off_the_token_is_still_read(strict: Sandbox, sts: STSClient) -> None:
    strict.enforcing = False
    arn = trust_tokens(strict.account(), StringEquals={f"{KEY}:sub": "job:8"})
    with_token(sts, arn)
    assert refused(with_token, sts=sts, arn=arn, WebIdentityToken=token(aud="x")).code == "InvalidIdentityToken"


def test_a_trust_in_another_provider_does_not_help(strict: Sandbox, sts: STSClient) -> None:
    account = strict.account()
    other = account.create_oidc_provider("https://other.example.com")
    arn = trust_tokens(account, provider=other)
    assert refused(with_token, sts=sts, arn=arn).message == DENIED


@fact("The action has to fit the principal: AssumeRole is not AssumeRoleWithWebIdentity", source="IAM Access Analyzer")
def test_a_trust_of_the_wrong_action_is_unusable(strict: Sandbox, sts: STSClient) -> None:
    trust = with_statement(Principal={"Federated": PROVIDER}, Action="sts:AssumeRole")
    arn = strict.account().create_role("deployer", trust=trust)
    assert refused(with_token, sts=sts, arn=arn).message == DENIED


@fact(
    "A missing role: AccessDenied, Not authorized to perform sts:AssumeRoleWithWebIdentity",
    source="aws-actions/configure-aws-credentials, issues",
    level="observed",
)
@pytest.mark.parametrize("arn", ["arn:aws:iam::111122223333:role/nobody", "arn:aws:iam::999999999999:role/deployer"])
def test_a_role_that_is_not_there_is_refused_like_one_that_does_not_trust(sts: STSClient, arn: str) -> None:
    assert refused(with_token, sts=sts, arn=arn).message == DENIED


@fact(
    "No OpenIDConnect provider found in your account for ISSUER",
    source="aws-actions/configure-aws-credentials#280",
    level="observed",
)
def test_an_issuer_without_a_provider_is_not_believed(strict: Sandbox, sts: STSClient) -> None:
    arn = trust_tokens(strict.account())
    stranger = "https://stranger.example.com"
    refusal = refused(with_token, sts=sts, arn=arn, WebIdentityToken=token(iss=stranger))
    assert (refusal.code, refusal.status) == ("InvalidIdentityToken", 400)
    assert refusal.message == f"No OpenIDConnect provider found in your account for {stranger}"
    case = token(iss="https://idp.example.com/Tenant")
    assert refused(with_token, sts=sts, arn=arn, WebIdentityToken=case).code == "InvalidIdentityToken"


@fact("Deleting a provider leaves the role, and assuming it fails", source="botocore, model of IAM")
def test_a_deleted_provider_closes_its_roles_until_it_is_back(strict: Sandbox, sts: STSClient) -> None:
    account = strict.account()
    arn = trust_tokens(account)
    account.call("DeleteOpenIDConnectProvider", OpenIDConnectProviderArn=PROVIDER)
    assert refused(with_token, sts=sts, arn=arn).code == "InvalidIdentityToken"
    account.create_oidc_provider(ISSUER)
    with_token(sts, arn)


@fact("Incorrect token audience", source="awslabs/amazon-eks-irsa-cfn#18", level="observed")
@fact(
    "Where a token has azp, that is its audience", source="aws/aws-sdk-net#3071, Google's in " + KEYS, level="observed"
)
def test_a_token_for_somebody_else_is_not_believed(strict: Sandbox, sts: STSClient) -> None:
    account = strict.account()
    arn = trust_tokens(account)
    other = token(aud="sts.amazon.com")
    assert refused(with_token, sts=sts, arn=arn, WebIdentityToken=other).message == "Incorrect token audience"
    with_token(sts, arn, WebIdentityToken=token(aud=["somebody", "sts.amazonaws.com"]))
    hybrid = token(azp="web", aud="sts.amazonaws.com")
    assert refused(with_token, sts=sts, arn=arn, WebIdentityToken=hybrid).message == "Incorrect token audience"
    account.call("AddClientIDToOpenIDConnectProvider", OpenIDConnectProviderArn=PROVIDER, ClientID="web")
    assert with_token(sts, arn, WebIdentityToken=hybrid)["Audience"] == "web"


@fact("An expired token: ExpiredTokenException, 400", source=MODEL)
@fact(
    "Token expired: current date/time N must be before the expiration date/timeN",
    source="awslabs/aws-orbit-workbench#771",
    level="observed",
)
def test_a_token_runs_out(strict: Sandbox, sts: STSClient) -> None:
    arn = trust_tokens(strict.account())
    strict.advance(300)
    refusal = refused(with_token, sts=sts, arn=arn)
    now = int(START.timestamp()) + 300
    assert (refusal.code, refusal.status) == ("ExpiredTokenException", 400)
    assert refusal.message == (f"Token expired: current date/time {now} must be before the expiration date/time{now}")


@fact("Missing a required claim: sub", source="aws-actions/configure-aws-credentials#502", level="observed")
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("no token at all", "is not a valid JWT"),
        ("a.b.c", "is not a valid JWT"),
        (jwt([1]), "is not a valid JWT"),
        (jwt({}, header=["x"]), "is not a valid JWT"),
        (token(sub=None), "Missing a required claim: sub"),
        (token(iss=None), "Missing a required claim: iss"),
        (token(aud=None), "Missing a required claim: aud"),
        (token(exp=None), "Missing a required claim: exp"),
        (token(sub=7), "Missing a required claim: sub"),
        (token(aud=[7]), "The claim aud"),
        (token(azp=7), "The claim azp"),
        (token(exp="soon"), "The claim exp"),
        (token(exp=1e9), "The claim exp"),
        (token(exp=True), "The claim exp"),
        (token(exp=10**400), "The claim exp"),
        (token(exp=-(10**12)), "The claim exp"),
        (token(nbf=int(START.timestamp()) + 60), "not valid yet"),
        (token(**{"https://aws.amazon.com/tags": "x"}), "principal_tags"),
        (token(**{"https://aws.amazon.com/tags": {"principal_tags": {"a": ["x", "y"]}}}), "not one value"),
        (token(**{"https://aws.amazon.com/source_identity": "aws:x"}), "Source Identity must match"),
    ],
)
def test_what_is_no_good_token_is_refused_by_name(strict: Sandbox, sts: STSClient, broken: str, said: str) -> None:
    refusal = refused(with_token, sts=sts, arn=trust_tokens(strict.account()), WebIdentityToken=broken)
    assert refusal.code == "InvalidIdentityToken"
    assert said in refusal.message


@given(st.text(min_size=4, max_size=60), st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5)))
def test_whatever_is_sent_as_a_token_gets_an_answer_of_sts(noise: str, claims: dict[str, Any]) -> None:
    sandbox = Sandbox(clock=Clock(START))
    arn = trust_tokens(sandbox.account())
    for sent in (noise, jwt(claims), token(**{name: value for name, value in claims.items() if name})):
        code = refused(with_token, sts=sts_without_keys(sandbox), arn=arn, WebIdentityToken=sent).code
        assert code in {"InvalidIdentityToken", "ValidationError"}


@fact("accounts.google.com and Cognito need no provider; aud is azp and oaud aud where Google sets both", source=KEYS)
@fact("cognito-identity.amazonaws.com:amr has several values", source=KEYS)
def test_google_and_cognito_are_known_without_a_provider(strict: Sandbox, sts: STSClient) -> None:
    account = strict.account()
    google = {"accounts.google.com:aud": "app", "accounts.google.com:oaud": "web", "accounts.google.com:sub": "10"}
    arn = trust_tokens(account, provider="accounts.google.com", StringEquals=google)
    answer = with_token(
        sts, arn, WebIdentityToken=token(iss="https://accounts.google.com", aud="web", azp="app", sub="10")
    )
    assert (answer["Provider"], answer["Audience"]) == ("accounts.google.com", "app")
    cognito = "cognito-identity.amazonaws.com"
    condition = {
        "StringEquals": {f"{cognito}:aud": "us-east-1:pool"},
        "ForAnyValue:StringLike": {f"{cognito}:amr": "authenticated"},
    }
    trust = with_statement(
        Principal={"Federated": cognito}, Action="sts:AssumeRoleWithWebIdentity", Condition=condition
    )
    arn = account.create_role("app", trust=trust)
    pool = {"iss": f"https://{cognito}", "aud": "us-east-1:pool"}
    with_token(sts, arn, WebIdentityToken=token(**pool, amr=["authenticated", "www.amazon.com"]))
    assert refused(with_token, sts=sts, arn=arn, WebIdentityToken=token(**pool, amr=["unauthenticated"])).message == (
        DENIED
    )


@fact("STS reads more claims of GitHub's tokens", source="announced in February 2026", level="observed")
def test_a_repository_can_be_trusted_by_its_number(strict: Sandbox, sts: STSClient) -> None:
    account = strict.account()
    github = "token.actions.githubusercontent.com"
    provider = account.create_oidc_provider(f"https://{github}")
    condition = {f"{github}:repository_id": "42", f"{github}:sub": "repo:o/r:ref:refs/heads/main"}
    arn = trust_tokens(account, provider=provider, StringEquals=condition)
    claims = {"iss": f"https://{github}", "sub": "repo:o/r:ref:refs/heads/main"}
    with_token(sts, arn, WebIdentityToken=token(**claims, repository_id="42"))
    assert refused(with_token, sts=sts, arn=arn, WebIdentityToken=token(**claims, repository_id="43")).message == DENIED


@fact("IDPRejectedClaim, 403", source=MODEL)
def test_an_opaque_access_token_is_for_its_maker_to_read(strict: Sandbox, sts: STSClient) -> None:
    arn = trust_tokens(strict.account())
    amazon = refused(with_token, sts=sts, arn=arn, WebIdentityToken="Atza|x", ProviderId="www.amazon.com")
    assert (amazon.code, amazon.status) == ("IDPRejectedClaim", 403)
    other = refused(with_token, sts=sts, arn=arn, ProviderId="idp.example.com")
    assert other.code == "InvalidIdentityToken"


@fact(
    "TagSession missing while the provider passes tags: the whole call fails", source="IAM User Guide, id_session-tags"
)
@fact("Session tags are in a claim, one value in a list each", source="IAM User Guide, id_session-tags")
def test_a_token_with_tags_needs_a_trust_that_lets_them_pass(strict: Sandbox, sts: STSClient) -> None:
    account = strict.account()
    arn = trust_tokens(account)
    tagged = token(**{"https://aws.amazon.com/tags": {"principal_tags": {"team": ["storage"], "stage": "prod"}}})
    assert refused(with_token, sts=sts, arn=arn, WebIdentityToken=tagged).message == DENIED
    actions = ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]
    account.put_trust("deployer", with_statement(Principal={"Federated": PROVIDER}, Action=actions))
    answer = with_token(sts, arn, WebIdentityToken=tagged)
    policy = statement(
        "iam:ListRoles", StringEquals={"aws:PrincipalTag/team": "storage", "aws:PrincipalTag/stage": "prod"}
    )
    account.put_role_policy("deployer", "p", policy)
    client(strict, answer).list_roles()


def statement(action: str, **condition: Any) -> dict[str, Any]:
    """An identity policy that allows an action on everything."""
    allow = {"Effect": "Allow", "Action": action, "Resource": "*", "Condition": condition}
    return {"Version": "2012-10-17", "Statement": [allow]}


@fact(
    "A source identity needs sts:SetSourceIdentity", source="IAM User Guide, id_credentials_temp_control-access_monitor"
)
def test_a_token_with_a_source_identity_needs_a_trust_that_lets_it_pass(strict: Sandbox, sts: STSClient) -> None:
    account = strict.account()
    arn = trust_tokens(account)
    sourced = token(**{"https://aws.amazon.com/source_identity": "alice"})
    assert refused(with_token, sts=sts, arn=arn, WebIdentityToken=sourced).message == DENIED
    actions = ["sts:AssumeRoleWithWebIdentity", "sts:SetSourceIdentity"]
    account.put_trust("deployer", with_statement(Principal={"Federated": PROVIDER}, Action=actions))
    assert with_token(sts, arn, WebIdentityToken=sourced)["SourceIdentity"] == "alice"


@fact("DurationSeconds up to the role's MaxSessionDuration, from 900", source=MODEL)
def test_a_session_of_a_token_lasts_as_long_as_the_role_lets_it(strict: Sandbox, sts: STSClient) -> None:
    account = strict.account()
    arn = trust_tokens(account)
    too_long = refused(with_token, sts=sts, arn=arn, DurationSeconds=3601)
    assert (too_long.code, "MaxSessionDuration" in too_long.message) == ("ValidationError", True)
    account.update_role("deployer", max_session_duration=43_200)
    answer = with_token(sts, arn, DurationSeconds=43_200)
    assert answer["Credentials"]["Expiration"] == START + timedelta(hours=12)


@fact("The keys of the token can be asked in the session's own policies, and in their variables", source=KEYS)
def test_the_session_is_known_allowed_and_limited(strict: Sandbox, sts: STSClient) -> None:
    account = strict.account()
    answer = with_token(sts, trust_tokens(account), Policy=text(statement("iam:List*")))
    iam = client(strict, answer)
    assert "because no identity-based policy allows" in refused(iam.list_roles).message
    account.put_role_policy("deployer", "p", statement("iam:*", StringEquals={f"{KEY}:sub": "job:7"}))
    iam.list_roles()
    assert "because no session policy allows" in refused(iam.get_role, RoleName="deployer").message
    account.put_role_policy("deployer", "p", statement("iam:*", StringEquals={f"{KEY}:sub": "job:8"}))
    assert refused(iam.list_roles).code == "AccessDenied"
    provider = statement("iam:*", ArnEquals={"aws:FederatedProvider": PROVIDER})
    account.put_role_policy("deployer", "p", provider)
    iam.list_roles()


def test_the_session_says_who_it_is_and_ends_with_its_role(strict: Sandbox, sts: STSClient) -> None:
    account = strict.account()
    keys = with_token(sts, trust_tokens(account))["Credentials"]
    me = strict.session().client(
        "sts",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    assert me.get_caller_identity()["Arn"] == "arn:aws:sts::111122223333:assumed-role/deployer/run"
    assert account.state.tables.roles.get("deployer").last_used == (START, "us-east-1")
    strict.advance(3600)
    assert refused(me.get_caller_identity).code == "ExpiredToken"
    account.recreate_role("deployer")
    assert refused(me.get_caller_identity).code == "InvalidClientTokenId"


# --- SAML ----------------------------------------------------------------------------------------


@fact("Subject, its type without the usual prefix, issuer, recipient and name qualifier are answered", source=MODEL)
@fact('NameQualifier is BASE64(SHA1(issuer + account ID + "/" + name of the provider))', source=MODEL)
@fact("A role for signing in: StringEquals SAML:aud, the sign-in page", source=KEYS)
def test_a_person_becomes_a_role_by_an_assertion(strict: Sandbox, sts: STSClient) -> None:
    account = strict.account()
    arn = trust_assertions(account, StringEquals={"SAML:aud": SIGN_IN})
    answer = with_assertion(sts, arn, assertion(arn))
    assert answer["AssumedRoleUser"]["Arn"] == "arn:aws:sts::111122223333:assumed-role/visitor/alice@example.com"
    assert (answer["Subject"], answer["SubjectType"], answer["Issuer"]) == ("_alice", "persistent", "urn:idp")
    assert answer["Audience"] == SIGN_IN
    digest = hashlib.sha1(b"urn:idp111122223333/Idp", usedforsecurity=False).digest()
    assert answer["NameQualifier"] == base64.b64encode(digest).decode()


@fact(
    "saml:iss, saml:sub, saml:sub_type, saml:doc and attributes of eduPerson can be asked in a trust policy",
    source=KEYS,
)
@pytest.mark.parametrize(
    ("operator", "key", "good", "bad"),
    [
        ("StringEquals", "SAML:iss", "urn:idp", "urn:other"),
        ("StringEquals", "SAML:sub", "_alice", "_bob"),
        ("StringEquals", "SAML:sub_type", "persistent", "transient"),
        ("StringEquals", "SAML:doc", "111122223333/Idp", "111122223333/Other"),
        ("StringEquals", "SAML:aud", SIGN_IN, "https://eu-central-1.signin.aws.amazon.com/saml"),
        ("ForAnyValue:StringEquals", "SAML:edupersonaffiliation", "staff", "student"),
        ("StringEquals", "sts:RoleSessionName", "alice@example.com", "bob@example.com"),
    ],
)
def test_a_trust_can_ask_what_the_assertion_says(
    strict: Sandbox, sts: STSClient, operator: str, key: str, good: str, bad: str
) -> None:
    account = strict.account()
    arn = trust_assertions(account, **{operator: {key: good}})
    saml = assertion(arn, attributes=attribute("urn:oid:1.3.6.1.4.1.5923.1.1.1.1", "faculty", "staff"))
    with_assertion(sts, arn, saml)
    trust = with_statement(
        Principal={"Federated": SAML_PROVIDER}, Action="sts:AssumeRoleWithSAML", Condition={operator: {key: bad}}
    )
    account.put_trust("visitor", trust)
    refusal = refused(with_assertion, sts=sts, arn=arn, saml=saml)
    assert (refusal.code, refusal.message) == ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML")


@fact("Issuer not present in specified provider", source=TROUBLE)
@fact("Specified provider doesn't exist", source=TROUBLE)
@fact("RoleSessionName is required in AuthnResponse, and of 2 to 64 characters", source=TROUBLE)
@fact("Response does not contain the required audience", source=TROUBLE)
@fact("A Subject without NameID, and a role that the assertion does not offer: Not authorized", source=TROUBLE)
@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"issuer": "urn:other"}, "InvalidIdentityToken", "Issuer not present in specified provider"),
        ({"name": None}, "InvalidIdentityToken", "RoleSessionName is required in AuthnResponse"),
        ({"name": "Alice B"}, "InvalidIdentityToken", "RoleSessionName in AuthnResponse must match"),
        ({"audience": "urn:other"}, "InvalidIdentityToken", "Response does not contain the required audience."),
        ({"subject": ""}, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML"),
        ({"role": "arn:aws:iam::111122223333:role/other"}, "AccessDenied", "Not authorized to perform"),
        (
            {"attributes": attribute("SourceIdentity", "aws:x")},
            "InvalidIdentityToken",
            'Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"',
        ),
        ({"attributes": attribute("SessionDuration", "soon")}, "InvalidIdentityToken", "SessionDuration"),
        ({"session": '<AuthnStatement SessionNotOnOrAfter="soon"/>'}, "InvalidIdentityToken", "is no time"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_assertion_is_said(
    strict: Sandbox, sts: STSClient, change: dict[str, Any], code: str, said: str
) -> None:
    arn = trust_assertions(strict.account())
    refusal = refused(with_assertion, sts=sts, arn=arn, saml=assertion(**{"role": arn, **change}))
    assert (refusal.code, said in refusal.message) == (code, True), refusal


@pytest.mark.parametrize(
    ("saml", "said"),
    [
        ("no base64!", "Invalid base64 SAMLResponse"),
        (base64.b64encode(b"\xff\xfe").decode(), "Invalid base64 SAMLResponse"),
        (encoded("<Response"), "invalid SAML response"),
        (encoded("<Response/>"), "invalid SAML response"),
        (encoded('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'), "invalid SAML response"),
    ],
)
def test_what_is_no_assertion_is_refused(strict: Sandbox, sts: STSClient, saml: str, said: str) -> None:
    refusal = refused(with_assertion, sts=sts, arn=trust_assertions(strict.account()), saml=saml)
    assert (refusal.code, said in refusal.message) == ("InvalidIdentityToken", True)


def test_an_assertion_of_a_provider_that_is_gone_is_not_believed(strict: Sandbox, sts: STSClient) -> None:
    account = strict.account()
    arn = trust_assertions(account)
    account.call("DeleteSAMLProvider", SAMLProviderArn=SAML_PROVIDER)
    assert refused(with_assertion, sts=sts, arn=arn, saml=assertion(arn)).message == "Specified provider doesn't exist"
    account.create_saml_provider("Idp", "<EntityDescriptor entityID='urn:idp'")
    assert "Issuer not present" in refused(with_assertion, sts=sts, arn=arn, saml=assertion(arn)).message


@fact("Token must be redeemed within 5 minutes of issuance", source="ExpiredTokenException", level="observed")
def test_an_assertion_is_good_for_minutes(strict: Sandbox, sts: STSClient) -> None:
    arn = trust_assertions(strict.account())
    later = assertion(arn, until=START + timedelta(hours=1))
    strict.advance(240)
    over = refused(with_assertion, sts=sts, arn=arn, saml=assertion(arn))
    assert (over.code, over.message.partition(":")[0]) == ("ExpiredTokenException", "Token expired")
    with_assertion(sts, arn, later)
    strict.advance(60)
    stale = refused(with_assertion, sts=sts, arn=arn, saml=later)
    assert (stale.code, stale.message) == (
        "ExpiredTokenException",
        "Token must be redeemed within 5 minutes of issuance",
    )


@fact("The session ends with DurationSeconds or SessionNotOnOrAfter, whichever is sooner", source=MODEL)
@fact("SessionDuration can shorten the session, not lengthen it", source=ASSERTIONS)
def test_a_provider_can_shorten_the_session(strict: Sandbox, sts: STSClient) -> None:
    arn = trust_assertions(strict.account())
    until = stamp(START + timedelta(minutes=20))
    short = assertion(arn, session=f'<AuthnStatement SessionNotOnOrAfter="{until}"/>')
    assert with_assertion(sts, arn, short)["Credentials"]["Expiration"] == START + timedelta(minutes=20)
    for seconds, lasting in (("1800", 1800), ("7200", 3600)):
        asked = assertion(arn, attributes=attribute("SessionDuration", seconds))
        expiration = with_assertion(sts, arn, asked)["Credentials"]["Expiration"]
        assert expiration == START + timedelta(seconds=lasting)


@fact("PrincipalTag:KEY needs sts:TagSession in the trust policy", source=TROUBLE)
@fact("Of the assertion's keys only namequalifier, sub and sub_type go with the session", source=KEYS)
def test_tags_and_subject_of_an_assertion_go_with_the_session(strict: Sandbox, sts: STSClient) -> None:
    account = strict.account()
    arn = trust_assertions(account)
    saml = assertion(arn, attributes=attribute("PrincipalTag:team", "storage"))
    assert refused(with_assertion, sts=sts, arn=arn, saml=saml).code == "AccessDenied"
    actions = ["sts:AssumeRoleWithSAML", "sts:TagSession"]
    account.put_trust("visitor", with_statement(Principal={"Federated": SAML_PROVIDER}, Action=actions))
    iam = client(strict, with_assertion(sts, arn, saml))
    kept = {"aws:PrincipalTag/team": "storage", "SAML:sub": "_alice", "SAML:sub_type": "persistent"}
    account.put_role_policy("visitor", "p", statement("iam:ListRoles", StringEquals=kept))
    iam.list_roles()
    account.put_role_policy("visitor", "p", statement("iam:ListRoles", StringEquals={"SAML:iss": "urn:idp"}))
    assert refused(iam.list_roles).code == "AccessDenied"


def test_a_role_that_trusts_assertions_does_not_trust_tokens(strict: Sandbox, sts: STSClient) -> None:
    assert refused(with_token, sts=sts, arn=trust_assertions(strict.account())).message == DENIED
