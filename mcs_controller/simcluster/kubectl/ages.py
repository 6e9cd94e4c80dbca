"""The age of an object in the short form that `kubectl get` shows."""

from __future__ import annotations

from datetime import datetime

MINUTE, HOUR, DAY = 60, 60 * 60, 24 * 60 * 60
YEAR = 365 * DAY
CLOCK_SKEW_SECONDS = 1
"""So far in the future a time may be and still count as now."""

_FORMS = (
    (2 * MINUTE, 1, "s", 0, ""),
    (10 * MINUTE, MINUTE, "m", 1, "s"),
    (3 * HOUR, MINUTE, "m", 0, ""),
    (8 * HOUR, HOUR, "h", MINUTE, "m"),
    (48 * HOUR, HOUR, "h", 0, ""),
    (8 * DAY, DAY, "d", HOUR, "h"),
    (2 * YEAR, DAY, "d", 0, ""),
    (8 * YEAR, YEAR, "y", DAY, "d"),
)
"""Durations below each limit, with the unit and the smaller unit that they are shown in."""


def age_since(timestamp: str | None, now: datetime) -> str:
    if not timestamp:
        return "<unknown>"
    try:
        then = datetime.fromisoformat(timestamp)
    except ValueError:
        return "<invalid>"
    return human_duration((now - then).total_seconds())


def human_duration(duration_seconds: float) -> str:
    """Two or three significant figures: `59s`, `2m5s`, `3h10m`, `47h`, `2d3h`, `400d`, `2y1d`."""
    seconds = int(duration_seconds)
    if seconds < -CLOCK_SKEW_SECONDS:
        return "<invalid>"
    for limit, big, big_unit, small, small_unit in _FORMS:
        if seconds < limit:
            rest = seconds % big // small if small else 0
            return f"{max(seconds, 0) // big}{big_unit}{f'{rest}{small_unit}' if rest else ''}"
    return f"{seconds // YEAR}y"
