"""The least that a plan without changes can be: read the files, fetch the pages, compare.

    python -m tests.bench.minimal MANIFESTS ENDPOINT

It uses what was found to be fastest: ryaml, the standard library's C parser, one boto3 client, two calls side
by side. It knows only the manifests of the bench, and checks nothing. What the program does in more time than
this is what it is for.
"""

from __future__ import annotations

import gc
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import boto3
import ryaml
from botocore.config import Config

NAMESPACE = b' xmlns="https://iam.amazonaws.com/doc/2010-05-08/"'


def declared(folder: Path) -> dict[str, Any]:
    """Return what the manifests declare, by role name."""
    roles = {}
    for path in sorted(folder.iterdir()):
        role = ryaml.loads(path.read_text(encoding="utf-8"))  # type: ignore[attr-defined]
        roles[role["name"]] = (
            role["path"],
            role["description"],
            role["tags"],
            sorted(role["managed_policies"]),
            canonical({"Statement": [statement(entry) for entry in role["trust"]]}),
            {name: canonical(document) for name, document in role["inline_policies"].items()},
        )
    return roles


def statement(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the statement of a trust entry of the bench."""
    if "service" in entry:
        return {"Effect": "Allow", "Principal": {"Service": entry["service"]}, "Action": "sts:AssumeRole"}
    return {
        "Effect": "Allow",
        "Principal": {"AWS": entry["user"]},
        "Action": "sts:AssumeRole",
        "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
    }


def canonical(value: Any) -> Any:
    """Return a document in one spelling: a single value is a list of one, lists of values are sorted."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return {key: canonical(item) for key, item in value.items() if key != "Version"}
    return [canonical(item) for item in value] if isinstance(value[0], dict) else sorted(value)


def live(endpoint: str) -> dict[str, Any]:
    """Return what is live, by role name."""
    client = boto3.client(
        "iam",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id="bench",
        aws_secret_access_key="bench",
        config=Config(retries={"mode": "standard", "total_max_attempts": 10}),
    )
    client.meta.events.register("before-parse.iam", take_body)
    with ThreadPoolExecutor(2) as pool:
        listed = pool.submit(fetch, client.list_roles, "Roles", {})
        details = fetch(client.get_account_authorization_details, "RoleDetailList", {"Filter": ["User", "Role"]})
    described = {each.findtext("RoleName"): each.findtext("Description") for each in listed.result()}
    return {str(role.findtext("RoleName")): shape(role, described) for role in details}


def shape(role: ET.Element, described: dict[str | None, str | None]) -> tuple[Any, ...]:
    """Return a live role as `declared` returns a declared one."""
    return (
        role.findtext("Path"),
        described[role.findtext("RoleName")],
        {each.findtext("Key"): each.findtext("Value") for each in role.iterfind("Tags/member")},
        sorted(str(each.text) for each in role.iterfind("AttachedManagedPolicies/member/PolicyArn")),
        canonical(decoded(role.findtext("AssumeRolePolicyDocument"))),
        {
            str(each.findtext("PolicyName")): canonical(decoded(each.findtext("PolicyDocument")))
            for each in role.iterfind("RolePolicyList/member")
        },
    )


def decoded(text: str | None) -> Any:
    """Return a document."""
    return json.loads(unquote(text or ""))


def fetch(call: Any, key: str, params: dict[str, Any]) -> list[ET.Element]:
    """Return the entries of all pages."""
    found: list[ET.Element] = []
    marker: dict[str, str] = {}
    while True:
        result = call(MaxItems=1000, **params, **marker)["Taken"][0]
        found += result.find(key)
        if result.findtext("IsTruncated") != "true":
            return found
        marker = {"Marker": result.findtext("Marker")}


def take_body(response_dict: Any, customized_response_dict: Any, **_event: Any) -> None:
    """Parse the body in botocore's place."""
    root = ET.fromstring(response_dict["body"].replace(NAMESPACE, b"", 1))
    customized_response_dict["Taken"] = root
    name = root[0].tag
    response_dict["body"] = f"<R><{name}/></R>".encode()


def main() -> None:
    """Compare, and say how many differ."""
    gc.disable()
    wanted = declared(Path(sys.argv[1]))
    there = live(sys.argv[2])
    different = sum(wanted.get(name) != there.get(name) for name in wanted.keys() | there.keys())
    print(f"{len(wanted)} roles, {different} differ")  # noqa: T201  the result
    sys.exit(different > 0)


if __name__ == "__main__":
    main()
