"""What is said of whole files with everything wrong: each line with its place, and nothing twice."""

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from reconciler.manifest import load_manifests, validate_offline
from reconciler.model.diagnostic import Diagnostic, Place

BROKEN = Path(__file__).parent / "broken"


def listing(found: Diagnostic) -> str:
    """Return a diagnostic as a reader would see it: message, place, line, caret, remedy."""
    place = found.place or Place("")
    lines = [f"{found.severity} {found.code} {place}: {found.message}"]
    if place.text is not None and place.column is not None:
        lines += [f"  | {place.text}", "  | " + " " * (place.column - 1) + "^"]
    if found.help:
        lines.append(f"  = {found.help}")
    return "\n".join(lines)


@pytest.mark.parametrize("name", sorted(file.name for file in BROKEN.iterdir()))
def test_a_broken_file_is_told_of_line_by_line(name: str, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    (tmp_path / name).write_bytes((BROKEN / name).read_bytes())
    found = validate_offline(load_manifests(tmp_path, base=tmp_path))
    assert len(set(map(str, found))) == len(found)
    assert "\n\n".join(map(listing, found)) == snapshot
