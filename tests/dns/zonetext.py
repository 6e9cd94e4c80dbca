"""Ask a zone in words, and read its answer in zone-file text.

The bytes are made and read by dnslib, so that nothing of the server's own encoding is trusted here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from dnslib import CLASS, QTYPE, RCODE, RR, DNSQuestion, DNSRecord

from mcs_controller.clusterset.model import (
    AddressFamily,
    Endpoint,
    ImportedSlice,
    ImportSpec,
    ImportType,
    LocalImport,
    ServiceKey,
    ServicePort,
    SliceContent,
    SlicePort,
)
from mcs_controller.dns.answers.counters import Counters, tcp_channel, udp_channel
from mcs_controller.dns.answers.fastpath import make_responder
from mcs_controller.dns.answers.zone_answers import ZoneAnswers
from mcs_controller.dns.zone.bounds import bounded
from mcs_controller.dns.zone.lookup import Zone
from mcs_controller.dns.zone.packed import PackedService, packed_import, packed_service, packed_slice


@dataclass(frozen=True)
class Reply:
    """An answer: response code and the three sections, one line a record."""

    rcode: str
    answer: list[str]
    authority: list[str]
    additional: list[str]
    raw: DNSRecord


class Server:
    """The packet paths of a server, without sockets."""

    def __init__(self, zone: str = "clusterset.local", *, is_open: bool = True, seed: int = 1) -> None:
        self.counters = Counters(udp_channel(1232), tcp_channel())
        self.answers = ZoneAnswers(Zone(zone), random=Random(seed))
        if is_open:
            self.answers.open()
        self.udp = make_responder(self.answers, self.counters.udp, self.counters)
        self.tcp = make_responder(self.answers, self.counters.tcp, self.counters)

    def put(self, imported: LocalImport, *slices: ImportedSlice) -> None:
        self.answers.update(imported.service, packed(imported, *slices))

    def remove(self, namespace: str, name: str) -> None:
        self.answers.update(ServiceKey(namespace, name), None)

    def ask(self, name: str, rtype: str) -> Reply:
        """Ask twice, since the second answer comes from the fast path; both must agree."""
        question = bytes(DNSRecord(q=DNSQuestion(name, getattr(QTYPE, rtype))).pack())
        first, second = read(self.tcp(question)), read(self.tcp(question))
        assert (first.rcode, first.answer, first.authority) == (second.rcode, second.answer, second.authority)
        return first


def read(reply: bytes | None) -> Reply:
    """Parse a reply; records of a section are sorted, for their order means nothing."""
    assert reply is not None
    raw = DNSRecord.parse(reply)
    return Reply(RCODE[raw.header.rcode], _lines(raw.rr), _lines(raw.auth), _lines(raw.ar), raw)


def _lines(records: Iterable[RR]) -> list[str]:
    return sorted(
        f"{rr.rname} {rr.ttl} {CLASS[rr.rclass]} {QTYPE[rr.rtype]} {rr.rdata}"
        for rr in records
        if QTYPE[rr.rtype] != "OPT"
    )


def packed(imported: LocalImport, *slices: ImportedSlice) -> PackedService:
    """As the source hands it over."""
    return bounded(packed_service(packed_import(imported), map(packed_slice, slices)))


def zone_text(text: str) -> list[str]:
    """Expected records, one a line; blanks are folded."""
    return sorted(" ".join(line.split()) for line in text.strip().splitlines() if line.strip())


def vip(service: str, *ips: str, ports: tuple[ServicePort, ...] = (ServicePort(80, "http"),)) -> LocalImport:
    """A ClusterSetIP import, `namespace/name`."""
    return _imported(service, "ClusterSetIP", ports, ips)


def headless(service: str, ports: tuple[ServicePort, ...] = (ServicePort(5432, "pg"),)) -> LocalImport:
    """A headless import."""
    return _imported(service, "Headless", ports, ())


def _imported(
    service: str, kind: ImportType, ports: tuple[ServicePort, ...], ips: tuple[str, ...]
) -> LocalImport:
    return LocalImport(key(service), "uid", 1, ImportSpec(kind, ports, ips))


def piece(
    service: str,
    cluster: str,
    *endpoints: Endpoint,
    ports: tuple[SlicePort, ...] = (SlicePort(5432, "pg"),),
    family: AddressFamily = "IPv4",
    name: str = "",
) -> ImportedSlice:
    """An imported slice of `namespace/name` from a cluster."""
    content = SliceContent(family, ports, endpoints)
    return ImportedSlice(key(service), name or f"{service}-{cluster}-{family}", cluster, content)


def ready(*addresses: str, hostname: str = "") -> Endpoint:
    return Endpoint(addresses, ready=True, hostname=hostname)


def key(service: str) -> ServiceKey:
    namespace, _, name = service.partition("/")
    return ServiceKey(namespace, name)
