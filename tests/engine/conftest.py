"""A house, as the tests of apply have it."""

from __future__ import annotations

from tests.apply.conftest import _quick, house

__all__ = ["_quick", "house"]
