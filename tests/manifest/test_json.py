"""JSON as manifests read it: strictly, with places, the same values as YAML."""

import json as standard

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.manifest import json, yaml
from reconciler.manifest.reading import Mark

VALUES = st.recursive(
    st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab"\\/é', max_size=3), inner, max_size=3),
    max_leaves=8,
)
PIECES = st.sampled_from(
    ["null", "NaN", "1.10", "-0", "01", "9" * 20, '"\\u0041"', '"\\ud800"', ",", "}", "[", '"', "//", "\t", "'"]
)


@given(VALUES, st.sampled_from([None, 0, 2]), st.booleans())
def test_whatever_json_writes_both_readers_read(value: object, indent: int | None, ascii_only: bool) -> None:  # noqa: FBT001
    text = standard.dumps(value, indent=indent, ensure_ascii=ascii_only)
    exact = json.read_exactly(text)
    assert exact.faults == []
    assert exact.documents[0].value == value
    fast = json.read_fast(text)
    assert fast is None or fast == [(value, Mark(1, 1))]


@given(VALUES, st.integers(0, 60), PIECES)
def test_both_readers_agree_on_every_text_that_the_fast_one_accepts(value: object, place: int, piece: str) -> None:
    text = standard.dumps(value)
    text = text[:place] + piece + text[place:]
    fast, exact = json.read_fast(text), json.read_exactly(text)
    if fast is not None:
        assert exact.faults == []
        assert repr([found for found, _ in fast]) == repr([document.value for document in exact.documents])


@given(st.text())
def test_no_text_whatsoever_makes_a_reader_raise(text: str) -> None:
    json.read_fast(text)
    json.read_exactly(text)


@given(VALUES)
def test_marks_are_those_that_yaml_finds_in_the_same_text(value: object) -> None:
    text = standard.dumps(value, indent=2)
    as_json, as_yaml = json.read_exactly(text), yaml.read_exactly(text)
    if not as_yaml.faults:  # YAML cannot read a text of only a long word, or a key of more than 1,024 characters
        assert as_json.documents == as_yaml.documents


@pytest.mark.parametrize(
    ("text", "code", "mark"),
    [
        ('{"a": 1,\n "a": 2}', "RM104", Mark(2, 2)),
        ('{"a": null}', "RM109", Mark(1, 7)),
        ('{"a": ' + "9" * 5000 + "}", "RM106", Mark(1, 7)),
        ('{"a": NaN}', "RM103", Mark(1, 7)),
        ('{"a": 1} {"b": 2}', "RM103", Mark(1, 10)),
        ('{"a": 01}', "RM103", Mark(1, 8)),
        ("{'a': 1}", "RM103", Mark(1, 2)),
        ('{"a": 1,}', "RM103", Mark(1, 9)),
        ('{"a": "\\u202e"}', "RM103", Mark(1, 7)),
        ('{"a": "\\ud800"}', "RM103", Mark(1, 7)),
        ('{"a": "x\ny"}', "RM103", Mark(1, 9)),
        ('{"a": // comment\n1}', "RM103", Mark(1, 7)),
        ('{"a": [1, 2}', "RM103", Mark(1, 12)),
        ("", "RM103", Mark(1, 1)),
    ],
)
def test_what_is_not_strict_json_is_refused_with_its_place(text: str, code: str, mark: Mark) -> None:
    assert json.read_fast(text) is None
    (fault,) = json.read_exactly(text).faults
    assert (fault.code, fault.mark) == (code, mark)


def test_nesting_without_end_is_refused_and_not_followed() -> None:
    (fault,) = json.read_exactly('{"a":' * 100_000).faults
    assert "nested too deeply" in fault.message


def test_numbers_keep_their_digits() -> None:
    assert json.read_exactly('{"a": 1.10, "b": 12}').documents[0].value == {"a": "1.10", "b": 12}
