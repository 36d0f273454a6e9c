"""A folder of manifests as one value: every document that is sound, and everything that is wrong with the rest.

A document with a mistake is `flawed`: it declares nothing, but it is still compared with the others, so that all that
is wrong in a folder is told at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath

from reconciler.manifest.document import Use, character_problems, document_problems
from reconciler.manifest.folder import Folder
from reconciler.manifest.mend import kind_of, mend
from reconciler.manifest.principals import principal_problems
from reconciler.manifest.reading import MERGED, Mark, Path, Problem, Value
from reconciler.manifest.rules import rule_problems
from reconciler.manifest.schema import (
    ManagedPolicyManifest,
    Manifest,
    RemovedManifest,
    RoleManifest,
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
    """One document: its manifest, and where it stands; `policies` are its policy documents, by path.

    Of a flawed one `gaps` are the paths of what was taken out, `wrong` of all that an error was told of, and `written`
    maps the paths of keys as they are meant to those that are written.
    """

    source: Source
    index: int
    start: Mark
    manifest: Manifest
    policies: Mapping[str, PolicyDocument]
    gaps: frozenset[Path] = frozenset()
    wrong: frozenset[Path] = frozenset()
    written: Mapping[Path, Path] = field(default_factory=dict)

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
        return self.source.place(self.source.documents[self.index].mark(self._as_written(path)))

    @property
    def position(self) -> tuple[str, int]:
        """Return what documents are sorted by."""
        return self.source.file, self.index

    @property
    def is_named(self) -> bool:
        """Tell whether it is known which object this is about."""
        return not self.gaps & {("name",), ("address",)}

    def diagnostic(self, problem: Problem) -> Diagnostic:
        """Return a problem of this document as it is told."""
        if self.written:
            problem = replace(problem, path=self._as_written(problem.path))
        return self.source.problem(problem, self.index, self.manifest.address if self.is_named else None)

    def diagnostics(self, problems: Iterable[Problem]) -> list[Diagnostic]:
        """Return problems as they are told, less those that only follow from what was told before."""
        return [self.diagnostic(problem) for problem in problems if not problem.follows_from(self.wrong)]

    def _as_written(self, path: Path) -> Path:
        for length in range(len(path), 0, -1):
            if (head := path[:length]) in self.written:
                return self._as_written(self.written[head]) + path[length:]
        return path


@dataclass(frozen=True)
class Manifests:
    """All that a folder says. `documents` are sound in themselves, `flawed` are the others, as far as they were read.

    `diagnostics` are errors and warnings.
    """

    documents: tuple[Document, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    flawed: tuple[Document, ...] = ()

    @property
    def has_errors(self) -> bool:
        """Tell whether anything is wrong."""
        return any(found.is_error for found in self.diagnostics)

    def of_account(self, account: str, *, default: str | None) -> list[Document]:
        """Return the sound documents of an account; those that name none belong to `default`."""
        return [found for found in self.documents if (found.manifest.account or default) == account]


@dataclass(frozen=True, slots=True)
class _Unread:
    """A document whose keys and types have not been looked at yet."""

    source: Source
    index: int
    start: Mark
    value: Value
    gaps: Collection[Path] = ()


@dataclass
class _Loading:
    """What was found so far."""

    diagnostics: list[Diagnostic] = field(default_factory=list)
    unread: list[_Unread] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    flawed: list[Document] = field(default_factory=list)


def load_manifests(folder: FilePath, *, base: FilePath | None = None) -> Manifests:
    """Return what the manifests below a folder say, raising nothing.

    Files are named relative to `base`, the working folder by default. Whatever is wrong with any file, document or
    value is among the diagnostics, with its place; the documents are those with which nothing is.
    """
    loading = _Loading()
    root = Folder(folder, base or FilePath.cwd())
    for found in root.read():
        if isinstance(found, Diagnostic):
            loading.diagnostics.append(found)
        else:
            _take_in(found, loading)
    if not loading.unread and not any(found.is_error for found in loading.diagnostics):
        loading.diagnostics.append(_nothing_found(root.shown(str(folder))))
    _validate(loading)
    assert not loading.flawed or any(found.is_error for found in loading.diagnostics)  # noqa: S101  never lost unsaid
    loading.diagnostics.sort(key=in_order)
    documents, flawed = (
        sorted(found, key=lambda document: document.position) for found in (loading.documents, loading.flawed)
    )
    return Manifests(tuple(documents), tuple(loading.diagnostics), tuple(flawed))


def _nothing_found(folder: str) -> Diagnostic:
    remedy = "To delete what is managed, say so: --destroy."
    return Diagnostic(Code.RM101, f"There are no manifests in {folder}.", help=remedy)


def in_order(found: Diagnostic) -> tuple[str, int, int]:
    """Return what diagnostics are sorted by: their place."""
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
        return
    loading.diagnostics.extend(map(source.diagnostic, source.reading.faults))
    loading.unread.extend(
        _Unread(source, index, found.mark(()), found.value, found.gaps) for index, found in enumerate(source.documents)
    )


def _validate(loading: _Loading) -> None:
    by_kind: dict[str, list[_Unread]] = {}
    for unread in loading.unread:
        if () in unread.gaps:
            continue
        kind, problem = kind_of(unread.value)
        if kind and not problem and not unread.gaps:
            by_kind.setdefault(kind, []).append(unread)
        else:
            _take_flawed(unread, kind, [problem] if problem else [], loading)
    for kind, documents in by_kind.items():
        manifests = validate(kind, [unread.value for unread in documents])
        for unread, manifest in zip(documents, manifests, strict=True):
            if manifest is None or not _take_sound(unread, manifest, loading):
                _take_flawed(unread, kind, [], loading)


def _take_sound(unread: _Unread, manifest: Manifest, loading: _Loading) -> bool:
    """Take in a document without wrong keys and types, unless something else is wrong with it."""
    document = Document(unread.source, unread.index, unread.start, manifest, _policies(manifest))
    problems = list(_problems(document))
    if any(problem.severity is Severity.ERROR for problem in problems):
        return False
    loading.diagnostics.extend(map(document.diagnostic, problems))
    loading.documents.append(document)
    return True


def _take_flawed(unread: _Unread, kind: str | None, problems: list[Problem], loading: _Loading) -> None:
    """Take in what is right of a document with mistakes, and tell of all that is wrong with it."""
    problems = [problem for problem in problems if not problem.follows_from(unread.gaps)]
    if kind is None:
        loading.diagnostics += [unread.source.problem(problem, unread.index, None) for problem in problems]
        return
    mended = mend(kind, unread.value, unread.gaps)
    document = Document(
        unread.source,
        unread.index,
        unread.start,
        mended.manifest,
        _policies(mended.manifest),
        gaps=mended.gaps,
        written=mended.written,
    )
    problems += mended.problems
    problems += (problem for problem in _problems(document) if not problem.follows_from(mended.gaps))
    wrong = {problem.path for problem in problems if problem.path and not problem.at_key}
    loading.diagnostics.extend(map(document.diagnostic, problems))
    loading.flawed.append(replace(document, wrong=document.gaps | wrong))


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
            message = "`trust` has no entry: nobody could assume the role."
            yield Problem(("trust",), Code.RM116, message, at_key=True, absent=(("trust",),))
        for problem in trust_problems(role.trust):
            yield problem.below("trust")
    elif role.trust_policy is not None:
        for problem in _trust_policy_problems(policies["trust_policy"]):
            yield problem.below("trust_policy")
    else:
        message = "`trust` is missing: it says who may assume the role."
        remedy = "Give `trust` with entries, or `trust_policy` with a whole document."
        yield Problem((), Code.RM108, message, remedy, absent=(("trust",), ("trust_policy",), (MERGED,)))


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
