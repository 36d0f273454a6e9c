"""The joint between the rooms: which accounts, in which order, with what at hand.

Each function here is one command without its words: it loads the manifests, connects, reads each account, and hands
what it found to the rooms that decide. All accounts are read first; then they are planned and worked one after another,
in the order that their trust asks for (`fleet`). Bad manifests end everything before anything is read; an account that
cannot be worked is reported beside the others, which go on.
"""

from __future__ import annotations

from reconciler.engine.commands import apply, compact_ledgers, drift, plan, read_plan_file, text_of_plan_file, validate
from reconciler.engine.runs import (
    AccountApply,
    AccountCompact,
    AccountDrift,
    AccountPlan,
    ApplyRun,
    DriftRun,
    PlanRun,
    Validation,
)
from reconciler.engine.settings import Choices, Progress, Settings, Silent, store_of

__all__ = [
    "AccountApply",
    "AccountCompact",
    "AccountDrift",
    "AccountPlan",
    "ApplyRun",
    "Choices",
    "DriftRun",
    "PlanRun",
    "Progress",
    "Settings",
    "Silent",
    "Validation",
    "apply",
    "compact_ledgers",
    "drift",
    "plan",
    "read_plan_file",
    "store_of",
    "text_of_plan_file",
    "validate",
]
