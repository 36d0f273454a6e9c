"""What the sandbox takes from moto, all of it in this module.

moto supplies what it is good at and what is beside the sandbox's subject: the text of AWS's own managed
policies, and the calls about passwords, MFA devices, certificates, SSH keys, aliases and the password
policy. Whatever IAM does with principals, documents, names, pages and quotas is the sandbox's own. What is
relied on, in moto 5.2.5:

    moto.iam.aws_managed_policies.aws_managed_policies_data   JSON by policy name
    moto.iam.models.IAMBackend                                one per account, made here, in no global register
    moto.iam.models.User                                      its name, path and `id`, and what a deletion asks for
    moto.iam.responses.IamResponse                            methods that read `params` and give an ActionResult
    moto.core.exceptions.ServiceException                     `code` and `message`
    moto.core.serialize.XFormedAttributePicker                finds a member of an answer in a moto object

A test names each of them, so that a new moto that moves one fails there and not by accident.
"""

from __future__ import annotations

import json
import re
from base64 import b32encode
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from botocore.model import ListShape, Shape, StructureShape

from reconciler.sandbox.entities import ManagedPolicy, PolicyVersion, User
from reconciler.sandbox.errors import IamError

if TYPE_CHECKING:
    from moto.iam.models import IAMBackend
    from moto.iam.responses import IamResponse

_AWS_POLICY: Final = re.compile(r"arn:(aws(?:-[a-z]+)*):iam::aws:policy(/.+)")


# --- AWS's own managed policies ------------------------------------------------------------------


@cache
def _raw_policies() -> dict[str, dict[str, Any]]:
    # Five megabytes that most sandboxes never look at.
    from moto.iam.aws_managed_policies import aws_managed_policies_data  # noqa: PLC0415 - late

    raw: dict[str, dict[str, Any]] = json.loads(aws_managed_policies_data)
    return raw


def aws_managed_policy(arn: str) -> ManagedPolicy | None:
    """The AWS managed policy with this ARN, in any partition."""
    found = _AWS_POLICY.fullmatch(arn)
    if found is None:
        return None
    return _aws_managed_policy(found[1], found[2])


@cache
def _aws_managed_policy(partition: str, path_and_name: str) -> ManagedPolicy | None:
    path, _, name = path_and_name.rpartition("/")
    raw = _raw_policies().get(name)
    if raw is None or raw["Path"] != f"{path}/":
        return None
    return _policy_from(name, raw, partition)


def aws_managed_policies(partition: str) -> list[ManagedPolicy]:
    """All AWS managed policies."""
    found = [_aws_managed_policy(partition, raw["Path"] + name) for name, raw in _raw_policies().items()]
    return [policy for policy in found if policy is not None]


def _policy_from(name: str, raw: dict[str, Any], partition: str) -> ManagedPolicy:
    created, version = datetime.fromisoformat(raw["CreateDate"]), raw["DefaultVersionId"]
    text = json.dumps(raw["Document"]).replace("arn:aws:", f"arn:{partition}:")
    arn = f"arn:{partition}:iam::aws:policy{raw['Path']}{name}"
    return ManagedPolicy(
        policy_id=f"ANPA{_stable_id(arn)}",
        arn=arn,
        name=name,
        path=raw["Path"],
        created=created,
        updated=datetime.fromisoformat(raw["UpdateDate"]),
        description=raw.get("Description"),
        versions=(PolicyVersion(version_id=version, document=text, created=created),),
        default_version=version,
        next_version=int(version[1:]) + 1,
    )


def _stable_id(arn: str) -> str:
    return b32encode(sha256(arn.encode()).digest()).decode()[:17]


# --- calls beside the subject --------------------------------------------------------------------

METHODS: Final[Mapping[str, str]] = {
    "CreateLoginProfile": "create_login_profile",
    "GetLoginProfile": "get_login_profile",
    "UpdateLoginProfile": "update_login_profile",
    "DeleteLoginProfile": "delete_login_profile",
    "CreateVirtualMFADevice": "create_virtual_mfa_device",
    "DeleteVirtualMFADevice": "delete_virtual_mfa_device",
    "ListVirtualMFADevices": "list_virtual_mfa_devices",
    "EnableMFADevice": "enable_mfa_device",
    "DeactivateMFADevice": "deactivate_mfa_device",
    "ListMFADevices": "list_mfa_devices",
    "UploadSSHPublicKey": "upload_ssh_public_key",
    "GetSSHPublicKey": "get_ssh_public_key",
    "ListSSHPublicKeys": "list_ssh_public_keys",
    "UpdateSSHPublicKey": "update_ssh_public_key",
    "DeleteSSHPublicKey": "delete_ssh_public_key",
    "UploadSigningCertificate": "upload_signing_certificate",
    "UpdateSigningCertificate": "update_signing_certificate",
    "ListSigningCertificates": "list_signing_certificates",
    "DeleteSigningCertificate": "delete_signing_certificate",
    "UploadServerCertificate": "upload_server_certificate",
    "GetServerCertificate": "get_server_certificate",
    "ListServerCertificates": "list_server_certificates",
    "DeleteServerCertificate": "delete_server_certificate",
    "CreateAccountAlias": "create_account_alias",
    "ListAccountAliases": "list_account_aliases",
    "DeleteAccountAlias": "delete_account_alias",
    "UpdateAccountPasswordPolicy": "update_account_password_policy",
    "GetAccountPasswordPolicy": "get_account_password_policy",
    "DeleteAccountPasswordPolicy": "delete_account_password_policy",
    "GenerateCredentialReport": "generate_credential_report",
    "GetCredentialReport": "get_credential_report",
}
"""The calls that moto answers, and the method of IamResponse that does."""


