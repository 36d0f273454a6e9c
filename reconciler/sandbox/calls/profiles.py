"""Calls about instance profiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from reconciler.sandbox import tags, views
from reconciler.sandbox.calls.handler import Handler, Result
from reconciler.sandbox.calls.roles import editable
from reconciler.sandbox.calls.tagging import tag_calls
from reconciler.sandbox.entities import InstanceProfile
from reconciler.sandbox.errors import IamError, not_found
from reconciler.sandbox.paging import page
from reconciler.sandbox.world import Call


def _profile(call: Call) -> InstanceProfile:
    return call.tables.instance_profiles.get(call.text("InstanceProfileName"))


def _create_instance_profile(call: Call) -> Result:
    name = call.text("InstanceProfileName")
    call.tables.instance_profiles.check_free(name)
    held = len(call.tables.instance_profiles)
    call.quotas.check_count("InstanceProfilesQuota", held=held, label="InstanceProfilesPerAccount")
    profile = InstanceProfile(
        profile_id=call.world.new_id("AIPA", call.account),
        name=name,
        path=call.text("Path", "/"),
        created=call.now,
        tags=tags.added((), call.params.get("Tags", ()), call=call, ignore_case=True),
    )
    call.tables.instance_profiles.add(profile)
    return {"InstanceProfile": views.profile_got(profile, call.account, call.world)}


def _get_instance_profile(call: Call) -> Result:
    return {"InstanceProfile": views.profile_got(_profile(call), call.account, call.world)}


def _list_instance_profiles(call: Call) -> Result:
    prefix = call.text("PathPrefix", "/")
    found = [profile for profile in call.tables.instance_profiles if profile.path.startswith(prefix)]
    return _page(call, found)


def _list_instance_profiles_for_role(call: Call) -> Result:
    role = call.tables.roles.get(call.text("RoleName"))
    return _page(call, [profile for profile in call.tables.instance_profiles if profile.role_id == role.role_id])


def _page(call: Call, profiles: list[InstanceProfile]) -> Result:
    shown, more = page(call, profiles, key=lambda profile: profile.name)
    return {
        "InstanceProfiles": [views.profile_view(profile, call.account, call.world) for profile in shown],
        **more,
    }


def _delete_instance_profile(call: Call) -> Result:
    profile = _profile(call)
    if profile.role_id is not None:
        raise IamError("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
    call.tables.instance_profiles.remove(profile)
    return {}


def _add_role_to_instance_profile(call: Call) -> Result:
    profile, role = _profile(call), editable(call)
    held = 0 if profile.role_id is None else 1
    # Even the same role a second time meets the quota (recorded).
    call.quotas.check_count("RolesPerInstanceProfileQuota", held=held, label="InstanceSessionsPerInstanceProfile")
    call.tables.instance_profiles.put(replace(profile, role_id=role.role_id))
    return {}


def _remove_role_from_instance_profile(call: Call) -> Result:
    profile, role = _profile(call), editable(call)
    if profile.role_id != role.role_id:
        raise not_found("role", role.name)
    call.tables.instance_profiles.put(replace(profile, role_id=None))
    return {}


HANDLERS: Final[Mapping[str, Handler]] = {
    "CreateInstanceProfile": _create_instance_profile,
    "GetInstanceProfile": _get_instance_profile,
    "ListInstanceProfiles": _list_instance_profiles,
    "ListInstanceProfilesForRole": _list_instance_profiles_for_role,
    "DeleteInstanceProfile": _delete_instance_profile,
    "AddRoleToInstanceProfile": _add_role_to_instance_profile,
    "RemoveRoleFromInstanceProfile": _remove_role_from_instance_profile,
    **tag_calls("InstanceProfile", named=_profile, within=lambda tables: tables.instance_profiles),
}
"""By the name of the call."""
