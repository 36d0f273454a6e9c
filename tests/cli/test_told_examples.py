"""What the stories of the codes show is what is said today: scenes are played, and commands are looked up."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from reconciler.cli.group import root
from reconciler.explanations import story_of
from reconciler.model.change import Approval
from reconciler.model.diagnostic import Code
from reconciler.sandbox import Account, Sandbox
from tests.cli.conftest import DEPLOYER
from tests.commands import Run

ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
REPORTS = "kind: Role\nname: reports\npath: /\ntrust: [{service: ec2.amazonaws.com}]\nmax_session_duration: 7200\n"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What is declared, and applied unless nothing is, and what happens then."""

    name: str = "deployer"
    happens: Callable[[Account], object]
    applied: bool = True
    manifest: str = DEPLOYER

    def play(self, run: Run, folder: Path, account: Account) -> None:
        manifests = folder / "manifests"
        (manifests / "deployer.yaml").unlink()
        (manifests / f"{self.name}.yaml").write_text(self.manifest.replace("deployer", self.name))
        if self.applied:
            assert run("apply", "--auto-approve").code == 0
        self.happens(account)


def an_unknown_trust(account: Account) -> None:
    account.create_role("legacy-export")
    account.create_role("forgotten")
    trust = account.trust("legacy-export")
    trust["Statement"][0]["Principal"] = {"AWS": "arn:aws:iam::111122223333:role/forgotten"}
    account.put_trust("legacy-export", trust)
    account.delete_role("forgotten")


SCENES = {
    Code.RP201: Scene(happens=lambda account: account.recreate_user("alice")),
    Code.RP203: Scene(happens=an_unknown_trust, applied=False),
    Code.RP220: Scene(happens=lambda account: account.put_role_policy("deployer", "incident", ANYTHING)),
    Code.RP221: Scene(name="ci-runner", happens=lambda account: account.recreate_role("ci-runner")),
    Code.RP222: Scene(name="restore", happens=lambda account: account.delete_role("restore")),
    Code.RP223: Scene(
        name="reports", happens=lambda account: account.create_role("reports"), applied=False, manifest=REPORTS
    ),
    Code.RP224: Scene(happens=lambda account: account.create_role("migration-2023"), applied=False),
}


def example_of(code: Code) -> str:
    """Return what the story of a code shows as what `drift` says; empty where it shows something else."""
    example = story_of(code).partition("\n## Example\n")[2].partition("\n## ")[0]
    return example.partition("```text\n")[2].partition("```")[0]


def flat(text: str) -> str:
    """Return a text without line breaks, and with one word for all IDs and one for all times."""
    named = re.sub(r"\bA(?:IDA|ROA)[A-Z0-9]+", "ID", text)
    return " ".join(re.sub(r"\d{4}-\d\d-\d\dT[\d:]+Z", "TIME", named).split())


@pytest.mark.parametrize("code", SCENES)
def test_the_report_that_a_story_shows_is_what_drift_says(code: Code, run: Run, box: Sandbox, folder: Path) -> None:
    SCENES[code].play(run, folder, box.account())

    said = run("drift", "--unmanaged").out

    assert code in example_of(code)
    assert flat(example_of(code)) in flat(said)


def test_every_report_that_a_story_shows_is_played() -> None:
    assert {code for code in Code if example_of(code)} == SCENES.keys()


def command_lines(story: str) -> Iterator[str]:
    """Yield whatever a story says or shows of `reconciler`, without that word."""
    yield from re.findall(r"`reconciler\s+([^`]+)`", story)
    yield from re.findall(r"^\$ reconciler (.+)$", story, re.MULTILINE)


def known_options(words: list[str]) -> set[str]:
    """Return the options of the command that words begin with; fails where there is none."""
    command = root.get_command(click.Context(root), words[0])
    if isinstance(command, click.Group) and len(words) > 1:
        command = command.commands.get(words[1])
    assert command is not None, f"there is no {' '.join(words[:2])}"
    return {name for option in command.params for name in option.opts} | {"--help"}


@pytest.mark.parametrize("code", [code for code in Code if list(command_lines(story_of(code)))])
def test_the_commands_that_a_story_names_exist_with_these_options(code: Code) -> None:
    for line in command_lines(story_of(code)):
        words = line.split()
        if words[0] != "COMMAND":
            assert set(re.findall(r"(?<!\S)--[a-z-]+", line)) <= known_options(words), line


def test_the_options_and_approvals_that_stories_name_exist() -> None:
    commands = [root.get_command(click.Context(root), name) for name in root.list_commands(click.Context(root))]
    parts = [part for one in commands for part in (one.commands.values() if isinstance(one, click.Group) else [one])]
    known = {name for part in parts if part for option in part.params for name in option.opts} | {"--help"}
    stories = " ".join(story_of(code) for code in Code)
    assert set(re.findall(r"(?<![-\w])--[a-z][a-z-]+", stories)) <= known
    assert set(re.findall(r"--approve\s+([a-z_]+)", stories)) <= set(Approval)
