"""A policy document by itself: shape, text, canonical form, principals, and what is seen to be the same at a glance."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from types import MappingProxyType
from typing import Any

import pytest

from reconciler.model.policy import (
    NEW_VERSION,
    OLD_VERSION,
    PolicyDocument,
    canonical_conditions,
    canonical_statement,
    compact,
    digest_of,
    has_caseless_values,
)

OWN = "111122223333"
ROOT = f"arn:aws:iam::{OWN}:root"
ALICE, BOB = f"arn:aws:iam::{OWN}:user/alice", f"arn:aws:iam::{OWN}:user/bob"


def read_only(value: Any) -> Any:
    """Return the same with each object as a mapping that is no dict."""
    if isinstance(value, dict):
        return MappingProxyType({key: read_only(held) for key, held in value.items()})
    return [read_only(item) for item in value] if isinstance(value, list) else value


def statement(**elements: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", **elements}]}


# --- text and digests ---------------------------------------------------------------------------------------


def test_a_document_is_sent_as_its_author_wrote_it_without_white_space() -> None:
    assert compact({"Sid": "ä", "b": [1, 2]}) == '{"Sid":"ä","b":[1,2]}'
    assert PolicyDocument(" no JSON ").text == " no JSON "


def test_a_digest_stays_what_it_was_in_every_state_that_holds_it() -> None:
    known = hashlib.sha256(b'{"a":{"c":1,"d":"\\u00e4"},"b":[1,"x"]}').hexdigest()

    assert digest_of({"b": [1, "x"], "a": {"d": "ä", "c": 1}}) == f"sha256:{known}"


@pytest.mark.parametrize(
    "source",
    [
        "no JSON",
        {"Statement": "no statement"},
        {"Statement": []},
        {"Statement": [{"Sid": "b"}, {"Sid": "a"}, {"Sid": "c"}]},
        {"Id": "x", "Version": "2012-10-17", "Statement": [{"Sid": "b"}, {"Sid": "a"}]},
    ],
)
def test_the_digest_of_a_document_is_that_of_its_canonical_form(source: Any) -> None:
    document = PolicyDocument(source)

    assert document.digest() == digest_of(document.canonical())
    assert json.loads(document.canonical_text()) == document.canonical()


def test_a_date_in_an_element_that_nobody_knows_is_text() -> None:
    with_date, with_text = (PolicyDocument(statement(Since=since)) for since in (date(2026, 11, 24), "2026-11-24"))

    assert with_date.digest() == with_text.digest()


# --- shape --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "elements",
    [
        {},
        {"Action": "s3:*"},
        {"Action": ["s3:*", 1, 1.5, True], "Resource": ("a", "b")},
        {"Principal": "*"},
        {"NotPrincipal": {"AWS": [ALICE], "Service": "s"}},
        {"Condition": {}},
        {"Condition": {"Bool": {"a": True}, "StringEquals": {"b": ["c"]}}},
        {"Unknown": [{"a": None}]},
    ],
)
def test_what_has_the_shape_of_a_policy_is_understood(elements: dict[str, Any]) -> None:
    assert PolicyDocument(statement(**elements)).understood
    assert PolicyDocument({"Statement": {"Effect": "Allow", **elements}}).understood
    assert PolicyDocument(read_only(statement(**elements))).understood


@pytest.mark.parametrize(
    "elements",
    [
        {"Action": None},
        {"NotAction": {"a": "b"}},
        {"Resource": ["a", None]},
        {"NotResource": ["a", ["b"]]},
        {"Principal": None},
        {"Principal": [ALICE]},
        {"Principal": {"AWS": ALICE, "Service": None}},
        {"NotPrincipal": {"AWS": [[ALICE]]}},
        {"Condition": "x"},
        {"Condition": {"StringEquals": "x"}},
        {"Condition": {"Bool": {"a": "true"}, "StringEquals": None}},
        {"Condition": {"StringEquals": {"a": "b", "c": {}}}},
    ],
)
def test_what_has_another_shape_is_not_understood(elements: dict[str, Any]) -> None:
    assert not PolicyDocument(statement(**elements)).understood


@pytest.mark.parametrize("source", ["text", 1, None, [], {"Statement": "x"}, {"Statement": [{"Effect": "Allow"}, "x"]}])
def test_what_is_no_object_of_objects_is_not_understood(source: Any) -> None:
    assert not PolicyDocument(source).understood
    assert PolicyDocument(source).settled.source is source


def test_statements_are_a_list_however_they_are_written() -> None:
    one, two = {"Sid": "a"}, {"Sid": "b"}

    assert PolicyDocument({"Statement": one}).raw_statements == [one]
    assert PolicyDocument({"Statement": (one, two)}).raw_statements == [one, two]
    assert PolicyDocument({}).raw_statements == []
    assert PolicyDocument("text").raw_statements == []


def test_only_what_iam_shuffles_is_put_in_one_order() -> None:
    found = statement(
        Action=["b", "a"],
        Principal={"Service": ("b", "a"), "AWS": "z"},
        Condition={"StringEquals": {"y": [2, "1", True], "x": "v"}, "Bool": {"z": "true"}},
        Resource="r",
    )
    settled = PolicyDocument({"Version": "2012-10-17", **found}).settled

    assert settled.text == compact(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["b", "a"],
                    "Principal": {"AWS": "z", "Service": ["a", "b"]},
                    "Condition": {"Bool": {"z": "true"}, "StringEquals": {"x": "v", "y": ["1", 2, True]}},
                    "Resource": "r",
                }
            ],
        }
    )


def test_what_stands_in_a_mapping_of_another_kind_is_put_in_order_too() -> None:
    found = read_only(statement(NotPrincipal={"Service": "s", "AWS": ["b", "a"]}))

    assert PolicyDocument(found).settled.text == compact(statement(NotPrincipal={"AWS": ["a", "b"], "Service": "s"}))


# --- the canonical form -------------------------------------------------------------------------------------


def test_a_canonical_form_is_the_one_spelling_of_a_document() -> None:
    source = {
        "Id": "x",
        "Statement": [
            {"Sid": "", "Action": ["S3:Put*", "s3:get*", "s3:put*"], "NotAction": "S3:A", "Resource": ["B", "a", 1]},
            {"Sid": "first", "NotResource": "B", "Principal": {"Service": "s", "AWS": [OWN, BOB, ROOT]}},
            {"Condition": {}, "NotPrincipal": "*", "Effect": "", "Unknown": []},
            {"Condition": {"StringLike": {"aws:B": ["Y", "X"]}, "BoolIfExists": {"AWS:a": True, "Z": ["FALSE", 1]}}},
        ],
    }

    assert PolicyDocument(source).canonical() == {
        "Id": "x",
        "Version": "2008-10-17",
        "Statement": [
            {"Action": ["s3:get*", "s3:put*"], "NotAction": ["s3:a"], "Resource": ["1", "B", "a"]},
            {
                "Condition": [
                    ["BoolIfExists", "aws:a", ["true"]],
                    ["BoolIfExists", "z", ["1", "false"]],
                    ["StringLike", "aws:b", ["X", "Y"]],
                ]
            },
            {"Effect": "", "NotPrincipal": [["", "*"]], "Unknown": []},
            {"NotResource": ["B"], "Principal": [["AWS", ROOT], ["AWS", BOB], ["Service", "s"]], "Sid": "first"},
        ],
    }


def test_a_mapping_of_another_kind_has_the_same_canonical_form() -> None:
    source = statement(Principal={"AWS": [OWN, ALICE]}, Condition={"Bool": {"a": True}})

    assert PolicyDocument(read_only(source)).canonical() == PolicyDocument(source).canonical()
    assert list(PolicyDocument(read_only(source)).principals()) == list(PolicyDocument(source).principals())


def test_a_version_is_text_and_the_old_one_where_none_is_said() -> None:
    assert (OLD_VERSION, NEW_VERSION) == ("2008-10-17", "2012-10-17")
    assert PolicyDocument({"Version": 2012, "Statement": []}).canonical()["Version"] == "2012"


def test_a_document_that_is_not_understood_is_its_own_text() -> None:
    assert PolicyDocument("{half").canonical() == {"NotUnderstood": '"{half"'}


def test_an_account_stands_for_its_root_in_the_partition_asked_for() -> None:
    source = statement(Principal={"AWS": OWN, "Service": OWN})
    china = f"arn:aws-cn:iam::{OWN}:root"

    assert PolicyDocument(source).canonical()["Statement"][0]["Principal"] == [["AWS", ROOT], ["Service", OWN]]
    assert canonical_statement(source["Statement"][0])["Principal"] == [["AWS", ROOT], ["Service", OWN]]
    for document, partition, root in [(PolicyDocument(source), "aws-cn", china), (PolicyDocument(source), "aws", ROOT)]:
        assert document.canonical(partition)["Statement"][0]["Principal"][0] == ["AWS", root]
        assert document.digest(partition) == PolicyDocument(statement(Principal={"AWS": root, "Service": OWN})).digest()
        assert document.same_meaning(PolicyDocument(statement(Principal={"Service": OWN, "AWS": root})), partition)
    assert PolicyDocument(source).canonical_text() == PolicyDocument(source).canonical_text("aws")
    assert PolicyDocument(source).digest() == PolicyDocument(source).digest("aws")
    assert PolicyDocument(source).same_meaning(PolicyDocument(statement(Principal={"AWS": ROOT, "Service": OWN})))


@pytest.mark.parametrize("unique_id", ["AROARUNNERRUNNERRUN22", "AIDAALICEALICEALICE22"])
@pytest.mark.parametrize("element", ["Principal", "NotPrincipal"])
def test_a_living_id_is_read_as_its_arn_wherever_it_stands(unique_id: str, element: str) -> None:
    by_id = PolicyDocument({"Statement": [{"Sid": "a"}, {element: {"AWS": [BOB, unique_id], "Service": "s"}}]})
    by_arn = PolicyDocument({"Statement": [{"Sid": "a"}, {element: {"AWS": [BOB, ALICE], "Service": "s"}}]})
    lives = {unique_id: ALICE}

    def resolve(value: str) -> str:
        return lives.get(value, value)

    assert by_id.canonical("aws", resolve) == by_arn.canonical()
    assert by_id.digest("aws", resolve) == by_arn.digest()
    assert by_id.same_meaning(by_arn, "aws", resolve)
    assert not by_id.same_meaning(by_arn)


def test_a_canonical_form_is_made_once_where_it_does_not_matter_who_lives() -> None:
    without, with_id = (
        PolicyDocument(statement(Principal={"AWS": ALICE})),
        PolicyDocument(statement(Principal={"AWS": "AROARUNNERRUNNERRUN22"})),
    )

    assert without.canonical("aws", str.upper) is without.canonical()
    assert with_id.canonical("aws") is with_id.canonical()
    assert with_id.canonical("aws-cn") is not with_id.canonical("aws")


def test_conditions_are_in_one_order_and_their_keys_have_no_case() -> None:
    block = {"StringLike": {"b": "X", "A": ["d", "c"]}, "Null": {"K": [True, "FALSE"]}}

    assert canonical_conditions(block) == [
        ["Null", "k", ["false", "true"]],
        ["StringLike", "a", ["c", "d"]],
        ["StringLike", "b", ["X"]],
    ]


@pytest.mark.parametrize(
    ("operator", "caseless"),
    [
        ("Bool", True),
        ("Null", True),
        ("BoolIfExists", True),
        ("ForAnyValue:Bool", True),
        ("ForAllValues:BoolIfExists", True),
        ("StringEquals", False),
        ("ForAnyValue:StringLike", False),
        ("IfExistsBool", False),
        ("", False),
    ],
)
def test_only_truth_values_have_no_case(operator: str, *, caseless: bool) -> None:
    assert has_caseless_values(operator) is caseless


# --- principals ---------------------------------------------------------------------------------------------


def test_a_statement_without_an_effect_has_principals_all_the_same() -> None:
    (found,) = PolicyDocument({"Statement": {"Principal": {"AWS": (ALICE,)}}}).principals()

    assert (found.effect, found.element, found.value) == ("", "Principal", ALICE)
    assert found.location == "Statement[0].Principal.AWS[0]"


def test_only_the_principals_that_are_gone_are_taken_out() -> None:
    both = {"Principal": {"AWS": [ALICE, "x"], "Federated": "x"}}
    kept: dict[str, Any] = {"NotPrincipal": {"AWS": ALICE}}
    nobody: dict[str, Any] = {"Principal": {}}
    source = {"Version": "2012-10-17", "Statement": [both, "no statement", kept, nobody]}
    document = PolicyDocument(source)

    found = document.without_principals(lambda place: place.key == "AWS" and place.value == "x")

    assert found.source == {
        "Version": "2012-10-17",
        "Statement": [{"Principal": {"AWS": [ALICE], "Federated": ["x"]}}, "no statement", kept, nobody],
    }
    assert document.without_principals(lambda _: False).source == source


def test_a_principal_is_taken_out_of_the_statement_that_is_meant() -> None:
    twice = PolicyDocument({"Statement": [{"Principal": {"AWS": [ALICE, BOB]}}, {"Principal": {"AWS": [ALICE, BOB]}}]})
    found = twice.without_principals(lambda place: place.statement == 1 and place.value == BOB)

    assert found.source == {"Statement": [{"Principal": {"AWS": [ALICE, BOB]}}, {"Principal": {"AWS": [ALICE]}}]}


@pytest.mark.parametrize("element", [{"Principal": "*"}, {"NotPrincipal": {"AWS": ALICE}}])
def test_everybody_and_everybody_else_are_nobody_to_take_out(element: dict[str, Any]) -> None:
    source = {"Statement": [element]}

    assert PolicyDocument(source).without_principals(lambda _: True).source == source


def test_a_principal_that_is_no_text_is_taken_out_as_its_text() -> None:
    document = PolicyDocument({"Statement": [{"Principal": {"AWS": [1, True, ALICE]}}]})

    assert document.without_principals(lambda place: place.value in {"1", "true"}).source == {
        "Statement": [{"Principal": {"AWS": [ALICE]}}]
    }


# --- what is seen at a glance -------------------------------------------------------------------------------


def is_seen_at_a_glance(one: PolicyDocument, other: PolicyDocument) -> bool:
    """Tell whether both are found to be the same without spelling either out."""
    same = one.same_meaning(other)
    return same and not {"_plain_by_partition"} & {*vars(one), *vars(other)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"Action": "a"}, {"Action": ["a"]}),
        ({"Action": ["a", "b"], "Sid": "s"}, {"Sid": "s", "Action": ["b", "a", "b"]}),
        ({"NotAction": ["a", "b"], "NotResource": "r"}, {"NotAction": ["b", "a"], "NotResource": ["r"]}),
        ({"Resource": "r"}, {"Resource": "r"}),
        ({"Principal": "*"}, {"Principal": "*"}),
        (
            {"NotPrincipal": {"AWS": ["a", "b"], "Service": "s"}},
            {"NotPrincipal": {"Service": ["s"], "AWS": ["b", "a"]}},
        ),
        (
            {"Condition": {"StringLike": {"a": ["x", "y"], "b": "z"}, "Bool": {"c": "true"}}},
            {"Condition": {"Bool": {"c": ["true"]}, "StringLike": {"b": ["z"], "a": ["y", "x"]}}},
        ),
    ],
)
def test_what_iam_gives_back_in_another_order_is_the_same_at_a_glance(one: Any, other: Any) -> None:
    version, further = {"Version": "2012-10-17"}, {"Effect": "Deny", "Action": "x"}

    for first, second in [(one, other), (other, one), (one, one)]:
        assert is_seen_at_a_glance(PolicyDocument({"Statement": first}), PolicyDocument({"Statement": [second]}))
        assert is_seen_at_a_glance(
            PolicyDocument({"Statement": [first, further], **version}),
            PolicyDocument({**version, "Statement": [second, further]}),
        )


ACTIONS = ["a", "b"]
UNLIKE: list[tuple[Any, Any]] = [
    ("text", {}),
    ({"Statement": []}, {"Version": "2012-10-17", "Statement": []}),
    ({"Version": "2012-10-17"}, {"Version": "2008-10-17"}),
    ({"Statement": [{"Sid": "a"}]}, {"Statement": [{"Sid": "a"}, {"Sid": "b"}]}),
    ({"Statement": [{"Sid": "a"}, {"Sid": "b"}]}, {"Statement": [{"Sid": "a"}, {"Sid": "c"}]}),
    ({"Statement": ["x"]}, {"Statement": [{"Sid": "a"}]}),
    *(
        ({"Statement": one}, {"Statement": other})
        for one, other in [
            ({"Sid": "a"}, {"Sid": "a", "Action": "x"}),
            ({"Sid": "a"}, {"Sid": "b"}),
            ({"Effect": 1}, {"Effect": True}),
            ({"Action": "a"}, {"Action": "b"}),
            ({"Action": [1]}, {"Action": [True]}),
            ({"Action": [[]]}, {"Action": "a"}),
            ({"Action": 5}, {"Action": "a"}),
            ({"Action": {"a": 1}}, {"Action": {"a": 2}}),
            ({"Action": ["a"]}, {"Action": ["a", "b"]}),
            ({"Principal": "*"}, {"Principal": {"AWS": "*"}}),
            ({"Principal": {"AWS": "a"}}, {"Principal": {"AWS": "a", "Service": "s"}}),
            ({"Principal": {"AWS": "a", "Service": "s"}}, {"Principal": {"AWS": "b", "Service": "s"}}),
            ({"Condition": "x"}, {"Condition": {"Bool": {"a": "true"}}}),
            ({"Condition": {"Bool": {"a": "x"}}}, {"Condition": {"Bool": {"a": "x"}, "Null": {"a": "x"}}}),
            (
                {"Condition": {"Bool": {"a": "x"}, "Null": {"a": "y"}}},
                {"Condition": {"Bool": {"a": "x"}, "Null": {"a": "x"}}},
            ),
            # Not understood: what is not known to be a set is told apart by its order.
            (
                {"Action": ACTIONS, "Condition": {"StringEquals": "x"}},
                {"Action": ACTIONS[::-1], "Condition": {"StringEquals": "x"}},
            ),
            ({"Action": ACTIONS, "Condition": "x"}, {"Action": ACTIONS[::-1], "Condition": "x"}),
            ({"Action": ACTIONS, "Principal": ["x"]}, {"Action": ACTIONS[::-1], "Principal": ["x"]}),
        ]
    ),
]


@pytest.mark.parametrize(("one", "other"), UNLIKE)
def test_what_differs_is_never_the_same_at_a_glance(one: Any, other: Any) -> None:
    for first, second in [(one, other), (other, one)]:
        assert not PolicyDocument(first).same_meaning(PolicyDocument(second))
        assert PolicyDocument(first).digest() != PolicyDocument(second).digest()


def test_whoever_takes_principals_out_is_told_where_each_of_them_stands() -> None:
    document = PolicyDocument({"Statement": [{"Principal": {"AWS": BOB}}, {"Principal": {"AWS": [ALICE, BOB]}}]})
    second = {"Statement[1].Principal.AWS[1]"}

    assert document.without_principals(lambda place: place.location in second).source == {
        "Statement": [{"Principal": {"AWS": BOB}}, {"Principal": {"AWS": [ALICE]}}]
    }
