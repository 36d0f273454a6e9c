"""Conditions in words, exactly: no two operators read alike on the same values.

Operators and their prefixes and suffixes are those of the IAM User Guide,
reference_policies_elements_condition_operators and reference_policies_multi-value-conditions. One that is not
known is shown by its own name.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

_WORDS = {
    "StringEquals": "is",
    "StringNotEquals": "is not",
    "StringEqualsIgnoreCase": "is, whatever the case,",
    "StringNotEqualsIgnoreCase": "is not, whatever the case,",
    "StringLike": "is like",
    "StringNotLike": "is not like",
    "NumericEquals": "=",
    "NumericNotEquals": "!=",
    "NumericLessThan": "<",
    "NumericLessThanEquals": "<=",
    "NumericGreaterThan": ">",
    "NumericGreaterThanEquals": ">=",
    "DateEquals": "is at",
    "DateNotEquals": "is not at",
    "DateLessThan": "is before",
    "DateLessThanEquals": "is at or before",
    "DateGreaterThan": "is after",
    "DateGreaterThanEquals": "is at or after",
    "Bool": "is",
    "IpAddress": "is in",
    "NotIpAddress": "is not in",
    "ArnEquals": "is the ARN",
    "ArnNotEquals": "is not the ARN",
    "ArnLike": "is an ARN like",
    "ArnNotLike": "is not an ARN like",
}
_QUANTIFIERS = {"ForAllValues": "every value of ", "ForAnyValue": "some value of "}


def condition_in_words(operator: str, key: str, values: Sequence[str]) -> str:
    """Return what one operator demands of one key: any of the values, or none of them where it says `not`."""
    prefix, _, bare = operator.rpartition(":")
    name = bare.removesuffix("IfExists")
    subject = f"{_QUANTIFIERS.get(prefix, prefix and f'{prefix}: ')}{key}"
    exists = " (or is absent)" if bare.endswith("IfExists") else ""
    if name == "Null" and len(values) == 1 and not exists:
        return f"{subject} is {'absent' if values[0] == 'true' else 'present'}"
    verb = _WORDS.get(name, name)
    shown = [json.dumps(value, ensure_ascii=False) if name.startswith("String") else value for value in values]
    either = " nor " if "not" in verb or verb == "!=" else " or "
    return f"{subject} {verb} {either.join(shown)}{exists}"
