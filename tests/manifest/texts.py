"""Texts that look like YAML and mostly are, with what readers of YAML disagree about strewn in."""

from hypothesis import strategies as st

SCALARS = st.sampled_from(
    [
        *("a", "no", "on", "True", "true", "false", "FALSE", "~", "null", "Null", "NULL", "None", "=", "<<", "y", "n"),
        *(
            "0",
            "-0",
            "7",
            "-12",
            "+5",
            "007",
            "0x1F",
            "0o17",
            "0b11",
            "1_000",
            "1e5",
            "1E-2",
            "1.10",
            ".5",
            "-.5",
            "5.",
        ),
        *(
            "012345670123",
            "123456789012",
            "9" * 18,
            "9" * 19,
            "18446744073709551616",
            "9" * 200,
            ".inf",
            "-.INF",
            ".nan",
        ),
        *("2012-10-17", "1:00:00", "10.0.0.0/8", "1.2.3", "12:30", "1-2", "1 2", "- 1", "3e", "e3", "0.", "."),
        *('"*"', "*", "*a", "&a b", "&a", "!!str 1", "! x", "!x", "s3:*", "arn:aws:iam::*:role/x", "arn:aws:s3:::b/*"),
        *(
            "'it''s'",
            '"x\\u0041"',
            '"\\x41"',
            '"a\\nb"',
            '"a\\\\b"',
            '"\\/"',
            "'\\n'",
            "''",
            '""',
            '"a: b"',
            "'#'",
            '"',
            "'",
        ),
        *(
            "a #c",
            "a#c",
            "#c",
            "a: b",
            "a:b",
            "a:",
            ":a",
            ":",
            "?",
            "? a",
            "?a",
            "-",
            "-a",
            "- ",
            "|",
            ">",
            "|-",
            ">+",
            "@a",
        ),
        *(
            "`a",
            "%a",
            "a,b",
            ",",
            "[",
            "]",
            "{",
            "}",
            "[]",
            "{}",
            "[,]",
            "{a}",
            "{a: }",
            "[a,]",
            "[[1]]",
            "{1: a}",
            '{"a":1}',
        ),
        *(
            '{"a":*b}',
            "{a: 1.5}",
            '{"a":1.5}',
            "[1.5]",
            "[~]",
            "{a: ~}",
            "{true: a}",
            "[true]",
            "[True]",
            "{a:1}",
            "{a:b}",
        ),
        *("é", "€", "\U0001f600", "\u202e", "\u200b", "\u2028", "\x85", "\xa0", "\t", "\x07", "\x7f", "\ufeff", "\\"),
    ]
)
PLAIN_SCALARS = st.sampled_from(
    [
        "a",
        "role",
        '"*"',
        "sts:AssumeRole",
        "arn:aws:s3:::b/*",
        "'it''s'",
        "123456789012",
        "true",
        "3600",
        "2012-10-17",
        "[a, b]",
    ]
)
KEYS = st.sampled_from(
    ["a", "b", "c", "name", "1", "true", "null", "<<", '"a"', "'b'", "?", "1.5", "~", "Null", "a b", "é"]
)
BREAKS = st.sampled_from(["\n", "\n", "\n", "\n", "\r\n", "\r", "\n\n", " \n", "\n# c\n", "\n\t\n"])
MARKERS = st.sampled_from(
    ["---", "--- ", "--- a", "---\ta", "...", "%YAML 1.2", "# c", "", "--- # c", "<<<<<<< HEAD", "---a"]
)


def line() -> st.SearchStrategy[str]:
    """Return lines of block style: indented, an item, a pair, a bare scalar, or a marker."""
    indent = st.sampled_from(["", "", "  ", "    ", " ", "- ", "  - ", "- - ", "\t"])
    pair = st.tuples(KEYS, st.sampled_from([": ", ":", ":  ", " : "]), SCALARS | PLAIN_SCALARS | st.just("")).map(
        "".join
    )
    nested = st.tuples(KEYS, st.just(":")).map("".join)
    return (
        st.tuples(indent, pair | pair | nested | PLAIN_SCALARS | SCALARS | SCALARS.map("- {}".format)).map("".join)
        | MARKERS
    )


def block() -> st.SearchStrategy[str]:
    """Return texts in block style."""
    return st.lists(st.tuples(line(), BREAKS).map("".join), min_size=1, max_size=6).map("".join)


def flow() -> st.SearchStrategy[str]:
    """Return texts in flow style, nested, with and without space."""
    glue = st.sampled_from([",", ", ", ",\n ", " ,"])
    colon = st.sampled_from([": ", ":", " :", ":\n  "])

    def wider(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        items = st.lists(inner, max_size=3)
        pairs = st.lists(st.tuples(KEYS, colon, inner).map("".join), max_size=3)
        return st.builds("[{}]".format, st.builds(str.join, glue, items)) | st.builds(
            "{{{}}}".format, st.builds(str.join, glue, pairs)
        )

    return st.recursive(PLAIN_SCALARS | SCALARS, wider, max_leaves=6)


MANIFEST = """\
# A role.
kind: Role
name: deployer
account: "111122223333"
max_session_duration: 7200
tags: {team: storage, 'cost-center': "0042"}
trust:
  - user: [alice, bob]
    external_id: 123456
  - statement: {"Effect": "Allow", "Action": ["sts:AssumeRole"], Principal: {AWS: "*"}}
inline_policies:
  list:
    Version: 2012-10-17
    Statement:
    - Effect: Allow
      Action: s3:*
      Resource: arn:aws:s3:::b/*
description: >-
  Folded
  text
prevent_destroy: true
"""


def mutated() -> st.SearchStrategy[str]:
    """Return a whole manifest with something put into it or taken out of it in a few places."""
    places = st.integers(0, len(MANIFEST))
    pieces = SCALARS | PLAIN_SCALARS | st.sampled_from([" ", "\n", "  ", ":", "- ", "\n  ", "\n---\n", '"', ", "])

    def change(edits: list[tuple[int, int, str]]) -> str:
        text = MANIFEST
        for place, cut, piece in sorted(edits, reverse=True):
            text = text[:place] + piece + text[place + cut :]
        return text

    return st.lists(st.tuples(places, st.integers(0, 4), pieces), max_size=2).map(change)


def texts() -> st.SearchStrategy[str]:
    """Return all of these, and any of them under a key."""
    under = st.builds("{}: {}\n".format, KEYS, flow())
    return (
        mutated()
        | block()
        | flow()
        | under
        | st.tuples(block(), under).map("".join)
        | st.tuples(under, block()).map("".join)
    )
