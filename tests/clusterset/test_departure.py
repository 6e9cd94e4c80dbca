"""When a member whose MemberCluster is missing counts as removed."""

from mcs_controller.clusterset.membership.departure import (
    SEEN_SECONDS,
    UNSEEN_SECONDS,
    Departures,
    distrust,
    observe,
)

BOTH, WEST = {"east", "west"}, {"west"}


def pass_time(before: Departures, seconds: int, present: set[str], known: set[str]) -> Departures:
    for _ in range(seconds // 10):
        before = observe(before, known, present, passed_seconds=10.0)
    return before


def seen_both() -> Departures:
    return observe(Departures(), set(), BOTH, passed_seconds=0.0)


def test_a_member_that_was_seen_to_go_is_removed_after_a_minute() -> None:
    gone = observe(seen_both(), BOTH, WEST, passed_seconds=10.0)
    assert not gone.removed("east", WEST)
    assert not pass_time(gone, 50, WEST, BOTH).removed("east", WEST)
    assert pass_time(gone, 60, WEST, BOTH).removed("east", WEST)


def test_the_time_of_a_removal_begins_with_the_first_list_that_lacks_the_member() -> None:
    gone = observe(seen_both(), BOTH, WEST, passed_seconds=10.0)
    assert not observe(gone, BOTH, WEST, passed_seconds=SEEN_SECONDS - 0.5).removed("east", WEST)
    broke = distrust(gone)
    assert not observe(broke, BOTH, WEST, passed_seconds=UNSEEN_SECONDS - 0.5).removed("east", WEST)


def test_one_that_comes_back_begins_anew() -> None:
    gone = pass_time(observe(seen_both(), BOTH, WEST, passed_seconds=0.0), 50, WEST, BOTH)
    back = observe(gone, BOTH, BOTH, passed_seconds=10.0)
    assert not back.removed("east", BOTH)
    again = observe(back, BOTH, WEST, passed_seconds=0.0)
    assert not pass_time(again, 50, WEST, BOTH).removed("east", WEST)


def test_one_that_was_never_seen_takes_ten_minutes() -> None:
    listening = observe(Departures(), set(), WEST, passed_seconds=0.0)
    assert not pass_time(listening, 590, WEST, WEST).removed("east", WEST)
    assert pass_time(listening, 600, WEST, WEST).removed("east", WEST)
    assert not pass_time(listening, 600, BOTH, WEST).removed("east", BOTH)


def test_after_history_broke_it_takes_ten_minutes_also_for_one_that_was_missing_already() -> None:
    broke = distrust(observe(seen_both(), BOTH, WEST, passed_seconds=0.0))
    assert not pass_time(broke, 590, WEST, BOTH).removed("east", WEST)
    assert pass_time(broke, 600, WEST, BOTH).removed("east", WEST)
    unseen_since = observe(distrust(seen_both()), BOTH, WEST, passed_seconds=0.0)
    assert not pass_time(unseen_since, 590, WEST, BOTH).removed("east", WEST)
    assert pass_time(unseen_since, 600, WEST, BOTH).removed("east", WEST)


def test_what_a_member_was_missing_before_history_broke_does_not_count_towards_the_ten_minutes() -> None:
    gone = pass_time(observe(seen_both(), BOTH, WEST, passed_seconds=0.0), 50, WEST, BOTH)
    broke = distrust(gone)
    assert broke.needed_seconds("east") == UNSEEN_SECONDS
    assert not pass_time(broke, 590, WEST, BOTH).removed("east", WEST)
    assert pass_time(broke, 600, WEST, BOTH).removed("east", WEST)


def test_who_was_never_seen_takes_ten_minutes_from_the_last_break_of_the_history() -> None:
    listening = pass_time(Departures(), 590, WEST, WEST)
    broke = distrust(listening)
    assert not pass_time(broke, 590, WEST, WEST).removed("east", WEST)
    assert pass_time(broke, 600, WEST, WEST).removed("east", WEST)


def test_seen_again_since_history_broke_a_minute_will_do() -> None:
    seen = observe(distrust(seen_both()), BOTH, BOTH, passed_seconds=10.0)
    gone = observe(seen, BOTH, WEST, passed_seconds=10.0)
    assert pass_time(gone, 60, WEST, BOTH).removed("east", WEST)


def test_a_removal_that_was_announced_takes_effect_at_once() -> None:
    gone = observe(seen_both(), BOTH, WEST, passed_seconds=10.0, announced={"east"})
    assert gone.removed("east", WEST)
