"""What the zone needs to know of a service, in the least memory, and as JSON for other processes and files.

Made of the values of `clusterset/` where they come in: readiness is decided, addresses are packed, what has
no place in DNS (nodes, zones, hints) is dropped. A thousand endpoints are one bytes object, and equal tuples
of ports are one tuple. The source holds these, the zone answers from them, workers are fed with them and the
snapshot file is a list of them.

Invariant: `from_json(to_json(service)) == service`, and `from_json` raises `ValueError` and nothing else on
anything that `to_json` cannot have made.
"""

import socket
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar

from mcs_controller.clusterset.model import (
    Endpoint,
    ImportedSlice,
    LocalImport,
    ServicePort,
    SlicePort,
)
from mcs_controller.dns.wire.encoding import (
    LABEL_MAX_BYTES,
    TYPE_A,
    TYPE_AAAA,
    address_label,
    label,
    packed_address,
)

NAMELESS: Final = "."
"""The host of an endpoint whose hostname cannot be a label: it has an address and no name of its own."""

ADDRESS_BYTES: Final = {TYPE_A: 4, TYPE_AAAA: 16}
FAMILIES: Final = {TYPE_A: socket.AF_INET, TYPE_AAAA: socket.AF_INET6}

_ITEMS_MAX: Final = 100_000
"""Of anything in one service: far beyond what an API server holds, so that a file cannot ask for more."""

_T = TypeVar("_T")


class Port(NamedTuple):
    """A port: `name` is "" when it has none."""

    number: int
    name: str
    protocol: str


class PackedSlice(NamedTuple):
    """The ready endpoints of a slice, one after the other in `addresses`.

    `hosts` has the host of each address, "" for one that is named by the address itself; it is empty when
    all are.
    """

    cluster: str
    rtype: int
    ports: tuple[Port, ...]
    addresses: bytes
    hosts: tuple[str, ...] = ()

    @property
    def address_bytes(self) -> int:
        """Of one address."""
        return ADDRESS_BYTES[self.rtype]

    @property
    def address_count(self) -> int:
        """How many addresses."""
        return len(self.addresses) // ADDRESS_BYTES[self.rtype]

    def each_address(self) -> list[bytes]:
        """The packed addresses."""
        size = ADDRESS_BYTES[self.rtype]
        addresses = self.addresses
        return [addresses[at : at + size] for at in range(0, len(addresses), size)]


class PackedService(NamedTuple):
    """One service: clusterset IPs for a ClusterSetIP import, slices (in a fixed order) for a headless one."""

    headless: bool
    ports: tuple[Port, ...] = ()
    ipv4: bytes = b""
    ipv6: bytes = b""
    slices: tuple[PackedSlice, ...] = ()

    @property
    def address_count(self) -> int:
        """How many addresses its name has; those of an endpoint in two slices count twice."""
        if self.headless:
            return sum(piece.address_count for piece in self.slices)
        return len(self.ipv4) // ADDRESS_BYTES[TYPE_A] + len(self.ipv6) // ADDRESS_BYTES[TYPE_AAAA]


def packed_import(imported: LocalImport) -> PackedService:
    """A ServiceImport, still without slices."""
    ports = _ports(imported.spec.ports)
    if imported.spec.type == "Headless":
        return PackedService(True, ports)
    ips = dict.fromkeys(imported.spec.ips)
    ipv4 = [packed for ip in ips if (packed := packed_address("IPv4", ip)) is not None]
    ipv6 = [packed for ip in ips if (packed := packed_address("IPv6", ip)) is not None]
    return PackedService(False, ports, b"".join(dict.fromkeys(ipv4)), b"".join(dict.fromkeys(ipv6)))


def packed_slice(piece: ImportedSlice) -> PackedSlice:
    """An imported slice; endpoints that are not ready are left out."""
    family = piece.content.address_type
    rtype = TYPE_A if family == "IPv4" else TYPE_AAAA
    addresses: list[bytes] = []
    hosts: list[str] = []
    for endpoint in piece.content.endpoints:
        if not _is_ready(endpoint):
            continue
        for address in endpoint.addresses:
            if (packed := packed_address(family, address)) is not None:
                addresses.append(packed)
                hosts.append(_host(endpoint, address, rtype, packed))
    return PackedSlice(
        piece.source_cluster,
        rtype,
        _ports(piece.content.ports),
        b"".join(addresses),
        tuple(hosts) if any(hosts) else (),
    )


