"""Memories to test with: a small one that has something of everything, and Hypothesis's."""

from typing import TypeVar

from hypothesis import strategies as st

from reconciler.model.principal import Recorded, Remembered
from reconciler.state import Intent, Owned, State

Value = TypeVar("Value")

ACCOUNT = "111122223333"
OTHER_ACCOUNT = "444455556666"
LINEAGE = "0d9ff5f5-2f4e-4a55-9f0c-6f1f1d6a8a11"

ALICE = "AIDAALICE00000000001"
NEW_ALICE = "AIDAALICE00000000002"
RUNNER = "AROARUNNER0000000001"
ALICE_ARN = f"arn:aws:iam::{ACCOUNT}:user/alice"
RUNNER_ARN = f"arn:aws:iam::{ACCOUNT}:role/ci/runner"

MORNING = "2026-11-24T08:00:00Z"
NOON = "2026-11-24T12:00:00Z"
EVENING = "2026-11-24T18:00:00Z"


def an_owned_role(id_: str = RUNNER, arn: str = RUNNER_ARN) -> Owned:
    return Owned(
        id=id_,
        arn=arn,
        manifest="manifests/runner.yaml",
        since=MORNING,
        origin="created",
        prevent_destroy=True,
        digests={"trust": "sha256:aa", "tags": "sha256:bb"},
        principals={ALICE_ARN: ALICE},
        held=("trust",),
    )


def an_intent(address: str = "role/runner") -> Intent:
    return Intent(address=address, action="update", begun=NOON, id=RUNNER, forms={"trust": (None, "sha256:cc")})


def a_memory() -> State:
    return State(
        account=ACCOUNT,
        lineage=LINEAGE,
        serial=7,
        seen_at=NOON,
        objects={"role/runner": an_owned_role()},
        ledger={
            RUNNER: Remembered(RUNNER_ARN, first_seen=MORNING),
            ALICE: Remembered(ALICE_ARN, first_seen=MORNING, last_alive=NOON, deleted=NOON),
        },
        intents={"role/runner": an_intent()},
        settings={"approvals": {"hold": ["delete"]}, "limits": {"delete_fraction": 0.3}},
    )


def a_new_memory() -> State:
    return State(account=ACCOUNT, lineage=LINEAGE, exists=False)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
maybe = st.none() | texts
numbers = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def mapping(of: st.SearchStrategy[Value]) -> st.SearchStrategy[dict[str, Value]]:
    return st.dictionaries(texts, of, max_size=4)


owned = st.builds(
    Owned,
    id=texts,
    arn=texts,
    manifest=texts,
    since=texts,
    origin=texts,
    prevent_destroy=st.booleans(),
    retain=st.booleans(),
    digests=mapping(texts),
    principals=mapping(texts),
    held=st.lists(texts, max_size=3).map(tuple),
)
records = st.builds(Recorded, call=texts, at=texts, by=texts, event_id=texts, request_id=maybe)
entries = st.builds(
    Remembered,
    arn=texts,
    first_seen=maybe,
    last_alive=maybe,
    first_dead=maybe,
    deleted=maybe,
    named_by=st.none() | records,
    deleted_by=st.none() | records,
)


@st.composite
def intents(draw: st.DrawFn) -> dict[str, Intent]:
    forms = mapping(st.lists(maybe, max_size=3).map(tuple))
    of = {address: draw(st.tuples(texts, texts, maybe, forms)) for address in draw(st.sets(texts, max_size=3))}
    return {
        address: Intent(address=address, action=action, begun=begun, id=id_, forms=passed)
        for address, (action, begun, id_, passed) in of.items()
    }


memories = st.builds(
    State,
    account=st.just(ACCOUNT),
    lineage=texts,
    serial=st.integers(0, 10**12),
    seen_at=maybe,
    objects=mapping(owned),
    ledger=mapping(entries),
    intents=intents(),
    settings=mapping(values),
)
