"""The metrics of this room: the process itself, its event loop, and the Events that it writes.

The names beginning with `process_` and `python_` are the client library's own, so that the dashboards that
everybody has work; everything else starts with `mcs_`.
"""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, Histogram
from prometheus_client.platform_collector import PlatformCollector

from mcs_controller.observe.usage import Pids, UsageCollector

LAG_BUCKETS_SECONDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

EVENT_DROP_REASONS: Final = ("queue_full", "refused", "unreachable")
"""More events than could be written; the API server said no; it did not answer."""


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


class EventMetrics:
    """What became of the Kubernetes Events that the controllers told."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.written = Counter(
            "mcs_events_written_total",
            "Kubernetes Events written: new ones, and existing ones counted up as a series.",
            ["operation"],
            registry=registry,
        )
        self.dropped = Counter(
            "mcs_events_dropped_total",
            "Kubernetes Events that were given up, by reason.",
            ["reason"],
            registry=registry,
        )
        self.created = self.written.labels(operation="create")
        self.continued = self.written.labels(operation="series")
        for reason in EVENT_DROP_REASONS:
            self.dropped.labels(reason=reason)
