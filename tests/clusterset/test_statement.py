"""What a member states of itself, and when that counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.membership.statement import (
    OBJECTS_MAX,
    SETBACKS,
    Heard,
    agrees,
    digest,
    hear,
    statement,
)

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


def test_members_of_all_versions_compute_the_same_digest_of_any_names() -> None:
    assert digest({"shop.b", "shop.a"}, {"shop.a-x1"}) == "0f4b03380ad15a8c"
    assert digest(set(), {"\udc80"}) == "a78375bbd3a43699"


def listen(*seconds: int | None) -> list[bool]:
    """Whether each of these statements (None: no statement) counted when it was heard."""
    return listen_in(*(("uid", second) for second in seconds))


def listen_in(*said: tuple[str, int | None]) -> list[bool]:
    """The same, with the UID of the MemberCluster in which it was heard."""
    heard: Heard | None = None
    fresh = []
    for object_uid, second in said:
        heard = hear(heard, object_uid, None if second is None else statement(at(second), set(), set()))
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


OLD = range(10, 10 + SETBACKS - 1)
"""As many as do not count yet, each another one."""


@pytest.mark.parametrize(
    "before",
    [
        pytest.param([40], id="the first"),
        pytest.param([30, 40], id="a later one"),
        pytest.param([50, 60, *OLD, 40], id="one that was followed"),
    ],
)
def test_a_statement_that_is_read_again_is_no_change_of_time(before: list[int]) -> None:
    assert not any(listen(*before, *[40] * SETBACKS, None, 40, *OLD)[len(before) :])


def test_an_old_statement_that_stays_never_counts() -> None:
    assert not any(listen(30, *[10] * 2 * SETBACKS))
    assert listen(1, 2, 1, 2) == [False, True, False, False]


def test_changes_of_a_time_that_went_back_are_counted_anew_after_each_statement_that_counts() -> None:
    heard = listen(30, *OLD, 40, *OLD)
    assert [number for number, fresh in enumerate(heard) if fresh] == [SETBACKS]
    heard = listen(40, *OLD, 20, *OLD)
    assert [number for number, fresh in enumerate(heard) if fresh] == [SETBACKS]


def test_in_a_membercluster_made_anew_a_clock_that_was_set_back_meanwhile_does_not_matter() -> None:
    assert listen_in(("a", 40), ("b", None), ("b", 10), ("b", 11)) == [False, False, True, True]
    assert listen_in(("a", 40), ("b", 10), ("b", 10), ("b", 11)) == [False, False, False, True]


def test_a_membercluster_that_a_restore_brings_back_has_to_state_something_newer_than_all_it_stated() -> None:
    stated = [("a", 5), ("a", 9), ("b", None), ("b", 20)]
    assert listen_in(*stated, ("a", 5), ("a", 7), ("a", 10)) == [False, True, False, True, False, False, True]
    assert listen_in(*stated, ("never seen", 5), ("never seen", 5), ("never seen", 6))[4:] == [
        False,
        False,
        True,
    ]


def test_of_the_latest_former_memberclusters_only_is_remembered_what_they_stated() -> None:
    former = [(str(number), 30) for number in range(OBJECTS_MAX)]
    again = [("first", 10), ("first", 11)]
    assert listen_in(("first", 20), *former, *again)[-2:] == [False, False]
    assert listen_in(("first", 20), *former, ("one more", 30), *again)[-2:] == [False, True]
