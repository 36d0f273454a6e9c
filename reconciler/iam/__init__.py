"""The only way to AWS: one typed method for each API call.

`connection` makes the session and a client for each account, `client` has the calls, `wire` reads the big pages fast,
`shapes` makes model values of IAM's own shapes, `trail` asks CloudTrail, `retries` tells what is asked again, `errors`
lists what can fail and `meaning` tells which it is. Importing this imports no boto3: that comes with `Aws.connect`.

    aws = Aws.connect(profile="production")
    iam = aws.account(aws.caller().account, read_only=True)
    role = iam.get_role("deployer")
"""

from reconciler.iam.client import READS, Iam, Reply, Tally
from reconciler.iam.connection import Aws
from reconciler.iam.errors import AwsError, Kind, NotUnderstoodError, or_none
from reconciler.iam.shapes import (
    Caller,
    Documents,
    Identity,
    PolicyFacts,
    attached_of,
    boundary_of,
    instant,
    policy_of,
    role_of,
)
from reconciler.iam.trail import Event, Trail
from reconciler.iam.wire import Detail, Page

__all__ = [
    "READS",
    "Aws",
    "AwsError",
    "Caller",
    "Detail",
    "Documents",
    "Event",
    "Iam",
    "Identity",
    "Kind",
    "NotUnderstoodError",
    "Page",
    "PolicyFacts",
    "Reply",
    "Tally",
    "Trail",
    "attached_of",
    "boundary_of",
    "instant",
    "or_none",
    "policy_of",
    "role_of",
]
