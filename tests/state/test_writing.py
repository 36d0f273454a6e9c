"""What is written again and again is what would be written anew, at the price of what has changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.state import Owned, State
from reconciler.state import writing as subject
from reconciler.state.document import NotAState, Section, digest_of, encode
from reconciler.state.writing import Writing
from tests.state.samples import a_memory, memories

MANY = 1_000


@given(st.lists(memories, min_size=1, max_size=4))
def test_the_text_is_the_same_as_if_all_of_it_were_written_anew(versions: list[State]) -> None:
    writing = Writing()

    for state in versions:
        stored, text = writing.encode(state)
        assert text == encode(state)
        assert stored == state
        assert stored.version == writing.digest_of(state) == digest_of(state)


@given(memories, memories)
def test_entries_that_come_and_go_leave_nothing_behind(one: State, other: State) -> None:
    writing = Writing()
    writing.encode(one)
    mixed = replace(other, objects={**one.objects, **other.objects}, ledger=one.ledger, intents={})

    assert writing.encode(mixed)[1] == encode(mixed)
    assert writing.encode(other)[1] == encode(other)


def many() -> State:
    owned = next(iter(a_memory().objects.values()))
    objects = {f"role/r{number}": replace(owned, manifest=f"r{number}.yaml") for number in range(MANY)}
    return replace(a_memory(), objects=objects)


def test_of_a_thousand_entries_only_the_one_that_changed_is_put_into_words(monkeypatch: pytest.MonkeyPatch) -> None:
    before = many()
    put: list[str] = []
    in_words = subject._in_words

    def told(section: Section[Any], key: str, entry: object) -> subject._Words:
        put.append(key)
        return in_words(section, key, entry)

    monkeypatch.setattr(subject, "_in_words", told)
    writing = Writing()
    writing.encode(before)
    assert len(put) > MANY
    put.clear()

    changed = replace(before.objects["role/r7"], manifest="moved.yaml")
    after = replace(before, serial=before.serial + 1, objects={**before.objects, "role/r7": changed})

    assert writing.encode(after)[1] == encode(after)
    assert put == ["role/r7"]


@pytest.mark.parametrize("wrong", [{"manifest": "role\udce9"}, {"since": 7}, {"digests": {"trust": None}}])
def test_an_entry_that_could_not_be_read_again_is_refused_before_it_is_written(wrong: dict[str, object]) -> None:
    before = many()
    writing = Writing()
    writing.encode(before)
    broken: Owned = replace(before.objects["role/r7"], **wrong)  # type: ignore[arg-type]

    with pytest.raises(NotAState):
        writing.encode(replace(before, objects={**before.objects, "role/r7": broken}))
    assert writing.encode(before)[1] == encode(before)
