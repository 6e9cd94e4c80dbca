"""The time in which the broker takes heartbeats, by when it took ours."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.membership.broker_time import BrokerTime, renewed

MAX_GAP = 15.0
GAPS = st.lists(st.tuples(st.floats(0.0, MAX_GAP - 1e-3), st.floats(0.0, 60.0)), max_size=30)


def after(rounds: Iterable[tuple[float, float]]) -> BrokerTime:
    """Each is when a heartbeat was sent, and when it was taken."""
    state = BrokerTime()
    for sent_at_seconds, taken_at_seconds in rounds:
        state = renewed(state, sent_at_seconds, taken_at_seconds, max_gap_seconds=MAX_GAP)
    return state


def at_most(state: BrokerTime, now_seconds: float) -> float:
    return state.at_most_seconds(now_seconds, max_gap_seconds=MAX_GAP)


def test_before_the_first_heartbeat_no_time_counts() -> None:
    assert at_most(BrokerTime(), 1_000.0) == 0.0
    assert after([(1_000.0, 1_001.0)]).counted_seconds == 0.0


@pytest.mark.requirement("MCS-LIFE-03")
@given(GAPS)
def test_the_time_between_heartbeats_counts_and_the_time_that_the_broker_needs_for_them_does_not(
    gaps: list[tuple[float, float]],
) -> None:
    rounds = [(100.0, 100.0)]
    for gap_seconds, needs_seconds in gaps:
        sent_at_seconds = rounds[-1][1] + gap_seconds
        rounds.append((sent_at_seconds, sent_at_seconds + needs_seconds))
    counted = sum(sent - before[1] for before, (sent, _taken) in pairwise(rounds))
    assert after(rounds).counted_seconds == pytest.approx(counted)


@pytest.mark.requirement("MCS-LIFE-07")
def test_after_a_heartbeat_that_was_sent_late_nothing_of_the_time_before_it_counts() -> None:
    before = after([(0.0, 0.0), (10.0, 10.5)])
    assert at_most(before, 15.0) == 14.5
    assert at_most(before, 3_600.0) == 10.0 + MAX_GAP
    back = renewed(before, 3_600.0, 3_601.0, max_gap_seconds=MAX_GAP)
    assert back.counted_seconds == at_most(back, 3_601.0) == 10.0
    assert at_most(back, 3_605.0) == 14.0


def test_the_longest_gap_counts_whole_and_a_longer_one_not_at_all() -> None:
    assert after([(0.0, 1.0), (1.0 + MAX_GAP, 50.0)]).counted_seconds == MAX_GAP
    assert after([(0.0, 1.0), (1.001 + MAX_GAP, 50.0)]).counted_seconds == 0.0
