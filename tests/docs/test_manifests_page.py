"""What the pages show of manifests is valid, and every key that they name is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler.config import Config
from reconciler.engine import Settings, Validation, validate
from reconciler.manifest.schema import ManagedPolicyManifest, RemovedManifest, RoleManifest, TrustEntry
from tests.docs.excerpt import HERE
from tests.house import START

PAGE = (HERE / "manifests" / "README.md").read_text()
SHOWN = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
OF_README = [
    "\n".join(line.removeprefix("   ") for line in found.splitlines())
    for found in re.findall(r"```yaml\n(.*?)```", (HERE / "README.md").read_text(), re.DOTALL)
]


def rows(heading: str) -> list[str]:
    """The first column of the table below a heading, or that begins with it."""
    table = PAGE.partition(heading)[2].partition("\n\n#")[0]
    return [first for first in re.findall(r"^\| (.+?) \|", table, re.MULTILINE) if first.startswith("`")]


def validated(folder: Path, text: str) -> Validation:
    (folder / "manifests").mkdir()
    (folder / "manifests" / "a.yaml").write_text(text)
    return validate(
        Settings(manifests=Path("manifests"), state="state", config=Config(), clock=lambda: START, cwd=folder)
    )


@pytest.mark.parametrize("text", [*SHOWN, *OF_README])
def test_every_manifest_that_is_shown_is_valid(text: str, tmp_path: Path) -> None:
    assert text.startswith(("kind: ", "\nkind: "))
    assert validated(tmp_path, text).diagnostics == ()


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("## `kind: Role`", RoleManifest),
        ("## `kind: ManagedPolicy`", ManagedPolicyManifest),
        ("## `kind: Removed`", RemovedManifest),
    ],
)
def test_the_page_explains_every_key_of_a_kind_and_no_other(
    heading: str, model: type[RoleManifest | ManagedPolicyManifest | RemovedManifest]
) -> None:
    named = {name for row in rows(heading) for name in re.findall(r"`([a-z_]+)`", row)}

    assert named == model.model_fields.keys() - {"kind"}


def test_the_page_shows_every_trust_entry_and_each_is_valid(tmp_path: Path) -> None:
    entries = [entry for row in rows("### Trust entries") for entry in re.findall(r"`([a-z_]+: .+?)`", row)]
    heads = {entry.partition(":")[0] for entry in entries}
    written = [entry for entry in entries if not entry.startswith(("oidc", "statement", "require_mfa", "survives"))]
    oidc = next(entry for entry in entries if entry.startswith("oidc"))
    trust = "".join(f"  - {entry}\n" for entry in written)
    trust += f'  - {oidc}\n    audiences: [sts.amazonaws.com]\n    subjects: ["repo:example/app:*"]\n'

    assert heads >= {
        "account",
        "user",
        "role",
        "permission_set",
        "organization",
        "service",
        "oidc",
        "saml",
        "statement",
    }
    assert validated(tmp_path, f"kind: Role\nname: all\ntrust:\n{trust}").diagnostics == ()


def test_the_page_explains_every_key_of_a_trust_entry() -> None:
    table = PAGE.partition("### Trust entries")[2].partition("**Users and roles")[0]

    assert [key for key in TrustEntry.model_fields if not re.search(rf"`{key}\b", table)] == []
