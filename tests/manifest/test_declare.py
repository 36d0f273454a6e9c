"""What manifests declare for an account: names, attachments, lifecycles, and what only the account can tell."""

from pathlib import Path

from reconciler.manifest import Names, account_diagnostics, declare, load_manifests, validate_offline
from reconciler.model.arn import iam_arn
from reconciler.model.declared import Lifecycle
from reconciler.model.managed_policy import ManagedPolicy
from tests.manifest.support import ACCOUNT, codes, declared, load, role_of, said, write

TRUST = 'trust: [{account: "123456789012"}]\n'
POLICY = '{Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:ListBucket", Resource: "*"}]}'


def role(name: str, more: str = "") -> str:
    return f"kind: Role\nname: {name}\n{TRUST}{more}"


def policy(name: str, more: str = "") -> str:
    return f"kind: ManagedPolicy\nname: {name}\npolicy: {POLICY}\n{more}"


def arn(name: str) -> str:
    return iam_arn(partition="aws", account=ACCOUNT, kind="policy", path="/", name=name)


def test_what_is_left_out_means_the_default_of_iam(tmp_path: Path) -> None:
    desired, found = declared(tmp_path, role("r"))
    made = role_of(desired)
    assert found == []
    assert (made.path, made.description, made.max_session_duration, made.tags) == ("/", "", 3600, {})
    assert (made.managed_policies, made.inline_policies, made.role_id) == (frozenset(), {}, None)
    declaration = desired.objects["role/r"]
    assert declaration.lifecycle == Lifecycle()
    assert not declaration.additive_managed_policies
    assert not declaration.additive_inline_policies


def test_all_that_a_role_can_say_arrives(tmp_path: Path) -> None:
    desired, found = declared(
        tmp_path,
        role(
            "r",
            f"""path: /apps/
description: Does things
max_session_duration: 7200
permissions_boundary: Boundary
tags: {{cost-center: 0042, team: storage}}
managed_policies: [arn:aws:iam::aws:policy/ReadOnlyAccess, Boundary]
managed_policies_mode: additive
inline_policies: {{list: {POLICY}}}
inline_policies_mode: additive
prevent_destroy: true
deletion_policy: retain
revoke_sessions: false
""",
        ),
        policy("Boundary", "path: /limits/\ntags: {Team: a, team: b}\ndescription: Limits\n"),
    )
    assert found == []
    made, declaration = role_of(desired), desired.objects["role/r"]
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/limits/Boundary"
    assert made.arn == f"arn:aws:iam::{ACCOUNT}:role/apps/r"
    assert made.permissions_boundary == boundary
    assert made.managed_policies == {boundary, "arn:aws:iam::aws:policy/ReadOnlyAccess"}
    assert made.tags == {"cost-center": "0042", "team": "storage"}
    assert made.inline_policies["list"].raw_statements[0]["Action"] == "s3:ListBucket"
    assert declaration.lifecycle == Lifecycle(prevent_destroy=True, retain=True)
    assert (declaration.additive_managed_policies, declaration.additive_inline_policies) == (True, True)
    limits = desired.objects["managed_policy/Boundary"].value
    assert isinstance(limits, ManagedPolicy)
    assert (limits.arn, limits.description, limits.tags) == (boundary, "Limits", {"Team": "a", "team": "b"})


def test_a_boundary_left_out_is_kept_and_one_that_is_none_is_taken_off(tmp_path: Path) -> None:
    desired, _ = declared(tmp_path, role("kept"), role("off", "permissions_boundary: none\n"))
    assert desired.objects["role/kept"].keeps_boundary
    assert not desired.objects["role/off"].keeps_boundary
    assert role_of(desired, "off").permissions_boundary is None


def test_the_name_of_a_policy_is_sought_among_the_declared_then_the_living_then_under_the_root_path(
    tmp_path: Path,
) -> None:
    living = Names(policies={"Mine": arn("elsewhere/Mine"), "Living": f"arn:aws:iam::{ACCOUNT}:policy/team/Living"})
    desired, found = declared(
        tmp_path, role("r", "managed_policies: [Mine, Living, Unknown]\n"), policy("Mine"), names=living
    )
    assert found == []
    assert role_of(desired).managed_policies == {
        arn("Mine"),
        f"arn:aws:iam::{ACCOUNT}:policy/team/Living",
        arn("Unknown"),
    }


