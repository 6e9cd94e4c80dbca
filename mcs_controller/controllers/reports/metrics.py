"""What a cluster says of itself for the inventory, in numbers."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mcs_controller.clusterset.reports.control_plane import ControlPlane
from mcs_controller.clusterset.reports.report import Seen, told_of
from mcs_controller.controllers.reports.writer import ReportWriter


class ReportsCollector(Collector):
    """Reads at scrape time what was found last, and what came of telling it."""

    def __init__(
        self,
        control_plane: Callable[[], ControlPlane | None],
        properties: Callable[[], Mapping[str, Seen]],
        writer: ReportWriter,
    ) -> None:
        self._control_plane = control_plane
        self._properties = properties
        self._writer = writer

    def describe(self) -> Iterable[Metric]:
        """Names only: the values are read at scrape time."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauges, and the counter of writes."""
        found = self._control_plane()
        healthy = GaugeMetricFamily(
            "mcs_report_control_plane",
            "How this cluster's control plane was found: 1 for the status that it has (True, False or "
            "Unknown).",
            labels=["status"],
        )
        for status in ("True", "False", "Unknown"):
            healthy.add_metric([status], float(found is not None and found.status == status))
        yield healthy
        seen = self._properties()
        told = len(told_of(seen).values)
        properties = GaugeMetricFamily(
            "mcs_report_properties",
            "ClusterProperties of this cluster that the inventory is told (reported), and that it is not, "
            "as they are too long or too many (skipped).",
            labels=["state"],
        )
        properties.add_metric(["reported"], told)
        properties.add_metric(["skipped"], len(seen) - told)
        yield properties
        yield GaugeMetricFamily(
            "mcs_report_told",
            "Whether the broker has the report as it should be (1), or does not take it (0).",
            value=float(self._writer.problem == ""),
        )
        yield CounterMetricFamily(
            "mcs_report_writes", "How often the report was written on the broker.", value=self._writer.writes
        )
