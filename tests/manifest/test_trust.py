"""What each trust entry means, to the letter."""

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.manifest import Names
from tests.manifest.support import declared, role_of, said

ROOT = "arn:aws:iam::123456789012:root"
OWN_ROOT = "arn:aws:iam::111122223333:root"
GITHUB = "token.actions.githubusercontent.com"
SSO = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com"


def statement(principal: object, action: object = "sts:AssumeRole", condition: object = None) -> dict[str, Any]:
    made = {"Effect": "Allow", "Principal": principal, "Action": action}
    return made if condition is None else {**made, "Condition": condition}


TABLE = [
    ('account: "123456789012"', statement({"AWS": ROOT})),
    ("account: 012345670123", statement({"AWS": "arn:aws:iam::012345670123:root"})),
    (
        'account: "123456789012"\nrequire_mfa: true',
        statement({"AWS": ROOT}, condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
    ),
    (
        'account: "123456789012"\nexternal_id: 0042\nrequire_mfa: true\nmfa_max_age: 3600',
        statement(
            {"AWS": ROOT},
            condition={
                "StringEquals": {"sts:ExternalId": "0042"},
                "Bool": {"aws:MultiFactorAuthPresent": "true"},
                "NumericLessThan": {"aws:MultiFactorAuthAge": "3600"},
            },
        ),
    ),
    ("user: arn:aws:iam::123456789012:user/a/bob", statement({"AWS": "arn:aws:iam::123456789012:user/a/bob"})),
    ("user: alice", statement({"AWS": "arn:aws:iam::111122223333:user/staff/alice"})),
    ("user: nobody", statement({"AWS": "arn:aws:iam::111122223333:user/nobody"})),
    (
        "user: [alice, arn:aws:iam::123456789012:user/bob]\nrequire_mfa: false",
        statement({"AWS": ["arn:aws:iam::111122223333:user/staff/alice", "arn:aws:iam::123456789012:user/bob"]}),
    ),
    ("role: ci-runner", statement({"AWS": "arn:aws:iam::111122223333:role/ci/ci-runner"})),
    ("role: r", statement({"AWS": "arn:aws:iam::111122223333:role/apps/r"})),
    (
        "role: ci-runner\nexternal_id: abc",
        statement(
            {"AWS": "arn:aws:iam::111122223333:role/ci/ci-runner"},
            condition={"StringEquals": {"sts:ExternalId": "abc"}},
        ),
    ),
    (
        "role: ci-runner\nsurvives_recreation: true",
        statement(
            {"AWS": OWN_ROOT},
            condition={"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/ci/ci-runner"}},
        ),
    ),
    (
        (
            "user: [arn:aws:iam::123456789012:user/bob, alice, arn:aws:iam::123456789012:user/eve]\n"
            "survives_recreation: true"
        ),
        statement(
            {"AWS": [ROOT, OWN_ROOT]},
            condition={
                "ArnEquals": {
                    "aws:PrincipalArn": [
                        "arn:aws:iam::123456789012:user/bob",
                        "arn:aws:iam::111122223333:user/staff/alice",
                        "arn:aws:iam::123456789012:user/eve",
                    ]
                }
            },
        ),
    ),
    (
        "permission_set: Admin",
        statement(
            {"AWS": OWN_ROOT},
            condition={
                "ArnLike": {"aws:PrincipalArn": [f"{SSO}/AWSReservedSSO_Admin_*", f"{SSO}/*/AWSReservedSSO_Admin_*"]}
            },
        ),
    ),
    (
        'permission_set: Admin\naccount: "123456789012"',
        statement(
            {"AWS": ROOT},
            condition={
                "ArnLike": {
                    "aws:PrincipalArn": [
                        "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_*",
                        "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Admin_*",
                    ]
                }
            },
        ),
    ),
    (
        "organization: o-a1b2c3d4e5",
        statement({"AWS": "*"}, condition={"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}),
    ),
    ("service: ec2.amazonaws.com", statement({"Service": "ec2.amazonaws.com"})),
    (
        (
            'service: events.amazonaws.com\nsource_account: "111122223333"\n'
            "source_arn: arn:aws:events:*:111122223333:rule/*"
        ),
        statement(
            {"Service": "events.amazonaws.com"},
            condition={
                "StringEquals": {"aws:SourceAccount": "111122223333"},
                "ArnLike": {"aws:SourceArn": "arn:aws:events:*:111122223333:rule/*"},
            },
        ),
    ),
    (
        "service: pods.eks.amazonaws.com",
        statement({"Service": "pods.eks.amazonaws.com"}, ["sts:AssumeRole", "sts:TagSession"]),
    ),
    (
        f"oidc: {GITHUB}\naudiences: sts.amazonaws.com\nsubjects: repo:octo/app:ref:refs/heads/main",
        statement(
            {"Federated": f"arn:aws:iam::111122223333:oidc-provider/{GITHUB}"},
            "sts:AssumeRoleWithWebIdentity",
            {
                "StringEquals": {
                    f"{GITHUB}:aud": "sts.amazonaws.com",
                    f"{GITHUB}:sub": "repo:octo/app:ref:refs/heads/main",
                }
            },
        ),
    ),
    (
        (
            f"oidc: {GITHUB}\naudiences: [sts.amazonaws.com]\n"
            'subjects: ["repo:octo/app:*", "repo:octo/lib:environment:prod"]'
        ),
        statement(
            {"Federated": f"arn:aws:iam::111122223333:oidc-provider/{GITHUB}"},
            "sts:AssumeRoleWithWebIdentity",
            {
                "StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"},
                "StringLike": {f"{GITHUB}:sub": ["repo:octo/app:*", "repo:octo/lib:environment:prod"]},
            },
        ),
    ),
    (
        "oidc: oidc.eks.eu-west-1.amazonaws.com/id/ABC",
        statement(
            {"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABC"},
            "sts:AssumeRoleWithWebIdentity",
        ),
    ),
    (
        "oidc: cognito-identity.amazonaws.com\naudiences: eu-west-1:12345678-abcd",
        statement(
            {"Federated": "cognito-identity.amazonaws.com"},
            "sts:AssumeRoleWithWebIdentity",
            {"StringEquals": {"cognito-identity.amazonaws.com:aud": "eu-west-1:12345678-abcd"}},
        ),
    ),
    (
        "saml: ADFS",
        statement(
            {"Federated": "arn:aws:iam::111122223333:saml-provider/ADFS"},
            "sts:AssumeRoleWithSAML",
            {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}},
        ),
    ),
    (
        'account: "123456789012"\nsid: Partner\nactions: [sts:AssumeRole, sts:TagSession]',
        {"Sid": "Partner", **statement({"AWS": ROOT}, ["sts:AssumeRole", "sts:TagSession"])},
    ),
    (
        "statement: {Effect: Deny, Principal: {AWS: arn:aws:iam::123456789012:user/eve}, Action: sts:AssumeRole}",
        {"Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::123456789012:user/eve"}, "Action": "sts:AssumeRole"},
    ),
]
LIVING = Names(
    users={"alice": "arn:aws:iam::111122223333:user/staff/alice"},
    roles={"ci-runner": "arn:aws:iam::111122223333:role/ci/ci-runner", "r": "arn:aws:iam::111122223333:role/r"},
)


