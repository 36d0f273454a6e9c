"""What IAM makes of the principals of a trust policy: facts of sections 1 and 2."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.sandbox import Account, Sandbox, Switches
from tests.sandbox.facts import fact
from tests.sandbox.situation import READ, principals, refused, text, trusting, with_statement

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

PRINCIPAL = "IAM User Guide, reference_policies_elements_principal"
IDENTIFIERS = "IAM User Guide, reference_identifiers"
OTHER = "444455556666"


def shown(iam: IAMClient, role: str) -> set[str]:
    document: dict[str, Any] = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]  # type: ignore[assignment]
    return principals(document)


def create(iam: IAMClient, role: str, document: dict[str, Any]) -> None:
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=text(document))


# --- unique IDs ----------------------------------------------------------------------------------


@fact("Prefixes AIDA user, AROA role, AGPA group, AIPA instance profile, ANPA managed policy", source=IDENTIFIERS)
@fact("21 characters, upper-case base32", source="hackingthe.cloud, iam-key-identifiers", level="observed")
def test_every_kind_has_ids_of_its_own_form(iam: IAMClient) -> None:
    create(iam, "r", with_statement())
    policy = iam.create_policy(PolicyName="p", PolicyDocument=text(READ))["Policy"]
    ids = {
        "AIDA": iam.create_user(UserName="u")["User"]["UserId"],
        "AROA": iam.get_role(RoleName="r")["Role"]["RoleId"],
        "AGPA": iam.create_group(GroupName="g")["Group"]["GroupId"],
        "AIPA": iam.create_instance_profile(InstanceProfileName="i")["InstanceProfile"]["InstanceProfileId"],
        "ANPA": policy["PolicyId"],
    }
    for prefix, unique_id in ids.items():
        assert re.fullmatch(prefix + "[A-Z2-7]{17}", unique_id)


@fact("IDs are never reused, also not when a name is reused", source=IDENTIFIERS)
def test_a_recreated_role_has_another_id(iam: IAMClient) -> None:
    seen = set()
    for _ in range(3):
        create(iam, "r", with_statement())
        seen.add(iam.get_role(RoleName="r")["Role"]["RoleId"])
        iam.delete_role(RoleName="r")
    assert len(seen) == 3


@fact("UpdateUser may change name or path; the ID is kept", source="IAM User Guide, id_users_manage")
def test_a_renamed_user_keeps_its_id(iam: IAMClient) -> None:
    before = iam.create_user(UserName="alice")["User"]["UserId"]
    iam.update_user(UserName="alice", NewUserName="alicia", NewPath="/ops/")
    user = iam.get_user(UserName="alicia")["User"]
    assert (user["UserId"], user["Arn"]) == (before, "arn:aws:iam::111122223333:user/ops/alicia")
    assert refused(iam.get_user, UserName="alice").code == "NoSuchEntity"


# --- saved as IDs, shown as ARNs -----------------------------------------------------------------


@fact("ARN is resolved to the entity now holding it and its unique ID is stored", source=PRINCIPAL)
def test_the_stored_form_of_a_trust_policy_holds_the_id(iam: IAMClient, account: Account) -> None:
    arn = iam.create_user(UserName="alice")["User"]["Arn"]
    create(iam, "deployer", trusting(arn))
    stored = account.state.tables.roles.get("deployer").trust
    assert principals(dict(stored)) == {account.user_id("alice")}


@fact("Read: ID mapped back to the ARN while the entity exists", source=PRINCIPAL)
def test_a_living_principal_reads_back_as_its_arn(iam: IAMClient) -> None:
    user = iam.create_user(UserName="alice", Path="/team/")["User"]["Arn"]
    create(iam, "ci", with_statement())
    create(iam, "deployer", trusting(user, "arn:aws:iam::111122223333:role/ci"))
    assert shown(iam, "deployer") == {user, "arn:aws:iam::111122223333:role/ci"}


@fact("Follows user rename and move", source=PRINCIPAL)
def test_a_trusted_user_is_followed_when_renamed_and_moved(iam: IAMClient) -> None:
    create(iam, "deployer", trusting(iam.create_user(UserName="alice")["User"]["Arn"]))
    iam.update_user(UserName="alice", NewUserName="alicia", NewPath="/ops/")
    assert shown(iam, "deployer") == {"arn:aws:iam::111122223333:user/ops/alicia"}


@fact("After deletion of the principal: read shows the bare ID", source=PRINCIPAL)
def test_a_deleted_principal_shows_as_its_bare_id(iam: IAMClient) -> None:
    user = iam.create_user(UserName="alice")["User"]
    create(iam, "deployer", trusting(user["Arn"]))
    iam.delete_user(UserName="alice")
    assert shown(iam, "deployer") == {user["UserId"]}


@fact("After re-creation with the same name: still shows the old ID; the new entity is not trusted", source=PRINCIPAL)
def test_a_recreated_user_is_no_longer_trusted(iam: IAMClient) -> None:
    user = iam.create_user(UserName="alice")["User"]
    create(iam, "deployer", trusting(user["Arn"]))
    iam.delete_user(UserName="alice")
    iam.create_user(UserName="alice")
    assert shown(iam, "deployer") == {user["UserId"]}


@fact("Saving the same ARN text again re-resolves to the current ID", source=PRINCIPAL)
def test_sending_the_same_text_again_repairs_the_trust(iam: IAMClient, account: Account) -> None:
    document = trusting(iam.create_user(UserName="alice")["User"]["Arn"])
    create(iam, "deployer", document)
    account.recreate_user("alice")
    iam.update_assume_role_policy(RoleName="deployer", PolicyDocument=text(document))
    assert shown(iam, "deployer") == {account.user_arn("alice")}


@fact("A live ID is accepted and reads back as the full ARN", source="hackingthe.cloud; " + IDENTIFIERS)
@pytest.mark.parametrize("home", ["111122223333", OTHER])
def test_a_living_id_reads_back_as_the_arn(iam: IAMClient, sandbox: Sandbox, home: str) -> None:
    account = sandbox.account(home)
    account.create_role("ci", path="/tools/")
    create(iam, "deployer", trusting(account.role_id("ci")))
    assert shown(iam, "deployer") == {f"arn:aws:iam::{home}:role/tools/ci"}


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
@fact("A dead ID fails: Invalid principal in policy", source="re:Post, iam-resource-policy-format")
@fact("An invalid entry anywhere fails the whole call; policy writes are atomic", source="threads", level="observed")
def test_one_dead_id_fails_the_whole_document(iam: IAMClient, account: Account, effect: str) -> None:
    account.create_user("alice")
    bob = account.create_user("bob")
    dead = account.user_id("alice")
    create(iam, "deployer", trusting(bob))
    account.delete_user("alice")
    document = text(trusting(bob, dead, effect=effect))
    refusal = refused(iam.update_assume_role_policy, RoleName="deployer", PolicyDocument=document)
    assert (refusal.code, refusal.status) == ("MalformedPolicyDocument", 400)
    assert refusal.message == f'Invalid principal in policy: "AWS":"{dead}"'
    assert shown(iam, "deployer") == {bob}


def test_a_document_read_with_an_orphan_cannot_be_written_back(iam: IAMClient, account: Account) -> None:
    create(iam, "deployer", trusting(account.create_user("alice")))
    account.delete_user("alice")
    read = iam.get_role(RoleName="deployer")["Role"]["AssumeRolePolicyDocument"]
    refusal = refused(iam.update_assume_role_policy, RoleName="deployer", PolicyDocument=text(read))
    assert refusal.code == "MalformedPolicyDocument"


@fact("Cross-account existence is checked at save", source="hackingthe.cloud, enumeration", level="observed")
def test_a_principal_of_another_account_is_looked_up_there(iam: IAMClient, sandbox: Sandbox) -> None:
    other = sandbox.account(OTHER)
    arn = other.create_role("ci")
    create(iam, "deployer", trusting(arn))
    gone = other.role_id("ci")
    other.delete_role("ci")
    assert shown(iam, "deployer") == {gone}
    assert refused(create, iam=iam, role="second", document=trusting(arn)).code == "MalformedPolicyDocument"


@fact("A role naming itself in CreateRole is invalid: it does not exist yet", source="issue threads", level="observed")
def test_a_role_cannot_name_itself_before_it_exists(iam: IAMClient) -> None:
    own = trusting("arn:aws:iam::111122223333:role/selfish")
    refusal = refused(iam.create_role, RoleName="selfish", AssumeRolePolicyDocument=text(own))
    assert refusal.message == 'Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:role/selfish"'
    create(iam, "selfish", with_statement())
    iam.update_assume_role_policy(RoleName="selfish", PolicyDocument=text(own))
    assert shown(iam, "selfish") == {"arn:aws:iam::111122223333:role/selfish"}


# --- forms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "principal",
    [
        "arn:aws:iam::111122223333:user/nobody",
        "arn:aws:iam::111122223333:role/nobody",
        "arn:aws:iam::111122223333:user/ALICE",
        "arn:aws:iam::111122223333:user/elsewhere/alice",
        "arn:aws:iam::111122223333:group/admins",
        "arn:aws:iam::111122223333:instance-profile/web",
        "arn:aws:iam::111122223333:role/*",
        "arn:aws:iam::111122223333:user/ali*",
        "arn:aws:sts::111122223333:assumed-role/ci/*",
        "arn:aws:sts::111122223333:assumed-role/nobody/session",
        "arn:aws-cn:iam::111122223333:user/alice",
        "arn:aws:iam::000000000000:root",
        "AIDAAAAAAAAAAAAAAAAAA",
        "alice",
        "",
    ],
)
@fact("Groups cannot be principals; a * inside an ARN is invalid; same partition only", source=PRINCIPAL)
@fact("Names in a principal ARN are case-sensitive", source=PRINCIPAL)
def test_what_is_nobody_is_refused_by_name(iam: IAMClient, account: Account, principal: str) -> None:
    account.create_user("alice")
    account.create_role("ci")
    account.create_group("admins")
    account.create_instance_profile("web")
    refusal = refused(create, iam=iam, role="r", document=trusting(principal))
    assert refusal.code == "MalformedPolicyDocument"
    assert refusal.message == f'Invalid principal in policy: "AWS":"{principal}"'


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": "*"},
        {"AWS": "123456789012"},
        {"AWS": "arn:aws:iam::123456789012:root"},
        {"AWS": "arn:aws:sts::111122223333:federated-user/anybody"},
        {"Service": "ec2.amazonaws.com"},
        {"Service": "lambda.eu-south-1.amazonaws.com"},
        {"Service": "ec2.amazonaws.com.cn"},
        {"Federated": "cognito-identity.amazonaws.com", "Service": "ec2.amazonaws.com"},
        {"Federated": "arn:aws:iam::111122223333:saml-provider/Example"},
        {"Federated": "www.amazon.com"},
    ],
)
@fact("Account ID, root ARN, * in the map, services, providers and built-in web identities are kept", source=PRINCIPAL)
def test_what_is_not_a_user_or_role_is_kept_as_written(iam: IAMClient, principal: dict[str, str]) -> None:
    # The shared cognito issuer needs its aud evaluated, which is another fact's business.
    condition = {"StringEquals": {"cognito-identity.amazonaws.com:aud": "pool"}}
    create(iam, "r", with_statement(Principal=principal, Condition=condition))
    document: Any = iam.get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"]
    assert document["Statement"][0]["Principal"] == principal


@fact("Bad service: the key is upper-cased in the message", source="aws-samples/aws-cdk-examples#801", level="observed")
def test_a_service_without_its_domain_is_refused(iam: IAMClient) -> None:
    refusal = refused(create, iam=iam, role="r", document=with_statement(Principal={"Service": "amazonaws.com"}))
    assert refusal.message == 'Invalid principal in policy: "SERVICE":"amazonaws.com"'


@fact("Federated principals must be valid domain names or SAML metadata ARNs", source="thread", level="observed")
def test_a_federated_principal_that_is_none_is_refused(iam: IAMClient) -> None:
    refusal = refused(create, iam=iam, role="r", document=with_statement(Principal={"Federated": "my provider"}))
    assert refusal.message == "Federated principals must be valid domain names or SAML metadata ARNs"


@fact('A bare Principal "*" is rejected for trust policies', source="aws/aws-cdk#5746", level="observed")
def test_a_bare_star_is_no_principal_of_a_trust_policy(iam: IAMClient) -> None:
    refusal = refused(create, iam=iam, role="r", document=with_statement(Principal="*"))
    assert refusal.message == 'AssumeRolepolicy contained an invalid principal: "STAR":"*".'


@fact("CanonicalUser is for S3 only", source=PRINCIPAL)
def test_a_canonical_user_is_refused(iam: IAMClient) -> None:
    document = with_statement(
        Principal={"CanonicalUser": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"}
    )
    assert refused(create, iam=iam, role="r", document=document).code == "MalformedPolicyDocument"


@fact("Condition and Resource hold text, which is never transformed", source=PRINCIPAL)
def test_an_arn_in_a_condition_stays_text(iam: IAMClient, account: Account) -> None:
    arn = account.create_user("alice")
    condition = {"ArnEquals": {"aws:PrincipalArn": arn}, "StringLike": {"aws:userid": "AIDAAAAAAAAAAAAAAAAAA"}}
    create(iam, "r", with_statement(Principal={"AWS": "111122223333"}, Condition=condition))
    account.recreate_user("alice")
    document: Any = iam.get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"]
    assert document["Statement"][0]["Condition"] == condition


@fact(
    "Deleting a provider leaves roles untouched, and re-creating it restores them", source="DeleteOpenIDConnectProvider"
)
def test_a_deleted_provider_stays_in_the_trust_policies(iam: IAMClient, account: Account) -> None:
    arn = account.create_oidc_provider("https://idp.example.com")
    create(iam, "r", with_statement(Principal={"Federated": arn}, Action="sts:AssumeRoleWithWebIdentity"))
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    document: Any = iam.get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"]
    assert document["Statement"][0]["Principal"] == {"Federated": arn}


@fact(
    "Save of a session ARN fails if the role does not exist; the session name is arbitrary",
    source="classmethod, 2022-12-30",
    level="observed",
)
def test_a_session_of_a_living_role_is_taken_with_any_name(iam: IAMClient, account: Account) -> None:
    account.create_role("ci", path="/tools/")
    session = "arn:aws:sts::111122223333:assumed-role/ci/anything"
    create(iam, "deployer", trusting(session))
    assert shown(iam, "deployer") == {session}


# --- order, and switches for what is uncertain ---------------------------------------------------


@fact(
    "The order of a Principal list is not stable between two identical GetRole calls",
    source="pulumi/pulumi-aws#1338",
    level="observed",
)
def test_principals_come_in_another_order_on_each_read(iam: IAMClient) -> None:
    accounts = [f"{number:012}" for number in range(1, 9)]
    create(iam, "r", trusting(*accounts))
    orders = set()
    for _ in range(8):
        document: Any = iam.get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"]
        assert principals(document) == set(accounts)
        orders.add(tuple(document["Statement"][0]["Principal"]["AWS"]))
    assert len(orders) > 1


def test_the_order_is_repeatable_from_the_seed() -> None:
    def read(seed: int) -> list[Any]:
        account = Sandbox(seed=seed).account()
        account.create_role("r", trust=trusting(*(f"{number:012}" for number in range(1, 9))))
        return [account.trust("r") for _ in range(5)]

    assert read(1) == read(1)
    assert read(1) != read(2)


def test_the_order_is_kept_where_the_switch_says_so() -> None:
    account = Sandbox(switches=Switches(shuffled=False)).account()
    written = [f"{number:012}" for number in (5, 3, 8, 1)]
    account.create_role("r", trust=trusting(*written))
    assert {tuple(account.trust("r")["Statement"][0]["Principal"]["AWS"]) for _ in range(8)} == {tuple(written)}


@pytest.mark.parametrize("as_ids", [True, False])
@fact("How a session principal is stored is not known", source="uncertain U1", level="uncertain")
def test_a_session_of_a_deleted_role_shows_as_the_switch_says(as_ids: bool) -> None:  # noqa: FBT001 - a parameter
    account = Sandbox(switches=Switches(sessions_as_ids=as_ids)).account()
    account.create_role("ci")
    arn = "arn:aws:sts::111122223333:assumed-role/ci/build"
    account.create_role("deployer", trust=trusting(arn))
    gone = account.role_id("ci")
    account.delete_role("ci")
    assert principals(account.trust("deployer")) == {f"{gone}:build" if as_ids else arn}


@pytest.mark.parametrize("kept", [True, False])
@fact("An account ID may be read back as the root ARN", source="uncertain U3", level="uncertain")
def test_an_account_id_reads_back_as_the_switch_says(kept: bool) -> None:  # noqa: FBT001 - a parameter
    account = Sandbox(switches=Switches(account_ids_kept=kept)).account()
    account.create_role("r", trust=trusting("123456789012"))
    assert principals(account.trust("r")) == {"123456789012" if kept else "arn:aws:iam::123456789012:root"}


@pytest.mark.parametrize("collapsed", [True, False])
@fact(
    "One-element lists are kept in recorded answers; older reports saw them collapsed",
    source="uncertain U4",
    level="uncertain",
)
def test_a_list_of_one_reads_back_as_the_switch_says(collapsed: bool) -> None:  # noqa: FBT001 - a parameter
    account = Sandbox(switches=Switches(single_collapsed=collapsed)).account()
    account.create_role("r", trust=trusting("123456789012"))
    assert account.trust("r")["Statement"][0]["Principal"]["AWS"] == ("123456789012" if collapsed else ["123456789012"])


@pytest.mark.parametrize("checked", [True, False])
@fact("Whether provider ARNs must exist at save is not known", source="uncertain U2", level="uncertain")
def test_a_provider_that_is_missing_is_treated_as_the_switch_says(checked: bool) -> None:  # noqa: FBT001 - a parameter
    sandbox = Sandbox(switches=Switches(providers_checked=checked))
    sandbox.account()
    document = with_statement(Principal={"Federated": "arn:aws:iam::111122223333:saml-provider/none"})
    iam = sandbox.session().client("iam")
    if checked:
        assert refused(create, iam=iam, role="r", document=document).code == "MalformedPolicyDocument"
    else:
        create(iam, "r", document)


@pytest.mark.parametrize("exist", [True, False])
def test_accounts_outside_the_sandbox_exist_or_not_as_the_switch_says(exist: bool) -> None:  # noqa: FBT001 - a parameter
    sandbox = Sandbox(switches=Switches(foreign_accounts=exist))
    iam = sandbox.session().client("iam")
    document = trusting("arn:aws:iam::123456789012:root")
    if exist:
        create(iam, "r", document)
    else:
        assert refused(create, iam=iam, role="r", document=document).code == "MalformedPolicyDocument"


def test_a_role_that_trusts_itself_the_living_and_the_dead_is_recreated(account: Account) -> None:
    account.create_role("r")
    living, dead = account.create_user("alice"), account.create_user("bob")
    account.put_trust("r", trusting(account.role_arn("r"), living, dead))
    account.delete_user("bob")
    before = account.role_id("r")
    assert account.recreate_role("r") != before
    assert principals(account.trust("r")) == {living, account.role_arn("r")}
