"""The time in which the broker takes heartbeats, by when it took ours."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.membership.broker_time import BrokerTime, renewed

MAX_GAP = 15.0
INTERVALS = st.floats(9.0, 12.0)


def after(moments: Iterable[float]) -> BrokerTime:
    state = BrokerTime()
    for at_seconds in moments:
        state = renewed(state, at_seconds, max_gap_seconds=MAX_GAP)
    return state


def at(state: BrokerTime, now_seconds: float) -> float:
    return state.seconds(now_seconds, max_gap_seconds=MAX_GAP)


def test_before_the_first_heartbeat_no_time_counts() -> None:
    assert at(BrokerTime(), 1_000.0) == 0.0
    assert at(after([1_000.0]), 1_000.0) == 0.0


@pytest.mark.requirement("MCS-LIFE-03")
@given(st.lists(INTERVALS, max_size=30), st.floats(0.0, 12.0))
def test_while_heartbeats_come_in_time_it_is_plain_time(intervals: list[float], since: float) -> None:
    moments = [100.0]
    for interval in intervals:
        moments.append(moments[-1] + interval)
    assert at(after(moments), moments[-1] + since) == pytest.approx(sum(intervals) + since)


@pytest.mark.requirement("MCS-LIFE-07")
def test_a_heartbeat_that_is_late_stops_it_and_takes_back_what_went_before() -> None:
    before = after([0.0, 10.0])
    assert at(before, 25.0) == at(before, 3_600.0) == 10.0 + MAX_GAP
    back = renewed(before, 3_600.0, max_gap_seconds=MAX_GAP)
    assert at(back, 3_600.0) == 10.0
    assert at(back, 3_605.0) == 15.0


def test_the_longest_gap_counts_whole_and_a_longer_one_not_at_all() -> None:
    assert after([0.0, MAX_GAP]).counted_seconds == MAX_GAP
    assert after([0.0, MAX_GAP + 0.001]).counted_seconds == 0.0
