"""The fast parser: it reads what botocore reads, and unpacks every document as RFC 3986 says."""

from __future__ import annotations

import json
from urllib.parse import quote
from xml.etree import ElementTree as ET

import botocore.session
import pytest
from botocore.parsers import QueryParser
from hypothesis import given
from hypothesis import strategies as st

from reconciler.iam.wire import NAMESPACE, parse_page, unpack
from tests.bench.account import pages

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("call", ["GetAccountAuthorizationDetails", "ListRoles"])
def test_the_fast_parser_reads_what_botocore_reads(call: str) -> None:
    body = pages(30)[call, ""]
    model = botocore.session.get_session().get_service_model("iam")
    shape = model.operation_model(call).output_shape
    assert shape is not None
    theirs = QueryParser().parse({"body": body, "headers": {}, "status_code": 200}, shape)
    ours = parse_page(ET.fromstring(NAMESPACE.sub(b"", body, count=1)), call)
    assert ours.marker is None
    compared = 0
    for name, entries in ours.lists.items():
        assert len(entries) == len(theirs[name])
        for mine, other in zip(entries, theirs[name], strict=True):
            for key, value in other.items():
                if isinstance(value, str | list) and value:
                    assert mine[key] == value
                    compared += 1
    assert compared > 100


@given(st.dictionaries(st.text(), JSON_VALUES))
def test_every_document_comes_out_as_it_went_in(document: dict[str, object]) -> None:
    assert unpack(quote(json.dumps(document), safe="")).source == document


@given(st.text())
def test_every_text_comes_out_as_it_went_in(text: str) -> None:
    plain = text.encode("utf-8", "replace").decode()
    source = unpack(quote(f"no JSON: {plain}", safe="")).source
    assert source == f"no JSON: {plain}"


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", '"text"', "17", "{", '{"a":' * 20_000, "9" * 5_000],
    ids=["nothing", "a list", "null", "a string", "a number", "cut", "too deep", "too many digits"],
)
def test_what_is_no_object_stays_text(text: str) -> None:
    document = unpack(quote(text, safe=""))
    assert document.source == text
    assert not document.understood


def test_a_document_encoded_twice_is_not_taken_for_a_policy() -> None:
    twice = quote(quote('{"Version":"2012-10-17"}', safe=""), safe="")
    assert not unpack(twice).understood


def test_a_literal_per_cent_sign_is_not_decoded_twice() -> None:
    document = {"Statement": [{"Resource": "arn:aws:s3:::b/%22%7B%25"}]}
    assert unpack(quote(json.dumps(document), safe="")).source == document