def manifest(entry: str, **keys: str) -> str:
    lines = "\n    ".join(entry.splitlines())
    return f"kind: Role\nname: r\npath: /apps/\ntrust:\n  - {lines}\n" + "".join(
        f"{key}: {text}\n" for key, text in keys.items()
    )


@pytest.mark.parametrize(("entry", "meaning"), TABLE, ids=[entry.replace("\n", ", ") for entry, _ in TABLE])
def test_an_entry_means_exactly_one_statement(tmp_path: Path, entry: str, meaning: dict[str, Any]) -> None:
    desired, found = declared(tmp_path, manifest(entry), names=LIVING)
    assert found == []
    document = json.loads(role_of(desired).trust.text)
    assert document == {"Version": "2012-10-17", "Statement": [meaning]}


@pytest.mark.parametrize(
    ("partition", "page"),
    [("aws-cn", "https://signin.amazonaws.cn/saml"), ("aws-us-gov", "https://signin.amazonaws-us-gov.com/saml")],
)
def test_saml_signs_in_at_the_page_of_its_partition(tmp_path: Path, partition: str, page: str) -> None:
    desired, found = declared(tmp_path, manifest("saml: ADFS"), partition=partition)
    (made,) = role_of(desired).trust.raw_statements
    assert found == []
    assert made["Principal"]["Federated"] == f"arn:{partition}:iam::111122223333:saml-provider/ADFS"
    assert made["Condition"]["StringEquals"]["SAML:aud"] == page


def test_a_partition_whose_sign_in_page_is_unknown_wants_the_whole_statement(tmp_path: Path) -> None:
    _, found = declared(tmp_path, manifest("saml: ADFS"), partition="aws-iso")
    assert said(found) == ["RM116 manifests/m0.yaml:5:11: The sign-in page of partition aws-iso is not known."]


@pytest.mark.parametrize(
    "entry",
    [
        "user: arn:aws-cn:iam::123456789012:user/bob",
        "statement: {Effect: Allow, Principal: {AWS: arn:aws-cn:iam::123456789012:root}, Action: sts:AssumeRole}",
    ],
)
def test_a_principal_of_another_partition_is_refused(tmp_path: Path, entry: str) -> None:
    desired, found = declared(tmp_path, manifest(entry))
    (line,) = said(found)
    assert line.startswith("RP209 manifests/m0.yaml:5:5: arn:aws-cn:iam::123456789012:")
    assert "role/r" in desired.objects


def test_the_partition_is_that_of_the_credentials(tmp_path: Path) -> None:
    desired, found = declared(tmp_path, manifest('account: "123456789012"'), partition="aws-cn")
    assert found == []
    (made,) = role_of(desired).trust.raw_statements
    assert made["Principal"] == {"AWS": "arn:aws-cn:iam::123456789012:root"}


