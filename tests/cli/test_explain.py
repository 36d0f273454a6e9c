"""Every diagnostic has its story, and `explain` tells it."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from reconciler.explanations import story_of
from reconciler.model.diagnostic import TITLES, Code
from tests.commands import Run


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_a_story_with_its_title_and_what_to_do(code: Code) -> None:
    story = story_of(code)

    assert story.startswith(f"# {code}: {TITLES[code]}\n")
    assert "\n## What to do\n" in story
    assert "\n- " in story.partition("## What to do")[2]
    assert story.count("```") % 2 == 0


def part(story: str, heading: str) -> str:
    """What stands below a heading, up to the next one; empty where there is no such heading."""
    return story.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("code", [code for code in Code if code.value.startswith("RP")])
def test_whatever_concerns_trust_has_a_story_an_example_how_iam_behaves_and_its_source(code: Code) -> None:
    story = story_of(code)

    assert len(part(story, "The story").split()) > 20
    assert part(story, "Example").count("```") == 2
    assert re.search("IAM\\s+User\\s+Guide|re:Post|IAM\\s+API\\s+reference", part(story, "How IAM behaves"))


@pytest.mark.parametrize("code", [Code.RP201, Code.RP202, Code.RP204, Code.RP206, Code.RP221])
def test_surviving_recreation_is_offered_with_what_it_costs(code: Code) -> None:
    advice = " ".join(part(story_of(code), "What to do").split())

    assert "`survives_recreation: true`" in advice
    assert "It costs two things: any later holder of the name is trusted" in advice
    assert "needs a policy of its own that allows `sts:AssumeRole`" in advice


FOUND_BY_VALIDATE = [
    code
    for code in Code
    if "RM103" <= code <= "RM116" or code in {"RP205", "RP209", "RP211", "RP212", "RP213", "RP214"}
]
USUAL = {"kind": "Role", "name": "example", "trust": "[{account: '123456789012'}]"}


def whole(code: Code) -> str:
    """The example of a story as a manifest: what it leaves out, and is not about, is added."""
    example = part(story_of(code), "Example").partition("```yaml\n")[2].partition("```")[0]
    if code is Code.RM108 or "ManagedPolicy" in example:
        return example
    absent = [key for key in USUAL if not re.search(f"^ ?{key}(_policy)?:", example, re.MULTILINE)]
    return "".join(f"{key}: {USUAL[key]}\n" for key in absent) + example


@pytest.mark.parametrize("code", FOUND_BY_VALIDATE)
def test_the_example_of_what_validate_finds_is_found_by_validate(code: Code, run: Run, folder: Path) -> None:
    (folder / "manifests").mkdir()
    (folder / "manifests" / "example.yaml").write_text(whole(code))

    found = run("validate", "--format", "json").json["diagnostics"]

    assert {each["code"] for each in found} == {code.value}


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
