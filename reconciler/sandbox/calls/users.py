"""Calls about users and groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from reconciler.sandbox import tags, views
from reconciler.sandbox.callers import UserCaller
from reconciler.sandbox.calls.handler import Handler, Result
from reconciler.sandbox.calls.holders import boundary_calls, check_bare
from reconciler.sandbox.calls.policies import check_boundary
from reconciler.sandbox.calls.tagging import tag_calls
from reconciler.sandbox.entities import Group, User
from reconciler.sandbox.errors import IamError
from reconciler.sandbox.paging import page
from reconciler.sandbox.world import Call

_REFERENCED: Final = "Cannot delete entity, must remove referenced objects first."


def user_named(call: Call) -> User:
    """The user that the call names."""
    return call.tables.users.get(call.text("UserName"))


def user_meant(call: Call) -> User:
    """The user that the call names; where it names none, the one that makes it."""
    if "UserName" in call.params:
        return user_named(call)
    caller = call.caller
    found = call.tables.users.by_key(caller.user_id) if isinstance(caller, UserCaller) else None
    if found is None:
        raise IamError("ValidationError", "Must specify userName when calling with non-User credentials")
    return found


def group_named(call: Call) -> Group:
    """The group that the call names."""
    return call.tables.groups.get(call.text("GroupName"))


def members(call: Call, group: Group) -> list[User]:
    """The users in a group."""
    return [user for user in call.tables.users if group.group_id in user.groups]


def _create_user(call: Call) -> Result:
    name = call.text("UserName")
    call.tables.users.check_free(name)
    call.quotas.check_count("UsersQuota", held=len(call.tables.users), label="UsersPerAccount")
    boundary = call.maybe("PermissionsBoundary")
    check_boundary(call, boundary)
    user = User(
        user_id=call.world.new_id("AIDA", call.account),
        name=name,
        path=call.text("Path", "/"),
        created=call.now,
        boundary=boundary,
        tags=tags.added((), call.params.get("Tags", ()), call=call, ignore_case=True),
    )
    call.tables.users.add(user)
    return {"User": views.user_got(user, call.account)}


def _get_user(call: Call) -> Result:
    return {"User": views.user_got(user_meant(call), call.account)}


def _list_users(call: Call) -> Result:
    prefix = call.text("PathPrefix", "/")
    users = [user for user in call.tables.users if user.path.startswith(prefix)]
    shown, more = page(call, users, key=lambda user: user.name)
    return {"Users": [views.user_listed(user, call.account) for user in shown], **more}


def _update_user(call: Call) -> Result:
    user = user_named(call)
    name, path = call.text("NewUserName", user.name), call.text("NewPath", user.path)
    call.tables.users.rename(user, replace(user, name=name, path=path))
    return {}


def _delete_user(call: Call) -> Result:
    user = user_named(call)
    check_bare(user)
    if user.groups or call.world.keys_of(user) or call.account.leftovers.belongings(user):
        raise IamError("DeleteConflict", _REFERENCED)
    call.tables.users.remove(user)
    return {}


# --- groups ------------------------------------------------------------------------------------


def _create_group(call: Call) -> Result:
    name = call.text("GroupName")
    call.tables.groups.check_free(name)
    call.quotas.check_count("GroupsQuota", held=len(call.tables.groups), label="GroupsPerAccount")
    group = Group(
        group_id=call.world.new_id("AGPA", call.account),
        name=name,
        path=call.text("Path", "/"),
        created=call.now,
    )
    call.tables.groups.add(group)
    return {"Group": views.group_listed(group, call.account)}


def _get_group(call: Call) -> Result:
    group = group_named(call)
    shown, more = page(call, members(call, group), key=lambda user: user.name)
    users = [views.user_listed(user, call.account) for user in shown]
    return {"Group": views.group_listed(group, call.account), "Users": users, **more}


def _list_groups(call: Call) -> Result:
    prefix = call.text("PathPrefix", "/")
    groups = [group for group in call.tables.groups if group.path.startswith(prefix)]
    shown, more = page(call, groups, key=lambda group: group.name)
    return {"Groups": [views.group_listed(group, call.account) for group in shown], **more}


def _list_groups_for_user(call: Call) -> Result:
    groups = [group for group in map(call.tables.groups.by_key, user_named(call).groups) if group]
    shown, more = page(call, groups, key=lambda group: group.name)
    return {"Groups": [views.group_listed(group, call.account) for group in shown], **more}


def _update_group(call: Call) -> Result:
    group = group_named(call)
    name, path = call.text("NewGroupName", group.name), call.text("NewPath", group.path)
    call.tables.groups.rename(group, replace(group, name=name, path=path))
    return {}


def _delete_group(call: Call) -> Result:
    group = group_named(call)
    if members(call, group):
        raise IamError("DeleteConflict", "Cannot delete entity, must remove users from group first.")
    check_bare(group)
    call.tables.groups.remove(group)
    return {}


def _add_user_to_group(call: Call) -> Result:
    group, user = group_named(call), user_named(call)
    if group.group_id not in user.groups:
        call.quotas.check_count("GroupsPerUserQuota", held=len(user.groups))
        call.tables.users.put(replace(user, groups=(*user.groups, group.group_id)))
    return {}


def _remove_user_from_group(call: Call) -> Result:
    group, user = group_named(call), user_named(call)
    kept = tuple(group_id for group_id in user.groups if group_id != group.group_id)
    call.tables.users.put(replace(user, groups=kept))
    return {}


HANDLERS: Final[Mapping[str, Handler]] = {
    "CreateUser": _create_user,
    "GetUser": _get_user,
    "ListUsers": _list_users,
    "UpdateUser": _update_user,
    "DeleteUser": _delete_user,
    **boundary_calls("User", named=user_named, within=lambda tables: tables.users),
    **tag_calls("User", named=user_named, within=lambda tables: tables.users),
    "CreateGroup": _create_group,
    "GetGroup": _get_group,
    "ListGroups": _list_groups,
    "ListGroupsForUser": _list_groups_for_user,
    "UpdateGroup": _update_group,
    "DeleteGroup": _delete_group,
    "AddUserToGroup": _add_user_to_group,
    "RemoveUserFromGroup": _remove_user_from_group,
}
"""By the name of the call."""
