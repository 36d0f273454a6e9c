"""Manifests: a folder of YAML and JSON to the roles and policies that it declares.

`load_manifests` reads and judges the folder by itself: `folder` finds the files, `yaml` and `json` read them,
`schema` knows the keys, `rules`, `document`, `principals` and `trust` what IAM makes of the values. `declare` then
says what that means for one account, once its partition and its living names are known. Nothing here raises for bad
input: whatever is wrong comes back as a `Diagnostic` with its place, all of it at once.
"""

from __future__ import annotations

from reconciler.manifest.declare import account_diagnostics, declare, validate_offline
from reconciler.manifest.load import Document, Manifests, load_manifests
from reconciler.manifest.names import Kind, Names, Resolver

__all__ = [
    "Document",
    "Kind",
    "Manifests",
    "Names",
    "Resolver",
    "account_diagnostics",
    "declare",
    "load_manifests",
    "validate_offline",
]
