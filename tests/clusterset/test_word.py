"""The time for which a member has been stating its exports: silence and broken history stop it."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.membership.word import Word, distrust, observe

EAST = {"east"}


def after(*reads: tuple[bool, float], before: Mapping[str, Word] | None = None) -> Word:
    """Of east, after these reads: whether it said something new, and the seconds since the last read."""
    words: Mapping[str, Word] = before or {}
    for spoke, passed_seconds in reads:
        words = observe(
            words, EAST, EAST if spoke else set(), passed_seconds=passed_seconds, timeout_seconds=60.0
        )
    return words["east"]


def test_the_time_between_two_words_counts_once_the_second_is_read() -> None:
    assert after((True, 10.0)).seconds == 0.0
    assert after((True, 0.0), (False, 10.0), (False, 10.0)).seconds == 0.0
    assert after((True, 0.0), (False, 10.0), (True, 10.0)).seconds == 20.0
    assert after((True, 0.0), (True, 10.0), (True, 10.0)).seconds == 20.0


def test_a_silence_of_the_time_out_counts_for_nothing_and_the_time_goes_on_after_it() -> None:
    silence = [(False, 10.0)] * 5
    assert after((True, 0.0), (True, 10.0), *silence, (True, 9.0)).seconds == 69.0
    assert after((True, 0.0), (True, 10.0), *silence, (True, 10.0)).seconds == 10.0
    assert after((True, 0.0), (True, 10.0), *silence, (True, 10.0), (True, 10.0)).seconds == 20.0


def test_a_member_that_is_not_listed_and_a_broken_history_stop_it_until_the_second_word() -> None:
    known = {"east": after((True, 0.0), (True, 10.0))}
    missing = observe(known, set(), set(), passed_seconds=10.0, timeout_seconds=60.0)
    for words in (missing, distrust(known)):
        assert words == {"east": Word(10.0, None)}
        assert after((False, 10.0), (True, 10.0), before=words).seconds == 10.0
        assert after((True, 10.0), (True, 10.0), before=words).seconds == 20.0


@pytest.mark.requirement("MCS-LIFE-07")
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1000)), max_size=30))
def test_it_never_goes_back_and_never_faster_than_time(reads: list[tuple[bool, float]]) -> None:
    before, passed_seconds = 0.0, 0.0
    for number in range(len(reads)):
        now = after(*reads[: number + 1]).seconds
        passed_seconds += reads[number][1]
        assert before <= now <= passed_seconds + 1e-6
        if not reads[number][0]:
            assert now == before
        before = now
