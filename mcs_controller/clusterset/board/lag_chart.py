"""The lag of the last half hour as a chart: a bar for each interval, from p50 to p99, on a scale of decades.

Changes are few and far between, so bars show more than lines would. Lengths are in units of the picture.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import log10
from typing import Final, NamedTuple

from mcs_controller.clusterset.overview.figures import Reading, lag_between
from mcs_controller.clusterset.overview.model import Lag

OVER_SECONDS: Final = 1800.0
WIDTH: Final = 560
HEIGHT: Final = 150
LEFT: Final = 62
RIGHT: Final = 8
TOP: Final = 10
BOTTOM: Final = 22
_BOUNDS_SECONDS: Final = (0.001, 1000.0)
_DECADES: Final = (
    (0.001, "1 ms"),
    (0.01, "10 ms"),
    (0.1, "100 ms"),
    (1.0, "1 s"),
    (10.0, "10 s"),
    (100.0, "100 s"),
)
_MINUTES: Final = (30, 20, 10, 0)
_BAR_LEAST: Final = 3.0


class LagPoint(NamedTuple):
    """What arrived in one interval, which ended at a monotonic time."""

    ended_seconds: float
    lasted_seconds: float
    lag: Lag


class Bar(NamedTuple):
    """One interval; `text` says it in words."""

    x: float
    y: float
    width: float
    height: float
    text: str


class Tick(NamedTuple):
    """A line of the scale, or a place on it."""

    at: float
    text: str


class Chart(NamedTuple):
    """`rows` are the ticks of the scale of seconds, `columns` those of the time."""

    bars: tuple[Bar, ...]
    rows: tuple[Tick, ...]
    columns: tuple[Tick, ...]


def lag_points(readings: Iterable[Reading]) -> Iterator[LagPoint]:
    """Each interval between two readings in which something arrived; the oldest reading comes first."""
    for before, after in pairwise(readings):
        lag = lag_between(before, after)
        if lag is not None:
            yield LagPoint(after.at_seconds, after.at_seconds - before.at_seconds, lag)


def lag_chart(points: Sequence[LagPoint], now_seconds: float) -> Chart:
    """The chart at a monotonic time."""
    return Chart(
        tuple(
            _bar(point, now_seconds)
            for point in points
            if 0.0 <= now_seconds - point.ended_seconds <= OVER_SECONDS - point.lasted_seconds
        ),
        tuple(Tick(_y(seconds), text) for seconds, text in _DECADES),
        tuple(Tick(_x(60.0 * minutes), f"{minutes} min ago" if minutes else "now") for minutes in _MINUTES),
    )


def seconds_text(seconds: float | None) -> str:
    """A lag for people; None lies beyond what is measured."""
    if seconds is None:
        return "over 300 s"
    if seconds < 1.0:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s"


def _bar(point: LagPoint, now_seconds: float) -> Bar:
    low, high = point.lag.p50_seconds, point.lag.p99_seconds
    age_seconds = now_seconds - point.ended_seconds
    left, right = _x(age_seconds + point.lasted_seconds), _x(age_seconds)
    worst = _BOUNDS_SECONDS[1]
    bottom, top = _y(worst if low is None else low), _y(worst if high is None else high)
    height = max(_BAR_LEAST, bottom - top)
    width = max(_BAR_LEAST, right - left)
    minutes = int(age_seconds // 60)
    text = (
        f"{minutes} min ago: {point.lag.changes} changes, p50 {seconds_text(low)}, p99 {seconds_text(high)}"
    )
    return Bar(
        max(float(LEFT), round(right - width, 1)),
        round(bottom - height, 1),
        round(width, 1),
        round(height, 1),
        text,
    )


def _x(age_seconds: float) -> float:
    return round(WIDTH - RIGHT - (WIDTH - LEFT - RIGHT) * age_seconds / OVER_SECONDS, 1)


def _y(seconds: float) -> float:
    least, most = map(log10, _BOUNDS_SECONDS)
    share = (log10(min(max(seconds, _BOUNDS_SECONDS[0]), _BOUNDS_SECONDS[1])) - least) / (most - least)
    return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share, 1)