def test_a_policy_named_in_another_case_is_reported(tmp_path: Path) -> None:
    _, found = declared(tmp_path, role("r", "managed_policies: [policyforrole]\n"), policy("PolicyForRole"))
    assert [(one.code, one.help) for one in found] == [("RC310", "Write PolicyForRole.")]


def test_an_attachment_named_twice_is_an_error_by_name_or_by_arn(tmp_path: Path) -> None:
    _, found = declared(tmp_path, role("r", f"managed_policies:\n  - Mine\n  - {arn('Mine')}\n"), policy("Mine"))
    assert said(found) == [f"RM112 manifests/m0.yaml:6:5: {arn('Mine')} is attached twice."]


def test_a_policy_of_another_account_or_partition_cannot_be_attached(tmp_path: Path) -> None:
    _, found = declared(
        tmp_path,
        role(
            "r",
            "managed_policies: ['arn:aws:iam::210987654321:policy/X', 'arn:aws-cn:iam::aws:policy/ReadOnlyAccess']\n",
        ),
    )
    assert codes(found) == ["RM113", "RM115"]


def test_a_name_declared_twice_is_told_with_both_places(tmp_path: Path) -> None:
    desired, found = declared(tmp_path, role("App"), role("app"), role("App"), policy("app"))
    assert said(found) == [
        (
            "RM112 manifests/m1.yaml:2:7: role/app and role/App differ only by case, which IAM ignores: "
            "the other place is manifests/m0.yaml:2:7."
        ),
        "RM112 manifests/m2.yaml:2:7: role/App is declared twice: the other place is manifests/m0.yaml:2:7.",
    ]
    assert list(desired.objects) == ["role/App", "managed_policy/app"]


def test_two_roles_in_two_accounts_may_share_a_name(tmp_path: Path) -> None:
    manifests = load(tmp_path, role("r", f"account: '{ACCOUNT}'\n"), role("r", "account: 210987654321\n"), role("mine"))
    here, found = declare(manifests, account=ACCOUNT, partition="aws", default_account=ACCOUNT)
    there, more = declare(manifests, account="210987654321", partition="aws", default_account=ACCOUNT)
    assert (found, more) == ([], [])
    assert (list(here.objects), list(there.objects)) == (["role/r", "role/mine"], ["role/r"])
    assert role_of(there).account == "210987654321"


def test_a_document_whose_account_nobody_knows_is_an_error(tmp_path: Path) -> None:
    manifests = load(tmp_path, role("r"), role("s", "account: 210987654321\n"))
    found = account_diagnostics(manifests, default_account=None, configured=["210987654321"])
    assert said(found) == ["RM113 manifests/m0.yaml:1:1: No account is named here, and none is known."]
    found = account_diagnostics(manifests, default_account=ACCOUNT)
    assert said(found) == [
        (
            "RM113 manifests/m1.yaml:4:10: Account 210987654321 is neither that of the credentials nor one that the "
            "configuration names."
        )
    ]


def test_what_is_removed_is_destroyed_unless_it_says_otherwise(tmp_path: Path) -> None:
    desired, found = declared(
        tmp_path, "kind: Removed\naddress: role/old\n---\nkind: Removed\naddress: managed_policy/p\ndestroy: false\n"
    )
    assert found == []
    assert {address: removal.destroy for address, removal in desired.removals.items()} == {
        "role/old": True,
        "managed_policy/p": False,
    }
    assert str(desired.removals["managed_policy/p"].place) == "manifests/m0.yaml:4:1"


def test_what_is_declared_cannot_be_removed_as_well(tmp_path: Path) -> None:
    _, found = declared(tmp_path, role("r"), "kind: Removed\naddress: role/R\n")
    assert said(found) == [
        "RM112 manifests/m1.yaml:2:10: role/R is declared and removed: the other place is manifests/m0.yaml:2:7."
    ]


