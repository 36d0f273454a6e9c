"""The calls of IAM and STS, one module per kind of thing that they are about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.sandbox.calls import (
    account,
    attachments,
    federation,
    keys,
    leftovers,
    policies,
    profiles,
    providers,
    roles,
    simulation,
    sts,
    templates,
    users,
)
from reconciler.sandbox.calls.handler import Handler

HANDLERS: Final[Mapping[str, Mapping[str, Handler]]] = {
    "iam": {
        **account.HANDLERS,
        **attachments.HANDLERS,
        **keys.HANDLERS,
        **leftovers.HANDLERS,
        **policies.HANDLERS,
        **profiles.HANDLERS,
        **providers.HANDLERS,
        **roles.HANDLERS,
        **simulation.HANDLERS,
        **templates.HANDLERS,
        **users.HANDLERS,
    },
    "sts": {**federation.HANDLERS, **sts.HANDLERS},
}
"""Handlers by service and name of the call."""
