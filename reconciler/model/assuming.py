"""What of a document lets its holder assume roles: the link in a chain from one role to the next.

Whoever may assume a role can do what that role can, and so assume the next one. A change of one role's permissions
therefore bears on another role wherever it moves `sts:AssumeRole` and what goes with it (STS API Reference, AssumeRole;
IAM User Guide, id_session-tags). Everything else in a document is cut away here, so that what remains can be compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.model.pattern import pattern_covers, sealed, unsealed
from reconciler.model.policy import PolicyDocument, listed, text_of

_CALLS = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity", "sts:SetContext")


def assuming_part(document: PolicyDocument | None) -> PolicyDocument | None:
    """Return the document less all that has nothing to do with assuming roles; one not understood as it is."""
    if document is None or not document.understood or not isinstance(document.source, Mapping):
        return document
    statements = list(_assuming_statements(document))
    return PolicyDocument({**document.source, "Statement": statements}) if statements else None


def assumable(document: PolicyDocument | None) -> frozenset[str]:
    """Return the patterns of the roles that the document lets its holder assume, or keeps him from assuming."""
    if document is None:
        return frozenset()
    if not document.understood:
        return frozenset({"*"})
    return frozenset(
        text_of(value)
        for statement in _assuming_statements(document)
        for value in listed(statement.get("Resource", "*"))
    )


def names_role(patterns: frozenset[str], arn: str) -> bool:
    """Tell whether one of the patterns may mean the role; a variable may stand for anything."""
    return any(pattern_covers(unsealed(sealed(pattern)), arn) for pattern in patterns)


def _assuming_statements(document: PolicyDocument) -> Iterator[Mapping[str, Any]]:
    for statement in document.raw_statements:
        calls = [call for call in _CALLS if _speaks_of(statement, call)]
        if calls:
            rest = {key: value for key, value in statement.items() if key not in {"Action", "NotAction"}}
            yield {**rest, "Action": calls}


def _speaks_of(statement: Mapping[str, Any], call: str) -> bool:
    negated = "NotAction" in statement
    patterns = listed(statement["NotAction"] if negated else statement.get("Action", "*"))
    return negated is not any(pattern_covers(text_of(pattern).lower(), call.lower()) for pattern in patterns)
