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
        state = observe(state, heartbeats, at_seconds)
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


def test_time_that_turned_out_not_to_count_is_nobodys_silence() -> None:
    state = read([(0.0, {"west": "a", "east": "a"}), (15.0, {"west": "a", "east": "b"})])
    assert state.silent_seconds() == {"west": 15.0, "east": 0.0}
    state = read([(1.0, {"west": "a", "east": "b"})], state)
    assert state.silent_seconds() == {"west": 1.0, "east": 0.0}
    state = read([(11.0, {"west": "a", "east": "b"})], state)
    assert state.silent_seconds() == {"west": 11.0, "east": 10.0}


@pytest.mark.requirement("MCS-LIFE-03", "MCS-LIFE-07")
@given(st.lists(st.floats(-20, 1_000), min_size=1, max_size=40))
def test_silence_is_never_longer_than_the_time_that_counts_and_never_negative(gaps: list[float]) -> None:
    at_seconds = 0.0
    state = read([(0.0, {"west": "a"})])
    for gap in gaps:
        at_seconds = max(0.0, at_seconds + gap)
        state = read([(at_seconds, {"west": "a"})], state)
        assert 0 <= state.silent_seconds()["west"] <= at_seconds
