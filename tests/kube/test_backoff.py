"""Waits between tries."""

from random import Random

from mcs_controller.kube.pacing.backoff import RETRY_AFTER_MAX_SECONDS, Backoff


class Highest(Random):
    """Always the longest wait that is allowed."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_ceilings_double_up_to_the_cap() -> None:
    backoff = Backoff(0.005, 0.03, random=Highest())
    assert [backoff.next_seconds() for _ in range(5)] == [0.005, 0.01, 0.02, 0.03, 0.03]


def test_success_starts_over() -> None:
    backoff = Backoff(1, 60, random=Highest())
    backoff.next_seconds()
    backoff.next_seconds()
    backoff.reset()
    assert backoff.next_seconds() == 1


def test_waits_are_spread_over_the_whole_range_and_follow_the_seed() -> None:
    first = Backoff(1, 1, random=Random(7))
    again = Backoff(1, 1, random=Random(7))
    waits = [first.next_seconds() for _ in range(200)]
    assert waits == [again.next_seconds() for _ in range(200)]
    assert min(waits) < 0.1
    assert max(waits) > 0.9


def test_the_servers_wish_wins_and_is_never_undercut() -> None:
    backoff = Backoff(0.005, 60, random=Random(1))
    assert all(7 <= backoff.next_seconds(7.0) <= 7.7 for _ in range(50))


def test_the_servers_wish_has_a_bound() -> None:
    assert Backoff(1, 60, random=Highest()).next_seconds(1e9) <= RETRY_AFTER_MAX_SECONDS * 1.1
