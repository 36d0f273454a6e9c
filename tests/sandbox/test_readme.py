"""The README's table of gaps and its count of facts are true."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import fields
from pathlib import Path

from reconciler.sandbox import Switches

HERE = Path(__file__).parent
README = (HERE.parents[1] / "reconciler" / "sandbox" / "README.md").read_text(encoding="utf-8")
LEVELS = ("documented", "recorded", "observed", "uncertain")


def found_here() -> tuple[set[str], Counter[str]]:
    """The names of all tests here, and how many facts of each level they quote."""
    names: set[str] = set()
    levels: Counter[str] = Counter()
    for path in HERE.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                names.add(node.name)
                levels.update(_level(call) for call in node.decorator_list if _is_fact(call))
    return names, levels


def _is_fact(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "fact"


def _level(node: ast.expr) -> str:
    assert isinstance(node, ast.Call)
    given = [word.value for word in node.keywords if word.arg == "level"]
    return str(ast.literal_eval(given[0])) if given else "documented"


def test_every_gap_is_there_once_with_a_test_that_exists() -> None:
    rows = re.findall(r"^\| (\d+) \|.*\| `(test_\w+)` \|$", README, re.MULTILINE)
    names, _ = found_here()
    assert [int(number) for number, _ in rows] == list(range(1, 50))
    assert {name for _, name in rows} <= names


def test_the_facts_are_as_many_as_the_readme_says() -> None:
    _, levels = found_here()
    assert set(levels) == set(LEVELS)
    said = re.search(
        r"number (\d+): (\d+) documented.*?(\d+) recorded.*?(\d+)\s+observed.*?(\d+) on which", README, re.DOTALL
    )
    assert said is not None
    assert [int(number) for number in said.groups()] == [sum(levels.values()), *(levels[level] for level in LEVELS)]


def test_every_switch_is_set_by_a_test() -> None:
    written = "".join(path.read_text(encoding="utf-8") for path in HERE.glob("test_*.py"))
    assert {switch.name for switch in fields(Switches) if not re.search(rf"\b{switch.name}=", written)} == set()
