"""Calls about users and groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from reconciler.sandbox import tags, views
from reconciler.sandbox.callers import UserCaller
from reconciler.sandbox.calls.handler import Handler, Result
from reconciler.sandbox.calls.policies import check_boundary
from reconciler.sandbox.entities import Group, User
from reconciler.sandbox.errors import IamError
from reconciler.sandbox.paging import page
from reconciler.sandbox.world import Call

_REFERENCED: Final = "Cannot delete entity, must remove referenced objects first."


def _user(call: Call) -> User:
    return call.tables.users.get(call.text("UserName"))


def _group(call: Call) -> Group:
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
    if "UserName" in call.params:
        return {"User": views.user_got(_user(call), call.account)}
    if isinstance(call.caller, UserCaller):
        caller = call.tables.users.by_key(call.caller.user_id)
        if caller is not None:
            return {"User": views.user_got(caller, call.account)}
    raise IamError("ValidationError", "Must specify userName when calling with non-User credentials")


def _list_users(call: Call) -> Result:
    prefix = call.text("PathPrefix", "/")
    users = [user for user in call.tables.users if user.path.startswith(prefix)]
    shown, more = page(call, users, key=lambda user: user.name)
    return {"Users": [views.user_listed(user, call.account) for user in shown], **more}


def _update_user(call: Call) -> Result:
    user = _user(call)
    name = call.text("NewUserName", user.name)
    if name.lower() != user.name.lower():
        call.tables.users.check_free(name)
    call.tables.users.put(replace(user, name=name, path=call.text("NewPath", user.path)))
    return {}


def _delete_user(call: Call) -> Result:
    user = _user(call)
    if user.attached:
        raise IamError("DeleteConflict", "Cannot delete entity, must detach all policies first.")
    if user.inline:
        raise IamError("DeleteConflict", "Cannot delete entity, must delete policies first.")
    if user.groups or call.world.keys_of(user) or call.account.leftovers.belongings(user):
        raise IamError("DeleteConflict", _REFERENCED)
    call.tables.users.remove(user)
    return {}


def _put_user_permissions_boundary(call: Call) -> Result:
    user, boundary = _user(call), call.text("PermissionsBoundary")
    check_boundary(call, boundary)
    call.tables.users.put(replace(user, boundary=boundary))
    return {}


def _delete_user_permissions_boundary(call: Call) -> Result:
    user = _user(call)
    if user.boundary is None and not call.world.switches.absent_boundary_ok:
        raise IamError("NoSuchEntity", f"The user with name {user.name} has no permissions boundary.")
    call.tables.users.put(replace(user, boundary=None))
    return {}


def _tag_user(call: Call) -> Result:
    user = _user(call)
    after = tags.added(user.tags, call.params["Tags"], call=call, ignore_case=True)
    call.tables.users.put(replace(user, tags=after))
    return {}


def _untag_user(call: Call) -> Result:
    user = _user(call)
    after = tags.removed(user.tags, call.params["TagKeys"], call=call, ignore_case=True)
    call.tables.users.put(replace(user, tags=after))
    return {}


def _list_user_tags(call: Call) -> Result:
    return tags.listed(call, _user(call).tags)


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
    group = _group(call)
    shown, more = page(call, members(call, group), key=lambda user: user.name)
    users = [views.user_listed(user, call.account) for user in shown]
    return {"Group": views.group_listed(group, call.account), "Users": users, **more}


def _list_groups(call: Call) -> Result:
    prefix = call.text("PathPrefix", "/")
    groups = [group for group in call.tables.groups if group.path.startswith(prefix)]
    shown, more = page(call, groups, key=lambda group: group.name)
    return {"Groups": [views.group_listed(group, call.account) for group in shown], **more}


def _list_groups_for_user(call: Call) -> Result:
    groups = [group for group in map(call.tables.groups.by_key, _user(call).groups) if group]
    shown, more = page(call, groups, key=lambda group: group.name)
    return {"Groups": [views.group_listed(group, call.account) for group in shown], **more}


def _update_group(call: Call) -> Result:
    group = _group(call)
    name = call.text("NewGroupName", group.name)
    if name.lower() != group.name.lower():
        call.tables.groups.check_free(name)
    call.tables.groups.put(replace(group, name=name, path=call.text("NewPath", group.path)))
    return {}


def _delete_group(call: Call) -> Result:
    group = _group(call)
    if members(call, group):
        raise IamError("DeleteConflict", "Cannot delete entity, must remove users from group first.")
    if group.attached:
        raise IamError("DeleteConflict", "Cannot delete entity, must detach all policies first.")
    if group.inline:
        raise IamError("DeleteConflict", "Cannot delete entity, must delete policies first.")
    call.tables.groups.remove(group)
    return {}


def _add_user_to_group(call: Call) -> Result:
    group, user = _group(call), _user(call)
    if group.group_id not in user.groups:
        call.quotas.check_count("GroupsPerUserQuota", held=len(user.groups))
        call.tables.users.put(replace(user, groups=(*user.groups, group.group_id)))
    return {}


def _remove_user_from_group(call: Call) -> Result:
    group, user = _group(call), _user(call)
    kept = tuple(group_id for group_id in user.groups if group_id != group.group_id)
    call.tables.users.put(replace(user, groups=kept))
    return {}


HANDLERS: Final[Mapping[str, Handler]] = {
    "CreateUser": _create_user,
    "GetUser": _get_user,
    "ListUsers": _list_users,
    "UpdateUser": _update_user,
    "DeleteUser": _delete_user,
    "PutUserPermissionsBoundary": _put_user_permissions_boundary,
    "DeleteUserPermissionsBoundary": _delete_user_permissions_boundary,
    "TagUser": _tag_user,
    "UntagUser": _untag_user,
    "ListUserTags": _list_user_tags,
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
