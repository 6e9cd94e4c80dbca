"""What ServiceExportPolicies do, in numbers."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services.policies.bulk.conditions import Wait
from mcs_controller.controllers.services.bulk.status import BulkStatus
from mcs_controller.controllers.services.bulk.stores import BulkStores


class BulkCollector(Collector):
    """Counts at scrape time; `waits` says why services are not exported yet."""

    def __init__(self, stores: BulkStores, status: BulkStatus, waits: Mapping[ServiceKey, Wait]) -> None:
        self._stores = stores
        self._status = status
        self._waits = waits

    def describe(self) -> Iterable[Metric]:
        """Names only: the values are counted at scrape time."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauges."""
        made = sum(one.value.maker is not None for one in self._stores.exports)
        yield GaugeMetricFamily(
            "mcs_policy_exports_made", "ServiceExports that ServiceExportPolicies made.", value=made
        )
        yield GaugeMetricFamily(
            "mcs_policy_exports_failed",
            "Services that a ServiceExportPolicy selects, and whose ServiceExport could not be made.",
            value=sum(one.failed for one in self._waits.values()),
        )
        yield GaugeMetricFamily(
            "mcs_policy_exports_held",
            "ServiceExports that no ServiceExportPolicy selects any more, and that stay until somebody "
            "confirms it, since they are so many.",
            value=self._status.held(),
        )
        yield GaugeMetricFamily(
            "mcs_policy_exports_unreadable",
            "ServiceExportPolicies that cannot be read; at least 1 while the kind itself cannot.",
            value=self._stores.unreadable(),
        )
