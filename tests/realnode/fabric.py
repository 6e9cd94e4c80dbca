"""The network between the clusters: one bridge, the control planes' address on it, a port for each node.

Cables are made inside the namespaces, never on the machine itself, so addresses need not be free there
and are the same in every run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.realkube.place import Place
from tests.realnode.sandbox import Sandbox

BRIDGE = "fabric0"
ADDRESS_V4 = "10.200.0.1"
ADDRESS_V6 = "fd00:200::1"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Of the node with that number, from 1 on, and of its pods."""

    number: int

    @property
    def node_v4(self) -> str:
        return f"10.200.0.{10 + self.number}"

    @property
    def node_v6(self) -> str:
        return f"fd00:200::{10 + self.number}"

    @property
    def pods_v4(self) -> str:
        return f"10.201.{self.number}.0/24"

    @property
    def pods_v6(self) -> str:
        return f"fd00:201:{self.number}::/64"

    def route_commands(self) -> list[str]:
        """For everybody else on the bridge: these pods are behind that node."""
        return [
            f"route add {self.pods_v4} via {self.node_v4}",
            f"route add {self.pods_v6} via {self.node_v6}",
        ]


class Fabric:
    def __init__(self, work_dir: Path) -> None:
        self._sandbox = Sandbox("fabric", work_dir)

    @property
    def place(self) -> Place:
        return Place(ADDRESS_V4, self._sandbox.netns)

    async def start(self) -> None:
        await self._sandbox.start()
        await self._sandbox.ip(
            f"link add {BRIDGE} type bridge",
            f"address add {ADDRESS_V4}/24 dev {BRIDGE}",
            f"address add {ADDRESS_V6}/64 dev {BRIDGE} nodad",
            f"link set {BRIDGE} up",
        )

    async def plug(self, node: Sandbox, own: Addresses, others: list[Addresses]) -> None:
        """Give the node its cable, its addresses, and the ways to all pods."""
        port = f"node{own.number}"
        await self._sandbox.ip(
            f"link add {port} type veth peer name eth0 netns {node.pid}",
            f"link set {port} master {BRIDGE} up",
            *own.route_commands(),
        )
        await node.ip(
            f"address add {own.node_v4}/24 dev eth0",
            f"address add {own.node_v6}/64 dev eth0 nodad",
            "link set eth0 up",
            f"route add default via {ADDRESS_V4}",
            f"route add default via {ADDRESS_V6}",
            *(command for other in others for command in other.route_commands()),
        )

    async def run(self, *argv: str | Path) -> str:
        return await self._sandbox.run(argv)

    def stop(self) -> None:
        self._sandbox.stop()
