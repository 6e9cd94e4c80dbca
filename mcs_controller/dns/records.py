"""What a name at or below a service means: the query/answer table of MCS-DNS as a function.

Pure: one service, a name relative to it and a type in; records out. No name is worked out before it is asked
for, so a service of a thousand endpoints costs no more than the question that is asked of it. A name with no
record of the type asked for is NODATA, `None` is NXDOMAIN. Names are matched whole against the data, never
taken apart by position (trap 19): a cluster id may have dots in it. What cannot be said in DNS is left out,
and the rest is kept (MCS-DNS-14).
"""

import socket
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from mcs_controller.dns.packed import (
    ADDRESS_BYTES,
    FAMILIES,
    NAMELESS,
    PackedService,
    PackedSlice,
    Port,
    address_text,
)
from mcs_controller.dns.wire import (
    NAME_MAX_BYTES,
    TYPE_A,
    TYPE_AAAA,
    TYPE_ANY,
    TYPE_SRV,
    address_label,
    label_offsets,
    labels,
    service_label,
    srv_rdata,
)

SERVICE_TTL_SECONDS: Final = 4

_UNDERSCORE: Final = ord("_")

_Rdata = Collection[bytes]


class RRset(NamedTuple):
    """Records of one type: their data on the wire, each once. None of them: NODATA."""

    rtype: int
    ttl_seconds: int
    rdata: Collection[bytes]


NO_DATA: Final = RRset(0, 0, ())
"""A name that exists, but has nothing of what was asked for."""


def find_records(service_name: bytes, service: PackedService, prefix: bytes, rtype: int) -> RRset | None:
    """The records of the name `prefix + service_name` (wire labels, lower case); None: no such name.

    For the type ANY, those of one type that it has (RFC 8482).
    """
    types = (TYPE_A, TYPE_AAAA, TYPE_SRV) if rtype == TYPE_ANY else (rtype,)
    for each in types:
        rdata = _rdata(service_name, service, prefix, each)
        if rdata is None:
            return None
        if rdata:
            return RRset(each, SERVICE_TTL_SECONDS, rdata)
    return NO_DATA


def address_count(service: PackedService) -> int | None:
    """How many addresses the service has to answer with; None when its name does not exist.

    A ClusterSetIP service exists even while its IP is pending; a headless one only with a ready endpoint. An
    endpoint that is in two slices counts twice: to tell would cost a change more than all the rest here.
    """
    if not service.headless:
        return len(service.ipv4) // 4 + len(service.ipv6) // 16
    return sum(len(piece.addresses) // ADDRESS_BYTES[piece.rtype] for piece in service.slices) or None


def _rdata(service_name: bytes, service: PackedService, prefix: bytes, rtype: int) -> _Rdata | None:
    if not prefix:
        if rtype == TYPE_SRV:
            return _srv_records(service_name, service, b"")
        return _service_addresses(service, rtype)
    if prefix[1] == _UNDERSCORE:
        return _port_records(service_name, service, prefix, rtype)
    return _host_addresses(service_name, service, prefix, rtype) if service.headless else None


def _service_addresses(service: PackedService, rtype: int) -> _Rdata:
    """Each address once: an endpoint may be in two slices."""
    size = ADDRESS_BYTES.get(rtype)
    if size is None:
        return ()
    if not service.headless:
        packed = service.ipv4 if rtype == TYPE_A else service.ipv6
        return [packed[at : at + size] for at in range(0, len(packed), size)]
    pieces = [piece for piece in service.slices if piece.rtype == rtype]
    return dict.fromkeys(address for piece in pieces for address in piece.each_address())


def _port_records(service_name: bytes, service: PackedService, prefix: bytes, rtype: int) -> _Rdata | None:
    """`_port._proto`, and `_proto` above it, for named ports only (MCS-DNS-08)."""
    if rtype == TYPE_SRV:
        records = _srv_records(service_name, service, prefix)
        if records:
            return records
    room_bytes = NAME_MAX_BYTES - len(service_name)
    for ports in _ports_in_use(service_name, service):
        for port in ports:
            names = _port_names(port)
            if names is not None and len(names[0]) <= room_bytes and prefix in names:
                return ()
    return None


def _ports_in_use(service_name: bytes, service: PackedService) -> Iterator[tuple[Port, ...]]:
    """Of a headless service, only ports of endpoints that have a name."""
    if not service.headless:
        yield service.ports
        return
    for piece in service.slices:
        if next(_targets(service_name, piece), None) is not None:
            yield piece.ports


def _srv_records(service_name: bytes, service: PackedService, port_name: bytes) -> _Rdata:
    """SRV for one named port, or with b"" for all at the service's bare name (MCS-DNS-09)."""
    if not service.headless:
        numbers = _numbers(service.ports, port_name)
        return [srv_rdata(number, service_name) for number in numbers]
    records: dict[bytes, None] = {}
    for piece in service.slices:
        numbers = _numbers(piece.ports, port_name)
        if numbers:
            for target in _targets(service_name, piece):
                for number in numbers:
                    records[srv_rdata(number, target)] = None
    return records


def _numbers(ports: tuple[Port, ...], port_name: bytes) -> Collection[int]:
    """Port numbers, each once; without a name those of all ports, unnamed ones included."""
    if not port_name:
        return dict.fromkeys(port.number for port in ports)
    return dict.fromkeys(
        port.number for port in ports if (names := _port_names(port)) is not None and names[0] == port_name
    )


@lru_cache(maxsize=16384)
def _port_names(port: Port) -> tuple[bytes, bytes] | None:
    """`_port._proto` and `_proto`; None for a port without a name, or with one that cannot be a label."""
    port_label, protocol = service_label(port.name), service_label(port.protocol)
    return None if port_label is None or protocol is None else (port_label + protocol, protocol)


@lru_cache(maxsize=4096)
def _cluster_labels(cluster: str) -> bytes:
    """A cluster id on the wire, b"" when it cannot be part of a name."""
    return labels(cluster) or b""


def _targets(service_name: bytes, piece: PackedSlice) -> Iterator[bytes]:
    """The whole names of the slice's endpoints: `<host>.<cluster>.<service name>`."""
    cluster = _cluster_labels(piece.cluster)
    if not cluster:
        return
    below = cluster + service_name
    room_bytes = NAME_MAX_BYTES - len(below)
    addresses, hosts = piece.each_address(), piece.hosts
    for number, address in enumerate(addresses):
        host = hosts[number] if hosts else ""
        if not host:
            target = address_label(address_text(piece.rtype, address))
        elif host == NAMELESS:
            continue
        else:
            target = bytes((len(host),)) + host.encode("ascii")
        if len(target) <= room_bytes:
            yield target + below


def _host_addresses(service_name: bytes, service: PackedService, prefix: bytes, rtype: int) -> _Rdata | None:
    """A host's addresses; NODATA for the other types, and for what has hosts below it."""
    found: dict[int, dict[bytes, None]] = {}
    is_above = False
    for piece in service.slices:
        cluster = _cluster_labels(piece.cluster)
        if not cluster:
            continue
        if prefix.endswith(cluster):
            host = prefix[: -len(cluster)]
            if host and host[0] + 1 == len(host):
                for address in _addresses_of(piece, host):
                    found.setdefault(piece.rtype, {})[address] = None
        if not is_above and any(cluster[at:] == prefix for at in label_offsets(cluster + b"\0")):
            is_above = next(_targets(service_name, piece), None) is not None
    if found:
        return found.get(rtype, ())
    return () if is_above else None


def _addresses_of(piece: PackedSlice, host: bytes) -> Iterator[bytes]:
    """The addresses of the slice's endpoints of that name: their hostname, or their address with dashes."""
    try:
        text = host[1:].decode("ascii")
    except UnicodeDecodeError:
        return
    for number, each in enumerate(piece.hosts):
        if each == text:
            size = ADDRESS_BYTES[piece.rtype]
            yield piece.addresses[number * size : (number + 1) * size]
    spelt = text.replace("-", "." if piece.rtype == TYPE_A else ":")
    try:
        packed = socket.inet_pton(FAMILIES[piece.rtype], spelt)
    except (OSError, ValueError):
        return
    if address_label(address_text(piece.rtype, packed)) != host:
        return
    for number, address in enumerate(piece.each_address()):
        if address == packed and not (piece.hosts and piece.hosts[number]):
            yield address
