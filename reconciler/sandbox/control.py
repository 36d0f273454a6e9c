"""The control address of the loopback server: what a test in another process needs to set a scene.

    GET    /_sandbox/                     what there is
    GET    /_sandbox/calls                counts by name: answered, mutating, all requests
    DELETE /_sandbox/calls                begin counting anew
    GET    /_sandbox/journal              mutating calls; ?state=1 with the account's state after each
    GET    /_sandbox/faults               rules, delays, how often each kind has struck
    POST   /_sandbox/faults               one more rule: {"kind": "throttle", "call": "Get*", "rate": 0.1},
                                          or {"delays": {"principals": 10, "events": 300}}, the others then none,
                                          or {"pace": true}: as many LookupEvents a second as CloudTrail lets through
    DELETE /_sandbox/faults               none any more
    GET    /_sandbox/clock                the time
    POST   /_sandbox/clock                {"advance": seconds}
    GET    /_sandbox/accounts             everything, as `Sandbox.to_json`
    PUT    /_sandbox/accounts             load such a file, or one of get-account-authorization-details
    POST   /_sandbox/reset                no accounts, counts or faults
    POST   /_sandbox/verb                 somebody outside: {"account": ID, "call": "DeleteUser", "params": {...}}

What cannot be understood is 400 with `{"error": ...}`; the server goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from reconciler.sandbox import cloudtrail, files
from reconciler.sandbox.errors import IamError
from reconciler.sandbox.faults import is_amount, rule_from_json
from reconciler.sandbox.http import Reply, Request
from reconciler.sandbox.world import DEFAULT_ACCOUNT

if TYPE_CHECKING:
    from reconciler.sandbox.box import Sandbox

PREFIX: Final = "/_sandbox"
_NOT_UNDERSTOOD: Final = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)
_Body = Mapping[str, Any]
_Control = Callable[["Sandbox", _Body, Mapping[str, list[str]]], Any]


def answer(box: Sandbox, request: Request) -> Reply:
    """Answer a request to the control address."""
    address = urlsplit(request.url)
    name = address.path.removeprefix(PREFIX).strip("/")
    control = _CONTROLS.get((request.method, name))
    if control is None:
        return _json({"error": f"no {request.method} {PREFIX}/{name}", "known": _known()}, 404)
    try:
        return _json(control(box, _body(request), parse_qs(address.query)))
    except (*_NOT_UNDERSTOOD, IamError, files.AccountFileError) as error:
        return _json({"error": str(error) or type(error).__name__}, 400)


def _body(request: Request) -> _Body:
    body = json.loads(request.body or b"{}")
    if not isinstance(body, dict):
        raise TypeError("the body is a JSON object")
    return body


def _json(value: Any, status: int = 200) -> Reply:
    body = json.dumps(value, default=str, ensure_ascii=False).encode()
    return Reply(status=status, body=body, headers={"Content-Type": "application/json"})


def _known() -> list[str]:
    return [f"{method} {PREFIX}/{name}" for method, name in _CONTROLS]


def _index(box: Sandbox, _body: _Body, _query: Mapping[str, list[str]]) -> Any:
    return {"accounts": sorted(box.world.accounts), "known": _known()}


def _calls(box: Sandbox, _body: _Body, _query: Mapping[str, list[str]]) -> Any:
    return {"calls": box.calls, "mutating": box.mutating_calls, "requests": box.requests}


def _reset_calls(box: Sandbox, _body: _Body, _query: Mapping[str, list[str]]) -> Any:
    box.reset_calls()
    return {}


def _journal(box: Sandbox, _body: _Body, query: Mapping[str, list[str]]) -> Any:
    return {"journal": [entry.to_json(with_state="state" in query) for entry in box.journal]}


def _faults(box: Sandbox, _body: _Body, _query: Mapping[str, list[str]]) -> Any:
    faults = box.faults.to_json()
    return faults | {"delays": faults["delays"] | {"events": box.trail.delay}}


def _add_fault(box: Sandbox, body: _Body, query: Mapping[str, list[str]]) -> Any:
    match body:
        case {"delays": Mapping() as delays}:
            seconds = {name: _seconds(name, value) for name, value in delays.items()}
            events = seconds.pop("events", 0.0)
            box.faults.propagation(**seconds)
            box.trail.delay = events
        case {"delays": _}:
            raise ValueError("delays is an object of seconds")
        case {"pace": True}:
            box.faults.throttle(cloudtrail.ACTION, **cloudtrail.PACE)
        case _:
            rule_from_json(box.faults, body)
    return _faults(box, {}, query)


def _seconds(name: str, value: Any) -> float:
    if not is_amount(value):
        raise ValueError(f"{name} is a number of seconds, not {value!r}")
    return float(value)


def _clear_faults(box: Sandbox, _body: _Body, _query: Mapping[str, list[str]]) -> Any:
    box.faults.clear()
    box.trail.delay = 0.0
    return {}


def _clock(box: Sandbox, body: _Body, _query: Mapping[str, list[str]]) -> Any:
    if "advance" in body:
        box.advance(float(body["advance"]))
    return {"now": box.clock().isoformat()}


def _save(box: Sandbox, _body: _Body, _query: Mapping[str, list[str]]) -> Any:
    return box.to_json()


def _load(box: Sandbox, body: _Body, _query: Mapping[str, list[str]]) -> Any:
    return {"accounts": box.load_json(body)}


def _reset(box: Sandbox, _body: _Body, _query: Mapping[str, list[str]]) -> Any:
    box.reset()
    return {}


def _verb(box: Sandbox, body: _Body, _query: Mapping[str, list[str]]) -> Any:
    return box.perform(str(body.get("account", DEFAULT_ACCOUNT)), str(body["call"]), body.get("params", {}))


_CONTROLS: Final[Mapping[tuple[str, str], _Control]] = {
    ("GET", ""): _index,
    ("GET", "calls"): _calls,
    ("DELETE", "calls"): _reset_calls,
    ("GET", "journal"): _journal,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear_faults,
    ("GET", "clock"): _clock,
    ("POST", "clock"): _clock,
    ("GET", "accounts"): _save,
    ("PUT", "accounts"): _load,
    ("POST", "reset"): _reset,
    ("POST", "verb"): _verb,
}
