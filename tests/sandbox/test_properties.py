"""Whatever is sent, IAM answers; and an ID means one entity for ever."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from reconciler.sandbox import IamError, Sandbox
from reconciler.sandbox.calls import HANDLERS
from reconciler.sandbox.documents import parse_permissions, parse_trust
from reconciler.sandbox.files import AccountFileError
from reconciler.sandbox.http import Request
from reconciler.sandbox.wire import service_model
from tests.sandbox.situation import principals, trusting

SIGNED = {"authorization": "AWS4-HMAC-SHA256 Credential=test/20261124/us-east-1/iam/aws4_request, Signature=0"}

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
WORDS = (
    "Version", "2012-10-17", "Statement", "Sid", "Effect", "Allow", "Deny", "Principal", "AWS", "Service", "Federated",
    "*", "Action", "sts:AssumeRole", "Condition", "StringEquals", "arn:aws:iam::111122223333:role/r", "Resource",
    "AROAAAAAAAAAAAAAAAAAA", "token.actions.githubusercontent.com", "ec2.amazonaws.com", "111122223333", "",
)  # fmt: skip
words = st.sampled_from(WORDS)
anything = st.recursive(
    scalars | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | st.text(max_size=4), inner, max_size=5),
    max_leaves=20,
)
statements = st.fixed_dictionaries(
    {},
    optional={
        "Sid": anything,
        "Effect": st.sampled_from(["Allow", "Deny"]) | anything,
        "Principal": st.dictionaries(words, words | st.lists(words, max_size=3) | anything, max_size=3) | anything,
        "NotPrincipal": anything,
        "Action": st.sampled_from(["sts:AssumeRole", "s3:*"]) | anything,
        "Resource": st.just("*") | anything,
        "Condition": st.dictionaries(st.just("StringEquals") | words, anything, max_size=2) | anything,
    },
)
documents = st.fixed_dictionaries(
    {"Statement": statements | st.lists(statements, max_size=3) | anything},
    optional={"Version": st.just("2012-10-17") | anything, "Id": anything},
)
texts = documents.map(json.dumps) | anything.map(json.dumps) | st.text(max_size=60)


def answered(box: Sandbox, body: bytes) -> int:
    """The status of the answer to a signed request."""
    return box.answer(Request(method="POST", url="https://iam.amazonaws.com/", headers=SIGNED, body=body)).status


@given(texts)
def test_any_text_is_a_trust_policy_or_refused(text: str) -> None:
    box = Sandbox()
    box.account().create_role("r")
    body = {"Version": "2010-05-08", "Action": "UpdateAssumeRolePolicy", "RoleName": "r", "PolicyDocument": text}
    status = answered(box, urlencode(body).encode())
    assert status in {200, 400, 409}
    got = answered(box, b"Action=GetRole&Version=2010-05-08&RoleName=r")
    assert got == 200


@given(texts)
def test_any_text_is_a_permission_policy_or_refused(text: str) -> None:
    for parse in (parse_trust, parse_permissions):
        try:
            assert "Statement" in parse(text)
        except IamError as refusal:
            assert refusal.code == "MalformedPolicyDocument"  # noqa: PT017 - either outcome is fine


@given(
    st.sampled_from(sorted(set(HANDLERS["iam"]) & set(service_model("iam").operation_names))),
    st.dictionaries(
        st.sampled_from(
            ["RoleName", "UserName", "PolicyArn", "MaxItems", "Marker", "Tags.member.1.Key", "Path", "Filter.member.1"]
        )
        | st.text(max_size=10),
        words | st.text(max_size=20),
        max_size=5,
    ),
)
@example(action="ListVirtualMFADevices", params={"Marker": "Version"})
def test_any_call_with_any_parameters_is_answered(action: str, params: dict[str, str]) -> None:
    box = Sandbox()
    box.account().create_role("r")
    text = urlencode({"Action": action, **params}, errors="replace")
    assert answered(box, text.encode()) in {200, 400, 403, 404, 409, 410}


@given(st.binary(max_size=200))
def test_any_bytes_are_answered(body: bytes) -> None:
    assert answered(Sandbox(), body) == 400


@given(
    anything
    | st.dictionaries(
        st.sampled_from(["RoleDetailList", "UserDetailList", "Policies", "format", "accounts"]), anything, max_size=4
    )
)
def test_any_json_is_an_account_or_refused(raw: Any) -> None:
    box = Sandbox()
    box.account().create_user("precious")
    before = box.to_json()
    try:
        box.load_json(raw)
    except AccountFileError:
        assert box.to_json() == before


class Trust(RuleBasedStateMachine):
    """Users and roles come, are renamed, go and come again; a role goes on trusting exactly who it trusted."""

    alive = Bundle("alive")

    def __init__(self) -> None:
        super().__init__()
        self.box = Sandbox(seed=1)
        self.account = self.box.account()
        self.account.create_role("truster")
        self.trusted: set[str] = set()
        self.names: dict[str, str] = {}
        self.ever: list[str] = []
        self.count = 0

    @rule(target=alive, again=st.sampled_from(["a", "b", "c"]))
    def somebody_comes(self, again: str) -> Any:
        if again in self.names.values():
            return multiple()
        self.account.create_user(again)
        unique_id = self.account.user_id(again)
        self.ever.append(unique_id)
        self.names[unique_id] = again
        return unique_id

    @rule(unique_id=consumes(alive))
    def somebody_goes(self, unique_id: str) -> None:
        self.account.delete_user(self.names.pop(unique_id))

    @rule(unique_id=alive)
    def somebody_is_renamed(self, unique_id: str) -> None:
        self.count += 1
        self.account.rename_user(self.names[unique_id], new_name=f"renamed{self.count}")
        self.names[unique_id] = f"renamed{self.count}"

    @rule(unique_id=alive)
    def somebody_is_trusted(self, unique_id: str) -> None:
        arns = {self.account.user_arn(self.names[trusted]) for trusted in self.trusted & set(self.names)}
        self.account.put_trust("truster", trusting(*sorted(arns | {self.account.user_arn(self.names[unique_id])})))
        self.trusted = (self.trusted & set(self.names)) | {unique_id}

    @invariant()
    def the_policy_shows_the_living_by_arn_and_the_dead_by_id(self) -> None:
        expected = {
            self.account.user_arn(self.names[unique_id]) if unique_id in self.names else unique_id
            for unique_id in self.trusted
        }
        if expected:
            assert principals(self.account.trust("truster")) == expected

    @invariant()
    def no_id_was_ever_given_twice(self) -> None:
        assert len(self.ever) == len(set(self.ever))

    @invariant()
    def the_account_is_the_same_after_saving_and_loading(self) -> None:
        copied = Sandbox()
        copied.load_json(self.box.to_json())
        assert copied.to_json() == self.box.to_json()


TestTrust = Trust.TestCase
# Fifty steps an example, each with a whole account saved and loaded: a tenth of the examples is plenty.
TestTrust.settings = settings(max_examples=max(30, settings().max_examples // 10))
