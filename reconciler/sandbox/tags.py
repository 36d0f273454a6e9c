"""Tags: what may be one, and when two are the same.

Keys of roles and users are one key whatever their case, and keep the spelling of the first; keys of
managed policies count by case (recorded answers; IAM User Guide, id_tags). `aws:` is reserved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.sandbox import views
from reconciler.sandbox.callers import AwsItself
from reconciler.sandbox.entities import Tags
from reconciler.sandbox.errors import IamError
from reconciler.sandbox.paging import page
from reconciler.sandbox.world import Call


def added(before: Tags, new: Iterable[Mapping[str, str]], *, call: Call, ignore_case: bool) -> Tags:
    """The tags after setting `new`; InvalidInput and LimitExceeded as IAM has them."""
    pairs = [(tag["Key"], tag.get("Value", "")) for tag in new]
    _check_reserved([key for key, _ in pairs], call)
    folded = [_fold(key, ignore_case=ignore_case) for key, _ in pairs]
    if len(set(folded)) != len(folded):
        hint = " Please note that Tag keys are case insensitive." if ignore_case else ""
        raise IamError("InvalidInput", f"Duplicate tag keys found.{hint}")
    after = {_fold(key, ignore_case=ignore_case): (key, value) for key, value in before}
    for fold, (key, value) in zip(folded, pairs, strict=True):
        after[fold] = (after[fold][0] if fold in after else key, value)
    if len(after) > call.quotas["TagsQuota"]:
        raise IamError("LimitExceeded", "The number of tags has reached the maximum limit.")
    return tuple(after.values())


def removed(before: Tags, keys: Iterable[str], *, call: Call, ignore_case: bool) -> Tags:
    """The tags after taking some away; a key that is not there is no error."""
    keys = list(keys)
    _check_reserved(keys, call)
    gone = {_fold(key, ignore_case=ignore_case) for key in keys}
    return tuple(tag for tag in before if _fold(tag[0], ignore_case=ignore_case) not in gone)


def listed(call: Call, tags: Tags) -> dict[str, Any]:
    """A page of tags."""
    shown, more = page(call, tags, key=lambda tag: tag[0])
    return {"Tags": views.tag_list(tuple(shown)), **more}


def _fold(key: str, *, ignore_case: bool) -> str:
    return key.lower() if ignore_case else key


def _check_reserved(keys: Iterable[str], call: Call) -> None:
    if isinstance(call.caller, AwsItself):
        return
    if any(key.lower().startswith("aws:") for key in keys):
        raise IamError("InvalidInput", "Caller is not allowed to alter system tags: keys may not begin with aws:")