def packed_service(imported: PackedService, slices: Iterable[PackedSlice]) -> PackedService:
    """An import with its slices, which only a headless service answers from; empty ones say nothing."""
    if not imported.headless:
        return imported
    return imported._replace(slices=tuple(piece for piece in slices if piece.addresses))


def address_text(rtype: int, packed: bytes) -> str:
    """The address as people write it."""
    return socket.inet_ntop(FAMILIES[rtype], packed)


def to_json(service: PackedService) -> list[Any]:
    """For `json.dumps`."""
    return [
        service.headless,
        service.ports,
        service.ipv4.hex(),
        service.ipv6.hex(),
        [(*piece[:3], piece.addresses.hex(), piece.hosts) for piece in service.slices],
    ]


def from_json(value: Any) -> PackedService:
    """The service that `to_json` made this of. Raises `ValueError`."""
    headless, ports, ipv4, ipv6, slices = _row(value, 5)
    if not isinstance(headless, bool):
        raise ValueError("not a boolean")
    return PackedService(
        headless,
        _ports_from_json(ports),
        _addresses_from_json(ipv4, 4),
        _addresses_from_json(ipv6, 16),
        tuple(_slice_from_json(each) for each in _list(slices)),
    )


def text_from_json(value: Any) -> str:
    """A short text."""
    if not isinstance(value, str) or len(value) > 1024:
        raise ValueError("not a short text")
    return value


def _is_ready(endpoint: Endpoint) -> bool:
    """An endpoint that says nothing is ready, unless it is going away."""
    return not endpoint.terminating if endpoint.ready is None else endpoint.ready


def _host(endpoint: Endpoint, address: str, rtype: int, packed: bytes) -> str:
    if endpoint.hostname:
        host = label(endpoint.hostname)
        return NAMELESS if host is None else _shared(host[1:].decode("ascii"))
    # An IPv4 address has one spelling that can be packed; IPv6 may be written in other ways than ours.
    # Where it ends in an IPv4 address, its name cannot be read back: dots and colons have become dashes.
    if rtype == TYPE_A:
        return ""
    ours, named = address_text(rtype, packed), address_label(address)
    return "" if "." not in ours and named == address_label(ours) else named[1:].decode("ascii")


@lru_cache(maxsize=4096)
def _ports(ports: tuple[ServicePort | SlicePort, ...]) -> tuple[Port, ...]:
    return tuple(Port(port.port, port.name, port.protocol) for port in ports)


@lru_cache(maxsize=16384)
def _kept(value: Any) -> Any:
    return value


def _shared(value: _T) -> _T:
    """The first of equal values: most services have the same ports and clusters."""
    result: _T = _kept(value)
    return result


def _slice_from_json(value: Any) -> PackedSlice:
    cluster, rtype, ports, packed, hosts = _row(value, 5)
    if type(rtype) is not int or rtype not in ADDRESS_BYTES:
        raise ValueError("not an address type")
    addresses = _addresses_from_json(packed, ADDRESS_BYTES[rtype])
    texts = tuple(_shared(_host_from_json(host)) for host in _list(hosts))
    if texts and len(texts) != len(addresses) // ADDRESS_BYTES[rtype]:
        raise ValueError("not a host for each address")
    return PackedSlice(_shared(text_from_json(cluster)), rtype, _ports_from_json(ports), addresses, texts)


def _host_from_json(value: Any) -> str:
    text = text_from_json(value)
    if len(text) > LABEL_MAX_BYTES or not text.isascii():
        raise ValueError("not a host")
    return text


def _ports_from_json(value: Any) -> tuple[Port, ...]:
    ports = []
    for each in _list(value):
        number, name, protocol = _row(each, 3)
        if type(number) is not int or not 0 <= number <= 65535:
            raise ValueError("not a port number")
        ports.append(Port(number, text_from_json(name), text_from_json(protocol)))
    return _shared(tuple(ports))


def _addresses_from_json(value: Any, size: int) -> bytes:
    if not isinstance(value, str):
        raise ValueError("not addresses")
    packed = bytes.fromhex(value)
    if len(packed) % size:
        raise ValueError("not whole addresses")
    return packed


def _row(value: Any, length: int) -> list[Any]:
    if not isinstance(value, list | tuple) or len(value) != length:
        raise ValueError(f"not {length} values")
    return list(value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list | tuple) or len(value) > _ITEMS_MAX:
        raise ValueError("not a list")
    return list(value)
