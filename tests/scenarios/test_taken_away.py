"""Permissions are declared, given and taken away by anybody, in any order; somebody applies, bare or after a review.

What a responder took away, of all that was given by the last apply, no bare apply gives back, by whatever policy: until
a review, until the manifests say the same, or until somebody gives it back by hand. Where nobody did anything by hand
nothing waits.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from reconciler.sandbox.errors import IamError
from tests.scenarios.house import House, allow, arn, held

ACTIONS = ("s3:GetObject", "s3:PutObject", "s3:ListBucket")
INLINE = ("one", "two")
ATTACHED = {"Gets": ("s3:GetObject",), "Rest": ("s3:PutObject", "s3:ListBucket")}
SOME = st.sets(st.sampled_from(ACTIONS), min_size=1).map(sorted)


def document(actions: list[str]) -> dict[str, object]:
    return {**allow(""), "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}


class Permissions(RuleBasedStateMachine):
    """A role with two inline policies and two that can be attached."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.house = House(Path(self.folder.name))
        for name, actions in ATTACHED.items():
            self.house.account.create_policy(name, document(list(actions)))
        self.inline: dict[str, list[str]] = {"one": ["s3:GetObject", "s3:PutObject"]}
        self.attached: set[str] = {"Rest"}
        self.taken: set[str] = set()
        self.given: set[str] = set()
        self.by_hand = False
        self.apply_after_a_review()

    def teardown(self) -> None:
        self.folder.cleanup()

    # What is so

    def declared(self) -> set[str]:
        return {action for actions in self.inline.values() for action in actions} | {
            action for name in self.attached for action in ATTACHED[name]
        }

    def allowed(self) -> set[str]:
        """Return what the role may do, by the sandbox's own books."""
        role = self.house.account.state.tables.roles.get("worker")
        statements = [each for policy in role.inline.values() for each in json.loads(str(policy))["Statement"]]
        inline = {action for each in statements for action in each["Action"]}
        return inline | {action for each in role.attached for action in ATTACHED[each.rpartition("/")[2]]}

    def write(self) -> None:
        manifest = {
            "kind": "Role",
            "name": "worker",
            "trust": [{"service": "ec2.amazonaws.com"}],
            "managed_policies": [arn("policy", name) for name in sorted(self.attached)],
            "inline_policies": {name: document(actions) for name, actions in self.inline.items()},
        }
        self.house.write("worker.yaml", json.dumps(manifest))

    # Who declares

    @rule(name=st.sampled_from(INLINE), actions=st.none() | SOME)
    def declare_inline(self, name: str, actions: list[str] | None) -> None:
        self.inline.pop(name, None)
        if actions:
            self.inline[name] = actions

    @rule(name=st.sampled_from(INLINE), other=st.sampled_from(INLINE))
    def declare_another_name(self, name: str, other: str) -> None:
        if name in self.inline:
            self.inline[other] = self.inline.pop(name)

    @rule(names=st.sets(st.sampled_from(sorted(ATTACHED))))
    def declare_attached(self, names: set[str]) -> None:
        self.attached = names

    # Who does it by hand

    def do(self, action: Callable[..., object], *args: object) -> None:
        before = self.allowed()
        try:
            action(*args)
        except IamError as refusal:
            assert refusal.code == "NoSuchEntity"  # noqa: PT017
            return
        after = self.allowed()
        self.by_hand = True
        self.taken = (self.taken | ((before - after) & self.given)) - after

    @rule(name=st.sampled_from(INLINE), actions=SOME)
    def put_by_hand(self, name: str, actions: list[str]) -> None:
        self.do(self.house.account.put_role_policy, "worker", name, document(actions))

    @rule(name=st.sampled_from(INLINE))
    def delete_by_hand(self, name: str) -> None:
        self.do(self.house.account.delete_role_policy, "worker", name)

    @rule(name=st.sampled_from(sorted(ATTACHED)))
    def attach_by_hand(self, name: str) -> None:
        self.do(self.house.account.attach_role_policy, "worker", arn("policy", name))

    @rule(name=st.sampled_from(sorted(ATTACHED)))
    def detach_by_hand(self, name: str) -> None:
        self.do(self.house.account.detach_role_policy, "worker", arn("policy", name))

    # Who applies

    @rule()
    def apply_bare(self) -> None:
        self.write()
        waiting = held(self.house.apply())
        assert not self.allowed() & self.taken
        assert self.by_hand or not waiting
        assert waiting or self.allowed() == self.declared()
        self.by_hand = bool(waiting)
        self.taken &= self.declared()
        self.given = self.allowed()

    @rule()
    def apply_after_a_review(self) -> None:
        self.write()
        result = self.house.apply(reviewed=True)
        assert result.is_complete, result.outcomes
        assert self.allowed() == self.declared()
        assert not self.house.plan().changes
        self.taken, self.given, self.by_hand = set(), self.allowed(), False


# An example is dear: it takes its share of the profile.
Permissions.TestCase.settings = settings(
    max_examples=max(settings().max_examples // 20, 2), stateful_step_count=12, deadline=None
)
TestPermissions = Permissions.TestCase
