"""What is known of IAM, as the tests quote it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T", bound=Callable[..., Any])


@dataclass(frozen=True)
class Fact:
    """A sentence about IAM and where it comes from. `level`: documented, recorded, observed or uncertain."""

    said: str
    source: str
    level: str


def fact(said: str, *, source: str, level: str = "documented") -> Callable[[T], T]:
    """Mark a test as the contract that holds the sandbox to a fact."""

    def mark(test: T) -> T:
        test.__dict__.setdefault("facts", []).append(Fact(said, source, level))
        return test

    return mark
