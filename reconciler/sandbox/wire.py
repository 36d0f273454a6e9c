"""The query protocol, read from botocore's own model of a service.

A request is a form: `Action=CreateRole&RoleName=x&Tags.member.1.Key=...`. `read` turns it into
parameters and checks them against the model's lengths, patterns and ranges, which botocore
itself mostly leaves to the server. `write` turns a result into XML. Both are compiled once per
shape, because a page of a thousand roles is a thousand times the same work. Policy documents
are URL-encoded here and nowhere else, by the name of their shape: so no call can forget it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, Final
from urllib.parse import quote
from xml.sax.saxutils import escape

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from reconciler.sandbox.errors import IamError

Params = dict[str, Any]
Result = Mapping[str, Any]

_ESCAPES: Final = {"\r": "&#xD;", '"': "&quot;"}
_SPACES: Final = " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"


@cache
def service_model(service: str) -> ServiceModel:
    """botocore's description of `service` ("iam", "sts"): operations, shapes, errors."""
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


@cache
def operation_model(service: str, action: str) -> OperationModel:
    """One operation that there is."""
    return service_model(service).operation_model(action)


def operation_asked(service: str, form: Mapping[str, str]) -> OperationModel:
    """The operation that a form asks for; without one, or in another version of the API, the error that AWS gives."""
    action = form.get("Action")
    if action is None:
        raise IamError("MissingAction", "The request must contain the parameter Action.")
    model, version = service_model(service), form.get("Version") or "NO_VERSION_SPECIFIED"
    if version != model.metadata["apiVersion"] or action not in model.operation_names:
        raise IamError("InvalidAction", f"Could not find operation {action} for version {version}")
    return operation_model(service, action)


def read(operation: OperationModel, form: Mapping[str, str]) -> Params:
    """The parameters of a call, typed, or ValidationError naming everything that is wrong."""
    if operation.input_shape is None:
        return {}
    reader = _Reader(form)
    params = reader.structure(operation.input_shape, key="", place="")
    if problems := reader.problems:
        noun = "error" if len(problems) == 1 else "errors"
        raise IamError("ValidationError", f"{len(problems)} validation {noun} detected: " + "; ".join(problems))
    return params


def write(operation: OperationModel, result: Result, request_id: str) -> str:
    """The whole XML answer to a call."""
    name, namespace = operation.name, operation.service_model.metadata["xmlNamespace"]
    shape = operation.output_shape
    body = "" if shape is None else f"<{name}Result>{_members(shape)(result)}</{name}Result>"
    meta = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
    return f'<{name}Response xmlns="{namespace}">{body}{meta}</{name}Response>'


