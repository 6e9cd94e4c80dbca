"""Who is alive, judged by heartbeats in the time in which the broker takes them."""

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.membership.liveness import Liveness, observe

TIMEOUT = 60.0


def read(reads: Iterable[tuple[float, Mapping[str, str]]], before: Liveness | None = None) -> Liveness:
    state = before or Liveness()
    for at_seconds, heartbeats in reads:
        state = observe(state, heartbeats, counted_seconds=at_seconds, at_most_seconds=at_seconds)
    return state


@pytest.mark.requirement("MCS-LIFE-03")
def test_a_member_that_renews_is_alive_and_one_that_stops_is_stale_after_the_timeout() -> None:
    def heartbeats(tick: int) -> dict[str, str]:
        return {"east": f"beat {tick}", "west": "beat 0"}

    almost = read((10.0 * tick, heartbeats(tick)) for tick in range(6))
    assert almost.stale(TIMEOUT) == set()
    after = read([(60.0, heartbeats(6))], almost)
    assert after.stale(TIMEOUT) == {"west"}
    assert after.alive(TIMEOUT) == {"east"}


def test_a_member_that_comes_back_is_alive_at_once() -> None:
    silent = read((10.0 * tick, {"west": "beat 0"}) for tick in range(8))
    assert silent.stale(TIMEOUT) == {"west"}
    assert read([(80.0, {"west": "beat 1"})], silent).alive(TIMEOUT) == {"west"}


def test_heartbeats_are_compared_and_never_read_as_times() -> None:
    future, past = "2099-01-01T00:00:00Z", "1999-01-01T00:00:00Z"
    state = read([(0.0, {"west": future}), (10.0, {"west": past})])
    assert state.silent_seconds() == {"west": 0.0}
    assert state.members["west"].proven


def test_a_new_member_starts_alive_and_unproven_and_one_that_left_is_forgotten() -> None:
    state = read([(0.0, {"west": "a"}), (10.0, {"west": "b", "north": ""})])
    assert state.alive(TIMEOUT) == {"west", "north"}
    assert state.unproven() == {"north"}
    assert set(read([(20.0, {"north": ""})], state).members) == {"north"}


def test_a_heartbeat_is_taken_for_as_late_as_it_may_be() -> None:
    state = observe(Liveness(), {"west": "a"}, counted_seconds=10.0, at_most_seconds=25.0)
    assert state.silent_seconds() == {"west": 0.0}
    state = read([(20.0, {"west": "a"})], state)
    assert state.silent_seconds() == {"west": 0.0}
    state = read([(30.0, {"west": "a"})], state)
    assert state.silent_seconds() == {"west": 5.0}


@pytest.mark.requirement("MCS-LIFE-03", "MCS-LIFE-07")
@given(st.lists(st.tuples(st.floats(-20, 100), st.floats(0, 20)), min_size=1, max_size=40))
def test_silence_is_never_longer_than_the_time_that_counted_and_ends_by_a_heartbeat_alone(
    reads: list[tuple[float, float]],
) -> None:
    state, counted_seconds = Liveness(), 0.0
    for later_seconds, more_seconds in reads:
        before = state.silent_seconds().get("west", 0.0)
        counted_seconds = max(0.0, counted_seconds + later_seconds)
        state = observe(
            state,
            {"west": "a"},
            counted_seconds=counted_seconds,
            at_most_seconds=counted_seconds + more_seconds,
        )
        assert before <= state.silent_seconds()["west"] <= state.counted_seconds
