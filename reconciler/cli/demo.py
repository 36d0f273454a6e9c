"""`reconciler demo`: the whole story, played on the sandbox in one process.

Everything is real but the account: the manifests are those that are shipped, copied to a folder of their own, and each
step runs what its command runs. Time stands still but where the story moves it, so the story is the same each time.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.apply import applied_as_text
from reconciler.cli.drift import drift_as_text
from reconciler.cli.group import Command
from reconciler.cli.options import Common, log_options
from reconciler.cli.results import ERROR, FINE, plans_as_text
from reconciler.cli.sandbox import new_sandbox, people_come
from reconciler.cli.terminal import Terminal
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError
from reconciler.render.lines import Span, Tone, line, paint, prose

if TYPE_CHECKING:
    from reconciler.engine import ApplyRun, PlanRun, Settings
    from reconciler.sandbox import Sandbox

_START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
_DAY = 86_400.0
_ON_CALL = """\
kind: Role
name: on-call
description: Restarts what has stopped
trust:
  - user: alice
  - user: bob
inline_policies:
  restart:
    Version: "2012-10-17"
    Statement: [{Effect: Allow, Action: "ec2:RebootInstances", Resource: "*"}]
"""
_NEXT = """
To play with it by hand, in a clone of the repository:

  reconciler sandbox --demo   # an IAM with alice, bob and ci-runner; paste its three lines into another shell
  reconciler plan
  reconciler apply
  aws iam delete-user --user-name alice; aws iam create-user --user-name alice
  reconciler drift

The lines set AWS_ENDPOINT_URL, which leads every AWS tool of that shell to the sandbox and not to AWS.
`reconciler explain RP201` tells how IAM binds a trust to an ID, and why.
"""


@click.command(cls=Command, examples=["reconciler demo # takes some seconds, needs no account and no network"])
@log_options
@click.pass_obj
def command(terminal: Terminal, /, *, common: Common) -> int:
    """Play the whole story: plan, apply, a broken trust, found, explained and repaired."""
    from reconciler import log  # noqa: PLC0415  the help needs none of it
    from reconciler.sandbox import Clock  # noqa: PLC0415

    box = new_sandbox(Clock(_START))
    log.configure(level=common.log_level or "error")  # type: ignore[arg-type]  # click checked it
    with tempfile.TemporaryDirectory(prefix="reconciler-demo-") as folder:
        shutil.copytree(shipped_manifests(), Path(folder) / "manifests")
        return Story(terminal, box, Path(folder)).play()


def shipped_manifests() -> Path:
    """Return the folder of the manifests that are shipped: inside of the package, or beside it in a clone."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "examples", package.parent / "manifests"):
        if folder.is_dir():
            return folder
    raise ReconcilerError(
        Diagnostic(Code.RM101, "The example manifests are not installed.", help="Run the demo from a clone.")
    )


@dataclass(frozen=True)
class Story:
    """The steps of the demo, on one sandbox and in one folder."""

    terminal: Terminal
    box: Sandbox
    folder: Path

    def play(self) -> int:
        """Tell it from the beginning; returns 1 if it did not end as it should."""
        self._people_come()
        self._first_plan_and_apply()
        self._trust_breaks()
        self._look_what_is_wrong()
        last = self._repair()
        self.terminal.show(_NEXT)
        return FINE if not last.plans[0].changes and not last.plans[0].blockers else ERROR

    def _people_come(self) -> None:
        people_come(self.box)
        (self.folder / "manifests" / "on-call.yaml").write_text(_ON_CALL, encoding="utf-8")

    def _first_plan_and_apply(self) -> None:
        self._heading(
            "1. What is declared",
            "An account has the users alice and bob and the role ci-runner; the manifests declare roles that "
            "trust them. A plan shows what would be made, and changes nothing.",
        )
        self._plan()
        self._heading("2. Apply it", "On a terminal this asks first. Here somebody has typed yes.")
        self._apply("reconciler apply")
        self._heading("3. Plan again", "Nothing is left to do, and a second apply would make no write.")
        self._plan()

    def _trust_breaks(self) -> None:
        self._heading(
            "4. A day later",
            "A script deletes the user alice and creates her again. Somebody rebuilds the role ci-runner. Bob "
            "leaves, and his user is deleted. No manifest changed, and no ARN. Yet the trust of deployer says:",
        )
        self.box.advance(_DAY)
        account = self.box.account()
        account.recreate_user("alice")
        account.recreate_role("ci-runner")
        account.delete_user("bob")
        for statement in account.trust("deployer")["Statement"]:
            self.terminal.show(f"  {json.dumps(statement['Principal'])}\n")

    def _look_what_is_wrong(self) -> None:
        self._heading(
            "5. What is wrong",
            "IAM has forgotten whose these IDs were. The ledger has not: it has seen them alive.",
        )
        self._drift()

    def _repair(self) -> PlanRun:
        self._heading(
            "6. Repair it",
            "Bob is gone for good, so his line leaves the manifest. Whether the new alice and the new ci-runner "
            "are to be trusted is a decision, which the plan asks for.",
        )
        file = self.folder / "manifests" / "on-call.yaml"
        file.write_text(_ON_CALL.replace("  - user: bob\n", ""), encoding="utf-8")
        self._plan()
        self._heading("7. Left alone, it is held", "An apply that nobody watches does not take this decision.")
        self._apply("reconciler apply --auto-approve", reviewed=False)
        self._heading("8. Reviewed, it is done", "Somebody has looked at the plan, and typed yes.")
        self._apply("reconciler apply")
        self._heading("9. All is well", "No drift, and no changes.")
        self._drift()
        return self._plan()

    def _drift(self) -> None:
        from reconciler import engine  # noqa: PLC0415  the help needs none of it

        self._command("reconciler drift")
        self.terminal.show(drift_as_text(engine.drift(self._settings()), self.terminal))

    def _plan(self) -> PlanRun:
        from reconciler import engine  # noqa: PLC0415  the help needs none of it

        self._command("reconciler plan")
        run = engine.plan(self._settings(), engine.Choices())
        self.terminal.show(plans_as_text(run, self.terminal))
        return run

    def _apply(self, command_line: str, *, reviewed: bool = True) -> ApplyRun:
        from reconciler import engine  # noqa: PLC0415  the help needs none of it

        self._command(command_line)
        confirm = (lambda _: True) if reviewed else None
        run = engine.apply(self._settings(), engine.Choices(), confirm=confirm)
        self.terminal.show(applied_as_text(run, self.terminal))
        return run

    def _settings(self) -> Settings:
        from reconciler.config import Config  # noqa: PLC0415  the help needs none of it
        from reconciler.engine import Settings  # noqa: PLC0415

        return Settings(
            manifests=Path("manifests"),
            state="state",
            config=Config(),
            clock=self.box.clock,
            session=self.box.session(),
            sleep=self.box.advance,
            cwd=self.folder,
        )

    def _heading(self, title: str, text: str) -> None:
        canvas = self.terminal.out
        lines = [
            line(0),
            line(0, Span(f"── {title} ──", Tone.STRONG)),
            *prose(text, indent=0, width=canvas.width),
            line(0),
        ]
        self.terminal.show(paint(lines, canvas))

    def _command(self, text: str) -> None:
        self.terminal.show(paint([line(0, Span(f"$ {text}", Tone.NOTE))], self.terminal.out))
