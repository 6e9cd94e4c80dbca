"""The names below one service, found without a look at each of its endpoints.

Made of a service when the first name below it is asked for, and gone with the service's next change. So a
name that a client made up costs the same in a service of thousands of endpoints as in one of three. What is
indexed is bounded where services come in (`bounds`).

Names are matched whole against the data: a cluster id may have dots in it, so that what stands above hosts is
known from the ids and not from positions in the name.
"""

import socket
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from mcs_controller.dns.wire.encoding import (
    NAME_MAX_BYTES,
    TYPE_A,
    TYPE_AAAA,
    address_label,
    label_offsets,
    labels,
    service_label,
)
from mcs_controller.dns.zone.packed import FAMILIES, NAMELESS, PackedService, PackedSlice, Port, address_text

_SEPARATORS: Final = {TYPE_A: ".", TYPE_AAAA: ":"}
_LENGTHS: Final = [bytes((size,)) for size in range(64)]


class PortTable(NamedTuple):
    """What a list of ports declares: numbers, those of each `_port._proto`, and all names for some type."""

    numbers: tuple[int, ...]
    named: dict[bytes, tuple[int, ...]]
    names: frozenset[bytes]


class Ports:
    """The ports of a service: of a headless one, those of slices with an endpoint that has a name.

    `groups` are the slices by what they declare, `names` all names of ports and of protocols above them.
    """

    __slots__ = ("groups", "names")

    def __init__(self, service_name: bytes, service: PackedService) -> None:
        room_bytes = NAME_MAX_BYTES - len(service_name)
        self.groups: list[tuple[PortTable, list[PackedSlice]]] = []
        if not service.headless:
            self.groups.append((_port_table(room_bytes, service.ports), []))
        else:
            by_ports: dict[int, list[PackedSlice]] = {}
            for piece in service.slices:
                if has_target(service_name, piece):
                    # Equal tuples of ports are one tuple (`packed`), nearly always.
                    by_ports.setdefault(id(piece.ports), []).append(piece)
            self.groups += [(_port_table(room_bytes, each[0].ports), each) for each in by_ports.values()]
        names = [table.names for table, _ in self.groups]
        self.names = names[0] if len(names) == 1 else frozenset().union(*names)


class Hosts:
    """The names of endpoints, by their cluster's labels."""

    __slots__ = ("_above", "_clusters")

    def __init__(self, service_name: bytes, slices: Iterable[PackedSlice]) -> None:
        self._clusters: dict[bytes, _Cluster] = {}
        self._above: set[bytes] = set()
        for piece in slices:
            cluster = _cluster_labels(piece.cluster)
            if not cluster:
                continue
            known = self._clusters.setdefault(cluster, _Cluster({}, set()))
            known.add(piece)
            if cluster not in self._above and has_target(service_name, piece):
                self._above.update(cluster[at:] for at in label_offsets(cluster + b"\0"))

    def find(self, prefix: bytes) -> list[bytes] | None:
        """The packed addresses of a host, of either family; [] for what has hosts below it, None: no name."""
        size = 1 + prefix[0]
        cluster = self._clusters.get(prefix[size:])
        if cluster is not None and (found := cluster.find(prefix[:size])):
            return found
        return [] if prefix in self._above else None


class _Cluster(NamedTuple):
    """Endpoints of one cluster: those with a host's name, and those that are named by their address."""

    named: dict[str, list[bytes]]
    unnamed: set[bytes]

    def add(self, piece: PackedSlice) -> None:
        addresses = piece.each_address()
        if not piece.hosts:
            self.unnamed.update(addresses)
            return
        for host, address in zip(piece.hosts, addresses, strict=True):
            if not host:
                self.unnamed.add(address)
            elif host != NAMELESS:
                self.named.setdefault(host, []).append(address)

    def find(self, host: bytes) -> list[bytes]:
        try:
            text = host[1:].decode("ascii")
        except UnicodeDecodeError:
            return []
        found = self.named.get(text, [])
        for rtype, separator in _SEPARATORS.items():
            try:
                packed = socket.inet_pton(FAMILIES[rtype], text.replace("-", separator))
            except (OSError, ValueError):
                continue
            # An address can be spelt in many ways, and only one of them is its name.
            if packed in self.unnamed and _address_name(rtype, packed) == host[1:]:
                found = [*found, packed]
        return found


def has_target(service_name: bytes, piece: PackedSlice) -> bool:
    """Whether some endpoint of the slice has a name."""
    return next(targets(service_name, piece, 0, piece.address_count), None) is not None


def targets(service_name: bytes, piece: PackedSlice, start: int, end: int) -> Iterator[bytes]:
    """The whole names of some of the slice's endpoints: `<host>.<cluster>.<service name>`."""
    cluster = _cluster_labels(piece.cluster)
    if not cluster:
        return
    below = cluster + service_name
    room_bytes = NAME_MAX_BYTES - len(below) - 1
    addresses, hosts, rtype = piece.addresses, piece.hosts, piece.rtype
    size = piece.address_bytes
    for number in range(start, end):
        host = hosts[number] if hosts else ""
        if not host:
            address = addresses[number * size : (number + 1) * size]
            text = (
                b"%d-%d-%d-%d" % (*address,)
                if rtype == TYPE_A
                else address_label(address_text(rtype, address))[1:]
            )
        elif host == NAMELESS:
            continue
        else:
            text = host.encode("ascii")
        if len(text) <= room_bytes:
            yield _LENGTHS[len(text)] + text + below


@lru_cache(maxsize=4096)
def _port_table(room_bytes: int, ports: tuple[Port, ...]) -> PortTable:
    named: dict[bytes, dict[int, None]] = {}
    for port in ports:
        name = _port_name(port.name, port.protocol)
        if name and len(name) <= room_bytes:
            named.setdefault(name, {})[port.number] = None
    return PortTable(
        tuple(dict.fromkeys(port.number for port in ports)),
        {name: tuple(numbers) for name, numbers in named.items()},
        frozenset(each for name in named for each in (name, name[1 + name[0] :])),
    )


@lru_cache(maxsize=16384)
def _port_name(name: str, protocol: str) -> bytes:
    """`_port._proto`; b"" for a port without a name, or with one that cannot be a label."""
    port_label, protocol_label = service_label(name), service_label(protocol)
    return b"" if port_label is None or protocol_label is None else port_label + protocol_label


@lru_cache(maxsize=4096)
def _cluster_labels(cluster: str) -> bytes:
    """A cluster id on the wire, b"" when it cannot be part of a name."""
    return labels(cluster) or b""


def _address_name(rtype: int, packed: bytes) -> bytes:
    """What an endpoint without a hostname is called."""
    return address_label(address_text(rtype, packed))[1:]