def test_a_name_that_differs_only_by_case_from_a_declared_one_is_reported(tmp_path: Path) -> None:
    _, found = declared(tmp_path, manifest("role: R"), names=LIVING)
    assert said(found) == [
        "RC310 manifests/m0.yaml:5:11: There is no role R, but there is r: in ARNs the case of a name counts."
    ]


def test_a_name_that_differs_only_by_case_from_a_living_one_is_left_to_what_stops_that_role_alone(
    tmp_path: Path,
) -> None:
    desired, found = declared(tmp_path, manifest("user: Alice"), names=LIVING)
    assert said(found) == []
    (statement,) = role_of(desired).trust.raw_statements
    assert statement["Principal"] == {"AWS": "arn:aws:iam::111122223333:user/Alice"}


@pytest.mark.parametrize("account", ["123456789012", "012345678901", "000000000001"])
@pytest.mark.parametrize("listed", ["{0}", "[{0}, '{0}']"])
@pytest.mark.parametrize("statements", ["{0}", "[{0}]"])
def test_an_account_id_without_quotes_is_that_account_in_a_whole_document_too(
    tmp_path: Path, account: str, listed: str, statements: str
) -> None:
    statement = f"{{Effect: Allow, Principal: {{AWS: {listed.format(account)}}}, Action: 'sts:AssumeRole'}}"
    whole = f"trust_policy: {{Version: '2012-10-17', Statement: {statements.format(statement)}}}"
    for trust in (whole, f"trust: [{{statement: {statement}}}]"):
        desired, found = declared(tmp_path, f"kind: Role\nname: r\n{trust}\n")
        assert found == []
        assert {one.value for one in role_of(desired).trust.principals()} == {account}


@pytest.mark.parametrize("wrong", ["12345", "true", "[]", "-123456789012", "1.5"])
def test_another_number_without_quotes_is_no_principal(tmp_path: Path, wrong: str) -> None:
    statement = f"{{Effect: Allow, Principal: {{AWS: {wrong}}}, Action: 'sts:AssumeRole'}}"
    _, found = declared(tmp_path, f"kind: Role\nname: r\ntrust: [{{statement: {statement}}}]\n")
    assert {one.code for one in found} <= {"RP209", "RM114"}
    assert found


def test_a_name_may_begin_like_a_unique_id(tmp_path: Path) -> None:
    desired, found = declared(tmp_path, manifest("user: AIDAN"))
    assert found == []
    (made,) = role_of(desired).trust.raw_statements
    assert made["Principal"] == {"AWS": "arn:aws:iam::111122223333:user/AIDAN"}


def test_everyone_without_a_condition_is_a_warning_and_no_error(tmp_path: Path) -> None:
    _, found = declared(tmp_path, manifest('statement: {Effect: Allow, Principal: {AWS: "*"}, Action: sts:AssumeRole}'))
    assert [(one.code, one.is_error) for one in found] == [("RP211", False)]


@pytest.mark.parametrize(
    ("condition", "refused"),
    [
        ("StringEquals: {K:sub: a}", False),
        ("StringLike: {K:SUB: 'a*'}", False),
        ("ForAnyValue:StringLike: {K:sub: [a, b]}", False),
        ("StringLike: {K:sub: '*'}", True),
        ("StringLike: {K:sub: [a, '*']}", True),
        ("StringEqualsIfExists: {K:sub: a}", True),
        ("StringNotEquals: {K:sub: a}", True),
        ("StringEquals: {K:aud: a}", True),
    ],
)
def test_a_shared_issuer_needs_a_subject_that_tells_its_customers_apart(
    tmp_path: Path,
    condition: str,
    refused: bool,  # noqa: FBT001
) -> None:
    block = condition.replace("K:", "gitlab.com:")
    _, found = declared(
        tmp_path,
        manifest(
            "statement:\n  Effect: Allow\n"
            "  Principal: {Federated: arn:aws:iam::111122223333:oidc-provider/gitlab.com}\n"
            f"  Action: sts:AssumeRoleWithWebIdentity\n  Condition:\n    {block}"
        ),
    )
    assert [one.code for one in found] == (["RP212"] if refused else [])


@pytest.mark.parametrize(("size", "codes"), [(20, []), (100, [("RC301", False)]), (400, [("RC301", True)])])
def test_a_long_trust_is_a_warning_until_no_account_can_take_it(
    tmp_path: Path, size: int, codes: list[tuple[str, bool]]
) -> None:
    users = [f"arn:aws:iam::123456789012:user/{number:03}" for number in range(size)]
    _, found = declared(tmp_path, manifest(f"user: [{', '.join(users)}]"))
    assert [(one.code, one.is_error) for one in found] == codes


def test_a_whole_trust_policy_is_sent_as_it_is_written(tmp_path: Path) -> None:
    statement = '{"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:assumerole"}'
    document = f'{{"Version": "2008-10-17", "Id": "x", "Statement": {statement}}}'
    desired, found = declared(tmp_path, f"kind: Role\nname: r\ntrust_policy: {document}\n")
    assert found == []
    assert role_of(desired).trust.source == json.loads(document)
    assert desired.objects["role/r"].place_of("trust/0").line == 3
