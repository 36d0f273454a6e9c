"""What is typed: refused with a reason and exit code 1 where it cannot be meant."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click
import pytest

from reconciler.cli.group import COMMANDS, Option, SharedOption, root
from tests.commands import Run, run_process


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plna"], "Did you mean 'plan'?"),
        (["plan", "--ot", "x"], "--out"),
        (["show"], "Missing argument 'PLANFILE'"),
        (["state", "lst"], "Did you mean 'list'?"),
        (["plan", "--format", "yaml"], "'yaml' is not one of"),
        (["plan", "--state", ""], "a value may not be empty"),
        (["plan", ""], "a value may not be empty"),
        (["plan", "--target", ""], "a value may not be empty"),
        (["plan", "--account", "12"], "that is twelve digits"),
        (["plan", "--approve", "re_trsut"], "Did you mean 're_trust'?"),
        (["plan", "--approve", "delete:"], "an address is missing"),
        (["plan", "--destroy", "--target", "role/a"], "exclude each other"),
        (["plan", "--destroy", "manifests"], "it takes no PATH"),
        (["apply", "plan.json", "--destroy"], "neither --destroy nor --target"),
        (["apply", "--parallelism", "0"], "0 is not in the range"),
        (["sandbox", "--port", "70000"], "70000 is not in the range"),
        (["sandbox", "--demo", "--load", "x.json"], "exclude each other"),
        (["completion", "tcsh"], "'tcsh' is not one of"),
        ([], "Which command?"),
    ],
)
def test_wrong_usage_says_what_is_wrong_and_exits_with_1(arguments: list[str], said: str, run: Run) -> None:
    done = run(*arguments)

    assert done.code == 1
    assert done.out == ""
    assert "RM122" in done.err
    assert said in " ".join(done.err.replace("│", " ").split())


@pytest.mark.usefixtures("folder")
def test_a_variable_that_is_set_to_nothing_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_STATE", "")

    done = run("plan")

    assert done.code == 1
    assert "RECONCILER_STATE is set to nothing" in done.err


def test_a_flag_wins_over_a_variable_and_that_over_the_configuration(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "reconciler.toml").write_text('manifests = "from-file"\n')

    assert "from-file" in run("validate").out + run("validate").err
    monkeypatch.setenv("RECONCILER_MANIFESTS", "from-variable")
    assert "from-variable" in run("validate").out + run("validate").err
    assert "from-flag" in run("validate", "--manifests", "from-flag").out


def commands() -> list[tuple[str, click.Command]]:
    """Every command with its full name, those of groups too."""
    found: list[tuple[str, click.Command]] = []
    for name in COMMANDS:
        command: click.Command = import_module(f"reconciler.cli.{name}").command
        if isinstance(command, click.Group):
            found += [(f"{name} {part}", child) for part, child in command.commands.items()]
        else:
            found.append((name, command))
    return found


@pytest.mark.parametrize(("name", "command"), commands(), ids=[name for name, _ in commands()])
def test_the_help_of_every_command_ends_with_an_example(name: str, command: click.Command, run: Run) -> None:
    done = run(*name.split(), "--help")

    assert done.code == 0
    assert f"reconciler {name}" in done.out.partition("Examples:")[2]
    assert command.help


@pytest.mark.parametrize(("name", "command"), commands(), ids=[name for name, _ in commands()])
def test_the_help_of_every_option_tells_its_value_its_default_and_whether_it_can_be_repeated(
    name: str, command: click.Command
) -> None:
    for option in command.params:
        if isinstance(option, click.Option) and not option.is_flag:
            chosen_from = isinstance(option.type, click.Choice)
            told = option.help or ""
            assert chosen_from or option.metavar, (name, option.name)
            has_default = isinstance(option, SharedOption) or isinstance(option.default, str | int | float)
            assert "default" in told or not has_default, (name, told)
            assert ("can be repeated" in told) is option.multiple, told


@pytest.mark.parametrize("command", ["plan", "apply", "drift"])
def test_a_command_that_may_exit_with_2_says_so(command: str, run: Run) -> None:
    assert "Exit with 2" in run(command, "--help").out.replace("Exits", "Exit")


@pytest.mark.parametrize(("name", "command"), commands(), ids=[name for name, _ in commands()])
def test_every_option_has_a_variable_of_its_name(name: str, command: click.Command) -> None:
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]

    assert options
    for option in options:
        assert isinstance(option, Option), (name, option.name)
        longest = max(option.opts, key=len)
        assert f"RECONCILER_{longest.removeprefix('--').replace('-', '_').upper()}" in (option.envvar or ())


def test_the_help_lists_every_command_with_a_summary(run: Run) -> None:
    text = run("--help").out

    for name, summary in COMMANDS.items():
        assert name in text
        assert summary in text


def test_every_listed_command_can_be_loaded() -> None:
    context = click.Context(root)

    assert all(root.get_command(context, name) is not None for name in root.list_commands(context))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_for_the_shell(shell: str, run: Run) -> None:
    done = run("completion", shell)

    assert done.code == 0
    assert "_RECONCILER_COMPLETE" in done.out


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("pl", ["plain,plan"]),
        ("plan --det", ["plain,--detailed-exitcode"]),
        ("plan --approve re", ["plain,re_trust"]),
        ("plan man", ["file,man"]),
        ("plan --manifests man", ["dir,man"]),
        ("show pl", ["file,pl"]),
        ("state co", ["plain,compact"]),
        ("explain rp22", [f"plain,RP22{number}" for number in range(6)]),
        ("completion f", ["plain,fish"]),
    ],
)
def test_a_shell_that_completes_is_offered_what_fits(typed: str, offered: list[str]) -> None:
    words = f"reconciler {typed}"

    done = run_process(_RECONCILER_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(len(typed.split())))

    assert done.out.split() == offered


def test_the_help_lists_what_all_commands_share_apart_from_their_own(run: Run) -> None:
    own, _, shared = run("apply", "--help").out.partition("Common options:")

    assert "--auto-approve" in own
    assert "--help" in own
    assert "--profile" in shared
    assert "--profile" not in own


def test_the_help_of_a_group_cuts_no_summary_short(run: Run) -> None:
    assert "..." not in run("state", "--help").out.partition("Commands:")[2]
