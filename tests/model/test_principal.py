"""Who is meant by a principal, and what has become of him: every row of IAM's table, every partition.

The forms are those of the IAM User Guide, reference_policies_elements_principal.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.arn import Arn, iam_arn, is_account_id, parse_arn, root_arn
from reconciler.model.principal import (
    Account,
    Everyone,
    FederatedUser,
    Identified,
    Malformed,
    OidcProvider,
    Principal,
    PrincipalIndex,
    Recorded,
    Remembered,
    Role,
    SamlProvider,
    Service,
    Session,
    Standing,
    UniqueId,
    UniqueIdSession,
    User,
    WebIdentity,
    parse_principal,
    role_arn_of_session,
)

OWN = "111122223333"
PARTITIONS = ["aws", "aws-cn", "aws-us-gov", "aws-iso-b"]
ALICE, RUNNER = f"arn:aws:iam::{OWN}:user/staff/alice", f"arn:aws:iam::{OWN}:role/ci/runner"
ALICE_ID, RUNNER_ID, OLD_ID, GONE_ID = (
    "AIDAALICEALICEALICE22",
    "AROARUNNERRUNNERRUN22",
    "AROAOLD222222222OLD22",
    "AIDAGONE222222222222",
)


def arn(text: str) -> Arn:
    found = parse_arn(text)
    assert found is not None
    return found


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize(
    ("rest", "kind"),
    [
        ("iam::111122223333:user/alice", User),
        ("iam::111122223333:user/a/path/of/her/alice", User),
        ("iam::111122223333:role/deployer", Role),
        ("iam::111122223333:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX", Role),
        ("sts::111122223333:assumed-role/deployer/build-7", Session),
        ("sts::111122223333:federated-user/bob", FederatedUser),
    ],
)
def test_an_arn_of_an_identity_is_that_identity_in_every_partition(
    partition: str, rest: str, kind: type[User | Role | Session | FederatedUser]
) -> None:
    text = f"arn:{partition}:{rest}"

    assert parse_principal("AWS", text) == kind(arn(text))


@pytest.mark.parametrize(
    ("key", "value", "principal"),
    [
        ("AWS", OWN, Account(OWN)),
        ("AWS", f"arn:aws:iam::{OWN}:root", Account(OWN)),
        ("AWS", f"arn:aws-cn:iam::{OWN}:root", Account(OWN)),
        ("AWS", "*", Everyone(bare=False)),
        ("", "*", Everyone(bare=True)),
        ("AWS", "AIDACKCEVSQ6C2EXAMPLE", UniqueId("AIDACKCEVSQ6C2EXAMPLE")),
        ("AWS", "AROACKCEVSQ6C2EXAMPLE", UniqueId("AROACKCEVSQ6C2EXAMPLE")),
        ("AWS", "AIDA0001", UniqueId("AIDA0001")),  # others than AWS count their IDs as they like
        ("AWS", "AROAq7f_mixedCase", UniqueId("AROAq7f_mixedCase")),
        ("AWS", "AROACKCEVSQ6C2EXAMPLE:build:7\n", UniqueIdSession("AROACKCEVSQ6C2EXAMPLE", "build:7\n")),
        ("Service", "ec2.amazonaws.com", Service("ec2.amazonaws.com")),
        ("Service", "ec2.amazonaws.com.cn", Service("ec2.amazonaws.com.cn")),
        ("Federated", "cognito-identity.amazonaws.com", WebIdentity("cognito-identity.amazonaws.com")),
        ("Federated", "accounts.google.com", WebIdentity("accounts.google.com")),
        ("Federated", "graph.facebook.com", WebIdentity("graph.facebook.com")),
        ("Federated", "www.amazon.com", WebIdentity("www.amazon.com")),
    ],
)
def test_what_is_no_identity_of_its_own_is_known_by_its_form(key: str, value: str, principal: Principal) -> None:
    assert parse_principal(key, value) == principal


@pytest.mark.parametrize(
    ("kind", "resource"),
    [
        (OidcProvider, "oidc-provider/token.actions.githubusercontent.com"),
        (OidcProvider, "oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE"),
        (SamlProvider, "saml-provider/corp"),
    ],
)
def test_a_provider_stands_under_federated_alone(kind: type[OidcProvider | SamlProvider], resource: str) -> None:
    text = f"arn:aws:iam::{OWN}:{resource}"

    assert parse_principal("Federated", text) == kind(arn(text))
    assert parse_principal("AWS", text) == Malformed(text, "a provider stands under Federated")


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("AWS", "alice", "neither an account ID nor an ARN"),
        ("AWS", "11112222333", "neither an account ID nor an ARN"),
        ("AWS", "١١١١٢٢٢٢٣٣٣٣", "neither an account ID nor an ARN"),
        ("AWS", f"{OWN}\n", "neither an account ID nor an ARN"),
        ("AWS", "AKIACKCEVSQ6C2EXAMPLE", "neither an account ID nor an ARN"),
        ("AWS", "AIDA-IS-NO-WORD", "neither an account ID nor an ARN"),
        ("AWS", "AIDAÜBER0000000000001", "neither an account ID nor an ARN"),
        ("AWS", "AROACKCEVSQ6C2EXAMPLE:", "neither an account ID nor an ARN"),
        ("AWS", f"arn:amazon:iam::{OWN}:user/alice", "neither an account ID nor an ARN"),
        ("AWS", f"arn:aws:iam::{OWN}:role/foo*", "a wildcard inside of an ARN names nobody"),
        ("AWS", f"arn:aws:sts::{OWN}:assumed-role/X/?", "a wildcard inside of an ARN names nobody"),
        ("AWS", "arn:aws:iam:::user/alice", "an ARN of IAM or STS has an account and no region"),
        ("AWS", f"arn:aws:iam:us-east-1:{OWN}:user/alice", "an ARN of IAM or STS has an account and no region"),
        ("AWS", f"arn:aws:iam::{OWN}:group/admins", "a group is not a principal"),
        ("AWS", f"arn:aws:iam::{OWN}:instance-profile/web", "not the ARN of a principal"),
        ("AWS", f"arn:aws:iam::{OWN}:policy/x", "not the ARN of a principal"),
        ("AWS", f"arn:aws:iam::{OWN}:alice", "not the ARN of a principal"),
        ("AWS", f"arn:aws:sts::{OWN}:assumed-role/deployer", "not the ARN of a principal"),
        ("AWS", f"arn:aws:sts::{OWN}:assumed-role/path/deployer/s", "not the ARN of a principal"),
        ("AWS", f"arn:aws:organizations::{OWN}:ou/o-1/ou-1", "not the ARN of a principal"),
        ("Service", "ec2", "not a service's domain"),
        ("Service", "ec2 .amazonaws.com", "not a service's domain"),
        ("Service", "ec2.amazonaws.com/x", "not a service's domain"),
        ("Federated", "example.com", "not the ARN of an identity provider"),
        ("Federated", f"arn:aws:iam::{OWN}:user/alice", "not the ARN of an identity provider"),
        ("Federated", "arn:aws:iam:::saml-provider/corp", "not the ARN of an identity provider"),
        ("Federated", f"arn:aws:sts::{OWN}:saml-provider/corp", "not the ARN of an identity provider"),
        ("", ALICE, "a principal stands under AWS, Service or Federated"),
        ("CanonicalUser", "0" * 64, "CanonicalUser is not allowed in a trust policy"),
        ("aws", ALICE, "aws is not allowed in a trust policy"),
    ],
)
def test_what_names_nobody_is_malformed_and_says_why(key: str, value: str, why: str) -> None:
    assert parse_principal(key, value) == Malformed(value, why)


pieces = st.lists(
    st.sampled_from(
        ["arn", ":", "/", "aws", "iam", "sts", OWN, "role", "user", "root", "*", "AROA", "X2", " ", "\n", "."]
    )
)


@given(st.sampled_from(["AWS", "Service", "Federated", "CanonicalUser", "", "x"]), st.text() | pieces.map("".join))
def test_any_text_is_some_principal_or_malformed(key: str, value: str) -> None:
    found = parse_principal(key, value)

    if isinstance(found, User | Role | Session | FederatedUser | OidcProvider | SamlProvider):
        assert str(found.arn) == value
    if isinstance(found, Malformed):
        assert found.value == value
        assert found.why


# --- ARNs ---------------------------------------------------------------------------------------------------


def test_an_arn_is_taken_apart_and_put_together() -> None:
    found = arn(RUNNER)

    assert (found.kind, found.path, found.name, found.account) == ("role", "/ci/", "runner", OWN)
    assert str(found) == RUNNER
    assert iam_arn(partition="aws", account=OWN, kind="role", path="/ci/", name="runner") == RUNNER
    assert arn(root_arn("aws-cn", OWN)).kind == ""
    assert arn(f"arn:aws:iam::{OWN}:role/deployer").path == "/"


@pytest.mark.parametrize(
    "text", ["", "arn:aws:iam::1", f"urn:aws:iam::{OWN}:x", f"arn:aws:::{OWN}:x", "arn:aws:iam:::"]
)
def test_what_lacks_a_part_is_no_arn(text: str) -> None:
    assert parse_arn(text) is None


@given(st.text())
def test_any_text_can_be_asked_whether_it_is_an_arn(text: str) -> None:
    found = parse_arn(text)

    assert found is None or str(found) == text
    assert not is_account_id(text) or len(text) == 12


# --- who lives ----------------------------------------------------------------------------------------------

NEW_ID = "AROANEW222222222NEW22"
INDEX = PrincipalIndex(
    arn_by_id={ALICE_ID: ALICE, RUNNER_ID: RUNNER},
    id_by_arn={ALICE: ALICE_ID, RUNNER: RUNNER_ID},
    ledger={
        OLD_ID: Remembered(RUNNER, last_alive="2026-11-23T10:00:00Z"),
        GONE_ID: Remembered(f"arn:aws:iam::{OWN}:user/gone"),
        RUNNER_ID: Remembered(f"arn:aws:iam::{OWN}:role/before-the-move"),
    },
    accounts=frozenset({OWN}),
)


def test_standings_are_the_words_that_scripts_read() -> None:
    assert [standing.value for standing in Standing] == [
        "trusted",
        "alias",
        "recreated",
        "deleted",
        "inferred",
        "unknown",
        "foreign",
        "renamed",
    ]


def test_an_id_that_lets_nobody_in_any_more_is_dead_whatever_became_of_it() -> None:
    assert {standing for standing in Standing if standing.is_dead} == {
        Standing.RECREATED,
        Standing.DELETED,
        Standing.INFERRED,
        Standing.UNKNOWN,
    }


def test_a_living_id_is_an_alias_of_its_arn() -> None:
    assert INDEX.identify(UniqueId(ALICE_ID)) == Identified(ALICE_ID, Standing.ALIAS, arn=ALICE, current_id=ALICE_ID)
    assert not Standing.ALIAS.is_dead


def test_a_dead_id_whose_arn_lives_again_was_recreated() -> None:
    found = INDEX.identify(UniqueIdSession(OLD_ID, "build-7"))

    assert (found.standing, found.session, found.arn) == (Standing.RECREATED, "build-7", RUNNER)
    assert found.current_id == RUNNER_ID
    assert found.remembered == INDEX.ledger[OLD_ID]
    assert found.standing.is_dead


def test_a_dead_id_whose_arn_is_nobody_s_was_deleted() -> None:
    found = INDEX.identify(UniqueId(GONE_ID))

    assert (found.standing, found.current_id) == (Standing.DELETED, None)


def test_an_id_that_nobody_knows_is_unknown() -> None:
    assert INDEX.identify(UniqueId(NEW_ID)) == Identified(NEW_ID, Standing.UNKNOWN)
    assert INDEX.arn_ever(NEW_ID) is None


@pytest.mark.parametrize(
    ("value", "resolved", "recalled"),
    [
        (ALICE_ID, ALICE, ALICE),
        (OLD_ID, OLD_ID, RUNNER),
        (GONE_ID, GONE_ID, f"arn:aws:iam::{OWN}:user/gone"),
        (NEW_ID, NEW_ID, NEW_ID),
        (f"{RUNNER_ID}:s", f"arn:aws:sts::{OWN}:assumed-role/runner/s", f"arn:aws:sts::{OWN}:assumed-role/runner/s"),
        (f"{OLD_ID}:s", f"{OLD_ID}:s", f"arn:aws:sts::{OWN}:assumed-role/runner/s"),
        (RUNNER, RUNNER, RUNNER),
        (f"{RUNNER_ID}/s", f"{RUNNER_ID}/s", f"{RUNNER_ID}/s"),
        ("AROA", "AROA", "AROA"),
        ("*", "*", "*"),
    ],
)
def test_the_living_are_resolved_and_the_dead_recalled(value: str, resolved: str, recalled: str) -> None:
    assert INDEX.resolve(value) == resolved
    assert INDEX.recall(value) == recalled


def test_a_session_of_an_id_whose_arn_is_none_reads_as_that_text() -> None:
    index = PrincipalIndex(arn_by_id={RUNNER_ID: "no ARN"})

    assert index.resolve(f"{RUNNER_ID}:s") == "no ARN"


def test_a_session_leads_to_its_role_wherever_its_path_is_known() -> None:
    session = Session(arn(f"arn:aws:sts::{OWN}:assumed-role/runner/s"))

    assert str(INDEX.entity_of(session)) == RUNNER
    assert str(PrincipalIndex().entity_of(session)) == f"arn:aws:iam::{OWN}:role/runner"
    assert role_arn_of_session(arn(f"arn:aws-cn:sts::{OWN}:assumed-role/a/s")) == f"arn:aws-cn:iam::{OWN}:role/a"


def test_a_user_of_the_same_name_is_not_the_role_behind_a_session() -> None:
    namesake = f"arn:aws:iam::{OWN}:user/runner"
    index = PrincipalIndex(id_by_arn={RUNNER: RUNNER_ID, namesake: ALICE_ID})

    assert str(index.entity_of(Session(arn(f"arn:aws:sts::{OWN}:assumed-role/runner/s")))) == RUNNER


def test_users_and_roles_are_entities_and_nobody_else_is() -> None:
    assert INDEX.entity_of(User(arn(ALICE))) == arn(ALICE)
    assert INDEX.entity_of(Role(arn(RUNNER))) == arn(RUNNER)
    assert INDEX.entity_of(Account(OWN)) is None
    assert INDEX.entity_of(UniqueId(OLD_ID)) is None


def test_whoever_was_alive_under_the_arn_of_another_when_last_looked_at_is_his_heir() -> None:
    ledger = {
        "AIDAENDED": Remembered(ALICE, first_dead="2026-11-24T10:00:00Z"),
        "AIDADELETED": Remembered(ALICE, deleted="2026-11-24T10:00:00Z"),
        OLD_ID: Remembered(ALICE),
        RUNNER_ID: Remembered(RUNNER),
        ALICE_ID: Remembered(ALICE, last_alive="2026-11-24T10:00:00Z"),
        "AIDALATER": Remembered(ALICE),
    }
    index = PrincipalIndex(ledger=ledger)
    assert index.heir_of(OLD_ID) == ALICE_ID
    assert index.heir_of(ALICE_ID) == OLD_ID
    assert index.heir_of("AIDAENDED") == OLD_ID
    assert index.heir_of(RUNNER_ID) is None
    assert index.heir_of("AIDAUNHEARDOF") is None


def test_absence_is_knowledge_only_where_the_account_was_read() -> None:
    assert INDEX.reaches(arn(ALICE))
    assert not INDEX.reaches(arn("arn:aws:iam::123456789012:user/alice"))


# --- who did it ---------------------------------------------------------------------------------------------


def test_a_call_says_who_made_it_and_when_and_where_cloudtrail_has_it() -> None:
    made = Recorded(call="CreateUser", at="2026-11-24T10:00:00Z", by=ALICE, event_id="event-1", request_id="request-1")
    assert str(made) == f"{ALICE} at 2026-11-24T10:00:00Z (CreateUser, event event-1, request request-1)"
    assert str(replace(made, request_id=None)) == f"{ALICE} at 2026-11-24T10:00:00Z (CreateUser, event event-1)"
