"""`reconciler.toml`: found upwards, read strictly, everything wrong told with its line."""

from pathlib import Path

import pytest

from reconciler.config import Approvals, Config, Limits, load_config
from reconciler.model.diagnostic import ReconcilerError
from tests.manifest.support import said

EVERYTHING = """\
manifests = "roles"
state = "s3://bucket/prefix"
[accounts.111122223333]
name = "production"
role_arn = "arn:aws:iam::111122223333:role/reconciler"
external_id = "abc"
tags = {stage = "prod"}
[approvals]
hold = ["delete", "broaden"]
pass = ["adopt"]
[limits]
delete_fraction = 0.5
delete_minimum = 3
[ignore]
roles = ["stacksets-exec-*"]
tags = ["cost-center"]
[rollout]
waves = [["stage=dev"], ["stage=prod"]]
stop_after_failures = 3
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "reconciler.toml"
    file.write_text(text)
    return file


def refusals(folder: Path, text: str) -> list[str]:
    write(folder, text)
    with pytest.raises(ReconcilerError) as caught:
        load_config(None, folder)
    return said(caught.value.diagnostics)


def test_everything_has_a_default(tmp_path: Path) -> None:
    config = load_config(None, tmp_path)
    assert config == Config()
    assert (config.manifests, config.state, config.accounts) == ("manifests", "state", {})
    assert config.limits == Limits(delete_fraction=0.3, delete_minimum=10)


def test_all_that_the_file_can_say_arrives(tmp_path: Path) -> None:
    write(tmp_path, EVERYTHING)
    config = load_config(None, tmp_path)
    account = config.accounts["111122223333"]
    assert (config.manifests, config.state) == ("roles", "s3://bucket/prefix")
    assert (account.name, account.external_id, account.tags) == ("production", "abc", {"stage": "prod"})
    assert config.approvals == Approvals.model_validate({"hold": ["delete", "broaden"], "pass": ["adopt"]})
    assert config.limits == Limits(delete_fraction=0.5, delete_minimum=3)
    assert (config.ignore.roles, config.ignore.tags) == (["stacksets-exec-*"], ["cost-center"])
    assert (config.rollout.waves, config.rollout.stop_after_failures) == ([["stage=dev"], ["stage=prod"]], 3)


def test_the_file_is_found_upwards_and_its_paths_are_relative_to_it(tmp_path: Path) -> None:
    write(tmp_path, 'manifests = "roles"\n')
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    config = load_config(None, below)
    assert (config.manifests, config.state) == (str(tmp_path / "roles"), str(tmp_path / "state"))


def test_a_file_that_is_named_is_read_and_no_other(tmp_path: Path) -> None:
    write(tmp_path, 'manifests = "roles"\n')
    other = tmp_path / "other.toml"
    other.write_text('state = "s3://elsewhere"\n')
    assert load_config(other, tmp_path) == Config(state="s3://elsewhere")


def test_a_file_that_is_named_and_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReconcilerError) as caught:
        load_config(tmp_path / "other.toml", tmp_path)
    assert said(caught.value.diagnostics) == ["RM121 other.toml: other.toml cannot be read: No such file or directory."]


def test_what_is_not_toml_is_told_with_line_and_column(tmp_path: Path) -> None:
    assert refusals(tmp_path, "manifests = 'a'\nstate = \n") == [
        "RM121 reconciler.toml:2:9: This is not TOML: invalid value."
    ]


def test_what_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "reconciler.toml").write_bytes(b'state = "\xff"\n')
    with pytest.raises(ReconcilerError):
        load_config(None, tmp_path)


def test_an_unknown_key_is_refused_with_the_one_that_may_be_meant(tmp_path: Path) -> None:
    write(tmp_path, "[approvals]\nholds = []\n")
    with pytest.raises(ReconcilerError) as caught:
        load_config(None, tmp_path)
    (found,) = caught.value.diagnostics
    assert (str(found.place), found.help) == ("reconciler.toml:2:1", "Did you mean hold?")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("state = 5", 1),
        ('state = ""', 1),
        ('manifests = " "', 1),
        (r'manifests = "a\u0000b"', 1),
        ("[accounts.123]", 1),
        ('[accounts."111122223333"]\nrole_arn = "arn:aws:iam::111122223333:user/x"', 2),
        ('[accounts.111122223333]\nexternal_id = "a b"', 2),
        ("[accounts.111122223333]\ntags = {n = 1}", 2),
        ('[approvals]\nhold = ["everything"]', 2),
        ('[approvals]\nhold = ["delete"]\npass = ["delete"]', 1),
        ("[approvals]\npass_ = []", 2),
        ("[limits]\ndelete_fraction = 1.5", 2),
        ('[limits]\ndelete_minimum = "10"', 2),
        ("[limits]\ndelete_minimum = -1", 2),
        ('[ignore]\nroles = "x"', 2),
        ('[rollout]\nwaves = [["prod"]]', 2),
        ("[rollout]\nstop_after_failures = 0", 2),
    ],
)
def test_a_value_that_cannot_be_used_is_told_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    (found,) = refusals(tmp_path, text)
    assert found.startswith(f"RM121 reconciler.toml:{line}:1: ")


def test_each_role_of_another_account_is_refused_in_its_line(tmp_path: Path) -> None:
    text = """
[accounts.111122223333]
name = "production"
role_arn = "arn:aws:iam::210987654321:role/reconciler"

[accounts.444455556666]
role_arn = "arn:aws:iam::210987654321:role/reconciler"
"""
    said_of = "the role of account {0} is one of account 210987654321."
    assert refusals(tmp_path, text) == [
        f"RM121 reconciler.toml:{line}:1: `accounts.{account}.role_arn`: {said_of.format(account)}"
        for line, account in ((4, "111122223333"), (7, "444455556666"))
    ]


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    assert len(refusals(tmp_path, 'manifest = "x"\nstate = 1\n[limits]\ndelete_fraction = "a"\n')) == 3
