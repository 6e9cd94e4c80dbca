"""What the specification asks any server to answer for one service: the table of MCS-DNS, name by name.

For `check.py`, and in tests the second opinion on our own answers: written in text from the objects, it
shares nothing with the code that answers. Names that must have no record are in it as well. Where the table
leaves a choice, every choice is right.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from mcs_controller.clusterset.model import Endpoint, ImportedSlice, LocalImport

Outcome = Literal["records", "no data", "no such name", "no records"]
"""`no records`: whether the name exists is left to the server."""

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME_MAX_CHARS: Final = 253
_MESSAGE_MAX_BYTES: Final = 65535
_RECORD_HEAD_BYTES: Final = 10
_SRV_NUMBERS_BYTES: Final = 6
_ADDRESS_BYTES: Final = {"A": 4, "AAAA": 16}
_FAMILY_TYPES: Final = {"IPv4": "A", "IPv6": "AAAA"}


@dataclass(frozen=True, slots=True)
class Expectation:
    """The answer to one question. `data` is of each record as people write it, of SRV `PORT TARGET`."""

    name: str
    type: str
    outcome: Outcome
    rule: str
    data: frozenset[str] = frozenset()

    @property
    def may_be_part(self) -> bool:
        """Whether some of the records are as right as all: of the endpoints of a headless service, and where
        no message has room for all (MCS-DNS-06, MCS-DNS-18)."""
        if self.rule == "MCS-DNS-06":
            return True
        # With the owner written out, as any server may, and of SRV's text the numbers at their longest.
        beside_bytes = len(self.name) + 1 + _RECORD_HEAD_BYTES
        return sum(beside_bytes + _rdata_bytes(self.type, each) for each in self.data) > _MESSAGE_MAX_BYTES


def expected_answers(
    imported: LocalImport, slices: Iterable[ImportedSlice], zone: str
) -> Iterator[Expectation]:
    """Every question about a service that the specification answers. `zone` ends with a dot."""
    name = f"{imported.service.name}.{imported.service.namespace}.svc.{zone}".lower()
    if not _fits(name):
        return
    pieces = list(slices)
    if imported.spec.type == "Headless":
        yield from _headless(name, pieces)
    else:
        yield from _clusterset_ip(name, imported)
    for cluster in sorted({piece.source_cluster.lower() for piece in pieces}):
        below = f"{cluster}.{name}"
        if _fits(below) and not _is_a_host(below, name, imported, pieces):
            for rtype in ("A", "AAAA", "SRV"):
                yield Expectation(below, rtype, "no records", "MCS-DNS-12")


def expected_of_zone(zone: str, unused_label: str) -> Iterator[Expectation]:
    """What is asked of the zone as a whole; no namespace is called `unused_label`."""
    yield Expectation(f"dns-version.{zone}", "TXT", "records", "schema version", frozenset({"1.0.0"}))
    yield Expectation(f"{unused_label}.svc.{zone}", "A", "no such name", "MCS-DNS table")
    yield Expectation(f"{unused_label}.{unused_label}.svc.{zone}", "A", "no such name", "MCS-DNS table")


def _clusterset_ip(name: str, imported: LocalImport) -> Iterator[Expectation]:
    addresses = [address for ip in imported.spec.ips if (address := _address(ip)) is not None]
    for version, rtype in ((4, "A"), (6, "AAAA")):
        own = frozenset(str(address) for address in addresses if address.version == version)
        yield _records(name, rtype, "MCS-DNS-05", own, if_none="no data")
    ports = imported.spec.ports
    all_ports = frozenset(f"{port.port} {name}" for port in ports)
    yield _records(name, "SRV", "MCS-DNS-09", all_ports, if_none="no data")
    by_name: dict[str, set[str]] = {}
    for port in ports:
        port_name = _port_name(port.name, port.protocol, name)
        if port_name:
            by_name.setdefault(port_name, set()).add(f"{port.port} {name}")
    for port_name, data in by_name.items():
        yield Expectation(port_name, "SRV", "records", "MCS-DNS-08", frozenset(data))


def _headless(name: str, pieces: list[ImportedSlice]) -> Iterator[Expectation]:
    addresses: dict[str, set[str]] = {"A": set(), "AAAA": set()}
    hosts: dict[str, dict[str, set[str]]] = {}
    services: dict[str, set[str]] = {name: set()}
    for piece in pieces:
        rtype = _FAMILY_TYPES[piece.content.address_type]
        for address, host in _ready(piece, name):
            addresses[rtype].add(address)
            if not host:
                continue
            hosts.setdefault(host, {"A": set(), "AAAA": set()})[rtype].add(address)
            for port in piece.content.ports:
                services[name].add(f"{port.port} {host}")
                port_name = _port_name(port.name, port.protocol, name)
                if port_name:
                    services.setdefault(port_name, set()).add(f"{port.port} {host}")
    if_none: Outcome = "no data" if any(addresses.values()) else "no such name"
    for rtype, data in addresses.items():
        yield _records(name, rtype, "MCS-DNS-06", frozenset(data), if_none=if_none)
    for service, targets in services.items():
        rule = "MCS-DNS-09" if service == name else "MCS-DNS-10"
        yield _records(service, "SRV", rule, frozenset(targets), if_none=if_none)
    for host, by_type in hosts.items():
        for rtype, data in by_type.items():
            yield _records(host, rtype, "MCS-DNS-07", frozenset(data), if_none="no data")


def _records(name: str, rtype: str, rule: str, data: frozenset[str], *, if_none: Outcome) -> Expectation:
    if data:
        return Expectation(name, rtype, "records", rule, data)
    return Expectation(name, rtype, if_none, "MCS-DNS-19" if if_none == "no data" else rule)


def _ready(piece: ImportedSlice, name: str) -> Iterator[tuple[str, str]]:
    """Each ready address, and the whole name of its host, "" if it can have none."""
    version = 4 if piece.content.address_type == "IPv4" else 6
    for endpoint in piece.content.endpoints:
        if not _is_ready(endpoint):
            continue
        for text in endpoint.addresses:
            address = _address(text)
            if address is None or address.version != version:
                continue
            if endpoint.hostname:
                host = endpoint.hostname.lower()
                valid = _LABEL.fullmatch(host) is not None
            else:
                host, valid = text.lower().replace(".", "-").replace(":", "-"), True
            cluster = piece.source_cluster.lower()
            whole = f"{host}.{cluster}.{name}"
            named = valid and all(map(_LABEL.fullmatch, cluster.split("."))) and _fits(whole)
            yield str(address), whole if named else ""


def _is_a_host(below: str, name: str, imported: LocalImport, pieces: list[ImportedSlice]) -> bool:
    """Whether `<a>.<b>.<service>` is host a of cluster b, and not only the cluster called a.b."""
    if imported.spec.type != "Headless":
        return False
    return any(host == below for piece in pieces for _, host in _ready(piece, name))


def _is_ready(endpoint: Endpoint) -> bool:
    if endpoint.ready is None:
        return endpoint.terminating is not True
    return endpoint.ready


def _port_name(port: str, protocol: str, name: str) -> str:
    """`_port._proto.<service>`, "" for a port that has no such name."""
    labels = [port.lower(), protocol.lower()]
    whole = f"_{labels[0]}._{labels[1]}.{name}"
    valid = all(_LABEL.fullmatch(each) and len(each) < 63 for each in labels)
    return whole if valid and _fits(whole) else ""


def _rdata_bytes(rtype: str, data: str) -> int:
    return _ADDRESS_BYTES.get(rtype) or _SRV_NUMBERS_BYTES + len(data)


def _fits(name: str) -> bool:
    name = name.removesuffix(".")
    return len(name) <= _NAME_MAX_CHARS and all(0 < len(label) <= 63 for label in name.split("."))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if "%" in text else address
