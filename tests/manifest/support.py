"""What the tests of manifests share: a folder made of texts, and what is said of it as lines."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from textwrap import dedent

from reconciler.manifest import Manifests, Names, declare, load_manifests
from reconciler.model.declared import Desired
from reconciler.model.diagnostic import Diagnostic
from reconciler.model.role import Role

ACCOUNT = "111122223333"


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below `folder/manifests` and return that."""
    root = folder / "manifests"
    root.mkdir(exist_ok=True)
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else dedent(content).encode())
    return root


def load(folder: Path, *texts: str, **files: str | bytes) -> Manifests:
    """Return what texts say: each becomes a file `m0.yaml`, `m1.yaml`, ...; `files` have underscores for dots."""
    named: dict[str, str | bytes] = {f"m{number}.yaml": text for number, text in enumerate(texts)}
    named |= {name.replace("_", "."): content for name, content in files.items()}
    return load_manifests(write(folder, named), base=folder)


def said(diagnostics: Iterable[Diagnostic]) -> list[str]:
    """Return diagnostics as lines: code, place, message."""
    return [f"{found.code} {found.place}: {found.message}" for found in diagnostics]


def codes(diagnostics: Iterable[Diagnostic]) -> list[str]:
    """Return the codes of diagnostics, in order."""
    return [found.code.value for found in diagnostics]


def declared(
    folder: Path, *texts: str, names: Names | None = None, partition: str = "aws"
) -> tuple[Desired, list[Diagnostic]]:
    """Return what texts declare for the account of the tests, and all that is said about it."""
    manifests = load(folder, *texts)
    desired, found = declare(manifests, account=ACCOUNT, partition=partition, default_account=ACCOUNT, names=names)
    return desired, [*manifests.diagnostics, *found]


def role_of(desired: Desired, name: str = "r") -> Role:
    """Return a declared role by its name."""
    value = desired.objects[f"role/{name}"].value
    assert isinstance(value, Role)
    return value
