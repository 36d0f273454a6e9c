"""A plan as JSON and back, exactly: what `plan --out` writes, `show` prints and `apply` reads.

Reading trusts nothing. The file must be JSON of the right version, its digest that of the whole file, its shape that of
the types that it is read into, and its fingerprint that of the changes in it: a file edited by hand is refused, not
interpreted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from reconciler import __version__
from reconciler.bounded import MEBIBYTE
from reconciler.model.change import Action, Change, Operation, Record
from reconciler.model.diagnostic import Code, Diagnostic, Place, ReconcilerError, Severity
from reconciler.model.policy import digest_of
from reconciler.plan import FORMAT_VERSION, Plan, Summary, fingerprint_of

if TYPE_CHECKING:
    from pydantic import TypeAdapter

LARGEST_FILE = 256 * MEBIBYTE  # some hundred thousand changes

JsonObject: TypeAlias = dict[str, Any]
_Document: TypeAlias = dict[str, Any] | str


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


def fleet_to_json(
    accounts: Iterable[JsonObject], summary: Mapping[str, int], *, fingerprint: str | None = None
) -> JsonObject:
    """Return what there is of several accounts below one top, such as their plans; one that failed has `error`."""
    named = {} if fingerprint is None else {"fingerprint": fingerprint}
    return {"format_version": FORMAT_VERSION, **named, "summary": dict(summary), "accounts": list(accounts)}


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
    return _read_fleet(content, name)


def _read_fleet(content: JsonObject, name: str) -> tuple[Plan, ...]:
    plans = tuple(_read_plan(part, name) for part in content["accounts"])
    if not plans:
        raise _no_plan(name, "it names no account")
    if len({plan.account for plan in plans}) < len(plans):
        raise _no_plan(name, "an account stands in it twice")
    total = summary_to_json(sum((plan.summary for plan in plans), Summary()))
    if content.get("fingerprint") != fingerprint_of_fleet(plans) or not _is_same(total, content.get("summary")):
        raise _edited(name)
    return plans


def fingerprint_of_fleet(plans: Iterable[Plan]) -> str:
    """Return the SHA-256 over the fingerprints of all accounts: none can be taken out of a plan that was reviewed."""
    return digest_of({plan.account: plan.fingerprint for plan in plans})


def _parsed(text: str, name: str) -> JsonObject:
    try:
        content = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise _no_plan(name, f"it is not JSON ({error})") from None
    except (ValueError, RecursionError) as error:
        raise _no_plan(name, f"it is not sound JSON ({error})") from None
    if isinstance(content, dict) and "format_version" in content:
        return content
    raise _no_plan(name, "it is JSON, but not a plan")


def _once(pairs: list[tuple[str, Any]]) -> JsonObject:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key is repeated")
    return content


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not a number")


def _finite(text: str) -> float:
    """Return a number that can be written again; one such as 1e400 would come back as Infinity, which is no JSON."""
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large a number")
    return number


def _read_plan(content: Any, name: str) -> Plan:
    if isinstance(content, dict) and "error" in content and "changes" not in content:
        raise _refused(
            Code.RA406,
            f"{name} holds no plan for account {content.get('account')}: planning it had failed",
            "Plan again once that account can be read.",
        )
    try:
        if not isinstance(content, dict) or "digest" not in content:
            raise ValueError("it has no digest")  # noqa: TRY301  said like all that is wrong with its shape
        unsigned = {key: value for key, value in content.items() if key != "digest"}
        if content["digest"] != digest_of(unsigned):
            raise _edited(name)
        plan = plan_from_json(content)
        if plan.fingerprint != fingerprint_of(plan.account, plan.changes):
            raise _edited(name)
        _require_said(plan_to_json(plan) | {"tool_version": content.get("tool_version")}, content, "")
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise _no_plan(name, why) from error
    return plan


def _no_plan(name: str, why: str) -> ReconcilerError:
    message = f"{name} is not a plan file: {why}"
    return _refused(Code.RA406, message, "Give a file that `reconciler plan --out` wrote.")


def _edited(name: str) -> ReconcilerError:
    return _refused(
        Code.RA409,
        f"{name} was changed after it was written: its digest does not fit what is in it",
        "Plan again. A plan cannot be edited: change the manifests instead.",
    )


def _refused(code: Code, message: str, help_: str) -> ReconcilerError:
    return ReconcilerError(Diagnostic(code, message, help=help_))


def plan_from_json(content: Mapping[str, Any]) -> Plan:
    """Return the plan that a JSON object holds; raises ValueError, which says where, for another shape."""
    found: _Content = _checked(_Content, content, "")
    for number, change in enumerate(found.changes):
        _check_objects(change, f"/changes/{number}")
    return Plan(
        account=found.account,
        partition=found.partition,
        fingerprint=found.fingerprint,
        lineage=found.lineage,
        changes=found.changes,
        blockers=tuple(told.as_diagnostic() for told in found.blockers),
        warnings=tuple(told.as_diagnostic() for told in found.warnings),
        records=found.records,
        calls=found.calls,
        unchanged=found.unchanged,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """A diagnostic as it stands in the file, its place laid flat."""

    code: Code
    severity: Severity
    message: str
    address: str | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None
    text: str | None = None
    help: str | None = None

    def as_diagnostic(self) -> Diagnostic:
        place = None if self.file is None else Place(self.file, self.line, self.column, self.text)
        return Diagnostic(
            self.code, self.message, severity=self.severity, address=self.address, place=place, help=self.help
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """A plan as it stands in the file: its types are what is asked of every value."""

    account: str
    partition: str
    fingerprint: str
    lineage: str
    unchanged: int
    changes: tuple[Change, ...]
    records: dict[str, Record]
    blockers: tuple[_Told, ...]
    warnings: tuple[_Told, ...]
    calls: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Object:
    """What `before` and `after` show of every object."""

    name: str
    path: str
    arn: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Role(_Object):
    """A role as `before` and `after` show it."""

    max_session_duration: int
    permissions_boundary: str | None
    tags: dict[str, str]
    trust: _Document
    managed_policies: tuple[str, ...]
    inline_policies: dict[str, _Document]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ManagedPolicy(_Object):
    """A managed policy as `before` and `after` show it."""

    tags: dict[str, str] | None
    policy: _Document


def _check_objects(change: Change, where: str) -> None:
    """Raise ValueError where `before` or `after` is no object of the change's kind, or is missing."""
    kind: type[_Object] = _ManagedPolicy if change.address.startswith("managed_policy/") else _Role
    if change.before is not None or change.action not in {Action.CREATE, Action.FORGET}:
        _checked(kind, change.before, f"{where}/before")
    if change.after is not None or change.action not in {Action.DELETE, Action.FORGET}:
        _checked(kind, change.after, f"{where}/after")


