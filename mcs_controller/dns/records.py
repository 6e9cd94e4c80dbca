"""The names of one imported service and their records: the query/answer table of MCS-DNS as a function.

Pure: one ServiceImport and the imported slices of its service in, names relative to the service out. A name
that maps to no record types exists all the same (NODATA), a name that is not in the result does not
(NXDOMAIN). Names are built from the data and matched whole, never taken apart by position (trap 19): a
cluster id may have dots in it. What cannot be said in DNS is left out, and the rest is kept (MCS-DNS-14).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from mcs_controller.clusterset.model import Endpoint, ImportedSlice, LocalImport, ServicePort, SlicePort
from mcs_controller.dns.wire import (
    NAME_MAX_BYTES,
    TYPE_A,
    TYPE_AAAA,
    TYPE_SRV,
    address_label,
    label,
    label_offsets,
    labels,
    packed_address,
    service_label,
    srv_rdata,
)

SERVICE_TTL_SECONDS: Final = 4


class RRset(NamedTuple):
    """All records of one name and type: their data on the wire, each once."""

    ttl_seconds: int
    rdata: tuple[bytes, ...]


Node = Mapping[int, RRset]
"""What a name that exists has to say, by record type."""

EMPTY: Final[Node] = {}
"""A name that exists only because something exists below it, or that has nothing to say yet."""


class _Names:
    """Collects records by relative name (wire labels), leaving out what is too long, and duplicates."""

    def __init__(self, service_name: bytes) -> None:
        self._room_bytes = NAME_MAX_BYTES - len(service_name)
        self._records: dict[bytes, dict[int, dict[bytes, None]]] = {}

    def fits(self, prefix: bytes) -> bool:
        return len(prefix) <= self._room_bytes

    def exists(self, prefix: bytes) -> dict[int, dict[bytes, None]]:
        return self._records.setdefault(prefix, {})

    def add(self, prefix: bytes, rtype: int, rdata: bytes) -> None:
        self.exists(prefix).setdefault(rtype, {})[rdata] = None

    def nodes(self) -> dict[bytes, Node]:
        return {
            prefix: {rtype: RRset(SERVICE_TTL_SECONDS, tuple(rdata)) for rtype, rdata in by_type.items()}
            for prefix, by_type in self._records.items()
        }


def service_names(
    service_name: bytes, imported: LocalImport, slices: Iterable[ImportedSlice]
) -> dict[bytes, Node]:
    """All names at and below a service, relative to it; `service_name` is its own name on the wire."""
    names = _Names(service_name)
    if not names.fits(b""):
        return {}
    if imported.spec.type == "Headless":
        _add_headless(names, service_name, slices)
    else:
        _add_clusterset_ip(names, service_name, imported)
    return names.nodes()


def address_count(imported: LocalImport, slices: Iterable[ImportedSlice]) -> int | None:
    """How many addresses the service's name has; None when the name does not exist.

    A ClusterSetIP service exists even while its IP is pending; a headless one only with a ready endpoint.
    """
    if imported.spec.type != "Headless":
        return sum(1 for _ in _clusterset_ips(imported))
    return len({rdata for piece in slices for _, _, rdata in _ready_addresses(piece)}) or None


def _add_clusterset_ip(names: _Names, service_name: bytes, imported: LocalImport) -> None:
    names.exists(b"")
    for rtype, rdata in _clusterset_ips(imported):
        names.add(b"", rtype, rdata)
    for number, port_name, protocol_name in _port_names(names, imported.spec.ports):
        _add_srv(names, srv_rdata(number, service_name), port_name, protocol_name)


def _add_headless(names: _Names, service_name: bytes, slices: Iterable[ImportedSlice]) -> None:
    for piece in slices:
        rtype = TYPE_A if piece.content.address_type == "IPv4" else TYPE_AAAA
        cluster = labels(piece.source_cluster)
        above_hosts = () if cluster is None else tuple(cluster[at:] for at in label_offsets(cluster + b"\0"))
        ports = _port_names(names, piece.content.ports)
        for endpoint, address, packed in _ready_addresses(piece):
            names.add(b"", rtype, packed)
            host = label(endpoint.hostname) if endpoint.hostname else address_label(address)
            if host is None or cluster is None or not names.fits(host + cluster):
                continue
            names.add(host + cluster, rtype, packed)
            for above in above_hosts:
                names.exists(above)
            for number, port_name, protocol_name in ports:
                _add_srv(names, srv_rdata(number, host + cluster + service_name), port_name, protocol_name)


def _port_names(names: _Names, ports: Iterable[ServicePort | SlicePort]) -> list[tuple[int, bytes, bytes]]:
    """Each port's number, its `_port._proto`, and `_proto`; both b"" for a port that has no such name."""
    result = []
    for port in ports:
        port_label, protocol = service_label(port.name), service_label(port.protocol)
        if port_label is None or protocol is None or not names.fits(port_label + protocol):
            result.append((port.port, b"", b""))
        else:
            result.append((port.port, port_label + protocol, protocol))
    return result


def _add_srv(names: _Names, rdata: bytes, port_name: bytes, protocol_name: bytes) -> None:
    """SRV at the bare name (MCS-DNS-09), and at `_port._proto` unless the port is unnamed (MCS-DNS-08)."""
    names.add(b"", TYPE_SRV, rdata)
    if port_name:
        names.add(port_name, TYPE_SRV, rdata)
        names.exists(protocol_name)


def _clusterset_ips(imported: LocalImport) -> Iterator[tuple[int, bytes]]:
    for ip in dict.fromkeys(imported.spec.ips):
        if (packed := packed_address("IPv4", ip)) is not None:
            yield TYPE_A, packed
        elif (packed := packed_address("IPv6", ip)) is not None:
            yield TYPE_AAAA, packed


def _ready_addresses(piece: ImportedSlice) -> Iterator[tuple[Endpoint, str, bytes]]:
    family = piece.content.address_type
    for endpoint in piece.content.endpoints:
        if _is_ready(endpoint):
            for address in endpoint.addresses:
                if (packed := packed_address(family, address)) is not None:
                    yield endpoint, address, packed


def _is_ready(endpoint: Endpoint) -> bool:
    """An endpoint that says nothing is ready, unless it is going away (trap 24)."""
    return not endpoint.terminating if endpoint.ready is None else endpoint.ready
