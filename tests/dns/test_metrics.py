"""What a scrape of a DNS server shows: every number in its place, with the words of the metrics page."""

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry, Metric

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.dns.answers.counters import (
    DROP_REASONS,
    RCODE_LABELS,
    SLOT_COUNT,
    TYPE_LABELS,
    Counters,
    Held,
    tcp_channel,
    udp_channel,
)
from mcs_controller.dns.server.metrics import DnsCollector
from mcs_controller.dns.wire.encoding import TYPE_A, TYPE_AAAA
from mcs_controller.dns.workers.fleet import Fleet
from mcs_controller.dns.zone.packed import PackedService, PackedSlice
from mcs_controller.dns.zone.snapshot import SnapshotKeeper
from mcs_controller.dns.zone.source import ZoneSource

SERVICES = {
    ServiceKey("a", "pending"): PackedService(headless=False),
    ServiceKey("a", "vip"): PackedService(headless=False, ipv4=bytes(4), ipv6=bytes(16)),
    ServiceKey("b", "headless"): PackedService(
        headless=True,
        slices=(
            PackedSlice("east", TYPE_A, (), bytes(8)),
            PackedSlice("west", TYPE_AAAA, (), bytes(16)),
        ),
    ),
    ServiceKey("c", "last"): PackedService(headless=False, ipv4=bytes(4)),
}

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


class Server:
    """Everything that is read for a scrape, each number another."""

    over_bounds_count = 3
    restarts = 4
    writes = 5
    failures = 6
    services_adopted = 7
    age: float | None = 8.5
    is_synced = True

    def __init__(self) -> None:
        self.counters = Counters(udp_channel(1232), tcp_channel())
        self.counters.udp.requests = [1000 + slot for slot in range(SLOT_COUNT)]
        self.counters.tcp.requests = [2000 + slot for slot in range(SLOT_COUNT)]
        self.counters.udp.truncated, self.counters.tcp.truncated = 10, 11
        self.counters.dropped = {reason: 20 + number for number, reason in enumerate(DROP_REASONS)}
        self.counters.faults.count, self.counters.unjoined, self.counters.tcp_connections = 30, 31, 32

    def merged_counters(self) -> Counters:
        return self.counters

    def held(self) -> Held:
        return Held(40, 41, 42)

    def answering(self) -> int:
        return 9

    def synced(self) -> bool:
        return self.is_synced

    def services(self) -> list[ServiceKey]:
        return [*reversed(SERVICES), ServiceKey("a", "gone meanwhile")]

    def packed(self, service: ServiceKey) -> PackedService | None:
        return SERVICES.get(service)

    def age_seconds(self) -> float | None:
        return self.age


def collector(server: Server, *, alone: bool = False) -> DnsCollector:
    return DnsCollector(
        server,
        cast(ZoneSource, server),
        None if alone else cast(Fleet, server),
        None if alone else cast(SnapshotKeeper, server),
    )


def described_by(server: Server) -> Iterable[Metric]:
    source = cast(ZoneSource, server)
    return DnsCollector(server, source, None, None, services_max=2).describe()


