"""When two policy documents mean the same: what holds for all of them, by Hypothesis."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from reconciler.model.policy import PolicyDocument, canonical_conditions, canonical_statement, text_of
from tests.model.documents import (
    Json,
    decisions,
    edited,
    identity_documents,
    identity_statements,
    randoms,
    respelled,
    trust_documents,
    trust_statements,
)

any_document = st.one_of(trust_documents(), identity_documents())
any_statement = st.one_of(trust_statements(), identity_statements())
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from([0.0, 1.0, 1.5]),
    st.sampled_from(["1", "1.0", "true"]),
)
json_values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["Version", "Statement", "Action", "Principal", "Condition", "AWS", "Effect", "Sid", "x"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=8,
)


def same(one: Any, other: Any) -> bool:
    return PolicyDocument(one).same_meaning(PolicyDocument(other))


@given(any_document, randoms)
def test_a_document_and_any_respelling_of_it_are_equal(document: Json, random: Random) -> None:
    again = respelled(document, random)

    assert same(document, again)
    assert same(again, respelled(document, random))
    assert PolicyDocument(document).digest() == PolicyDocument(again).digest()


@given(any_document, any_statement, randoms)
def test_equality_is_an_equivalence(document: Json, statement: Json, random: Random) -> None:
    crowd = [respelled(document, random), document, edited(document, random, statement)]
    crowd.append(respelled(crowd[-1], random))

    assert_equality_holds_together(crowd)


def assert_equality_holds_together(crowd: list[Any]) -> None:
    documents = list(map(PolicyDocument, crowd))
    equal = [[one.same_meaning(other) for other in documents] for one in documents]
    digests = [document.digest() for document in documents]
    everybody = range(len(crowd))
    for one in everybody:
        assert equal[one][one]
        for other in everybody:
            assert equal[one][other] == equal[other][one] == (digests[one] == digests[other])
            assert all(equal[one][third] for third in everybody if equal[one][other] and equal[other][third])


@given(trust_documents(), trust_statements(), randoms)
def test_equal_trust_policies_decide_every_request_alike(document: Json, statement: Json, random: Random) -> None:
    for other in (respelled(document, random), edited(document, random, statement)):
        if same(document, other):
            assert decisions(document, trust=True) == decisions(other, trust=True)


@given(identity_documents(), identity_statements(), randoms)
def test_equal_identity_policies_decide_every_request_alike(document: Json, statement: Json, random: Random) -> None:
    for other in (respelled(document, random), edited(document, random, statement)):
        if same(document, other):
            assert decisions(document, trust=False) == decisions(other, trust=False)


@given(any_document)
def test_the_canonical_form_read_again_means_the_same(document: Json) -> None:
    canonical = PolicyDocument(document).canonical()

    assert PolicyDocument(_written(canonical)).canonical() == canonical


def _written(canonical: Any) -> Json:
    """A canonical form as a document again."""
    return {**canonical, "Statement": [_statement(one) for one in canonical["Statement"]]}


def _statement(canonical: Json) -> Json:
    found = dict(canonical)
    for element in {"Principal", "NotPrincipal"} & found.keys():
        pairs = found[element]
        found[element] = "*" if pairs == [["", "*"]] else {}
        for key, value in pairs if pairs != [["", "*"]] else ():
            found[element].setdefault(key, []).append(value)
    block: Json = {}
    for operator, key, values in found.pop("Condition", []):
        block.setdefault(operator, {})[key] = values
    return {**found, "Condition": block} if block else found


@given(any_document, any_statement)
def test_a_statement_more_is_never_overlooked(document: Json, statement: Json) -> None:
    longer = {**document, "Statement": [*document["Statement"], statement]}
    twice = {**document, "Statement": [*document["Statement"], document["Statement"][0]]}

    assert not same(document, longer)
    assert not same(document, twice)


@given(any_document)
def test_another_version_is_never_overlooked(document: Json) -> None:
    other = "2008-10-17" if document["Version"] == "2012-10-17" else "2012-10-17"

    assert not same(document, {**document, "Version": other})


@given(any_document, st.data())
def test_another_operator_is_never_overlooked(document: Json, data: st.DataObject) -> None:
    places = [number for number, one in enumerate(document["Statement"]) if one.get("Condition")]
    assume(places)
    number = data.draw(st.sampled_from(places))
    statement = document["Statement"][number]
    operator = data.draw(st.sampled_from(sorted(statement["Condition"])))
    keys = {name: held for name, held in statement["Condition"].items() if name != operator}
    changed = {**statement, "Condition": {**keys, f"{operator}X": statement["Condition"][operator]}}
    statements = [changed if place == number else one for place, one in enumerate(document["Statement"])]

    assert not same(document, {**document, "Statement": statements})


@given(json_values, json_values, json_values)
@example({"Statement": {"Condition": {"x": {"x": 1}}}}, {"Statement": {"Condition": {"x": {"x": True}}}}, 1.0)
@example({"Statement": {"Effect": 1}}, {"Statement": {"Effect": True}}, {"Statement": {"Effect": 1.0}})
@example({"Statement": 1}, {"Statement": True}, {"Statement": 1.0})
@example(float("nan"), {"Statement": float("nan")}, {"Statement": {"Effect": float("nan")}})
def test_equality_holds_together_for_whatever_stands_in_place_of_a_document(one: Any, other: Any, third: Any) -> None:
    assert_equality_holds_together([one, other, third])


@given(json_values)
def test_whatever_stands_in_place_of_a_document_can_be_asked_everything(value: Any) -> None:
    document = PolicyDocument(value)

    assert document.size >= 0
    assert same(document.settled.source, value)
    assert document.settled.text == document.settled.settled.text
    assert all(found.location.startswith("Statement[") for found in document.principals())
    document.without_principals(lambda _: True)


@given(json_values)
def test_odd_shapes_of_a_value_are_text(value: Any) -> None:
    assert isinstance(text_of(value), str)
    assert canonical_statement({"Action": value, "Resource": [value, value]})["Resource"]
    assert canonical_conditions({"StringEquals": {"aws:X": value}})[0][1] == "aws:x"
