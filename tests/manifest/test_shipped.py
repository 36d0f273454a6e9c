"""The manifests that come with the program, and the README on how to write one."""

import re
from pathlib import Path

import pytest

from reconciler.manifest import declare, load_manifests, validate_offline
from reconciler.manifest.schema import MODELS, TrustEntry
from reconciler.manifest.trust import MAY_STAND_WITH
from reconciler.model.declared import Desired
from reconciler.model.managed_policy import ManagedPolicy
from tests.manifest.support import ACCOUNT, codes, load, role_of

ROOT = Path(__file__).parents[2]
README = (ROOT / "manifests" / "README.md").read_text()


@pytest.fixture(scope="module")
def shipped() -> Desired:
    manifests = load_manifests(ROOT / "manifests", base=ROOT)
    assert validate_offline(manifests) == []
    desired, found = declare(manifests, account=ACCOUNT, partition="aws", default_account=None)
    assert found == []
    return desired


def test_the_first_example_is_the_one_of_aws_s_own_page(shipped: Desired) -> None:
    role = role_of(shipped, "Test-UserAccess-Role")
    assert role.trust.source == {
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
    assert role.managed_policies == {f"arn:aws:iam::{ACCOUNT}:policy/PolicyForRole"}
    policy = shipped.objects["managed_policy/PolicyForRole"].value
    assert isinstance(policy, ManagedPolicy)
    assert policy.policy.source == {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::example_bucket"}],
    }


def test_the_slip_on_aws_s_own_page_is_found_offline(tmp_path: Path) -> None:
    text = (ROOT / "manifests" / "test-user-access-role.yaml").read_text()
    manifests = load(tmp_path, text.replace("- PolicyForRole", "- arn:aws:iam::123456789012:role/PolicyForRole"))
    (found,) = validate_offline(manifests)
    assert found.code == "RM115"
    assert found.help is not None
    assert "arn:aws:iam::123456789012:policy/PolicyForRole" in found.help


def test_the_deployer_trusts_a_user_and_a_role_by_arn(shipped: Desired) -> None:
    trusted = [found.value for found in role_of(shipped, "deployer").trust.principals()]
    assert trusted == [f"arn:aws:iam::{ACCOUNT}:user/alice", f"arn:aws:iam::{ACCOUNT}:role/ci-runner"]
    assert "role/ci-runner" not in shipped.objects


def test_the_third_party_has_all_that_the_console_offers(shipped: Desired) -> None:
    role = role_of(shipped, "third-party-auditor")
    (statement,) = role.trust.raw_statements
    assert statement["Principal"] == {"AWS": "arn:aws:iam::444455556666:root"}
    assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": "example-corp-7c2f19"}}
    assert role.permissions_boundary == f"arn:aws:iam::{ACCOUNT}:policy/partners/PartnerBoundary"
    assert len(role.managed_policies) == 2
    assert role.tags["contract"] == "0042"
    assert role.description


def test_the_readme_explains_every_key() -> None:
    keys = {key for model in (*MODELS.values(), TrustEntry) for key in model.model_fields} | set(MAY_STAND_WITH)
    explained = set(re.findall(r"`([a-z_]+)[`:]", README))
    assert keys - explained == set()


def test_the_examples_of_the_readme_are_sound(tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert len(examples) == 2
    assert codes(validate_offline(load(tmp_path, *examples))) == []
