"""The folder of manifests: what is read, what is skipped, and what is an error and never a role less."""

import os
from pathlib import Path

import pytest

from reconciler.manifest import load_manifests
from reconciler.manifest.folder import LARGEST_FILE
from reconciler.model.diagnostic import Severity
from tests.manifest.support import codes, load, said, write

ROLE = """\
kind: Role
name: {}
trust: [{{account: "123456789012"}}]
"""
JSON_ROLE = '{"kind": "Role", "name": "c", "trust": [{"account": "123456789012"}]}'


def test_manifests_are_read_at_any_depth_in_the_order_of_their_names(tmp_path: Path) -> None:
    files = {
        "z.yaml": ROLE.format("z"),
        "a/b/deep.yml": ROLE.format("deep"),
        "a.yaml": ROLE.format("a"),
        "c.json": JSON_ROLE,
    }
    manifests = load_manifests(write(tmp_path, files), base=tmp_path)
    assert manifests.diagnostics == ()
    assert [document.source.file for document in manifests.documents] == [
        "manifests/a.yaml",
        "manifests/a/b/deep.yml",
        "manifests/c.json",
        "manifests/z.yaml",
    ]


def test_hidden_entries_and_the_readme_are_skipped_and_other_files_are_warned_of(tmp_path: Path) -> None:
    files = {
        "a.yaml": ROLE.format("a"),
        ".git/x.yaml": "[",
        ".hidden.yaml": "[",
        "README.md": "# x",
        "a.yaml~": "",
        "sub/n.txt": "",
    }
    manifests = load_manifests(write(tmp_path, files), base=tmp_path)
    assert not manifests.has_errors
    assert [(found.code, found.severity, str(found.place)) for found in manifests.diagnostics] == [
        ("RM118", Severity.WARNING, "manifests/a.yaml~"),
        ("RM118", Severity.WARNING, "manifests/sub/n.txt"),
    ]


def test_a_file_beside_the_working_folder_is_named_as_the_folder_was_given(tmp_path: Path) -> None:
    root, base = write(tmp_path, {"sub/n.txt": ""}), tmp_path / "work"
    base.mkdir()
    shown = {
        given: [found.place.file for found in load_manifests(base / given, base=base).diagnostics if found.place]
        for given in ("../manifests", str(root))
    }
    assert shown == {"../manifests": ["../manifests/sub/n.txt"], str(root): [f"{root}/sub/n.txt"]}


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    manifests = load_manifests(tmp_path / "manifests", base=tmp_path)
    assert said(manifests.diagnostics) == ["RM101 None: There is no folder manifests to read manifests from."]


def test_a_file_instead_of_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "manifests").write_text(ROLE.format("a"))
    assert said(load_manifests(tmp_path / "manifests", base=tmp_path).diagnostics) == [
        "RM101 None: manifests is not a folder."
    ]


@pytest.mark.parametrize("files", [{}, {"README.md": "# x"}, {".hidden.yaml": "kind: Role"}])
def test_an_empty_folder_is_an_error_and_no_wish_to_delete_everything(tmp_path: Path, files: dict[str, str]) -> None:
    assert codes(load_manifests(write(tmp_path, files), base=tmp_path).diagnostics) == ["RM101"]


def test_a_folder_of_skipped_files_only_is_an_error_too(tmp_path: Path) -> None:
    assert set(codes(load_manifests(write(tmp_path, {"x.txt": ""}), base=tmp_path).diagnostics)) == {"RM101", "RM118"}


@pytest.mark.parametrize("name", ["m_yaml", "m_json"])
@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff"])
def test_an_empty_file_is_an_error_and_never_no_roles(tmp_path: Path, name: str, text: str) -> None:
    assert codes(load(tmp_path, ROLE.format("a"), **{name: text}).diagnostics) == ["RM117"]


def test_a_file_of_comments_only_is_an_error(tmp_path: Path) -> None:
    assert codes(load(tmp_path, "# nothing\n# yet\n").diagnostics) == ["RM117"]


def test_a_folder_named_like_a_manifest_is_an_error(tmp_path: Path) -> None:
    manifests = load_manifests(write(tmp_path, {"x.yaml/inner.yaml": ROLE.format("a")}), base=tmp_path)
    assert said(manifests.diagnostics) == ["RM102 manifests/x.yaml: x.yaml is a folder, not a file."]


