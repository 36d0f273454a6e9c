"""Principals come, go, come back, are renamed and moved; somebody looks, somebody applies: in any order, at any time.

The sandbox knows what each role's trust really holds: unique IDs. So it can be said at any time which of them are dead,
and, of those that were ever seen alive, whose they were. Drift must say just that, and of no other. No bare apply ever
lets a stranger in under a name that somebody else was trusted by, and after a review nothing is left to mend but what
waits for a principal that is not there.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from reconciler.model.principal import Standing
from reconciler.sandbox.errors import IamError
from tests.scenarios.house import House, arn, trusting

USERS = ("ann", "ben", "cat")
ROLES = ("xen", "yak")
MANAGED = {"one": ("user/ann", "user/ben"), "two": ("role/xen", "user/ann"), "three": ("role/made",)}
UNIQUE_ID = re.compile("(?:AIDA|AROA)[A-Z0-9]{12,}")
TRUSTED = st.sampled_from([f"user/{name}" for name in USERS] + [f"role/{name}" for name in (*ROLES, "made")])


def manifest(name: str, principals: tuple[str, ...]) -> str:
    entries = [f"  - {kind}: {arn(kind, rest)}" for kind, _, rest in (one.partition("/") for one in principals)]
    return "\n".join([f"kind: Role\nname: {name}\ntrust:", *(entries or ["  - service: ec2.amazonaws.com"]), ""])


class Comings(RuleBasedStateMachine):
    """An account in which anything may happen to those who are trusted."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.house = House(Path(self.folder.name))
        self.seen: dict[str, str] = {}
        self.bound: dict[tuple[str, str], str] = {}
        for name in USERS:
            self.house.account.create_user(name)
        for name in ROLES:
            self.house.account.create_role(name)
        self.house.account.create_role("wild", trust=trusting(arn("user", "ann"), arn("role", "yak")))
        self.house.write("made.yaml", manifest("made", ()))
        for name, principals in MANAGED.items():
            self.house.write(f"{name}.yaml", manifest(name, principals))
        self.apply_after_a_review()

    def teardown(self) -> None:
        self.folder.cleanup()

    # What is so, by the sandbox's own books

    def living(self) -> dict[str, str]:
        """Return the ARN of each living user and role by unique ID."""
        account = self.house.account
        users = {user.user_id: account.user_arn(user.name) for user in account.state.tables.users}
        return users | {role.role_id: account.role_arn(role.name) for role in account.state.tables.roles}

    def stored(self) -> dict[str, set[str]]:
        """Return the unique IDs that each role's trust holds."""
        roles = self.house.account.state.tables.roles
        return {role.name: set(UNIQUE_ID.findall(json.dumps(role.trust))) for role in roles}

    def dead(self) -> set[tuple[str, str]]:
        living = self.living()
        return {(f"role/{name}", one) for name, ids in self.stored().items() for one in ids if one not in living}

    def somebody_looked(self) -> None:
        self.seen |= self.living()
        self.house.pass_time()

    def bindings(self) -> dict[tuple[str, str], str]:
        """Return the ID that each managed role trusts under each name."""
        living, stored = self.living(), self.stored()
        return {(name, living[one]): one for name in MANAGED for one in stored.get(name, ()) if one in living}

    # What happens

    def attempt(self, action: Callable[..., object], *args: object, **kwargs: object) -> None:
        """Do something that IAM may refuse in this state of things."""
        try:
            action(*args, **kwargs)
        except IamError as refusal:
            assert refusal.code in {"NoSuchEntity", "EntityAlreadyExists", "MalformedPolicyDocument"}  # noqa: PT017

    @rule(name=st.sampled_from(USERS))
    def delete_user(self, name: str) -> None:
        self.attempt(self.house.account.delete_user, name)

    @rule(name=st.sampled_from(USERS))
    def create_user(self, name: str) -> None:
        self.attempt(self.house.account.create_user, name)

    @rule(name=st.sampled_from(USERS))
    def recreate_user(self, name: str) -> None:
        self.attempt(self.house.account.recreate_user, name)

    @rule(old=st.sampled_from(USERS), new=st.sampled_from((*USERS, "dan")))
    def rename_user(self, old: str, new: str) -> None:
        self.attempt(self.house.account.rename_user, old, new_name=new)

    @rule(name=st.sampled_from(USERS), path=st.sampled_from(("/", "/staff/")))
    def move_user(self, name: str, path: str) -> None:
        self.attempt(self.house.account.rename_user, name, new_path=path)

    @rule(name=st.sampled_from((*ROLES, *MANAGED, "made")))
    def delete_role(self, name: str) -> None:
        self.attempt(self.house.account.delete_role, name)

    @rule(name=st.sampled_from(ROLES))
    def create_role(self, name: str) -> None:
        self.attempt(self.house.account.create_role, name)

    @rule(name=st.sampled_from((*ROLES, *MANAGED, "made")))
    def recreate_role(self, name: str) -> None:
        self.attempt(self.house.account.recreate_role, name)

    @rule(name=st.sampled_from((*MANAGED, "wild")), principals=st.lists(TRUSTED, min_size=1, max_size=3))
    def trust_by_hand(self, name: str, principals: list[str]) -> None:
        document = trusting(*(f"arn:aws:iam::111122223333:{one}" for one in principals))
        self.attempt(self.house.account.put_trust, name, document)

    @rule()
    def pass_time(self) -> None:
        self.house.pass_time()

    # Who looks, and who applies

    @rule()
    def look(self) -> None:
        expected, living = self.dead(), self.living()
        self.somebody_looked()
        report = self.house.drift()
        found = {(one.address, str(one.principal_id)): one for one in report.findings if one.standing in DEAD}
        assert set(found) == expected
        for (_, unique), one in found.items():
            if unique not in self.seen:
                assert one.standing in {Standing.UNKNOWN, Standing.INFERRED}
                assert one.last_known_arn is None
                continue
            assert one.last_known_arn == self.seen[unique]
            lives_again = self.seen[unique] in living.values()
            assert one.standing is (Standing.RECREATED if lives_again else Standing.DELETED)

    @rule()
    def apply_bare(self) -> None:
        before = self.bindings()
        self.house.apply()
        self.somebody_looked()
        own = {owned.id for owned in self.house.memory.objects.values() if owned.origin == "created"}
        for place, unique in self.bindings().items():
            stranger = place in self.bound and unique != self.bound[place]
            assert not stranger or unique in own or before.get(place) == unique, place
        self.bound |= self.bindings()

    @rule()
    def apply_after_a_review(self) -> None:
        result = self.house.apply(reviewed=True)
        assert result.is_complete, result.outcomes
        self.somebody_looked()
        self.bound |= self.bindings()
        plan = self.house.plan()
        waiting = {found.address for found in plan.blockers}
        assert not plan.changes
        report = self.house.drift()
        assert {found.address for found in report.counted if found.managed} <= waiting


DEAD = {Standing.RECREATED, Standing.DELETED, Standing.UNKNOWN, Standing.INFERRED}


# An example is dear: it takes its share of the profile.
Comings.TestCase.settings = settings(
    max_examples=max(settings().max_examples // 20, 2), stateful_step_count=15, deadline=None
)
TestComings = Comings.TestCase
