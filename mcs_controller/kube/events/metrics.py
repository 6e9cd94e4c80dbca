"""What became of the Kubernetes Events that were told: written, or given up."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter

EVENT_DROP_REASONS: Final = ("queue_full", "refused", "unreachable")
"""More events than could be written; the API server said no; it did not answer."""


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
