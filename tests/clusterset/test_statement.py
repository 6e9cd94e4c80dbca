"""What a member states of itself, and when that counts."""

from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.statement import SETBACKS, Heard, agrees, digest, hear, statement

NAMES = st.frozensets(st.text("ab.-", max_size=4), max_size=4)


def at(second: int) -> str:
    return f"2026-01-01T00:00:{second:02d}.000000Z"


@given(NAMES, NAMES, NAMES, NAMES)
def test_a_statement_agrees_with_the_very_same_names_only(
    records: frozenset[str], slices: frozenset[str], others: frozenset[str], more: frozenset[str]
) -> None:
    said = statement(at(1), records, slices)
    assert agrees(said, others, more) == ((records, slices) == (others, more))


def test_the_digest_is_short_and_knows_records_from_slices() -> None:
    assert digest({"a", "b"}, set()) == digest({"b", "a"}, set())
    assert digest({"a"}, {"b"}) != digest({"b"}, {"a"})
    assert len(digest(set(), set())) == 16


def listen(*seconds: int | None) -> list[bool]:
    """Whether each of these statements (None: no statement) counted when it was heard."""
    heard: Heard | None = None
    fresh = []
    for number, second in enumerate(seconds):
        heard = hear(heard, str(number), None if second is None else statement(at(second), set(), set()))
        fresh.append(heard.fresh)
    return fresh


def test_what_was_said_before_anybody_listened_does_not_count_and_each_later_statement_counts_once() -> None:
    assert listen(1) == [False]
    assert listen(1, 1, 2, 2, 3) == [False, False, True, False, True]
    assert listen(None, 1) == [False, True]


def test_an_old_statement_that_a_restore_brings_back_does_not_count_and_neither_do_few_after_it() -> None:
    assert listen(5, 9, 5, 6, 7) == [False, True, False, False, False]
    assert listen(5, 9, 5, 10) == [False, True, False, True]


def test_a_clock_that_was_set_back_is_followed_after_some_changes() -> None:
    seconds = range(10, 10 + SETBACKS)
    assert listen(40, *seconds, 20) == [False] + [False] * (SETBACKS - 1) + [True, True]


def test_a_member_without_statements_is_counted_by_its_heartbeats() -> None:
    heard = hear(None, "a", None)
    for heartbeat in ("a", "b", "b", "c"):
        heard = hear(heard, heartbeat, None)
    assert not heard.states
    assert heard.heartbeats == 2
