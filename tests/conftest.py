"""What holds for every test: how long Hypothesis may search, and that nothing leaves this machine.

`HYPOTHESIS_PROFILE` names the profile: `test` (the default) is small, `ci` is what CI has time for, and both
give the same examples each time, so that a failure is everybody's. `soak` searches anew on every run.
"""

import os
import sys

from hypothesis import HealthCheck, settings

# A loaded machine is slow, not wrong.
PATIENT = (HealthCheck.too_slow,)

settings.register_profile("test", max_examples=30, deadline=None, derandomize=True, suppress_health_check=PATIENT)
settings.register_profile("ci", max_examples=2_000, deadline=None, derandomize=True, suppress_health_check=PATIENT)
settings.register_profile("soak", max_examples=100_000, deadline=None, print_blob=True, suppress_health_check=PATIENT)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "test"))


def forget_the_surroundings() -> None:
    """Take away what the developer's shell says about accounts, colours and CI, and give harmless keys."""
    for name in tuple(os.environ):
        if name.startswith(("AWS_", "RECONCILER_")) or name in {"CI", "NO_COLOR", "FORCE_COLOR"}:
            del os.environ[name]
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def stay_on_this_machine(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse every connection that does not end on the loopback: an audit hook, so nothing slips past it."""
    if event != "socket.connect":
        return
    match arguments[1]:
        case (str(host), *_) if not host.startswith("127.") and host not in {"localhost", "::1"}:
            raise ConnectionRefusedError(f"a test tried to reach {host}; tests stay on the loopback")


forget_the_surroundings()
sys.addaudithook(stay_on_this_machine)
