"""How IAM's big pages are read, and how its policy documents are unpacked.

Two calls bring a whole account, a thousand roles a page. botocore's own parser walks the service model for
each element of them and then once more for the documents, which is most of the time a plan takes; so their
pages are parsed here, by the C parser of the standard library, into plain values of the same names. A page
that is not whole, or not a page, is an error and never an empty list: an account that looks empty is an
account whose roles look deleted.

What the API's model leaves open is read in every form: a namespace under any prefix, lists that are left out where
they are empty, blanks around elements. Documents come URL-encoded after RFC 3986 (IAM API Reference,
GetAccountAuthorizationDetails); some servers encode them as forms are, or not at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from reconciler.iam.errors import SERVER_ERRORS, TOO_MANY_REQUESTS, NotUnderstoodError
from reconciler.model.policy import PolicyDocument

Detail: TypeAlias = Mapping[str, Any]

REDIRECTS = 300

# IAM's own spelling of it, taken off before parsing: a tag without a namespace is the cheaper one.
NAMESPACE = re.compile(rb'(?<=Response)\sxmlns="[^"]*"')

# What every entry of a list must have, to be told from another.
IDENTITIES: Mapping[str, tuple[str, ...]] = {
    "UserDetailList": ("UserName", "UserId", "Path"),
    "GroupDetailList": ("GroupName", "GroupId", "Path"),
    "RoleDetailList": ("RoleName", "RoleId", "Path"),
    "Policies": ("Path", "Arn"),  # an ARN has the name; some emulators leave out name and ID
    "Roles": ("RoleName", "RoleId", "Path"),
}
LISTS: Mapping[str, tuple[str, ...]] = {
    "GetAccountAuthorizationDetails": ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"),
    "ListRoles": ("Roles",),
}

# Documents and nested roles that nobody asks for here.
UNREAD = frozenset({"UserPolicyList", "GroupPolicyList"})


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its lists by name, and the marker of the next page, None on the last."""

    lists: Mapping[str, list[Detail]]
    marker: str | None


def read_here(operation_model: Any, response_dict: MutableMapping[str, Any], **event: Any) -> None:
    """Parse a page in botocore's place: its `before-parse` event hands over the body and takes the result."""
    if response_dict["status_code"] >= REDIRECTS:
        return
    call = operation_model.name
    root = _root(response_dict["body"], call)
    request_id = root.findtext("ResponseMetadata/RequestId", "")
    event["customized_response_dict"]["Page"] = parse_page(root, call)
    response_dict["body"] = _remains(call, request_id)


def heed_status(response_dict: MutableMapping[str, Any], *, writes: bool, **_event: Any) -> None:
    """Take an error by its status where its body is no XML, as a proxy's page is: botocore's `before-parse` event.

    botocore does so with some pages and fails at the others, which it then does not ask for again. Whether a write was
    done no status tells, if it is not IAM that tells it.
    """
    status, body = response_dict["status_code"], response_dict["body"]
    if status < REDIRECTS or _is_xml(body):
        return
    if status == TOO_MANY_REQUESTS and not writes:
        response_dict["body"] = _BUSY
    elif status >= SERVER_ERRORS:
        response_dict["body"] = b""
    else:
        raise NotUnderstoodError(f"HTTP {status}, with a body that is not XML")


def heed_envelope(operation_model: Any, response_dict: MutableMapping[str, Any], **_event: Any) -> None:
    """Take a write as done only where IAM itself says so: botocore's `before-parse` event.

    Most writes are answered by an empty envelope under the call's own name (IAM API Reference, the example responses
    of each action). botocore takes any XML for one, a sign-in page or an error under HTTP 200 among them.
    """
    if response_dict["status_code"] <= REDIRECTS:  # beyond, botocore takes it as an error
        _root(response_dict["body"], operation_model.name)


_BUSY = (
    b"<ErrorResponse><Error><Code>TooManyRequestsException</Code><Message>HTTP 429</Message></Error></ErrorResponse>"
)