def write_error(error: IamError, service: str, request_id: str) -> str:
    """The XML answer that is a refusal."""
    namespace = service_model(service).metadata["xmlNamespace"]
    kind = "Receiver" if error.status >= 500 else "Sender"  # noqa: PLR2004 - HTTP's own border
    return (
        f'<ErrorResponse xmlns="{namespace}"><Error><Type>{kind}</Type><Code>{error.code}</Code>'
        f"<Message>{escape(error.message, _ESCAPES)}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )


# --- reading -----------------------------------------------------------------------------------


class _Reader:
    """Reads one form. `key` is where a value stands in the form, `place` what a problem calls it."""

    def __init__(self, form: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self._form = form

    def structure(self, shape: StructureShape, *, key: str, place: str) -> Params:
        params: Params = {}
        for name, member in shape.members.items():
            where = place + name[0].lower() + name[1:]
            value = self._value(member, key=f"{key}{member.serialization.get('name', name)}", place=where)
            if value is not None:
                params[name] = value
            elif name in shape.required_members:
                self.problems.append(f"Value null at '{where}' failed to satisfy constraint: Member must not be null")
        return params

    def _value(self, shape: Shape, *, key: str, place: str) -> Any:
        match shape:
            case StructureShape():
                present = any(name.startswith(f"{key}.") for name in self._form)
                return self.structure(shape, key=f"{key}.", place=f"{place}.") if present else None
            case ListShape():
                return self._list(shape, key=key, place=place)
            case _:
                return self._leaf(shape, self._form[key], place) if key in self._form else None

    def _list(self, shape: ListShape, *, key: str, place: str) -> list[Any] | None:
        items: list[Any] = []
        while True:
            number = len(items) + 1
            item = self._value(shape.member, key=f"{key}.member.{number}", place=f"{place}.{number}.member")
            if item is None:
                break
            items.append(item)
        if not items and key not in self._form:
            return None
        limit = shape.metadata.get("max")
        if limit is not None and len(items) > limit:
            self.problems.append(_problem(place, f"Member must have length less than or equal to {limit}"))
        return items

    def _leaf(self, shape: Shape, text: str, place: str) -> Any:
        match shape.type_name:
            case "integer" | "long":
                if not re.fullmatch(r"-?[0-9]{1,18}", text):
                    raise IamError("MalformedInput", f"'{place}' is not a number")
                self.problems += _range_problems(shape, int(text), place, measure="value")
                return int(text)
            case "boolean":
                if text.lower() not in {"true", "false"}:
                    raise IamError("MalformedInput", f"'{place}' is not a boolean")
                return text.lower() == "true"
            case _:
                self.problems += _text_problems(shape, text, place)
                return text


def _text_problems(shape: Shape, text: str, where: str) -> list[str]:
    problems = _range_problems(shape, len(text), where, measure="length")
    pattern = shape.metadata.get("pattern")
    if pattern is not None and not _compiled(pattern).fullmatch(text):
        problems.append(_problem(where, f"Member must satisfy regular expression pattern: {pattern}"))
    allowed = shape.metadata.get("enum")
    if allowed and text not in allowed:
        problems.append(_problem(where, f"Member must satisfy enum value set: [{', '.join(allowed)}]"))
    return problems


def _range_problems(shape: Shape, size: int, where: str, *, measure: str) -> list[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        return [_problem(where, f"Member must have {measure} greater than or equal to {low}")]
    if high is not None and size > high:
        return [_problem(where, f"Member must have {measure} less than or equal to {high}")]
    return []


def _problem(where: str, constraint: str) -> str:
    return f"Value at '{where}' failed to satisfy constraint: {constraint}"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    r"""The model's patterns are Java's: `\w` is ASCII there, and `\p{L}` is a letter of any script."""
    if "\\p{" in pattern:
        plain = pattern.replace("\\p{L}", "\\w").replace("\\p{N}", "").replace("\\p{Z}", _SPACES)
        return re.compile(plain)
    return re.compile(pattern, re.ASCII)


# --- writing -----------------------------------------------------------------------------------

Writer = Callable[[Any], str]


@cache
def _members(shape: StructureShape) -> Writer:
    parts = [(name, _element(member, member.serialization.get("name", name))) for name, member in shape.members.items()]

    def write_members(value: Result) -> str:
        return "".join([writer(value[name]) for name, writer in parts if value.get(name) is not None])

    return write_members


def _element(shape: Shape, tag: str) -> Writer:
    start, end = f"<{tag}>", f"</{tag}>"
    match shape:
        case StructureShape():
            # Looked up at the first use: a structure of the model may hold itself.
            return lambda value: start + _members(shape)(value) + end
        case ListShape():
            item = _element(shape.member, "member")
            return lambda values: start + "".join([item(value) for value in values]) + end
        case MapShape():
            return _map_element(shape, start, end)
        case _:
            text = _text_writer(shape)
            return lambda value: start + text(value) + end


def _map_element(shape: MapShape, start: str, end: str) -> Writer:
    key, value = _element(shape.key, "key"), _element(shape.value, "value")

    def write_map(entries: Mapping[str, Any]) -> str:
        pairs = [f"<entry>{key(name)}{value(item)}</entry>" for name, item in entries.items()]
        return start + "".join(pairs) + end

    return write_map


def _text_writer(shape: Shape) -> Writer:
    if shape.name == "policyDocumentType":
        return _encoded
    match shape.type_name:
        case "timestamp":
            return timestamp
        case "boolean":
            return lambda value: "true" if value else "false"
        case "blob":
            return lambda value: b64encode(value.encode() if isinstance(value, str) else value).decode()
        case "string":
            return lambda text: escape(text, _ESCAPES)
        case _:
            return str


@lru_cache(maxsize=4_096)
def _encoded(document: str) -> str:
    """URL-encoded after RFC 3986. Kept: most roles of an account share a few documents."""
    return quote(document, safe="-_.~")


def timestamp(moment: datetime) -> str:
    """A moment as IAM writes it: whole seconds, UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
