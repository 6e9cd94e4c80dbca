"""How long ago a time was, in the few characters that `kubectl get` shows."""

from __future__ import annotations

from datetime import datetime

MINUTE_SECONDS = 60
HOUR_SECONDS = 60 * MINUTE_SECONDS
DAY_SECONDS = 24 * HOUR_SECONDS
YEAR_DAYS = 365
CLOCK_SKEW_SECONDS = 1
"""So far in the future a time may be and still count as now."""


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
    if seconds < 2 * MINUTE_SECONDS:
        return f"{max(seconds, 0)}s"
    minutes, hours, days = seconds // MINUTE_SECONDS, seconds // HOUR_SECONDS, seconds // DAY_SECONDS
    if minutes < 10:
        return _two(minutes, "m", seconds % MINUTE_SECONDS, "s")
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 2 * YEAR_DAYS:
        return f"{days}d"
    if days < 8 * YEAR_DAYS:
        return _two(days // YEAR_DAYS, "y", days % YEAR_DAYS, "d")
    return f"{days // YEAR_DAYS}y"


def _two(big: int, big_unit: str, small: int, small_unit: str) -> str:
    return f"{big}{big_unit}{small}{small_unit}" if small else f"{big}{big_unit}"
