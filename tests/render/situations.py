"""Plans, reports and results made by hand: one of every kind of thing that a person may be shown."""

from __future__ import annotations

from reconciler.apply import Applied, ApplyResult, Outcome, Result
from reconciler.drift import DriftReport, Finding, Kind
from reconciler.model.change import Action, Approval, Call, Change, Difference, Operation, Reason
from reconciler.model.diagnostic import Code, Diagnostic, Place, Severity
from reconciler.model.principal import Standing
from reconciler.plan import Plan

ACCOUNT = "111122223333"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
RUNNER = f"arn:aws:iam::{ACCOUNT}:role/ci-runner"
DEAD_ALICE = "AIDACKCEVSQ6C2EXAMPLE"
DEAD_RUNNER = "AROACKCEVSQ6C2EXAMPLE"

LIST_BUCKET = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::example_bucket"}],
}
TRUST_ACCOUNT = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": "sts:AssumeRole",
            "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
        }
    ],
}


def trust(*principals: str) -> dict[str, object]:
    """A trust policy of one statement for these principals."""
    statement = {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def change(address: str, action: Action, reason: Reason, message: str, **rest: object) -> Change:
    """A change of the account, with the rest as given."""
    return Change(address=address, account=ACCOUNT, action=action, reason=reason, message=message, **rest)  # type: ignore[arg-type]


def all_of(reason: Reason, **paths: object) -> tuple[Difference, ...]:
    """Everything that a new object has, path by path."""
    return tuple(Difference(path=path, reason=reason, after=value) for path, value in paths.items())


CREATED = change(
    "role/Test-UserAccess-Role",
    Action.CREATE,
    Reason.NOT_THERE,
    "is declared and does not exist yet",
    approvals=(Approval.BROADEN,),
    broadens=True,
    after={"name": "Test-UserAccess-Role", "path": "/teams/"},
    differences=all_of(
        Reason.NOT_THERE,
        trust=TRUST_ACCOUNT,
        description="Lets users of the development account list example_bucket",
        max_session_duration=3600,
        managed_policies=[f"arn:aws:iam::{ACCOUNT}:policy/PolicyForRole"],
        tags={"team": "storage", "stage": "dev"},
        **{"inline_policies/list-bucket": LIST_BUCKET},
    ),
    operations=(
        Operation(
            call=Call.CREATE_ROLE,
            params={"RoleName": "Test-UserAccess-Role", "AssumeRolePolicyDocument": TRUST_ACCOUNT},
            stage=2,
        ),
        Operation(
            call=Call.PUT_ROLE_POLICY,
            params={
                "RoleName": "Test-UserAccess-Role",
                "PolicyName": "list-bucket",
                "PolicyDocument": LIST_BUCKET,
            },
            stage=2,
        ),
    ),
)

RE_TRUSTED = change(
    "role/deployer",
    Action.UPDATE,
    Reason.PRINCIPAL_RECREATED,
    "a principal that it trusts was deleted and recreated",
    approvals=(Approval.RE_TRUST,),
    held=True,
    differences=(
        Difference(
            path="trust",
            reason=Reason.PRINCIPAL_RECREATED,
            before=trust(DEAD_ALICE, DEAD_RUNNER, f"arn:aws:iam::{ACCOUNT}:user/bob"),
            after=trust(ALICE, RUNNER, f"arn:aws:iam::{ACCOUNT}:user/bob"),
            note=(
                f"{DEAD_ALICE} was {ALICE} until 2026-11-23T10:00:00Z, who today is AIDAJQABLZS4A3QDU576Q. "
                f"{DEAD_RUNNER} was {RUNNER}, which today is AROAJQABLZS4A3QDU576Q."
            ),
        ),
    ),
    operations=(
        Operation(
            call=Call.UPDATE_ASSUME_ROLE_POLICY,
            params={"RoleName": "deployer", "PolicyDocument": trust(ALICE, RUNNER)},
            stage=1,
            approvals=(Approval.RE_TRUST,),
            held=True,
        ),
    ),
)

REWRITTEN = change(
    "role/reader",
    Action.UPDATE,
    Reason.CHANGED_OUTSIDE,
    "was changed outside",
    approvals=(Approval.UNDO_NARROWING, Approval.BROADEN),
    held=True,
    broadens=True,
    differences=(
        Difference(
            path="inline_policies/read",
            reason=Reason.CHANGED_OUTSIDE,
            before={
                "Version": "2008-10-17",
                "Statement": [
                    {"Sid": "Read", "Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::a/*"},
                    {
                        "Effect": "Allow",
                        "Action": ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage"],
                        "Resource": "arn:aws:sqs:eu-west-1:111122223333:jobs",
                    },
                    {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"},
                    {"Sid": "Keep", "Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*"},
                ],
            },
            after={
                "Version": "2012-10-17",
                "Statement": [
                    {"Sid": "Keep", "Effect": "Deny", "Action": ["s3:deleteobject"], "Resource": ["*"]},
                    {
                        "Sid": "Read",
                        "Effect": "Allow",
                        "Action": ["s3:Get*", "s3:ListBucket"],
                        "Resource": "arn:aws:s3:::a/*",
                        "Condition": {
                            "StringEquals": {"aws:SourceVpc": ["vpc-1", "vpc-2"]},
                            "NumericLessThan": {"aws:MultiFactorAuthAge": "3600"},
                        },
                    },
                    {
                        "Effect": "Allow",
                        "Action": ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage"],
                        "Resource": "*",
                    },
                    {"Effect": "Deny", "NotAction": ["iam:Get*", "iam:List*"], "NotResource": "*"},
                ],
            },
            broadens=True,
        ),
        Difference(path="max_session_duration", reason=Reason.MANIFEST_CHANGED, before=3600, after=5400),
        Difference(path="description", reason=Reason.MANIFEST_CHANGED, before="Reads", after=None),
        Difference(
            path="tags",
            reason=Reason.CHANGED_OUTSIDE,
            before={"team": "storage", "owner": "bob", "stage": "dev"},
            after={"team": "storage", "stage": "prod", "cost": "42"},
        ),
        Difference(
            path="managed_policies",
            reason=Reason.MANIFEST_CHANGED,
            before=["arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/job-function/Billing"],
            after=["arn:aws:iam::aws:policy/job-function/Billing", "arn:aws:iam::aws:policy/SecurityAudit"],
            broadens=True,
        ),
        Difference(
            path="permissions_boundary",
            reason=Reason.MANIFEST_CHANGED,
            before=f"arn:aws:iam::{ACCOUNT}:policy/Boundary",
            after=None,
            broadens=True,
        ),
    ),
    notices=("bob loses access for a moment: the trust is closed while the policies change.",),
)

REPLACED = change(
    "role/mover",
    Action.REPLACE,
    Reason.PATH_CHANGED,
    "its path cannot change in place: / becomes /teams/",
    approvals=(Approval.DELETE,),
    differences=(Difference(path="path", reason=Reason.PATH_CHANGED, before="/", after="/teams/"),),
    notices=("Whoever trusts the role in another account is left with a dead ID.",),
)
IMPORTED = change(
    "role/found", Action.IMPORT, Reason.ADOPTED, "exists as declared, and is recorded; nothing is written"
)
ADOPTED = change(
    "managed_policy/PolicyForRole",
    Action.IMPORT,
    Reason.ADOPTED,
    "exists, differs from its manifest, and is taken over",
    approvals=(Approval.ADOPT,),
    held=True,
    differences=(
        Difference(
            path="policy",
            reason=Reason.ADOPTED,
            before={"Version": "2012-10-17", "Statement": []},
            after=LIST_BUCKET,
            broadens=True,
        ),
    ),
    operations=(
        Operation(
            call=Call.CREATE_POLICY_VERSION,
            params={"PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/PolicyForRole", "PolicyDocument": LIST_BUCKET},
            approvals=(Approval.ADOPT,),
            held=True,
        ),
    ),
)
DELETED = change(
    "role/old",
    Action.DELETE,
    Reason.NOT_DECLARED,
    "is owned and no longer declared",
    approvals=(Approval.DELETE,),
    before={"name": "old", "path": "/"},
    differences=(
        Difference(path="trust", reason=Reason.NOT_DECLARED, before=trust(ALICE)),
        Difference(path="inline_policies/list", reason=Reason.NOT_DECLARED, before=LIST_BUCKET),
    ),
    notices=("alice can no longer assume it; it was last used on 2026-11-01T00:00:00Z in eu-west-1.",),
)
FORGOTTEN = change("role/gone", Action.FORGET, Reason.NOT_DECLARED, "is no longer declared, and gone already")

BLOCKER = Diagnostic(
    Code.RP204,
    "role/auditor trusts arn:aws:iam::111122223333:user/carol, and there is no such user.",
    address="role/auditor",
    place=Place("manifests/auditor.yaml", 5, 11, "  - user: carol"),
    help="Create the user first, or take it out of the trust.",
)
WARNING = Diagnostic(
    Code.RC318,
    "The boundary arn:aws:iam::111122223333:policy/Boundary is not declared, and is left in place.",
    Severity.WARNING,
    address="role/deployer",
    place=Place("manifests/deployer.yaml", 1, 1, "kind: Role"),
    help="Declare it, or write `none` to take it off.",
)

EVERY_KIND = Plan(
    account=ACCOUNT,
    fingerprint="sha256:0000",
    changes=(CREATED, RE_TRUSTED, REWRITTEN, REPLACED, IMPORTED, ADOPTED, DELETED, FORGOTTEN),
    unchanged=3,
)
BLOCKED = Plan(
    account=ACCOUNT, fingerprint="sha256:0000", changes=(RE_TRUSTED,), blockers=(BLOCKER,), warnings=(WARNING,)
)
ONLY_BLOCKED = Plan(account=ACCOUNT, fingerprint="sha256:0000", blockers=(BLOCKER,))
NOTHING = Plan(account=ACCOUNT, fingerprint="sha256:0000", unchanged=8)

HOSTILE = Plan(
    account=ACCOUNT,
    fingerprint="sha256:0000",
    changes=(
        change(
            "role/evil",
            Action.UPDATE,
            Reason.CHANGED_OUTSIDE,
            "::add-mask::everything\nNo changes. Your roles match the manifests.",
            differences=(
                Difference(
                    path="description",
                    reason=Reason.CHANGED_OUTSIDE,
                    before="x\x9b2K\x1b[2J\u202eharmless\u200b\xa0",
                    after="\n::error::forged",
                ),
                Difference(
                    path="trust",
                    reason=Reason.CHANGED_OUTSIDE,
                    before="{not json\r\n  + Allow",
                    after=trust("*", "arn:aws:iam::111122223333:role/a\x85b"),
                ),
                Difference(
                    path="tags", reason=Reason.CHANGED_OUTSIDE, before={"::warning::k\n": "v\x07"}, after={"k": "%s{}"}
                ),
            ),
        ),
    ),
)

REPORT = DriftReport(
    account=ACCOUNT,
    roles_scanned=42,
    not_applied=2,
    findings=(
        Finding(
            kind=Kind.ORPHANED_PRINCIPAL,
            code=Code.RP201,
            severity=Severity.ERROR,
            address="role/deployer",
            arn=f"arn:aws:iam::{ACCOUNT}:role/deployer",
            managed=True,
            place=Place("manifests/deployer.yaml", 4, 3),
            path="trust",
            message="The user alice was deleted and created again; the one of today is not trusted.",
            help="Check that it is the same person, then apply.",
            principal_id=DEAD_ALICE,
            standing=Standing.RECREATED,
            last_known_arn=ALICE,
            current_id="AIDAJQABLZS4A3QDU576Q",
            effect="Allow",
            location="Statement[0].Principal.AWS[0]",
            first_seen="2026-11-24T10:00:00Z",
            last_alive="2026-11-23T10:00:00Z",
        ),
        Finding(
            kind=Kind.ORPHANED_PRINCIPAL,
            code=Code.RP206,
            severity=Severity.ERROR,
            address="role/deployer",
            managed=True,
            place=Place("manifests/deployer.yaml", 4, 3),
            message="A dead ID most likely was the role ci-runner.",
            principal_id=DEAD_RUNNER,
            session="build-7",
            standing=Standing.INFERRED,
            inferred_arn=RUNNER,
            effect="Allow",
            location="Statement[0].Principal.AWS[1]",
        ),
        Finding(
            kind=Kind.DIFFERS,
            code=Code.RP223,
            severity=Severity.WARNING,
            address="role/reader",
            managed=False,
            place=Place("manifests/reader.yaml", 1, 1),
            message="The live role is not as declared: max_session_duration.",
            path="max_session_duration",
            help="See the plan, then adopt it or change the manifest.",
        ),
        Finding(
            kind=Kind.UNMANAGED,
            code=Code.RP224,
            severity=Severity.NOTE,
            address="role/legacy",
            managed=False,
            message="No manifest declares this role.",
        ),
        Finding(
            kind=Kind.DELETED_OUTSIDE,
            code=Code.RP222,
            severity=Severity.ERROR,
            address="role/auditor",
            managed=True,
            message="The role was deleted outside: nobody can assume it.",
            help="Apply to create it again.",
            deleted="2026-11-22T00:00:00Z",
        ),
    ),
    warnings=(
        Diagnostic(
            Code.RS509, "The ledger was not updated: the state is locked.", Severity.WARNING, help="Run it again."
        ),
    ),
    calls={"ListRoles": 1, "GetAccountAuthorizationDetails": 1},
)
CALM = DriftReport(account=ACCOUNT, roles_scanned=1)
CALM_WITH_NOTES = DriftReport(account=ACCOUNT, roles_scanned=7, findings=(REPORT.findings[3],))

COMPLETE = ApplyResult(
    account=ACCOUNT,
    fingerprint="sha256:0000",
    summary=Applied(imported=1, added=1, changed=1),
    outcomes=(
        Outcome(address="role/found", call=None, outcome=Result.DONE),
        Outcome(address="role/Test-UserAccess-Role", call=Call.CREATE_ROLE, outcome=Result.DONE, request_id="r-1"),
        Outcome(address="role/reader", call=Call.UPDATE_ROLE, outcome=Result.ALREADY, request_id="r-2"),
    ),
)
HELD = ApplyResult(
    account=ACCOUNT,
    fingerprint="sha256:0000",
    summary=Applied(added=1, held=2),
    outcomes=(
        Outcome(address="role/Test-UserAccess-Role", call=Call.CREATE_ROLE, outcome=Result.DONE),
        Outcome(address="role/deployer", call=Call.UPDATE_ASSUME_ROLE_POLICY, outcome=Result.HELD),
        Outcome(address="role/reader", call=Call.PUT_ROLE_POLICY, outcome=Result.HELD),
    ),
)
FAILED = ApplyResult(
    account=ACCOUNT,
    fingerprint="sha256:0000",
    summary=Applied(added=1, failed=1, forgotten=1),
    interrupted=False,
    outcomes=(
        Outcome(address="role/Test-UserAccess-Role", call=Call.CREATE_ROLE, outcome=Result.DONE),
        Outcome(
            address="role/deployer",
            call=Call.UPDATE_ASSUME_ROLE_POLICY,
            outcome=Result.FAILED,
            request_id="7a62c49f-347e-4fc4-9331-6e8eEXAMPLE",
            diagnostic=Diagnostic(
                Code.RA403,
                "UpdateAssumeRolePolicy on role/deployer was denied.",
                address="role/deployer",
                help='Add this statement:\n  {"Effect": "Allow", "Action": "iam:UpdateAssumeRolePolicy"}',
            ),
        ),
        Outcome(address="role/mover", call=Call.DELETE_ROLE, outcome=Result.UNKNOWN),
        Outcome(address="role/mover", call=Call.CREATE_ROLE, outcome=Result.NOT_TRIED),
        Outcome(address="role/gone", call=None, outcome=Result.DONE),
    ),
)
INTERRUPTED = ApplyResult(
    account=ACCOUNT,
    fingerprint="sha256:0000",
    summary=Applied(added=1),
    interrupted=True,
    outcomes=(Outcome(address="role/reader", call=Call.UPDATE_ROLE, outcome=Result.NOT_TRIED),),
)

PLACES = (
    BLOCKER,
    WARNING,
    Diagnostic(
        Code.RM107,
        "`permission_boundary` is not a key of a Role.",
        place=Place("manifests/a.yaml", 3, 1, "permission_boundary: Boundary"),
        help="Did you mean `permissions_boundary`?",
    ),
    Diagnostic(
        Code.RM106, "A number that nobody keeps.", place=Place("manifests/b.yaml", 12, 90, "description: " + "9" * 300)
    ),
    Diagnostic(Code.RM103, "A control character.", place=Place("manifests/c.yaml", 2, 6, "é\x9b日本 x: y")),
    Diagnostic(Code.RM101, "There is no folder manifest.", place=Place("manifest")),
    Diagnostic(Code.RP210, "The user alice is shown in a passing form.", Severity.NOTE, address="role/deployer"),
)
