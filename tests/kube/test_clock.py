"""Timestamps as the API server wants them."""

from datetime import UTC, datetime, timedelta, timezone

from mcs_controller.kube.clock import SystemClock, rfc3339, rfc3339_micro


def test_a_time_is_written_in_utc_and_whole_seconds() -> None:
    moment = datetime(2026, 1, 1, 2, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert rfc3339(moment) == "2026-01-01T00:00:00Z"


def test_a_micro_time_has_six_digits_at_a_whole_second_too() -> None:
    assert rfc3339_micro(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00.000000Z"


def test_a_micro_time_of_another_zone_is_written_in_utc() -> None:
    moment = datetime(2026, 1, 1, 2, 0, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    assert rfc3339_micro(moment) == "2026-01-01T00:00:00.000005Z"


def test_the_system_clock_knows_its_zone() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)
