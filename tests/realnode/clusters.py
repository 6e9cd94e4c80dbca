"""The three clusters with our product on them, its agents and DNS servers as processes.

The broker is on north's API server: any will do, and one less to start.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from tests.realkube.controlplane import ControlPlane
from tests.realkube.product import (
    FUSE_OUT_OF_REACH,
    Component,
    free_port,
    install_clusterset,
    start_agent,
    start_dns,
)
from tests.realnode.bare import ZONES, BareClusters, cluster_spec
from tests.realnode.machine import Machine
from tests.realnode.node import Node

BROKER = "north"
# Half a minute by default, which is all that this would wait for.
AGENT_OPTIONS = ("--locality-return-seconds=3", FUSE_OUT_OF_REACH)


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a test sees of a cluster."""

    plane: ControlPlane
    node: Node
    agent: Component
    dns: Component
    dual_stack: bool

    @property
    def name(self) -> str:
        return self.plane.name


class WholeClusters(BareClusters):
    def __init__(self, work_dir: Path, machine: Machine) -> None:
        super().__init__(work_dir, machine, [cluster_spec(name) for name in ZONES])
        self._clusters: dict[str, Cluster] = {}

    async def resolve(self, cluster: Cluster, name: str, kind: str) -> list[str]:
        """The records that the cluster's own DNS, which its pods ask, has of that name; sorted."""
        server = f"@{cluster.node.spec.addresses.node_v4}"
        told = await self.fabric.run("dig", server, "+short", "+tries=1", name, kind)
        return sorted(told.split("\n")[:-1])

    def __getitem__(self, name: str) -> Cluster:
        return self._clusters[name]

    async def _start(self) -> None:
        await super()._start()
        planes = [self.plane(name) for name in ZONES]
        broker = self.plane(BROKER)
        ports = {name: free_port() for name in ZONES}
        async with asyncio.TaskGroup() as group:
            group.create_task(install_clusterset(broker, planes))
            for plane in planes:
                node = self.node(plane.name)
                await self.start_node(plane.name, node.spec.addresses.node_v4)
                node.start_dns(plane, f"{plane.place.address}:{ports[plane.name]}")
        for plane in planes:
            agent = await start_agent(plane, broker, self._work_dir, *AGENT_OPTIONS)
            dns = await start_dns(plane, self._work_dir, ports[plane.name])
            self._others += [agent.process, dns.process]
            node = self.node(plane.name)
            self._clusters[plane.name] = Cluster(plane, node, agent, dns, node.spec.dual_stack)

    async def wait_ready(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(super().wait_ready())
            for cluster in self._clusters.values():
                group.create_task(cluster.agent.wait_ready())
                group.create_task(cluster.dns.wait_ready())

    def stop(self) -> None:
        super().stop()
        self._clusters.clear()
