"""The DNS server's metrics: the packet path's ints and the zone's size and age, read at scrape time.

Label values are closed lists; never a name that was asked for, never an address.
"""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from mcs_controller.dns.answers import Answers
from mcs_controller.dns.counters import RCODE_LABELS, TYPE_LABELS, Counters


class DnsCollector(Collector):
    """Exports one server's counters; `age_seconds` is how old the zone is, None before it was first read."""

    def __init__(self, counters: Counters, answers: Answers, age_seconds: Callable[[], float | None]) -> None:
        self._counters = counters
        self._answers = answers
        self._age_seconds = age_seconds

    def describe(self) -> Iterable[Metric]:
        """The same metrics with their values: reading them is cheap and has no effect."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        """All metrics as they are now."""
        yield self._requests()
        yield from self._protocol()
        yield from self._zone()

    def _requests(self) -> Metric:
        family = CounterMetricFamily(
            "mcs_dns_requests",
            "DNS requests answered, by transport, question type and response code.",
            labels=("proto", "type", "rcode"),
        )
        for channel in (self._counters.udp, self._counters.tcp):
            counts = iter(channel.requests)
            for rtype in TYPE_LABELS:
                for rcode in RCODE_LABELS:
                    family.add_metric((channel.proto, rtype, rcode), next(counts))
        return family

    def _protocol(self) -> Iterator[Metric]:
        truncated = CounterMetricFamily(
            "mcs_dns_truncated", "Answers of which only a part was sent, with TC over UDP.", labels=("proto",)
        )
        for channel in (self._counters.udp, self._counters.tcp):
            truncated.add_metric((channel.proto,), channel.truncated)
        yield truncated
        dropped = CounterMetricFamily(
            "mcs_dns_dropped", "Messages and connections dropped without an answer.", labels=("reason",)
        )
        for reason, count in self._counters.dropped.items():
            dropped.add_metric((reason,), count)
        yield dropped
        yield GaugeMetricFamily(
            "mcs_dns_tcp_connections", "Open TCP connections.", value=self._counters.tcp_connections
        )

    def _zone(self) -> Iterator[Metric]:
        zone = self._answers.zone
        yield GaugeMetricFamily(
            "mcs_dns_zone_services", "Services that have a name in the zone.", value=zone.service_count
        )
        yield GaugeMetricFamily(
            "mcs_dns_zone_records", "A and AAAA records at services' names.", value=zone.address_count
        )
        yield GaugeMetricFamily(
            "mcs_dns_answers_prebuilt", "Answers held ready as bytes.", value=len(self._answers.ready_made)
        )
        yield GaugeMetricFamily(
            "mcs_dns_zone_synced",
            "Whether the zone has been read in full (1); until then answers are SERVFAIL (0).",
            value=float(self._answers.is_open),
        )
        age_seconds = self._age_seconds()
        yield GaugeMetricFamily(
            "mcs_dns_zone_age_seconds",
            "Time since the API server was last heard, NaN before the first time.",
            value=float("nan") if age_seconds is None else age_seconds,
        )
