"""Who is calling: the account's root, a user, or a session of a role.

An access key tells. Keys come from `Sandbox.session`, from CreateAccessKey and from AssumeRole;
a key that is just twelve digits is the root of that account, and any other unknown key is the
root of the default account, so that `AWS_ACCESS_KEY_ID=test` works on the loopback server.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """The root user of an account."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCaller:
    """An IAM user with a long-term key, known by ID: a rename does not change who it is."""

    account_id: str
    user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCaller:
    """A session of a role; `policies` are those passed to AssumeRole, which only limit, `tags` likewise."""

    account_id: str
    role_id: str
    role_name: str
    session_name: str
    policies: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsItself:
    """AWS, or somebody outside the story: the verbs of an `Account` act as this one."""

    account_id: str


Caller = Root | UserCaller | SessionCaller | AwsItself


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A key and whose it is, and when it was `issued`. `expires` is None for long-term keys.

    `made` is when CreateAccessKey gave it; keys that the sandbox handed out by itself have none: no call lists
    them, none counts them. `mfa_at` is when a second factor was given.
    """

    access_key_id: str
    secret_access_key: str
    session_token: str | None
    caller: Caller
    issued: datetime | None = None
    expires: datetime | None = None
    made: datetime | None = None
    mfa_at: datetime | None = None
    active: bool = True
