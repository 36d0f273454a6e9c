"""The pages tell the truth."""

from __future__ import annotations

import re

import pytest

from reconciler.cli.group import COMMANDS
from tests.docs.excerpt import HERE, README, excerpt, shown


def test_the_readme_shows_what_the_demo_prints() -> None:
    assert shown() == excerpt()


def test_every_command_that_the_readme_types_is_there() -> None:
    typed = set(re.findall(r"\breconciler ([a-z]+)\b", README.read_text()))
    assert typed - {"is", "has"} <= set(COMMANDS)


PAGES = ["README.md", "CONTRIBUTING.md", "manifests/README.md", "tests/README.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_links_is_there(page: str) -> None:
    file = HERE / page
    links = re.findall(r"\]\(([^):#]+)\)", file.read_text())

    assert links
    assert [link for link in links if not (file.parent / link).exists()] == []


def test_the_tests_are_where_their_page_says() -> None:
    named = set(re.findall(r"`([a-z]+)/`", (HERE / "tests" / "README.md").read_text()))
    there = {found.relative_to(HERE / "tests").parts[0] for found in (HERE / "tests").glob("*/*.py")}

    assert named == there
