"""The metrics of this room: the process itself, whether it is ready, and its event loop.

The names beginning with `process_` and `python_` are the client library's own, so that the dashboards that
everybody has work; everything else starts with `mcs_`.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, GCCollector, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.registry import Collector

from mcs_controller.observe.health import Health
from mcs_controller.observe.usage import Pids, UsageCollector

LAG_BUCKETS_SECONDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class ProcessMetrics:
    """What every process of ours tells about itself, and about its worker processes if it has any."""

    def __init__(self, registry: CollectorRegistry, *, version: str, workers: Pids = tuple) -> None:
        registry.register(UsageCollector(workers))
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        Gauge(
            "mcs_build_info", "Always 1; the version that runs is the label.", ["version"], registry=registry
        ).labels(version=version).set(1)
        self.loop_lag = Histogram(
            "mcs_event_loop_lag_seconds",
            "How much later than asked the event loop woke a task.",
            buckets=LAG_BUCKETS_SECONDS,
            registry=registry,
        )


class ReadinessCollector(Collector):
    """What /readyz would answer, for alerts: Prometheus does not see the state of pods by itself."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def describe(self) -> Iterable[Metric]:
        """Names only: the checks are asked at scrape time."""
        return []

    def collect(self) -> Iterator[Metric]:
        """1 or 0."""
        failed = any(check.problem is not None for check in self._health.readiness())
        yield GaugeMetricFamily(
            "mcs_ready",
            "Whether this process is ready (1), or /readyz says what is missing (0).",
            value=float(not failed),
        )
