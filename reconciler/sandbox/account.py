"""One account, for those who set a scene: verbs that act as somebody else outside.

What a verb does is not counted, meets no fault, and may do what only AWS can (make a service-linked
role, set an `aws:` tag). Refusals are IamError, as the call would give them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.sandbox import documents, principals
from reconciler.sandbox.entities import Document, Role

if TYPE_CHECKING:
    from reconciler.sandbox.box import Sandbox
    from reconciler.sandbox.world import AccountState

Doc = Mapping[str, Any] | str


class Account:
    """A handle on one account of a sandbox; two handles on one account are the same account."""

    def __init__(self, box: Sandbox, account_id: str) -> None:
        self._box = box
        self.account_id = account_id

    @property
    def state(self) -> AccountState:
        """The account itself: its tables and quotas, for reading."""
        return self._box.world.account(self.account_id)

    def call(self, name: str, **params: Any) -> Mapping[str, Any]:
        """Any call of IAM by its name and the parameters that IAM names."""
        return self._box.perform(self.account_id, name, params)

    # --- users and groups --------------------------------------------------------------------------

    def create_user(self, name: str, *, path: str = "/", tags: Mapping[str, str] | None = None) -> str:
        """Make a user; gives its ARN."""
        params = {"UserName": name, "Path": path} | _tags(tags)
        return str(self.call("CreateUser", **params)["User"]["Arn"])

    def delete_user(self, name: str) -> None:
        """Delete a user with all that it has."""
        user = self.state.tables.users.get(name)
        for group in list(self.state.tables.groups):
            if group.group_id in user.groups:
                self.remove_user_from_group(name, group.name)
        for key in self._box.world.keys_of(user):
            self.call("DeleteAccessKey", UserName=name, AccessKeyId=key.access_key_id)
        self.state.leftovers.forget(user)
        self._strip("User", name, user)
        self.call("DeleteUser", UserName=name)

    def rename_user(self, name: str, *, new_name: str | None = None, new_path: str | None = None) -> str:
        """Rename or move a user: its ID stays. Gives the new ARN."""
        params = {"UserName": name} | _given(NewUserName=new_name, NewPath=new_path)
        self.call("UpdateUser", **params)
        return self.user_arn(new_name or name)

    def recreate_user(self, name: str) -> str:
        """Delete a user and make another of the same name and path; gives the new ID."""
        path = self.state.tables.users.get(name).path
        self.delete_user(name)
        self.create_user(name, path=path)
        return self.user_id(name)

    def create_group(self, name: str, *, path: str = "/") -> str:
        """Make a group; gives its ARN."""
        return str(self.call("CreateGroup", GroupName=name, Path=path)["Group"]["Arn"])

    def delete_group(self, name: str) -> None:
        """Delete a group with its policies; its members leave it."""
        group = self.state.tables.groups.get(name)
        for user in list(self.state.tables.users):
            if group.group_id in user.groups:
                self.remove_user_from_group(user.name, name)
        self._strip("Group", name, group)
        self.call("DeleteGroup", GroupName=name)

    def add_user_to_group(self, user: str, group: str) -> None:
        """Put a user into a group."""
        self.call("AddUserToGroup", UserName=user, GroupName=group)

    def remove_user_from_group(self, user: str, group: str) -> None:
        """Take a user out of a group."""
        self.call("RemoveUserFromGroup", UserName=user, GroupName=group)

    def user_id(self, name: str) -> str:
        """`AIDA...`."""
        return str(self.state.tables.users.get(name).user_id)

    def user_arn(self, name: str) -> str:
        """The user's ARN, path included."""
        return str(self.state.user_arn(self.state.tables.users.get(name)))

    # --- roles -------------------------------------------------------------------------------------

    def create_role(
        self,
        name: str,
        *,
        trust: Doc | None = None,
        path: str = "/",
        tags: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> str:
        """Make a role; gives its ARN. Without `trust`, EC2 is trusted.

        `fields` are those of CreateRole in snake case or as IAM spells them: description,
        max_session_duration, permissions_boundary.
        """
        params = {"RoleName": name, "Path": path, "AssumeRolePolicyDocument": _text(trust or TRUST_EC2)}
        params |= {_pascal(key): value for key, value in fields.items() if value is not None} | _tags(tags)
        return str(self.call("CreateRole", **params)["Role"]["Arn"])

    def delete_role(self, name: str, *, force: bool = True) -> None:
        """Delete a role; with `force` its policies and instance profiles are dropped first."""
        role = self.state.tables.roles.get(name)
        if force:
            for profile in list(self.state.tables.instance_profiles):
                if profile.role_id == role.role_id:
                    names = {"InstanceProfileName": profile.name, "RoleName": name}
                    self.call("RemoveRoleFromInstanceProfile", **names)
            self._strip("Role", name, role)
        self.call("DeleteRole", RoleName=name)

    def recreate_role(self, name: str) -> str:
        """Delete a role and make another of the same name and path; gives the new ID.

        The new one trusts whom the old one trusted and who still lives, itself included.
        """
        path, trust = self.state.tables.roles.get(name).path, _living_part(self.trust(name))
        self.delete_role(name)
        self.create_role(name, path=path)
        if trust["Statement"]:
            self.put_trust(name, trust)
        return self.role_id(name)

    def update_role(
        self, name: str, *, description: str | None = None, max_session_duration: int | None = None
    ) -> None:
        """Change description or session duration."""
        given = _given(Description=description, MaxSessionDuration=max_session_duration)
        self.call("UpdateRole", RoleName=name, **given)

    def trust(self, name: str) -> dict[str, Any]:
        """The trust policy as GetRole would show it now."""
        role: Role = self.state.tables.roles.get(name)
        return dict(principals.show(role.trust, world=self._box.world))

    def put_trust(self, name: str, document: Doc) -> None:
        """UpdateAssumeRolePolicy."""
        self.call("UpdateAssumeRolePolicy", RoleName=name, PolicyDocument=_text(document))

    def force_trust(self, name: str, document: Mapping[str, Any]) -> None:
        """Give a role a trust policy in stored form, past every check: what older rules let through."""
        self.state.tables.roles.put(replace(self.state.tables.roles.get(name), trust=document))

    def mark_used(self, name: str, *, region: str = "us-east-1") -> None:
        """Let a role have been used just now, as RoleLastUsed shows it."""
        used = (self._box.clock(), region)
        self.state.tables.roles.put(replace(self.state.tables.roles.get(name), last_used=used))

    def role_id(self, name: str) -> str:
        """`AROA...`."""
        return str(self.state.tables.roles.get(name).role_id)

    def role_arn(self, name: str) -> str:
        """The role's ARN, path included."""
        return str(self.state.role_arn(self.state.tables.roles.get(name)))

    def tag_role(self, name: str, tags: Mapping[str, str]) -> None:
        """Set tags, those beginning with `aws:` too."""
        self.call("TagRole", RoleName=name, **_tags(tags))

    def untag_role(self, name: str, *keys: str) -> None:
        """Take tags away."""
        self.call("UntagRole", RoleName=name, TagKeys=list(keys))

    def put_boundary(self, role: str, arn: str | None) -> None:
        """Set a role's permissions boundary, or take it off."""
        if arn is None:
            self.call("DeleteRolePermissionsBoundary", RoleName=role)
        else:
            self.call("PutRolePermissionsBoundary", RoleName=role, PermissionsBoundary=arn)

    # --- policies ----------------------------------------------------------------------------------

    def create_policy(self, name: str, document: Doc, *, path: str = "/", description: str | None = None) -> str:
        """Make a managed policy; gives its ARN."""
        params = {"PolicyName": name, "Path": path, "PolicyDocument": _text(document)}
        return str(self.call("CreatePolicy", **params, **_given(Description=description))["Policy"]["Arn"])

    def create_policy_version(self, arn: str, document: Doc, *, default: bool = True) -> str:
        """Add a version to a managed policy; gives its number, `v2`."""
        params = {"PolicyArn": arn, "PolicyDocument": _text(document), "SetAsDefault": default}
        return str(self.call("CreatePolicyVersion", **params)["PolicyVersion"]["VersionId"])

    def delete_policy(self, arn: str) -> None:
        """Delete a managed policy; it is detached and stripped of versions first."""
        for kind, holders in self._holders():
            for holder in holders:
                if arn in holder.attached:
                    self.call(f"Detach{kind}Policy", **{f"{kind}Name": holder.name, "PolicyArn": arn})
        policy = self.state.tables.policies.at(arn)
        for version in policy.versions:
            if version.version_id != policy.default_version:
                self.call("DeletePolicyVersion", PolicyArn=arn, VersionId=version.version_id)
        self.call("DeletePolicy", PolicyArn=arn)

    def attach_role_policy(self, role: str, arn: str) -> None:
        """Attach a managed policy to a role."""
        self.call("AttachRolePolicy", RoleName=role, PolicyArn=arn)

    def detach_role_policy(self, role: str, arn: str) -> None:
        """Detach a managed policy from a role."""
        self.call("DetachRolePolicy", RoleName=role, PolicyArn=arn)

    def attach_user_policy(self, user: str, arn: str) -> None:
        """Attach a managed policy to a user."""
        self.call("AttachUserPolicy", UserName=user, PolicyArn=arn)

    def attach_group_policy(self, group: str, arn: str) -> None:
        """Attach a managed policy to a group."""
        self.call("AttachGroupPolicy", GroupName=group, PolicyArn=arn)

    def put_role_policy(self, role: str, name: str, document: Doc) -> None:
        """Put an inline policy on a role."""
        self.call("PutRolePolicy", RoleName=role, PolicyName=name, PolicyDocument=_text(document))

    def delete_role_policy(self, role: str, name: str) -> None:
        """Take an inline policy off a role."""
        self.call("DeleteRolePolicy", RoleName=role, PolicyName=name)

    def put_user_policy(self, user: str, name: str, document: Doc) -> None:
        """Put an inline policy on a user."""
        self.call("PutUserPolicy", UserName=user, PolicyName=name, PolicyDocument=_text(document))

    def put_group_policy(self, group: str, name: str, document: Doc) -> None:
        """Put an inline policy on a group."""
        self.call("PutGroupPolicy", GroupName=group, PolicyName=name, PolicyDocument=_text(document))

    def create_instance_profile(self, name: str, *, role: str | None = None, path: str = "/") -> str:
        """Make an instance profile, with a role in it if one is named; gives its ARN."""
        made = self.call("CreateInstanceProfile", InstanceProfileName=name, Path=path)["InstanceProfile"]
        if role is not None:
            self.call("AddRoleToInstanceProfile", InstanceProfileName=name, RoleName=role)
        return str(made["Arn"])

    # --- providers, quotas, bulk -------------------------------------------------------------------

    def create_oidc_provider(self, url: str, *, client_ids: Iterable[str] = ("sts.amazonaws.com",)) -> str:
        """Make an OIDC provider; gives its ARN."""
        params = {"Url": url, "ClientIDList": list(client_ids)}
        return str(self.call("CreateOpenIDConnectProvider", **params)["OpenIDConnectProviderArn"])

    def create_saml_provider(self, name: str, metadata: str = '<EntityDescriptor entityID="sandbox"/>') -> str:
        """Make a SAML provider; gives its ARN."""
        return str(self.call("CreateSAMLProvider", Name=name, SAMLMetadataDocument=metadata)["SAMLProviderArn"])

    def set_quotas(self, **quotas: int) -> None:
        """Change quotas by the names of GetAccountSummary; ValueError names the known ones."""
        self.state.quotas.set(quotas)

    def seed_roles(self, count: int, *, prefix: str = "role-", trust: Doc | None = None, path: str = "/") -> list[str]:
        """Make many ordinary roles at once, past quotas and checks; gives their names.

        Each has a description, two tags and an inline policy, and the same trust.
        """
        document = documents.parse_trust(_text(trust or TRUST_EC2))
        stored = principals.save(document, world=self._box.world, account=self.state)
        names = [f"{prefix}{number:05d}" for number in range(count)]
        for name in names:
            self.state.tables.roles.add(self._seeded(name, path, stored))
        return names

    def _seeded(self, name: str, path: str, trust: Document) -> Role:
        return Role(
            role_id=self._box.world.new_id("AROA", self.state),
            name=name,
            path=path,
            created=self._box.clock(),
            trust=trust,
            description=f"{name}, seeded",
            tags=(("team", "platform"), ("service", name)),
            inline={"read": _SEEDED_POLICY},
        )

    # --- the rest ----------------------------------------------------------------------------------

    def _holders(self) -> list[tuple[str, list[Any]]]:
        tables = self.state.tables
        return [("User", list(tables.users)), ("Group", list(tables.groups)), ("Role", list(tables.roles))]

    def _strip(self, kind: str, name: str, holder: Any) -> None:
        for arn in holder.attached:
            self.call(f"Detach{kind}Policy", **{f"{kind}Name": name, "PolicyArn": arn})
        for policy in holder.inline:
            self.call(f"Delete{kind}Policy", **{f"{kind}Name": name, "PolicyName": policy})


_SEEDED_POLICY = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],'
    '"Resource":["arn:aws:s3:::example-bucket","arn:aws:s3:::example-bucket/*"]}]}'
)

TRUST_EC2 = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
"""What a role trusts when a scene does not care."""


def _living_part(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document without the IDs of deleted principals, which IAM would refuse."""
    statements = document["Statement"]
    statements = statements if isinstance(statements, list) else [statements]
    kept = [{**statement, "Principal": _living(statement["Principal"])} for statement in statements]
    return {**document, "Statement": [statement for statement in kept if statement["Principal"]]}


def _living(principal: Mapping[str, Any]) -> dict[str, list[str]]:
    listed = {key: [values] if isinstance(values, str) else values for key, values in principal.items()}
    living = {
        key: [value for value in values if not principals.UNIQUE_ID.fullmatch(value)] for key, values in listed.items()
    }
    return {key: values for key, values in living.items() if values}


def _text(document: Doc) -> str:
    return document if isinstance(document, str) else json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def _tags(tags: Mapping[str, str] | None) -> dict[str, Any]:
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]} if tags else {}


def _given(**params: Any) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _pascal(name: str) -> str:
    return name if name[0].isupper() else "".join(part.capitalize() for part in name.split("_"))
