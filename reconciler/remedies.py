"""What to do about a dead ID, in a sentence that can be carried out as it stands.

It depends on what an apply would do at this moment: what it makes anew, and what a person has to approve first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from reconciler.compare import Moved
from reconciler.diff import Decision
from reconciler.model.arn import Arn, parse_arn
from reconciler.model.change import ALWAYS_HELD, Approval
from reconciler.model.principal import parse_principal
from reconciler.model.role import Role
from reconciler.trust import DeadId
from reconciler.world import Case, World

_MAKING = frozenset({Decision.CREATE, Decision.CREATE_AGAIN, Decision.REPLACE})
_RE_TRUST = frozenset({Approval.RE_TRUST})


@dataclass
class Ahead:
    """What an apply would do: the ARNs that it makes, and what a person has to approve about a live role's trust."""

    made: set[str] = field(default_factory=set)
    waiting: dict[str, frozenset[Approval]] = field(default_factory=dict)

    def note(self, case: Case, decision: Decision, moved: Iterable[Moved]) -> None:
        """Take note of what would happen to one object."""
        if case.declaration is not None and decision in _MAKING:
            self.made.add(case.declaration.value.arn)
        for found in moved:
            if found.trust is not None and case.live is not None:
                self.waiting[case.live.address] = found.approvals & ALWAYS_HELD


def remedy_of_orphan(dead: DeadId, role: Role, world: World, ahead: Ahead) -> str:
    """Return what to do about a dead ID in the trust of a live role."""
    if role.is_reserved:
        return "Only AWS can change this role."
    if not world.manages(role.address):
        return "Send the trust policy again with the ARN that is meant, or without the ID; or declare the role."
    arn = parse_arn(dead.arn or "")
    if arn is not None and _is_declared(arn, dead.place.effect, role, world):
        if str(arn) not in world.index.id_by_arn:
            return _remedy_of_absence(arn, role, world, ahead, guards=dead.place.effect == "Deny")
        if dead.place.effect == "Deny" and Approval.ADOPT not in ahead.waiting.get(role.address, ()):
            return "Run `reconciler apply`: a Deny is bound again without question."
    kinds = ahead.waiting.get(role.address, frozenset())
    return f"Look at `reconciler plan`, then `{command_to_apply(role.address, kinds)}`."


def _remedy_of_absence(arn: Arn, role: Role, world: World, ahead: Ahead, *, guards: bool) -> str:
    """Return what to do where nothing has the ARN that is declared, as far as it is known."""
    if str(arn) in ahead.made:
        return f"`reconciler apply` makes {arn} again, and then binds this trust anew."
    if world.index.reaches(arn):
        return "Take it out of the manifest if it is declared, then `reconciler apply`; the dead ID goes with it."
    kinds = frozenset() if guards else ahead.waiting.get(role.address, _RE_TRUST)
    return (
        f"Find out in account {arn.account} whether it was made again: then"
        f" `{command_to_apply(role.address, kinds)}` trusts it again. If not, take it out of the manifest, and apply."
    )


def _is_declared(arn: Arn, effect: str, role: Role, world: World) -> bool:
    """Tell whether a role is declared to let a user or role in, or to guard against him, under this ARN."""
    declaration = world.desired.objects.get(role.address)
    return (
        declaration is not None
        and isinstance(declaration.value, Role)
        and any(
            place.effect == effect and world.index.entity_of(parse_principal(place.key, place.value)) == arn
            for place in declaration.value.trust.principals()
        )
    )


def command_to_apply(address: str, kinds: frozenset[Approval]) -> str:
    """Return the command that does what waits for these approvals of an object."""
    named = "".join(f" --approve {kind}:{address}" for kind in Approval if kind in kinds)
    return f"reconciler apply --auto-approve{named}" if named else "reconciler apply"
