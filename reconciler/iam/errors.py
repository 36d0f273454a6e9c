"""What goes wrong between here and AWS, as a closed list.

Each failure is an `AwsError`: a `Kind` for the program, which decides by it whether to wait, to look again or to
stop, and a `Diagnostic` for the person, who learns what to do. `meaning` makes them of botocore's exceptions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from reconciler.model.diagnostic import Code, Diagnostic, ReconcilerError

T = TypeVar("T")

TOO_MANY_REQUESTS = 429
SERVER_ERRORS = 500


class Kind(StrEnum):
    """What a failure means for whoever made the call."""

    THROTTLED = "throttled"
    SERVER_ERROR = "server_error"
    UNKNOWN_OUTCOME = "unknown_outcome"
    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    CONFLICT = "conflict"
    CONCURRENT_MODIFICATION = "concurrent_modification"
    TEMPORARILY_UNMODIFIABLE = "temporarily_unmodifiable"
    INVALID_PRINCIPAL = "invalid_principal"
    MALFORMED_POLICY = "malformed_policy"
    LIMIT_EXCEEDED = "limit_exceeded"
    UNMODIFIABLE = "unmodifiable"
    ACCESS_DENIED = "access_denied"
    CREDENTIALS = "credentials"
    UNREACHABLE = "unreachable"
    NOT_UNDERSTOOD = "not_understood"
    OTHER = "other"


class AwsError(ReconcilerError):
    """A call that did not succeed, as one diagnostic and one kind.

    `call` is the API's own name, `code`, `message`, `request_id` and `status` (HTTP) are AWS's, None where it did not
    answer. `principal` is the one that IAM refused, of kind `invalid_principal` only.
    """

    def __init__(
        self,
        diagnostic: Diagnostic,
        kind: Kind,
        *,
        call: str | None = None,
        answer: Answer | None = None,
        principal: str | None = None,
    ) -> None:
        """Carry what was told and what it means."""
        super().__init__(diagnostic)
        self.diagnostic = diagnostic
        self.kind = kind
        self.call = call
        self.code = answer.code if answer else None
        self.message = answer.message if answer else diagnostic.message
        self.request_id = answer.request_id if answer else None
        self.status = answer.status if answer else None
        self.principal = principal


class NotUnderstoodError(Exception):
    """A reply that has not the form it must have; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What AWS answered: its error code, its message, the request's ID and the HTTP status."""

    code: str
    message: str
    request_id: str | None
    status: int
    attempts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was being asked when it failed: the call, its service, whether it changes something, and of whom."""

    call: str
    service: str = "iam"
    writes: bool = False
    account: str | None = None
    partition: str = "aws"
    address: str | None = None

    @property
    def action(self) -> str:
        """Return the action that a policy must allow for this call."""
        return f"{self.service}:{self.call}"

    def error(self, code: Code, kind: Kind, message: str, help: str | None = None) -> AwsError:  # noqa: A002
        """Return an error that AWS had no say in."""
        return AwsError(Diagnostic(code, message, address=self.address, help=help), kind, call=self.call)


def or_none(read: Callable[[], T]) -> T | None:
    """Return what is read, None where IAM says that there is no such entity."""
    try:
        return read()
    except AwsError as error:
        if error.kind is Kind.NOT_FOUND:
            return None
        raise
