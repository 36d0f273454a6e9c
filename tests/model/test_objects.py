"""Roles, managed policies, documents and diagnostics as values: what they say of themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.model.assuming import assumable, assuming_part, names_role
from reconciler.model.change import Action, Call, Change, Operation, Reason
from reconciler.model.declared import Declaration
from reconciler.model.diagnostic import TITLES, Code, Diagnostic, Place, ReconcilerError, Severity
from reconciler.model.form import as_json, digest_at, digests_of, paths_of, same_at, shown
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.policy import PolicyDocument, digest_of
from reconciler.model.role import Role

OWN = "111122223333"
TRUST = {"Statement": {"Effect": "Allow", "Principal": {"AWS": ["b", "a", OWN]}, "Action": "sts:AssumeRole"}}
READ = PolicyDocument({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
ROLE = Role(
    partition="aws",
    account=OWN,
    name="deployer",
    path="/ops/",
    trust=PolicyDocument(TRUST),
    tags={"b": "2", "a": "1"},
    managed_policies=frozenset({"arn:2", "arn:1"}),
    inline_policies={"read": READ},
)
POLICY = ManagedPolicy(partition="aws-cn", account=OWN, name="Reads", policy=READ)


def test_an_object_knows_its_arn_and_its_address() -> None:
    assert (ROLE.arn, ROLE.address) == (f"arn:aws:iam::{OWN}:role/ops/deployer", "role/deployer")
    assert (POLICY.arn, POLICY.address) == (f"arn:aws-cn:iam::{OWN}:policy/Reads", "managed_policy/Reads")


@pytest.mark.parametrize(
    ("path", "linked", "reserved"),
    [
        ("/", False, False),
        ("/aws-service-role/ec2.amazonaws.com/", True, True),
        ("/aws-reserved/sso.amazonaws.com/", False, True),
        ("/team/aws-reserved/", False, False),
    ],
)
def test_only_aws_changes_what_lies_below_its_own_paths(path: str, *, linked: bool, reserved: bool) -> None:
    role = replace(ROLE, path=path)

    assert (role.is_service_linked, role.is_reserved) == (linked, reserved)


def test_a_path_that_an_object_has_not_is_absent() -> None:
    assert "permissions_boundary" not in paths_of(ROLE)
    assert paths_of(replace(ROLE, permissions_boundary="arn:b"))["permissions_boundary"] == "arn:b"
    assert "tags" not in paths_of(replace(POLICY, tags=None))
    assert paths_of(POLICY)["tags"] == {}


def test_digests_are_by_path_and_blind_to_what_means_the_same() -> None:
    respelled = replace(ROLE, trust=PolicyDocument({"Version": "2008-10-17", "Statement": [TRUST["Statement"]]}))

    assert digests_of(respelled) == digests_of(ROLE)
    assert digest_at(None) is None
    assert digest_at({"a": "1"}) == digest_of({"a": "1"})
    assert digest_at(READ) == READ.digest() == digest_of(READ.canonical())


def test_contents_of_a_path_are_compared_as_what_they_are() -> None:
    assert same_at(READ, PolicyDocument(dict(READ.source)), "aws")  # type: ignore[arg-type]
    assert not same_at(READ, None, "aws")
    assert same_at({"a": "1"}, {"a": "1"}, "aws")


def test_what_iam_shuffles_is_shown_in_one_order() -> None:
    found = as_json(ROLE)

    assert found["trust"]["Statement"][0]["Principal"] == {"AWS": [OWN, "a", "b"]}
    assert list(found["tags"]) == ["a", "b"]
    assert found["managed_policies"] == ["arn:1", "arn:2"]
    assert as_json(POLICY)["policy"] == READ.source
    assert as_json(replace(POLICY, tags=None))["tags"] is None
    assert shown("text") == "text"


def test_principals_are_found_in_every_shape_with_their_places() -> None:
    statements: list[Any] = [
        {"Effect": "Allow", "Principal": "*"},
        {"Effect": "Deny", "NotPrincipal": {"AWS": ["a", "b"], "Service": "s"}},
        "no statement",
    ]
    found = list(PolicyDocument({"Statement": statements}).principals())

    assert [(place.effect, place.key, place.value, place.location, place.statement) for place in found] == [
        ("Allow", "", "*", "Statement[0].Principal", 0),
        ("Deny", "AWS", "a", "Statement[1].NotPrincipal.AWS[0]", 1),
        ("Deny", "AWS", "b", "Statement[1].NotPrincipal.AWS[1]", 1),
        ("Deny", "Service", "s", "Statement[1].NotPrincipal.Service", 1),
    ]


def test_a_statement_that_names_nobody_any_more_goes_with_its_last_principal() -> None:
    two = {"Effect": "Allow", "Principal": {"AWS": ["a", "b"], "Service": "s"}}
    one = {"Effect": "Allow", "Principal": {"AWS": "a"}}
    bare = {"Effect": "Allow", "Principal": "*"}
    found = PolicyDocument({"Id": "x", "Statement": [two, one, bare]}).without_principals(
        lambda place: place.value == "a"
    )

    assert found.source == {"Id": "x", "Statement": [{**two, "Principal": {"AWS": ["b"], "Service": ["s"]}}, bare]}
    assert PolicyDocument("text").without_principals(lambda _: True).source == {"Statement": []}


def test_a_document_is_measured_without_its_white_space() -> None:
    assert PolicyDocument({"a b": "c d"}).size == len('{"ab":"cd"}')
    assert PolicyDocument(" x y ").size == 2


def test_a_living_id_is_the_same_principal_as_its_arn_under_aws_alone() -> None:
    by_id = PolicyDocument({"Statement": {"Principal": {"AWS": "AROAX"}}})
    by_arn = PolicyDocument({"Statement": {"Principal": {"AWS": "arn"}}})
    as_service = PolicyDocument({"Statement": {"Principal": {"Service": "AROAX"}}})
    other_service = PolicyDocument({"Statement": {"Principal": {"Service": "arn"}}})

    assert by_id.same_meaning(by_arn, "aws", lambda _: "arn")
    assert not by_id.same_meaning(by_arn)
    assert not as_service.same_meaning(other_service, "aws", lambda _: "arn")


def test_what_has_nothing_to_do_with_assuming_is_cut_away() -> None:
    statements = [
        {"Effect": "Allow", "Action": ["s3:*", "STS:assume*"], "Resource": "arn:aws:iam::1:role/${aws:username}-*"},
        {"Effect": "Deny", "NotAction": ["sts:AssumeRole", "s3:*"], "Resource": ["a", "b"]},
        {"Effect": "Allow", "Action": "s3:*", "Resource": "c"},
        {"Effect": "Allow", "Action": "*", "NotResource": "d"},
    ]
    document = PolicyDocument({"Version": "2012-10-17", "Statement": statements})
    part = assuming_part(document)

    assert part is not None
    assert [statement["Action"] for statement in part.raw_statements] == [
        ["sts:AssumeRole"],
        ["sts:TagSession", "sts:SetSourceIdentity", "sts:SetContext"],
        ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity", "sts:SetContext"],
    ]
    assert assumable(document) == {"arn:aws:iam::1:role/${aws:username}-*", "a", "b", "*"}
    assert names_role(frozenset({"arn:aws:iam::1:role/${aws:username}-*"}), "arn:aws:iam::1:role/alice-x")
    assert not names_role(frozenset({"a"}), "arn:aws:iam::1:role/b")


def test_what_is_not_understood_may_let_anybody_assume_anything() -> None:
    broken = PolicyDocument("text")

    assert assuming_part(broken) is broken
    assert assumable(broken) == {"*"}
    assert assumable(None) == frozenset()
    assert assuming_part(None) is None
    assert assuming_part(READ) is None


def test_a_place_is_what_editors_open_as_far_as_it_is_known() -> None:
    assert str(Place("a.yaml", 3, 5)) == "a.yaml:3:5"
    assert str(Place("a.yaml")) == "a.yaml"


def test_a_reviewer_is_sent_to_the_nearest_place_that_is_known() -> None:
    whole, trust = Place("a.yaml", 1), Place("a.yaml", 4)
    declaration = Declaration(value=ROLE, place=whole, places={"trust": trust})

    assert declaration.place_of("trust/0") == trust
    assert declaration.place_of("tags") == whole
    assert (declaration.address, declaration.manifest) == ("role/deployer", "a.yaml")


def test_every_code_has_a_title_and_an_error_tells_all_of_its_diagnostics() -> None:
    told = [Diagnostic(Code.RM101, "one"), Diagnostic(Code.RM102, "two", severity=Severity.NOTE)]
    error = ReconcilerError(*told)

    assert TITLES.keys() == set(Code)
    assert str(error) == "RM101: one; RM102: two"
    assert [found.is_error for found in error.diagnostics] == [True, False]


def test_a_change_begins_with_its_first_call_and_bears_its_weightiest_reason() -> None:
    change = Change(address="role/a", account=OWN, action=Action.UPDATE, reason=Reason.ADOPTED, message="")
    called = replace(change, operations=(Operation(call=Call.TAG_ROLE, params={}, stage=3),))

    assert (change.stage, called.stage) == (0, 3)
    assert max(Reason, key=lambda reason: reason.weight) is Reason.RECREATED_OUTSIDE
