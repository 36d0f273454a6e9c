"""What is remembered after a look, a write, an end: the pure functions on a memory."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.principal import PrincipalIndex, Recorded, Remembered, Standing, UniqueId
from reconciler.state import (
    Intent,
    State,
    begin,
    compact,
    finish,
    forget,
    observe,
    own,
    record_deleted,
    remembered,
)
from tests.state.samples import (
    ACCOUNT,
    ALICE,
    ALICE_ARN,
    EVENING,
    MORNING,
    NEW_ALICE,
    NOON,
    OTHER_ACCOUNT,
    RUNNER,
    RUNNER_ARN,
    a_memory,
    a_new_memory,
    an_intent,
    an_owned_role,
    memories,
)

WHOLE = frozenset({ACCOUNT})
BOTH = {ALICE: ALICE_ARN, RUNNER: RUNNER_ARN}


def seen(living: dict[str, str], *, at: str, before: State | None = None) -> State:
    return observe(before or a_new_memory(), living, at=at, accounts=WHOLE)


def test_a_principal_enters_the_ledger_when_it_is_first_seen() -> None:
    memory = seen(BOTH, at=MORNING)
    assert memory.ledger[ALICE] == Remembered(ALICE_ARN, first_seen=MORNING)
    assert memory.seen_at == MORNING


def test_a_look_at_which_nothing_happened_moves_one_time_only() -> None:
    memory = seen(BOTH, at=MORNING)
    assert seen(BOTH, at=NOON, before=memory) == replace(memory, seen_at=NOON)


def test_a_principal_that_is_gone_was_last_alive_at_the_look_before() -> None:
    memory = seen({RUNNER: RUNNER_ARN}, at=NOON, before=seen(BOTH, at=MORNING))
    assert memory.ledger[ALICE] == Remembered(ALICE_ARN, first_seen=MORNING, last_alive=MORNING, first_dead=NOON)


def test_the_last_sight_of_the_dead_stays_however_often_one_looks() -> None:
    gone = seen({RUNNER: RUNNER_ARN}, at=NOON, before=seen(BOTH, at=MORNING))
    assert seen({RUNNER: RUNNER_ARN}, at=EVENING, before=gone).ledger == gone.ledger


def test_a_recreated_user_has_two_entries_and_the_old_id_is_explained_by_the_first() -> None:
    memory = seen({NEW_ALICE: ALICE_ARN}, at=NOON, before=seen({ALICE: ALICE_ARN}, at=MORNING))
    index = PrincipalIndex({NEW_ALICE: ALICE_ARN}, {ALICE_ARN: NEW_ALICE}, memory.ledger, WHOLE)
    found = index.identify(UniqueId(ALICE))
    assert found.standing is Standing.RECREATED
    assert found.current_id == NEW_ALICE
    assert found.remembered == Remembered(ALICE_ARN, first_seen=MORNING, last_alive=MORNING, first_dead=NOON)


def test_a_renamed_user_keeps_its_entry_under_the_new_arn() -> None:
    renamed = ALICE_ARN.replace("alice", "people/alicia")
    memory = seen({ALICE: renamed}, at=NOON, before=seen({ALICE: ALICE_ARN}, at=MORNING))
    assert memory.ledger == {ALICE: Remembered(renamed, first_seen=MORNING)}


def test_an_id_that_shows_itself_alive_again_is_not_dead() -> None:
    gone = record_deleted(seen(BOTH, at=MORNING), ALICE, at=NOON)
    assert seen(BOTH, at=EVENING, before=gone).ledger[ALICE] == Remembered(ALICE_ARN, first_seen=MORNING)


def test_who_gave_an_id_its_name_is_remembered_for_as_long_as_it_has_that_name() -> None:
    eve = Recorded(call="CreateUser", at=MORNING, by=f"arn:aws:iam::{ACCOUNT}:user/eve", event_id="1", request_id="2")
    named = replace(seen({}, at=MORNING), ledger={ALICE: Remembered(ALICE_ARN, first_seen=MORNING, named_by=eve)})

    gone = seen({}, at=NOON, before=named)
    again = seen({ALICE: ALICE_ARN}, at=EVENING, before=gone)
    renamed = seen({ALICE: ALICE_ARN.replace("alice", "alicia")}, at=EVENING, before=again)

    assert [memory.ledger[ALICE].named_by for memory in (gone, again, renamed)] == [eve, eve, None]


def test_nobody_is_gone_from_an_account_that_was_not_read_whole() -> None:
    memory = seen(BOTH, at=MORNING)
    assert observe(memory, {}, at=NOON, accounts=frozenset({OTHER_ACCOUNT})) == memory


def test_who_is_seen_in_an_account_not_read_whole_is_remembered_all_the_same() -> None:
    memory = observe(a_new_memory(), {ALICE: ALICE_ARN}, at=MORNING, accounts=frozenset())
    assert memory.ledger == {ALICE: Remembered(ALICE_ARN, first_seen=MORNING)}
    assert memory.seen_at is None


def test_principals_of_other_accounts_are_theirs_to_remember() -> None:
    theirs = ALICE_ARN.replace(ACCOUNT, OTHER_ACCOUNT)
    living = {NEW_ALICE: theirs, RUNNER: RUNNER_ARN, "AIDAODD": "no arn"}
    memory = observe(a_new_memory(), living, at=MORNING, accounts=frozenset({ACCOUNT, OTHER_ACCOUNT}))
    assert set(memory.ledger) == {RUNNER}


def test_a_clock_set_back_lets_nobody_die_before_he_was_first_seen() -> None:
    memory = seen({}, at=EVENING, before=replace(seen(BOTH, at=NOON), seen_at=MORNING))
    assert memory.ledger[ALICE].last_alive == NOON


def test_a_clock_that_once_ran_ahead_does_not_hold_time_up() -> None:
    assert seen(BOTH, at=NOON, before=seen(BOTH, at="2038-01-19T03:14:07Z")).seen_at == NOON


times = st.sampled_from([MORNING, NOON, EVENING])
lives = st.dictionaries(st.sampled_from([ALICE, NEW_ALICE, RUNNER]), st.sampled_from([ALICE_ARN, RUNNER_ARN]))
looks = st.lists(st.tuples(lives, times), max_size=6)


def after(some_looks: list[tuple[dict[str, str], str]]) -> State:
    memory = a_new_memory()
    for living, at in some_looks:
        memory = seen(living, at=at, before=memory)
    return memory


@given(looks, lives, times)
def test_looking_twice_at_the_same_changes_nothing_more(
    earlier: list[tuple[dict[str, str], str]], living: dict[str, str], at: str
) -> None:
    once = seen(living, at=at, before=after(earlier))
    assert seen(living, at=at, before=once) == once


@given(looks, lives, times)
def test_the_order_of_a_listing_is_without_meaning(
    earlier: list[tuple[dict[str, str], str]], living: dict[str, str], at: str
) -> None:
    shuffled = dict(reversed(living.items()))
    assert seen(shuffled, at=at, before=after(earlier)) == seen(living, at=at, before=after(earlier))


@given(looks)
def test_whatever_is_seen_and_however_the_clock_runs_the_ledger_makes_sense(
    some_looks: list[tuple[dict[str, str], str]],
) -> None:
    memory, last = after(some_looks), some_looks[-1][0] if some_looks else {}
    assert set(memory.ledger) == {id_ for living, _ in some_looks for id_ in living}
    for id_, entry in memory.ledger.items():
        assert entry.first_seen is not None
        assert (entry.last_alive is None) == (id_ in last)
        assert entry.last_alive is None or entry.last_alive >= entry.first_seen
        assert id_ not in last or entry.arn == last[id_]


@settings(max_examples=settings().max_examples // 4 or 1)
@given(memories, lives, times)
def test_no_memory_is_changed_by_what_follows_from_it(memory: State, living: dict[str, str], at: str) -> None:
    before = replace(memory, ledger=dict(memory.ledger), objects=dict(memory.objects), intents=dict(memory.intents))
    observe(memory, living, at=at, accounts=WHOLE)
    record_deleted(forget(own(memory, "role/x", an_owned_role()), "role/x"), RUNNER, at=at)
    finish(begin(memory, [an_intent()]), "role/runner")
    assert memory == before


def test_a_role_just_made_is_in_the_ledger_before_anybody_looked() -> None:
    memory = own(a_new_memory(), "role/runner", an_owned_role())
    assert memory.objects == {"role/runner": an_owned_role()}
    assert memory.ledger == {RUNNER: Remembered(RUNNER_ARN, first_seen=MORNING)}


def test_an_owned_role_that_is_known_keeps_its_history() -> None:
    known = seen({RUNNER: RUNNER_ARN}, at="2020-01-01T00:00:00Z")
    assert own(known, "role/runner", an_owned_role()).ledger == known.ledger


def test_a_policy_is_no_principal_and_not_in_the_ledger() -> None:
    policy = an_owned_role("ANPAPOLICY0000000001", f"arn:aws:iam::{ACCOUNT}:policy/p")
    assert own(a_new_memory(), "managed_policy/p", policy).ledger == {}


def test_what_is_forgotten_is_still_known_by_its_id() -> None:
    memory = forget(a_memory(), "role/runner")
    assert memory.objects == {}
    assert memory.ledger == a_memory().ledger


def test_forgetting_and_finishing_what_is_not_there_changes_nothing() -> None:
    assert forget(a_memory(), "role/other") == finish(a_memory(), "role/other") == a_memory()


def test_what_was_begun_is_pending_until_it_is_finished() -> None:
    memory = begin(a_new_memory(), [an_intent("role/a"), an_intent("role/b")])
    assert set(memory.intents) == {"role/a", "role/b"}
    assert set(finish(memory, "role/a").intents) == {"role/b"}


def test_beginning_anew_keeps_the_forms_that_a_killed_run_may_have_left() -> None:
    killed = Intent(address="role/a", action="create", begun=MORNING, forms={"trust": (None, "1"), "tags": ("2",)})
    again = Intent(address="role/a", action="update", begun=NOON, id=RUNNER, forms={"trust": ("1", "3")})
    pending = begin(begin(a_new_memory(), [killed]), [again]).intents["role/a"]
    assert pending == Intent(
        address="role/a",
        action="update",
        begun=MORNING,
        id=RUNNER,
        forms={"trust": (None, "1", "3"), "tags": ("2",)},
    )


def test_beginning_anew_without_an_id_keeps_the_one_that_was_known() -> None:
    known = begin(a_new_memory(), [an_intent()])
    anew = Intent(address="role/runner", action="create", begun=EVENING)
    assert begin(known, [anew]).intents["role/runner"].id == RUNNER


def test_what_this_program_deletes_is_remembered_with_the_time() -> None:
    memory = record_deleted(seen(BOTH, at=MORNING), RUNNER, at=NOON)
    assert memory.ledger[RUNNER] == Remembered(
        RUNNER_ARN, first_seen=MORNING, last_alive=NOON, first_dead=NOON, deleted=NOON
    )


def test_the_next_look_does_not_blur_what_a_deletion_said() -> None:
    deleted = record_deleted(seen(BOTH, at=MORNING), RUNNER, at=NOON)
    assert seen({ALICE: ALICE_ARN}, at=EVENING, before=deleted).ledger[RUNNER] == deleted.ledger[RUNNER]


def test_deleting_what_was_never_seen_teaches_nothing() -> None:
    assert record_deleted(a_new_memory(), RUNNER, at=NOON) == a_new_memory()


def test_the_living_are_remembered_as_last_seen_at_the_last_look() -> None:
    memory = seen(BOTH, at=NOON, before=seen(BOTH, at=MORNING))
    assert remembered(memory, ALICE) == Remembered(ALICE_ARN, first_seen=MORNING, last_alive=NOON)
    assert remembered(memory, NEW_ALICE) is None


def test_compacting_keeps_the_living_and_every_dead_id_that_something_still_shows() -> None:
    gone = Remembered(ALICE_ARN, first_seen=MORNING, last_alive=NOON)
    ids = {name: f"AIDA{name}0000000000000" for name in ("LIVING", "SHOWN", "GIVEN", "BEGUN", "NOBODYS")}
    memory = replace(
        a_new_memory(),
        ledger={**dict.fromkeys(ids.values(), gone), ids["LIVING"]: Remembered(ALICE_ARN), RUNNER: gone},
        objects={"role/runner": replace(an_owned_role(), principals={ALICE_ARN: ids["GIVEN"]})},
        intents={"role/runner": replace(an_intent(), id=ids["BEGUN"])},
    )
    kept = compact(memory, dead_in_use=frozenset({ids["SHOWN"]}))
    assert set(memory.ledger) - set(kept.ledger) == {ids["NOBODYS"]}
    assert kept.ledger[RUNNER] == gone
