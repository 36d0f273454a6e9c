"""iam-simulate's opinion: one process of node, asked a line at a time.

    case --> a simulation for each action --> simulate.mjs --> the strictest answer

A trust policy is to iam-simulate the resource policy of the role. It is AGPL: installed for the tests, run as a
program of its own, never shipped.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from reconciler.sandbox.evaluator import Request, Verdict
from tests.opinions.cases import OWN, Case, Document

PROGRAM = Path(__file__).with_name("simulate.mjs")
LISTS = frozenset({"aws:tagkeys", "aws:calledvia"})
STRICTEST_FIRST = {
    "ExplicitlyDenied": Verdict.EXPLICIT_DENY,
    "ImplicitlyDenied": Verdict.IMPLICIT_DENY,
    "Allowed": Verdict.ALLOWED,
}


@dataclass(frozen=True)
class Opinion:
    """What it says, and which keys of the request it took no notice of: to it, the action does not know them."""

    verdict: Verdict
    ignored: frozenset[str]


class Simulator:
    """The running process; a context manager. ``folder`` has the package in its node_modules."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            ["node", str(PROGRAM), str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.communicate()  # closes its input, which ends it

    def decide(self, case: Case) -> Opinion:
        """The strictest of what it says to each action that the call needs."""
        answers = [self._ask(_simulation(case, action)) for action in case.actions]
        said = {answer["overallResult"] for answer in answers}
        verdict = next(verdict for name, verdict in STRICTEST_FIRST.items() if name in said)
        return Opinion(verdict, frozenset(key for answer in answers for key in answer["ignored"]))

    def _ask(self, simulation: Document) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(simulation) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        assert answer["resultType"] == "single", f"it refuses the question: {answer} {simulation}"
        return answer


def _simulation(case: Case, action: str) -> Document:
    return {
        "request": {
            "principal": case.caller.arn,
            "action": action,
            "resource": {"resource": case.resource, "accountId": OWN},
            "contextVariables": dict(_variables(Request(action, case.resource, case.caller, case.context))),
        },
        "identityPolicies": [_named(policy) for policy in case.policies],
        "permissionBoundaryPolicies": None if case.boundary is None else [_named(case.boundary)],
        "sessionPolicy": case.session_policy,
        "resourcePolicy": case.trust,
        "serviceControlPolicies": [],
        "resourceControlPolicies": [],
    }


def _named(policy: Document) -> Document:
    return {"name": "policy", "policy": policy}


def _variables(request: Request) -> Iterator[tuple[str, str | list[str]]]:
    for key, values in request.keys.items():
        yield key, list(values) if key in LISTS else values[0]
