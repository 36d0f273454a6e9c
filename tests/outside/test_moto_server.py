"""moto's own server, as it comes: another IAM, with manners of its own.

It keeps principals as text, so a dead one is planted by hand: the ID that the role had before it was recreated.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from tests.commands import Run

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

pytestmark = pytest.mark.slow

SERVE = """
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
input()
"""
MANIFEST = """\
kind: Role
name: deployer
description: Lets alice deploy
max_session_duration: 7200
permissions_boundary: Most
tags: {team: storage}
trust: [{user: alice}, {role: ci-runner}]
managed_policies: [Few]
inline_policies:
  list: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:ListBucket", Resource: "arn:aws:s3:::a+b"}]}
---
kind: Role
name: ci-runner
trust: [{service: ec2.amazonaws.com}]
---
kind: ManagedPolicy
name: Few
tags: {a: b}
policy: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:ListBucket", Resource: "*"}]}
---
kind: ManagedPolicy
name: Most
path: /b/
policy: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "*", Resource: "*"}]}
"""


@pytest.fixture
def moto(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IAMClient]:
    """An account at moto's server with the user alice, and manifests for it."""
    (folder / "manifests" / "all.yaml").write_text(MANIFEST)
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SERVE],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as server:  # fmt: skip
        assert server.stdout is not None
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{int(server.stdout.readline())}")
        monkeypatch.setenv("RECONCILER_ACCOUNT", "123456789012")
        iam = boto3.client("iam")
        iam.create_user(UserName="alice")
        yield iam
        server.terminate()


def test_a_whole_life_is_lived_at_motos_server(moto: IAMClient, folder: Path, run: Run) -> None:
    assert run("apply", "--auto-approve").sentence == "Apply complete! Resources: 4 added, 0 changed, 0 destroyed."
    assert run("plan", "--detailed-exitcode").sentence == "No changes. Your roles match the manifests."
    assert run("drift").code == 0

    manifest = folder / "manifests" / "all.yaml"
    manifest.write_text(
        MANIFEST.replace('Action: "*"', 'Action: "s3:*"')
        .replace("7200", "3600")
        .replace("name: ci-runner", "name: ci-runner\npath: /ci/")
        .replace("permissions_boundary: Most", "permissions_boundary: none")
        .replace("team: storage", "owner: storage")
    )
    assert run("apply", "--auto-approve").sentence == "Apply complete! Resources: 1 added, 2 changed, 1 destroyed."
    assert run("plan", "--detailed-exitcode").code == 0
    assert run("apply", "--auto-approve", "--destroy").code == 0
    assert moto.list_roles()["Roles"] == []
    assert moto.list_policies(Scope="Local")["Policies"] == []


def test_a_dead_id_at_motos_server_is_found_held_and_mended(moto: IAMClient, run: Run) -> None:
    assert run("apply", "--auto-approve").code == 0
    runner = moto.get_role(RoleName="ci-runner")["Role"]
    moto.delete_role(RoleName="ci-runner")
    moto.create_role(RoleName="ci-runner", AssumeRolePolicyDocument=json.dumps(runner["AssumeRolePolicyDocument"]))
    trust = json.dumps(moto.get_role(RoleName="deployer")["Role"]["AssumeRolePolicyDocument"])
    moto.update_assume_role_policy(RoleName="deployer", PolicyDocument=trust.replace(runner["Arn"], runner["RoleId"]))

    (orphan,) = [
        finding
        for finding in run("drift", "--format", "json").json["findings"]
        if finding["kind"] == "orphaned_principal"
    ]
    assert (orphan["address"], orphan["principal_id"], orphan["last_known_arn"], orphan["standing"]) == (
        "role/deployer", runner["RoleId"], runner["Arn"], "recreated"
    )  # fmt: skip
    held = run("apply", "--auto-approve")
    assert (held.code, "--approve re_trust:role/deployer" in held.out) == (2, True)
    assert run("apply", "--auto-approve", "--approve", "re_trust:role/deployer").code == 0
    assert run("plan", "--detailed-exitcode").code == 0
    assert run("drift").code == 0
