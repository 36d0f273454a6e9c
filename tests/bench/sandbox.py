"""What the sandbox costs: its loopback server beside moto's own, and seeding a large account.

    python -m tests.bench.sandbox sandbox|moto

is one of the two servers: it prints its address once it listens, and serves until its standard input is closed.
Calls per second are by the clock, the one thing that two servers have in common: they take turns, and the best of
several rounds counts.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import boto3

from reconciler.sandbox import Sandbox
from tests.bench.measure import say, serving

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

LEAST_TIMES = 0.9
MOST_SECONDS = 3.0
ROUNDS = 5
TURNS = 40
CALLS_A_TURN = 5
EC2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [EC2]})


def bench(count: int) -> bool:
    """Measure and print; whether the server is no slower than moto's, and so many roles are seeded fast enough."""
    servers = [bench_server(), bench_seeding(count)]
    return all(servers)


def bench_server() -> bool:
    """Compare the two servers."""
    with serving("tests.bench.sandbox", "sandbox") as ours, serving("tests.bench.sandbox", "moto") as theirs:
        own, moto = best_of([client_of(ours), client_of(theirs)])
    for name, rate in (("moto's server", moto), ("the sandbox's server", own)):
        say(f"{name:<24} {rate:6.0f} calls/s  {rate / moto:5.2f} x")
    say(f"limit of the server      {own / moto:.2f} of at least {LEAST_TIMES} times")
    return own >= LEAST_TIMES * moto


def client_of(url: str) -> IAMClient:
    """Return a client of a server, with keys that nobody gave out."""
    session = boto3.Session("bench", "not a secret", region_name="us-east-1")
    return session.client("iam", endpoint_url=url)


def best_of(clients: Sequence[IAMClient]) -> list[float]:
    """Return the calls per second of each, after a round to warm up."""
    rounds = [[calls_per_second(client) for client in clients] for _ in range(ROUNDS + 1)]
    return [max(rates) for rates in zip(*rounds[1:], strict=True)]


def calls_per_second(client: IAMClient) -> float:
    """Make, read, list and delete roles, and count."""
    start = time.perf_counter()
    for number in range(TURNS):
        name = f"role-{number}"
        client.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
        client.get_role(RoleName=name)
        client.list_roles()
        client.delete_role(RoleName=name)
        client.get_account_summary()
    return CALLS_A_TURN * TURNS / (time.perf_counter() - start)


def bench_seeding(count: int) -> bool:
    """Seed an account of so many roles."""
    account = Sandbox().account()
    start = time.process_time()
    account.seed_roles(count)
    seconds = time.process_time() - start
    say(f"limit of seeding         {seconds:.2f} of {MOST_SECONDS} CPU s for {count} roles")
    return seconds <= MOST_SECONDS


def serve_sandbox() -> None:
    """Serve an empty sandbox."""
    with Sandbox().serve() as server:
        print(server.url, flush=True)  # noqa: T201  the address, for the bench
        sys.stdin.read()


def serve_moto() -> None:
    """Serve moto as it comes, but for its log of each request: writing that is on nobody's account."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415  needs flask, which only this server does

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    print(f"http://{host}:{port}", flush=True)  # noqa: T201  the address, for the bench
    sys.stdin.read()
    moto.stop()


if __name__ == "__main__":
    {"sandbox": serve_sandbox, "moto": serve_moto}[sys.argv[1]]()
