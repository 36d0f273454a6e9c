"""Bad input is input: whatever stands in a manifest, the answer is a diagnostic with a place, never a traceback."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.manifest import declare, load_manifests, validate_offline
from reconciler.manifest.document import Use, document_problems
from reconciler.manifest.principals import principal_problems
from reconciler.manifest.schema import TrustEntry
from reconciler.manifest.trust import entry_problems
from reconciler.model.policy import PolicyDocument
from tests.manifest.support import ACCOUNT, write

STATEMENT = {
    "Sid": "A",
    "Effect": "Allow",
    "Action": ["s3:ListBucket"],
    "Resource": "*",
    "Condition": {"Bool": {"a:b": "true"}},
}
TRUSTED = {
    "Effect": "Allow",
    "Principal": {"AWS": ["*"]},
    "Action": "sts:AssumeRole",
    "Condition": {"StringEquals": {"a:b": ["c"]}},
}
ROLE = {
    "kind": "Role",
    "name": "r",
    "account": ACCOUNT,
    "path": "/a/",
    "description": "d",
    "max_session_duration": 3600,
    "permissions_boundary": "none",
    "tags": {"a": "b"},
    "trust": [{"account": ACCOUNT, "require_mfa": True, "mfa_max_age": 5}, {"user": ["a"]}, {"statement": TRUSTED}],
    "managed_policies": ["P"],
    "inline_policies": {"i": {"Version": "2012-10-17", "Statement": [STATEMENT]}},
    "prevent_destroy": False,
}
DOCUMENT = {
    "kind": "Role",
    "name": "s",
    "trust_policy": {"Version": "2012-10-17", "Id": "x", "Statement": [TRUSTED]},
}
POLICY = {
    "kind": "ManagedPolicy",
    "name": "P",
    "tags": {"a": "b"},
    "policy": {"Version": "2012-10-17", "Statement": STATEMENT},
}
REMOVED = {"kind": "Removed", "address": "role/x", "destroy": False}

TEXTS = st.sampled_from(
    [
        *(
            "",
            " ",
            "*",
            "a",
            "none",
            "arn:",
            "${a}",
            "Allow",
            "2012-10-17",
            "€",
            "a" * 200,
            "role/r",
            "/",
            "//",
            "\n",
            "user",
        ),
        *("arn:aws:iam::1:role/x", "arn:aws:iam::aws:policy/X", "arn:aws:iam::x:user/", "AROA" + "A" * 17),
        *("sts:AssumeRole", "sts:*", "123456789012"),
    ]
)
KEYS = TEXTS | st.sampled_from(
    ["AWS", "Service", "Federated", "Statement", "Sid", "NotAction", "NotPrincipal", "user", "saml", "oidc"]
)
VALUES = st.recursive(
    TEXTS | st.booleans() | st.integers(-1, 10**13),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=5,
)


def paths(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value inside a value, itself included."""
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in entries:
        yield from paths(item, (*path, key))


@st.composite
def mangled(draw: st.DrawFn) -> object:
    """Return a manifest with one or two of its values replaced by something else, or another key added."""
    document: Any = copy.deepcopy(draw(st.sampled_from([ROLE, DOCUMENT, POLICY, REMOVED])))
    for _ in range(draw(st.integers(1, 2))):
        *above, last = draw(st.sampled_from([path for path in paths(document) if path] or [("kind",)]))
        parent = document
        for key in above:
            parent = parent[key]
        if isinstance(parent, dict) and draw(st.booleans()):
            last = draw(KEYS)
        parent[last] = draw(VALUES)
    return document


def is_of_another_account(document: object) -> bool:
    return isinstance(document, dict) and document.get("account") == "123456789012"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(mangled() | VALUES, min_size=1, max_size=3))
def test_whatever_stands_in_a_manifest_is_declared_or_told_of_with_its_place(
    tmp_path: Path, documents: list[object]
) -> None:
    root = write(tmp_path, {f"{number}.json": json.dumps(document) for number, document in enumerate(documents)})
    for stale in root.iterdir():
        if int(stale.stem) >= len(documents):
            stale.unlink()
    manifests = load_manifests(root, base=tmp_path)
    found = validate_offline(manifests)
    desired, _ = declare(manifests, account=ACCOUNT, partition="aws", default_account=ACCOUNT)
    assert all(one.place is not None and one.place.file.startswith("manifests/") for one in found)
    here = [document for document in documents if not is_of_another_account(document)]
    assert len(desired.objects) + len(desired.removals) >= len(here) or any(one.is_error for one in found)
    for declaration in desired.objects.values():
        assert declaration.place_of("trust/0/statement").file == declaration.manifest


@given(VALUES)
def test_no_value_makes_a_check_of_documents_raise(value: Any) -> None:
    source = value if isinstance(value, dict) else {"Statement": value}
    for use in Use:
        list(document_problems(PolicyDocument(source), use))
    list(principal_problems({"Effect": "Allow", "Action": value, "Principal": value, "Condition": value}))
    list(document_problems(PolicyDocument({"Statement": {"Condition": value, "Action": value}}), Use.TRUST))


@pytest.mark.parametrize(
    "head", ["user", "role", "service", "oidc", "saml", "organization", "permission_set", "external_id"]
)
@given(text=TEXTS | st.text())
def test_no_text_makes_a_check_of_trust_entries_raise(head: str, text: str) -> None:
    list(entry_problems(TrustEntry.model_validate({head: text})))
