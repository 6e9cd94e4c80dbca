"""The cluster IPs and node ports that are in use in one simulated cluster.

Addresses are allocated in order, and the search goes on behind the last one: an address that was just
released is not the next one given, and the same requests give the same addresses in every run.

Invariant: an address or port has at most one owner until it is released.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

IpFamily = Literal["IPv4", "IPv6"]
IpNetwork = IPv4Network | IPv6Network
IpAddress = IPv4Address | IPv6Address

NODE_PORTS = range(30000, 32768)


class AllocationError(Exception):
    """An address or port cannot be allocated; the text becomes the field error."""


def family_of(address: str) -> IpFamily:
    return "IPv4" if ip_address(address).version == 4 else "IPv6"


@dataclass(slots=True)
class _Range:
    network: IpNetwork
    used: set[IpAddress] = field(default_factory=set)
    next_offset: int = 2
    """Offset 0 is the network's own address; 1 is what `default/kubernetes` asks for."""

    @property
    def last_offset(self) -> int:
        """The last address of an IPv4 network is its broadcast address."""
        return self.network.num_addresses - (2 if self.network.version == 4 else 1)

    def contains(self, address: IpAddress) -> bool:
        return address in self.network and 1 <= int(address) - int(self.network[0]) <= self.last_offset

    def allocate(self) -> IpAddress:
        if len(self.used) >= self.last_offset:
            raise AllocationError("range is full")
        while True:
            if self.next_offset > self.last_offset:
                self.next_offset = 1
            address = self.network[self.next_offset]
            self.next_offset += 1
            if address not in self.used:
                self.used.add(address)
                return address


class ServiceIpAllocator:
    """The addresses of one cluster; the first CIDR's family is the cluster's default."""

    def __init__(self, cidrs: Sequence[str]) -> None:
        self._ranges: dict[IpFamily, _Range] = {}
        for cidr in cidrs:
            network = ip_network(cidr)
            family: IpFamily = "IPv4" if network.version == 4 else "IPv6"
            if family in self._ranges:
                raise ValueError(f"two service ranges of family {family}: {cidr}")
            self._ranges[family] = _Range(network)
        if not self._ranges:
            raise ValueError("a cluster needs at least one service range")
        self._node_ports: set[int] = set()
        self._next_node_port = NODE_PORTS.start

    @property
    def families(self) -> tuple[IpFamily, ...]:
        return tuple(self._ranges)

    def allocate(self, family: IpFamily) -> str:
        return str(self._ranges[family].allocate())

    def request(self, ip: str) -> None:
        """Allocate this address. Raises `AllocationError`."""
        address = ip_address(ip)
        one = self._ranges.get(family_of(ip))
        if one is None or not one.contains(address):
            raise AllocationError("the provided network does not match the current range")
        if address in one.used:
            raise AllocationError("provided IP is already allocated")
        one.used.add(address)

    def release(self, ip: str) -> None:
        address = ip_address(ip)
        one = self._ranges.get(family_of(ip))
        if one is not None:
            one.used.discard(address)

    def hold_only(self, ips: Iterable[str], node_ports: Iterable[int]) -> None:
        """Allocated are these and no others, as after a restore; those of other ranges are left out."""
        for one in self._ranges.values():
            one.used.clear()
        for ip in ips:
            address, found = ip_address(ip), self._ranges.get(family_of(ip))
            if found is not None and found.contains(address):
                found.used.add(address)
        self._node_ports = set(node_ports)

    def allocate_node_port(self) -> int:
        for _ in NODE_PORTS:
            port = self._next_node_port
            self._next_node_port = port + 1 if port + 1 in NODE_PORTS else NODE_PORTS.start
            if port not in self._node_ports:
                self._node_ports.add(port)
                return port
        raise AllocationError("range is full")

    def request_node_port(self, port: int) -> None:
        if port not in NODE_PORTS:
            valid = f"{NODE_PORTS.start}-{NODE_PORTS.stop - 1}"
            raise AllocationError(
                f"provided port is not in the valid range. The range of valid ports is {valid}"
            )
        if port in self._node_ports:
            raise AllocationError("provided port is already allocated")
        self._node_ports.add(port)

    def release_node_port(self, port: int) -> None:
        self._node_ports.discard(port)
