"""Becoming a role by the word of an identity provider: AssumeRoleWithWebIdentity and AssumeRoleWithSAML.

Neither call is signed; the proof in it says who asks. Proof first, then, with enforcement on, the role's trust
policy (`authority`), which conditions ask about what the proof says; then a session, for as long as role and
provider let it. A role that is not there is refused in the same words as one that does not trust.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.sandbox.calls import saml_assertion, sts, web_identity
from reconciler.sandbox.calls.federated import ProviderSession
from reconciler.sandbox.calls.handler import Handler, Result
from reconciler.sandbox.calls.proof import Proof, not_authorised
from reconciler.sandbox.entities import Role
from reconciler.sandbox.world import AccountState, Call


def asked(call: Call) -> tuple[AccountState, Role, Proof]:
    """The role that is asked for, its account, and who asks; IamError as STS refuses it."""
    owner, role = sts.role_named(call) or (None, None)
    if owner is None or role is None:
        raise not_authorised(call.name)
    read = saml_assertion.read if call.name == "AssumeRoleWithSAML" else web_identity.read
    return owner, role, read(call, owner)


def _assume(call: Call) -> Result:
    owner, role, proof = asked(call)
    seconds = call.params.get("DurationSeconds", sts.HOUR)
    sts.check_duration(role, seconds)
    caller = ProviderSession(
        account_id=owner.account_id,
        role_id=role.role_id,
        role_name=role.name,
        session_name=proof.session_name,
        policies=sts.session_policies(call, owner),
        tags=tuple(proof.tags.items()),
        keys=tuple(proof.kept.items()),
    )
    lasting = seconds if proof.longest is None else min(seconds, proof.longest)
    return {
        **sts.open_session(call, role, caller, seconds=lasting),
        **proof.answer,
        "SourceIdentity": proof.source_identity,
    }


HANDLERS: Final[Mapping[str, Handler]] = {
    "AssumeRoleWithSAML": _assume,
    "AssumeRoleWithWebIdentity": _assume,
}
"""By the name of the call."""
