"""Mutation testing of the modules that decide: whatever goes wrong in them, some test has to notice.

    python -m tests.mutation [MODULE [FUNCTION...]]

Each change of `tests.mutation.changes` is made in a process of its own, forked from one that has in memory whatever
does not import the module, and the tests that reach the changed lines are run there, the quick ones first, until one
fails. Where none does, the change must stand in tests/mutants.md with the reason why it makes no difference; what
stands there and is noticed after all must not. Exit 1 otherwise.

Mutmut leaves out whatever is decorated or outside of functions, Cosmic Ray starts Python and all tests anew each time:
hence a runner of our own.
"""

from __future__ import annotations

import ast
import importlib
import multiprocessing
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import coverage
import grimp
import hypothesis
import pytest

from tests.mutation.changes import Change, changes_of

HERE = Path(__file__).resolve().parents[2]
LIST = HERE / "tests" / "mutants.md"
TESTS = {
    "reconciler/model/principal.py": ["tests/model/test_principal.py"],
    "reconciler/model/policy.py": [f"tests/model/test_{name}.py" for name in ("policy", "objects", "meaning")],
    "reconciler/diff.py": [
        f"tests/plan/test_{name}.py"
        for name in ("table", "making", "in_the_way", "comparing", "before_the_approval", "unfinished", "worlds")
    ],
}
LIBRARIES = ["boto3", "hypothesis.strategies", "pydantic", "ryaml"]
PATIENCE = 60.0
"""Seconds beyond three times what the tests took; a change that makes them run on is noticed, too."""

Result = TypeVar("Result")


def in_a_fork(work: Callable[[], Result], *, patience: float | None = None) -> Result | None:
    """Return what comes of some work in a forked process, None if nothing comes in so many seconds."""
    forks = multiprocessing.get_context("fork")
    here, there = forks.Pipe(duplex=False)
    process = forks.Process(target=lambda: there.send(work()))
    process.start()
    there.close()
    try:
        return here.recv() if here.poll(patience) else None
    except EOFError:
        return None
    finally:
        process.kill()
        process.join()


# --- which tests reach which lines -------------------------------------------------------------------------------


