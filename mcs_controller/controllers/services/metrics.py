"""Metrics of exports and imports: by condition, what is held and why, and how fast changes travel.

Gauges are counted from the stores when Prometheus asks, so they always equal the stores.
"""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mcs_controller.clusterset.model import Condition
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.services.imports.endpoint_fuse import EndpointFuse
from mcs_controller.controllers.services.imports.import_cap import ImportCap
from mcs_controller.controllers.services.imports.import_fuse import ImportFuse
from mcs_controller.controllers.services.imports.locality import Locality
from mcs_controller.controllers.services.imports.reserved import ReservedNamespaces
from mcs_controller.controllers.services.stores.stores import Stores

PROPAGATION_BUCKETS_SECONDS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)


class ServicesMetrics:
    """Counters and histograms that the reconcilers update."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.export_to_import = Histogram(
            "mcs_export_to_import_seconds",
            "From the exporting cluster's agent seeing an endpoint change to the slice written here, by the "
            "two agents' wall clocks.",
            buckets=PROPAGATION_BUCKETS_SECONDS,
            registry=registry,
        )
        self.foreign = Counter(
            "mcs_foreign_imports_total",
            "Times that a ServiceImport which is not ours stood where an import of ours should.",
            registry=registry,
        )
        self.failovers = Counter(
            "mcs_locality_failovers_total",
            "Times that too few near endpoints of a service were ready, and farther ones were brought in.",
            registry=registry,
        )


class ServicesCollector(Collector):
    """Counts exports and imports at scrape time."""

    def __init__(
        self,
        stores: Stores,
        fuse: ImportFuse,
        endpoint_fuse: EndpointFuse,
        cap: ImportCap,
        reserved: ReservedNamespaces,
        membership: Membership,
        locality: Locality,
    ) -> None:
        self._stores = stores
        self._fuse = fuse
        self._endpoint_fuse = endpoint_fuse
        self._cap = cap
        self._reserved = reserved
        self._membership = membership
        self._locality = locality

    def describe(self) -> Iterable[Metric]:
        """Names only: the values are counted at scrape time."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauges."""
        exports = GaugeMetricFamily(
            "mcs_exports", "ServiceExports in this cluster by condition.", labels=["condition", "status"]
        )
        _count(exports, (entry.value.conditions for entry in self._stores.local.exports))
        yield exports
        imports = GaugeMetricFamily(
            "mcs_imports", "ServiceImports in this cluster by condition.", labels=["condition", "status"]
        )
        _count(imports, (entry.value.conditions for entry in self._stores.local.imports))
        yield imports
        yield GaugeMetricFamily(
            "mcs_imported_endpointslices",
            "EndpointSlices that this agent keeps here for imports.",
            value=len(self._stores.local.imported_slices),
        )
        yield GaugeMetricFamily(
            "mcs_exports_refused",
            "Exports of other members that the broker's administrator does not allow them.",
            value=self._stores.view.refused(),
        )
        waiting = GaugeMetricFamily(
            "mcs_imports_waiting",
            "Services not imported because a member that exports them has no place for imports left.",
            labels=["member"],
        )
        for member, services in self._cap.waiting():
            waiting.add_metric([member], services)
        yield waiting
        refused = GaugeMetricFamily(
            "mcs_imports_refused",
            "Services that some cluster exports and that this cluster does not import, by the reason.",
            labels=["reason"],
        )
        refused.add_metric(["reserved_namespace"], self._reserved.refused())
        yield refused
        places = GaugeMetricFamily(
            "mcs_imports_by_locality",
            "Imports for which near endpoints are preferred: those that use these alone (near), and those of "
            "which too few are ready (failed_over).",
            labels=["state"],
        )
        for state, services in self._locality.counts().items():
            places.add_metric([state], services)
        yield places
        yield GaugeMetricFamily(
            "mcs_exports_unread",
            "ServiceExports in this cluster whose Service and EndpointSlices have not been read yet.",
            value=self._stores.local.unread_exports(),
        )
        left_out = GaugeMetricFamily(
            "mcs_member_objects_left_out",
            "Objects of a member on the broker that are over one of its limits, and not read; up to 1000 are "
            "counted of each kind.",
            labels=["member", "kind", "limit"],
        )
        for member, kind, limit, number in self._stores.broker.left_out():
            left_out.add_metric([member, kind, limit], number)
        yield left_out
        kept = GaugeMetricFamily(
            "mcs_retained_objects",
            "Records and slices of other members that are kept although the broker lacks them (missing) or "
            "has an older version of them (older), since their members did not withdraw them.",
            labels=["kind", "reason"],
        )
        for (kind, reason), number in self._stores.retained.counts().items():
            kept.add_metric([kind, reason], number)
        yield kept
        tripped = GaugeMetricFamily(
            "mcs_fuse_tripped",
            "Whether something is held, since too much was lost at once: exports (imports), ready endpoints "
            "(endpoints) or heartbeats (members).",
            labels=["fuse"],
        )
        tripped.add_metric(["imports"], float(self._fuse.holding))
        tripped.add_metric(["endpoints"], float(bool(self._endpoint_fuse.held)))
        tripped.add_metric(["members"], float(bool(self._membership.held)))
        yield tripped
        yield GaugeMetricFamily(
            "mcs_fuse_held_imports",
            "ServiceImports that no cluster exports any more and that the fuse keeps.",
            value=self._fuse.held,
        )
        yield GaugeMetricFamily(
            "mcs_fuse_held_endpoints",
            "ServiceImports whose last known endpoints the fuse keeps, since too many lost theirs at once.",
            value=self._endpoint_fuse.held,
        )


def _count(family: GaugeMetricFamily, objects: Iterable[Iterable[Condition]]) -> None:
    tally: Tally[tuple[str, str]] = Tally()
    for conditions in objects:
        for condition in conditions:
            tally[condition.type, condition.status] += 1
    for kind in ("Valid", "Ready", "Conflict"):
        for status in ("True", "False"):
            family.add_metric([kind, status], tally[kind, status])
