"""Every error at once: no mistake hides another, and none is told twice in other words."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.manifest import validate_offline
from reconciler.model.diagnostic import Diagnostic
from tests.manifest.support import codes, load, said
from tests.manifest.test_goldens import BROKEN
from tests.manifest.texts import texts

ROLE = 'kind: Role\nname: {}\ntrust: [{{account: "123456789012"}}]\n'


def told(folder: Path, *texts: str, **files: str | bytes) -> list[Diagnostic]:
    return validate_offline(load(folder, *texts, **files))


def test_twenty_mistakes_in_one_document_are_twenty_diagnostics_in_twenty_places(tmp_path: Path) -> None:
    text = (BROKEN / "twenty.yaml").read_text()
    found = told(tmp_path, text)
    assert len(found) == len({one.place for one in found}) == 26
    without_two = text.replace("max_session_duration: one hour\n", "").replace("prevent_destroy: yes\n", "")
    assert len(told(tmp_path, without_two)) == 24


def test_a_wrong_type_hides_nothing_that_iam_would_refuse(tmp_path: Path) -> None:
    found = told(tmp_path, ROLE.format("a b") + "path: apps\nprevent_destroy: yes\n")
    assert codes(found) == ["RM111", "RM111", "RM109"]


@pytest.mark.parametrize(
    ("trust", "code"),
    [
        ("trust: alice", "RM109"),
        ("trust: 5", "RM109"),
        ("trust: {user: alice}", "RM109"),
        ("trust: [5]", "RM109"),
        ("trust: [{accounts: 123456789012}]", "RM107"),
        ("trust: [{principal: alice}]", "RM107"),
        ("trust: [{user: {name: alice}}]", "RM109"),
        ("trust: [{user: []}]", "RM109"),
        ("trust: [{statement: allow}]", "RM109"),
        ("trust: [{saml: [ADFS]}]", "RM109"),
        ("trust: [{oidc: token.actions.githubusercontent.com, subject: 'repo:a/b:*'}]", "RM107"),
        ("trust: [{oidc: token.actions.githubusercontent.com, subjects: {a: b}}]", "RM109"),
        ("trust:", "RM109"),
        ("trusts: [{user: alice}]", "RM107"),
        ("principal: alice", "RM107"),
        ("trust_policy: '{}'", "RM109"),
        ("", "RM108"),
    ],
)
def test_one_mistake_in_the_trust_is_told_once(tmp_path: Path, trust: str, code: str) -> None:
    assert codes(told(tmp_path, f"kind: Role\nname: r\n{trust}\n")) == [code]


@pytest.mark.parametrize(
    "line",
    [
        "tags: {a: true}",
        "tags: [a]",
        "tags: {a: }",
        "managed_policies: {a: b}",
        "managed_policies: [[a]]",
        "managed_policies: [{arn: a}, b]",
        "managed_policy: [A]",
        "inline_policies: {list: s3:ListBucket}",
        "inline_policies: []",
        "permissions_boundary: []",
        "max_session_duration: 1h",
        "path: [/]",
        "description: true",
        "account: []",
        "account: 1234",
        "account: &a 123456789012",
        "account: !!str 123456789012",
        "path: ~",
        "deletion_policy: keep",
        "color: blue",
        "inline_policies: {list: {Version: 2012-10-17, Statement: {Efect: Allow, Action: 's3:*', Resource: '*'}}}",
        "inline_policies: {list: {Version: 2012-10-17, Statement: {Effect: Allow, Actions: 's3:*', Resource: '*'}}}",
        "inline_policies: {list: {Version: 2012-10-17, Statements: {Effect: Allow, Action: 's3:*', Resource: '*'}}}",
        "inline_policies: {list: {version: 2012-10-17, Statement: {Effect: Allow, Action: 's3:*', Resource: '*'}}}",
    ],
)
def test_one_mistake_in_a_role_is_told_once(tmp_path: Path, line: str) -> None:
    (found,) = told(tmp_path, f"{ROLE.format('r')}{line}\n")
    assert found.place is not None
    assert (found.place.line, found.place.text) == (4, line)


def test_what_stands_under_a_misspelt_key_is_checked_as_what_was_meant(tmp_path: Path) -> None:
    found = told(tmp_path, "kind: Role\nname: r\ntrusts:\n  - users: a b\n    external_id: x\n")
    assert said(found) == [
        "RM107 manifests/m0.yaml:3:1: `trusts` is not a key of kind Role.",
        "RM107 manifests/m0.yaml:4:5: `users` is not a key of a trust entry.",
        'RM111 manifests/m0.yaml:4:12: "a b" is not a name: IAM takes letters, digits and +=,.@_- only.',
        "RM111 manifests/m0.yaml:5:18: An external ID has 2 to 1,224 letters, digits and +=,.@:/_-.",
    ]


def test_an_entry_without_its_dash_is_checked_where_it_stands(tmp_path: Path) -> None:
    found = told(tmp_path, "kind: Role\nname: r\ntrust:\n  user: alice\n  external_id: x\n")
    assert [(one.code, str(one.place)) for one in found] == [
        ("RM109", "manifests/m0.yaml:4:3"),
        ("RM111", "manifests/m0.yaml:5:16"),
    ]


def test_a_key_that_does_not_fit_is_told_of_beside_the_wrong_type_of_another(tmp_path: Path) -> None:
    found = told(
        tmp_path, "kind: Role\nname: r\ntrust:\n  - {service: [ec2], require_mfa: 1, external_id: x, role: a}\n"
    )
    assert codes(found) == ["RM116", "RM109", "RM109"]


def test_a_document_with_mistakes_still_has_its_name(tmp_path: Path) -> None:
    found = told(
        tmp_path, ROLE.format("App") + "path: apps\n", ROLE.format("app") + "color: blue\n", ROLE.format("App")
    )
    assert [(one.code, str(one.place)) for one in found] == [
        ("RM111", "manifests/m0.yaml:4:7"),
        ("RM112", "manifests/m1.yaml:2:7"),
        ("RM107", "manifests/m1.yaml:4:1"),
        ("RM112", "manifests/m2.yaml:2:7"),
    ]


@pytest.mark.parametrize("name", ["name: [r]", "name:", "names: r", "nam: r"])
def test_a_name_that_is_not_known_collides_with_nothing(tmp_path: Path, name: str) -> None:
    text = ROLE.format("x").replace("name: x", name)
    found = told(tmp_path, text, text)
    assert {one.code for one in found} <= {"RM107", "RM109", "RM112"}
    assert codes(found).count("RM112") == (1 if name.endswith(" r") else 0)


def test_the_account_of_a_document_is_not_guessed(tmp_path: Path) -> None:
    found = told(tmp_path, ROLE.format("r") + "account: 1234\n", ROLE.format("r"))
    assert codes(found) == ["RM113"]


def test_a_role_with_mistakes_is_there_for_those_that_refer_to_it(tmp_path: Path) -> None:
    found = told(
        tmp_path,
        "kind: ManagedPolicy\nname: Limits\npath: x\npolicy: {}\n",
        ROLE.format("r") + "managed_policies: [Limits, limits]\npath: y\n",
    )
    assert codes(found) == ["RM111", "RM114", "RM114", "RC310", "RM111"]


def test_references_are_checked_in_a_document_with_mistakes_too(tmp_path: Path) -> None:
    found = told(
        tmp_path,
        "kind: Role\nname: a b\naccount: '111122223333'\ntrust:\n  - user: arn:aws-cn:iam::111122223333:user/x\n"
        "managed_policies: [P, P, 'arn:aws:iam::210987654321:policy/Q', 'arn:aws:iam::aws:policy/R']\n",
    )
    assert codes(found) == ["RM111", "RP209", "RM112", "RM113"]


def test_a_document_that_is_not_yaml_hides_none_of_its_neighbours(tmp_path: Path) -> None:
    found = told(tmp_path, "kind: Rol\nname: r\ntrust: []\n---\nname: 'x\n---\ncolor: [\n---\nkind: Role\nname: a b\n")
    assert [(one.code, str(one.place)) for one in found] == [
        ("RM110", "manifests/m0.yaml:1:7"),
        ("RM116", "manifests/m0.yaml:3:1"),
        ("RM103", "manifests/m0.yaml:5:7"),
        ("RM103", "manifests/m0.yaml:8:1"),
        ("RM108", "manifests/m0.yaml:9:1"),
        ("RM111", "manifests/m0.yaml:10:7"),
    ]


def test_what_yaml_may_not_say_hides_nothing_else(tmp_path: Path) -> None:
    found = told(tmp_path, "kind: Role\nname: a b\npath: &p apps\ntrust:\n  - <<: *p\n  - user:\ntags: {c: d, c: e?}\n")
    assert codes(found) == ["RM111", "RM105", "RM111", "RM105", "RM105", "RM109", "RM104", "RM111"]


def test_json_is_told_of_as_fully_as_yaml(tmp_path: Path) -> None:
    text = (
        '{"kind": "Role", "name": "a b", "path": null, "tags": {"a": "\\u202e", "b": true}, "trust": [{"user": null}]}'
    )
    found = told(tmp_path, r_json=text)
    assert codes(found) == ["RM111", "RM109", "RM103", "RM109", "RM109"]


@pytest.mark.parametrize("name", ["r_yaml", "r_json"])
def test_a_hidden_character_hides_nothing_but_itself(tmp_path: Path, name: str) -> None:
    text = '{"kind": "Role", "name": "a\u200bb", "path": "apps", "\u202epath": "x", "trust": [{"user": "a b"}]}'
    assert codes(told(tmp_path, **{name: text})) == ["RM103", "RM111", "RM103", "RM111"]


def test_a_file_of_hidden_characters_is_not_taken_for_text(tmp_path: Path) -> None:
    assert codes(told(tmp_path, "\x00" * 5000)) == ["RM103"] * 20


MISTAKES = {
    "name": "name: my role",
    "account": "account: 1234",
    "path": "path: apps",
    "description": "description: true",
    "max_session_duration": "max_session_duration: 1h",
    "permissions_boundary": "permissions_boundary: &b Limits",
    "tags": "tags: {a: [b], A: c, 'aws:x': d}",
    "trust": "trust: [{user: {name: a}, sid: a b}, {servise: ec2}, 5, {role: x, require_mfa: true}]",
    "managed_policies": "managed_policies: [{a: b}, 'x y', 'arn:aws:iam::aws:user/x']",
    "inline_policies": "inline_policies: {'a b': {Statement: {Efect: Alow, Action: x, Resource: [1]}}, c: d}",
    "prevent_destroy": "prevent_destroy: yes",
    "deletion_policy": "deletion_policy:",
    "colour": "colour: blue",
}
SOUND = {"kind": "kind: Role", "name": "name: r", "trust": "trust: [{account: '123456789012'}]"}


ALONE: dict[str, set[str]] = {}


def mistaken(folder: Path, keys: frozenset[str]) -> set[str]:
    lines = SOUND | {key: MISTAKES[key] for key in MISTAKES if key in keys}
    found = told(folder, "\n".join(lines.values()) + "\n")
    assert len(found) == len({(one.message, one.place) for one in found})
    return {f"{one.code} {one.message} {one.help} {one.place and (one.place.column, one.place.text)}" for one in found}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.frozensets(st.sampled_from(sorted(MISTAKES))))
def test_all_that_is_told_of_each_mistake_alone_is_told_of_many_together(tmp_path: Path, keys: frozenset[str]) -> None:
    for key in keys - ALONE.keys():
        ALONE[key] = mistaken(tmp_path, frozenset({key}))
    assert all(ALONE[key] for key in keys)
    assert mistaken(tmp_path, keys) == set().union(*(ALONE[key] for key in keys))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts())
def test_any_text_is_declared_or_told_of(tmp_path: Path, text: str) -> None:
    manifests = load(tmp_path, m_yaml=text.encode("utf-8", "surrogatepass"))
    found = validate_offline(manifests)
    assert manifests.documents or any(one.is_error for one in found)
    assert not manifests.flawed or manifests.has_errors
