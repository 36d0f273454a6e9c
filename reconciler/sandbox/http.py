"""One request and one reply, however they travelled."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

_SCOPE: Final = re.compile(r"Credential=([^/,\s]+)/[^/]*/([^/]*)/([^/]*)/aws4_request")
_SIGNATURE: Final = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`headers` by lower-case name."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def scope(self) -> tuple[str, str, str] | None:
        """Access key, region and service of the signature; None when the request is not signed.

        A URL may be signed itself (AWS General Reference, sigv4-add-signature-to-request).
        """
        found = _SCOPE.search(self.headers.get("authorization") or unquote(self.url))
        return (found[1], found[2], found[3]) if found else None

    @property
    def has_signature(self) -> bool:
        """Whether there is at least the beginning of a signature."""
        return self.headers.get("authorization", "").startswith(_SIGNATURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes back."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class LostReplyError(Exception):
    """The connection ends without an answer: before the call was done, or after."""