def test_a_reviewer_is_sent_to_the_line_of_whatever_is_declared(tmp_path: Path) -> None:
    policies = f"inline_policies:\n  list: {POLICY}\nmanaged_policies:\n  - A\n  - B\n"
    text = f"# The role.\n\nkind: Role\nname: r\n{TRUST}{policies}"
    desired, _ = declared(tmp_path, text)
    declaration = desired.objects["role/r"]
    assert str(declaration.place) == "manifests/m0.yaml:3:1"
    assert declaration.manifest == "manifests/m0.yaml"
    assert str(declaration.place_of("trust")) == "manifests/m0.yaml:5:1"
    assert str(declaration.place_of("trust/0")) == "manifests/m0.yaml:5:9"
    assert str(declaration.place_of("inline_policies/list")) == "manifests/m0.yaml:7:3"
    assert str(declaration.place_of("inline_policies/list/nowhere")) == "manifests/m0.yaml:7:3"
    assert declaration.place_of("managed_policies/1").text == "  - B"
    assert declaration.place_of("tags/team") == declaration.place


def test_policies_over_the_fixed_sizes_are_errors_offline(tmp_path: Path) -> None:
    big = ", ".join(f'"arn:aws:s3:::bucket-{number:04}"' for number in range(250))
    text = f'{{Version: "2012-10-17", Statement: [{{Effect: Allow, Action: "s3:*", Resource: [{big}]}}]}}'
    manifests = load(
        tmp_path,
        role("r", f"inline_policies: {{a: {text}, b: {text}}}\n"),
        f"kind: ManagedPolicy\nname: p\npolicy: {text}\n",
    )
    assert codes(validate_offline(manifests)) == ["RC302", "RC303"]


def test_white_space_does_not_count_towards_a_size(tmp_path: Path) -> None:
    spaces = " " * 7000
    statement = f'{{Effect: Allow, Action: "s3:*", Resource: "arn:aws:s3:::a{spaces}"}}'
    text = f'{{Version: "2012-10-17", Statement: [{statement}]}}'
    assert validate_offline(load(tmp_path, f"kind: ManagedPolicy\nname: p\npolicy: {text}\n")) == []


def test_validating_offline_covers_every_account_that_is_named(tmp_path: Path) -> None:
    manifests = load(
        tmp_path, role("a", "account: 210987654321\n"), role("A", "account: 210987654321\n"), role("b"), role("B")
    )
    assert codes(validate_offline(manifests)) == ["RM112", "RM112"]


def test_validating_offline_takes_the_partition_from_the_arns(tmp_path: Path) -> None:
    entries = "trust:\n  - user: arn:aws-cn:iam::123456789012:user/bob\n  - saml: ADFS\n"
    attached = "managed_policies: ['arn:aws-cn:iam::aws:policy/ReadOnlyAccess']\n"
    manifests = load(tmp_path, f"kind: Role\nname: r\n{entries}{attached}")
    assert validate_offline(manifests) == []
    assert codes(declare(manifests, account=ACCOUNT, partition="aws", default_account=ACCOUNT)[1]) == ["RP209", "RM115"]


def test_a_role_where_only_aws_makes_roles_is_refused(tmp_path: Path) -> None:
    assert codes(validate_offline(load(tmp_path, role("r", "path: /aws-service-role/x/\n")))) == ["RC312"]


def test_the_same_folder_declares_the_same_in_the_same_order(tmp_path: Path) -> None:
    texts = [role(name) for name in ["zebra", "ant", "mole"]]
    first, _ = declared(tmp_path, *texts)
    again, _ = declared(tmp_path, *texts)
    assert list(first.objects) == list(again.objects) == ["role/zebra", "role/ant", "role/mole"]


def test_a_role_in_json_is_the_same_as_in_yaml(tmp_path: Path) -> None:
    text = '{"kind": "Role", "name": "r", "trust": [{"account": "123456789012"}], "tags": {"n": 7}}'
    root = write(tmp_path, {"r.json": text, "s.yaml": role("s", "tags: {n: 7}\n")})
    desired, found = declare(
        load_manifests(root, base=tmp_path), account=ACCOUNT, partition="aws", default_account=ACCOUNT
    )
    assert found == []
    assert role_of(desired, "r").tags == role_of(desired, "s").tags == {"n": "7"}
    assert role_of(desired, "r").trust.source == role_of(desired, "s").trust.source