def samples(of: DnsCollector) -> dict[str, float]:
    """By name and labels, but for the requests."""
    found = {}
    for metric in of.collect():
        for sample in metric.samples:
            if sample.name != "mcs_dns_requests_total":
                labels = ",".join(f"{name}={value}" for name, value in sample.labels.items())
                found[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return found


SHOWN = {
    "mcs_dns_truncated_total{proto=udp}": 10,
    "mcs_dns_truncated_total{proto=tcp}": 11,
    "mcs_dns_dropped_total{reason=short}": 20,
    "mcs_dns_dropped_total{reason=response}": 21,
    "mcs_dns_dropped_total{reason=send}": 22,
    "mcs_dns_dropped_total{reason=oversized}": 23,
    "mcs_dns_dropped_total{reason=too_many_connections}": 24,
    "mcs_dns_faults_total": 30,
    "mcs_dns_unjoined_total": 31,
    "mcs_dns_tcp_connections": 32,
    "mcs_dns_zone_services": 40,
    "mcs_dns_zone_records": 41,
    "mcs_dns_zone_services_over_bounds": 3,
    "mcs_dns_answers_prebuilt": 42,
    "mcs_dns_zone_synced": 1,
    "mcs_dns_zone_age_seconds": 8.5,
    "mcs_dns_workers": 9,
    "mcs_dns_worker_restarts_total": 4,
    "mcs_dns_snapshot_writes_total{result=success}": 5,
    "mcs_dns_snapshot_writes_total{result=failure}": 6,
    "mcs_dns_snapshot_adopted_services": 7,
}


def test_every_number_is_shown_under_its_name() -> None:
    assert samples(collector(Server())) == SHOWN


def test_a_server_of_one_process_and_without_a_snapshot_shows_one_worker_and_zeros() -> None:
    alone = {
        "mcs_dns_workers": 1,
        "mcs_dns_worker_restarts_total": 0,
        "mcs_dns_snapshot_writes_total{result=success}": 0,
        "mcs_dns_snapshot_writes_total{result=failure}": 0,
        "mcs_dns_snapshot_adopted_services": 0,
    }
    assert samples(collector(Server(), alone=True)) == SHOWN | alone


def test_single_services_are_shown_up_to_the_bound_with_the_addresses_that_their_names_have() -> None:
    server = Server()
    shown = DnsCollector(server, cast(ZoneSource, server), None, None, services_max=4)
    of_services = {name: value for name, value in samples(shown).items() if "service_name" in name}
    assert of_services == {
        "mcs_dns_service_addresses{service_namespace=a,service_name=pending}": 0,
        "mcs_dns_service_addresses{service_namespace=a,service_name=vip}": 2,
        "mcs_dns_service_addresses{service_namespace=b,service_name=headless}": 3,
    }


def test_it_is_told_how_many_services_have_no_metric_of_their_own() -> None:
    for services_max, left_out in ((1, 4), (5, 0), (100, 0)):
        server = Server()
        shown = DnsCollector(server, cast(ZoneSource, server), None, None, services_max=services_max)
        assert samples(shown)["mcs_dns_service_metrics_left_out"] == left_out


def test_a_server_that_never_heard_of_its_api_server_has_no_age_and_is_not_in_step() -> None:
    server = Server()
    server.age, server.is_synced = None, False

    shown = samples(collector(server))

    assert math.isnan(shown["mcs_dns_zone_age_seconds"])
    assert shown["mcs_dns_zone_synced"] == 0


@pytest.mark.parametrize(("proto", "first"), [("udp", 1000), ("tcp", 2000)])
def test_requests_are_shown_by_transport_type_and_code(proto: str, first: int) -> None:
    registry = CollectorRegistry()
    registry.register(collector(Server()))

    shown = [
        registry.get_sample_value("mcs_dns_requests_total", {"proto": proto, "type": rtype, "rcode": rcode})
        for rtype in TYPE_LABELS
        for rcode in RCODE_LABELS
    ]

    assert shown == [first + slot for slot in range(SLOT_COUNT)]


def test_kinds_labels_and_words_are_those_of_the_metrics_page() -> None:
    rows = re.findall(
        r"^\| `(mcs_dns_\w+)` \| (\w+) \| ([^|]*) \| (.+) \| [^|]*\|$", PAGE.read_text(), re.MULTILINE
    )
    page = {name: (kind, re.findall(r"\w+", labels), words) for name, kind, labels, words in rows}

    described = {_name(metric): _row(metric) for metric in described_by(Server())}

    assert described == {name: page.get(name) for name in described}


def _name(metric: Metric) -> str:
    return metric.name + ("_total" if metric.type == "counter" else "")


def _row(metric: Metric) -> tuple[Any, ...]:
    return metric.type, list(metric.samples[0].labels), metric.documentation
