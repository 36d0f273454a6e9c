"""Replies that are not IAM's: none of them may look like an empty account."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.iam import Aws, AwsError, Iam, Kind
from reconciler.model.change import Call
from reconciler.model.diagnostic import Code
from tests.iam.hostile import ACCOUNT, Answer, Hostile, identity, refusal, role, role_page

HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Welcome to the hotel</body></html>"
TRUNCATED = "<IsTruncated>true</IsTruncated>"
ASSUMED = (
    "<AssumeRoleResponse><AssumeRoleResult>"
    f"<AssumedRoleUser><Arn>arn:aws:sts::{ACCOUNT}:assumed-role/reconciler/x</Arn>"
    "<AssumedRoleId>AROAEXAMPLE:x</AssumedRoleId></AssumedRoleUser>"
    "<Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>"
    "<SessionToken>token</SessionToken><Expiration>2126-11-24T11:00:00Z</Expiration></Credentials>"
    "</AssumeRoleResult></AssumeRoleResponse>"
)


def connected(hostile: Hostile, *, read_only: bool = True) -> Iam:
    aws = Aws.connect(endpoint_url=hostile.url, read_attempts=2)
    return aws.account(ACCOUNT, read_only=read_only)


def refused(hostile: Hostile) -> AwsError:
    with pytest.raises(AwsError) as raised:
        list(connected(hostile).role_pages())
    return raised.value


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(HTML, id="a sign-in page"),
        pytest.param(b"<html><body>ok</body></html>", id="a page that is XML as well"),
        pytest.param(b'{"Roles": []}', id="JSON"),
        pytest.param(b"\xff\xfe\x00garbage", id="bytes"),
        pytest.param(role_page(role()).encode()[:300], id="half of a page"),
        pytest.param(b"<ListRolesResponse/>", id="an envelope without a letter"),
        pytest.param(b"<ListRolesResponse><ListRolesResult/></ListRolesResponse>", id="no list"),
        pytest.param(role_page(more="").encode(), id="no word on whether there is more"),
        pytest.param(role_page(more="<IsTruncated>maybe</IsTruncated>").encode(), id="perhaps more"),
        pytest.param(role_page(more=TRUNCATED).encode(), id="more, and no marker"),
        pytest.param(role_page("<member><RoleName>x</RoleName></member>").encode(), id="a role without ID"),
        pytest.param(role_page("<member/>").encode(), id="an empty entry"),
        pytest.param(role_page(role(name="")).encode(), id="a role without a name"),
        pytest.param(
            b"<!DOCTYPE a [" + b"".join(
                b'<!ENTITY e%d "%s">' % (n, b"x" * 50 if n == 0 else b"&e%d;" % (n - 1) * 50) for n in range(9)
            ) + b"]><ListRolesResponse>&e8;</ListRolesResponse>",
            id="entities that grow",
        ),
    ],
)  # fmt: skip
def test_a_page_that_is_not_whole_is_never_an_empty_list(hostile: Hostile, body: bytes) -> None:
    hostile.answer("ListRoles", body)
    error = refused(hostile)
    assert error.kind is Kind.NOT_UNDERSTOOD
    assert error.diagnostic.code is Code.RA405


def test_a_marker_that_comes_twice_ends_the_listing(hostile: Hostile) -> None:
    hostile.answer("ListRoles", role_page(role(), more=f"{TRUNCATED}<Marker>again</Marker>"))
    error = refused(hostile)
    assert error.kind is Kind.NOT_UNDERSTOOD
    assert "same marker twice" in error.diagnostic.message
    assert hostile.requests["ListRoles"] == 2


def test_an_empty_page_in_the_middle_is_no_end(hostile: Hostile) -> None:
    hostile.answer("ListRoles", role_page(more=f"{TRUNCATED}<Marker>next</Marker>"), role_page(role()))
    pages = list(connected(hostile).role_pages())
    assert [len(page.lists["Roles"]) for page in pages] == [0, 1]


def test_a_whole_page_is_read_whatever_its_namespace(hostile: Hostile) -> None:
    hostile.answer("ListRoles", role_page(role()).replace("https://iam.amazonaws.com/doc/2010-05-08/", "urn:x"))
    (page,) = connected(hostile).role_pages()
    assert page.lists["Roles"][0]["RoleName"] == "deployer"


@pytest.mark.parametrize("status", [400, 403, 418])
def test_a_refusal_without_a_code_is_not_iam(hostile: Hostile, status: int) -> None:
    hostile.answer("ListRoles", Answer(b"<html><body>no</body></html>", status=status))
    assert refused(hostile).kind is Kind.NOT_UNDERSTOOD


def test_a_refusal_that_is_no_xml_is_not_iam(hostile: Hostile) -> None:
    hostile.answer("ListRoles", Answer(HTML, status=403))
    assert refused(hostile).diagnostic.code is Code.RA405


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_failing_server_is_asked_again_and_then_named(hostile: Hostile, status: int) -> None:
    hostile.answer("ListRoles", Answer(b"<html>down</html>", status=status))
    error = refused(hostile)
    assert error.kind is Kind.SERVER_ERROR
    assert error.diagnostic.code is Code.RA413
    assert hostile.requests["ListRoles"] == 2


def test_a_server_that_recovers_is_no_error(hostile: Hostile) -> None:
    hostile.answer("ListRoles", Answer(status=503), role_page(role()))
    iam = connected(hostile)
    assert len(list(iam.role_pages())) == 1
    assert iam.calls["ListRoles"] == 1, "a retry is no further call"


@pytest.mark.parametrize("code", ["SlowDown", "Throttling", "RequestLimitExceeded"])
def test_a_busy_aws_is_called_busy(hostile: Hostile, code: str) -> None:
    hostile.answer("ListRoles", refusal(code, "Rate exceeded", status=400))
    error = refused(hostile)
    assert (error.kind, error.diagnostic.code) == (Kind.THROTTLED, Code.RA413)


def test_too_many_requests_is_throttling_whatever_the_code(hostile: Hostile) -> None:
    hostile.answer("ListRoles", refusal("Whatever", "", status=429))
    assert refused(hostile).kind is Kind.THROTTLED


def test_a_connection_cut_while_reading_changes_nothing(hostile: Hostile) -> None:
    hostile.answer("ListRoles", Answer(cut=True))
    error = refused(hostile)
    assert (error.kind, error.diagnostic.code) == (Kind.UNREACHABLE, Code.RA404)
    assert "Nothing was sent" not in str(error.diagnostic.help)


def test_a_connection_cut_while_writing_leaves_the_outcome_open(hostile: Hostile) -> None:
    hostile.answer("DeleteRole", Answer(cut=True))
    with pytest.raises(AwsError) as raised:
        connected(hostile, read_only=False).write(Call.DELETE_ROLE, {"RoleName": "deployer"})
    assert raised.value.kind is Kind.UNKNOWN_OUTCOME
    assert raised.value.diagnostic.code is Code.RA415
    assert hostile.requests["DeleteRole"] == 1, "a write is sent once"


def test_a_write_answered_by_a_sign_in_page_leaves_the_outcome_open(hostile: Hostile) -> None:
    hostile.answer("CreateRole", HTML)
    with pytest.raises(AwsError) as raised:
        connected(hostile, read_only=False).write(
            Call.CREATE_ROLE, {"RoleName": "x", "AssumeRolePolicyDocument": {"Version": "2012-10-17"}}
        )
    assert raised.value.kind is Kind.UNKNOWN_OUTCOME


NOT_DONE = {
    "a sign-in page that is XML": b"<html><body>Sign in</body></html>",
    "another's XML": b"<Foo/>",
    "an error": refusal("AccessDenied", "no", status=200).body,
    "the answer to another call": b"<GetRoleResponse><ResponseMetadata/></GetRoleResponse>",
    "half an answer": b"<DeleteRoleResponse><ResponseMetadata>",
    "nothing": b"",
}


@pytest.mark.parametrize("status", [200, 300])
@pytest.mark.parametrize("body", NOT_DONE.values(), ids=NOT_DONE)
def test_a_write_is_done_only_where_iam_says_so(hostile: Hostile, body: bytes, status: int) -> None:
    hostile.answer("DeleteRole", Answer(body, status=status))
    with pytest.raises(AwsError) as raised:
        connected(hostile, read_only=False).write(Call.DELETE_ROLE, {"RoleName": "deployer"})
    assert (raised.value.kind, raised.value.diagnostic.code) == (Kind.UNKNOWN_OUTCOME, Code.RA415)
    assert "the reply is not IAM's" in raised.value.diagnostic.message


@pytest.mark.parametrize("prefix", ["", "iam:"])
def test_a_write_is_done_whatever_the_namespace_of_its_answer(hostile: Hostile, prefix: str) -> None:
    name = f"{prefix}DeleteRoleResponse"
    hostile.answer("DeleteRole", f"<{name} xmlns='urn:x' xmlns:iam='urn:y'></{name}>")
    assert connected(hostile, read_only=False).write(Call.DELETE_ROLE, {"RoleName": "deployer"}).result == {}


@pytest.mark.parametrize("code", ["Throttling", "ServiceFailure"])
def test_a_write_is_not_repeated_by_the_client(hostile: Hostile, code: str) -> None:
    hostile.answer("DeleteRole", refusal(code, "", status=500 if code == "ServiceFailure" else 400))
    with pytest.raises(AwsError):
        connected(hostile, read_only=False).write(Call.DELETE_ROLE, {"RoleName": "deployer"})
    assert hostile.requests["DeleteRole"] == 1


def test_a_role_with_an_impossible_date_or_number_is_not_understood(hostile: Hostile) -> None:
    entry = role().replace("<member>", "").replace("</member>", "<MaxSessionDuration>long</MaxSessionDuration>")
    hostile.answer("GetRole", f"<GetRoleResponse><GetRoleResult><Role>{entry}</Role></GetRoleResult></GetRoleResponse>")
    with pytest.raises(AwsError) as raised:
        connected(hostile).get_role("deployer")
    assert raised.value.kind is Kind.NOT_UNDERSTOOD


def test_a_reply_without_its_role_is_not_understood(hostile: Hostile) -> None:
    hostile.answer("GetRole", "<GetRoleResponse><GetRoleResult/></GetRoleResponse>")
    with pytest.raises(AwsError) as raised:
        connected(hostile).get_role("deployer")
    assert raised.value.diagnostic.code is Code.RA405


def test_a_caller_without_an_arn_is_not_understood(hostile: Hostile) -> None:
    hostile.answer(
        "GetCallerIdentity",
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>me</Arn><UserId>u</UserId><Account>1</Account>"
        "</GetCallerIdentityResult></GetCallerIdentityResponse>",
    )
    with pytest.raises(AwsError) as raised:
        connected(hostile)
    assert raised.value.diagnostic.code is Code.RA405


def test_a_short_list_with_more_and_no_marker_is_not_understood(hostile: Hostile) -> None:
    hostile.answer(
        "ListRolePolicies",
        "<ListRolePoliciesResponse><ListRolePoliciesResult><PolicyNames/><IsTruncated>true</IsTruncated>"
        "</ListRolePoliciesResult></ListRolePoliciesResponse>",
    )
    with pytest.raises(AwsError) as raised:
        connected(hostile).list_role_policies("deployer")
    assert raised.value.kind is Kind.NOT_UNDERSTOOD


@pytest.mark.parametrize(
    ("call", "key", "ask"),
    [
        ("ListAttachedRolePolicies", "AttachedPolicies", lambda iam: iam.list_attached_role_policies("deployer")),
        (
            "ListInstanceProfilesForRole",
            "InstanceProfiles",
            lambda iam: iam.list_instance_profiles_for_role("deployer"),
        ),
        ("ListPolicyTags", "Tags", lambda iam: iam.list_policy_tags("arn:aws:iam::111122223333:policy/Reads")),
        (
            "ListPolicyVersions",
            "Versions",
            lambda iam: iam.list_policy_versions("arn:aws:iam::111122223333:policy/Reads"),
        ),
    ],
)
def test_a_list_whose_members_say_nothing_is_not_understood(
    hostile: Hostile, call: str, key: str, ask: Callable[[Iam], object]
) -> None:
    listed = f"<{key}><member><Odd>x</Odd></member></{key}><IsTruncated>false</IsTruncated>"
    hostile.answer(call, f"<{call}Response><{call}Result>{listed}</{call}Result></{call}Response>")
    with pytest.raises(AwsError) as raised:
        ask(connected(hostile))
    assert raised.value.diagnostic.code is Code.RA405


@pytest.mark.parametrize("missing", ["Arn", "UserId"])
def test_a_caller_of_whom_something_is_not_told_is_not_understood(hostile: Hostile, missing: str) -> None:
    hostile.answer("GetCallerIdentity", identity().decode().replace(missing, "Odd"))
    with pytest.raises(AwsError) as raised:
        connected(hostile)
    assert raised.value.diagnostic.code is Code.RA405


@pytest.mark.parametrize("missing", ["AssumedRoleUser", "AssumedRoleId", "Credentials", "SessionToken", "Expiration"])
def test_a_role_that_is_assumed_and_not_told_whole_is_not_understood(hostile: Hostile, missing: str) -> None:
    hostile.answer("AssumeRole", ASSUMED.replace(missing, "Odd"))
    aws = Aws.connect(endpoint_url=hostile.url)
    with pytest.raises(AwsError) as raised:
        aws.account(ACCOUNT, role_arn=f"arn:aws:iam::{ACCOUNT}:role/reconciler", read_only=True)
    assert raised.value.diagnostic.code is Code.RA405
