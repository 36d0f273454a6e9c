"""What an identity provider says of somebody, read and checked, and the words in which STS turns it down.

Codes and statuses are those of botocore's model of STS 2011-06-15. The sandbox has no provider to ask, so no
signature is verified: whoever can write a token is believed, as far as the account knows the provider.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from reconciler.sandbox.errors import IamError

Values = tuple[str, ...]

_SOURCE_IDENTITY: Final = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A token or an assertion that was believed.

    `provider` is as trust policies name it: an ARN, or the name of a built-in one. `keys` are what conditions of
    a trust policy can ask, `kept` those of them that go with the session. `answer` are the members of the call's
    answer that say whose word it was, `longest` the seconds that the provider allows.
    """

    provider: str
    session_name: str
    keys: Mapping[str, Values]
    kept: Mapping[str, Values]
    answer: Mapping[str, Any]
    tags: Mapping[str, str] = field(default_factory=dict)
    source_identity: str | None = None
    longest: int | None = None


def invalid(message: str) -> IamError:
    """The token cannot be believed."""
    return IamError("InvalidIdentityToken", message)


def expired(now: datetime, until: datetime) -> IamError:
    """The token's time is over (observed: no blank before the second number)."""
    text = (
        f"Token expired: current date/time {int(now.timestamp())} must be before the expiration "
        f"date/time{int(until.timestamp())}"
    )
    return IamError("ExpiredTokenException", text)


def rejected(message: str) -> IamError:
    """The provider itself says no."""
    return IamError("IDPRejectedClaim", message)


def not_authorised(call_name: str) -> IamError:
    """The same words whether the role is missing or does not trust whom it is asked to."""
    return IamError("AccessDenied", f"Not authorized to perform sts:{call_name}")


def source_identity(found: str | None) -> str | None:
    """Checked as the User Guide's troubleshoot_saml words it."""
    if found is not None and (not _SOURCE_IDENTITY.fullmatch(found) or found.lower().startswith("aws:")):
        raise invalid('Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"')
    return found
