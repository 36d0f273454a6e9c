"""YAML as manifests read it: nothing silently changed, everything wrong found, both readers of one mind."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.manifest import yaml
from reconciler.manifest.reading import DEEPEST_NESTING, Mark
from tests.manifest.texts import MANIFEST, texts


def faults(text: str) -> list[tuple[str, int, int]]:
    return [(fault.code.value, *fault.mark) for fault in yaml.read_exactly(text).faults]


def value(text: str) -> object:
    reading = yaml.read_exactly(text)
    assert reading.faults == []
    assert len(reading.documents) == 1
    return reading.documents[0].value


@given(texts())
@example(MANIFEST)
@example('{"a" :True}')
def test_both_readers_agree_on_every_text_that_the_fast_one_accepts(text: str) -> None:
    fast = yaml.read_fast(text)
    if fast is None:
        return
    exact = yaml.read_exactly(text)
    assert exact.faults == []
    assert repr([found for found, _ in fast]) == repr([document.value for document in exact.documents])
    assert [mark for _, mark in fast] == [document.mark(()) for document in exact.documents]


@given(st.text())
def test_no_text_whatsoever_makes_a_reader_raise(text: str) -> None:
    yaml.read_fast(text)
    yaml.read_exactly(text)


def test_an_ordinary_manifest_is_read_by_the_fast_reader() -> None:
    assert yaml.read_fast(MANIFEST) is not None


@pytest.mark.parametrize(
    "word", ["no", "on", "yes", "off", "y", "True", "TRUE", "False", "1:00:00", "2012-10-17", "none"]
)
def test_a_word_that_other_versions_of_yaml_convert_is_text(word: str) -> None:
    assert value(f"a: {word}") == {"a": word}


@pytest.mark.parametrize("digits", ["012345670123", "1.10", "0x1F", "0o17", "1e5", "+5", "-0", ".5", "9" * 40, "1_000"])
def test_a_number_that_would_not_come_back_as_typed_keeps_its_digits(digits: str) -> None:
    assert value(f"a: {digits}") == {"a": digits}


def test_only_true_and_false_are_booleans() -> None:
    assert value("{a: true, b: false, c: 'true'}") == {"a": True, "b": False, "c": "true"}


def test_a_key_is_text_whatever_it_looks_like() -> None:
    assert value("{1: a, true: b, Null: c, on: d}") == {"1": "a", "true": "b", "Null": "c", "on": "d"}


def test_a_repeated_key_is_told_with_both_lines() -> None:
    (fault,) = yaml.read_exactly("a: 1\nb: 2\n\na: 3\n").faults
    assert (fault.code, fault.mark) == ("RM104", Mark(4, 1))
    assert "line 1" in fault.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x 1", "&x is an anchor"),
        ("a: 1\nb: [*x]", "*x is an alias"),
        ("<<: {a: 1}", "<< is a merge key"),
        ("a: !!binary aGk=", "!!binary is a tag"),
        ("a: !!python/object/apply:os.system [ls]", "!!python/object/apply:os.system is a tag"),
        ("a: ! b", "! is a tag"),
        ("%YAML 1.1\n---\na: 1", "A directive"),
        ("%TAG ! tag:example.com,2000:\n---\na: 1", "A directive"),
    ],
)
def test_whatever_lets_a_value_stand_for_another_is_refused_by_name(text: str, said: str) -> None:
    assert any(fault.code == "RM105" and said in fault.message for fault in yaml.read_exactly(text).faults)


def test_an_anchor_that_contains_itself_ends_in_a_fault() -> None:
    assert {code for code, *_ in faults("a: &a [*a]")} == {"RM105"}


def test_a_bomb_of_aliases_is_refused_without_being_unfolded() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefghi", "bcdefghij", strict=True)
    )
    assert {code for code, *_ in faults(bomb)} == {"RM105"}


@pytest.mark.parametrize("text", ["a:", "a: ~", "a: null", "a: Null", "a: NULL", "a: [1, ]\nb: [~]", "{a}", "- a\n-"])
def test_null_is_never_a_value(text: str) -> None:
    assert "RM109" in {code for code, *_ in faults(text)}


@pytest.mark.parametrize("text", [".nan", ".inf", "-.inf", ".NaN", "9" * 5000, "0." + "1" * 200])
def test_a_number_that_nobody_can_keep_is_refused(text: str) -> None:
    assert faults(f"a: {text}") == [("RM106", 1, 4)]


def test_the_same_number_in_quotes_is_text() -> None:
    digits = "9" * 5000
    assert value(f'a: "{digits}"') == {"a": digits}


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\u2028", "\u200b", "\u202e", "\ufeff"])
def test_a_hidden_character_is_told_by_its_number_and_never_shown(character: str) -> None:
    (fault,) = yaml.read_exactly(f"a: 1\nb: x{character}y\n").faults
    assert (fault.code, fault.mark) == ("RM103", Mark(2, 5))
    assert f"U+{ord(character):04X}" in fault.message
    assert character not in fault.message


@pytest.mark.parametrize("escape", [r"\e[2J", r"\x9b", r"\u202e", r"\0"])
def test_a_hidden_character_is_found_behind_an_escape(escape: str) -> None:
    assert faults(f'a: "{escape}"') == [("RM103", 1, 4)]


def test_a_lone_surrogate_is_a_fault() -> None:
    assert [code for code, *_ in faults(r'a: "\ud800"')] == ["RM103"]


@pytest.mark.parametrize("nest", ["[", "{a: ", "- "])
def test_nesting_without_end_is_refused_and_not_followed(nest: str) -> None:
    assert [code for code, *_ in faults("a:\n  " + nest * 5000)] == ["RM103"]


def test_nesting_up_to_the_limit_is_read() -> None:
    text = "[" * DEEPEST_NESTING + "]" * DEEPEST_NESTING
    assert yaml.read_exactly(text).faults == []


def test_a_tab_for_indentation_is_told_as_such() -> None:
    (fault,) = yaml.read_exactly("a:\n\tb: 1\n").faults
    assert (fault.mark.line, "tab" in fault.message) == (2, True)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> other\n", "merge conflict"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        ("a: ENC[AES256_GCM,data:x]\nsops:\n    version: 3.9.0\n", "SOPS"),
    ],
)
def test_a_file_that_is_something_else_is_called_by_its_name(text: str, word: str) -> None:
    (fault,) = yaml.read_exactly(text).faults
    assert word in fault.message


def test_several_documents_each_know_where_they_begin() -> None:
    text = "# first\n---\n# of two\n\na: 1\n---\n\nb: 2\n"
    fast = yaml.read_fast(text)
    assert fast == [({"a": 1}, Mark(5, 1)), ({"b": 2}, Mark(8, 1))]


def test_an_empty_document_among_others_is_refused() -> None:
    assert faults("a: 1\n---\n---\nb: 2\n") == [("RM117", 3, 1)]


@pytest.mark.parametrize("end", ["---\n", "---", "---\n# no more\n", "--- # no more\n\n"])
def test_a_closing_line_at_the_end_begins_no_document(end: str) -> None:
    reading = yaml.read_exactly(f"a: 1\n---\nb: 2\n{end}")
    assert ([found.value for found in reading.documents], reading.faults) == ([{"a": 1}, {"b": 2}], [])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("---\n", 2),
        ("a: 1\n---\n---\n", 3),
        ("a: 1\n---\n~\n", 3),
        ("a: 1\n---\n!!str\n", 3),
        ("---\n---\na: 1\n", 2),
    ],
)
def test_a_line_that_closes_nothing_begins_an_empty_document(text: str, line: int) -> None:
    assert [(code, at) for code, at, _ in faults(text)] == [("RM117", line)]


def test_line_endings_of_windows_change_nothing() -> None:
    assert value("a: 1\r\nb:\r\n  - x\r\n") == {"a": 1, "b": ["x"]}


@pytest.mark.parametrize("key", ["[a]", "{a: b}", "*x", "? [a]\n"])
def test_a_key_that_is_no_text_is_refused(key: str) -> None:
    assert "RM109" in {code for code, *_ in faults(f'{key} : 1\n"": 2\n')}


def test_all_that_is_wrong_with_a_text_is_told_at_once() -> None:
    assert [code for code, *_ in faults("a: &x 1\na: ~\nb: .nan\nc: *x\n")] == [
        "RM105",
        "RM104",
        "RM109",
        "RM106",
        "RM105",
    ]


def test_every_key_and_value_has_its_mark() -> None:
    (document,) = yaml.read_exactly("a:\n  - b: 1\n    c: [x,\n      y]\n").documents
    assert document.keys[("a", 0, "c")] == Mark(3, 5)
    assert document.values[("a", 0, "c", 1)] == Mark(4, 7)
    assert document.mark(("a", 0, "c", 1, "nowhere")) == Mark(4, 7)
