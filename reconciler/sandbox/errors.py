"""The refusals of IAM: a code, an HTTP status and the sentence that goes with them.

Every refusal of the sandbox is one exception, `IamError`. Whatever is known about the wording
comes from recorded answers of the real service; the functions here keep each wording in one place.
"""

from __future__ import annotations

from typing import Final

STATUS: Final = {
    "AccessDenied": 403,
    "ConcurrentModification": 409,
    "DeleteConflict": 409,
    "EntityAlreadyExists": 409,
    "EntityTemporarilyUnmodifiable": 409,
    "ExpiredToken": 403,
    "IDPRejectedClaim": 403,
    "IncompleteSignature": 400,
    "InvalidAction": 400,
    "InvalidClientTokenId": 403,
    "InvalidInput": 400,
    "LimitExceeded": 409,
    "MalformedPolicyDocument": 400,
    "MissingAction": 400,
    "MissingAuthenticationToken": 403,
    "NoSuchEntity": 404,
    "PolicyNotAttachable": 400,
    "RequestEntityTooLarge": 413,
    "ServiceFailure": 500,
    "ServiceUnavailable": 503,
    "Throttling": 400,
    "UnmodifiableEntity": 400,
    "ValidationError": 400,
}
"""HTTP status per error code (botocore's models of IAM and STS, and the codes that any call may give)."""


class IamError(Exception):
    """An answer that is a refusal: `code` and `message` as IAM spells them, `status` for HTTP."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = STATUS.get(code, 400)


def invalid_token() -> IamError:
    """Credentials that are nobody's, or nobody's here."""
    return IamError("InvalidClientTokenId", "The security token included in the request is invalid.")


def not_found(kind: str, name: str) -> IamError:
    """`kind` is IAM's own word: role, user, group, instance profile, role policy, ..."""
    return IamError("NoSuchEntity", f"The {kind} with name {name} cannot be found.")


def over_quota(quota: str, limit: int) -> IamError:
    """A quota met: `quota` is the name that the message carries, such as PoliciesPerRole."""
    return IamError("LimitExceeded", f"Cannot exceed quota for {quota}: {limit}")


def malformed(message: str) -> IamError:
    """A policy document that IAM does not take."""
    return IamError("MalformedPolicyDocument", message)


def invalid_principal(key: str, value: str) -> IamError:
    """A principal that does not exist, or has no such form. IAM writes the key in capitals."""
    return malformed(f'Invalid principal in policy: "{key.upper()}":"{value}"')


def invalid_arn(arn: str) -> IamError:
    """A policy ARN that is none (recorded for AttachRolePolicy)."""
    return IamError("ValidationError", f"ARN {arn} is not valid.")


def unmodifiable(name: str) -> IamError:
    """A role that belongs to AWS: service-linked or reserved."""
    return IamError(
        "UnmodifiableEntity",
        f"Cannot perform the operation on the protected role '{name}' - this role is only modifiable by AWS",
    )
