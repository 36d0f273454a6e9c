"""A folder of manifests as one value: every document that is sound, and everything that is wrong with the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.manifest.document import Use, character_problems, document_problems
from reconciler.manifest.folder import Folder
from reconciler.manifest.principals import principal_problems
from reconciler.manifest.reading import Mark, Problem, Value
from reconciler.manifest.rules import rule_problems
from reconciler.manifest.schema import (
    ManagedPolicyManifest,
    Manifest,
    RemovedManifest,
    RoleManifest,
    kind_of,
    validate,
)
from reconciler.manifest.source import Places, Source
from reconciler.manifest.trust import trust_problems
from reconciler.model.diagnostic import Code, Diagnostic, Place, Severity
from reconciler.model.policy import PolicyDocument

INLINE_SUM = 10_240
MANAGED_SIZE = 6_144


@dataclass(frozen=True, slots=True)
class Document:
    """One sound document: its manifest, and where it stands; `policies` are its policy documents, by path."""

    source: Source
    index: int
    start: Mark
    manifest: Manifest
    policies: Mapping[str, PolicyDocument]

    @property
    def place(self) -> Place:
        """Return where the document begins."""
        return self.source.place(self.start)

    @property
    def places(self) -> Places:
        """Return where each of its paths is written."""
        return Places(self.source, self.index)

    def place_of(self, *path: str | int) -> Place:
        """Return where the value of a path is written."""
        return self.source.place(self.source.documents[self.index].mark(path))

    def diagnostic(self, problem: Problem) -> Diagnostic:
        """Return a problem of this document as it is told."""
        return self.source.problem(problem, self.index, self.manifest.address)


@dataclass(frozen=True)
class Manifests:
    """All that a folder says. `documents` are sound in themselves; `diagnostics` are errors and warnings."""

    documents: tuple[Document, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def has_errors(self) -> bool:
        """Tell whether anything is wrong."""
        return any(found.is_error for found in self.diagnostics)


@dataclass(frozen=True, slots=True)
class _Unread:
    """A document whose keys and types have not been looked at yet."""

    source: Source
    index: int
    start: Mark
    value: Value

    def diagnostic(self, problem: Problem) -> Diagnostic:
        return self.source.problem(problem, self.index, _address_of(self.value))


@dataclass
class _Loading:
    """What was found so far."""

    diagnostics: list[Diagnostic] = field(default_factory=list)
    unread: list[_Unread] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)


def load_manifests(folder: Path, *, base: Path | None = None) -> Manifests:
    """Return what the manifests below a folder say, raising nothing.

    Files are named relative to `base`, the working folder by default. Whatever is wrong with any file, document or
    value is among the diagnostics, with its place; the documents are those with which nothing is.
    """
    loading = _Loading()
    for found in Folder(folder, base or Path.cwd()).read():
        if isinstance(found, Diagnostic):
            loading.diagnostics.append(found)
        else:
            _take_in(found, loading)
    if not loading.unread and not any(found.is_error for found in loading.diagnostics):
        loading.diagnostics.append(_nothing_found(folder))
    _validate(loading)
    loading.diagnostics.sort(key=_order)
    loading.documents.sort(key=lambda document: (document.source.file, document.index))
    return Manifests(tuple(loading.documents), tuple(loading.diagnostics))


def _nothing_found(folder: Path) -> Diagnostic:
    remedy = "To delete what is managed, say so: --destroy."
    return Diagnostic(Code.RM101, f"There are no manifests in {folder}.", help=remedy)


def _order(found: Diagnostic) -> tuple[str, int, int]:
    place = found.place or Place("")
    return place.file, place.line or 0, place.column or 0


def _take_in(source: Source, loading: _Loading) -> None:
    """Read a file into documents: fast if that is safe, else exactly."""
    fast = source.read_fast()
    if fast is not None:
        loading.unread.extend(_Unread(source, index, mark, value) for index, (value, mark) in enumerate(fast))
        return
    if not source.text.strip() or (not source.reading.faults and not source.documents):
        message = f"{source.file} is empty: no text, or only comments."
        remedy = "Delete the file if it is to declare nothing."
        loading.diagnostics.append(Diagnostic(Code.RM117, message, place=Place(source.file), help=remedy))
    elif source.reading.faults:
        loading.diagnostics.extend(map(source.diagnostic, source.reading.faults))
    else:
        loading.unread.extend(
            _Unread(source, index, found.mark(()), found.value) for index, found in enumerate(source.documents)
        )


def _validate(loading: _Loading) -> None:
    by_kind: dict[str, list[_Unread]] = {}
    for unread in loading.unread:
        kind = kind_of(unread.value)
        if isinstance(kind, Problem):
            loading.diagnostics.append(unread.diagnostic(kind))
        else:
            by_kind.setdefault(kind, []).append(unread)
    for kind, documents in by_kind.items():
        results = validate(kind, [unread.value for unread in documents])
        for unread, result in zip(documents, results, strict=True):
            if isinstance(result, list):
                loading.diagnostics.extend(map(unread.diagnostic, result))
            else:
                _check(unread, result, loading)


def _check(unread: _Unread, manifest: Manifest, loading: _Loading) -> None:
    document = Document(unread.source, unread.index, unread.start, manifest, _policies(manifest))
    problems = list(_problems(document))
    loading.diagnostics.extend(map(document.diagnostic, problems))
    if not any(problem.severity is Severity.ERROR for problem in problems):
        loading.documents.append(document)


def _policies(manifest: Manifest) -> dict[str, PolicyDocument]:
    match manifest:
        case RoleManifest():
            policies = {
                f"inline_policies/{name}": PolicyDocument(text) for name, text in manifest.inline_policies.items()
            }
            if manifest.trust_policy is not None:
                policies["trust_policy"] = PolicyDocument(manifest.trust_policy)
            return policies
        case ManagedPolicyManifest():
            return {"policy": PolicyDocument(manifest.policy)}
        case RemovedManifest():
            return {}


def _problems(document: Document) -> Iterator[Problem]:
    """Yield all that is wrong with a document in itself, before anybody knows of account and partition."""
    manifest = document.manifest
    yield from rule_problems(manifest)
    if not document.source.is_plain:
        yield from _characters_problems(document)
    match manifest:
        case RoleManifest():
            yield from _trust_problems(manifest, document.policies)
            yield from _inline_problems(manifest, document.policies, document.source)
        case ManagedPolicyManifest():
            yield from _policy_problems(document.policies["policy"], document.source)
        case RemovedManifest():
            return


def _policy_problems(policy: PolicyDocument, source: Source) -> Iterator[Problem]:
    for problem in document_problems(policy, Use.IDENTITY):
        yield problem.below("policy")
    if source.may_hold(MANAGED_SIZE) and policy.size > MANAGED_SIZE:
        message = f"This policy has {policy.size} characters; IAM takes {MANAGED_SIZE}, white space apart."
        yield Problem(("policy",), Code.RC303, message, "Split it into several policies.", at_key=True)


def _characters_problems(document: Document) -> Iterator[Problem]:
    for path, policy in document.policies.items():
        for problem in character_problems(policy):
            yield problem.below(*path.split("/"))
    manifest = document.manifest
    for index, entry in enumerate((isinstance(manifest, RoleManifest) and manifest.trust) or []):
        for problem in character_problems(PolicyDocument(entry.statement or {})):
            yield problem.below("trust", index, "statement")


def _trust_problems(role: RoleManifest, policies: Mapping[str, PolicyDocument]) -> Iterator[Problem]:
    if role.trust is not None and role.trust_policy is not None:
        message = "A role has `trust` or `trust_policy`, never both."
        yield Problem(("trust_policy",), Code.RM116, message, at_key=True)
    elif role.trust is not None:
        if not role.trust:
            yield Problem(("trust",), Code.RM116, "`trust` has no entry: nobody could assume the role.", at_key=True)
        for problem in trust_problems(role.trust):
            yield problem.below("trust")
    elif role.trust_policy is not None:
        for problem in _trust_policy_problems(policies["trust_policy"]):
            yield problem.below("trust_policy")
    else:
        message = "`trust` is missing: it says who may assume the role."
        yield Problem((), Code.RM108, message, "Give `trust` with entries, or `trust_policy` with a whole document.")


def _trust_policy_problems(policy: PolicyDocument) -> Iterator[Problem]:
    yield from document_problems(policy, Use.TRUST)
    statements = policy.raw_statements
    several = isinstance(policy.source, Mapping) and isinstance(policy.source.get("Statement"), list)
    for index, statement in enumerate(statements):
        if isinstance(statement, dict):
            for problem in principal_problems(statement):
                yield problem.below("Statement", index) if several else problem.below("Statement")


def _inline_problems(role: RoleManifest, policies: Mapping[str, PolicyDocument], source: Source) -> Iterator[Problem]:
    inline = {name: policies[f"inline_policies/{name}"] for name in role.inline_policies}
    for name, policy in inline.items():
        for problem in document_problems(policy, Use.IDENTITY):
            yield problem.below("inline_policies", name)
    size = sum(policy.size for policy in inline.values()) if source.may_hold(INLINE_SUM) else 0
    if size > INLINE_SUM:
        message = f"The inline policies have {size} characters; IAM takes {INLINE_SUM} in all, white space apart."
        yield Problem(("inline_policies",), Code.RC302, message, "Make managed policies of some.", at_key=True)


def _address_of(value: Value) -> str | None:
    """Return the address of a document that may not be sound, as far as it can be told."""
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return None
    prefixes = {"Role": "role", "ManagedPolicy": "managed_policy"}
    prefix = prefixes.get(str(value.get("kind")))
    return f"{prefix}/{value['name']}" if prefix else None
