"""Changes in order: what `apply` will do, stage by stage, and what it waits for.

From drafts to a plan in four steps:

1. what IAM would refuse, or must not be touched, is taken out with what depends on it, until nothing more falls
   (`checks` finds it, `objections` goes round; the rest is planned all the same);
2. the calls of each object get a safe order (`operations`), roles that trust each other or themselves are made with
   what can be resolved and completed afterwards;
3. all calls get a stage (`arrange`): what is needed is made first and removed last, and among objects that bear on each
   other no call widens before all that narrow are done;
4. what a person has to decide is marked as held, with all that depends on it (`holding`).

`values` says what comes of it, `making` takes the steps, `targets` is for a plan of less than everything. The
fingerprint says what will happen, and nothing of why, when, or how it is told: equal fingerprints, equal deeds.
"""

from __future__ import annotations

from reconciler.plan.making import make_plan
from reconciler.plan.targets import needed_for
from reconciler.plan.values import FORMAT_VERSION, Limits, Plan, Policy, Summary, fingerprint_of, forms_after

__all__ = [
    "FORMAT_VERSION",
    "Limits",
    "Plan",
    "Policy",
    "Summary",
    "fingerprint_of",
    "forms_after",
    "make_plan",
    "needed_for",
]
