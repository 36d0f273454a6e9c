"""Two IAMs on the loopback that ask who may do what, and the little that a test needs of either.

the sandbox       in this process, served
ministack         AUTH=true, a process of its own, from an environment of its own
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from reconciler.sandbox import Sandbox

ACCOUNT = "111122223333"
Keys: TypeAlias = tuple[str, str, str | None]


class Emulator:
    """An IAM and an STS at one address, asked by whoever `acts`; a client for each person takes too long to make."""

    def __init__(self, url: str, root: Keys) -> None:
        session = boto3.Session(*root, region_name="us-east-1")
        self.root = root
        self._credentials = session.get_credentials()
        once = Config(retries={"total_max_attempts": 1})
        self.iam = session.client("iam", endpoint_url=url, config=once)
        self.sts = session.client("sts", endpoint_url=url, config=once)

    def act(self, keys: Keys) -> None:
        """From now on, ask as the owner of these keys."""
        assert self._credentials is not None
        self._credentials.access_key, self._credentials.secret_key, self._credentials.token = keys

    def close(self) -> None:
        """Let go of the connections."""
        self.iam.close()
        self.sts.close()


@contextmanager
def the_sandbox() -> Iterator[Emulator]:
    """The sandbox, asking who may do what."""
    box = Sandbox(enforce=True)
    root = box.credentials()
    keys = (root.access_key_id, root.secret_access_key, root.session_token)
    with box.serve() as server, closing(Emulator(server.url, keys)) as emulator:
        yield emulator


@contextmanager
def ministack(python: Path, folder: Path) -> Iterator[Emulator]:
    """Start ministack with its own Python, yield it once it listens, and stop it; it writes only into ``folder``."""
    port = _free_port()
    process = subprocess.Popen(
        [python, "-m", "ministack"],
        cwd=folder,
        env=_surroundings(folder, port),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = _until_it_listens(process.stdout)
        assert process.poll() is None, said
        with closing(Emulator(f"http://127.0.0.1:{port}", ("root", "not a secret", None))) as emulator:
            yield emulator
    finally:
        process.terminate()
        process.communicate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _surroundings(folder: Path, port: int) -> Mapping[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "AWS_ACCESS_KEY_ID": "root",
    }


def _until_it_listens(lines: Iterator[str]) -> str:
    """What it said until then, or until its end."""
    said = []
    for line in lines:
        said.append(line)
        if "Running on" in line:
            break
    return "".join(said)


def is_denied(client: Any, call: str, params: Mapping[str, Any]) -> bool:
    """Whether the caller may not: another refusal comes after the question who may do what."""
    try:
        client._make_api_call(call, params)
    except ClientError as refusal:
        return refusal.response["Error"]["Code"] == "AccessDenied"
    return False
