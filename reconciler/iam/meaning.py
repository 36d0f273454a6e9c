"""What botocore's exceptions and IAM's refusals mean.

botocore tells of failures in some sixty exceptions, IAM in codes and texts of its own (IAM API Reference, CommonErrors
and the errors of each action). Here each becomes one of a closed list, with what to do about it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from reconciler.iam.errors import (
    SERVER_ERRORS,
    TOO_MANY_REQUESTS,
    Answer,
    Asked,
    AwsError,
    Kind,
    NotUnderstoodError,
)
from reconciler.model.diagnostic import Code, Diagnostic

LONGEST = 600  # characters of somebody else's text that are worth showing

KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(
        (
            "BandwidthLimitExceeded",
            "PriorRequestNotComplete",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
        ),
        Kind.THROTTLED,
    ),
    **dict.fromkeys(
        (
            "AuthFailure",
            "ExpiredToken",
            "ExpiredTokenException",
            "IncompleteSignature",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "InvalidToken",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "OptInRequired",
            "RequestExpired",
            "RequestTimeTooSkewed",
            "SignatureDoesNotMatch",
            "UnrecognizedClientException",
        ),
        Kind.CREDENTIALS,
    ),
    **dict.fromkeys(
        (
            "AccessDenied",
            "AccessDeniedException",
            "AuthorizationError",
            "NotAuthorized",
            "UnauthorizedOperation",
        ),
        Kind.ACCESS_DENIED,
    ),
    **dict.fromkeys(("InternalFailure", "ServiceFailure", "ServiceUnavailable"), Kind.SERVER_ERROR),
    "ConcurrentModification": Kind.CONCURRENT_MODIFICATION,
    "DeleteConflict": Kind.CONFLICT,
    "EntityAlreadyExists": Kind.ALREADY_EXISTS,
    "EntityTemporarilyUnmodifiable": Kind.TEMPORARILY_UNMODIFIABLE,
    "LimitExceeded": Kind.LIMIT_EXCEEDED,
    "MalformedPolicyDocument": Kind.MALFORMED_POLICY,
    "NoSuchEntity": Kind.NOT_FOUND,
    "UnmodifiableEntity": Kind.UNMODIFIABLE,
}

# By name: which of them there are depends on the version of botocore.
SIGN_IN_ERRORS = frozenset({"LoginError", "RefreshWithMFAUnsupportedError", "SSOError", "TokenRetrievalError"})

INVALID_PRINCIPAL = re.compile(r'Invalid principal in policy: "(?P<key>\w+)":"(?P<value>[^"]*)"')
NOT_AUTHORIZED = re.compile(
    r"(?:User: (?P<who>\S+) )?is not authorized to perform: (?P<action>[\w-]+:\w+)"
    r"(?: on resource: (?P<resource>.+?))?"
    r"(?:,? (?P<why>because .+?|with an explicit deny.*?))?\.?\Z",
    re.DOTALL,
)


def understand(error: Exception, asked: Asked) -> AwsError:  # noqa: C901  one arm a family of exceptions
    """Return what an exception of botocore's means; every exception has a meaning."""
    from botocore import exceptions as boto  # noqa: PLC0415  imported long since, where botocore has raised

    match error:
        case boto.ClientError():
            return _refused(error.response, asked)
        case boto.NoCredentialsError() | boto.PartialCredentialsError() | boto.CredentialRetrievalError():
            return _no_credentials(error, asked)
        case _ if any(each.__name__ in SIGN_IN_ERRORS for each in type(error).__mro__):
            return _sign_in_again(error, asked)
        case RuntimeError() if "still expired" in str(error):  # all that botocore says of fresh credentials run out
            return _stale_at_once(asked)
        case boto.ProfileNotFound() | boto.ConfigParseError() | boto.ConfigNotFound():
            return _no_profile(error, asked)
        case boto.SSLError() if asked.writes:  # at the handshake or later: the text alone does not say
            return _connection_lost(error, asked)
        case boto.ConnectionError():
            return _unreachable(error, asked)
        case boto.HTTPClientError() | boto.IncompleteReadError():
            return _connection_lost(error, asked)
        case boto.ParamValidationError():
            return asked.error(Code.RA414, Kind.OTHER, f"{asked.call} was not sent: {_one_line(str(error))}")
        case NotUnderstoodError():
            return _not_understood(str(error), asked)
        case boto.InvalidConfigError() | boto.InvalidProxiesConfigError() | boto.EndpointProviderError():
            return _settings_refused(error, asked)
        case _:
            return _not_understood(f"{type(error).__name__} while reading it", asked)


@contextmanager
def reading(asked: Asked) -> Iterator[None]:
    """Make values of a reply: one that lacks what it must have, or has it in another shape, is not understood."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _not_understood(f"it lacks what it must have ({type(error).__name__}: {error})", asked) from error


def misconfigured(error: Exception) -> AwsError:
    """Return what an exception means that came before anything was sent: a setting that cannot be used."""
    asked = Asked(call="connecting")
    meant = understand(error, asked)
    return _settings_refused(error, asked) if meant.kind is Kind.NOT_UNDERSTOOD else meant


def _settings_refused(error: Exception, asked: Asked) -> AwsError:
    return asked.error(
        Code.RM122,
        Kind.OTHER,
        f"The settings for AWS cannot be used: {_told(error)}.",
        "Look at --region, --endpoint-url and the AWS_* variables, and at the AWS configuration file.",
    )


def unprintable(variable: str) -> AwsError:
    """Return the error for a variable with a line break or the like in it, without what is secret."""
    diagnostic = Diagnostic(
        Code.RM122,
        f"The settings for AWS cannot be used: {variable} has a line break, or another character that cannot be seen.",
        help="Set it anew without: what is copied, or read from a file, easily brings one along.",
    )
    return AwsError(diagnostic, Kind.CREDENTIALS)


def _no_credentials(error: Exception, asked: Asked) -> AwsError:
    return asked.error(
        Code.RA401,
        Kind.CREDENTIALS,
        f"There are no credentials for AWS to be found: {_told(error)}.",
        "Sought were: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the profile (--profile or AWS_PROFILE), a web"
        " identity token, a container's and an instance's role. Set one of them, or sign in with `aws sso login`.",
    )


def _sign_in_again(error: Exception, asked: Asked) -> AwsError:
    return asked.error(
        Code.RA402,
        Kind.CREDENTIALS,
        f"The sign-in of these credentials is no longer valid: {_told(error)}.",
        "Sign in again, for example with `aws sso login`, and repeat the command.",
    )


def _stale_at_once(asked: Asked) -> AwsError:
    """Tell of credentials that were run out by this machine's clock when they came: nothing is signed with them."""
    return asked.error(
        Code.RA402,
        Kind.CREDENTIALS,
        f"{asked.call} was not sent: the credentials that AssumeRole has just given have run out already, by this"
        " machine's clock.",
        "The clock of this machine is most likely wrong, or that of the STS that answered. Set it, and repeat.",
    )


def _no_profile(error: Exception, asked: Asked) -> AwsError:
    return asked.error(
        Code.RA401,
        Kind.CREDENTIALS,
        f"The AWS configuration cannot be used: {_told(error)}.",
        "`aws configure list-profiles` shows the profiles there are; --profile or AWS_PROFILE names one.",
    )


def no_such_profile(profile: str, *, known: list[str]) -> AwsError:
    """Return the error for a profile that is not in the AWS configuration, with the nearest name that is."""
    near = get_close_matches(profile, known, n=1)
    shown = f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(sorted(known)) or 'none'}."
    diagnostic = Diagnostic(Code.RA401, f"There is no profile {profile} in the AWS configuration.", help=shown)
    return AwsError(diagnostic, Kind.CREDENTIALS)


def _unreachable(error: Exception, asked: Asked) -> AwsError:
    return asked.error(
        Code.RA404,
        Kind.UNREACHABLE,
        f"AWS cannot be reached for {asked.call}: {_told(error)}.",
        "Look at the network, the proxy variables (HTTPS_PROXY), AWS_CA_BUNDLE and --endpoint-url or"
        " AWS_ENDPOINT_URL. Nothing was sent.",
    )


def _connection_lost(error: Exception, asked: Asked) -> AwsError:
    """Tell of a request that may have arrived; the library's own text is left out, it may quote signed headers."""
    if not asked.writes:
        return asked.error(
            Code.RA404,
            Kind.UNREACHABLE,
            f"The connection was lost while {asked.call} was under way ({type(error).__name__}).",
            "Repeat the command; nothing was changed by this call.",
        )
    return _unknown(f"the connection was lost before an answer came ({type(error).__name__})", asked)


def _unknown(why: str, asked: Asked) -> AwsError:
    return asked.error(
        Code.RA415,
        Kind.UNKNOWN_OUTCOME,
        f"Whether {asked.call} was done is not known: {why}.",
        "Plan again: the next plan reads what is there and goes on from it.",
    )


def _not_understood(why: str, asked: Asked) -> AwsError:
    if asked.writes:
        return _unknown(f"the reply is not IAM's ({why})", asked)
    return asked.error(
        Code.RA405,
        Kind.NOT_UNDERSTOOD,
        f"The reply to {asked.call} is not what IAM answers: {_one_line(why)}.",
        "Something between here and AWS may answer in its place: a proxy, a sign-in page, another service at"
        " --endpoint-url or AWS_ENDPOINT_URL.",
    )


def _refused(response: Mapping[str, Any], asked: Asked) -> AwsError:
    told = response.get("Error", {})
    metadata = response.get("ResponseMetadata", {})
    answer = Answer(
        code=str(told.get("Code") or ""),
        message=str(told.get("Message") or ""),
        request_id=metadata.get("RequestId"),
        status=int(metadata.get("HTTPStatusCode", 0)),
        attempts=int(metadata.get("RetryAttempts", 0)) + 1,
    )
    kind = _kind_of(answer)
    if kind is Kind.NOT_UNDERSTOOD and asked.writes:
        kind = Kind.UNKNOWN_OUTCOME
    found = INVALID_PRINCIPAL.search(answer.message) if kind is Kind.MALFORMED_POLICY else None
    if found:
        kind = Kind.INVALID_PRINCIPAL
    diagnostic = _tell(kind, answer, asked)
    return AwsError(diagnostic, kind, call=asked.call, answer=answer, principal=found["value"] if found else None)


def _kind_of(answer: Answer) -> Kind:
    if kind := KINDS.get(answer.code):
        return kind
    if answer.status == TOO_MANY_REQUESTS:
        return Kind.THROTTLED
    if answer.status >= SERVER_ERRORS:
        return Kind.SERVER_ERROR
    return Kind.OTHER if answer.code else Kind.NOT_UNDERSTOOD


def _tell(kind: Kind, answer: Answer, asked: Asked) -> Diagnostic:
    match kind:
        case Kind.ACCESS_DENIED:
            return _access_denied(answer, asked)
        case Kind.CREDENTIALS:
            return _not_accepted(answer, asked)
        case Kind.NOT_UNDERSTOOD | Kind.UNKNOWN_OUTCOME:
            return _not_understood(f"HTTP {answer.status} without an error code", asked).diagnostic
        case Kind.THROTTLED | Kind.SERVER_ERROR:
            tried = f" ({answer.attempts} attempts)" if answer.attempts > 1 else ""
            what = "Too many requests" if kind is Kind.THROTTLED else f"HTTP {answer.status}"
            return Diagnostic(
                Code.RA413,
                f"AWS did not serve {asked.call}{tried}: {what}, {_quoted(answer)}.",
                address=asked.address,
                help="Repeat the command in a while; other programs may be using up the account's requests.",
            )
        case _:
            return Diagnostic(
                Code.RA414,
                f"IAM refused {asked.call}: {_quoted(answer)}.",
                address=asked.address,
                help=_ADVICE.get(kind),
            )


_ADVICE: Mapping[Kind, str] = {
    Kind.INVALID_PRINCIPAL: "A user or role that a trust policy names must exist, in whichever account it is.",
    Kind.LIMIT_EXCEEDED: "This is a quota of the account: use less of it, or have it raised in Service Quotas.",
    Kind.UNMODIFIABLE: "Only AWS itself changes this role.",
    Kind.NOT_FOUND: "It is gone, or not yet visible; plan again.",
    Kind.ALREADY_EXISTS: "Somebody else has made it; names are unique without regard to case. Plan again.",
    Kind.CONFLICT: "Something still hangs on it; plan again to see what.",
    Kind.CONCURRENT_MODIFICATION: "Somebody else is changing the same object; plan again in a minute.",
    Kind.TEMPORARILY_UNMODIFIABLE: "It was deleted and made again a moment ago; plan again in a minute.",
}


def _access_denied(answer: Answer, asked: Asked) -> Diagnostic:
    found = NOT_AUTHORIZED.search(answer.message)
    parts: Mapping[str, str | None] = found.groupdict() if found else {}
    action = parts.get("action") or asked.action
    resource = _resource(parts.get("resource"), asked)
    statement = json.dumps({"Effect": "Allow", "Action": action, "Resource": resource})
    who = parts.get("who") or "These credentials"
    why = parts.get("why") or ""
    on = f" on {parts['resource']}" if parts.get("resource") else ""
    return Diagnostic(
        Code.RA403,
        f"{who} may not call {action}{on}{', ' + why if why else ''}.",
        address=asked.address,
        help=_denied_help(why, statement),
    )


def _denied_help(why: str, statement: str) -> str:
    if "explicit deny" in why:
        return f"A Deny stands in the way, and no Allow outweighs it; without it this would be enough: {statement}"
    if "boundary" in why or "control policy" in why:
        return f"This statement must stand in every policy that limits it, the one named above included: {statement}"
    return f"Add this statement to one of its policies: {statement}"


def _resource(told: str | None, asked: Asked) -> str:
    """Return the ARN to allow: IAM names a resource by ARN, as `policy ARN`, or as `role NAME` without its path."""
    kind, _, name = (told or "*").rpartition(" ")
    if name.startswith("arn:"):
        return name
    if asked.account and kind in {"role", "user", "group", "policy", "instance profile"} and name:
        return f"arn:{asked.partition}:iam::{asked.account}:{kind.replace(' ', '-')}/{name}"
    return "*"


def _not_accepted(answer: Answer, asked: Asked) -> Diagnostic:
    advice = "Look at the credentials in use: `aws sts get-caller-identity` asks with the same ones."
    if "xpired" in answer.code and "ignature" not in answer.message:
        advice = "They have run out: sign in again or get new ones, and repeat the command."
    elif "xpired" in answer.message or "Skew" in answer.code or "not yet current" in answer.message:
        advice = "The clock of this machine is most likely wrong: a signature holds for five minutes only."
    return Diagnostic(
        Code.RA402,
        f"AWS does not accept the credentials: {_quoted(answer)}.",
        address=asked.address,
        help=advice,
    )


def _quoted(answer: Answer) -> str:
    return f"{answer.code}: {_one_line(answer.message).rstrip('.')}" if answer.message else answer.code


def _told(error: Exception) -> str:
    """Return what an exception says, as a part of a sentence."""
    return _one_line(str(error)).rstrip(".")


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[:LONGEST] + "..."
