"""The ways in which XML may say the same: all of them legal, none of them AWS's usual one.

IAM's API is defined by its model, not by the bytes of one server: where the namespace stands, whether an empty list is
written at all, how blanks are encoded in a document, in what order elements come, and what else comes with them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"


class Map(dict[str, object]):
    """What the API's model calls a map: entries of a key and a value."""


@dataclass(frozen=True)
class Document:
    """A policy document as it is stored: text, to be encoded wherever it is shown."""

    text: str


def percent(text: str) -> str:
    """Encode a document as IAM does."""
    return quote(text, safe="-_.~")


def lower_percent(text: str) -> str:
    """Encode with small hexadecimal digits: RFC 3986 calls the two the same."""
    return "".join(f"%{byte:02x}" if not chr(byte).isalnum() or byte > 0x7F else chr(byte) for byte in text.encode())


def form(text: str) -> str:
    """Encode as forms are: a blank is a plus sign, and a plus sign %2B."""
    return quote_plus(text)


def raw(text: str) -> str:
    """Encode not at all."""
    return text


@dataclass(frozen=True, kw_only=True)
class Spelling:
    """How a server writes; the defaults are AWS's own."""

    root: str = f'xmlns="{NAMESPACE}"'
    prefix: str = ""
    head: str = ""
    pretty: bool = False
    empty_lists: bool = True
    encode: Callable[[str], str] = percent
    indent_documents: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
    request_ids: bool = True
    backwards: bool = False
    cdata: bool = False

    def reply(self, call: str, result: Mapping[str, Any] | None) -> bytes:
        """Return a whole reply."""
        parts: dict[str, Any] = {}
        if result is not None:
            parts[f"{call}Result"] = {**result, **self.extra}
        if self.request_ids:
            parts["ResponseMetadata"] = {"RequestId": "0-elsewhere", **self.extra}
        return self._whole(f"{call}Response", parts)

    def refusal(self, code: str, message: str) -> bytes:
        """Return a whole error."""
        parts: dict[str, Any] = {"Error": {"Type": "Sender", "Code": code, "Message": message, **self.extra}}
        if self.request_ids:
            parts["RequestId"] = "0-elsewhere"
        return self._whole("ErrorResponse", parts)

    def _whole(self, name: str, parts: Mapping[str, Any]) -> bytes:
        body = "".join(self._element(key, value) for key, value in parts.items())
        tag = self.prefix + name
        return f"{self.head}<{tag} {self.root}>{self._gap}{body}</{tag}>".replace(" >", ">").encode()

    @property
    def _gap(self) -> str:
        return "\n    " if self.pretty else ""

    def _element(self, name: str, value: Any) -> str:
        match value:
            case None:
                return ""
            case [] if not self.empty_lists:
                return ""
            case list():
                inner = self._gap + "".join(self._element("member", each) for each in value)
            case Map():
                entries = [{"key": key, "value": each} for key, each in value.items()]
                inner = self._gap + "".join(self._element("entry", each) for each in entries)
            case dict():
                inner = self._gap + "".join(self._element(key, each) for key, each in self._ordered(value))
            case bool():
                inner = str(value).lower()
            case Document(text):
                inner = self._text(self.encode(self._document(text)))
            case _:
                inner = self._text(str(value))
        tag = self.prefix + name
        return f"<{tag}>{inner}</{tag}>{self._gap}"

    def _ordered(self, value: Mapping[str, Any]) -> list[tuple[str, Any]]:
        pairs = list(value.items())
        return pairs[::-1] if self.backwards else pairs

    def _document(self, text: str) -> str:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False) if self.indent_documents else text

    def _text(self, text: str) -> str:
        return f"<![CDATA[{text}]]>" if self.cdata and text else escape(text)
