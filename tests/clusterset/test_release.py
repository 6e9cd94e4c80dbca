"""The release of a member is valid on the day before its time, and at no other, whatever it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.membership.release import RELEASE_MAX_SECONDS, left_seconds, problem

NOON = 1_767_268_800.0
"""2026-01-01T12:00:00Z."""

values = st.one_of(
    st.just("allowed"),
    st.text(max_size=30),
    st.datetimes().map(lambda moment: f"{moment.replace(microsecond=0).isoformat()}Z"),
)
COMMAND = "`mcs-controller fuse release --member east`"


@pytest.mark.parametrize(
    ("value", "seconds", "says"),
    [
        ("2026-01-01T12:30:00Z", 1800.0, ""),
        ("2026-01-02T12:00:00Z", RELEASE_MAX_SECONDS, ""),
        ("2026-01-01T12:00:00Z", 0.0, ""),
        ("2026-01-01T11:59:59Z", 0.0, ""),
        ("2026-01-02T12:00:01Z", 0.0, "2026-01-02T12:00:01Z is more than a day ahead"),
        ("9999-12-31T23:59:59Z", 0.0, "9999-12-31T23:59:59Z is more than a day ahead"),
        ("allowed", 0.0, "allowed is no time"),
        ("true", 0.0, "true is no time"),
        ("2026-01-01", 0.0, "2026-01-01 is no time"),
        ("2026-13-01T12:30:00Z", 0.0, "2026-13-01T12:30:00Z is no time"),
        ("2026-01-01T15:00:00+02:00", 0.0, "2026-01-01T15:00:00+02:00 is no time in UTC"),
        ("line\nfeed" + "x" * 300, 0.0, "line\\nfeedxxx"),
    ],
)
def test_a_release_is_valid_for_the_day_before_its_time_and_what_is_wrong_with_another_is_said(
    value: str, seconds: float, says: str
) -> None:
    assert left_seconds(value, NOON) == seconds
    told = problem("east", value, NOON)
    assert bool(told) is bool(says)
    assert told.startswith(says)
    assert not says or COMMAND in told
    assert len(told) < 250


@pytest.mark.requirement("MCS-LIFE-07")
@given(values, st.floats(0, 1e12), st.floats(0, 1e9))
def test_no_release_is_valid_for_more_than_a_day_however_often_it_is_read_for_the_first_time(
    value: str, wall: float, later: float
) -> None:
    left = left_seconds(value, wall)
    assert 0.0 <= left <= RELEASE_MAX_SECONDS
    assert not (left and problem("east", value, wall))
    if left:
        assert left_seconds(value, wall + later) == pytest.approx(max(0.0, left - later), abs=1e-3)
        assert left_seconds(value, wall - RELEASE_MAX_SECONDS) == 0.0
