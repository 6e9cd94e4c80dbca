"""The lag of the last half hour: the agent's own histogram, read every few seconds into a short memory."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from prometheus_client import Histogram

from mcs_controller.clusterset.board.lag_chart import OVER_SECONDS, LagPoint, lag_points
from mcs_controller.clusterset.overview.exposition import LAG, Sample
from mcs_controller.clusterset.overview.figures import Reading, lag_between
from mcs_controller.clusterset.overview.model import Lag

EVERY_SECONDS: Final = 10.0
RECENT_SECONDS: Final = 300.0
_READINGS_MAX: Final = int(OVER_SECONDS / EVERY_SECONDS) + 1


class LagHistory:
    """`histogram` gives that of the present term, None while there is none: each term begins anew."""

    def __init__(self, histogram: Callable[[], Histogram | None]) -> None:
        self._histogram = histogram
        self._of: Histogram | None = None
        self._readings: deque[Reading] = deque(maxlen=_READINGS_MAX)

    async def run(self) -> None:
        """Read it again and again, until cancelled."""
        while True:
            self.step()
            await asyncio.sleep(EVERY_SECONDS)

    def step(self) -> None:
        """Read it once."""
        histogram = self._histogram()
        if histogram is not self._of:
            self._of = histogram
            self._readings.clear()
        if histogram is not None:
            self._readings.append(_reading(histogram))

    def points(self) -> tuple[LagPoint, ...]:
        """Every interval of the last half hour in which something arrived; the last one ends now."""
        return tuple(lag_points(self._until_now()))

    def recent(self) -> Lag | None:
        """Of all that arrived in the last minutes; None if nothing did."""
        readings = self._until_now()
        if not readings:
            return None
        first = next(one for one in readings if readings[-1].at_seconds - one.at_seconds <= RECENT_SECONDS)
        return lag_between(first, readings[-1])

    def _until_now(self) -> list[Reading]:
        histogram = self._histogram()
        if histogram is None or histogram is not self._of:
            return []
        return [*self._readings, _reading(histogram)]


def _reading(histogram: Histogram) -> Reading:
    samples = tuple(
        Sample(LAG, sample.labels, sample.value)
        for family in histogram.collect()
        for sample in family.samples
        if sample.name == LAG
    )
    return Reading(asyncio.get_running_loop().time(), samples)
