"""From manifests to what one account is to look like: names become ARNs, trust entries become statements.

What can be judged only with the account and the partition at hand is judged here: two objects of one name, an ARN of
another partition or account, an attachment that is named twice, the size of a trust policy.
"""

from __future__ import annotations

import marshal
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, assert_never, cast

from reconciler.manifest.load import Document, Manifests, in_order
from reconciler.manifest.names import Kind, Names, Resolver
from reconciler.manifest.principals import partition_problems
from reconciler.manifest.reading import Path, Problem
from reconciler.manifest.rules import NO_BOUNDARY
from reconciler.manifest.schema import ManagedPolicyManifest, RemovedManifest, RoleManifest, TrustEntry
from reconciler.manifest.trust import SIGN_IN_PAGES, Translator
from reconciler.model.arn import iam_arn, parse_arn
from reconciler.model.declared import Declaration, Desired, Lifecycle, Removal
from reconciler.model.diagnostic import Code, Diagnostic, Severity
from reconciler.model.managed_policy import ManagedPolicy
from reconciler.model.policy import PolicyDocument
from reconciler.model.role import Role

TRUST_SIZE = 2_048
LARGEST_TRUST_SIZE = 8_192
NOWHERE = "000000000000"
ARN = re.compile(r"\barn:(aws(?:-[a-z0-9]+)*):")


def declare(
    manifests: Manifests,
    *,
    account: str,
    partition: str,
    default_account: str | None,
    names: Names | None = None,
) -> tuple[Desired, list[Diagnostic]]:
    """Return what is declared for one account, and what is wrong with it.

    A document without `account` belongs to `default_account`, the one that the credentials belong to. `names` are what
    lives in the account; offline there are none. Of two objects with one name the first counts.
    """
    documents = manifests.of_account(account, default=default_account)
    declaring = _Declaring(_resolver(documents, account, partition, names or Names()))
    declaring.take_all(documents)
    desired = Desired(account=account, partition=partition, objects=declaring.objects, removals=declaring.removals)
    return desired, declaring.diagnostics


def account_diagnostics(
    manifests: Manifests, *, default_account: str | None, configured: Collection[str] = ()
) -> list[Diagnostic]:
    """Return an error for every document whose account is neither said nor known, or not one that is reached."""
    return [
        found.diagnostic(problem)
        for found in manifests.documents
        if (problem := _account_problem(found.manifest.account, default_account, configured))
    ]


def _account_problem(account: str | None, default: str | None, configured: Collection[str]) -> Problem | None:
    if account is None and default is None:
        return Problem(
            (), Code.RM113, "No account is named here, and none is known.", "Give `account:`, or credentials."
        )
    if account is None or account == default or account in configured:
        return None
    message = f"Account {account} is neither that of the credentials nor one that the configuration names."
    return Problem(("account",), Code.RM113, message, f"Add [accounts.{account}] to reconciler.toml.")


def validate_offline(manifests: Manifests, *, default_account: str | None = None) -> list[Diagnostic]:
    """Return all that can be known to be wrong without AWS, in every account that the manifests speak of.

    The partition is taken to be that of the ARNs that the documents of an account have most of.
    """
    by_account: dict[str, list[Document]] = {}
    for document in sorted((*manifests.documents, *manifests.flawed), key=lambda found: found.position):
        by_account.setdefault(_account_of(document, default_account or NOWHERE), []).append(document)
    found = list(manifests.diagnostics)
    for account, documents in sorted(by_account.items()):
        declaring = _Declaring(_resolver(documents, account, _likely_partition(documents), Names()))
        declaring.take_all(documents)
        found += declaring.diagnostics
    return sorted(found, key=in_order)


def _account_of(document: Document, default: str) -> str:
    """Return the account that a document belongs to, as far as it is known."""
    account = document.manifest.account or default
    return NOWHERE if ("account",) in document.wrong else account


def _likely_partition(documents: Iterable[Document]) -> str:
    sources = {id(found.source): found.source for found in documents}
    seen = Counter(partition for source in sources.values() for partition in ARN.findall(source.text))
    return seen.most_common(1)[0][0] if seen else "aws"


