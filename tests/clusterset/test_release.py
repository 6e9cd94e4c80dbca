"""The release of a member is valid for a bounded time, whatever its annotation says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.membership.release import (
    ALLOWED_SECONDS,
    RELEASE_MAX_SECONDS,
    observe,
    released,
    valid_seconds,
)

NOON = 1_767_268_800.0
"""2026-01-01T12:00:00Z."""

values = st.one_of(
    st.just("allowed"),
    st.text(max_size=30),
    st.datetimes().map(lambda moment: f"{moment.replace(microsecond=0).isoformat()}Z"),
)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("allowed", ALLOWED_SECONDS),
        ("2026-01-01T12:30:00Z", 1800.0),
        ("2026-01-01T12:00:00Z", 0.0),
        ("2026-01-01T11:59:59Z", 0.0),
        ("9999-12-31T23:59:59Z", RELEASE_MAX_SECONDS),
        ("true", 0.0),
        ("", 0.0),
        ("2026-01-01", 0.0),
        ("2026-13-01T12:30:00Z", 0.0),
    ],
)
def test_a_release_is_valid_until_its_time_or_for_an_hour_and_never_longer_than_a_day(
    value: str, seconds: float
) -> None:
    assert valid_seconds(value, NOON) == seconds


@pytest.mark.requirement("MCS-LIFE-07")
@given(values, st.floats(0, 1e12), st.integers(1, 50))
def test_no_release_is_valid_for_ever_however_often_it_is_read(value: str, wall: float, reads: int) -> None:
    releases = observe({}, {"east": value}, 5.0, wall)
    for number in range(reads):
        now_seconds = 5.0 + number * RELEASE_MAX_SECONDS / reads
        releases = observe(releases, {"east": value}, now_seconds, wall)
    assert released(releases, 5.0 + RELEASE_MAX_SECONDS) == frozenset()


def test_another_value_counts_from_when_it_is_first_seen_and_without_one_nothing_is_released() -> None:
    releases = observe({}, {"east": "allowed"}, 0.0, NOON)
    assert released(releases, ALLOWED_SECONDS - 1) == {"east"}
    releases = observe(releases, {"east": "allowed"}, ALLOWED_SECONDS, NOON + ALLOWED_SECONDS)
    assert released(releases, ALLOWED_SECONDS) == frozenset()
    releases = observe(
        releases, {"east": "2026-01-01T14:00:00Z", "west": "no"}, ALLOWED_SECONDS, NOON + ALLOWED_SECONDS
    )
    assert released(releases, 2 * ALLOWED_SECONDS - 1) == {"east"}
    assert observe(releases, {}, 0.0, NOON) == {}
