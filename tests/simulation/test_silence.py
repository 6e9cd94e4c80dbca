"""Who has been silent for how long, and what a restore of the broker does to that."""

from __future__ import annotations

from tests.simulation.silence import READ_WITHIN_SECONDS, Silence


def test_a_member_is_silent_since_its_last_heartbeat_was_first_there() -> None:
    silence = Silence()
    assert silence.look("west", "one", 100.0) == 0.0
    assert silence.look("west", "one", 139.0) == 39.0
    assert silence.look("north", "one", 139.0) == 0.0
    assert silence.look("west", "two", 140.0) == 0.0
    assert silence.look("west", "two", 141.0) == 1.0


def test_a_heartbeat_that_a_restore_brings_back_at_once_is_no_sign_of_life() -> None:
    """Who did not read in between has seen no other one."""
    silence = Silence()
    silence.look("west", "one", 100.0)
    silence.look("west", "two", 136.0)
    assert silence.look("west", "one", 136.0 + READ_WITHIN_SECONDS) == 36.0 + READ_WITHIN_SECONDS
    assert silence.look("west", "three", 160.0) == 0.0


def test_one_that_comes_back_when_all_have_read_another_is() -> None:
    silence = Silence()
    silence.look("west", "one", 100.0)
    silence.look("west", "two", 136.0)
    assert silence.look("west", "one", 136.5 + READ_WITHIN_SECONDS) == 0.0
    assert silence.look("west", "one", 146.5 + READ_WITHIN_SECONDS) == 10.0


def test_it_counts_from_where_it_was_though_several_came_in_between() -> None:
    silence = Silence()
    for seconds, heartbeat in enumerate(("one", "two", "three")):
        silence.look("west", heartbeat, 100.0 + seconds)
    assert silence.look("west", "one", 104.0) == 4.0


def test_who_is_forgotten_counts_anew() -> None:
    silence = Silence()
    silence.look("west", "one", 100.0)
    silence.forget("west")
    assert silence.look("west", "one", 150.0) == 0.0