def _resolver(documents: Iterable[Document], account: str, partition: str, living: Names) -> Resolver:
    roles, policies = {}, {}
    for document in documents:
        if not document.is_named:
            continue
        match document.manifest:
            case RoleManifest(name=name, path=path):
                roles[name] = iam_arn(partition=partition, account=account, kind="role", path=path, name=name)
            case ManagedPolicyManifest(name=name, path=path):
                policies[name] = iam_arn(partition=partition, account=account, kind="policy", path=path, name=name)
            case RemovedManifest():
                continue
    declared = Names(roles=roles, policies=policies)
    return Resolver(partition=partition, account=account, declared=declared, living=living)


@dataclass
class _Declaring:
    """Takes document after document into the account.

    `first` holds who had a name first, without regard to case; `sound` the ARNs of policies that the account can use.
    """

    names: Resolver
    objects: dict[str, Declaration] = field(default_factory=dict)
    removals: dict[str, Removal] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    first: dict[str, Document] = field(default_factory=dict)
    sound: set[str] = field(default_factory=set)

    def take_all(self, documents: Iterable[Document]) -> None:
        """Take documents in; of two with one name the first counts, and the other is only looked at."""
        for document in documents:
            manifest = document.manifest
            if document.is_named and ("account",) not in document.wrong:
                first = self.first.setdefault(manifest.address.lower(), document)
                if first is not document:
                    self.diagnostics.append(document.diagnostic(_declared_twice(document, first)))
                    self._take(document, {}, {})
                    continue
            self._take(document, self.objects, self.removals)

    def _take(self, document: Document, objects: dict[str, Declaration], removals: dict[str, Removal]) -> None:
        manifest = document.manifest
        match manifest:
            case RoleManifest():
                objects[manifest.address] = self._role(document, manifest)
            case ManagedPolicyManifest():
                objects[manifest.address] = self._policy(document, manifest)
            case RemovedManifest():
                removals[manifest.address] = Removal(
                    address=manifest.address, destroy=manifest.destroy, place=document.place
                )
            case _:
                assert_never(manifest)

    def _role(self, document: Document, manifest: RoleManifest) -> Declaration:
        trust = self._trust(document, manifest)
        self.diagnostics += document.diagnostics(self._reference_problems(manifest))
        role = Role(
            partition=self.names.partition,
            account=self.names.account,
            name=manifest.name,
            path=manifest.path,
            trust=trust,
            description=manifest.description,
            max_session_duration=manifest.max_session_duration,
            permissions_boundary=self._boundary(manifest),
            tags=manifest.tags,
            managed_policies=frozenset(self.names.arn(Kind.POLICY, name) for name in manifest.managed_policies),
            inline_policies={name: document.policies[f"inline_policies/{name}"] for name in manifest.inline_policies},
        )
        return Declaration(
            value=role,
            place=document.place,
            places=document.places,
            lifecycle=_lifecycle(manifest),
            keeps_boundary=manifest.permissions_boundary is None,
            additive_managed_policies=manifest.managed_policies_mode == "additive",
            additive_inline_policies=manifest.inline_policies_mode == "additive",
        )

    def _policy(self, document: Document, manifest: ManagedPolicyManifest) -> Declaration:
        policy = ManagedPolicy(
            partition=self.names.partition,
            account=self.names.account,
            name=manifest.name,
            path=manifest.path,
            policy=document.policies["policy"],
            description=manifest.description,
            tags=manifest.tags,
        )
        return Declaration(value=policy, place=document.place, places=document.places, lifecycle=_lifecycle(manifest))

    def _boundary(self, manifest: RoleManifest) -> str | None:
        if manifest.permissions_boundary in {None, NO_BOUNDARY}:
            return None
        return self.names.arn(Kind.POLICY, str(manifest.permissions_boundary))

    def _trust(self, document: Document, manifest: RoleManifest) -> PolicyDocument:
        written = document.policies.get("trust_policy")
        trust = written or PolicyDocument(Translator(self.names).document(manifest.trust or []))
        shown = marshal.dumps(
            cast("dict[str, Any]", trust.source), 2
        )  # much cheaper than JSON, which is never twice as long
        problems: list[Problem] = []
        if shown.count(b"arn:") != shown.count(f"arn:{self.names.partition}:".encode()):
            problems += self._foreign_principals(trust, manifest)
        if 2 * len(shown) > TRUST_SIZE and trust.size > TRUST_SIZE:
            problems.append(_trust_size_problem(trust, manifest))
        self.diagnostics += document.diagnostics(problems)
        return trust

    def _foreign_principals(self, trust: PolicyDocument, manifest: RoleManifest) -> Iterator[Problem]:
        for found in trust.principals():
            arn = parse_arn(found.value)
            path: Path = ("trust", found.statement)
            if manifest.trust is None:
                path = ("trust_policy", "Statement", found.statement)
            if arn is not None:
                yield from partition_problems(path, arn, self.names.partition)

    def _reference_problems(self, manifest: RoleManifest) -> Iterator[Problem]:
        seen: set[str] = set()
        for index, policy in enumerate(manifest.managed_policies):
            path: Path = ("managed_policies", index)
            yield from self._policy_problems(path, policy)
            arn = self.names.arn(Kind.POLICY, policy)
            if arn in seen:
                yield Problem(path, Code.RM112, f"{policy} is attached twice.", "Keep one of the two.")
            seen.add(arn)
        if manifest.permissions_boundary not in {None, NO_BOUNDARY}:
            yield from self._policy_problems(("permissions_boundary",), str(manifest.permissions_boundary))
        for index, entry in enumerate(manifest.trust or []):
            if entry.user or entry.role or entry.saml:
                yield from self._entry_problems(("trust", index), entry)

    def _policy_problems(self, path: Path, policy: str) -> Iterator[Problem]:
        if policy in self.sound:
            return
        arn = parse_arn(policy) if ":" in policy else None
        if arn is None:
            yield from self._case_problems(path, Kind.POLICY, policy)
        elif arn.partition != self.names.partition:
            yield Problem(path, Code.RM115, f"{policy} is not in the role's partition, {self.names.partition}.")
        elif arn.account not in {"aws", self.names.account} and self.names.account != NOWHERE:
            message = f"{policy} belongs to account {arn.account}; a role has policies of its own account or of AWS."
            yield Problem(path, Code.RM113, message)
        else:
            self.sound.add(policy)

    def _entry_problems(self, path: Path, entry: TrustEntry) -> Iterator[Problem]:
        for kind, values in ((Kind.USER, entry.user), (Kind.ROLE, entry.role)):
            for index, value in enumerate(values or []):
                if ":" not in value:
                    yield from self._case_problems((*path, kind.value, index), kind, value)
        if entry.saml is not None and self.names.partition not in SIGN_IN_PAGES:
            message = f"The sign-in page of partition {self.names.partition} is not known."
            yield Problem((*path, "saml"), Code.RM116, message, "Write the whole `statement` instead.")

    def _case_problems(self, path: Path, kind: Kind, name: str) -> Iterator[Problem]:
        if near := self.names.near(kind, name):
            message = f"There is no {kind} {name}, but there is {near}: in ARNs the case of a name counts."
            yield Problem(path, Code.RC310, message, f"Write {near}.")