def _is_xml(body: bytes) -> bool:
    try:
        ET.fromstring(body)  # noqa: S314  expat limits entities by itself
    except (ET.ParseError, ValueError):
        return False
    return True


def parse_page(root: ET.Element, call: str) -> Page:
    """Return a page's lists and the next marker; raise NotUnderstoodError for anything that IAM would not send."""
    result = root.find(f"{call}Result")
    if result is None:
        raise NotUnderstoodError(f"it has no {call}Result")
    marker = _marker(result)  # a page that tells whether it is the last may leave out what is empty
    found = {each.tag: each for each in result}
    return Page({name: _entries(found[name]) for name in LISTS[call] if name in found}, marker)


def _root(body: bytes, call: str) -> ET.Element:
    try:
        root = ET.fromstring(NAMESPACE.sub(b"", body, count=1))  # noqa: S314  expat limits entities by itself
    except (ET.ParseError, ValueError) as error:
        raise NotUnderstoodError(f"it is not XML ({error})") from error
    if root.tag.startswith("{"):
        _drop_namespaces(root)
    if root.tag != f"{call}Response":
        raise NotUnderstoodError(f"it is a {root.tag}, not a {call}Response")
    return root


def _drop_namespaces(root: ET.Element) -> None:
    for each in root.iter():
        each.tag = each.tag.rpartition("}")[2]


def _remains(call: str, request_id: str) -> bytes:
    """Return the reply without its lists, for botocore to find the request's ID in."""
    kept = ET.Element(f"{call}Response")
    ET.SubElement(kept, f"{call}Result")
    ET.SubElement(ET.SubElement(kept, "ResponseMetadata"), "RequestId").text = request_id
    return ET.tostring(kept)


def _marker(result: ET.Element) -> str | None:
    marker = result.findtext("Marker")
    match result.findtext("IsTruncated"):
        case "true" if marker:
            return marker
        case "true":
            raise NotUnderstoodError("it says that there is more, and not where")
        case "false":
            return None
        case other:
            raise NotUnderstoodError(f"IsTruncated is {other}")


def _entries(listed: ET.Element) -> list[Detail]:
    entries: list[Detail] = []
    needed = IDENTITIES[listed.tag]
    for each in listed:
        entry = {child.tag: _value(child) for child in each if child.tag not in UNREAD}
        for key in needed:
            if not isinstance(entry.get(key), str) or not entry[key]:
                raise NotUnderstoodError(f"an entry of {listed.tag} has no {key}")
        entries.append(entry)
    return entries


def _value(element: ET.Element) -> Any:
    """Return text, a list of members, or a mapping; an empty list is `""`, as an empty text is.

    A line break and nothing else is what stands between the tags of a list that is empty: no name and no tag has one.
    """
    if not len(element):
        text = element.text or ""
        return "" if text.isspace() and "\n" in text else text
    if element[0].tag == "member":
        return [_value(each) for each in element]
    return {each.tag: _value(each) for each in element}


def unpack(value: str | Mapping[str, Any]) -> PolicyDocument:
    """Return a document as IAM or botocore hands it over; text that is not a JSON object stays text."""
    if isinstance(value, Mapping):
        return PolicyDocument(value)
    text = value if value.startswith("{") else _unquoted(value)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return PolicyDocument(text)
    return PolicyDocument(document if isinstance(document, dict) else text)


# The escapes that nearly every document has. A literal per cent sign is %25, left for the last step, so none of these
# can be read into another; what else there is, `unquote` finds.
_ESCAPES = (
    ("%22", '"'), ("%3A", ":"), ("%2C", ","), ("%7B", "{"), ("%7D", "}"), ("%5B", "["), ("%5D", "]"), ("%2F", "/"),
    ("%20", " "), ("%0A", "\n"), ("%2A", "*"),
)  # fmt: skip


def _unquoted(text: str) -> str:
    """Return what was encoded; a plus sign is always encoded (%2B), so one that stands there is a form's blank."""
    text = text.replace("+", " ")
    for escape, character in _ESCAPES:
        text = text.replace(escape, character)
    return unquote(text) if "%" in text else text
