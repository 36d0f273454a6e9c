"""Unique IDs of IAM: a prefix that tells the kind, and seventeen characters of base32.

The first of the seventeen encode the account, as observed for IDs made since about 2019. IDs
are never used twice (IAM User Guide, reference_identifiers); the generator draws from a seed, so
that a run can be repeated.
"""

from __future__ import annotations

import base64
from random import Random
from typing import Final, Literal

Prefix = Literal["AIDA", "AROA", "AGPA", "AIPA", "ANPA", "AKIA", "ASIA"]

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_ACCOUNT_OFFSET: Final = 0x80_0000_0000
_ENTITY_LENGTH: Final = 21
_KEY_LENGTH: Final = 20


class IdSource:
    """Draws unique IDs. `taken` holds every ID ever given out, those of the dead as well."""

    def __init__(self, seed: int) -> None:
        self._random = Random(f"ids-{seed}")
        self.taken: set[str] = set()

    def new(self, prefix: Prefix, account_id: str) -> str:
        """A fresh ID: 21 characters for entities, 20 for access keys."""
        length = _KEY_LENGTH if prefix in {"AKIA", "ASIA"} else _ENTITY_LENGTH
        head = prefix + _account_part(account_id)
        while True:
            candidate = head + "".join(self._random.choices(_ALPHABET, k=length - len(head)))
            if candidate not in self.taken:
                self.taken.add(candidate)
                return candidate


def _account_part(account_id: str) -> str:
    number = int(account_id) // 2 + _ACCOUNT_OFFSET
    return base64.b32encode(number.to_bytes(5, "big")).decode()
