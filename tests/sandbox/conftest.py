"""The sandbox's own fixtures, as a user would get them with `pytest_plugins`."""

from reconciler.sandbox.pytest_plugin import account, iam_server, iam_session, sandbox

__all__ = ["account", "iam_server", "iam_session", "sandbox"]
