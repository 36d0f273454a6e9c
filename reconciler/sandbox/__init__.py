"""An IAM that behaves like IAM, on one's own machine.

    box = Sandbox(seed=7)
    account = box.account()
    account.create_user("alice")
    iam = box.session().client("iam")          # an ordinary boto3 client, no sockets

A trust policy that names alice keeps her unique ID. Delete and create her again: the policy shows a
bare `AIDA...`, and the new alice is not trusted. That, refusals in IAM's own words, quotas, pages,
lists in another order each time, faults on demand: whatever a tool that manages roles can meet.

Where to look: `box` answers requests, `calls` has one module per kind of thing, `principals` and
`documents` the manners of policies, `wire` the protocol, `faults` what can go wrong, `moto_contact`
all that is taken from moto. Nothing here knows the program that it is used to test.
"""

from reconciler.sandbox.account import Account
from reconciler.sandbox.box import Sandbox
from reconciler.sandbox.clock import Clock
from reconciler.sandbox.errors import IamError
from reconciler.sandbox.world import DEFAULT_ACCOUNT, Switches

__all__ = ["DEFAULT_ACCOUNT", "Account", "Clock", "IamError", "Sandbox", "Switches"]
