"""The DNS server's metrics: the packet path's ints and the zone's size and age, read at scrape time.

Label values are closed lists; never a name that was asked for, never an address. Services have a metric of
their own only if the operator says how many may: the first in the order of namespace and name.
"""

from collections.abc import Iterable, Iterator
from heapq import nsmallest
from typing import Protocol

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from mcs_controller.dns.answers.counters import RCODE_LABELS, TYPE_LABELS, Channel, Counters, Held
from mcs_controller.dns.workers.fleet import Fleet
from mcs_controller.dns.zone.snapshot import SnapshotKeeper
from mcs_controller.dns.zone.source import ZoneSource
from mcs_controller.observe.service_metrics import SERVICE_LABELS


class Answering(Protocol):
    """Whoever answers, in this process or in others."""

    def merged_counters(self) -> Counters:
        """What has been counted."""
        ...

    def held(self) -> Held:
        """How much there is."""
        ...


class DnsCollector(Collector):
    """Exports one server's counters, those of all its workers together, and up to `services_max` services."""

    def __init__(
        self,
        answering: Answering,
        source: ZoneSource,
        fleet: Fleet | None,
        snapshot: SnapshotKeeper | None,
        *,
        services_max: int = 0,
    ) -> None:
        self._answering = answering
        self._source = source
        self._fleet = fleet
        self._snapshot = snapshot
        self._services_max = services_max

    def describe(self) -> Iterable[Metric]:
        """The same metrics with their values: reading them is cheap and has no effect."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        """All metrics as they are now."""
        counters = self._answering.merged_counters()
        channels = (counters.udp, counters.tcp)
        yield self._requests(channels)
        yield from self._protocol(channels, counters)
        yield from self._zone(self._answering.held())
        yield from self._workers()
        yield from self._snapshots()
        if self._services_max > 0:
            yield from self._of_services()

    def _requests(self, channels: Iterable[Channel]) -> Metric:
        family = CounterMetricFamily(
            "mcs_dns_requests",
            "DNS requests answered, by transport, question type and response code.",
            labels=("proto", "type", "rcode"),
        )
        for channel in channels:
            counts = iter(channel.requests)
            for rtype in TYPE_LABELS:
                for rcode in RCODE_LABELS:
                    family.add_metric((channel.proto, rtype, rcode), next(counts))
        return family

    def _protocol(self, channels: Iterable[Channel], counters: Counters) -> Iterator[Metric]:
        truncated = CounterMetricFamily(
            "mcs_dns_truncated",
            "Answers of which only a part was sent, with TC over UDP.",
            labels=("proto",),
        )
        for channel in channels:
            truncated.add_metric((channel.proto,), channel.truncated)
        yield truncated
        dropped = CounterMetricFamily(
            "mcs_dns_dropped", "Messages and connections dropped without an answer.", labels=("reason",)
        )
        for reason, count in counters.dropped.items():
            dropped.add_metric((reason,), count)
        yield dropped
        yield CounterMetricFamily(
            "mcs_dns_faults",
            "Messages that an error in the program kept from being answered: they got SERVFAIL.",
            value=counters.faults.count,
        )
        yield CounterMetricFamily(
            "mcs_dns_unjoined",
            "Times that the kernel refused joined replies, to a client or to all, and they were sent singly.",
            value=counters.unjoined,
        )
        yield GaugeMetricFamily(
            "mcs_dns_tcp_connections", "Open TCP connections.", value=counters.tcp_connections
        )

    def _zone(self, held: Held) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "mcs_dns_zone_services", "Services that have a name in the zone.", value=held.services
        )
        yield GaugeMetricFamily(
            "mcs_dns_zone_records",
            "Addresses of services; an endpoint in two slices counts twice.",
            value=held.addresses,
        )
        yield GaugeMetricFamily(
            "mcs_dns_zone_services_over_bounds",
            "Headless services with more endpoints, slices or ports than are answered with.",
            value=self._source.over_bounds_count,
        )
        yield GaugeMetricFamily(
            "mcs_dns_answers_prebuilt", "Answers held ready as bytes.", value=held.prebuilt
        )
        yield GaugeMetricFamily(
            "mcs_dns_zone_synced",
            "Whether the zone has been read in full from the API server (1); until then (0) answers are "
            "SERVFAIL, or from the snapshot.",
            value=float(self._source.synced()),
        )
        age_seconds = self._source.age_seconds()
        yield GaugeMetricFamily(
            "mcs_dns_zone_age_seconds",
            "Time since the API server was last heard by this process, or by the one that left the snapshot; "
            "NaN before the first time.",
            value=float("nan") if age_seconds is None else age_seconds,
        )

    def _workers(self) -> Iterator[Metric]:
        fleet = self._fleet
        yield GaugeMetricFamily(
            "mcs_dns_workers", "Processes that answer.", value=1 if fleet is None else fleet.answering()
        )
        yield CounterMetricFamily(
            "mcs_dns_worker_restarts",
            "Worker processes that ended and were replaced.",
            value=0 if fleet is None else fleet.restarts,
        )

    def _snapshots(self) -> Iterator[Metric]:
        snapshot = self._snapshot
        family = CounterMetricFamily(
            "mcs_dns_snapshot_writes", "Times that the snapshot file was to be written.", labels=("result",)
        )
        family.add_metric(("success",), 0 if snapshot is None else snapshot.writes)
        family.add_metric(("failure",), 0 if snapshot is None else snapshot.failures)
        yield family
        yield GaugeMetricFamily(
            "mcs_dns_snapshot_adopted_services",
            "Services that were answered from the snapshot file after the start.",
            value=0 if snapshot is None else snapshot.services_adopted,
        )

    def _of_services(self) -> Iterator[Metric]:
        services = list(self._source.services())
        told = nsmallest(self._services_max, services)
        yield GaugeMetricFamily(
            "mcs_dns_service_metrics_left_out",
            "Services that have a name and no metric of their own here. Only with --service-metrics.",
            value=len(services) - len(told),
        )
        family = GaugeMetricFamily(
            "mcs_dns_service_addresses",
            "Addresses that the name of a service has; without any it is not answered. Only with "
            "--service-metrics.",
            labels=SERVICE_LABELS,
        )
        for service in told:
            packed = self._source.packed(service)
            if packed is not None:
                family.add_metric(service, packed.address_count)
        yield family
