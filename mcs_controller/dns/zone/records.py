"""What a name at or below a service means: the query/answer table of MCS-DNS as a function.

One service, a name relative to it and a type in; records out. No record is made before it is asked for, and
what no message can hold is not made at all. A name with no record of the type asked for is NODATA, `None` is
NXDOMAIN. Names are matched whole against the data, never taken apart by position. What cannot be
said in DNS is left out, and the rest is kept (MCS-DNS-14).
"""

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from mcs_controller.dns.wire.encoding import TYPE_A, TYPE_SRV, srv_rdata
from mcs_controller.dns.zone.names import Hosts, Ports, targets
from mcs_controller.dns.zone.packed import ADDRESS_BYTES, PackedService, PackedSlice

SERVICE_TTL_SECONDS: Final = 4

SRV_RECORDS_MAX: Final = 2048
"""Of one answer: about twice what the largest message holds, so that replies have others each time."""

_SOON_INDEXED: Final = 32
"""Addresses or ports, a slice being as much work as eight of them. An index of so few is made for each
question and not kept: there are very many such services."""

_UNDERSCORE: Final = ord("_")

_Rdata = Collection[bytes]


class RRset(NamedTuple):
    """Records of one type: their data on the wire, each once. None of them: NODATA."""

    rtype: int
    ttl_seconds: int
    rdata: Collection[bytes]


NO_DATA: Final = RRset(0, 0, ())
"""A name that exists, but has nothing of what was asked for."""


class ServiceRecords:
    """The records of one service.

    It `exists` as a ClusterSetIP service even while its IP is pending, as a headless one with a ready
    endpoint only. An endpoint that is in two slices counts twice in `address_count`: to tell would cost a
    change more than all the rest here.
    """

    __slots__ = ("_hosts", "_ports", "address_count", "packed")

    def __init__(self, packed: PackedService) -> None:
        self.packed = packed
        self.address_count = packed.address_count
        self._hosts: Hosts | None = None
        self._ports: Ports | None = None

    @property
    def exists(self) -> bool:
        """Whether the service has a name."""
        return not self.packed.headless or self.address_count > 0

    def find(self, service_name: bytes, prefix: bytes, rtype: int, begin: float) -> RRset | None:
        """The records of the name `prefix + service_name` (wire labels, lower case); None: no such name.

        Of more SRV records than an answer may have, those from `begin` on: from 0, the first, to below 1.
        """
        rdata = self._rdata(service_name, prefix, rtype, begin)
        if rdata is None:
            return None
        return RRset(rtype, SERVICE_TTL_SECONDS, rdata) if rdata else NO_DATA

    def _rdata(self, service_name: bytes, prefix: bytes, rtype: int, begin: float) -> _Rdata | None:
        if not prefix:
            return self._srv(service_name, b"", begin) if rtype == TYPE_SRV else self._addresses(rtype)
        if prefix[1] == _UNDERSCORE:
            # `_port._proto`, and `_proto` above it, for named ports only (MCS-DNS-08).
            if prefix not in self._ports_of(service_name).names:
                return None
            return self._srv(service_name, prefix, begin) if rtype == TYPE_SRV else ()
        return self._host_addresses(service_name, prefix, rtype) if self.packed.headless else None

    def _addresses(self, rtype: int) -> _Rdata:
        """Each address once: an endpoint may be in two slices."""
        size = ADDRESS_BYTES.get(rtype)
        if size is None:
            return ()
        service = self.packed
        if not service.headless:
            packed = service.ipv4 if rtype == TYPE_A else service.ipv6
            return [packed[at : at + size] for at in range(0, len(packed), size)]
        pieces = [piece for piece in service.slices if piece.rtype == rtype]
        if len(pieces) == 1:
            return dict.fromkeys(pieces[0].each_address())
        return dict.fromkeys([address for piece in pieces for address in piece.each_address()])

    def _host_addresses(self, service_name: bytes, prefix: bytes, rtype: int) -> _Rdata | None:
        """A host's addresses; NODATA for the other types, and for what has hosts below it (MCS-DNS-07)."""
        hosts = self._hosts
        if hosts is None:
            hosts = Hosts(service_name, self.packed.slices)
            if self.address_count + 8 * len(self.packed.slices) > _SOON_INDEXED:
                self._hosts = hosts
        found = hosts.find(prefix)
        if not found:
            return found
        size = ADDRESS_BYTES.get(rtype)
        return dict.fromkeys([address for address in found if len(address) == size])

    def _srv(self, service_name: bytes, port_name: bytes, begin: float) -> _Rdata:
        """SRV for one named port, or with b"" for all at the service's bare name (MCS-DNS-09)."""
        found = [
            (table.named.get(port_name, ()) if port_name else table.numbers, slices)
            for table, slices in self._ports_of(service_name).groups
        ]
        if not self.packed.headless:
            return [srv_rdata(number, service_name) for numbers, _ in found for number in numbers]
        records: dict[bytes, None] = {}
        for numbers, target in _each_target(service_name, found, begin):
            for number in numbers:
                records[srv_rdata(number, target)] = None
            if len(records) >= SRV_RECORDS_MAX:
                break
        return records

    def _ports_of(self, service_name: bytes) -> Ports:
        ports = self._ports
        if ports is None:
            ports = Ports(service_name, self.packed)
            if len(self.packed.ports) + 8 * len(self.packed.slices) > _SOON_INDEXED:
                self._ports = ports
        return ports


def _each_target(
    service_name: bytes, found: list[tuple[tuple[int, ...], list[PackedSlice]]], begin: float
) -> Iterator[tuple[tuple[int, ...], bytes]]:
    """Endpoints' names, with the numbers of their ports, begun somewhere among them and going round."""
    pieces = [(numbers, piece) for numbers, slices in found if numbers for piece in slices]
    passed_over = int(begin * sum(piece.address_count for _, piece in pieces))
    spans: list[tuple[tuple[int, ...], PackedSlice, int, int]] = []
    before: list[tuple[tuple[int, ...], PackedSlice, int, int]] = []
    for numbers, piece in pieces:
        start = min(passed_over, piece.address_count)
        passed_over -= start
        before.append((numbers, piece, 0, start))
        spans.append((numbers, piece, start, piece.address_count))
    for numbers, piece, start, end in spans + before:
        for target in targets(service_name, piece, start, end):
            yield numbers, target
