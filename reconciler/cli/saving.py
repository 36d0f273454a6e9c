"""Where a plan may be saved: where nothing is that anybody would miss, and nothing would read it for something else.

A plan over a manifest, a state or the configuration takes away what cannot be made again; a plan beside them is read as
one of them. Asked before anything is read: a place that will not do is a slip of the pen.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.bounded import read_bounded
from reconciler.config import find_config
from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError
from reconciler.planfile import LARGEST_FILE

if TYPE_CHECKING:
    from reconciler.engine import Settings

_PLANNED = {"changes", "error"}  # one of them stands in a plan file for each account


def refuse_wrong_place(out: str, settings: Settings, *, config: Path | None) -> None:
    """Raise ReconcilerError (RM122) for a place where no plan may go; `config` is the configuration that was named."""
    if out == "-":
        raise _refused("--out takes a file.", "For standard output: `reconciler plan --format json`.")
    if why := _why_not(settings.cwd / out, settings, config):
        raise _refused(f"--out {out} cannot be written: {why}.", "Give the plan a file of its own, such as plan.json.")


def _why_not(place: Path, settings: Settings, config: Path | None) -> str | None:
    """Return why no plan may be written to a place, None where it may."""
    whole = _real(place)
    in_use = config or find_config(settings.cwd)
    if whole.is_relative_to(_real(settings.cwd / settings.manifests)):
        return "what is in the folder of the manifests is read as one"
    if whole.is_relative_to(_real(settings.cwd / settings.state)):
        return "the folder of the state is for states alone"
    if in_use is not None and whole == _real(settings.cwd / in_use):
        return "it is the configuration"
    if place.is_file() and not _may_be_overwritten(place):
        return "it is there, and is not a plan file"
    return None


def _may_be_overwritten(file: Path) -> bool:
    """Tell whether a file is empty or a plan, be it an old or an edited one."""
    try:
        text = read_bounded(file, most=LARGEST_FILE)
        return not text or _is_plan(json.loads(text))
    except (OSError, ValueError, RecursionError):
        return False


def _is_plan(content: object) -> bool:
    if not isinstance(content, dict) or not {"format_version", "fingerprint"} <= content.keys():
        return False
    parts = content.get("accounts", [content])
    return isinstance(parts, list) and all(isinstance(part, dict) and _PLANNED & part.keys() for part in parts)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _refused(message: str, remedy: str) -> ReconcilerError:
    return ReconcilerError(Diagnostic(Code.RM122, message, help=remedy))
