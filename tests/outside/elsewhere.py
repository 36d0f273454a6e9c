"""An IAM that has nothing of this program's sandbox in it: a small server for the Query API, over real HTTP.

It keeps principals as unique IDs, as IAM does, refuses who does not exist, and serves what it has in pages. How it
writes is a `Spelling`, how its pages end a list of lengths; and before it answers a call it may do something else
first: refuse, stumble, hang up.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

from tests.outside.spelling import Document, Map, Spelling

ACCOUNT = "999988887777"
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
PRINCIPAL = re.compile(rf"arn:aws:iam::{ACCOUNT}:(user|role)(/.*/|/)([^/]+)")
UNIQUE = re.compile(r"A(?:IDA|ROA)[A-Z2-7]{17}")

Thing = dict[str, Any]


class Refused(Exception):  # noqa: N818  IAM's answer, not a fault
    """An error that IAM would answer."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@dataclass(frozen=True)
class Stumble:
    """A reply in place of the right one; `reset` hangs up in the middle of it, `after` the deed is done."""

    status: int = 503
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    reset: bool = False
    after: bool = False


class Elsewhere:
    """The account, and the server before it."""

    def __init__(self, spelling: Spelling | None = None, *, pages: Iterable[int] = (1000,)) -> None:
        self.spelling = spelling or Spelling()
        self.users: dict[str, Thing] = {}
        self.roles: dict[str, Thing] = {}
        self.policies: dict[str, Thing] = {}
        self.requests: Counter[str] = Counter()
        self.writes: list[str] = []
        self.retell: Callable[[Any], Any] = lambda document: document
        self.before: Callable[[str, Mapping[str, str]], None] = lambda _call, _params: None
        self.fail: defaultdict[str, deque[Stumble | Refused]] = defaultdict(deque)
        self._pages = cycle(pages)
        self._listings: dict[str, list[tuple[str, Thing]]] = {}
        self._ids = 0
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    # What happens to the account by other hands.

    def create_user(self, name: str, path: str = "/") -> str:
        self.users[name] = {
            "UserName": name, "Path": path, "UserId": self._unique("AIDA"), "Arn": _arn("user", path, name)
        }  # fmt: skip
        return str(self.users[name]["UserId"])

    def recreate_user(self, name: str) -> str:
        return self.create_user(name, self.users.pop(name)["Path"])

    def role(self, name: str, trust: Mapping[str, Any], **more: Any) -> Thing:
        params = {"RoleName": name, "AssumeRolePolicyDocument": json.dumps(trust, ensure_ascii=False), **more}
        self._create_role(params)
        return self.roles[name]

    def policy(self, name: str, document: Mapping[str, Any], *, tags: Mapping[str, str]) -> str:
        params = {
            "PolicyName": name,
            "PolicyDocument": json.dumps(document, ensure_ascii=False),
            "Tags": _members(tags),
        }
        return str(self._create_policy(params)["Policy"]["Arn"])

    def recreate_role(self, name: str) -> str:
        old = self.roles.pop(name)
        self.roles[name] = {**old, "RoleId": self._unique("AROA")}
        return str(self.roles[name]["RoleId"])

    def trust_of(self, name: str) -> Any:
        """Return the trust policy as it is stored, principals as IDs."""
        return json.loads(self.roles[name]["AssumeRolePolicyDocument"].text)

    # The server.

    def answer(self, params: dict[str, str]) -> tuple[int, bytes]:
        call = params.pop("Action")
        params.pop("Version", None)
        self.before(call, params)
        with self._lock:
            self.requests[call] += 1
            deed = getattr(self, "_" + re.sub(r"(?<!^)(?=[A-Z])", "_", call).lower(), None)
            try:
                if deed is None:
                    raise Refused("InvalidAction", f"Could not find operation {call}")  # noqa: TRY301
                result = deed(_lists_in(params))
            except Refused as refused:
                return refused.status, self.spelling.refusal(refused.code, refused.message)
            if not call.startswith(("Get", "List")):
                self.writes.append(call)
            return 200, self.spelling.reply(call, result)

    def _get_caller_identity(self, _params: Thing) -> Thing:
        return {"Arn": f"arn:aws:iam::{ACCOUNT}:user/operator", "UserId": "AIDAOPERATOR", "Account": ACCOUNT}

    def _get_account_summary(self, _params: Thing) -> Thing:
        return {"SummaryMap": Map(Roles=len(self.roles), RolesQuota=1000, SomethingNew=7)}

    def _get_account_authorization_details(self, params: Thing) -> Thing:
        wanted = params.get("Filter") or ["User", "Role", "Group", "LocalManagedPolicy"]
        rows: list[tuple[str, Thing]] = []
        if "User" in wanted:
            rows += [
                ("UserDetailList", {**user, "GroupList": [], "AttachedManagedPolicies": []})
                for user in self.users.values()
            ]
        if "Role" in wanted:
            rows += [("RoleDetailList", self._detail(role)) for role in self.roles.values()]
        if "LocalManagedPolicy" in wanted:
            rows += [("Policies", self._policy_detail(policy)) for policy in self.policies.values()]
        return self._page(("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"), rows, params)

    def _list_roles(self, params: Thing) -> Thing:
        return self._page(("Roles",), [("Roles", self._shown(role)) for role in self.roles.values()], params)

    def _page(self, lists: tuple[str, ...], rows: list[tuple[str, Thing]], params: Thing) -> Thing:
        """Return the next page: a page may be short, or empty, with more to come."""
        rows = self._listings.pop(params["Marker"]) if "Marker" in params else rows
        length = min(next(self._pages), int(params.get("MaxItems", 100)))
        page: Thing = {name: [row for listed, row in rows[:length] if listed == name] for name in lists}
        page["IsTruncated"] = len(rows) > length
        if page["IsTruncated"]:
            page["Marker"] = f"EXAMPLE+/={self._next()}&<>"
            self._listings[page["Marker"]] = rows[length:]
        return page

    def _get_role(self, params: Thing) -> Thing:
        role = self._role(params)
        return {"Role": {**self._shown(role), "Tags": _members(role["Tags"]), "PermissionsBoundary": _boundary(role)}}

    def _get_user(self, params: Thing) -> Thing:
        return {"User": _found(self.users, params["UserName"], "The user with name {} cannot be found.")}

    def _create_role(self, params: Thing) -> Thing:
        name, path = params["RoleName"], params.get("Path", "/")
        if name.lower() in map(str.lower, self.roles):
            raise Refused("EntityAlreadyExists", f"Role with name {name} already exists.", 409)
        role = {
            "Path": path,
            "RoleName": name,
            "RoleId": self._unique("AROA"),
            "Arn": _arn("role", path, name),
            "CreateDate": "2026-01-01T00:00:00Z",
            "AssumeRolePolicyDocument": self._stored(params["AssumeRolePolicyDocument"]),
            "Description": params.get("Description"),
            "MaxSessionDuration": int(params.get("MaxSessionDuration", 3600)),
            "Tags": {each["Key"]: each["Value"] for each in params.get("Tags", [])},
            "PermissionsBoundary": params.get("PermissionsBoundary"),
            "attached": set(),
            "inline": {},
        }
        self.roles[name] = role
        return {"Role": self._shown(role)}

    def _update_role(self, params: Thing) -> Thing:
        role = self._role(params)
        role["Description"] = params.get("Description", role["Description"])
        role["MaxSessionDuration"] = int(params.get("MaxSessionDuration") or role["MaxSessionDuration"])
        return {}

    def _update_assume_role_policy(self, params: Thing) -> None:
        self._role(params)["AssumeRolePolicyDocument"] = self._stored(params["PolicyDocument"])

    def _delete_role(self, params: Thing) -> None:
        role = self._role(params)
        if role["attached"] or role["inline"]:
            raise Refused("DeleteConflict", "Cannot delete entity, must detach all policies first.", 409)
        del self.roles[role["RoleName"]]

    def _tag_role(self, params: Thing) -> None:
        self._role(params)["Tags"].update({each["Key"]: each["Value"] for each in params["Tags"]})

    def _untag_role(self, params: Thing) -> None:
        for key in params["TagKeys"]:
            self._role(params)["Tags"].pop(key, None)

    def _put_role_permissions_boundary(self, params: Thing) -> None:
        self._role(params)["PermissionsBoundary"] = params["PermissionsBoundary"]

    def _delete_role_permissions_boundary(self, params: Thing) -> None:
        self._role(params)["PermissionsBoundary"] = None

    def _put_role_policy(self, params: Thing) -> None:
        self._role(params)["inline"][params["PolicyName"]] = params["PolicyDocument"]

    def _get_role_policy(self, params: Thing) -> Thing:
        text = _found(
            self._role(params)["inline"], params["PolicyName"], "The role policy with name {} cannot be found."
        )
        return {"RoleName": params["RoleName"], "PolicyName": params["PolicyName"], "PolicyDocument": Document(text)}

    def _delete_role_policy(self, params: Thing) -> None:
        _found(self._role(params)["inline"], params["PolicyName"], "The role policy with name {} cannot be found.")
        del self._role(params)["inline"][params["PolicyName"]]

    def _list_role_policies(self, params: Thing) -> Thing:
        return {"PolicyNames": sorted(self._role(params)["inline"]), "IsTruncated": False}

    def _attach_role_policy(self, params: Thing) -> None:
        self._policy(params)
        self._role(params)["attached"].add(params["PolicyArn"])

    def _detach_role_policy(self, params: Thing) -> None:
        attached = self._role(params)["attached"]
        if params["PolicyArn"] not in attached:
            raise Refused("NoSuchEntity", f"Policy {params['PolicyArn']} was not found.", 404)
        attached.remove(params["PolicyArn"])

    def _list_attached_role_policies(self, params: Thing) -> Thing:
        return {"AttachedPolicies": _attached(self._role(params)), "IsTruncated": False}

    def _list_instance_profiles_for_role(self, params: Thing) -> Thing:
        self._role(params)
        return {"InstanceProfiles": [], "IsTruncated": False}

    def _create_policy(self, params: Thing) -> Thing:
        path, name = params.get("Path", "/"), params["PolicyName"]
        policy = {
            "PolicyName": name,
            "PolicyId": self._unique("ANPA"),
            "Arn": _arn("policy", path, name),
            "Path": path,
            "Description": params.get("Description"),
            "Tags": {each["Key"]: each["Value"] for each in params.get("Tags", [])},
            "versions": {"v1": params["PolicyDocument"]},
            "default": "v1",
        }
        if policy["Arn"] in self.policies:
            raise Refused("EntityAlreadyExists", f"A policy called {name} already exists.", 409)
        self.policies[policy["Arn"]] = policy
        return {"Policy": self._policy_facts(policy)}

    def _create_policy_version(self, params: Thing) -> Thing:
        policy = self._policy(params)
        version = f"v{max(int(known[1:]) for known in policy['versions']) + 1}"
        policy["versions"][version] = params["PolicyDocument"]
        if params.get("SetAsDefault") == "true":
            policy["default"] = version
        return {"PolicyVersion": {"VersionId": version, "IsDefaultVersion": policy["default"] == version}}

    def _delete_policy_version(self, params: Thing) -> None:
        del self._policy(params)["versions"][params["VersionId"]]

    def _delete_policy(self, params: Thing) -> None:
        policy = self._policy(params)
        if len(policy["versions"]) > 1 or any(policy["Arn"] in role["attached"] for role in self.roles.values()):
            raise Refused("DeleteConflict", "Cannot delete a policy attached to entities.", 409)
        del self.policies[policy["Arn"]]

    def _get_policy(self, params: Thing) -> Thing:
        policy = self._policy(params)
        return {"Policy": {**self._policy_facts(policy), "Tags": _members(policy["Tags"])}}

    def _get_policy_version(self, params: Thing) -> Thing:
        document = _found(self._policy(params)["versions"], params["VersionId"], "Version {} does not exist.")
        return {"PolicyVersion": {"Document": Document(document), "VersionId": params["VersionId"]}}

    def _list_policy_versions(self, params: Thing) -> Thing:
        policy = self._policy(params)
        versions = [{"VersionId": each, "IsDefaultVersion": each == policy["default"]} for each in policy["versions"]]
        return {"Versions": versions, "IsTruncated": False}

    def _list_policy_tags(self, params: Thing) -> Thing:
        return {"Tags": _members(self._policy(params)["Tags"]), "IsTruncated": False}

    def _tag_policy(self, params: Thing) -> None:
        self._policy(params)["Tags"].update({each["Key"]: each["Value"] for each in params["Tags"]})

    def _untag_policy(self, params: Thing) -> None:
        for key in params["TagKeys"]:
            self._policy(params)["Tags"].pop(key, None)

    # Shapes.

    def _role(self, params: Thing) -> Thing:
        found: Thing = _found(self.roles, params["RoleName"], "The role with name {} cannot be found.")
        return found

    def _policy(self, params: Thing) -> Thing:
        found: Thing = _found(self.policies, params["PolicyArn"], "Policy {} does not exist or is not attachable.")
        return found

    def _shown(self, role: Thing) -> Thing:
        """Return a role as ListRoles shows it."""
        names = ("Path", "RoleName", "RoleId", "Arn", "CreateDate", "Description", "MaxSessionDuration")
        return {**{name: role[name] for name in names}, "AssumeRolePolicyDocument": self._read_back(role)}

    def _detail(self, role: Thing) -> Thing:
        """Return a role as GetAccountAuthorizationDetails shows it."""
        names = ("Path", "RoleName", "RoleId", "Arn", "CreateDate")
        return {
            **{name: role[name] for name in names},
            "AssumeRolePolicyDocument": self._read_back(role),
            "InstanceProfileList": [],
            "RolePolicyList": [
                {"PolicyName": name, "PolicyDocument": Document(text)} for name, text in role["inline"].items()
            ],
            "AttachedManagedPolicies": _attached(role),
            "PermissionsBoundary": _boundary(role),
            "Tags": _members(role["Tags"]),
            "RoleLastUsed": {},
        }

    def _policy_facts(self, policy: Thing) -> Thing:
        names = ("PolicyName", "PolicyId", "Arn", "Path", "Description")
        users = sum(policy["Arn"] in role["attached"] for role in self.roles.values())
        bounds = sum(policy["Arn"] == role["PermissionsBoundary"] for role in self.roles.values())
        counts = {"AttachmentCount": users, "PermissionsBoundaryUsageCount": bounds, "IsAttachable": True}
        return {**{name: policy[name] for name in names}, "DefaultVersionId": policy["default"], **counts}

    def _policy_detail(self, policy: Thing) -> Thing:
        versions = [
            {"VersionId": version, "Document": Document(text), "IsDefaultVersion": version == policy["default"]}
            for version, text in policy["versions"].items()
        ]
        return {**self._policy_facts(policy), "PolicyVersionList": versions}

    def _stored(self, text: str) -> Document:
        """Return a trust policy as it is kept: whoever it names must exist, and is kept by ID."""
        return Document(json.dumps(_with_principals(json.loads(text), self._id_of), ensure_ascii=False))

    def _read_back(self, role: Thing) -> Document:
        document = json.loads(role["AssumeRolePolicyDocument"].text)
        return Document(json.dumps(self.retell(_with_principals(document, self._name_of)), ensure_ascii=False))

    def _id_of(self, value: str) -> str:
        found = PRINCIPAL.fullmatch(value)
        living = {each["Arn"]: str(each.get("UserId") or each["RoleId"]) for each in self._entities()}
        if (found and value not in living) or (UNIQUE.match(value) and value not in living.values()):
            raise Refused("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{value}"')
        return living.get(value, value)

    def _name_of(self, value: str) -> str:
        return next((str(each["Arn"]) for each in self._entities() if value in each.values()), value)

    def _entities(self) -> list[Thing]:
        return [*self.users.values(), *({"Arn": r["Arn"], "RoleId": r["RoleId"]} for r in self.roles.values())]

    def _unique(self, prefix: str) -> str:
        number = self._next()
        return prefix + "".join(DIGITS[number >> 5 * place & 31] for place in reversed(range(17)))

    def _next(self) -> int:
        self._ids += 1
        return self._ids


def _arn(kind: str, path: str, name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:{kind}{path}{name}"


def _found(things: Mapping[str, Any], name: str, message: str) -> Any:
    if name not in things:
        raise Refused("NoSuchEntity", message.format(name), 404)
    return things[name]


def _members(tags: Mapping[str, str]) -> list[Thing]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _attached(role: Thing) -> list[Thing]:
    return [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in sorted(role["attached"])]


def _boundary(role: Thing) -> Thing | None:
    arn = role["PermissionsBoundary"]
    return {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn} if arn else None


def _with_principals(document: Any, change: Callable[[str], str]) -> Any:
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal")
        if isinstance(principal, dict) and "AWS" in principal:
            named = principal["AWS"]
            principal["AWS"] = change(named) if isinstance(named, str) else [change(each) for each in named]
    return document


def _lists_in(params: Mapping[str, str]) -> Thing:
    """Return a form's values; `Tags.member.1.Key` and its like become lists."""
    plain: Thing = {}
    for key, value in params.items():
        name, is_list, rest = key.partition(".member.")
        if not is_list:
            plain[key] = value
            continue
        _number, _, inner = rest.partition(".")
        listed = plain.setdefault(name, {})
        if inner:
            listed.setdefault(_number, {})[inner] = value
        else:
            listed[_number] = value
    return {key: list(value.values()) if isinstance(value, dict) else value for key, value in plain.items()}


def _handler_of(elsewhere: Elsewhere) -> type[BaseHTTPRequestHandler]:  # noqa: C901  one small method each
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            params = dict(parse_qsl(body, keep_blank_values=True))
            waiting = elsewhere.fail[params["Action"]]
            stumble = waiting.popleft() if waiting else None
            if isinstance(stumble, Refused):
                return self._send(stumble.status, elsewhere.spelling.refusal(stumble.code, stumble.message), {})
            if stumble is not None and not stumble.after:
                return self._stumble(stumble)
            status, reply = elsewhere.answer(params)
            return self._send(status, reply, {}) if stumble is None else self._stumble(stumble)

        def _stumble(self, stumble: Stumble) -> None:
            self._send(stumble.status, stumble.body, stumble.headers, cut=stumble.reset)

        def _send(self, status: int, body: bytes, headers: Mapping[str, str], *, cut: bool = False) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "text/xml", "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if cut else body)
            if cut:
                self.close_connection = True
                self.wfile.flush()
                # A linger of nothing: the peer sees a reset, not an end.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()

        def log_message(self, *_args: Any) -> None:
            pass

    return Handler
