"""What this process and its worker processes take together, under the names that common dashboards read.

Those are the names of the client library's own collector, so with several processes they have to mean all of
them. What ended processes have used is kept by the kernel with their parent; a scrape at the wrong moment
must not show less than the one before, which Prometheus would take for a restart.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client import Metric, ProcessCollector
from prometheus_client.registry import Collector

Pids = Callable[[], Iterable[int]]
"""The worker processes that there are at present."""

CPU: Final = "process_cpu_seconds"
SUMMED: Final = frozenset(
    (CPU, "process_resident_memory_bytes", "process_virtual_memory_bytes", "process_open_fds")
)


class UsageCollector(Collector):
    """The library's `process_` metrics, summed over processes where sums mean something."""

    def __init__(self, pids: Pids) -> None:
        self._pids = pids
        self._own = ProcessCollector(registry=None)
        self._most_cpu_seconds = 0.0

    def describe(self) -> Iterable[Metric]:
        """The same metrics with their values: reading them is cheap and has no effect."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        """All metrics as they are now."""
        sums = dict.fromkeys(SUMMED, 0.0)
        times = os.times()
        sums[CPU] = times.children_user + times.children_system
        for pid in self._pids():
            for name, value in _values(pid):
                sums[name] += value
        for metric in self._own.collect():
            for number, sample in enumerate(metric.samples):
                value = sample.value + sums.get(metric.name, 0.0)
                if metric.name == CPU:
                    value = self._most_cpu_seconds = max(self._most_cpu_seconds, value)
                metric.samples[number] = sample._replace(value=value)
            yield metric


def _values(pid: int) -> Iterator[tuple[str, float]]:
    """Of one worker; nothing of one that has just ended."""
    for metric in ProcessCollector(pid=lambda: pid, registry=None).collect():
        if metric.name in SUMMED:
            for sample in metric.samples:
                yield metric.name, sample.value
