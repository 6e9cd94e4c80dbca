"""The token bucket, to the second."""

import pytest

from mcs_controller.kube.pacing.rate import TokenBucket


def test_so_many_at_once_and_then_one_every_so_often() -> None:
    bucket = TokenBucket(3, 0.5)

    assert [bucket.take(100.0) for _ in range(5)] == [True, True, True, False, False]
    assert [bucket.take(at) for at in (101.9, 102.0, 102.1, 104.0, 104.1)] == [
        False,
        True,
        False,
        True,
        False,
    ]


def test_quiet_time_fills_it_up_and_no_further() -> None:
    bucket = TokenBucket(2, 1.0)
    assert [bucket.take(0.0) for _ in range(3)] == [True, True, False]

    assert [bucket.take(1000.0) for _ in range(3)] == [True, True, False]


def test_who_waits_as_long_as_told_is_served() -> None:
    bucket = TokenBucket(1, 1 / 60)
    assert bucket.take(10.0)
    assert bucket.wait_seconds(10.0) == pytest.approx(60)
    assert bucket.wait_seconds(40.0) == pytest.approx(30)

    assert bucket.take(40.0 + bucket.wait_seconds(40.0))
    assert bucket.wait_seconds(1000.0) == 0.0


def test_a_clock_that_stands_still_or_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(1, 1.0)
    assert bucket.take(10.0)

    assert [bucket.take(at) for at in (10.0, 5.0, 5.9)] == [False, False, False]