def _declared_twice(document: Document, first: Document) -> Problem:
    mine, other = document.manifest, first.manifest
    key = "address" if isinstance(mine, RemovedManifest) else "name"
    at = first.place_of("address" if isinstance(other, RemovedManifest) else "name")
    if isinstance(mine, RemovedManifest) is not isinstance(other, RemovedManifest):
        return Problem((key,), Code.RM112, f"{mine.address} is declared and removed: the other place is {at}.")
    if mine.address == other.address:
        return Problem((key,), Code.RM112, f"{mine.address} is declared twice: the other place is {at}.")
    message = f"{mine.address} and {other.address} differ only by case, which IAM ignores: the other place is {at}."
    return Problem((key,), Code.RM112, message)


def _lifecycle(manifest: RoleManifest | ManagedPolicyManifest) -> Lifecycle:
    return Lifecycle(prevent_destroy=manifest.prevent_destroy, retain=manifest.deletion_policy == "retain")


def _trust_size_problem(trust: PolicyDocument, manifest: RoleManifest) -> Problem:
    path: Path = ("trust",) if manifest.trust is not None else ("trust_policy",)
    if trust.size > LARGEST_TRUST_SIZE:
        message = f"The trust policy has {trust.size} characters; no account takes more than {LARGEST_TRUST_SIZE}."
        return Problem(path, Code.RC301, message, at_key=True)
    message = f"The trust policy has {trust.size} characters; an account takes {TRUST_SIZE} unless given more."
    return Problem(path, Code.RC301, message, at_key=True, severity=Severity.WARNING)
