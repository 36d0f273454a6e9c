"""Small things that the tests of the sandbox say often."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

OWN = "111122223333"
READ = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}


@dataclass(frozen=True)
class Refusal:
    """What a client was told."""

    code: str
    message: str
    status: int


def refused(call: Callable[..., Any], **params: Any) -> Refusal:
    """The refusal that the call gives; it is a failure if it gives none."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    status = caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
    return Refusal(error.get("Code", ""), error.get("Message", ""), status)


def trusting(*arns: str, effect: str = "Allow") -> dict[str, Any]:
    """A trust policy that names these AWS principals."""
    return with_statement(Effect=effect, Principal={"AWS": list(arns)})


def with_statement(**elements: Any) -> dict[str, Any]:
    """A trust policy of one statement; what is not given is an ordinary EC2 trust."""
    usual = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [{**usual, **elements}]}


def text(document: Any) -> str:
    """A document as it is sent."""
    return json.dumps(document)


def principals(document: dict[str, Any], key: str = "AWS") -> set[str]:
    """The principals that a document with one statement shows."""
    shown = document["Statement"][0]["Principal"][key]
    return {shown} if isinstance(shown, str) else set(shown)


@cache
def loopback_session() -> boto3.Session:
    """An ordinary session with keys that nobody gave out; one for all tests, as models are slow to read."""
    return boto3.Session("test", "not a secret", region_name="us-east-1")
