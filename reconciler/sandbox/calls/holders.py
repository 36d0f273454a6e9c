"""What is the same for all who hold policies: the calls about their boundary, and what a delete asks first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from reconciler.sandbox.calls.handler import Handler, Result
from reconciler.sandbox.calls.policies import check_boundary
from reconciler.sandbox.entities import Group, Role, User
from reconciler.sandbox.errors import IamError
from reconciler.sandbox.tables import Table, Tables
from reconciler.sandbox.world import Call


def boundary_calls(
    noun: str, *, named: Callable[[Call], Any], within: Callable[[Tables], Table[Any]]
) -> dict[str, Handler]:
    """PutRolePermissionsBoundary and its counterpart.

    `noun` is Role or User, `named` finds the one that a call is to change, `within` is the kind's table.
    """

    def put(call: Call) -> Result:
        holder, boundary = named(call), call.text("PermissionsBoundary")
        check_boundary(call, boundary)
        within(call.tables).put(replace(holder, boundary=boundary))
        return {}

    def delete(call: Call) -> Result:
        holder = named(call)
        if holder.boundary is None and not call.world.switches.absent_boundary_ok:
            text = f"The {noun.lower()} with name {holder.name} has no permissions boundary."
            raise IamError("NoSuchEntity", text)
        within(call.tables).put(replace(holder, boundary=None))
        return {}

    return {f"Put{noun}PermissionsBoundary": put, f"Delete{noun}PermissionsBoundary": delete}


def check_bare(holder: User | Group | Role) -> None:
    """DeleteConflict while policies hang on it."""
    if holder.attached:
        raise IamError("DeleteConflict", "Cannot delete entity, must detach all policies first.")
    if holder.inline:
        raise IamError("DeleteConflict", "Cannot delete entity, must delete policies first.")