@dataclass
class Reach:
    """Seconds that each test took, and the tests by line; what runs while modules are imported is every test's.

    `modules` are those of ours that the tests have imported.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    by_line: Mapping[int, Iterable[str]] = field(default_factory=dict)
    modules: Sequence[str] = ()

    def tests_of(self, lines: range) -> list[str]:
        """Return the tests that reach any of the lines, the quick ones first."""
        found = {test for line in lines for test in self.by_line.get(line, ())}
        return sorted(self.seconds if "" in found else found, key=lambda test: self.seconds[test])


class Watch:
    """A plugin of pytest that tells coverage which test is running."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self.measured = measured
        self.seconds: dict[str, float] = {}

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.measured.switch_context(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration


def reach_of(module: str, tests: Sequence[str]) -> Reach:
    """Run all tests once, and return how far they reach; to be called in a fork."""
    measured = coverage.Coverage(data_file=None, config_file=False, include=[str(HERE / module)])
    watch = Watch(measured)
    with measured.collect():
        outcome = run(tests, plugins=[watch])
    if outcome != pytest.ExitCode.OK:
        return Reach()
    by_line = measured.get_data().contexts_by_lineno(str(HERE / module))
    return Reach(watch.seconds, by_line, [name for name in sys.modules if name.startswith("reconciler.")])


# --- one change --------------------------------------------------------------------------------------------------


def name_of(module: str) -> str:
    """Return the name under which a module's file is imported."""
    return module.removesuffix(".py").replace("/", ".")


def keep_ready(module: str, modules: Iterable[str]) -> None:
    """Import of some modules those that have nothing to do with the one that is going to change."""
    concerned = {name_of(module)} | grimp.build_graph("reconciler").find_downstream_modules(name_of(module))
    for name in modules:
        parts = name.split(".")
        if concerned.isdisjoint(".".join(parts[:size]) for size in range(1, len(parts) + 1)):
            importlib.import_module(name)
    assert name_of(module) not in sys.modules, "it would stay as it is"


class Changed(MetaPathFinder, Loader):
    """Imports a module from a syntax tree instead of from its file."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        self.name, self.path, self.tree = name_of(module), HERE / module, tree

    def find_spec(self, fullname: str, *_: Any) -> ModuleSpec | None:
        return spec_from_file_location(fullname, self.path, loader=self) if fullname == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.tree, self.path, "exec", dont_inherit=True), module.__dict__)


class Only:
    """A plugin of pytest that runs some tests alone, in their order."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.order = {test: number for number, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((one for one in items if one.nodeid in self.order), key=lambda one: self.order[one.nodeid])


def run(tests: Iterable[str], *, plugins: Sequence[Any]) -> int:
    """Run tests in this process, quietly, until one fails."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return pytest.main(["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", *tests], plugins=plugins)


def is_noticed(change: Change, module: str, tree: ast.Module, reach: Reach) -> bool:
    """Tell whether a test fails once the change is made, or does not come to an end."""
    tests = reach.tests_of(change.lines)
    if not tests:
        return False

    def work() -> int:
        change.make()
        sys.meta_path.insert(0, Changed(module, tree))
        return run({test.partition("::")[0] for test in tests}, plugins=[Only(tests)])

    outcome = in_a_fork(work, patience=PATIENCE + 3 * sum(reach.seconds[test] for test in tests))
    return outcome not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}


# --- all of them -------------------------------------------------------------------------------------------------


def lines_of(unnoticed: Iterable[Change]) -> Iterator[str]:
    """Yield each change as it stands in the list; the second of the same kind in a function is told by a number."""
    seen = Counter[str]()
    for change in unnoticed:
        line = f"`{change.function}`: `{change.before}` → `{change.after}`"
        seen[line] += 1
        yield line if seen[line] == 1 else f"{line} ({seen[line]})"


def listed(module: str) -> set[str]:
    """Return the changes that the list explains."""
    _, _, section = LIST.read_text().partition(f"## {module}\n")
    return set(re.findall(r"^- (`.*` → `.*`(?: \(\d+\))?): ", section.partition("\n## ")[0], re.MULTILINE))


def examine(module: str, functions: Sequence[str] = ()) -> bool:
    """Make every change of a module, or of some functions, say which go unnoticed, and tell whether the list agrees."""
    reach = in_a_fork(partial(reach_of, module, TESTS[module]))
    if reach is None or not reach.seconds:
        sys.exit(f"{module}: its tests fail as they are")
    keep_ready(module, reach.modules)
    tree = ast.parse((HERE / module).read_text())
    every = changes_of(tree)
    named = [(name, change) for name, change in zip(lines_of(every), every, strict=True) if _is_in(name, functions)]
    known = {name for name in listed(module) if _is_in(name, functions)}
    unnoticed = set()
    for name, change in named:
        if not is_noticed(change, module, tree, reach):
            unnoticed.add(name)
            say(f"  unnoticed: {name}" if name in known else f"  unnoticed, and not in {LIST.name}: {name}")
    for name in sorted(known - unnoticed):
        say(f"  in {LIST.name}, but noticed or not there: {name}")
    say(f"{module}: {len(named)} changes, {len(unnoticed)} of them unnoticed, {len(known)} listed")
    return unnoticed == known


def _is_in(name: str, functions: Sequence[str]) -> bool:
    return not functions or name.split("`")[1] in functions


def say(line: str) -> None:
    """Write a line at once: the next one may be minutes away."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(module: str = "", *functions: str) -> int:
    """Examine a module, or functions of it, or all that decide."""
    for name in LIBRARIES:
        importlib.import_module(name)
    os.environ |= {"HYPOTHESIS_PROFILE": "mutation", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    shown = hypothesis.settings(
        max_examples=30,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.settings.register_profile("mutation", shown)
    agreed = [in_a_fork(partial(examine, one, functions)) for one in ([module] if module else TESTS)]
    return 0 if all(agreed) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
