"""The agent's own metrics: exports and imports by condition, members, and how fast changes travel.

Gauges are counted from the stores when Prometheus asks, so that they cannot drift from what is held.
"""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mcs_controller.clusterset.model import Condition
from mcs_controller.controllers.membership.former_ids import FormerIds
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.services.imports.import_cap import ImportCap
from mcs_controller.controllers.services.imports.import_fuse import ImportFuse
from mcs_controller.controllers.services.stores.broker import BrokerState
from mcs_controller.controllers.services.stores.local import LocalState
from mcs_controller.controllers.services.stores.retained import Retained
from mcs_controller.controllers.services.stores.view import ClustersetView

PROPAGATION_BUCKETS_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)


class AgentMetrics:
    """Counters and histograms that the controllers feed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.export_to_import = Histogram(
            "mcs_export_to_import_seconds",
            "From the exporting cluster's agent seeing an endpoint change to the slice written here, by the "
            "two agents' wall clocks.",
            buckets=PROPAGATION_BUCKETS_SECONDS,
            registry=registry,
        )
        self.history_breaks = Counter(
            "mcs_broker_history_breaks_total",
            "Times that the broker was found to have lost or gone back on what it held.",
            registry=registry,
        )
        self.foreign = Counter(
            "mcs_foreign_imports_total",
            "Times that a ServiceImport which is not ours stood where an import of ours should.",
            registry=registry,
        )


class StateCollector(Collector):
    """Counts exports, imports and members at scrape time."""

    def __init__(
        self,
        local: LocalState,
        broker: BrokerState,
        view: ClustersetView,
        retained: Retained,
        membership: Membership,
        fuse: ImportFuse,
        import_cap: ImportCap,
        former_ids: FormerIds,
        registry: CollectorRegistry,
    ) -> None:
        self._local = local
        self._broker = broker
        self._view = view
        self._retained = retained
        self._membership = membership
        self._fuse = fuse
        self._import_cap = import_cap
        self._former_ids = former_ids
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """Names only: the values are counted at scrape time."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauges."""
        exports = GaugeMetricFamily(
            "mcs_exports", "ServiceExports in this cluster by condition.", labels=["condition", "status"]
        )
        _count(exports, (entry.value.conditions for entry in self._local.exports))
        yield exports
        imports = GaugeMetricFamily(
            "mcs_imports", "ServiceImports in this cluster by condition.", labels=["condition", "status"]
        )
        _count(imports, (entry.value.conditions for entry in self._local.imports))
        yield imports
        yield GaugeMetricFamily(
            "mcs_imported_endpointslices",
            "EndpointSlices that this agent keeps here for imports.",
            value=len(self._local.imported_slices),
        )
        yield GaugeMetricFamily(
            "mcs_exports_refused",
            "Exports of other members that the broker's administrator does not allow them.",
            value=self._view.refused(),
        )
        waiting = GaugeMetricFamily(
            "mcs_imports_waiting",
            "Services not imported because a member that exports them has no place for imports left.",
            labels=["member"],
        )
        for member, services in self._import_cap.waiting():
            waiting.add_metric([member], services)
        yield waiting
        yield GaugeMetricFamily(
            "mcs_exports_unread",
            "ServiceExports in this cluster whose Service and EndpointSlices have not been read yet.",
            value=self._local.unread_exports(),
        )
        left_out = GaugeMetricFamily(
            "mcs_member_objects_left_out",
            "Objects of a member on the broker that are over one of its limits, and not read; up to 1000 are "
            "counted of each kind.",
            labels=["member", "kind", "limit"],
        )
        for member, kind, limit, number in self._broker.left_out():
            left_out.add_metric([member, kind, limit], number)
        yield left_out
        kept = GaugeMetricFamily(
            "mcs_retained_objects",
            "Records and slices of other members that are kept although the broker lacks them (missing) or "
            "has an older version of them (older), since their members did not withdraw them.",
            labels=["kind", "reason"],
        )
        for (kind, reason), number in self._retained.counts().items():
            kept.add_metric([kind, reason], number)
        yield kept
        tripped = GaugeMetricFamily(
            "mcs_fuse_tripped",
            "Whether everything is held, since too much was lost at once: services (imports) or heartbeats "
            "(members).",
            labels=["fuse"],
        )
        tripped.add_metric(["imports"], float(self._fuse.holding))
        tripped.add_metric(["members"], float(bool(self._membership.held)))
        yield tripped
        yield GaugeMetricFamily(
            "mcs_fuse_held_imports",
            "ServiceImports that no cluster exports any more and that the fuse keeps.",
            value=self._fuse.held,
        )
        yield GaugeMetricFamily(
            "mcs_fuse_held_members",
            "Members without a heartbeat whose endpoints the fuse keeps.",
            value=len(self._membership.held),
        )
        yield GaugeMetricFamily(
            "mcs_former_ids",
            "Ids that this cluster had before and under which it still has exports on the broker: the "
            "broker's administrator has to remove them.",
            value=len(self._former_ids.left_behind),
        )
        age = GaugeMetricFamily(
            "mcs_member_heartbeat_age_seconds",
            "Time since this agent last saw a member's heartbeat change, by its own clock.",
            labels=["member"],
        )
        alive = GaugeMetricFamily(
            "mcs_member_alive", "Whether a member counts as alive (1) or dead (0).", labels=["member"]
        )
        for member, age_seconds in self._membership.heartbeat_ages_seconds().items():
            age.add_metric([member], age_seconds)
            alive.add_metric([member], 0.0 if member in self._membership.dead else 1.0)
        yield age
        yield alive


def _count(family: GaugeMetricFamily, objects: Iterable[Iterable[Condition]]) -> None:
    tally: Tally[tuple[str, str]] = Tally()
    for conditions in objects:
        for condition in conditions:
            tally[condition.type, condition.status] += 1
    for kind in ("Valid", "Ready", "Conflict"):
        for status in ("True", "False"):
            family.add_metric([kind, status], tally[kind, status])
