"""The text of a state file: exact there and back, and refused for everything else."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import TypeVar

import pytest
from hypothesis import given, settings

from reconciler.model.diagnostic import Code
from reconciler.state import FORMAT_VERSION, State
from reconciler.state.document import NotAState, decode, digest_of, encode
from tests.state.samples import ACCOUNT, OTHER_ACCOUNT, RUNNER, a_memory, a_new_memory, memories

Value = TypeVar("Value")
Edit = Callable[[dict[str, object]], object]
RECORD: dict[str, object] = {"call": "CreateUser", "at": "", "by": "eve", "event_id": "event-1"}


def signed(document: dict[str, object]) -> bytes:
    """Return the document with the digest that fits it, as somebody who knows the format would forge it."""
    rest = {name: value for name, value in document.items() if name != "digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return json.dumps({**rest, "digest": "sha256:" + sha256(text.encode()).hexdigest()}).encode()


def refusal(data: bytes, account: str = ACCOUNT) -> NotAState:
    with pytest.raises(NotAState) as caught:
        decode(data, account=account)
    return caught.value


@given(memories)
def test_what_is_written_is_what_is_read(memory: State) -> None:
    assert decode(encode(memory), account=ACCOUNT) == memory


def backwards(mapping: Mapping[str, Value]) -> dict[str, Value]:
    return dict(reversed(tuple(mapping.items())))


@given(memories)
def test_the_same_memory_is_the_same_text_in_whatever_order_it_was_built(memory: State) -> None:
    other = replace(
        memory,
        objects=backwards(memory.objects),
        ledger=backwards(memory.ledger),
        intents=backwards(memory.intents),
        settings=backwards(memory.settings),
    )
    assert encode(other) == encode(memory)


@settings(max_examples=settings().max_examples // 4 or 1)
@given(memories)
def test_the_text_is_inert_in_a_terminal(memory: State) -> None:
    assert all(
        character in range(0x20, 0x7F) or character == 0x0A for character in encode(memory).replace(b"\x7f", b"")
    )


def test_the_digest_in_the_file_is_the_version_of_the_state() -> None:
    data = encode(a_memory())
    assert json.loads(data)["digest"] == digest_of(a_memory()) == decode(data, account=ACCOUNT).version


def test_fields_that_say_nothing_are_left_out() -> None:
    ledger = json.loads(encode(a_memory()))["ledger"]
    assert set(ledger[RUNNER]) == {"arn", "first_seen"}


def test_a_file_that_was_only_indented_anew_is_still_good() -> None:
    compact = json.dumps(json.loads(encode(a_memory()))).replace("\n", "\r\n").encode()
    assert decode(compact, account=ACCOUNT) == a_memory()


def test_a_file_cut_at_any_byte_is_refused() -> None:
    data = encode(a_memory())
    whole = len(data.rstrip())
    for length in range(whole):
        assert refusal(data[:length]).code is Code.RS501
    assert decode(data[:whole], account=ACCOUNT) == a_memory()


def test_a_file_with_any_one_bit_flipped_is_refused_or_means_the_same() -> None:
    data, same = encode(a_memory()), 0
    for position in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[position] ^= 1 << bit
            try:
                found = decode(bytes(flipped), account=ACCOUNT)
            except NotAState:
                continue
            assert found == a_memory()
            same += 1
    assert same < len(data)  # white space may turn into other white space, little else


@pytest.mark.parametrize("data", [b"", b"\n", b"  \r\n\t"], ids=["nothing", "a line", "white space"])
def test_an_empty_file_is_not_taken_for_a_first_use(data: bytes) -> None:
    assert refusal(data).code is Code.RS501
    assert "empty" in refusal(data).why


def test_a_file_cut_short_says_where_it_breaks_off() -> None:
    data = encode(a_memory())
    found = refusal(data[: len(data) // 2])
    assert "breaks off in line" in found.why
    assert found.line == data[: len(data) // 2].count(b"\n") + 1


@pytest.mark.parametrize(
    ("data", "code", "why"),
    [
        (b"\x00" * 620, Code.RS501, "is not JSON in line 1, column 1"),
        (b"<<<<<<< HEAD\n{}", Code.RS501, "is not JSON"),
        (b'{"a": "\xff"}', Code.RS501, "is not UTF-8, from byte 7 on"),
        (b"\xef\xbb\xbf{}", Code.RS501, "is not JSON"),
        (b'{"serial": 1, "serial": 2}', Code.RS502, "says 'serial' twice"),
        (b'{"serial": NaN}', Code.RS502, "holds NaN"),
        (b'{"serial": -Infinity}', Code.RS502, "holds -Infinity"),
        (b'{"serial": 1e999}', Code.RS502, "holds 1e999"),
        (b'{"serial": ' + b"9" * 5000 + b"}", Code.RS502, "more digits"),
        (b"[" * 100_000 + b"]" * 100_000, Code.RS502, "nested deeper"),
        (b"[]", Code.RS502, "holds a list where a state is an object"),
        (b"null", Code.RS502, "holds nothing where"),
        (b"{}", Code.RS502, "has nothing at /format_version where a whole number belongs"),
        (b'{"format_version": true}', Code.RS502, "has a truth value at /format_version"),
        (b'{"format_version": 0}', Code.RS502, "has format 0, which never was"),
        (b'{"format_version": 2}', Code.RS504, "has format 2; this version of the program reads 1"),
        (b'{"format_version": 1, "digest": "sha256:00"}', Code.RS502, "was altered"),
        (b'{"format_version": 1, "digest": "\\udc80", "account": "\\udc80"}', Code.RS502, "half a character"),
    ],
)
def test_what_is_no_state_is_refused_with_the_reason(data: bytes, code: Code, why: str) -> None:
    found = refusal(data)
    assert found.code is code
    assert why in found.why


def test_a_value_edited_by_hand_is_noticed() -> None:
    edited = encode(a_memory()).replace(b'"serial": 7', b'"serial": 8')
    assert refusal(edited).code is Code.RS502


def test_the_state_of_another_account_is_refused_by_name() -> None:
    found = refusal(encode(a_memory()), account=OTHER_ACCOUNT)
    assert found.code is Code.RS503
    assert found.why == f"is the state of account {ACCOUNT}, not of {OTHER_ACCOUNT}"


def set_at(*path: str, to: object) -> Edit:
    def edit(document: dict[str, object]) -> None:
        where: object = document
        for name in path[:-1]:
            assert isinstance(where, dict)
            where = where[name]
        assert isinstance(where, dict)
        where[path[-1]] = to

    return edit


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (set_at("colour", to="red"), "has an unknown field /colour"),
        (
            set_at("objects", "role/runner", "colour", to="red"),
            "has an unknown field /objects/role/runner/colour",
        ),
        (set_at("account", to=1), "has a number at /account where a text belongs"),
        (set_at("serial", to="7"), "has a text at /serial where a whole number belongs"),
        (set_at("serial", to=7.0), "has a fraction at /serial where a whole number belongs"),
        (set_at("serial", to=-1), "has a number below 0 at /serial where a whole number belongs"),
        (set_at("seen_at", to=[]), "has a list at /seen_at where a text belongs"),
        (set_at("objects", to=[]), "has a list at /objects where an object belongs"),
        (set_at("settings", to="x"), "has a text at /settings where an object belongs"),
        (set_at("ledger", "AIDA", to="x"), "has a text at /ledger/AIDA where an object belongs"),
        (set_at("ledger", RUNNER, to={}), f"has nothing at /ledger/{RUNNER}/arn where a text belongs"),
        (set_at("ledger", RUNNER, "deleted", to={}), "/deleted where a text belongs"),
        (set_at("ledger", RUNNER, "named_by", to="eve"), f"at /ledger/{RUNNER}/named_by where an object belongs"),
        (set_at("ledger", RUNNER, "named_by", to={}), f"has nothing at /ledger/{RUNNER}/named_by/call where a text"),
        (set_at("ledger", RUNNER, "deleted_by", to=RECORD | {"why": "x"}), f"{RUNNER}/deleted_by/why"),
        (set_at("objects", "role/runner", "retain", to="no"), "/retain where true or false belongs"),
        (
            set_at("objects", "role/runner", "digests", to={"trust": None}),
            "has nothing at /objects/role/runner/digests",
        ),
        (
            set_at("objects", "role/runner", "held", to="trust"),
            "has a text at /objects/role/runner/held where a list",
        ),
        (
            set_at("objects", "role/runner", "held", to=[1]),
            "has a number at /objects/role/runner/held where a text",
        ),
        (set_at("intents", "role/runner", "forms", to={"trust": "x"}), "forms/trust where a list belongs"),
        (set_at("intents", "role/runner", "forms", to={"trust": [1]}), "forms/trust where a text belongs"),
    ],
)
def test_a_field_of_the_wrong_shape_is_refused_by_its_place_even_with_a_digest_that_fits(edit: Edit, why: str) -> None:
    document = json.loads(encode(a_memory()))
    edit(document)
    found = refusal(signed(document))
    assert found.code is Code.RS502
    assert why in found.why


def test_a_state_from_the_future_is_not_judged_by_todays_digest() -> None:
    future = {**json.loads(encode(a_memory())), "format_version": FORMAT_VERSION + 1, "new": [1]}
    assert refusal(json.dumps(future).encode()).code is Code.RS504


def test_a_memory_with_half_a_character_is_never_written() -> None:
    with pytest.raises(NotAState, match="half a character"):
        encode(replace(a_new_memory(), settings={"manifests": "role\udce9"}))
