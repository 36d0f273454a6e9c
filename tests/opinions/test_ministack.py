"""The sandbox's answers beside ministack's, over the wire: the same calls by the same people, allowed or denied.

Where iam-simulate judges the evaluator, this judges what becomes of a call on its way there: which action, resource
and condition keys. Left out by name, because ministack is known to be wrong there:

    a role's path in CreateRole, iam:TagRole where CreateRole brings tags, the keys iam:PermissionsBoundary and
    iam:PolicyARN         Service Authorization Reference, Identity and Access Management
    policy variables      reference_policies_variables
    aws:PrincipalArn      of a session is the role's ARN, not the session's: reference_policies_condition-keys

and aws:SecureTransport, because the sandbox plays an IAM behind TLS even where it is asked without.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from random import Random
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from tests.opinions.cases import Author, Document
from tests.opinions.emulators import ACCOUNT, Emulator, Keys, is_denied, the_sandbox
from tests.opinions.vocabulary import TRUST_KEYS, WIRE_KEYS

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_sts import STSClient

SITUATIONS = 80
TRUSTING_EC2 = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
# ministack looks the tags of a resource up only where an identity policy asks for them, a boundary does not count.
ASKING_FOR_TAGS = {
    "Effect": "Allow",
    "Action": "iam:GetAccountSummary",
    "Resource": "*",
    "Condition": {"StringEquals": {"aws:ResourceTag/team": "blue"}},
}
SECOND_HALF = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": f"arn:aws:iam::{ACCOUNT}:role/*"}],
}
pytestmark = pytest.mark.slow


@dataclass(frozen=True, kw_only=True)
class Situation:
    """A user and what it may do, and a role that it assumes, if it may."""

    number: int
    policies: list[Document]
    boundary: Document | None
    trust: Document
    role_policy: Document
    assuming: Document

    @property
    def user(self) -> str:
        return f"alice-{self.number}"

    @property
    def role(self) -> str:
        return f"deployer-{self.number}"

    @property
    def trusts_the_user_itself(self) -> bool:
        """By its ARN, or as everyone."""
        principals = json.dumps(self.trust)
        return f"user/{self.user}" in principals or '"AWS": "*"' in principals


def calls(number: int) -> list[tuple[str, Document]]:
    """What is tried, in this order."""
    role, made = {"RoleName": f"deployer-{number}"}, {"RoleName": f"made-{number}"}
    return [
        ("GetUser", {"UserName": f"alice-{number}"}),
        ("GetRole", role),
        ("ListRoles", {}),
        ("ListRolePolicies", role),
        ("UpdateRole", role | {"Description": "changed"}),
        ("TagRole", role | {"Tags": [{"Key": "stage", "Value": "prod"}]}),
        ("UntagRole", role | {"TagKeys": ["team"]}),
        ("DeleteRolePolicy", role | {"PolicyName": "there-is-none"}),
        ("CreateRole", made | {"AssumeRolePolicyDocument": json.dumps(TRUSTING_EC2)}),
        ("DeleteRole", made),
    ]


def situation(number: int) -> Situation:
    """The situation of that number: the same every time."""
    random = Random(f"situation {number}")
    role = f"arn:aws:iam::{ACCOUNT}:role/deployer-{number}"
    assume = Author(random, "sts:AssumeRole", role, TRUST_KEYS, variables=False)
    meant = ({"AWS": f"arn:aws:iam::{ACCOUNT}:user/alice-{number}"}, {"AWS": ACCOUNT})
    others = ({"AWS": "*"}, {"AWS": f"arn:aws:iam::{ACCOUNT}:user/bob"}, {"Service": "ec2.amazonaws.com"})
    return Situation(
        number=number,
        policies=[some_policy(random, number), *([SECOND_HALF] if random.random() < 0.6 else [])],
        boundary=some_policy(random, number) if random.random() < 0.4 else None,
        trust=assume.trust_policy(meant, others),
        role_policy=some_policy(random, number),
        assuming=_assuming(random, number),
    )


def some_policy(random: Random, number: int) -> Document:
    """A policy about the calls that are tried: as many statements as make about half of them succeed."""
    statements = []
    for _ in range(random.randint(2, 5)):
        call, params = random.choice([*calls(number), ("AssumeRole", {"RoleName": f"deployer-{number}"})])
        service = "sts" if call == "AssumeRole" else "iam"
        statements.append(
            Author(random, f"{service}:{call}", resource_of(params), WIRE_KEYS, variables=False).statement()
        )
    return {"Version": "2012-10-17", "Statement": [*statements, ASKING_FOR_TAGS]}


def resource_of(params: Document) -> str:
    kinds = {"RoleName": "role", "UserName": "user"}
    found = (f"arn:aws:iam::{ACCOUNT}:{kind}/{params[name]}" for name, kind in kinds.items() if name in params)
    return next(found, "*")


def _assuming(random: Random, number: int) -> Document:
    params: Document = {"RoleSessionName": "tour"}
    if random.random() < 0.5:
        params["ExternalId"] = random.choice(("open-sesame", "guess"))
    if random.random() < 0.5:
        params["Policy"] = json.dumps(some_policy(random, number))
    return params


def played(told: Situation, emulator: Emulator) -> dict[str, bool]:
    """Set the situation up, try everything as the user, then as a session of the role: what was denied."""
    emulator.act(emulator.root)
    emulator.act(_moved_in(told, emulator.iam))
    denied = {f"user: {call}": is_denied(emulator.iam, call, params) for call, params in calls(told.number)}
    session = _assumed(told, emulator.sts)
    if session is None:
        return denied | {"user: AssumeRole": True}
    emulator.act(session)
    denied["user: AssumeRole"] = False
    return denied | {f"session: {call}": is_denied(emulator.iam, call, params) for call, params in calls(told.number)}


def _moved_in(told: Situation, iam: IAMClient) -> Keys:
    """Make the user and the role; the user's keys."""
    iam.create_user(UserName=told.user, Tags=[{"Key": "team", "Value": "red"}])
    for number, policy in enumerate(told.policies):
        iam.put_user_policy(UserName=told.user, PolicyName=f"policy-{number}", PolicyDocument=json.dumps(policy))
    if told.boundary is not None:
        made = iam.create_policy(PolicyName=f"boundary-{told.number}", PolicyDocument=json.dumps(told.boundary))
        iam.put_user_permissions_boundary(UserName=told.user, PermissionsBoundary=made["Policy"]["Arn"])
    trust = json.dumps(told.trust)
    iam.create_role(RoleName=told.role, AssumeRolePolicyDocument=trust, Tags=[{"Key": "team", "Value": "blue"}])
    iam.put_role_policy(RoleName=told.role, PolicyName="own", PolicyDocument=json.dumps(told.role_policy))
    key = iam.create_access_key(UserName=told.user)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"], None


