"""Whatever comes from AWS or a manifest, a terminal and a pipeline see only text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.render.escape import inert, inert_line
from reconciler.render.lines import Canvas, Span, Tone, line, paint

ANY_TEXT = st.text(st.characters(codec=None) | st.sampled_from("\x9b\x1b\n\r\u202e\u200b\xa0:#"))


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2J", "\\u{1b}[2J"),
        ("\x9b2J", "\\u{9b}2J"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\u202eevil\u2066", "\\u{202e}evil\\u{2066}"),
        ("ad\u200bmin", "ad\\u{200b}min"),
        ("two\xa0words", "two\\u{a0}words"),
        ("\ud800", "\\u{d800}"),
        ("\U000e0041", "\\u{e0041}"),
        ("Ärger, größer", "Ärger, größer"),
    ],
)
def test_what_cannot_be_seen_shows_its_number(hostile: str, shown: str) -> None:
    assert inert(hostile) == shown


@pytest.mark.parametrize("command", ["::error::forged", "  ::add-mask::x", "##[group]x", "\t::stop-commands::x"])
def test_no_line_is_a_command_to_a_pipeline(command: str) -> None:
    assert not inert_line(command).lstrip().startswith(("::", "##["))


@given(ANY_TEXT)
def test_inert_text_is_one_visible_line(text: str) -> None:
    for character in inert(text):
        assert unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        assert character == " " or not character.isspace()


@given(ANY_TEXT)
def test_text_that_is_inert_stays_as_it_is(text: str) -> None:
    assert inert(inert(text)) == inert(text)


@given(st.lists(ANY_TEXT, min_size=1, max_size=4))
def test_no_data_brings_colour_or_lines_of_its_own(texts: list[str]) -> None:
    lines = [line(2, Span(text, Tone.ADDED), text) for text in texts]

    plain = paint(lines, Canvas())

    assert plain.count("\n") == len(texts)
    assert "\x1b" not in plain
    assert paint(lines, Canvas(colour=True)).replace("\x1b[32m", "").replace("\x1b[0m", "") == plain
