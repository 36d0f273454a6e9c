"""A plan as JSON and back, exactly: what `plan --out` writes, `show` prints and `apply` reads.

Reading trusts nothing. The file must be JSON of the right shape and version, its fingerprint must be that of the
changes in it, and its digest that of the whole file: a file edited by hand is refused, not interpreted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, TypeAlias

from reconciler import __version__
from reconciler.model.change import Action, Approval, Call, Change, Difference, Operation, Reason, Record
from reconciler.model.diagnostic import Code, Diagnostic, Place, ReconcilerError, Severity
from reconciler.model.policy import digest_of
from reconciler.plan import FORMAT_VERSION, Plan, Summary, fingerprint_of

JsonObject: TypeAlias = dict[str, Any]


def summary_to_json(summary: Summary) -> JsonObject:
    """Return the counts under the names of the contract."""
    return {
        "import": summary.import_,
        "add": summary.add,
        "change": summary.change,
        "destroy": summary.destroy,
        "forget": summary.forget,
    }


def diagnostic_to_json(found: Diagnostic) -> JsonObject:
    """Return a diagnostic under the names of the contract, unknown places left out."""
    place = found.place
    return _without_none(
        {
            "code": found.code.value,
            "severity": found.severity.value,
            "message": found.message,
            "address": found.address,
            "file": place.file if place else None,
            "line": place.line if place else None,
            "column": place.column if place else None,
            "text": place.text if place else None,
            "help": found.help,
        }
    )


def plan_to_json(plan: Plan) -> JsonObject:
    """Return a plan as the JSON of the contract; `plan_from_json` gives the same plan back."""
    content: JsonObject = {
        "format_version": FORMAT_VERSION,
        "tool_version": __version__,
        "account": plan.account,
        "partition": plan.partition,
        "fingerprint": plan.fingerprint,
        "lineage": plan.lineage,
        "summary": summary_to_json(plan.summary),
        "unchanged": plan.unchanged,
        "changes": [_change_to_json(change) for change in plan.changes],
        "records": {address: _record_to_json(plan.records[address]) for address in sorted(plan.records)},
        "blockers": [diagnostic_to_json(found) for found in plan.blockers],
        "warnings": [diagnostic_to_json(found) for found in plan.warnings],
        "calls": dict(sorted(plan.calls.items())),
    }
    return {**content, "digest": digest_of(content)}


def fleet_to_json(plans: Iterable[JsonObject], fingerprint: str, summary: Summary) -> JsonObject:
    """Return the plans of several accounts as one; an account that failed is an object with `error`."""
    return {
        "format_version": FORMAT_VERSION,
        "fingerprint": fingerprint,
        "summary": summary_to_json(summary),
        "accounts": list(plans),
    }


def _change_to_json(change: Change) -> JsonObject:
    return {
        "address": change.address,
        "account": change.account,
        "action": change.action.value,
        "reason": change.reason.value,
        "message": change.message,
        "approvals": [kind.value for kind in change.approvals],
        "held": change.held,
        "broadens": change.broadens,
        "stage": change.stage,
        "id": change.id,
        "base": dict(change.base),
        "before": change.before,
        "after": change.after,
        "differences": [
            {
                "path": difference.path,
                "reason": difference.reason.value,
                "before": difference.before,
                "after": difference.after,
                "broadens": difference.broadens,
                "note": difference.note,
            }
            for difference in change.differences
        ],
        "operations": [_operation_to_json(operation) for operation in change.operations],
        "needs": list(change.needs),
        "notices": list(change.notices),
        "record": None if change.record is None else _record_to_json(change.record),
    }


def _operation_to_json(operation: Operation) -> JsonObject:
    return {
        "call": operation.call.value,
        "stage": operation.stage,
        "group": operation.group,
        "phase": operation.phase,
        "params": operation.params,
        "approvals": [kind.value for kind in operation.approvals],
        "held": operation.held,
        "forms": dict(operation.forms),
        "principals": dict(operation.principals),
    }


def _record_to_json(record: Record) -> JsonObject:
    return {**asdict(record), "digests": dict(sorted(record.digests.items()))}


def _without_none(mapping: JsonObject) -> JsonObject:
    return {key: value for key, value in mapping.items() if value is not None}


def read_plans(text: str, *, name: str) -> tuple[Plan, ...]:
    """Return the plans in a plan file: one, or those of every account of a fleet; `name` is as the user gave it.

    Raises:
        ReconcilerError: RA406 for what is no plan, RA407 for another version, RA409 for one that was edited.
    """
    content = _parsed(text, name)
    version = content.get("format_version")
    if version != FORMAT_VERSION:
        raise _refused(
            Code.RA407,
            f"{name} has format_version {version!r}; this program reads {FORMAT_VERSION!r}",
            "Plan again with this version of the program.",
        )
    if not isinstance(content.get("accounts"), list):
        return (_read_plan(content, name),)
    plans = tuple(_read_plan(part, name) for part in content["accounts"])
    if content.get("fingerprint") != fingerprint_of_fleet(plans):
        raise _edited(name)
    return plans


def fingerprint_of_fleet(plans: Iterable[Plan]) -> str:
    """Return the SHA-256 over the fingerprints of all accounts: none can be taken out of a plan that was reviewed."""
    return digest_of({plan.account: plan.fingerprint for plan in plans})


def _parsed(text: str, name: str) -> JsonObject:
    why = "it is not JSON"
    try:
        content = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
        if isinstance(content, dict) and "format_version" in content:
            return content
        why = "it is JSON, but not a plan"
    except (ValueError, RecursionError) as error:
        why = (
            f"it is not JSON ({error})"
            if isinstance(error, json.JSONDecodeError)
            else f"it is not sound JSON ({error})"
        )
    raise _refused(Code.RA406, f"{name} is not a plan file: {why}", "Give a file that `reconciler plan --out` wrote.")


def _once(pairs: list[tuple[str, Any]]) -> JsonObject:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key is repeated")
    return content


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not a number")


def _read_plan(content: Any, name: str) -> Plan:
    if isinstance(content, dict) and "error" in content and "changes" not in content:
        raise _refused(
            Code.RA406,
            f"{name} holds no plan for account {content.get('account')}: planning it had failed",
            "Plan again once that account can be read.",
        )
    try:
        unsigned = {key: value for key, value in content.items() if key != "digest"}
        if content["digest"] != digest_of(unsigned):
            raise _edited(name)
        plan = plan_from_json(content)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise _refused(
            Code.RA406,
            f"{name} is not a plan file: {type(error).__name__} at {error}",
            "Give a file that `reconciler plan --out` wrote.",
        ) from error
    if plan.fingerprint != fingerprint_of(plan.account, plan.changes):
        raise _edited(name)
    return plan


def _edited(name: str) -> ReconcilerError:
    return _refused(
        Code.RA409,
        f"{name} was changed after it was written: its digest does not fit what is in it",
        "Plan again. A plan cannot be edited: change the manifests instead.",
    )


def _refused(code: Code, message: str, help_: str) -> ReconcilerError:
    return ReconcilerError(Diagnostic(code, message, help=help_))


def plan_from_json(content: Mapping[str, Any]) -> Plan:
    """Return the plan that a JSON object holds; raises KeyError, TypeError or ValueError for another shape."""
    return Plan(
        account=_text(content["account"]),
        partition=_text(content["partition"]),
        fingerprint=_text(content["fingerprint"]),
        lineage=_text(content["lineage"]),
        changes=tuple(_change(one) for one in content["changes"]),
        blockers=tuple(_diagnostic(one) for one in content["blockers"]),
        warnings=tuple(_diagnostic(one) for one in content["warnings"]),
        records={address: _record(one) for address, one in content["records"].items()},
        calls={call: int(count) for call, count in content["calls"].items()},
        unchanged=int(content["unchanged"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _change(content: Mapping[str, Any]) -> Change:
    return Change(
        address=_text(content["address"]),
        account=_text(content["account"]),
        action=Action(content["action"]),
        reason=Reason(content["reason"]),
        message=_text(content["message"]),
        approvals=tuple(Approval(kind) for kind in content["approvals"]),
        held=bool(content["held"]),
        broadens=bool(content["broadens"]),
        base=dict(content["base"]),
        before=content["before"],
        after=content["after"],
        differences=tuple(
            Difference(
                path=_text(one["path"]),
                reason=Reason(one["reason"]),
                before=one["before"],
                after=one["after"],
                broadens=bool(one["broadens"]),
                note=one["note"],
            )
            for one in content["differences"]
        ),
        operations=tuple(_operation(one) for one in content["operations"]),
        needs=tuple(content["needs"]),
        notices=tuple(content["notices"]),
        id=content["id"],
        record=None if content["record"] is None else _record(content["record"]),
    )


def _operation(content: Mapping[str, Any]) -> Operation:
    return Operation(
        call=Call(content["call"]),
        params=dict(content["params"]),
        stage=int(content["stage"]),
        group=int(content["group"]),
        phase=int(content["phase"]),
        forms=dict(content["forms"]),
        principals=dict(content["principals"]),
        approvals=tuple(Approval(kind) for kind in content["approvals"]),
        held=bool(content["held"]),
    )


def _record(content: Mapping[str, Any]) -> Record:
    return Record(**content)


def _diagnostic(content: Mapping[str, Any]) -> Diagnostic:
    place = None
    if "file" in content:
        place = Place(content["file"], content.get("line"), content.get("column"), content.get("text"))
    return Diagnostic(
        code=Code(content["code"]),
        message=_text(content["message"]),
        severity=Severity(content["severity"]),
        address=content.get("address"),
        place=place,
        help=content.get("help"),
    )