def _assumed(told: Situation, sts: STSClient) -> Keys | None:
    try:
        keys = sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{told.role}", **told.assuming)["Credentials"]
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != "AccessDenied":
            raise
        return None
    return keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]


def differing(told: Situation, mine: dict[str, bool], theirs: dict[str, bool]) -> dict[str, str]:
    """Where they differ, but for the one known difference.

    ministack asks for the caller's own sts:AssumeRole even where the trust policy names the user itself; in the
    role's own account that alone suffices (reference_policies_evaluation-logic, Evaluating resource-based policies).
    """
    calls = mine.keys() | theirs.keys()
    if not mine["user: AssumeRole"] and theirs["user: AssumeRole"] and told.trusts_the_user_itself:
        calls = {call for call in calls if call.startswith("user: ")} - {"user: AssumeRole"}
    return {
        call: f"ours {mine.get(call)}, theirs {theirs.get(call)}"
        for call in sorted(calls)
        if mine.get(call) != theirs.get(call)
    }


def test_the_same_calls_are_denied(other: Emulator) -> None:
    with the_sandbox() as ours:
        for emulator in (ours, other):
            emulator.iam.create_user(UserName="bob")
        outcomes = [(told, played(told, ours), played(told, other)) for told in map(situation, range(SITUATIONS))]
    wrong = [(found, told) for told, mine, theirs in outcomes if (found := differing(told, mine, theirs))]
    assert not wrong, (
        f"{len(wrong)} of {SITUATIONS}, the first:\n{wrong[0][0]}\n{json.dumps(asdict(wrong[0][1]), indent=1)}"
    )
    denials = [denied for _, mine, _ in outcomes for denied in mine.values()]
    assert len(denials) / 4 < sum(denials) < 3 * len(denials) / 4, "they agree, but hardly anything was in question"
    assert sum(not mine["user: AssumeRole"] for _, mine, _ in outcomes) > SITUATIONS / 4
