"""Every diagnostic has its story, and `explain` tells it."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

import pytest

from reconciler.explanations import story_of
from reconciler.model.diagnostic import TITLES, Code
from tests.cli.conftest import Finished

Run = Callable[..., Finished]


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_a_story_with_its_title_and_what_to_do(code: Code) -> None:
    story = story_of(code)

    assert story.startswith(f"# {code}: {TITLES[code]}\n")
    assert "\n## What to do\n" in story
    assert "\n- " in story.partition("## What to do")[2]
    assert story.count("```") % 2 == 0


@pytest.mark.parametrize("code", [code for code in Code if code.value.startswith("RP")])
def test_whatever_concerns_trust_tells_how_iam_behaves(code: Code) -> None:
    story = story_of(code)

    assert "\n## The story\n" in story
    assert "\n## How IAM behaves\n" in story


def test_there_is_no_story_without_a_code() -> None:
    told = {
        entry.name.removesuffix(".md")
        for entry in files("reconciler.explanations").iterdir()
        if entry.name.endswith(".md")
    }

    assert told == {code.value for code in Code}


def test_a_code_may_be_typed_in_any_case(run: Run) -> None:
    assert run("explain", "rp201").out == run("explain", "RP201").out
    assert run("explain", "rp201").out.startswith("RP201: A trusted principal was deleted and recreated\n")


def test_without_a_code_all_are_listed(run: Run) -> None:
    done = run("explain")

    assert done.code == 0
    assert all(f"  {code}  {TITLES[code]}\n" in done.out for code in Code)


@pytest.mark.parametrize(("typed", "meant"), [("RP20", "RP201"), ("RP2O1", "RP201"), ("PR201", "RP201")])
def test_an_unknown_code_is_answered_with_the_nearest(typed: str, meant: str, run: Run) -> None:
    done = run("explain", typed)

    assert done.code == 1
    assert meant in done.err


def test_programs_get_the_text_as_it_is(run: Run) -> None:
    told = run("explain", "RC301", "--format", "json").json

    assert told == {"code": "RC301", "title": TITLES[Code.RC301], "explanation": story_of(Code.RC301)}
    assert len(run("explain", "--format", "json").json) == len(Code)
