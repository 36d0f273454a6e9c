"""The README tells the truth."""

from __future__ import annotations

import re

from reconciler.cli.group import COMMANDS
from tests.docs.excerpt import README, excerpt, shown


def test_the_readme_shows_what_the_demo_prints() -> None:
    assert shown() == excerpt()


def test_every_command_that_the_readme_types_is_there() -> None:
    typed = set(re.findall(r"\breconciler ([a-z]+)\b", README.read_text()))
    assert typed - {"is", "has"} <= set(COMMANDS)


def test_every_file_that_the_readme_links_is_there() -> None:
    links = re.findall(r"\]\(([^):]+)\)", README.read_text())
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []
