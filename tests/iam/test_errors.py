"""What IAM's refusals mean: one kind for the program, one diagnostic for the person."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError, InvalidConfigError, ParamValidationError, SSLError, SSOTokenLoadError

from reconciler.iam.errors import Asked, AwsError, Kind
from reconciler.iam.meaning import understand
from reconciler.model.diagnostic import Code

ASKED = Asked(call="UpdateRole", writes=True, account="111122223333", address="role/deployer")
CALLER = "arn:aws:sts::111122223333:assumed-role/plan/ci"


def meant(code: str, message: str = "no", *, status: int = 400, asked: Asked = ASKED) -> AwsError:
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"RequestId": "req-9", "HTTPStatusCode": status, "RetryAttempts": 4},
    }
    return understand(ClientError(response, asked.call), asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "status", "kind", "told"),
    [
        ("Throttling", 400, Kind.THROTTLED, Code.RA413),
        ("ServiceFailure", 500, Kind.SERVER_ERROR, Code.RA413),
        ("SomethingNew", 503, Kind.SERVER_ERROR, Code.RA413),
        ("NoSuchEntity", 404, Kind.NOT_FOUND, Code.RA414),
        ("EntityAlreadyExists", 409, Kind.ALREADY_EXISTS, Code.RA414),
        ("DeleteConflict", 409, Kind.CONFLICT, Code.RA414),
        ("ConcurrentModification", 409, Kind.CONCURRENT_MODIFICATION, Code.RA414),
        ("EntityTemporarilyUnmodifiable", 409, Kind.TEMPORARILY_UNMODIFIABLE, Code.RA414),
        ("MalformedPolicyDocument", 400, Kind.MALFORMED_POLICY, Code.RA414),
        ("LimitExceeded", 409, Kind.LIMIT_EXCEEDED, Code.RA414),
        ("UnmodifiableEntity", 400, Kind.UNMODIFIABLE, Code.RA414),
        ("AccessDenied", 403, Kind.ACCESS_DENIED, Code.RA403),
        ("ExpiredToken", 403, Kind.CREDENTIALS, Code.RA402),
        ("ValidationError", 400, Kind.OTHER, Code.RA414),
    ],
)
def test_each_refusal_has_one_kind_and_one_code(code: str, status: int, kind: Kind, told: Code) -> None:
    error = meant(code, status=status)
    assert (error.kind, error.diagnostic.code) == (kind, told)
    assert (error.code, error.message, error.request_id, error.status) == (code, "no", "req-9", status)
    assert error.diagnostic.address == "role/deployer"


def test_an_invalid_principal_is_named() -> None:
    error = meant("MalformedPolicyDocument", 'Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/bob"')
    assert error.kind is Kind.INVALID_PRINCIPAL
    assert error.principal == "arn:aws:iam::111122223333:user/bob"


def test_an_invalid_service_is_named_though_its_key_is_shouted() -> None:
    assert meant("MalformedPolicyDocument", 'Invalid principal in policy: "SERVICE":"x.y"').principal == "x.y"


def test_another_malformed_policy_has_no_principal() -> None:
    error = meant("MalformedPolicyDocument", "Syntax errors in policy.")
    assert (error.kind, error.principal) == (Kind.MALFORMED_POLICY, None)


def test_how_often_a_busy_aws_was_asked_is_said() -> None:
    assert "(5 attempts)" in meant("Throttling", "Rate exceeded").diagnostic.message


def statement(error: AwsError) -> dict[str, str]:
    text = str(error.diagnostic.help)
    found: dict[str, str] = json.loads(text[text.index("{") :])
    return found


def test_access_denied_names_the_missing_action_and_the_statement_to_add() -> None:
    message = (
        f"User: {CALLER} is not authorized to perform: iam:UpdateRole on resource: role deployer because no "
        "identity-based policy allows the iam:UpdateRole action"
    )
    error = meant("AccessDenied", message, status=403)
    assert error.diagnostic.message.startswith(f"{CALLER} may not call iam:UpdateRole on role deployer, because no")
    assert statement(error) == {
        "Effect": "Allow",
        "Action": "iam:UpdateRole",
        "Resource": "arn:aws:iam::111122223333:role/deployer",
    }


def test_access_denied_on_an_arn_allows_that_arn() -> None:
    arn = "arn:aws:iam::111122223333:role/ci/deployer"
    error = meant("AccessDenied", f"User: {CALLER} is not authorized to perform: iam:PassRole on resource: {arn}")
    assert statement(error)["Resource"] == arn
    assert statement(error)["Action"] == "iam:PassRole"


def test_access_denied_without_words_falls_back_to_the_call() -> None:
    error = meant("AccessDenied", "Access denied", status=403)
    assert statement(error) == {"Effect": "Allow", "Action": "iam:UpdateRole", "Resource": "*"}


def test_no_allow_outweighs_an_explicit_deny() -> None:
    message = (
        f"User: {CALLER} is not authorized to perform: iam:UpdateRole on resource: role deployer with an explicit deny"
        " in a service control policy"
    )
    error = meant("AccessDenied", message, status=403)
    assert "A Deny stands in the way" in str(error.diagnostic.help)
    assert "service control policy" in error.diagnostic.message


def test_a_boundary_that_does_not_allow_is_named() -> None:
    message = (
        f"User: {CALLER} is not authorized to perform: iam:UpdateRole on resource: role deployer because no "
        "permissions boundary allows the iam:UpdateRole action"
    )
    assert "every policy that limits it" in str(meant("AccessDenied", message).diagnostic.help)


def test_an_sso_session_that_ended_says_how_to_sign_in() -> None:
    error = understand(SSOTokenLoadError(error_msg="Token has expired"), ASKED)
    assert error.kind is Kind.CREDENTIALS
    assert "aws sso login" in str(error.diagnostic.help)


def test_what_was_never_sent_is_no_unknown_outcome() -> None:
    error = understand(ParamValidationError(report="Missing required parameter"), ASKED)
    assert (error.kind, error.diagnostic.code) == (Kind.OTHER, Code.RA414)


def test_a_message_of_many_lines_is_told_in_one() -> None:
    assert "\n" not in meant("ValidationError", "one\ntwo\n   three").diagnostic.message


def test_a_broken_handshake_is_unreachable_for_a_read_and_open_for_a_write() -> None:
    error = SSLError(endpoint_url="https://iam.amazonaws.com", error=OSError("certificate verify failed"))
    assert understand(error, Asked(call="GetRole")).kind is Kind.UNREACHABLE
    assert understand(error, ASKED).kind is Kind.UNKNOWN_OUTCOME


def test_a_setting_found_wrong_only_when_calling_is_named_as_one() -> None:
    assert understand(InvalidConfigError(error_msg="sso_region is missing"), ASKED).diagnostic.code is Code.RM122


def test_a_resource_of_an_unknown_account_is_not_guessed() -> None:
    message = f"User: {CALLER} is not authorized to perform: iam:GetRole on resource: role deployer"
    error = meant("AccessDenied", message, asked=Asked(call="GetRole"))
    assert statement(error)["Resource"] == "*"


def test_a_message_without_end_is_cut() -> None:
    assert len(meant("ValidationError", "x" * 100_000).diagnostic.message) < 1_000


def test_whatever_else_is_raised_has_a_meaning() -> None:
    assert understand(RecursionError(), Asked(call="GetRole")).kind is Kind.NOT_UNDERSTOOD
    assert understand(KeyError("x"), ASKED).kind is Kind.UNKNOWN_OUTCOME
