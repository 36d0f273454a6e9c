"""TagRole, UntagRole and ListRoleTags, and the same three calls for whatever else can have tags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from reconciler.sandbox import tags
from reconciler.sandbox.calls.handler import Handler, Result
from reconciler.sandbox.tables import Table, Tables
from reconciler.sandbox.world import Call


def tag_calls(
    noun: str,
    *,
    named: Callable[[Call], Any],
    within: Callable[[Tables], Table[Any]],
    shown: Callable[[Call], Any] | None = None,
    ignore_case: bool = True,
) -> dict[str, Handler]:
    """The three calls of a kind, `noun` as their names spell it.

    `named` finds what a call is to change, `shown` what it lists, where that is more; `within` is the kind's table.
    """

    def tag(call: Call) -> Result:
        entity = named(call)
        after = tags.added(entity.tags, call.params["Tags"], call=call, ignore_case=ignore_case)
        within(call.tables).put(replace(entity, tags=after))
        return {}

    def untag(call: Call) -> Result:
        entity = named(call)
        after = tags.removed(entity.tags, call.params["TagKeys"], call=call, ignore_case=ignore_case)
        within(call.tables).put(replace(entity, tags=after))
        return {}

    def listed(call: Call) -> Result:
        return tags.listed(call, (shown or named)(call).tags)

    return {f"Tag{noun}": tag, f"Untag{noun}": untag, f"List{noun}Tags": listed}
