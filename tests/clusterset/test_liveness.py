"""Who is alive, judged by heartbeats on the reader's own clock."""

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.membership.liveness import Liveness, Silence, observe

TIMEOUT = 60.0
MAX_GAP = 20.0


def read(reads: Iterable[tuple[float, Mapping[str, str]]], before: Liveness | None = None) -> Liveness:
    state = before or Liveness()
    for at_seconds, heartbeats in reads:
        state = observe(state, heartbeats, at_seconds, max_gap_seconds=MAX_GAP)
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


@pytest.mark.requirement("MCS-LIFE-07")
def test_the_time_during_which_the_broker_did_not_answer_is_no_silence() -> None:
    before = read([(0.0, {"west": "a"}), (10.0, {"west": "a"})])
    after_an_hour = read([(3_610.0, {"west": "a"})], before)
    assert after_an_hour.members["west"].seconds == 10.0 + MAX_GAP
    assert after_an_hour.stale(TIMEOUT) == set()


@pytest.mark.requirement("MCS-LIFE-07")
def test_members_get_their_time_to_renew_after_an_outage() -> None:
    before = read((10.0 * tick, {"west": f"beat {tick}"}) for tick in range(4))
    state = read([(10_000.0 + 10 * tick, {"west": "beat 3"}) for tick in range(4)], before)
    assert state.stale(TIMEOUT) == set()
    assert read([(10_040.0, {"west": "beat 3"})], state).stale(TIMEOUT) == {"west"}


def test_heartbeats_are_compared_and_never_read_as_times() -> None:
    future, past = "2099-01-01T00:00:00Z", "1999-01-01T00:00:00Z"
    state = read([(0.0, {"west": future}), (10.0, {"west": past})])
    assert state.members["west"].seconds == 0.0
    assert state.members["west"].proven


def test_a_new_member_starts_alive_and_unproven_and_one_that_left_is_forgotten() -> None:
    state = read([(0.0, {"west": "a"}), (10.0, {"west": "b", "north": ""})])
    assert state.alive(TIMEOUT) == {"west", "north"}
    assert state.unproven() == {"north"}
    assert set(read([(20.0, {"north": ""})], state).members) == {"north"}


@pytest.mark.requirement("MCS-LIFE-03", "MCS-LIFE-07")
@given(st.lists(st.floats(0.1, 1_000), min_size=1, max_size=40))
def test_silence_is_never_longer_than_the_time_that_passed_nor_than_the_reads_account_for(
    gaps: list[float],
) -> None:
    at_seconds = 0.0
    state = read([(0.0, {"west": "a"})])
    for gap in gaps:
        at_seconds += gap
        state = read([(at_seconds, {"west": "a"})], state)
    silence = state.members["west"].seconds
    assert silence <= at_seconds * (1 + 1e-9)
    assert silence <= len(gaps) * MAX_GAP


def test_a_first_read_of_what_was_known_before_counts_no_time_and_forgets_no_proof() -> None:
    known = {"east": Silence("beat", 5.0, proven=True), "west": Silence("beat", 7.0)}
    found = observe(Liveness(known), {"east": "beat", "west": "beat"}, 100.0, max_gap_seconds=MAX_GAP)
    assert found == Liveness(known, 100.0)