def _checked(shape: type, content: Any, where: str) -> Any:
    """Return JSON content as what it is to be; raises ValueError with the first place that has another shape."""
    from pydantic import ValidationError  # noqa: PLC0415  only who reads a plan waits for it

    try:
        return _reader(shape).validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        at = "".join(f"/{part}" for part in first["loc"])
        raise ValueError(f"{where}{at}: {first['msg'][:1].lower()}{first['msg'][1:]}") from error


@cache
def _reader(shape: type) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # noqa: PLC0415  only who reads a plan waits for it

    return TypeAdapter(shape)


def _require_said(written: Any, content: Any, where: str) -> None:
    """Raise ValueError unless a file says all that is written for the plan in it; it may say more, as newer ones do."""
    if isinstance(written, Mapping) and isinstance(content, Mapping):
        for key in written.keys() - {"digest"}:
            if key not in content:
                raise ValueError(f"{where}/{key}: is missing")
            _require_said(written[key], content[key], f"{where}/{key}")
    elif isinstance(written, list) and isinstance(content, list) and len(written) == len(content):
        for number, pair in enumerate(zip(written, content, strict=True)):
            _require_said(*pair, f"{where}/{number}")
    elif not _is_same(written, content):
        raise ValueError(f"{where or '/'}: is not what the rest of the plan says")


def _is_same(written: Any, content: Any) -> bool:
    """Tell whether two values are the same JSON: to Python `true` and `1.0` are 1, in a file they are not."""
    if isinstance(written, str) and isinstance(content, str):  # nearly all of them are
        return written == content
    return written is content or digest_of(written) == digest_of(content)
