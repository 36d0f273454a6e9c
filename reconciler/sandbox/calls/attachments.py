"""Inline and attached policies: the same seven calls for users, groups and roles.

PutRolePolicy, PutUserPolicy and PutGroupPolicy differ in the kind that they name and in the quota
on the sum of the inline policies; so do the others. One description per kind gives all its calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from reconciler.sandbox import documents, views
from reconciler.sandbox.calls.handler import Handler, Result
from reconciler.sandbox.calls.policies import attachable
from reconciler.sandbox.calls.roles import editable, named
from reconciler.sandbox.calls.users import group_named, user_named
from reconciler.sandbox.errors import IamError, invalid_arn, not_found
from reconciler.sandbox.paging import page
from reconciler.sandbox.tables import Table, Tables
from reconciler.sandbox.world import Call


@dataclass(frozen=True, slots=True)
class _Kind:
    """`noun` is `Role`, `User` or `Group`, as calls and quotas spell it."""

    noun: str
    table: Callable[[Tables], Table[Any]]
    holder: Callable[[Call], Any]
    editable: Callable[[Call], Any]


def _put_inline(kind: _Kind, call: Call) -> Result:
    holder, name, text = kind.editable(call), call.text("PolicyName"), call.text("PolicyDocument")
    documents.parse_permissions(text, beyond_latin_1=call.world.switches.beyond_latin_1)
    inline = {**holder.inline, name: text}
    call.quotas.check_inline(
        f"{kind.noun}PolicySizeQuota", texts=list(inline.values()), kind=kind.noun.lower(), owner=holder.name
    )
    kind.table(call.tables).put(replace(holder, inline=inline))
    return {}


def _get_inline(kind: _Kind, call: Call) -> Result:
    holder, name = kind.holder(call), call.text("PolicyName")
    if name not in holder.inline:
        raise not_found(f"{kind.noun.lower()} policy", name)
    return {f"{kind.noun}Name": holder.name, "PolicyName": name, "PolicyDocument": holder.inline[name]}


def _delete_inline(kind: _Kind, call: Call) -> Result:
    holder, name = kind.editable(call), call.text("PolicyName")
    if name not in holder.inline:
        raise not_found(f"{kind.noun.lower()} policy", name)
    kept = {key: text for key, text in holder.inline.items() if key != name}
    kind.table(call.tables).put(replace(holder, inline=kept))
    return {}


def _list_inline(kind: _Kind, call: Call) -> Result:
    shown, more = page(call, list(kind.holder(call).inline), key=str)
    return {"PolicyNames": shown, **more}


def _attach(kind: _Kind, call: Call) -> Result:
    holder, arn = kind.editable(call), call.text("PolicyArn")
    attachable(call, arn)
    if arn in holder.attached:
        return {}
    quota = f"AttachedPoliciesPer{kind.noun}Quota"
    call.quotas.check_count(quota, held=len(holder.attached), label=f"PoliciesPer{kind.noun}")
    kind.table(call.tables).put(replace(holder, attached=(*holder.attached, arn)))
    return {}


def _detach(kind: _Kind, call: Call) -> Result:
    holder, arn = kind.editable(call), call.text("PolicyArn")
    if not arn.startswith("arn:"):
        raise invalid_arn(arn)
    if arn not in holder.attached:
        raise IamError("NoSuchEntity", f"Policy {arn} was not found.")
    kept = tuple(other for other in holder.attached if other != arn)
    kind.table(call.tables).put(replace(holder, attached=kept))
    return {}


def _list_attached(kind: _Kind, call: Call) -> Result:
    prefix = call.text("PathPrefix", "/")
    arns = [arn for arn in kind.holder(call).attached if _path(arn).startswith(prefix)]
    shown, more = page(call, arns, key=str)
    return {"AttachedPolicies": views.attached_list(shown), **more}


def _path(arn: str) -> str:
    """`/team/` of `arn:aws:iam::111122223333:policy/team/name`."""
    return "/" + arn.partition("/")[2].rpartition("/")[0] + "/" if arn.count("/") > 1 else "/"


def _calls(kind: _Kind) -> dict[str, Handler]:
    return {
        f"Put{kind.noun}Policy": lambda call: _put_inline(kind, call),
        f"Get{kind.noun}Policy": lambda call: _get_inline(kind, call),
        f"Delete{kind.noun}Policy": lambda call: _delete_inline(kind, call),
        f"List{kind.noun}Policies": lambda call: _list_inline(kind, call),
        f"Attach{kind.noun}Policy": lambda call: _attach(kind, call),
        f"Detach{kind.noun}Policy": lambda call: _detach(kind, call),
        f"ListAttached{kind.noun}Policies": lambda call: _list_attached(kind, call),
    }


HANDLERS: Final[Mapping[str, Handler]] = {
    **_calls(_Kind("User", lambda tables: tables.users, user_named, user_named)),
    **_calls(_Kind("Group", lambda tables: tables.groups, group_named, group_named)),
    **_calls(_Kind("Role", lambda tables: tables.roles, named, editable)),
}
"""By the name of the call."""