class Leftovers:
    """moto's backend of one account, for the calls of `METHODS`; it knows the users that the sandbox tells it."""

    def __init__(self, account_id: str, partition: str) -> None:
        self._account_id, self._partition = account_id, partition
        self._made: IAMBackend | None = None

    def call(self, name: str, params: Mapping[str, Any], *, user: User | None, output: Shape | None) -> Any:
        """Carry out a call; `user` is the one that it names. Gives the members of the answer."""
        from moto.core.exceptions import ServiceException  # noqa: PLC0415 - moto is late

        if user is not None:
            self._introduce(user)
        try:
            result = _method(self._response({**params, "UserName": user.name} if user else params), name)().result
        except ServiceException as error:
            raise IamError(str(error.code), str(error.message)) from None
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # moto stumbles where IAM refuses: over a marker of its own making, a number that is none
            raise IamError("ValidationError", f"The parameters of {name} cannot be read.") from error
        return {} if output is None or result is None else _plain(result, output)

    def belongings(self, user: User) -> bool:
        """Whether the user has a password, MFA devices, SSH keys or certificates."""
        twin = self._twin(user)
        return twin is not None and bool(
            twin.password or twin.mfa_devices or twin.ssh_public_keys or twin.signing_certificates
        )

    def forget(self, user: User) -> None:
        """The user is gone, with all that it had."""
        if self._made is not None:
            self._made.users = {name: twin for name, twin in self._made.users.items() if twin.id != user.user_id}

    def _introduce(self, user: User) -> None:
        backend = self._backend()
        twin = self._twin(user) or backend.create_user("us-east-1", user.name, user.path)
        self.forget(user)
        twin.id, twin.name, twin.path, twin.create_date = user.user_id, user.name, user.path, user.created
        backend.users[user.name] = twin

    def _twin(self, user: User) -> Any:
        twins = () if self._made is None else self._made.users.values()
        return next((twin for twin in twins if twin.id == user.user_id), None)

    def _backend(self) -> IAMBackend:
        from moto.iam.models import IAMBackend as Made  # noqa: PLC0415 - moto is late

        if self._made is None:
            self._made = Made(self._partition, self._account_id)
        return self._made

    def _response(self, params: Mapping[str, Any]) -> IamResponse:
        response = _response_class()(self._backend())
        response.params, response.uri_match = dict(params), {}
        return response


@cache
def _response_class() -> Callable[[IAMBackend], IamResponse]:
    from moto.iam.responses import IamResponse as Base  # noqa: PLC0415 - moto is late

    class Response(Base):
        """moto's handlers, with a backend of our own instead of the global one."""

        def __init__(self, backend: IAMBackend) -> None:
            super().__init__()
            self._own = backend

        @property
        def backend(self) -> IAMBackend:
            return self._own

    return Response


def _method(response: IamResponse, name: str) -> Callable[[], Any]:
    method: Callable[[], Any] = getattr(response, METHODS[name])
    return method


def _plain(value: Any, shape: Shape) -> Any:
    """A moto object as the members of an answer."""
    match shape:
        case _ if value is None or value == {}:
            return None
        case StructureShape():
            return {name: _plain(_member(value, name, member), member) for name, member in shape.members.items()}
        case ListShape():
            return [_plain(item, shape.member) for item in value]
        case _ if shape.type_name == "timestamp" and isinstance(value, str):
            return datetime.fromisoformat(value)
        case _:
            return value


def _member(value: Any, name: str, shape: Shape) -> Any:
    from moto.core.serialize import AttributePickerContext, XFormedAttributePicker  # noqa: PLC0415 - moto is late

    return XFormedAttributePicker()(AttributePickerContext(obj=value, key=name, shape=shape))  # type: ignore[arg-type]
