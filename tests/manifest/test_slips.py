"""The likeliest slips of the pen: what the author is told, where, and what to write instead."""

from pathlib import Path

import pytest

from reconciler.manifest import validate_offline
from tests.manifest.support import load

NAMED = "kind: Role\nname: r\n"
ROLE = f'{NAMED}trust: [{{account: "123456789012"}}]\n'
POLICY = "kind: ManagedPolicy\nname: P\n"


def statement(more: str) -> str:
    return f"{POLICY}policy: {{Version: 2012-10-17, Statement: {{{more}}}}}\n"


@pytest.mark.parametrize(
    ("text", "place", "message", "remedy"),
    [
        ("kind: Role\nname r\npath: /\n", "2:1", "A colon is missing", "with a space after the colon"),
        ("kind:Role\nname:r\n", "1:1", "A manifest is a mapping", "Put a space after each colon"),
        ("kind: Role\nname:r\npath: /\n", "2:1", "A colon is missing", "with a space after the colon"),
        (f"{ROLE}path:\u00a0/a/\n", "4:6", "U+00A0", "Replace it with a space."),
        (f"{ROLE}tags:\n\ta: b\n", "5:1", "A tab indents", None),
        (f"{ROLE}tags: {{a: *}}\n", "4:11", "A bare * begins an alias", 'Put it in quotes: "*".'),
        (f"{ROLE}tags: {{a: @b}}\n", "4:11", "does not begin with this", "in quotes"),
        (f"{ROLE}description: Lets users: do\n", "4:24", "A text with a colon", "in quotes"),
        (f"{NAMED}trust:\n  - user: a\n   sid: A\n", "5:4", "does not stand in line", "begin in one column"),
        (f"{NAMED}trust:\n  - user: a\n     sid: A\n", "5:9", "does not stand in line", "begin in one column"),
        ('kind: Role\nname: "r\n', "2:7", "This quote is never closed.", "Close it"),
        (f"{NAMED}trust: [{{user: a}}\npath: /\n", "4:1", "the list that begins in line 3", "Close the list"),
        (f"{NAMED}trust: [{{user: a sid: b}}]\n", "3:21", "the mapping that begins in line 3", "Close the mapping"),
        (f'{ROLE}description: "a" b\n', "4:18", "Something follows", "all of the value in quotes"),
        ("kind: role\nname: r\ntrust: [{user: a}]\n", "1:7", "role is not a kind", "Did you mean Role?"),
        ("kind: AWS::IAM::Role\nname: r\ntrust: [{user: a}]\n", "1:7", "is not a kind", "Did you mean Role?"),
        ("name: r\ntrust: [{user: a}]\n", "1:1", "`kind` is missing", "Write kind: Role."),
        ("Version: 2012-10-17\nStatement: []\n", "1:1", "`kind` is missing", "under `policy` of kind ManagedPolicy"),
        ("- kind: Role\n  name: r\n", "1:1", "not a list", "lines of ---"),
        (f"{NAMED}principal: [{{user: a}}]\n", "3:1", "`principal` is not a key", "Did you mean trust?"),
        (f"{NAMED}trust:\n  user: alice\n", "4:3", "`trust` is a list", "Put a dash before the entry"),
        (f"{NAMED}trust: alice\n", "3:8", "`trust` is a list", "Write - {user: alice} or - {role: alice}."),
        (f"{NAMED}trust: [ec2.amazonaws.com]\n", "3:9", "is a mapping", "Write {service: ec2.amazonaws.com}."),
        (f"{NAMED}trust: [{{group: devs}}]\n", "3:10", "`group` is not a key", "A group is no principal"),
        (f"{NAMED}trust: [{{account: 12345678901}}]\n", "3:19", "not an account ID", 'Write "012345678901"'),
        (f"{NAMED}trust: [{{account: 1234-5678-9012}}]\n", "3:19", "not an account ID", 'Write "123456789012".'),
        (
            f"{NAMED}trust: [{{account: 'arn:aws:iam::123456789012:root'}}]\n",
            "3:19",
            "not an account ID",
            'Write "123456789012".',
        ),
        (
            f"{NAMED}trust: [{{user: 'arn:aws:iam::123456789012:root'}}]\n",
            "3:16",
            "not the ARN of a user",
            'Write {account: "123456789012"}.',
        ),
        (
            f"{NAMED}trust: [{{user: 'arn:aws:iam::123456789012:role/r'}}]\n",
            "3:16",
            "not the ARN of a user",
            'Write {role: "arn:aws:iam::123456789012:role/r"}.',
        ),
        (
            f"{NAMED}trust: [{{role: 'arn:aws:sts::123456789012:assumed-role/ci/s'}}]\n",
            "3:16",
            "not the ARN of a role",
            '"arn:aws:iam::123456789012:role/ci"',
        ),
        (f"{NAMED}trust: [{{service: ec2}}]\n", "3:19", "is not a service", "Did you mean ec2.amazonaws.com?"),
        (f"{NAMED}trust: [{{user: a, sid: Let me in}}]\n", "3:24", "A Sid has letters", "Write LetMeIn."),
        (f"{NAMED}trust: [{{user: a, require_mfa: yes}}]\n", "3:32", "true or false", "Only true and false"),
        (f"{ROLE}name: s\n", "4:1", "name is given twice", "Keep one of the two."),
        ("kind: Role\nname: my role\ntrust: [{user: a}]\n", "2:7", "is not a name", "Write my-role, for instance."),
        (f"{ROLE}max_session_duration: 12\n", "4:23", "between 3600 and 43200", "12 hours are 43200."),
        (f"{ROLE}max_session_duration: 1h\n", "4:23", "is a whole number", "without a unit"),
        (
            f"{ROLE}managed_policy: [P, 'a b']\n",
            "4:1",
            "`managed_policy` is not a key",
            "Did you mean managed_policies?",
        ),
        (f"{ROLE}managed_policies: [{{name: P}}]\n", "4:20", "is text, not a mapping", "by itself"),
        (
            f"{ROLE}managed_policies: [service-role/P]\n",
            "4:20",
            "is not the ARN",
            "arn:aws:iam::aws:policy/service-role/P",
        ),
        (
            f"{ROLE}managed_policies: ['arn:aws:iam::111122223333:role/P']\n",
            "4:20",
            "is not the ARN of a managed policy",
            "arn:aws:iam::111122223333:policy/P",
        ),
        (f"{ROLE}tags: [{{Key: a, Value: b}}]\n", "4:7", "`tags` is a mapping", "KEY: VALUE"),
        (f"{ROLE}inline_policies: [{{a: b}}]\n", "4:18", "is a mapping", "NAME: DOCUMENT"),
        (f"{POLICY}policy: '{{}}'\n", "3:9", "`policy` is a mapping", "JSON is YAML too"),
        (
            f"{POLICY}policy: {{Effect: Allow, Action: '*', Resource: '*'}}\n",
            "3:9",
            "This is a statement",
            "Statement:",
        ),
        (statement("Effect: allow, Action: '*', Resource: '*'"), "3:51", "Allow or Deny", "Did you mean Allow?"),
        (statement("Effect: Allow, Action: ListBucket, Resource: '*'"), "3:66", "not an action", "s3:ListBucket"),
        (statement("Effect: Allow, Action: '*', Resource: bucket"), "3:81", "not a resource", "arn:aws:s3:::"),
        (
            statement("Effect: Allow, Action: '*', Resource: '*', Condition: {StringEqual: {a: b}}"),
            "3:98",
            "StringEqual is not a condition operator",
            "Did you mean StringEquals?",
        ),
        (
            statement("Effect: Allow, Action: '*', Resource: '*', Condition: {Bool: {a: yes}}"),
            "3:108",
            "true or false",
            'Write "true".',
        ),
        (
            f"{POLICY}policy: {{Version: 2024-01-01, Statement: {{Effect: Allow, Action: '*', Resource: '*'}}}}\n",
            "3:19",
            "never a date",
            'Write Version: "2012-10-17".',
        ),
        (
            statement("Effect: Allow, Action: '*', Resource: '*', Principal: '*'"),
            "3:86",
            "has no `Principal`",
            "`trust` says who may assume a role",
        ),
        (
            f"{NAMED}trust: [{{statement: {{Effect: Allow, Principal: {{AWS: '123456789012'}}, Action: 'sts:*'}}}}]\n",
            "3:79",
            "not sts:*",
            "sts:AssumeRole",
        ),
        (
            f"{NAMED}trust: [{{statement: {{Effect: Allow, Principal: {{AWS: '123456789012'}}, Resource: '*'}}}}]\n",
            "3:71",
            "has no `Resource`",
            "the role itself",
        ),
    ],
)
def test_a_slip_of_the_pen_is_told_with_what_to_write_instead(
    tmp_path: Path, text: str, place: str, message: str, remedy: str | None
) -> None:
    (found,) = [one for one in validate_offline(load(tmp_path, text)) if message in one.message]
    assert str(found.place) == f"manifests/m0.yaml:{place}"
    assert (found.help is None) if remedy is None else (remedy in (found.help or ""))


def test_a_name_of_a_text_that_is_no_name_in_any_way_has_no_remedy(tmp_path: Path) -> None:
    (found,) = validate_offline(load(tmp_path, ROLE.replace("name: r", "name: '???'")))
    assert found.help is None


def test_a_version_that_yaml_would_make_a_date_is_taken_as_it_stands(tmp_path: Path) -> None:
    assert validate_offline(load(tmp_path, statement("Effect: Allow, Action: '*', Resource: '*'"))) == []