def test_a_pipe_named_like_a_manifest_is_an_error_and_not_waited_for(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.yaml": ROLE.format("a")})
    os.mkfifo(root / "pipe.yaml")
    assert codes(load_manifests(root, base=tmp_path).diagnostics) == ["RM102"]


def test_a_link_that_leads_to_itself_is_an_error(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.yaml": ROLE.format("a")})
    (root / "loop.yaml").symlink_to("loop.yaml")
    (root / "again").symlink_to(root)
    (root / "gone.yaml").symlink_to("nowhere.yaml")
    manifests = load_manifests(root, base=tmp_path)
    assert [(found.code, str(found.place)) for found in manifests.diagnostics] == [
        ("RM102", "manifests/again"),
        ("RM102", "manifests/gone.yaml"),
        ("RM102", "manifests/loop.yaml"),
    ]
    assert len(manifests.documents) == 1


def test_a_link_that_leads_out_is_an_error_and_what_it_leads_to_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("password: hunter2\n")
    root = write(tmp_path, {"a.yaml": ROLE.format("a")})
    (root / "out.yaml").symlink_to(tmp_path / "secret.yaml")
    (found,) = load_manifests(root, base=tmp_path).diagnostics
    assert (found.code, "hunter2" in repr(found)) == ("RM102", False)


def test_a_link_to_a_hidden_file_of_the_same_folder_is_followed(tmp_path: Path) -> None:
    root = write(tmp_path, {".data/a.yaml": ROLE.format("a")})  # as Kubernetes mounts a ConfigMap
    (root / "a.yaml").symlink_to(".data/a.yaml")
    manifests = load_manifests(root, base=tmp_path)
    assert (manifests.diagnostics, len(manifests.documents)) == ((), 1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_an_error(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.yaml": ROLE.format("a"), "b.yaml": ROLE.format("b")})
    (root / "b.yaml").chmod(0)
    assert codes(load_manifests(root, base=tmp_path).diagnostics) == ["RM102"]


def test_a_file_that_vanishes_while_it_is_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    root = write(tmp_path, {"a.yaml": ROLE.format("a")})
    monkeypatch.setattr(os, "open", refuse)
    assert said(load_manifests(root, base=tmp_path).diagnostics) == [
        "RM102 manifests/a.yaml: manifests/a.yaml cannot be read: Permission denied."
    ]


def test_a_file_of_more_than_a_mebibyte_is_an_error(tmp_path: Path) -> None:
    assert codes(load(tmp_path, "#" * (LARGEST_FILE + 1)).diagnostics) == ["RM102"]


def test_a_file_of_a_mebibyte_is_read(tmp_path: Path) -> None:
    text = ROLE.format("a")
    assert load(tmp_path, text + "#" * (LARGEST_FILE - len(text))).diagnostics == ()


def test_a_file_that_is_not_utf_8_is_an_error_with_its_place(tmp_path: Path) -> None:
    (found,) = load(tmp_path, m_yaml=b"kind: Role\nname: r\xe9e\n").diagnostics
    assert (found.code, str(found.place), "0xe9" in found.message) == ("RM103", "manifests/m.yaml:2:8", True)


def test_utf_16_is_refused_by_name_and_the_mark_of_utf_8_is_no_matter(tmp_path: Path) -> None:
    text = ROLE.format("a")
    (found,) = load(tmp_path, m_yaml=text.encode("utf-16")).diagnostics
    assert (found.code, "UTF-16" in found.message) == ("RM103", True)
    assert load(tmp_path, m_yaml=b"\xef\xbb\xbf" + text.encode()).diagnostics == ()


def test_a_name_of_a_file_that_is_no_text_is_shown_escaped(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.yaml": ROLE.format("a")})
    with open(os.fsencode(root) + b"/\xff.yaml", "w") as file:  # noqa: PTH123  no Path holds such a name portably
        file.write("[")
    (found,) = load_manifests(root, base=tmp_path).diagnostics
    assert found.place is not None
    assert found.place.file.encode() == b"manifests/\\xff.yaml"


def test_defaults_are_refused_until_they_are_supported(tmp_path: Path) -> None:
    manifests = load_manifests(
        write(tmp_path, {"a.yaml": ROLE.format("a"), "_defaults.yaml": "tags: {a: b}"}), base=tmp_path
    )
    assert codes(manifests.diagnostics) == ["RM119"]


def test_an_error_in_one_file_hides_nothing_of_the_others(tmp_path: Path) -> None:
    manifests = load(tmp_path, "a: [", "kind: Rol", ROLE.format("good"), "kind: Role\nname: x y\ntrust: []\n")
    assert codes(manifests.diagnostics) == ["RM103", "RM108", "RM108", "RM110", "RM111", "RM116"]
    assert [document.manifest.address for document in manifests.documents] == ["role/good"]
